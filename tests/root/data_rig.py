# SPDX-License-Identifier: GPL-3.0-or-later
"""A tree of documents under agent-sensors, and programs that spoil or use it."""
import os
import random
import subprocess
import zlib

from sensors_rig import BUILD, UID, Sensors

WORDS = ("invoice ledger account total payment due balance transfer bank quarter report "
         "audit customer supplier amount currency approved reconciled closing opening").split()
FOLDERS = ("2024", "2025/Q1", "2025/Q2", "2025/Q3", "contracts", "payroll", "tax", "board")


def text(rng, size):
    out = []
    while sum(map(len, out)) < size:
        out.append(" ".join(rng.choice(WORDS) for _ in range(9)) + "\n")
    return "".join(out).encode()[:size]


def packed(rng, size):
    """Bytes with the entropy of a compressed stream."""
    return zlib.compress(rng.randbytes(size))[2:size + 2]


def document(rng, ending, size):
    if ending == "pdf":
        return b"%PDF-1.7\n" + packed(rng, size) + b"\nstartxref\n0\n%%EOF\n"
    if ending in ("docx", "xlsx"):
        return b"PK\3\4\x14\0\6\0" + packed(rng, size) + b"PK\5\6" + bytes(18)
    if ending == "png":
        return b"\x89PNG\r\n\x1a\n" + packed(rng, size)
    if ending == "csv":
        return b"".join(b"2025-0%d-1%d,%d,%d.%02d\n" % (
            rng.randint(1, 9), rng.randint(0, 9), rng.randint(1000, 9999), rng.randint(1, 99999),
            rng.randint(0, 99)) for _ in range(size // 24 + 1))
    if ending == "":
        return b"".join(b"\0\0\0\1" + rng.randint(0, 500).to_bytes(4, "big") + b"REC "
                        for _ in range(size // 12 + 1))
    return text(rng, size)


ENDINGS = ("docx", "xlsx", "pdf", "csv", "txt", "png", "xml", "")


class Data(Sensors):
    """Sensors with one data tree; `watch` is another, empty one."""

    def __init__(self, files=400, seed=1):
        super().__init__()
        self.data = os.path.join(self.work, "data")
        self.counter = os.path.join(self.work, "counter")
        self.canaries = os.path.join(os.path.dirname(self.state), "canaries")
        self.conf = os.path.join(self.work, "agent.conf")
        with open(self.conf, "w") as f:
            f.write("[agent]\nstate_dir = %s\nsensors_user = %d\n[data]\ntree = %s\ncanary_folders = 4\n" % (
                os.path.dirname(self.state), UID, self.data))
        with open(self.counter, "wb") as f:
            f.write(bytes(8))
        rng = random.Random(seed)
        for d in FOLDERS:
            os.makedirs(os.path.join(self.data, d))
        with open(os.path.join(self.data, ".cordon-test-tree"), "w") as f:
            f.write("made by a test\n")
        self.files = []
        for i in range(files):
            ending = ENDINGS[i % len(ENDINGS)]
            name = "%s-%04d%s" % (rng.choice(WORDS), i, "." + ending if ending else "")
            path = os.path.join(self.data, rng.choice(FOLDERS), name)
            with open(path, "wb") as f:
                f.write(document(rng, ending, rng.randint(300, 30000)))
            self.files.append(path)

    def watch(self, *more, known=True):
        self.start("--data", self.data, "--counter", self.counter, "--canaries", self.canaries, *more)
        if known:
            # It learns 32 files at a time with 10 ms between; earlier ones are judged by their names.
            self.quiet(0.5 + len(self.files) / 1000)

    def run(self, *args):
        return subprocess.run([os.path.join(BUILD, "bin/cordon-agent"), "-c", self.conf, "--libexec",
                               os.path.join(BUILD, "bin"), *args], capture_output=True, text=True, check=False)

    def tool(self, *args):
        done = self.run(*args)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def list_canaries(self):
        """{path: state}"""
        lines = self.tool("canaries", "list").splitlines()
        return {line.split(None, 2)[2]: line.split()[0] for line in lines}

    def spoil(self, how, rate, split=0):
        subprocess.run([os.path.join(BUILD, "test/encrypt-load"), self.data, how, str(rate), self.counter,
                        str(split)], check=True, stdout=subprocess.DEVNULL, timeout=120)

    def raised(self, seconds=20):
        return self.expect("signal", lambda m: m["kind"] == "data.mass-change", seconds)
