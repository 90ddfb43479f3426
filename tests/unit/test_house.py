# SPDX-License-Identifier: GPL-3.0-or-later
"""The house rules that a machine can hold: who may include what, no cycles,
every header compiles alone, which program links what, the top level."""
import collections
import glob
import os
import re
import subprocess

import pytest

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SIDES = ("common", "agent", "server")
TOP_LEVEL = {"agent", "server", "common", "packaging", "tests", "Makefile", "README.md", "LICENSE"}


def read_floors(text):
    rooms, never = collections.OrderedDict(), []
    for line in text.splitlines():
        line = line.split("#")[0].strip()
        if line.startswith("never "):
            never.append(line.split()[1:])
        elif line:
            room, may = line.split("->")
            rooms[room.strip()] = may.split()
    return rooms, never


with open(os.path.join(TOP, "tests/FLOORS")) as f:
    ROOMS, NEVER = read_floors(f.read())


def sources():
    for side in SIDES:
        for pattern in ("%s/*.[ch]", "%s/*/*.[ch]"):
            for path in sorted(glob.glob(os.path.join(TOP, pattern % side))):
                yield os.path.relpath(path, TOP)


def includes(path):
    with open(os.path.join(TOP, path), errors="replace") as f:
        return re.findall(r'^\s*#\s*include\s+"([^"]+)"', f.read(), re.M)


def violations(room, path, names):
    """What in NAMES a file of ROOM may not include."""
    may = set(ROOMS.get(room, ())) | {room}
    bad = []
    for name in names:
        target = os.path.dirname(name)
        if target in may:
            continue
        if any(m.endswith("/*") and target.startswith(m[:-1]) for m in may):
            continue
        bad.append("%s includes %s" % (path, name))
    return bad


def test_every_folder_is_a_room():
    have = {os.path.dirname(p) for p in sources()}
    assert not have - set(ROOMS), "folders without a line in tests/FLOORS"


def test_arrows_only_point_down():
    bad = []
    for path in sources():
        bad += violations(os.path.dirname(path), path, includes(path))
    assert not bad, "\n".join(bad)


def test_the_guard_itself_sees_an_upward_include():
    assert violations("agent/sensors", "x.c", ["common/net/tls.h"])
    assert violations("common/base", "x.c", ["agent/links/ipc.h"])
    assert not violations("agent/sensors", "x.c", ["common/wire/frame.h"])


def test_no_cycles():
    seen, stack = {}, []

    def visit(room):
        if seen.get(room) == 1:
            pytest.fail("cycle: " + " -> ".join(stack + [room]))
        if seen.get(room) == 2:
            return
        seen[room] = 1
        stack.append(room)
        for below in ROOMS.get(room, ()):
            if not below.endswith("/*"):
                visit(below)
        stack.pop()
        seen[room] = 2

    for room in ROOMS:
        visit(room)


@pytest.mark.parametrize("side", SIDES)
def test_every_header_compiles_alone(side):
    bad = []
    for path in sources():
        if not path.endswith(".h") or not path.startswith(side + "/"):
            continue
        p = subprocess.run(["gcc", "-std=gnu11", "-Wall", "-Wextra", "-Werror", "-D_GNU_SOURCE", "-I.",
                            "-Ibuild/gen", "-fsyntax-only", "-xc", "-"], cwd=TOP, text=True,
                           input='#include "%s"\n' % path, capture_output=True)
        if p.returncode:
            bad.append(path + "\n" + p.stderr)
    assert not bad, "\n".join(bad)


def needed(program):
    out = subprocess.run(["objdump", "-p", os.path.join(TOP, "build/bin", program)],
                         capture_output=True, text=True, check=True).stdout
    return re.findall(r"NEEDED\s+(\S+)", out)


@pytest.mark.parametrize("row", NEVER, ids=lambda r: r[0])
def test_a_program_links_only_what_it_may(row):
    libs = needed(row[0])
    assert libs
    for lib in row[1:]:
        assert not [n for n in libs if n.startswith(lib + ".")], "%s links %s" % (row[0], lib)


@pytest.mark.parametrize("program", sorted(os.path.basename(p) for p in glob.glob(os.path.join(TOP, "build/bin/*"))))
def test_hardening(program):
    path = os.path.join(TOP, "build/bin", program)
    head = subprocess.run(["readelf", "-hldWn", path], capture_output=True, text=True, check=True).stdout
    assert re.search(r"Type:\s+DYN", head), "not position independent"
    assert "GNU_RELRO" in head and re.search(r"FLAGS.*(BIND_NOW|NOW)", head), "no full RELRO"
    assert not re.search(r"GNU_STACK.*RWE", head), "executable stack"
    # Debian's crt files carry no CET note, so the program has none either:
    # what counts for us is that our own code was compiled with it.
    code = subprocess.run(["objdump", "-d", "--disassemble=main", path], capture_output=True, text=True, check=True).stdout
    assert "endbr64" in code, "no CET"
    symbols = subprocess.run(["nm", "-D", path], capture_output=True, text=True, check=True).stdout
    assert "__stack_chk_fail" in symbols, "no stack protector"
    assert "_chk@" in symbols, "not fortified"


def test_top_level():
    out = subprocess.run(["git", "ls-files"], cwd=TOP, capture_output=True, text=True)
    if out.returncode:
        pytest.skip("not a git checkout")
    names = {line.split("/")[0] for line in out.stdout.splitlines()}
    assert not {n for n in names if not n.startswith(".")} - TOP_LEVEL


def test_every_source_says_its_licence():
    bad = [p for p in sources() if not open(os.path.join(TOP, p)).readline().startswith("/* SPDX-License-Identifier:")]
    assert not bad, bad


def test_every_room_has_a_readme():
    need = {"common", "agent"} | {r for r in ROOMS if r.startswith("server/") and r not in ("server/links", "server/model")}
    need |= {"server", "packaging", "tests"}
    assert not [r for r in sorted(need) if not os.path.exists(os.path.join(TOP, r, "README.md"))]


@pytest.mark.parametrize("path, prefix", [("agent/links/ipc.h", "IPC"), ("common/wire/frame.h", "FRAME")])
def test_every_message_has_a_number_of_its_own(path, prefix):
    with open(os.path.join(TOP, path)) as f:
        numbers = re.findall(r"^\t(%s_(?!PEER|FD|KIND_MAX)\w+) = (\d+)," % prefix, f.read(), re.M)
    by_number = collections.defaultdict(list)
    for name, number in numbers:
        by_number[number].append(name)
    assert len(numbers) > 20
    assert not [names for names in by_number.values() if len(names) > 1]


def test_every_migration_has_a_number_of_its_own():
    names = sorted(os.listdir(os.path.join(TOP, "server/store/schema")))
    assert [n[:4] for n in names] == ["%03d_" % (i + 1) for i in range(len(names))]
