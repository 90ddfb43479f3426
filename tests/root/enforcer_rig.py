# SPDX-License-Identifier: GPL-3.0-or-later
"""Two network namespaces, "host" with a real agent-enforcer in it and "peer"
with servers and a capture, joined by one cable.  Nothing outside them is
touched; close() removes both.

    rig = Rig()
    rig.start()
    rig.order(profile="strict")        # waits for the answer
    rig.tcp("host", V4, 80)            # False: blocked
"""
import ctypes
import itertools
import os
import queue
import re
import select
import shutil
import socket
import struct
import subprocess
import tempfile
import threading
import time

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.path.join(TOP, os.environ.get("BUILD", "build"))
UID_NETWORK, UID_ENFORCER = 61001, 61002
HOST4, PEER4, HOST6, PEER6 = "10.9.0.1", "10.9.0.2", "fd09::1", "fd09::2"
COLLECTOR, OTHER, UDP, INBOUND = 443, 80, 53, 2222
COLLECTORS = "%s:%d,[%s]:%d" % (PEER4, COLLECTOR, PEER6, COLLECTOR)
libc = ctypes.CDLL(None, use_errno=True)
serial = itertools.count(1)


def run(*args, check=True):
    p = subprocess.run(args, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                       stderr=subprocess.STDOUT, text=True, timeout=60)
    if check and p.returncode:
        raise AssertionError("%s: %s" % (" ".join(args), p.stdout))
    return p


def in_thread(ns, uid, fn):
    """FN's value, run in a namespace and as a user: both are a thread's own."""
    out = {}

    def body():
        fd = os.open("/run/netns/" + ns, os.O_RDONLY)
        try:
            if libc.setns(fd, 0x40000000) != 0:
                raise OSError(ctypes.get_errno(), "setns")
            if uid and libc.syscall(117, uid, uid, uid) != 0:  # this thread only
                raise OSError(ctypes.get_errno(), "setresuid")
            out["value"] = fn()
        except BaseException as e:  # handed to the caller
            out["error"] = e
        finally:
            os.close(fd)

    t = threading.Thread(target=body)
    t.start()
    t.join()
    if "error" in out:
        raise out["error"]
    return out["value"]


def family(address):
    return socket.AF_INET6 if ":" in address else socket.AF_INET


class Peer(threading.Thread):
    """Echo servers on the peer's ports, and a listener on the host's."""

    def __init__(self, ns, tcp, udp):
        super().__init__(daemon=True)
        self.poll, self.listeners, self.streams, self.dgrams = select.poll(), {}, {}, {}
        in_thread(ns, 0, lambda: self.open(tcp, udp))
        self.running = True
        self.start()

    def open(self, tcp, udp):
        for fam, any_ in ((socket.AF_INET, "0.0.0.0"), (socket.AF_INET6, "::")):
            for kind, ports, where in ((socket.SOCK_STREAM, tcp, self.listeners),
                                       (socket.SOCK_DGRAM, udp, self.dgrams)):
                for port in ports:
                    s = socket.socket(fam, kind)
                    if fam == socket.AF_INET6:
                        s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
                    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                    s.bind((any_, port))
                    if kind == socket.SOCK_STREAM:
                        s.listen(16)
                    where[s.fileno()] = s
                    self.poll.register(s, select.POLLIN)

    def run(self):
        while self.running:
            for fd, _ in self.poll.poll(50):
                try:
                    self.serve(fd)
                except OSError:
                    pass

    def serve(self, fd):
        if fd in self.listeners:
            s, _ = self.listeners[fd].accept()
            self.streams[s.fileno()] = s
            self.poll.register(s, select.POLLIN)
        elif fd in self.dgrams:
            data, who = self.dgrams[fd].recvfrom(2048)
            self.dgrams[fd].sendto(data, who)
        else:
            s = self.streams[fd]
            try:
                data = s.recv(2048)
            except OSError:
                data = b""
            if data:
                s.sendall(data)
            else:
                self.poll.unregister(fd)
                del self.streams[fd]
                s.close()

    def close(self):
        self.running = False
        self.join()
        for s in [*self.listeners.values(), *self.dgrams.values(), *self.streams.values()]:
            s.close()


def describe(frame):
    """(what, detail) of an Ethernet frame."""
    kind = struct.unpack("!H", frame[12:14])[0]
    if kind == 0x0806:
        return "arp", ""
    if kind == 0x0800:
        proto, l4 = frame[23], frame[14 + (frame[14] & 15) * 4:]
        dst = socket.inet_ntop(socket.AF_INET, frame[30:34])
    elif kind == 0x86dd:
        proto, l4 = frame[20], frame[54:]
        dst = socket.inet_ntop(socket.AF_INET6, frame[38:54])
        if proto == 58 and l4[0] in (135, 136):
            return "nd", ""
    else:
        return "type", hex(kind)
    if proto in (6, 17):
        return {6: "tcp", 17: "udp"}[proto], "%s %d" % (dst, struct.unpack("!H", l4[2:4])[0])
    return "ip", "%s proto %d" % (dst, proto)


class Capture:
    """All frames that arrive at a device of a namespace."""

    def __init__(self, ns, device):
        self.s = in_thread(ns, 0, lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW,
                                                        socket.htons(3)))
        in_thread(ns, 0, lambda: self.s.bind((device, 3)))
        self.s.setsockopt(socket.SOL_SOCKET, 33, 8 << 20)  # SO_RCVBUFFORCE
        self.s.setblocking(False)

    def frames(self):
        out = []
        while True:
            try:
                frame, who = self.s.recvfrom(65536)
            except BlockingIOError:
                return out
            if who[2] != 4:  # PACKET_OUTGOING
                out.append(frame)

    def forbidden(self):
        """What came and is neither ARP, ND nor TCP to the collector."""
        fine = {("tcp", "%s %d" % (a, COLLECTOR)) for a in (PEER4, PEER6)}
        seen = [describe(f) for f in self.frames()]
        return [d for d in seen if d[0] not in ("arp", "nd") and d not in fine]

    def close(self):
        self.s.close()


class Rig:
    def __init__(self, never=False, prove=3600, cable=True, without=(), park=False, guard=False):
        n = "enf%d-%d" % (os.getpid(), next(serial))
        self.ns = {"host": n + "h", "peer": n + "p"}
        self.dir = tempfile.mkdtemp(prefix="cordon-rig-")
        os.chmod(self.dir, 0o755)
        self.state = os.path.join(self.dir, "state", "enforcer")
        os.makedirs(self.state)
        self.epoch, self.driver, self.peers, self.captures = 0, None, [], []
        self.never, self.prove_seconds = never, prove
        self.options = [a for w in without for a in ("-w", w)] + ["-K"] * park + ["-g", BUILD + "/bin/agent-guard"] * guard
        for ns in self.ns.values():
            run("ip", "netns", "add", ns)
            self.cmd_ns(ns, "ip", "link", "set", "lo", "up")
            for which in ("all", "default"):  # no waiting for duplicate addresses
                self.cmd_ns(ns, "sysctl", "-qw", "net.ipv6.conf.%s.accept_dad=0" % which)
        if cable:
            self.cable()
        self.spawn()

    # -- the world ------------------------------------------------------------

    def cmd_ns(self, ns, *args, check=True):
        return run("ip", "netns", "exec", ns, *args, check=check)

    def cmd(self, side, *args, check=True):
        return self.cmd_ns(self.ns[side], *args, check=check)

    def cable(self):
        run("ip", "link", "add", "v0", "netns", self.ns["host"], "type", "veth",
            "peer", "name", "p0", "netns", self.ns["peer"])
        for side, dev, v4, v6 in (("host", "v0", HOST4, HOST6), ("peer", "p0", PEER4, PEER6)):
            self.cmd(side, "ip", "addr", "add", v4 + "/24", "dev", dev)
            self.cmd(side, "ip", "addr", "add", v6 + "/64", "dev", dev, "nodad")
            self.cmd(side, "ip", "link", "set", dev, "up")
        self.peers.append(Peer(self.ns["peer"], (COLLECTOR, OTHER), (UDP,)))
        self.peers.append(Peer(self.ns["host"], (INBOUND,), (INBOUND,)))
        end = time.monotonic() + 10  # a new cable needs a moment, IPv6 above all
        while not all(self.tcp("host", a, OTHER) for a in (PEER4, PEER6)):
            assert time.monotonic() < end, "the cable carries nothing"

    def capture(self, device="p0"):
        c = Capture(self.ns["peer"], device)
        self.captures.append(c)
        return c

    def connect(self, side, address, port, uid=0, seconds=0.6):
        def go():
            s = socket.socket(family(address), socket.SOCK_STREAM)
            s.settimeout(seconds)
            try:
                s.connect((address, port))
            except OSError:
                s.close()
                return None
            return s
        return in_thread(self.ns[side], uid, go)

    def echo(self, s, seconds=0.6):
        s.settimeout(seconds)
        try:
            s.sendall(b"cordon")
            return s.recv(16) == b"cordon"
        except OSError:
            return False

    def tcp(self, side, address, port, uid=0):
        s = self.connect(side, address, port, uid)
        if s is None:
            return False
        with s:
            return self.echo(s)

    def udp(self, side, address, port, uid=0):
        def go():
            s = socket.socket(family(address), socket.SOCK_DGRAM)
            with s:
                s.settimeout(0.4)
                try:
                    s.sendto(b"cordon", (address, port))
                    return s.recv(16) == b"cordon"
                except OSError:
                    return False
        return in_thread(self.ns[side], uid, go)

    def raw(self, side, device, frames, uid=0):
        """Send frames by AF_PACKET, from a socket of user UID that root made; how many were taken."""
        def go():
            libc.setfsuid(uid)
            s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
            took = 0
            with s:
                s.bind((device, 0))
                for f in frames:
                    try:
                        s.send(f)
                        took += 1
                    except OSError:
                        pass
            return took
        return in_thread(self.ns[side], 0, go)

    def mac(self, side, device):
        out = self.cmd(side, "ip", "-o", "link", "show", device).stdout
        return bytes.fromhex(re.search(r"link/ether (\S+)", out).group(1).replace(":", ""))

    def nft(self, *args, check=False):
        return self.cmd("host", "nft", *args, check=check)

    def tables(self):
        return [l for l in self.nft("list", "tables").stdout.split("\n") if "cordon" in l]

    def rules_file(self):
        """The rules in force as text for `nft -f`, owned by nobody."""
        text = self.nft("list", "ruleset", check=True).stdout
        path = os.path.join(self.dir, "rules")
        with open(path, "w") as f:
            f.write(re.sub("\tflags owner\n| # progname.*", "", text))
        return path

    # -- the enforcer ------------------------------------------------------------

    def spawn(self):
        args = ["ip", "netns", "exec", self.ns["host"], BUILD + "/test/enforcer-driver",
                "-e", BUILD + "/bin/agent-enforcer", "-s", self.state, "-u", str(UID_NETWORK),
                "-U", str(UID_ENFORCER), "-k", self.dir + "/key", "-P", self.dir + "/public",
                "-c", self.dir + "/control", "-p", str(self.prove_seconds), "-C", COLLECTORS]
        self.driver = subprocess.Popen(args + self.options + ["-n"] * self.never, text=True,
                                       stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                       stderr=open(self.dir + "/log", "a"))
        self.events, self.seen = queue.Queue(), []
        threading.Thread(target=self.reader, args=(self.driver.stdout,), daemon=True).start()

    def reader(self, out):
        for line in out:
            words = line.rstrip("\n").split("\t")
            e = dict(w.split("=", 1) for w in words[1:] if "=" in w)
            e["event"] = words[0]
            self.events.put(e)

    def say(self, line):
        self.driver.stdin.write(line + "\n")
        self.driver.stdin.flush()

    def expect(self, event, seconds=10, **fields):
        """The next such event; others before it are dropped."""
        end = time.monotonic() + seconds
        dropped = []
        while True:
            try:
                e = self.events.get(timeout=max(0.001, end - time.monotonic()))
            except queue.Empty:
                with open(self.dir + "/log") as f:
                    log = f.read()[-3000:]
                raise AssertionError("no %s %r within %g s; saw %r\n%s"
                                     % (event, fields, seconds, dropped, log)) from None
            if e["event"] == event and all(e.get(k) == v for k, v in fields.items()):
                return e
            dropped.append(e)

    def start(self):
        self.say("start")
        self.pid = int(self.expect("started")["pid"])
        self.expect("ready")
        return self.expect("state")

    def kill(self):
        self.say("kill")
        self.expect("ended")

    def order(self, answer=True, **fields):
        self.epoch += 1
        fields = {"epoch": self.epoch, "collectors": COLLECTORS, **fields}
        self.say("order " + " ".join("%s=%s" % f for f in fields.items()))
        self.order_id = self.expect("order")["id"]
        return self.expect("answer", order=self.order_id) if answer else None

    def apply(self, profile="strict", **fields):
        a = self.order(profile=profile, **fields)
        assert a["result"] == "applied", a
        return a

    def close(self):
        self.driver.stdin.close()
        self.driver.wait(timeout=10)
        for x in self.peers + self.captures:
            x.close()
        for ns in self.ns.values():
            run("ip", "netns", "del", ns, check=False)
        shutil.rmtree(self.dir)
