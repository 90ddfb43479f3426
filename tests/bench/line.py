# SPDX-License-Identifier: GPL-3.0-or-later
"""The allowed line with rules against without, in one run: TCP from the
network process's user to the collector's port, throughput and round trips.
The rules are those of `strict`, owned by the real enforcer.  Prints one line
a figure:

    name<TAB>value<TAB>unit<TAB>note
"""
import contextlib
import os
import select
import signal
import socket
import statistics
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "root"))
from enforcer_rig import COLLECTOR, PEER4, PEER6, UID_NETWORK, Rig, family, in_thread  # noqa: E402

ROUNDS = 12       # pairs of with and without, in turn
SECONDS = 0.4     # of sending, each
TRIPS = 2000      # round trips, each
CHUNK = b"x" * 65536


def sink(rig):
    """A process that takes everything on the collector's port, and answers
    what is one byte; its pid."""
    for p in rig.peers:
        p.close()
    rig.peers.clear()

    def listen():
        out = []
        for a, any_ in ((PEER4, "0.0.0.0"), (PEER6, "::")):
            s = socket.socket(family(a), socket.SOCK_STREAM)
            if family(a) == socket.AF_INET6:
                s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            s.bind((any_, COLLECTOR))
            s.listen(4)
            out.append(s)
        return out
    listeners = in_thread(rig.ns["peer"], 0, listen)
    pid = os.fork()
    if pid:
        for s in listeners:
            s.close()
        return pid
    buf = bytearray(1 << 20)
    while True:
        for s in select.select(listeners, [], [])[0]:
            with s.accept()[0] as c, contextlib.suppress(OSError):
                c.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                n = c.recv_into(buf)
                while n:
                    if n == 1:
                        c.send(b"y")
                    n = c.recv_into(buf)


def spent(pid):
    """CPU seconds of this process and of PID, so far."""
    with open("/proc/%d/schedstat" % pid) as f:
        return time.process_time() + int(f.read().split()[0]) / 1e9


def line(rig, address):
    s = rig.connect("host", address, COLLECTOR, UID_NETWORK, 5)
    assert s is not None, "the line does not open"
    s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    s.settimeout(10)
    return s


def throughput(s, pid):
    """(bytes a second, bytes a CPU second of both ends)"""
    sent, began, cpu = 0, time.monotonic(), spent(pid)
    while time.monotonic() - began < SECONDS:
        sent += s.send(CHUNK)
    s.shutdown(socket.SHUT_WR)
    s.recv(1)  # all has arrived
    return sent / (time.monotonic() - began), sent / (spent(pid) - cpu)


def trip(s):
    """Microseconds a round trip of one byte."""
    time.sleep(0.05)
    began = time.monotonic()
    for _ in range(TRIPS):
        s.send(b"x")
        s.recv(1)
    return (time.monotonic() - began) * 1e6 / TRIPS


def measure():
    """[(name, value, unit, note)]"""
    rig = Rig(park=True)
    out, pid = [], 0
    try:
        rig.start()
        pid = sink(rig)
        for v, address in ((4, PEER4), (6, PEER6)):
            fast, slow = {"open": [], "strict": []}, {"open": [], "strict": []}
            for _ in range(ROUNDS):
                for profile in fast:
                    line(rig, address).close()  # so that the way is known
                    rig.apply(profile)
                    with line(rig, address) as s:
                        slow[profile].append(trip(s))
                    with line(rig, address) as s:
                        fast[profile].append(throughput(s, pid))
            out += figures(v, fast, slow)
        out += gigabit(rig, pid)
    finally:
        if pid:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
        rig.close()
    return out


def gigabit(rig, pid):
    """The same over a cable of 1 Gbit/s, which most hosts have at best."""
    rig.cmd("host", "tc", "qdisc", "add", "dev", "v0", "root", "handle", "1:", "htb", "default", "1")
    rig.cmd("host", "tc", "class", "add", "dev", "v0", "parent", "1:", "classid", "1:1", "htb", "rate", "1gbit")
    fast = {"open": [], "strict": []}
    for _ in range(ROUNDS // 2):
        for profile in fast:
            line(rig, PEER4).close()
            rig.apply(profile)
            with line(rig, PEER4) as s:
                fast[profile].append(throughput(s, pid)[0])
    ratio = statistics.median(a / b for a, b in zip(fast["strict"], fast["open"]))
    return [("line4.gigabit-ratio", "%.3f" % ratio, "x", "throughput over a cable of 1 Gbit/s, with rules / without "
             "(%.0f / %.0f MB/s); aim: at least 0.95" % tuple(statistics.median(fast[p]) / 1e6
                                                              for p in ("strict", "open")))]


def figures(v, fast, slow):
    wall, cpu = ([statistics.median(x[i] for x in fast[p]) / 1e6 for p in ("strict", "open")] for i in (0, 1))
    wall_ratio, cpu_ratio = (statistics.median(a[i] / b[i] for a, b in zip(fast["strict"], fast["open"]))
                             for i in (0, 1))
    trips = [min(slow[p]) for p in ("strict", "open")]
    return [
        ("line%d.throughput-ratio" % v, "%.3f" % wall_ratio, "x", "median of %d pairs, with rules / without "
         "(%.0f / %.0f MB/s, nothing but the CPU in the way)" % (ROUNDS, *wall)),
        ("line%d.cpu-ratio" % v, "%.3f" % cpu_ratio, "x", "the same in bytes a CPU second of both ends "
         "(%.0f / %.0f MB)" % tuple(cpu)),
        ("line%d.round-trip" % v, "%.2f" % (trips[0] - trips[1]), "us",
         "more a TCP round trip: best %.1f with rules, %.1f without" % tuple(trips))]


if __name__ == "__main__":
    if os.geteuid() != 0:
        sys.exit("needs root, for network namespaces")
    for row in measure():
        print("\t".join(row))
