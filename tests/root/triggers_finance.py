# SPDX-License-Identifier: GPL-3.0-or-later
"""Techniques against finance data, harmless, each in the rig's own tree: rows for the suite that runs all of them.

A row: ATT&CK technique, what it is, do(rig), the kind of signal that is expected.  RIG is a data_rig.Data that
watches its data tree, with canaries made and one backup folder (rig.backup) that holds one set."""
import os
import random
import shutil
import subprocess
import sys
import time

import data_rig


def make_rig():
    """A Data that is ready for all rows; the caller closes it."""
    rig = data_rig.Data(200)
    rig.backup = os.path.join(rig.work, "backup")
    rig.set = os.path.join(rig.backup, "monday")
    os.makedirs(rig.set)
    for i in range(5):
        with open(os.path.join(rig.set, "part%d" % i), "wb") as f:
            f.write(os.urandom(20000))
    when = time.time() - 120
    os.utime(rig.set, (when, when))
    rig.tool("canaries", "keep")
    rig.tool("manifest", "make", rig.set)
    rig.watch("--backup", rig.backup, "--backup-age", "600")
    return rig


def bird(rig, nr=0):
    return sorted(rig.list_canaries())[nr]


def burst(how, split=0):
    return lambda rig: rig.spoil(how, 0, split)


def by_shell(rig):
    """As a script does it: openssl for each file, then the original goes."""
    if shutil.which("openssl") is None:
        raise LookupError("no openssl on this machine")
    for path in rig.files[:12]:
        subprocess.run(["openssl", "enc", "-aes-256-ctr", "-pbkdf2", "-iter", "1", "-nosalt", "-k",
                        str(random.random()), "-in", path, "-out", path + ".enc"], check=True)
        os.unlink(path)


def by_python(rig):
    code = ("import os,sys\nfor p in sys.argv[1:]:\n d=open(p,'rb').read()\n"
            " open(p,'wb').write(bytes(a^b for a,b in zip(d,os.urandom(len(d)))))")
    subprocess.run([sys.executable, "-c", code, *rig.files[:15]], check=True)


def wipe(rig):
    for path in [p for p in rig.files if p.endswith((".pdf", ".docx", ".xlsx"))][:10]:
        subprocess.run(["shred", "-n", "0", "-z", path], check=True)


def truncate(rig):
    subprocess.run(["truncate", "-s", "0", *[p for p in rig.files if p.endswith((".pdf", ".docx"))][:10]], check=True)


def notes(rig):
    """Three files are enough where a note stands in every folder."""
    for folder in data_rig.FOLDERS[:4]:
        with open(os.path.join(rig.data, folder, "HOW_TO_RESTORE.txt"), "w") as f:
            f.write("Harmless: a test of the sensors.\n")
    for path in rig.files[:4]:
        with open(path, "r+b") as f:
            f.write(os.urandom(max(600, os.path.getsize(path))))


def lose_part(rig):
    """The set of the backup loses a file, and looks as old as it was."""
    when = os.stat(rig.set).st_mtime
    os.unlink(os.path.join(rig.set, "part2"))
    os.utime(rig.set, (when, when))


def falsify(rig):
    rig.tool("manifest", "make", os.path.join(rig.data, "payroll"))
    path = [p for p in rig.files if "/payroll/" in p][0]
    with open(path, "ab") as f:
        f.write(b"one more line\n")
    rig.run("manifest", "verify", os.path.join(rig.data, "payroll"))


TRIGGERS = [
    ("T1486", "documents encrypted in place", burst("inplace"), "data.mass-change"),
    ("T1486", "documents encrypted and renamed", burst("rename"), "data.mass-change"),
    ("T1486", "encrypted copies, originals deleted", burst("copy"), "data.mass-change"),
    ("T1486", "encrypted copies moved over the originals", burst("replace"), "data.mass-change"),
    ("T1486", "encrypted by many short processes", burst("inplace", 3), "data.mass-change"),
    ("T1486", "encrypted by a shell script and openssl", by_shell, "data.mass-change"),
    ("T1486", "encrypted by an interpreter", by_python, "data.mass-change"),
    ("T1486", "encrypted, with a ransom note in each folder", notes, "data.mass-change"),
    ("T1485", "documents filled with zeros", wipe, "data.mass-change"),
    ("T1485", "documents emptied", truncate, "data.mass-change"),
    ("T1486", "canary written", lambda rig: subprocess.run(["tee", "-a", bird(rig)], input=b"x", check=True,
                                                            stdout=subprocess.DEVNULL), "data.canary"),
    ("T1486", "canary renamed", lambda rig: subprocess.run(["mv", bird(rig), bird(rig) + ".locked"], check=True),
     "data.canary"),
    ("T1485", "canary deleted", lambda rig: subprocess.run(["rm", bird(rig, -1)], check=True), "data.canary"),
    ("T1490", "a backup set loses a file", lose_part, "data.backup-incomplete"),
    ("T1490", "all backup sets deleted", lambda rig: subprocess.run(["rm", "-r", rig.set], check=True),
     "data.backup-old"),
    ("T1565.001", "data falsified, found by its manifest", falsify, "data.verify-failed"),
]
