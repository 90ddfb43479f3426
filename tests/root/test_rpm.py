# SPDX-License-Identifier: GPL-3.0-or-later
"""What rpm does is explained and silent; what others do to its files is louder.  Real rpm, its own database."""
import os
import shutil
import sqlite3
import subprocess
import sys

import pytest
from sensors_rig import ROOT, Sensors

sys.path.insert(0, os.path.join(ROOT, "tests/lib"))
from rpms import Rpms  # noqa: E402

pytestmark = [pytest.mark.skipif(os.geteuid() != 0, reason="needs root"),
              pytest.mark.skipif(shutil.which("rpmbuild") is None, reason="no rpm on this machine")]
LOW, MEDIUM, HIGH, CRITICAL = 2, 3, 4, 5


class Rig(Sensors):
    def __init__(self):
        super().__init__()
        os.makedirs(self.path("bin"))
        os.makedirs(self.path("etc"))
        for kept in ("bin/.keep", "etc/.keep"):
            self.write(kept, "")
        self.p = Rpms(self.work)

    def begin(self):
        self.start("--packages", "", "--rpm", self.p.db, "--wait", "30")

    def tools(self, version, **kw):
        return self.p.build("tools", version, {
            self.path("bin/tool"): "#!/bin/sh\necho %s\n" % version, self.path("bin/same"): "same\n",
            self.path("etc/tools.conf"): "shipped %s\n" % version},
            config=[self.path("etc/tools.conf")], modes={self.path("bin/tool"): 0o755},
            links={self.path("bin/link"): "tool"}, **kw)

    def done(self):
        """The end of a transaction, and what was raised until then.  On a loaded machine a program may be gone
        before anybody could see below whom it ran; that is told with its grade, and raised."""
        m = self.expect("signal", lambda m: m["kind"] == "package.transaction")
        return m, [x for x in self.quiet(0.5) if x["severity"] >= MEDIUM and x["parents"] > 0]


@pytest.fixture
def s():
    x = Rig()
    yield x
    x.close()


def test_10_install_reinstall_upgrade_and_removal_are_silent(s):
    one, two = s.tools("1"), s.tools("2")
    s.begin()
    s.p.rpm("-i", one)
    m, raised = s.done()
    assert raised == [] and int(m["explained"]) >= 4, m
    assert m["object"] == "/usr/bin/rpm" and "tools 1-1 noarch" in m["packages"], m
    s.p.rpm("--reinstall", one)
    assert [x for x in s.quiet(3.0) if x["severity"] >= LOW and x["kind"] != "package.transaction"] == []
    s.p.rpm("-U", two)
    m, raised = s.done()
    assert raised == [] and "tools 2-1 noarch" in m["packages"], m
    s.p.rpm("-e", "tools")
    m, raised = s.done()
    assert raised == [] and int(m["removed"]) >= 3, m
    s.write("bin/awake", "x")
    assert s.signal("files.created", "bin/awake")["severity"] == MEDIUM


def test_11_a_packages_file_with_other_content_is_louder(s):
    s.p.rpm("-i", s.tools("1"))
    s.begin()
    s.write("bin/tool", "#!/bin/sh\nevil\n")
    m = s.signal("files.package-modified", "bin/tool")
    assert m["severity"] == CRITICAL and m["package"] == "tools 1-1 noarch", m
    assert "rpm's database" in m["package.says"], m
    s.write("bin/same", "other\n")
    assert s.signal("files.package-modified", "bin/same")["severity"] == HIGH
    s.write("etc/tools.conf", "mine\n")  # the administrator's to change
    m = s.signal("files.changed", "etc/tools.conf")
    assert m["severity"] == HIGH and "conffile" in m["package.says"], m


def test_12_right_content_by_another_hand_is_told(s):
    """The database lies on the host: who can write the file can write it too."""
    s.p.rpm("-i", s.tools("1"))
    shutil.copy(s.path("bin/tool"), os.path.join(s.work, "good"))
    s.write("bin/tool", "broken")
    s.begin()
    subprocess.run(["cp", os.path.join(s.work, "good"), s.path("bin/tool")], check=True)
    m = s.signal("files.changed", "bin/tool")
    assert m["severity"] == HIGH and "not written by rpm" in m["package.says"], m


def test_13_rights_are_held_against_the_database(s):
    s.p.rpm("-i", s.tools("1"))
    s.begin()
    os.chmod(s.path("bin/tool"), 0o4755)
    assert s.signal("files.setuid", "bin/tool")["severity"] >= HIGH


def test_14_a_database_in_use_and_one_that_lies(s):
    """A log beside it is read; views, junk and torn files are not believed, and nothing else suffers."""
    s.p.rpm("-i", s.tools("1"))
    db = os.path.join(s.p.db, "rpmdb.sqlite")
    held = sqlite3.connect(db, isolation_level=None)  # somebody reads: the log cannot be folded in
    held.execute("BEGIN")
    held.execute("SELECT count(*) FROM Packages").fetchone()
    s.p.rpm("-U", s.tools("2"))
    assert os.path.getsize(db + "-wal") > 0
    s.begin()
    s.write("bin/tool", "#!/bin/sh\nevil\n")
    m = s.signal("files.package-modified", "bin/tool")
    assert m["package"] == "tools 2-1 noarch", m
    held.close()
    s.stop()
    with open(db, "rb") as f:
        whole = f.read()
    for junk in ("view", "text", "torn"):
        for name in (db, db + "-wal", db + "-shm"):
            if os.path.exists(name):
                os.unlink(name)
        if junk == "view":
            c = sqlite3.connect(db)
            c.execute("CREATE VIEW Packages AS WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) "
                      "SELECT x AS hnum, zeroblob(100) AS blob FROM n")
            c.commit()
            c.close()
        else:
            with open(db, "wb") as f:
                f.write(b"no database at all" * 1000 if junk == "text" else whole[:len(whole) // 2])
        s.begin()
        s.write("bin/tool", "#!/bin/sh\n%s\n" % junk)
        assert s.signal("files.changed", "bin/tool")["severity"] == HIGH
        s.stop()
