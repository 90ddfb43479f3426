# SPDX-License-Identifier: GPL-3.0-or-later
"""Ways of the escape suite that lead the collector's own line elsewhere, and
those that change the host's devices while it is isolated."""
import contextlib
import os
import socket
import struct
import time

import escape_bpf as B
import escape_frames as F
from enforcer_rig import COLLECTOR, HOST4, PEER4, PEER6, UID_NETWORK, family
from escape_devices import either, guest_out, index, tc
from escape_rig import ROGUE4, ROGUE6, Impossible, add_way, way

# -- the line led elsewhere -------------------------------------------------------------


def elsewhere(address=PEER4, wire=None):
    """The network process's user opens its line: do frames of it go to the
    rogue machine (by link address or address), or out of WIRE?"""
    def attempt(line):
        s = line.sock(family(address), socket.SOCK_STREAM, 0, "host", UID_NETWORK)
        s.bind(("", 0))
        ports = struct.pack("!HH", s.getsockname()[1], COLLECTOR)
        rogue = (F.packed(ROGUE4), F.packed(ROGUE6))

        def hit(f):
            return ports in f and (wire or f[:6] == line.macs["rogue"] or any(r in f[26:54] for r in rogue))
        with contextlib.suppress(OSError):
            s.connect((address, COLLECTOR))
        return (line.other if wire else line.wire).count(hit, 0.15)
    return attempt


def ips(*lines, undo=()):
    def change(line):
        line.ip_later("host", *undo)
        with contextlib.suppress(Impossible):
            line.ip("host", *[x.replace("ROGUE", F.mac_text(line.macs["rogue"])) for x in lines])
    return change


def nfts(text):
    return lambda line: line.nft(text.replace("ROGUE", F.mac_text(line.macs["rogue"])))


LAST, FIRST = 2147483647, -2147483648
for v, peer, rogue in ((4, PEER4, ROGUE4), (6, PEER6, ROGUE6)):
    word, fam = ("ip", "ip") if v == 4 else ("ip6", "ip6")
    bits = 32 if v == 4 else 128
    six = "" if v == 4 else ", IPv6"
    either("divert-route-%d" % v, "divert", "a route to the collector through another machine" + six, None,
           elsewhere(peer), ips("route add %s/%d via %s" % (peer, bits, rogue), undo=["route del %s/%d" % (peer, bits)]))
    either("divert-neighbour-%d" % v, "divert", "a neighbour entry with another's link address" + six, None,
           elsewhere(peer), ips("neigh replace %s lladdr ROGUE dev v0 nud permanent" % peer,
                                undo=["neigh del %s dev v0" % peer]))
    either("divert-dnat-%d" % v, "divert", "DNAT of the collector's address" + six, None, elsewhere(peer), nfts(
        "add table %s x; add chain %s x c { type nat hook output priority -100; }; "
        "add rule %s x c %s daddr %s dnat to %s" % (fam, fam, fam, word, peer, rogue)))
    for hook, kind in (("output", "route"), ("postrouting", "filter")):
        either("divert-%s-%d" % (hook, v), "divert", "the address rewritten at the end of %s%s" % (hook, six), None,
               elsewhere(peer), nfts("add table %s x; add chain %s x c { type %s hook %s priority %d; }; "
                                     "add rule %s x c %s daddr %s %s daddr set %s" % (
                                         fam, fam, kind, hook, LAST, fam, word, peer, word, rogue)))
    for where, priority in (("first", FIRST), ("last", LAST)):
        either("divert-egress-%s-%d" % (where, v), "divert",
               "the address rewritten by a netdev egress chain at the %s priority%s" % (where, six), None,
               elsewhere(peer), nfts("add table netdev x; add chain netdev x c { type filter hook egress device v0 "
                                     "priority %d; }; add rule netdev x c %s daddr %s %s daddr set %s" % (
                                         priority, word, peer, word, rogue)))
either("divert-egress-mac", "divert", "the link address rewritten by a netdev egress chain", None, elsewhere(),
       nfts("add table netdev x; add chain netdev x c { type filter hook egress device v0 priority %d; }; "
            "add rule netdev x c ip daddr %s ether daddr set ROGUE" % (LAST, PEER4)))
either("divert-rule", "divert", "a routing rule for the network process's user", None, elsewhere(), ips(
    "route add default via %s dev v0 table 77" % ROGUE4, "rule add uidrange %d-%d table 77 pref 1" % (
        UID_NETWORK, UID_NETWORK), undo=["rule del pref 1", "route flush table 77"]))
either("divert-vxlan", "divert", "a route to the collector through a tunnel", None, elsewhere(), ips(
    "link add tn0 type vxlan id 5 local %s remote %s dstport 4789" % (HOST4, ROGUE4), "link set tn0 up",
    "neigh replace %s lladdr ROGUE dev tn0 nud permanent" % PEER4, "route add %s/32 dev tn0" % PEER4, undo=["route del %s/32" % PEER4, "link del tn0"]))
either("divert-tcx-mac", "divert", "the link address rewritten by a BPF program behind the egress hook", None, elsewhere(),
       lambda l: B.attach(l, "v0", B.TCX_OUT, B.store(0, l.macs["rogue"][:4]).replace(B.EXIT, b"") + B.store(
           4, l.macs["rogue"][4:] + l.macs["host"][:2]).replace(B.insn(0xbf, 6, 1), b"")))


def second(line):
    line.other = line.more()
    line.ip("host", "addr add 10.9.0.6/32 dev x0")


def other_device(name, words, change):
    def attempt(line, _):
        return elsewhere(wire=True)(line)
    either(name, "divert", words, second, attempt, change)


other_device("divert-device", "a route to the collector through another cable and machine", ips(
    "neigh replace %s lladdr ROGUE dev x0 nud permanent" % ROGUE4, "route add %s/32 via %s dev x0 onlink" % (PEER4, ROGUE4),
    undo=["route del %s/32" % PEER4]))
other_device("divert-copy", "the line copied to another cable by a netdev egress chain", nfts(
    "add table netdev x; add chain netdev x c { type filter hook egress device v0 priority %d; }; "
    "add rule netdev x c ip daddr %s dup to x0" % (LAST, PEER4)))
other_device("divert-forward", "the line sent to another cable by a netdev egress chain", nfts(
    "add table netdev x; add chain netdev x c { type filter hook egress device v0 priority %d; }; "
    "add rule netdev x c ip daddr %s fwd to x0" % (FIRST, PEER4)))


def mirror(line):
    tc(line, "qdisc add dev v0 clsact",
       "filter add dev v0 egress protocol all u32 match u32 0 0 action mirred egress redirect dev x0")
    line.later(line.cmd, "host", "tc", "qdisc", "del", "dev", "v0", "clsact", check=False)


other_device("divert-tc", "the line sent to another cable by tc", mirror)
other_device("divert-tcx", "the line sent to another cable by a BPF program",
             lambda l: B.attach(l, "v0", B.TCX_OUT, B.redirect(index(l, "x0"))))


def primed(line, address):
    """The collector's neighbour entry is there and older than its lock."""
    line.tcp_out(address, COLLECTOR, UID_NETWORK)
    time.sleep(1.1)


@way("divert-arp-poison", "divert", "a machine outside that answers ARP for the collector's address")
def _(line):
    primed(line, PEER4)
    yield
    f = F.ether(line.macs["host"], line.macs["rogue"], F.ARP, F.arp(2, line.macs["rogue"], PEER4, line.macs["host"], HOST4))
    line.ip_later("host", "neigh del %s dev v0" % PEER4)
    line.inject([f] * 2, "rogue")
    return elsewhere()(line)


@way("divert-nd-poison", "divert", "a machine outside that answers neighbour discovery for the collector's address")
def _(line):
    primed(line, PEER6)
    yield
    body = b"\x60\0\0\0" + F.packed(PEER6) + b"\2\1" + line.macs["rogue"]
    p = F.ip6(PEER6, "fd09::1", 58, F.icmp6(PEER6, "fd09::1", 136, body), 255)
    line.ip_later("host", "neigh del %s dev v0" % PEER6)
    line.inject([F.of_ip(line.macs["host"], line.macs["rogue"], p)] * 2, "rogue")
    return elsewhere(PEER6)(line)


# -- devices changed while isolated ------------------------------------------------------


def changed(name, words, change, senders=None, prepare=None, dirty=True, quiet=0.4):
    """CHANGE while frames are sent all the time; how long do they pass?"""
    def fn(line):
        x = prepare(line) if prepare else None
        yield
        return line.leak(lambda: change(line), senders(line) if senders else None,
                         [line.wire] + ([x] if x else []), quiet)
    add_way(name, "devices", words, fn, hand=True, dirty=dirty)


def on_device(device, side="host"):
    def make(line):
        t = line.token()
        f = F.of_ip(line.macs["rogue"], b"\2\0\0\0\0\x09", F.ip4(HOST4, ROGUE4, 17, F.udp(HOST4, ROGUE4, 9, 9, t)))
        return [(t, line.persistent(device, f, side))]
    return make


def second_wire(line):
    """The switch's end of a cable that is plugged in later."""
    line.ip("wire", "link add x1 type veth peer name x0")
    line.ip_later("wire", "link del x1")
    line.ip("wire", "link set x1 up", "link set x0 up")
    from escape_rig import Wire
    w = Wire(line.ns["wire"], "x1")
    line.later(w.close)
    return w


def plug(line, name="x0"):
    line.ip("wire", "link set x0 netns " + line.ns["host"])
    line.ip("host", "link set x0 up")


changed("device-added", "a new cable is plugged in and used at once", plug, on_device("x0"), second_wire)
changed("device-renamed", "the cable's device renamed", lambda l: l.ip(
    "host", "link set v0 down", "link set v0 name w0", "link set w0 up", check=False), on_device("w0"))
changed("device-renamed-up", "the same without taking it down", lambda l: l.ip(
    "host", "link set v0 name w0", check=False), on_device("w0"))
changed("device-flap", "the device taken down and up, often", lambda l: [l.ip(
    "host", "link set v0 down", "link set v0 up") for _ in range(10)], dirty=False)
changed("device-address", "the device's link address changed", lambda l: l.ip(
    "host", "link set v0 down", "link set v0 address 02:00:00:00:00:77", "link set v0 up", check=False))


def elsewhere_ns(line):
    line.namespace("guest")


def take(line):
    line.ip("host", "link set v0 netns " + line.ns["guest"], check=False)
    line.ip("guest", "link set v0 up", check=False)


changed("device-moved", "the device moved to a namespace of another's", take, on_device("v0", "guest"), elsewhere_ns,
        quiet=0.8)


def to_and_fro(line):
    for _ in range(20):
        take(line)
        line.ip("guest", "link set v0 netns " + line.ns["host"], check=False)
        line.ip("host", "link set v0 up", check=False)


changed("device-moved-loop", "the same, to and fro in a loop", to_and_fro,
        lambda l: on_device("v0", "guest")(l) + on_device("v0")(l), elsewhere_ns, quiet=0.8)


def bridge_later(line):
    line.ip("host", "link add br7 type bridge mcast_snooping 0", "link set b0 master br7 up", "link set v0 master br7",
            "link set br7 up", check=False)


def bridge_guest(line):
    line.namespace("guest")
    line.ip("host", "link add b0 type veth peer name b1 netns " + line.ns["guest"])
    line.ip("guest", "link set b1 up", "addr add 10.9.0.8/24 dev b1")


changed("device-bridged", "the cable put into a bridge with a guest", bridge_later, on_device("b1", "guest"), bridge_guest)


def swap(line):
    line.ip("host", "link set v0 down", "link set x0 down", "link set v0 name t0", "link set x0 name v0",
            "link set t0 name x0", "link set v0 up", "link set x0 up", check=False)


def two(line):
    return line.more()


changed("device-swapped", "two devices that change names", swap,
        lambda l: on_device("v0")(l) + on_device("x0")(l), two)


@way("child-moved", "devices", "a macvlan child made while isolated, used elsewhere at once", hand=True)
def _(line):
    line.namespace("guest")
    yield

    def make():
        with contextlib.suppress(Impossible):
            line.ip("host", "link add link v0 name mv0 type macvlan mode bridge",
                    "link set mv0 netns " + line.ns["guest"])
            line.ip("guest", "link set mv0 up")
    return line.leak(make, on_device("mv0", "guest")(line))
