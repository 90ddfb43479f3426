# SPDX-License-Identifier: GPL-3.0-or-later
"""Data trees under agent-sensors: destroyed in every usual way and speed, and used as people do."""
import os
import random
import shutil
import sqlite3
import subprocess
import time
import zlib

import pytest
from data_rig import Data, document
from triggers_finance import TRIGGERS, make_rig

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
CRITICAL, INFO = 5, 1


@pytest.fixture
def d():
    x = Data()
    yield x
    x.close()


def need(program):
    if shutil.which(program) is None:
        pytest.skip("no %s on this machine" % program)


# Files a second; 0: as fast as it goes.  Split: so many files a process.
BURSTS = [(how, rate, split)
          for how in ("inplace", "rename", "copy", "replace")
          for rate, split in ((30, 0), (400, 0), (0, 0), (0, 3))
          if rate != 30 or how in ("inplace", "rename")]


def spoiled(how, rate, split):
    """How many files were lost before the signal."""
    d = Data(60 if rate == 30 else 400)
    try:
        d.watch()
        d.spoil(how, rate, split)
        m = d.raised()
        print("%s %s%s: %d files lost before the signal, %s counted, by %s" % (
            how, rate or "full speed", ", %d a process" % split if split else "", m["counter"], m["lost"],
            m["counted-by"]))
        assert m["severity"] == CRITICAL and m["object"] == d.data
        assert m["program"].endswith("encrypt-load") and m["example"].startswith(d.data)
        assert int(m["lost"]) <= 8
        # What it did in the end is told too, with the same cause, and nothing else is raised.
        end = d.expect("signal", lambda s: s["kind"] == "data.mass-count" and s["state"] == "quiet")
        assert end["cause_id"] == m["cause_id"] and int(end["lost"]) >= 0.9 * len(d.files)
        assert [s for s in d.quiet(0.5) if s["kind"].startswith("data.") and s["severity"] > INFO] == []
        return m["counter"]
    finally:
        d.close()


@pytest.mark.parametrize("how, rate, split", BURSTS)
def test_10_destruction_is_told_once(how, rate, split):
    lost = spoiled(how, rate, split)
    if rate:  # how late a process is woken at full speed is the machine's matter, and what else it does in a moment
        tries = (spoiled(how, rate, split) for _ in range(2))
        assert lost < 20 or any(n < 20 for n in tries)


def test_11_behind_a_good_beginning(d):
    """Only what lies behind the first block is spoiled."""
    d.watch()
    done = 0
    for path in d.files:
        size = os.path.getsize(path)
        if size > 9000:
            with open(path, "r+b") as f:
                f.seek(4096)
                f.write(os.urandom(size - 4096))
            done += 1
        if done == 60:
            break
    m = d.raised()
    assert int(m["lost"]) <= 8 and "noise inside" in m["content"]


def test_12_wiped(d):
    d.watch()
    for path in d.files:
        if path.endswith((".pdf", ".docx")):
            with open(path, "r+b") as f:
                f.write(bytes(os.path.getsize(path)))
    assert "empty" in d.raised()["content"]


def test_13_two_at_once_are_two(d):
    d.watch()
    for n, word in enumerate(("a", "b")):
        program = shutil.copy("/bin/dd", os.path.join(d.work, "dd-" + word))
        for path in d.files[n * 30:n * 30 + 20]:
            subprocess.run([program, "if=/dev/urandom", "of=" + path, "bs=20000", "count=1", "conv=notrunc"],
                           check=True, stderr=subprocess.DEVNULL)
    # Both are children of this process: by its count they are one incident, each told with who did it last.
    m = d.raised()
    assert "dd-a" in m["program"]


def test_14_small_numbers_are_no_incident(d):
    d.watch()
    for path in d.files[:4]:
        with open(path, "wb") as f:
            f.write(os.urandom(9000))
    for path in d.files[10:200]:
        os.unlink(path)
    for i, path in enumerate(d.files[200:300]):
        os.rename(path, path + ".old")
    assert [s for s in d.quiet(2) if s["kind"].startswith("data.")] == []


# -- what people and their programs do ----------------------------------------

def compile_there(d):
    need("gcc")
    for i in range(12):
        with open(os.path.join(d.data, "unit%d.c" % i), "w") as f:
            f.write("#include <stdio.h>\nint f%d(void) { return printf(\"%d\"); }\n" % (i, i))
    for _ in range(2):
        for i in range(12):
            subprocess.run(["gcc", "-O2", "-g", "-c", "unit%d.c" % i, "-o", "unit%d.o" % i], cwd=d.data, check=True)
        subprocess.run("ar rcs lib.a unit*.o && gcc -shared -o lib.so unit*.o", shell=True, cwd=d.data, check=True)


def git_checkout(d):
    need("git")
    run = ["git", "-c", "user.name=t", "-c", "user.email=t@t", "-c", "init.defaultBranch=a"]
    subprocess.run(run + ["init", "-q"], cwd=d.data, check=True)
    subprocess.run(run + ["add", "-A"], cwd=d.data, check=True)
    subprocess.run(run + ["commit", "-qm", "one"], cwd=d.data, check=True)
    subprocess.run(run + ["checkout", "-qb", "b"], cwd=d.data, check=True)
    for path in d.files[:200]:
        os.unlink(path)
    for path in d.files[200:300]:
        with open(path, "ab") as f:
            f.write(b"one more line\n")
    subprocess.run(run + ["commit", "-qam", "two"], cwd=d.data, check=True)
    for branch in ("a", "b", "a"):
        subprocess.run(run + ["checkout", "-q", branch], cwd=d.data, check=True)
    subprocess.run(run + ["gc", "-q", "--prune=now"], cwd=d.data, check=True)


def tar_restore(d):
    archive = os.path.join(d.work, "backup.tar")
    subprocess.run(["tar", "-C", d.data, "-cf", archive, "."], check=True)
    subprocess.run(["tar", "-C", d.data, "-xf", archive], check=True)
    shutil.rmtree(os.path.join(d.data, "2025"))
    subprocess.run(["tar", "-C", d.data, "-xf", archive], check=True)


def rsync_restore(d):
    need("rsync")
    copy = os.path.join(d.work, "copy")
    subprocess.run(["rsync", "-a", d.data + "/", copy], check=True)
    rng = random.Random(4)
    for path in d.files[:150]:  # the copy is of another day
        with open(os.path.join(copy, os.path.relpath(path, d.data)), "wb") as f:
            f.write(document(rng, os.path.splitext(path)[1][1:], 9000))
    subprocess.run(["rsync", "-a", "--delete", copy + "/", d.data], check=True)


def packages(d):
    """What an upgrade does to files: each is made beside the old one and moved over it."""
    need("dpkg-deb")
    tree = os.path.join(d.work, "package")
    os.makedirs(os.path.join(tree, "DEBIAN"))
    with open(os.path.join(tree, "DEBIAN/control"), "w") as f:
        f.write("Package: x\nVersion: 1\nArchitecture: all\nMaintainer: t <t@t>\nDescription: x\n")
    for name in ("/bin/ls", "/bin/cp", "/usr/share/doc"):
        if os.path.isfile(name):
            shutil.copy(name, tree)
    for i in range(50):
        with open(os.path.join(tree, "changelog%d.gz" % i), "wb") as f:
            f.write(b"\x1f\x8b\x08\0\0\0\0\0\0\3" + zlib.compress(os.urandom(5000))[2:])
    deb = os.path.join(d.work, "x.deb")
    subprocess.run(["dpkg-deb", "-b", tree, deb], check=True, stdout=subprocess.DEVNULL)
    for _ in range(3):
        subprocess.run(["dpkg-deb", "-x", deb, os.path.join(d.data, "opt")], check=True)


def compaction(d):
    path = os.path.join(d.data, "ledger.sqlite")
    db = sqlite3.connect(path)
    db.execute("create table t (a, b)")
    db.executemany("insert into t values (?, ?)", ((i, os.urandom(200)) for i in range(5000)))
    db.commit()
    for _ in range(3):
        db.execute("delete from t where a % 3 = 1")
        db.commit()
        db.execute("vacuum")
    db.close()
    # A store of sorted tables: new ones of packed records are made, old ones deleted.
    for generation in range(8):
        for i in range(20):
            with open(os.path.join(d.data, "%06d.sst" % (generation * 20 + i)), "wb") as f:
                f.write(zlib.compress(os.urandom(20000))[2:])
            old = os.path.join(d.data, "%06d.sst" % (generation * 20 + i - 20))
            if os.path.exists(old):
                os.unlink(old)


def logs(d):
    for day in range(6):
        for name in ("app.log", "access.log", "batch.log"):
            path = os.path.join(d.data, name)
            with open(path, "a") as f:
                f.write("12:00:01 transfer %d done\n" % day * 2000)
            for n in range(4, 0, -1):
                if os.path.exists("%s.%d.gz" % (path, n)):
                    os.rename("%s.%d.gz" % (path, n), "%s.%d.gz" % (path, n + 1))
            os.rename(path, path + ".1")
            subprocess.run(["gzip", "-f", path + ".1"], check=True)


def packing(d):
    subprocess.run("find . -name '*.csv' -exec gzip {} +", shell=True, cwd=d.data, check=True)
    subprocess.run("find . -name '*.csv.gz' -exec gunzip {} +", shell=True, cwd=d.data, check=True)


def office(d):
    """Documents are saved as office programs do it: beside, moved over, the old one deleted."""
    rng = random.Random(9)
    for path in d.files[:120]:
        ending = os.path.splitext(path)[1][1:]
        with open(path + ".tmp", "wb") as f:
            f.write(document(rng, ending, 12000))
        os.rename(path, path + "~")
        os.rename(path + ".tmp", path)
        os.unlink(path + "~")


def sets_of_noise(d):
    """A backup program with packs of its own kind, and its pruning."""
    folder = os.path.join(d.data, "repo")
    os.makedirs(folder)
    for i in range(200):
        with open(os.path.join(folder, "%064x" % i), "wb") as f:
            f.write(os.urandom(20000))
        if i >= 50:
            os.unlink(os.path.join(folder, "%064x" % (i - 50)))


@pytest.mark.parametrize("use", [compile_there, git_checkout, tar_restore, rsync_restore, packages, compaction, logs,
                                 packing, office, sets_of_noise], ids=lambda f: f.__name__)
def test_20_use_is_silent(d, use):
    d.watch()
    start = time.monotonic()
    use(d)
    took = time.monotonic() - start
    assert [s for s in d.quiet(1.5) if s["kind"].startswith("data.")] == []
    d.spoil("inplace", 0)  # it was awake all the time
    d.raised()
    print("%s: silent in %.1f s" % (use.__name__, took))


def test_21_a_tree_that_is_not_there_is_told(d):
    absent = os.path.join(d.work, "not-mounted")
    d.watch("--data", absent, known=False)
    m = d.expect("signal", lambda s: s["kind"] == "agent.blind" and s["object"] == absent)
    assert "restart cordon-agent" in m["blind.reason"]


# -- canaries -----------------------------------------------------------------

def tripped(d, path):
    return d.expect("signal", lambda s: s["kind"] == "data.canary" and s["object"] == path)


@pytest.fixture
def c(d):
    d.tool("canaries", "keep")
    d.birds = sorted(d.list_canaries())
    d.watch()
    return d


def test_30_canaries_stand_first_and_last(d):
    d.tool("canaries", "keep")
    birds = d.list_canaries()
    assert len(birds) == 2 * 5 and set(birds.values()) == {"good"}
    for folder in {os.path.dirname(b) for b in birds}:
        names = sorted(os.fsencode(n) for n in os.listdir(folder) if not n.startswith("."))
        assert {os.fsdecode(names[0]), os.fsdecode(names[-1])} == {
            os.path.basename(b) for b in birds if os.path.dirname(b) == folder}
    assert os.path.dirname(min(birds)) == d.data
    for b in birds:  # like their neighbours
        st = os.stat(b)
        assert st.st_uid == 0 and 3000 < st.st_size < 65536 and st.st_mtime <= time.time()
    st = os.stat(d.canaries)
    assert st.st_mode & 0o7777 == 0o600 and st.st_uid == 0


def test_31_reading_and_restoring_is_nothing(c):
    for bird in c.birds:
        subprocess.run(["cat", bird], check=True, stdout=subprocess.DEVNULL)
    subprocess.run(["grep", "-r", "balance", c.data], check=True, stdout=subprocess.DEVNULL)
    with open(c.birds[0], "r+b"):
        pass  # opened for writing, not written
    os.utime(c.birds[1])
    tar_restore(c)
    assert [s for s in c.quiet(3) if s["kind"].startswith("data.")] == []


@pytest.mark.parametrize("how", ["written", "renamed", "deleted", "replaced"])
def test_32_touching_is_critical(c, how):
    bird = c.birds[3]
    do = {"written": ["sh", "-c", 'echo more >> "$1"'], "renamed": ["mv", "$1", "$1.locked"],
          "deleted": ["rm", "$1"], "replaced": ["cp", "--remove-destination", "/etc/hostname", "$1"]}[how]
    subprocess.run([a.replace("$1", bird) if do[0] != "sh" else a for a in do] +
                   (["sh", bird] if do[0] == "sh" else []), check=True)
    m = tripped(c, bird)
    assert m["severity"] == CRITICAL and m["how"] == {"replaced": "written"}.get(how, how)
    assert os.path.basename(m["program"]) in ("sh", "dash", "mv", "rm", "cp") and m["user"] == "root"
    if how == "renamed":
        assert m["path.new"] == bird + ".locked"
    assert [s for s in c.quiet(1.5) if s["kind"].startswith("data.")] == []


def test_33_renewing_and_removing_is_silent(c):
    c.tool("canaries", "remove")
    assert c.list_canaries() == {} and not os.path.exists(c.birds[0]) and not os.path.exists(c.canaries)
    c.tool("canaries", "keep")
    assert len(c.list_canaries()) == 10 and set(c.list_canaries()) != set(c.birds)
    with open(c.conf, "a") as f:
        f.write("canaries = no\n")
    assert [s for s in c.quiet(2) if s["kind"].startswith("data.")] == []
    bird = min(c.list_canaries())
    os.unlink(bird)
    tripped(c, bird)
    c.tool("canaries", "keep")
    assert c.list_canaries() == {}
    assert [s for s in c.quiet(2) if s["kind"].startswith("data.")] == []
    assert sorted(c.files) == sorted(p for p in c.files if os.path.exists(p))  # nothing of others


def test_34_touched_while_nobody_looked(d):
    d.tool("canaries", "keep")
    birds = sorted(d.list_canaries())
    with open(birds[0], "ab") as f:
        f.write(b"x")
    os.unlink(birds[1])
    d.watch(known=False)
    assert tripped(d, birds[0])["found-by"] == "check"
    assert tripped(d, birds[1])["how"] == "deleted"
    d.tool("canaries", "keep")
    assert os.path.exists(birds[0]) and birds[0] not in d.list_canaries()  # evidence stays


def test_35_links_lead_nowhere(d):
    """A folder that becomes a link to another place gets no canary there, and takes none away there."""
    away = os.path.join(d.work, "away")
    os.makedirs(away)
    d.tool("canaries", "keep")
    bird = sorted(b for b in d.list_canaries() if os.path.dirname(b) != d.data)[0]
    folder = os.path.dirname(bird)
    shutil.copy(bird, away)
    os.rename(folder, folder + ".moved")
    os.symlink(away, folder)
    d.tool("canaries", "remove")
    assert os.listdir(away) == [os.path.basename(bird)]
    d.tool("canaries", "keep")
    assert os.listdir(away) == [os.path.basename(bird)]


def test_36_the_first_file_that_an_encryptor_meets(c):
    c.spoil("inplace", 30)
    m = c.expect("signal", lambda s: s["kind"] == "data.canary")
    print("canary: %d files lost before the signal" % m["counter"])
    assert m["counter"] <= 3 and m["program"].endswith("encrypt-load")
    assert c.raised()["cause_id"] == m["cause_id"]


# -- manifests and backups ----------------------------------------------------

def test_40_manifest_of_a_tree(d):
    d.start()
    made = d.tool("manifest", "make", d.data)
    name, digest = made.split()[0], made.split()[2]
    m = d.signal("data.manifest-made", d.data)
    assert m["manifest"] == name and m["sha256"] == digest and int(m["files"]) > len(d.files)
    d.tool("manifest", "verify", d.data)
    assert d.signal("data.verified", d.data)["differences"] == "0"
    # A restored copy elsewhere, then one that is not as it was.
    copy = os.path.join(d.work, "copy")
    subprocess.run(["cp", "-a", d.data, copy], check=True)
    assert digest in d.tool("manifest", "verify", copy, "--manifest", name)
    with open(os.path.join(copy, os.path.relpath(d.files[0], d.data)), "ab") as f:
        f.write(b"x")
    os.unlink(os.path.join(copy, os.path.relpath(d.files[1], d.data)))
    with open(os.path.join(copy, "tax", "more.exe"), "w") as f:
        f.write("x")
    bad = d.run("manifest", "verify", copy, "--manifest", name)
    assert bad.returncode == 1 and "3 differences" in bad.stderr
    told = {line.split()[0]: line.split()[1] for line in bad.stdout.splitlines()[1:]}
    assert told["file.missing"].endswith(os.path.basename(d.files[1]))
    assert told["file.extra"] == "/tax/more.exe" and "file.changed" in told
    m = d.signal("data.verify-failed", copy)
    assert m["severity"] == 4 and m["differences"] == "3" and m["manifest"] == name


def test_41_manifest_refuses(d):
    for args, says in ((("verify", d.data), "no manifest"), (("make", os.path.join(d.work, "nowhere")), "nowhere"),
                       (("make", d.files[0]), "folder"), (("make", "/"), "below /"),
                       (("verify", d.data, "--manifest", "M-NOTTHERE01"), "no manifest")):
        done = d.run("manifest", *args)
        assert done.returncode == 1 and says in done.stderr, done.stderr
    assert d.run("manifest", "burn", d.data).returncode == 64
    assert d.run("manifest", "make").returncode == 64
    name = d.tool("manifest", "make", d.data).split()[0]
    path = [os.path.join(d.state, n) for n in os.listdir(d.state) if n.endswith(name)][0]
    assert os.stat(path).st_mode & 0o7777 == 0o600 and os.stat(path).st_uid == os.stat(d.state).st_uid
    with open(path, "r+b") as f:
        f.seek(300)
        f.write(b"\0\n\0")
    done = d.run("manifest", "verify", d.data)
    assert done.returncode == 1 and "not in form" in done.stderr


def put_set(folder, name, size, age_s):
    path = os.path.join(folder, name)
    os.makedirs(path)
    for i in range(10):
        with open(os.path.join(path, "part%d" % i), "wb") as f:
            f.write(os.urandom(size // 10))
    when = time.time() - age_s
    os.utime(path, (when, when))
    return path


def test_50_backup_sets(d):
    folder = os.path.join(d.work, "backup")
    os.makedirs(folder)
    d.start("--backup", folder, "--backup-age", "3600", "--backup-drop", "30")
    m = d.signal("data.backup-old", folder)
    assert m["set"] == "none is there" and m["severity"] == 4
    d.stop()
    put_set(folder, "monday", 100000, 3000)
    d.start("--backup", folder, "--backup-age", "50", wait=False)  # looks every 5 s
    # The first may come again: the sensors were stopped before they heard that it is kept.
    d.expect("signal", lambda m: m["kind"] == "data.backup-old" and m["set"] == "monday")
    put_set(folder, "tuesday", 100000, 10)
    assert [s for s in d.quiet(6) if s["kind"].startswith("data.")] == []  # it is still being made
    d.stop()
    d.start("--backup", folder, "--backup-age", "80", wait=False)
    os.utime(os.path.join(folder, "tuesday"), (time.time() - 62, time.time() - 62))
    d.quiet(9)
    put_set(folder, "wednesday", 30000, 61)
    m = d.signal("data.backup-small", folder, 30)
    assert m["set"] == "wednesday" and m["set.before"] == "tuesday" and m["size.before"] == "100000"


def test_51_backup_against_its_manifest(d):
    folder = os.path.join(d.work, "backup")
    os.makedirs(folder)
    path = put_set(folder, "monday", 100000, 100)
    d.tool("manifest", "make", path)
    d.start("--backup", folder, "--backup-age", "50000")
    assert [s["kind"] for s in d.quiet(1) if s["kind"].startswith("data.")] == ["data.manifest-made"]
    d.stop()
    os.unlink(os.path.join(path, "part3"))
    with open(os.path.join(path, "part4"), "ab") as f:
        f.write(b"x")
    os.utime(path, (time.time() - 100, time.time() - 100))
    d.start("--backup", folder, "--backup-age", "50000", wait=False)
    m = d.signal("data.backup-incomplete", folder)
    assert m["missing"] == "2" and m["set"] == "monday"


# -- techniques ---------------------------------------------------------------

# Backups are looked at once a minute: test_50 has them at start, `make triggers` as they come.
@pytest.mark.parametrize("row", [r for r in TRIGGERS if not r[3].startswith("data.backup")],
                         ids=lambda r: "%s %s" % (r[0], r[1]))
def test_60_technique(row):
    _, what, do, kind = row
    rig = make_rig()
    try:
        start = time.clock_gettime(time.CLOCK_BOOTTIME) * 1000
        try:
            do(rig)
        except LookupError as e:
            pytest.skip(str(e))
        m = rig.expect("signal", lambda s: s["kind"] == kind, 70)
        rest = [s for s in rig.quiet(1) if s["kind"].startswith("data.") and s["severity"] > 2]
        print("%s: %s in %.0f ms, by %s, %d more causes" % (what, kind, m["ms"] - start, m.get("program", "-"),
                                                          len({s["cause_id"] for s in rest} - {m["cause_id"]})))
        if kind in ("data.mass-change", "data.canary"):
            assert m["program"] != "" and m["pid"] > 0
    finally:
        rig.close()
