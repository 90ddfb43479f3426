# SPDX-License-Identifier: GPL-3.0-or-later
"""Small RPM packages of a test's own, and an RPM database of its own for them: the host's real rpm."""
import os
import shutil
import subprocess


class Rpms:
    """p.build("x", "1", {"/tmp/t/a": "text"}); p.rpm("-i", p.file("x", "1"))."""

    def __init__(self, folder):
        self.folder, self.db, self.top = folder, os.path.join(folder, "rpm"), os.path.join(folder, "rpmbuild")
        os.makedirs(self.db)

    def file(self, name, version):
        return os.path.join(self.top, "RPMS", "noarch", "%s-%s-1.noarch.rpm" % (name, version))

    def build(self, name, version, files, config=(), modes=None, links=None, post=""):
        """FILES: {path: text}; LINKS: {path: target}; POST: a script."""
        src = os.path.join(self.folder, "src")
        for path, text in files.items():
            os.makedirs(os.path.dirname(src + path), exist_ok=True)
            with open(src + path, "w") as f:
                f.write(text)
        for path, target in (links or {}).items():
            os.makedirs(os.path.dirname(src + path), exist_ok=True)
            os.symlink(target, src + path)
        lines = ["%%attr(%o,root,root) %s%s" % ((modes or {}).get(p, 0o644), "%config " if p in config else "", p)
                 for p in files] + list(links or {})
        spec = os.path.join(self.folder, name + ".spec")
        with open(spec, "w") as f:
            f.write("Name: %s\nVersion: %s\nRelease: 1\nSummary: test\nLicense: none\nBuildArch: noarch\n"
                    "%%description\ntest\n%%install\nmkdir -p %%{buildroot}\ncp -a %s/. %%{buildroot}/\n%s%%files\n%s\n"
                    % (name, version, src, "%post\n" + post + "\n" if post else "", "\n".join(lines)))
        self._run("rpmbuild", "-bb", "--quiet", "--nodeps", spec)
        shutil.rmtree(src)
        return self.file(name, version)

    def _run(self, program, *args):
        p = subprocess.run([program, "--define", "_topdir " + self.top, "--dbpath", self.db,
                            "--define", "_db_backend sqlite", *args], capture_output=True, text=True)
        assert p.returncode == 0, "%s %s: %s%s" % (program, args, p.stdout, p.stderr)
        return p.stdout

    def rpm(self, *args):
        return self._run("rpm", "--force-debian", "--nodeps", *args)
