# SPDX-License-Identifier: GPL-3.0-or-later
"""Manifests of data trees: made before, signed by a person, kept by the collector, held against what was restored."""
import glob
import os
import re
import shutil
import signal
import sqlite3

import pytest

from test_40_recovery import evidence, go
from world import wait_for

FILES = 10000  # of the large tree: some 20 pieces on the line


@pytest.fixture(scope="module")
def people(world):
    """No policy here: nothing is isolated but by a person."""
    col = world.collector(policy="# none\n", settings={
        "orders": {"operator_min_age": "1s", "budget_percent_hour": "100", "confirm": "10s"},
        "probation": {"recheck": ["d1 1d"], "late": "10m"}})
    wang = col.operator("wang", "responder", "recovery", "verifier", "baseline", "analyst")
    li = col.operator("li", "approver", "commander", "auditor")
    return col, wang, li


@pytest.fixture(scope="module")
def host(world, people):
    """A host with a tree of data and a folder of backups, and nothing signed yet."""
    h = world.host("tree-1", data__tree=os.path.join(world.dir, "tree-data"),
                   data__backup=os.path.join(world.dir, "tree-backup"))
    h.data, h.backup = os.path.join(world.dir, "tree-data"), os.path.join(world.dir, "tree-backup")
    for d in (h.data, os.path.join(h.backup, "set-1")):
        os.makedirs(d, exist_ok=True)
    for n in range(5):
        put(h.data, "book-%d" % n, "entry %d\n" % n)
        put(os.path.join(h.backup, "set-1"), "book-%d" % n, "entry %d\n" % n)
    h.enrol(people[0]).start_agent()
    wait_for("online", lambda: people[1].json("host", "show", "tree-1")["online"])
    people[1]("host", "manifest", "tree-1")
    return h


def put(d, name, text):
    with open(os.path.join(d, name), "w") as f:
        f.write(text)


def kept(h):
    return sorted(os.path.basename(p) for p in glob.glob(os.path.join(h.state, "sensors", "kept-M*"))
                  if not p.endswith(".part"))


def sign(wang, h, tree, *more):
    wang("manifest", "sign", h.name, tree, "--yes", *more)
    m = wang.json("manifest", "show", h.name, tree)
    assert m["state"] == "signed", m
    holds = "holds now version %d of %s" % (m["version"], m["manifest"])
    with open(h.parent.log) as log:
        wait_for("the host has it", lambda: holds in log.seek(0) * "" + log.read(), 30)
    assert "kept-" + m["manifest"] in kept(h)
    return m


def store(col):
    return sqlite3.connect(glob.glob(os.path.join(col.path(), "**", "*.db"), recursive=True)[0], timeout=20)


def test_made_by_order_looked_at_and_signed(world, people, host):
    col, wang, li = people
    p = wang("manifest", "make", "tree-1", host.data)
    assert "5 files" in p.stdout and "waits for a signature" in p.stdout, p.stdout
    m = wang.json("manifest", "show", "tree-1", host.data)
    assert (m["state"], m["version"], m["files"]) == ("waiting", 0, 5)
    no = li("manifest", "sign", m["manifest"], "--yes", check=False)
    assert no.returncode == 2 and "baseline" in no.stdout, "an approver may not sign"
    zh = wang("manifest", "list", "--lang", "zh")
    assert "等待签署" in zh.stdout
    put(col.path(), "typed", "/not/that\n")
    with open(col.path("typed")) as typed:
        no = wang("manifest", "sign", m["manifest"], check=False, stdin=typed)
    assert no.returncode == 1, "another tree was typed"
    m = sign(wang, host, host.data)
    assert m["version"] == 1 and m["signed_by"] == "wang"
    p = host.agent("manifest", "verify", host.data)
    assert "version 1, signed by wang" in p.stdout and "equals" in p.stdout, p.stdout
    assert wang("manifest", "verify", "tree-1", host.data).returncode == 0
    copy = os.path.join(world.dir, "restored")
    shutil.copytree(host.data, copy)
    p = host.agent("manifest", "verify", copy, "--manifest", m["manifest"])
    assert "version 1 of %s, signed by wang" % host.data in p.stdout, p.stdout


def test_only_declared_trees_are_made_from_afar(people, host):
    """Whoever holds the line cannot have any folder of the host written down."""
    wang = people[1]
    p = wang("manifest", "make", "tree-1", "/etc", check=False)
    assert p.returncode == 5 and "no tree that agent.conf declares" in p.stdout, p.stdout


def test_made_by_root_comes_by_itself(people, host):
    """The second version: what differs from the first is shown, hosts take the newer one."""
    wang = people[1]
    put(host.data, "book-5", "new\n")
    put(host.data, "book-0", "entry 0, corrected\n")
    os.remove(os.path.join(host.data, "book-4"))
    made = host.agent("manifest", "make", host.data).stdout.split()[0]
    wait_for("it is fetched", lambda: wang.json("manifest", "show", "tree-1", host.data)["state"] == "waiting", 30)
    m = wang.json("manifest", "show", "tree-1", host.data)
    assert m["manifest"] == made
    assert (m["added"], m["removed"], m["changed"]) == (1, 1, 1), m
    assert {(d["what"], d["path"]) for d in m["differences"]} == \
        {("+", "/book-5"), ("-", "/book-4"), ("~", "/book-0")}
    before = kept(host)
    assert sign(wang, host, host.data)["version"] == 2
    wait_for("the older one is gone from the host", lambda: not set(before) & set(kept(host)))
    states = [x["state"] for x in wang.lines("manifest", "list", "tree-1")]
    assert states.count("signed") == 1 and states.count("older") == 1, states


def test_large_over_a_restart_of_the_collector(world, people, host):
    """In pieces; the collector dies in the middle and goes on with the piece that is missing."""
    col, wang, _ = people
    big = os.path.join(host.backup, "set-2")
    os.makedirs(big)
    for n in range(FILES):
        put(big, "a-file-with-a-rather-long-name-%06d" % n, "")
    made = host.agent("manifest", "make", big).stdout.split()[0]
    db = store(col)

    def pieces():
        return db.execute("SELECT count(*) FROM blob_parts WHERE blob_id = ?", (made,)).fetchone()[0]
    wait_for("the first pieces", lambda: pieces() >= 3, 60, every=0.001)
    os.kill(col.collector.pid, signal.SIGKILL)
    col.collector.wait()
    col.start_collector()
    half = pieces()
    wait_for("whole", lambda: wang.json("manifest", "show", made)["state"] != "asked", 60)
    m = wang.json("manifest", "show", made)
    assert m["state"] == "waiting" and m["files"] == FILES, m
    print("%d pieces, %d of them before the restart" % (pieces(), half))
    m = sign(wang, host, big)
    with open(os.path.join(host.state, "sensors", "kept-" + made), "rb") as f:
        assert len(f.read()) == m["size"], "given back whole"
    assert "equals" in host.agent("manifest", "verify", big).stdout


def head_of(col, manifest):
    db = store(col)
    return db, db.execute("SELECT head, signature, version FROM manifests WHERE manifest_id = ?",
                          (manifest,)).fetchone()


def reconnect(people, host):
    wang = people[1]
    last = wang.json("host", "show", host.name)["last_seen"]
    host.kill("agent-network")
    wait_for("connected again", lambda: wang.json("host", "show", host.name)["last_seen"] > last and
             wang.json("host", "show", host.name)["online"], 40)


def refused(wang):
    return [s["evidence"]["why"] for s in wang.lines("signals", "--kind", "data.manifest-refused")]


def test_forged_and_older_are_refused_by_the_host(people, host):
    """Somebody changed the collector's store: the host keeps what it has and says so."""
    col, wang, _ = people
    m = wang.json("manifest", "show", "tree-1", host.data)
    older = [x["manifest"] for x in wang.lines("manifest", "list", "tree-1") if x["state"] == "older"][0]
    have = kept(host)
    db, (head, sig, version) = head_of(col, m["manifest"])
    old_head, old_sig, _ = head_of(col, older)[1]
    forged = head.replace(host.data.encode(), host.data.encode()[:-1] + b"x")
    assert forged != head
    for h, s, word in ((forged, sig, "not by the order key"), (old_head, old_sig, "older manifest is not taken")):
        with db:
            db.execute("UPDATE manifests SET head = ?, signature = ? WHERE manifest_id = ?", (h, s, m["manifest"]))
        reconnect(people, host)
        wait_for("told: " + word, lambda: any(word in why for why in refused(wang)), 30)
        assert kept(host) == have
        assert "version 2, signed by wang" in host.agent("manifest", "verify", host.data).stdout
    with db:
        db.execute("UPDATE manifests SET head = ?, signature = ? WHERE manifest_id = ?", (head, sig, m["manifest"]))


def test_bytes_lost_on_the_host_come_again(people, host):
    wang = people[1]
    name = "kept-" + wang.json("manifest", "show", "tree-1", host.data)["manifest"]
    os.remove(os.path.join(host.state, "sensors", name))
    own = "manifest-" + wang.json("host", "show", "tree-1")["manifest"]
    os.remove(os.path.join(host.state, "sensors", own))
    assert host.agent("manifest", "verify", host.data, check=False).returncode != 0
    reconnect(people, host)
    wait_for("again there", lambda: name in kept(host) and
             os.path.exists(os.path.join(host.state, "sensors", own)), 30)


def test_gate_holds_restored_data_against_it(people, host):
    """G04: green, then one byte, one file too many and one too few are red."""
    col, wang, li = people
    sign_set_1(wang, host)
    wang("isolate", "tree-1", "--reason", "scenario test of manifests", "--yes")
    evidence(wang, "tree-1")
    p = wang("manifest", "make", "tree-1", host.data, check=False)
    assert p.returncode == 2 and "under suspicion" in p.stdout, "not from a host under suspicion"
    host.agent("manifest", "make", host.data)
    go(wang, li, "recover", "tree-1")
    assert wang.json("manifest", "show", "tree-1", host.data)["state"] == "signed", "nor what root there makes now"
    put(host.data, "book-1", "entry 1 changed\n")
    put(host.data, "ransom-note", "pay\n")
    os.remove(os.path.join(host.data, "book-2"))
    red = wang("verify", "tree-1", check=False)
    assert red.returncode == 8, red.stdout
    for word in ("file.changed", "file.extra", "file.missing", "book-1", "ransom-note", "book-2"):
        assert word in red.stdout, red.stdout
    assert re.search("✗ G04|x G04|G04 +3", red.stdout), red.stdout
    put(host.data, "book-1", "entry 1\n")
    put(host.data, "book-2", "entry 2\n")
    os.remove(os.path.join(host.data, "ransom-note"))
    for n in ("book-1", "book-2"):
        shutil.copystat(os.path.join(host.data, "book-3"), os.path.join(host.data, n))
    green = wang("verify", "tree-1", check=False)
    assert green.returncode == 0, green.stdout
    assert "2 backup sets equal" in green.stdout and "1 trees equal" in green.stdout, green.stdout


def sign_set_1(wang, host):
    wang("manifest", "make", "tree-1", os.path.join(host.backup, "set-1"))
    sign(wang, host, os.path.join(host.backup, "set-1"))


def test_signing_is_refused_for_a_host_in_a_case(people, host):
    col, wang, li = people
    rows = [m for m in wang.lines("manifest", "list", "tree-1") if m["state"] == "waiting"]
    assert not rows, "nothing was taken while it was contained"
    go(wang, li, "restore", "tree-1")
    p = wang("manifest", "make", "tree-1", host.data, check=False)
    assert p.returncode == 2 and "under suspicion" in p.stdout, p.stdout


def test_retired_is_gone_on_the_host_too(people, host):
    col, wang, _ = people
    m = wang.json("manifest", "show", "tree-1", host.data)
    assert wang("manifest", "retire", "tree-1", host.data, check=False).returncode == 1, "why?"
    wang("manifest", "retire", "tree-1", host.data, "--reason", "the books moved away")
    wait_for("gone", lambda: "kept-" + m["manifest"] not in kept(host), 20)
    p = host.agent("manifest", "verify", host.data, check=False)
    assert "not signed" in p.stdout, p.stdout


def test_audited(people):
    col, _, li = people
    log = col.path("audit.log")
    li("audit", "export", log)
    with open(log, encoding="utf-8") as f:
        text = f.read()
    for what in ("manifest.ask", "manifest.received", "manifest.signed", "manifest.retired"):
        assert what in text, what
