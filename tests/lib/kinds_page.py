#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes the manual page cordon-signals(7) from what `cordonctl signal kinds`
tells: python3 tests/lib/kinds_page.py build/bin/cordonctl > PAGE.
`make kinds-page` does that; a unit test compares."""
import json
import os
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from unseen import UNSEEN  # noqa: E402

HEAD = r"""
.\" SPDX-License-Identifier: GPL-3.0-or-later
.\" Made by `make kinds-page` from common/base/kinds.c and tests/lib/unseen.py.
.Dd November 23, 2026
.Dt CORDON-SIGNALS 7
.Os
.Sh NAME
.Nm cordon-signals
.Nd what each kind of signal means and what to do
.Sh DESCRIPTION
A signal is one observation of a Cordon agent: its kind, the object that it is
about, words with what was and what is, and who did it, as far as that is known.
The kinds are stable names; rules in
.Xr cordon-policy.conf 5
and scripts may rely on them.
.Pp
Each kind is given here with its severity, the technique of MITRE ATT&CK that
it may be a trace of, if there is one, what it means, and what to do next.
A sensor that knows more may send a kind with another severity.
The same table, in English or Chinese, is told by
.Ic cordonctl signal kinds ;
what was seen, by
.Ic cordonctl signals .
.Sh SEVERITIES
.Bl -tag -width "critical" -compact
.It info
for the record
.It low
usual on many hosts; worth a look if it was not meant
.It medium
somebody should know why it happened
.It high
look at it today
.It critical
look at it now
.El
.Sh KINDS
""".lstrip("\n")

FOOT = """.Sh SEE ALSO
.Xr cordonctl 1 ,
.Xr cordon-agent.conf 5 ,
.Xr cordon-policy.conf 5 ,
.Xr cordon-agent 8
"""


def text(line):
    """A line of text in roff."""
    line = line.replace("\\", "\\e").replace(" -", " \\-")
    return "\\&" + line if line[0] in ".'" else line


def sentence(line):
    return text(line[0].upper() + line[1:] + ".")


def kinds(ctl):
    """The table, a dict a kind."""
    out = subprocess.run([ctl, "signal", "kinds", "--json", "--lang", "en"], capture_output=True, text=True,
                         check=True, timeout=30).stdout
    return [json.loads(line) for line in out.splitlines()]


def limits():
    """What no kind tells."""
    out = [".Sh WHAT IS NOT SEEN\n.Bl -tag -width Ds\n"]
    out += [".It %s Pq %s\n%s.\n" % (text(what[0].upper() + what[1:]), technique.replace(",", " ,"), sentence(why)[:-1])
            for technique, what, why in UNSEEN]
    return "".join(out) + ".El\n"


def page(table):
    out, group = [HEAD], None
    for k in table:
        if k["group"] != group:
            out.append(".El\n" if group else "")
            out.append(".Ss %s: %s\n.Bl -tag -width Ds\n" % (k["group"], k["about"]))
            group = k["group"]
        technique = " , %s" % k["technique"] if k["technique"] else ""
        out.append(".It Cm %s Pq %s%s\n%s\n.Em Advice :\n%s.\n" % (
            k["kind"], k["severity"], technique, sentence(k["text"]), text(k["advice"])))
    return "".join(out) + ".El\n" + limits() + FOOT


if __name__ == "__main__":
    sys.stdout.write(page(kinds(sys.argv[1])))
