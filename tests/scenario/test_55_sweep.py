# SPDX-License-Identifier: GPL-3.0-or-later
"""One question to the fleet: contents, paths, users, addresses, processes;
hosts that are away, and what a "no" is worth; the case, roles, the record."""
import hashlib
import json
import os
import shutil
import signal
import subprocess
import time

import pytest

from world import Failed, Peer, TCP_SESSION, wait_for

EVIL = b"not what it seems\n"
SUM = hashlib.sha256(EVIL).hexdigest()
WHY = ["--reason", "seen on another host"]


def online(who, name):
    return wait_for(name + " online", lambda: who.json("host", "show", name)["online"])


def put(host, name, data, mode=0o644):
    path = host.path("ledger", name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as f:
        f.write(data)
    os.chmod(path, mode)
    return path


def sweep(who, *args):
    """(exit code, the SWEEP) of a sweep with --json."""
    p = subprocess.run(who.collector.inside(who.args("sweep", *args, "--json")), stdin=subprocess.DEVNULL,
                       stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=120)
    lines = [json.loads(line) for line in p.stdout.splitlines() if line.startswith("{")]
    if not lines or "count" not in lines[-1]:
        raise Failed(p.stdout + p.stderr)
    return p.returncode, lines[-1], p.stderr


def states(s):
    return {h["host"]: h["state"] for h in s["hosts"]}


def of(s, name):
    return [h for h in s["hosts"] if h["host"] == name][0]


@pytest.fixture(scope="module")
def people(world):
    """As elsewhere, but no rule isolates a host while it is asked."""
    col = world.collector(policy="[rule all]\nkind = *\nthen = note\n")
    wang = col.operator("wang", "analyst", "responder")
    li = col.operator("li", "commander", "auditor")
    return col, wang, li


@pytest.fixture(scope="module")
def fleet(world, people):
    """Three hosts that hold something, one that is away."""
    col, wang, li = people
    hosts = {}
    for name in ("sw-1", "sw-2", "sw-3"):
        h = world.host(name, watch=[os.path.join(world.dir, name, "ledger"), "/etc"])
        put(h, "plain", b"plain\n")
        if name == "sw-2":
            with open(h.path("etc", "passwd"), "a") as f:
                f.write("mallory:x:0:0::/root:/bin/bash\n")
        if name != "sw-3":
            put(h, "deep/er/evil", EVIL, 0o4755)
        hosts[name] = h.enrol(col, group="ops" if name == "sw-3" else "treasury",
                              tier="T1" if name == "sw-2" else "T2").start_agent()
    hosts["sw-4"] = world.host("sw-4")
    put(hosts["sw-4"], "evil", EVIL)
    hosts["sw-4"].enrol(col)
    for name in ("sw-1", "sw-2", "sw-3"):
        online(wang, name)
    # Before the first scan is done a host cannot say no.  Only those that are here: what waits for others stays open.
    here = ["--host", "sw-1", "--host", "sw-2", "--host", "sw-3", *WHY]
    wait_for("indexes", lambda: sweep(wang, "--path", "/etc/none", *here)[1]["count"]["absent"] == 3, 60)
    wait_for("accounts", lambda: sweep(wang, "--user", "nosuch", *here)[1]["count"]["absent"] == 3, 60)
    return hosts


def test_content(fleet, people):
    col, wang, li = people
    rc, s, err = sweep(wang, "--sha256", SUM, *WHY)
    assert rc == 6 and s["kind"] == "sha256" and s["what"] == SUM, s
    assert states(s) == {"sw-1": "found", "sw-2": "found", "sw-3": "absent", "sw-4": "away"}
    assert s["hosts_asked"] == 4 and not s["complete"]
    row = of(s, "sw-1")["rows"][0]
    assert row["path"] == fleet["sw-1"].path("ledger", "deep/er/evil") and row["mode"] == "104755"
    assert row["sha256"] == SUM and row["size"] == len(EVIL) and row["owner"] == "root", row
    cover = of(s, "sw-3")["cover"]
    assert cover["looked"] > 0 and cover["reach"] == "part" and cover["looked_at"].endswith("Z")
    assert fleet["sw-3"].path("ledger") in cover["trees"], cover
    text = wang("sweep", "--sha256", SUM, *WHY, check=False).stdout
    for part in ("sw-1", "-rwsr-xr-x", "root(0)", "SHA-256 " + SUM, "does not have it", "away", "sw-4",
                 "compared with the disk", "answered within"):
        assert part in text, (part, text)
    zh = wang("sweep", "--sha256", SUM, *WHY, "--lang", "zh", check=False).stdout
    assert "排查 S-" in zh and "不存在" in zh and "离线" in zh, zh
    # Nowhere, and all that were asked said so: 4.
    rc, s, _ = sweep(wang, "--sha256", "0" * 64, "--host", "sw-1", "--host", "sw-2", *WHY)
    assert rc == 4 and s["complete"] and s["count"]["absent"] == 2
    rc, s, _ = sweep(wang, "--sha256", "0" * 64, *WHY)
    assert rc == 5 and s["count"]["absent"] == 3 and s["count"]["away"] == 1


def test_paths(fleet, people):
    col, wang, li = people
    rc, s, _ = sweep(wang, "--path", "/*/deep/*", "--group", "treasury", *WHY)
    assert rc == 6 and of(s, "sw-1")["state"] == of(s, "sw-2")["state"] == "found" and "sw-3" not in states(s)
    assert {r["path"].rsplit("/", 1)[1] for r in of(s, "sw-1")["rows"]} == {"er", "evil"}
    # A tree that the index does not have is no "no".
    rc, s, _ = sweep(wang, "--path", "/srv/nothing/x", "--host", "sw-1", *WHY)
    assert rc == 5 and states(s) == {"sw-1": "uncovered"}
    # A change is in the index within moments, without a scan.
    new = put(fleet["sw-3"], "fresh", b"fresh\n")
    rc, s, _ = wait_for("the new file", lambda: (lambda x: x if x[0] == 0 else None)(
        sweep(wang, "--path", new, "--host", "sw-3", *WHY)))
    assert of(s, "sw-3")["rows"][0]["sha256"] == hashlib.sha256(b"fresh\n").hexdigest()
    os.remove(new)
    wait_for("it is gone", lambda: sweep(wang, "--path", new, "--host", "sw-3", *WHY)[0] == 4)


def test_users(fleet, people):
    col, wang, li = people
    rc, s, _ = sweep(wang, "--user", "mallory", *WHY)
    assert rc == 6 and of(s, "sw-2")["state"] == "found" and of(s, "sw-1")["state"] == "absent"
    row = of(s, "sw-2")["rows"][0]
    assert row["uid"] == 0 and row["gid"] == 0 and "home=/root shell=/bin/bash" in row["line"], row
    rc, s, _ = sweep(wang, "--user", "0", "--host", "sw-2", *WHY)
    assert rc == 0 and {r["user"] for r in of(s, "sw-2")["rows"]} == {"root", "mallory"}
    # Not a word of a password's hash leaves the host.
    assert "$" not in str(sweep(wang, "--user", "*", "--host", "sw-2", "--limit", "100", *WHY)[1]["hosts"])


def test_addresses(world, fleet, people):
    col, wang, li = people
    peer = world.peer("swpeer")
    session = fleet["sw-1"].python(TCP_SESSION % (peer.v4, Peer.TCP), stdout=subprocess.PIPE, text=True)
    assert session.stdout.readline().strip() == "up"
    rc, s, _ = sweep(wang, "--address", "%s:%d" % (peer.v4, Peer.TCP), *WHY)
    assert rc == 6 and of(s, "sw-1")["state"] == "found" and of(s, "sw-2")["state"] == "absent"
    row = [r for r in of(s, "sw-1")["rows"] if r["state"] == "connected"][0]
    assert row["peer"] == "%s:%d" % (peer.v4, Peer.TCP) and row["pid"] == session.pid and "python" in row["program"]
    # Each host's own line to the collector, by network and port, and the listener by its port alone.
    rc, s, _ = sweep(wang, "--address", "%s/32:%d" % (col.v4, col.AGENTS), *WHY)
    assert s["count"]["found"] == 3
    listener = fleet["sw-3"].python("import socket,time\ns=socket.socket(); s.bind(('127.0.0.1', 4444)); s.listen()\n"
                                    "print('up'); time.sleep(600)", stdout=subprocess.PIPE, text=True)
    assert listener.stdout.readline().strip() == "up"
    rc, s, _ = sweep(wang, "--address", ":4444", *WHY)
    assert states(s)["sw-3"] == "found" and s["count"]["found"] == 1
    row = of(s, "sw-3")["rows"][0]
    assert row["state"] == "listens" and row["local"] == "127.0.0.1:4444" and row["pid"] == listener.pid
    assert "listens" in wang("sweep", "--address", ":4444", *WHY, check=False).stdout
    for p in (session, listener):
        p.kill()
        p.wait()


def test_processes(fleet, people):
    """The hosts of this world share the machine's processes: all have it, or none."""
    col, wang, li = people
    p = fleet["sw-1"].popen(["bash", "-c", "exec -a [kworker/7:7] sleep 600"])
    wait_for("its name", lambda: b"kworker/7:7" in open("/proc/%d/cmdline" % p.pid, "rb").read())
    rc, s, _ = sweep(wang, "--process", "[kworker/7:7]", *WHY)
    assert rc == 6 and s["count"]["found"] == 3
    row = of(s, "sw-1")["rows"][0]
    assert row["pid"] == p.pid and row["argv0"] == "[kworker/7:7]" and row["exe"].endswith("/sleep"), row
    assert row["uid"] == 0 and row["owner"] == "root"
    assert abs(time.time() - time.mktime(time.strptime(row["started"][:19], "%Y-%m-%dT%H:%M:%S")) + time.timezone) < 600
    assert sweep(wang, "--process", str(p.pid), "--host", "sw-1", *WHY)[0] == 0
    p.kill()
    p.wait()
    assert sweep(wang, "--process", "[kworker/7:7]", "--host", "sw-1", *WHY)[0] == 4


def test_many_are_counted_and_some_are_told(fleet, people):
    col, wang, li = people
    for i in range(150):
        put(fleet["sw-3"], "many/file-%03d" % i, b"x")
    top = fleet["sw-3"].path("ledger", "many/*")
    s = {}

    def all_of_them():
        s.update(sweep(wang, "--path", top, "--host", "sw-3", "--limit", "100", *WHY)[1])
        if of(s, "sw-3").get("total") != 150:
            raise Failed(json.dumps({k: v for k, v in of(s, "sw-3").items() if k != "rows"}))
        return True
    wait_for("all of them", all_of_them, 60)
    host = of(s, "sw-3")
    assert host["truncated"] and 50 < len(host["rows"]) <= 100, len(host["rows"])
    text = wang("sweep", "show", s["sweep"], check=False).stdout
    assert "150 found" in text and "and 140 more" in text, text
    shutil.rmtree(fleet["sw-3"].path("ledger", "many"))


def test_a_case_gets_what_was_found(fleet, people):
    col, wang, li = people
    case = wang.json("case", "open", "evil on the ledgers")["case"]
    rc, s, _ = sweep(wang, "--sha256", SUM, "--case", case)
    assert rc == 6 and s["case"] == case
    shown = wang.json("case", "show", case)
    assert sorted(shown["hosts"]) == ["sw-1", "sw-2"], shown["hosts"]
    kept = {e["host"]: e for e in shown["evidence"]}
    assert set(kept) == {"sw-1", "sw-2"} and {e["kind"] for e in kept.values()} == {"sweep"}
    assert s["sweep"] in kept["sw-1"]["text"] and "as the host says" in kept["sw-1"]["text"]
    log = [line["what"] for line in shown["timeline"]]
    assert {"sweep.ask", "sweep.found", "case.add-host", "evidence.add"} <= set(log), log
    # Who, what, why; and found again by the id.
    lines = wang.json("why", "sw-1")["lines"]
    assert any(line["what"] == "sweep.found" and line["who"] == "agent" for line in lines), lines
    # A closed case takes no sweep.
    other = wang.json("case", "open", "nothing came of it")["case"]
    li("case", "close", other, "--outcome", "false alarm, closed")
    p = wang("sweep", "--user", "x", "--case", other, check=False)
    assert p.returncode == 2 and "closed" in p.stdout, p.stdout


def test_who_may_ask_and_who_may_read(fleet, people):
    col, wang, li = people
    auditor = col.operator("sw-aud", "auditor")
    ops = col.operator("sw-ops", "analyst", group="ops")
    p = auditor("sweep", "--user", "x", *WHY, check=False)
    assert p.returncode == 2 and "analyst" in p.stdout
    assert col.admin("sweep", "list", check=False).returncode == 2
    # An analyst of one group asks and sees that group alone.
    rc, s, _ = sweep(ops, "--path", "/*", *WHY)
    assert states(s) == {"sw-3": "found"} and s["hosts_asked"] == 1
    assert auditor.json("sweep", "show", s["sweep"], check=False)["asked_by"] == "sw-ops"
    rc, s, _ = sweep(wang, "--sha256", SUM, *WHY)
    assert set(states(auditor.json("sweep", "show", s["sweep"], check=False))) == {"sw-1", "sw-2", "sw-3", "sw-4"}
    assert set(states(ops.json("sweep", "show", s["sweep"], check=False))) == {"sw-3"}
    assert s["sweep"] in [x["sweep"] for x in auditor.lines("sweep", "list")]
    # A name that is none is never "found nowhere".
    for args in (["--host", "nosuch"], ["--group", "nosuch"], ["--tier", "T9"]):
        assert wang("sweep", "--user", "x", *args, *WHY, check=False).returncode == 1, args
    assert wang("sweep", "--user", "x", check=False).returncode == 1
    assert wang("sweep", "--user", "x", "--path", "/x", *WHY, check=False).returncode == 1
    assert wang("sweep", "--address", "no.name", *WHY, check=False).returncode == 1


def test_a_host_that_was_away_folds_in(fleet, people):
    col, wang, li = people
    rc, s, _ = sweep(wang, "--sha256", SUM, "--for", "1h", *WHY)
    assert rc == 6 and s["open"] and of(s, "sw-4")["state"] == "away"
    brief = sweep(wang, "--sha256", SUM, "--wait", "1s", "--host", "sw-4", *WHY)[1]
    time.sleep(1.1)  # it is over by the collector's clock, whatever this machine's load
    fleet["sw-4"].start_agent()
    got = wait_for("its answer", lambda: (lambda x: x if of(x, "sw-4")["state"] == "found" or
                                          of(x, "sw-4")["state"] == "failed" else None)(
        wang.json("sweep", "show", s["sweep"], check=False)), 30)
    # The index may not be there yet when it comes: then it says so, and is asked anew by a new sweep.
    if of(got, "sw-4")["state"] == "failed":
        assert "scan" in of(got, "sw-4")["why"]
    else:
        assert got["complete"] and wang("sweep", "show", s["sweep"], check=False).returncode == 0
    assert states(wang.json("sweep", "show", brief["sweep"], check=False)) == {"sw-4": "away"}
    wait_for("all four", lambda: sweep(wang, "--sha256", SUM, *WHY)[1]["complete"], 60, 0.5)


def test_an_agent_without_sensors_or_too_old_says_so(fleet, people):
    col, wang, li = people
    # Stopped, they do not answer; ended and started again, they do.
    os.kill(fleet["sw-3"].processes()["agent-sensors"], signal.SIGSTOP)
    rc, s, _ = sweep(wang, "--user", "root", "--host", "sw-3", "--wait", "1s", *WHY)
    assert rc == 5 and states(s)["sw-3"] in ("asked", "late")
    fleet["sw-3"].kill("agent-sensors")
    time.sleep(0.1)
    wait_for("an answer again", lambda: sweep(wang, "--user", "root", "--host", "sw-3", *WHY)[0] == 0, 60)
    # What an agent says it may be asked is in its hello; without that word it is not asked.
    fleet["sw-3"].stop_agent()
    wait_for("offline", lambda: not wang.json("host", "show", "sw-3")["online"])
    tool = fleet["sw-3"].libexec + "/agent-network"
    with open(tool, "rb") as f:
        code = f.read()
    assert code.count(b"\0sweep\0") >= 1
    old = tool + ".old"
    with open(old, "wb") as f:
        f.write(code)
    try:
        os.rename(tool, tool + ".new")
        with open(tool, "wb") as f:
            f.write(code.replace(b"\0sweep\0", b"\0swoop\0"))
        os.chmod(tool, 0o755)
        fleet["sw-3"].start_agent()
        online(wang, "sw-3")
        rc, s, _ = sweep(wang, "--user", "root", "--host", "sw-3", *WHY)
        assert rc == 5 and states(s) == {"sw-3": "too-old"}, s
        assert "too old" in wang("sweep", "show", s["sweep"], check=False).stdout
    finally:
        fleet["sw-3"].stop_agent()
        os.rename(tool + ".new", tool)
        os.remove(old)
    fleet["sw-3"].start_agent()
    online(wang, "sw-3")
    wait_for("asked again", lambda: sweep(wang, "--user", "root", "--host", "sw-3", *WHY)[0] == 0)


def test_it_is_fast(fleet, people):
    """From the command to all answers; printed, not bounded by a clock."""
    col, wang, li = people
    took = []
    for args in (["--sha256", SUM], ["--path", "/*evil"], ["--user", "mallory"], ["--address", ":8443"],
                 ["--process", "sleep"]):
        begin = time.monotonic()
        rc, s, err = sweep(wang, *args, *WHY)
        whole = (time.monotonic() - begin) * 1000
        assert s["count"]["asked"] == s["count"]["late"] == 0 and s["hosts_asked"] == 4, s
        took.append("%s %.0f ms" % (args[0][2:], whole))
    print("\nsweep of 4 hosts, command to all answers and its exit: " + ", ".join(took))
    log = col.path("audit.log")
    li("audit", "export", log)
    with open(log) as f:
        lines = [line for line in f if '"what":"sweep.ask"' in line]
    assert any('"who":"wang"' in line and SUM in line and WHY[1] in line for line in lines), lines[-1]
