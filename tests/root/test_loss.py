# SPDX-License-Identifier: GPL-3.0-or-later
"""Nothing is lost: many files made and removed as fast as one core can, twice,
beside inotifywait on the same tree.  Every change is told, or lies in a blind
interval that a rescan closes.  5,000 here, 50,000 with CORDON_LOSS=50000 (`make bench`)."""
import os
import shutil
import subprocess
import sys
import time

import pytest
from sensors_rig import Sensors

N = int(os.environ.get("CORDON_LOSS", "5000"))
pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
WRITER = """
import os, sys
folder, what, n, tag = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4]
for i in range(n):
    path = "%s/%s%06d" % (folder, tag, i)
    if what == "make":
        os.close(os.open(path, os.O_CREAT | os.O_WRONLY, 0o644))
    else:
        os.unlink(path)
"""


@pytest.fixture
def s():
    x = Sensors()
    os.mkdir(x.path("burst"))
    yield x
    x.close()


class Seen:
    """What the sensors told, by path, and their blind intervals."""

    def __init__(self, s):
        self.s, self.made, self.gone, self.blind, self.closed = s, set(), set(), {}, {}

    def take(self, m):
        if m["what"] != "signal":
            return
        if m["kind"] == "files.created":
            self.made.add(m["object"])
        elif m["kind"] == "files.deleted":
            self.gone.add(m["object"])
        elif m["kind"] == "agent.blind":
            self.blind[m.get("blind.number", "lost")] = m
        elif m["kind"] == "agent.blind-closed":
            self.closed[m["blind.number"]] = m

    def until(self, done, seconds):
        end = time.monotonic() + seconds
        while not done() and time.monotonic() < end:
            try:
                self.take(self.s.events.get(timeout=1))
            except Exception:  # nothing came
                if self.quiet_since(5):
                    break
            else:
                self.last = time.monotonic()

    last = 0

    def quiet_since(self, seconds):
        return time.monotonic() - self.last > seconds and not set(self.blind) - set(self.closed)


def run(folder, what, tag):
    began = time.monotonic()
    subprocess.run([sys.executable, "-c", WRITER, folder, what, str(N), tag], check=True)
    return time.monotonic() - began


def inotifywait(s):
    """A peer on the same work; None where it is not installed."""
    program = shutil.which("inotifywait")
    if program is None:
        return None
    log = open(os.path.join(s.work, "inotify.log"), "w")
    p = subprocess.Popen([program, "-m", "-r", "-e", "create", "-e", "delete", "--format", "%e", s.tree], stdout=log,
                         stderr=subprocess.PIPE, text=True)
    while "Watches established" not in p.stderr.readline():
        pass
    return p


def peer_counts(s):
    with open(os.path.join(s.work, "inotify.log")) as f:
        text = f.read()
    return text.count("CREATE"), text.count("DELETE")


def test_every_change_is_told_or_declared_blind(s):
    s.start()
    peer, seen = inotifywait(s), Seen(s)
    seen.last = time.monotonic()
    seconds = {}
    for turn in ("a", "b"):
        for what, have in (("make", seen.made), ("delete", seen.gone)):
            seconds[turn, what] = run(s.path("burst"), what, turn)
            want = (N if turn == "a" else 2 * N)
            seen.until(lambda: len(have) >= want, 60 + N / 200)  # noqa: B023
    seen.until(lambda: not set(seen.blind) - set(seen.closed), 60)
    if peer is not None:
        peer.terminate()
        peer.wait(10)
    missed_made, missed_gone = 2 * N - len(seen.made), 2 * N - len(seen.gone)
    print("\n%d created and %d deleted twice in %.1f s; not told one by one: %d and %d, in %d blind intervals, %d closed" % (
        N, N, sum(seconds.values()), missed_made, missed_gone, len(seen.blind), len(seen.closed)))
    print("inotifywait on the same work: %s" % (
        "not installed" if peer is None else "missed %d and %d" % tuple(2 * N - c for c in peer_counts(s))))
    assert set(seen.blind) <= set(seen.closed), "an interval stays open"
    assert (missed_made == 0 and missed_gone == 0) or seen.blind, "lost without a word"
    assert not os.listdir(s.path("burst"))


def test_made_and_removed_at_once_leaves_no_wrong_picture(s):
    """A file that was there for a moment may be told or not; what is told at the end is true."""
    s.start()
    subprocess.run([sys.executable, "-c", """
import os, sys
for turn in range(2):
    for i in range(int(sys.argv[2])):
        path = "%s/%06d" % (sys.argv[1], i)
        os.close(os.open(path, os.O_CREAT | os.O_WRONLY, 0o644))
        if i % 10:
            os.unlink(path)
    if turn == 0:
        for i in range(0, int(sys.argv[2]), 10):
            os.unlink("%s/%06d" % (sys.argv[1], i))
""", s.path("burst"), str(N)], check=True)
    seen = Seen(s)
    seen.last = time.monotonic()
    state = {}

    def take(m):
        Seen.take(seen, m)
        if m["what"] == "signal" and m["kind"] in ("files.created", "files.deleted"):
            state[m["object"]] = m["kind"]

    seen.take = take
    there = {s.path("burst/" + n) for n in os.listdir(s.path("burst"))}
    seen.until(lambda: {p for p, k in state.items() if k == "files.created"} == there, 60 + N / 200)
    seen.until(lambda: not set(seen.blind) - set(seen.closed), 60)
    assert {p for p, k in state.items() if k == "files.created"} == there


def test_a_flood_of_one_cause_is_folded(s):
    """The first of it whole, the rest in one signal that grows: no more and no less than what happened."""
    s.start("--fold-after", "20")
    subprocess.run([sys.executable, "-c", WRITER, s.path("burst"), "make", "600", "flood"], check=True)
    whole, told, other = set(), [], 0
    end = time.monotonic() + 60
    while len(whole) + sum(int(m["folded"]) for m in told) < 600 and time.monotonic() < end:
        m = s.expect("signal", seconds=30)
        if m["kind"] == "files.created":
            whole.add(m["object"])
        elif m["kind"] == "agent.folded":
            told.append(m)
        else:
            other += 1
    folded = sum(int(m["folded"]) for m in told)
    print("600 files made: %d told whole, %d folded into %d signals, %d others" % (len(whole), folded, len(told), other))
    assert len(whole) + folded == 600 and 20 <= len(whole) < 100 and 1 <= len(told) < 20
    last = told[-1]
    assert int(last["folded.total"]) == folded and last["folded.kinds"] == "files.created %d" % folded
    assert "/flood" in last["folded.newest"] and "python" in last["program"] and last["severity"] == 3
    assert not [m for m in s.quiet(3) if m["kind"] in ("files.created", "agent.folded")]
