# SPDX-License-Identifier: GPL-3.0-or-later
"""Nobody is stranded: what happens to an isolated host, to its collector and
to the way between them, and the line comes back without a person at the
console.  What needs the enforcer alone is in tests/root/test_strand.py."""
import contextlib
import os
import re
import shutil
import subprocess
import time

import pytest

from test_40_recovery import evidence, go
from world import BIN, Collector, Failed, Host, Machine, Peer, Sniffer, UDP_STREAM, V4, run, stop, wait_for

DAY = 86400
LONG = os.environ.get("CORDON_STRAND", "") not in ("", "0")
REASON = ("--reason", "scenario test of stranding", "--yes")


@pytest.fixture(scope="module")
def peer(world, people):
    return world.peer("peer70")


def show(who, name):
    return who.json("host", "show", name)


def online(who, name, seconds=20):
    return wait_for(name + " online", lambda: show(who, name)["online"], seconds)


def join(world, col, who, name, **settings):
    h = world.host(name, **settings).enrol(col).start_agent()
    online(who, name)
    return h


def isolate(who, name):
    who("isolate", name, *REASON)
    assert show(who, name)["isolation"] == "proven"


def alive(who, name, seconds=30):
    """Online, and two heartbeats come from now on; each is answered, so the line is good both ways."""
    seen = {show(who, name)["last_seen"]}

    def beats():
        h = show(who, name)
        seen.add(h["last_seen"])
        return h["online"] and len(seen) > 2
    return wait_for("heartbeats of " + name, beats, seconds)


def reconnect(h, who, name, seconds=30):
    """The network process starts from nothing: all it knows is on the disk and with the enforcer."""
    h.kill("agent-network")
    wait_for("a new network process", lambda: "agent-network" in h.processes(), 10)
    alive(who, name, seconds)


def cut_off(h, peer):
    return not h.reaches(peer.v4, Peer.TCP, 0.4) and not h.reaches(peer.v6, Peer.TCP, 0.4)


def own_collector(world, name, before=None, **settings):
    """A collector of its own, a responder and an approver.  BEFORE(c): settings, once it has addresses."""
    c = Collector(world, name, next(world.numbers))
    sections = {"orders": {"operator_min_age": "1s", "budget_percent_hour": "100", "confirm": "5s"}}
    for s, keys in list(settings.items()) + list((before(c) if before else {}).items()):
        sections.setdefault(s, {}).update(keys)
    c.setup(settings=sections)
    return c, c.operator("zhao", "responder", "recovery", "verifier", "baseline", "analyst"), \
        c.operator("qian", "approver", "commander", "auditor")


def serial(h):
    return h.run(["openssl", "x509", "-noout", "-serial", "-in",
                  os.path.join(h.state, "network", "tls.pem")]).stdout.strip()


def peers_of(h):
    """Where this machine's TCP connections go."""
    return {line.split()[3].rsplit(":", 1)[0].strip("[]")
            for line in h.run(["ss", "-Htn", "state", "established"]).stdout.splitlines()}


def log_of(h):
    with open(h.parent.log, errors="replace") as f:
        return f.read()


# -- where the collector is ------------------------------------------------------

def test_collector_by_name_with_dns_dead(world, people, peer):
    col, wang, _ = people
    if not shutil.which("dnsmasq"):
        pytest.skip("no dnsmasq: apt-get install dnsmasq-base")
    dns = peer.popen(["dnsmasq", "--keep-in-foreground", "--no-resolv", "--no-hosts", "--user=root", "--pid-file=",
                      "--conf-file=/dev/null", "--address=/collector.cordon.test/" + col.v4],
                     stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    h = world.host("by-name")
    with contextlib.suppress(FileNotFoundError):
        os.remove(h.path("etc", "resolv.conf"))
    with open(h.path("etc", "resolv.conf"), "w") as f:
        f.write("nameserver %s\noptions timeout:1 attempts:1\n" % peer.v4)
    os.chmod(h.path("etc", "resolv.conf"), 0o644)

    def resolves():
        return h.run(["getent", "ahosts", "collector.cordon.test"], check=False).returncode == 0
    wait_for("the name server", resolves)
    h.agent("enrol", "--collector", "collector.cordon.test:%d" % col.AGENTS, "--token", col.token(),
            "--ca-sha256", col.ca_sha256())
    stop(dns)
    assert not resolves()
    h.start_agent()
    online(wang, "by-name")
    isolate(wang, "by-name")
    col.restart()
    alive(wang, "by-name")
    h.stop_agent()
    h.start_agent()
    alive(wang, "by-name")
    assert not resolves() and cut_off(h, peer)


def test_the_first_address_dies_and_a_new_one_comes_by_order(world, people, peer):
    one, three = V4 % (world.net, 201), V4 % (world.net, 203)

    def addresses(c):
        for a in (one, three):
            c.ip("addr", "add", a + "/24", "dev", "eth0")
        return {"collector": {"advertise": [one + ":8443", c.v4 + ":8443"]}}
    col, zhao, _ = own_collector(world, "homes", addresses)
    h = world.host("moves")
    h.agent("enrol", "--collector", one + ":8443", "--token", col.token(), "--ca-sha256", col.ca_sha256())
    h.start_agent()
    online(zhao, "moves")
    isolate(zhao, "moves")
    assert one in peers_of(h) and three not in peers_of(h)
    col.ip("addr", "del", one + "/24", "dev", "eth0")
    alive(zhao, "moves", 60)
    assert peers_of(h) == {col.v4}
    # An address that nobody ever told this host, signed, given at the console; then all the others are gone.
    order = h.path("order")
    run([os.path.join(os.path.dirname(BIN), "test/sign-order"), os.path.join(col.signer_state, "order.key"),
         show(zhao, "moves")["host_id"], "50", "strict", order, three + ":8443"])
    h.agent("order", order)
    wait_for("the line by the new address", lambda: peers_of(h) == {three}, 15)
    reconnect(h, zhao, "moves", 40)
    assert peers_of(h) == {three} and cut_off(h, peer)


def test_ipv6_only_with_neighbours_forgotten(world, people, peer):
    col, wang, _ = people
    h = world.host("six").enrol(col, v6=True)
    h.ip("-4", "addr", "flush", "dev", "eth0")
    h.start_agent()
    online(wang, "six")
    isolate(wang, "six")
    for _ in range(2):
        for m in (h, col):
            m.ip("-6", "neigh", "flush", "dev", "eth0")
        reconnect(h, wang, "six")
    assert not h.reaches(peer.v6, Peer.TCP, 0.4)


RA = r"""
import socket, struct, time
# RFC 4861 4.2, RFC 4862 5.5.3: a router for 30 s, a prefix for addresses that is valid for %(life)d s.
s = socket.socket(socket.AF_INET6, socket.SOCK_RAW, 58)
s.setsockopt(41, 18, 255)  # IPV6_MULTICAST_HOPS
s.setsockopt(41, 17, socket.if_nametoindex('eth0'))
p = socket.inet_pton(socket.AF_INET6, %(prefix)r)
m = struct.pack('!BBHBBHII', 134, 0, 0, 64, 0, 30, 0, 0) + \
    struct.pack('!BBBBIII', 3, 4, 64, %(flags)d, %(life)d, %(life)d - 2, 0) + p
while True:
    s.sendto(m, ('ff02::1', 0, 0, socket.if_nametoindex('eth0')))
    time.sleep(2)
"""


@pytest.mark.parametrize("way", ["by-the-router", "on-link"])
def test_addresses_of_router_advertisements_do_not_run_out(world, people, peer, way):
    """SLAAC with a prefix that is good for 10 s only: alive after 20 s of isolation, because the next ones come in."""
    col, wang, _ = people
    life, name = 10, "slaac-" + way
    peer.run(["sysctl", "-qw", "net.ipv6.conf.all.forwarding=1"])
    h = world.host(name).enrol(col, v6=True)
    h.ip("addr", "flush", "dev", "eth0", "scope", "global")
    # Else a redirect would make the collector the next hop.
    h.run(["sysctl", "-qw", "net.ipv6.conf.eth0.accept_redirects=0"])
    router = peer.python(RA % {"prefix": "fd77:%d::" % world.net, "life": life,
                               "flags": 0x40 if way == "by-the-router" else 0xc0})

    def has():
        return re.search(r"inet6 fd77:\S+ .*dynamic", h.ip("-6", "addr", "show", "dev", "eth0").stdout)
    wait_for("an address from the router", has)
    h.start_agent()
    online(wang, name, 30)
    isolate(wang, name)
    end, lost = time.monotonic() + 2 * life, 0
    while time.monotonic() < end:
        lost += not has()
        time.sleep(0.5)
    if lost:
        stop(router)
    assert lost == 0, "without an address for %.1f s" % (lost / 2)
    alive(wang, name)
    stop(router)
    wait_for("the address to run out without a router: the test would see it", lambda: not has(), 2 * life)


DHCPD = """authoritative; default-lease-time 120; max-lease-time 120; min-lease-time 120;
%(often)s
subnet %(net)s.0 netmask 255.255.255.0 { range %(net)s.150 %(net)s.160; }
"""


def dhcpd(m, net):
    often = "" if LONG else "option dhcp-renewal-time 2; option dhcp-rebinding-time 4;"
    for f, text in (("dhcpd.conf", DHCPD % {"often": often, "net": net}), ("dhcpd.leases", "")):
        with open(m.path(f), "w") as out:
            out.write(text)
    return m.start("dhcpd", ["dhcpd", "-4", "-f", "-cf", m.path("dhcpd.conf"), "-lf", m.path("dhcpd.leases"),
                             "-pf", m.path("dhcpd.pid"), "eth0"])


def dnsmasq(m, net):
    often = [] if LONG else ["--dhcp-option-force=option:T1,2", "--dhcp-option-force=option:T2,4"]
    return m.start("dnsmasq", ["dnsmasq", "--keep-in-foreground", "--port=0", "--user=root", "--pid-file=",
                               "--conf-file=/dev/null", "--dhcp-leasefile=" + m.path("leases"), "--interface=eth0",
                               "--dhcp-range=%s.170,%s.180,255.255.255.0,120" % (net, net),
                               "--dhcp-authoritative"] + often)


DHCP = {"dhcpd": dhcpd, "dnsmasq": dnsmasq}
DHCLIENT_SCRIPT = r"""#!/bin/sh
# What /sbin/dhclient-script does to addresses, and nothing else.
echo "$reason $new_ip_address" >> %(log)s
case "$reason" in
BOUND|RENEW|REBIND|REBOOT) ip -4 addr replace "$new_ip_address/24" dev "$interface" \
	valid_lft "$new_dhcp_lease_time" preferred_lft "$new_dhcp_lease_time" ;;
EXPIRE|FAIL|RELEASE|STOP) ip -4 addr flush dev "$interface" ;;
esac
"""


@pytest.mark.parametrize("server", ["dhcpd", "dnsmasq"])
def test_a_dhcp_lease_is_kept(world, people, peer, server):
    """isc-dhcp-client, isc-dhcp-server and dnsmasq; 120 s a lease.
    `make strand`: over ten minutes; else renewal after 2 s, rebinding after 4 s, until it was renewed twice."""
    col, wang, _ = people
    for tool, package in (("dhclient", "isc-dhcp-client"), (server, {"dhcpd": "isc-dhcp-server",
                                                                     "dnsmasq": "dnsmasq-base"}[server])):
        if not shutil.which(tool):
            pytest.skip("no %s: apt-get install %s" % (tool, package))
    name = "leased-" + server
    running = DHCP[server](peer, "10.77.%d" % world.net)
    h = world.host(name).enrol(col)
    log, script = h.path("dhcp-log"), h.path("dhcp-script")
    with open(script, "w") as f:
        f.write(DHCLIENT_SCRIPT % {"log": log})
    os.chmod(script, 0o755)
    h.ip("addr", "flush", "dev", "eth0", "scope", "global")
    h.start("dhclient", ["dhclient", "-4", "-d", "-sf", script, "-lf", h.path("client-leases"), "-pf",
                         h.path("dhclient.pid"), "-cf", "/dev/null", "eth0"])

    def address():
        found = re.search(r"inet (10\.77\.\S+)/24", h.ip("-4", "addr", "show", "dev", "eth0").stdout)
        return found and found.group(1)
    first = wait_for("a lease", address, 40)
    world.cleanup.callback(stop, running)
    h.start_agent()
    online(wang, name, 30)
    isolate(wang, name)

    def told():
        with open(log) as f:
            return [line.split()[0] for line in f.readlines()]
    before, began = len(told()), time.monotonic()
    while time.monotonic() < began + (600 if LONG else 60) and (LONG or len(told()) < before + 2):
        assert address() == first, "the address was lost while isolated"
        time.sleep(0.3)
    alive(wang, name)
    said = told()[before:]
    print("a lease of 120 s, in %.0f s of isolation: %s" % (time.monotonic() - began, " ".join(said)))
    stop(running)
    assert set(said) <= {"RENEW", "REBIND"} and len(said) >= 2 and cut_off(h, peer)


# -- the way there ----------------------------------------------------------------

def test_links_flap_and_both_ends_forget(world, people, peer):
    col, wang, _ = people
    h = join(world, col, wang, "flaps")
    isolate(wang, "flaps")
    for n in range(3):
        if n == 0:  # the host's own device
            h.ip("link", "set", "eth0", "down")
            time.sleep(0.3)
            h.ip("link", "set", "eth0", "up")
            h.ip("addr", "replace", h.v6 + "/64", "dev", "eth0", "nodad")  # down forgets it
        else:  # the carrier, as a cable or an access point goes
            run(["ip", "-n", world.switch, "link", "set", h.port, "down"])
            time.sleep(0.3)
            run(["ip", "-n", world.switch, "link", "set", h.port, "up"])
        for m in (h, col):
            m.ip("neigh", "flush", "dev", "eth0")
        reconnect(h, wang, "flaps", 40)
    assert cut_off(h, peer)


def test_another_device_another_subnet(world, people, peer):
    """From the desk's cable to another dock: new device, new subnet, a router in between; then renamed."""
    col, wang, _ = people
    h = join(world, col, wang, "docks")
    isolate(wang, "docks")
    router = Machine(world, "router70", next(world.numbers))
    router.run(["sysctl", "-qw", "net.ipv4.ip_forward=1"])
    router.ip("link", "add", "dock", "type", "veth", "peer", "name", "eth1", "netns", h.ns)
    router.ip("addr", "add", "10.88.7.1/24", "dev", "dock")
    router.ip("link", "set", "dock", "up")
    col.ip("route", "add", "10.88.7.0/24", "via", router.v4)
    peer.ip("route", "add", "10.88.7.0/24", "via", router.v4)
    h.ip("link", "set", "eth0", "down")
    h.ip("addr", "add", "10.88.7.2/24", "dev", "eth1")
    h.ip("link", "set", "eth1", "up")
    h.ip("route", "add", "default", "via", "10.88.7.1")
    alive(wang, "docks", 60)
    assert cut_off(h, peer)
    h.ip("link", "set", "eth1", "down")
    h.ip("link", "set", "eth1", "name", "dock0")
    h.ip("link", "set", "dock0", "up")
    h.ip("route", "replace", "default", "via", "10.88.7.1")
    alive(wang, "docks", 60)
    reconnect(h, wang, "docks", 40)
    assert cut_off(h, peer)


# -- certificates and clocks -----------------------------------------------------

@pytest.fixture(scope="module")
def shifted(world, people):
    """A collector whose clock the tests may step, and its people."""
    def clock(c):
        c.shift_clock(0)
        return {}
    return own_collector(world, "years", clock)


def test_away_for_longer_than_the_certificate_lives(world, shifted, peer):
    """Isolated, away for 100 days (certificates live 90), back; then for 300: too long."""
    col, zhao, qian = shifted
    col.shift_clock(0)
    h = join(world, col, zhao, "sleeper")
    isolate(zhao, "sleeper")
    thief, gone = join(world, col, zhao, "thief"), join(world, col, zhao, "too-long")
    for x in (h, thief, gone):
        x.stop_agent()
    first = serial(h)
    col.admin("host", "revoke", "thief", "--reason", "this machine was stolen", "--yes")
    col.shift_clock(100 * DAY)
    h.start_agent()
    alive(zhao, "sleeper", 30)
    assert serial(h) != first and cut_off(h, peer)
    qian("audit", "export", col.path("audit"))
    with open(col.path("audit")) as f:
        assert "which was good from" in f.read(), "the renewal is not in the record"
    assert any(s["kind"] == "agent.certificate" for s in zhao.lines("signals", "--host", "sleeper"))
    # Not those that were revoked, and not after the limit.
    thief.start_agent()
    wait_for("the refusal of the revoked one", lambda: "revoked" in log_of(thief), 20)
    col.shift_clock(300 * DAY)
    gone.start_agent()
    wait_for("the refusal of the one that is too old", lambda: "certificate-expired" in log_of(gone), 20)
    assert not show(zhao, "thief")["online"] and not show(zhao, "too-long")["online"]
    col.shift_clock(0)
    for x in (h, thief, gone):
        x.stop_agent()


def test_ordered_while_away(world, shifted, peer):
    """An order waits for a day and not for a week; what is desired now is told, and a new order is taken at once."""
    col, zhao, _ = shifted
    col.shift_clock(0)
    h = join(world, col, zhao, "holiday")
    h.stop_agent()
    wait_for("offline", lambda: not show(zhao, "holiday")["online"])
    zhao("isolate", "holiday", *REASON, "--no-wait", check=False)
    col.shift_clock(7 * DAY)
    wait_for("the order to expire", lambda: "order.expired" in zhao("why", "holiday", check=False).stdout, 20)
    h.start_agent()
    alive(zhao, "holiday")
    assert h.reaches(peer.v4, Peer.TCP), "an order from a week ago was taken"
    isolate(zhao, "holiday")
    assert cut_off(h, peer)
    h.stop_agent()
    col.shift_clock(0)


def test_the_collectors_own_certificate_has_run_out(world, people, peer):
    def clock(c):
        c.shift_clock(0)
        return {"tls": {"server_cert": "1h"}}
    col, zhao, _ = own_collector(world, "hour", clock)
    h = world.host("patient")
    h.shift_clock(0)
    h.enrol(col).start_agent()
    online(zhao, "patient")
    isolate(zhao, "patient")
    col.shift_clock(2 * 3600)
    h.shift_clock(2 * 3600)
    h.kill("agent-network")
    # The operators' tools say so as well, so the agent's own word is what counts.
    wait_for("the line with the old certificate", lambda: log_of(h).count(": connected") >= 2, 30)
    col.restart()
    alive(zhao, "patient")
    assert cut_off(h, peer)
    h.stop_agent()


def test_the_hosts_clock_is_off_by_a_day_and_a_year(world, people, peer):
    col, wang, li = people
    h = world.host("clockless")
    h.shift_clock(0)
    h.enrol(col).start_agent()
    online(wang, "clockless")
    isolate(wang, "clockless")
    evidence(wang, "clockless")
    for shift in (DAY, -DAY, -365 * DAY, 365 * DAY):
        h.shift_clock(shift)
        reconnect(h, wang, "clockless")
        assert cut_off(h, peer), shift
    h.stop_agent()
    h.start_agent()
    alive(wang, "clockless")
    assert "ahead of the collector's" in log_of(h) and "behind the collector's" in log_of(h)
    # Orders are taken as well, although each has "expired" by this clock: the next one names no time.
    with contextlib.suppress(Failed):
        go(wang, li, "recover", "clockless")
    wait_for("recovery in force", lambda: show(wang, "clockless")["applied"] == "recovery", 40)
    assert cut_off(h, peer)


def test_a_host_with_a_clock_a_year_ahead_can_be_isolated(world, people, peer):
    col, wang, _ = people
    h = world.host("next-year").enrol(col)
    h.shift_clock(365 * DAY)
    h.start_agent()
    online(wang, "next-year")
    wang("isolate", "next-year", *REASON, check=False)
    wait_for("proof", lambda: show(wang, "next-year")["isolation"] == "proven", 60)
    assert cut_off(h, peer)


# -- the agent ---------------------------------------------------------------------

def test_all_processes_replaced_by_new_programs(world, people, peer):
    """As an upgrade does: other files under the same names, everything stopped and started; no frame in between."""
    col, wang, _ = people
    h = world.host("upgraded")
    h.libexec = h.path("libexec")
    shutil.copytree(world.libexec, h.libexec)
    h.enrol(col).start_agent()
    online(wang, "upgraded")
    isolate(wang, "upgraded")
    watch = Sniffer(h)
    h.python(UDP_STREAM % (peer.v4, Peer.UDP))
    mark = time.time()
    for _ in range(2):
        for f in os.listdir(h.libexec):
            path = os.path.join(h.libexec, f)
            shutil.copy(path, path + ".new")
            os.rename(path + ".new", path)
        h.stop_agent()
        wait_for("the end of all", lambda: not h.processes(), 10)
        time.sleep(0.3)
        h.start_agent()
        alive(wang, "upgraded")
    leaked = [f for f in watch.frames(mark) if f.out_of_host and not f.is_line(col) and not f.is_neighbour()]
    assert not leaked, leaked[:5]
    assert show(wang, "upgraded")["applied"] == "strict" and cut_off(h, peer)


def test_snapshot_rollback(world, people, peer):
    """A virtual machine put back to before its isolation gets the newest desired state when it is here again."""
    col, wang, _ = people
    h = join(world, col, wang, "rolled")
    h.stop_agent()
    old = h.path("old-state")
    shutil.copytree(h.state, old)
    run(["cp", "-a", "--remove-destination", h.state + "/.", old])  # owners too
    h.start_agent()
    online(wang, "rolled")
    isolate(wang, "rolled")
    epoch = show(wang, "rolled")["desired_order"]
    h.stop_agent()
    shutil.rmtree(h.state)
    os.rename(old, h.state)
    for family in ("inet", "netdev", "bridge", "arp"):  # the kernel is rolled back as well
        h.nft("delete", "table", family, "cordon", check=False)
    assert h.reaches(peer.v4, Peer.TCP)
    h.start_agent()
    began = time.monotonic()
    wait_for("isolated again", lambda: cut_off(h, peer), 30)
    print("cut off %.1f s after the start" % (time.monotonic() - began))
    wait_for("proof of a newer order", lambda: (lambda x: x["isolation"] == "proven" and x["desired_order"] != epoch)(
        show(wang, "rolled")), 30)


def test_not_confirmed_and_back(world, people, peer):
    """The order arrives and the line dies with it: nobody confirms, the host reverts, and says so when it can."""
    col, wang, _ = people
    h = join(world, col, wang, "reverts")
    h.kill("agent-network", 19)  # SIGSTOP: the order lies in the socket
    wang("isolate", "reverts", *REASON, "--no-wait", check=False)
    time.sleep(1)
    col.nft = lambda *a: col.run(["nft"] + list(a))
    col.nft("add table inet deaf; add chain inet deaf in { type filter hook input priority 0; }; "
            "add rule inet deaf in ip saddr %s drop; add rule inet deaf in ip6 saddr %s drop" % (h.v4, h.v6))
    h.kill("agent-network", 18)
    wait_for("the cut", lambda: cut_off(h, peer), 10)
    wait_for("the way back", lambda: h.reaches(peer.v4, Peer.TCP), 30)
    assert "cordon" not in h.nft("list", "tables").stdout
    col.nft("delete table inet deaf")
    alive(wang, "reverts", 60)
    wait_for("the host's own word on it", lambda: "reverted" in wang("why", "reverts", check=False).stdout, 20)
    # It is tried again by itself, with the line this time.
    wait_for("proof", lambda: show(wang, "reverts")["isolation"] == "proven", 60)


def test_a_full_disk(world, people, peer):
    """The agent's folder is full: the line lives, the host is isolated all the same, and what was lost is told."""
    col, wang, _ = people
    h = world.host("full")
    os.makedirs(h.state)
    h.run(["mount", "-t", "tmpfs", "-o", "size=6m,mode=755", "tmpfs", h.state])
    h.enrol(col).start_agent()
    online(wang, "full")
    h.run(["sh", "-c", "cat /dev/zero > %s/fill 2>/dev/null; true" % h.state])
    assert "100%" in h.run(["df", "--output=pcent", h.state]).stdout
    isolate(wang, "full")
    assert cut_off(h, peer)
    for i in range(40):
        with open(h.path("ledger", "page-%d" % i), "w") as f:
            f.write("entry\n")
    reconnect(h, wang, "full", 40)
    h.kill("agent-enforcer")
    wait_for("the enforcer again", lambda: "agent-enforcer" in h.processes(), 10)
    alive(wang, "full")
    assert cut_off(h, peer)
    h.run(["rm", h.state + "/fill"])
    for i in range(3):
        with open(h.path("ledger", "later-%d" % i), "w") as f:
            f.write("entry\n")
    wait_for("signals of after", lambda: any("later-2" in s["object"] for s in wang.lines(
        "signals", "--host", "full")), 30)


# -- the collector itself -----------------------------------------------------------

def test_the_collectors_own_host_is_refused(world, people):
    col, wang, _ = people
    own = object.__new__(Host)
    own.__dict__.update(world=world, name="collector-host", ns=col.ns, v4=col.v4, v6=col.v6, dir=col.path("own"),
                        children=col.children, init=col.init)
    os.makedirs(own.dir)
    own.setup_agent().enrol(col).start_agent()
    name = wait_for("the collector's own agent", lambda: [
        x["name"] for x in wang.lines("host", "list") if col.v4 in show(wang, x["name"])["addresses"]])[0]
    said = wang("isolate", name, *REASON, check=False)
    assert said.returncode == 2 and "is the collector itself" in said.stdout, said.stdout
    assert show(wang, name)["applied"] == "open" and online(wang, name)
    own.stop_agent()
