# SPDX-License-Identifier: GPL-3.0-or-later
"""The security team's side: readiness, preview, drills, orders without a
line, review times, profiles, collectors that move."""
from world import wait_for


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
