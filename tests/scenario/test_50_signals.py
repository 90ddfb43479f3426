# SPDX-License-Identifier: GPL-3.0-or-later
"""Signals: seen, attributed, and never lost between disk and collector."""
import os
import signal
import time

from world import stop, wait_for


def numbers(wang, name):
    return [s["number"] for s in wang.lines("signals", "--host", name)]


def test_changes_come_with_their_cause(world, people):
    col, wang, _ = people
    h = world.host("sees").enrol(col).start_agent()
    wait_for("online", lambda: wang.json("host", "show", "sees")["online"])
    wait_for("a baseline", lambda: any(s["kind"] == "files.baseline" for s in wang.lines("signals", "--host", "sees")))
    book = h.path("ledger", "book")
    h.run(["sh", "-c", "echo one > %s" % book])
    wait_for("created", lambda: any(s["kind"] == "files.created" and s["object"] == book
                                    for s in wang.lines("signals", "--host", "sees")))
    h.run(["cp", "/etc/hostname", book])
    got = wait_for("changed", lambda: [s for s in wang.lines("signals", "--host", "sees")
                                       if s["kind"] == "files.changed" and s["object"] == book])[0]
    assert got["cause"]["program"].endswith("cp") and got["cause"]["grade"] in ("exact", "cached")
    h.run(["rm", book])
    wait_for("deleted", lambda: any(s["kind"] == "files.deleted" and s["object"] == book
                                    for s in wang.lines("signals", "--host", "sees")))


def test_whom_a_host_talks_to_but_not_its_own_line(world, people):
    col, wang, _ = people
    h = world.host("talks").enrol(col).start_agent()
    wait_for("online", lambda: wang.json("host", "show", "talks")["online"])
    wait_for("the first look", lambda: any(s["kind"] == "facts.baseline" for s in wang.lines("signals", "--host", "talks")))
    h.python("import socket, time\ns = socket.create_connection(('%s', %d))\ntime.sleep(120)" % (col.v4, col.API))
    peers = wait_for("a new peer", lambda: [s for s in wang.lines("signals", "--host", "talks")
                                            if s["kind"] == "net.peer"], 60)
    assert len(peers) == 1 and "python" in peers[0]["text"], peers


def test_nothing_is_lost_while_the_collector_is_away(world, people):
    col, wang, _ = people
    h = world.host("keeps").enrol(col).start_agent()
    wait_for("online", lambda: wang.json("host", "show", "keeps")["online"])
    stop(col.collector)
    h.run(["sh", "-c", "for i in $(seq 50); do echo $i > %s/f$i; done" % h.path("ledger")])
    time.sleep(1.5)
    for name in ("agent-network", "agent-network"):
        h.kill(name, signal.SIGKILL)
        wait_for("a new network process", lambda: "agent-network" in h.processes())
    col.start_collector()
    want = {h.path("ledger", "f%d" % i) for i in range(1, 51)}
    wait_for("all fifty", lambda: want <= {s["object"] for s in wang.lines("signals", "--host", "keeps")}, 40)
    got = numbers(wang, "keeps")
    assert sorted(got) == list(range(1, len(got) + 1)), "a number is missing or came twice"


def test_a_stopped_process_of_the_agent_is_told(world, people):
    col, wang, _ = people
    h = world.host("frozen").enrol(col).start_agent()
    wait_for("online", lambda: wang.json("host", "show", "frozen")["online"])
    h.kill("agent-sensors", signal.SIGSTOP)
    wait_for("the signal", lambda: [s for s in wang.lines("signals", "--host", "frozen")
                                    if s["kind"] == "agent.frozen" and s["object"] == "sensors"])
    h.kill("agent-sensors", signal.SIGCONT)


def test_why_tells_the_story(world, people):
    _, wang, _ = people
    text = wang("why", "keeps").stdout
    assert "keeps" in text and os.linesep.join(text.splitlines()[:1])
