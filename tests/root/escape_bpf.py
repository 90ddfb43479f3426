# SPDX-License-Identifier: GPL-3.0-or-later
"""Small BPF programs and AF_XDP sockets for the escape suite, made with the
system calls alone: no compiler, no library.  Run in the host's namespace
(Line.here), for devices are named by index."""
import ctypes
import errno
import mmap
import os
import socket
import struct
import time

from enforcer_rig import libc
from escape_rig import Impossible

XDP, TCX_IN, TCX_OUT = 37, 46, 47  # enum bpf_attach_type
XDP_TX, SKB_MODE = 3, 2
AF_XDP, SOL_XDP = 44, 283


def insn(code, dst=0, src=0, off=0, imm=0):
    return struct.pack("<BBhi", code, dst | src << 4, off, imm)


EXIT = insn(0x95)


def constant(value):
    """A program that answers VALUE."""
    return insn(0xb7, 0, imm=value) + EXIT


def redirect(index):
    """bpf_redirect(INDEX, 0)"""
    return insn(0xb7, 1, imm=index) + insn(0xb7, 2) + insn(0x85, imm=23) + EXIT


def to_socket(map_fd):
    """bpf_redirect_map(MAP, queue, XDP_PASS)"""
    return insn(0x61, 2, 1, 16) + insn(0x18, 1, 1, imm=map_fd) + insn(0) + insn(0xb7, 3, imm=2) + \
        insn(0x85, imm=51) + EXIT


def bpf(cmd, attr):
    buf = ctypes.create_string_buffer(attr.ljust(144, b"\0"), 144)
    fd = libc.syscall(321, cmd, buf, len(buf))
    if fd < 0:
        raise Impossible("bpf(%d): %s" % (cmd, os.strerror(ctypes.get_errno())))
    return fd


def load(attach, code):
    """A program for XDP or tc; its descriptor."""
    insns = ctypes.create_string_buffer(code, len(code))
    text = ctypes.create_string_buffer(b"GPL")
    attr = struct.pack("=IIQQIIQII16sII", 6 if attach == XDP else 3, len(code) // 8, ctypes.addressof(insns),
                       ctypes.addressof(text), 0, 0, 0, 0, 0, b"escape", 0, attach)
    return bpf(5, attr)


def attach(line, device, where, code, side="host"):
    """Hooks CODE to a device until this way is over."""
    def go():
        prog = load(where, code)
        try:
            return bpf(28, struct.pack("=IIIIIIQ", prog, socket.if_nametoindex(device), where,
                                       SKB_MODE if where == XDP else 0, 0, 0, 0))
        finally:
            os.close(prog)
    fd = line.here(go, side)
    line.later(os.close, fd)


def devmap(line):
    """A map of one device, empty; and code that redirects by it."""
    fd = bpf(0, struct.pack("=IIII", 14, 4, 4, 1))
    line.later(os.close, fd)
    return fd, insn(0x18, 1, 1, imm=fd) + insn(0) + insn(0xb7, 2) + insn(0xb7, 3) + insn(0x85, imm=51) + EXIT


def lead(line, fd, device, frozen=False):
    """It leads to a device of the host, whatever namespace uses it; nobody changes it after it was frozen."""
    def go():
        key, value = ctypes.c_uint32(0), ctypes.c_uint32(socket.if_nametoindex(device))
        bpf(2, struct.pack("=IIQQQ", fd, 0, ctypes.addressof(key), ctypes.addressof(value), 0))
        if frozen:
            bpf(22, struct.pack("=I", fd))
    line.here(go)


def attach_old(line, device, code):
    """XDP the way `ip link set xdp` does it: without a link of its own."""
    def ask(fd):
        def go():
            s = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0)
            with s:
                xdp = struct.pack("=HHiHHI", 8, 1, fd, 8, 3, SKB_MODE)  # IFLA_XDP_FD, IFLA_XDP_FLAGS
                body = struct.pack("=BBHiII", 0, 0, 0, socket.if_nametoindex(device), 0, 0) + \
                    struct.pack("=HH", 4 + len(xdp), 43 | 0x8000) + xdp
                s.send(struct.pack("=IHHII", 16 + len(body), 19, 5, 1, 0) + body)
                error = struct.unpack("=i", s.recv(4096)[16:20])[0]
                if error:
                    raise Impossible("xdp: " + os.strerror(-error))
        line.here(go)
    fd = load(XDP, code)
    try:
        ask(fd)
    finally:
        os.close(fd)

    def undo():
        try:
            ask(-1)
        except (Impossible, OSError):
            pass
    line.later(undo)


class Xsk:
    """One AF_XDP socket in copy mode on queue 0 of a device."""
    SLOTS, SIZE = 16, 4096

    def __init__(self, line, device):
        self.s = line.sock(AF_XDP, socket.SOCK_RAW)
        self.umem = mmap.mmap(-1, self.SLOTS * self.SIZE)
        self.at = ctypes.addressof(ctypes.c_char.from_buffer(self.umem))
        self.s.setsockopt(SOL_XDP, 4, struct.pack("=QQIIII", self.at, len(self.umem), self.SIZE, 0, 0, 0))
        for ring in (5, 6, 2, 3):  # fill, completion, rx, tx
            self.s.setsockopt(SOL_XDP, ring, struct.pack("=I", self.SLOTS))
        off = struct.unpack("=16Q", self.s.getsockopt(SOL_XDP, 1, 128))
        self.rx, self.rx_at = self.map(0, off[0:4], 16)
        self.tx, self.tx_at = self.map(0x80000000, off[4:8], 16)
        self.fill, self.fill_at = self.map(0x100000000, off[8:12], 8)
        for i in range(8):
            struct.pack_into("=Q", self.fill, self.fill_at[2] + 8 * i, (8 + i) * self.SIZE)
        struct.pack_into("=I", self.fill, self.fill_at[0], 8)
        for m in (self.rx, self.tx, self.fill):  # they hold the queue, too
            line.later(m.close)

        def bind():
            addr = struct.pack("=HHIII", AF_XDP, 2, socket.if_nametoindex(device), 0, 0)  # XDP_COPY
            for _ in range(20):  # an earlier socket's queue is freed a little late
                if libc.bind(self.s.fileno(), addr, len(addr)) == 0:
                    return
                if ctypes.get_errno() != errno.EBUSY:
                    break
                time.sleep(0.05)
            raise OSError(ctypes.get_errno(), "bind")
        line.here(bind)

    def map(self, where, off, size):
        return mmap.mmap(self.s.fileno(), off[2] + size * self.SLOTS, mmap.MAP_SHARED | mmap.MAP_POPULATE,
                         mmap.PROT_READ | mmap.PROT_WRITE, offset=where), off

    def send(self, frame):
        self.umem[0:len(frame)] = frame
        n = struct.unpack_from("=I", self.tx, self.tx_at[0])[0]
        struct.pack_into("=QII", self.tx, self.tx_at[2] + 16 * (n % self.SLOTS), 0, len(frame), 0)
        struct.pack_into("=I", self.tx, self.tx_at[0], n + 1)
        libc.sendto(self.s.fileno(), None, 0, socket.MSG_DONTWAIT, None, 0)

    def got(self):
        """Frames that came, at most SLOTS."""
        n = struct.unpack_from("=I", self.rx, self.rx_at[0])[0]
        out = []
        for i in range(min(n, self.SLOTS)):
            addr, size, _ = struct.unpack_from("=QII", self.rx, self.rx_at[2] + 16 * i)
            out.append(self.umem[addr:addr + size])
        return out


def store(at, data):
    """bpf_skb_store_bytes(skb, AT, DATA, 4, 0); DATA is 4 bytes."""
    return insn(0xbf, 6, 1) + insn(0x62, 10, off=-4, imm=struct.unpack("<i", data)[0]) + insn(0xbf, 1, 6) + \
        insn(0xb7, 2, imm=at) + insn(0xbf, 3, 10) + insn(0x07, 3, imm=-4) + insn(0xb7, 4, imm=4) + insn(0xb7, 5) + \
        insn(0x85, imm=9) + insn(0xb7, 0) + EXIT


def listen(line, device, xsk):
    """A program that gives every frame of queue 0 to an AF_XDP socket."""
    fd = bpf(0, struct.pack("=IIII", 17, 4, 4, 1))  # XSKMAP
    line.later(os.close, fd)
    key, value = ctypes.c_uint32(0), ctypes.c_uint32(xsk.s.fileno())
    bpf(2, struct.pack("=IIQQQ", fd, 0, ctypes.addressof(key), ctypes.addressof(value), 0))
    attach(line, device, XDP, to_socket(fd))
