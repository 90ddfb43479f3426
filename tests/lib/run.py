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
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as ET

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
JOBS = "-j%d" % (os.cpu_count() or 2)
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


def run_tap(totals, name, path, env):
    """One cmocka program, read as TAP."""
    full = dict(os.environ, CMOCKA_MESSAGE_OUTPUT="TAP", **env)
    try:
        p = subprocess.run([path], cwd=TOP, env=full, stdin=subprocess.DEVNULL,
                           stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                           timeout=300, errors="replace")
    except subprocess.TimeoutExpired:
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
    for path in sorted(glob.glob(os.path.join(TOP, folder, "unit", "*", "*", "test_*"))):
        if not path.endswith(".d"):
            run_tap(totals, os.path.relpath(path, TOP), path, env)


def pytest(totals, name, *paths):
    paths = [p for p in paths if os.path.exists(os.path.join(TOP, p))]
    if not paths:
        return
    say(name)
    with tempfile.TemporaryDirectory() as d:
        out = os.path.join(d, "r.xml")
        began = time.monotonic()
        p = subprocess.run([sys.executable, "-m", "pytest", "-q", "-x" if os.environ.get("FAST") else "-q",
                            "-p", "no:cacheprovider", "--junitxml", out, *paths],
                           cwd=TOP, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                           stderr=subprocess.STDOUT, errors="replace",
                           env=dict(os.environ, PYTHONDONTWRITEBYTECODE="1"))
        try:
            cases = list(ET.parse(out).getroot().iter("testcase"))
        except (OSError, ET.ParseError):
            totals.fail(name, p.stdout)
            return
    bad = 0
    for c in cases:
        label = "%s::%s" % (c.get("classname"), c.get("name"))
        if c.find("failure") is not None or c.find("error") is not None:
            bad += 1
            totals.red.append(label)
        elif c.find("skipped") is not None:
            totals.skipped.append("%s: %s" % (label, c.find("skipped").get("message")))
        else:
            totals.passed += 1
    totals.failed += bad
    if bad or (p.returncode not in (0, 5)):
        print(p.stdout[-20000:], flush=True)
        if not bad:
            totals.failed += 1
            totals.red.append(name)
    print("   %d tests in %.0f s" % (len(cases), time.monotonic() - began), flush=True)


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
    if what == "fuzz":
        fuzzers(totals, int(sys.argv[2]))
    else:
        if build(totals, "programs and tests", "all", "unit", "test-programs"):
            pytest(totals, "house: floors, headers, links, examples, manual pages", "tests/unit/test_house.py",
                   "tests/unit/test_examples.py")
            say("unit tests")
            units(totals, "build", {})
            if what == "check":
                if build(totals, "sanitizers", "SAN=1", "all", "unit"):
                    say("unit tests under sanitizers")
                    units(totals, "build-san", SAN_ENV)
                fuzzers(totals, 0)
                pytest(totals, "root tests: packets, kernel, rights", "tests/root")
                pytest(totals, "scenarios: real programs together", "tests/scenario")
                pytest(totals, "packages in a booted container", "tests/pkg")
                pytest(totals, "power cuts of a machine with its own kernel", "tests/boot")
    for s in totals.skipped:
        print("skipped  %s" % s)
    for r in totals.red:
        print("red      %s" % r)
    print("%.0f s" % (time.monotonic() - began))
    print("%d passed, %d failed, %d skipped" % (totals.passed, totals.failed, len(totals.skipped)))
    return 1 if totals.failed else 0


if __name__ == "__main__":
    sys.exit(main())
