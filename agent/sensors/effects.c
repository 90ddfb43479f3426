/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Tables of known effects.  Patterns are fnmatch(3) with FNM_PATHNAME.
 */
#include "agent/sensors/effects.h"

#include <fnmatch.h>
#include <string.h>
#include <sys/stat.h>

static const struct {
	const char *pattern;
	mode_t kind; /* S_IFLNK: only links; 0: any */
	const char *tool;
} generated[] = {
	{"/etc/ld.so.cache", S_IFREG, "/usr/sbin/ldconfig"},
	{"/etc/ld.so.cache~", S_IFREG, "/usr/sbin/ldconfig"},
	{"/etc/shells", S_IFREG, NULL}, /* update-shells */
	{"/etc/shells.tmp", S_IFREG, NULL},
	{"/etc/alternatives/*", S_IFLNK, NULL},
	{"/etc/rc[0-6S].d/[SK][0-9][0-9]*", S_IFLNK, NULL},
	{"/etc/systemd/*/*.wants/*", S_IFLNK, NULL},
	{"/etc/systemd/*/*.requires/*", S_IFLNK, NULL},
	{"/etc/systemd/*/*.wants", S_IFDIR, NULL},
	{"/etc/systemd/*/*.service", S_IFLNK, NULL}, /* aliases */
	{"/boot/initrd.img-*", S_IFREG, NULL},
	{"/boot/grub/grub.cfg*", S_IFREG, NULL},
	{"/boot/grub/grubenv", S_IFREG, NULL},
	{"/boot/grub/*/*", S_IFREG, NULL},
	{"/vmlinuz*", S_IFLNK, NULL},
	{"/initrd.img*", S_IFLNK, NULL},
	{"/etc/ssl/certs/*", 0, NULL}, /* update-ca-certificates */
	{"/etc/ca-certificates.conf*", S_IFREG, NULL},
	{"/etc/passwd*", S_IFREG, NULL}, /* what they mean is told apart */
	{"/etc/group*", S_IFREG, NULL},
	{"/etc/shadow*", S_IFREG, NULL},
	{"/etc/gshadow*", S_IFREG, NULL},
	{"/etc/sub[ug]id*", S_IFREG, NULL},
	{"/etc/.pwd.lock", S_IFREG, NULL},
	{"/etc/pam.d/common-*", S_IFREG, NULL}, /* pam-auth-update */
	{"/etc/ssh/ssh_host_*_key", S_IFREG, NULL},
	{"/etc/ssh/ssh_host_*_key.pub", S_IFREG, NULL},
	{"/etc/udev/hwdb.bin", S_IFREG, NULL},
	{"/etc/locale.gen", S_IFREG, NULL},
	{"/etc/default/locale", S_IFREG, NULL},
	{"/etc/localtime", 0, NULL},
	{"/etc/timezone", S_IFREG, NULL},
	{"/etc/machine-id", S_IFREG, NULL},
	{"/etc/xml/*", S_IFREG, NULL},
	{"/etc/sgml/*", 0, NULL},
	{"/etc/apparmor.d/local/*", S_IFREG, NULL},
	{"/usr/lib/modules/*/modules.*", S_IFREG, "/usr/bin/kmod"},
	{"/usr/lib/udev/hwdb.bin", S_IFREG, NULL},
	{"/usr/lib/locale/*", S_IFREG, NULL},
	{"/usr/share/mime/*", 0, NULL},
	{"/usr/share/icons/*/icon-theme.cache", S_IFREG, NULL},
};

static const char *const sensitive[] = {
	"/etc/cron*",
	"/etc/cron*/*",
	"/etc/anacrontab",
	"/etc/sudoers",
	"/etc/sudoers.d/*",
	"/etc/doas.conf",
	"/etc/ld.so.preload",
	"/etc/ld.so.conf.d/*",
	"/etc/pam.d/*",
	"/etc/profile",
	"/etc/profile.d/*",
	"/etc/bash.bashrc",
	"/etc/rc.local",
	"/etc/init.d/*",
	"/etc/systemd/*/*",
	"/etc/udev/rules.d/*",
	"/etc/apt/apt.conf.d/*",
	"/etc/dpkg/dpkg.cfg.d/*",
	"/etc/ssh/*",
	"/etc/polkit-1/*/*",
	"/etc/modules",
	"/etc/modules-load.d/*",
	"/etc/xdg/autostart/*",
	"/etc/hosts",
	"/root/.ssh/*",
	"/var/spool/cron/*",
	"/var/spool/cron/*/*",
};

static const char *const endings[] = {
	".dpkg-new",	/* until it is configured */
	".dpkg-tmp",	/* while it is unpacked */
	".dpkg-old",	/* the administrator's, replaced */
	".dpkg-dist",	/* the package's, refused */
	".dpkg-bak",
	".dpkg-backup",
	".dpkg-remove",
	".ucf-new",
	".ucf-old",
	".ucf-dist",
	".rpmnew",	/* rpm: the package's, beside the administrator's */
	".rpmsave",	/* the administrator's, replaced */
	".rpmorig",
};

bool
effects_generated(const char *path, const struct entry *now,
    const char **tool)
{
	size_t i;

	for (i = 0; i < sizeof(generated) / sizeof(generated[0]); i++) {
		if (fnmatch(generated[i].pattern, path, FNM_PATHNAME) != 0)
			continue;
		if (now != NULL && generated[i].kind != 0 &&
		    (now->mode & S_IFMT) != generated[i].kind)
			continue;
		if (now != NULL && S_ISREG(now->mode) &&
		    (now->mode & (S_ISUID | S_ISGID)))
			continue;
		*tool = generated[i].tool;
		return true;
	}
	return false;
}

bool
effects_sensitive(const char *path)
{
	size_t i;

	for (i = 0; i < sizeof(sensitive) / sizeof(sensitive[0]); i++)
		if (fnmatch(sensitive[i], path, FNM_PATHNAME) == 0)
			return true;
	return false;
}

bool
effects_account_copy(const char *path, const char *program)
{
	static const char *const copies[] = {"/etc/passwd-", "/etc/shadow-",
	    "/etc/group-", "/etc/gshadow-", "/etc/subuid-", "/etc/subgid-"};
	static const char *const programs[] = {"/usr/sbin/useradd",
	    "/usr/sbin/usermod", "/usr/sbin/userdel", "/usr/sbin/groupadd",
	    "/usr/sbin/groupmod", "/usr/sbin/groupdel", "/usr/sbin/newusers",
	    "/usr/sbin/chpasswd", "/usr/sbin/chgpasswd", "/usr/bin/passwd",
	    "/usr/bin/gpasswd", "/usr/bin/chage", "/usr/bin/chsh",
	    "/usr/bin/chfn", "/usr/sbin/vipw", "/usr/sbin/pwconv",
	    "/usr/sbin/grpconv"};
	bool copy = false, known = false;
	size_t i;

	for (i = 0; i < sizeof(copies) / sizeof(copies[0]); i++)
		copy |= strcmp(copies[i], path) == 0;
	for (i = 0; copy && i < sizeof(programs) / sizeof(programs[0]); i++)
		known |= strcmp(programs[i], program) == 0;
	return known;
}

bool
effects_base(const char *path, char *base, size_t size)
{
	size_t i, n = strlen(path), e;

	for (i = 0; i < sizeof(endings) / sizeof(endings[0]); i++) {
		e = strlen(endings[i]);
		if (n <= e || n - e >= size ||
		    strcmp(path + n - e, endings[i]) != 0)
			continue;
		memcpy(base, path, n - e);
		base[n - e] = '\0';
		return true;
	}
	return false;
}
