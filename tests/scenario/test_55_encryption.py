# SPDX-License-Identifier: GPL-3.0-or-later
"""Documents are being encrypted: how many are lost before the signal is stored, and before the host is cut off by the
shipped policy (a canary isolates a T2 host)."""
import mmap
import os
import random
import shutil
import sqlite3
import struct
import subprocess
import sys
import threading
import time

import pytest

from world import TOP, wait_for

sys.path.insert(0, os.path.join(TOP, "tests/root"))
from data_rig import ENDINGS, FOLDERS, document  # noqa: E402

FILES = 3000


def documents(top):
    rng = random.Random(7)
    for i in range(FILES):
        ending = ENDINGS[i % len(ENDINGS)]
        folder = os.path.join(top, rng.choice(FOLDERS))
        os.makedirs(folder, exist_ok=True)
        with open(os.path.join(folder, "paper-%04d%s" % (i, "." + ending if ending else "")), "wb") as f:
            f.write(document(rng, ending, rng.randint(300, 12000)))
    with open(os.path.join(top, ".cordon-test-tree"), "w") as f:
        f.write("made by a test\n")


class Count:
    """The number of files that encrypt-load has done, at any moment."""

    def __init__(self, path):
        self.path = path
        with open(path, "wb") as f:
            f.write(bytes(8))
        with open(path, "rb") as f:
            self.map = mmap.mmap(f.fileno(), 8, prot=mmap.PROT_READ)

    def now(self):
        return struct.unpack("=Q", self.map[:])[0]


def until(what, test, count, got):
    """The count when TEST became true, into GOT[WHAT]."""
    while what not in got:
        if test():
            got[what] = count.now()
        time.sleep(0.002)


@pytest.mark.parametrize("name, rate", [("patient", 30), ("quick", 400), ("hasty", 0)])
def test_encryption_is_cut_off(world, people, name, rate):
    col, wang, _ = people
    h = world.host(name, data__tree=world.dir + "/%s-papers" % name, state__leave_out="all")
    top = world.dir + "/%s-papers" % name
    documents(top)
    h.enrol(col)
    h.agent("canaries", "keep")
    h.start_agent()
    wait_for("online", lambda: wang.json("host", "show", name)["online"])
    wait_for("a baseline", lambda: any(s["kind"] == "files.baseline" for s in wang.lines("signals", "--host", name)))
    time.sleep(2)  # it learns what the documents look like
    count, got = Count(h.path("counter")), {}
    db = sqlite3.connect("file:%s/collector.db?mode=ro" % col.state, uri=True, check_same_thread=False)
    # Signals of this host's tree alone; the order is in force when its table is there.
    threads = [threading.Thread(target=until, args=(what, test, count, got), daemon=True) for what, test in (
        ("stored", lambda: db.execute("SELECT 1 FROM signals WHERE kind IN ('data.canary', 'data.mass-change') AND "
                                      "object LIKE ?", (top + "%",)).fetchone()),
        ("cut off", lambda: "policy drop" in h.nft("list", "ruleset", check=False).stdout))]
    for t in threads:
        t.start()
    load = shutil.copy(os.path.join(TOP, "build/test/encrypt-load"), h.path("encrypt-load"))
    spoil = h.popen([load, top, "inplace", rate, h.path("counter")], stdout=subprocess.DEVNULL)
    wait_for("cut off", lambda: "cut off" in got and "stored" in got, 60)
    spoil.kill()
    print("%s files a second: %d lost before the signal was stored, %d before the host was cut off (load %.1f)" % (
        rate or "all", got["stored"], got["cut off"], os.getloadavg()[0]))
    if rate == 30:
        assert got["stored"] < 20 and got["cut off"] < 30
    wait_for("proof", lambda: wang.json("host", "show", name)["isolation"] == "proven", 30)
