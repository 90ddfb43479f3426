# SPDX-License-Identifier: GPL-3.0-or-later
"""Isolation by packets: what leaves and enters, seen from outside."""
import os
import random
import subprocess
import time

import pytest

from world import Peer, Sniffer, TCP_SESSION, UDP_STREAM, run, wait_for

RAW = r"""
import socket, time
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW); s.bind(('eth0', 0))
if %d: s.setsockopt(263, 20, 1)
mac = s.getsockname()[4]
ip = bytes.fromhex('4500002c00010000401100000a4d01050a4d0106') + b'\x13\x88\x27\x0f\x00\x18\x00\x00' + b'raw-frame-raw-fr'
for i in range(20):
    for kind in (b'\x08\x00', b'\x86\xdd', b'\x88\xb5', b'\x81\x00'):
        try: s.send(b'\xff' * 6 + mac + kind + ip)
        except OSError: pass
    time.sleep(0.01)
"""


@pytest.fixture(scope="module")
def peer(world, people):
    return world.peer("peer30")


def online(wang, name):
    return wait_for(name + " online", lambda: wang.json("host", "show", name)["online"])


def isolate(wang, name):
    wang("isolate", name, "--reason", "scenario test of isolation", "--yes")
    assert wang.json("host", "show", name)["isolation"] == "proven"


def test_no_frame_but_the_line(world, people, peer):
    col, wang, _ = people
    h = world.host("cage").enrol(col).start_agent()
    online(wang, "cage")
    # A container behind the host: a namespace of its own, routed by the host.
    box = h.ns + "-box"
    run(["ip", "netns", "add", box])
    world.cleanup.callback(run, ["ip", "netns", "del", box], check=False)
    run(["ip", "-n", h.ns, "link", "add", "vbox", "type", "veth", "peer", "name", "eth0", "netns", box])
    for ns, dev, addr in ((h.ns, "vbox", "10.99.0.1/24"), (box, "eth0", "10.99.0.2/24")):
        run(["ip", "-n", ns, "addr", "add", addr, "dev", dev])
        run(["ip", "-n", ns, "link", "set", dev, "up"])
    run(["ip", "-n", box, "route", "add", "default", "via", "10.99.0.1"])
    h.run(["sysctl", "-qw", "net.ipv4.ip_forward=1"])
    h.nft("add table ip nat; add chain ip nat post { type nat hook postrouting priority 100; }; "
          "add rule ip nat post ip saddr 10.99.0.0/24 masquerade")

    def box_reaches():
        return run(["ip", "netns", "exec", box, "ping", "-c1", "-W1", peer.v4], check=False).returncode == 0
    assert box_reaches() and h.reaches(peer.v6, Peer.TCP) and h.pings(peer.v6)
    watch = Sniffer(h)
    isolate(wang, "cage")
    mark = time.time()
    for q in (0, 1):
        h.python(RAW % q).wait(20)
    h.python(UDP_STREAM % (peer.v4, Peer.UDP))
    assert not h.reaches(peer.v4, Peer.TCP) and not h.reaches(peer.v6, Peer.TCP)
    assert not h.pings(peer.v4) and not h.pings(peer.v6)
    assert not h.reaches(col.v4, col.API), "only the agents' port of the collector is allowed"
    assert not h.reaches(col.v4, col.AGENTS), "only the network process may use the line"
    assert not box_reaches()
    for target in (h.v4, h.v6):
        assert peer.run(["ping", "-c1", "-W1", target], check=False).returncode != 0
    time.sleep(1)
    leaked = [f for f in watch.frames(mark) if f.out_of_host and not f.is_line(col) and not f.is_neighbour()]
    assert not leaked, leaked[:5]
    line = [f for f in watch.frames(mark) if f.is_line(col)]
    assert line, "the line to the collector is dead"


@pytest.mark.parametrize("conntrack", [False, True], ids=["no-conntrack", "conntrack"])
def test_established_flows_die_both_ways(world, people, peer, conntrack):
    col, wang, _ = people
    name = "flows-%d" % conntrack
    h = world.host(name).enrol(col).start_agent()
    online(wang, name)
    if conntrack:
        h.nft("add table inet fw; add chain inet fw in { type filter hook input priority 0; }; "
              "add rule inet fw in ct state established,related accept")
    h.python("import socket\ns=socket.socket(); s.setsockopt(1,2,1); s.bind(('',2222)); s.listen()\n"
             "while True:\n c,_=s.accept()\n while True:\n  d=c.recv(99)\n  if not d: break\n  c.sendall(d)")
    wait_for("the listener", lambda: peer.run(["true"]) and "2222" in h.run(["ss", "-Hltn"]).stdout)
    out = h.python(TCP_SESSION % (peer.v4, Peer.TCP), stdout=subprocess.PIPE, text=True)
    into = peer.python(TCP_SESSION % (h.v4, 2222), stdout=subprocess.PIPE, text=True)
    assert out.stdout.readline().strip() == "up" and into.stdout.readline().strip() == "up"
    isolate(wang, name)
    for p in (out, into):
        wait_for("the end of a session", lambda: p.poll() is not None, 10)


def test_the_agent_comes_back_while_isolated(world, people, peer):
    col, wang, _ = people
    h = world.host("returns").enrol(col).start_agent()
    online(wang, "returns")
    isolate(wang, "returns")
    col.restart()
    online(wang, "returns")
    h.run(["ip", "neigh", "flush", "all"])
    h.kill("agent-network")
    wait_for("a new connection", lambda: wang.json("host", "show", "returns")["online"], 20)
    assert not h.reaches(peer.v4, Peer.TCP)


def test_another_host_bears_witness(world, people, peer):
    col, wang, _ = people
    for name in ("seen-a", "seen-b"):
        world.host(name).enrol(col).start_agent()
        online(wang, name)
    isolate(wang, "seen-a")
    h = wait_for("a witness", lambda: (lambda x: x if x.get("witness_at") else None)(
        wang.json("host", "show", "seen-a")), 30)
    assert h["witness_ok"] and h["witness_by"] and h["witness_by"] != "seen-a"


def test_an_order_waits_for_a_host_that_is_away(world, people, peer):
    col, wang, _ = people
    h = world.host("away").enrol(col).start_agent()
    online(wang, "away")
    h.stop_agent()
    wait_for("offline", lambda: not wang.json("host", "show", "away")["online"])
    sent = wang("isolate", "away", "--reason", "ordered while it is away", "--yes", "--no-wait", check=False)
    assert sent.returncode in (0, 5), sent.stdout
    assert h.reaches(peer.v4, Peer.TCP)
    h.start_agent()
    wait_for("proven", lambda: wang.json("host", "show", "away")["isolation"] == "proven", 30)
    assert not h.reaches(peer.v4, Peer.TCP)


def test_sigkill_at_any_moment_converges(world, people, peer):
    """Kill a random process at a random moment around an apply; no packet once proven."""
    col, wang, li = people
    h = world.host("killed").enrol(col).start_agent()
    online(wang, "killed")
    watch = Sniffer(h)
    rng = random.Random(7)
    isolate(wang, "killed")
    mark = time.time()
    h.python(UDP_STREAM % (peer.v4, Peer.UDP))
    for _ in range(int(os.environ.get("CORDON_KILLS", "15"))):
        name = rng.choice(["agent-network", "agent-enforcer", "agent-sensors", "agent-parent"])
        time.sleep(rng.random() * 0.3)
        try:
            h.kill(name)
        except KeyError:
            continue  # not there yet, after another kill
        if name == "agent-parent":
            wait_for("the end of all four", lambda: not h.processes(), 20)
            h.start_agent()
    began = time.time()
    wait_for("proof after the kills", lambda: (lambda x: x["isolation"] == "proven" and x["online"])(
        wang.json("host", "show", "killed")), 30)
    wait_for("five processes", lambda: len(h.processes()) == 5, 15)
    leaked = [f for f in watch.frames(mark) if f.out_of_host and not f.is_line(col) and not f.is_neighbour()]
    assert not leaked, (leaked[:5], began - mark)
