# SPDX-License-Identifier: GPL-3.0-or-later
"""Small Debian packages of a test's own, and a dpkg database of its own for
them: the host's real dpkg, but nothing of the host's packages."""
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
