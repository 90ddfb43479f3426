# SPDX-License-Identifier: GPL-3.0-or-later
"""A small world of real parts: network namespaces on one switch, a collector
with its signer, hosts with their agents, a peer to talk to.  Used by the
scenarios and the demo.  Touches only namespaces that it made, and a work
folder; close() takes all of it away again.

    with World("demo") as w:
        col = w.collector()
        host = w.host("fin-ws-1")
        host.enrol(col, group="treasury")
        host.start_agent()
"""
import contextlib
import ipaddress
import itertools
import json
import os
import re
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BIN = os.path.join(TOP, "build/bin")
V4, V6 = "10.77.%d.%d", "fd77:%d::%d"
# No user is made on the machine: numbers stand for the packages' users.
UID = {"cordon": 61001, "cordon-enforcer": 61002, "cordon-sensors": 61003,
       "cordon-guard": 61004,
       "cordon-collector": 61011, "cordon-signer": 61012}
_serial = itertools.count(1)


class Failed(AssertionError):
    pass


def run(args, check=True, timeout=60, **kw):
    kw.setdefault("stdin", subprocess.DEVNULL)
    p = subprocess.run(args, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                       errors="replace", timeout=timeout, **kw)
    if check and p.returncode != 0:
        raise Failed("%s\nexit %d\n%s" % (" ".join(map(str, args)), p.returncode, p.stdout))
    return p


def write_conf(path, sections):
    """{section: {key: value or values}}"""
    with open(path, "w") as f:
        for section, keys in sections.items():
            f.write("[%s]\n" % section)
            for key, value in keys.items():
                for v in value if isinstance(value, list) else [value]:
                    f.write("%s = %s\n" % (key, v))


def wait_for(what, test, seconds=20, every=0.05):
    """Until TEST() is true; its value.  Fails loudly, naming WHAT."""
    end = time.monotonic() + seconds
    last = None
    while time.monotonic() < end:
        try:
            last = test()
            if last:
                return last
        except (Failed, OSError, KeyError, ValueError) as e:
            last = e
        time.sleep(every)
    raise Failed("not within %g s: %s (last: %r)" % (seconds, what, last))


class Machine:
    """One namespace with its own network, mounts and host name."""

    def __init__(self, world, name, number):
        self.world, self.name = world, name
        self.ns = "cdn%d-%d-%s" % (os.getpid(), next(_serial), re.sub("[^a-z0-9]", "", name)[:8])
        self.v4, self.v6 = V4 % (world.net, number), V6 % (world.net, number)
        self.dir = os.path.join(world.dir, name)
        os.makedirs(self.dir)
        self.children = []
        self._make()

    def _make(self):
        run(["ip", "netns", "add", self.ns])
        self.world.cleanup.callback(run, ["ip", "netns", "del", self.ns], check=False)
        self.port = "p%d" % next(_serial)
        run(["ip", "link", "add", self.port, "netns", self.world.switch, "type", "veth",
             "peer", "name", "eth0", "netns", self.ns])
        run(["ip", "-n", self.world.switch, "link", "set", self.port, "master", "br0", "up"])
        for cmd in (["link", "set", "lo", "up"], ["link", "set", "eth0", "up"],
                    ["addr", "add", self.v4 + "/24", "dev", "eth0"],
                    ["addr", "add", self.v6 + "/64", "dev", "eth0", "nodad"]):
            run(["ip", "-n", self.ns] + cmd)
        # Its own /etc, so that what happens to a host's files happens to it alone.
        etc = os.path.join(self.dir, "etc")
        shutil.copytree("/etc", etc, symlinks=True, ignore_dangling_symlinks=True)
        for entry in os.scandir("/etc"):
            with contextlib.suppress(OSError):
                st = entry.stat(follow_symlinks=False)
                os.chown(os.path.join(etc, entry.name), st.st_uid, st.st_gid, follow_symlinks=False)
        script = ("mount --bind %s/etc /etc && hostname %s && exec sleep infinity" % (self.dir, self.name))
        self.init = subprocess.Popen(["nsenter", "--net=/run/netns/" + self.ns, "unshare", "--mount", "--uts",
                                      "--propagation", "private", "sh", "-c", script], stdin=subprocess.DEVNULL)
        self.world.cleanup.callback(self._end)
        # The script's text is an argument from the first moment; only the last program is called sleep.
        wait_for("mounts of " + self.name,
                 lambda: open("/proc/%d/cmdline" % self.init.pid, "rb").read().startswith(b"sleep\0"))

    def _end(self):
        for p in self.children + [self.init]:
            if p.poll() is None:
                p.kill()
            p.wait()

    def inside(self, args):
        return ["nsenter", "--target", str(self.init.pid), "--mount", "--uts", "--net"] + [str(a) for a in args]

    def run(self, args, **kw):
        return run(self.inside(args), **kw)

    def popen(self, args, **kw):
        kw.setdefault("stdin", subprocess.DEVNULL)
        p = subprocess.Popen(self.inside(args), **kw)
        self.children.append(p)
        return p

    def start(self, name, args):
        """A program of ours in the background; its output goes to a log."""
        log = open(os.path.join(self.dir, name + ".log"), "ab")
        p = self.popen(args, stdout=log, stderr=log)
        p.log = log.name
        log.close()
        return p

    def shift_clock(self, seconds):
        """Step the wall clock of this machine, now SECONDS off the real one: of what starts after the first call."""
        path = self.path("etc", "clock-shift")
        if not os.path.exists(path):
            so = os.path.join(self.world.libexec, "shift-clock.so")
            if not os.path.exists(so):
                shutil.copy(os.path.join(TOP, "build/test/shift-clock.so"), so)
                os.chmod(so, 0o755)
            with open(path, "wb") as f:
                f.write(struct.pack("=q", 0))
            os.chmod(path, 0o644)
            with open(self.path("etc", "ld.so.preload"), "w") as f:
                f.write(so + "\n")
        with open(path, "r+b") as f:
            f.write(struct.pack("=q", int(seconds)))

    def ip(self, *args, **kw):
        return self.run(["ip"] + list(args), **kw)

    def python(self, code, **kw):
        return self.popen([sys.executable, "-u", "-c", code], **kw)

    def read(self, path):
        with open(os.path.join(self.dir, path.lstrip("/"))) as f:
            return f.read()

    def path(self, *names):
        return os.path.join(self.dir, *names)


def stop(p, seconds=10):
    if p is None or p.poll() is not None:
        return
    p.terminate()
    try:
        p.wait(seconds)
    except subprocess.TimeoutExpired:
        p.kill()
        p.wait()


class Collector(Machine):
    AGENTS, API = 8443, 8444

    def setup(self, operator="root-admin", settings=None, policy=None):
        w = self.world
        self.state, self.conf = self.path("state"), self.path("collector.conf")
        self.signer_state, self.socket = self.path("signer"), self.path("signer-run", "socket")
        os.makedirs(os.path.dirname(self.socket))
        for d, user in ((self.state, "cordon-collector"), (self.signer_state, "cordon-signer"),
                        (os.path.dirname(self.socket), "cordon-signer")):
            os.makedirs(d, exist_ok=True)
            os.chown(d, UID[user], UID[user])
        # Socket folder: the collector must be able to walk into it.
        os.chmod(os.path.dirname(self.socket), 0o755)
        sections = {
            "collector": {"listen": ["0.0.0.0:%d" % self.AGENTS, "[::]:%d" % self.AGENTS],
                          "api_listen": ["0.0.0.0:%d" % self.API],
                          "advertise": ["%s:%d" % (self.v4, self.AGENTS), "[%s]:%d" % (self.v6, self.AGENTS)],
                          "database": "sqlite:" + os.path.join(self.state, "collector.db"),
                          "state_dir": self.state, "policy": self.path("policy.conf"), "heartbeat": "2s"},
            "signer": {"socket": self.socket},
            "orders": {"operator_min_age": "1s", "budget_percent_hour": "100"},
        }
        for section, keys in (settings or {}).items():
            sections.setdefault(section, {}).update(keys)
        write_conf(self.conf, sections)
        if policy is None:
            shutil.copy(os.path.join(TOP, "packaging/common/policy.conf"), self.path("policy.conf"))
        else:
            with open(self.path("policy.conf"), "w") as f:
                f.write(policy)
        self.start_signer()
        self.run([w.bin("cordon-collector"), "init", "--config", self.conf, "--operator", operator,
                  "--user", str(UID["cordon-collector"]), "--out", self.path("operators", operator)])
        self.start_collector()
        self.admin = Operator(self, operator)
        self.keys = self.admin.json("status")
        return self

    def start_signer(self):
        self.signer = self.start("signer", [self.world.bin("cordon-signer"), "--state", self.signer_state,
                                            "--socket", self.socket, "--user", str(UID["cordon-signer"]),
                                            "--allow-uid", str(UID["cordon-collector"])])
        wait_for("the signer's socket", lambda: os.path.exists(self.socket))

    def start_collector(self):
        self.collector = self.start("collector", [self.world.bin("cordon-collector"), "run", "--config", self.conf,
                                                  "--user", str(UID["cordon-collector"])])
        wait_for("the collector's API", lambda: self.run(
            [sys.executable, "-c", "import socket; socket.create_connection(('%s', %d), 1)" % (self.v4, self.API)],
            check=False).returncode == 0)

    def restart(self):
        stop(self.collector)
        self.start_collector()

    def ca_sha256(self):
        out = run(["openssl", "x509", "-in", os.path.join(self.state, "ca.pem"), "-noout", "-fingerprint",
                   "-sha256"]).stdout
        return out.split("=")[1].strip().replace(":", "").lower()

    def operator(self, name, *roles, group="*"):
        """A person with roles: added by the admin, enrolled with a key of their own."""
        args = ["operator", "add", name]
        for r in roles:
            args += ["--role", r if group == "*" else "%s:%s" % (r, group)]
        token = self.admin.json(*args)["token"]
        out = self.path("operators", name)
        self.run([self.world.bin("cordonctl"), "operator", "enrol", "--url", "https://%s:%d" % (self.v4, self.API),
                  "--ca-sha256", self.ca_sha256(), "--token", token, "--out", out])
        return Operator(self, name)

    def token(self, group="treasury", tier="T2", uses=1):
        return self.admin.json("enrol", "token", "--group", group, "--tier", tier, "--ttl", "1h", "--uses", uses)["token"]


class Operator:
    """cordonctl in one person's hands."""

    def __init__(self, collector, name):
        self.collector, self.name = collector, name
        self.conf = collector.path("operators", name, "cordonctl.conf")

    def args(self, *args):
        return [self.collector.world.bin("cordonctl"), "-c", self.conf] + [str(a) for a in args]

    def __call__(self, *args, check=True, timeout=120, **kw):
        """Run a command; its result with .stdout (both streams) and .returncode."""
        return self.collector.run(self.args(*args), check=check, timeout=timeout, **kw)

    def json(self, *args, check=True):
        """The last object of a command run with --json."""
        lines = self.lines(*args, check=check)
        if not lines:
            raise Failed("%s printed no object" % " ".join(map(str, args)))
        return lines[-1]

    def lines(self, *args, check=True):
        p = subprocess.run(self.collector.inside(self.args(*args, "--json")), stdin=subprocess.DEVNULL,
                           stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=120)
        if check and p.returncode != 0:
            raise Failed("cordonctl %s: exit %d\n%s%s" % (" ".join(map(str, args)), p.returncode, p.stdout, p.stderr))
        return [json.loads(line) for line in p.stdout.splitlines() if line.startswith("{")]


class Host(Machine):
    def setup_agent(self, watch=None, **settings):
        self.state, self.rundir, self.conf = self.path("agent-state"), self.path("agent-run"), self.path("agent.conf")
        self.libexec = self.world.libexec
        sections = {
            "agent": {"state_dir": self.state, "run_dir": self.rundir, "network_user": UID["cordon"],
                      "enforcer_user": UID["cordon-enforcer"], "sensors_user": UID["cordon-sensors"],
                      "guard_user": UID["cordon-guard"],
                      "notice": "no"},  # the terminals are those of the machine under the world
            "enforcer": {"prove_every": "10s"},
            "processes": {"processes": "no"},  # and so are the processes
            "state": {"leave_out": ["bpf", "loggers"]},  # what of the kernel and of processes is the whole machine's
            # Set-uid files are told wherever they are made: other tests make whole trees of them.
            "files": {"watch": watch or [self.path("ledger")], "rescan_every": "1h", "ignore": [TOP]},
        }
        for key, value in settings.items():
            section, name = key.split("__")
            sections.setdefault(section, {})[name] = value
        os.makedirs(self.path("ledger"), exist_ok=True)
        write_conf(self.conf, sections)
        return self

    def agent_args(self, *args):
        return [self.world.bin("cordon-agent"), args[0], "-c", self.conf, "--libexec", self.libexec] + list(args[1:])

    def agent(self, *args, **kw):
        return self.run(self.agent_args(*args), **kw)

    def enrol(self, collector, group="treasury", tier="T2", v6=False):
        to = ("[%s]" % collector.v6 if v6 else collector.v4) + ":%d" % collector.AGENTS
        self.agent("enrol", "--collector", to, "--token", collector.token(group, tier),
                   "--ca-sha256", collector.ca_sha256())
        return self

    def start_agent(self):
        self.parent = self.start("agent", self.agent_args("run"))
        return self

    def stop_agent(self):
        stop(self.parent)

    def processes(self):
        """Name to pid of the agent's living processes on this host; a child bears its parent's name until its exec."""
        found = {}
        for pid in sorted(filter(str.isdigit, os.listdir("/proc")), key=int):
            with contextlib.suppress(OSError):
                exe = os.readlink("/proc/%s/exe" % pid)
                if os.path.dirname(exe) == self.libexec and \
                        os.readlink("/proc/%s/ns/net" % pid) == os.readlink("/proc/%d/ns/net" % self.init.pid):
                    found.setdefault(os.path.basename(exe), int(pid))
        return found

    def kill(self, name, sig=signal.SIGKILL):
        os.kill(self.processes()[name], sig)

    def nft(self, *args, **kw):
        return self.run(["nft"] + list(args), **kw)

    def reaches(self, address, port, seconds=1.0):
        """Can a TCP connection to that place be made from here?"""
        code = ("import socket,sys\ntry:\n socket.create_connection(('%s',%d),%g)\nexcept OSError:\n sys.exit(1)"
                % (address, port, seconds))
        return self.run([sys.executable, "-c", code], check=False, timeout=30).returncode == 0

    def pings(self, address):
        return self.run(["ping", "-c", "1", "-W", "1", address], check=False).returncode == 0


class Peer(Machine):
    """A machine that answers: TCP echo on 5432 and a UDP counter on 5353."""
    TCP, UDP = 5432, 9999

    def setup(self):
        self.echo = self.python(ECHO % self.TCP)
        self.count = self.path("arrivals")
        self.udp = self.python(UDP_COUNT % (self.UDP, self.count))
        wait_for("the peer's ports", lambda: str(self.TCP) in self.run(["ss", "-Hltn"]).stdout and
                 str(self.UDP) in self.run(["ss", "-Hlun"]).stdout)
        return self

    def arrivals(self, address=None):
        """(seconds since the epoch, address) of each datagram that came."""
        with open(self.count) as f:
            rows = [line.split() for line in f if line.endswith("\n")]
        return [(float(t), a) for t, a in rows if address is None or a == address]


ECHO = r"""
import socket, threading
s = socket.socket(socket.AF_INET6); s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
s.bind(('::', %d)); s.listen(64)
def serve(c):
    try:
        while True:
            d = c.recv(4096)
            if not d: break
            c.sendall(d)
    except OSError: pass
while True:
    c, _ = s.accept(); threading.Thread(target=serve, args=(c,), daemon=True).start()
"""

UDP_COUNT = r"""
import socket, time
s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM); s.bind(('::', %d))
with open(%r, 'w', buffering=1) as f:
    while True:
        d, a = s.recvfrom(2048)
        f.write('%%.6f %%s\n' %% (time.time(), a[0].replace('::ffff:', '')))
"""

UDP_STREAM = r"""
import socket, time
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); n = 0
while True:
    try: s.sendto(b'%%d' %% n, (%r, %d))
    except OSError: pass
    n += 1; time.sleep(0.001)
"""

TCP_SESSION = r"""
import socket, sys, time
s = socket.create_connection((%r, %d), 5); s.settimeout(3)
print('up', flush=True)
n = 0
while True:
    try:
        s.sendall(b'x'); d = s.recv(1)
        if not d: raise OSError('closed by peer')
    except OSError as e:
        print('dead %%.6f %%s' %% (time.time(), e), flush=True); sys.exit(0)
    n += 1; time.sleep(0.01)
"""

# Counts every frame on a device as a passive listener outside of the host.
SNIFF = r"""
import socket, struct, sys, time
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3)); s.bind((%r, 0))
print('up', flush=True)
while True:
    d, a = s.recvfrom(65535)
    print('%%.6f %%d %%s' %% (time.time(), a[2], d.hex()), flush=True)
"""


class Frame:
    """One captured frame, taken apart as far as a judgement needs."""

    def __init__(self, at, direction, data):
        self.at, self.out_of_host = at, direction != socket.PACKET_OUTGOING
        self.data, self.src, self.dst, self.proto, self.sport, self.dport = data, "", "", None, 0, 0
        self.type = int.from_bytes(data[12:14], "big")
        ip = data[14:]
        if self.type == 0x0800 and len(ip) >= 20:
            self.src, self.dst = (str(ipaddress.ip_address(ip[i:i + 4])) for i in (12, 16))
            self.proto, rest = ip[9], ip[(ip[0] & 15) * 4:]
        elif self.type == 0x86dd and len(ip) >= 40:
            self.src, self.dst = (str(ipaddress.ip_address(ip[i:i + 16])) for i in (8, 24))
            self.proto, rest = ip[6], ip[40:]
        else:
            return
        if self.proto in (6, 17) and len(rest) >= 4:
            self.sport, self.dport = int.from_bytes(rest[:2], "big"), int.from_bytes(rest[2:4], "big")
        if self.proto == 58 and rest:
            self.sport = rest[0]

    def is_neighbour(self):
        return self.type == 0x0806 or (self.proto == 58 and self.sport in (135, 136))

    def is_line(self, collector):
        """Part of the one line to the collector?"""
        return self.proto == 6 and ((self.dst in (collector.v4, collector.v6) and self.dport == collector.AGENTS) or
                                    (self.src in (collector.v4, collector.v6) and self.sport == collector.AGENTS))

    def __repr__(self):
        return "%s %04x %s:%d -> %s:%d proto %s" % ("out" if self.out_of_host else "in", self.type, self.src,
                                                    self.sport, self.dst, self.dport, self.proto)


class Sniffer:
    """Everything that passes the switch port of a machine, seen from outside."""

    def __init__(self, machine):
        w = machine.world
        self.file = os.path.join(machine.dir, "capture-%d" % next(_serial))
        out = open(self.file, "wb")
        self.p = subprocess.Popen(["ip", "netns", "exec", w.switch, sys.executable, "-u", "-c", SNIFF % machine.port],
                                  stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.DEVNULL)
        out.close()
        w.cleanup.callback(self.stop)
        wait_for("the capture", lambda: os.path.getsize(self.file) > 0)

    def frames(self, since=0.0):
        found = []
        with open(self.file) as f:
            for line in f:
                part = line.split()
                if len(part) == 3 and line.endswith("\n") and float(part[0]) >= since:
                    found.append(Frame(float(part[0]), int(part[1]), bytes.fromhex(part[2])))
        return found

    def stop(self):
        if self.p.poll() is None:
            self.p.kill()
        self.p.wait()


class World:
    net = 0

    def __init__(self, name="world"):
        if os.geteuid() != 0:
            raise Failed("this needs root: it makes network namespaces")
        self.cleanup = contextlib.ExitStack()
        self.dir = tempfile.mkdtemp(prefix="cordon-%s-" % name)
        os.chmod(self.dir, 0o755)
        self.cleanup.callback(shutil.rmtree, self.dir, ignore_errors=True)
        self.libexec = os.path.join(self.dir, "libexec")
        shutil.copytree(BIN, self.libexec)
        for f in os.listdir(self.libexec):
            os.chmod(os.path.join(self.libexec, f), 0o755)
        World.net = World.net % 250 + 1
        self.net, self.numbers = World.net, itertools.count(10)
        self.switch = "cdn%d-%d-sw" % (os.getpid(), next(_serial))
        run(["ip", "netns", "add", self.switch])
        self.cleanup.callback(run, ["ip", "netns", "del", self.switch], check=False)
        run(["ip", "-n", self.switch, "link", "add", "br0", "type", "bridge"])
        run(["ip", "-n", self.switch, "link", "set", "br0", "up"])

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        if exc[0] is not None and os.environ.get("CORDON_KEEP"):
            print("kept: " + self.dir)
            self.cleanup.pop_all()
            return
        self.cleanup.close()

    def bin(self, program):
        return os.path.join(self.libexec, program)

    def collector(self, name="collector", **kw):
        return Collector(self, name, next(self.numbers)).setup(**kw)

    def host(self, name, watch=None, **settings):
        return Host(self, name, next(self.numbers)).setup_agent(watch, **settings)

    def peer(self, name="peer"):
        return Peer(self, name, next(self.numbers)).setup()

    def logs(self):
        """The end of each program's log, for a failure message."""
        text = ""
        for path, _, names in os.walk(self.dir):
            for n in names:
                if n.endswith(".log") and os.path.dirname(path) == self.dir or n == "collector.log":
                    with open(os.path.join(path, n), errors="replace") as f:
                        text += "--- %s\n%s\n" % (os.path.join(path, n), "".join(f.readlines()[-40:]))
        return text
