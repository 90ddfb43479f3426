# SPDX-License-Identifier: GPL-3.0-or-later
"""agent-sensors on a small host of its own: a tmpfs in a mount, pid, net and uts namespace with
copies of /etc, empty homes and the programs of this machine, read-only. What a test changes
there, no one else sees."""
import os
import shutil
import subprocess
import tempfile
import time

from sensors_rig import BUILD, ROOT, Sensors

# Copied from this machine where it is there.
ETC = ("passwd group shadow gshadow login.defs nsswitch.conf profile profile.d bash.bashrc skel pam.d pam.conf "
       "security ld.so.conf ld.so.conf.d ld.so.cache apt dpkg default/useradd default/grub cron.d cron.daily "
       "systemd/journald.conf systemd/system.conf init.d update-motd.d ssl/openssl.cnf host.conf shells udev "
       "modprobe.d modules-load.d dbus-1 alternatives localtime debian_version os-release hostname").split()
FOLDERS = ("proc dev tmp run/systemd/system root/.ssh home/ann/.config home/ann/.ssh home/bob var/log var/spool/cron/crontabs "
           "var/spool/at var/lib var/mail boot/grub etc/sudoers.d etc/polkit-1/rules.d etc/ssh/sshd_config.d etc/xdg/autostart "
           "etc/systemd/system etc/systemd/user etc/udev/rules.d etc/NetworkManager/dispatcher.d etc/network/if-up.d "
           "etc/initramfs-tools/hooks etc/initramfs-tools/scripts etc/binfmt.d etc/apt/apt.conf.d etc/dpkg/dpkg.cfg.d "
           "etc/modules-load.d etc/modprobe.d etc/ld.so.conf.d etc/update-motd.d etc/cron.d etc/cron.daily etc/profile.d "
           "etc/rsyslog.d etc/audit/rules.d etc/systemd/system-generators etc/dbus-1/system.d etc/default "
           "etc/ssl/certs etc/security etc/X11/Xsession.d etc/init.d "
           "state work").split()
FILES = {
    "etc/sudoers": "Defaults env_reset\nroot ALL=(ALL:ALL) ALL\n@includedir /etc/sudoers.d\n",
    "etc/ssh/sshd_config": "Include /etc/ssh/sshd_config.d/*.conf\nUsePAM yes\nPasswordAuthentication no\nX11Forwarding no\n",
    "etc/resolv.conf": "nameserver 192.0.2.53\n",
    "etc/hosts": "127.0.0.1 localhost\n",
    "etc/rsyslog.conf": "auth,authpriv.* /var/log/auth.log\n*.* @@192.0.2.9:6514\n",
    "etc/audit/rules.d/audit.rules": "-D\n-b 8192\n-w /etc/passwd -p wa -k accounts\n",
    "etc/crontab": "SHELL=/bin/sh\n",
    "etc/rc.local": "#!/bin/sh\nexit 0\n",
    "var/log/auth.log": "one\ntwo\nthree\n",
    "var/log/wtmp": "x" * 768,
    "home/ann/.bash_history": "ls\n",
    "home/ann/.bashrc": "# nothing\n",
    "boot/grub/grub.cfg": "linux /vmlinuz root=/dev/sda1\n",
}
INSIDE = """set -e
T=$1; shift
mount --make-rprivate /
mount -t tmpfs -o mode=755,size=256m cordon-state $T
cp -a "$T.seed/." $T/
for d in bin sbin lib lib32 lib64 libx32; do
    if [ -L /$d ]; then ln -s "$(readlink /$d)" $T/$d; fi
done
mkdir -p $T/usr $T/build $T/usr.local
mount --bind /usr $T/usr
mount -o remount,bind,ro $T/usr
mount -t tmpfs -o mode=755 cordon-local $T/usr/local
mkdir -p $T/usr/local/bin $T/usr/local/lib $T/usr/local/share/ca-certificates $T/usr/local/lib/systemd
mount --bind "$BUILD_DIR" $T/build
mount -t proc proc $T/proc
mount --bind /dev $T/dev
chmod 1777 $T/tmp
chown $OWNER:$OWNER $T/state
exec chroot $T "$@"
"""


class State(Sensors):
    """s = State(); s.start(); s.sh("useradd mallory"); s.told("account.created", "mallory")."""

    def __init__(self):
        super().__init__()
        self.top = tempfile.mkdtemp(prefix="cordon-state-")
        self.seed = self.top + ".seed"
        for d in FOLDERS:
            os.makedirs(os.path.join(self.seed, d), exist_ok=True)
        for name in ETC:
            self._copy("/etc/" + name, os.path.join(self.seed, "etc", name))
        for name, text in FILES.items():
            path = os.path.join(self.seed, name)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "w") as f:
                f.write(text)
        # Two users of ours, none of this machine's.
        for name, lines in (("passwd", ["root:x:0:0:root:/root:/bin/bash",
                                        "nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin",
                                        "ann:x:1000:1000:Ann:/home/ann:/bin/bash", "bob:x:1001:1001:Bob:/home/bob:/bin/bash"]),
                            ("group", ["root:x:0:", "sudo:x:27:", "docker:x:990:", "shadow:x:42:", "ann:x:1000:", "bob:x:1001:"]),
                            ("shadow", ["root:*:19000:0:99999:7:::", "nobody:*:19000:0:99999:7:::",
                                        "ann:$6$salt$hashhashhash:19000:0:99999:7:::", "bob:!$6$salt$other:19000:0:99999:7:::"]),
                            ("gshadow", ["root:*::", "sudo:*::", "docker:!::", "shadow:*::", "ann:!::", "bob:!::"])):
            with open(os.path.join(self.seed, "etc", name), "w") as f:
                f.write("".join(line + "\n" for line in lines))
        self.keeper = None

    def is_of_others(self, m):
        """Nobody else is on this host."""
        return False

    @staticmethod
    def _copy(src, dst):
        os.makedirs(os.path.dirname(dst), exist_ok=True)
        if os.path.isdir(src):
            shutil.copytree(src, dst, symlinks=True, dirs_exist_ok=True)
        elif os.path.exists(src):
            shutil.copy2(src, dst)

    def _outside(self, *command, **more):
        """Make the host; its first process sleeps and holds the namespaces."""
        env = dict(os.environ, BUILD_DIR=BUILD, OWNER="4242")
        return subprocess.Popen(["unshare", "--mount", "--pid", "--fork", "--kill-child", "--net", "--uts", "--ipc", "sh", "-c",
                                 INSIDE, "sh", self.top, *command], env=env, **more)

    def boot(self):
        self.keeper = self._outside("/bin/sh", "-c", "echo up; exec sleep infinity", stdout=subprocess.PIPE, text=True)
        assert self.keeper.stdout.readline() == "up\n", "the small host did not come up"
        with open("/proc/%d/task/%d/children" % (self.keeper.pid, self.keeper.pid)) as f:
            self.init = int(f.read().split()[0])

    def inside(self, *command):
        return ["nsenter", "--target", str(self.init), "--mount", "--pid", "--net", "--uts", "--ipc", "--root", "--wd", *command]

    def start(self, *more, watch=("/etc",), wait=True, without=()):
        if self.keeper is None:
            self.boot()
        options = [x for w in watch for x in ("--watch", w)] + [x for w in without for x in ("--state-without", w)]
        # nsenter's child has a pid of the host's own namespace only inside: ask the driver there.
        self.spawn(self.inside("/build/test/sensors-driver", "--program", "/build/bin/agent-sensors", "--state", "/state",
                               "--user", "4242", *options, *more))
        self.expect("ready")
        if wait:
            self.baseline = self.expect("signal", lambda m: m["kind"] == "facts.baseline")

    def sh(self, command, check=True, stdin=None):
        """A shell on that host; its output."""
        p = subprocess.run(self.inside("/bin/sh", "-c", command), input=stdin, capture_output=True, text=True,
                           errors="replace")
        assert not check or p.returncode == 0, p.stderr
        return p.stdout

    def put(self, path, text):
        """Write PATH by a program that can be named (tee)."""
        subprocess.run(self.inside("/usr/bin/tee", path), input=text, text=True, check=True, stdout=subprocess.DEVNULL)

    def told(self, kind, object=None, seconds=20, like=lambda m: True):
        return self.expect("signal", lambda m: m["kind"] == kind and (object is None or m["object"] == object) and like(m), seconds)

    def timed(self, kind, object, do):
        """Do it; the signal, and the seconds until it was here."""
        begin = time.monotonic()
        do()
        m = self.told(kind, object)
        return m, time.monotonic() - begin

    def close(self):
        if self.process is not None:
            self.process.kill()
            self.process.wait(10)
            self.process = None
        if self.keeper is not None:
            self.keeper.kill()
            self.keeper.wait(10)
        shutil.rmtree(self.seed, ignore_errors=True)
        os.rmdir(self.top)
        super().close()


__all__ = ["State", "ROOT"]
