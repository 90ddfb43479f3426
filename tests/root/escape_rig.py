# SPDX-License-Identifier: GPL-3.0-or-later
"""The ground of the escape suite: a host with Cordon's enforcer, a collector
("peer") and a rogue machine on one switch, and a capture on the port that
the host's cable is plugged into, so that every frame that leaves the host is
seen, whoever it is for.

A way is a generator.  What stands before its `yield` happens on an open host;
at the `yield` the host is isolated; what follows is the attempt, and what it
returns says whether it got through:

    @way("tcp-new-4", "out", "a new TCP connection to another port")
    def _(line):
        yield
        return line.tcp_out(PEER4, OTHER)
"""
import contextlib
import errno
import itertools
import os
import socket
import struct
import subprocess
import threading
import time

import escape_frames as F
from enforcer_rig import (COLLECTOR, HOST4, HOST6, INBOUND, OTHER, PEER4, PEER6, UDP,
                          UID_NETWORK, Capture, Peer, Rig, family, in_thread, libc, run)

ROGUE4, ROGUE6 = "10.9.0.3", "fd09::3"
LEAK = 9999  # where the stream of the hands goes
WINDOW = 0.12  # seconds that an attempt is given to show
REGIMES = ("open", "inet", "iptables", "cordon", "guard")  # guard: cordon with it
serial = itertools.count(1)
WAYS = {}


class Impossible(Exception):
    """This machine cannot try this way; the text says why."""


class Way:
    def __init__(self, name, group, words, fn, hand=False, dirty=False, bare=False):
        self.id, self.group, self.words, self.fn = name, group, words, fn
        self.bare = bare    # prepares and changes nothing: isolation may stand
        self.hand = hand    # a change of the rules, answered by a reaction
        self.dirty = dirty  # the rig is built anew afterwards


def add_way(name, group, words, fn, **kw):
    assert name not in WAYS, name
    WAYS[name] = Way(name, group, words, fn, **kw)


def way(name, group, words, **kw):
    def deco(fn):
        add_way(name, group, words, fn, **kw)
        return fn
    return deco


class Outcome:
    """What one way did under one regime."""

    def __init__(self, got=0, ms=0.0, signal=None, ongoing=False, note=""):
        self.got = int(got)        # frames or messages that passed
        self.ms = ms               # from the first to the last, hands only
        self.signal = signal       # {"kind", "pid", "program", "text"} or None
        self.ongoing = ongoing     # still passing at the end
        self.note = note

    def answer(self):
        if self.note:
            return "impossible"
        if not self.got:
            return "blocked"
        if self.ms and not self.ongoing:
            return "healed"
        return "detected" if self.signal else "escaped"

    def text(self):
        a = self.answer()
        if a == "healed":
            return "healed %.0f ms" % self.ms
        return {"impossible": "not here", "escaped": "ESCAPED"}.get(a, a)


def as_user(ns, uid, fn):
    """FN in a namespace, by root whose sockets belong to UID."""
    def go():
        libc.syscall(122, uid)  # setfsuid: this thread only, capabilities stay
        return fn()
    return in_thread(ns, 0, go)


def open_packet(device):
    s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
    try:
        s.bind((device, 0))
    except OSError:
        s.close()
        raise
    return s


class Wire(Capture):
    """The capture on the switch, with the time of each frame."""

    def __init__(self, ns, device):
        super().__init__(ns, device)
        self.s.setsockopt(socket.SOL_SOCKET, 35, 1)  # SO_TIMESTAMPNS
        self.spilled = []

    def timed(self):
        out = []
        while True:
            try:
                frame, control, _, who = self.s.recvmsg(65536, 64)
            except BlockingIOError:
                return out
            if who[2] == 4:  # PACKET_OUTGOING
                continue
            sec, nsec = struct.unpack("qq", control[0][2][:16])
            out.append((sec + nsec / 1e9, frame))

    def frames(self):
        return [f for _, f in self.timed()]

    def count(self, marker, seconds=WINDOW, want=1):
        """Frames with MARKER (bytes or a predicate) within the window."""
        test = marker if callable(marker) else lambda f: marker in f
        n, end = 0, time.monotonic() + seconds
        while True:
            frames = self.frames()
            hits = [f for f in frames if test(f)]
            self.spilled += [f for f in frames if f not in hits]
            n += len(hits)
            if n >= want or time.monotonic() >= end:
                return n
            time.sleep(0.004)


class Line(Rig):
    """Rig with a switch, a rogue machine and the regimes."""

    def __init__(self, guard=False):
        self.stack = contextlib.ExitStack()
        self.signals, self.guard = [], guard
        super().__init__(park=True, guard=guard)  # as the agent's parent does
        self.regime = "open"
        self.start()

    # -- the world ------------------------------------------------------------

    def cable(self):
        base = self.ns["host"][:-1]
        for extra, letter in (("wire", "w"), ("rogue", "r")):
            self.ns[extra] = base + letter
            run("ip", "netns", "add", self.ns[extra])
        self.ip("wire", "link add br0 type bridge mcast_snooping 0", "link set br0 up")
        for side, dev, v4, v6 in (("host", "v0", HOST4, HOST6), ("peer", "p0", PEER4, PEER6),
                                  ("rogue", "r0", ROGUE4, ROGUE6)):
            # A number that no device of another test has: guards look at BPF maps of the whole machine.
            run("ip", "link", "add", dev, "index", str(10000 + os.getpid() % 30000 * 8 + next(serial) % 8), "netns",
                self.ns[side], "type", "veth", "peer", "name", "s" + dev, "netns", self.ns["wire"])
            self.cmd(side, "sysctl", "-qw", "net.ipv6.conf.all.accept_dad=0", "net.ipv6.conf.default.accept_dad=0")
            self.ip("wire", "link set s%s master br0 up" % dev)
            self.ip(side, "link set lo up", "addr add %s/24 brd + dev %s" % (v4, dev),
                    "addr add %s/64 dev %s nodad" % (v6, dev), "link set %s up" % dev)
        self.macs = {s: self.link_address(s, d) for s, d in (("host", "v0"), ("peer", "p0"), ("rogue", "r0"))}
        for far in ("peer", "rogue"):
            self.peers.append(Peer(self.ns[far], (COLLECTOR, OTHER), (UDP,)))
        self.peers.append(Peer(self.ns["host"], (INBOUND,), (INBOUND,)))
        end = time.monotonic() + 10
        while not all(self.tcp("host", a, OTHER) for a in (PEER4, PEER6, ROGUE4, ROGUE6)):
            assert time.monotonic() < end, "the cable carries nothing"
        self.wire = Wire(self.ns["wire"], "sv0")
        self.captures.append(self.wire)

    def ip(self, side, *lines, check=True):
        """Lines for iproute2's batch mode in one namespace."""
        p = subprocess.run(["ip", "-o", "-n", self.ns.get(side, side), "-batch", "-"], input="\n".join(lines) + "\n",
                           stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=20)
        if check and p.returncode:
            raise Impossible("ip %s: %s" % (lines, p.stdout.strip().split("\n")[0]))
        return p

    def link_address(self, side, device):
        return F.mac_of(self.ip(side, "link show dev " + device).stdout.split("link/ether ")[1].split()[0])

    def later(self, fn, *args, **kw):
        """Undone after this way, the rules being away again."""
        self.stack.callback(fn, *args, **kw)

    def ip_later(self, side, *lines):
        self.later(self.ip, side, *lines, check=False)

    def sysctl(self, side, name, value):
        old = self.cmd(side, "sysctl", "-n", name).stdout.strip()
        self.cmd(side, "sysctl", "-qw", "%s=%s" % (name, value))
        self.later(self.cmd, side, "sysctl", "-qw", "%s=%s" % (name, old))

    def namespace(self, name):
        """One more machine, gone after this way."""
        ns = "%s%s%d" % (self.ns["host"][:-1], name[0], next(serial))
        run("ip", "netns", "add", ns)
        self.later(run, "ip", "netns", "del", ns, check=False)
        self.ns[name] = ns
        self.later(self.ns.pop, name, None)
        self.ip(name, "link set lo up")
        return ns

    def more(self):
        """A second cable, x0, from the host to the switch; its capture."""
        host, far = "x0", "x1"
        self.ip("host", "link add %s type veth peer name %s netns %s" % (host, far, self.ns["wire"]))
        self.ip_later("host", "link del " + host)
        self.ip("wire", "link set %s master br0 up" % far)
        self.ip("host", "link set %s up" % host)
        wire = Wire(self.ns["wire"], far)
        self.later(wire.close)
        return wire

    # -- sockets ---------------------------------------------------------------

    def here(self, fn, side="host", uid=0):
        return as_user(self.ns[side], uid, fn) if uid else in_thread(self.ns[side], 0, fn)

    def sock(self, fam, kind, proto=0, side="host", uid=0):
        try:
            s = self.here(lambda: socket.socket(fam, kind, proto), side, uid)
        except OSError as e:
            raise Impossible("socket: %s" % e) from None
        self.later(s.close)
        s.setblocking(False)
        return s

    def packet(self, device="v0", kind=socket.SOCK_RAW, proto=0, bypass=False, uid=0, side="host"):
        s = self.sock(socket.AF_PACKET, kind, 0, side, uid)
        self.here(lambda: s.bind((device, proto)), side)
        if bypass:
            s.setsockopt(263, 20, 1)  # SOL_PACKET, PACKET_QDISC_BYPASS
        return s

    def frame_out(self, frame, marker, times=3, wire=None, **kw):
        """Send a frame by a packet socket; how many arrived."""
        s = self.packet(**kw)
        for _ in range(times):
            with contextlib.suppress(OSError):
                s.send(frame)
        return (wire or self.wire).count(marker)

    def token(self):
        return b"ESC%08d" % next(serial)

    def datagram(self, address, port, uid=0, sport=0, options=(), data=b"", times=3, device=None, source=""):
        """UDP from the host; how many came out of the cable."""
        t = self.token()
        s = self.sock(family(address), socket.SOCK_DGRAM, 0, "host", uid)
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        s.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        for level, name, value in options:
            s.setsockopt(level, name, value)
        if device:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, device.encode())
        if sport or source:
            s.bind((source, sport))
        for _ in range(times):
            with contextlib.suppress(OSError):
                s.sendto(t + data, (address, port))
        return self.wire.count(t)

    def raw_ip(self, address, proto, payload=b"", uid=0, options=(), times=3):
        """A protocol of IP without a socket type of its own."""
        t = self.token()
        s = self.sock(family(address), socket.SOCK_RAW, proto, "host", uid)
        for level, name, value in options:
            s.setsockopt(level, name, value)
        for _ in range(times):
            with contextlib.suppress(OSError):
                s.sendto(payload + t, (address, 0))
        return self.wire.count(t)

    def tcp_out(self, address, port, uid=0, sport=0, options=(), proto=0, wire=None):
        """A TCP connection: how many of its frames came out."""
        s = self.sock(family(address), socket.SOCK_STREAM, proto, "host", uid)
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        for level, name, value in options:
            s.setsockopt(level, name, value)
        s.bind(("", sport))
        ports = struct.pack("!HH", s.getsockname()[1], port)
        with contextlib.suppress(OSError):
            s.connect((address, port))
        return (wire or self.wire).count(ports)

    def connected(self, side, address, port, uid=0):
        """A live TCP connection, made while the host is open."""
        s = self.connect(side, address, port, uid, 2)
        if s is None or not self.echo(s, 2):
            raise Impossible("no connection: " + self.ip("host", "neigh show").stdout.replace("\n", "; "))
        self.later(s.close)
        return s

    def talk(self, s):
        """Does data still pass over this connection, or its answer?"""
        t = self.token()
        with contextlib.suppress(OSError):
            s.setblocking(False)
            s.send(t)
        return self.wire.count(t)

    def received(self, s, marker, seconds=WINDOW):
        """Messages with MARKER that a socket inside gets within the window."""
        n, end = 0, time.monotonic() + seconds
        while not n and time.monotonic() < end:
            with contextlib.suppress(OSError):
                n += marker in s.recv(65536)
                continue
            time.sleep(0.004)
        return n

    def inject(self, frames, side="peer"):
        """Frames put on the cable by a machine outside."""
        dev = {"peer": "p0", "rogue": "r0"}[side]
        s = self.packet(dev, side=side)
        for f in frames:
            s.send(f)

    def track(self):
        """An ordinary firewall that was there before, with tracking."""
        self.nft("add table inet before; add chain inet before in { type filter hook input priority 0; }; "
                 "add rule inet before in ct state established,related accept", check=True)
        self.later(self.nft, "delete table inet before")

    # -- regimes ----------------------------------------------------------------

    def feed(self, *args, text, check=True):
        p = subprocess.run(["ip", "netns", "exec", self.ns["host"], *args], input=text, stdout=subprocess.PIPE,
                           stderr=subprocess.STDOUT, text=True, timeout=30)
        if check and p.returncode:
            raise AssertionError("%s: %s" % (" ".join(args), p.stdout))
        return p

    def on(self, regime):
        self.wire.frames()
        self.regime = regime
        if regime == "inet":
            self.feed("nft", "-f", "-", text=PLAIN_INET)
        elif regime == "iptables":
            for tool, text in IPTABLES:
                self.feed(tool, text=text)
        else:
            self.apply("strict")
            if regime == "guard":
                self.guarded()

    def guarded(self):
        """The guard is on the cable, and on what else it takes, by now."""
        end = time.monotonic() + 2
        while time.monotonic() < end and not all(
                "cordon_in" in x for x in self.cmd("host", "ip", "-o", "-d", "link").stdout.strip().split("\n")):
            time.sleep(0.01)
        time.sleep(0.1)

    def fresh(self):
        """What was seen so far is of no way."""
        self.wire.frames()
        self.wire.spilled = []

    def heard(self):
        """The collector was heard, over ways that nobody has touched yet."""
        for a in (PEER4, PEER6):
            self.tcp("host", a, COLLECTOR)
        self.say("line")
        time.sleep(0.03)

    def off(self):
        regime, self.regime = self.regime, "open"
        if regime == "inet":
            self.nft("delete table inet plain")
        elif regime == "iptables":
            for tool, _ in IPTABLES:
                self.feed(tool, text="*filter\n:INPUT ACCEPT\n:FORWARD ACCEPT\n:OUTPUT ACCEPT\nCOMMIT\n")
        elif regime in ("cordon", "guard"):
            if not os.path.exists("/proc/%d/fd/0" % self.pid):
                self.start()
            self.apply("open")
        self.nft("flush ruleset")

    def reader(self, out):
        """Signals are kept aside, with the time they came."""
        for line in out:
            words = line.rstrip("\n").split("\t")
            e = dict(w.split("=", 1) for w in words[1:] if "=" in w)
            e["event"] = words[0]
            if e["event"] == "signal":
                e["at"] = time.monotonic()
                self.signals.append(e)
            self.events.put(e)

    def signal(self, seconds=1.5):
        """The first signal since isolation, if need be after SECONDS; or None."""
        end = time.monotonic() + seconds
        while not self.signals and time.monotonic() < end:
            time.sleep(0.02)
        return self.signals[0] if self.signals else None

    def senders(self, device="v0"):
        """What a thief would send all the time: a datagram and a raw frame."""
        s = self.sock(socket.AF_INET, socket.SOCK_DGRAM)
        a, b = self.token(), self.token()
        f = F.of_ip(self.macs["peer"], self.macs["host"], F.ip4(HOST4, PEER4, 17, F.udp(HOST4, PEER4, LEAK, LEAK, b)))
        return [(a, lambda: s.sendto(a, (PEER4, LEAK))), (b, self.persistent(device, f))]

    def persistent(self, device, frame, side="host"):
        """Sends FRAME by a packet socket of a device that may come and go."""
        p = []

        def send():
            if not p:
                p.append(self.here(lambda: open_packet(device), side))
                self.later(p[0].close)
            try:
                p[0].send(frame)
            except OSError as e:
                if e.errno in (errno.ENXIO, errno.ENODEV):  # the device is gone
                    p.pop().close()
        return send

    def leak(self, hand, senders=None, wires=None, quiet=0.4, most=2.5):
        """Run HAND while SENDERS, pairs of token and function, send all the
        time; then look until it has been QUIET, at most MOST seconds.  What
        passes before the hand is of other rows, and is left out if it can."""
        send = senders or self.senders()
        wires = wires or [self.wire]
        over, seen = threading.Event(), {t: [] for t, _ in send}

        def pump():
            while not over.is_set():
                for _, one in send:
                    with contextlib.suppress(OSError, Impossible):
                        one()
                time.sleep(0.0005)

        def look():
            time.sleep(0.02)
            n = 0
            for at, frame in (x for w in wires for x in w.timed()):
                for t in seen:
                    if t in frame:
                        seen[t].append(at)
                        n += t not in early
            return n
        early = set()
        look()
        thread = threading.Thread(target=pump)
        thread.start()
        try:
            time.sleep(0.04)
            look()
            early = {t for t in seen if seen[t]} if not all(seen.values()) else set()
            last = end = time.monotonic()
            if senders or self.regime != "open":
                hand()
                last = time.monotonic()
                end = last + most
            while time.monotonic() < min(end, last + quiet):
                if look():
                    last = time.monotonic()
                    if self.regime not in ("cordon", "guard") and last > end - most + quiet:
                        break
        finally:
            over.set()
            thread.join()
        at = [x for t in seen if t not in early for x in seen[t]]
        if not at:
            return Outcome()
        return Outcome(len(at), max(0.1, (max(at) - min(at)) * 1e3), ongoing=time.time() - max(at) < 0.15)

    def close(self):
        self.stack.close()
        with contextlib.suppress(OSError):
            super().close()


PLAIN_INET = """
table inet plain {
	chain input { type filter hook input priority 0; policy drop;
		iif lo accept
		ct state established,related accept
		icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert, nd-router-advert } accept
	}
	chain forward { type filter hook forward priority 0; policy drop; }
	chain output { type filter hook output priority 0; policy drop;
		oif lo accept
		ct state established,related accept
		ip daddr %s tcp dport %d accept
		ip6 daddr %s tcp dport %d accept
		icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert, nd-router-solicit } accept
	}
}
""" % (PEER4, COLLECTOR, PEER6, COLLECTOR)

_BOTH = """*filter
:INPUT DROP
:FORWARD DROP
:OUTPUT DROP
-A INPUT -i lo -j ACCEPT
-A OUTPUT -o lo -j ACCEPT
-A INPUT -m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT
-A OUTPUT -m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT
-A OUTPUT -p tcp -d %s --dport %d -j ACCEPT
%sCOMMIT
"""
_ND = "".join("-A %s -p icmpv6 --icmpv6-type %d -j ACCEPT\n" % (c, n) for c in ("INPUT", "OUTPUT")
              for n in (133, 134, 135, 136))
IPTABLES = (("iptables-nft-restore", _BOTH % (PEER4, COLLECTOR, "")),
            ("ip6tables-nft-restore", _BOTH % (PEER6, COLLECTOR, _ND)))


# -- running ---------------------------------------------------------------------


class Runner:
    """Ways against regimes over one rig, which is renewed when it must."""

    def __init__(self):
        self.line = None
        self.results = {}

    def get(self, guard=False):
        if self.line is not None and self.line.guard != guard:
            self.drop()
        if self.line is None:
            self.line = Line(guard)
        return self.line

    def drop(self):
        if self.line is not None:
            if self.line.regime != "open":
                with contextlib.suppress(AssertionError, OSError):
                    self.line.off()
            self.line.close()
        self.line = None

    def run(self, w, regime):
        key = (w.id, regime)
        if key not in self.results:
            out = self.once(w, regime)
            if out.note and regime != "open":  # it could be prepared before: the rig is worn
                print("%s: on a new rig: %s" % (w.id, out.note))
                self.drop()
                out = self.once(w, regime)
            self.results[key] = out
        return self.results[key]

    def once(self, w, regime):
        line = self.get(regime == "guard")
        line.stack = contextlib.ExitStack()
        good = False
        try:
            if line.regime != "open" and not (w.bare and line.regime == regime):
                line.off()
            if regime in ("cordon", "guard") and line.regime == "open":
                line.heard()
            g = w.fn(line)
            try:
                next(g)
            except OSError as e:
                raise Impossible(str(e)) from None
            line.signals.clear()  # what is told at isolation is of this way
            if line.regime != regime:
                line.on(regime)
            line.fresh()
            out = self.attempt(line, g, regime)
            good = not w.dirty
            return out
        except Impossible as e:
            good = line.regime == "open" and not w.dirty
            return Outcome(note=str(e))
        finally:
            self.tidy(line, good, w.bare)

    def attempt(self, line, g, regime):
        try:
            next(g)
            raise AssertionError("a second yield")
        except StopIteration as e:
            out = e.value
        except (OSError, Impossible) as e:  # refused
            if regime == "open":
                raise Impossible(str(e)) from None
            out = 0
        if not isinstance(out, Outcome):
            out = Outcome(out)
        if regime in ("cordon", "guard") and out.got:
            out.signal = line.signal()
        return out

    def tidy(self, line, good, bare):
        try:
            if not bare:
                line.off()
            line.stack.close()
        except (AssertionError, OSError, KeyError):
            good = False
        if not good:
            self.drop()
