# SPDX-License-Identifier: GPL-3.0-or-later
"""What an intruder changes is told, soon, once, and with who did it: one report over all rows of triggers on a whole host
with the settings as shipped.  A part of the rows here; all of them, with those of the other triggers_*.py, by `make
triggers`."""
import os
import shutil
import subprocess
import sys

import pytest
import test_explain
import trigger_suite as suite
import triggers_files
import triggers_finance
import triggers_kernel
import triggers_persist
import triggers_process
import triggers_run
import triggers_state
import triggers_weaken
from sensors_rig import ROOT, Sensors
from state_rig import State
from test_state_kernel import Kernel
from trigger_rig import Host

sys.path.insert(0, os.path.join(ROOT, "tests/lib"))
from unseen import UNSEEN  # noqa: E402
from world import Failed  # noqa: E402

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
ALL = os.environ.get("CORDON_TRIGGERS") == "all"
PART, FEW = 11, 53
TABLES = {"persist": triggers_persist, "weaken": triggers_weaken, "run": triggers_run}


def make(**kw):
    for program in ("debootstrap", "unshare", "nsenter"):
        if shutil.which(program) is None:
            pytest.skip("%s is not installed" % program)
    try:
        return Host(**kw)
    except Failed as e:
        pytest.skip("no Debian tree on this machine: %s" % e)


@pytest.fixture(scope="module")
def host():
    h = make()
    try:
        h.start()
        yield h
    finally:
        h.close()


@pytest.fixture
def container():
    h = make(overlay=True)
    try:
        h.start()
        yield h
    finally:
        h.close()


def part(rows):
    """Without those that are only polled, and some of each kind."""
    return rows if ALL else [r for r in rows if not r[3].startswith(suite.POLLED)][::PART]


def test_10_the_first_look_raises_nothing(host):
    assert [(m["kind"], m["object"]) for m in host.quiet(2.0) if m["severity"] >= suite.MEDIUM] == []


def begin_kernel(k):
    k.boot()
    triggers_kernel.prepare(k)
    k.start()


def begin_files(rig):
    rig.after = []
    rig.write("kept", "kept\n")
    rig.tools("1")
    rig.p.install("tools", "1")
    rig.begin()


# The rows of the rooms, each on a rig as it needs: (name, rows, new rig, begin, a rig for each row).
ROOMS = [
    ("files", triggers_files.TRIGGERS, test_explain.Rig, begin_files, True),
    ("state", triggers_state.TRIGGERS, State, lambda s: s.start(), False),
    ("kernel", triggers_kernel.TRIGGERS, Kernel, begin_kernel, False),
    ("process", triggers_process.TRIGGERS, Sensors, lambda s: s.start("--processes", "--own", s.own), True),
    ("finance", triggers_finance.TRIGGERS, triggers_finance.make_rig, lambda rig: None, True),
]


def on_rig(name, rows, new, begin):
    rig = new()
    try:
        begin(rig)
        rig.quiet(0.5)
        return suite.run(rig, name, rows)
    finally:
        for command in getattr(rig, "after", []):
            subprocess.run(command, check=True)
        rig.close()


def all_others():
    done = []
    for name, rows, new, begin, each in ROOMS:
        for some in [[row] for row in rows] if each else [rows]:
            done += on_rig(name, some, new, begin)
    return done


def test_20_what_is_changed_is_told(host):
    done = []
    for name, table in TABLES.items():
        done += suite.run(host, name, part(table.TRIGGERS), wait=ALL)
    done += all_others() if ALL else []
    print("\n" + "\n".join(suite.report(done)))
    print("not seen, and why:")
    print("\n".join("%-28s %s: %s" % row for row in UNSEEN))
    assert not ALL or len(suite.done_of(done)) == len(done)
    done = suite.done_of(done)
    seen = [x for x in done if x.signal is not None]
    events = [x.seconds for x in seen if not x.polled]
    polled = [x.seconds for x in seen if x.polled]
    assert len(seen) >= 0.95 * len(done), [x.words for x in done if x.signal is None]
    assert sum(x.named for x in seen if x.can_name) >= 0.95 * sum(x.can_name for x in seen), [
        (x.words, x.signal.get("program")) for x in seen if x.can_name and not x.named]
    assert suite.quantile(events, 0.95) < 5 and suite.quantile(polled, 0.95) < 60


def test_30_on_overlayfs_too(container):
    """No handle can be opened there: starts and writes by descriptor, folders of trees one by one."""
    rows = [r for name, table in TABLES.items() for r in table.TRIGGERS if not r[3].startswith(suite.POLLED)]
    done = suite.run(container, "overlay", rows if ALL else rows[3::FEW], wait=ALL)
    print("\n" + "\n".join(suite.report(done)))
    done = suite.done_of(done)
    seen = [x for x in done if x.signal is not None]
    assert len(seen) >= 0.85 * len(done) >= 4, [x.words for x in done if x.signal is None]
    named = [x for x in seen if x.can_name and x.named]
    assert len(named) >= 0.9 * len(seen), [(x.words, x.signal.get("program")) for x in seen if x not in named]


def test_31_rights_on_overlayfs(container):
    """A chmod outside the trees is told by nobody there: a walk finds it."""
    if not ALL:
        pytest.skip("takes a minute and more: make triggers")
    container.quiet(25)
    container.sh("cp /bin/dash /opt/su; chmod 4755 /opt/su")
    m = container.told("files.setuid", "/opt/su", seconds=90)
    assert m["found-by"] == "walk"
