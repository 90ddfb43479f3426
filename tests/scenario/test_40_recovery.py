# SPDX-License-Identifier: GPL-3.0-or-later
"""From contained back to normal, and what refuses a short cut."""
import json

import pytest

from world import Peer, wait_for


@pytest.fixture(scope="module")
def peer(world, people):
    return world.peer("peer40")


def plan_of(wang, action, host):
    plans = [p for p in wang.lines("plan", "list") if p["action"] == action and
             any(x["name"] == host for x in p["hosts"])]
    return max(plans, key=lambda p: p["created_at"])["plan"]


def go(wang, li, verb, host):
    p = wang(verb, host, "--reason", "scenario test of recovery", "--yes", check=False)
    assert p.returncode == 3, p.stdout
    plan = plan_of(wang, verb, host)
    li("approve", plan, "--yes")
    wang("plan", "apply", plan, "--yes", "--expect-hosts", "1")


def evidence(wang, host):
    """The snapshot of the cut is kept in the host's case."""
    case = wang.json("host", "show", host)["case"]
    wait_for("evidence", lambda: any(e["kind"] == "snapshot" for e in wang.json("case", "show", case)["evidence"]))


def ready(world, people, name):
    col, wang, _ = people
    h = world.host(name).enrol(col).start_agent()
    wait_for("online", lambda: wang.json("host", "show", name)["online"])
    with open(h.path("ledger", "book"), "w") as f:
        f.write("good\n")
    wang("host", "manifest", name)
    return h


def test_the_whole_way_and_its_refusals(world, people, peer):
    col, wang, li = people
    h = ready(world, people, "way")
    early = wang("restore", "way", "--reason", "nothing to restore yet", "--yes", check=False)
    assert early.returncode == 2
    wang("isolate", "way", "--reason", "scenario test of recovery", "--yes")
    assert wang("verify", "way", check=False).returncode == 2, "the gate is for hosts in recovery"
    evidence(wang, "way")
    go(wang, li, "recover", "way")
    assert wang.json("host", "show", "way")["stage"] == "recovering"
    assert not h.reaches(peer.v4, Peer.TCP)
    with open(h.path("ledger", "book"), "w") as f:
        f.write("bad\n")
    assert wang("verify", "way", check=False).returncode == 8
    assert wang.json("host", "show", "way")["stage"] == "recovering"
    with open(h.path("ledger", "book"), "w") as f:
        f.write("good\n")
    with open(h.path("etc", "passwd"), "a") as f:
        f.write("intruder:x:0:0::/root:/bin/sh\n")
    red = wang("verify", "way", check=False)
    assert red.returncode == 8 and "G06" in red.stdout and "intruder" in red.stdout
    text = h.read("etc/passwd")
    with open(h.path("etc", "passwd"), "w") as f:
        f.write(text.replace("intruder:x:0:0::/root:/bin/sh\n", ""))
    with open(h.path("etc", "cron.d", "beacon"), "w") as f:
        f.write("* * * * * root /tmp/.x\n")
    red = wang("verify", "way", check=False)
    assert red.returncode == 8 and "G07" in red.stdout
    h.run(["rm", "/etc/cron.d/beacon"])
    green = wang("verify", "way", check=False)
    assert green.returncode == 0, green.stdout
    go(wang, li, "restore", "way")
    wait_for("traffic", lambda: h.reaches(peer.v4, Peer.TCP))
    assert "cordon" not in h.nft("list", "ruleset").stdout
    wait_for("normal again", lambda: wang.json("host", "show", "way")["stage"] == "normal", 40)


def test_relapse_isolates_again(world, people, peer):
    col, wang, li = people
    h = ready(world, people, "relapse")
    wang("isolate", "relapse", "--reason", "scenario test of relapse", "--yes")
    evidence(wang, "relapse")
    go(wang, li, "recover", "relapse")
    assert wang("verify", "relapse", check=False).returncode == 0
    go(wang, li, "restore", "relapse")
    with open(h.path("ledger", "book"), "w") as f:
        f.write("the intruder is back\n")
    wait_for("contained again", lambda: wang.json("host", "show", "relapse")["stage"] == "contained", 40)
    wait_for("proven", lambda: wang.json("host", "show", "relapse")["isolation"] == "proven", 20)
    assert not h.reaches(peer.v4, Peer.TCP)


def test_foreign_rules_are_left_and_compared(world, people, peer):
    col, wang, li = people
    h = ready(world, people, "foreign")
    h.nft("add table inet mine; add chain inet mine in { type filter hook input priority 0; }; "
          "add rule inet mine in tcp dport 4444 drop")
    before = h.nft("list", "ruleset").stdout
    wang("isolate", "foreign", "--reason", "scenario test of release", "--yes")
    evidence(wang, "foreign")
    go(wang, li, "recover", "foreign")
    h.nft("add rule inet mine in tcp dport 31337 accept")
    red = wang("verify", "foreign", check=False)
    assert red.returncode == 8 and "G15" in red.stdout, red.stdout
    rules = h.nft("-a", "list", "chain", "inet", "mine", "in").stdout
    handle = [line.rsplit("handle ", 1)[1] for line in rules.splitlines() if "31337" in line][0]
    h.nft("delete", "rule", "inet", "mine", "in", "handle", handle.strip())
    assert wang("verify", "foreign", check=False).returncode == 0
    go(wang, li, "restore", "foreign")
    wait_for("traffic", lambda: h.reaches(peer.v4, Peer.TCP))
    assert h.nft("list", "ruleset").stdout == before


def test_report_and_audit(world, people):
    col, wang, li = people
    out = col.path("report.json")
    wang("report", "--format", "json", "--out", out)
    with open(out) as f:
        tree = json.load(f)
    assert tree["hosts"] and tree["orders"] and tree["log_head"]["number"] > 10
    assert li("audit", "verify").returncode == 0
    log = col.path("audit.log")
    li("audit", "export", log)
    with open(log, "rb") as f:
        data = bytearray(f.read())
    data[len(data) // 2] ^= 1
    with open(log, "wb") as f:
        f.write(data)
    assert li("audit", "verify", log, check=False).returncode != 0
    assert "refused" in wang("audit", "verify", check=False).stdout.lower() or \
        wang("audit", "verify", check=False).returncode == 2, "wang is no auditor"
