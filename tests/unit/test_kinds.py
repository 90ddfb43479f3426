# SPDX-License-Identifier: GPL-3.0-or-later
"""Signal kinds: what the agent names is in the table, what is in the table
the agent names, what the shipped policy waits for can come, and cordonctl
tells the table without asking anybody, and the manual page has it."""
import fnmatch
import glob
import json
import os
import re
import subprocess
import sys

import pytest

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(TOP, "tests/lib"))
import kinds_page  # noqa: E402

TABLE = "common/base/kinds.c"
# Their first text is a finding of a check or a key of evidence, which look like kinds.
NO_KIND = r"\b(?:findings_add|emit_addf?|add_numbers|add_time|count)\s*\([^\";]*\"[^\"]*\""
# These take a kind: also one of a group that the table does not have.
TAKES = r"\b(?:emit_init|tell|peek_tell|told_init|told_raise|message_signal|notes_leave|signal_kind_find)\s*\("


def read(path):
    with open(os.path.join(TOP, path)) as f:
        return f.read()


def table():
    found = re.findall(r'^\t\{"([a-z0-9.-]+)", S\(', read(TABLE), re.M)
    assert len(found) > 100
    return found


def named_in(text, kinds):
    """Texts that are meant as kinds in C source."""
    text = re.sub(r"/\*.*?\*/", "", text, flags=re.S)
    text = re.sub(NO_KIND, "", text)
    groups = {k.split(".")[0] for k in kinds}
    found = {k for k in re.findall(r'"([a-z]+\.[a-z0-9-]+)"', text) if k.split(".")[0] in groups}
    return found | set(re.findall(TAKES + r'[^";]*"([a-z]+\.[a-z0-9-]+)"', text))


def named(kinds):
    found = {}
    for path in sorted(glob.glob(os.path.join(TOP, "agent/*/*.[ch]")) +
                       glob.glob(os.path.join(TOP, "server/flow/*.[ch]"))):
        for kind in named_in(read(path), kinds):
            found.setdefault(kind, []).append(os.path.relpath(path, TOP))
    return found


def test_what_counts_as_named():
    kinds = ["files.created", "account.uid0"]
    assert named_in('emit_init(&s, "nosuch.kind", path);', kinds) == {"nosuch.kind"}
    assert named_in('kind = bad ?\n    "files.misspelt" : "files.created";', kinds) == {"files.misspelt", "files.created"}
    assert not named_in('findings_add(w->f,\n    "account.uid0", l.name);', kinds)
    assert not named_in('/* "files.created" */ open("main.conf");', kinds)


def test_every_kind_that_the_agent_names_is_in_the_table():
    kinds = table()
    unknown = {k: where for k, where in named(kinds).items() if k not in kinds}
    assert not unknown, "not in %s: %s" % (TABLE, unknown)


def test_no_kind_is_dead():
    kinds = table()
    assert not set(kinds) - set(named(kinds)), "in %s, but nothing tells them" % TABLE


def test_policy_as_shipped_waits_for_kinds_that_exist():
    kinds = table()
    patterns = re.findall(r"^kind = (\S+)", read("packaging/common/policy.conf"), re.M)
    assert len(patterns) > 10
    dead = [p for p in patterns if not fnmatch.filter(kinds, p)]
    assert not dead, dead


CTL = os.path.join(TOP, "build/bin/cordonctl")
need_ctl = pytest.mark.skipif(not os.path.exists(CTL), reason="cordonctl is not built")


def tell(*args):
    """What cordonctl says where there is no configuration."""
    env = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", "LANG": "C", "CORDONCTL_CONF": "/nonexistent/conf"}
    return subprocess.run([CTL, "signal", "kinds", *args], env=env, capture_output=True, text=True, timeout=30)


def told(*args):
    p = tell("--json", *args)
    assert p.returncode == 0, p.stderr
    return [json.loads(line) for line in p.stdout.splitlines()]


@need_ctl
def test_cordonctl_tells_the_table():
    en, zh = told(), told("--lang", "zh")
    assert [k["kind"] for k in en] == [k["kind"] for k in zh] == table()
    for one, other in zip(en, zh):
        assert all(one[key] == other[key] for key in ("kind", "severity", "technique", "group"))
        assert one["kind"].startswith(one["group"] + ".")
        for key in ("text", "advice", "about"):
            assert one[key].isascii() and not other[key].isascii(), one


@need_ctl
@pytest.mark.parametrize("what", ["process.traced", "agent.stopped"])
def test_cordonctl_tells_one_kind(what):
    assert [k["kind"] for k in told(what)] == [what]


@need_ctl
@pytest.mark.parametrize("what", ["data", "data.", "data.*", "data.backup"])
def test_cordonctl_tells_kinds_that_begin_so(what):
    begin = what.rstrip("*")
    assert [k["kind"] for k in told(what)] == [k for k in table() if k.startswith(begin)]


@need_ctl
@pytest.mark.parametrize("lang, heading, level, words, advice", [
    ("en", "data: declared trees of documents, and backups", "critical", "a canary file in a data tree was changed",
     "advice: isolate the host"), ("zh", "data：声明的文档目录与备份", "严重", "诱饵文件", "建议：隔离主机")])
def test_cordonctl_tells_people_in_their_language(lang, heading, level, words, advice):
    p = tell("--lang", lang, "data.canary")
    lines = p.stdout.splitlines()
    assert p.returncode == 0 and len(lines) == 4
    assert lines[0] == heading
    assert lines[1].split() == ["data.canary", level, "T1486"]
    assert words in lines[2] and advice in lines[3]


@need_ctl
def test_cordonctl_says_when_no_kind_fits():
    p = tell("nosuch")
    assert p.returncode == 4 and p.stdout == "" and "cordonctl signal kinds" in p.stderr


@need_ctl
def test_the_page_says_what_the_table_says():
    """After a change of the table: make kinds-page."""
    assert read("packaging/common/man/cordon-signals.7") == kinds_page.page(kinds_page.kinds(CTL))


def test_the_page_writer_lets_no_text_become_a_request():
    k = {"kind": "a.b", "severity": "low", "technique": "", "text": ".so /etc/passwd", "advice": "'x\\y -z", "group": "a",
         "about": "x"}
    text = kinds_page.page([k])
    assert "\n\\&.so /etc/passwd.\n" in text and "\n\\&'x\\ey \\-z.\n" in text
