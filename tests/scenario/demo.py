# SPDX-License-Identifier: GPL-3.0-or-later
"""`make demo`: the main job, end to end, on real parts.

A collector and three hosts in network namespaces of their own.  Somebody
changes a watched file; the host is isolated, proven, recovered, checked,
released and watched.  Each sentence that is printed was measured; the first
one that is not true ends the demo with exit status 1.
"""
import hashlib
import os
import re
import shutil
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
sys.dont_write_bytecode = True
from world import Failed, Peer, Sniffer, TCP_SESSION, TOP, UDP_STREAM, World, wait_for  # noqa: E402

BOLD, DIM, GREEN, OFF = ("\033[1m", "\033[2m", "\033[32m", "\033[0m") if sys.stdout.isatty() and \
    "NO_COLOR" not in os.environ else ("", "", "", "")
STARTED = time.monotonic()
AGENT = {"agent-parent", "agent-network", "agent-enforcer", "agent-sensors"}


def title(text):
    print("\n%s%s%s" % (BOLD, text, OFF), flush=True)


def tell(text):
    print("  " + text, flush=True)


def shown(text):
    for line in text.rstrip().splitlines():
        print("    %s%s%s" % (DIM, line, OFF), flush=True)


def true(claim, fact):
    if not fact:
        raise Failed("not true: " + claim)
    print("  %s✓%s %s" % (GREEN, OFF, claim), flush=True)


def session(host, peer):
    """A live TCP session from HOST to the peer; ends by saying when it died."""
    p = host.python(TCP_SESSION % (peer.v4, Peer.TCP), stdout=subprocess.PIPE, text=True)
    if p.stdout.readline().strip() != "up":
        raise Failed("the session from %s did not come up" % host.name)
    return p


def setup(w):
    title("1. A collector, three hosts, and a machine that they talk to")
    col = w.collector(settings={
        "orders": {"operator_min_age": "1s", "budget_percent_hour": "100", "probe": [
            "tcp 10.77.1.14:5432", "tcp [fd77:1::14]:5432", "udp 10.77.1.14:9999", "udp [fd77:1::14]:9999"]},
        "probation": {"recheck": ["m1 4s", "m2 8s"], "late": "10m"}})
    hosts = [w.host(name) for name in ("fin-ws-1", "fin-ws-2", "fin-db-1")]
    peer = w.peer("ledger-db")
    tell("%s %s, %s and one switch between them, IPv4 and IPv6" % (col.name, col.v4, ", ".join(
        "%s %s" % (m.name, m.v4) for m in hosts + [peer])))
    wang = col.operator("wang", "responder", "recovery", "verifier", "baseline", "analyst")
    li = col.operator("li", "approver", "commander", "auditor")
    tell("operators: wang (responds and recovers), li (approves); each made a key of their own")
    for h in hosts:
        with open(h.path("ledger", "accounts.csv"), "w") as f:
            f.write("account,balance\n1001,250000.00\n1002,13.37\n")
        h.enrol(col).start_agent()
    wait_for("three hosts online", lambda: sum(x["online"] for x in wang.lines("host", "list")) == 3)
    true("three agents enrolled with a one-time token and are online over mutual TLS 1.3", True)
    for h in hosts:
        pids = h.processes()
        if not AGENT <= set(pids) <= AGENT | {"agent-guard"}:  # the guard where the kernel has BPF
            raise Failed("agent processes on %s: %s" % (h.name, pids))
    caps = {}
    for name, pid in hosts[0].processes().items():
        with open("/proc/%d/status" % pid) as f:
            st = dict(line.rstrip("\n").split(":\t", 1) for line in f if ":\t" in line)
        caps[name] = (st["Uid"].split()[1], st["CapEff"], st["NoNewPrivs"], st["Seccomp"])
    shown("\n".join("%-16s uid %-6s capabilities %s  no_new_privs %s  seccomp %s" % (n, *v)
                    for n, v in sorted(caps.items())))
    true("the process that talks to the network holds no capability at all", int(caps["agent-network"][1], 16) == 0)
    for h in hosts:
        wang("host", "manifest", h.name)
    tell("a signed known-good manifest of each host is kept, made before anything happened")
    return col, hosts, peer, wang, li


def incident(hosts, wang):
    title("2. Somebody changes a watched file")
    victim = hosts[0]
    ledger = victim.path("ledger", "accounts.csv")
    began = time.time()
    victim.run(["sh", "-c", "exec /usr/bin/python3 -c \"f = open('%s', 'a'); f.write('1003,9999999.00\\n')\"" % ledger])

    def seen():
        return [s for s in wang.lines("signals", "--host", victim.name) if s.get("kind") == "files.changed"]
    sig = wait_for("the signal", seen)[0]
    tell("the collector has it %.0f ms later:" % ((time.time() - began) * 1000))
    shown("%s  %s  by %s (pid %s, %s, %s)" % (sig["kind"], sig["object"], sig["cause"]["program"], sig["cause"]["pid"],
                                              sig["cause"].get("user") or sig["cause"].get("uid"),
                                              sig["cause"]["grade"]))
    true("the signal names the program that wrote", "python" in sig["cause"]["program"])
    with open(ledger, "rb") as f:
        digest = hashlib.sha256(f.read()).hexdigest()
    began = time.time()
    asked = wait_for("answers", lambda: (lambda p: p if p.returncode == 0 else None)(
        wang("sweep", "--sha256", digest, "--reason", "has anybody else got it?", check=False)))
    tell("has anybody else got that file?  %d hosts answered from their own index, %.0f ms after the question:"
         % (len(hosts), (time.time() - began) * 1000))
    shown(asked.stdout)
    answers = wang.json("sweep", "show", re.search(r"S-[0-9A-Z]+", asked.stdout).group(0))
    true("one host has it, and each of the others said no",
         answers["complete"] and [h["host"] for h in answers["hosts"] if h["state"] == "found"] == [victim.name])
    return victim, ledger


def isolate(w, col, hosts, peer, victim, wang):
    title("3. Isolate it")
    live, other = session(victim, peer), session(hosts[1], peer)
    stream = victim.python(UDP_STREAM % (peer.v4, Peer.UDP))
    wait_for("the UDP stream", lambda: len(peer.arrivals(victim.v4)) > 100)
    tell("a TCP session and 1,000 datagrams a second run from %s to %s" % (victim.name, peer.name))
    watch = Sniffer(victim)
    plan = wang("isolate", victim.name, "--reason", "ledger changed by a script", "--plan-only").stdout
    tell("cordonctl isolate shows its plan first; nothing has changed yet:")
    shown(plan)
    began = time.time()
    done = wang("plan", "apply", newest_plan(wang, "isolate"), "--yes", "--expect-hosts", "1", check=False)
    proven = time.time()
    shown(done.stdout)
    if done.returncode != 0:
        raise Failed("isolate ended with exit %d\n%s" % (done.returncode, w.logs()))
    order = wang.json("host", "show", victim.name)
    took = [o for o in order["orders"] if o["order"] == order["desired_order"]][0]["took_us"]
    time.sleep(1.5)
    last = max(t for t, _ in peer.arrivals(victim.v4))
    tell("from the typed command to the last packet that got through: %.0f ms (signing and delivery included)"
         % ((last - began) * 1000))
    tell("from the order's arrival at the host to the kernel's acknowledgement: %.1f ms" % (took / 1000))
    after = [f for f in watch.frames(proven) if not f.is_line(col) and not f.is_neighbour()
             and (f.out_of_host)]
    true("frames out of %s since the proof, but for its line to the collector: %d" % (victim.name, len(after)),
         not after)
    wait_for("the end of the live session", lambda: live.poll() is not None, 10)
    true("the live TCP session is dead: %s" % live.stdout.read().split(" ", 2)[-1].strip(), True)
    true("a new connection out is refused (v4 and v6)",
         not victim.reaches(peer.v4, Peer.TCP) and not victim.reaches(peer.v6, Peer.TCP))
    true("nobody reaches it from outside (v4 and v6)",
         peer.run(["ping", "-c1", "-W1", victim.v4], check=False).returncode != 0 and
         peer.run(["ping", "-c1", "-W1", victim.v6], check=False).returncode != 0)
    seen = wait_for("a witness", lambda: (lambda x: x if x.get("witness_at") else None)(
        wang.json("host", "show", victim.name)))
    true("a witness, %s, tried to reach it and could not" % seen["witness_by"], seen["witness_ok"])
    true("the other hosts are fine", other.poll() is None and hosts[2].reaches(peer.v4, Peer.TCP))
    first = wang.json("host", "show", victim.name)["last_seen"]
    wait_for("a newer heartbeat", lambda: wang.json("host", "show", victim.name)["last_seen"] > first, 10)
    true("its line to the collector is alive", True)

    title("4. Try to open the cage, as root on the host")
    flush = victim.nft("flush", "ruleset", check=False)
    tell("nft flush ruleset says: %s" % (flush.stdout.strip().splitlines() or ["nothing"])[0])
    true("our tables still stand", "cordon" in victim.nft("list", "tables").stdout)
    true("still cut", not victim.reaches(peer.v4, Peer.TCP))
    before = victim.processes()
    mark = time.time()
    for name in sorted(before):
        try:
            os.kill(before[name], 9)
        except ProcessLookupError:
            pass
    tell("kill -9 of all agent processes")
    true("still cut, with no agent running", not victim.reaches(peer.v4, Peer.TCP))
    victim.start_agent()
    wait_for("the agent's return", lambda: wang.json("host", "show", victim.name)["isolation"] == "proven" and
             wang.json("host", "show", victim.name)["proven_at"] > iso(mark), 30)
    leaked = [f for f in watch.frames(proven) if f.out_of_host and not f.is_line(col) and not f.is_neighbour()]
    true("the agent is back, adopted its rules, and proved them again; frames that leaked meanwhile: %d" % len(leaked),
         not leaked)
    stream.kill()
    watch.stop()
    other.kill()


def iso(seconds):
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds)) + ".%03dZ" % (seconds % 1 * 1000)


def recover(col, victim, ledger, peer, wang, li):
    title("5. Recover it: evidence, gate, release")
    out = wang("recover", victim.name, "--reason", "rebuild the ledger from backup", "--yes", check=False)
    shown(out.stdout)
    approve_newest(wang, li, "recover")
    wait_for("stage recovering", lambda: wang.json("host", "show", victim.name)["stage"] == "recovering")
    tell("li has approved; the host is recovering: collector and recovery servers only")
    red = wang("verify", victim.name, check=False)
    shown(red.stdout)
    true("the gate is red (exit 8): the ledger is still wrong", red.returncode == 8)
    early = wang("restore", victim.name, "--reason", "should be refused now", "--yes", check=False)
    true("release before a green gate is refused (exit %d)" % early.returncode, early.returncode == 2)
    with open(ledger, "w") as f:
        f.write("account,balance\n1001,250000.00\n1002,13.37\n")
    tell("the ledger is put back")
    green = wang("verify", victim.name, check=False)
    shown(green.stdout)
    true("the gate is green", green.returncode == 0)
    wait = wang("restore", victim.name, "--reason", "gate passed, ledger restored", "--yes", check=False)
    true("release waits for a second person (exit %d)" % wait.returncode, wait.returncode == 3)
    own = wang("approve", newest_plan(wang, "restore"), "--yes", check=False)
    true("wang cannot approve the plan that wang made (exit %d)" % own.returncode, own.returncode == 2)
    approve_newest(wang, li, "restore")
    wait_for("traffic back", lambda: victim.reaches(peer.v4, Peer.TCP) and victim.reaches(peer.v6, Peer.TCP))
    tables = victim.nft("list", "tables").stdout
    true("traffic is back (v4 and v6), and no table of ours is left", "cordon" not in tables)
    h = wait_for("probation", lambda: (lambda x: x if x["stage"] == "probation" else None)(
        wang.json("host", "show", victim.name)))
    tell("stage: %s; two re-checks are on the schedule" % h["stage"])
    wait_for("a re-check that passed", lambda: any(r["state"] == "passed" for r in
             wang.json("host", "show", victim.name)["rechecks"]), 30)
    true("the first probation re-check has run by itself and passed", True)


def newest_plan(wang, action):
    plans = [p for p in wang.lines("plan", "list") if p.get("action") == action]
    return sorted(plans, key=lambda p: p["created_at"])[-1]["plan"]


def approve_newest(wang, li, action):
    plan = newest_plan(wang, action)
    shown(li("approve", plan, "--yes").stdout)
    done = wang("plan", "apply", plan, "--yes", "--expect-hosts", "1", check=False)
    if done.returncode != 0:
        raise Failed("plan apply %s: exit %d\n%s" % (plan, done.returncode, done.stdout))


def report(w, col, wang, li):
    title("6. The record")
    out = os.path.join(TOP, "build", "demo-report.html")
    inside = col.path("report.html")
    wang("report", "--format", "html", "--out", inside)
    shutil.copy(inside, out)
    tell("report: %s (%d KiB)" % (out, os.path.getsize(out) // 1024))
    check = li("audit", "verify")
    shown(check.stdout)
    true("the audit log is whole: every line chained, every head signed", check.returncode == 0)


def main():
    print("%sCordon: the main job on this machine%s" % (BOLD, OFF))
    with World("demo") as w:
        try:
            col, hosts, peer, wang, li = setup(w)
            victim, ledger = incident(hosts, wang)
            isolate(w, col, hosts, peer, victim, wang)
            recover(col, victim, ledger, peer, wang, li)
            report(w, col, wang, li)
        except Failed as e:
            print("\nFAILED: %s\n%s" % (e, w.logs()), file=sys.stderr)
            return 1
    print("\n%sAll of it was true.%s  %.0f seconds; namespaces, processes and files are gone again."
          % (BOLD, OFF, time.monotonic() - STARTED))
    return 0


if __name__ == "__main__":
    sys.exit(main())
