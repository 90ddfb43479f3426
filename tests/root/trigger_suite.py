# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs rows of triggers on a host, and says how much of it was seen: recall, how soon, by whom, how many signals."""
import os
import re
import statistics
import subprocess
import time

from sensors_rig import CACHED

LOW, MEDIUM = 2, 3
SOON, LATER = 3.0, 100.0
# Looked at now and then: nothing tells of them.
POLLED = ("net.raw-socket", "net.peer", "kernel.lsm-changed", "kernel.tainted", "kernel.binfmt", "logging.stopped",
          "process.traced", "process.pretends")
# The fact itself names nobody: a state of the kernel, or a process that ended.
NOBODY = ("kernel.lsm-changed", "kernel.tainted", "kernel.binfmt", "kernel.bpf", "logging.stopped", "loader.preload", "mount.gone",
          "agent.frozen", "agent.covered", "data.verify-failed")
# Who stands behind a shell's own words and redirections.
SHELLS = {"dash", "sh", "bash"}


class Seen:
    def __init__(self, suite, row):
        self.suite, self.technique, self.words, self.kinds = suite, row[0], row[1], row[3].split("|")
        self.command = row[2] if isinstance(row[2], str) else ""
        self.needles = row[4].split("|") if len(row) > 4 else [""]
        self.signal, self.seconds, self.more, self.error = None, None, [], None
        self.like = lambda m: True  # a row may know its signal better

    def fits(self, m):
        kinds = {m["kind"], *m.get("also", "").split()}  # one signal may say two things of a process
        return not kinds.isdisjoint(self.kinds) and any(n in str(v) for n in self.needles for v in m.values()) and \
            self.like(m)

    def take(self, m):
        self.signal, self.seconds = m, m["ms"] / 1000 - self.begun

    @property
    def polled(self):
        return self.signal is not None and self.signal.get("found-by") in ("poll", "scan", "walk")

    @property
    def can_name(self):
        return self.signal["kind"] not in NOBODY

    @property
    def named(self):
        """The right program: one that the command holds."""
        if self.signal.get("grade", 0) < CACHED:
            return False
        path = self.signal.get("program", "").removesuffix(" (deleted)")
        if path.startswith(("/memfd:", "/usr/sbin/xtables-")):
            return path in self.signal["object"] or "tables" in self.command
        program = os.path.basename(path)
        if not self.command:
            return program != ""
        words = set(re.split(r"[^A-Za-z0-9_.@-]+", self.command)) | SHELLS
        return program in words or program.rstrip("0123456789.") in words or any(program.startswith(w) for w in words if len(w) > 3)


def boot_seconds():
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def drain(rig, seconds, pending, loose):
    """Signals of SECONDS: each to the first that waits for it, else to LOOSE."""
    for m in rig.quiet(seconds):
        owner = next((x for x in pending if x.signal is None and x.fits(m)), None)
        if owner is not None:
            owner.take(m)
        elif m["severity"] >= LOW:
            loose.append(m)


def run(rig, suite, rows, wait=True, say=print):
    """All ROWS, one after the other; what does not come at once may come until the end."""
    done = []
    for row in rows:
        x = Seen(suite, row)
        done.append(x)
        x.begun = boot_seconds()
        try:
            if x.command:
                rig.sh(x.command)
            else:
                like = row[2](rig)
                x.like = like if callable(like) else x.like
        except (AssertionError, LookupError, subprocess.CalledProcessError) as e:
            x.error = str(e).strip()
        end = time.monotonic() + SOON
        while x.signal is None and time.monotonic() < end:
            drain(rig, 0.1, [x, *done[:-1]], x.more)
        drain(rig, 0.35, [x, *done[:-1]], x.more)
        if x.signal is None:
            say("no answer yet: %s %s %s %s" % (suite, x.technique, x.words, x.error or ""), flush=True)
    end = time.monotonic() + (LATER if wait else 2 * SOON)
    while any(x.signal is None for x in done) and time.monotonic() < end:
        drain(rig, 0.5, done, done[-1].more)
    return done


def quantile(seconds, share):
    return sorted(seconds)[min(len(seconds) - 1, int(len(seconds) * share))] if seconds else 0.0


def done_of(done):
    """Without what could not be done, and so changed nothing."""
    return [x for x in done if x.signal is not None or not x.error]


def figures(name, done):
    done = done_of(done)
    seen = [x for x in done if x.signal is not None]
    events, polled = [x.seconds for x in seen if not x.polled], [x.seconds for x in seen if x.polled]
    if not seen:
        return "%-12s 0 of %d" % (name, len(done))
    named = sum(x.named for x in seen)
    signals = statistics.mean(1 + len(x.more) for x in seen)
    causes = statistics.mean(len({m["cause_id"] for m in [x.signal, *x.more]}) for x in seen)
    return ("%-12s recall %d/%d = %.1f %%; events %d: median %.2f s, p95 %.2f s; polled %d: median %.1f s, p95 %.1f s; "
            "right program %d = %.1f %%; %.2f signals and %.2f causes a trigger" % (
                name, len(seen), len(done), 100 * len(seen) / len(done), len(events), quantile(events, 0.5), quantile(events, 0.95),
                len(polled), quantile(polled, 0.5), quantile(polled, 0.95), named, 100 * named / len(seen), signals, causes))


def report(done, whole=True):
    """Lines: each trigger when WHOLE, each that was not seen or not named, then by technique, by suite, and all."""
    out = []
    for x in done:
        what = "%-9s %-11s %-44s" % (x.suite, x.technique, x.words)
        if x.signal is None:
            out.append("%-8s %s %s%s; there was %s" % ("NOT DONE" if x.error else "MISSED", what, "|".join(x.kinds), " (%s)" % x.error if x.error else "", [
                (m["kind"], m["object"]) for m in x.more][:5]))
        elif whole or not x.named:
            out.append("%-8s %s %-22s %6.2f s  %s%s" % ("" if x.named else "UNNAMED", what, x.signal["kind"], x.seconds,
                                                      x.signal.get("program", "") or "-", "  +%d %s" % (
                                                          len(x.more), [(m["kind"], m["object"][-30:]) for m in x.more]) if len(x.more) > 1 else ""))
    by = {}
    for x in done_of(done):
        by.setdefault(x.technique, []).append(x)
    out += ["", "technique    seen of"]
    out += ["%-12s %4d %2d" % (t, sum(x.signal is not None for x in xs), len(xs)) for t, xs in sorted(by.items())]
    out.append("")
    out += [figures(s, [x for x in done if x.suite == s]) for s in dict.fromkeys(x.suite for x in done)]
    out.append(figures("all", done))
    return out
