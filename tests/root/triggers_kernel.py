# SPDX-License-Identifier: GPL-3.0-or-later
"""Harmless triggers of what the kernel knows, for the small host of state_rig.py: each acts only in its namespaces.
Settings that are one for the whole machine (kernel.*) and what this kernel may not have (/sys) are files of that host,
laid over the real ones before it starts; the parsers and marks are the same for both."""
import time

SYSCTL = {"core_pattern": "core", "poweroff_cmd": "/sbin/poweroff", "randomize_va_space": "2", "kptr_restrict": "1",
          "tainted": "0", "unprivileged_bpf_disabled": "2"}
SYS = {"/sys/kernel/security/lockdown": "none [integrity] confidentiality", "/sys/kernel/security/lsm": "lockdown,capability,apparmor",
       "/sys/kernel/security/apparmor/profiles": "/usr/bin/man (enforce)", "/sys/fs/selinux/enforce": "1"}

LISTEN = "import socket,time; s=socket.socket(); s.bind(('%s',%d)); s.listen(); time.sleep(60)"
BPF = r"""
import ctypes, struct, time
code = struct.pack("<BBhiBBhi", 0xb7, 0, 0, 0, 0x95, 0, 0, 0)
text, licence = ctypes.create_string_buffer(code, 16), ctypes.create_string_buffer(b"GPL")
attr = ctypes.create_string_buffer(struct.pack("<IIQQIIQII16s", 5, 2, ctypes.addressof(text), ctypes.addressof(licence),
                                               0, 0, 0, 0, 0, b"harmless"), 128)
libc = ctypes.CDLL(None, use_errno=True)
assert libc.syscall(321, 5, attr, 128) >= 0, ctypes.get_errno()
time.sleep(60)
"""


def prepare(rig):
    """What lies over the real files; before the sensors start."""
    rig.sh("mkdir -p /work/sysctl /sys; mount -t tmpfs sys /sys; mkdir -p /work/binfmt")
    for name, value in SYSCTL.items():
        rig.sh("set -e; if [ -e /proc/sys/kernel/%s ]; then echo '%s' > /work/sysctl/%s; mount --bind /work/sysctl/%s /proc/sys/kernel/%s; fi"
               % (name, value, name, name, name))
    rig.sh("if [ -d /proc/sys/fs/binfmt_misc ]; then mount --bind /work/binfmt /proc/sys/fs/binfmt_misc; fi")
    for path, text in SYS.items():
        rig.sh("mkdir -p $(dirname %s); echo '%s' > %s" % (path, text, path))
    rig.sh("ip link set lo up; ip link add d0 type veth peer name d1; ip addr add 192.0.2.1/24 dev d0; ip link set d0 up; ip link set d1 up;"
           "ip neigh add 192.0.2.99 lladdr 02:00:00:00:00:99 dev d0; ip link add b0 type bridge; ip link set b0 up")
    rig.sh("cp /usr/bin/sleep /usr/local/bin/rsyslogd; cp /usr/bin/sleep /usr/local/bin/auditd; mkdir -p /run /srv /mnt")
    rig.background("for d in rsyslogd auditd; do /usr/local/bin/$d 600 & echo $! > /run/$d.pid; done; wait")
    rig.sh("mkdir -p /var/tmp2; mount -t tmpfs -o noexec,nosuid t2 /var/tmp2; touch /etc/covered; mkdir -p /usr/local/share/hidden")
    for _ in range(100):
        if rig.sh("cat /proc/$(cat /run/auditd.pid)/comm /proc/$(cat /run/rsyslogd.pid)/comm 2>/dev/null || true") == "auditd\nrsyslogd\n":
            break
        time.sleep(0.05)


def shell(command):
    return lambda rig: rig.sh(command)


def sysctl(name, value):
    return shell("echo '%s' | tee /proc/sys/%s > /dev/null" % (value, name))


def python(code):
    def do(rig):
        rig.background("exec /usr/bin/python3 -c \"$CODE\"", CODE=code)
    return do


# (technique, what, do, kind, object or None)
TRIGGERS = [
    ("T1546", "core dumps go to a program", sysctl("kernel/core_pattern", "|/tmp/x %p"), "kernel.helper"),
    ("T1546", "another program switches off", sysctl("kernel/poweroff_cmd", "/tmp/m"), "kernel.helper"),
    ("T1562.001", "no random addresses", sysctl("kernel/randomize_va_space", "0"), "kernel.setting"),
    ("T1562.001", "forwarding on", sysctl("net/ipv4/ip_forward", "1"), "kernel.setting"),
    ("T1562.001", "source routes taken", sysctl("net/ipv4/conf/all/accept_source_route", "1"), "kernel.setting"),
    ("T1547.006", "kernel tainted", sysctl("kernel/tainted", "12288"), "kernel.tainted"),
    ("T1546", "a file format starts a program", shell("printf 'enabled\\ninterpreter /tmp/i\\nflags: C\\n' > "
                                                       "/proc/sys/fs/binfmt_misc/evil"), "kernel.binfmt"),
    ("T1562.001", "SELinux permissive", shell("echo 0 > /sys/fs/selinux/enforce"), "kernel.lsm-changed"),
    ("T1562.001", "AppArmor profile complains", shell("echo '/usr/bin/man (complain)' > /sys/kernel/security/apparmor/profiles"),
     "kernel.lsm-changed"),
    ("T1564.013", "a bind over a file of /etc", shell("touch /tmp/p; mount --bind /tmp/p /etc/covered"), "mount.over"),
    ("T1564.013", "a process hidden by a mount", shell("sleep 300 > /dev/null 2>&1 & mount -t tmpfs none /proc/$!"), "mount.over"),
    ("T1562.001", "noexec taken away", shell("mount -o remount,nosuid,exec /var/tmp2"), "mount.weaker"),
    ("T1564", "a file system mounted", shell("mount -t tmpfs x /mnt"), "mount.new"),
    ("T1571", "a listener on all addresses", python(LISTEN % ("0.0.0.0", 4444)), "net.listener"),
    ("T1571", "a listener from /tmp", shell("cp /usr/bin/python3 /tmp/.x; /tmp/.x -c \"%s\" > /dev/null 2>&1 &"
                                            % (LISTEN % ("127.0.0.1", 4445))), "net.listener"),
    ("T1040", "a packet socket", python("import socket,time; s=socket.socket(17,3,0x300); time.sleep(60)"), "net.raw-socket"),
    ("T1040", "a device takes all frames", shell("ip link set b0 promisc on"), "net.promiscuous"),
    ("T1572", "a tunnel", shell("ip tuntap add dev tun7 mode tun"), "net.device"),
    ("T1562.004", "a route throws away", shell("ip route add blackhole 203.0.113.77/32"), "net.route"),
    ("T1071", "a shell talks to the network", shell("bash -c 'exec 3<>/dev/tcp/192.0.2.99/4444' > /dev/null 2>&1 &"), "net.peer"),
    ("T1014", "a BPF program", python(BPF), "kernel.bpf"),
    ("T1562.001", "a logger killed", shell("kill $(cat /run/rsyslogd.pid)"), "logging.stopped"),
    ("T1574.006", "a preloaded library", shell("LD_PRELOAD=/tmp/evil.so sleep 90 > /dev/null 2>&1 &"), "loader.preload"),
]
