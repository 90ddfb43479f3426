# SPDX-License-Identifier: GPL-3.0-or-later
"""The escape suite by hand: every way, open, behind two usual rulesets and
behind Cordon, as a table.

    python3 tests/root/escape.py [--cordon | --guard] [GROUP or BEGIN-OF-A-NAME ...]
"""
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import escape_ways  # noqa: E402
from escape_rig import REGIMES, Runner  # noqa: E402

COLUMNS = {"open": "open", "inet": "plain inet", "iptables": "iptables", "cordon": "Cordon", "guard": "with its guard"}


def totals(results, regime, ways):
    n = {}
    for w in ways:
        if (w.id, regime) in results:
            a = results[w.id, regime].answer()
            n[a] = n.get(a, 0) + 1
    return n


def table(ways, regimes, out=sys.stdout):
    r = Runner()
    tried = []
    print("%-28s %-11s %s" % ("way", "open", " ".join("%-15s" % COLUMNS[x] for x in regimes)), file=out)
    try:
        for w in ways:  # all of them first: ways that prepare nothing then share one isolation
            r.run(w, "open")
        for w in ways:
            first = r.run(w, "open")
            works = first.got > 0 and not first.note
            cells = ["passes" if works else "not here"]
            if works:
                tried.append(w)
                cells += [r.run(w, x).text() for x in regimes]
            print("%-28s %-11s %s%s" % (w.id, cells[0], " ".join("%-15s" % c for c in cells[1:]),
                                        "  (%s)" % first.note if first.note else ""), file=out, flush=True)
    finally:
        r.drop()
    print("%d ways, %d possible here" % (len(ways), len(tried)), file=out)
    for x in regimes:
        print("%-12s %s" % (COLUMNS[x], ", ".join("%s %d" % p for p in sorted(totals(r.results, x, tried).items()))),
              file=out)
    return r, tried


def main():
    names = [a for a in sys.argv[1:] if not a.startswith("--")]
    ways = [w for w in escape_ways.ALL if not names or any(w.id.startswith(n) or n == w.group for n in names)]
    table(ways, [r for r in REGIMES if "--" + r in sys.argv] or REGIMES[1:])


if __name__ == "__main__":
    if os.geteuid() != 0:
        sys.exit("needs root, for network namespaces")
    main()
