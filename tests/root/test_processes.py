# SPDX-License-Identifier: GPL-3.0-or-later
"""The process sensor against a real kernel.  Other processes of this machine
are seen too: each test looks at signals about its own only."""
import os
import shutil
import signal
import subprocess
import time

import pytest
import triggers_process as triggers
from sensors_rig import CACHED, EXACT, Sensors

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")


@pytest.fixture
def s():
    x = Sensors()
    yield x
    x.close()


def begin(s, *more, **kw):
    """Started, and the first walk over."""
    s.start("--processes", *more, **kw)
    time.sleep(0.5)


def own(s, seconds=1.5):
    """Signals about the rig's own folder."""
    return [m for m in s.quiet(seconds) if any(s.work in str(v) for v in m.values())]


@pytest.mark.parametrize("row", triggers.TRIGGERS, ids=lambda r: r[1].replace(" ", "-"))
def test_10_triggers(s, row):
    technique, what, do, kind = row
    if "openssl" in what and not shutil.which("openssl"):
        pytest.skip("no openssl program")
    begin(s, "--own", s.own)
    start = time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1000000
    like = do(s)
    m = s.expect("signal", lambda m: m["kind"] == kind and like(m), 10)
    if kind not in ("agent.frozen", "agent.covered"):  # the kernel tells nobody who did it
        assert m["grade"] in (CACHED, EXACT) and m["program"], m
    print("%-12s %-40s %5d ms  %s" % (technique, what, m["ms"] - start, m["text"]))
    assert not [n for n in s.quiet(0.5) if n["kind"] == kind and like(n)], "told twice"


def test_20_a_package_s_scripts_are_silent(s):
    if not shutil.which("dpkg-deb"):
        pytest.skip("no dpkg")
    root, build = s.path("root"), s.path("deb")
    os.makedirs(build + "/DEBIAN")
    for d in ("var/lib/dpkg/info", "var/lib/dpkg/updates"):
        os.makedirs(os.path.join(root, d))
    open(root + "/var/lib/dpkg/status", "w").close()
    with open(build + "/DEBIAN/control", "w") as f:
        f.write("Package: cordon-trigger\nVersion: 1\nArchitecture: all\nMaintainer: a <a@example.org>\n"
                "Description: x\n")
    helper = triggers.copy(s, "true", "helper")
    with open(build + "/DEBIAN/postinst", "w") as f:
        f.write("#!/bin/sh\nset -e\n%s\ntouch %s\n" % (helper, s.path("done")))
    os.chmod(build + "/DEBIAN/postinst", 0o755)
    subprocess.run(["dpkg-deb", "-b", build, s.path("x.deb")], check=True, stdout=subprocess.DEVNULL)
    begin(s)
    p = subprocess.run(["dpkg", "--root=" + root, "--force-script-chrootless", "--log=/dev/null", "-i", s.path("x.deb")],
                       capture_output=True, text=True)
    assert p.returncode == 0 and os.path.exists(s.path("done")), p.stderr
    assert [m for m in own(s) if m["kind"].startswith("process.")] == []
    subprocess.run([helper], check=True)  # it is awake
    s.expect("signal", lambda m: m["kind"] == "process.volatile-exec" and m["object"] == helper)


def test_21_builds_are_silent(s):
    if not shutil.which("gcc") or not shutil.which("make"):
        pytest.skip("no compiler")
    d = os.path.join(s.work, "build")
    os.mkdir(d)
    with open(d + "/a.c", "w") as f:
        f.write("int main(void) { return 0; }\n")
    with open(d + "/configure", "w") as f:
        f.write("gcc -o conftest a.c && ./conftest && ./conftest\n")
    with open(d + "/Makefile", "w") as f:
        f.write("check: a\n\t./a\n\t./a\na: a.c\n\tgcc -o a a.c\n")
    os.chmod(d + "/configure", 0o755)
    begin(s)
    subprocess.run(["sh", "./configure"], cwd=d, check=True)
    subprocess.run(["make", "-s", "check"], cwd=d, check=True)
    assert [m for m in own(s) if m["kind"].startswith("process.")] == []


def test_22_what_the_administrator_allows_is_silent(s):
    path = triggers.copy(s, "true", "allowed/tool")
    begin(s, "--exec-allow", os.path.dirname(path) + "/")
    subprocess.run([path], check=True)
    assert [m for m in own(s, 1.0) if m["kind"].startswith("process.")] == []


def test_23_a_root_folder_of_its_own_is_its_own_world(s):
    triggers.copy(s, "sleep", "root/usr/bin/sleep")
    for lib in subprocess.run(["ldd", "/bin/sleep"], capture_output=True, text=True).stdout.split():
        if lib.startswith("/"):
            os.makedirs(os.path.join(s.work, "root", os.path.dirname(lib)[1:]), exist_ok=True)
            shutil.copy(lib, os.path.join(s.work, "root", lib[1:]))
    triggers.copy(s, "sleep", "root/tmp/sleep")
    root = os.path.join(s.work, "root")
    begin(s)
    subprocess.run(["chroot", root, "/usr/bin/sleep", "0.2"], check=True)
    assert [m for m in own(s, 1.0) if m["kind"].startswith("process.")] == []
    subprocess.run(["chroot", root, "/tmp/sleep", "0.2"], check=True)
    m = s.expect("signal", lambda m: m.get("root") == root, 10)
    assert m["kind"] == "process.volatile-exec" and m["object"] == "/tmp/sleep"


def test_24_one_tree_of_processes_is_one_cause(s):
    path = triggers.copy(s, "sh", "shell")
    tool = triggers.copy(s, "true", "tool")
    begin(s)
    subprocess.run([path, "-c", "sleep 0.3; %s; %s; exec %s" % (tool, tool, tool)], check=True)
    got = [m for m in own(s) if m["kind"] == "process.volatile-exec"]
    assert [m["object"] for m in got] == [path], [(m["object"], m["cause_id"], m["process"], m["found-by"], m["grade"]) for m in got]


def test_30_what_ran_before_us_is_found(s):
    path = triggers.copy(s, "sleep", "before")
    p = subprocess.Popen([path, "30"])
    try:
        begin(s)
        m = s.expect("signal", lambda m: m["object"] == path, 10)
        assert m["kind"] == "process.volatile-exec" and m["found-by"] == "walk"
    finally:
        p.kill()
        p.wait()


def test_31_a_queue_that_ran_over_is_blind_until_a_walk(s):
    path = triggers.copy(s, "sleep", "meanwhile")
    begin(s)
    os.kill(s.pid, signal.SIGSTOP)
    p = subprocess.Popen([path, "60"])
    for _ in range(9000):  # two events each; the queue holds about 10,000
        pid = os.posix_spawn("/bin/true", ["true"], {})
        os.waitpid(pid, 0)
    os.kill(s.pid, signal.SIGCONT)
    try:
        m = s.expect("signal", lambda m: m["kind"] == "agent.blind" and m["object"] == "processes")
        assert "ran over" in m["blind.reason"]
        s.expect("signal", lambda m: m["kind"] == "agent.blind-closed" and m["object"] == "processes")
        s.expect("signal", lambda m: m["object"] == path)
    finally:
        p.kill()
        p.wait()


def test_32_without_the_connector_fanotify_tells(s):
    begin(s, prefix=["unshare", "--net"])
    path = triggers.copy(s, "sleep", "second")
    subprocess.run([path, "0.3"], check=True)
    m = s.expect("signal", lambda m: m["object"] == path, 10)
    assert m["kind"] == "process.volatile-exec" and m["found-by"] == "open-exec"
    like = triggers.reverse_shell(s)
    s.expect("signal", lambda m: m["kind"] == "process.remote-shell" and like(m), 10)


def test_33_a_child_without_a_program_of_its_own_is_named(s):
    s.start("--processes")

    def named(turn):
        for i in range(50):
            subprocess.run(["/bin/sh", "-c", "(echo x > %s); :" % s.path("f%d-%d" % (turn, i))], check=True)
        got = [s.signal("files.created", "f%d-%d" % (turn, i))["program"] for i in range(50)]
        print("%d of 50 named" % got.count(os.path.realpath("/bin/sh")))
        return got.count(os.path.realpath("/bin/sh"))
    # The rest ended before anybody could look; what else the machine does in a moment is not counted.
    assert any(named(turn) >= 45 for turn in range(3))


def test_40_a_thousand_starts_a_second_cost_little(s):
    begin(s)

    def used():
        with open("/proc/%d/task/%s/schedstat" % (s.pid, tid)) as f:
            return int(f.read().split()[0]) / 1e9
    tid = next(t for t in os.listdir("/proc/%d/task" % s.pid)
               if open("/proc/%d/task/%s/comm" % (s.pid, t)).read() == "process\n")
    before, start, n = used(), time.monotonic(), 0
    while time.monotonic() < start + 3:
        pid = os.posix_spawn("/bin/true", ["true"], {})
        os.waitpid(pid, 0)
        n += 1
    seconds = time.monotonic() - start
    time.sleep(0.5)
    cost = used() - before
    print("%d starts a second, %.1f %% of a core, %.0f us each" % (n / seconds, 100 * cost / seconds, 1e6 * cost / n))
    assert cost > 0


def test_50_a_library_loaded_into_the_agent(s):
    s.start(prefix=["env", "LD_PRELOAD=/nowhere/x.so"])
    m = s.expect("signal", lambda m: m["kind"] == "agent.preload", 10)
    assert "/nowhere/x.so" in m["text"] and m["severity"] == 5


def test_51_sensors_that_were_stopped_say_so(s):
    s.start()
    time.sleep(2.5)  # it has looked once
    os.kill(s.pid, signal.SIGSTOP)
    time.sleep(11.5)
    os.kill(s.pid, signal.SIGCONT)
    m = s.expect("signal", lambda m: m["kind"] == "agent.frozen", 10)
    assert m["object"] == "agent-sensors" and "did not run" in m["text"]


def test_52_nothing_is_told_of_an_agent_left_alone(s):
    s.start("--own", s.own)
    s.write("kept", "x")
    s.signal("files.created", "kept")
    assert [m for m in s.quiet(5) if m["kind"].startswith("agent.")] == []
