# SPDX-License-Identifier: GPL-3.0-or-later
"""agent-enforcer against a real kernel, with real packets, in namespaces."""
import concurrent.futures
import os
import random
import socket
import struct
import subprocess
import time

import pytest
from enforcer_rig import (BUILD, COLLECTOR, HOST4, HOST6, INBOUND, OTHER, PEER4, PEER6,
                          UDP, UID_ENFORCER, UID_NETWORK, Rig, in_thread)
from stolen import delete_all, stolen

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
PEERS, HOSTS = (PEER4, PEER6), (HOST4, HOST6)


@pytest.fixture
def rig():
    r = Rig()
    r.start()
    yield r
    r.close()


def at_once(*tries):
    """What each of TRIES returns: those that must fail all wait for the same half second."""
    with concurrent.futures.ThreadPoolExecutor(len(tries)) as pool:
        return [t.result() for t in [pool.submit(*one) for one in tries]]


def everything_flows(rig):
    return all(at_once(*[(rig.tcp, "host", a, p) for a in PEERS for p in (COLLECTOR, OTHER)],
                       *[(rig.udp, "host", a, UDP) for a in PEERS],
                       *[(way, "peer", a, INBOUND) for a in HOSTS for way in (rig.tcp, rig.udp)]))


def only_collector(rig):
    """Everything that must be, in one list, so that a failure names it."""
    must = [("collector line dead: " + a, (rig.tcp, "host", a, COLLECTOR, UID_NETWORK)) for a in PEERS]
    must += [("loopback: " + a, (rig.tcp, "host", a, INBOUND)) for a in (*HOSTS, "127.0.0.1", "::1")]
    never = []
    for a in PEERS:
        never += [("root reached the collector's port: " + a, (rig.tcp, "host", a, COLLECTOR))]
        never += [("TCP out: " + a, (rig.tcp, "host", a, OTHER, uid)) for uid in (0, UID_NETWORK)]
        never += [("UDP out: " + a, (rig.udp, "host", a, UDP, uid)) for uid in (0, UID_NETWORK)]
    never += [("in: " + a, (way, "peer", a, INBOUND)) for a in HOSTS for way in (rig.tcp, rig.udp)]
    got = at_once(*[t for _, t in must + never])
    right = [True] * len(must) + [False] * len(never)
    return [name for (name, _), ok, good in zip(must + never, got, right) if bool(ok) != good]


def test_01_rights_are_given_up(rig):
    with open("/proc/%d/status" % rig.pid) as f:
        s = dict(line.rstrip("\n").split(":\t", 1) for line in f if ":\t" in line)
    assert s["Uid"].split() == [str(UID_ENFORCER)] * 4
    assert s["Gid"].split() == [str(UID_ENFORCER)] * 4 and s["Groups"].strip() == ""
    assert int(s["CapEff"], 16) == int(s["CapPrm"], 16) == 1 << 12  # CAP_NET_ADMIN
    assert int(s["CapInh"], 16) == int(s["CapAmb"], 16) == int(s["CapBnd"], 16) & ~(1 << 12) == 0
    assert s["NoNewPrivs"] == "1" and s["Seccomp"] == "2"


def test_02_strict_lets_only_the_collector_through(rig):
    assert everything_flows(rig)
    a = rig.apply(probes="tcp/%s:%d,udp/%s:%d,tcp/[%s]:%d" % (PEER4, OTHER, PEER4, UDP, PEER6, OTHER))
    cap = rig.capture()
    assert len(a["digest"]) == 64
    assert only_collector(rig) == []
    assert cap.forbidden() == []
    p = rig.expect("proof", order=a["order"])
    assert p["ok"] == "1" and p["probes"] == "blocked,blocked,blocked" and p["weak"] == ""
    assert p["expected"] == p["kernel"] == a["digest"]
    assert {"inet", "ingress:v0", "egress:v0", "bridge", "arp", "owner", "persist"} <= set(p["layers"].split(","))
    a = rig.apply("open")
    assert a["digest"] == "" and rig.tables() == [] and everything_flows(rig)
    p = rig.expect("proof", order=a["order"], profile="1")
    assert p["ok"] == "1" and p["kernel"] == ""


def test_03_neighbours_are_found_again(rig):
    rig.apply()
    for side, dev in (("host", "v0"), ("peer", "p0")):
        rig.cmd(side, "ip", "neigh", "flush", "dev", dev)
    assert all(rig.tcp("host", a, COLLECTOR, UID_NETWORK) for a in PEERS)


def frame(kind, payload):
    return b"\xff" * 6 + b"\x02\0\0\0\0\x09" + struct.pack("!H", kind) + payload


def ipv4(proto, dst, port, ihl=5, fragment=0):
    l4 = struct.pack("!HHIIBBHHH", 40000, port, 1, 0, 0x50, 2, 1000, 0, 0)
    head = struct.pack("!BBHHHBBH4s4s", 0x40 | ihl, 0, ihl * 4 + len(l4), 1, fragment, 64, proto, 0,
                       socket.inet_aton(HOST4), socket.inet_aton(dst))
    return frame(0x0800, head + b"\x01" * (ihl * 4 - 20) + l4)


def test_04_packet_sockets_cannot_send(rig):
    frames = [ipv4(17, "10.9.0.9", 53), ipv4(6, PEER4, OTHER), ipv4(1, PEER4, 0),
              ipv4(6, PEER4, COLLECTOR), ipv4(6, PEER4, COLLECTOR, ihl=6),
              ipv4(6, PEER4, COLLECTOR, fragment=0x2000), frame(0x88b5, b"x" * 50),
              frame(0x8100, b"\0\x05\x08\0" + ipv4(17, PEER4, 53)[14:]),
              frame(0x0806, b"\0\1\x08\0\x06\x04\0\x03" + b"\0" * 20),  # RARP request
              frame(0x86dd, b"\x60\0\0\0\0\x08\x3a\x40" + socket.inet_pton(socket.AF_INET6, HOST6) +
                    socket.inet_pton(socket.AF_INET6, PEER6) + b"\x80\0\0\0\0\1\0\1")]
    cap = rig.capture()
    assert rig.raw("host", "v0", frames) == len(frames)
    time.sleep(0.1)
    assert len([f for f in cap.frames() if f[6:12] == b"\x02\0\0\0\0\x09"]) == len(frames)
    rig.apply()
    rig.raw("host", "v0", frames * 20)
    time.sleep(0.1)
    assert [f for f in cap.frames() if f[6:12] == b"\x02\0\0\0\0\x09"] == []


@pytest.mark.parametrize("tracked", [False, True])
def test_05_live_flows_die_both_ways(rig, tracked):
    if tracked:
        rig.nft("add table inet other; add chain inet other in "
                "{ type filter hook input priority 0; }; "
                "add rule inet other in ct state established,related accept", check=True)
    out = [rig.connect("host", a, OTHER) for a in PEERS]
    back = [rig.connect("peer", a, INBOUND) for a in HOSTS]
    line = rig.connect("host", PEER4, COLLECTOR, UID_NETWORK)
    assert all(rig.echo(s) for s in out + back + [line])
    cap = rig.capture()
    rig.apply()
    cap.frames()
    began = time.monotonic()
    for s in out:  # told at once, not after a timeout
        s.settimeout(2)
        with pytest.raises(ConnectionAbortedError):
            s.recv(1)
    assert time.monotonic() - began < 1
    assert not any(rig.echo(s, 0.3) for s in back)
    assert rig.echo(line)
    assert cap.forbidden() == []
    for s in out + back + [line]:
        s.close()


def test_06_other_root_programs_cannot_lift_it(rig):
    rig.apply()
    for line in ("flush ruleset", "delete table inet cordon", "flush table inet cordon",
                 "delete table netdev cordon", "insert rule inet cordon out accept",
                 "add chain inet cordon x { type filter hook output priority -400; policy accept; }"):
        rig.nft(line)
    assert len(rig.tables()) == 4 and only_collector(rig) == []


def test_07_kill_keeps_it_and_restart_adopts(rig):
    a = rig.apply()
    cap = rig.capture()
    rig.kill()
    assert len(rig.tables()) == 4 and only_collector(rig) == []
    s = rig.start()
    assert (s["profile"], s["order"], s["digest"]) == ("2", a["order"], a["digest"])
    assert rig.nft("delete", "table", "inet", "cordon").returncode != 0  # owned again
    assert only_collector(rig) == [] and cap.forbidden() == []


def test_08_flushed_while_dead_is_back_after_start(rig):
    rig.apply()
    rig.kill()
    rig.nft("flush ruleset", check=True)
    assert rig.tables() == []
    rig.start()
    assert only_collector(rig) == []


def test_09_restore_at_early_boot(rig):
    rig.apply()
    rig.kill()
    rig.nft("flush ruleset", check=True)
    args = (BUILD + "/bin/agent-enforcer", "--restore", "--state", rig.state, "--user", str(UID_ENFORCER),
            "--network-user", str(UID_NETWORK))
    assert rig.cmd("host", *args).returncode == 0 and rig.tables() == []  # not enrolled: nothing to do
    with open(rig.dir + "/public", "rb") as f:
        write_identity(rig, f.read())
    rig.cmd("host", *args)
    assert len(rig.tables()) == 4 and only_collector(rig) == []
    with open(rig.state + "/state", "r+b") as f:  # a changed order is not believed
        f.seek(60)
        b = f.read(1)
        f.seek(60)
        f.write(bytes([b[0] ^ 1]))
    rig.cmd("host", *args, check=False)
    assert len(rig.tables()) == 4 and only_collector(rig) == []  # what stands, stands


def write_identity(rig, key):
    """Enrolled, packed by hand: the fields that identity_load looks at."""
    def field(n, data):
        return bytes([n << 3 | 2]) + bytes([len(data) & 127 | (128 if len(data) > 127 else 0)]) + \
            (bytes([len(data) >> 7]) if len(data) > 127 else b"") + data
    ep = field(1, socket.inet_aton(PEER4)) + b"\x10\x20\x18\x06\x20\xbb\x03\x28\x01"
    cert = b"\x30\x82" + b"\0" * 100
    with open(os.path.join(rig.dir, "state", "identity"), "wb") as f:
        f.write(field(1, b"H-TEST0001") + field(2, b"fin-ws-1") + field(3, b"treasury") + field(4, b"T2") +
                field(5, cert) + field(6, cert) + field(7, key) + field(8, ep))


def test_10_new_and_renamed_devices_are_covered(rig):
    rig.apply()
    mac = b"\x02\0\0\0\0\x09"
    for new, old in (("v7", None), ("w7", "v7")):
        if old is None:
            rig.cmd("host", "ip", "link", "add", "v7", "type", "veth", "peer", "name", "p7",
                    "netns", rig.ns["peer"])
            rig.cmd("peer", "ip", "link", "set", "p7", "up")
        else:
            rig.cmd("host", "ip", "link", "set", old, "down")
            rig.cmd("host", "ip", "link", "set", old, "name", new)
        rig.cmd("host", "ip", "link", "set", new, "up")
        rig.expect("proof", ok="1")
        time.sleep(0.2)
        cap = rig.capture("p7")
        rig.raw("host", new, [ipv4(17, "10.9.0.9", 53)] * 20)
        time.sleep(0.1)
        assert [f for f in cap.frames() if f[6:12] == mac] == [], new
    rig.cmd("host", "ip", "link", "del", "w7")
    while "w7" in rig.expect("proof", ok="1")["layers"]:
        pass
    assert only_collector(rig) == []


def test_11_bridged_and_routed_guests_are_cut(rig):
    """A container behind the host, reached by routing."""
    rig.cmd("host", "sysctl", "-qw", "net.ipv4.ip_forward=1")
    rig.cmd("host", "ip", "link", "add", "c0", "type", "veth", "peer", "name", "c1", "netns", rig.ns["host"])
    guest = rig.ns["host"] + "g"
    subprocess.run(["ip", "netns", "add", guest], check=True)
    try:
        rig.cmd("host", "ip", "link", "set", "c1", "netns", guest)
        rig.cmd("host", "ip", "addr", "add", "10.8.0.1/24", "dev", "c0")
        rig.cmd("host", "ip", "link", "set", "c0", "up")
        for args in (("link", "set", "c1", "up"), ("addr", "add", "10.8.0.2/24", "dev", "c1"),
                     ("route", "add", "default", "via", "10.8.0.1")):
            rig.cmd_ns(guest, "ip", *args)
        rig.cmd("peer", "ip", "route", "add", "10.8.0.0/24", "via", HOST4)
        rig.ns["guest"] = guest
        assert rig.tcp("guest", PEER4, OTHER) and rig.tcp("guest", PEER4, COLLECTOR)
        rig.apply()
        cap = rig.capture()
        assert not rig.tcp("guest", PEER4, OTHER) and not rig.tcp("guest", PEER4, COLLECTOR)
        assert not rig.tcp("guest", PEER4, COLLECTOR, UID_NETWORK)
        assert cap.forbidden() == []
    finally:
        subprocess.run(["ip", "netns", "del", guest], check=True)
        rig.ns.pop("guest", None)


def test_12_recovery_lets_the_named_servers_in(rig):
    rig.apply("recovery", allowed="out/tcp/%s/32:%d,out/udp/[%s/128]:%d" % (PEER4, OTHER, PEER6, UDP))
    assert rig.tcp("host", PEER4, OTHER) and rig.udp("host", PEER6, UDP)
    assert not rig.tcp("host", PEER6, OTHER) and not rig.udp("host", PEER4, UDP)
    assert all(rig.tcp("host", a, COLLECTOR, UID_NETWORK) for a in PEERS)
    assert not any(rig.tcp("peer", a, INBOUND) for a in HOSTS)
    rig.apply("limited", allowed="in/tcp/10.9.0.0/24:%d" % INBOUND)
    assert rig.tcp("peer", HOST4, INBOUND) and not rig.tcp("peer", HOST6, INBOUND)
    assert not rig.tcp("host", PEER4, OTHER)
    cap = rig.capture()
    rig.apply("strict")
    cap.frames()
    assert only_collector(rig) == [] and cap.forbidden() == []


def test_13_switching_leaves_no_gap(rig):
    """A stream that is forbidden in both profiles, while they are switched."""
    rig.apply()
    cap = rig.capture()
    s = in_thread(rig.ns["host"], 0, lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
    for n in range(15):
        rig.order(answer=False, profile="recovery" if n % 2 else "strict",
                  **({"allowed": "out/tcp/10.9.0.77/32:9"} if n % 2 else {}))
        end = time.monotonic() + 0.06
        while time.monotonic() < end:
            try:
                s.sendto(b"leak", (PEER4, UDP))
            except OSError:
                pass
    s.close()
    time.sleep(0.1)
    assert cap.forbidden() == []


def test_14_commit_confirm(rig):
    a = rig.apply(confirm="2:right")
    assert rig.expect("state")["confirmed"] == "0"
    rig.say("confirm %s wrong" % a["order"])
    b = rig.expect("answer", seconds=4, order=a["order"], result="reverted")
    assert b["why"] and rig.tables() == [] and everything_flows(rig)
    rig.say("again")  # the same order again: the same answer
    assert rig.expect("answer")["result"] == "reverted"
    a = rig.apply(confirm="2:right")
    rig.say("confirm %s right" % a["order"])
    assert rig.expect("state", confirmed="1")["profile"] == "2"
    first = a["order"]
    a = rig.apply("recovery", allowed="out/tcp/%s/32:%d" % (PEER4, OTHER), confirm="2:right")
    assert rig.tcp("host", PEER4, OTHER)
    rig.kill()  # the deadline survives us
    rig.start()
    rig.expect("answer", seconds=4, order=a["order"], result="reverted")
    assert rig.expect("state", profile="2")["order"] == first
    assert only_collector(rig) == []


def test_15_drill_changes_nothing(rig):
    before = rig.nft("list", "ruleset").stdout
    a = rig.order(profile="strict", mode="dry")
    assert a["result"] == "drilled" and rig.nft("list", "ruleset").stdout == before
    assert everything_flows(rig)
    rig.say("again")
    assert rig.expect("answer")["result"] == "drilled"
    assert rig.order(profile="strict", epoch=rig.epoch)["verdict"] == "stale-epoch"


def test_15_nothing_goes_back_to_a_drill(rig):
    rig.apply(mode="live:5")
    assert only_collector_quick(rig)
    a = rig.apply(confirm="1:right")  # the real one, which nobody confirms
    rig.expect("answer", seconds=4, order=a["order"], result="reverted")
    assert rig.tables() == [] and everything_flows(rig)


def test_15_a_counting_drill_lets_everything_pass(rig):
    rig.apply(mode="count:5")
    assert rig.tables() == ["table inet cordon"] and everything_flows(rig)
    rules = rig.nft("list", "table", "inet", "cordon").stdout
    assert "policy drop" not in rules and " drop\n" not in rules
    rig.kill()  # it stands and is adopted, as a real one
    rig.start()
    assert rig.tables() == ["table inet cordon"] and everything_flows(rig)
    rig.apply()  # a real order takes its place
    assert only_collector_quick(rig)
    rig.apply("open")


def test_16_restore_by_boot_time(rig):
    rig.apply(restore=1500)
    assert only_collector_quick(rig)
    rig.expect("state", profile="1", seconds=4)
    assert rig.tables() == [] and rig.tcp("host", PEER4, OTHER)


def only_collector_quick(rig):
    return not rig.udp("host", PEER4, UDP) and rig.tcp("host", PEER4, COLLECTOR, UID_NETWORK)


def test_17_dead_man(rig):
    rig.apply(deadman="2:open")
    for _ in range(6):
        time.sleep(0.5)
        rig.say("line")
    assert only_collector_quick(rig)  # 3 s later: the collector was heard
    rig.expect("state", profile="1", seconds=4)
    assert rig.tables() == []
    rig.apply(deadman="1:stay")
    time.sleep(1.5)
    assert only_collector_quick(rig)


@pytest.mark.parametrize("fields,verdict", [
    ({"forge": 1}, "forged"), ({"host": "H-OTHER001"}, "wrong-host"), ({"before": -1000}, "expired"),
    ({"epoch": 1}, "stale-epoch"), ({"profile": "none"}, "malformed"), ({"probes": "tcp/0.0.0.0:1"}, "malformed")])
def test_18_bad_orders_change_nothing(rig, fields, verdict):
    a = rig.apply("open", epoch=5)
    rig.epoch = 5
    a = rig.order(**{"profile": "strict", **fields})
    assert a["result"] == "refused" and a["verdict"] == verdict and a["why"]
    assert rig.tables() == []


def test_19_never_isolate():
    rig = Rig(never=True)
    try:
        rig.start()
        a = rig.order(profile="strict")
        assert a["result"] == "refused" and "never-isolate" in a["why"] and rig.tables() == []
        assert rig.order(profile="strict", mode="dry")["result"] == "drilled"
        rig.apply("open")
    finally:
        rig.close()


def test_20_release_compares_the_other_rules(rig):
    rig.nft("add table ip other; add chain ip other c { type filter hook forward priority 0; }; "
            "add set ip other s { type ipv4_addr; elements = { 1.2.3.4 } }; "
            "add rule ip other c ip saddr @s counter drop", check=True)
    rig.apply()
    rig.say("foreign R-0001")
    assert rig.expect("foreign")["same"] == "1"
    assert rig.apply("open")["foreign"] == ""
    rig.apply()
    rig.nft("add element ip other s { 5.6.7.8 }; add rule ip other c accept", check=True)
    rig.kill()
    rig.start()  # the picture is on disk
    rig.say("foreign R-0002")
    f = rig.expect("foreign")
    assert f["same"] == "0" and "rule ip other c" in f["text"] and "element ip other s" in f["text"]
    assert "rule ip other c" in rig.apply("open")["foreign"]
    assert "other" in rig.nft("list", "tables").stdout


def test_21_a_bad_network_process_gets_nowhere(rig):
    rig.apply()
    for line in ("raw 10 ffffffff", "raw 99 00", "raw 11 0a", "raw 1 00", "raw 13 0a0120"):
        rig.say(line)
        rig.expect("unlinked")
        assert os.path.exists("/proc/%d" % rig.pid)
        assert only_collector_quick(rig)
        rig.say("stop")
        rig.expect("ended")
        rig.start()
    a = rig.order(profile="open", forge=1)
    assert a["verdict"] == "forged" and only_collector_quick(rig)


def test_22_console(rig):
    a = rig.apply()
    rig.say("status")
    s = rig.expect("control")
    assert s["code"] == "0" and a["order"] in s["text"] and "in force" in s["text"]
    rig.order(answer=False, profile="open", quiet=1, save=rig.dir + "/o", before=-1000)
    rig.say("offline " + rig.dir + "/o")  # too late for the wire, not for the console
    assert "applied" in rig.expect("control")["text"] and rig.tables() == []
    rig.say("offline " + rig.dir + "/o")
    assert rig.expect("control")["code"] == "0"  # the same answer again
    os.chmod(rig.dir + "/control", 0o777)
    p = in_thread(rig.ns["host"], 61009, lambda: control_as_other(rig))
    assert p == b""


def control_as_other(rig):
    s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with s:
        s.settimeout(2)
        s.connect(rig.dir + "/control")
        try:
            s.send(struct.pack("=I", 60))
            return s.recv(100)
        except (ConnectionResetError, BrokenPipeError):
            return b""


def test_23_killed_at_any_moment_it_converges(rig):
    random.seed(23)
    for n in range(50):
        profile = "open" if n % 2 else "strict"
        rig.order(answer=False, profile=profile)
        time.sleep(random.uniform(0, 0.012))
        rig.kill()
        s = rig.start()
        if s["epoch"] != str(rig.epoch):  # died before the order was taken: given again
            rig.say("again")
            s = rig.expect("state", epoch=str(rig.epoch))
        assert s["order"] == rig.order_id and s["profile"] == ("1" if n % 2 else "2")
        rig.say("again")
        a = rig.expect("answer", order=rig.order_id)
        assert a["result"] == "applied" and a["digest"] == s["digest"]
        assert len(rig.tables()) == (0 if n % 2 else 4)
        if n % 2 == 0:
            assert only_collector_quick(rig)


def test_24_stolen_socket_is_told_and_repaired(rig):
    """The way around the owner flag: take the owner's own socket."""
    rig.apply()
    rig.expect("proof")
    stolen(rig, delete_all())
    sig = rig.expect("signal", seconds=1)
    assert sig["kind"] == "agent.tamper" and sig["pid"] == str(os.getpid()) and sig["program"]
    assert "repaired" in sig["text"] and "not repaired" not in sig["text"]
    assert rig.expect("state")["tampers"] == "1"
    assert only_collector(rig) == []


def test_25_touched_while_nobody_owns_it(rig):
    rig.apply()
    rig.kill()
    rig.nft("insert rule inet cordon output-first accept", check=True)
    rig.start()
    assert only_collector(rig) == []
    rig.kill()
    rig.nft("flush ruleset", check=True)
    rig.say("start")
    assert rig.expect("signal")["kind"] == "agent.tamper"
    assert rig.expect("state")["tampers"] == "1"
    assert only_collector(rig) == []


ROGUE = b"\x02\0\0\0\0\x77"


def to_line(rig, dst):
    """A frame of the network process's user to the collector, sent to link address DST."""
    own = rig.mac("host", "v0")
    f = ipv4(6, PEER4, COLLECTOR)
    return dst + own + f[12:]


def test_26_the_line_is_held_to_its_next_hop(rig):
    rig.apply()
    rig.expect("proof", ok="1")
    cap = rig.capture()
    rig.raw("host", "v0", [to_line(rig, d) for d in (ROGUE, b"\xff" * 6)] * 5, UID_NETWORK)
    rig.cmd("host", "ip", "neigh", "replace", PEER4, "dev", "v0", "lladdr", "02:00:00:00:00:77", "nud", "permanent")
    s = rig.expect("signal", kind="agent.tamper")
    assert "led to" in s["text"] and "02:00:00:00:00:77" in s["text"], s
    assert all(rig.tcp("host", a, COLLECTOR, UID_NETWORK) for a in PEERS)
    assert [f for f in cap.frames() if f[:6] in (ROGUE, b"\xff" * 6)] == []
    neighbours = rig.cmd("host", "ip", "neigh").stdout
    assert "02:00:00:00:00:77" not in neighbours and neighbours.count("PERMANENT") == 2
    rig.apply("open")
    assert "PERMANENT" not in rig.cmd("host", "ip", "neigh").stdout  # nothing of ours is left
    assert everything_flows(rig)


def test_27_a_route_elsewhere_carries_nothing(rig):
    rig.cmd("host", "ip", "neigh", "add", "10.9.0.77", "dev", "v0", "lladdr", "02:00:00:00:00:77")
    rig.apply()
    rig.expect("proof", ok="1")
    cap = rig.capture()
    rig.cmd("host", "ip", "route", "add", PEER4, "via", "10.9.0.77")
    assert "10.9.0.77" in rig.expect("signal", kind="agent.tamper")["text"]
    rig.tcp("host", PEER4, COLLECTOR, UID_NETWORK)
    assert [f for f in cap.frames() if f[:6] == ROGUE] == []
    rig.cmd("host", "ip", "route", "del", PEER4, "via", "10.9.0.77")
    assert rig.tcp("host", PEER4, COLLECTOR, UID_NETWORK)


def test_28_link_flap_and_forgotten_neighbours(rig):
    rig.apply()
    for _ in range(3):
        rig.cmd("host", "ip", "link", "set", "v0", "down")
        rig.cmd("host", "ip", "link", "set", "v0", "up")
        rig.cmd("host", "ip", "addr", "replace", HOST6 + "/64", "dev", "v0", "nodad")
        for side, dev in (("host", "v0"), ("peer", "p0")):
            rig.cmd(side, "ip", "neigh", "flush", "dev", dev)
        end = time.monotonic() + 10
        while not all(rig.tcp("host", a, COLLECTOR, UID_NETWORK) for a in PEERS):
            assert time.monotonic() < end, rig.cmd("host", "ip", "neigh").stdout
    assert only_collector(rig) == []


def test_29_uplink_renamed_and_its_name_taken(rig):
    rig.apply()
    cap = rig.capture()
    rig.cmd("host", "ip", "link", "set", "v0", "down")
    rig.cmd("host", "ip", "link", "set", "v0", "name", "up9")
    rig.cmd("host", "ip", "link", "set", "up9", "up")
    rig.cmd("host", "ip", "addr", "replace", HOST6 + "/64", "dev", "up9", "nodad")
    rig.cmd("host", "ip", "link", "add", "v0", "type", "veth", "peer", "name", "p7", "netns", rig.ns["peer"])
    rig.cmd("peer", "ip", "link", "set", "p7", "up")
    rig.cmd("host", "ip", "link", "set", "v0", "up")
    other = rig.capture("p7")
    rig.raw("host", "v0", [ipv4(17, "10.9.0.9", 53), to_line(rig, ROGUE)] * 20, UID_NETWORK)
    end = time.monotonic() + 10
    while not all(rig.tcp("host", a, COLLECTOR, UID_NETWORK) for a in PEERS):
        assert time.monotonic() < end, "the line did not come back"
    assert only_collector(rig) == [] and cap.forbidden() == []
    assert [f for f in other.frames() if f[12:14] not in (b"\x86\xdd",)] == [] and other.forbidden() == []


def test_30_a_parked_socket_keeps_the_tables_owned():
    rig = Rig(park=True)
    try:
        rig.start()
        rig.apply()
        rig.kill()
        assert rig.nft("flush ruleset").returncode != 0 or len(rig.tables()) == 4
        assert rig.nft("delete table inet cordon").returncode != 0
        assert len(rig.tables()) == 4 and only_collector(rig) == []
        rig.start()
        assert only_collector(rig) == []
        rig.apply("open")  # the restarted one can release what the first one made
        assert rig.tables() == [] and everything_flows(rig)
    finally:
        rig.close()


def test_32_changes_of_other_rules_are_told(rig):
    rig.apply()
    rig.nft("add table inet other", check=True)
    s = rig.expect("signal")
    assert s["kind"] == "firewall.changed" and s["program"] == "nft" and int(s["pid"]) > 0
    rig.apply("open")
    rig.nft("add table inet more", check=True)  # an open host's rules are its own
    with pytest.raises(AssertionError):
        rig.expect("signal", seconds=0.5)


def test_33_a_chain_behind_ours_is_told(rig):
    rig.nft("add table netdev x; add chain netdev x c { type filter hook egress device v0 priority 2147483647; }",
            check=True)
    rig.apply()
    assert "chain c of table netdev x" in rig.expect("signal", kind="agent.tamper")["text"]


def test_34_hooks_that_are_full_do_not_keep_it_open(rig):
    """Somebody took every place at a device's egress (1,024): the kernel refuses our chains there."""
    script = os.path.join(rig.dir, "full")
    with open(script, "w") as f:
        f.write("add table netdev x\n" + "".join("add chain netdev x c%d { type filter hook egress device v0 priority %d; }\n"
                                                 % (i, i) for i in range(1024)))
    rig.nft("-f", script, check=True)
    a = rig.apply()
    p = rig.expect("proof", order=a["order"])
    assert p["ok"] == "1" and "plain-rules" in p["weak"]
    assert only_collector(rig) == []
    # those rules hold the way to no station, so the kernel is free to find another
    assert "PERMANENT" not in rig.cmd("host", "ip", "neigh").stdout
    rig.cmd("peer", "ip", "link", "set", "p0", "address", "02:00:00:00:00:42")
    rig.cmd("host", "ip", "neigh", "flush", "dev", "v0")
    assert all(rig.tcp("host", a, COLLECTOR, UID_NETWORK) for a in PEERS)
    rig.nft("delete", "table", "netdev", "x", check=True)
    a = rig.apply()
    p = rig.expect("proof", order=a["order"])
    assert "plain-rules" not in p["weak"] and "egress:v0" in p["layers"]


LESS = [("owner-flag",), ("persist-flag",), ("owner-flag", "persist-flag"), ("netdev-egress",),
        ("netdev-egress", "netdev-ingress"), ("device-prefix",), ("next-hop",), ("rt-expression",), ("payload-far",),
        ("netdev-egress-uid",), ("bridge-table", "arp-table")]


@pytest.mark.parametrize("without", LESS, ids="+".join)
def test_31_lesser_kernels(without):
    """Each probe forced to fail: readiness says so, the rest holds, the watcher repairs."""
    rig = Rig(without=without)
    try:
        rig.say("start")
        missing = set()
        while True:
            e = rig.events.get(timeout=10)
            if e["event"] == "readiness" and e["ok"] == "0":
                missing.add(e["id"])
            if e["event"] == "state":
                break
        assert set(without) <= missing
        rig.apply()
        p = rig.expect("proof", ok="1")
        assert all(w in p["weak"] for w in without)
        assert only_collector(rig) == []
        if "owner-flag" in without or "persist-flag" in without:
            for line in ("flush ruleset", "delete table inet cordon", "insert rule inet cordon out accept"):
                rig.nft(line)
                s = rig.expect("signal", seconds=5)
                assert s["kind"] == "agent.tamper" and s["program"] == "nft" and "repaired" in s["text"]
                assert only_collector(rig) == []
        rig.apply("open")
        assert rig.tables() == [] and everything_flows(rig)
    finally:
        rig.close()
