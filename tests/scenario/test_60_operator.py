# SPDX-License-Identifier: GPL-3.0-or-later
"""The security team's side: readiness, preview, drills, orders without a
line, review times, profiles, collectors that move."""
import subprocess

from world import Peer, TCP_SESSION, wait_for


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
