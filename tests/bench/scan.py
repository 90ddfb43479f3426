# SPDX-License-Identifier: GPL-3.0-or-later
"""Looking at 100,000 small files and 200 of 8 MiB: the first scan, a check by
reading all again, a check after which nothing had changed, and all from a
cold cache; beside bare floors and AIDE on the same tree in the same run.

Ratios of the best of ROUNDS rounds, taken in turn.  Judged by processor
seconds, which neighbours on the machine disturb least; wall seconds stand
beside them.  By the wall are judged a cold cache, where the disk is what
counts, and AIDE, which uses more than one worker for a part of its work only.

    name<TAB>value<TAB>unit<TAB>note
"""
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.path.join(ROOT, os.environ.get("BUILD", "build"))
SMALL, BIG, SMALLEST, LARGEST, EIGHT = 100000, 200, 1024, 32 * 1024, 8 << 20
ROUNDS = int(os.environ.get("CORDON_ROUNDS", "3"))
FLOOR = os.path.join(BUILD, "test/floor-scan")
AIMS = {  # value must be at most (or, below zero, at least) this
    "scan.first": 1.3, "scan.first-to-aide": -7, "scan.again": 1.3, "scan.again-to-aide": -7, "scan.unchanged": 3,
    "scan.unchanged-to-aide": -25, "scan.cold": 1.2, "scan.entry": 119}
missed = []


def line(name, value, unit, note):
    aim = AIMS[name]
    good = value <= aim if aim > 0 else value >= -aim
    if not good:
        missed.append(name)
    print("%s\t%.2f\t%s\t%s (aim: %s %g%s)" % (name, value, unit, note, "at most" if aim > 0 else "at least", abs(aim),
                                            "" if good else "; missed"), flush=True)


def make_tree(top):
    """Files in folders of 100, sizes and contents from one seed."""
    rnd = random.Random(20261122)
    noise = rnd.randbytes(EIGHT + LARGEST)
    for i in range(SMALL + BIG):
        d = os.path.join(top, "d%02d" % (i // 5000), "s%04d" % (i // 100))
        if i % 100 == 0:
            os.makedirs(d)
        n, at = rnd.randrange(SMALLEST, LARGEST + 1) if i < SMALL else EIGHT, rnd.randrange(LARGEST)
        with open(os.path.join(d, "file-%06d.dat" % i), "wb") as f:
            f.write(noise[at:at + n])


def forget(top):
    """Out of the page cache, for this tree alone."""
    os.sync()
    for folder, _, names in os.walk(top):
        for name in names:
            fd = os.open(os.path.join(folder, name), os.O_RDONLY)
            os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
            os.close(fd)


def timed(argv, good=(0,)):
    """Wall and processor seconds."""
    start, before = time.monotonic(), os.times()
    code = subprocess.run(argv, check=False, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                          stderr=subprocess.DEVNULL).returncode
    after = os.times()
    if code not in good:
        raise SystemExit("%s: %d" % (argv, code))
    return (time.monotonic() - start, after.children_user - before.children_user +
            after.children_system - before.children_system)


def cpu_seconds(pid):
    """Of all its threads, ended ones too, but not of the one that hears what others do on the file system."""
    with open("/proc/%d/stat" % pid) as f:
        words = f.read().rsplit(")", 1)[1].split()
    cpu = (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")
    for tid in os.listdir("/proc/%d/task" % pid):
        with open("/proc/%d/task/%s/comm" % (pid, tid)) as f:
            watch = f.read() == "watch\n"
        with open("/proc/%d/task/%s/schedstat" % (pid, tid)) as f:
            cpu -= int(f.read().split()[0]) / 1e9 if watch else 0
    return cpu


class Bench:
    def __init__(self):
        self.work = tempfile.mkdtemp(prefix="cordon-scan-")
        os.chmod(self.work, 0o755)
        self.tree = os.path.join(self.work, "tree")
        self.state = os.path.join(self.work, "agent", "sensors")
        self.conf = os.path.join(self.work, "aide.conf")
        with open(self.conf, "w") as f:
            f.write("database_out=file:%s/aide.new\ndatabase_in=file:%s/aide.db\ngzip_dbout=no\n"
                    "num_workers=2\nreport_url=stdout\n%s p+u+g+i+s+m+c+sha256+acl+xattrs\n"
                    % (self.work, self.work, self.tree))
        make_tree(self.tree)

    def forget_state(self):
        shutil.rmtree(os.path.dirname(self.state), ignore_errors=True)
        os.makedirs(self.state)
        os.chown(self.state, 4242, 4242)

    def sensors(self, until):
        """Process start to that signal."""
        p = subprocess.Popen([os.path.join(BUILD, "test/sensors-driver"), "--program", os.path.join(BUILD, "bin/agent-sensors"),
                              "--state", self.state, "--user", "4242", "--watch", self.tree, "--state-without", "all",
                              "--threads", "2"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                             text=True)
        start = pid = took = None
        for text in p.stdout:
            m = json.loads(text)
            if m["what"] == "start":
                start = m["ms"]
            elif m["what"] == "ready":
                pid = m["pid"]
            elif m["what"] == "signal" and m["kind"] == until:
                took = (m["ms"] - start) / 1000, cpu_seconds(pid)
                break
        p.stdin.write("stop\n")
        p.stdin.flush()
        p.wait(60)
        return took

    def first(self):
        self.forget_state()
        return self.sensors("files.baseline")

    def unchanged(self):
        return self.sensors("agent.blind-closed")

    def command(self, what):
        return timed([os.path.join(BUILD, "bin/agent-sensors"), what, self.tree, "--state", self.state, "--user", "4242",
                      "--host", "bench"])

    def aide(self, what):
        # A check says by its exit status what it found; new folders' times change nothing here.
        took = timed(["aide", what, "--config=" + self.conf], range(8))
        if what == "--init":
            os.replace(os.path.join(self.work, "aide.new"), os.path.join(self.work, "aide.db"))
        return took


def hot(b):
    rounds = {}
    timed([FLOOR, b.tree])  # warm
    b.forget_state()
    b.command("--make")
    for _ in range(ROUNDS):
        for name, do in (("hash", lambda: timed([FLOOR, b.tree])), ("first", b.first), ("walk", lambda: timed(
                [FLOOR, "--walk", b.tree])), ("unchanged", b.unchanged)):
            rounds.setdefault(name, []).append(do())
        b.command("--make")
        rounds.setdefault("hash", []).append(timed([FLOOR, b.tree]))
        rounds.setdefault("again", []).append(b.command("--verify"))
    size = os.path.getsize(os.path.join(b.state, "baseline"))
    if shutil.which("aide"):
        rounds["init"], rounds["check"] = [b.aide("--init")], [b.aide("--check")]
    return {k: [min(x[i] for x in v) for i in (0, 1)] for k, v in rounds.items()}, size


def compare(best, name, what, floor):
    line(name, best[what][1] / best[floor][1], "x", "processor s %.2f and %.2f of the floor; wall %.2f and %.2f" % (
        best[what][1], best[floor][1], best[what][0], best[floor][0]))


def beside_aide(best, name, what, aide):
    if aide in best:
        line(name, best[aide][0] / best[what][0], "x faster", "by the wall; AIDE --%s: wall s %.2f, processor %.2f, %.1f x" % (
            aide, best[aide][0], best[aide][1], best[aide][1] / best[what][1]))
    else:
        print("%s\t-\t-\tno aide on this machine" % name, flush=True)


def cold(b):
    mine, floor = [], []
    for _ in range(ROUNDS):
        forget(b.tree)
        floor.append(timed([FLOOR, b.tree]))
        forget(b.tree)
        mine.append(b.first())
    wall, floor_wall = min(x[0] for x in mine), min(x[0] for x in floor)
    line("scan.cold", wall / floor_wall, "x", "wall s %.2f and %.2f of the floor; processor %.2f and %.2f" % (
        wall, floor_wall, min(x[1] for x in mine), min(x[1] for x in floor)))


def main():
    b = Bench()
    try:
        best, size = hot(b)
        compare(best, "scan.first", "first", "hash")
        compare(best, "scan.again", "again", "hash")
        compare(best, "scan.unchanged", "unchanged", "walk")
        beside_aide(best, "scan.first-to-aide", "first", "init")
        beside_aide(best, "scan.again-to-aide", "again", "check")
        beside_aide(best, "scan.unchanged-to-aide", "unchanged", "check")
        line("scan.entry", size / (SMALL + BIG), "bytes", "baseline of %d files and their folders" % (SMALL + BIG))
        cold(b)
    finally:
        shutil.rmtree(b.work)
    print("load of the machine: %.1f" % os.getloadavg()[0])
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
