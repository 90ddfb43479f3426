# SPDX-License-Identifier: GPL-3.0-or-later
"""Lists of packages that the collector makes, signs and serves: what a host's own database says is weaker."""
import hashlib
import os
import shutil
import subprocess

import pytest

from debs import Packages
from rpms import Rpms
from world import wait_for

LOW, HIGH = 2, 4


@pytest.fixture(scope="module")
def people(world):
    """No policy here: nothing is isolated but by a person."""
    col = world.collector(policy="# none\n")
    return col, col.operator("wang", "analyst", "baseline")


@pytest.fixture(scope="module")
def site(world, people):
    """A host with a package of its own, and the same package at the collector."""
    if shutil.which("dpkg-deb") is None:
        pytest.skip("no dpkg on this machine")
    col, wang = people
    work = os.path.join(world.dir, "packages")
    os.makedirs(work)
    tree = os.path.join(world.dir, "lists-tree")
    os.makedirs(os.path.join(tree, "bin"))
    p = Packages(work)
    p.build("tools", "1", {tree + "/bin/tool": "#!/bin/sh\necho good\n"}, modes={tree + "/bin/tool": 0o755})
    p.install("tools", "1")
    inbox = col.path("inbox")
    os.makedirs(inbox)
    shutil.copy(p.deb("tools", "1"), inbox)
    with open(os.path.join(inbox, "broken.deb"), "w") as f:
        f.write("!<arch>\nno package")
    out = lists_import(world, col, inbox)
    assert "1 lists made and signed, 1 files were no packages" in out.stdout, out.stdout
    h = world.host("lists-1", watch=[tree], files__package_database=p.db, files__rpm_database="none",
                   files__package_lists="none")
    h.enrol(col).start_agent()
    h.tree, h.inbox, h.list = tree, inbox, os.path.join(h.state, "sensors", "lists", "tools_1_all.sums")
    wait_for("the list has come", lambda: os.path.exists(h.list), 30)
    wait_for("it looks", lambda: wang.lines("signals", "--kind", "files.baseline"), 30)
    return h


def lists_import(world, col, *files):
    return col.run([world.bin("cordon-collector"), "lists", "import", *files, "--config", col.conf,
                    "--user", str(os.stat(col.state).st_uid)], check=False)


def signals(wang, path, after):
    return [s for s in wang.lines("signals", "--limit", "1000", check=False)
            if s["object"] == path and s["seq"] > after]


def last(wang):
    return max([s["seq"] for s in wang.lines("signals", "--limit", "1000", check=False)] + [0])


def put(path, text):
    with open(path, "w") as f:
        f.write(text)


def test_foreign_content_is_louder_and_says_by_whom(people, site):
    wang, tool = people[1], site.tree + "/bin/tool"
    start = last(wang)
    put(tool, "#!/bin/sh\necho evil\n")
    wait_for("told", lambda: signals(wang, tool, start))
    s = signals(wang, tool, start)[0]
    assert s["kind"] == "files.package-modified" and "collector's signed list" in s["evidence"]["package.says"], s


def test_right_content_by_any_hand_is_silent(people, site):
    """dpkg's own MD5 would not do for this: it lies on the host."""
    wang, tool = people[1], site.tree + "/bin/tool"
    start = last(wang)
    subprocess.run(["sh", "-c", "printf '#!/bin/sh\\necho good\\n' > " + tool], check=True)
    put(site.tree + "/awake", "x")
    wait_for("it looks", lambda: signals(wang, site.tree + "/awake", start))
    assert [s for s in signals(wang, tool, start) if s["kind"] != "files.explained"] == []


def test_a_list_changed_on_the_host_counts_for_nothing(people, site):
    """Root there can write the file, and not the signature."""
    wang, tool = people[1], site.tree + "/bin/tool"
    evil = "#!/bin/sh\necho evil again\n"
    with open(site.list, "rb") as f:
        data = f.read()
    good = hashlib.sha256(b"#!/bin/sh\necho good\n").hexdigest().encode()
    assert good in data
    start = last(wang)
    with open(site.list + ".new", "wb") as f:
        f.write(data.replace(good, hashlib.sha256(evil.encode()).hexdigest().encode()))
    shutil.copystat(site.list, site.list + ".new")
    os.rename(site.list + ".new", site.list)
    put(tool, evil)
    wait_for("told", lambda: signals(wang, tool, start))
    s = signals(wang, tool, start)[0]
    assert s["kind"] == "files.package-modified" and "dpkg's list says (MD5)" in s["evidence"]["package.says"], s


def test_packages_of_rpm_are_imported_too(world, people, site):
    if shutil.which("rpmbuild") is None:
        pytest.skip("no rpm on this machine")
    col = people[0]
    work = os.path.join(world.dir, "rpms")
    os.makedirs(work)
    rpm = Rpms(work).build("thing", "2", {"/opt/thing/x": "x\n"}, modes={"/opt/thing/x": 0o755},
                           links={"/opt/thing/l": "x"})
    shutil.copy(rpm, site.inbox)
    os.unlink(os.path.join(site.inbox, "broken.deb"))
    out = lists_import(world, col, os.path.join(site.inbox, os.path.basename(rpm)))
    assert out.returncode == 0 and "1 lists made" in out.stdout, out.stdout
    with open(os.path.join(col.state, "lists", "thing_2-1_noarch.sums")) as f:
        text = f.read()
    assert "f %s 755 0 0 opt/thing/x\n" % hashlib.sha256(b"x\n").hexdigest() in text, text
    assert "l %s 777 0 0 opt/thing/l\n" % hashlib.sha256(b"x").hexdigest() in text, text


def test_of_a_package_that_went_the_list_goes(people, site):
    """After the next connection; a new one comes with it."""
    wang = people[1]
    os.rename(site.list, os.path.join(os.path.dirname(site.list), "gone_1_all.sums"))
    before = wang.json("host", "show", site.name)["last_seen"]
    site.kill("agent-network")
    wait_for("here again", lambda: wang.json("host", "show", site.name)["last_seen"] > before and
             os.path.exists(site.list), 40)
    assert os.listdir(os.path.dirname(site.list)) == ["tools_1_all.sums"]
