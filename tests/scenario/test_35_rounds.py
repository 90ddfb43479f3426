# SPDX-License-Identifier: GPL-3.0-or-later
"""Apply and release in rounds, with SIGKILL of the agent's processes at random
moments: it always converges to what was ordered, and no packet passes between
two isolations that were in force.  CORDON_ROUNDS sets how many."""
import os
import random
import subprocess
import time

from world import Failed, Peer, Sniffer, TOP, UDP_STREAM, run, wait_for

STANDS = (["ip", "-d", "link"], ["nft", "list", "ruleset"], ["ip", "neigh"], ["ip", "route"])
ROUNDS = int(os.environ.get("CORDON_ROUNDS", "200"))


def ordered(h, col, host_id, epoch, profile):
    """Sign an order and give it to the host, as often as it takes to be answered."""
    out = h.path("order")
    run([os.path.join(TOP, "build/test/sign-order"), os.path.join(col.signer_state, "order.key"), host_id, str(epoch),
         profile, out, "%s:%d" % (col.v4, col.AGENTS), "[%s]:%d" % (col.v6, col.AGENTS)])
    return lambda: run(h.inside([h.world.bin("cordon-agent"), "order", out, "--state", h.state, "--run", h.rundir]),
                       check=False)


def status(h):
    p = run(h.inside([h.world.bin("cordon-agent"), "status", "--state", h.state, "--run", h.rundir]), check=False)
    return dict(line.split(None, 1) for line in p.stdout.splitlines() if len(line.split(None, 1)) == 2)


def test_rounds_of_apply_and_release_under_sigkill(world, people):
    col, wang, _ = people
    peer = world.peer("peer35")
    h = world.host("rounds").enrol(col, tier="T1").start_agent()
    wait_for("online", lambda: wang.json("host", "show", "rounds")["online"])
    host_id = wang.json("host", "show", "rounds")["host_id"]
    watch, rng = Sniffer(h), random.Random(35)
    h.python(UDP_STREAM % (peer.v4, Peer.UDP))
    closed, leaks = [], []
    for n in range(1, ROUNDS + 1):
        profile = "strict" if n % 2 else "open"
        give = ordered(h, col, host_id, n, profile)
        first = h.popen([h.world.bin("cordon-agent"), "order", h.path("order"), "--state", h.state, "--run", h.rundir],
                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(rng.random() * 0.03)
        name = rng.choice(["agent-network", "agent-enforcer", "agent-enforcer", "agent-sensors", "agent-parent",
                           "agent-guard"])
        try:
            h.kill(name)
        except (KeyError, ProcessLookupError):
            pass
        first.wait()
        if name == "agent-parent":
            wait_for("the end of all", lambda: not h.processes(), 20, 0.01)
            h.start_agent()
        wait_for("round %d, %s after kill -9 of %s" % (n, profile, name),
                 lambda: give().returncode == 0 and status(h).get("profile") == profile, 15, 0.02)
        if profile == "strict":
            closed.append([time.time(), None])
            if n % 4 == 1:  # a kill between two isolations in force, too
                try:
                    h.kill(rng.choice(["agent-enforcer", "agent-network"]))
                except (KeyError, ProcessLookupError):
                    pass
                time.sleep(0.1)
            closed[-1][1] = time.time()
            assert not h.reaches(peer.v4, Peer.TCP, 0.3), "round %d" % n
        else:  # the kernel asks for a neighbour that it could not ask for at most once a second
            try:
                wait_for("round %d, the peer again" % n, lambda: h.reaches(peer.v4, Peer.TCP, 1), 15, 0.02)
            except Failed as e:
                raise Failed("%s\n%s" % (e, "\n".join(h.run(c).stdout for c in STANDS)))
    frames = [f for f in watch.frames() if f.out_of_host and not f.is_line(col) and not f.is_neighbour()]
    for begin, end in closed:
        leaks += [f for f in frames if begin <= f.at <= end]
    if leaks:
        raise Failed("%d frames left an isolated host: %s" % (len(leaks), leaks[:3]))
    assert len(closed) == (ROUNDS + 1) // 2
