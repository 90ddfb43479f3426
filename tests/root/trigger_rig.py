# SPDX-License-Identifier: GPL-3.0-or-later
"""A whole Debian 12 host for triggers: its tree in memory, in mount, pid, network, uts and ipc namespaces of its own,
watched by all sensors with the settings as shipped.  What is one for the whole machine (kernel.*, /sys) is covered by
files of that host before the sensors start."""
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time

from sensors_rig import BUILD, ROOT, Sensors
from state_rig import State
from triggers_kernel import prepare

sys.path.insert(0, os.path.join(ROOT, "tests/lib"))
from debian import EVERYDAY, base_tree  # noqa: E402

INSIDE = """set -e
T=$1; shift
mount --make-rprivate /
if [ -n "$OVERLAY" ]; then
    mount -t tmpfs -o mode=755,size=3g cordon-upper $T
    mkdir $T/up $T/work $T/all
    mount -t overlay -o lowerdir="$BASE",upperdir=$T/up,workdir=$T/work cordon-host $T/all
    T=$T/all
else
    mount -t tmpfs -o mode=755,size=3g cordon-host $T
    cp -a --reflink=auto "$BASE/." $T/
fi
mkdir -p $T/usr/lib/cordon $T/work $T/var/lib/cordon-agent/sensors $T/run/systemd/system
cp "$BUILD_DIR/bin/agent-sensors" "$BUILD_DIR/test/sensors-driver" $T/usr/lib/cordon/
mount -t proc proc $T/proc
mount --bind /dev $T/dev
mount -t tmpfs -o mode=1777 cordon-shm $T/dev/shm
mount -t devpts -o newinstance,ptmxmode=0666 none $T/dev/pts
chown $OWNER:$OWNER $T/var/lib/cordon-agent/sensors
exec chroot $T "$@"
"""
# A host that was in use before.
SETUP = r"""
useradd -m -s /bin/bash -u 1000 ann; useradd -m -s /bin/bash -u 1001 bob
echo 'ann:$6$salt$hashhashhash' | chpasswd -e
mkdir -p -m 700 /root/.ssh /home/ann/.ssh; chown ann: /home/ann/.ssh
echo 'ls' > /home/ann/.bash_history; echo 'ls' > /root/.bash_history
touch /home/bob/.bash_history
ssh-keygen -A > /dev/null
printf 'auth,authpriv.* /var/log/auth.log\n*.* @@192.0.2.9:6514\n' > /etc/rsyslog.d/10-x.conf
for f in auth.log syslog kern.log daemon.log; do printf 'one\ntwo\nthree\n' > /var/log/$f; done
mkdir -p /var/log/audit /var/log/journal/0123 /var/log/nginx
printf 'type=LOGIN msg=1\n' > /var/log/audit/audit.log; head -c 9000 /bin/sh > /var/log/journal/0123/system.journal
printf 'one\n' > /var/log/nginx/access.log
head -c 768 /dev/zero > /var/log/wtmp; head -c 384 /dev/zero > /var/log/btmp; head -c 292 /dev/zero > /var/log/lastlog
printf '#!/bin/sh\nexit 0\n' > /etc/rc.local; chmod 755 /etc/rc.local
mkdir -p /boot/grub /etc/grub.d /etc/default; printf 'linux /vmlinuz root=/dev/sda1\n' > /boot/grub/grub.cfg
head -c 4000 /bin/sh > /boot/vmlinuz-6.1.0-9-amd64; head -c 5000 /bin/sh > /boot/initrd.img-6.1.0-9-amd64
printf 'GRUB_CMDLINE_LINUX=""\n' > /etc/default/grub
mkdir -p /var/www/html /srv/data; printf 'hello\n' > /var/www/html/index.html
mkdir -p /usr/lib/modules/6.1.0-9-amd64/kernel; head -c 3000 /bin/sh > /usr/lib/modules/6.1.0-9-amd64/kernel/x.ko
printf '127.0.0.1 localhost\n' > /etc/hosts; printf 'nameserver 192.0.2.53\n' > /etc/resolv.conf
mkdir -p /srv/app && cp /bin/true /srv/app/tool
"""


class Host(State):
    """h = Host(); h.start(); h.sh("useradd eve"); h.told("account.created", "eve")."""

    def __init__(self, base=None, overlay=False):
        """OVERLAY: its root is a merged overlayfs, as a container's."""
        Sensors.__init__(self)
        self.overlay = "yes" if overlay else ""
        self.base = base or base_tree([], packages=EVERYDAY, name="debian-everyday")
        self.top = tempfile.mkdtemp(prefix="cordon-host-")
        self.seed, self.keeper, self.behind = self.top + ".seed", None, []

    def _outside(self, *command, **more):
        env = dict(os.environ, BUILD_DIR=BUILD, OWNER="4242", BASE=self.base, OVERLAY=self.overlay, LC_ALL="C",
                   PATH="/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
        return subprocess.Popen(["unshare", "--mount", "--pid", "--fork", "--kill-child", "--net", "--uts", "--ipc", "sh", "-c",
                                 INSIDE, "sh", self.top, *command], env=env, stdin=subprocess.DEVNULL, **more)

    def inside(self, *command):
        return ["env", "-i", "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root", "LC_ALL=C",
                "TERM=dumb", *super().inside(*command)]

    def background(self, command, **env):
        self.behind.append(subprocess.Popen(self.inside(*["env"] + ["%s=%s" % x for x in env.items()], "/bin/sh", "-c", command),
                                            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))

    def boot(self):
        super().boot()
        self.sh(SETUP)
        # One for the whole machine: what is not covered cannot be written.
        self.sh("mount --bind /proc/sys/kernel /proc/sys/kernel; mount -o remount,bind,ro /proc/sys/kernel")
        prepare(self)

    def start(self, *more):
        if self.keeper is None:
            self.boot()
        with open(os.path.join(ROOT, "packaging/common/agent.conf")) as f:
            trees = re.findall(r"^watch = (.*)$", f.read(), re.M)
        state = "/var/lib/cordon-agent/sensors"
        self.spawn(self.inside("/usr/lib/cordon/sensors-driver", "--program", "/usr/lib/cordon/agent-sensors", "--state", state,
                               "--user", "4242", "--own", "/usr/lib/cordon", "--packages", "/var/lib/dpkg", "--lists", "/var/lib/cordon-agent/packages",
                               "--processes", *[x for t in trees for x in ("--watch", t)], *more))
        self.expect("ready")
        wanted = {"facts.baseline", "files.baseline"}
        end = time.monotonic() + 60
        while wanted and time.monotonic() < end:
            m = self.expect("signal", seconds=60)
            wanted.discard(m["kind"])
        assert not wanted, "no first look: %s" % wanted

    def close(self):
        for p in self.behind:
            p.kill()
            p.wait(10)
        if self.process is not None:
            self.process.kill()
            self.process.wait(10)
            self.process = None
        if self.keeper is not None:
            self.keeper.kill()
            self.keeper.wait(10)
        os.rmdir(self.top)
        shutil.rmtree(self.work)
