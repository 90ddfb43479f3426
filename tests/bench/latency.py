# SPDX-License-Identifier: GPL-3.0-or-later
"""From the end of a change of a watched file to its signal in the collector's
database, committed: a real agent and a real collector with TLS between them.

The database is looked at all the time by another connection that only reads;
what that costs is in the figures.  A file that was just made waits 75 ms
longer on purpose and is told apart.

    name<TAB>value<TAB>unit<TAB>note
"""
import os
import sqlite3
import statistics
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from world import World, wait_for  # noqa: E402

CHANGES, MEDIAN_MS, P99_MS = 200, 50, 200


def stored(db, path, more_than, start):
    """Milliseconds from START until there are more rows of PATH."""
    while time.monotonic() < start + 20:
        if db.execute("SELECT count(*) FROM signals WHERE object = ? AND rowid > ?", (path, more_than)).fetchone()[0]:
            return (time.monotonic() - start) * 1000
        time.sleep(0.001)
    raise SystemExit("no signal of %s" % path)


def last(db):
    return db.execute("SELECT coalesce(max(rowid), 0) FROM signals").fetchone()[0]


def line(name, ms, note):
    ms = sorted(ms)
    p99 = ms[int(len(ms) * 0.99) - 1]
    print("%s\t%.1f\tms\tmedian of %d; p99 %.1f, worst %.1f; %s" % (name, statistics.median(ms), len(ms), p99, ms[-1], note),
          flush=True)
    return statistics.median(ms), p99


def main():
    with World("latency") as w:
        col = w.collector()
        wang = col.operator("wang", "analyst")
        h = w.host("quick", state__leave_out="all")
        book = h.path("ledger", "book")
        with open(book, "w") as f:
            f.write("start\n")
        h.enrol(col).start_agent()
        wait_for("a baseline", lambda: any(s["kind"] == "files.baseline" for s in wang.lines("signals", "--host", "quick")))
        db = sqlite3.connect("file:%s/collector.db?mode=ro" % col.state, uri=True)
        changed, made = [], []
        for i in range(CHANGES):
            time.sleep(0.15)
            before = last(db)
            with open(book, "w") as f:
                f.write("%d\n" % i)
            changed.append(stored(db, book, before, time.monotonic()))
            if i % 10 == 0:
                before, path = last(db), h.path("ledger", "new%d" % i)
                with open(path, "w") as f:
                    f.write("x")
                made.append(stored(db, path, before, time.monotonic()))
        h.stop_agent()
    median, p99 = line("signal.change-to-stored", changed, "load %.1f (aim: under %d, p99 under %d)" % (
        os.getloadavg()[0], MEDIAN_MS, P99_MS))
    line("signal.made-to-stored", made, "a new file")
    if median >= MEDIAN_MS or p99 >= P99_MS:
        print("missed: change to stored", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
