# SPDX-License-Identifier: GPL-3.0-or-later
"""The whole system: accepted command to last packet through, packets after
the proof, and the memory of all agent processes at 100,000 watched files with
TLS up.  (isolate.py has the same rules beside one `nft -f`.)

    name<TAB>value<TAB>unit<TAB>note
"""
import json
import os
import statistics
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from world import Peer, Sniffer, UDP_STREAM, World, wait_for  # noqa: E402

HOSTS, FILES = 6, 100000
# Asks the API as cordonctl does, over a connection that is open already.
APPLY = r"""
import http.client, json, ssl, sys, time
dir, host, port, name = sys.argv[1:]
c = ssl.create_default_context(cafile=dir + '/ca.pem'); c.check_hostname = False
c.load_cert_chain(dir + '/cert.pem', dir + '/key.pem')
h = http.client.HTTPSConnection(host, int(port), context=c)
def ask(method, path, body=None):
    h.request(method, path, json.dumps(body) if body is not None else None, {'Content-Type': 'application/json'})
    r = h.getresponse(); return json.loads(r.read())
plan = ask('POST', '/v1/plans', {'action': 'isolate', 'hosts': [name], 'reason': 'measured isolation'})
time.sleep(0.5)
t0 = time.time()
done = ask('POST', '/v1/plans/%s/apply' % plan['plan'], {'digest': plan['digest']})
print(json.dumps({'t0': t0, 't1': time.time(), 'state': done.get('state'), 'error': done.get('error')}))
"""


def line(name, value, unit, note=""):
    print("%s\t%s\t%s\t%s" % (name, value, unit, note), flush=True)


def pss_kib(pid):
    with open("/proc/%d/smaps_rollup" % pid) as f:
        return sum(int(row.split()[1]) for row in f if row.startswith("Pss:"))


def isolation(w, col, wang):
    peer = w.peer()
    last, kernel, after = [], [], 0
    for i in range(HOSTS):
        name = "bench-%d" % i
        h = w.host(name).enrol(col).start_agent()
        wait_for("online", lambda: wang.json("host", "show", name)["online"])
        stream = h.python(UDP_STREAM % (peer.v4, Peer.UDP))
        wait_for("the stream", lambda: len(peer.arrivals(h.v4)) > 300)
        watch = Sniffer(h)
        out = col.run([sys.executable, "-c", APPLY, os.path.dirname(wang.conf), col.v4, col.API, name]).stdout
        r = json.loads(out.splitlines()[-1])
        if r["state"] != "applied":
            raise SystemExit("apply: %s" % out)
        proven = wait_for("proof", lambda: (lambda x: x["isolation"] == "proven" and x)(
            wang.json("host", "show", name)), 20)
        mark = time.time()
        time.sleep(1)
        last.append((max(t for t, _ in peer.arrivals(h.v4)) - r["t0"]) * 1000)
        order = [o for o in proven["orders"] if o["order"] == proven["desired_order"]][0]
        kernel.append(order["took_us"] / 1000)
        after += len([f for f in watch.frames(mark) if f.out_of_host and not f.is_line(col) and not f.is_neighbour()])
        stream.kill()
        watch.stop()
        h.stop_agent()
    line("isolate.command-to-last-packet", "%.1f" % statistics.median(last), "ms", "median of %d, over the API, signed, "
         "committed, delivered; worst %.1f" % (HOSTS, max(last)))
    line("isolate.order-to-kernel", "%.1f" % statistics.median(kernel), "ms", "order at the host to acknowledged and read "
         "back; worst %.1f" % max(kernel))
    line("isolate.frames-after-proof", after, "frames", "of %d isolations with 1,000 datagrams a second" % HOSTS)


def memory(w, col, wang):
    h = w.host("memory")
    tree = h.path("ledger")
    for d in range(FILES // 100):
        os.makedirs("%s/d%03d" % (tree, d))
        for i in range(100):
            with open("%s/d%03d/file-%02d.dat" % (tree, d, i), "w") as f:
                f.write("%d %d" % (d, i))
    h.enrol(col).start_agent()
    wait_for("the baseline", lambda: any(s["kind"] == "files.baseline" for s in
             wang.lines("signals", "--host", "memory")), 120)
    time.sleep(5)
    pss = {name: pss_kib(pid) for name, pid in h.processes().items()}
    total = sum(pss.values())
    line("memory.agent", "%.1f" % (total / 1024), "MiB PSS", "%d files, TLS up; %s (aim: under 14)" % (
        FILES, ", ".join("%s %.1f" % (n.replace("agent-", ""), k / 1024) for n, k in sorted(pss.items()))))
    h.stop_agent()


def main():
    only = sys.argv[1:]  # "memory": the second part alone
    with World("bench") as w:
        col = w.collector(settings={"orders": {"operator_min_age": "1s", "budget_percent_hour": "100"}})
        wang = col.operator("wang", "responder", "analyst")
        if only != ["memory"]:
            isolation(w, col, wang)
        memory(w, col, wang)
    return 0


if __name__ == "__main__":
    sys.exit(main())
