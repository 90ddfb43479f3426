# SPDX-License-Identifier: GPL-3.0-or-later
"""A Debian 12 machine with its own kernel, under qemu without KVM, on the
switch of a World.  Its network card is a tap device on that switch, so a
Sniffer sees every frame of it from outside.  Commands reach it by a serial
line, never by its network."""
import base64
import contextlib
import itertools
import os
import select
import shlex
import shutil
import socket
import subprocess
import time

from debian import TALKER, base_tree, unit
from world import Failed, Machine, run, wait_for

DISK_MIB = 1200
MEMORY_MIB = 512
BOOT_SECONDS = 240  # an emulated processor, perhaps on a busy machine
_serial = itertools.count(1)

NETWORKD = """[Match]
Name=eth0
[Network]
Address=%s/24
Address=%s/64
"""
IFUPDOWN = """auto lo
iface lo inet loopback
auto eth0
iface eth0 inet static
    address %s/24
iface eth0 inet6 static
    address %s/64
"""
OTHER = {"networkd": ["networking.service"],
         "ifupdown": ["systemd-networkd.service", "systemd-networkd.socket", "systemd-networkd-wait-online.service"]}
# One line in, base64 of a script; one line out, its exit status and base64 of what it said.
DOOR = r"""stty raw -echo
echo ready
while IFS= read -r line; do
	out=$(bash -c "$(base64 -d <<<"$line")" 2>&1 </dev/null | base64 -w0; exit "${PIPESTATUS[0]}")
	echo "$? $out"
done
"""
DOOR_UNIT = """[Unit]
Description=Commands of the test
[Service]
StandardInput=tty-force
StandardOutput=tty
StandardError=null
TTYPath=/dev/ttyS1
ExecStart=/bin/bash /root/door
"""


class VM(Machine):
    """boot(), cut_power(); disk and packages stay, all else is new."""

    def __init__(self, world, name, debs, talk_to=None):
        self.debs, self.talk_to, self.qemu, self.line = debs, talk_to, None, None
        super().__init__(world, name, next(world.numbers))

    def _make(self):
        self.mac = "02:00:00:00:01:%02x" % int(self.v4.rsplit(".", 1)[1])
        self.disk, self.door = self.path("disk"), self.path("door")
        base = base_tree(self.debs)
        self.kernel, self.initrd = (os.path.realpath(os.path.join(base, f)) for f in ("vmlinuz", "initrd.img"))
        tree = self.path("tree")
        run(["cp", "-a", "--reflink=auto", base, tree], timeout=180)
        self._furnish(tree)
        run(["mke2fs", "-q", "-t", "ext4", "-d", tree, self.disk, "%dM" % DISK_MIB], timeout=180)
        shutil.rmtree(tree)
        self.port = "t%d" % next(_serial)
        sw = self.world.switch
        run(["ip", "-n", sw, "tuntap", "add", "dev", self.port, "mode", "tap"])
        # The switch side of the cable says nothing by itself.
        run(["ip", "netns", "exec", sw, "sysctl", "-qw", "net.ipv6.conf.%s.disable_ipv6=1" % self.port])
        run(["ip", "-n", sw, "link", "set", self.port, "master", "br0", "up"])
        self.world.cleanup.callback(self.cut_power)

    def _furnish(self, tree):
        def put(path, text):
            with open(os.path.join(tree, path), "w") as f:
                f.write(text)
        put("etc/hostname", self.name + "\n")
        put("etc/fstab", "/dev/vda / ext4 defaults 0 1\n")
        put("etc/network/interfaces", IFUPDOWN % (self.v4, self.v6))
        put("etc/systemd/network/eth0.network", NETWORKD % (self.v4, self.v6))
        put("root/door", DOOR)
        unit(tree, "test-door", DOOR_UNIT, "multi-user.target")
        if self.talk_to:
            unit(tree, "test-talker", TALKER % self.talk_to)
        run(["systemctl", "--root", tree, "enable", "systemd-networkd.service"])
        os.makedirs(os.path.join(tree, "debs"))
        for d in self.debs:
            shutil.copy(d, os.path.join(tree, "debs"))
        run(["chroot", tree, "sh", "-c", "dpkg -i /debs/*.deb"], timeout=120)

    def boot(self, network="networkd"):
        """The network is brought up by "networkd" or "ifupdown"; both are
        set up, and the kernel's command line masks the other one."""
        masked = "".join(" systemd.mask=" + unit for unit in OTHER[network])
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.door)
        log = open(self.path("qemu.log"), "ab")
        self.qemu = subprocess.Popen(
            ["ip", "netns", "exec", self.world.switch, "qemu-system-x86_64", "-machine", "q35,accel=tcg", "-cpu", "max",
             "-smp", "2", "-m", str(MEMORY_MIB), "-nodefaults", "-display", "none", "-no-reboot",
             "-kernel", self.kernel, "-initrd", self.initrd, "-append",
             "root=/dev/vda rw quiet console=ttyS0 net.ifnames=0 random.trust_cpu=on" + masked,
             "-drive", "file=%s,format=raw,if=virtio" % self.disk, "-device", "virtio-rng-pci",
             "-netdev", "tap,id=n,ifname=%s,script=no,downscript=no" % self.port,
             "-device", "virtio-net-pci,netdev=n,mac=" + self.mac,
             "-serial", "file:" + self.path("console.log"), "-serial", "unix:%s,server=on,wait=off" % self.door],
            stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        log.close()
        self.line = wait_for("qemu's serial line", self._connect, 20)
        began, self.rest = time.monotonic(), b""
        while self._read_line(BOOT_SECONDS) != b"ready":
            continue
        self.boot_seconds = time.monotonic() - began
        wait_for(self.name + " is up", lambda: self.sh("systemctl is-system-running", check=False).stdout.strip() in
                 ("running", "degraded"), BOOT_SECONDS, 0.5)
        failed = self.sh("systemctl --failed --plain --no-legend").stdout.strip()
        if failed:
            raise Failed("units of %s failed at boot:\n%s" % (self.name, failed))
        return self

    def _connect(self):
        s = socket.socket(socket.AF_UNIX)
        try:
            s.connect(self.door)
        except OSError:
            s.close()
            raise
        return s

    def _read_line(self, seconds):
        end = time.monotonic() + seconds
        while b"\n" not in self.rest:
            if not select.select([self.line], [], [], max(0, end - time.monotonic()))[0]:
                raise Failed("%s: nothing on its serial line within %g s\n%s" % (self.name, seconds, self.console()))
            got = self.line.recv(65536)
            if not got:
                raise Failed("%s: qemu ended\n%s" % (self.name, self.console()))
            self.rest += got
        line, self.rest = self.rest.split(b"\n", 1)
        return line.strip(b"\r\0")

    def sh(self, script, check=True, timeout=120):
        self.line.sendall(base64.b64encode(script.encode()) + b"\n")
        status, _, out = self._read_line(timeout).partition(b" ")
        p = subprocess.CompletedProcess(script, int(status), base64.b64decode(out).decode(errors="replace"))
        if check and p.returncode != 0:
            raise Failed("%s: %s\nexit %d\n%s" % (self.name, script, p.returncode, p.stdout))
        return p

    def run(self, args, **kw):
        return self.sh(shlex.join(str(a) for a in args), **kw)

    def cut_power(self):
        """As if somebody pulled the plug: nothing in it gets a word."""
        if self.qemu is None:
            return
        self.line.close()
        if self.qemu.poll() is None:
            self.qemu.kill()
        self.qemu.wait()
        self.qemu = None

    def unit(self, name, *properties):
        out = self.run(["systemctl", "show", name, "-p", ",".join(properties)]).stdout
        return dict(line.split("=", 1) for line in out.splitlines() if "=" in line)

    def console(self):
        with contextlib.suppress(OSError), open(self.path("console.log"), errors="replace") as f:
            return f.read()[-3000:]
        return ""

    def journal(self):
        return self.sh("journalctl --no-pager -b -n 80 -u 'cordon*'", check=False).stdout
