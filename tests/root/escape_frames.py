# SPDX-License-Identifier: GPL-3.0-or-later
"""Frames built byte by byte, for the escape suite.  Everything takes and
gives bytes; addresses are text, link addresses are 6 bytes."""
import socket
import struct

ARP, IP4, IP6, VLAN = 0x0806, 0x0800, 0x86dd, 0x8100
EVERYONE = b"\xff" * 6


def mac_of(text):
    return bytes.fromhex(text.replace(":", ""))


def mac_text(mac):
    return ":".join("%02x" % b for b in mac)


def checksum(data):
    if len(data) % 2:
        data += b"\0"
    s = sum(struct.unpack("!%dH" % (len(data) // 2), data))
    while s >> 16:
        s = (s & 0xffff) + (s >> 16)
    return ~s & 0xffff


def packed(address):
    return socket.inet_pton(socket.AF_INET6 if ":" in address else socket.AF_INET, address)


def ether(dst, src, kind, payload):
    return (dst + src + struct.pack("!H", kind) + payload).ljust(60, b"\0")


def tagged(frame, vlan=5):
    return frame[:12] + struct.pack("!HH", VLAN, vlan) + frame[12:]


def ip4(src, dst, proto, payload, options=b"", fragment=0, ttl=64, ident=7):
    ihl = 5 + len(options) // 4
    head = struct.pack("!BBHHHBBH4s4s", 0x40 | ihl, 0, ihl * 4 + len(payload), ident, fragment, ttl, proto, 0,
                       packed(src), packed(dst)) + options
    return head[:10] + struct.pack("!H", checksum(head)) + head[12:] + payload


def ip6(src, dst, proto, payload, hops=64):
    return struct.pack("!IHBB", 6 << 28, len(payload), proto, hops) + packed(src) + packed(dst) + payload


def ip(src, dst, proto, payload, hops=64, **kw):
    return ip6(src, dst, proto, payload, hops) if ":" in dst else ip4(src, dst, proto, payload, ttl=hops, **kw)


def _summed(src, dst, proto, data, at):
    """DATA with its checksum, at offset AT, over the pseudo header."""
    if ":" in dst:
        pseudo = packed(src) + packed(dst) + struct.pack("!II", len(data), proto)
    else:
        pseudo = packed(src) + packed(dst) + struct.pack("!HH", proto, len(data))
    return data[:at] + struct.pack("!H", checksum(pseudo + data)) + data[at + 2:]


def udp(src, dst, sport, dport, data):
    return _summed(src, dst, 17, struct.pack("!HHHH", sport, dport, 8 + len(data), 0) + data, 6)


SYN, RST, ACK, PUSH = 2, 4, 16, 8


def tcp(src, dst, sport, dport, data=b"", flags=SYN, seq=1, ack=0):
    head = struct.pack("!HHIIBBHHH", sport, dport, seq, ack, 0x50, flags, 1000, 0, 0)
    return _summed(src, dst, 6, head + data, 16)


def echo(src, dst, data, request=True, ident=9):
    if ":" in dst:
        return _summed(src, dst, 58, struct.pack("!BBHHH", 128 if request else 129, 0, 0, ident, 1) + data, 2)
    m = struct.pack("!BBHHH", 8 if request else 0, 0, 0, ident, 1) + data
    return m[:2] + struct.pack("!H", checksum(m)) + m[4:]


def icmp6(src, dst, kind, body, code=0):
    return _summed(src, dst, 58, struct.pack("!BBH", kind, code, 0) + body, 2)


def arp(op, sender_mac, sender, target_mac, target):
    """SENDER and TARGET: address as text, or 4 bytes."""
    four = [a if isinstance(a, bytes) else packed(a) for a in (sender, target)]
    return struct.pack("!HHBBH", 1, IP4, 6, 4, op) + sender_mac + four[0] + target_mac + four[1]


def kind_of(address):
    return IP6 if ":" in address else IP4


def of_ip(dst_mac, src_mac, packet):
    return ether(dst_mac, src_mac, IP6 if packet[0] >> 4 == 6 else IP4, packet)


def extension(kind, following, body=b""):
    """One IPv6 extension header with BODY behind its first two bytes."""
    if kind == 44:
        return struct.pack("!BBHI", following, 0, 0, 7)
    body = body.ljust(6, b"\0") if body else b"\x01\x04\0\0\0\0"
    body += b"\0" * (-(len(body) + 2) % 8)
    return struct.pack("!BB", following, (len(body) + 2) // 8 - 1) + body
