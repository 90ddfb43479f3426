# SPDX-License-Identifier: GPL-3.0-or-later
"""One agent-sensors under a driver that plays parent and network process."""
import json
import os
import queue
import shutil
import subprocess
import tempfile
import threading
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.path.join(ROOT, os.environ.get("BUILD", "build"))
UID = 4242
PASS, FAIL, UNKNOWN = 1, 2, 3
PARENT_ONLY, CACHED, EXACT = 1, 2, 3


class Sensors:
    """Reads like: s.start(); s.write("a", "x"); s.signal("files.changed", "a")."""

    def __init__(self):
        self.work = tempfile.mkdtemp(prefix="cordon-sensors-")
        os.chmod(self.work, 0o755)
        self.tree = os.path.join(self.work, "tree")
        self.own = os.path.join(self.work, "own")
        self.state = os.path.join(self.work, "agent", "sensors")
        for d in (self.tree, self.state, self.own):
            os.makedirs(d)
        os.chown(self.state, UID, UID)
        self.process = self.pid = None
        self.events, self.seen = queue.Queue(), []

    def path(self, name):
        return os.path.join(self.tree, name)

    def write(self, name, text, mode="w"):
        with open(self.path(name), mode) as f:
            f.write(text)

    def start(self, *more, user=str(UID), wait=True, prefix=()):
        self.run_driver([*prefix, os.path.join(BUILD, "test/sensors-driver"), "--program",
                         os.path.join(BUILD, "bin/agent-sensors"), "--state", self.state, "--user", user,
                         "--watch", self.tree, "--state-without", "all", *more], wait)

    def run_driver(self, args, wait):
        self.spawn(args)
        self.pid = self.expect("ready")["pid"]
        if wait:
            self.expect("signal", lambda m: m["kind"] in ("files.baseline", "agent.blind-closed"))

    def spawn(self, command):
        """Start a driver and listen to it."""
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.events, self.seen = queue.Queue(), []
        threading.Thread(target=self._read, args=(self.process, self.events),
                         daemon=True).start()

    @staticmethod
    def _read(process, events):
        for line in process.stdout:
            events.put(json.loads(line))

    def say(self, text):
        self.process.stdin.write(text + "\n")
        self.process.stdin.flush()

    def expect(self, what, like=lambda m: True, seconds=20):
        """The next message of that kind; those that do not fit stay for later."""
        for m in self.seen:
            if m["what"] == what and like(m):
                self.seen.remove(m)
                return m
        end = time.monotonic() + seconds
        while True:
            try:
                m = self.events.get(timeout=max(0.001, end - time.monotonic()))
            except queue.Empty:
                raise AssertionError("no %s; there was %s" % (what, self.seen[-20:])) from None
            if m["what"] == what and like(m):
                return m
            self.seen.append(m)

    def signal(self, kind, name, seconds=20):
        path = name if name.startswith("/") else self.path(name)
        return self.expect("signal", lambda m: m["kind"] == kind and m["object"] == path, seconds)

    def quiet(self, seconds):
        """All signals that come within this time."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            try:
                self.seen.append(self.events.get(timeout=max(0.001, end - time.monotonic())))
            except queue.Empty:
                break
        got = [m for m in self.seen if m["what"] == "signal" and not self.is_of_others(m)]
        self.seen = [m for m in self.seen if m["what"] != "signal"]
        return got

    def is_of_others(self, m):
        """Files that gain rights are told wherever they lie: other tests make some, too."""
        return m["kind"] in ("files.setuid", "files.capability") and not m["object"].startswith(self.work)

    def gate(self, run, checks, manifest="-", more=""):
        self.say(("check %s %s %s %s" % (run, checks, manifest, more)).strip())
        got = {}
        while True:
            m = self.expect("result", lambda m: m["run"] == run, 60)
            got[m["check"]] = m
            if m["last"]:
                return got

    def stop(self):
        self.say("stop")
        how = self.expect("ended")["how"]
        self.process.wait(10)
        self.process = None
        return how

    def kill(self):
        os.kill(self.pid, 9)
        self.expect("ended")
        self.process.wait(10)
        self.process = None

    def close(self):
        if self.process is not None:
            self.process.kill()
            self.process.wait(10)
        shutil.rmtree(self.work)
