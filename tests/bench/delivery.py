# SPDX-License-Identifier: GPL-3.0-or-later
"""From sensor to store: 100,000 signals that waited in the spool of one host,
with everything on these two cores; how long the last severe one of them
takes; beside it the floor, which is one transaction a thousand rows into the
same kind of table by the same SQLite with nothing around.

    name<TAB>value<TAB>unit<TAB>note
"""
import os
import sqlite3
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from source import Source, backlog  # noqa: E402
from world import World, wait_for  # noqa: E402

SIGNALS, BATCH = 100000, 1000


def line(name, value, unit, note=""):
    print("%s\t%s\t%s\t%s" % (name, value, unit, note), flush=True)


def spent(pids):
    """CPU seconds so far."""
    total = 0
    for pid in pids:
        with open("/proc/%d/stat" % pid) as f:
            fields = f.read().rsplit(") ", 1)[1].split()
        total += (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return total


def floor(rows):
    """Rows a second."""
    with tempfile.TemporaryDirectory() as d:
        db = sqlite3.connect(os.path.join(d, "floor.db"), isolation_level=None)
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = FULL")
        db.execute("CREATE TABLE t (seq INTEGER PRIMARY KEY, %s)" % ", ".join(
            "%s" % c for c in "host number at stored kind severity object text cause_id cause evidence chain".split()))
        db.execute("CREATE INDEX a ON t (host, seq)")
        db.execute("CREATE INDEX b ON t (object, kind)")
        db.execute("CREATE INDEX c ON t (host, stored, kind, severity)")
        began = time.monotonic()
        for k in range(rows // BATCH):
            db.execute("BEGIN")
            db.executemany("INSERT INTO t VALUES (NULL, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", [
                ("H-0123456789ABCDEF", k * BATCH + i, 1, 1, "files.created", 3, "/n/%d" % i, "x" * 40, "U-%d" % i,
                 "{}", "{}", b"c" * 32) for i in range(BATCH)])
            db.execute("COMMIT")
        return rows / (time.monotonic() - began)


def main():
    with World("bench") as w:
        col = w.collector(settings={"orders": {"operator_min_age": "1s"}})
        s = Source(w, col, "drain", spool__fold_after=0)
        wait_for("online", lambda: col.admin.json("host", "show", "drain")["online"])
        began = time.monotonic()
        begun, last = backlog(s, col, SIGNALS)
        filled = time.monotonic() - began
        cpu = spent([s.h.processes()["agent-network"]])
        began = time.monotonic()
        col.start_collector()
        wait_for("the severe one", lambda: s.query("SELECT 1 FROM signals WHERE HOST AND object = ?", "/n/%d" % last),
                 120, 0.02)
        severe = time.monotonic() - began
        wait_for("all", lambda: s.query("SELECT count(*) FROM signals WHERE HOST AND object LIKE '/n/%'")[0][0] >= begun,
                 300, 0.1)
        drained = time.monotonic() - began
        agent = spent([s.h.processes()["agent-network"]]) - cpu
        server = spent([col.collector.pid])
        bare = floor(SIGNALS)
        line("delivery.fill", "%.0f" % (begun / filled), "signals/s", "emitted to durable in the spool, the line being down")
        line("delivery.drain", "%.0f" % (begun / drained), "signals/s", "%d signals from the spool to stored and "
             "acknowledged, from the start of the collector; SQLite alone %.0f rows/s, ratio %.2f" % (
                 begun, bare, bare * drained / begun))
        line("delivery.severe-behind", "%.2f" % severe, "s", "a severe one behind %d others, from the start of the collector "
             "to stored (aim: seconds)" % begun)
        line("delivery.cpu-agent", "%.1f" % (agent / begun * 1e6), "us/signal", "network process, spool to line")
        line("delivery.cpu-collector", "%.1f" % (server / begun * 1e6), "us/signal", "line to stored, decided, indexed")
    return 0


if __name__ == "__main__":
    sys.exit(main())
