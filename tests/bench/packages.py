# SPDX-License-Identifier: GPL-3.0-or-later
"""What the sensors take while 12 packages are re-installed on a Debian tree in
namespaces of its own (the host of root/test_benign.py, watched as shipped).
Programs that others start on this machine are heard of as well: the watch
thread's time is printed apart, too.

    name<TAB>value<TAB>unit<TAB>note
"""
import os
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
for room in ("lib", "root"):
    sys.path.insert(0, os.path.join(HERE, "..", room))
from debian import base_tree  # noqa: E402
from idle import sensors_of, used  # noqa: E402
from test_benign import AGAIN, OLDER, PACKAGES, Tree, prepare, wait_done  # noqa: E402

AIM = 1.0  # processor seconds
LEAST = 1  # most files come back as they were: nothing to explain


def main():
    t = Tree(base_tree([], packages=PACKAGES, name="debian-benign"))
    try:
        prepare(t)
        t.begin()
        time.sleep(3)
        pid = {"agent-sensors": sensors_of(t)}
        before = used(pid)
        t.sh("cd /packages && dpkg -i " + " ".join("$(ls %s_*.deb | grep -v '~old')" % name
                                                   for name in AGAIN if name not in OLDER))
        t.sh("cd /packages && dpkg -i " + " ".join("$(ls %s_*.deb | grep -v '~old')" % name
                                                   for name in AGAIN if name in OLDER))
        told = sum(int(m["explained"]) for m in wait_done(t, LEAST))
        time.sleep(4)  # what waited for the end
        after = used(pid)
    finally:
        t.close()
    cost = {thread: (ns - before.get((name, thread), (0, 0))[0]) / 1e9 for (name, thread), (ns, _) in after.items()}
    total = sum(cost.values())
    print("packages.reinstall\t%.2f\ts of a core\t%d packages, %d changes to explain; %s; load %.1f (aim: under %g)" % (
        total, len(AGAIN), told, ", ".join("%s %.2f" % x for x in sorted(cost.items(), key=lambda x: -x[1]) if x[1] >= 0.01),
        os.getloadavg()[0], AIM))
    if told < LEAST:
        raise SystemExit("only %d changes were explained" % told)
    if total >= AIM:
        print("missed: a re-install costs more than %g s" % AIM, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
