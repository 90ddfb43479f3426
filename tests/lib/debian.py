# SPDX-License-Identifier: GPL-3.0-or-later
"""A Debian 12 tree by debootstrap, for containers and for virtual machines
that boot.  Kept in build/debian under the digest of all that it is made of,
so that a second run takes seconds; `make clean` removes it."""
import contextlib
import glob
import hashlib
import os
import re
import shutil

from world import Failed, TOP, run

RELEASE = "bookworm"
PACKAGES = ["systemd", "systemd-sysv", "dbus", "udev", "iproute2", "nftables", "iputils-ping", "procps", "kmod",
            "ifupdown", "linux-image-cloud-amd64", "initramfs-tools", "zstd"]
# A host as people use it: what sensors link to, daemons, and what changes such a host.
EVERYDAY = ["libevent-core-2.1-7", "libprotobuf-c1", "libseccomp2", "libcap-ng0", "libssl3", "logrotate", "cron", "git",
            "tcc", "libc6-dev", "rsync", "sqlite3", "sudo", "procps", "systemd", "systemd-sysv", "dbus", "udev", "iproute2",
            "nftables", "iptables", "kmod", "at", "rsyslog", "auditd", "openssh-server", "python3", "perl", "openssl",
            "ca-certificates", "libcap2-bin", "acl", "attr", "e2fsprogs", "zsh", "socat", "netcat-traditional",
            "busybox-static", "strace", "tcpdump", "apparmor", "ifupdown", "isc-dhcp-client", "opendoas",
            "openssh-client", "psmisc"]
# The initrd holds what the disk of a virtual machine needs, and no more: it is unpacked at each boot.
INITRD = ["virtio_pci", "virtio_blk", "ext4", "crc32c_generic"]


def mirror():
    """Where this machine takes Debian 12 from."""
    for path in sorted(glob.glob("/etc/apt/sources.list.d/*.sources")):
        with open(path) as f:
            for stanza in f.read().split("\n\n"):
                uri = re.search(r"^URIs:\s*(\S+)", stanza, re.M)
                suites = re.search(r"^Suites:\s*(.*)", stanza, re.M)
                if uri and suites and RELEASE in suites.group(1).split():
                    return uri.group(1)
    for path in ["/etc/apt/sources.list"] + sorted(glob.glob("/etc/apt/sources.list.d/*.list")):
        with contextlib.suppress(OSError), open(path) as f:
            found = re.search(r"^deb\s+(?:\[.*?\]\s+)?(\S+)\s+%s\s" % RELEASE, f.read(), re.M)
            if found:
                return found.group(1)
    return "http://deb.debian.org/debian"


def depends(deb):
    """The packages that DEB needs, without versions."""
    text = run(["dpkg-deb", "-f", deb, "Depends"]).stdout
    return [re.split(r"[\s(|]", d.strip())[0] for d in text.split(",")]


def make_initrd(tree):
    with open(os.path.join(tree, "etc/initramfs-tools/conf.d/small"), "w") as f:
        f.write("MODULES=list\nCOMPRESS=zstd\n")
    with open(os.path.join(tree, "etc/initramfs-tools/modules"), "a") as f:
        f.write("\n".join(INITRD) + "\n")
    run(["chroot", tree, "update-initramfs", "-u"], timeout=120)


def base_tree(debs, packages=None, name="debian"):
    """The folder of a tree that has what DEBS depend on; not to be written
    to.  CORDON_TREE=DIR takes one that is there.  Failed: none can be had.
    PACKAGES in place of those that boot, kept in build/NAME."""
    if packages is None and os.environ.get("CORDON_TREE"):
        return os.environ["CORDON_TREE"]
    want = sorted(set(packages or PACKAGES).union(*(depends(d) for d in debs)))
    with open(__file__, "rb") as f:
        key = hashlib.sha256("\n".join(want + [mirror()]).encode() + f.read()).hexdigest()[:12]
    folder = os.path.join(TOP, "build", name)
    tree, new = os.path.join(folder, key), os.path.join(folder, "new")
    if os.path.isdir(tree):
        return tree
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    p = run(["debootstrap", "--variant=minbase", "--include=" + ",".join(want), RELEASE, new, mirror()], check=False,
            timeout=900)
    if p.returncode != 0:
        shutil.rmtree(new, ignore_errors=True)
        raise Failed("debootstrap: " + " / ".join(p.stdout.strip().splitlines()[-3:]))
    shutil.rmtree(os.path.join(new, "var/cache/apt/archives"))
    if "initramfs-tools" in want:
        make_initrd(new)
    os.rename(new, tree)
    return tree


def unit(root, name, text, wanted_by="sysinit.target"):
    """A unit of the test's own in the tree ROOT, started at boot."""
    path = os.path.join(root, "etc/systemd/system", name + ".service")
    with open(path, "w") as f:
        f.write(text)
    wants = os.path.join(root, "etc/systemd/system", wanted_by + ".wants")
    os.makedirs(wants, exist_ok=True)
    os.symlink("/etc/systemd/system/%s.service" % name, os.path.join(wants, name + ".service"))


# Sends to a peer from the first moment on: shows when the first frame gets out.
TALKER = """[Unit]
Description=Talks to a peer from the first moment on
DefaultDependencies=no
After=test-network.service
[Service]
ExecStart=bash -c 'while :; do echo x >/dev/udp/%s/%d; sleep 0.01; done' 2>/dev/null
StandardError=null
"""
