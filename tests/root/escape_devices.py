# SPDX-License-Identifier: GPL-3.0-or-later
"""Ways of the escape suite that use devices: containers and bridged guests,
children and tunnels, tc and XDP, the collector's line led elsewhere."""
import contextlib
import fcntl
import os
import socket
import struct
import time

import escape_bpf as B
import escape_frames as F
from enforcer_rig import COLLECTOR, HOST4, HOST6, OTHER, PEER4, UID_NETWORK, family
from escape_paths import simple
from escape_rig import ROGUE4, ROGUE6, WINDOW, Impossible, add_way, way

GUEST4, GUEST6 = "10.8.0.2", "fd08::2"


# -- containers ------------------------------------------------------------------------

def container(line):
    """A guest behind a bridge with NAT and a published port, as Docker does."""
    line.namespace("guest")
    line.ip_later("host", "link del cbr0")
    line.ip("host", "link add cbr0 type bridge", "link add c0 type veth peer name c1 netns " + line.ns["guest"],
            "link set c0 master cbr0 up", "addr add 10.8.0.1/24 dev cbr0", "addr add fd08::1/64 dev cbr0 nodad",
            "link set cbr0 up")
    line.ip("guest", "link set c1 up", "addr add %s/24 dev c1" % GUEST4, "addr add %s/64 dev c1 nodad" % GUEST6,
            "route add default via 10.8.0.1", "route add ::/0 via fd08::1")
    for far in ("peer", "rogue"):
        line.ip(far, "route add 10.8.0.0/24 via " + HOST4, "route add fd08::/64 via " + HOST6)
        line.ip_later(far, "route del 10.8.0.0/24", "route del fd08::/64")
    for name in ("net.ipv4.ip_forward", "net.ipv6.conf.all.forwarding"):
        line.sysctl("host", name, 1)
    line.nft("add table ip docker; add chain ip docker post { type nat hook postrouting priority srcnat; }; "
             "add rule ip docker post ip saddr 10.8.0.0/24 oifname v0 masquerade; "
             "add chain ip docker pre { type nat hook prerouting priority dstnat; }; "
             "add rule ip docker pre udp dport 8080 dnat to %s:8080; "
             "add rule ip docker pre tcp dport 8080 dnat to %s:8080" % (GUEST4, GUEST4), check=True)
    line.later(line.nft, "delete table ip docker")
    end = time.monotonic() + 3
    while not guest_out(line, ROGUE4) or not guest_out(line, ROGUE6):
        if time.monotonic() > end:
            raise Impossible("the container reaches nothing")


def guest_out(line, address, port=4000, uid=0):
    t = line.token()
    s = line.sock(family(address), socket.SOCK_DGRAM, 0, "guest", uid)
    for _ in range(3):
        with contextlib.suppress(OSError):
            s.sendto(t, (address, port))
    return line.wire.count(t)


def contained(name, words, attempt, before=None):
    def fn(line):
        container(line)
        x = before(line) if before else None
        yield
        return attempt(line, x) if before else attempt(line)
    add_way(name, "containers", words, fn)


def guest_tcp(line, port, uid=0):
    s = line.sock(socket.AF_INET, socket.SOCK_STREAM, 0, "guest", uid)
    with contextlib.suppress(OSError):
        s.connect((PEER4, port))
    return line.wire.count(lambda f: f[12:14] == b"\x08\0" and f[23] == 6 and f[36:38] == struct.pack("!H", port))


def guest_in(line, address, port):
    s = line.sock(family(address), socket.SOCK_DGRAM, 0, "guest")
    s.bind(("", 8080))

    def send():
        t = line.token()
        src, dst = (ROGUE6, address) if ":" in address else (ROGUE4, address)
        line.inject([F.of_ip(line.macs["host"], line.macs["rogue"], F.ip(src, dst, 17, F.udp(src, dst, 4000, port, t)))] *
                    2, "rogue")
        return line.received(s, t)
    return send


contained("container-out-udp-4", "a container sends UDP through NAT", lambda l: guest_out(l, ROGUE4))
contained("container-out-udp-6", "a container sends UDP over a routed IPv6 address", lambda l: guest_out(l, ROGUE6))
contained("container-out-tcp", "a container opens TCP through NAT", lambda l: guest_tcp(l, OTHER))
contained("container-collector", "a container opens TCP to the collector's port", lambda l: guest_tcp(l, COLLECTOR))
contained("container-collector-user", "the same by the network process's user inside the container",
          lambda l: guest_tcp(l, COLLECTOR, UID_NETWORK))
contained("container-established", "a container's connection that was open",
          lambda l, s: l.talk(s), lambda l: l.connected("guest", PEER4, OTHER))
contained("container-published", "a container's published port, from outside",
          lambda l, send: send(), lambda l: guest_in(l, HOST4, 8080))
contained("container-routed-4", "a container's own address, from outside",
          lambda l, send: send(), lambda l: guest_in(l, GUEST4, 8080))
contained("container-routed-6", "a container's own IPv6 address, from outside",
          lambda l, send: send(), lambda l: guest_in(l, GUEST6, 8080))


def bridged(line):
    """The host's cable in a bridge with a guest, as hypervisors do."""
    line.namespace("guest")
    line.ip("host", "link add br9 type bridge mcast_snooping 0", "link add b0 type veth peer name b1 netns " +
            line.ns["guest"], "link set b0 master br9 up", "addr flush dev v0", "link set v0 master br9",
            "addr add %s/24 dev br9" % HOST4, "addr add %s/64 dev br9 nodad" % HOST6, "link set br9 up")
    line.ip("guest", "link set b1 up", "addr add 10.9.0.8/24 dev b1", "addr add fd09::8/64 dev b1 nodad")
    end = time.monotonic() + 3
    while not guest_out(line, ROGUE4) or not guest_out(line, ROGUE6):
        if time.monotonic() > end:
            raise Impossible("the guest reaches nothing")


def guest_link(name, words, attempt):
    def fn(line):
        bridged(line)
        yield
        return attempt(line)
    add_way(name, "containers", words, fn, dirty=True)


def guest_frame(line, device="b1"):
    t = line.token()
    mac = line.link_address("guest", device)
    return line.frame_out(F.ether(line.macs["rogue"], mac, 0x88b5, t), t, device=device, side="guest")


guest_link("bridged-out-4", "a guest bridged to the cable sends UDP", lambda l: guest_out(l, ROGUE4))
guest_link("bridged-out-6", "the same, IPv6", lambda l: guest_out(l, ROGUE6))
guest_link("bridged-frame", "a bridged guest sends an EtherType that nobody uses", guest_frame)
guest_link("bridged-line", "a bridged guest opens TCP to the collector's port",
           lambda l: guest_tcp(l, COLLECTOR, UID_NETWORK))


@way("bridged-in", "containers", "a bridged guest is reached from outside", dirty=True)
def _(line):
    bridged(line)
    s = line.sock(socket.AF_INET, socket.SOCK_DGRAM, 0, "guest")
    s.bind(("", 8080))
    mac = line.link_address("guest", "b1")
    yield
    t = line.token()
    line.inject([F.of_ip(mac, line.macs["rogue"], F.ip4(ROGUE4, "10.9.0.8", 17,
                                                       F.udp(ROGUE4, "10.9.0.8", 4000, 8080, t)))] * 2, "rogue")
    return line.received(s, t)


# -- children of the cable -----------------------------------------------------------------

def macvlan(line, mode="bridge"):
    line.namespace("guest")
    line.ip_later("guest", "link del mv0")
    line.ip("host", "link add link v0 name mv0 type macvlan mode " + mode, "link set mv0 netns " + line.ns["guest"])
    line.ip("guest", "link set mv0 up", "addr add 10.9.0.8/24 dev mv0", "addr add fd09::8/64 dev mv0 nodad")


def child(name, words, before, after, attempt, **kw):
    """Made before isolation, or after it."""
    for when, tail in ((before, ""), (after, "-later")):
        def fn(line, when=when, tail=tail):
            if when and not tail:
                when(line)
            yield
            if tail:
                with contextlib.suppress(Impossible):
                    when(line)
                time.sleep(0.1)
            return attempt(line)
        if when:
            add_way(name + tail, "children", words + (", made while isolated" if tail else ""), fn, **kw)


def device_out(device, dst, src=None, side="host", wire=None):
    """UDP in a frame by a packet socket of a device."""
    def attempt(line):
        t = line.token()
        f = F.of_ip(line.macs["rogue"], src or line.link_address(side, device),
                    F.ip4(HOST4, dst, 17, F.udp(HOST4, dst, 4000, 4000, t)))
        return line.frame_out(f, t, device=device, side=side)
    return attempt


child("macvlan-guest", "a container on a macvlan child", macvlan, macvlan, lambda l: guest_out(l, ROGUE4))
child("macvlan-guest-6", "the same, IPv6", macvlan, None, lambda l: guest_out(l, ROGUE6))
child("macvlan-guest-frame", "a container on a macvlan child, by a packet socket", macvlan, None,
      device_out("mv0", ROGUE4, side="guest"))
child("macvlan-guest-line", "a container on a macvlan child to the collector's port", macvlan, None,
      lambda l: guest_tcp(l, COLLECTOR, UID_NETWORK))


def macvlan_host(line):
    line.ip("host", "link add link v0 name mv1 type macvlan mode private", "link set mv1 up",
            "addr add 10.9.0.9/24 dev mv1")
    line.ip_later("host", "link del mv1")


child("macvlan-host", "a macvlan child on the host", macvlan_host, macvlan_host,
      lambda l: l.datagram(ROGUE4, 4000, device="mv1"))


@way("macvlan-in", "children", "a container on a macvlan child is reached from outside")
def _(line):
    macvlan(line)
    s = line.sock(socket.AF_INET, socket.SOCK_DGRAM, 0, "guest")
    s.bind(("", 8080))
    mac = line.link_address("guest", "mv0")
    yield
    t = line.token()
    line.inject([F.of_ip(mac, line.macs["rogue"], F.ip4(ROGUE4, "10.9.0.8", 17,
                                                       F.udp(ROGUE4, "10.9.0.8", 4000, 8080, t)))] * 2, "rogue")
    return line.received(s, t)


def macvtap(line):
    line.ip("host", "link add link v0 name mt0 type macvtap mode bridge", "link set mt0 up")
    line.ip_later("host", "link del mt0")


def macvtap_out(line):
    dev = line.cmd("host", "sh", "-c", "cat /sys/class/net/mt0/tap*/dev", check=False).stdout.strip()
    if ":" not in dev:
        raise Impossible("no device file of macvtap")
    path = os.path.join(line.dir, "tap%s" % line.token().decode())
    os.mknod(path, 0o600 | 0o020000, os.makedev(*map(int, dev.split(":"))))
    line.later(os.unlink, path)
    fd = line.here(lambda: os.open(path, os.O_RDWR | os.O_NONBLOCK))
    line.later(os.close, fd)
    fcntl.ioctl(fd, 0x400454ca, struct.pack("16sH22x", b"mt0", 0x1002))  # TUNSETIFF, IFF_TAP | IFF_NO_PI
    t = line.token()
    f = F.of_ip(line.macs["rogue"], line.link_address("host", "mt0"),
                F.ip4(HOST4, ROGUE4, 17, F.udp(HOST4, ROGUE4, 4000, 4000, t)))
    for _ in range(3):
        with contextlib.suppress(OSError):
            os.write(fd, f)
    return line.wire.count(t)


child("macvtap", "a virtual machine on a macvtap child", macvtap, macvtap, macvtap_out)


def vlan(line):
    line.ip("host", "link add link v0 name v0.5 type vlan id 5", "link set v0.5 up", "addr add 10.5.0.1/24 dev v0.5")
    line.ip_later("host", "link del v0.5")


def ipvlan(line):
    line.ip("host", "link add link v0 name iv0 type ipvlan mode l2", "link set iv0 up", "addr add 10.9.0.9/24 dev iv0")
    line.ip_later("host", "link del iv0")


child("vlan", "a VLAN child", vlan, vlan, lambda l: l.datagram("10.5.0.255", 4000, device="v0.5"))
child("ipvlan", "an ipvlan child", ipvlan, ipvlan, lambda l: l.datagram(ROGUE4, 4000, device="iv0"))


def tap_bridged(line):
    """A virtual machine's tap in one bridge with the cable; its descriptor."""
    def make():
        fd = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
        fcntl.ioctl(fd, 0x400454ca, struct.pack("16sH22x", b"tap9", 0x1002))
        return fd
    try:
        line.tap = line.here(make)
    except OSError as e:
        raise Impossible("tap: %s" % e) from None
    line.later(os.close, line.tap)
    line.ip("host", "link add br8 type bridge mcast_snooping 0", "link set tap9 master br8 up",
            "link set v0 master br8", "link set br8 up")


def tap_out(line):
    t = line.token()
    for _ in range(3):
        with contextlib.suppress(OSError):
            os.write(line.tap, F.ether(line.macs["rogue"], b"\2\0\0\0\0\x42", 0x0800,
                                       F.ip4("10.9.0.42", ROGUE4, 17, F.udp("10.9.0.42", ROGUE4, 4000, 4000, t))))
    return line.wire.count(t)


child("tap-guest", "a virtual machine bridged to the cable", tap_bridged, tap_bridged, tap_out, dirty=True)


# -- tunnels --------------------------------------------------------------------------------

def tunnel(spec, inner="10.44.0.1/24"):
    def make(line):
        line.ip("host", "link add tn0 type " + spec, "link set tn0 up", "addr add %s dev tn0" % inner)
        line.ip_later("host", "link del tn0")
    return make


def through_tunnel(line):
    return line.datagram("10.44.0.255", 4000, device="tn0")


for name, spec, words in (
        ("vxlan", "vxlan id 5 local %s remote %s dstport 4789" % (HOST4, ROGUE4), "VXLAN to another machine"),
        ("vxlan-collector", "vxlan id 5 local %s remote %s dstport %d" % (HOST4, PEER4, COLLECTOR),
         "VXLAN to the collector's port"),
        ("vxlan-6", "vxlan id 5 local %s remote %s dstport 4789" % (HOST6, ROGUE6), "VXLAN over IPv6"),
        ("vxlan-multicast", "vxlan id 5 group 239.1.1.1 dev v0 dstport 4789", "VXLAN to a group"),
        ("ipip", "ipip local %s remote %s" % (HOST4, ROGUE4), "IPIP"),
        ("gre", "gre local %s remote %s" % (HOST4, ROGUE4), "GRE"),
        ("sit", "sit local %s remote %s" % (HOST4, ROGUE4), "IPv6 in IPv4"),
        ("geneve", "geneve id 5 remote %s" % ROGUE4, "Geneve"),
        ("wireguard", "wireguard", "WireGuard")):
    child("tunnel-" + name, words + " by the kernel", tunnel(spec), tunnel(spec) if name == "vxlan" else None,
          through_tunnel)
for key, proto, head in (("gre", 47, b"\0\0\x08\0"), ("ipip", 4, b""), ("6in4", 41, b"")):
    for to, address in (("collector", PEER4), ("rogue", ROGUE4)):
        simple("raw-%s-%s" % (key, to), "tunnels", "%s by a raw socket to the %s" % (key.upper(), to),
               lambda l, p=proto, h=head, a=address: l.raw_ip(
                   a, p, h + F.ip(HOST6 if p == 41 else HOST4, ROGUE6 if p == 41 else ROGUE4, 17, b"\0" * 8)))
simple("raw-vxlan-collector", "tunnels", "VXLAN by hand to the collector's port, as the network process's user",
       lambda l: l.datagram(PEER4, COLLECTOR, UID_NETWORK, data=b"\x08\0\0\0\0\0\5\0" + b"\0" * 40))


@way("tun-routed", "tunnels", "a program's tun device, forwarded by the kernel")
def _(line):
    def make():
        fd = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
        fcntl.ioctl(fd, 0x400454ca, struct.pack("16sH22x", b"tun9", 0x1001))
        return fd
    fd = line.here(make)
    line.later(os.close, fd)
    line.ip("host", "link set tun9 up", "addr add 10.45.0.1/24 dev tun9")
    line.sysctl("host", "net.ipv4.ip_forward", 1)
    yield
    t = line.token()
    for _ in range(3):
        with contextlib.suppress(OSError):
            os.write(fd, F.ip4("10.45.0.2", ROGUE4, 17, F.udp("10.45.0.2", ROGUE4, 4000, 4000, t)))
    return line.wire.count(t)


# -- tc ---------------------------------------------------------------------------------------

def tc(line, *commands):
    for c in commands:
        p = line.cmd("host", "tc", *c.split(), check=False)
        if p.returncode:
            raise Impossible("tc: " + p.stdout.strip().split("\n")[0])


def mirred(line, device, hook, to, how="egress redirect"):
    tc(line, "qdisc add dev %s clsact" % device,
       "filter add dev %s %s protocol all u32 match u32 0 0 action mirred %s dev %s" % (device, hook, how, to))
    line.later(line.cmd, "host", "tc", "qdisc", "del", "dev", device, "clsact", check=False)


def to_loopback(line, n=4):
    """UDP to 127.0.0.1; does it come out of the cable?"""
    t = line.token()
    s = line.sock(socket.AF_INET, socket.SOCK_DGRAM)
    for _ in range(n):
        with contextlib.suppress(OSError):
            s.sendto(t, ("127.0.0.1", 4000))
    return line.wire.count(t)


def either(name, group, words, prepare, attempt, change, **kw):
    """CHANGE is done before isolation and, as a way of its own, after it."""
    for when in ("before", "after"):
        def fn(line, when=when):
            x = prepare(line) if prepare else None
            if when == "before":
                change(line)
            yield
            if when == "after":
                change(line)
            return attempt(line, x) if prepare else attempt(line)
        add_way("%s-%s" % (name, when), group, words + (", set up before" if when == "before" else
                                                        ", set up while isolated"), fn, **kw)


def index(line, device):
    return line.here(lambda: socket.if_nametoindex(device))


either("tc-lo-out", "tc", "loopback packets redirected to the cable by tc", None, to_loopback,
       lambda l: mirred(l, "lo", "egress", "v0"))
either("tcx-lo-out", "tc", "the same by a BPF program", None, to_loopback,
       lambda l: B.attach(l, "lo", B.TCX_OUT, B.redirect(index(l, "v0"))))
either("tc-lo-out-in", "tc", "loopback packets redirected where they arrive", None, to_loopback,
       lambda l: mirred(l, "lo", "ingress", "v0"))


def inside_lo(line):
    s = line.sock(socket.AF_INET, socket.SOCK_DGRAM)
    s.bind(("", 4300))
    return s


def knock(line, s):
    """UDP from outside to the host's address, port 4300."""
    t = line.token()
    p = F.ip4(ROGUE4, HOST4, 17, F.udp(ROGUE4, HOST4, 4000, 4300, t))
    line.inject([F.of_ip(m, line.macs["rogue"], p) for m in (line.macs["host"], b"\0" * 6)] * 2, "rogue")
    return line.received(s, t)


either("tc-in-lo", "tc", "frames from outside redirected into loopback by tc", inside_lo, knock,
       lambda l: mirred(l, "v0", "ingress", "lo", "ingress redirect"))
either("tcx-in-lo", "tc", "the same by a BPF program", inside_lo, knock,
       lambda l: B.attach(l, "v0", B.TCX_IN, insn_ingress(index(l, "lo"))))


def insn_ingress(i):
    """bpf_redirect(I, BPF_F_INGRESS)"""
    return B.insn(0xb7, 1, imm=i) + B.insn(0xb7, 2, imm=1) + B.insn(0x85, imm=23) + B.EXIT


def spare(line):
    """A veth pair on the host, for redirects: s0 is hooked as any device."""
    line.ip("host", "link add s0 type veth peer name s1", "link set s0 up", "link set s1 up")
    line.ip_later("host", "link del s0")
    line.macs["spare"] = line.link_address("host", "s0")


def by_spare(device="s0"):
    def attempt(line, _):
        t = line.token()
        f = F.of_ip(line.macs["rogue"], line.macs["host"], F.ip4(HOST4, ROGUE4, 17, F.udp(HOST4, ROGUE4, 1, 2, t)))
        return line.frame_out(f, t, device=device)
    return attempt


either("tc-veth-out", "tc", "frames of another device redirected to the cable by tc", spare, by_spare(),
       lambda l: mirred(l, "s0", "egress", "v0"))
either("tc-ifb-out", "tc", "the same through an ifb device", lambda l: (l.ip(
    "host", "link add ifb9 type ifb", "link set ifb9 up"), l.ip_later("host", "link del ifb9")), by_spare("ifb9"),
       lambda l: mirred(l, "ifb9", "egress", "v0"))


def guest_pair(line):
    """A container on a veth without bridge; its end on the host is g0."""
    line.namespace("guest")
    line.ip("host", "link add g0 type veth peer name g1 netns " + line.ns["guest"], "link set g0 up")
    line.ip_later("host", "link del g0")
    line.ip("guest", "link set g1 up", "addr add 10.9.0.8/24 dev g1")
    s = line.packet("g1", proto=3, side="guest")
    return s


def guest_send(line, _):
    t = line.token()
    f = F.of_ip(line.macs["rogue"], line.macs["host"], F.ip4(HOST4, ROGUE4, 17, F.udp(HOST4, ROGUE4, 1, 2, t)))
    return line.frame_out(f, t, device="g1", side="guest")


def guest_hears(line, s):
    t = line.token()
    line.inject([F.of_ip(line.macs["host"], line.macs["rogue"],
                         F.ip4(ROGUE4, HOST4, 17, F.udp(ROGUE4, HOST4, 1, 2, t)))] * 3, "rogue")
    return line.received(s, t)


either("tc-guest-out", "tc", "a container's frames redirected to the cable by tc", guest_pair, guest_send,
       lambda l: mirred(l, "g0", "ingress", "v0"))
either("tc-guest-in", "tc", "frames from outside redirected to a container by tc", guest_pair, guest_hears,
       lambda l: mirred(l, "v0", "ingress", "g0"))
either("tcx-guest-out", "tc", "a container's frames redirected to the cable by a BPF program", guest_pair, guest_send,
       lambda l: B.attach(l, "g0", B.TCX_IN, B.redirect(index(l, "v0"))))
either("tcx-guest-in", "tc", "frames from outside redirected to a container by a BPF program", guest_pair, guest_hears,
       lambda l: B.attach(l, "v0", B.TCX_IN, B.redirect(index(l, "g0"))))
either("nft-dup-in", "tc", "frames from outside copied to a container by another netdev table", guest_pair, guest_hears,
       lambda l: l.nft("add table netdev x; add chain netdev x c { type filter hook ingress device v0 priority "
                       "-2147483648; }; add rule netdev x c dup to g0"))
either("nft-fwd-out", "tc", "a container's frames sent to the cable by another netdev table", guest_pair, guest_send,
       lambda l: l.nft("add table netdev x; add chain netdev x c { type filter hook ingress device g0 priority "
                       "-2147483648; }; add rule netdev x c fwd to v0"))


# -- XDP ----------------------------------------------------------------------------------------

def bounce(line):
    """A frame from outside: does it come back?"""
    t = line.token()
    line.inject([F.of_ip(line.macs["host"], line.macs["rogue"],
                         F.ip4(ROGUE4, HOST4, 17, F.udp(ROGUE4, HOST4, 4000, 4999, b"ping" + t)))] * 3, "rogue")
    return line.wire.count(lambda f: t in f and f[12:14] == b"\x08\0" and f[23] == 17)


either("xdp-tx", "xdp", "an XDP program that answers frames", None, bounce,
       lambda l: B.attach(l, "v0", B.XDP, B.constant(B.XDP_TX)))
either("xdp-tx-old", "xdp", "the same, attached as ip link does", None, bounce,
       lambda l: B.attach_old(l, "v0", B.constant(B.XDP_TX)))
either("xdp-guest-in", "xdp", "an XDP program that hands frames to a container", guest_pair, guest_hears,
       lambda l: B.attach(l, "v0", B.XDP, B.redirect(index(l, "g0"))))
either("xdp-guest-out", "xdp", "an XDP program that sends a container's frames out", guest_pair, guest_send,
       lambda l: B.attach(l, "g0", B.XDP, B.redirect(index(l, "v0"))))


def far(line):
    """A machine of the attacker's with an XDP program that redirects by a map of the host's devices; the map."""
    line.namespace("far")
    line.ip("far", "link add a0 type veth peer name a1", "link set a0 up", "link set a1 up")
    fd, code = B.devmap(line)
    B.attach(line, "a1", B.XDP, code, "far")
    return fd


def far_frame(line, t):
    return F.of_ip(line.macs["rogue"], line.macs["host"],
                   F.ip4(HOST4, ROGUE4, 17, F.udp(HOST4, ROGUE4, 4000, 4000, t)))


for name, words, frozen in (
        ("xdp-far-before", "XDP in another namespace that redirects to the cable, by a map set up before", False),
        ("xdp-far-frozen-before", "the same, the map frozen: nobody can change it any more", True)):
    def far_before(line, frozen=frozen):
        B.lead(line, far(line), "v0", frozen)
        yield
        t = line.token()
        return line.frame_out(far_frame(line, t), t, device="a0", side="far")
    add_way(name, "xdp", words, far_before)


@way("xdp-far-after", "xdp", "the same, the map filled while isolated", hand=True)
def _(line):
    fd = far(line)
    yield
    t = line.token()
    return line.leak(lambda: B.lead(line, fd, "v0"), [(t, line.persistent("a0", far_frame(line, t), "far"))], quiet=1.5)


def xsk(line):
    line.xsk = B.Xsk(line, "v0")


def xsk_send(line):
    t = line.token()
    for _ in range(3):
        line.xsk.send(F.of_ip(line.macs["rogue"], line.macs["host"],
                              F.ip4(HOST4, ROGUE4, 17, F.udp(HOST4, ROGUE4, 4000, 4000, t))))
    return line.wire.count(t)


def xsk_listen(line):
    t = line.token()
    line.inject([F.of_ip(line.macs["host"], line.macs["rogue"],
                         F.ip4(ROGUE4, HOST4, 17, F.udp(ROGUE4, HOST4, 4000, 4000, t)))] * 3, "rogue")
    end = time.monotonic() + WINDOW
    while time.monotonic() < end:
        n = sum(t in f for f in line.xsk.got())
        if n:
            return n
        time.sleep(0.004)
    return 0


either("xsk-send", "xdp", "an AF_XDP socket that sends", None, xsk_send, xsk)
either("xsk-listen", "xdp", "an AF_XDP socket that listens", None, xsk_listen,
       lambda l: (xsk(l), B.listen(l, "v0", l.xsk)))
