# SPDX-License-Identifier: GPL-3.0-or-later
"""Ways of the escape suite that use IP: out, in and with what was already
open.  Each row is one way; see escape_rig.py for what a way is."""
import socket
import struct

import escape_frames as F
from enforcer_rig import COLLECTOR, HOST4, HOST6, INBOUND, OTHER, PEER4, PEER6, UDP, UID_NETWORK
from escape_rig import ROGUE4, ROGUE6, WINDOW, Impossible, add_way, way

BOTH = ((4, HOST4, PEER4, ROGUE4), (6, HOST6, PEER6, ROGUE6))
MULTICAST4 = (socket.IPPROTO_IP, socket.IP_MULTICAST_IF, F.packed(HOST4))
NEAR4, NEAR6 = "10.9.0.255", "ff02::1"


def simple(name, group, words, attempt, **kw):
    """A way without preparation."""
    def fn(line):
        yield
        return attempt(line)
    add_way(name, group, words, fn, bare=True, **kw)


# -- out: sockets of programs on the host --------------------------------------------

for v, host, peer, rogue in BOTH:
    simple("tcp-new-%d" % v, "out", "new TCP connection to another port", lambda l, a=peer: l.tcp_out(a, OTHER))
    simple("tcp-rogue-%d" % v, "out", "TCP to another machine at the collector's port",
           lambda l, a=rogue: l.tcp_out(a, COLLECTOR, UID_NETWORK))
    simple("tcp-collector-root-%d" % v, "out", "another program to the collector's own port",
           lambda l, a=peer: l.tcp_out(a, COLLECTOR))
    simple("tcp-collector-mptcp-%d" % v, "out", "multipath TCP of another program to the collector",
           lambda l, a=peer: l.tcp_out(a, COLLECTOR, proto=262))
    simple("udp-new-%d" % v, "out", "new UDP to another port", lambda l, a=peer: l.datagram(a, 4000))
    simple("udp-collector-%d" % v, "out", "UDP to the collector's port, as the network process's user",
           lambda l, a=peer: l.datagram(a, COLLECTOR, UID_NETWORK))
    simple("udplite-%d" % v, "out", "UDP-Lite", lambda l, a=peer: l.raw_ip(a, 136))
    simple("ping-%d" % v, "out", "ICMP echo to the collector", lambda l, h=host, a=peer: icmp(l, h, a))
    for port, what in ((53, "DNS"), (67, "a DHCP server"), (123, "NTP"), (COLLECTOR, "the collector's port")):
        simple("udp-to-%d-%d" % (port, v), "ports", "UDP to port %d (%s) of another machine" % (port, what),
               lambda l, a=rogue, p=port: l.datagram(a, p))
        simple("udp-from-%d-%d" % (port, v), "ports", "UDP from source port %d" % port,
               lambda l, a=rogue, p=port: l.datagram(a, 4000, sport=p))
        simple("tcp-from-%d-%d" % (port, v), "ports", "TCP from source port %d" % port,
               lambda l, a=peer, p=port: l.tcp_out(a, OTHER, sport=p))
    simple("tcp-to-53-%d" % v, "ports", "DNS over TCP", lambda l, a=rogue: l.tcp_out(a, 53))
    simple("tcp-to-853-%d" % v, "ports", "DNS over TLS", lambda l, a=rogue: l.tcp_out(a, 853))
    for proto, what in ((132, "SCTP"), (47, "GRE"), (4, "IPIP"), (41, "IPv6 in IP"), (50, "ESP"), (51, "AH"),
                        (89, "OSPF"), (112, "VRRP"), (253, "a protocol nobody uses")):
        simple("proto-%d-%d" % (proto, v), "protocols", "%s (IP protocol %d) to the collector" % (what, proto),
               lambda l, a=peer, p=proto: l.raw_ip(a, p))


def icmp(line, host, peer, uid=0):
    t = line.token()
    s = line.sock(socket.AF_INET6 if ":" in peer else socket.AF_INET, socket.SOCK_RAW, 58 if ":" in peer else 1)
    try:
        s.sendto(F.echo(host, peer, t), (peer, 0))
    except OSError:
        pass
    return line.wire.count(t)


for name, address, port, words in (
        ("broadcast", "255.255.255.255", 9, "UDP to 255.255.255.255"),
        ("broadcast-subnet", "10.9.0.255", 9, "UDP to the subnet's broadcast address"),
        ("multicast-4", "239.1.2.3", 5000, "UDP to a multicast group, IPv4"),
        ("multicast-6", "ff15::1:2", 5000, "UDP to a multicast group, IPv6"),
        ("allnodes", "ff02::1", 5000, "UDP to all nodes of the link, IPv6"),
        ("mdns-4", "224.0.0.251", 5353, "multicast DNS, IPv4"), ("mdns-6", "ff02::fb", 5353, "multicast DNS, IPv6"),
        ("llmnr-4", "224.0.0.252", 5355, "LLMNR, IPv4"), ("llmnr-6", "ff02::1:3", 5355, "LLMNR, IPv6"),
        ("ssdp", "239.255.255.250", 1900, "SSDP"), ("netbios", "10.9.0.255", 137, "NetBIOS names")):
    def many(line, address=address, port=port):
        if ":" in address:
            opt = ((socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_IF,
                    struct.pack("i", line.here(lambda: socket.if_nametoindex("v0")))),)
        else:
            opt = (MULTICAST4,)
        return line.datagram(address, port, options=opt, device="v0")
    simple(name, "many", words, many)

simple("igmp", "many", "an IGMP report with data behind it",
       lambda l: l.raw_ip("224.0.0.22", 2, b"\x22" + b"\0" * 7, options=(MULTICAST4,)))
simple("mld", "many", "an MLD report with data behind it",
       lambda l: raw_icmp6(l, "ff02::16%v0", 143, b"\0" * 4))
simple("ndp-redirect-out", "many", "an ICMPv6 redirect with data behind it",
       lambda l: raw_icmp6(l, PEER6, 137, b"\0" * 36))
simple("unreachable-out", "many", "an ICMP error quoting data",
       lambda l: l.raw_ip(PEER4, 1, b"\3\3\xfc\xfc\0\0\0\0"))


def raw_icmp6(line, address, kind, body):
    t = line.token()
    s = line.sock(socket.AF_INET6, socket.SOCK_RAW, 58)
    name, _, dev = address.partition("%")
    scope = line.here(lambda: socket.if_nametoindex(dev)) if dev else 0
    s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, 255)
    try:
        s.sendto(bytes([kind, 0, 0, 0]) + body + t, (name, 0, 0, scope))
    except OSError:
        pass
    return line.wire.count(t)


# -- fragments, options, extension headers: the collector's line made odd -------------

def segment(host, peer, data):
    return F.tcp(host, peer, 40000, COLLECTOR, data, F.ACK | F.PUSH)


def hdrincl(name, words, make, **kw):
    """A header of our own making through a raw socket, to the collector's
    port, from a socket of the network process's user: all but one thing is
    as on the real line."""
    for v, host, peer, _ in BOTH:
        def attempt(line, host=host, peer=peer):
            t = line.token()
            p = make(line, host, peer, t)
            if p is None:
                raise Impossible("not of this family")
            s = line.sock(socket.AF_INET6 if ":" in peer else socket.AF_INET, socket.SOCK_RAW, 255, uid=UID_NETWORK)
            if ":" in peer:
                s.setsockopt(socket.IPPROTO_IPV6, 36, 1)  # IPV6_HDRINCL
            for _ in range(3):
                try:
                    s.sendto(p, (peer, 0))
                except OSError:
                    pass
            return line.wire.count(t)
        if make(None, host, peer, b"t" * 8) is not None:
            simple("%s-%d" % (name, v), "headers", words, attempt, **kw)


def v4only(f):
    return lambda l, h, p, t: None if ":" in p else f(h, p, t)


def v6only(f):
    return lambda l, h, p, t: f(h, p, t) if ":" in p else None


hdrincl("options-pad", "TCP to the collector with an IP option (NOP)",
        v4only(lambda h, p, t: F.ip4(h, p, 6, segment(h, p, t), options=b"\1\1\1\1")))
hdrincl("options-route", "TCP to the collector with a loose source route to another",
        v4only(lambda h, p, t: F.ip4(h, p, 6, segment(h, p, t),
                                     options=b"\x83\x07\x04" + F.packed(ROGUE4) + b"\0")))
hdrincl("options-data", "data inside an IP option",
        v4only(lambda h, p, t: F.ip4(h, p, 6, segment(h, p, b""), 
                                     options=b"\x88\x0e" + t.ljust(12, b"\0") + b"\0\0")))
hdrincl("fragment-first", "a first fragment to the collector",
        v4only(lambda h, p, t: F.ip4(h, p, 6, segment(h, p, t), fragment=0x2000)))
hdrincl("fragment-later", "a later fragment to the collector",
        v4only(lambda h, p, t: F.ip4(h, p, 6, b"\1\2\1\xbb" + t * 4, fragment=0x0004)))
hdrincl("fragment-udp", "a fragment of UDP that looks like the collector's port",
        v4only(lambda h, p, t: F.ip4(h, p, 17, F.udp(h, p, 40000, COLLECTOR, t), fragment=0x2000)))
hdrincl("spoofed-source", "TCP to the collector from another's address",
        v4only(lambda h, p, t: F.ip4("10.9.0.77", p, 6, F.tcp("10.9.0.77", p, 40000, COLLECTOR, t, F.ACK))))
for kind, what in ((0, "hop-by-hop"), (43, "routing"), (44, "fragment"), (60, "destination options")):
    hdrincl("extension-%d" % kind, "TCP to the collector behind a %s header" % what,
            v6only(lambda h, p, t, k=kind: F.ip6(h, p, k, F.extension(k, 6) + segment(h, p, t))))
hdrincl("extension-data", "data inside destination options",
        v6only(lambda h, p, t: F.ip6(h, p, 60, F.extension(60, 6, b"\x1e\x0c" + t.ljust(12, b"\0")) +
                                     segment(h, p, b""))))
hdrincl("proto-lie", "UDP to the collector's port by a raw socket",
        lambda l, h, p, t: F.ip(h, p, 17, F.udp(h, p, 40000, COLLECTOR, t)))

simple("fragments-udp-4", "headers", "UDP larger than the cable takes, IPv4",
       lambda l: l.datagram(PEER4, 4000, data=b"x" * 4000))
simple("fragments-udp-6", "headers", "UDP larger than the cable takes, IPv6",
       lambda l: l.datagram(PEER6, 4000, data=b"x" * 4000))
simple("options-socket", "headers", "the network process's user sets IP options on the line",
       lambda l: l.tcp_out(PEER4, COLLECTOR, UID_NETWORK,
                           options=((socket.IPPROTO_IP, socket.IP_OPTIONS, b"\1\1\1\1"),)))
simple("hopopts-socket", "headers", "the network process's user sets hop-by-hop options on the line",
       lambda l: l.tcp_out(PEER6, COLLECTOR, UID_NETWORK,
                           options=((socket.IPPROTO_IPV6, socket.IPV6_HOPOPTS, b"\0\0\1\4\0\0\0\0"),)))
simple("dstopts-socket", "headers", "the network process's user sets destination options on the line",
       lambda l: l.tcp_out(PEER6, COLLECTOR, UID_NETWORK,
                           options=((socket.IPPROTO_IPV6, socket.IPV6_DSTOPTS, b"\0\0\1\4\0\0\0\0"),)))


# -- what was open before ---------------------------------------------------------------

def old(name, words, side, address, tracked):
    def fn(line):
        if tracked:
            line.track()
        s = line.connected(side, address, OTHER if side == "host" else INBOUND)
        yield
        return line.talk(s)
    add_way(name, "established", words, fn)


def old_udp(name, words, address, tracked):
    def fn(line):
        if tracked:
            line.track()
        s = line.sock(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM)
        s.connect((address, UDP))
        t = line.token()
        s.send(t)
        if not line.received(s, t, 1):
            raise Impossible("no answer before")
        yield
        return line.talk(s)
    add_way(name, "established", words, fn)


def old_in_udp(line, address):
    """A client outside that was being answered goes on asking."""
    s = line.sock(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM, side="peer")
    s.connect((address, INBOUND))
    s.send(b"before")
    if not line.received(s, b"before", 1):
        raise Impossible("no answer before")
    return s


for v, host, peer, rogue in BOTH:
    for tracked in (False, True):
        more = ", connections tracked before" if tracked else ""
        tail = "%s-%d" % ("-tracked" if tracked else "", v)
        old("old-tcp-out" + tail, "TCP connection that was open" + more, "host", peer, tracked)
        old("old-tcp-in" + tail, "TCP connection from outside that was open" + more, "peer", host, tracked)
        old_udp("old-udp-out" + tail, "UDP exchange that was going on" + more, peer, tracked)

    def in_udp(line, host=host):
        line.track()
        s = old_in_udp(line, host)
        yield
        t = line.token()
        s.send(t)
        return line.wire.count(t)
    add_way("old-udp-in-tracked-%d" % v, "established", "UDP from outside that was being answered", in_udp)

    def old_ping(line, host=host, peer=peer):
        line.track()
        icmp(line, host, peer)
        yield
        return icmp(line, host, peer)
    add_way("old-ping-tracked-%d" % v, "established", "ping that was going on", old_ping)


def nobody(line, address):
    """A tracked connection's twin without a socket, forged with conntrack."""
    out = line.cmd("host", "conntrack", "-I", "-p", "udp", "-s", HOST4, "-d", address, "--sport", "4001", "--dport",
                   "4000", "-t", "600", "-u", "ASSURED,SEEN_REPLY", check=False)
    line.later(line.cmd, "host", "conntrack", "-F", check=False)
    if out.returncode:
        raise Impossible("conntrack: " + out.stdout.strip()[:80])


@way("conntrack-forged", "established", "a connection forged into the kernel's table")
def _(line):
    line.track()
    yield
    nobody(line, ROGUE4)
    return line.datagram(ROGUE4, 4000, sport=4001)


@way("related-icmp", "established", "an ICMP error that claims to belong to an open connection")
def _(line):
    line.track()
    s = line.sock(socket.AF_INET, socket.SOCK_DGRAM)
    s.connect((PEER4, UDP))
    s.send(b"before")
    line.received(s, b"before", 1)
    port = s.getsockname()[1]
    raw = line.sock(socket.AF_INET, socket.SOCK_RAW, 1)
    yield
    t = line.token()
    quoted = F.ip4(HOST4, PEER4, 17, F.udp(HOST4, PEER4, port, UDP, t))
    m = b"\3\4\0\0\0\0\0\x64" + quoted
    m = m[:2] + struct.pack("!H", F.checksum(m)) + m[4:]
    line.inject([F.of_ip(line.macs["host"], line.macs["peer"], F.ip4(PEER4, HOST4, 1, m))])
    return line.received(raw, t)


# -- in: from outside to the host ---------------------------------------------------------

def into(name, words, make, answer=None, inside=None, side="peer", group="in", wait=WINDOW, **kw):
    """MAKE(line, token) frames are put on the cable; it got through when the
    socket INSIDE gets the token, or the host answers (ANSWER)."""
    def fn(line):
        s = inside(line) if inside else None
        yield
        t = line.token()
        line.inject(make(line, t) * 2, side)
        got = line.received(s, t, wait) if s else 0
        return got or line.wire.count(answer(t) if answer else t, 0.01 if s else wait)
    add_way(name, group, words, fn, bare=not inside, **kw)


def to_host(line, packet, side="peer", dst=None):
    return [F.of_ip(dst or line.macs["host"], line.macs[side], packet)]


def udp_inside(port, v6=False):
    def make(line):
        s = line.sock(socket.AF_INET6 if v6 else socket.AF_INET, socket.SOCK_DGRAM)
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        s.bind(("", port))
        return s
    return make


def raw_inside(proto, v6=False):
    return lambda line: line.sock(socket.AF_INET6 if v6 else socket.AF_INET, socket.SOCK_RAW, proto)


def any_tcp(sport, dport):
    """A frame of the host from DPORT back to SPORT."""
    return lambda t: struct.pack("!HH", dport, sport)


for v, host, peer, rogue in BOTH:
    six = v == 6
    into("in-tcp-%d" % v, "new TCP connection from outside",
         lambda l, t, h=host, r=rogue: to_host(l, F.ip(r, h, 6, F.tcp(r, h, 41001, INBOUND)), "rogue"),
         any_tcp(41001, INBOUND), side="rogue")
    into("in-tcp-collector-%d" % v, "new TCP connection from the collector's address to another port",
         lambda l, t, h=host, p=peer: to_host(l, F.ip(p, h, 6, F.tcp(p, h, 41002, INBOUND))), any_tcp(41002, INBOUND))
    into("in-tcp-collector-port-%d" % v, "new TCP connection from the collector's address and port",
         lambda l, t, h=host, p=peer: to_host(l, F.ip(p, h, 6, F.tcp(p, h, COLLECTOR, INBOUND))),
         any_tcp(COLLECTOR, INBOUND))
    into("in-tcp-spoofed-%d" % v, "the same from another machine with the collector's address",
         lambda l, t, h=host, p=peer: to_host(l, F.ip(p, h, 6, F.tcp(p, h, COLLECTOR, INBOUND)), "rogue"),
         any_tcp(COLLECTOR, INBOUND), side="rogue")
    into("in-tcp-probe-%d" % v, "a stray segment from the collector's port: is the host's answer seen?",
         lambda l, t, h=host, p=peer: to_host(l, F.ip(p, h, 6, F.tcp(p, h, COLLECTOR, 4999, b"", F.ACK, 5, 77))),
         any_tcp(COLLECTOR, 4999))
    into("in-tcp-closed-%d" % v, "a scan of a closed port: is the host's answer seen?",
         lambda l, t, h=host, r=rogue: to_host(l, F.ip(r, h, 6, F.tcp(r, h, 41003, 4998)), "rogue"),
         any_tcp(41003, 4998), side="rogue")
    into("in-udp-%d" % v, "UDP from outside", lambda l, t, h=host, r=rogue:
         to_host(l, F.ip(r, h, 17, F.udp(r, h, 4100, INBOUND, t)), "rogue"), side="rogue")
    into("in-udp-collector-%d" % v, "UDP from the collector's address and port",
         lambda l, t, h=host, p=peer: to_host(l, F.ip(p, h, 17, F.udp(p, h, COLLECTOR, INBOUND, t))))
    for port in (53, 67, 123):
        into("in-udp-from-%d-%d" % (port, v), "UDP from source port %d" % port, lambda l, t, h=host, r=rogue, p=port:
             to_host(l, F.ip(r, h, 17, F.udp(r, h, p, INBOUND, t)), "rogue"), side="rogue")
    into("in-ping-%d" % v, "ping from outside", lambda l, t, h=host, r=rogue:
         to_host(l, F.ip(r, h, 58 if ":" in h else 1, F.echo(r, h, t)), "rogue"), side="rogue")
    into("in-ping-collector-%d" % v, "ping from the collector", lambda l, t, h=host, p=peer:
         to_host(l, F.ip(p, h, 58 if ":" in h else 1, F.echo(p, h, t))))
    for proto in (132, 47, 253):
        into("in-proto-%d-%d" % (proto, v), "IP protocol %d from outside, read by a raw socket" % proto,
             lambda l, t, h=host, r=rogue, p=proto: to_host(l, F.ip(r, h, p, b"\0" * 8 + t), "rogue"),
             inside=raw_inside(proto, six), side="rogue")

into("in-fragment-4", "UDP in fragments from outside", lambda l, t: [
    F.of_ip(l.macs["host"], l.macs["rogue"], F.ip4(ROGUE4, HOST4, 17, d, fragment=f, ident=99))
    for whole in [F.udp(ROGUE4, HOST4, 4100, INBOUND, t + b"y" * 20)]
    for d, f in ((whole[:24], 0x2000), (whole[24:], 3))],
     side="rogue", wait=0.2)
into("in-options-4", "UDP with IP options from outside", lambda l, t: to_host(
    l, F.ip4(ROGUE4, HOST4, 17, F.udp(ROGUE4, HOST4, 4100, INBOUND, t), options=b"\1\1\1\1"), "rogue"), side="rogue")
into("in-hopbyhop-6", "UDP behind a hop-by-hop header from outside", lambda l, t: to_host(
    l, F.ip6(ROGUE6, HOST6, 0, F.extension(0, 17) + F.udp(ROGUE6, HOST6, 4100, INBOUND, t)), "rogue"), side="rogue")
into("in-broadcast", "UDP broadcast from outside", lambda l, t: to_host(
    l, F.ip4(ROGUE4, NEAR4, 17, F.udp(ROGUE4, NEAR4, 4100, 4200, t)), "rogue", F.EVERYONE),
     inside=udp_inside(4200), side="rogue")
into("in-allnodes", "UDP to all nodes from outside, IPv6", lambda l, t: to_host(
    l, F.ip6(ROGUE6, NEAR6, 17, F.udp(ROGUE6, NEAR6, 4100, 4200, t)), "rogue", b"\x33\x33\0\0\0\1"),
     inside=udp_inside(4200, True), side="rogue")
into("in-mdns", "multicast DNS from outside", lambda l, t: to_host(
    l, F.ip4(ROGUE4, "224.0.0.251", 17, F.udp(ROGUE4, "224.0.0.251", 5353, 5353, t)), "rogue", b"\1\0\x5e\0\0\xfb"),
     inside=lambda l: joined(l, 5353, "224.0.0.251"), side="rogue")
into("in-loopback-address", "a frame from outside for 127.0.0.1", lambda l, t: to_host(
    l, F.ip4(ROGUE4, "127.0.0.1", 17, F.udp(ROGUE4, "127.0.0.1", 4100, 4200, t)), "rogue"),
     inside=lambda l: [l.sysctl("host", "net.ipv4.conf.%s.route_localnet" % d, 1) for d in ("all", "v0")] and
     udp_inside(4200)(l), side="rogue")


def joined(line, port, group):
    s = udp_inside(port)(line)
    s.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, F.packed(group) + F.packed(HOST4))
    return s


# -- loopback -----------------------------------------------------------------------------

@way("loopback-published", "loopback", "a port of 127.0.0.1 published to outside by DNAT")
def _(line):
    for d in ("all", "v0"):
        line.sysctl("host", "net.ipv4.conf.%s.route_localnet" % d, 1)
    inside = line.sock(socket.AF_INET, socket.SOCK_DGRAM)
    inside.bind(("127.0.0.1", 4200))
    yield
    line.nft("add table ip pub; add chain ip pub c { type nat hook prerouting priority dstnat; }; "
             "add rule ip pub c udp dport 4201 dnat to 127.0.0.1:4200")
    t = line.token()
    line.inject(to_host(line, F.ip4(ROGUE4, HOST4, 17, F.udp(ROGUE4, HOST4, 4100, 4201, t)), "rogue") * 2, "rogue")
    return line.received(inside, t)


@way("loopback-dnat-out", "loopback", "a loopback address turned into another machine's by DNAT and masquerading")
def _(line):
    for d in ("all", "v0", "lo"):
        line.sysctl("host", "net.ipv4.conf.%s.route_localnet" % d, 1)
    yield
    line.nft("add table ip pub; add chain ip pub o { type nat hook output priority -100; }; "
             "add rule ip pub o ip daddr 127.9.9.9 dnat to %s; "
             "add chain ip pub p { type nat hook postrouting priority srcnat; }; "
             "add rule ip pub p oifname v0 masquerade" % ROGUE4)
    return line.datagram("127.9.9.9", 4000, source=HOST4)


@way("loopback-mangled-out", "loopback", "a loopback packet rewritten after the last hook")
def _(line):
    yield
    line.nft("add table ip pub; add chain ip pub o { type route hook output priority 2147483647; }; "
             "add rule ip pub o ip daddr 127.9.9.9 ip daddr set %s ip saddr set %s" % (ROGUE4, HOST4))
    return line.datagram("127.9.9.9", 4000)
