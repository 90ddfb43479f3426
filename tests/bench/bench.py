# SPDX-License-Identifier: GPL-3.0-or-later
"""`make bench`: every measurement, one after the other, on an otherwise idle
machine.  Ratios are taken within one run; see the head of each file for what
is compared with what."""
import os
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
ALL = ("delivery.py", "idle.py", "isolate.py", "latency.py", "line.py", "loss.py", "packages.py", "scan.py", "whole.py",
       "writer.py")


def main():
    names = sys.argv[1:] or ALL
    bad = 0
    for name in names:
        print("== %s" % name, flush=True)
        bad |= subprocess.run([sys.executable, os.path.join(HERE, name)],
                              env=dict(os.environ, PYTHONDONTWRITEBYTECODE="1")).returncode
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
