# SPDX-License-Identifier: GPL-3.0-or-later
"""Each file technique is told by its kind, at once, once, and with who did it."""
import os
import shutil
import statistics
import subprocess
import time

import pytest
from sensors_rig import CACHED, EXACT
from test_explain import MEDIUM, Rig
from triggers_files import TRIGGERS, missing

pytestmark = [pytest.mark.skipif(os.geteuid() != 0, reason="needs root"),
              pytest.mark.skipif(shutil.which("dpkg-deb") is None, reason="no dpkg on this machine")]
FIGURES = []


@pytest.fixture(scope="module", autouse=True)
def figures():
    yield
    if not FIGURES:
        return
    ms = sorted(f[1] for f in FIGURES)
    print("\n%d of %d techniques told; median %d ms, p95 %d ms; %d named; %.2f signals a trigger, %.2f causes" % (
        len(FIGURES), len(TRIGGERS), statistics.median(ms), ms[int(len(ms) * 0.95)], sum(f[2] for f in FIGURES),
        statistics.mean(f[3] for f in FIGURES), statistics.mean(f[4] for f in FIGURES)))


@pytest.fixture
def s():
    x = Rig()
    x.after = []
    x.write("kept", "kept\n")
    x.tools("1")
    x.p.install("tools", "1")
    yield x
    for command in x.after:
        subprocess.run(command, check=True)
    x.close()


@pytest.mark.parametrize("row", TRIGGERS, ids=lambda r: "%s %s" % r[:2])
def test_is_told(s, row):
    technique, name, do, kind = row
    if missing(row):
        pytest.skip("%s is not installed" % missing(row))
    s.begin()
    began = time.monotonic()
    do(s)
    m = s.expect("signal", lambda m: m["kind"] == kind)
    took = (time.monotonic() - began) * 1000
    rest = [x for x in s.quiet(0.5) if x["severity"] >= MEDIUM]
    named = m.get("grade") in (CACHED, EXACT) and m["program"] != ""
    causes = {x["cause_id"] for x in rest} | {m["cause_id"]}
    assert len(rest) <= 2, rest
    if do.__name__ != "immutable":  # seen by a look of our own: nobody is named
        assert named, m
    FIGURES.append((technique, took, named, 1 + len(rest), len(causes)))
