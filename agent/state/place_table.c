/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Persistence places, as lists.  Linux as Debian, Red Hat and SUSE lay it
 * out; what is not there costs one failed look.
 */
#include "agent/state/place_table.h"

#include <fnmatch.h>
#include <stddef.h>
#include <string.h>

/* clang-format off */
#define SYSTEM_PLACES(X) \
	/* systemd units, generators, timers; also made at run time */ \
	X("/etc/systemd", "persist.session") \
	X("/etc/systemd/system", "persist.service") \
	X("/etc/systemd/user", "persist.service") \
	X("/etc/systemd/system.conf.d", "persist.boot") \
	X("/etc/systemd/system.conf", "persist.boot") \
	X("/etc/systemd/user.conf", "persist.boot") \
	X("/etc/systemd/network", "persist.network-hook") \
	X("/usr/lib/systemd/system", "persist.service") \
	X("/usr/lib/systemd/user", "persist.service") \
	X("/usr/local/lib/systemd", "persist.service") \
	X("/run/systemd/system", "persist.service") \
	X("/run/systemd/transient", "persist.service") \
	X("/run/systemd/generator", "persist.service") \
	X("/run/systemd/generator.early", "persist.service") \
	X("/run/systemd/generator.late", "persist.service") \
	X("/run/systemd/user", "persist.service") \
	X("/etc/systemd/system.control", "persist.service") \
	X("/etc/systemd/system.attached", "persist.service") \
	X("/run/systemd/system.control", "persist.service") \
	X("/run/systemd/system.attached", "persist.service") \
	X("/usr/local/share/systemd", "persist.service") \
	X("/run/systemd/system-generators", "persist.generator") \
	X("/run/systemd/user-generators", "persist.generator") \
	X("/usr/local/lib/systemd/system-generators", "persist.generator") \
	X("/usr/local/lib/systemd/user-generators", "persist.generator") \
	X("/etc/systemd/user-environment-generators", "persist.generator") \
	X("/var/lib/systemd/linger", "persist.session") \
	X("/etc/inetd.conf", "persist.service") \
	X("/etc/inetd.d", "persist.service") \
	X("/etc/xinetd.conf", "persist.service") \
	X("/etc/xinetd.d", "persist.service") \
	X("/etc/supervisor", "persist.service") \
	X("/etc/supervisord.conf", "persist.service") \
	X("/etc/supervisord.d", "persist.service") \
	X("/etc/monit", "persist.service") \
	X("/etc/monitrc", "persist.service") \
	X("/etc/docker", "persist.service") \
	X("/etc/containers", "persist.service") \
	X("/etc/cni", "persist.service") \
	X("/etc/kubernetes/manifests", "persist.service") \
	X("/etc/libvirt/hooks", "persist.service") \
	X("/usr/share/containers/oci/hooks.d", "persist.service") \
	X("/etc/snmp/snmpd.conf", "persist.service") \
	X("/etc/zabbix", "persist.service") \
	X("/etc/nagios/nrpe.cfg", "persist.service") \
	X("/etc/keepalived", "persist.service") \
	X("/etc/fail2ban/action.d", "persist.service") \
	X("/etc/smartmontools/run.d", "persist.service") \
	X("/etc/letsencrypt/renewal-hooks", "persist.service") \
	X("/etc/pm", "persist.service") \
	X("/etc/runit", "persist.service") \
	X("/etc/sv", "persist.service") \
	X("/etc/s6", "persist.service") \
	X("/etc/systemd/system-generators", "persist.generator") \
	X("/etc/systemd/user-generators", "persist.generator") \
	X("/etc/systemd/system-environment-generators", "persist.generator") \
	X("/etc/systemd/system-shutdown", "persist.generator") \
	X("/etc/systemd/system-sleep", "persist.generator") \
	X("/usr/lib/systemd/system-generators", "persist.generator") \
	X("/usr/lib/systemd/user-generators", "persist.generator") \
	X("/usr/lib/systemd/system-environment-generators", \
	    "persist.generator") \
	X("/usr/lib/systemd/user-environment-generators", \
	    "persist.generator") \
	X("/usr/lib/systemd/system-shutdown", "persist.generator") \
	X("/usr/lib/systemd/system-sleep", "persist.generator") \
	/* cron and at */ \
	X("/etc/crontab", "persist.cron") \
	X("/etc/cron.d", "persist.cron") \
	X("/etc/cron.hourly", "persist.cron") \
	X("/etc/cron.daily", "persist.cron") \
	X("/etc/cron.weekly", "persist.cron") \
	X("/etc/cron.monthly", "persist.cron") \
	X("/etc/cron.yearly", "persist.cron") \
	X("/etc/anacrontab", "persist.cron") \
	X("/etc/cron.allow", "persist.cron") \
	X("/etc/cron.deny", "persist.cron") \
	X("/var/spool/cron/atjobs", "persist.at") \
	X("/var/spool/cron/tabs", "persist.cron") \
	X("/var/spool/cron/crontabs", "persist.cron") \
	X("/var/spool/cron", "persist.cron") \
	X("/var/spool/at", "persist.at") \
	X("/var/spool/anacron", "persist.cron") \
	X("/etc/at.allow", "persist.at") \
	X("/etc/at.deny", "persist.at") \
	/* rc and init */ \
	X("/etc/rc.local", "persist.boot-script") \
	X("/etc/rc.d", "persist.boot-script") \
	X("/etc/init.d", "persist.boot-script") \
	X("/etc/rc0.d", "persist.boot-script") \
	X("/etc/rc1.d", "persist.boot-script") \
	X("/etc/rc2.d", "persist.boot-script") \
	X("/etc/rc3.d", "persist.boot-script") \
	X("/etc/rc4.d", "persist.boot-script") \
	X("/etc/rc5.d", "persist.boot-script") \
	X("/etc/rc6.d", "persist.boot-script") \
	X("/etc/rcS.d", "persist.boot-script") \
	X("/etc/inittab", "persist.boot-script") \
	X("/etc/init", "persist.boot-script") \
	X("/etc/default", "persist.boot-script") \
	X("/etc/sysconfig", "persist.boot-script") \
	X("/var/lib/cloud/scripts", "persist.boot-script") \
	X("/etc/cloud", "persist.boot-script") \
	/* shells and sessions */ \
	X("/etc/profile", "persist.profile") \
	X("/etc/profile.d", "persist.profile") \
	X("/etc/bash.bashrc", "persist.profile") \
	X("/etc/bash_completion.d", "persist.profile") \
	X("/etc/bashrc", "persist.profile") \
	X("/etc/csh.cshrc", "persist.profile") \
	X("/etc/csh.login", "persist.profile") \
	X("/etc/zshenv", "persist.profile") \
	X("/etc/zshrc", "persist.profile") \
	X("/etc/zprofile", "persist.profile") \
	X("/etc/ksh.kshrc", "persist.profile") \
	X("/etc/emacs", "persist.profile") \
	X("/etc/lesskey", "persist.profile") \
	X("/etc/wgetrc", "persist.profile") \
	X("/etc/zsh", "persist.profile") \
	X("/etc/fish", "persist.profile") \
	X("/etc/environment", "persist.profile") \
	X("/etc/environment.d", "persist.profile") \
	X("/usr/lib/environment.d", "persist.profile") \
	X("/etc/skel", "persist.profile") \
	X("/etc/ssh/sshrc", "persist.profile") \
	X("/etc/ssh/ssh_config", "persist.profile") \
	X("/etc/ssh/ssh_config.d", "persist.profile") \
	X("/etc/gitconfig", "persist.profile") \
	X("/usr/share/git-core/templates", "persist.profile") \
	X("/etc/vim", "persist.profile") \
	X("/etc/gdb", "persist.profile") \
	X("/etc/screenrc", "persist.profile") \
	X("/etc/tmux.conf", "persist.profile") \
	X("/etc/aliases", "persist.profile") \
	X("/etc/mail", "persist.profile") \
	X("/etc/procmailrc", "persist.profile") \
	X("/etc/mailcap", "persist.profile") \
	X("/etc/inputrc", "persist.profile") \
	X("/etc/ssh/sshd_config", "persist.session") \
	X("/etc/ssh/sshd_config.d", "persist.session") \
	X("/etc/xdg/autostart", "persist.autostart") \
	X("/usr/share/autostart", "persist.autostart") \
	X("/usr/share/gnome/autostart", "persist.autostart") \
	X("/etc/X11/Xsession.d", "persist.autostart") \
	X("/etc/X11/xinit", "persist.autostart") \
	X("/etc/lightdm", "persist.autostart") \
	X("/etc/gdm3", "persist.autostart") \
	X("/etc/sddm.conf", "persist.autostart") \
	X("/etc/sddm.conf.d", "persist.autostart") \
	X("/usr/share/xsessions", "persist.autostart") \
	X("/usr/share/wayland-sessions", "persist.autostart") \
	/* devices and buses */ \
	X("/etc/udev/rules.d", "persist.udev") \
	X("/usr/lib/udev/rules.d", "persist.udev") \
	X("/run/udev/rules.d", "persist.udev") \
	X("/etc/dbus-1", "persist.dbus") \
	X("/usr/share/dbus-1/system-services", "persist.dbus") \
	X("/usr/share/dbus-1/services", "persist.dbus") \
	X("/usr/share/dbus-1/system.d", "persist.dbus") \
	X("/usr/local/share/dbus-1", "persist.dbus") \
	/* the loader, PAM, polkit */ \
	X("/etc/ld.so.preload", "persist.preload") \
	X("/etc/ld.so.conf", "persist.loader") \
	X("/etc/ld.so.conf.d", "persist.loader") \
	X("/etc/pam.d", "persist.session") \
	X("/etc/pam.conf", "persist.session") \
	X("/usr/lib/pam.d", "persist.session") \
	X("/usr/share/pam-configs", "persist.session") \
	X("/etc/security", "persist.session") \
	X("/etc/nsswitch.conf", "persist.session") \
	X("/etc/polkit-1", "persist.session") \
	X("/usr/share/polkit-1/rules.d", "persist.session") \
	X("/usr/share/polkit-1/actions", "persist.session") \
	/* package managers */ \
	X("/etc/apt/apt.conf", "persist.package-hook") \
	X("/etc/apt/apt.conf.d", "persist.package-hook") \
	X("/etc/dpkg", "persist.package-hook") \
	X("/etc/dnf", "persist.package-hook") \
	X("/etc/yum", "persist.package-hook") \
	X("/etc/yum.conf", "persist.package-hook") \
	X("/etc/zypp", "persist.package-hook") \
	X("/etc/ca-certificates/update.d", "persist.package-hook") \
	X("/etc/needrestart", "persist.package-hook") \
	X("/etc/apt/sources.list", "persist.package-source") \
	X("/etc/apt/sources.list.d", "persist.package-source") \
	X("/etc/apt/trusted.gpg", "persist.package-source") \
	X("/etc/apt/trusted.gpg.d", "persist.package-source") \
	X("/etc/apt/keyrings", "persist.package-source") \
	X("/usr/share/keyrings", "persist.package-source") \
	X("/etc/apt/preferences", "persist.package-source") \
	X("/etc/apt/preferences.d", "persist.package-source") \
	X("/etc/yum.repos.d", "persist.package-source") \
	X("/etc/zypp/repos.d", "persist.package-source") \
	X("/etc/pki/rpm-gpg", "persist.package-source") \
	/* login messages, network, logs */ \
	X("/etc/update-motd.d", "persist.motd") \
	X("/etc/network", "persist.network-hook") \
	X("/etc/NetworkManager", "persist.network-hook") \
	X("/usr/lib/NetworkManager/dispatcher.d", "persist.network-hook") \
	X("/etc/networkd-dispatcher", "persist.network-hook") \
	X("/usr/lib/networkd-dispatcher", "persist.network-hook") \
	X("/etc/ppp/ip-up.d", "persist.network-hook") \
	X("/etc/ppp/ip-down.d", "persist.network-hook") \
	X("/etc/dhcp", "persist.network-hook") \
	X("/etc/wpa_supplicant", "persist.network-hook") \
	X("/etc/openvpn", "persist.network-hook") \
	X("/etc/wireguard", "persist.network-hook") \
	X("/etc/resolvconf", "persist.network-hook") \
	X("/etc/dhcpcd.conf", "persist.network-hook") \
	X("/etc/dhcpcd.exit-hook", "persist.network-hook") \
	X("/etc/netplan", "persist.network-hook") \
	X("/etc/logrotate.d", "persist.cron") \
	X("/etc/logrotate.conf", "persist.cron") \
	X("/etc/rsyslog.conf", "persist.session") \
	X("/etc/rsyslog.d", "persist.session") \
	X("/etc/acpi", "persist.network-hook") \
	X("/etc/binfmt.d", "persist.binfmt") \
	X("/usr/lib/binfmt.d", "persist.binfmt") \
	X("/etc/tmpfiles.d", "persist.session") \
	X("/usr/lib/tmpfiles.d", "persist.session") \
	X("/run/tmpfiles.d", "persist.session") \
	X("/etc/sysusers.d", "persist.session") \
	X("/usr/lib/sysusers.d", "persist.session") \
	X("/usr/lib/sysctl.d", "persist.session") \
	X("/run/sysctl.d", "persist.session") \
	X("/etc/sysctl.conf", "persist.session") \
	X("/etc/sysctl.d", "persist.session") \
	/* interpreters */ \
	X("/etc/perl", "persist.interpreter") \
	X("/usr/local/lib/site_perl", "persist.interpreter") \
	X("/usr/local/share/perl", "persist.interpreter") \
	X("/etc/php", "persist.interpreter") \
	X("/etc/php.d", "persist.interpreter") \
	X("/etc/php.ini", "persist.interpreter") \
	X("/etc/npmrc", "persist.interpreter") \
	X("/etc/pip.conf", "persist.interpreter") \
	X("/etc/gemrc", "persist.interpreter") \
	X("/etc/ipython", "persist.interpreter") \
	X("/etc/jupyter", "persist.interpreter") \
	X("/etc/psqlrc", "persist.interpreter") \
	/* what browsers load and may not refuse */ \
	X("/etc/firefox", "persist.extension") \
	X("/etc/chromium", "persist.extension") \
	X("/etc/opt/chrome", "persist.extension") \
	X("/etc/opt/edge", "persist.extension") \
	X("/usr/share/mozilla/extensions", "persist.extension") \
	X("/usr/lib/firefox/distribution", "persist.extension") \
	X("/usr/lib/mozilla/extensions", "persist.extension") \
	X("/usr/share/chromium/extensions", "persist.extension") \
	/* kernel and boot */ \
	X("/etc/modules", "persist.module") \
	X("/etc/modules-load.d", "persist.module") \
	X("/usr/lib/modules-load.d", "persist.module") \
	X("/etc/modprobe.d", "persist.module") \
	X("/usr/lib/modprobe.d", "persist.module") \
	X("/etc/initramfs-tools", "persist.initramfs") \
	X("/usr/share/initramfs-tools/hooks", "persist.initramfs") \
	X("/usr/share/initramfs-tools/scripts", "persist.initramfs") \
	X("/etc/dracut.conf", "persist.initramfs") \
	X("/etc/dracut.conf.d", "persist.initramfs") \
	X("/usr/lib/dracut/modules.d", "persist.initramfs") \
	X("/etc/kernel", "persist.initramfs") \
	X("/etc/default/grub", "persist.boot") \
	X("/etc/default/grub.d", "persist.boot") \
	X("/etc/grub.d", "persist.boot") \
	X("/boot/grub/grub.cfg", "persist.boot") \
	X("/boot/grub2/grub.cfg", "persist.boot") \
	X("/boot/grub/custom.cfg", "persist.boot") \
	X("/boot/grub2/custom.cfg", "persist.boot") \
	X("/boot/grub2/user.cfg", "persist.boot") \
	X("/etc/fstab", "persist.boot") \
	X("/etc/crypttab", "persist.boot") \
	X("/boot/loader", "persist.boot")

/* Below each home. */
#define HOME_PLACES(X) \
	X(".profile", "persist.profile") \
	X(".bash_profile", "persist.profile") \
	X(".bash_login", "persist.profile") \
	X(".bashrc", "persist.profile") \
	X(".bash_aliases", "persist.profile") \
	X(".bash_completion", "persist.profile") \
	X(".local/share/bash-completion", "persist.profile") \
	X(".bash_logout", "persist.profile") \
	X(".zshenv", "persist.profile") \
	X(".zprofile", "persist.profile") \
	X(".zshrc", "persist.profile") \
	X(".zlogin", "persist.profile") \
	X(".zlogout", "persist.profile") \
	X(".cshrc", "persist.profile") \
	X(".tcshrc", "persist.profile") \
	X(".login", "persist.profile") \
	X(".kshrc", "persist.profile") \
	X(".mkshrc", "persist.profile") \
	X(".oh-my-zsh/custom", "persist.profile") \
	X(".config/nushell", "persist.profile") \
	X(".config/powershell", "persist.profile") \
	X(".config/direnv", "persist.profile") \
	X(".inputrc", "persist.profile") \
	X(".config/fish", "persist.profile") \
	X(".pam_environment", "persist.profile") \
	X(".config/environment.d", "persist.profile") \
	X(".ssh/rc", "persist.profile") \
	X(".ssh/environment", "persist.profile") \
	X(".ssh/config", "persist.profile") \
	X(".vimrc", "persist.profile") \
	X(".vim", "persist.profile") \
	X(".config/nvim", "persist.profile") \
	X(".emacs", "persist.profile") \
	X(".emacs.d/init.el", "persist.profile") \
	X(".gitconfig", "persist.profile") \
	X(".config/git", "persist.profile") \
	X(".gdbinit", "persist.profile") \
	X(".config/gdb", "persist.profile") \
	X(".tmux.conf", "persist.profile") \
	X(".screenrc", "persist.profile") \
	X(".forward", "persist.profile") \
	X(".procmailrc", "persist.profile") \
	X(".mailcap", "persist.profile") \
	X(".mailrc", "persist.profile") \
	X(".muttrc", "persist.profile") \
	X(".dovecot.sieve", "persist.profile") \
	X("sieve", "persist.profile") \
	X(".lessfilter", "persist.profile") \
	X(".wgetrc", "persist.profile") \
	X(".hgrc", "persist.profile") \
	X(".config/hg", "persist.profile") \
	X(".lldbinit", "persist.profile") \
	X(".psqlrc", "persist.profile") \
	X(".sqliterc", "persist.profile") \
	X(".gnupg/gpg-agent.conf", "persist.profile") \
	X(".aws/config", "persist.profile") \
	X(".config/containers", "persist.profile") \
	X(".vnc/xstartup", "persist.profile") \
	X(".vnc/config", "persist.profile") \
	X(".Rprofile", "persist.profile") \
	X(".npmrc", "persist.interpreter") \
	X(".irbrc", "persist.interpreter") \
	X(".pryrc", "persist.interpreter") \
	X(".gemrc", "persist.interpreter") \
	X(".pip", "persist.interpreter") \
	X(".config/pip", "persist.interpreter") \
	X(".condarc", "persist.interpreter") \
	X(".ipython/profile_default/startup", "persist.interpreter") \
	X(".julia/config", "persist.interpreter") \
	X(".octaverc", "persist.interpreter") \
	X(".config/user-tmpfiles.d", "persist.session") \
	X(".google_authenticator", "persist.session") \
	X(".local/bin", "persist.path") \
	X("bin", "persist.path") \
	X(".xprofile", "persist.autostart") \
	X(".xsession", "persist.autostart") \
	X(".xsessionrc", "persist.autostart") \
	X(".xinitrc", "persist.autostart") \
	X(".config/autostart", "persist.autostart") \
	X(".config/autostart-scripts", "persist.autostart") \
	X(".config/plasma-workspace", "persist.autostart") \
	X(".config/openbox", "persist.autostart") \
	X(".config/awesome", "persist.autostart") \
	X(".config/bspwm", "persist.autostart") \
	X(".config/hypr", "persist.autostart") \
	X(".fluxbox", "persist.autostart") \
	X(".config/i3", "persist.autostart") \
	X(".config/sway", "persist.autostart") \
	X(".config/lxsession", "persist.autostart") \
	X(".kde/Autostart", "persist.autostart") \
	X(".local/share/applications", "persist.autostart") \
	X(".config/systemd", "persist.service") \
	X(".local/share/systemd", "persist.service") \
	X(".local/share/dbus-1", "persist.dbus")

#define PLACE_ROW(path, kind) {path, kind},
#define SYSTEM_PATHS(path, kind) path, path "/*",
#define HOME_PATHS(path, kind) "*/" path, "*/" path "/*",
/* clang-format on */

const struct place system_places[] = {
	SYSTEM_PLACES(PLACE_ROW) {NULL, NULL}};

const struct place home_places[] = {HOME_PLACES(PLACE_ROW) {NULL, NULL}};

const char *const place_paths[] = {
	SYSTEM_PLACES(SYSTEM_PATHS) HOME_PLACES(HOME_PATHS)
	/* found by name, below folders of many versions */
	"*/sitecustomize.py", "*/usercustomize.py", "*/python*.pth",
	"*/.git/hooks/*", "*.git/hooks/*",
	"*/.mozilla/firefox/*/extensions/*",
	"*/.vscode/extensions/*/package.json",
	"/usr/lib/*/security/*", "/usr/lib64/security/*",
	"/usr/lib/security/*",
	NULL,
};

bool
place_is_volatile(const char *path)
{
	static const char *const volatile_places[] = {
		"/run/systemd/transient/session-*.scope*",
		"/run/systemd/transient/user-*.slice*",
		"/var/spool/anacron/*",
		"/var/spool/cron/atspool*",
		"/var/spool/cron/*/.SEQ",
		"/var/spool/at/.SEQ",
		"/var/spool/at/spool*",
		"/var/spool/cron/crontabs/tmp.*",
		"*.dpkg-new",
		"*.dpkg-tmp",
		NULL,
	};
	size_t i;

	for (i = 0; volatile_places[i] != NULL; i++)
		if (fnmatch(volatile_places[i], path, 0) == 0)
			return true;
	return false;
}

const char *
place_kind(const char *kind, const char *path)
{
	size_t n = strlen(path);

	if (strcmp(kind, "persist.service") == 0 && n > 6 &&
	    strcmp(path + n - 6, ".timer") == 0)
		return "persist.timer";
	return kind;
}
