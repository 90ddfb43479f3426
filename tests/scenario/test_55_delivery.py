# SPDX-License-Identifier: GPL-3.0-or-later
"""Nothing is lost between sensor and store, whoever is killed when, and what
is severe overtakes.  In the place of the sensors stands a source that emits
numbered signals by the sensors' own way out and keeps a tally of its own
(tests/root/signal_source.c).  `make deliver`: for ten minutes, 600 kills, and
a day offline with 200,000 signals; here for half a minute and 20,000."""
import os
import random
import re
import shutil
import signal
import sqlite3
import struct
import time

import pytest

from world import TOP, wait_for

LONG = os.environ.get("CORDON_DELIVER", "") not in ("", "0")
KILLS = 600 if LONG else 16
BACKLOG = 100000 if LONG else 20000
OFFLINE = 200000 if LONG else 40000
VICTIMS = ("agent-network", "agent-sensors", "agent", "collector")


class Source:
    """A host whose sensors are the source; what was emitted and what was stored of it."""

    def __init__(self, world, col, name, **settings):
        self.col, self.name = col, name
        self.h = world.host(name, **dict({"spool__fold_after": 50}, **settings))
        self.h.libexec = self.h.path("libexec")
        shutil.copytree(world.libexec, self.h.libexec)
        own = os.path.join(self.h.libexec, "agent-sensors")
        shutil.copy(os.path.join(TOP, "build/test/signal-source"), own + ".new")
        os.chmod(own + ".new", 0o755)
        os.rename(own + ".new", own)
        self.h.enrol(col).start_agent()
        self.dir = os.path.join(self.h.state, "sensors")
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


def kill(col, s, victim):
    """One process at a moment of its own choosing; it is there again when this returns."""
    if victim == "collector":
        col.collector.kill()
        col.collector.wait()
        time.sleep(random.uniform(0, 0.3))
        col.start_collector()
    elif victim == "agent":
        s.h.parent.kill()
        s.h.parent.wait()
        wait_for("the end of its children", lambda: not s.h.processes(), 10)
        s.h.start_agent()
        wait_for("the agent again", lambda: "agent-network" in s.h.processes() and "agent-sensors" in s.h.processes())
    else:
        before = s.h.processes().get(victim)
        if before is None:
            return False
        os.kill(before, signal.SIGKILL)
        wait_for(victim + " again", lambda: s.h.processes().get(victim) not in (None, before), 10)
    return True


def test_kills_at_random(world, people):
    col, _, _ = people
    s = Source(world, col, "killed")
    wait_for("online", lambda: col.admin.json("host", "show", "killed")["online"])
    random.seed(4)
    s.rate(1500)
    killed, in_act = {v: 0 for v in VICTIMS}, 0
    for i in range(KILLS):
        time.sleep(random.uniform(0.05, 0.9))
        victim = VICTIMS[i % len(VICTIMS)]
        killed[victim] += kill(col, s, victim)
    begun = s.pause()
    in_act = killed["agent-sensors"] + killed["agent"]  # at most one emission was under way at each
    wait_for("everything stored", lambda: s.accounted() >= begun - in_act and s.still() and
             s.query("SELECT signals_committed FROM hosts WHERE HOST")[0][0] > 0, 60, 0.5)
    time.sleep(6)  # the last count that is folded, and nothing more
    whole, folded, dropped, numbers = s.stored()
    print("%d emitted, kills: %s; %d stored whole, %d folded, %d dropped" % (
        begun, ", ".join("%s %d" % x for x in killed.items()), len(whole), folded, dropped))
    assert numbers == list(range(1, len(numbers) + 1)), "a number is missing or came twice"
    assert len(whole) == len(set(whole)), "stored twice"
    assert whole == sorted(whole), "out of order"
    assert folded > 0
    assert begun - in_act <= len(whole) + folded + dropped <= begun
    severe = {n for n in range(50, begun + 1, 50)}
    assert len(severe - set(whole)) <= in_act, "a severe one was folded or lost"
    assert not s.complained()
    s.h.stop_agent()


def backlog(s, col, n):
    """N signals in the spool while the collector is away; the highest severe number of the source."""
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


def test_severe_overtakes(world, people):
    col, _, _ = people
    s = Source(world, col, "late", spool__fold_after=0)
    wait_for("online", lambda: col.admin.json("host", "show", "late")["online"])
    begun, last = backlog(s, col, BACKLOG)
    began = time.monotonic()
    col.start_collector()
    wait_for("the severe one", lambda: s.query("SELECT 1 FROM signals WHERE HOST AND object = ?", "/n/%d" % last), 60, 0.02)
    took = time.monotonic() - began
    behind = begun - len(s.stored()[0])
    wait_for("all", lambda: s.accounted() >= begun, 240, 0.2)
    drained = time.monotonic() - began
    print("severe behind %d notes: stored %.1f s after the start of the collector, %d still behind it; all after %.1f s "
          "(%.0f a second)" % (begun, took, behind, drained, begun / drained))
    whole, _, dropped, numbers = s.stored()
    assert behind > begun / 10, "nothing was overtaken"
    assert sorted(whole) == list(range(1, begun + 1)) and dropped == 0
    assert numbers == list(range(1, len(numbers) + 1)) and not s.complained()
    s.h.stop_agent()


def test_a_day_offline(world, people):
    """More than the spool may hold: the bound stands, the severe are kept, the rest is counted to the last one."""
    col, _, _ = people
    s = Source(world, col, "offline", spool__fold_after=0, spool__max_size="%dM" % (OFFLINE * 150 >> 20))
    wait_for("online", lambda: col.admin.json("host", "show", "offline")["online"])
    begun, last = backlog(s, col, OFFLINE)
    spool = os.path.join(s.h.state, "network", "spool")
    used = sum(e.stat().st_size for e in os.scandir(spool) if e.name.endswith(".seg"))
    assert used <= OFFLINE * 150, "the bound does not hold"
    began = time.monotonic()
    col.start_collector()
    wait_for("everything accounted for", lambda: s.accounted() >= begun, 240, 0.2)
    took = time.monotonic() - began
    whole, _, dropped, _ = s.stored()
    print("%d emitted offline, spool of %.1f MB: %d stored, %d dropped and told, drained in %.1f s" % (
        begun, used / 1e6, len(whole), dropped, took))
    assert len(whole) + dropped == begun and dropped > 0
    assert {n for n in range(50, begun + 1, 50)} <= set(whole), "a severe one was dropped"
    assert len(whole) == len(set(whole))
    said = s.complained()
    assert not [k for k, _ in said if k == "agent.chain-broken"], said
    s.h.stop_agent()
