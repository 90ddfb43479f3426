# SPDX-License-Identifier: GPL-3.0-or-later
"""What is shipped beside the programs is true: example configurations,
manual pages and completion, held against the tables in the sources and
against what the built programs say of themselves."""
import os
import re
import shutil
import subprocess

import pytest

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SHIPPED = os.path.join(TOP, "packaging/common")
BIN = os.path.join(TOP, "build/bin")

# source of the table, example, manual page
TABLES = [("agent/parent/settings.c", "agent.conf", "agent.conf.5"),
          ("server/settings.c", "collector.conf", "collector.conf.5"),
          ("server/ctl/conf.c", "cordonctl.conf", "cordonctl.1")]
POLICY = ("server/policy/policy.c", "policy.conf", "policy.conf.5")
# program, manual page
PROGRAMS = [("cordon-agent", "cordon-agent.8"), ("cordon-collector", "cordon-collector.8"),
            ("cordon-signer", "cordon-signer.8"), ("cordonctl", "cordonctl.1")]


def read(*names):
    with open(os.path.join(*names)) as f:
        return f.read()


def rows(source):
    """(section, key, default or None) of a table of struct conf_key."""
    text = read(TOP, source)
    found = re.findall(r'\{\s*"(\w+)",\s*"(\w+)",\s*(CONF_\w+),\s*AT\([^)]*\),\s*("(?:[^"]|"\s*")*"|\w+)', text)
    assert len(found) == len(re.findall(r'\{\s*"\w+",\s*"\w+",\s*CONF_', text)), "a row of an unknown form"
    return [(s, k, re.sub(r'"\s*"', "", d).strip('"') if d.startswith('"') else None) for s, k, _, d in found]


def example(name):
    """{(section, key): [values]} of all lines, also those that are commented out."""
    found, section = {}, None
    for line in read(SHIPPED, name).splitlines():
        header = re.match(r"\[(\S+).*\]$", line)
        pair = re.match(r"#?(\w+) = (.*)$", line)
        if header:
            section = header.group(1)
        elif pair:
            found.setdefault((section, pair.group(1)), []).append(pair.group(2))
    return found


@pytest.mark.parametrize("source, name, page", TABLES, ids=lambda x: x)
def test_the_example_has_every_key_with_its_default(source, name, page):
    table, shown = rows(source), example(name)
    assert table
    assert set(shown) == {(s, k) for s, k, _ in table}
    for section, key, standard in table:
        assert standard is None or shown[section, key] == [standard], key


@pytest.mark.parametrize("source, name, page", TABLES, ids=lambda x: x)
def test_the_page_has_every_key(source, name, page):
    there = re.findall(r"^\.It Cm (\w+) =", read(SHIPPED, "man", page), re.M)
    assert sorted(there) == sorted(k for _, k, _ in rows(source))


def test_policy_has_every_key_in_example_and_page():
    source, name, page = POLICY
    keys = re.findall(r'\{\s*"(\w+)",\s*RULE_\w+\s*\}', read(TOP, source))
    assert len(keys) == 14
    shown = re.findall(r"^#\s+(\w+) = ", read(SHIPPED, name), re.M)
    assert sorted(keys) == sorted(shown)
    assert sorted(keys) == sorted(re.findall(r"^\.It Cm (\w+) =", read(SHIPPED, "man", page), re.M))


# -- the built programs -------------------------------------------------------

def built(program):
    path = os.path.join(BIN, program)
    if not os.path.exists(path):
        pytest.skip("%s is not built" % program)
    return path


def ask(*args):
    return subprocess.run(args, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=30,
                          env={"PATH": os.environ["PATH"], "LANG": "C"})


def accepted(p):
    return p.returncode == 0 and p.stdout.strip() == "configuration OK"


def test_the_agent_takes_its_example(tmp_path):
    check = (built("cordon-agent"), "check-config", "--libexec", BIN, "-c")
    assert accepted(ask(*check, os.path.join(SHIPPED, "agent.conf")))
    bad = tmp_path / "bad.conf"
    bad.write_text(read(SHIPPED, "agent.conf").replace("prove_every = 1m", "prove_evry = 1m"))
    p = ask(*check, str(bad))
    assert p.returncode == 78 and "prove_evry" in p.stderr


def test_the_collector_takes_its_examples(tmp_path):
    """With each line that is commented out put in: defaults are values too."""
    conf, policy = tmp_path / "collector.conf", tmp_path / "policy.conf"
    text = re.sub(r"^#(\w+ = )", r"\1", read(SHIPPED, "collector.conf"), flags=re.M)
    conf.write_text(re.sub(r"^policy = .*", "policy = %s" % policy, text, flags=re.M))
    policy.write_text(read(SHIPPED, "policy.conf"))
    check = (built("cordon-collector"), "-n", "-c", str(conf))
    assert accepted(ask(*check))
    policy.write_text(policy.read_text().replace("then = raise", "then = praise", 1))
    p = ask(*check)
    assert p.returncode == 1 and "praise" not in p.stdout and str(policy) in p.stderr


def test_as_shipped_the_collector_asks_for_its_address():
    p = ask(built("cordon-collector"), "-n", "-c", os.path.join(SHIPPED, "collector.conf"))
    assert p.returncode == 1 and "advertise" in p.stderr


def test_cordonctl_takes_its_example(tmp_path):
    """It gets as far as the network: nobody listens on port 1."""
    conf = tmp_path / "cordonctl.conf"
    text = re.sub(r"^#(\w+ = )", r"\1", read(SHIPPED, "cordonctl.conf"), flags=re.M)
    conf.write_text(re.sub(r"^url = .*", "url = https://127.0.0.1:1", text, flags=re.M))
    assert ask(built("cordonctl"), "-c", str(conf), "whoami").returncode == 7
    conf.write_text(conf.read_text().replace("timeout =", "timout ="))
    p = ask(built("cordonctl"), "-c", str(conf), "whoami")
    assert p.returncode == 1 and "timout" in p.stderr


def ctl_commands():
    """{"plan apply": ["--yes", ...]} as cordonctl tells it."""
    ctl = built("cordonctl")
    always = set(re.findall(r"--[a-z0-9-]+", ask(ctl, "--help").stdout.split("options:")[1]))
    body = ask(ctl, "--help").stdout.split("commands:")[1].split("options:")[0]
    found = {}
    for line in body.splitlines():
        if line.strip():
            name = re.match(r"  (\S+(?: \S+)?)\s", line).group(1)
            text = ask(ctl, *name.split(), "--help").stdout.split("options:")[1].split("example:")[0]
            found[name] = set(re.findall(r"^\s+(?:-\w, )?(--[a-z0-9-]+)", text, re.M)) - always
    assert len(found) > 20
    return found, always


@pytest.mark.parametrize("program, page", PROGRAMS, ids=lambda x: x)
def test_the_page_has_every_option_and_command(program, page):
    text = read(SHIPPED, "man", page)
    there = {"--" + o for o in re.findall(r"(?:Fl|,|\|) -([a-z0-9-]+)", text)}
    if program == "cordonctl":
        found, options = ctl_commands()
        options = options.union(*found.values())
        for name in found:
            assert re.search(r"^\.It Cm %s( |$)" % re.escape(name), text, re.M), name
    else:
        said = ask(built(program), "--help")
        options = set(re.findall(r"--[a-z0-9-]+", said.stdout + said.stderr))
    # -o is how its page calls --out.
    assert options - {"--out"} <= there, options - there
    if program == "cordon-agent":
        for name in ("enrol", "status", "order", "run", "restore", "check-config", "may-remove", "clear"):
            assert re.search(r"^\.It Cm %s( |$)" % name, text, re.M), name


@pytest.mark.parametrize("page", sorted(os.listdir(os.path.join(SHIPPED, "man"))))
def test_the_page_is_well_formed(page):
    if shutil.which("groff") is None:
        pytest.skip("groff is not installed")
    p = subprocess.run(["groff", "-mandoc", "-ww", "-Tutf8", "-z", os.path.join(SHIPPED, "man", page)],
                       capture_output=True, text=True)
    assert p.returncode == 0 and p.stderr == ""


# -- completion ---------------------------------------------------------------

COMPLETE = """source "$1"; shift; function=$1; shift
compopt() { :; }
COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); $function
printf '%s\\n' "${COMPREPLY[@]}"
"""


def offered(name, function, *words):
    p = ask("bash", "-c", COMPLETE, "bash", os.path.join(SHIPPED, "completion", name), function, *words)
    assert p.stderr == ""
    return set(p.stdout.split())


def test_completion_offers_what_cordonctl_takes():
    found, always = ctl_commands()
    assert offered("cordonctl", "_cordonctl", "cordonctl", "") == {n.split()[0] for n in found} | always
    for name, options in found.items():
        words = name.split()
        at = offered("cordonctl", "_cordonctl", "cordonctl", *words, "--")
        assert at == options | always, name
        if len(words) == 2:
            assert words[1] in offered("cordonctl", "_cordonctl", "cordonctl", words[0], "")
    assert offered("cordonctl", "_cordonctl", "cordonctl", "host", "list", "--tier", "") == {"T0", "T1", "T2", "T3"}


@pytest.mark.parametrize("program, name", [("cordon-agent", "cordon-agent"), ("cordon-collector", "cordon-collector"),
                                           ("cordon-signer", "cordon-collector")])
def test_completion_offers_what_the_program_takes(program, name):
    said = ask(built(program), "--help").stdout
    options = set(re.findall(r"^ +(?:-\w, +)?(--[a-z0-9-]+)", said, re.M)) | {"--help", "--version"}
    function = "_" + program.replace("-", "_")
    at = offered(name, function, program, "")
    for command in ("enrol", "init", "manifest"):
        at |= offered(name, function, program, command, "--")
    assert options <= {w for w in at if w.startswith("--")}
    assert {w for w in at if not w.startswith("-")} <= set(re.findall(r"[a-z-]+", said))
