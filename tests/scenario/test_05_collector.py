# SPDX-License-Identifier: GPL-3.0-or-later
"""cordon-collector before it listens: the settings, each slip named with its
file and line, and init, which never overwrites.  And cordon-signer's start."""
import os
import re
import subprocess

import pytest

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BIN = os.path.join(os.environ.get("CORDON_BUILD", os.path.join(TOP, "build")), "bin")
ADVERTISE = "[collector]\nadvertise = 10.1.2.3:8443\n"


def collector(*args):
    return subprocess.run([os.path.join(BIN, "cordon-collector")] + [str(a) for a in args],
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                          timeout=60)


@pytest.fixture
def conf(tmp_path):
    """Writes collector.conf and policy.conf; the path of the first."""
    def write(text, policy="[rule all]\nkind = *\nthen = note\n"):
        (tmp_path / "policy.conf").write_text(policy)
        text = text.replace("[collector]\n", "[collector]\npolicy = %s/policy.conf\n" % tmp_path, 1)
        path = tmp_path / "collector.conf"
        path.write_text(text)
        return path
    return write


GOOD = [
    "[orders]\nlimited_allow = tcp 10.1.5.20:5432\nlimited_allow = in tcp 10.1.7.0/24:22\n"
    "[allow payments]\nprofile = limited\ngroup = treasury\ntier = T1\nendpoint = tcp 10.1.5.21:5432\n"
    "[allow backup]\nprofile = recovery\nendpoint = udp [2001:db8::9]:514\n",
    "",
    "api_listen = [::1]:8444\napi_listen = 127.0.0.1:8444\n",
    "[orders]\nrecovery_allow = tcp 10.1.9.7:443\nrecovery_allow = udp [2001:db8::/32]:53\n"
    "recovery_allow = tcp [2001:db8::]/32:53\nprobe = tcp [2001:db8::1]:443\n",
    "[gate]\ncheck = G02\ncheck = G15\n[probation]\nrecheck = a 1s\nrecheck = b 2s\n",
    "[orders]\ndeadman_t0 = stay\ndeadman_t2 = recovery after 24h\ndeadman_t3 = open after 5m\n",
    "[orders]\nbudget_hosts_hour = 0\nbudget_percent_hour = 100\noperator_min_age = 1s\n",
]

BAD = [  # (text behind ADVERTISE, what the error must name)
    ("colour = red\n", r"collector.conf:\d+: \[collector\] colour: unknown key"),
    ("[colour]\na = b\n", r"collector.conf:\d+: .*unknown section"),
    ("loops = many\n", r"collector.conf:\d+: \[collector\] loops: not a whole number"),
    ("loops = 65\n", r"loops: .*out of bounds"),
    ("heartbeat = 10\n", r"heartbeat: not a span"),
    ("log_level = loud\n", r"log_level: write error, warn, info or debug"),
    ("state_dir = here\n", r"state_dir: write an absolute path"),
    ("listen = 8443\n", r"listen = 8443: "),
    ("listen = localhost:8443\n", r"listen = localhost:8443: .*not looked up"),
    ("advertise = 0.0.0.0:8443\n", r"advertise: an address that no agent can reach"),
    ("advertise = 224.0.0.1:8443\n", r"advertise: an address that no agent can reach"),
    ("advertise = [::]:8443\n", r"advertise: an address that no agent can reach"),
    ("advertise = ledger.example:8443\n", r"advertise = ledger.example:8443: "),
    ("".join("advertise = 10.0.0.%d:1\n" % i for i in range(1, 17)), r"advertise: at most 16"),
    ("[tls]\nagent_cert = 10d\nrenew_before = 10d\n", r"renew_before: must be shorter"),
    ("[orders]\nprobe = 10.0.0.1:443\n", r"probe = 10.0.0.1:443: write tcp or udp"),
    ("[orders]\nprobe = icmp 10.0.0.1:443\n", r"write tcp or udp"),
    ("[orders]\nprobe = tcp 10.0.0.0/24:443\n", r"one address, not a network"),
    ("[orders]\nprobe = tcp 10.0.0.1\n", r"probe = tcp 10.0.0.1: .*no port"),
    ("[orders]\nprobe = tcp 10.0.0.1:443 x\n", r"write tcp or udp"),
    ("[orders]\nrecovery_allow = tcp 10.1.9.7/24:443\n", r"bits are set behind the network's /24"),
    ("[orders]\nrecovery_allow = tcp 10.1.9.0/33:443\n", r"/33 is longer than the address"),
    ("[orders]\nrecovery_allow = tcp 10.1.9.0/0:443\n", r"write 10.1.9.0/24:443"),
    ("[orders]\nrecovery_allow = tcp 10.1.9.0/:443\n", r"write 10.1.9.0/24:443"),
    ("[orders]\nrecovery_allow = tcp 10.1.9.0/24x:443\n", r"write 10.1.9.0/24:443"),
    ("[orders]\nnotice_en = " + "x" * 600 + "\n", r"notice_en: longer than 511 bytes"),
    ("[orders]\nbudget_percent_hour = 0\n", r"budget_percent_hour: .*out of bounds"),
    ("[orders]\ndeadman_t0 = leave\n", r"deadman_t0: write stay"),
    ("[orders]\ndeadman_t0 = open after 1m\n", r"deadman_t0: .*at least 5m"),
    ("[orders]\ndeadman_t3 = strict after 24h\n", r"deadman_t3: write stay"),
    ("[allow x]\nendpoint = tcp 10.1.5.20:5432\n", r"endpoint: profile must stand before"),
    ("[allow x]\nprofile = strict\n", r"profile: write recovery or limited"),
    ("[allow x]\nprofile = limited\ntier = T9\n", r"tier: write T0 to T3"),
    ("[allow x]\nprofile = limited\ncolour = red\n", r"\[allow x\] colour: unknown"),
    ("[allow x]\nprofile = limited\nendpoint = tcp 10.1.5.20\n", r"endpoint: .*no port"),
    ("[allow x y]\nprofile = limited\n", r"allow x y"),
    ("[orders]\nlimited_allow = in icmp 10.1.5.20:1\n", r"write tcp or udp"),
    ("[orders]\nprobe = in tcp 10.1.5.20:1\n", r"write tcp or udp"),
    ("[allow x]\nprofile = limited\n" + "".join("endpoint = tcp 10.0.0.%d:1\n" % i for i in range(1, 66)),
     r"profile limited: more than 64 endpoints for one host"),
    ("[gate]\ncheck = firewall\n", r"check: write a check's id"),
    ("[gate]\ncheck = G01\ncheck = G01\n", r"check: G01 stands twice"),
    ("[probation]\nrecheck = h1\n", r"recheck: write a name and when"),
    ("[probation]\nrecheck = h4 4h\nrecheck = h1 1h\n", r"recheck = h1 1h: .*not later"),
    ("[probation]\nrecheck = h1 1h\nrecheck = h1 2h\n", r"recheck = h1 2h: a name stands twice"),
]


@pytest.mark.parametrize("text", GOOD)
def test_good_settings(conf, text):
    p = collector("-n", "-c", conf(ADVERTISE + text))
    assert (p.returncode, p.stdout) == (0, "configuration OK\n"), p.stderr


@pytest.mark.parametrize("text,named", BAD)
def test_each_slip_is_named(conf, text, named):
    p = collector("-n", "-c", conf(ADVERTISE + text))
    assert p.returncode == 1 and p.stdout == ""
    assert re.search(named, p.stderr), p.stderr


def test_an_address_for_agents_must_be_known(conf):
    p = collector("-n", "-c", conf("[collector]\n"))
    assert p.returncode == 1 and "advertise: none is set" in p.stderr
    p = collector("-n", "-c", conf("[collector]\nlisten = 10.1.2.3:8443\n"))
    assert p.returncode == 0, p.stderr


def test_the_policy_is_checked_too(conf, tmp_path):
    p = collector("-n", "-c", conf(ADVERTISE, policy="[rule a]\nkind = *\n"))
    assert p.returncode == 1 and "policy.conf" in p.stderr
    path = conf(ADVERTISE)
    os.unlink(tmp_path / "policy.conf")
    p = collector("-n", "-c", path)
    assert p.returncode == 1 and "policy.conf" in p.stderr


def test_the_shipped_example_has_every_key_and_its_default(conf):
    with open(os.path.join(TOP, "packaging/common/collector.conf")) as f:
        example = f.read()
    with open(os.path.join(TOP, "server/settings.c")) as f:
        code = f.read()
    section, shown = "", {}
    for line in example.splitlines():
        if line.startswith("["):
            section = line.strip("[]")
        m = re.match(r"#(\w+) = (.*)", line)
        if m:
            shown.setdefault((section, m.group(1)), m.group(2))
    assert set(shown) == set(re.findall(r'\{ "(\w+)", "(\w+)", CONF_', code))
    standards = re.findall(r'\{ "(\w+)", "(\w+)", CONF_\w+,\s*AT\([^)]*\),\s*"([^"]*)",', code)
    assert len(standards) > 20
    for section, key, standard in standards:
        assert shown[section, key] == standard, key
    # And taken out of their comments all of them are good.
    text = re.sub(r"(?m)^#(\w+ = )", r"\1", example).replace("policy = /etc/cordon/policy.conf\n", "")
    p = collector("-n", "-c", conf(text))
    assert p.returncode == 0, p.stderr


@pytest.mark.parametrize("args", [["fly"], ["run", "now"], ["--colour"], ["-c"]])
def test_usage(args):
    assert collector(*args).returncode == 1


def test_version_and_help():
    assert re.match(r"cordon-collector \d+\.\d+\.\d+\n", collector("--version").stdout)
    assert "init --operator NAME" in collector("--help").stdout


def test_init_makes_all_and_never_overwrites(conf, tmp_path):
    path = conf(ADVERTISE + "state_dir = %s/state\ndatabase = sqlite:%s/state/c.db\n" % (tmp_path, tmp_path))
    args = ["init", "-c", path, "--user", os.geteuid(), "--operator", "li", "--out", tmp_path / "li"]
    p = collector(*args)
    assert p.returncode == 0, p.stderr
    ca = re.search(r"CA SHA-256 +([0-9a-f]{64})\n", p.stdout).group(1)
    out = subprocess.run(["openssl", "x509", "-in", tmp_path / "state/ca.pem", "-noout", "-fingerprint", "-sha256"],
                         stdout=subprocess.PIPE, text=True, check=True).stdout
    assert out.split("=")[1].strip().replace(":", "").lower() == ca
    for name in ("state/ca.key", "state/server.key", "state/c.db", "li/key.pem", "li/cordonctl.conf"):
        assert os.stat(tmp_path / name).st_mode & 0o077 == 0, name
    for cert in ("state/server.pem", "li/cert.pem"):
        subprocess.run(["openssl", "verify", "-CAfile", tmp_path / "state/ca.pem", tmp_path / cert],
                       stdout=subprocess.PIPE, check=True)
    before = {f: (tmp_path / f).read_bytes() for f in ("state/ca.key", "state/c.db", "li/key.pem")}
    again = collector(*args[:-1], tmp_path / "li2")
    assert again.returncode == 1 and "is there already" in again.stderr
    assert not os.path.exists(tmp_path / "li2")
    assert before == {f: (tmp_path / f).read_bytes() for f in before}


def test_a_failed_init_leaves_nothing(conf, tmp_path):
    os.mkdir(tmp_path / "li")  # the operator's folder is taken
    path = conf(ADVERTISE + "state_dir = %s/state\ndatabase = sqlite:%s/state/c.db\n" % (tmp_path, tmp_path))
    p = collector("init", "-c", path, "--user", os.geteuid(), "--operator", "li", "--out", tmp_path / "li")
    assert p.returncode == 1 and "li is there already" in p.stderr
    assert not os.path.exists(tmp_path / "state")


@pytest.mark.parametrize("operator,named", [("", "operator"), ("li xu", "operator"), ("-li", "operator"),
                                            ("x" * 64, "operator")])
def test_init_refuses_bad_names(conf, tmp_path, operator, named):
    path = conf(ADVERTISE + "state_dir = %s/state\n" % tmp_path)
    p = collector("init", "-c", path, "--user", os.geteuid(), "--operator=" + operator, "--out", tmp_path / "o")
    assert p.returncode == 1 and named in p.stderr
    assert not os.path.exists(tmp_path / "state")


def test_run_says_what_is_missing(conf, tmp_path):
    path = conf(ADVERTISE + "state_dir = %s/state\n" % tmp_path)
    p = collector("run", "-c", path, "--user", os.geteuid())
    assert p.returncode == 1 and "cordon-collector init --operator NAME" in p.stderr


# -- the signer ---------------------------------------------------------------

@pytest.fixture
def signer(tmp_path):
    running = []

    def start(*args):
        p = subprocess.Popen([os.path.join(BIN, "cordon-signer"), "--state", tmp_path / "keys",
                              "--socket", tmp_path / "socket", "--user", str(os.geteuid()),
                              "--allow-uid", str(os.geteuid()), *args],
                             stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        running.append(p)
        return p
    yield start
    for p in running:
        p.kill()
        p.wait()


def wait_ready(p):
    for line in p.stdout:
        if "ready at" in line:
            return
    raise AssertionError("the signer ended: exit %d" % p.wait())


def test_the_signer_makes_its_keys_once_and_works_alone(signer, tmp_path):
    first = signer()
    wait_ready(first)
    keys = {k: (tmp_path / "keys" / k).read_bytes() for k in ("order.key", "audit.key")}
    assert all(os.stat(tmp_path / "keys" / k).st_mode & 0o777 == 0o400 for k in keys)
    assert os.stat(tmp_path / "socket").st_mode & 0o777 == 0o660
    second = signer()
    assert second.wait(20) == 1 and "another process works in" in second.stdout.read()
    assert first.poll() is None
    first.terminate()
    assert first.wait(20) == 0
    again = signer("--init")
    assert again.wait(20) == 1 and "never overwritten" in again.stdout.read()
    third = signer()
    wait_ready(third)
    assert keys == {k: (tmp_path / "keys" / k).read_bytes() for k in keys}


def test_the_signer_gives_up_its_rights(signer):
    p = signer()
    wait_ready(p)
    with open("/proc/%d/status" % p.pid) as f:
        status = dict(line.split(":\t", 1) for line in f.read().splitlines() if ":\t" in line)
    assert status["NoNewPrivs"] == "1" and status["Seccomp"] == "2"
    assert int(status["CapPrm"], 16) == int(status["CapEff"], 16) == 0


@pytest.mark.parametrize("args", [["--budget-hosts-hour", "-1"], ["--budget-hosts-hour", "10001"],
                                  ["--budget-hosts-hour", "5x"], ["--colour"], ["now"],
                                  ["--allow-uid", "no-such-user"]])
def test_the_signer_refuses_bad_options(signer, args):
    assert signer(*args).wait(20) == 1
