# SPDX-License-Identifier: GPL-3.0-or-later
"""What packages do is explained and silent; what others do to their files is louder.  Real dpkg."""
import os
import shutil
import subprocess
import sys
import time

import pytest
from sensors_rig import BUILD, ROOT, Sensors

sys.path.insert(0, os.path.join(ROOT, "tests/lib"))
from debs import Packages  # noqa: E402

pytestmark = [pytest.mark.skipif(os.geteuid() != 0, reason="needs root"),
              pytest.mark.skipif(shutil.which("dpkg-deb") is None, reason="no dpkg on this machine")]
MEDIUM, HIGH, CRITICAL = 3, 4, 5
LOW = 2


class Rig(Sensors):
    def __init__(self):
        super().__init__()
        os.makedirs(self.path("bin"))
        os.makedirs(self.path("etc"))
        for kept in ("bin/.keep", "etc/.keep"):  # or dpkg removes the empty folders
            self.write(kept, "")
        self.p = Packages(self.work)
        self.lists = os.path.join(self.work, "lists")

    def begin(self, *more, **kw):
        self.start("--packages", self.p.db, "--lists", self.lists, "--wait", "30", *more, **kw)

    def tools(self, version, **kw):
        """The package of most tests."""
        return self.p.build("tools", version, {
            self.path("bin/tool"): "#!/bin/sh\necho %s\n" % version, self.path("bin/same"): "same\n",
            self.path("etc/tools.conf"): "shipped %s\n" % version},
            conffiles=[self.path("etc/tools.conf")], modes={self.path("bin/tool"): 0o755},
            links={self.path("bin/link"): "tool"}, **kw)

    def done(self):
        """The end of a transaction, and what was raised until then.  On a loaded machine a program may be gone
        before anybody could see below whom it ran; that is told with its grade, and raised."""
        m = self.expect("signal", lambda m: m["kind"] == "package.transaction")
        return m, [x for x in self.quiet(0.3) if x["severity"] >= MEDIUM and x["parents"] > 0]


@pytest.fixture
def s():
    x = Rig()
    yield x
    x.close()


def test_10_install_upgrade_and_removal_are_silent_and_counted(s):
    s.tools("1")
    s.tools("2")
    s.begin()
    s.p.install("tools", "1")
    m, raised = s.done()
    assert raised == [] and int(m["explained"]) >= 4 and "tools 1 all" in m["packages"]
    assert m["object"] == "/usr/bin/dpkg" and m["by-scripts"] == "0"
    s.p.install("tools", "2")
    m, raised = s.done()
    assert raised == [] and int(m["explained"]) >= 2 and "tools 2 all" in m["packages"]
    s.p.dpkg("-P", "tools")
    m, raised = s.done()
    assert raised == [] and int(m["removed"]) >= 4
    s.write("bin/awake", "x")
    assert s.signal("files.created", "bin/awake")["severity"] == MEDIUM


def test_11_reinstalling_the_same_is_silent(s):
    s.tools("1")
    s.p.install("tools", "1")
    s.begin()
    s.p.install("tools", "1")
    assert [m for m in s.quiet(3.0) if m["severity"] >= LOW and m["kind"] != "package.transaction"] == []


def test_12_a_packages_file_with_other_content_is_louder(s):
    s.tools("1")
    s.p.install("tools", "1")
    s.begin()
    s.write("bin/tool", "#!/bin/sh\nevil\n")
    m = s.signal("files.package-modified", "bin/tool")
    assert m["severity"] == CRITICAL and m["package"] == "tools 1 all" and "MD5" in m["package.says"]
    s.write("bin/same", "other\n")
    assert s.signal("files.package-modified", "bin/same")["severity"] == HIGH
    s.write("etc/tools.conf", "mine\n")  # a conffile is the administrator's
    m = s.signal("files.changed", "etc/tools.conf")
    assert m["severity"] == HIGH and "conffile" in m["package.says"]
    os.unlink(s.path("bin/link"))
    assert s.signal("files.deleted", "bin/link")["package"] == "tools 1 all"
    os.symlink("/tmp/evil", s.path("bin/link"))
    s.signal("files.created", "bin/link")


def test_13_right_content_by_another_hand_is_told(s):
    """MD5 sums lie on the host: who can write the file can write them too."""
    s.tools("1")
    s.p.install("tools", "1")
    shutil.copy(s.path("bin/tool"), os.path.join(s.work, "good"))
    s.write("bin/tool", "broken")
    s.begin()
    subprocess.run(["cp", os.path.join(s.work, "good"), s.path("bin/tool")], check=True)
    m = s.signal("files.changed", "bin/tool")
    assert m["severity"] == HIGH and "not written by dpkg" in m["package.says"]


def test_14_found_by_a_scan_the_weak_list_only_lowers(s):
    s.tools("1")
    s.tools("2")
    s.p.install("tools", "1")
    s.begin()
    s.stop()
    s.p.install("tools", "2")
    s.begin(wait=False)
    m = s.signal("files.changed", "bin/tool")
    assert m["severity"] == LOW and m["found-by"] == "scan" and "nobody saw" in m["package.says"]


def test_20_scripts_belong_to_their_transaction(s):
    s.tools("1", scripts={"postinst": "echo made > %s\nsleep 0.5\nmkdir -p %s" % (
        s.path("etc/made"), s.path("etc/folder"))})
    s.begin()
    s.p.install("tools", "1")
    m, raised = s.done()
    assert raised == [] and int(m["explained"]) >= 4
    s.p.build("evil", "1", {s.path("etc/evil"): "x"}, scripts={
        "postinst": "cp /bin/true %s; chmod 4755 %s" % (s.path("bin/su2"), s.path("bin/su2"))})
    s.p.install("evil", "1")
    m, raised = s.done()
    raised += [x for x in s.seen if x.get("object") == s.path("bin/su2")]
    assert [x["kind"] for x in raised if x["object"] == s.path("bin/su2")] == ["files.setuid"], raised


def test_21_judgement_waits_for_the_end_but_not_that_of_others(s):
    s.tools("1", scripts={"postinst": "echo x > %s; while [ ! -e %s ]; do sleep 0.1; done" % (
        s.path("etc/half"), os.path.join(s.work, "go"))})
    s.begin()
    p = subprocess.Popen([sys.executable, "-c", "import sys; sys.path.insert(0, %r)\nfrom debs import Packages\n"
                          "p = Packages.__new__(Packages); p.folder, p.db, p.log = %r, %r, %r\np.install('tools', '1')"
                          % (os.path.join(ROOT, "tests/lib"), s.work, s.p.db, s.p.log)])
    end = time.monotonic() + 20
    while not os.path.exists(s.path("etc/half")) and time.monotonic() < end:
        time.sleep(0.05)
    assert s.quiet(1.0) == []  # dpkg still works
    s.write("bin/tool", "#!/bin/sh\nevil\n")
    m = s.signal("files.package-modified", "bin/tool")  # this does not wait
    assert m["severity"] >= MEDIUM and m["pid"] == os.getpid()
    with open(os.path.join(s.work, "go"), "w"):
        pass
    assert p.wait(20) == 0
    m, _ = s.done()
    assert int(m["explained"]) >= 2


def test_22_waiting_is_bounded(s):
    s.tools("1", scripts={"postinst": "echo x > %s; sleep 8" % s.path("etc/half")})
    s.start("--packages", s.p.db, "--lists", s.lists, "--wait", "2")
    p = subprocess.Popen(["dpkg", "--admindir=" + s.p.db, "--log=" + s.p.log, "-i", s.p.deb("tools", "1")],
                         stdout=subprocess.DEVNULL)
    m = s.signal("files.created", "etc/half", 7)
    assert p.poll() is None and m["severity"] == LOW
    assert p.wait(20) == 0


def test_23_another_program_called_dpkg_is_not_believed(s):
    """Its path is right in its own mount namespace, and only there."""
    s.tools("1")
    s.p.install("tools", "1")
    good = os.path.join(s.work, "good")
    shutil.copy(s.path("bin/tool"), good)
    s.write("bin/tool", "broken")
    fake = os.path.join(s.work, "fake")
    shutil.copy("/bin/cp", fake)
    s.begin()
    subprocess.run(["unshare", "-m", "sh", "-c", "mount --bind %s /usr/bin/dpkg && /usr/bin/dpkg %s %s; sleep 0.5" % (
        fake, good, s.path("bin/tool"))], check=True)
    m = s.expect("signal", lambda m: m.get("object") == s.path("bin/tool"))
    assert m["kind"] == "files.changed" and m["severity"] == HIGH


def test_24_diversions(s):
    s.tools("1")
    s.p.install("tools", "1")
    s.p.build("other", "1", {s.path("bin/tool"): "other\n"}, scripts={
        "preinst": "dpkg-divert --admindir=%s --package other --add --rename --divert %s %s" % (
            s.p.db, s.path("bin/tool.real"), s.path("bin/tool"))})
    s.begin()
    s.p.install("other", "1")
    m, raised = s.done()
    assert raised == []
    s.write("bin/tool.real", "evil")
    assert s.signal("files.package-modified", "bin/tool.real")["package"] == "tools 1 all"


def test_25_a_program_under_another_name(s):
    s.tools("1")
    s.p.install("tools", "1")
    s.begin()
    shutil.copy(s.path("bin/tool"), s.path("bin/kworker"))
    m = s.signal("files.masquerade", "bin/kworker")
    assert m["package"] == "tools 1 all" and m["severity"] == HIGH


def make_lists(s, *debs):
    conf = os.path.join(s.work, "agent.conf")
    with open(conf, "w") as f:
        f.write("[files]\npackage_lists = %s\n" % s.lists)
    return subprocess.run([os.path.join(BUILD, "bin/cordon-agent"), "packages", "-c", conf, "--libexec",
                           os.path.join(BUILD, "bin"), *debs], capture_output=True, text=True)


def test_26_lists_made_from_packages_explain_whoever_wrote_it(s):
    long = "x" * 90 + "/" + "y" * 120
    for version in ("1", "2"):
        s.tools(version)
    s.p.build("deep", "1:0+b1", {s.path(long): "deep\n", s.path("bin/su3"): "su\n"}, modes={s.path("bin/su3"): 0o4755})
    for name, version in (("tools", "1"), ("tools", "2"), ("deep", "1:0+b1")):
        p = make_lists(s, s.p.deb(name, version))
        assert p.returncode == 0, p.stderr
    with open(os.path.join(s.lists, "deep_1%3a0+b1_all.sums")) as f:
        text = f.read()
    assert text.startswith("cordon-package 1\ndeep 1:0+b1 all\n") and s.path(long)[1:] + "\n" in text
    assert " 4755 0 0 " + s.path("bin/su3")[1:] + "\n" in text
    s.p.install("tools", "1")
    s.begin()
    s.stop()  # nobody sees who does it
    s.p.install("tools", "2")
    s.p.install("deep", "1:0+b1")
    s.begin(wait=False)
    s.signal("agent.blind-closed", "/")
    assert [m for m in s.quiet(0.5) + s.seen if m.get("severity", 0) >= LOW and m["kind"] != "agent.blind"] == []
    os.chmod(s.path("bin/su3"), 0o6755)
    assert s.signal("files.setuid", "bin/su3")["severity"] == CRITICAL
    s.write("bin/tool", "evil")
    assert "SHA-256" in s.signal("files.package-modified", "bin/tool")["package.says"]


def test_27_the_tool_says_what_is_no_package(s):
    bad = os.path.join(s.work, "bad.deb")
    with open(bad, "w") as f:
        f.write("no package")
    p = make_lists(s, bad)
    assert p.returncode == 1 and "dpkg-deb" in p.stderr and not os.listdir(s.lists)


def test_30_times_links_capabilities(s):
    s.write("kept", "x")
    s.write("tool", "x")
    s.begin()
    os.utime(s.path("kept"), (1000, 1000))
    m = s.signal("files.timestomp", "kept")
    assert m["time.new"].startswith("1970-01-01")
    if shutil.which("setcap"):
        subprocess.run(["setcap", "cap_setuid+ep", s.path("tool")], check=True)
        assert s.signal("files.capability", "tool")["flags.new"] == "capabilities"
