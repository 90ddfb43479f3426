# SPDX-License-Identifier: GPL-3.0-or-later
"""What happens on a host every day raises nothing: a Debian 12 tree in
namespaces of its own, watched as shipped, while packages are re-installed and
upgraded, logs turned, files saved, people come and go."""
import contextlib
import os
import re
import shutil
import subprocess
import sys
import time

import pytest
from sensors_rig import BUILD, ROOT, UID, Sensors

sys.path.insert(0, os.path.join(ROOT, "tests/lib"))
from debian import EVERYDAY, base_tree  # noqa: E402
from debs import Packages, repack, repository  # noqa: E402
from world import Failed  # noqa: E402

MEDIUM = 3
AGAIN = ["bash", "coreutils", "cron", "dash", "findutils", "grep", "gzip", "login", "passwd", "procps", "sed", "tar"]
OLDER = ["libc-bin", "logrotate", "sudo", "util-linux", "rsync", "diffutils", "hostname", "cron"]

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")


class Tree(Sensors):
    """One host in mount and pid namespaces, its disk in memory."""

    def __init__(self, base):
        super().__init__()
        self.root = os.path.join(self.work, "root")
        os.makedirs(self.root)
        script = """set -e
mount --make-rprivate /
mount -t tmpfs -o mode=755 none {root}
cp -a {base}/. {root}
mkdir -p {root}/opt/build {root}/repo {root}/packages {root}/var/lib/cordon-agent/sensors
chown {uid}:{uid} {root}/var/lib/cordon-agent/sensors
mount --bind {build} {root}/opt/build
mount -t proc proc {root}/proc
mount --bind /dev {root}/dev
mount -t devpts -o newinstance,ptmxmode=0666 none {root}/dev/pts
echo up
exec sleep 3600
""".format(root=self.root, base=base, uid=UID, build=BUILD)
        self.holder = subprocess.Popen(["unshare", "--mount", "--pid", "--net", "--fork", "--kill-child", "sh", "-c", script],
                                       stdout=subprocess.PIPE, text=True)
        assert self.holder.stdout.readline() == "up\n"
        self.init = int(subprocess.run(["pgrep", "-P", str(self.holder.pid)], capture_output=True, text=True,
                                       check=True).stdout.split()[0])
        self.disk = "/proc/%d/root%s" % (self.init, self.root)

    def inside(self, *args):
        return ["nsenter", "-t", str(self.init), "-m", "-p", "-n", "chroot", self.root, *args]

    def sh(self, script, **kw):
        p = subprocess.run(self.inside("sh", "-c", script), capture_output=True, text=True, stdin=subprocess.DEVNULL,
                           env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "DEBIAN_FRONTEND": "noninteractive",
                                "HOME": "/root", "LC_ALL": "C", "TERM": "dumb"}, timeout=300, **kw)
        assert p.returncode == 0, p.stdout[-2000:] + p.stderr[-2000:]
        return p.stdout

    def begin(self):
        """Watched as shipped."""
        with open(os.path.join(ROOT, "packaging/common/agent.conf")) as f:
            trees = re.findall(r"^watch = (.*)$", f.read(), re.M)
        args = ["/opt/build/test/sensors-driver", "--program", "/opt/build/bin/agent-sensors", "--state",
                "/var/lib/cordon-agent/sensors", "--user", str(UID), "--packages", "/var/lib/dpkg", "--lists",
                "/var/lib/cordon-agent/packages", "--processes"]
        for t in trees:
            args += ["--watch", t]
        self.run_driver(self.inside(*args), wait=True)

    def counts(self, kind="package.transaction"):
        return [m for m in self.seen if m["what"] == "signal" and m["kind"] == kind]

    def close(self):
        if self.process is not None:
            self.process.kill()
            self.process.wait(10)
            self.process = None
        self.holder.kill()
        self.holder.wait(10)
        with contextlib.suppress(OSError):
            super().close()


@pytest.fixture(scope="module")
def tree():
    for program in ("debootstrap", "unshare", "nsenter", "dpkg-deb"):
        if shutil.which(program) is None:
            pytest.skip("%s is not installed" % program)
    try:
        base = base_tree([], packages=EVERYDAY, name="debian-everyday")
    except Failed as e:
        pytest.skip("no Debian tree on this machine: %s" % e)
    t = Tree(base)
    try:
        prepare(t)
        t.begin()
        yield t
    finally:
        t.close()


def prepare(t):
    """Packages of today, some of them older on the disk; a user, a database, a repository."""
    for name in sorted(set(AGAIN + OLDER)):
        repack(t.disk, name, os.path.join(t.disk, "repo"))
    shutil.copytree(os.path.join(t.disk, "repo"), os.path.join(t.disk, "packages"), dirs_exist_ok=True)
    repository(os.path.join(t.disk, "repo"))
    older = os.path.join(t.work, "older")
    os.makedirs(older)
    for name in OLDER:
        shutil.copy(repack(t.disk, name, older, older=True), os.path.join(t.disk, "packages"))
    for path in ("etc/apt/sources.list", "etc/apt/sources.list.d"):
        shutil.rmtree(os.path.join(t.disk, path), ignore_errors=True)
    with open(os.path.join(t.disk, "etc/apt/sources.list"), "w") as f:
        f.write("deb [trusted=yes] file:/repo ./\n")
    t.sh("dpkg -i /packages/*~old_*.deb && apt-get update")
    t.sh("useradd -m tester && git config --system user.email t@example.com && git config --system user.name t && "
         "git config --system init.defaultBranch main")
    with open(os.path.join(t.disk, "etc/logrotate.d/test"), "w") as f:
        f.write("/var/log/test.log {\n size 1\n rotate 3\n create\n compress\n}\n")
    with open(os.path.join(t.disk, "etc/cron.d/test"), "w") as f:
        f.write("@reboot root date > /tmp/cron-ran\n")


def raised(t, seconds=1.5):
    """What was raised since the last call; the rest stays in t.seen."""
    got = t.quiet(seconds)
    t.seen += [dict(m, what="signal") for m in got]
    # BPF programs are the whole machine's: other tests load some.
    bad = [m for m in t.seen if m["what"] == "signal" and m["severity"] >= MEDIUM and m["kind"] != "kernel.bpf"]
    t.seen = [m for m in t.seen if m not in bad]
    return [(m["kind"], m["object"], m.get("program"), m.get("package.says"), m.get("parent")) for m in bad]


def wait_done(t, least, seconds=60):
    """Until a transaction has told its counts."""
    end = time.monotonic() + seconds
    while sum(int(m["explained"]) for m in t.counts()) < least and time.monotonic() < end:
        got = t.quiet(0.5)
        t.seen += [dict(m, what="signal") for m in got]
    return t.counts()


def test_10_reinstall_of_12_packages(tree):
    tree.sh("cd /packages && dpkg -i " + " ".join(
        "$(ls %s_*.deb | grep -v '~old')" % name for name in AGAIN if name not in OLDER))
    assert raised(tree, 4.0) == []
    tree.seen.clear()


def test_11_apt_get_upgrade(tree):
    out = tree.sh("apt-get -y upgrade")
    assert "%d upgraded" % len(OLDER) in out, out
    counts = wait_done(tree, 20)
    assert raised(tree) == []
    told = sum(int(m["explained"]) for m in counts)
    print("upgrade of %d packages: %d files explained, %s generated, in %d signals" % (
        len(OLDER), told, sum(int(m["generated"]) for m in counts),
        len([m for m in tree.seen if m["what"] == "signal"])))
    assert told >= 20 and any("sudo " in m.get("packages", "") for m in counts)
    assert any(m["object"] == "/usr/bin/apt-get" for m in counts)
    print([(m["kind"], m["object"], m.get("package.says"), m.get("program")) for m in tree.seen
           if m["what"] == "signal" and m["kind"].startswith("files.")][:20])
    tree.seen.clear()


def test_12_install_and_remove(tree):
    tree.sh("apt-get -y --allow-downgrades install ./packages/hostname_*~old_*.deb || "
            "dpkg -i /packages/hostname_*~old_*.deb")
    tree.sh("apt-get -y upgrade")
    wait_done(tree, 1)
    assert raised(tree) == []
    tree.sh("dpkg -r rsync && dpkg -i $(ls /packages/rsync_*.deb | grep -v '~old')")
    wait_done(tree, 1)
    assert raised(tree, 3.0) == []
    tree.seen.clear()


def test_13_a_package_with_an_account(tree):
    """Its user, unit and job are the package's; who comes beside dpkg is told, and not as the package's."""
    made = Packages(os.path.join(tree.work, "made"))
    made.build("quiet-test", "1", {
        "/usr/lib/systemd/system/quiet-test.service": "[Service]\nExecStart=/usr/bin/true\n",
        "/etc/cron.d/quiet-test": "1 1 * * * root true\n",
        "/etc/pam.d/quiet-test": "auth required pam_deny.so\n"},
        conffiles=("/etc/cron.d/quiet-test", "/etc/pam.d/quiet-test"),
        scripts={"postinst": "useradd -r -s /usr/sbin/nologin quiet\n"
                 "mkdir -p /etc/systemd/system/multi-user.target.wants\n"
                 "ln -sf /usr/lib/systemd/system/quiet-test.service /etc/systemd/system/multi-user.target.wants/\n"
                 "touch /tmp/configuring; i=0; while [ ! -e /tmp/go ] && [ $i -lt 100 ]; do sleep 0.1; i=$((i+1)); "
                 "done\nuseradd -r -o -u 0 quietroot"})
    shutil.copy(made.deb("quiet-test", "1"), os.path.join(tree.disk, "packages"))
    busy = subprocess.Popen(tree.inside("dpkg", "-i", "/packages/quiet-test_1_all.deb"), stdin=subprocess.DEVNULL,
                            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    end = time.monotonic() + 30
    while not os.path.exists(os.path.join(tree.disk, "tmp/configuring")) and time.monotonic() < end:
        time.sleep(0.05)
    tree.sh("printf '* * * * * root /tmp/x\\n' > /etc/cron.d/beside")
    m = tree.expect("signal", lambda m: m["kind"] == "persist.cron" and m["object"] == "/etc/cron.d/beside")
    assert m["severity"] >= MEDIUM and busy.poll() is None
    tree.sh("printf '[Service]\\nExecStart=/tmp/x\\n' > /etc/systemd/system/beside.service; touch /tmp/go")
    assert busy.wait(60) == 0
    m = tree.expect("signal", lambda m: m["kind"] == "account.created" and m["object"] == "quiet")
    assert m["severity"] < MEDIUM and m["package"].startswith("quiet-test 1"), m
    assert m["program"].endswith("/useradd")
    m = tree.expect("signal", lambda m: m["kind"] == "account.uid0" and m["object"] == "quietroot")
    assert m["severity"] == 5
    wait_done(tree, 1)
    bad = raised(tree, 3.0)
    assert {b[1] for b in bad} == {"/etc/cron.d/beside", "/etc/systemd/system/beside.service"}, bad
    tree.seen.clear()


def test_14_an_account_beside_dpkg(tree):
    """The same file, written by dpkg's tree and by another one: none of it is the package's."""
    made = Packages(os.path.join(tree.work, "made2"))
    made.build("quiet-two", "1", {"/usr/share/quiet-two": "x"}, scripts={
        "postinst": "useradd -r quiet2; touch /tmp/two; while [ ! -e /tmp/two-go ]; do sleep 0.1; done"})
    shutil.copy(made.deb("quiet-two", "1"), os.path.join(tree.disk, "packages"))
    busy = subprocess.Popen(tree.inside("dpkg", "-i", "/packages/quiet-two_1_all.deb"), stdin=subprocess.DEVNULL,
                            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    end = time.monotonic() + 30
    while not os.path.exists(os.path.join(tree.disk, "tmp/two")) and time.monotonic() < end:
        time.sleep(0.01)
    tree.sh("useradd -r intruder; touch /tmp/two-go")
    assert busy.wait(60) == 0
    m = tree.expect("signal", lambda m: m["kind"] == "account.created" and m["object"] == "intruder")
    assert m["severity"] >= MEDIUM and m.get("package") is None, m
    raised(tree, 3.0)
    tree.seen.clear()


def test_15_alternatives_by_hand(tree):
    """Silent where it leads to a package's program, and only there."""
    tree.sh("update-alternatives --install /usr/bin/x-test x-test /usr/bin/id 10; x-test; "
            "update-alternatives --install /usr/bin/x-test x-test /usr/bin/env 20; update-alternatives --remove-all x-test")
    assert raised(tree) == []
    tree.sh("printf '#!/bin/sh\n' > /tmp/evil; chmod 755 /tmp/evil; "
            "update-alternatives --install /usr/bin/y-test y-test /tmp/evil 10")
    m = tree.expect("signal", lambda m: m["object"] == "/etc/alternatives/y-test")
    assert m["severity"] >= MEDIUM and m["program"].endswith("/update-alternatives")
    raised(tree)
    tree.seen.clear()


def test_20_logrotate_and_cron(tree):
    tree.sh("for i in 1 2 3; do echo line >> /var/log/test.log; logrotate -f /etc/logrotate.conf; done; "
            "test -e /var/log/test.log.1.gz")
    tree.sh("run-parts --regex '^(dpkg|logrotate)$' /etc/cron.daily")
    tree.sh("rm -f /run/crond.reboot; cron; i=0; while [ ! -s /tmp/cron-ran ] && [ $i -lt 100 ]; do sleep 0.2; "
            "i=$((i+1)); done; test -s /tmp/cron-ran; kill $(cat /run/crond.pid)")
    assert raised(tree) == []


def test_21_git_and_a_compiler(tree):
    tree.sh("mkdir -p /srv/work && cd /srv/work && git init -q . && for b in one two; do "
            "printf '#include <stdio.h>\\nint main(void){puts(\"%s\");return 0;}\\n' $b > a.c; git add a.c; "
            "git commit -qm $b; git branch $b; done; git checkout -q one; tcc -o a a.c; ./a; git checkout -q two; "
            "tcc -o a a.c; test $(./a) = two")
    assert raised(tree) == []


def test_22_backups(tree):
    tree.sh("tar -C / -czf /srv/backup.tgz etc usr/bin && mkdir -p /srv/copy && rsync -a /etc /usr/sbin /srv/copy/ && "
            "tar -tzf /srv/backup.tgz > /dev/null && rsync -a --checksum /etc /srv/copy/")
    assert raised(tree) == []


def test_23_compacting_a_database(tree):
    tree.sh("cd /srv && sqlite3 l.db 'create table t(x); with recursive c(i) as (select 1 union all select i+1 from c "
            "limit 20000) insert into t select hex(randomblob(64)) from c; delete from t where rowid % 3; vacuum'")
    assert raised(tree) == []


def test_24_people_come_and_go(tree):
    out = tree.sh("script -qec \"su -l tester -c 'id -un; touch seen'\" /dev/null")
    assert "tester" in out
    tree.sh("su -l -c true; sudo -u tester true")
    assert raised(tree) == []


def test_25_programs_in_folders_of_tools(tree):
    """Hidden folders and odd names that are usual: no place to hide in, nobody to deceive."""
    for path in ("/opt/app/.venv/bin/tool", "/srv/app/node_modules/.bin/tool", "/usr/lib/node_modules/x/node_modules/.bin/tool",
                 "/srv/app/node_modules/.pnpm/x/bin/tool", "/home/tester/.local/share/x/tool",
                 "/nix/store/0a-x/bin/.tool-wrapped", "/opt/tool-1.2.run", "/opt/tool.x86_64", "/opt/Tool.AppImage", "/opt/tool.conf"):
        tree.sh("mkdir -p $(dirname %s); cp /bin/true %s; %s; %s" % (path, path, path, path))
        path = os.path.dirname(path) + "/s" + os.path.basename(path)
        tree.sh("printf '#!/bin/sh\\nsleep 0.1\\n' > %s; chmod 755 %s; %s" % (path, path, path))
    tree.sh("echo true > /srv/notes.txt; sh /srv/notes.txt; python3 -m zipapp -h > /dev/null")
    tree.sh("su -l tester -c 'mkdir -p .cache/x; cp /bin/true .cache/x/tool; .cache/x/tool'")
    assert raised(tree, 3.0) == []


def test_30_it_was_awake_all_the_time(tree):
    tree.sh("cp /usr/bin/id /usr/bin/sudo")
    m = tree.expect("signal", lambda m: m["object"] == "/usr/bin/sudo")
    assert m["kind"] == "files.package-modified" and m["severity"] == 5 and m["package"].startswith("sudo ")
    tree.sh("printf 'x\\n' > /etc/cron.d/later")
    tree.expect("signal", lambda m: m["object"] == "/etc/cron.d/later")
