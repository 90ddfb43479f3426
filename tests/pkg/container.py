# SPDX-License-Identifier: GPL-3.0-or-later
"""A Debian 12 machine that boots: debootstrap's tree under systemd-nspawn,
in a network namespace on the switch of a World.  Its network is brought up
by a unit of its own, as on a real machine, and a talker sends to a peer from
then on, so that a capture outside shows when the first frame gets out."""
import contextlib
import glob
import itertools
import os
import shutil
import subprocess

from debian import TALKER, base_tree, unit
from world import Failed, Machine, run, stop, wait_for

CGROUPS = ("/sys/fs/cgroup/systemd", "/sys/fs/cgroup/unified", "/sys/fs/cgroup")
_serial = itertools.count(1)

NETWORK = """[Unit]
Description=The network of this machine
DefaultDependencies=no
After=network-pre.target
Wants=network-pre.target
Before=network.target
[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=ip link set lo up
ExecStart=ip link set eth0 up
ExecStart=ip addr add %s/24 dev eth0
ExecStart=ip addr add %s/64 dev eth0 nodad
[Install]
WantedBy=sysinit.target
"""


class Trees:
    """Debian's tree, copied for each container."""

    def __init__(self, debs):
        self.debs, self.base = debs, base_tree(debs)

    def copy(self, to):
        run(["cp", "-a", "--reflink=auto", self.base, to], timeout=120)
        os.makedirs(os.path.join(to, "debs"))
        for d in self.debs:
            shutil.copy(d, os.path.join(to, "debs"))


    def version(self, package, version, folder):
        """PACKAGE as another VERSION of itself; the path of its file."""
        deb = next(d for d in self.debs if os.path.basename(d).startswith(package + "_"))
        tree, out = os.path.join(folder, version), os.path.join(folder, "%s_%s.deb" % (package, version))
        run(["dpkg-deb", "-R", deb, tree])
        run(["sed", "-i", "s/^Version: .*/Version: %s/" % version, os.path.join(tree, "DEBIAN/control")])
        run(["dpkg-deb", "--root-owner-group", "-Z", "gzip", "-z1", "-b", tree, out])
        shutil.rmtree(tree)
        return out


class Container(Machine):
    """boot(), power_off(), reboot(); a boot begins with an empty kernel: its
    network namespace, and all rules in it, are new."""

    def __init__(self, world, name, trees, talk_to=None):
        self.trees, self.talk_to, self.nspawn, self.init = trees, talk_to, None, None
        super().__init__(world, name, next(world.numbers))

    def _make(self):
        self.root = self.path("root")
        self.trees.copy(self.root)
        with open(os.path.join(self.root, "etc/hostname"), "w") as f:
            f.write(self.name + "\n")
        unit(self.root, "test-network", NETWORK % (self.v4, self.v6))
        if self.talk_to:
            unit(self.root, "test-talker", TALKER % self.talk_to)
        self.machine = self.ns
        self.cgroups = [os.path.join(c, self.machine) for c in CGROUPS if os.path.exists(c + "/cgroup.procs")]
        self.world.cleanup.callback(self.power_off)

    def plug_in(self):
        """A new namespace with a cable to the switch; the link is down."""
        run(["ip", "netns", "add", self.ns])
        self.port = "q%d" % next(_serial)
        run(["ip", "link", "add", self.port, "netns", self.world.switch, "type", "veth", "peer", "name", "eth0",
             "address", "02:00:00:00:00:%02x" % int(self.v4.rsplit(".", 1)[1]), "netns", self.ns])
        run(["ip", "-n", self.world.switch, "link", "set", self.port, "master", "br0", "up"])

    def boot(self):
        """Call plug_in() before, and a Sniffer between the two."""
        for c in self.cgroups:
            os.makedirs(c, exist_ok=True)
        join = " ".join("echo $$ >%s/cgroup.procs &&" % c for c in self.cgroups)
        log = open(self.path("console.log"), "ab")
        self.nspawn = subprocess.Popen(
            ["sh", "-c", join + ' exec "$@"', "sh", "systemd-nspawn", "--quiet", "--boot", "-D", self.root,
             "--machine", self.machine, "--network-namespace-path=/run/netns/" + self.ns,
             "--register=no", "--keep-unit", "--link-journal=no", "--console=pipe", "--settings=no",
             "--resolv-conf=off", "--timezone=off", "--capability=CAP_NET_ADMIN,CAP_NET_RAW,CAP_BPF,CAP_PERFMON",
             "--system-call-filter=fanotify_init fanotify_mark name_to_handle_at open_by_handle_at bpf",
             "--kill-signal=SIGRTMIN+3"],
            stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        log.close()
        self.init = wait_for("PID 1 of " + self.name, self._leader, 30)
        wait_for(self.name + " is up", lambda: self.run(["systemctl", "is-system-running"], check=False)
                 .stdout.strip() in ("running", "degraded"), 60)
        failed = self.run(["systemctl", "--failed", "--plain", "--no-legend"]).stdout.strip()
        if failed:
            raise Failed("units of %s failed at boot:\n%s" % (self.name, failed))
        return self

    def _leader(self):
        if self.nspawn.poll() is not None:
            with open(self.path("console.log")) as f:
                raise Failed("systemd-nspawn ended: " + f.read()[-1000:])
        for pid in run(["pgrep", "-P", str(self.nspawn.pid)], check=False).stdout.split():
            with open("/proc/%s/comm" % pid) as f:
                if f.read().strip() == "systemd" and os.path.exists("/proc/%s/root/run/systemd/private" % pid):
                    return int(pid)
        return None

    def power_off(self):
        if self.nspawn is None:
            return
        stop(self.nspawn, 40)
        self.nspawn = None
        run(["ip", "netns", "del", self.ns], check=False)
        run(["ip", "-n", self.world.switch, "link", "del", self.port], check=False)
        for c in self.cgroups:
            run(["find", c, "-depth", "-type", "d", "-exec", "rmdir", "{}", "+"], check=False)
        for left in ("propagate/" + self.machine, "locks/inode-*"):
            for path in glob.glob("/run/systemd/nspawn/" + left):
                if os.path.isdir(path):
                    os.rmdir(path)

    def inside(self, args):
        return ["nsenter", "--target", str(self.init), "--all"] + [str(a) for a in args]

    def sh(self, script, **kw):
        return self.run(["sh", "-c", script], **kw)

    def unit(self, name, *properties):
        """Properties of a unit, as words."""
        out = self.run(["systemctl", "show", name, "-p", ",".join(properties)]).stdout
        return dict(line.split("=", 1) for line in out.splitlines() if "=" in line)

    def install(self, package, **kw):
        return self.sh("dpkg -i /debs/%s_*.deb" % package, **kw)

    def uid(self, user):
        return int(self.run(["id", "-u", user]).stdout)

    def processes(self, folder):
        """{program: (pid, /proc/PID/status)} of what runs from FOLDER inside."""
        found, here = {}, os.readlink("/proc/%d/ns/pid" % self.init)
        for pid in filter(str.isdigit, os.listdir("/proc")):
            with contextlib.suppress(OSError):
                exe = os.readlink("/proc/%s/exe" % pid)
                if os.path.dirname(exe) == folder and os.readlink("/proc/%s/ns/pid" % pid) == here:
                    with open("/proc/%s/status" % pid) as f:
                        found[os.path.basename(exe)] = (int(pid), dict(
                            line.rstrip("\n").split(":\t", 1) for line in f if ":\t" in line))
        return found

    def files(self):
        """Every path on its disk but what systemd, dpkg and logs keep."""
        found = set()
        skip = ("proc", "sys", "dev", "run", "tmp", "var/tmp", "var/log", "var/cache", "var/lib/dpkg",
                "var/lib/systemd", "debs")
        for folder, dirs, names in os.walk(self.root):
            here = os.path.relpath(folder, self.root)
            here = "" if here == "." else here + "/"
            dirs[:] = [d for d in dirs if here + d not in skip]
            found.update("/" + here + n for n in dirs + names)
        return found

    def journal(self):
        return self.run(["journalctl", "--no-pager", "-n", "60", "-u", "cordon*"], check=False).stdout

