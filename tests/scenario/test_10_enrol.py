# SPDX-License-Identifier: GPL-3.0-or-later
"""Enrolment, revocation, renewal: who gets in, and who is put out."""
from world import wait_for


def enrol(host, col, token, ca=None):
    return host.agent("enrol", "--collector", "%s:%d" % (col.v4, col.AGENTS), "--token", token,
                      "--ca-sha256", ca or col.ca_sha256(), check=False)


def test_a_token_enrols_as_often_as_it_says(world, people):
    col = people[0]
    a, b = world.host("enrol-a"), world.host("enrol-b")
    token = col.token(uses=1)
    assert enrol(a, col, token).returncode == 0
    second = enrol(b, col, token)
    assert second.returncode != 0 and "token" in second.stdout
    assert b.agent("run", check=False, timeout=20).returncode == 78, "an agent that is not enrolled must say so"


def test_wrong_ca_and_wrong_token_leave_nothing(world, people):
    col = people[0]
    h = world.host("enrol-c")
    bad = enrol(h, col, col.token(), ca="00" * 32)
    assert bad.returncode != 0
    assert enrol(h, col, "NOT-A-TOKEN").returncode != 0
    import os
    assert not os.path.exists(os.path.join(h.state, "identity"))


def test_the_collector_is_found_over_ipv6_alone(world, people):
    col, wang, _ = people
    h = world.host("enrol-v6").enrol(col, v6=True)
    h.run(["ip", "addr", "flush", "dev", "eth0", "scope", "global"])
    h.run(["ip", "addr", "add", h.v6 + "/64", "dev", "eth0", "nodad"])
    h.start_agent()
    wait_for("the host over IPv6", lambda: wang.json("host", "show", "enrol-v6")["online"])


def test_revocation_ends_the_live_connection_at_once(world, people):
    col, wang, _ = people
    h = world.host("enrol-r").enrol(col).start_agent()
    wait_for("online", lambda: wang.json("host", "show", "enrol-r")["online"])
    col.admin("host", "revoke", "enrol-r", "--reason", "machine was scrapped", "--yes")
    wait_for("offline", lambda: not wang.json("host", "show", "enrol-r")["online"], 3)
    h.stop_agent()
    h.start_agent()
    assert "revoked" in wait_for("a refusal in the agent's log", lambda: [
        line for line in open(h.parent.log) if "revoked" in line], 15)[-1]
    assert not wang.json("host", "show", "enrol-r")["online"]


def test_random_bytes_on_both_ports_change_nothing(world, people):
    col, wang, _ = people
    code = ("import os,socket,ssl\n"
            "for port in (%d,%d):\n"
            " for n in range(60):\n"
            "  s = socket.create_connection((%r, port), 3); s.settimeout(0.3)\n"
            "  try:\n"
            "   s.sendall(os.urandom(1 + n * 37) if n %% 2 else bytes([22,3,1]) + os.urandom(300)); s.recv(64)\n"
            "  except OSError: pass\n"
            "  s.close()\n"
            "c = ssl.create_default_context(); c.check_hostname = False; c.verify_mode = ssl.CERT_NONE\n"
            "for port in (%d,%d):\n"
            " for n in range(40):\n"
            "  try:\n"
            "   s = c.wrap_socket(socket.create_connection((%r, port), 3)); s.settimeout(0.3)\n"
            "   s.sendall(os.urandom(4000)); s.recv(64); s.close()\n"
            "  except OSError: pass\n" % (col.AGENTS, col.API, col.v4, col.AGENTS, col.API, col.v4))
    col.python(code).wait(120)
    assert col.collector.poll() is None, "the collector died"
    assert wang.json("whoami")["name"] == "wang"
    h = world.host("after").enrol(col).start_agent()
    wait_for("a host that enrols afterwards", lambda: wang.json("host", "show", "after")["online"])
    h.stop_agent()


def test_a_certificate_renews_itself(world):
    col = world.collector("short-lived", settings={"tls": {"agent_cert": "60s", "renew_before": "58s"}})
    h = world.host("renews").enrol(col).start_agent()

    def serial():
        return h.run(["openssl", "x509", "-noout", "-serial", "-in", h.path("agent-state", "network", "tls.pem")]).stdout
    first = serial()
    wait_for("a new certificate", lambda: serial() != first, 60)
    wait_for("the host online with it", lambda: col.admin.json("host", "show", "renews")["online"], 15)
