# SPDX-License-Identifier: GPL-3.0-or-later
"""A host whose sensors are tests/root/signal_source.c: what was emitted there
is known, and what was stored of it is read from the collector's database."""
import os
import re
import shutil
import sqlite3
import struct
import time

from world import TOP, wait_for


class Source:
    """A host whose sensors are the source; what was emitted and what was stored of it."""

    def __init__(self, world, col, name, tmpfs=None, **settings):
        self.col, self.name = col, name
        self.h = world.host(name, **dict({"spool__fold_after": 50}, **settings))
        self.h.libexec = self.h.path("libexec")
        shutil.copytree(world.libexec, self.h.libexec)
        own = os.path.join(self.h.libexec, "agent-sensors")
        shutil.copy(os.path.join(TOP, "build/test/signal-source"), own + ".new")
        os.chmod(own + ".new", 0o755)
        os.rename(own + ".new", own)
        if tmpfs:
            os.makedirs(self.h.state)
            self.h.run(["mount", "-t", "tmpfs", "-o", "size=%s,mode=755" % tmpfs, "tmpfs", self.h.state])
        self.h.enrol(col).start_agent()
        self.dir = "/proc/%d/root%s/sensors" % (self.h.init.pid, self.h.state)
        wait_for("the source", lambda: os.path.exists(os.path.join(self.dir, "tally")))

    def rate(self, per_second):
        path = os.path.join(self.dir, "rate")
        with open(path + ".new", "w") as f:
            f.write("%d\n" % per_second)
        os.rename(path + ".new", path)

    def emitted(self):
        with open(os.path.join(self.dir, "tally"), "rb") as f:
            return struct.unpack("=II", f.read(8))

    def pause(self):
        """Stop the stream; what was begun and not done (by kills) in all so far is not known to anybody else."""
        self.rate(0)
        wait_for("the end of the stream", lambda: self.still(), 20, 0.2)
        return self.emitted()[0]

    def still(self):
        before = self.emitted()
        time.sleep(0.15)
        return before == self.emitted()

    def query(self, sql, *args):
        db = sqlite3.connect("file:%s?mode=ro" % os.path.join(self.col.state, "collector.db"), uri=True, timeout=20)
        try:
            return db.execute(sql.replace("HOST", "host_id = (SELECT host_id FROM hosts WHERE name = '%s')" % self.name),
                              args).fetchall()
        finally:
            db.close()

    def stored(self):
        """(numbers of the source that were stored, in the order of the host's numbers; folded; dropped)"""
        rows = self.query("SELECT object, kind, evidence, number FROM signals WHERE HOST AND number > 0 ORDER BY number")
        whole = [int(o[3:]) for o, kind, _, _ in rows if kind == "files.created" and o.startswith("/n/")]
        folded = sum(count(e, "folded") for _, kind, e, _ in rows if kind == "agent.folded")
        dropped = sum(count(e, "not-taken") + count(e, "removed") for _, kind, e, _ in rows
                      if kind == "agent.spool-dropped")
        return whole, folded, dropped, [n for _, _, _, n in rows]

    def complained(self):
        return self.query("SELECT kind, text FROM signals WHERE HOST AND kind IN "
                          "('agent.numbers-missing', 'agent.chain-broken')")

    def accounted(self):
        whole, folded, dropped, _ = self.stored()
        return len(whole) + folded + dropped


def count(evidence, key):
    found = re.search(r'"%s":"(\d+)"' % key, evidence)
    return int(found.group(1)) if found else 0


def backlog(s, col, n):
    """N signals in the spool while the collector is away; the highest severe number of the source."""
    # Nothing else may be in the spool, where it would be counted with them.
    wait_for("what the agent says at its start", lambda: s.query(
        "SELECT 1 FROM signals WHERE HOST AND kind = 'agent.started'"))
    col.collector.kill()
    col.collector.wait()
    s.rate(20000)
    wait_for("%d signals" % n, lambda: s.emitted()[0] >= n, 240, 0.1)
    begun = s.pause()
    wait_for("all of them in the spool", lambda: unsent(s) == 0, 60)
    return begun, begun // 50 * 50


def unsent(s):
    """How many the source still holds: none when both its files begin behind what it emitted."""
    total = 0
    for i in (0, 1):
        with open(os.path.join(s.dir, "unsent-%d" % i), "rb") as f:
            data = f.read(64)
        base, = struct.unpack(">Q", data[24:32])
        serial = struct.unpack(">Q", data[44:52])[0] if len(data) >= 52 else 0
        total += serial >= base
    return total
