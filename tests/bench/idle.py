# SPDX-License-Identifier: GPL-3.0-or-later
"""What the agent costs when nothing happens: processor time of all its
processes, all sensors at the shipped defaults, TLS up.  In short 60 s;
`idle.py 600` for ten minutes.

In two parts, at the same time, because a mark of fanotify takes a whole file
system and others work on this machine's: the sensors on a small host of their
own (tmpfs, own mounts, network and processes), the other processes on a host
with a line to a collector.  The watch thread still hears of every program
that is started here; its time is printed apart and is not of a quiet host.

    name<TAB>value<TAB>unit<TAB>note
"""
import os
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
for room in ("lib", "root"):
    sys.path.insert(0, os.path.join(HERE, "..", room))
from state_rig import State  # noqa: E402
from world import World, wait_for  # noqa: E402

AIM = 0.03  # percent of one core
SETTLE = 45  # the looks after the start
# Of the shipped list what lies on the small host's own file system: /usr is this machine's, and busy.
WATCH = ("/etc", "/usr/local/bin", "/boot", "/root/.ssh", "/var/spool/cron")


def line(name, value, unit, note=""):
    print("%s\t%s\t%s\t%s" % (name, value, unit, note), flush=True)


def used(pids):
    """{(process, thread): (ns of processor time, times it ran)}"""
    got = {}
    for name, pid in pids.items():
        for tid in os.listdir("/proc/%d/task" % pid):
            with open("/proc/%d/task/%s/schedstat" % (pid, tid)) as f:
                ns, _, times = map(int, f.read().split())
            with open("/proc/%d/task/%s/comm" % (pid, tid)) as f:
                thread = f.read().strip()
            was = got.get((name, thread), (0, 0))
            got[name, thread] = (was[0] + ns, was[1] + times)
    return got


def sensors_of(rig):
    """The pid of its agent-sensors out here."""
    space = os.readlink("/proc/%d/ns/pid" % rig.init)
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            if os.readlink("/proc/%s/exe" % pid).endswith("/agent-sensors") and \
                    os.readlink("/proc/%s/ns/pid" % pid) == space:
                return int(pid)
        except OSError:
            continue
    raise SystemExit("no sensors on the small host")


def measure(seconds):
    rig = State()
    try:
        rig.boot()
        # Marks of single programs (mount, ip) take those of the whole machine, too.
        rig.sh("mount -t tmpfs quiet /usr/sbin && mount -t tmpfs quiet /usr/bin")
        rig.start("--processes", watch=WATCH)
        with World("idle") as w:
            col = w.collector(settings={"collector": {"heartbeat": "10s"}})
            wang = col.operator("wang", "analyst")
            h = w.host("idle", enforcer__prove_every="60s", state__leave_out="all").enrol(col).start_agent()
            wait_for("the baseline", lambda: any(s["kind"] == "files.baseline" for s in
                     wang.lines("signals", "--host", "idle")), 60)
            time.sleep(SETTLE)
            pids = h.processes()
            pids["agent-sensors"] = sensors_of(rig)
            before, start = used(pids), time.monotonic()
            time.sleep(seconds)
            after, took = used(pids), time.monotonic() - start
            h.stop_agent()
    finally:
        rig.close()
    return took, {k: ((ns - before.get(k, (0, 0))[0]) / 1e7 / took, (n - before.get(k, (0, 0))[1]) / took)
                  for k, (ns, n) in after.items()}


def main():
    took, share = measure(int(sys.argv[1]) if len(sys.argv) > 1 else 60)
    for (name, thread), (percent, times) in sorted(share.items(), key=lambda x: -x[1][0]):
        line("idle.%s.%s" % (name.replace("agent-", ""), thread), "%.4f" % percent, "% of a core", "%.1f runs a second" % times)
    events = share.pop(("agent-sensors", "watch"), (0, 0))[0]
    total = sum(percent for percent, _ in share.values())
    line("idle.agent", "%.4f" % total, "% of a core", "over %.0f s (aim: under %.2f); load %.1f; the watch thread had "
         "%.4f for programs of others" % (took, AIM, os.getloadavg()[0], events))
    if total >= AIM:
        print("missed: idle costs more than %.2f %% of a core" % AIM, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
