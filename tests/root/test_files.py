# SPDX-License-Identifier: GPL-3.0-or-later
"""The files sensor on all kinds of file systems and ways to reach a file."""
import ctypes
import os
import shutil
import subprocess

import pytest
from sensors_rig import Sensors

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")


@pytest.fixture
def s():
    x = Sensors()
    x.mounted = []
    x.write("kept", "one\n")
    yield x
    x.close_first()


@pytest.fixture(autouse=True)
def unmount(s):
    def close_first():
        if s.process is not None:
            s.process.kill()
            s.process.wait(10)
            s.process = None
        for path in reversed(s.mounted):
            subprocess.run(["umount", "-l", path], check=False)
        s.close()
    s.close_first = close_first


def mount(s, *args):
    os.makedirs(args[-1], exist_ok=True)
    p = subprocess.run(["mount", *args], capture_output=True, text=True)
    if p.returncode:
        pytest.skip("this machine cannot mount that: " + p.stderr.strip())
    s.mounted.append(args[-1])


def test_10_bind_mounts_and_mount_namespaces(s):
    other = os.path.join(s.work, "other")
    mount(s, "--bind", s.tree, other)
    s.start()
    with open(os.path.join(other, "kept"), "w") as f:
        f.write("by the other way\n")
    assert s.signal("files.changed", "kept")["size.new"] == "17"
    subprocess.run(["unshare", "-m", "sh", "-c", "mount --bind %s /mnt && echo ns > /mnt/new" % s.tree], check=True)
    assert s.signal("files.created", "new")["program"] != ""


def test_11_tmpfs_as_dev_shm(s):
    mount(s, "-t", "tmpfs", "none", s.path("shm"))
    s.start()
    s.write("shm/payload", "x")
    m = s.signal("files.created", "shm/payload")
    assert m["pid"] == os.getpid()


def test_12_overlay_merged_and_its_upper(s):
    """The merged view takes no mark of a file system: the ladder goes down to inotify there, and not for its upper."""
    d = {n: os.path.join(s.work, n) for n in ("lower", "upper", "over")}
    for path in d.values():
        os.makedirs(path)
    with open(os.path.join(d["lower"], "base"), "w") as f:
        f.write("base\n")
    mount(s, "-t", "tmpfs", "none", s.path("layers"))
    os.makedirs(s.path("layers/upper"))
    os.makedirs(s.path("layers/work"))
    mount(s, "-t", "overlay", "overlay", "-o", "lowerdir=%s,upperdir=%s,workdir=%s" % (
        d["lower"], s.path("layers/upper"), s.path("layers/work")), s.path("merged"))
    s.start()
    s.write("merged/base", "changed\n")
    s.signal("files.changed", "merged/base")
    s.signal("files.created", "layers/upper/base")
    s.write("merged/new", "x")
    s.signal("files.created", "merged/new")


def test_13_btrfs_subvolume(s):
    if shutil.which("mkfs.btrfs") is None:
        pytest.skip("mkfs.btrfs is not installed")
    image = os.path.join(s.work, "btrfs")
    with open(image, "wb") as f:
        f.truncate(256 << 20)
    subprocess.run(["mkfs.btrfs", "-q", image], check=True)
    mount(s, "-o", "loop", image, s.path("b"))
    subprocess.run(["btrfs", "-q", "subvolume", "create", s.path("b/sub")], check=True)
    s.start()
    s.write("b/sub/x", "x")
    s.signal("files.created", "b/sub/x")


def test_14_a_file_system_that_came_later_can_go_again(s):
    s.start("--rescan", "2")
    os.mkdir(s.path("late"))
    s.signal("files.created", "late")
    mount(s, "-t", "tmpfs", "none", s.path("late"))
    s.write("late/first", "x")
    assert s.signal("files.created", "late/first")["found-by"] == "scan"
    s.write("late/second", "x")
    assert s.signal("files.created", "late/second")["pid"] == os.getpid()  # by an event
    subprocess.run(["umount", s.path("late")], check=True)  # nothing of ours keeps it
    s.mounted.remove(s.path("late"))


def test_15_memory_maps_and_truncation(s):
    s.write("log", "line\n" * 100)
    s.start("--rescan", "3")
    libc = ctypes.CDLL(None, use_errno=True)
    assert libc.truncate(os.fsencode(s.path("log")), ctypes.c_long(0)) == 0  # gives no event that is watched
    m = s.signal("files.changed", "log")
    assert m["size.old"] == "500" and m["size.new"] == "0"
    import mmap
    with open(s.path("kept"), "r+b") as f, mmap.mmap(f.fileno(), 4) as page:
        page[0:1] = b"O"
        page.flush()
    s.signal("files.changed", "kept")


def test_16_hard_links(s):
    s.start()
    os.link(s.path("kept"), s.path("second"))
    m = s.signal("files.created", "second")
    assert m["flags.new"] == "linked"
    # Out of the tree: only the number of names tells, at the next look.
    s.write("third", "x")
    s.signal("files.created", "third")


def test_17_a_link_to_it_from_elsewhere_is_found(s):
    s.start("--rescan", "2")
    os.link(s.path("kept"), os.path.join(s.work, "outside"))
    m = s.signal("files.attributes", "kept")
    assert m["flags.new"] == "linked"


def test_18_access_lists(s):
    if shutil.which("setfacl") is None:
        pytest.skip("setfacl is not installed")
    s.start()
    subprocess.run(["setfacl", "-m", "u:1000:rw", s.path("kept")], check=True)
    m = s.signal("files.attributes", "kept")
    assert m["xattr.new"] != "" and m["program"].endswith("/setfacl")


def test_19_append_only_and_immutable(s):
    p = subprocess.run(["chattr", "+a", s.path("kept")], capture_output=True, text=True)
    if p.returncode:
        pytest.skip("no inode flags here: " + p.stderr.strip())
    try:
        s.start()
        s.write("kept", "more\n", "a")
        s.signal("files.changed", "kept")
        subprocess.run(["chattr", "-a", s.path("kept")], check=True)
        m = s.signal("files.attributes", "kept")
        assert m["flags.old"] == "append-only" and "flags.new" not in m
    finally:
        subprocess.run(["chattr", "-a", s.path("kept")], check=True)


def test_20_own_writes_are_not_told(s):
    """Its own state may lie in a watched tree."""
    s.state = s.path("agent/sensors")
    os.makedirs(s.state)
    os.chown(s.state, 4242, 4242)
    s.start()
    for i in range(3):
        s.write("kept", "x" * (i + 1))
        s.signal("files.changed", "kept")
    assert [m for m in s.quiet(7.0) if s.path("agent") in m["object"]] == []
