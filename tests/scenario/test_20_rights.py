# SPDX-License-Identifier: GPL-3.0-or-later
"""Which rights each process really has, and what a taken-over one can do."""
import os
import stat

import pytest

from world import UID, wait_for

CAP = {"net_admin": 12, "sys_ptrace": 19, "sys_admin": 21, "dac_read_search": 2, "dac_override": 1, "kill": 5,
       "setgid": 6, "setuid": 7, "setpcap": 8, "chown": 0, "fowner": 3, "net_raw": 13,
       "bpf": 39}
MAY = {
    "agent-network": (UID["cordon"], ()),
    "agent-enforcer": (UID["cordon-enforcer"], ("net_admin",)),
    "agent-sensors": (UID["cordon-sensors"], ("sys_admin", "dac_read_search", "sys_ptrace")),
    "agent-guard": (UID["cordon-guard"], ("bpf", "net_admin", "net_raw")),
}


def status(pid):
    with open("/proc/%d/status" % pid) as f:
        return dict(line.rstrip("\n").split(":\t", 1) for line in f if ":\t" in line)


@pytest.fixture(scope="module")
def host(world, people):
    col, wang, _ = people
    h = world.host("rights").enrol(col).start_agent()
    wait_for("online", lambda: wang.json("host", "show", "rights")["online"])
    wait_for("five processes", lambda: len(h.processes()) == 5)
    return h


@pytest.mark.parametrize("name", sorted(MAY))
def test_rights_in_force(host, name):
    uid, caps = MAY[name]
    st = status(host.processes()[name])
    want = sum(1 << CAP[c] for c in caps)
    assert set(st["Uid"].split()) == {str(uid)} and set(st["Gid"].split()) == {str(uid)}
    assert st["Groups"].strip() in ("", str(uid))
    for which in ("CapPrm", "CapEff", "CapBnd"):
        assert int(st[which], 16) & ~want == 0, which
    assert int(st["CapEff"], 16) == want
    assert int(st["CapInh"], 16) == 0 and int(st["CapAmb"], 16) == 0
    assert st["NoNewPrivs"] == "1" and st["Seccomp"] == "2"


def test_the_parent_holds_only_what_starting_children_needs(host):
    st = status(host.processes()["agent-parent"])
    assert st["NoNewPrivs"] == "1" and st["Seccomp"] == "2"
    assert int(st["CapEff"], 16) & (1 << 16 | 1 << 17 | 1 << 25 | 1 << 38) == 0, \
        "modules, raw I/O, clock and perf are not for starting children"


def test_server_processes_hold_nothing(people):
    col = people[0]
    exe = {}
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            path = os.readlink("/proc/%s/exe" % pid)
        except OSError:
            continue
        if path.startswith(col.world.dir) and os.path.basename(path) in ("cordon-collector", "cordon-signer"):
            exe[os.path.basename(path)] = int(pid)
    assert len(exe) == 2
    for name, pid in exe.items():
        st = status(pid)
        assert st["Uid"].split()[0] == str(UID[name])
        assert int(st["CapEff"], 16) == 0 and st["NoNewPrivs"] == "1" and st["Seccomp"] == "2", name


def test_keys_are_for_their_owner_alone(host, people):
    col = people[0]
    for path in (os.path.join(col.state, "ca.key"), os.path.join(col.signer_state, "order.key"),
                 os.path.join(host.state, "network", "tls.pem")):
        assert stat.S_IMODE(os.stat(path).st_mode) & 0o077 == 0, path


# Stands where agent-network stands, with its uid and its links, and does its worst.
EVIL = r'''#!%(python)s
import array, ctypes, os, socket, struct, sys, time
uid = %(uid)d
os.setgroups([]); os.setresgid(uid, uid, uid); os.setresuid(uid, uid, uid)
parent = socket.socket(fileno=3); parent.setblocking(True)
log = open(%(log)r, "a", buffering=1)
peers = {}
def receive(s):
    data, anc, flags, _ = s.recvmsg(200000, socket.CMSG_SPACE(64))
    fds = array.array("i")
    for level, kind, d in anc:
        fds.frombytes(d[:len(d) - len(d) %% 4])
    return data, list(fds)
while 2 not in peers:
    data, fds = receive(parent)
    kind = struct.unpack("I", data[:4])[0]
    if kind == 1: parent.send(struct.pack("I", 2) + b"\x08" + bytes([1]))
    if kind == 4: peers[data[4]] = socket.socket(fileno=fds[0])
e = peers[2]; e.setblocking(True); e.settimeout(3)
forged = bytes.fromhex(%(order)r)
def order(raw):
    n = len(raw); v = b""
    while n > 127: v += bytes([n & 127 | 128]); n >>= 7
    v += bytes([n])
    return struct.pack("I", 10) + b"\x0a" + v + raw
for i in range(3):
    bad = bytearray(forged)
    if i: bad[len(bad) // (i + 1)] ^= 1
    e.send(order(bytes(bad)))
end = time.time() + 3
while time.time() < end:
    try: data, _ = receive(e)
    except OSError: break
    if not data: log.write("enforcer closed\n"); break
    log.write("enforcer says %%d %%s\n" %% (struct.unpack("I", data[:4])[0], data[4:].decode("latin-1").replace("\n", " ")))
e.send(struct.pack("I", 4242) + b"open the host please")
time.sleep(0.3)
try:
    e.send(order(forged)); data, _ = receive(e); log.write("after nonsense: %%s\n" %% (data or "closed"))
except OSError as x: log.write("after nonsense: closed %%s\n" %% x)
for what in ("socket(AF_NETLINK) nft", ):
    try:
        s = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 12)
        s.send(struct.pack("IHHII", 20, 0x0a05, 5, 1, 0) + b"\0\0\0\0"); r = s.recv(4096)
        log.write("netlink answer %%d\n" %% struct.unpack("i", r[16:20])[0])
    except OSError as x: log.write("netlink %%s\n" %% x)
for path in ("/proc/self/../%(enforcer_dir)s", %(enforcer_dir)r):
    try: os.listdir(path); log.write("listed the enforcer's folder\n")
    except OSError as x: log.write("enforcer folder %%s\n" %% x)
log.write("done\n")
time.sleep(60)
'''


def test_a_taken_over_network_process_cannot_isolate_or_release(world, people):
    import shutil
    import sqlite3
    import sys
    col, wang, _ = people
    h = world.host("takeover").enrol(col).start_agent()
    peer = world.peer("friend")
    wait_for("online", lambda: wang.json("host", "show", "takeover")["online"])
    wang("isolate", "takeover", "--reason", "to have an order in force", "--yes")
    assert not h.reaches(peer.v4, peer.TCP)
    # A real order of this fleet, so that only the signature or the epoch can be wrong.
    db = sqlite3.connect("file:%s?mode=ro" % os.path.join(col.state, "collector.db"), uri=True)
    signed = db.execute("SELECT signed FROM orders ORDER BY created_at DESC LIMIT 1").fetchone()[0]
    db.close()
    h.stop_agent()
    evil = h.path("libexec-evil")
    shutil.copytree(h.libexec, evil)
    log = h.path("evil-log")
    open(log, "w").close()
    os.chmod(log, 0o666)
    with open(os.path.join(evil, "agent-network"), "w") as f:
        f.write(EVIL % dict(python=sys.executable if sys.executable.startswith("/usr") else "/usr/bin/python3",
                            uid=UID["cordon"], log=log, order=signed.hex(),
                            enforcer_dir=os.path.join(h.state, "enforcer")))
    os.chmod(os.path.join(evil, "agent-network"), 0o755)
    good, h.libexec = h.libexec, evil
    h.start_agent()
    text = wait_for("the end of the attack", lambda: (lambda t: t if "done" in t else None)(open(log).read()), 30)
    assert "forged" in text, text
    assert "after nonsense: closed" in text or "after nonsense: b''" in text, text
    assert "netlink answer 0" not in text, text
    assert "listed the enforcer" not in text, text
    assert not h.reaches(peer.v4, peer.TCP), "the host was opened"
    h.stop_agent()
    h.libexec = good
    h.start_agent()
    wait_for("proven again", lambda: wang.json("host", "show", "takeover")["isolation"] == "proven", 30)
