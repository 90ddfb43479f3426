# SPDX-License-Identifier: GPL-3.0-or-later
"""Order received to rules in force (kernel acknowledgement), beside `nft -f`
of the same ruleset, in one run.  Prints one line a figure:

    name<TAB>value<TAB>unit<TAB>note
"""
import os
import statistics
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "root"))
from enforcer_rig import Rig  # noqa: E402

ROUNDS = 40


def by_order(rig):
    """Microseconds: enforcer's own figure, and with the way there and back."""
    took, whole = [], []
    for _ in range(ROUNDS):
        a = rig.apply("strict")
        took.append(int(a["took_us"]))
        whole.append(int(a["round_us"]))
        rig.apply("open")
    return took, whole


def by_nft(rig):
    """The same rules as text, loaded by the tool; the whole process."""
    rig.apply("strict")
    path = rig.rules_file()
    rig.apply("open")
    with open(path) as f:
        lines = len(f.readlines())
    took = []
    for _ in range(ROUNDS):
        began = time.monotonic()
        rig.nft("-f", path, check=True)
        took.append((time.monotonic() - began) * 1e6)
        rig.nft("flush ruleset", check=True)
    empty = []
    for _ in range(ROUNDS):
        began = time.monotonic()
        rig.cmd("host", "true")
        empty.append((time.monotonic() - began) * 1e6)
    return took, statistics.median(empty), lines


def measure():
    """[(name, value, unit, note)]"""
    rig = Rig()
    try:
        rig.start()
        took, whole = by_order(rig)
        nft, start, lines = by_nft(rig)
    finally:
        rig.close()
    m, n = statistics.median(took), statistics.median(nft) - start
    return [
        ("isolate.order-to-ack", "%.2f" % (m / 1000), "ms", "median of %d; worst %.2f" % (ROUNDS, max(took) / 1000)),
        ("isolate.order-to-answer", "%.2f" % (statistics.median(whole) / 1000), "ms", "read back, stored, answered"),
        ("isolate.nft-f", "%.2f" % (n / 1000), "ms", "%d lines; `ip netns exec` taken off" % lines),
        ("isolate.ratio", "%.2f" % (m / n), "x", "order-to-ack / nft -f; aim: under 10 ms"),
    ]


if __name__ == "__main__":
    if os.geteuid() != 0:
        sys.exit("needs root, for network namespaces")
    for row in measure():
        print("\t".join(row))
