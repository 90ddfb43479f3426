# SPDX-License-Identifier: GPL-3.0-or-later
"""Small Debian packages of a test's own, and a dpkg database of its own for
them: the host's real dpkg, but nothing of the host's packages."""
import hashlib
import os
import shutil
import subprocess


class Packages:
    """p.build("x", "1", {"/tmp/t/a": "text"}); p.install("x", "1")."""

    def __init__(self, folder):
        self.folder, self.db = folder, os.path.join(folder, "dpkg")
        for d in ("info", "updates", "triggers", "parts"):
            os.makedirs(os.path.join(self.db, d))
        for f in ("status", "available"):
            open(os.path.join(self.db, f), "w").close()
        self.log = os.path.join(folder, "dpkg.log")

    def deb(self, name, version):
        return os.path.join(self.folder, "%s_%s_all.deb" % (name, version))

    def build(self, name, version, files, conffiles=(), scripts=None, modes=None, links=None, md5sums=True):
        """FILES: {path: text}; SCRIPTS: {"postinst": text}; LINKS: {path: target}."""
        root = os.path.join(self.folder, "build")
        os.makedirs(os.path.join(root, "DEBIAN"))
        for path, text in files.items():
            os.makedirs(os.path.dirname(root + path), exist_ok=True)
            with open(root + path, "wb") as f:
                f.write(text if isinstance(text, bytes) else text.encode())
            os.chmod(root + path, (modes or {}).get(path, 0o644))
        for path, target in (links or {}).items():
            os.makedirs(os.path.dirname(root + path), exist_ok=True)
            os.symlink(target, root + path)
        for folder, dirs, _ in os.walk(root):
            for d in dirs:
                os.chmod(os.path.join(folder, d), 0o755)
        with open(root + "/DEBIAN/control", "w") as f:
            f.write("Package: %s\nVersion: %s\nArchitecture: all\nMaintainer: test <t@example.com>\n"
                    "Description: test\n" % (name, version))
        if conffiles:
            with open(root + "/DEBIAN/conffiles", "w") as f:
                f.write("".join(c + "\n" for c in conffiles))
        for script, text in (scripts or {}).items():
            with open(root + "/DEBIAN/" + script, "w") as f:
                f.write("#!/bin/sh\nset -e\n" + text + "\n")
            os.chmod(root + "/DEBIAN/" + script, 0o755)
        if md5sums:
            out = subprocess.run("find . -type f ! -path './DEBIAN/*' -printf '%P\\0' | xargs -0r md5sum",
                                 shell=True, cwd=root, capture_output=True, text=True, check=True).stdout
            keep = [line for line in out.splitlines() if "/" + line[34:] not in conffiles]
            with open(root + "/DEBIAN/md5sums", "w") as f:
                f.write("".join(line + "\n" for line in keep))
        subprocess.run(["dpkg-deb", "--root-owner-group", "-Z", "gzip", "-z1", "-b", root, self.deb(name, version)],
                       check=True, capture_output=True)
        shutil.rmtree(root)
        return self.deb(name, version)

    def dpkg(self, *args):
        """dpkg changes the modes of no folder above ours: they are there, and as in the package."""
        subprocess.run(["dpkg", "--admindir=" + self.db, "--log=" + self.log, "--force-confnew", *args], check=True,
                       capture_output=True, stdin=subprocess.DEVNULL,
                       env=dict(os.environ, PATH="/usr/sbin:/usr/bin:/sbin:/bin"))

    def install(self, name, version):
        self.dpkg("-i", self.deb(name, version))


def stanza(tree, name):
    """The paragraph of dpkg's status about an installed package, as text."""
    with open(os.path.join(tree, "var/lib/dpkg/status")) as f:
        return next(p for p in f.read().split("\n\n") if p.startswith("Package: %s\n" % name))


def fields(text):
    """{field: first line} of a paragraph."""
    return dict(line.split(": ", 1) for line in text.splitlines() if ": " in line and not line.startswith(" "))


def repack(tree, name, folder, older=False):
    """The package file of what is installed in TREE, with its own scripts
    and conffiles; OLDER: an earlier version whose files differ a little."""
    text, root = stanza(tree, name), os.path.join(folder, "repack")
    f = fields(text)
    info = os.path.join(tree, "var/lib/dpkg/info")
    base = name + ":" + f["Architecture"] if f.get("Multi-Arch") == "same" else name
    os.makedirs(os.path.join(root, "DEBIAN"))
    with open(os.path.join(info, base + ".list")) as lines:
        for path in lines.read().splitlines()[1:]:
            source, to = tree + path, root + path
            merged = os.path.islink(source) and os.readlink(source) == "usr" + path  # /bin, a folder in packages
            if os.path.isdir(source) and (merged or not os.path.islink(source)):
                os.makedirs(to, exist_ok=True)
                shutil.copystat(source, to)
            elif os.path.lexists(source):
                os.makedirs(os.path.dirname(to), exist_ok=True)
                subprocess.run(["cp", "-a", source, to], check=True)
    version = f["Version"] + ("~old" if older else "")
    keep, skip = [], False
    for line in text.splitlines():
        if not line.startswith(" "):
            skip = line.split(":")[0] in ("Status", "Conffiles", "Version")
        if not skip:
            keep.append(line)
    with open(root + "/DEBIAN/control", "w") as out:
        out.write("\n".join(keep) + "\nVersion: %s\n" % version)
    for part in ("preinst", "postinst", "prerm", "postrm", "config", "templates", "triggers", "shlibs", "conffiles"):
        source = os.path.join(info, base + "." + part)
        if os.path.exists(source):
            shutil.copy2(source, root + "/DEBIAN/" + part)
    conffiles = set()
    if os.path.exists(root + "/DEBIAN/conffiles"):
        with open(root + "/DEBIAN/conffiles") as lines:
            conffiles = set(lines.read().split())
    sums = []
    for here, _, names in os.walk(root):
        for n in sorted(names):
            full = os.path.join(here, n)
            path = full[len(root):]
            if path.startswith("/DEBIAN/") or os.path.islink(full) or path in conffiles:
                continue
            if older:
                with open(full, "ab") as out:
                    out.write(b"\n")
            with open(full, "rb") as data:
                sums.append("%s  %s\n" % (hashlib.md5(data.read()).hexdigest(), path[1:]))
    with open(root + "/DEBIAN/md5sums", "w") as out:
        out.write("".join(sums))
    deb = os.path.join(folder, "%s_%s_%s.deb" % (name, version.replace(":", "%3a"), f["Architecture"]))
    subprocess.run(["dpkg-deb", "-Z", "gzip", "-z1", "-b", root, deb], check=True, capture_output=True)
    shutil.rmtree(root)
    return deb


def repository(folder):
    """A Packages file for the package files in FOLDER, for apt's file:."""
    out = []
    for name in sorted(os.listdir(folder)):
        if name.endswith(".deb"):
            path = os.path.join(folder, name)
            control = subprocess.run(["dpkg-deb", "-f", path], check=True, capture_output=True, text=True).stdout
            with open(path, "rb") as f:
                digest = hashlib.sha256(f.read()).hexdigest()
            out.append("%sFilename: ./%s\nSize: %d\nSHA256: %s\n" % (control, name, os.path.getsize(path), digest))
    with open(os.path.join(folder, "Packages"), "w") as f:
        f.write("\n".join(out))
