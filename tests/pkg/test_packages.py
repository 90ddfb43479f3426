# SPDX-License-Identifier: GPL-3.0-or-later
"""The Debian packages in machines that boot.  The tests of the agent are one
story in the order of this file: installed, enrolled, isolated, restarted,
rebooted, upgraded, not removed, released, removed, purged, and once by force."""
import glob
import os
import re
import shutil
import subprocess
import sys
import time

import pytest

sys.path[:0] = [os.path.join(os.path.dirname(os.path.abspath(__file__)), d) for d in ("../lib", ".")]

from container import Container, Trees  # noqa: E402
from packaged import REASON, Site  # noqa: E402
from world import Failed, Peer, Sniffer, TOP, World, run, wait_for  # noqa: E402

CAP_NET_ADMIN = 1 << 12
HOST = "fin-ws-1"


@pytest.fixture(scope="module")
def trees():
    if os.geteuid() != 0:
        pytest.skip("needs root: it boots a container")
    for program in ("debootstrap", "systemd-nspawn", "dpkg-deb"):
        if shutil.which(program) is None:
            pytest.skip("%s is not installed" % program)
    p = subprocess.run(["make", "--no-print-directory", "-s", "-j2", "deb"], cwd=TOP, stdin=subprocess.DEVNULL,
                       capture_output=True, text=True)
    assert p.returncode == 0, p.stdout + p.stderr
    try:
        return Trees(sorted(glob.glob(os.path.join(TOP, "build/deb/*.deb"))))
    except Failed as e:
        pytest.skip("no Debian tree on this machine: %s" % e)


@pytest.fixture(scope="module")
def world(trees):
    with World("pkg") as w:
        yield w


def make_container(world, trees, peer):
    c = Container(world, HOST, trees, (peer.v4, Peer.UDP))
    c.plug_in()
    c.boot()
    c.clean = c.files()
    return c


@pytest.fixture(scope="module")
def site(world, trees):
    return Site(world, HOST, lambda peer: make_container(world, trees, peer))


@pytest.fixture(autouse=True)
def told(request):
    """A red test says what the units said."""
    failed = request.session.testsfailed
    yield
    if request.session.testsfailed > failed and "site" in request.fixturenames:
        s = request.getfixturevalue("site")
        print(s.host.journal() if s.host.nspawn else "the container does not run")


def test_01_installed_it_waits_to_be_enrolled(site):
    out = site.host.install("cordon-agent").stdout
    assert "enrol this host" in out
    for unit in ("cordon-agent", "cordon-agent-restore"):
        assert site.host.run(["systemctl", "is-enabled", unit]).stdout.strip() == "enabled"
    site.host.run(["systemctl", "start", "cordon-agent"])
    assert site.host.unit("cordon-agent", "ConditionResult")["ConditionResult"] == "no"
    assert site.host.run(["dpkg", "--verify", "cordon-agent"]).stdout == ""


def test_02_enrolled_it_runs_with_the_rights_it_says(site):
    h = site.host
    site.enrol()
    assert h.unit("cordon-agent", "ActiveState")["ActiveState"] == "active"
    wait_for("the host online", lambda: site.look()["online"])
    there = h.processes("/usr/lib/cordon")
    assert set(there) == {"agent-parent", "agent-network", "agent-enforcer", "agent-sensors",
                          "agent-guard"}
    for program, user, caps in (("agent-parent", "root", None), ("agent-network", "cordon", 0),
                                ("agent-enforcer", "cordon-enforcer", CAP_NET_ADMIN),
                                ("agent-sensors", "cordon-sensors", None),
                                ("agent-guard", "cordon-guard", 1 << 39 | CAP_NET_ADMIN | 1 << 13)):
        st = there[program][1]
        assert set(st["Uid"].split()) == {str(h.uid(user))}, program
        assert (st["NoNewPrivs"], st["Seccomp"]) == ("1", "2"), program
        held = int(st["CapEff"], 16) | int(st["CapPrm"], 16)
        assert caps is None or held == caps, program
        if program == "agent-sensors":
            assert not held & CAP_NET_ADMIN
    assert "open" in h.run(["cordon-agent", "status"]).stdout


def test_03_its_sensors_see(site):
    """With the settings as shipped: own files lie in watched trees."""
    def signals(kind):
        return site.wang.lines("signals", "--host", HOST, "--kind", kind)
    wait_for("the baseline", lambda: signals("files.baseline"))
    site.host.sh("echo '* * * * * root true' >/etc/cron.extra")
    seen = wait_for("the new file", lambda: [s for s in signals("files.created") if s["object"] == "/etc/cron.extra"])
    assert seen[0]["cause"]["program"].endswith("sh"), seen[0]["cause"]
    site.host.run(["rm", "/etc/cron.extra"])
    assert "watching /etc by fanotify" in site.host.journal()


def test_04_isolated_with_proof(site):
    site.wang("host", "manifest", HOST)
    site.isolate()


def ran_again(site, before):
    """All of its processes that stay, none of them of BEFORE."""
    now = site.host.processes("/usr/lib/cordon")
    stay = set(before) - {"cordon-agent", "agent-notice"}  # these come and go
    return set(now) >= stay and not {p for p, _ in before.values()} & {p for p, _ in now.values()} and \
        site.host.unit("cordon-agent", "ActiveState")["ActiveState"] == "active"


def test_05_restart_of_the_unit_opens_nothing(site):
    before, mark = site.host.processes("/usr/lib/cordon"), time.time()
    site.host.run(["systemctl", "restart", "cordon-agent"])
    site.proven_since(mark)
    wait_for("all of its processes", lambda: ran_again(site, before))
    site.cut(site.proven)


def test_05a_killed_it_comes_back_however_often(site):
    """Six times: systemd's own limit is five in ten seconds."""
    took = []
    for _ in range(6):
        before, mark = site.host.processes("/usr/lib/cordon"), time.time()
        site.host.run(["systemctl", "kill", "-s", "KILL", "cordon-agent"])
        wait_for("the agent again", lambda: ran_again(site, before), 15, 0.01)
        took.append(time.time() - mark)
    print("killed whole, all processes ready again after %s ms" % ", ".join("%.0f" % (t * 1000) for t in took))
    site.proven_since(mark)
    site.cut(site.proven)


def test_05b_stopped_and_masked_the_rules_stay(site):
    mark = time.time()
    site.host.run(["systemctl", "stop", "cordon-agent"])
    assert site.host.processes("/usr/lib/cordon") == {}
    site.cut(site.proven)
    site.host.run(["systemctl", "stop", "cordon-agent-restore"])
    site.host.run(["systemctl", "mask", "--runtime", "cordon-agent", "cordon-agent-restore"])
    assert site.host.run(["systemctl", "start", "cordon-agent"], check=False).returncode != 0
    site.cut(site.proven)
    site.host.run(["systemctl", "unmask", "--runtime", "cordon-agent", "cordon-agent-restore"])
    site.host.run(["systemctl", "start", "cordon-agent"])
    site.proven_since(mark)
    site.cut(site.proven)
    seen = wait_for("who stopped it is asked", lambda: site.wang.lines("signals", "--host", HOST, "--kind",
                                                                       "agent.stopped-isolated"))
    assert seen[0]["severity"] == "high", seen[0]


def test_05c_people_at_the_machine_are_told(site):
    text = site.host.run(["cat", "/run/motd.d/cordon"]).stdout
    assert "This computer is cut off from the network." in text and "本机已与网络隔离。" in text
    assert site.host.run(["cat", "/run/issue.d/cordon.issue"]).stdout == text
    assert "please" in text.lower(), "the order's own text"
    shown = site.host.sh("script -qec 'agetty --show-issue' /dev/null </dev/null").stdout
    assert "This computer is cut off" in shown and "本机已与网络隔离。" in shown, "before login"
    shown = site.host.sh("echo exit | script -qec 'login -f root' /dev/null").stdout
    assert "This computer is cut off" in shown and "本机已与网络隔离。" in shown, "at login"
    site.host.run(["rm", "-f", "/root/.bash_history"])


def test_06_reboot_opens_nothing(site):
    site.host.power_off()
    assert not site.leaked(site.proven)[:5]
    site.watch.stop()
    mark = time.time()
    site.host.plug_in()
    assert "cordon" not in run(["ip", "netns", "exec", site.host.ns, "nft", "list", "tables"]).stdout
    site.watch = Sniffer(site.host)
    site.host.boot()
    early = site.host.unit("cordon-agent-restore", "Result", "ExecMainStatus", "ExecMainExitTimestampMonotonic")
    network = site.host.unit("test-network", "ExecMainStartTimestampMonotonic")
    assert (early["Result"], early["ExecMainStatus"]) == ("success", "0")
    assert 0 < int(early["ExecMainExitTimestampMonotonic"]) <= int(network["ExecMainStartTimestampMonotonic"])
    assert site.host.unit("test-talker", "ActiveState")["ActiveState"] == "active"
    site.proven_since(mark)
    site.cut(mark)
    assert [f for f in site.watch.frames(mark) if f.is_line(site.col)]
    assert not [a for a in site.peer.arrivals(site.host.v4) if a[0] > mark]


@pytest.mark.parametrize("version", ["99.1-1", "0.0.1-1", None], ids=["upgrade", "downgrade", "back"])
def test_07_another_version_opens_nothing(site, trees, version):
    """Upgraded, downgraded, and the one that is tested installed again, twice."""
    if version:
        deb = trees.version("cordon-agent", version, site.host.path())
        shutil.move(deb, site.host.root + "/root/other.deb")
    for again in range(1 if version else 2):
        before, mark = site.host.unit("cordon-agent", "MainPID"), time.time()
        if version:
            site.host.run(["dpkg", "-i", "/root/other.deb"])
            assert version in site.host.run(["dpkg-query", "-W", "cordon-agent"]).stdout
        else:
            site.host.install("cordon-agent")
        site.proven_since(mark)
        assert site.host.unit("cordon-agent", "MainPID") != before
        site.cut(mark)
    site.host.run(["rm", "-f", "/root/other.deb"])
    assert not site.host.run(["systemctl", "--failed", "--plain", "--no-legend"]).stdout


def test_08_removal_while_isolated_is_refused(site):
    mark = time.time()
    p = site.host.run(["dpkg", "-r", "cordon-agent"], check=False)
    assert p.returncode != 0 and "isolated" in p.stdout and "remove-while-isolated" in p.stdout
    assert site.host.unit("cordon-agent", "ActiveState")["ActiveState"] == "active"
    assert "install ok installed" in site.host.run(["dpkg-query", "-W", "-f", "${Status}", "cordon-agent"]).stdout
    site.host.run(["systemctl", "stop", "cordon-agent"])
    for how in ("-r", "-P"):
        p = site.host.run(["dpkg", how, "cordon-agent"], check=False)
        assert p.returncode != 0, "stopping the agent first must not help"
    site.host.run(["systemctl", "start", "cordon-agent"])
    site.proven_since(mark)
    site.cut(mark)


def test_09_released_it_talks_again(site):
    site.released()
    wait_for("the notice gone", lambda: site.host.sh("ls -A /run/motd.d /run/issue.d").stdout.split() ==
             ["/run/issue.d:", "/run/motd.d:"])


def test_10_removed_nothing_is_left_but_configuration(site):
    site.host.run(["nft", "add", "table", "inet", "mine"])
    site.host.run(["dpkg", "-r", "cordon-agent"])
    assert site.host.processes("/usr/lib/cordon") == {}
    assert site.host.run(["nft", "list", "tables"]).stdout == "table inet mine\n"
    assert left(site) == {"/etc/cordon", "/etc/cordon/agent.conf"}
    assert not run(["find", site.host.root + "/var/lib/systemd", "-name", "cordon*"]).stdout


def test_11_purged_nothing_is_left(site):
    site.host.run(["dpkg", "-P", "cordon-agent"])
    assert left(site) == set()


def test_12_removed_by_force_it_is_open(site):
    """The administrator's last resort, on a host that was installed anew."""
    name = "fin-ws-2"
    site.host.run(["hostname", name])
    site.host.install("cordon-agent")
    site.enrol()
    wait_for("the host online", lambda: site.look(name)["online"])
    site.wang("isolate", name, *REASON, "--yes")
    mark = time.time()
    assert site.host.run(["dpkg", "-r", "cordon-agent"], check=False).returncode != 0
    site.host.run(["touch", "/var/lib/cordon-agent/remove-while-isolated"])
    assert not [a for a in site.peer.arrivals(site.host.v4) if a[0] > mark]
    site.host.run(["dpkg", "-r", "cordon-agent"])
    wait_for("the talker heard again", lambda: [a for a in site.peer.arrivals(site.host.v4) if a[0] > mark])
    assert site.host.run(["nft", "list", "tables"]).stdout == "table inet mine\n"
    assert left(site) == {"/etc/cordon", "/etc/cordon/agent.conf"}
    assert site.host.sh("ls -A /run/motd.d /run/issue.d").stdout.split() == ["/run/issue.d:", "/run/motd.d:"]
    site.host.power_off()


def left(site):
    """What is there and was not before the package; users may stay."""
    users = {"/etc/%s%s" % (f, tail) for f in ("passwd", "group", "shadow", "gshadow") for tail in ("", "-")}
    return site.host.files() - site.host.clean - users - {"/etc/.pwd.lock"}


def test_20_the_collector_from_packages(world, trees):
    c = Container(world, "collector-1", trees)
    c.plug_in()
    c.boot()
    clean = c.files()
    out = c.sh("dpkg -i /debs/cordon-collector_*.deb /debs/cordonctl_*.deb").stdout
    assert "advertise" in out
    assert c.unit("cordon-signer", "ActiveState")["ActiveState"] == "active"
    c.sh("sed -i 's/^#advertise = 10.*/advertise = %s:8443/' /etc/cordon/collector.conf" % c.v4)
    c.sh("cd /root && cordon-collector init --operator alice")
    c.run(["systemctl", "start", "cordon-collector"])
    for unit in ("cordon-signer", "cordon-collector"):
        assert c.unit(unit, "ActiveState")["ActiveState"] == "active", c.journal()
    there = c.processes("/usr/sbin")
    for program in ("cordon-signer", "cordon-collector"):
        st = there[program][1]
        assert set(st["Uid"].split()) == {str(c.uid(program))}
        assert int(st["CapEff"], 16) == int(st["CapPrm"], 16) == int(st["CapBnd"], 16) == 0
        assert (st["NoNewPrivs"], st["Seccomp"]) == ("1", "2")
    ctl = "cordonctl -c /root/alice-operator/cordonctl.conf "
    assert c.sh(ctl + "status").stdout.strip()
    line = c.sh(ctl + "enrol token --group treasury --tier T2 --ttl 1h --uses 2").stdout
    assert re.search(r"cordon-agent enrol --collector %s:8443 --token \S+ --ca-sha256 [0-9a-f]{64}" % c.v4, line)
    c.install("cordon-collector")
    wait_for("the collector after an upgrade", lambda: c.sh(ctl + "status").stdout.strip())
    c.run(["dpkg", "-r", "cordon-collector", "cordonctl"])
    assert os.path.exists(c.root + "/var/lib/cordon-collector/ca.key"), "the record stays until a purge"
    c.run(["dpkg", "-P", "cordon-collector", "cordonctl"])
    users = {"/etc/%s%s" % (f, tail) for f in ("passwd", "group", "shadow", "gshadow") for tail in ("", "-")}
    assert {p for p in c.files() - clean - users if not p.startswith("/root/")} <= {"/etc/.pwd.lock"}
    c.power_off()
