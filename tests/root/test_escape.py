# SPDX-License-Identifier: GPL-3.0-or-later
"""Every way out of and into an isolated host, one test a way; the answer must
be the one that agent/enforcer/CONTAINMENT.md gives.  `python3
tests/root/escape.py` prints the same as a table."""
import fnmatch
import os
import re
import threading

import escape_ways
import pytest
from enforcer_rig import BUILD, COLLECTOR, PEER4, PEER6, TOP, UID_NETWORK
from escape_rig import Runner

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
PAGE = os.path.join(TOP, "agent/enforcer/CONTAINMENT.md")
# What the page says, and what may be measured then.  A race may also be lost
# by the attacker.
ANSWERS = {"prevented": {"blocked"}, "repaired": {"blocked", "healed"}, "told": {"detected"},
           "not prevented": {"escaped", "detected"}}


def rows():
    """(pattern, answer by the rules alone, answer with the guard), in order."""
    with open(PAGE) as f:
        return re.findall(r"^\| `([^`]+)` \|[^|]*\| ([a-z ]+) \| ([a-z ]+) \|$", f.read(), re.M)


ROWS = rows()


def promised(w, guard=False):
    """The page's answer for a way: its last row that fits."""
    fit = [row[2 if guard else 1] for row in ROWS if fnmatch.fnmatch("%s/%s" % (w.group, w.id), row[0])]
    return fit[-1] if fit else None


def some():
    """`make check` tries the first of each group and every fifth; `make escape` tries all."""
    if os.environ.get("CORDON_ESCAPE"):
        return escape_ways.ALL
    seen, out = set(), []
    for i, w in enumerate(escape_ways.ALL):
        if w.group not in seen or i % 5 == 0:
            out.append(w)
        seen.add(w.group)
    return out


WAYS = some()
# With the guard only those are tried again that the rules alone do not hold,
# and the plainest; `escape.py --guard` tries all.
GUARDED = [w for w in WAYS if promised(w) != "prevented" or w.id in ("tcp-new-4", "ping-6", "udp-to-53-4")]


@pytest.fixture(scope="module")
def runner():
    r = Runner()
    for w in WAYS:
        r.run(w, "open")
    yield r
    r.drop()


def test_the_page_speaks_of_every_way():
    assert [w.id for w in escape_ways.ALL for g in (False, True) if promised(w, g) not in ANSWERS] == []
    names = ["%s/%s" % (w.group, w.id) for w in escape_ways.ALL]
    assert [p for p, _, _ in ROWS if not fnmatch.filter(names, p)] == []


def test_much_goes_over_the_line_with_the_guard(runner):
    """Segments that the kernel sends, and gathers, many at a time."""
    if not os.path.exists(os.path.join(BUILD, "bin/agent-guard")):
        pytest.skip("built without libbpf or clang: there is no guard")
    line, much = runner.get(guard=True), b"cordon" * 700000
    line.on("guard")
    assert "cordon_in" in line.cmd("host", "ip", "-d", "link", "show", "dev", "v0").stdout
    try:
        for address in (PEER4, PEER6):
            with line.connect("host", address, COLLECTOR, UID_NETWORK, 20) as s:
                sender = threading.Thread(target=s.sendall, args=(much,))
                sender.start()
                got = 0
                while got < len(much):
                    n = len(s.recv(1 << 20))
                    assert n, "the line broke after %d bytes" % got
                    got += n
                sender.join()
    finally:
        line.off()


def hold(runner, w, regime):
    first = runner.run(w, "open")
    if first.note or not first.got:
        pytest.skip("not possible here, so it proves nothing: " + (first.note or "does not pass on an open host"))
    says = promised(w, regime == "guard")
    out = runner.run(w, regime)
    if out.answer() == "blocked" and says != "prevented":  # once more: frames get lost, too
        runner.results.pop((w.id, regime))
        out = runner.run(w, regime)
    assert out.answer() in ANSWERS[says], "the page says %s; measured: %s, %d frames, signal %r, %s" % (
        says, out.text(), out.got, out.signal, out.note)
    if out.answer() == "healed" and w.group == "enforcer":
        assert out.signal and out.signal["program"], "repaired, but nobody was told who"


@pytest.mark.parametrize("w", WAYS, ids=[w.id for w in WAYS])
def test_way(runner, w):
    hold(runner, w, "cordon")


@pytest.mark.parametrize("w", GUARDED, ids=[w.id for w in GUARDED])
def test_way_with_the_guard(runner, w):
    if not os.path.exists(os.path.join(BUILD, "bin/agent-guard")):
        pytest.skip("built without libbpf or clang: there is no guard")
    hold(runner, w, "guard")


@pytest.mark.skipif(len(WAYS) < len(escape_ways.ALL), reason="compares all ways: make escape")
def test_usual_rulesets_for_comparison(runner):
    """The same ways against two rulesets that people use: the ways bite."""
    tried = [w for w in escape_ways.ALL if runner.run(w, "open").got and not runner.run(w, "open").note]
    counts = {}
    for regime in ("inet", "iptables", "cordon"):
        answers = [runner.run(w, regime).answer() for w in tried]
        counts[regime] = sum(a == "blocked" for a in answers)
        print("%-9s blocked %d of %d" % (regime, counts[regime], len(tried)))
    assert counts["cordon"] > counts["inet"] + 50 and counts["cordon"] > counts["iptables"] + 50
