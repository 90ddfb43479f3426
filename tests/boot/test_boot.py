# SPDX-License-Identifier: GPL-3.0-or-later
"""An isolated machine loses its power and boots: from the first frame on
nothing leaves its network card but the line to the collector.  Debian 12 with
its own kernel (6.1: no persist flag, no prefix hooks) under qemu without KVM;
the capture is outside of the machine.  One story in the order of this file:
open, isolated, power cut under ifupdown with the agent itself switched off,
power cut under systemd-networkd, released, power cut once more.

CORDON_SKIP_BOOT=1 leaves it out: it takes about three minutes."""
import glob
import ipaddress
import os
import platform
import shutil
import subprocess
import sys
import time

import pytest

sys.path[:0] = [os.path.join(os.path.dirname(os.path.abspath(__file__)), d) for d in ("../lib", ".")]

from packaged import Site, asks_for_router  # noqa: E402
from vm import VM  # noqa: E402
from world import Failed, Peer, Sniffer, TOP, World, wait_for  # noqa: E402

HOST = "fin-ws-1"
UNSPECIFIED = ipaddress.ip_address("::")


@pytest.fixture(scope="module")
def site():
    if os.environ.get("CORDON_SKIP_BOOT"):
        pytest.skip("CORDON_SKIP_BOOT is set")
    if os.geteuid() != 0:
        pytest.skip("needs root: it makes a disk and a tap device")
    if platform.machine() != "x86_64":
        pytest.skip("the machine that boots is an amd64 one")
    for program in ("debootstrap", "qemu-system-x86_64", "mke2fs", "dpkg-deb"):
        if shutil.which(program) is None:
            pytest.skip("%s is not installed" % program)
    if not os.path.exists("/dev/net/tun"):
        pytest.skip("no tap devices on this machine")
    p = subprocess.run(["make", "--no-print-directory", "-s", "-j2", "deb"], cwd=TOP, stdin=subprocess.DEVNULL,
                       capture_output=True, text=True)
    assert p.returncode == 0, p.stdout + p.stderr
    debs = sorted(glob.glob(os.path.join(TOP, "build/deb/cordon-agent_*.deb")))
    with World("boot") as world:
        def make(peer):
            try:
                return VM(world, HOST, debs, (peer.v4, Peer.UDP))
            except Failed as e:
                pytest.skip("no disk for a machine: %s" % e)
        s = Site(world, HOST, make)
        s.col_mac = s.col.run(["cat", "/sys/class/net/eth0/address"]).stdout.strip()
        yield s


@pytest.fixture(autouse=True)
def told(request):
    """A red test says what the machine said."""
    failed = request.session.testsfailed
    yield
    if request.session.testsfailed > failed and "site" in request.fixturenames:
        host = request.getfixturevalue("site").host
        print(host.console())
        if host.qemu:
            print(host.journal())


def is_path(f, site):
    """ARP or ND that keeps the way to the collector open, and no more: a
    question for its address or for a router, an answer about an address of
    the host's own, or the card asking whether an address of its own is taken."""
    if asks_for_router(f):
        return ipaddress.ip_address(f.src) == link_local(site.host.mac)
    if f.type == 0x0806:
        op, sender, target = f.data[21], f.data[28:32], f.data[38:42]
        return (op == 1 and str(ipaddress.ip_address(target)) == site.col.v4) or \
            (op == 2 and str(ipaddress.ip_address(sender)) == site.host.v4)
    if not f.is_neighbour():
        return False
    target = ipaddress.ip_address(f.data[62:78])
    own = target in (ipaddress.ip_address(site.host.v6), link_local(site.host.mac))
    if f.sport == 136 or ipaddress.ip_address(f.src) == UNSPECIFIED:
        return own
    return str(target) == site.col.v6 or target == link_local(site.col_mac)


def link_local(mac):
    b = [int(x, 16) for x in mac.split(":")]
    return ipaddress.ip_address("fe80::%02x%02x:%02xff:fe%02x:%02x%02x" % (b[0] ^ 2, b[1], b[2], b[3], b[4], b[5]))


def strangers(site, since):
    return [f for f in site.watch.frames(since) if f.out_of_host and not f.is_line(site.col) and not is_path(f, site)]


def tell(site, what, since):
    """Figures, for who reads the output."""
    out = [f for f in site.watch.frames(since) if f.out_of_host]
    line = [f for f in out if f.is_line(site.col)]
    print("%s: %.0f s to the first command; %d frames out: %d of the line, %d ARP and ND for it, %d others" % (
        what, site.host.boot_seconds, len(out), len(line), len([f for f in out if not f.is_line(site.col) and
                                                              is_path(f, site)]), len(strangers(site, since))))


def power_cut(site, network="networkd"):
    """Pull the plug, start again.  The time when the power came back."""
    site.host.cut_power()
    mark = time.time()
    site.host.boot(network)
    return mark


def early(site, network):
    """The early unit had ended, and well, before NETWORK began."""
    e = site.host.unit("cordon-agent-restore", "Result", "ExecMainStatus", "ExecMainExitTimestampMonotonic")
    n = site.host.unit(network, "ExecMainStartTimestampMonotonic", "ActiveState")
    assert (e["Result"], e["ExecMainStatus"]) == ("success", "0")
    assert n["ActiveState"] == "active"
    assert 0 < int(e["ExecMainExitTimestampMonotonic"]) <= int(n["ExecMainStartTimestampMonotonic"])


def banner(site):
    """What agetty shows to whoever stands before the machine."""
    text = site.host.console()
    return "This computer is cut off from the network." in text and "本机已与网络隔离。" in text


def test_01_open_it_talks_from_the_first_moment(site):
    """What the kernel and systemd send by themselves is in the capture: the
    silence later is no deafness of ours."""
    site.watch, mark = Sniffer(site.host), time.time()
    site.host.boot()
    wait_for("the talker heard outside", lambda: site.peer.arrivals(site.host.v4), 60)
    kinds = {(f.type, f.proto) for f in strangers(site, mark)}
    assert (0x0800, 17) in kinds, "the talker"
    assert (0x86dd, 0) in kinds or (0x86dd, 58) in kinds, "MLD or router solicitations of the kernel"
    tell(site, "open", mark)


def test_02_isolated_with_proof(site):
    site.enrol()
    wait_for("the host online", lambda: site.look()["online"], 60)
    site.wang("host", "manifest", HOST)
    site.isolate()
    assert not strangers(site, site.proven)[:5]


def test_03_power_cut_with_ifupdown_and_without_the_agent(site):
    """Only the early unit is left: no line either, and still no leak."""
    site.host.sh("systemctl disable -q cordon-agent && sync")
    mark = power_cut(site, "ifupdown")
    early(site, "networking")
    assert "inet %s/" % site.host.v4 in site.host.run(["ip", "-4", "addr", "show", "eth0", "up"]).stdout
    assert site.host.unit("cordon-agent", "ActiveState")["ActiveState"] == "inactive"
    assert site.host.unit("test-talker", "ActiveState")["ActiveState"] == "active"
    site.cut(mark)
    assert not strangers(site, mark)[:5]
    assert not [f for f in site.watch.frames(mark) if f.out_of_host and f.is_line(site.col)]
    tell(site, "isolated, ifupdown, no agent", mark)


def test_04_power_cut_with_networkd(site):
    site.host.sh("systemctl enable -q cordon-agent && sync")
    mark = power_cut(site)
    early(site, "systemd-networkd")
    assert site.host.unit("test-talker", "ActiveState")["ActiveState"] == "active"
    site.proven_since(mark, 120)
    site.cut(mark)
    assert not strangers(site, mark)[:5]
    assert [f for f in site.watch.frames(mark) if f.out_of_host and f.is_line(site.col)]
    assert not [a for a in site.peer.arrivals(site.host.v4) if a[0] > mark]
    wait_for("the login banner on its console", lambda: banner(site), 60)
    tell(site, "isolated, networkd", mark)


def test_05_released_it_talks_again(site):
    site.released()


def test_06_released_it_stays_so_over_a_power_cut(site):
    mark = power_cut(site)
    wait_for("the talker heard outside", lambda: [a for a in site.peer.arrivals(site.host.v4) if a[0] > mark], 60)
    assert "cordon" not in site.host.run(["nft", "list", "tables"]).stdout
