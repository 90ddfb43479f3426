# SPDX-License-Identifier: GPL-3.0-or-later
"""What nftables never sees: each way is open on an isolated host without the
guard, and named within about a second; with the guard it is closed.  And the
guard never outlives a release, whatever happens to it.  Real agents, real
frames, a capture outside of the host."""
import contextlib
import datetime
import json
import os
import signal
import socket
import struct
import subprocess
import sys
import time

import pytest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
from world import BIN, TOP, Peer, Sniffer, World, run, wait_for  # noqa: E402

ATTACK = os.path.join(TOP, "build/test/guard-attack")
NOTICED = 5  # seconds; about one is usual, and printed


@pytest.fixture(scope="module")
def world():
    if not os.path.exists(os.path.join(BIN, "agent-guard")):
        pytest.skip("built without libbpf or clang: there is no guard")
    with World("guard") as w:
        w.col = w.collector(policy="[rule all]\nkind = *\nthen = note\n")  # orders come from the tests alone
        w.wang = w.col.operator("wang", "responder", "analyst")
        w.peer_ = w.peer("friend")
        yield w


class Site:
    """A host with its agent, orders signed by hand, and an attacker on it."""

    def __init__(self, world, name, **settings):
        self.world, self.col, self.peer = world, world.col, world.peer_
        self.h = world.host(name, **settings).enrol(self.col).start_agent()
        self.name, self.epoch, self.attackers = name, 0, []
        wait_for("online", lambda: self.show()["online"])
        self.id = self.show()["host_id"]
        if settings.get("enforcer__guard") != "off":
            wait_for("the guard", lambda: "guard is ready" in self.log())
        self.capture = Sniffer(self.h)
        self.mac, self.index = self.link(self.h)
        self.peer_mac = self.link(self.peer)[0]

    @staticmethod
    def link(machine, device="eth0"):
        out = machine.run(["sh", "-c", "ip -j link show %s 2>/dev/null" % device]).stdout
        d = json.loads(out)[0]
        return bytes.fromhex(d["address"].replace(":", "")), d["ifindex"]

    def show(self):
        return self.col.admin.json("host", "show", self.name)

    def log(self):
        return self.h.read("agent.log")

    def order(self, profile, v6=True):
        """In force when it returns; V6: the collector may be reached by it, too."""
        self.epoch += 1
        out = self.h.path("order")
        run([os.path.join(TOP, "build/test/sign-order"), os.path.join(self.col.signer_state, "order.key"), self.id,
             str(self.epoch), profile, out, "%s:%d" % (self.col.v4, self.col.AGENTS)] +
            ["[%s]:%d" % (self.col.v6, self.col.AGENTS)] * v6)
        self.h.run([self.h.world.bin("cordon-agent"), "order", out, "--state", self.h.state, "--run", self.h.rundir])

    def isolate(self, covered=True, by=None):
        """By a signed order, or by a person through the collector, who then also gets the proofs."""
        if by:
            by("isolate", self.name, "--reason", "to see what gets past", "--yes")
        else:
            self.order("strict")
        if covered:
            wait_for("the guard on eth0", lambda: self.xdp("eth0") == "cordon_in_frame")

    def open(self):
        self.order("open")

    def proof(self, what, good):
        """The newest proof's detail as soon as it is GOOD."""
        return wait_for(what, lambda: [p["detail"] for p in self.show()["proofs"][:1] if good(p["detail"])], 40)[0]

    def xdp(self, device):
        """Name of the XDP program on a device, or None."""
        out = self.h.run(["sh", "-c", "ip -d -j link show %s 2>/dev/null" % device]).stdout
        prog = (json.loads(out)[0].get("xdp") or {}).get("prog")
        return prog and prog["name"]

    def attack(self, *args):
        """What the attacker says first; it stays until stop()."""
        p = self.h.popen([ATTACK] + list(args), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        self.attackers.append(p)
        return p.stdout.readline().strip()

    def python_until_up(self, code):
        p = self.h.python(code, stdout=subprocess.PIPE, text=True)
        self.attackers.append(p)
        assert p.stdout.readline() == "up\n"
        return p

    def stop(self):
        for p in self.attackers:
            p.kill()
            p.wait()
        self.attackers = []

    def binds(self, frame):
        """Does an AF_XDP socket of others send FRAME from the only queue?"""
        self.stop()
        return self.attack("xsk", "eth0", "0", "1", frame) == "ok 1"

    def udp(self, mark, source, target):
        """A whole UDP frame from one machine to the other, with MARK in it."""
        (m1, a1), (m2, a2) = [(self.mac, self.h.v4) if x is self.h else (self.peer_mac, self.peer.v4)
                              for x in (source, target)]
        head = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 28 + len(mark), 1, 0, 64, 17, 0, socket.inet_aton(a1),
                           socket.inet_aton(a2))
        total = sum(struct.unpack("!10H", head))
        total = (total & 0xffff) + (total >> 16)
        head = head[:10] + struct.pack("!H", ~(total + (total >> 16)) & 0xffff) + head[12:]
        return m2 + m1 + b"\x08\x00" + head + struct.pack("!HHHH", 1111, Peer.UDP, 8 + len(mark), 0) + mark

    def peer_sends(self, frame, count=5):
        self.peer.run([sys.executable, "-c", "import socket\ns = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)\n"
                       "s.bind(('eth0', 0))\nfor i in range(%d): s.send(bytes.fromhex('%s'))" % (count, frame.hex())])

    def to_loopback(self, mark, count=5):
        self.h.run([sys.executable, "-c", "import socket\ns = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\n"
                    "for i in range(%d): s.sendto(%r, ('127.0.0.1', 9))" % (count, mark)], check=False)

    def left(self, mark, seconds=0.6):
        """How many frames with MARK left the host."""
        time.sleep(seconds)
        return sum(mark in f.data and f.out_of_host for f in self.capture.frames())

    def signals(self):
        return self.world.wang.lines("signals", "--host", self.name)

    def named(self, since, *words, seconds=NOTICED + 30):
        """The tamper signal with these words; how long after SINCE it was seen on the host."""
        def look():
            for s in self.signals():
                at = datetime.datetime.fromisoformat(s["at"].replace("Z", "+00:00")).timestamp()
                if at >= since - 0.01 and s["kind"] == "agent.tamper" and all(w in s["text"] for w in words):
                    return s, at - since
            return None
        s, late = wait_for("a signal with %r" % (words,), look, seconds)
        print("%s: named after %.2f s" % (" ".join(words), late))
        assert late < NOTICED, s
        return s


@pytest.fixture(scope="module")
def bare(world):
    s = Site(world, "bare", enforcer__guard="off")
    s.isolate(covered=False, by=world.wang)
    time.sleep(2)  # a look at an isolated host with nothing on it
    return s


@pytest.fixture(scope="module")
def site(world):
    return Site(world, "guarded")


@pytest.fixture
def closed(site):
    site.isolate()
    yield site
    site.stop()
    site.h.run([ATTACK, "unset", "eth0"], check=False)
    site.h.run([ATTACK, "unset", "lo"], check=False)
    site.h.run(["tc", "qdisc", "del", "dev", "lo", "clsact"], check=False)
    site.h.run(["tc", "qdisc", "del", "dev", "eth0", "root"], check=False)
    site.open()


SNIFFER = r"""
import socket
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3)); s.bind(('eth0', 0))
print('up', flush=True)
n = 0
while n < 5:
    n += %r in s.recv(2048)
print(n, flush=True)
import time; time.sleep(60)
"""


# -- without the guard ------------------------------------------------------------


def test_01_off_is_said(bare):
    d = bare.proof("a proof", lambda d: d["ok"])
    for item in ("guard-xdp", "guard-tc", "guard-queues"):
        assert [w for w in d["weak"] if w.startswith(item + ": switched off")], d["weak"]
    assert "agent-guard" not in bare.h.processes()


def test_02_af_xdp_sends_and_is_named(bare):
    at = time.time()
    assert bare.attack("xsk", "eth0", "0", "5", bare.udp(b"AFXDP", bare.h, bare.peer).hex()) == "ok 5"
    assert bare.left(b"AFXDP") == 5, "the reference does not escape: the test shows nothing"
    s = bare.named(at, "AF_XDP socket", "guard-attack", "appeared")
    assert s["cause"]["pid"] == bare.attackers[0].pid
    bare.stop()


def test_03_tc_redirects_and_is_named(bare):
    at = time.time()
    bare.h.run(["tc", "qdisc", "add", "dev", "lo", "clsact"])
    bare.h.run("tc filter add dev lo egress u32 match u32 0 0 action mirred egress redirect dev eth0".split())
    bare.to_loopback(b"TCLO0")
    assert bare.left(b"TCLO0") == 5
    bare.named(at, "u32 filter on lo", "appeared")
    bare.h.run(["tc", "qdisc", "del", "dev", "lo", "clsact"])
    at = time.time()
    assert bare.attack("tcx", "lo", "out", str(bare.index)).startswith("ok ")
    bare.to_loopback(b"TCXLO")
    assert bare.left(b"TCXLO") == 5
    s = bare.named(at, "tc program where frames leave on lo", "guard-attack", "appeared")
    assert s["evidence"]["program"] == "evil_tc"
    bare.stop()


def test_04_a_listener_hears_and_is_named(bare):
    at = time.time()
    p = bare.python_until_up(SNIFFER % b"HEARD")
    bare.peer_sends(bare.udp(b"HEARD", bare.peer, bare.h))
    assert p.stdout.readline() == "5\n"
    s = bare.named(at, "packet socket on eth0", "python", "appeared")
    assert s["cause"]["pid"] == p.pid
    bare.stop()


def test_05_xdp_redirects_and_answers_and_is_named(bare):
    at = time.time()
    assert bare.attack("xdp", "lo", str(bare.index), "set").startswith("ok ")
    bare.to_loopback(b"XDPLO")
    assert bare.left(b"XDPLO") == 5
    s = bare.named(at, "XDP program on lo", "guard-attack", "appeared")
    assert s["evidence"]["program"] == "evil_xdp"
    bare.stop()
    bare.h.run([ATTACK, "unset", "lo"])
    at = time.time()
    assert bare.attack("xdp", "eth0", "tx", "set").startswith("ok ")
    bare.peer_sends(bare.udp(b"XDPTX", bare.peer, bare.h))
    assert bare.left(b"XDPTX") == 5
    wait_for("it is named on the host", lambda: "XDP program on eth0, held by" in bare.log(), NOTICED)
    bare.stop()
    bare.h.run([ATTACK, "unset", "eth0"])
    bare.named(at, "XDP program on eth0", "guard-attack", "appeared")  # told when the line is back


# -- with the guard ------------------------------------------------------------------


def test_10_the_collectors_line_lives(closed):
    since = closed.show()["last_seen"]
    wait_for("heartbeats through it", lambda: closed.show()["last_seen"] != since)
    assert not closed.h.reaches(closed.peer.v4, Peer.TCP) and not closed.h.pings(closed.peer.v4)


def test_11_ipv6_alone_and_the_guard_is_in_the_proof(world):
    s = Site(world, "six")
    s.h.run(["ip", "addr", "flush", "dev", "eth0", "scope", "global"])
    s.h.run(["ip", "-6", "addr", "add", s.h.v6 + "/64", "dev", "eth0", "nodad"])
    wait_for("online by v6", lambda: s.col.v6 in s.log().split("connected")[-2][-80:] and s.show()["online"], 30)
    s.isolate(by=world.wang)
    d = s.proof("a proof with the guard", lambda d: "guard-in:eth0" in d["layers"])
    assert d["ok"] and d["weak"] == [] and {"guard-out:eth0", "guard-in:lo"} <= set(d["layers"])
    since = s.show()["last_seen"]
    wait_for("heartbeats by v6 through it", lambda: s.show()["last_seen"] != since)
    s.h.run(["ip", "-6", "neigh", "flush", "dev", "eth0"])
    since = s.show()["last_seen"]
    wait_for("heartbeats after the neighbours were forgotten", lambda: s.show()["last_seen"] != since)
    s.h.stop_agent()


def test_12_af_xdp_gets_no_queue(closed):
    said = closed.attack("xsk", "eth0", "0", "5", closed.udp(b"AFXD1", closed.h, closed.peer).hex())
    assert said == "refused bind: Device or resource busy"
    assert closed.left(b"AFXD1") == 0


def test_13_tc_redirects_do_not_leave(closed):
    closed.h.run(["tc", "qdisc", "add", "dev", "lo", "clsact"])
    closed.h.run("tc filter add dev lo egress u32 match u32 0 0 action mirred egress redirect dev eth0".split())
    closed.to_loopback(b"TCLO1")
    assert closed.left(b"TCLO1") == 0


def test_14_whoever_comes_before_loses_that_place(closed):
    at = time.time()
    assert closed.attack("tcx", "eth0", "out", "pass").startswith("ok ")
    closed.named(at, "a tc program was put before ours, repaired")
    assert closed.attack("tcx", "lo", "out", str(closed.index)).startswith("ok ")
    closed.to_loopback(b"TCXL1")
    assert closed.left(b"TCXL1") == 0


def test_15_no_xdp_program_beside_ours(closed):
    for device in ("eth0", "lo"):
        for how in ("set", "link"):
            assert closed.attack("xdp", device, "tx", how) == "refused attach: Device or resource busy"
    assert closed.attack("xdp", "eth0", "tx", "set", "native") == "refused attach: File exists"
    out = closed.h.run([ATTACK, "unset", "eth0"], check=False).stdout
    assert "Device or resource busy" in out
    assert closed.xdp("eth0") == "cordon_in_frame"


def test_16_a_listener_hears_nothing(closed):
    p = closed.python_until_up(SNIFFER % b"HEAR1")
    closed.peer_sends(closed.udp(b"HEAR1", closed.peer, closed.h))
    time.sleep(1)
    os.set_blocking(p.stdout.fileno(), False)
    assert not p.stdout.readline()
    assert sum(b"HEAR1" in f.data for f in closed.capture.frames()) == 5, "they did not even get to the host"


def test_17_what_root_takes_off_is_back(closed):
    at = time.time()
    assert closed.h.run([ATTACK, "detach", "eth0"]).stdout.strip() == "ok 2"
    wait_for("both are back", lambda: closed.xdp("eth0") == "cordon_in_frame", NOTICED)
    closed.named(at, "our XDP program was taken off, repaired")
    closed.named(at, "our tc program was taken off, repaired")


def test_17_what_root_puts_into_our_links_is_thrown_out(closed):
    at = time.time()
    assert closed.h.run([ATTACK, "usurp", "eth0"]).stdout.strip() == "ok 2"
    wait_for("ours again", lambda: closed.xdp("eth0") == "cordon_in_frame", NOTICED)
    closed.named(at, "another XDP program was put into our link, repaired")
    closed.named(at, "another tc program was put into our link, repaired")
    closed.peer_sends(closed.udp(b"USURP", closed.peer, closed.h))
    assert closed.left(b"USURP") == 0


def test_18_new_and_renamed_devices(closed):
    closed.h.run(["ip", "link", "add", "d0", "type", "veth", "peer", "name", "e0"])
    wait_for("a new device covered", lambda: closed.xdp("d0") == "cordon_in_frame", NOTICED)
    closed.h.run(["ip", "link", "set", "d0", "name", "d1"])
    assert closed.xdp("d1") == "cordon_in_frame"
    closed.h.run(["ip", "link", "add", "br7", "type", "bridge"])
    wait_for("the bridge covered", lambda: closed.xdp("br7") == "cordon_in_frame", NOTICED)
    closed.h.run(["ip", "link", "add", "d2", "type", "veth", "peer", "name", "e2"])
    closed.h.run(["ip", "link", "set", "d2", "master", "br7"])
    for d in ("br7", "d2"):
        wait_for(d + " covered", lambda: closed.xdp(d) == "cordon_in_frame", NOTICED)
    for d in ("d1", "d2", "br7"):
        closed.h.run(["ip", "link", "del", d])


def test_19_a_device_that_moves_away_stays_covered(closed):
    other = closed.peer
    closed.h.run(["ip", "link", "add", "m0", "type", "veth", "peer", "name", "m1"])
    wait_for("covered", lambda: closed.xdp("m0") == "cordon_in_frame", NOTICED)
    closed.h.run(["ip", "link", "set", "m0", "netns", str(other.init.pid)])
    out = other.run(["sh", "-c", "ip -d -j link show m0 2>/dev/null"]).stdout
    assert json.loads(out)[0]["xdp"]["prog"]["name"] == "cordon_in_frame"
    other.run(["ip", "link", "set", "m0", "netns", str(closed.h.init.pid)])
    wait_for("covered at home", lambda: closed.xdp("m0") == "cordon_in_frame", NOTICED)
    closed.h.run(["ip", "link", "del", "m0"])


def test_20_a_filter_behind_it_is_deleted(closed):
    closed.h.run(["tc", "qdisc", "add", "dev", "eth0", "root", "handle", "1:", "htb", "default", "1"])
    at = time.time()
    closed.h.run(("tc filter add dev eth0 parent 1: protocol ip u32 match u32 0 0 action mirred egress "
                 "redirect dev lo").split())
    closed.named(at, "a filter was added behind ours, repaired")
    assert "u32" not in closed.h.run(["tc", "filter", "show", "dev", "eth0", "parent", "1:"]).stdout


def test_21_an_af_xdp_socket_of_before_is_named(site):
    """Nothing takes it off its queue; who has it is told by the sensors, that it is there by the guard."""
    wait_for("a guard", lambda: "agent-guard" in site.h.processes())
    frame = site.udp(b"AFXD2", site.h, site.peer).hex()
    wait_for("a queue, which the kernel frees a little late", lambda: site.binds(frame))
    at = time.time()
    site.isolate()
    site.named(at, "guard worked against on eth0: an AF_XDP socket of others was bound before ours, not repaired")
    s = site.named(at, "AF_XDP socket", "guard-attack", "was there when this host was cut off")
    assert s["cause"]["pid"] == site.attackers[0].pid
    site.stop()
    time.sleep(2)  # the attacker must not be the first again
    wait_for("the queue is ours", lambda: not site.binds(frame), 15, 1.5)
    site.stop()
    site.open()


ARP_SNIFFER = SNIFFER.replace("htons(3)", "htons(0x806)").replace("('eth0', 0)", "('eth0', 0x806)")


def test_22_who_listens_to_what_the_rules_let_in_is_named(closed):
    at = time.time()
    p = closed.python_until_up(ARP_SNIFFER % b"HEARP")
    arp = struct.pack("!HHBBH6s4s6s4s", 1, 0x800, 6, 4, 1, closed.peer_mac, socket.inet_aton(closed.peer.v4), b"",
                      socket.inet_aton(closed.h.v4))
    closed.peer_sends(closed.mac + closed.peer_mac + b"\x08\x06" + arp + b"HEARP")
    assert p.stdout.readline() == "5\n", "it is not heard any more: CONTAINMENT.md says it is"
    s = closed.named(at, "packet socket on eth0", "python")
    assert s["cause"]["pid"] == p.pid


# -- it never outlives a release -------------------------------------------------------


def free(s):
    assert s.xdp("eth0") is None and s.xdp("lo") is None
    assert s.h.reaches(s.peer.v4, Peer.TCP) and s.h.reaches(s.peer.v6, Peer.TCP)
    frame = s.udp(b"AFTER", s.h, s.peer).hex()
    wait_for("a queue, which the kernel frees a little late", lambda: s.binds(frame))
    s.stop()


def test_30_a_release_opens_at_once(site):
    site.isolate()
    site.open()
    assert site.h.reaches(site.peer.v4, Peer.TCP, 0.5)
    free(site)


def test_31_killed_it_is_back_and_covers(site):
    site.isolate()
    site.h.kill("agent-guard")
    wait_for("covered by a new guard", lambda: site.xdp("eth0") == "cordon_in_frame", 15)
    site.open()
    free(site)


@pytest.mark.parametrize("victim", ["agent-guard", "agent-enforcer", "agent-parent", "agent-sensors"])
@pytest.mark.parametrize("profile", ["strict", "open"])
def test_32_killed_while_an_order_is_carried_out(site, victim, profile):
    """Ten kills each, at moments spread over the time an order takes."""
    for n in range(10):
        site.order("open" if profile == "strict" else "strict")
        site.epoch += 1
        out = site.h.path("order")
        run([os.path.join(TOP, "build/test/sign-order"), os.path.join(site.col.signer_state, "order.key"), site.id,
             str(site.epoch), profile, out, "%s:%d" % (site.col.v4, site.col.AGENTS)])
        give = [site.h.world.bin("cordon-agent"), "order", out, "--state", site.h.state, "--run", site.h.rundir]
        first = site.h.popen(give, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(n * 0.008)
        with contextlib.suppress(KeyError, ProcessLookupError):
            site.h.kill(victim)
        first.wait()
        if victim == "agent-parent":
            wait_for("the end of all", lambda: not site.h.processes(), 5, 0.01)
            assert site.xdp("eth0") is None
            site.h.start_agent()
        wait_for("the order", lambda: site.h.run(give, check=False).returncode == 0, 15, 0.05)
        want = "cordon_in_frame" if profile == "strict" else None
        wait_for("round %d: %s on eth0" % (n, want), lambda: site.xdp("eth0") == want, 15)
    site.open()
    wait_for("free", lambda: site.h.reaches(site.peer.v4, Peer.TCP), 10)


def test_33_a_guard_that_hangs_is_ended(site):
    wait_for("a guard", lambda: "agent-guard" in site.h.processes())
    site.isolate()
    pid = site.h.processes()["agent-guard"]
    os.kill(pid, signal.SIGSTOP)
    site.open()
    wait_for("it lets go by its end", lambda: site.xdp("eth0") is None, 15)
    wait_for("another one", lambda: site.h.processes().get("agent-guard", pid) != pid)
    free(site)


@contextlib.contextmanager
def starved(s):
    """No descriptor more for the guard: it can load no program."""
    pid = s.h.processes()["agent-guard"]

    def limit(n):  # as its own user, whom that is allowed
        user = os.stat("/proc/%d/task" % pid)
        run(["setpriv", "--reuid", str(user.st_uid), "--regid", str(user.st_gid), "--clear-groups", "prlimit",
             "--pid", str(pid), "--nofile=%s:" % n])
    limit(3)
    yield
    limit(1024)


def test_34_programs_that_cannot_be_loaded_leave_no_old_ones(site):
    """They know the way of another order: the host would be cut off from its collector."""
    site.isolate()
    with starved(site):
        site.order("strict", v6=False)
        wait_for("it let go", lambda: site.xdp("eth0") is None and site.xdp("lo") is None, 15)
        assert "the kernel does not take our BPF programs: " in site.log()
        assert not site.h.reaches(site.peer.v4, Peer.TCP)
        since = site.show()["last_seen"]
        wait_for("the line lives", lambda: site.show()["last_seen"] != since)
    wait_for("tried again", lambda: site.xdp("eth0") == "cordon_in_frame", 30)
    with starved(site):
        site.order("strict")
        wait_for("it let go", lambda: site.xdp("eth0") is None, 15)
        site.open()
    free(site)


def test_35_a_guard_that_holds_nothing_is_in_the_proof(world):
    s = Site(world, "starved")
    said = "the guard holds nothing, the rules hold alone: the kernel does not take our BPF programs"
    with starved(s):
        s.isolate(covered=False, by=world.wang)
        d = s.proof("it is said", lambda d: [w for w in d["weak"] if w.startswith(said)])
        assert not [x for x in d["layers"] if x.startswith("guard")]
    s.proof("a good proof", lambda d: d["ok"] and not d["weak"] and "guard-in:eth0" in d["layers"])
    s.h.stop_agent()


# -- what it displaced ------------------------------------------------------------------


@pytest.mark.parametrize("mode", [[], ["native"]], ids=["generic", "native"])
@pytest.mark.parametrize("harm", [None, "agent-guard"])
def test_40_an_xdp_program_of_others_is_put_back(site, mode, harm):
    wait_for("a guard", lambda: "agent-guard" in site.h.processes())
    assert site.attack("xdp", "eth0", "pass", "set", *mode).startswith("ok ")
    site.stop()  # its loader ends: only the device holds it
    assert site.xdp("eth0") == "evil_xdp"
    site.isolate()
    if harm:
        site.h.kill(harm)
        wait_for("covered again", lambda: site.xdp("eth0") == "cordon_in_frame", 15)
    site.open()
    wait_for("it is back", lambda: site.xdp("eth0") == "evil_xdp", 15)
    assert site.h.reaches(site.peer.v4, Peer.TCP)
    out = site.h.run(["sh", "-c", "ip link show eth0 2>/dev/null"]).stdout
    assert ("xdpgeneric" in out) == (mode == [])
    site.h.run(["ip", "link", "set", "eth0", "xdp" + ("generic" if mode == [] else "drv"), "off"])


@pytest.mark.parametrize("mode", [[], ["native"]], ids=["generic", "native"])
@pytest.mark.parametrize("harm", [None, "agent-guard"])
def test_41_a_program_held_by_a_link_makes_room(site, mode, harm):
    wait_for("a guard", lambda: "agent-guard" in site.h.processes())
    at, said = time.time(), site.attack("xdp", "eth0", "tx", "link", *mode)
    assert said.startswith("ok ")
    site.isolate()
    s = site.named(at, "XDP program evil_xdp of others, held by a BPF link, had to make room, repaired")
    assert s["evidence"]["bpf-program"] == said[3:]
    s = site.named(at, "XDP program that was taken off its device, held by", "guard-attack")
    assert s["cause"]["pid"] == site.attackers[0].pid and s["evidence"]["program"] == "evil_xdp"
    site.peer_sends(site.udp(b"LINK1", site.peer, site.h))
    assert site.left(b"LINK1") == 0
    if harm:
        site.h.kill(harm)
        wait_for("covered again", lambda: site.xdp("eth0") == "cordon_in_frame", 15)
    site.open()
    wait_for("it is back", lambda: site.xdp("eth0") == "evil_xdp", 15)
    out = site.h.run(["sh", "-c", "ip link show eth0 2>/dev/null"]).stdout
    assert ("xdpgeneric" in out) == (mode == [])
    site.stop()
    site.h.run(["ip", "link", "set", "eth0", "xdp" + ("generic" if mode == [] else "drv"), "off"])


def test_42_it_is_not_put_back_for_a_holder_that_has_gone(site):
    assert site.attack("xdp", "eth0", "pass", "link").startswith("ok ")
    site.isolate()
    site.stop()
    before = site.log().count("who held it let go of it")
    site.open()
    wait_for("it is given up", lambda: site.log().count("who held it let go of it") > before, 15)
    free(site)


def test_43_a_holder_that_hangs_it_up_again_and_again(closed):
    at = time.time()
    got = closed.attack("seize", "eth0", "30").split()
    assert got[0] == "ok" and int(got[1]) > 0, "it never got in: the test shows nothing"
    wait_for("covered all the same", lambda: closed.xdp("eth0") == "cordon_in_frame", NOTICED)
    closed.named(at, "our XDP program was taken off")
    closed.named(at, "XDP program evil_xdp of others, held by a BPF link, had to make room, repaired")
    closed.peer_sends(closed.udp(b"SEIZE", closed.peer, closed.h))
    assert closed.left(b"SEIZE") == 0

