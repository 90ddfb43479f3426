# SPDX-License-Identifier: GPL-3.0-or-later
"""What the kernel knows, against a real kernel: seen how soon, by whom, and how often told."""
import os
import statistics
import subprocess
import time

import pytest
from sensors_rig import CACHED
from state_rig import State
from triggers_kernel import TRIGGERS, prepare

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
POLLED = {"kernel.bpf", "kernel.tainted", "kernel.binfmt", "kernel.lsm-changed", "logging.stopped",
          "net.peer", "net.raw-socket", "loader.preload"}
ATTRIBUTED = {"kernel.helper", "kernel.setting", "mount.over", "mount.weaker", "mount.new", "net.listener", "net.promiscuous",
              "net.device", "net.raw-socket", "net.route"}


class Kernel(State):
    def __init__(self):
        super().__init__()
        self.behind = []

    def background(self, command, **env):
        self.behind.append(subprocess.Popen(self.inside("/bin/sh", "-c", command), env=dict(os.environ, **env),
                                            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL))

    def close(self):
        for p in self.behind:
            p.kill()
            p.wait(10)
        super().close()


@pytest.fixture
def k():
    x = Kernel()
    try:
        x.boot()
        prepare(x)
        yield x
    finally:
        x.close()


def ours(m):
    return m["kind"].split(".")[0] in ("kernel", "mount", "net", "time", "logging", "loader")


def run(k, rows):
    """Do all of ROWS, then wait for each; (row, seconds, signal) of those that came."""
    begun, came = [], []
    for row in rows:
        begun.append(time.clock_gettime(time.CLOCK_BOOTTIME))
        row[2](k)
    for row, begin in zip(rows, begun):
        try:
            m = k.told(row[3], seconds=120 if row[3] in POLLED else 20)
        except AssertionError:
            continue
        came.append((row, m["ms"] / 1000 - begin, m))
    return came


def p95(seconds):
    return sorted(seconds)[int(len(seconds) * 0.95)] if seconds else 0.0


def test_triggers_are_seen(k):
    """Each trigger has its kind, with who did it where the kernel or the fact names somebody."""
    k.start()
    k.quiet(3)
    came = [x for row in TRIGGERS if row[3] not in POLLED for x in run(k, [row])]
    quick = [s for _, s, _ in came]
    came += run(k, [row for row in TRIGGERS if row[3] in POLLED])
    more = [m for m in k.quiet(0.5) if ours(m)]
    for (technique, what, _, kind), seconds, m in came:
        print("%-9s %-32s %-20s %6.2f s  grade %d %s" % (technique, what, kind, seconds, m.get("grade", 0), m.get("program", "")))
    for m in more:
        print("also      %-32s %-20s %s" % (m["object"], m["kind"], m["text"]))
    slow = [s for _, s, m in came if m["kind"] in POLLED]
    print("told by the kernel: %d, median %.2f s, p95 %.2f s" % (len(quick), statistics.median(quick), p95(quick)))
    print("polled: %d, median %.2f s, p95 %.2f s" % (len(slow), statistics.median(slow), p95(slow)))
    named = [row[1] for row, _, m in came if m.get("grade", 0) >= CACHED]
    print("recall %d/%d, named %d, signals a trigger %.2f" % (len(came), len(TRIGGERS), len(named),
                                                             (len(came) + len(more)) / len(TRIGGERS)))
    missed = {row[1] for row in TRIGGERS} - {row[1] for row, _, _ in came}
    assert not missed
    should = {row[1] for row in TRIGGERS if row[3] in ATTRIBUTED}
    assert len(set(named) & should) >= 0.9 * len(should), should - set(named)


def test_quiet_host_is_quiet(k):
    """A service that restarts, a log-in of nobody: no word. And it costs next to nothing."""
    listen = "import socket; s=socket.socket(); s.setsockopt(1,2,1); s.bind(('0.0.0.0',4450)); s.listen(); print(s.accept())"
    k.background("for i in 1 2 3 4 5 6 7 8; do timeout 4 /usr/bin/python3 -c \"$CODE\"; done", CODE=listen)
    time.sleep(1)
    k.start()
    k.quiet(5)
    before = ticks(k)
    told = [m for m in k.quiet(20) if ours(m) and m["kind"] != "net.peer"]
    cpu = (ticks(k) - before) / os.sysconf("SC_CLK_TCK")
    print("sensors while quiet: %.3f %% of a core" % (cpu / 20 * 100))
    assert told == []


def ticks(k):
    pid = k.sh("for p in /proc/[0-9]*; do case $(readlink $p/exe) in */agent-sensors) echo ${p#/proc/};; esac; done").split()[0]
    return sum(int(x) for x in k.sh("cat /proc/%s/stat" % pid).rsplit(")", 1)[1].split()[11:13])


def test_setuid_anywhere_is_seen(k):
    """A mark takes a whole file system: also what lies outside the trees."""
    k.start()
    k.sh("cp /usr/bin/true /srv/tool; chmod 755 /srv/tool; mkdir -p /var/lib/docker/x; cp /usr/bin/true /var/lib/docker/x/su")
    k.sh("chmod 4755 /var/lib/docker/x/su; chmod 4755 /srv/tool")
    m = k.told("files.setuid", "/srv/tool")
    assert m["program"] == "/usr/bin/chmod" and m["grade"] >= CACHED
    assert not [m for m in k.quiet(1) if m["kind"] == "files.setuid"]


def test_routes_of_every_day_are_not_told(k):
    """What devices, DHCP, routing daemons and containers bring; and one by hand to an address says what it was before."""
    k.start()
    k.quiet(3)
    k.sh("ip addr add 198.51.100.2/24 dev d0; ip route add default via 192.0.2.99; ip route add 10.1.0.0/16 via 192.0.2.99;"
         "ip route add 10.2.0.1 via 192.0.2.99 proto dhcp; ip route add 10.2.0.2 via 192.0.2.99 proto bird;"
         "ip link add v0 type veth peer name v1; ip link set v0 up; ip route add 10.3.0.1 dev v0; ip link set d0 down; ip link set d0 up")
    assert not [m for m in k.quiet(4) if m["kind"] == "net.route"]
    k.sh("ip neigh replace 192.0.2.99 lladdr 02:00:00:00:00:99 dev d0; ip route add 203.0.113.5 via 192.0.2.99")
    k.told("net.route")
    k.sh("ip route replace prohibit 203.0.113.5")
    m = k.told("net.route")
    assert m["text"] == "route to 203.0.113.5/32 is refused (prohibit), table main; before: leads to 192.0.2.99 on d0"
    assert m["program"] == "/usr/bin/ip" and m["grade"] >= CACHED
