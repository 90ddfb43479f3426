# SPDX-License-Identifier: GPL-3.0-or-later
"""What root can do with the sockets of the enforcer: take them, and send over
them as the owner of the tables."""
import contextlib
import os
import socket
import struct

from enforcer_rig import libc


def stolen(owner, batch):
    """Send BATCH over every netfilter socket of the enforcer, OWNER.pid."""
    pidfd = os.pidfd_open(owner.pid)
    for n in os.listdir("/proc/%d/fd" % owner.pid):
        fd = libc.syscall(438, pidfd, int(n), 0)  # pidfd_getfd
        if fd < 0:
            continue
        try:
            s = socket.socket(fileno=fd)
        except OSError:
            os.close(fd)
            continue
        with s, contextlib.suppress(OSError):
            if s.family == socket.AF_NETLINK and s.proto == 12:
                s.send(batch)
    os.close(pidfd)


FAMILIES = (1, 3, 5, 7)  # inet, arp, netdev, bridge


def message(kind, family, *attrs, flags=1):
    body = struct.pack("=BBH", family, 0, 0 if attrs else 0x0a00)
    for number, data in attrs:
        body += struct.pack("=HH", 4 + len(data), number) + data + b"\0" * (-len(data) % 4)
    return struct.pack("=IHHII", 16 + len(body), kind, flags, 1, 0) + body


def batch(*messages):
    return message(0x10, 0) + b"".join(messages) + message(0x11, 0)


NAME = (1, b"cordon\0")


def delete_all():
    return batch(*(message(0x0a02, f, NAME) for f in FAMILIES))
