# SPDX-License-Identifier: GPL-3.0-or-later
"""A collector with its people, a peer, and one host made from packages: what
the tests of containers and of virtual machines have in common."""
import time

from world import Sniffer, wait_for

REASON = ("--reason", "test of a host from packages")


def iso(seconds):
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds)) + ".%03dZ" % (seconds % 1 * 1000)


def asks_for_router(f):
    """A router solicitation, every byte of it given: is there a way to a
    collector over IPv6?  Asked while there is none (RFC 4861, 4.1)."""
    return f.proto == 58 and f.sport == 133 and f.dst == "ff02::2" and f.src.startswith("fe80:") and \
        len(f.data) == 14 + 40 + 16 and f.data[58:62] == bytes(4) and f.data[62:64] == b"\1\1" and \
        f.data[64:70] == f.data[6:12]


class Site:
    """MAKE is called with the peer and gives the host (a Container or a VM)."""

    def __init__(self, world, name, make):
        self.name = name
        self.col = world.collector(settings={"orders": {"operator_min_age": "1s", "budget_percent_hour": "100"}})
        self.wang = self.col.operator("wang", "responder", "recovery", "verifier", "baseline", "analyst")
        self.li = self.col.operator("li", "approver", "commander", "auditor")
        self.peer = world.peer()
        self.host = make(self.peer)
        self.watch = self.proven = None

    def enrol(self):
        self.host.run(["cordon-agent", "enrol", "--collector", "%s:%d" % (self.col.v4, self.col.AGENTS), "--token",
                       self.col.token(), "--ca-sha256", self.col.ca_sha256()])
        self.host.run(["systemctl", "start", "cordon-agent"])

    def look(self, name=None):
        return self.wang.json("host", "show", name or self.name)

    def isolate(self):
        """Isolated and proven; what came out before was seen outside."""
        wait_for("the talker heard outside", lambda: self.peer.arrivals(self.host.v4))
        self.watch = self.watch or Sniffer(self.host)
        wait_for("the talker in the capture", lambda: self.leaked())
        p = self.wang("isolate", self.name, *REASON, "--yes")
        self.proven = time.time()
        assert self.look()["isolation"] == "proven", p.stdout
        time.sleep(1)
        self.cut(self.proven)

    def proven_since(self, mark, seconds=60):
        wait_for("a proof of now", lambda: (lambda h: h["isolation"] == "proven" and h["proven_at"] > iso(mark))(
            self.look()), seconds)

    def leaked(self, since=0.0):
        """Frames that came out of the host and are not its line."""
        return [f for f in self.watch.frames(since) if f.out_of_host and not f.is_line(self.col) and
                not f.is_neighbour() and not asks_for_router(f)]

    def cut(self, since):
        leaked = self.leaked(since)[:5]
        assert not leaked, leaked
        assert self.host.run(["ping", "-c1", "-W1", self.peer.v4], check=False).returncode != 0
        assert self.peer.run(["ping", "-c1", "-W1", self.host.v6], check=False).returncode != 0

    def approved(self, verb):
        """Wang plans (once the evidence is there), Li approves, Wang applies."""
        wait_for("a plan to approve", lambda: self.wang(verb, self.name, *REASON, "--yes",
                                                        check=False).returncode == 3, 60)
        plans = [x for x in self.wang.lines("plan", "list") if x["action"] == verb]
        plan = max(plans, key=lambda x: x["created_at"])["plan"]
        self.li("approve", plan, "--yes")
        self.wang("plan", "apply", plan, "--yes", "--expect-hosts", "1")

    def released(self):
        """Recovered, verified, restored; the talker is heard again."""
        self.approved("recover")
        green = self.wang("verify", self.name, check=False)
        assert green.returncode == 0, green.stdout
        self.approved("restore")
        mark = time.time()
        wait_for("the talker heard again", lambda: [a for a in self.peer.arrivals(self.host.v4) if a[0] > mark])
        assert "cordon" not in self.host.run(["nft", "list", "tables"]).stdout
