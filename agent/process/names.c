/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The tables of names and places.  Pure.  Paths come from the kernel, but
 * whoever made the file chose them.
 */
#include "agent/process/names.h"

#include <string.h>

typedef const char *const table[];

static table volatiles = {"/tmp/", "/var/tmp/", "/dev/", "/run/user/",
    "/run/lock/", "/run/shm/", "/var/lock/", "/var/spool/", "/var/crash/",
    "/var/mail/", "/var/log/", "/proc/", "/sys/", NULL};
static table systems = {"/usr/", "/bin/", "/sbin/", "/lib/", "/lib32/",
    "/lib64/", "/opt/", "/snap/", "/nix/", "/gnu/", "/boot/", NULL};
static table homes = {"/home/", "/root/", NULL};

static table shells = {"sh", "bash", "dash", "rbash", "zsh", "ksh", "mksh",
    "ash", "fish", "csh", "tcsh", "busybox", NULL};
static table interpreters = {"python", "perl", "ruby", "php", "php-cgi",
    "lua", "luajit", "node", "nodejs", "tclsh", "expect", "awk", "gawk",
    "mawk", NULL};
static table relays = {"nc", "ncat", "netcat", "nc.traditional",
    "nc.openbsd", "socat", "openssl", "telnet", "cryptcat", "chisel", NULL};
static table services = {"nginx", "apache", "httpd", "lighttpd", "caddy",
    "php-fpm", "php-cgi", "uwsgi", "java", "tomcat", "jsvc", "postgres",
    "mysqld", "mariadbd", "redis-server", "valkey-server", "mongod",
    "memcached", "named", "haproxy", "squid", "vsftpd", "proftpd", "smbd",
    "influxd", "etcd", "slapd", "beam.smp", "unbound", NULL};
static table daemons = {"sshd", "systemd", "systemd-journald",
    "systemd-logind", "systemd-udevd", "systemd-resolved",
    "systemd-networkd", "systemd-timesyncd", "cron", "crond",
    "atd", "rsyslogd", "syslogd", "auditd", "dbus-daemon", "polkitd",
    "NetworkManager", "agetty", "login", "sudo", "dhclient", "irqbalance",
    "chronyd", "ntpd", "udevd", "kthreadd", NULL};
static table kernels = {"kworker/", "kworker:", "ksoftirqd/", "migration/",
    "rcu_", "cpuhp/", "watchdog/", "idle_inject/", "jbd2/", "xfs-buf/", "scsi_eh_",
    "irq/", "kswapd", "kthreadd", "kcompactd", "khugepaged", "kauditd",
    "kdevtmpfs", "khungtaskd", "oom_reaper", "kblockd", "kintegrityd",
    "ksmd", "writeback", "ext4-rsv", NULL};

static table packagers = {"/usr/bin/dpkg", "/usr/bin/rpm", "/bin/rpm",
    "/usr/lib/rpm/rpmdb", NULL};
static table installers = {"/usr/bin/apt", "/usr/bin/apt-get",
    "/usr/bin/aptitude", "/usr/bin/dnf5", "/usr/bin/zypper", NULL};
static table builders = {"make", "gmake", "ninja", "cmake", "ctest",
    "cargo", "rustc", "go", "gcc", "cc", "clang", "meson", "collect2",
    NULL};
static table runtimes = {"runc", "crun", "containerd-shim",
    "containerd-shim-runc-v2", "dockerd", "containerd", "conmon", "podman",
    "lxc-start", NULL};

static bool
begins(table t, const char *path)
{
	size_t i;

	for (i = 0; t[i] != NULL; i++)
		if (strncmp(path, t[i], strlen(t[i])) == 0)
			return true;
	return false;
}

static bool
among(table t, const char *text)
{
	size_t i;

	for (i = 0; t[i] != NULL; i++)
		if (strcmp(t[i], text) == 0)
			return true;
	return false;
}

/* The same with a version behind the name. */
static bool
named(table t, const char *path)
{
	const char *name = name_of(path);
	size_t i, n;

	for (i = 0; t[i] != NULL; i++) {
		n = strlen(t[i]);
		if (strncmp(name, t[i], n) == 0 &&
		    name[n + strspn(name + n, "0123456789.-")] == '\0')
			return true;
	}
	return false;
}

enum place
place_of(const char *path)
{
	/* A descriptor (bash <(...)) says nothing of where it is from. */
	if (strncmp(path, "/dev/fd/", 8) == 0)
		return PLACE_OTHER;
	if (begins(volatiles, path))
		return PLACE_VOLATILE;
	if (begins(systems, path))
		return PLACE_SYSTEM;
	return begins(homes, path) ? PLACE_HOME : PLACE_OTHER;
}

bool
place_is_hidden(const char *path)
{
	return strstr(path, "/.") != NULL;
}

const char *
name_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash == NULL ? path : slash + 1;
}

bool
name_is_shell(const char *path)
{
	return named(shells, path);
}

bool
name_is_interpreter(const char *path)
{
	return named(interpreters, path);
}

/* ld.so run as a program: "ld.so /tmp/x" runs /tmp/x. */
bool
name_is_loader(const char *path)
{
	const char *name = name_of(path);

	return strncmp(name, "ld-linux", 8) == 0 ||
	    strncmp(name, "ld-musl", 7) == 0 || strcmp(name, "ld.so") == 0 ||
	    (strncmp(name, "ld-2.", 5) == 0 && strstr(name, ".so") != NULL);
}

bool
name_is_relay(const char *path)
{
	return named(relays, path);
}

bool
name_is_service(const char *path)
{
	return named(services, path);
}

bool
name_is_daemon(const char *name)
{
	size_t i;

	/* The kernel keeps 15 bytes of the name of a task. */
	for (i = 0; strlen(name) == 15 && daemons[i] != NULL; i++)
		if (strncmp(daemons[i], name, 15) == 0)
			return true;
	return among(daemons, name);
}

bool
name_is_kernel(const char *name)
{
	if (name[0] == '[') {
		const char *end = strrchr(name, ']');

		return end != NULL && end > name + 1 && end[1] == '\0';
	}
	return begins(kernels, name);
}

bool
path_is_packager(const char *path)
{
	return among(packagers, path);
}

bool
path_is_installer(const char *path)
{
	return among(installers, path);
}

bool
path_is_builder(const char *path)
{
	return place_of(path) == PLACE_SYSTEM && named(builders, path);
}

bool
path_is_runtime(const char *path)
{
	return place_of(path) == PLACE_SYSTEM && among(runtimes,
	    name_of(path));
}

bool
uid_is_service(uint32_t uid)
{
	/* 61184 to 65519: systemd's dynamic users (systemd.exec(5)) */
	return (uid > 0 && uid < 1000) || (uid >= 61184 && uid <= 65534);
}
