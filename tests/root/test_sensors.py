# SPDX-License-Identifier: GPL-3.0-or-later
"""agent-sensors against a real kernel: events, who did it, rescans, the gate."""
import os
import shutil
import socket
import stat
import subprocess
import time

import pytest
from sensors_rig import BUILD, CACHED, EXACT, FAIL, PASS, UID, UNKNOWN, Sensors

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")


@pytest.fixture
def s():
    x = Sensors()
    x.write("kept", "one\n")
    x.write("other", "two\n")
    yield x
    x.close()


def status(pid):
    with open("/proc/%d/status" % pid) as f:
        return dict(line.rstrip("\n").split(":\t", 1) for line in f if ":\t" in line)


def test_01_rights_are_given_up(s):
    s.start()
    for tid in os.listdir("/proc/%d/task" % s.pid):
        st = status(int(tid))
        assert st["Uid"].split() == [str(UID)] * 4 and st["Gid"].split() == [str(UID)] * 4
        kept = 1 << 2 | 1 << 19 | 1 << 21  # DAC_READ_SEARCH, SYS_PTRACE, SYS_ADMIN
        assert int(st["CapEff"], 16) == int(st["CapPrm"], 16) == kept
        assert int(st["CapBnd"], 16) == int(st["CapInh"], 16) == int(st["CapAmb"], 16) == 0
        assert st["NoNewPrivs"] == "1" and st["Seccomp"] == "2"


def test_02_program_links_no_tls_and_no_netfilter(s):
    out = subprocess.run(["ldd", os.path.join(BUILD, "bin/agent-sensors")],
                         capture_output=True, text=True, check=True).stdout
    for never in ("libssl", "libnftnl", "libmnl"):
        assert never not in out


def test_10_change_is_seen_and_named(s):
    s.start()
    subprocess.run(["/usr/bin/tee", s.path("kept")], input=b"three\n", check=True,
                   stdout=subprocess.DEVNULL)
    m = s.signal("files.changed", "kept")
    assert m["program"] == os.path.realpath("/usr/bin/tee") and m["grade"] in (CACHED, EXACT)
    assert m["sha256.old"] != m["sha256.new"] and m["size.new"] == "6"


def test_11_living_writer_is_exact(s):
    s.start()
    s.write("kept", "four\n")
    m = s.signal("files.changed", "kept")
    assert m["grade"] == EXACT and m["pid"] == os.getpid() and m["uid"] == 0
    assert m["user"] == "root" and m["parents"] >= 1 and "python" in m["program"]


def test_12_create_delete_move_chmod(s):
    s.start()
    s.write("new", "x")
    assert s.signal("files.created", "new")["size.new"] == "1"
    os.chmod(s.path("new"), 0o600)
    m = s.signal("files.attributes", "new")
    assert m["mode.old"] == "100644" and m["mode.new"] == "100600"
    os.rename(s.path("new"), s.path("newer"))
    assert s.signal("files.moved", "newer")["path.old"] == s.path("new")
    os.unlink(s.path("newer"))
    s.signal("files.deleted", "newer")
    os.chown(s.path("kept"), 1, 1)
    assert s.signal("files.attributes", "kept")["owner.new"] == "1:1"


def test_13_replacing_by_rename_is_a_change(s):
    s.start()
    s.write(".kept.tmp", "five\n")
    os.rename(s.path(".kept.tmp"), s.path("kept"))
    m = s.signal("files.changed", "kept")
    assert m["size.new"] == "5" and m["grade"] == EXACT


def test_14_identical_rewrite_is_silent(s):
    s.start()
    s.write("kept", "one\n")
    os.utime(s.path("other"))
    assert s.quiet(1.0) == []
    s.write("kept", "changed\n")  # it is awake
    s.signal("files.changed", "kept")


def test_15_setuid_is_critical_and_names_who_set_it(s):
    s.start()
    shutil.copy("/bin/true", s.path("tool"))
    s.signal("files.created", "tool")
    subprocess.run(["/bin/chmod", "4755", s.path("tool")], check=True)
    m = s.signal("files.setuid", "tool")
    assert m["severity"] == 5 and m["program"].endswith("/chmod")


def test_16_short_lived_writers_are_named(s):
    s.start()
    for i in range(100):
        subprocess.run(["/bin/cp", "/etc/hostname", s.path("short%d" % i)], check=True)
    for i in range(100):
        m = s.signal("files.created", "short%d" % i)
        assert m["program"].endswith("/cp") and m["grade"] in (CACHED, EXACT), m


def test_17_folders_come_move_and_go(s):
    os.makedirs(os.path.join(s.work, "outside/deep"))
    with open(os.path.join(s.work, "outside/deep/file"), "w") as f:
        f.write("x")
    s.start()
    os.rename(os.path.join(s.work, "outside"), s.path("inside"))
    s.signal("files.created", "inside/deep/file")
    os.rename(s.path("inside"), s.path("moved"))
    s.signal("files.moved", "moved")
    with open(s.path("moved/deep/file"), "w") as f:
        f.write("y2")
    s.signal("files.changed", "moved/deep/file")
    shutil.rmtree(s.path("moved"))
    s.signal("files.deleted", "moved/deep/file")
    s.signal("files.deleted", "moved")


def test_18_hostile_names_and_kinds(s):
    s.start()
    s.write("a\nb", "x")
    assert s.expect("signal", lambda m: m["object"] == s.path("a\\x0ab"))
    with open(os.path.join(os.fsencode(s.tree), b"bad\xff"), "w") as f:
        f.write("x")
    assert s.expect("signal", lambda m: m["object"] == s.path("bad\\xff"))
    os.mkfifo(s.path("fifo"))
    s.signal("files.created", "fifo")
    os.symlink("/etc/shadow", s.path("link"))
    m = s.signal("files.created", "link")
    assert m["size.new"] == str(len("/etc/shadow"))  # the link, not its target
    with socket.socket(socket.AF_UNIX) as u:
        u.bind(s.path("sock"))
        s.signal("files.created", "sock")
    os.mknod(s.path("dev"), 0o600 | stat.S_IFCHR, os.makedev(1, 5))  # endless if it were read
    s.signal("files.created", "dev")


def test_19_ignored_and_outside_are_silent(s):
    s.start("--ignore", "*.swp", "--ignore", s.path("cache"))
    os.mkdir(s.path("cache"))
    s.write("cache/x", "x")
    s.write("a.swp", "x")
    with open(os.path.join(s.work, "elsewhere"), "w") as f:
        f.write("x")
    assert s.quiet(1.0) == []


def test_20_burst_of_20000_is_complete_or_said_to_be_blind(s):
    os.mkdir(s.path("burst"))
    s.start()
    for i in range(20000):
        os.close(os.open(s.path("burst/%05d" % i), os.O_CREAT | os.O_WRONLY))
    seen, end = set(), time.monotonic() + 60
    while len(seen) < 20000 and time.monotonic() < end:
        m = s.expect("signal", seconds=30)
        if m["kind"] == "files.created":
            seen.add(m["object"])
    assert len(seen) == 20000


def test_21_what_happened_meanwhile_is_found_by_a_rescan(s):
    s.start()
    assert s.stop() == "exit status 0"
    s.write("kept", "six\n")
    s.write("later", "x")
    os.unlink(s.path("other"))
    s.start(wait=False)
    # The baseline's may come again: it was stopped before it heard that the signal is kept.
    assert s.expect("signal", lambda m: m["kind"] != "files.baseline")["kind"] == "agent.blind"
    assert s.signal("files.changed", "kept")["found-by"] == "scan"
    s.signal("files.created", "later")
    s.signal("files.deleted", "other")
    assert s.signal("agent.blind-closed", "/")["blind.differences"] == "3"
    assert s.quiet(0.5) == []


def test_22_killed_and_started_again_tells_at_least_once(s):
    s.start()
    s.write("kept", "seven\n")
    s.signal("files.changed", "kept")
    s.kill()
    s.write("other", "eight\n")
    s.start(wait=False)
    s.signal("files.changed", "other")
    s.signal("agent.blind-closed", "/")


def test_23_damaged_baseline_is_told_and_made_anew(s):
    s.start()
    s.stop()
    with open(os.path.join(s.state, "baseline"), "r+b") as f:
        f.seek(60)
        byte = f.read(1)
        f.seek(60)
        f.write(bytes([byte[0] ^ 1]))
    s.start(wait=False)
    s.signal("agent.self-changed", os.path.join(s.state, "baseline"))
    s.signal("files.baseline", "/")


def test_24_signals_wait_for_a_link(s):
    s.start()
    s.say("unlink")
    time.sleep(0.2)
    for i in range(300):
        s.write("w%03d" % i, "x")
    time.sleep(1.0)
    assert s.quiet(0.1) == []
    s.say("relink")
    for i in range(300):
        s.signal("files.created", "w%03d" % i)


def test_25_slow_reader_loses_nothing(s):
    s.start()
    s.say("hold")
    for i in range(3000):
        s.write("h%04d" % i, "x")
    time.sleep(2.0)
    s.say("release")
    for i in range(3000):
        s.signal("files.created", "h%04d" % i)


def test_26_periodic_rescan_finds_what_gave_no_event(s):
    s.start("--rescan", "2")
    # truncate(2) gives neither CLOSE_WRITE nor another event that is watched
    os.truncate(s.path("kept"), 1)
    m = s.signal("files.changed", "kept", 10)
    assert m["found-by"] == "scan"


def test_27_mounted_file_systems_are_watched_too(s):
    os.mkdir(s.path("mnt"))
    subprocess.run(["mount", "-t", "tmpfs", "none", s.path("mnt")], check=True)
    try:
        s.write("mnt/inner", "x")
        s.start()
        s.write("mnt/inner", "yy")
        s.signal("files.changed", "mnt/inner")
    finally:
        subprocess.run(["umount", "-l", s.path("mnt")], check=True)


def test_28_own_files(s):
    own = os.path.join(s.own, "agent-sensors")
    shutil.copy(os.path.join(BUILD, "bin/agent-sensors"), own)
    s.start("--own", s.own)
    assert s.gate("R-0001", "G01")["G01"]["outcome"] == PASS
    with open(own, "ab") as f:
        f.write(b"x")
    assert s.signal("agent.self-changed", own)["severity"] == 5
    g01 = s.gate("R-0002", "G01")["G01"]
    assert g01["outcome"] == FAIL and g01["findings"][0]["object"] == own


def test_30_manifest_and_gate(s):
    s.start()
    assert s.gate("R-0001", "G02")["G02"]["outcome"] == UNKNOWN  # no manifest named
    s.say("manifest M-0001")
    m = s.expect("manifest", seconds=60)
    assert m["good"] and m["why"] == "" and m["bytes"] > 1000
    got = s.gate("R-0002", "G02,G06,G07,G15,G99", "M-0001")
    assert [got[k]["outcome"] for k in ("G02", "G06", "G07", "G15", "G99")] == \
        [PASS, PASS, PASS, UNKNOWN, UNKNOWN]
    s.write("kept", "bad\n")
    s.write("extra", "x")
    os.unlink(s.path("other"))
    os.chmod(s.tree, 0o700)
    g02 = s.gate("R-0003", "G02", "M-0001")["G02"]
    assert g02["outcome"] == FAIL
    assert {(f["code"], f["object"]) for f in g02["findings"]} == {
        ("file.changed", s.path("kept")), ("file.extra", s.path("extra")),
        ("file.missing", s.path("other")), ("file.mode", s.tree)}
    s.write("kept", "one\n")
    s.write("other", "two\n")
    os.unlink(s.path("extra"))
    os.chmod(s.tree, 0o755)
    assert s.gate("R-0004", "G02", "M-0001")["G02"]["outcome"] == PASS


def test_31_unsigned_or_altered_manifest_is_unknown(s):
    s.start()
    s.say("manifest M-0001")
    assert s.expect("manifest", seconds=60)["good"]
    assert s.gate("R-0001", "G02", "M-0001", "forge")["G02"]["outcome"] == UNKNOWN
    with open(os.path.join(s.state, "manifest-M-0001"), "r+b") as f:
        text = f.read().replace(b"100644 0 0 4", b"100644 0 0 5", 1)
        f.seek(0)
        f.write(text)
    g = s.gate("R-0002", "G02,G06,G07", "M-0001")
    assert {m["outcome"] for m in g.values()} == {UNKNOWN}
    assert s.gate("R-0003", "G02", "M-0002")["G02"]["outcome"] == UNKNOWN  # not here


def test_32_snapshot(s):
    s.start()
    start = time.monotonic()
    s.say("snapshot O-0001")
    m = s.expect("snapshot", seconds=10)
    assert m["good"] and 500 < m["bytes"] <= 512 * 1024 and time.monotonic() - start < 5


def test_40_nonsense_from_network_ends_the_link_not_the_process(s):
    s.start()
    for kind, payload in ((40, "ff" * 20), (41, "0a022e2e"), (42, ""), (1, "00"), (99, "")):
        s.say("raw %d %s" % (kind, payload))
        s.expect("unlinked")
        s.say("relink")
        s.expect("watch")
    s.write("kept", "alive\n")
    s.signal("files.changed", "kept")


def test_41_rescan_of_20000_unchanged_files_finds_nothing(s):
    for i in range(20000):
        os.close(os.open(s.path("%05d" % i), os.O_CREAT | os.O_WRONLY))
    time.sleep(0.1)  # later than the grain of the file system's clock
    s.start()
    s.stop()
    s.start(wait=False)
    opened = s.expect("signal", lambda m: m["kind"] == "agent.blind")
    closed = s.expect("signal", lambda m: m["kind"] == "agent.blind-closed")
    print("20,000 files in %d ms" % (closed["ms"] - opened["ms"]))
    assert closed["blind.differences"] == "0"
