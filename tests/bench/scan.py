# SPDX-License-Identifier: GPL-3.0-or-later
"""First scan of a made tree against AIDE and a bare two-thread floor; memory after it.

Ratios of one run: the best of ROUNDS rounds, hot cache, taken in turn.  Judged by processor
seconds, which neighbours on the machine disturb least; wall seconds are printed beside them.
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
FILES, SMALLEST, LARGEST, ROUNDS = 50000, 1024, 32 * 1024, 3
AIM_FLOOR, AIM_AIDE, AIM_ENTRY, AIM_PSS = 1.6, 5.0, 119, 7168


def make_tree(top):
    """FILES files in folders of 100, sizes and contents from one seed."""
    rnd = random.Random(20261122)
    noise = rnd.randbytes(LARGEST * 2)
    for i in range(FILES):
        d = os.path.join(top, "d%02d" % (i // 5000), "s%03d" % (i // 100))
        if i % 100 == 0:
            os.makedirs(d)
        n, at = rnd.randrange(SMALLEST, LARGEST + 1), rnd.randrange(LARGEST)
        with open(os.path.join(d, "file-%05d.dat" % i), "wb") as f:
            f.write(noise[at:at + n])


def timed(argv):
    """Wall and processor seconds."""
    start, before = time.monotonic(), os.times()
    subprocess.run(argv, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    after = os.times()
    return (time.monotonic() - start, after.children_user - before.children_user +
            after.children_system - before.children_system)


def cpu_seconds(pid):
    with open("/proc/%d/stat" % pid) as f:
        words = f.read().rsplit(")", 1)[1].split()
    return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")


def aide(work, tree):
    conf = os.path.join(work, "aide.conf")
    with open(conf, "w") as f:
        f.write("database_out=file:%s/aide.db\ndatabase_in=file:%s/aide.old\ngzip_dbout=no\n"
                "num_workers=2\nreport_url=stdout\n%s p+u+g+i+s+m+c+sha256+acl+xattrs\n"
                % (work, work, tree))
    return timed(["aide", "--init", "--config=" + conf])


def pss_kib(pid):
    with open("/proc/%d/smaps_rollup" % pid) as f:
        return next(int(line.split()[1]) for line in f if line.startswith("Pss:"))


def ours(work, tree, settle=0.0):
    """Process start to the signal that the baseline stands; size and memory."""
    state = os.path.join(work, "agent", "sensors")
    shutil.rmtree(os.path.join(work, "agent"), ignore_errors=True)
    os.makedirs(state)
    os.chown(state, 4242, 4242)
    p = subprocess.Popen([os.path.join(BUILD, "test/sensors-driver"), "--program",
                          os.path.join(BUILD, "bin/agent-sensors"), "--state", state,
                          "--user", "4242", "--watch", tree], stdin=subprocess.PIPE,
                         stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    start = pid = wall = cpu = None
    for line in p.stdout:
        m = json.loads(line)
        if m["what"] == "start":
            start = m["ms"]
        elif m["what"] == "ready":
            pid = m["pid"]
        elif m["what"] == "signal" and m["kind"] == "files.baseline":
            wall, cpu = (m["ms"] - start) / 1000, cpu_seconds(pid)
            break
    time.sleep(settle)
    pss = pss_kib(pid)
    size = os.path.getsize(os.path.join(state, "baseline"))
    p.stdin.write("stop\n")
    p.stdin.flush()
    p.wait(30)
    return (wall, cpu), pss, size


def measure():
    work = tempfile.mkdtemp(prefix="cordon-scan-")
    os.chmod(work, 0o755)
    tree = os.path.join(work, "tree")
    try:
        make_tree(tree)
        floor_program = os.path.join(BUILD, "test/floor-scan")
        timed([floor_program, tree])  # warm
        floors, mine, theirs = [], [], []
        for _ in range(ROUNDS):
            floors.append(timed([floor_program, tree]))
            mine.append(ours(work, tree)[0])
            theirs.append(aide(work, tree))
        _, pss, size = ours(work, tree, settle=2.0)
    finally:
        shutil.rmtree(work)
    floor, our, their = ([min(x[k] for x in rounds) for k in (0, 1)]
                         for rounds in (floors, mine, theirs))
    return {"files": FILES, "floor_wall_s": round(floor[0], 3), "ours_wall_s": round(our[0], 3),
            "aide_wall_s": round(their[0], 3), "floor_cpu_s": round(floor[1], 3),
            "ours_cpu_s": round(our[1], 3), "aide_cpu_s": round(their[1], 3),
            "ours_to_floor_wall": round(our[0] / floor[0], 2),
            "aide_to_ours_wall": round(their[0] / our[0], 1),
            "ours_to_floor": round(our[1] / floor[1], 2),
            "aide_to_ours": round(their[1] / our[1], 1),
            "bytes_an_entry": round(size / FILES, 1), "pss_kib": pss}


def main():
    r = measure()
    print(json.dumps(r))
    wrong = [text for bad, text in (
        (r["ours_to_floor"] > AIM_FLOOR, "slower than %.1fx of the floor" % AIM_FLOOR),
        (r["aide_to_ours"] < AIM_AIDE, "less than %.0fx faster than AIDE" % AIM_AIDE),
        (r["bytes_an_entry"] > AIM_ENTRY, "more than %d bytes an entry" % AIM_ENTRY),
        (r["pss_kib"] > AIM_PSS, "more than %d KiB PSS" % AIM_PSS)) if bad]
    for text in wrong:
        print("missed: " + text, file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
