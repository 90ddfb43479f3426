# SPDX-License-Identifier: GPL-3.0-or-later
"""Nothing is lost between sensor and store, whoever is killed when, and what
is severe overtakes.  In the place of the sensors stands a source that emits
numbered signals by the sensors' own way out and keeps a tally of its own
(tests/root/signal_source.c).  `make deliver`: for ten minutes, 600 kills, and
a day offline with 200,000 signals; here for half a minute and 20,000."""
import os
import random
import signal
import time

from source import Source, backlog
from world import wait_for

LONG = os.environ.get("CORDON_DELIVER", "") not in ("", "0")
KILLS = 600 if LONG else 16
BACKLOG = 100000 if LONG else 20000
OFFLINE = 200000 if LONG else 40000
VICTIMS = ("agent-network", "agent-sensors", "agent", "collector")


def kill(col, s, victim):
    """One process at a moment of its own choosing; it is there again when this returns."""
    if victim == "collector":
        col.collector.kill()
        col.collector.wait()
        time.sleep(random.uniform(0, 0.3))
        col.start_collector()
    elif victim == "agent":
        s.h.parent.kill()
        s.h.parent.wait()
        wait_for("the end of its children", lambda: not s.h.processes(), 10)
        s.h.start_agent()
        wait_for("the agent again", lambda: "agent-network" in s.h.processes() and "agent-sensors" in s.h.processes())
    else:
        before = s.h.processes().get(victim)
        if before is None:
            return False
        os.kill(before, signal.SIGKILL)
        wait_for(victim + " again", lambda: s.h.processes().get(victim) not in (None, before), 10)
    return True


def test_kills_at_random(world, people):
    col, _, _ = people
    s = Source(world, col, "killed")
    wait_for("online", lambda: col.admin.json("host", "show", "killed")["online"])
    random.seed(4)
    s.rate(1500)
    killed, in_act = {v: 0 for v in VICTIMS}, 0
    for i in range(KILLS):
        time.sleep(random.uniform(0.05, 0.9))
        victim = VICTIMS[i % len(VICTIMS)]
        killed[victim] += kill(col, s, victim)
    begun = s.pause()
    in_act = killed["agent-sensors"] + killed["agent"]  # at most one emission was under way at each
    wait_for("everything stored", lambda: s.accounted() >= begun - in_act and s.still() and
             s.query("SELECT signals_committed FROM hosts WHERE HOST")[0][0] > 0, 60, 0.5)
    time.sleep(6)  # the last count that is folded, and nothing more
    whole, folded, dropped, numbers = s.stored()
    print("%d emitted, kills: %s; %d stored whole, %d folded, %d dropped" % (
        begun, ", ".join("%s %d" % x for x in killed.items()), len(whole), folded, dropped))
    assert numbers == list(range(1, len(numbers) + 1)), "a number is missing or came twice"
    assert len(whole) == len(set(whole)), "stored twice"
    assert whole == sorted(whole), "out of order"
    assert folded > 0
    assert begun - in_act <= len(whole) + folded + dropped <= begun
    severe = {n for n in range(50, begun + 1, 50)}
    assert len(severe - set(whole)) <= in_act, "a severe one was folded or lost"
    assert not s.complained()
    s.h.stop_agent()


def test_severe_overtakes(world, people):
    col, _, _ = people
    s = Source(world, col, "late", spool__fold_after=0)
    wait_for("online", lambda: col.admin.json("host", "show", "late")["online"])
    begun, last = backlog(s, col, BACKLOG)
    began = time.monotonic()
    col.start_collector()
    wait_for("the severe one", lambda: s.query("SELECT 1 FROM signals WHERE HOST AND object = ?", "/n/%d" % last), 60, 0.02)
    took = time.monotonic() - began
    behind = begun - len(s.stored()[0])
    wait_for("all", lambda: s.accounted() >= begun, 240, 0.2)
    drained = time.monotonic() - began
    print("severe behind %d notes: stored %.1f s after the start of the collector, %d still behind it; all after %.1f s "
          "(%.0f a second)" % (begun, took, behind, drained, begun / drained))
    whole, _, dropped, numbers = s.stored()
    assert behind > begun / 10, "nothing was overtaken"
    assert sorted(whole) == list(range(1, begun + 1)) and dropped == 0
    assert numbers == list(range(1, len(numbers) + 1)) and not s.complained()
    s.h.stop_agent()


def test_a_full_disk(world, people):
    """No space for anything, for a while: the severe are kept, what is not taken is counted and told, and it goes on."""
    col, _, _ = people
    s = Source(world, col, "fulldisk", tmpfs="12m", spool__fold_after=0)
    wait_for("online", lambda: col.admin.json("host", "show", "fulldisk")["online"])
    s.rate(1000)
    wait_for("a stream", lambda: s.accounted() > 300 and s.query(
        "SELECT 1 FROM signals WHERE HOST AND kind = 'agent.started'"))
    col.collector.kill()
    col.collector.wait()
    s.h.run(["sh", "-c", "cat /dev/zero > %s/fill 2>/dev/null; true" % s.h.state])
    full = s.emitted()[0]
    wait_for("a thousand with no space", lambda: s.emitted()[0] > full + 3000)
    s.rate(0)
    for victim in ("agent-network", "agent-sensors"):
        kill(col, s, victim)
    s.rate(1000)
    s.h.run(["rm", s.h.state + "/fill"])
    wait_for("some with space again", lambda: s.emitted()[0] > full + 4500)
    begun = s.pause()
    col.start_collector()
    wait_for("everything accounted for", lambda: s.accounted() >= begun - 1, 60, 0.3)
    time.sleep(2)
    whole, _, dropped, numbers = s.stored()
    print("%d emitted, %d stored, %d dropped for want of space and told" % (begun, len(whole), dropped))
    assert dropped > 0 and begun - 1 <= len(whole) + dropped <= begun
    assert len(whole) == len(set(whole)) and numbers == list(range(1, len(numbers) + 1)) and not s.complained()
    lost = [n for n in range(50, begun + 1, 50) if n not in set(whole)]
    assert len(lost) <= 1, "severe ones were dropped: %s" % lost
    s.h.stop_agent()


def test_a_day_offline(world, people):
    """More than the spool may hold: the bound stands, the severe are kept, the rest is counted to the last one."""
    col, _, _ = people
    s = Source(world, col, "offline", spool__fold_after=0, spool__max_size="%dM" % (OFFLINE * 150 >> 20))
    wait_for("online", lambda: col.admin.json("host", "show", "offline")["online"])
    begun, last = backlog(s, col, OFFLINE)
    spool = os.path.join(s.h.state, "network", "spool")
    used = sum(e.stat().st_size for e in os.scandir(spool) if e.name.endswith(".seg"))
    assert used <= OFFLINE * 150, "the bound does not hold"
    began = time.monotonic()
    col.start_collector()
    wait_for("everything accounted for", lambda: s.accounted() >= begun, 240, 0.2)
    took = time.monotonic() - began
    whole, _, dropped, _ = s.stored()
    print("%d emitted offline, spool of %.1f MB: %d stored, %d dropped and told, drained in %.1f s" % (
        begun, used / 1e6, len(whole), dropped, took))
    assert len(whole) + dropped == begun and dropped > 0
    assert {n for n in range(50, begun + 1, 50)} <= set(whole), "a severe one was dropped"
    assert len(whole) == len(set(whole))
    said = s.complained()
    assert not [k for k, _ in said if k == "agent.chain-broken"], said
    s.h.stop_agent()
