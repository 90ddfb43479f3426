# SPDX-License-Identifier: GPL-3.0-or-later
"""The security team's side: readiness, preview, drills, orders without a
line, review times, profiles, collectors that move."""
import json
import subprocess
import sys
import time

from world import Peer, Sniffer, TCP_SESSION, UDP_STREAM, run, wait_for


def online(wang, name):
    return wait_for(name + " online", lambda: wang.json("host", "show", name)["online"])


def test_readiness_of_one_and_of_all(world, people):
    col, wang, _ = people
    world.host("ready").enrol(col).start_agent()
    online(wang, "ready")
    one = wait_for("its readiness", lambda: (lambda x: x if x.get("checked_at") else None)(
        wang.json("host", "readiness", "ready", check=False)))
    assert one["ready"] in ("yes", "weaker"), one
    fleet = wang.json("host", "readiness", check=False)
    assert fleet["fleet"] == fleet["full"] + fleet["weaker"] + fleet["blocked"] + fleet["unknown"]
    assert "ready" in [h["host"] for h in fleet["hosts"]]
    text = wang("host", "readiness")
    assert "CAN BE ISOLATED AND RELEASED" in text.stdout and text.returncode == 0
    assert "可隔离并可解除" in wang("host", "readiness", "--lang", "zh").stdout
    # A host that was enrolled and never came is not counted as ready.
    world.host("unready").enrol(col)
    p = wang("host", "readiness", check=False)
    assert p.returncode == 6 and "unready" in p.stdout
    assert wang("host", "readiness", "nosuchhost", check=False).returncode == 4


def test_preview_names_the_flows_and_changes_nothing(world, people):
    col, wang, _ = people
    peer = world.peer("peer60")
    h = world.host("pre").enrol(col).start_agent()
    online(wang, "pre")
    session = h.python(TCP_SESSION % (peer.v4, Peer.TCP), stdout=subprocess.PIPE, text=True)
    assert session.stdout.readline().strip() == "up"
    p = wang.json("isolate", "pre", "--preview")
    assert p["state"] == "done" and not p["partial"]
    flow = [f for f in p["flows"] if f["peer"] == "%s:%d" % (peer.v4, Peer.TCP)]
    assert flow and "python" in flow[0]["program"] and not flow[0]["kept"] and flow[0]["pid"] == session.pid, p
    line = [f for f in p["flows"] if f["kept"]]
    assert [f["peer"].rsplit(":", 1)[1] for f in line] == [str(col.AGENTS)] and p["kept"] == 1, p
    text = wang("isolate", "pre", "--preview").stdout
    assert "nothing was changed" in text and "%s:%d" % (peer.v4, Peer.TCP) in text
    assert "没有做任何更改" in wang("isolate", "pre", "--preview", "--lang", "zh").stdout
    # The plan says so too, to the one who makes it and to those who look at it later.
    plan = wang("isolate", "pre", "--reason", "preview beside a plan", "--plan-only").stdout
    assert "cuts" in plan and "live flow" in plan and "python" in plan, plan
    assert session.poll() is None and "cordon" not in h.nft("list", "ruleset").stdout
    assert wang.json("host", "show", "pre")["desired"] == "open"
    # A host that is away says so, at once.
    h.stop_agent()
    wait_for("offline", lambda: not wang.json("host", "show", "pre")["online"])
    away = wang("isolate", "pre", "--preview", check=False)
    assert away.returncode == 5 and "away" in away.stdout
    session.kill()


def plan_id(wang, host, drill):
    plans = [p for p in wang.lines("plan", "list") if p.get("drill") == drill and p["hosts"][0]["name"] == host]
    return max(plans, key=lambda p: p["created_at"])["plan"]


def test_a_dry_drill_changes_nothing_and_tells_the_flows(world, people):
    col, wang, li = people
    peer = world.peer("peer61")
    h = world.host("dry").enrol(col).start_agent()
    online(wang, "dry")
    session = h.python(TCP_SESSION % (peer.v4, Peer.TCP), stdout=subprocess.PIPE, text=True)
    assert session.stdout.readline().strip() == "up"
    before = wang.json("status")
    p = wang("drill", "dry", "dry", "--reason", "drill of the quarter", "--yes")
    assert "%s:%d" % (peer.v4, Peer.TCP) in p.stdout and "DRILLED" in p.stdout, p.stdout
    assert all(line.startswith("DRILL ") for line in p.stdout.splitlines()), p.stdout
    zh = wang("drill", "dry", "dry", "--reason", "drill of the quarter", "--yes", "--lang", "zh").stdout
    assert all(line.startswith("演练 ") for line in zh.splitlines()), zh
    assert session.poll() is None and "cordon" not in h.nft("list", "ruleset").stdout
    host = wang.json("host", "show", "dry")
    assert host["desired"] == "open" and host["stage"] == "normal" and "drill" not in host and not host["case"]
    assert {k: before[k] for k in ("isolated", "failed")} == {k: wang.json("status")[k] for k in ("isolated", "failed")}
    # Twice drilled, the host still takes the real order.
    wang("isolate", "dry", "--reason", "after two dry drills", "--yes")
    assert wang.json("host", "show", "dry")["isolation"] == "proven"
    wait_for("the end of the session", lambda: session.poll() is not None)


def test_a_live_drill_cuts_and_a_real_isolation_replaces_it(world, people):
    col, wang, li = people
    peer = world.peer("peer62")
    h = world.host("live").enrol(col, tier="T3").start_agent()
    online(wang, "live")
    no = wang("drill", "live", "live", "--minutes", "1", "--reason", "drill of the quarter", "--yes", check=False)
    assert no.returncode == 2 and "drill-ok" in no.stdout
    col.admin("host", "tag", "live", "--drill-ok", "yes")
    p = wang("drill", "live", "live", "--minutes", "1", "--reason", "drill of the quarter", "--yes")
    assert all(line.startswith("DRILL ") for line in p.stdout.splitlines()), p.stdout
    assert not h.reaches(peer.v4, Peer.TCP)
    host = wang.json("host", "show", "live")
    assert host["drill"] == "live" and host["desired"] == "open" and host["isolation"] == "open", host
    assert "DRILL" in wang("host", "list").stdout
    # The enforcer's word survives a restart of its process.
    h.kill("agent-enforcer")
    wait_for("enforcer again", lambda: "agent-enforcer" in h.processes())
    assert not h.reaches(peer.v4, Peer.TCP)
    # By itself, after its minute; nothing of ours stays.
    wait_for("restored by itself", lambda: h.reaches(peer.v4, Peer.TCP, 0.3), 90, 1)
    assert "cordon" not in h.nft("list", "ruleset").stdout
    wait_for("reported", lambda: "drill" not in wang.json("host", "show", "live"))
    plan = plan_id(wang, "live", "live")
    assert wang.json("plan", "show", plan)["hosts"][0]["order_state"] == "drilled"
    # A real isolation ends a drill at once, and what was before the drill is what a revert would go back to.
    wang("drill", "live", "live", "--minutes", "30", "--reason", "drill of the quarter", "--yes")
    wang("isolate", "live", "--reason", "this one is real", "--yes")
    host = wang.json("host", "show", "live")
    assert host["isolation"] == "proven" and "drill" not in host and host["stage"] == "contained"
    assert not h.reaches(peer.v4, Peer.TCP)
    out = col.path("drills.json")
    wang("report", "--format", "json", "--out", out)
    with open(out) as f:
        tree = json.load(f)
    mine = [d for d in tree["drills"] if d["host"] == "live"]
    assert [d["state"] for d in mine] == ["drilled", "drilled"] and "real" in mine[1]["why"] and all("DRILL" in d["mark"] for d in mine), mine
    assert all(o["order"] not in [d["order"] for d in tree["drills"]] for o in tree["orders"])


TYPE = r"""
import os, pty, sys, time
pid, fd = pty.fork()
if pid == 0:
    os.execv(sys.argv[1], sys.argv[1:])
lines = sys.stdin.read().splitlines()
shown = b""
def until(what):
    global shown
    while what not in shown:
        shown += os.read(fd, 4096)
    shown = shown.split(what, 1)[1]
for n, line in enumerate(lines):
    until(b"line %d: " % (n + 1))
    if n == 1:
        os.write(fd, line.replace(line[5], "7" if line[5] != "7" else "8", 1).encode() + b"\n")
        until(b"line 2 does not check")
        until(b"line 2: ")
    os.write(fd, line.encode() + b"\n")
try:
    while True:
        got = os.read(fd, 4096)
        if not got:
            break
        shown += got
except OSError:
    pass
sys.stdout.write(shown.decode(errors="replace"))
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
"""


def test_an_order_typed_at_the_console_of_a_host_without_a_line(world, people):
    col, wang, li = people
    peer = world.peer("peer63")
    h = world.host("lost").enrol(col).start_agent()
    online(wang, "lost")
    with open(h.path("ledger", "book"), "w") as f:
        f.write("good\n")
    wang("host", "manifest", "lost")
    wang("isolate", "lost", "--reason", "to be released by hand", "--yes")
    case = wang.json("host", "show", "lost")["case"]
    wait_for("evidence", lambda: any(e["kind"] == "snapshot" for e in wang.json("case", "show", case)["evidence"]))

    def approved(verb):
        assert wang(verb, "lost", "--reason", "to be released by hand", "--yes", check=False).returncode == 3
        plan = max((p for p in wang.lines("plan", "list") if p["action"] == verb), key=lambda p: p["created_at"])["plan"]
        li("approve", plan, "--yes")
        return plan
    wang("plan", "apply", approved("recover"), "--yes", "--expect-hosts", "1")
    assert wang("verify", "lost").returncode == 0
    # The line is dead from here on; the order is issued all the same and waits.
    run(["ip", "-n", world.switch, "link", "set", h.port, "down"])
    wait_for("offline", lambda: not wang.json("host", "show", "lost")["online"], 60)
    sent = wang("plan", "apply", approved("restore"), "--yes", "--expect-hosts", "1", "--no-wait", check=False)
    assert sent.returncode == 5, sent.stdout
    assert wang("order", "export", "lost", check=False).returncode == 1, "only with --offline"
    out = col.path("release.order")
    told = wang("order", "export", "--offline", "lost", "-o", out, "--text").stdout
    lines = [x for x in told.splitlines() if x[:2].isdigit() or x.startswith("END")]
    assert len(lines) > 5 and all(len(x) < 60 for x in lines), told
    assert "█" in wang("order", "export", "--offline", "lost", "--qr").stdout
    assert li("order", "export", "--offline", "lost", "--text").returncode == 0, "a commander may"
    # Typed by hand, one line wrong at first; then it is in force, without clock or collector.
    p = subprocess.run(h.inside([sys.executable, "-c", TYPE] + h.agent_args("order", "-")), input="\n".join(lines) + "\n",
                       stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=60)
    assert p.returncode == 0 and "applied" in p.stdout, p.stdout
    assert "cordon" not in h.nft("list", "ruleset").stdout
    # The same bytes as a file: it is in force already.
    with open(out, "rb") as f:
        data = f.read()
    with open(h.path("release.order"), "wb") as f:
        f.write(data)
    again = h.agent("order", h.path("release.order"), check=False)
    assert "applied" in again.stdout, again.stdout
    # The line is back: what was done is told, and the record agrees.
    run(["ip", "-n", world.switch, "link", "set", h.port, "up"])
    wait_for("online again", lambda: wang.json("host", "show", "lost")["online"], 60)
    host = wait_for("told", lambda: (lambda x: x if x["applied"] == "open" else None)(wang.json("host", "show", "lost")))
    assert host["desired"] == "open" and host["desired_order"] == host["applied_order"]
    assert wang.json("order", "show", host["desired_order"])["state"] in ("applied", "proven")
    assert h.reaches(peer.v4, Peer.TCP)
    assert "by hand at the host's console" in wang("why", host["desired_order"]).stdout


def test_a_time_that_the_plan_gave_and_its_extension(world, people):
    col, wang, li = people
    peer = world.peer("peer64")
    hosts = {name: world.host(name).enrol(col).start_agent() for name in ("ttl-a", "ttl-b")}
    for name in hosts:
        online(wang, name)
        p = wang("isolate", name, "--ttl", "1m", "--reason", "short and agreed on", "--yes", check=False)
        assert p.returncode == 3 and "restores itself at" in p.stdout, p.stdout
        plan = max((p for p in wang.lines("plan", "list") if p["hosts"][0]["name"] == name),
                   key=lambda p: p["created_at"])
        assert plan["review_then"] == "restore"
        li("approve", plan["plan"], "--yes")
        wang("plan", "apply", plan["plan"], "--yes", "--expect-hosts", "1")
        # The host's own clock counts for nothing.
        assert not hosts[name].reaches(peer.v4, Peer.TCP, 0.3)
    sniff = Sniffer(hosts["ttl-b"])
    mark = time.time()
    hosts["ttl-b"].python(UDP_STREAM % (peer.v4, Peer.UDP))
    told = wang("extend", "ttl-b", "--review", "1h", "--reason", "it takes longer than agreed")
    assert "EXTENDED" in told.stdout and "by a new order" in told.stdout, told.stdout
    wait_for("proven anew", lambda: wang.json("host", "show", "ttl-b")["isolation"] == "proven")
    wait_for("restored by itself", lambda: hosts["ttl-a"].reaches(peer.v4, Peer.TCP, 0.3), 90, 1)
    assert "cordon" not in hosts["ttl-a"].nft("list", "ruleset").stdout
    a = wait_for("told", lambda: (lambda x: x if x["stage"] != "contained" else None)(wang.json("host", "show", "ttl-a")))
    assert a["desired"] == "open" and a["isolation"] == "open" and a["stage"] in ("probation", "normal"), a
    assert not hosts["ttl-b"].reaches(peer.v4, Peer.TCP, 0.3)
    leaked = [f for f in sniff.frames(mark) if f.out_of_host and not f.is_line(col) and not f.is_neighbour()]
    assert not leaked, leaked[:5]
    # Without --ttl it is a record only.
    world.host("reminded").enrol(col).start_agent()
    online(wang, "reminded")
    wang("isolate", "reminded", "--reason", "to be reviewed later", "--yes")
    before = wang.json("host", "show", "reminded")
    plan = max((p for p in wang.lines("plan", "list")), key=lambda p: p["created_at"])["plan"]
    assert wang("extend", plan, "--review", "1h", "--reason", "this would be sooner", check=False).returncode == 1
    wang("extend", plan, "--review", "7d", "--reason", "the disk is being imaged")
    after = wang.json("host", "show", "reminded")
    assert after["review_by"] > before["review_by"] and after["desired_order"] == before["desired_order"]


def test_an_isolated_host_learns_of_a_collector_that_moved(world, people):
    col, wang, li = people
    peer = world.peer("peer65")
    h = world.host("pinned").enrol(col).start_agent()
    online(wang, "pinned")
    wang("isolate", "pinned", "--reason", "the collector will move", "--yes")
    first = wang.json("host", "show", "pinned")
    new = col.v4.rsplit(".", 1)[0] + ".200"
    run(["ip", "-n", col.ns, "addr", "add", new + "/24", "dev", "eth0"])
    old = "advertise = %s:%d" % (col.v4, col.AGENTS)
    with open(col.conf) as f:
        text = f.read()

    def advertise(lines):
        with open(col.conf, "w") as f:
            f.write(text.replace(old + "\n", lines))
        col.restart()

    def mine():
        return [x for x in wang.json("collector", "endpoints")["hosts"] if x["host"] == "pinned"][0]
    sniff, mark = Sniffer(h), time.time()
    h.python(UDP_STREAM % (peer.v4, Peer.UDP))
    advertise("%s\nadvertise = %s:%d\n" % (old, new, col.AGENTS))
    got = wait_for("the new list in force", lambda: (lambda x: x if x["current"] and x["in_force"] else None)(mine()), 40)
    assert "%s:%d" % (new, col.AGENTS) in got["pinned"] and len(got["pinned"]) == 3, got
    second = wait_for("proven", lambda: (lambda x: x if x["isolation"] == "proven" else None)(
        wang.json("host", "show", "pinned")))
    assert second["desired_order"] != first["desired_order"] and second["desired"] == "strict"
    # The old address goes: the host comes by the new one, still cut off.
    advertise("advertise = %s:%d\n" % (new, col.AGENTS))
    wait_for("only the new ones", lambda: mine()["current"] and mine()["in_force"], 40)
    h.nft("list", "ruleset")
    assert col.v4 not in h.nft("list", "ruleset").stdout
    wait_for("a line, and not to the old address", lambda: (lambda s: ":%d" % col.AGENTS in s and "%s:%d" % (
        col.v4, col.AGENTS) not in s)(h.run(["ss", "-Htn", "state", "established"]).stdout), 40)
    online(wang, "pinned")
    assert not h.reaches(peer.v4, Peer.TCP)
    leaked = [f for f in sniff.frames(mark) if f.out_of_host and not f.is_line(col) and not f.is_neighbour() and
              new not in str(f)]
    assert not leaked, leaked[:5]
    assert "current" in wang("collector", "endpoints").stdout
    with open(col.conf, "w") as f:
        f.write(text)
    col.restart()


def test_a_limited_host_reaches_its_named_peer_and_nothing_else(world, people):
    col, wang, li = people
    peer, other = world.peer("peer66"), world.peer("other66")
    h = world.host("limited").enrol(col, group="payments", tier="T3").start_agent()
    online(wang, "limited")
    with open(col.conf) as f:
        text = f.read()
    with open(col.conf, "a") as f:
        f.write("[allow pay]\nprofile = limited\ngroup = payments\nendpoint = tcp %s:%d\n" % (peer.v4, Peer.TCP))
    col.restart()
    online(wang, "limited")
    keeps = "tcp %s:%d" % (peer.v4, Peer.TCP)
    assert keeps in wang("limit", "limited", "--reason", "payments must go on", "--plan-only").stdout
    wang("cancel", max(wang.lines("plan", "list"), key=lambda p: p["created_at"])["plan"])
    p = wang("isolate", "limited", "--profile", "limited", "--reason", "payments must go on", "--yes")
    assert "LIMITED" in p.stdout, p.stdout
    host = wang.json("host", "show", "limited")
    assert host["isolation"] == "proven" and host["desired"] == "limited" and host["stage"] == "contained"
    assert h.reaches(peer.v4, Peer.TCP) and not h.reaches(peer.v6, Peer.TCP, 0.3)
    assert not h.reaches(other.v4, Peer.TCP, 0.3) and not h.pings(peer.v4)
    # Tighter at once, by one person, and no packet in between to anybody else.
    session = h.python(TCP_SESSION % (peer.v4, Peer.TCP), stdout=subprocess.PIPE, text=True)
    assert session.stdout.readline().strip() == "up"
    sniff, mark = Sniffer(h), time.time()
    h.python(UDP_STREAM % (other.v4, Peer.UDP))
    wang("isolate", "limited", "--reason", "the peer is in doubt too", "--yes")
    wait_for("the end of the session", lambda: session.poll() is not None, 10)
    assert not h.reaches(peer.v4, Peer.TCP, 0.3)
    leaked = [f for f in sniff.frames(mark) if f.out_of_host and other.v4 in str(f) and not f.is_neighbour()]
    assert not leaked, leaked[:5]
    # Back to limited opens a little: somebody else agrees, and evidence is kept.
    wait_for("evidence", lambda: any(e["kind"] == "snapshot" for e in
                                     wang.json("case", "show", host["case"])["evidence"]))
    p = wang("limit", "limited", "--reason", "the peer is cleared again", "--yes", check=False)
    assert p.returncode == 3, p.stdout
    assert wang("restore", "limited", "--reason", "not without the gate", "--yes", check=False).returncode == 2
    with open(col.conf, "w") as f:
        f.write(text)
    col.restart()


def test_a_counting_drill_counts_and_cuts_nothing(world, people):
    col, wang, li = people
    peer = world.peer("peer67")
    h = world.host("count").enrol(col).start_agent()
    online(wang, "count")
    session = h.python(TCP_SESSION % (peer.v4, Peer.TCP), stdout=subprocess.PIPE, text=True)
    assert session.stdout.readline().strip() == "up"
    p = wang("drill", "count", "count", "--minutes", "1", "--reason", "drill of the quarter", "--yes")
    assert "COUNTING" in p.stdout and all(x.startswith("DRILL ") for x in p.stdout.splitlines()), p.stdout
    rules = h.nft("list", "ruleset").stdout
    assert "table inet cordon" in rules and "policy drop" not in rules and " drop\n" not in rules, rules
    assert "table netdev" not in rules and "PERMANENT" not in h.run(["ip", "neigh"]).stdout
    assert h.reaches(peer.v4, Peer.TCP) and h.reaches(peer.v6, Peer.TCP) and h.pings(peer.v4)
    assert session.poll() is None
    host = wang.json("host", "show", "count")
    assert host["drill"] == "count" and host["isolation"] == "open", host
    assert wang.json("status")["isolated"] >= 0
    plan = plan_id(wang, "count", "count")
    wait_for("the count", lambda: wang.json("plan", "show", plan)["hosts"][0]["counted"] > 10, 30)
    wait_for("over", lambda: "drill" not in wang.json("host", "show", "count"), 90, 1)
    assert "cordon" not in h.nft("list", "ruleset").stdout and session.poll() is None
    one = wang.json("plan", "show", plan)["hosts"][0]
    assert one["order_state"] == "drilled" and one["counted"] > 10
    session.kill()
