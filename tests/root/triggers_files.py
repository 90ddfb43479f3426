# SPDX-License-Identifier: GPL-3.0-or-later
"""What an intruder does to files, each harmless and inside the rig's own tree:
TRIGGERS = [(technique, name, do(rig), kind that must come)].  The rig is one
of test_explain.py, with the package "tools" installed."""
import os
import shutil
import subprocess


def sh(rig, script):
    subprocess.run(["sh", "-ec", script], cwd=rig.tree, check=True)


def replaced_program(rig):
    sh(rig, "printf '#!/bin/sh\\nevil\\n' > bin/tool")


def replaced_by_rename(rig):
    sh(rig, "printf '#!/bin/sh\\nevil\\n' > ../evil && chmod 755 ../evil && mv ../evil bin/tool")


def replaced_by_link(rig):
    sh(rig, "ln -sf /tmp/evil bin/same")


def patched_in_place(rig):
    sh(rig, "printf X | dd of=bin/tool bs=1 seek=4 conv=notrunc status=none")


def renamed_utility(rig):
    sh(rig, "cp bin/tool bin/kworker")


def double_extension(rig):
    sh(rig, "printf x > 'etc/report.pdf.sh'; chmod 755 etc/report.pdf.sh")


def trailing_space(rig):
    sh(rig, "printf x > 'bin/tool '")


def moved_away(rig):
    sh(rig, "mv bin/tool bin/.t")


def world_writable(rig):
    sh(rig, "chmod 0777 bin/tool")


def other_owner(rig):
    sh(rig, "chown 1000:1000 bin/tool")


def acl(rig):
    sh(rig, "setfacl -m u:1000:rwx bin/tool")


def hidden_file(rig):
    sh(rig, "printf x > etc/.hidden")


def hidden_folder(rig):
    sh(rig, "mkdir 'etc/...'")


def deleted(rig):
    sh(rig, "rm kept")


def shredded(rig):
    sh(rig, "shred -u kept")


def touched_back(rig):
    sh(rig, "touch -d '2001-01-01' kept")


def touched_like(rig):
    sh(rig, "touch -r /bin/sh kept")


def set_uid(rig):
    sh(rig, "chmod u+s bin/tool")


def set_gid(rig):
    sh(rig, "chmod g+s bin/same")


def set_uid_shell(rig):
    sh(rig, "install -m 4755 /bin/true bin/sush")


def capability(rig):
    sh(rig, "setcap cap_setuid+ep bin/tool")


def immutable(rig):
    sh(rig, "chattr +i kept")
    rig.after.append(["chattr", "-i", rig.path("kept")])


def changed_data(rig):
    sh(rig, "echo other >> kept")


def truncated(rig):
    sh(rig, ": > kept")


def new_file(rig):
    sh(rig, "echo x > bin/new")


def needs(program, do):
    do.needs = program
    return do


TRIGGERS = [
    ("T1554", "program of a package replaced", replaced_program, "files.package-modified"),
    ("T1554", "the same by rename", replaced_by_rename, "files.package-modified"),
    ("T1554", "one byte patched", patched_in_place, "files.package-modified"),
    ("T1554", "a link in its place", replaced_by_link, "files.package-modified"),
    ("T1036.003", "utility under another name", renamed_utility, "files.masquerade"),
    ("T1036.007", "double extension", double_extension, "files.created"),
    ("T1036.006", "blank behind the name", trailing_space, "files.created"),
    ("T1036.005", "program moved away", moved_away, "files.moved"),
    ("T1222.002", "world-writable", world_writable, "files.attributes"),
    ("T1222.002", "another owner", other_owner, "files.attributes"),
    ("T1222.002", "access list", needs("setfacl", acl), "files.attributes"),
    ("T1222.002", "immutable", needs("chattr", immutable), "files.attributes"),
    ("T1564.001", "hidden file", hidden_file, "files.created"),
    ("T1564.001", "hidden folder", hidden_folder, "files.created"),
    ("T1070.004", "deleted", deleted, "files.deleted"),
    ("T1070.004", "shredded", needs("shred", shredded), "files.deleted"),
    ("T1070.006", "time set back", touched_back, "files.timestomp"),
    ("T1070.006", "time of another file", touched_like, "files.timestomp"),
    ("T1548.001", "set-uid", set_uid, "files.setuid"),
    ("T1548.001", "set-gid", set_gid, "files.setuid"),
    ("T1548.001", "set-uid program brought", set_uid_shell, "files.setuid"),
    ("T1548.001", "capabilities", needs("setcap", capability), "files.capability"),
    ("T1565.001", "data changed", changed_data, "files.changed"),
    ("T1485", "data emptied", truncated, "files.changed"),
    ("T1105", "file brought", new_file, "files.created"),
]


def missing(row):
    """The program that this machine lacks for a row, or None."""
    program = getattr(row[2], "needs", None)
    return program if program and shutil.which(program, path=os.environ["PATH"] + ":/sbin:/usr/sbin") is None else None
