# SPDX-License-Identifier: GPL-3.0-or-later
"""What must not strand a host, as far as the enforcer alone decides it: killed
at each step of apply and release, a full disk, orders that overtake each
other.  The rest is in tests/scenario/test_70_strand.py."""
import os
import queue
import random
import signal
import subprocess
import sys

import pytest
from enforcer_rig import BUILD, COLLECTOR, COLLECTORS, OTHER, PEER4, PEER6, UDP, UID_NETWORK, Rig, run

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
LONG = os.environ.get("CORDON_STRAND", "") not in ("", "0")
ROUNDS = 1000 if LONG else 48
PROFILE = {"open": "1", "strict": "2", "recovery": "3"}
NOISE = r"""
import socket, time
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
while True:
    try: s.sendto(b'noise', (%r, %d))
    except OSError: pass
    time.sleep(0.001)
"""


def line_lives(rig):
    return all(rig.tcp("host", a, COLLECTOR, UID_NETWORK) for a in (PEER4, PEER6))


class Killer:
    """kill-at on the enforcer: dead at its n-th system call from now on."""

    def __init__(self, rig, n):
        self.rig = rig
        self.p = subprocess.Popen([BUILD + "/test/kill-at", str(rig.pid), str(n)], stdin=subprocess.DEVNULL,
                                  stdout=subprocess.PIPE, text=True)
        assert self.p.stdout.readline() == "ready\n"

        self.said = None

    def let_go(self):
        """("killed", at) or ("passed", how many)."""
        if self.said is None:
            self.p.send_signal(signal.SIGTERM)
            word, n = self.p.stdout.readline().split()
            self.p.stdout.close()
            self.p.wait(10)
            self.said = word, int(n)
        return self.said


class Rounds:
    def __init__(self, rig):
        self.rig, self.now, self.done = rig, "open", 0

    def steps(self, profile):
        """How many system calls it takes to carry such an order out, and to come to rest again."""
        k = Killer(self.rig, 1 << 30)
        a = self.rig.apply(profile)
        self.rig.expect("proof", order=a["order"])
        self.now = profile
        return k.let_go()[1]

    def round(self, profile, n):
        """Order, dead at step N, again: the old state or the new one, never another, and then the new one."""
        rig, before, epoch = self.rig, self.now, self.rig.epoch
        k = Killer(rig, n)
        rig.epoch += 1
        rig.say("order epoch=%d collectors=%s profile=%s" % (rig.epoch, COLLECTORS, profile))
        seen, dead, order = [], False, None
        while not dead or order is None:
            try:
                e = rig.events.get(timeout=10)
            except queue.Empty:
                raise AssertionError("step %d of %s -> %s: neither dead nor at rest after %r; %s" % (
                    n, before, profile, seen, k.let_go())) from None
            seen.append(e["event"])
            if e["event"] == "ended":
                dead = True
            elif e["event"] == "order":
                rig.order_id = order = e["id"]
            elif e["event"] == "proof" and e["order"] == order:
                # After the proof only a few calls are left, if any.
                if k.let_go()[0] == "passed":
                    self.now = profile
                    return
        assert k.let_go() == ("killed", n)
        tables = len(rig.tables())
        closed = {p != "open" for p in (before, profile)}
        assert tables in {4 if c else 0 for c in closed}, "step %d: %d tables" % (n, tables)
        s = rig.start()
        where = "step %d of %s -> %s" % (n, before, profile)
        assert (s["epoch"], s["profile"]) in ((str(epoch), PROFILE[before]), (str(epoch + 1), PROFILE[profile])), where
        assert len(rig.tables()) == (0 if s["profile"] == "1" else 4), where
        rig.say("again")
        a = rig.expect("answer", order=rig.order_id)
        assert a["result"] == "applied" and a["epoch"] == str(epoch + 1), (where, a)
        assert len(rig.tables()) == (0 if profile == "open" else 4), where
        assert (a["digest"] == "") == (profile == "open"), where
        if profile != "open":
            assert line_lives(rig), where
        self.now, self.done = profile, self.done + 1


def test_01_killed_at_each_step_of_apply_and_release():
    """At each system call of open -> strict -> recovery -> open; CORDON_STRAND=1: 1,000 rounds and more."""
    rig = Rig()
    noise = None
    try:
        rig.start()
        r = Rounds(rig)
        way = ("strict", "recovery", "open")
        steps = [r.steps(p) for p in way]
        cap = rig.capture()
        noise = subprocess.Popen(["ip", "netns", "exec", rig.ns["host"], sys.executable, "-c", NOISE % (PEER4, UDP)],
                                 stdin=subprocess.DEVNULL)
        most = max(steps)
        every = 1 if LONG else max(1, most // (ROUNDS // 3))
        passes = 0
        while r.done < ROUNDS:
            for n in range(1 + passes % every, most + 1, every):
                for profile, last in zip(way, steps):
                    r.round(profile, min(n, last))
                    if profile == "strict":
                        cap.frames()  # what came before the cut
                    elif profile == "recovery":
                        # Closed all the time: both deaths, both restarts and the switch between.
                        # Asking for a router is allowed while the line has none.
                        assert [f for f in cap.forbidden() if f != ("ip", "ff02::2 proto 58")] == [], "step %d" % n
            passes += 1
        print("%d rounds; system calls of an order: %s" % (r.done, dict(zip(way, steps))))
    finally:
        if noise:
            noise.kill()
            noise.wait()
        rig.close()


# -- a full disk --------------------------------------------------------------

class SmallDisk(Rig):
    """The enforcer's folder is a file system of its own, of 512 KiB."""

    def spawn(self):
        run("mount", "-t", "tmpfs", "-o", "size=512k,mode=755", "tmpfs", self.state)
        super().spawn()

    def fill(self):
        with open(self.state + "/fill", "ab", buffering=0) as f:
            try:
                while True:
                    f.write(b"x" * 4096)
            except OSError:
                pass

    def free(self):
        os.remove(self.state + "/fill")

    def close(self):
        run("umount", "-l", self.state, check=False)
        super().close()


@pytest.fixture
def small():
    r = SmallDisk()
    try:
        r.start()
        yield r
    finally:
        r.close()


def everything_flows(rig):
    return all(rig.tcp("host", a, p) for a in (PEER4, PEER6) for p in (COLLECTOR, OTHER))


def cut(rig):
    return not any(rig.tcp("host", a, OTHER) for a in (PEER4, PEER6))


def test_02_a_full_disk_stops_no_order(small):
    small.fill()
    for _ in range(3):
        small.apply("strict")
        assert cut(small) and line_lives(small)
        small.kill()
        s = small.start()
        assert s["profile"] == "2" and s["epoch"] == str(small.epoch), "forgotten by the disk"
        small.apply("recovery")
        small.apply("open")
        assert everything_flows(small) and small.tables() == []
        small.kill()
        assert small.start()["profile"] == "1"


def test_03_where_nothing_can_be_written_nothing_is_half_applied(small):
    """No spare either (it was deleted, or the disk is broken): failed, loudly, and the state before holds."""
    for before, after in (("open", "strict"), ("strict", "open")):
        if before != "open":
            small.apply(before)
        os.remove(small.state + "/state.spare")
        small.fill()
        a = small.order(profile=after)
        assert a["result"] == "failed" and "No space" in a["why"], a
        if before == "open":
            assert everything_flows(small) and small.tables() == []
        else:
            assert cut(small) and line_lives(small) and len(small.tables()) == 4
        small.kill()
        s = small.start()
        assert s["profile"] == PROFILE[before] and s["epoch"] == str(small.epoch - 1)
        small.free()
        small.say("again")  # as the collector does
        assert small.expect("answer", order=small.order_id)["result"] == "applied"
        assert cut(small) == (after == "strict")
        small.apply("open")


# -- orders that overtake each other -------------------------------------------

def test_04_interleaved_orders(tmp_path):
    """200 orders, late, twice and in any order, with the enforcer killed and the line lost: the newest one holds."""
    rig = Rig()
    rng = random.Random(200)
    try:
        rig.start()
        files, newest = [], (0, "open")
        for n in range(1, 201):
            profile = rng.choice(("strict", "open"))
            path = str(tmp_path / ("order-%d" % n))
            rig.order(answer=False, quiet=1, save=path, profile=profile)
            files.append((n, profile, path, rig.order_id))
        refused = taken = 0
        waiting = list(files)
        while waiting:
            # Mostly in turn, sometimes held back for long.
            at = min(int(rng.expovariate(0.25)), len(waiting) - 1)
            n, profile, path, order = waiting.pop(at)
            rig.say("file " + path)
            if rng.random() < 0.1:
                rig.kill()
                s = rig.start()
                assert int(s["epoch"]) in (newest[0], max(newest[0], n))
                rig.say("file " + path)  # the collector sends it again
            elif rng.random() < 0.2:
                rig.say("again")
            a = rig.expect("answer", order=order)
            if n > newest[0]:
                assert a["result"] == "applied", a
                newest, taken = (n, profile), taken + 1
            else:
                assert a["result"] == "refused" and a["verdict"] == "stale-epoch", a
                refused += 1
            if rng.random() < 0.1:
                assert len(rig.tables()) == (4 if newest[1] == "strict" else 0)
        assert newest[0] == 200 and refused > 20, (newest, refused)
        assert len(rig.tables()) == (4 if newest[1] == "strict" else 0)
        rig.say("status")
        assert "epoch" in rig.expect("control")["text"]
        print("%d taken, %d refused as stale" % (taken, refused))
    finally:
        rig.close()
