# SPDX-License-Identifier: GPL-3.0-or-later
"""agent-notice with real terminals, a real session bus and files of its own
in the place of /run: who is told, in which words, with whose rights."""
import contextlib
import os
import pty
import pwd
import shutil
import socket
import struct
import subprocess
import tempfile
import termios
import time

import pytest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.path.join(ROOT, os.environ.get("BUILD", "build"))
ALICE, BOB = (pwd.getpwnam(n).pw_uid for n in ("nobody", "backup"))  # a bus serves only who has a name
OPEN, STRICT, RECOVERY, LIMITED = 1, 2, 3, 4
USER_PROCESS = 7

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root: it becomes other users")


def field(number, value):
    """One field of a protobuf message; text or a number."""
    def varint(n):
        out = b""
        while n > 127:
            out, n = out + bytes([n & 127 | 128]), n >> 7
        return out + bytes([n])
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    data = value.encode()
    return varint(number << 3 | 2) + varint(len(data)) + data


def notice(profile, order="O-7K2Q9", since=1767225600000, drill=0, en="Call 1234.", zh="请拨打1234。"):
    return b"".join(field(n, v) for n, v in ((1, profile), (2, order), (3, since), (4, drill), (5, en), (6, zh)) if v)


class Terminal:
    """A pty of one user, as a login has it."""

    def __init__(self, uid, mode=0o620):
        self.master, self.slave = pty.openpty()
        self.name = os.ttyname(self.slave)
        os.chown(self.name, uid, 5)
        os.chmod(self.name, mode)
        os.set_blocking(self.master, False)

    def line(self):
        return self.name[len("/dev/"):]

    def heard(self):
        with contextlib.suppress(BlockingIOError):
            return os.read(self.master, 65536).decode()
        return ""

    def close(self):
        os.close(self.master)
        os.close(self.slave)


class Machine:
    def __init__(self):
        self.run = tempfile.mkdtemp(prefix="cdn-run-")
        os.chmod(self.run, 0o755)
        self.stack = contextlib.ExitStack()
        self.stack.callback(shutil.rmtree, self.run)
        self.logins = b""

    def path(self, *names):
        return os.path.join(self.run, *names)

    def login(self, line, kind=USER_PROCESS, user=b"alice"):
        self.logins += struct.pack("=hhi32s4s32s256shhiii4i20s", kind, 0, 1, line.encode(), b"", user, b"", 0, 0, 0, 0, 0,
                                   0, 0, 0, 0, b"")
        assert len(self.logins) % 384 == 0
        with open(self.path("utmp"), "wb") as f:
            f.write(self.logins)

    def terminal(self, uid, mode=0o620, login=True):
        t = Terminal(uid, mode)
        self.stack.callback(t.close)
        if login:
            self.login(t.line())
        return t

    def home(self, uid):
        folder = self.path("user", str(uid))
        os.makedirs(folder)
        os.chown(folder, uid, uid)
        os.chmod(folder, 0o700)
        return folder

    def desktop(self, uid):
        """A session bus and who shows notifications on it."""
        for program in ("dbus-daemon",):
            if shutil.which(program) is None:
                pytest.skip("%s is not installed" % program)
        address = "unix:path=" + os.path.join(self.home(uid), "bus")
        as_user = ["setpriv", "--reuid", str(uid), "--regid", str(uid), "--clear-groups"]
        bus = subprocess.Popen(as_user + ["dbus-daemon", "--session", "--nofork", "--nopidfile", "--address", address,
                                          "--print-address"], stdout=subprocess.PIPE, text=True)
        self.stack.callback(self.end, bus)
        bus.stdout.readline()
        p = subprocess.Popen(as_user + [os.path.join(BUILD, "test/notice-desktop"), address], stdout=subprocess.PIPE,
                             text=True)
        self.stack.callback(self.end, p)
        assert p.stdout.readline() == "ready\n"
        return p

    @staticmethod
    def end(p):
        p.kill()
        p.wait()
        p.stdout.close()

    def tell(self, data, dev="/dev", check=True):
        with tempfile.TemporaryFile() as f:
            f.write(data)
            f.flush()
            f.seek(0)
            p = subprocess.run(["sh", "-c", 'exec "$@" 3<&0 0</dev/null', "sh", os.path.join(BUILD, "bin/agent-notice"),
                                "--run", self.run, "--dev", dev], stdin=f, capture_output=True, text=True, timeout=60)
        assert not check or p.returncode == 0, p.stderr
        return p

    def read(self, name):
        with open(self.path(name)) as f:
            return f.read()


@pytest.fixture
def machine():
    m = Machine()
    yield m
    m.stack.close()


def test_terminals_are_told_in_both_languages(machine):
    alice, quiet, other = machine.terminal(ALICE), machine.terminal(BOB, mode=0o600), machine.terminal(BOB, login=False)
    p = machine.tell(notice(STRICT))
    want = ("\a\r\nThis computer is cut off from the network.\r\nCall 1234.\r\n本机已与网络隔离。\r\n请拨打1234。\r\n"
            "Cordon O-7K2Q9 2026-01-01T00:00:00.000Z\r\n").replace("\r\n", "\r\r\n")  # the pty's own onlcr
    assert alice.heard() == want
    assert quiet.heard() == want, "mesg n is no reason not to be told"
    assert other.heard() == "", "nobody is logged in there"
    assert "shown in 2 of 2 places" in p.stderr


def test_sessions_of_logind_count_where_there_is_no_utmp(machine):
    t = machine.terminal(ALICE, login=False)
    os.makedirs(machine.path("systemd/sessions"))
    with open(machine.path("systemd/sessions/4"), "w") as f:
        f.write("# private\nUID=%d\nACTIVE=1\nTTY=%s\n" % (ALICE, t.line()))
    machine.tell(notice(STRICT))
    assert "cut off" in t.heard()


def test_banner_and_motd_stand_until_release(machine):
    t = machine.terminal(ALICE)
    machine.tell(notice(STRICT, en="Ask \\n at desk 4."))
    text = machine.read("motd.d/cordon")
    assert "cut off" in text and "Ask \\n at desk 4." in text and "本机已与网络隔离" in text
    assert machine.read("issue.d/cordon.issue") == text.replace("\\", "\\\\"), "agetty shows it unchanged"
    assert os.stat(machine.path("motd.d/cordon")).st_mode & 0o777 == 0o644
    told = os.stat(machine.path("agetty.reload")).st_mtime_ns
    t.heard()
    machine.tell(notice(STRICT, en="Ask \\n at desk 4."))
    assert t.heard() == "", "the same again is no news"
    assert os.stat(machine.path("agetty.reload")).st_mtime_ns == told
    machine.tell(notice(RECOVERY, order="O-7K2QA"))
    assert "what its recovery needs" in machine.read("motd.d/cordon") and "recovery" in t.heard()
    machine.tell(notice(LIMITED, order="O-7K2QB"))
    assert "few named services" in t.heard()
    machine.tell(notice(OPEN, order="O-7K2QC"))
    assert os.listdir(machine.path("motd.d")) == [] == os.listdir(machine.path("issue.d"))
    assert "no longer cut off" in t.heard()
    machine.tell(notice(OPEN, order="O-7K2QC"))
    assert t.heard() == ""


def test_a_drill_says_that_it_is_one(machine):
    t = machine.terminal(ALICE)
    machine.tell(notice(STRICT, drill=1))
    heard = t.heard()
    assert "DRILL: This computer" in heard and "【演练】" in heard


def test_desktops_are_told_as_their_user(machine):
    alice, bob = machine.desktop(ALICE), machine.desktop(BOB)
    machine.tell(notice(STRICT))
    for uid, p in ((ALICE, alice), (BOB, bob)):
        sender, app, title, urgency, ms, text = p.stdout.readline().rstrip("\n").split("\t")
        assert (int(sender), app, urgency, ms) == (uid, "Cordon", "2", "0")
        assert title == "This computer is cut off from the network. / 本机已与网络隔离。"
        assert "Call 1234." in text and "请拨打1234。" in text
    machine.tell(notice(OPEN))
    sender, _, title, urgency, ms, _ = alice.stdout.readline().rstrip("\n").split("\t")
    assert "no longer" in title and (urgency, ms) == ("1", "-1")


def test_one_who_does_not_listen_holds_nobody_up(machine):
    """A stopped terminal, a full one, and a bus that never answers."""
    full, fine = machine.terminal(ALICE), machine.terminal(BOB)
    os.set_blocking(full.slave, False)
    with contextlib.suppress(BlockingIOError):
        while True:
            os.write(full.slave, b"x" * 4096)
    stopped = machine.terminal(ALICE)
    termios.tcflow(stopped.slave, termios.TCOOFF)
    deaf = socket.socket(socket.AF_UNIX)
    deaf.bind(os.path.join(machine.home(ALICE), "bus"))
    os.chmod(deaf.getsockname(), 0o777)
    deaf.listen(4)
    began = time.monotonic()
    p = machine.tell(notice(STRICT))
    assert time.monotonic() - began < 20
    assert "cut off" in fine.heard()
    assert stopped.name in p.stderr, "who was not told stands in the log"
    deaf.close()


def test_nothing_but_a_terminal_is_written_to(machine):
    """A name in utmp is no path, and what it names must be a terminal."""
    dev, victim = machine.path("dev"), machine.path("victim")
    os.makedirs(dev + "/pts")
    for path in (victim, dev + "/pts/2"):
        with open(path, "w") as f:
            f.write("mine")
        os.chown(path, ALICE, ALICE)
    os.symlink(victim, dev + "/pts/1")
    os.mknod(dev + "/pts/3", 0o600 | 0o020000, os.makedev(1, 3))  # null: a device and no terminal
    for line in ("pts/1", "pts/2", "pts/3", "../victim", "pts/../../victim"):
        machine.login(line)
    p = machine.tell(notice(STRICT), dev=dev)
    assert machine.read("victim") == "mine" == machine.read("dev/pts/2")
    assert "shown in 0 of 1 places" in p.stderr


def test_what_may_not_be_shown_is_not(machine):
    t = machine.terminal(ALICE)
    for bad in (notice(STRICT, en="\x1b[2J"), notice(9), b"\x08", b"x" * 5000, b""):
        p = machine.tell(bad, check=False)
        assert p.returncode == 1 and "notice:" in p.stderr
    assert t.heard() == "" and not os.path.exists(machine.path("motd.d"))


def test_its_rights():
    out = subprocess.run([os.path.join(BUILD, "bin/agent-notice"), "--rights"], capture_output=True, text=True).stdout
    caps = [line.split()[0] for line in out.split("system calls")[0].splitlines() if line.startswith("  ")]
    assert caps == ["cap_setuid", "cap_setgid"]
