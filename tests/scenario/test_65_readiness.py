# SPDX-License-Identifier: GPL-3.0-or-later
"""What on a host stands in the way of isolating and releasing it: named on
the host and at the collector, gone when it is mended."""
import shutil

from world import wait_for

UNIT = "cordon-agent-restore.service"


def told(h, *items):
    """The lines of `cordon-agent status` about readiness, once ITEMS are there."""
    def look():
        out = h.agent("status").stdout
        lines = out[out.index("readiness"):].splitlines()
        return lines if all(any("  %s: " % i in line for line in lines) for i in items) else None
    return wait_for("readiness naming " + ", ".join(items), look)


def test_it_says_what_is_in_the_way(world, people):
    col, wang, _ = people
    h = world.host("hindered").enrol(col)
    shutil.copy("/bin/sleep", h.path("firewalld"))
    firewall = h.popen([h.path("firewalld"), "600"])
    h.run(["ip", "tuntap", "add", "dev", "tun9", "mode", "tun"])
    h.run(["ip", "link", "set", "tun9", "up"])
    h.run(["ip", "route", "add", col.v4 + "/32", "dev", "tun9"])
    h.start_agent()
    lines = told(h, "other-firewall", "collector-route", "early-unit")
    text = "\n".join(lines)
    assert "firewalld changes rules by itself" in text
    assert "a way to the collector by tun9, tun, a tunnel" in text, "the other one is IPv6"
    assert "after a reboot the host is open" in text
    seen = wait_for("the same at the collector", lambda: (lambda x: x if "collector-route" in str(x) else None)(
        wang.json("host", "readiness", "hindered", check=False)))
    assert seen["ready"] == "weaker" and "early-unit" in str(seen)
    # With no way but the tunnel it would be stranded.
    h.stop_agent()
    h.run(["ip", "-6", "route", "add", col.v6 + "/128", "dev", "tun9"])
    h.start_agent()
    wait_for("a blocked way", lambda: "blocks  collector-route: every way" in h.agent("status").stdout)
    # Mended.
    h.stop_agent()
    h.run(["ip", "link", "del", "tun9"])
    firewall.kill()
    firewall.wait()
    wants = "/etc/systemd/system/sysinit.target.wants"
    h.run(["sh", "-c", "mkdir -p %s && : >/etc/systemd/system/%s && ln -s ../%s %s/" % (wants, UNIT, UNIT, wants)])
    h.start_agent()
    wait_for("nothing in the way", lambda: not [i for i in ("other-firewall", "collector-route", "early-unit")
                                                if i in h.agent("status").stdout])
    wait_for("nor at the collector", lambda: "collector-route" not in str(
        [i for i in wang.json("host", "readiness", "hindered", check=False).get("items", []) if not i["ok"]]))
