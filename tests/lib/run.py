# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs the tests in order, most basic first, and counts them.

    run.py check          everything `make check` stands for
    run.py quick          floors and unit tests
    run.py fuzz SECONDS   each fuzzer for that long

The last line is "N passed, N failed, N skipped"; the exit status is 0 only
when nothing failed.  Whatever a machine cannot do is skipped by name.
"""
import concurrent.futures
import glob
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as ET

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
JOBS = "-j%d" % (os.cpu_count() or 2)
LANES = 3  # on two cores: what runs mostly waits
LONGEST = ["tests/scenario/test_70_strand.py", "tests/scenario/test_60_operator.py", "tests/boot/test_boot.py",
           "tests/root/test_data.py", "tests/root/test_benign.py", "tests/root/test_enforcer.py",
           "tests/root/test_guard.py", "tests/pkg/test_packages.py", "tests/root/test_triggers.py",
           "tests/root/test_escape.py", "tests/scenario/test_05_collector.py", "tests/root/test_state_kernel.py",
           "tests/root/test_processes.py", "tests/scenario/test_30_isolation.py"]
# Units that need rights or limits which the sanitizers break.
SAN_ENV = {"ASAN_OPTIONS": "detect_leaks=1:abort_on_error=0",
           "UBSAN_OPTIONS": "print_stacktrace=1"}


class Totals:
    def __init__(self):
        self.passed = self.failed = 0
        self.skipped = []
        self.red = []

    def fail(self, name, text):
        self.failed += 1
        self.red.append(name)
        print("FAILED  %s\n%s" % (name, text.rstrip()[-6000:]), flush=True)


def say(text):
    print("== %s" % text, flush=True)


def make(*args):
    return subprocess.run(["make", "--no-print-directory", "-s", JOBS, *args], cwd=TOP,
                          stdin=subprocess.DEVNULL)


def build(totals, name, *args):
    say("build: " + name)
    if make(*args).returncode != 0:
        totals.fail("build " + name, "make %s failed" % " ".join(args))
        return False
    totals.passed += 1
    return True


def run_tap(path, env):
    """One cmocka program; None: it did not end in time."""
    full = dict(os.environ, CMOCKA_MESSAGE_OUTPUT="TAP", **env)
    try:
        return subprocess.run([path], cwd=TOP, env=full, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              timeout=300, errors="replace")
    except subprocess.TimeoutExpired:
        return None


def count_tap(totals, name, p):
    if p is None:
        totals.fail(name, "no end within 300 s")
        return
    good = len(re.findall(r"^ok \d+(?!.*# SKIP)", p.stdout, re.M))
    bad = len(re.findall(r"^not ok ", p.stdout, re.M))
    for what in re.findall(r"^ok \d+ - (\S+).*# SKIP", p.stdout, re.M):
        totals.skipped.append("%s: %s" % (name, what))
    totals.passed += good
    if bad or p.returncode != 0 or good == 0:
        totals.fail(name, p.stdout + "\nexit %d" % p.returncode)
        totals.failed += max(bad - 1, 0)


def units(totals, folder, env):
    paths = [p for p in sorted(glob.glob(os.path.join(TOP, folder, "unit", "*", "*", "test_*"))) if not p.endswith(".d")]
    with concurrent.futures.ThreadPoolExecutor(LANES) as pool:
        for path, p in zip(paths, pool.map(lambda path: run_tap(path, env), paths)):
            count_tap(totals, os.path.relpath(path, TOP), p)


RUNNING = set()  # leaders of sessions


def detached(command, folder, **kw):
    """Run COMMAND as nobody's child: (what it printed, exit status).  What runs below make is a build to the process
    sensor, and silent; the tests are not."""
    status, leader = os.path.join(folder, "status"), os.path.join(folder, "leader")
    p = subprocess.Popen(["setsid", "--fork", "sh", "-c", 'echo $$ > "$0"; "$@"; echo $? > "$0.status"; '
                          'mv "$0.status" "%s"' % status, leader, *command], cwd=TOP, stdin=subprocess.DEVNULL,
                         stdout=subprocess.PIPE, stderr=subprocess.STDOUT, errors="replace", **kw)
    p.wait()
    while not os.path.exists(leader) or not open(leader).read().endswith("\n"):
        time.sleep(0.01)
    with open(leader) as f:
        pid = int(f.read())
    RUNNING.add(pid)
    text = p.stdout.read()
    p.stdout.close()
    RUNNING.discard(pid)
    try:
        with open(status) as f:
            return text, int(f.read())
    except OSError:
        return text + "\nkilled", 137


def interrupted(signum, _):
    """Whoever stops us stops the tests too: they clean up behind themselves."""
    for pid in list(RUNNING):
        os.killpg(pid, signal.SIGINT)
    raise KeyboardInterrupt


def run_pytest(path):
    """One file or folder of Python tests: (its test cases, what it printed, exit status, seconds)."""
    with tempfile.TemporaryDirectory() as d:
        out = os.path.join(d, "r.xml")
        began = time.monotonic()
        text, status = detached([sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--junitxml", out, path],
                                d, env=dict(os.environ, PYTHONDONTWRITEBYTECODE="1", COLUMNS="240"))
        try:
            cases = list(ET.parse(out).getroot().iter("testcase"))
        except (OSError, ET.ParseError):
            cases = None
    return cases, text, status, time.monotonic() - began


def count(totals, path, result):
    cases, text, status, seconds = result
    if cases is None:
        totals.fail(path, text)
        return
    bad = 0
    for c in cases:
        label = "%s::%s" % (c.get("classname"), c.get("name"))
        red = c.find("failure") if c.find("failure") is not None else c.find("error")
        if red is not None:
            bad += 1
            totals.red.append("%s: %s" % (label, " ".join((red.get("message") or "").split())[:1000]))
        elif c.find("skipped") is not None:
            totals.skipped.append("%s: %s" % (label, c.find("skipped").get("message")))
        else:
            totals.passed += 1
    totals.failed += bad
    if bad or status not in (0, 5):
        print(text[-20000:], flush=True)
        if not bad:
            totals.failed += 1
            totals.red.append(path)
    print("   %-38s %3d tests in %3.0f s" % (path, len(cases), seconds), flush=True)


def pytest(totals, name, lanes, *paths):
    """Each of PATHS on its own, LANES at a time: whoever is free takes the next."""
    say(name)
    with concurrent.futures.ThreadPoolExecutor(lanes) as pool:
        running = {pool.submit(run_pytest, p): p for p in paths if os.path.exists(os.path.join(TOP, p))}
        for one in concurrent.futures.as_completed(running):
            count(totals, running[one], one.result())


def whole_system():
    """Every file that needs namespaces, containers or machines of its own; the longest first, so that
    none of them is left alone at the end.  They mostly wait: for packets that must not come."""
    found = [os.path.relpath(p, TOP) for folder in ("scenario", "root", "pkg", "boot")
             for p in sorted(glob.glob(os.path.join(TOP, "tests", folder, "test_*.py")))]
    longest = [p for p in LONGEST if p in found]
    return longest + [p for p in found if p not in longest]


def fuzz_one(path, seconds):
    name = os.path.basename(path)
    corpus = os.path.join(TOP, "tests/fuzz/corpus", name)
    with tempfile.TemporaryDirectory() as work:
        args = [path, work, "-print_final_stats=0", "-rss_limit_mb=1024", "-timeout=10",
                "-artifact_prefix=" + work + "/"]
        if os.path.isdir(corpus):
            args.append(corpus)
        args += ["-runs=5000", "-seed=1"] if seconds == 0 else ["-max_total_time=%d" % seconds]
        return name, subprocess.run(args, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                    stderr=subprocess.STDOUT, errors="replace", cwd=work)


def fuzzers(totals, seconds):
    """SECONDS 0: the corpus and a fixed number of runs from a fixed seed."""
    if not build(totals, "fuzzers", "FUZZ=1", "fuzzers"):
        return
    say("fuzzers: " + ("fixed corpus" if seconds == 0 else "%d s each" % seconds))
    paths = [p for p in sorted(glob.glob(os.path.join(TOP, "build-fuzz/fuzz/*/*/fuzz_*"))) if not p.endswith(".d")]
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count() or 2) as pool:
        for name, p in pool.map(lambda path: fuzz_one(path, seconds), paths):
            if p.returncode != 0:
                totals.fail(name, p.stdout)
            else:
                totals.passed += 1
                if seconds:
                    print("   %s clean" % name, flush=True)


def main():
    what = sys.argv[1] if len(sys.argv) > 1 else "check"
    totals = Totals()
    began = time.monotonic()
    signal.signal(signal.SIGINT, interrupted)
    signal.signal(signal.SIGTERM, interrupted)
    if what == "fuzz":
        fuzzers(totals, int(sys.argv[2]))
    else:
        if build(totals, "programs and tests", "all", "unit", "test-programs"):
            pytest(totals, "house: floors, headers, links, examples, manual pages, kinds of signal", 1,
                   "tests/unit/test_house.py", "tests/unit/test_examples.py", "tests/unit/test_kinds.py")
            say("unit tests")
            units(totals, "build", {})
            if what == "check":
                if build(totals, "sanitizers", "SAN=1", "all", "unit"):
                    say("unit tests under sanitizers")
                    units(totals, "build-san", SAN_ENV)
                fuzzers(totals, 0)
                pytest(totals, "whole system: kernel and rights, scenarios, packages, power cuts", LANES,
                       *whole_system())
    for s in totals.skipped:
        print("skipped  %s" % s)
    for r in totals.red:
        print("red      %s" % r)
    print("%.0f s" % (time.monotonic() - began))
    print("%d passed, %d failed, %d skipped" % (totals.passed, totals.failed, len(totals.skipped)))
    return 1 if totals.failed else 0


if __name__ == "__main__":
    sys.exit(main())
