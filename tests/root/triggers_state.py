# SPDX-License-Identifier: GPL-3.0-or-later
"""Triggers of the state sensor: what an intruder changes, harmless here, and the kind that must
come. Rows: technique, words, what to do in the rig, expected kind. In this order, in one rig."""


def sh(command):
    return lambda rig: rig.sh(command)


def put(path, text):
    return lambda rig: rig.put(path, text)


UNIT = "[Unit]\nDescription=x\n[Service]\nExecStart=/usr/local/bin/x\n[Install]\nWantedBy=multi-user.target\n"
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJjKHoCSmV8rq0Wg8A9UQ2GvhgE9ufIO4ktfU2vqAbcd eve\n"

TRIGGERS = [
    # -- accounts and groups
    ("T1136.001", "local account", sh("useradd -M eve"), "account.created"),
    ("T1136.001", "local account with a line of its own", sh("echo 'mal:x:1337:1337::/:/bin/sh' >> /etc/passwd"), "account.created"),
    ("T1136.001", "second uid 0", sh("useradd -o -u 0 -M toor"), "account.uid0"),
    ("T1098", "shell for a system account", sh("usermod -s /bin/bash nobody"), "account.shell-granted"),
    ("T1098", "uid changed to 0", sh("sed -i 's/^mal:x:1337/mal:x:0/' /etc/passwd"), "account.uid0"),
    ("T1098", "home moved", sh("usermod -d /tmp/h eve"), "account.home-moved"),
    ("T1098", "password set", sh("echo 'ann:abc12345' | chpasswd -c SHA512"), "account.password-set"),
    ("T1098", "password emptied", sh("passwd -d eve"), "account.password-empty"),
    ("T1098", "account unlocked", sh("usermod -U bob"), "account.unlocked"),
    ("T1531", "account locked", sh("usermod -L ann"), "account.locked"),
    ("T1098", "password never ages", sh("chage -M -1 ann"), "account.ageing"),
    ("T1098.007", "into group sudo", sh("usermod -aG sudo bob"), "group.member-added"),
    ("T1098.007", "into group docker by an editor", sh("sed -i 's/^docker:x:990:/docker:x:990:bob/' /etc/group"), "group.member-added"),
    ("T1098.007", "first group changed to shadow", sh("usermod -g 42 bob"), "group.member-added"),
    ("T1136.001", "group with gid 0", sh("groupadd -o -g 0 zero"), "group.created"),
    ("T1531", "account removed", sh("userdel -f eve"), "account.removed"),
    # -- who may become whom
    ("T1548.003", "sudo without a password", put("/etc/sudoers.d/x", "ann ALL=(ALL) NOPASSWD: ALL\n"), "sudo.granted"),
    ("T1548.003", "sudo in the main file", sh("echo 'bob ALL=(root) /usr/bin/vi' >> /etc/sudoers"), "sudo.granted"),
    ("T1548.003", "sudo asks nobody", sh("echo 'Defaults !authenticate' >> /etc/sudoers"), "sudo.weakened"),
    ("T1548.003", "sudo remembers for ever", sh("echo 'Defaults timestamp_timeout=-1' > /etc/sudoers.d/y"), "sudo.weakened"),
    ("T1548.003", "doas", put("/etc/doas.conf", "permit nopass ann\n"), "sudo.granted"),
    ("T1556.003", "PAM lets everybody in", sh("sed -i '1i auth sufficient pam_permit.so' /etc/pam.d/common-auth"), "pam.weakened"),
    ("T1556.003", "PAM runs a program", sh("echo 'session optional pam_exec.so /usr/local/bin/x' >> /etc/pam.d/login"), "pam.weakened"),
    ("T1556.003", "PAM with a module of nobody", sh("echo 'auth optional pam_evil.so' >> /etc/pam.d/su"), "pam.weakened"),
    ("T1548", "polkit says yes", put("/etc/polkit-1/rules.d/00-x.rules",
                                     "polkit.addRule(function(a, s) { return polkit.Result.YES; });\n"), "polkit.granted"),
    # -- ssh
    ("T1098.004", "key for root", put("/root/.ssh/authorized_keys", KEY), "key.added"),
    ("T1098.004", "key for a user", put("/home/ann/.ssh/authorized_keys", KEY), "key.added"),
    ("T1098.004", "key that runs a program", put("/home/ann/.ssh/authorized_keys", 'command="/tmp/x" ' + KEY), "key.changed"),
    ("T1098.004", ".rhosts", put("/root/.rhosts", "+ +\n"), "key.trust-added"),
    ("T1098.004", "sshd: root by password", put("/etc/ssh/sshd_config.d/00.conf", "PermitRootLogin yes\n"), "sshd.weakened"),
    ("T1098.004", "sshd: keys from a program", sh("echo 'AuthorizedKeysCommand /tmp/k' >> /etc/ssh/sshd_config"), "sshd.weakened"),
    ("T1556", "sshd: passwords again", sh("sed -i 's/PasswordAuthentication no/PasswordAuthentication yes/' /etc/ssh/sshd_config"),
     "sshd.weakened"),
    ("T1098.004", "sshd: Match for one user", sh("printf 'Match User ann\\nPermitEmptyPasswords yes\\n' >> /etc/ssh/sshd_config"),
     "sshd.weakened"),
    # -- persistence
    ("T1543.002", "service", put("/etc/systemd/system/x.service", UNIT), "persist.service"),
    ("T1543.002", "service enabled", sh("mkdir -p /etc/systemd/system/multi-user.target.wants && "
                                        "ln -s ../x.service /etc/systemd/system/multi-user.target.wants/x.service"), "persist.service"),
    ("T1543.002", "drop-in", sh("mkdir -p /etc/systemd/system/cron.service.d && "
                                "printf '[Service]\\nExecStartPre=/tmp/x\\n' > /etc/systemd/system/cron.service.d/x.conf"), "persist.service"),
    ("T1543.002", "transient unit", put("/run/systemd/system/y.service", UNIT), "persist.service"),
    ("T1543.002", "user unit", sh("mkdir -p /home/ann/.config/systemd/user && printf '[Service]\\nExecStart=/tmp/x\\n' "
                                  "> /home/ann/.config/systemd/user/x.service"), "persist.service"),
    ("T1543.002", "unit below /usr/local", sh("mkdir -p /usr/local/lib/systemd/system && cp /etc/systemd/system/x.service "
                                              "/usr/local/lib/systemd/system/z.service"), "persist.service"),
    ("T1562.001", "a service masked", sh("ln -s /dev/null /etc/systemd/system/auditd.service"), "persist.service"),
    ("T1053.006", "timer", put("/etc/systemd/system/x.timer", "[Timer]\nOnCalendar=minutely\n"), "persist.timer"),
    ("T1543.002", "generator", sh("cp /bin/true /etc/systemd/system-generators/x"), "persist.generator"),
    ("T1053.003", "cron.d", put("/etc/cron.d/x", "* * * * * root /tmp/x\n"), "persist.cron"),
    ("T1053.003", "crontab of the system", sh("echo '* * * * * root /tmp/x' >> /etc/crontab"), "persist.cron"),
    ("T1053.003", "crontab of a user", put("/var/spool/cron/crontabs/ann", "* * * * * /tmp/x\n"), "persist.cron"),
    ("T1053.003", "cron.daily", sh("cp /bin/true /etc/cron.daily/x"), "persist.cron"),
    ("T1053.002", "job of at", put("/var/spool/at/a00001", "#!/bin/sh\ncd / || {\n exit 1\n}\n/tmp/x\n"), "persist.at"),
    ("T1037.004", "rc.local", sh("sed -i 's,^exit 0,/tmp/x,' /etc/rc.local"), "persist.boot-script"),
    ("T1037.004", "init script", put("/etc/init.d/x", "#!/bin/sh\n/tmp/x\n"), "persist.boot-script"),
    ("T1546.004", "profile of all", put("/etc/profile.d/x.sh", "/tmp/x\n"), "persist.profile"),
    ("T1546.004", ".bashrc", sh("echo '/tmp/x' >> /home/ann/.bashrc"), "persist.profile"),
    ("T1546.004", ".profile new", put("/home/bob/.profile", "/tmp/x\n"), "persist.profile"),
    ("T1562.003", "history off", sh("echo 'unset HISTFILE' >> /etc/bash.bashrc"), "persist.profile"),
    ("T1574.006", "LD_PRELOAD for all", put("/etc/environment", "LD_PRELOAD=/usr/local/lib/x.so\n"), "persist.profile"),
    ("T1574.006", "ld.so.preload", put("/etc/ld.so.preload", ""), "persist.preload"),
    ("T1574.006", "folders of libraries", put("/etc/ld.so.conf.d/00.conf", "/tmp/lib\n"), "persist.loader"),
    ("T1547.013", "autostart of all", put("/etc/xdg/autostart/x.desktop", "[Desktop Entry]\nExec=/tmp/x\n"), "persist.autostart"),
    ("T1547.013", "autostart of a user", sh("mkdir -p /home/ann/.config/autostart && printf '[Desktop Entry]\\nExec=/tmp/x\\n' "
                                            "> /home/ann/.config/autostart/x.desktop"), "persist.autostart"),
    ("T1546.017", "udev", put("/etc/udev/rules.d/99-x.rules", 'ACTION=="add", RUN+="/tmp/x"\n'), "persist.udev"),
    ("T1543.002", "D-Bus service", sh("mkdir -p /usr/local/share/dbus-1/system-services && printf '[D-BUS Service]\\nName=a.b\\n"
                                      "Exec=/tmp/x\\nUser=root\\n' > /usr/local/share/dbus-1/system-services/a.b.service"), "persist.dbus"),
    ("T1546.016", "apt hook", put("/etc/apt/apt.conf.d/99x", 'DPkg::Post-Invoke {"/tmp/x";};\n'), "persist.package-hook"),
    ("T1546.016", "dpkg hook", put("/etc/dpkg/dpkg.cfg.d/x", "post-invoke=/tmp/x\n"), "persist.package-hook"),
    ("T1546", "login message", put("/etc/update-motd.d/99-x", "#!/bin/sh\n/tmp/x\n"), "persist.motd"),
    ("T1546", "NetworkManager", put("/etc/NetworkManager/dispatcher.d/x", "#!/bin/sh\n/tmp/x\n"), "persist.network-hook"),
    ("T1546", "ifup", put("/etc/network/if-up.d/x", "#!/bin/sh\n/tmp/x\n"), "persist.network-hook"),
    ("T1542", "initramfs hook", put("/etc/initramfs-tools/hooks/x", "#!/bin/sh\n/tmp/x\n"), "persist.initramfs"),
    ("T1542", "boot command line", put("/etc/default/grub", 'GRUB_CMDLINE_LINUX="init=/tmp/x"\n'), "persist.boot"),
    ("T1542", "boot menu", sh("sed -i 's,root=/dev/sda1,& selinux=0,' /boot/grub/grub.cfg"), "persist.boot"),
    ("T1547.006", "module at boot", put("/etc/modules-load.d/x.conf", "evil\n"), "persist.module"),
    ("T1547.006", "modprobe install", put("/etc/modprobe.d/x.conf", "install dccp /tmp/x\n"), "persist.module"),
    ("T1546.018", "python .pth", sh("mkdir -p /usr/local/lib/python3.11/dist-packages && "
                                    "echo 'import os' > /usr/local/lib/python3.11/dist-packages/x.pth"), "persist.python"),
    ("T1546.018", "sitecustomize", sh("mkdir -p /home/ann/.local/lib/python3.11/site-packages && "
                                      "echo 'x = 1' > /home/ann/.local/lib/python3.11/site-packages/usercustomize.py"), "persist.python"),
    ("T1546", "binfmt", put("/etc/binfmt.d/x.conf", ":x:E::evil::/tmp/x:\n"), "persist.binfmt"),
    # -- trust and names
    ("T1553.004", "an authority", sh("openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout /work/k "
                                     "-out /work/c -subj '/CN=Evil' -days 2 2>/dev/null; "
                                     "cp /work/c /usr/local/share/ca-certificates/x.crt"), "authority.added"),
    ("T1557", "resolver", put("/etc/resolv.conf", "nameserver 203.0.113.66\n"), "resolver.changed"),
    ("T1565.001", "hosts", sh("echo '203.0.113.66 bank.example.org' >> /etc/hosts"), "hosts.changed"),
    ("T1562", "updates blocked by hosts", sh("echo '0.0.0.0 security.debian.org' >> /etc/hosts"), "hosts.changed"),
    ("T1556", "name service", sh("sed -i 's/^passwd:.*/passwd: evil files/' /etc/nsswitch.conf"), "nsswitch.changed"),
    ("T1556", "weak hashes", sh("sed -i 's/^ENCRYPT_METHOD.*/ENCRYPT_METHOD MD5/' /etc/login.defs"), "login.changed"),
    # -- logging
    ("T1562.006", "journal kept nowhere", sh("printf '[Journal]\\nStorage=none\\n' > /etc/systemd/journald.conf"), "logging.weakened"),
    ("T1562.006", "syslog rule gone", sh("sed -i /authpriv/d /etc/rsyslog.conf"), "logging.weakened"),
    ("T1562.006", "syslog throws away", put("/etc/rsyslog.d/00.conf", ':msg, contains, "evil" stop\n'), "logging.weakened"),
    ("T1562.012", "audit rules emptied", sh(": > /etc/audit/rules.d/audit.rules"), "logging.weakened"),
    ("T1562.012", "audit off", put("/etc/audit/rules.d/zz.rules", "-e 0\n"), "logging.weakened"),
    ("T1070.002", "log emptied", sh(": > /var/log/auth.log"), "logging.emptied"),
    ("T1070.002", "log removed", sh("rm /var/log/wtmp"), "logging.emptied"),
    ("T1070.003", "history emptied", sh(": > /home/ann/.bash_history"), "logging.history"),
]
