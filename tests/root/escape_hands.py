# SPDX-License-Identifier: GPL-3.0-or-later
"""Ways of the escape suite that take the rules away: another root process with
the firewall's own tools, and the end of the enforcer.  While a hand works,
forbidden datagrams and raw frames are sent all the time; see Line.leak."""
import json
import os
import random
import shutil
import signal
import socket
import struct
import time

from enforcer_rig import HOST4, HOST6
from escape_rig import Impossible, add_way
from stolen import FAMILIES, NAME, batch, delete_all, message, stolen


def hand(name, words, act, before=None, group="tools", **kw):
    def fn(line):
        x = before(line) if before else None
        yield
        return line.leak((lambda: act(line, x)) if before else (lambda: act(line)))
    add_way(name, group, words, fn, hand=True, **kw)


# -- nft -------------------------------------------------------------------------------

def cages(line):
    """(family, table) of what isolates at the moment."""
    out = [l.split()[1:] for l in line.nft("list tables").stdout.split("\n") if l.startswith("table ")]
    return [(f, n) for f, n in out if n in ("cordon", "plain", "filter")]


def chains(line):
    """(family, table, chain, is base) of them."""
    text = line.nft("-j", "list chains").stdout
    found = [x["chain"] for x in json.loads(text)["nftables"] if "chain" in x] if text.startswith("{") else []
    mine = cages(line)
    return [(c["family"], c["table"], c["name"], "hook" in c) for c in found if (c["family"], c["table"]) in mine]


def one_by_one(line, commands):
    """Each a transaction of its own, in one process."""
    line.feed("nft", "-i", check=False, text="".join(c + "\n" for c in commands))


def each_table(text):
    return lambda line: one_by_one(line, [text % c for c in cages(line)])


def each_chain(text, base=False):
    return lambda line: one_by_one(line, [text % c[:3] for c in chains(line) if c[3] or not base])


def nft(text):
    return lambda line: line.nft(text)


hand("nft-flush-ruleset", "nft flush ruleset", nft("flush ruleset"))
hand("nft-flush-twice", "the same a hundred times", lambda l: l.feed("nft", "-f", "-", check=False,
                                                                      text="flush ruleset\n" * 100))
hand("nft-delete-table", "nft delete table", each_table("delete table %s %s"))
hand("nft-destroy-add", "the table deleted and made anew, empty", lambda l: one_by_one(l, [
    "delete table %s %s; add table %s %s" % (c * 2) for c in cages(l)]))
hand("nft-flush-table", "nft flush table", each_table("flush table %s %s"))
hand("nft-delete-chain", "nft delete chain, rules first",
     lambda l: (each_chain("flush chain %s %s %s")(l), each_chain("delete chain %s %s %s")(l)))
hand("nft-flush-chain", "nft flush chain", each_chain("flush chain %s %s %s"))
hand("nft-insert-rule", "an accept rule at the head of every chain", each_chain("insert rule %s %s %s accept"))
hand("nft-delete-rule", "every rule deleted by its handle",
     lambda l: one_by_one(l, [
         "delete rule %s %s %s handle %d" % (c[:3] + (h,)) for c in chains(l) if c[3] for h in range(1, 12)]))
hand("nft-policy", "the policies set to accept", each_chain("add chain %s %s %s { policy accept; }", True))
hand("nft-dormant", "the tables made dormant", each_table("add table %s %s { flags dormant; }"))
hand("nft-rename", "the chains renamed", lambda l: one_by_one(l, [
    "rename chain %s %s %s x%d" % (c[:3] + (i,)) for i, c in enumerate(chains(l))]))
for where, priority in (("first", -2147483648), ("early", -400), ("late", 400), ("last", 2147483647)):
    hand("nft-chain-" + where, "chains that accept, at priority %d" % priority, lambda l, p=priority: l.nft(
        "add table inet x; add table netdev x; " + "".join(
            "add chain inet x %s { type filter hook %s priority %d; policy accept; }; add rule inet x %s accept; " % (
                h, h, p, h) for h in ("output", "postrouting", "input", "prerouting")) +
        "add chain netdev x e { type filter hook egress device v0 priority %d; policy accept; }; "
        "add rule netdev x e accept" % p))
hand("nft-notrack", "connection tracking taken away", nft(
    "add table inet x; add chain inet x o { type filter hook output priority -300; }; add rule inet x o notrack"))
hand("nft-queue", "packets handed to a program's queue before the rules", nft(
    "add table inet x; add chain inet x o { type filter hook output priority -2147483648; }; "
    "add rule inet x o queue num 0 bypass"))
hand("nft-mark", "packets marked and routed by mark", lambda l: (l.nft(
    "add table inet x; add chain inet x o { type route hook output priority -2147483648; }; "
    "add rule inet x o meta mark set 7"), l.ip_later("host", "rule del fwmark 7"), l.ip(
        "host", "rule add fwmark 7 table main", check=False)))
hand("nft-restart", "nftables.service restarted: nft -f of a file that begins with flush ruleset",
     lambda l: l.feed("nft", "-f", "-", check=False, text="#!/usr/sbin/nft -f\nflush ruleset\ntable inet filter {\n"
                      "chain input { type filter hook input priority filter; }\n"
                      "chain forward { type filter hook forward priority filter; }\n"
                      "chain output { type filter hook output priority filter; }\n}\n"))
hand("nft-stop", "nftables.service stopped: nft flush ruleset, tables gone one by one",
     lambda l: (l.nft("flush ruleset"), each_table("delete table %s %s")(l)))


# -- iptables and what drives it ---------------------------------------------------------

def tables(flavour, *lines):
    def act(line):
        if flavour == "legacy":
            line.later(lambda: [line.cmd("host", t + "-legacy", *x.split(), check=False) for t in ("iptables", "ip6tables")
                                for x in ("-P OUTPUT ACCEPT", "-F", "-X", "-t nat -F", "-t mangle -F", "-t raw -F")])
        for tool in ("iptables-" + flavour, "ip6tables-" + flavour):
            if shutil.which(tool) is None:
                raise Impossible(tool + " is not installed")
            for one in lines:
                line.cmd("host", tool, *one.split(), check=False)
    return act


for flavour in ("nft", "legacy"):
    hand("iptables-%s-flush" % flavour, "iptables-%s -F, -X, -Z" % flavour, tables(
        flavour, *("-t %s %s" % (t, f) for t in ("filter", "nat", "mangle", "raw", "security") for f in ("-F", "-X", "-Z"))))
    hand("iptables-%s-policy" % flavour, "iptables-%s -P ACCEPT" % flavour, tables(
        flavour, "-P INPUT ACCEPT", "-P OUTPUT ACCEPT", "-P FORWARD ACCEPT"))
    hand("iptables-%s-insert" % flavour, "iptables-%s -I OUTPUT -j ACCEPT, in every table" % flavour, tables(
        flavour, "-I OUTPUT -j ACCEPT", "-I INPUT -j ACCEPT", "-t raw -I OUTPUT -j ACCEPT",
        "-t mangle -I OUTPUT -j ACCEPT", "-t mangle -I POSTROUTING -j ACCEPT"))
hand("iptables-restore", "iptables-restore of an open ruleset", lambda l: [l.feed(
    t, check=False, text="*filter\n:INPUT ACCEPT\n:FORWARD ACCEPT\n:OUTPUT ACCEPT\nCOMMIT\n*raw\n:PREROUTING ACCEPT\n"
    ":OUTPUT ACCEPT\n-A OUTPUT -j NOTRACK\nCOMMIT\n") for t in ("iptables-nft-restore", "ip6tables-nft-restore")])
hand("ebtables", "ebtables and arptables flushed and opened", lambda l: [l.cmd("host", *x.split(), check=False) for x in (
    "ebtables-nft -F", "ebtables-nft -P FORWARD ACCEPT", "arptables-nft -F", "arptables-nft -P OUTPUT ACCEPT")])
hand("conntrack-flush", "conntrack -F", lambda l: l.cmd("host", "conntrack", "-F", check=False))


def ufw(line):
    """The real tool, on copies of its own files."""
    if shutil.which("ufw") is None:
        raise Impossible("ufw is not installed")
    work = os.path.join(line.dir, "ufw")
    os.makedirs(work)
    line.later(shutil.rmtree, work)
    for old, new in (("/etc/ufw", "etc"), ("/lib/ufw", "lib"), ("/etc/default", "default")):
        shutil.copytree(old, os.path.join(work, new), symlinks=True)
    return work


def ufw_runs(line, work):
    line.later(tables("nft", "-F", "-X"), line)
    line.cmd("host", "unshare", "-m", "--propagation", "private", "sh", "-c", " && ".join(
        ["mount --bind %s/%s %s" % (work, a, b) for a, b in (("etc", "/etc/ufw"), ("lib", "/lib/ufw"),
                                                             ("default", "/etc/default"))] +
        ["ufw --force enable; ufw reload; ufw --force disable"]),
        check=False)


hand("ufw", "ufw enabled, reloaded, disabled (the real tool)", ufw_runs, ufw)


def firewalld(line):
    """What firewalld 1.3 sends to the kernel at start, reload and stop."""
    start = ("add table inet firewalld; delete table inet firewalld; add table inet firewalld; " + "".join(
        "add chain inet firewalld %s_%s { type %s hook %s priority %d; policy accept; }; " % (
            kind, hook.upper(), "nat" if kind == "nat" else "filter", hook, priority)
        for kind, hook, priority in (("mangle", "prerouting", -140), ("nat", "prerouting", -90), ("nat", "postrouting", 110),
                                     ("nat", "output", -90), ("filter", "prerouting", 10), ("filter", "input", 10),
                                     ("filter", "forward", 10), ("filter", "output", 10))) +
        "add rule inet firewalld filter_INPUT ct state { established, related } accept; "
        "add rule inet firewalld filter_OUTPUT ct state { established, related } accept")
    line.nft(start)
    for tool in ("iptables-nft", "ip6tables-nft"):  # FlushAllOnReload, direct rules
        for t in ("filter", "nat", "mangle", "raw"):
            line.cmd("host", tool, "-w", "-t", t, "-F", check=False)
            line.cmd("host", tool, "-w", "-t", t, "-X", check=False)
        for c in ("INPUT", "OUTPUT", "FORWARD"):
            line.cmd("host", tool, "-w", "-P", c, "ACCEPT", check=False)
    line.nft("add table inet firewalld_policy_drop; add chain inet firewalld_policy_drop filter_output "
             "{ type filter hook output priority -1; policy accept; }")
    line.nft("delete table inet firewalld_policy_drop")
    line.nft("delete table inet firewalld")


def docker(line):
    """What dockerd sends by iptables when it starts."""
    def ipt(*lines):
        for x in lines:
            line.cmd("host", "iptables-nft", "--wait", *x.split(), check=False)
    line.ip_later("host", "link del docker0")
    line.ip("host", "link add docker0 type bridge", "addr add 172.17.0.1/16 dev docker0", "link set docker0 up",
            check=False)
    ipt("-t nat -N DOCKER", "-t filter -N DOCKER", "-t filter -N DOCKER-ISOLATION-STAGE-1", "-t filter -N DOCKER-USER",
        "-t nat -I POSTROUTING -s 172.17.0.0/16 ! -o docker0 -j MASQUERADE",
        "-t nat -A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER",
        "-t nat -A OUTPUT -m addrtype --dst-type LOCAL ! --dst 127.0.0.0/8 -j DOCKER",
        "-P FORWARD ACCEPT", "-I FORWARD -i docker0 ! -o docker0 -j ACCEPT", "-I FORWARD -i docker0 -o docker0 -j ACCEPT",
        "-I FORWARD -o docker0 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT", "-I FORWARD -j DOCKER-USER",
        "-A DOCKER-USER -j RETURN")


hand("firewalld", "firewalld's start, reload and stop (its commands, sent again)", firewalld)
hand("docker", "Docker's start (its commands, sent again)", docker)


# -- addresses, routes, neighbours ----------------------------------------------------------

hand("neighbours-flushed", "ip neigh flush all", lambda l: l.ip("host", "neigh flush all", check=False))
hand("addresses-changed", "the addresses taken away and given back", lambda l: l.ip(
    "host", "addr flush dev v0", "addr add %s/24 brd + dev v0" % HOST4, "addr add %s/64 dev v0 nodad" % HOST6, check=False))
hand("address-added", "a second address and a route over it", lambda l: (l.ip_later(
    "host", "addr del 10.9.1.1/24 dev v0"), l.ip("host", "addr add 10.9.1.1/24 dev v0", check=False)))
hand("routes-flushed", "the routes taken away and given back", lambda l: l.ip(
    "host", "route flush dev v0", "route add 10.9.0.0/24 dev v0", "route add fd09::/64 dev v0", check=False))


# -- the end of the enforcer -------------------------------------------------------------------

def enforcer(name, words, act, **kw):
    """A hand on the process: nothing to do where there is none."""
    def go(line):
        if line.regime in ("cordon", "guard"):
            act(line)
        else:
            line.nft("flush ruleset")
    hand(name, words, go, group="enforcer", **kw)


def stopped(line, act):
    os.kill(line.pid, signal.SIGSTOP)
    try:
        act(line)
    finally:
        os.kill(line.pid, signal.SIGCONT)


def kill_and(act, again=True):
    def go(line):
        line.kill()
        act(line)
        if again:
            line.start()
    return go


def dormant_all():
    return batch(*(message(0x0a00, f, NAME, (2, struct.pack("!I", 7))) for f in FAMILIES))


def adopted(line):
    """Another process takes the tables, as their new owner; its socket."""
    s = line.sock(socket.AF_NETLINK, socket.SOCK_RAW, 12)
    s.setblocking(True)
    for f in FAMILIES:
        s.send(batch(message(0x0a00, f, NAME, (2, struct.pack("!I", 6)))))
    return s


def adopt_then(act, wait=0.3):
    """Killed, taken over by another, restarted; then the other acts."""
    def go(line):
        line.kill()
        s = adopted(line)
        line.start()
        time.sleep(wait)
        act(s)
    return go


enforcer("kill", "the enforcer killed and started again", kill_and(lambda l: time.sleep(0.2)))
enforcer("stop-flush", "the enforcer stopped (SIGSTOP), then every table deleted",
         lambda l: stopped(l, lambda l: (l.nft("flush ruleset"), each_table("delete table %s %s")(l))))
enforcer("kill-flush", "the enforcer killed, the rules flushed at once",
         kill_and(lambda l: l.nft("flush ruleset")))
enforcer("kill-insert", "the enforcer killed, an accept rule put into every chain",
         kill_and(each_chain("insert rule %s %s %s accept")))
enforcer("kill-dormant", "the enforcer killed, the tables made dormant",
         kill_and(each_table("add table %s %s { flags dormant; }")))
enforcer("kill-flush-loop", "the same ten times", lambda l: [kill_and(lambda l: l.nft("flush ruleset"))(l)
                                                             for _ in range(10)])
enforcer("steal-delete", "the owner's socket stolen (pidfd_getfd), the tables deleted",
         lambda l: stolen(l, delete_all()))
enforcer("steal-dormant", "the owner's socket stolen, the tables made dormant", lambda l: stolen(l, dormant_all()))
enforcer("steal-loop", "the owner's socket stolen, the tables deleted twenty times",
         lambda l: [(stolen(l, delete_all()), time.sleep(0.02)) for _ in range(20)])
enforcer("steal-stopped", "the enforcer stopped, its socket stolen, the tables deleted",
         lambda l: stopped(l, lambda l: (stolen(l, delete_all()), time.sleep(0.2))))
enforcer("adopt", "the enforcer killed, the tables adopted by another process", adopt_then(lambda s: None), dirty=True)
enforcer("adopt-delete", "the same, and deleted by it later", adopt_then(lambda s: s.send(delete_all())), dirty=True)
enforcer("adopt-dormant", "the same, and made dormant by it", adopt_then(lambda s: s.send(dormant_all())), dirty=True)
enforcer("kill-random", "the enforcer killed at random moments and started again, the rules flushed in between",
         lambda l: [(time.sleep(random.uniform(0, 0.02)), kill_and(lambda l: l.nft("flush ruleset"))(l))
                    for _ in range(5)])
