/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the kernel's texts and messages become, and what changes mean. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <linux/if_link.h>
#include <linux/inet_diag.h>
#include <linux/sock_diag.h>
#include <net/if.h>

#include "agent/state/bpf.h"
#include "agent/state/devices.h"
#include "agent/state/kernel.h"
#include "agent/state/listeners.h"
#include "agent/state/loggers.h"
#include "agent/state/modules.h"
#include "agent/state/mounts.h"
#include "agent/state/netsock.h"
#include "agent/state/nl.h"
#include "agent/state/peek.h"
#include "agent/state/preload.h"
#include "agent/state/program.h"
#include "agent/state/sysctl.h"
#include "agent/state/walltime.h"
#include "common/base/kinds.h"

#define SEVERITY(x) CORDON__SEVERITY__SEVERITY_##x
#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))

/* The facts that PARSE makes of TEXT, sealed. */
static struct facts *
facts_of(int (*parse)(char *text, struct facts *out), const char *text)
{
	struct facts *f = facts_new();
	char *copy = strdup(text);

	assert_non_null(f);
	assert_int_equal(parse(copy, f), 0);
	assert_int_equal(facts_seal(f), 0);
	free(copy);
	return f;
}

static void
expect(const struct facts *f, const char *key, const char *value)
{
	const char *is = facts_get(f, key);

	if (is == NULL || strcmp(is, value) != 0)
		fail_msg("%s: \"%s\", not \"%s\"", key, is, value);
}

/* One row: what a change becomes; kind NULL: nothing. */
struct tell_row {
	const struct state_source *source;
	enum fact_how how;
	const char *key, *was, *is;
	const char *kind;
	Cordon__Severity severity; /* as a person sees it */
	const char *words; /* in the text */
};

static void
check_tells(const struct tell_row *row, size_t n)
{
	const struct signal_kind *k;
	struct state_told told;
	Cordon__Severity severity;
	struct fact_change c;

	for (; n > 0; n--, row++) {
		c = (struct fact_change){row->how, row->key, row->was,
		    row->is};
		memset(&told, 0, sizeof(told));
		if (row->source->tell(&c, &told) != (row->kind != NULL))
			fail_msg("%s %s -> %s: \"%s\"", row->key, row->was,
			    row->is, told.text);
		if (row->kind == NULL)
			continue;
		assert_string_equal(told.kind, row->kind);
		k = signal_kind_find(told.kind);
		assert_non_null(k);
		severity = told.severity != SEVERITY(NONE) ? told.severity :
		    (Cordon__Severity)k->severity;
		if (severity != row->severity)
			fail_msg("%s: severity %d", told.text, severity);
		if (strstr(told.text, row->words) == NULL)
			fail_msg("\"%s\" without \"%s\"", told.text,
			    row->words);
		assert_true(told.object[0] != '\0');
	}
}

static void
test_modules(void **state)
{
	static const char text[] =
	    "tcp_diag 16384 0 - Live 0x0000000000000000\n"
	    "evil 12288 1 - Live 0x0000000000000000 (OE)\n"
	    "nvidia 9 1 a,b, Live 0xffffffffc0000000 (POE)\n"
	    "\n"
	    "half";
	static const struct tell_row rows[] = {
		{&modules_source, FACT_FOUND, "module x", NULL, "", NULL,
		    SEVERITY(NONE), ""},
		{&modules_source, FACT_ADDED, "module x", NULL, "",
		    "kernel.module-loaded", SEVERITY(LOW), "x was loaded"},
		{&modules_source, FACT_ADDED, "module evil", NULL, "OE",
		    "kernel.module-loaded", SEVERITY(HIGH), "not signed"},
		{&modules_source, FACT_REMOVED, "module x", "", NULL,
		    "kernel.module-removed", SEVERITY(LOW), "x was removed"},
		{&modules_source, FACT_FOUND, "hidden evil", NULL, "",
		    "kernel.module-hidden", SEVERITY(CRITICAL), "evil"},
		{&modules_source, FACT_REMOVED, "hidden evil", "", NULL,
		    NULL, SEVERITY(NONE), ""},
	};
	struct facts *f = facts_of(modules_parse, text);

	(void)state;
	assert_int_equal(facts_count(f), 4);
	expect(f, "module evil", "OE");
	expect(f, "module nvidia", "POE");
	expect(f, "module tcp_diag", "");
	facts_free(&f);
	assert_true(modules_listed(text, "tcp_diag"));
	assert_true(modules_listed(text, "nvidia"));
	assert_false(modules_listed(text, "diag"));
	assert_false(modules_listed(text, "vil"));
	assert_false(modules_listed("", "x"));
	check_tells(rows, COUNT(rows));
}

static void
test_taint(void **state)
{
	static const struct {
		uint64_t bits;
		const char *words;
	} words[] = {
		{0, ""},
		{1, "a proprietary module"},
		{1 << 12 | 1 << 13, "a module built outside the kernel, "
		    "a module without a valid signature"},
		{1ULL << 40, "bit 40"},
	};
	static const struct tell_row rows[] = {
		{&kernel_source, FACT_CHANGED, "taint", "0", "12288",
		    "kernel.tainted", SEVERITY(HIGH), "valid signature"},
		{&kernel_source, FACT_CHANGED, "taint", "1", "513",
		    "kernel.tainted", SEVERITY(INFO), "a warning (was: a "
		    "proprietary module)"},
		{&kernel_source, FACT_CHANGED, "taint", "513", "1", NULL,
		    SEVERITY(NONE), ""},
		{&kernel_source, FACT_CHANGED, "command line", "quiet",
		    "quiet init=/bin/sh", "kernel.command-line",
		    SEVERITY(HIGH), "init=/bin/sh"},
		{&kernel_source, FACT_CHANGED, "boot", "1234", "5678",
		    "kernel.booted", SEVERITY(INFO), "5678"},
		{&kernel_source, FACT_FOUND, "taint", NULL, "12288", NULL,
		    SEVERITY(NONE), ""},
	};
	char out[256], small[8];
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(words); i++) {
		kernel_taint_words(words[i].bits, out, sizeof(out));
		assert_string_equal(out, words[i].words);
	}
	kernel_taint_words(UINT64_MAX, small, sizeof(small));
	assert_int_equal(strlen(small), sizeof(small) - 1);
	check_tells(rows, COUNT(rows));
}

static void
test_lsm(void **state)
{
	static const struct tell_row rows[] = {
		{&lsm_source, FACT_CHANGED, "selinux", "enforcing",
		    "permissive", "kernel.lsm-changed", SEVERITY(HIGH),
		    "SELinux is now permissive (was enforcing)"},
		{&lsm_source, FACT_CHANGED, "selinux", "permissive",
		    "enforcing", "kernel.lsm-changed", SEVERITY(INFO),
		    "enforcing"},
		{&lsm_source, FACT_CHANGED, "lockdown", "integrity", "none",
		    "kernel.lsm-changed", SEVERITY(HIGH), "now none"},
		{&lsm_source, FACT_CHANGED, "modules", "lockdown,apparmor",
		    "lockdown", "kernel.lsm-changed", SEVERITY(HIGH),
		    "security modules"},
		{&lsm_source, FACT_CHANGED, "modules", "lockdown",
		    "lockdown,bpf", "kernel.lsm-changed", SEVERITY(INFO),
		    "bpf"},
		{&lsm_source, FACT_CHANGED, "apparmor /usr/bin/man",
		    "enforce", "complain", "kernel.lsm-changed",
		    SEVERITY(HIGH), "/usr/bin/man is now in mode complain"},
		{&lsm_source, FACT_REMOVED, "apparmor x", "enforce", NULL,
		    "kernel.lsm-changed", SEVERITY(MEDIUM), "taken away"},
		{&lsm_source, FACT_REMOVED, "apparmor x", "complain", NULL,
		    NULL, SEVERITY(NONE), ""},
		{&lsm_source, FACT_ADDED, "apparmor x", NULL, "enforce",
		    NULL, SEVERITY(NONE), ""},
	};
	struct facts *f = facts_of(lsm_parse_profiles,
	    "/usr/bin/man (enforce)\nlsb (release) (complain)\n(x)\n\nno\n");
	char out[32];

	(void)state;
	assert_int_equal(facts_count(f), 2);
	expect(f, "apparmor /usr/bin/man", "enforce");
	expect(f, "apparmor lsb (release)", "complain");
	facts_free(&f);
	lsm_parse_lockdown("none [integrity] confidentiality", out,
	    sizeof(out));
	assert_string_equal(out, "integrity");
	lsm_parse_lockdown("none [integrity", out, sizeof(out));
	assert_string_equal(out, "");
	check_tells(rows, COUNT(rows));
}

static void
test_sysctl(void **state)
{
	static const struct tell_row rows[] = {
		{&sysctl_source, FACT_CHANGED,
		    "/proc/sys/kernel/core_pattern", "core", "|/tmp/x %p",
		    "kernel.helper", SEVERITY(CRITICAL), "\"|/tmp/x %p\" "
		    "(was \"core\"): the kernel starts it as root"},
		{&sysctl_source, FACT_CHANGED,
		    "/proc/sys/kernel/core_pattern", "core", "core.%p",
		    "kernel.helper", SEVERITY(LOW), "core.%p"},
		{&sysctl_source, FACT_CHANGED, "/proc/sys/kernel/modprobe",
		    "/sbin/modprobe", "/tmp/m", "kernel.helper",
		    SEVERITY(CRITICAL), "/tmp/m"},
		{&sysctl_source, FACT_CHANGED,
		    "/proc/sys/kernel/randomize_va_space", "2", "0",
		    "kernel.setting", SEVERITY(HIGH), "now 0 (was 2)"},
		{&sysctl_source, FACT_CHANGED,
		    "/proc/sys/kernel/randomize_va_space", "0", "2",
		    "kernel.setting", SEVERITY(INFO), "now 2"},
		{&sysctl_source, FACT_CHANGED,
		    "/proc/sys/net/ipv4/ip_forward", "0", "1",
		    "kernel.setting", SEVERITY(MEDIUM), "forwarding"},
		{&sysctl_source, FACT_CHANGED,
		    "/proc/sys/kernel/unprivileged_bpf_disabled", "2", "1",
		    "kernel.setting", SEVERITY(INFO), "BPF"},
		{&sysctl_source, FACT_CHANGED, "/proc/sys/other", "2", "1",
		    NULL, SEVERITY(NONE), ""},
		{&binfmt_source, FACT_ADDED, "x", NULL,
		    "enabled /tmp/i flags C", "kernel.binfmt",
		    SEVERITY(CRITICAL), "/tmp/i"},
		{&binfmt_source, FACT_ADDED, "x", NULL, "enabled /usr/bin/i",
		    "kernel.binfmt", SEVERITY(HIGH), "/usr/bin/i"},
		{&binfmt_source, FACT_REMOVED, "x", "enabled i", NULL, NULL,
		    SEVERITY(NONE), ""},
	};
	char text[] = "enabled\ninterpreter /usr/bin/qemu\nflags: OC\n"
	    "offset 0\nmagic 7f\n", out[128];

	(void)state;
	binfmt_parse(text, out, sizeof(out));
	assert_string_equal(out, "enabled /usr/bin/qemu flags OC");
	assert_non_null(sysctl_path(0));
	assert_null(sysctl_path(1000));
	check_tells(rows, COUNT(rows));
}

static void
test_mounts(void **state)
{
	static const char text[] =
	    "22 27 0:21 / /proc rw,relatime - proc proc rw\n"
	    "30 27 8:1 / /var/tmp rw,nosuid,nodev,noexec,relatime shared:1 "
	    "- ext4 /dev/sda1 rw\n"
	    "31 27 8:2 /a\\040b /etc/x\\011y rw shared:1 master:2 - ext4 "
	    "/dev/sda2 ro\n"
	    "32 27 0:50 / /var/lib/docker/overlay2/1/merged rw - overlay "
	    "overlay rw\n"
	    "33 27 0:51 / /misc rw - autofs systemd-1 rw\n"
	    "34 27 0:52 / /half rw - tmpfs\n"
	    "35 27\n";
	static const struct tell_row rows[] = {
		{&mounts_source, FACT_ADDED, "/proc/77", NULL,
		    "ext4 of /dev/sda1[/tmp/e]", "mount.over",
		    SEVERITY(CRITICAL), "hides a process"},
		{&mounts_source, FACT_FOUND, "/proc/77", NULL, "tmpfs of x",
		    "mount.over", SEVERITY(CRITICAL), "hides a process"},
		{&mounts_source, FACT_ADDED, "/etc/passwd", NULL,
		    "ext4 of /dev/sda1[/tmp/p]", "mount.over",
		    SEVERITY(HIGH), "over /etc/passwd"},
		{&mounts_source, FACT_CHANGED, "/usr", "ext4 of /dev/sda3",
		    "ext4 of /dev/sda3; tmpfs of tmpfs", "mount.over",
		    SEVERITY(HIGH), "/usr"},
		{&mounts_source, FACT_CHANGED, "/usr",
		    "ext4 of /dev/sda3; tmpfs of tmpfs", "ext4 of /dev/sda3",
		    "mount.gone", SEVERITY(LOW), "over /usr is gone"},
		{&mounts_source, FACT_CHANGED, "/tmp",
		    "tmpfs of tmpfs nosuid,nodev,noexec",
		    "tmpfs of tmpfs nosuid,nodev", "mount.weaker",
		    SEVERITY(MEDIUM), "lost noexec"},
		{&mounts_source, FACT_CHANGED, "/tmp", "tmpfs of tmpfs",
		    "tmpfs of tmpfs noexec", NULL, SEVERITY(NONE), ""},
		{&mounts_source, FACT_ADDED, "/mnt", NULL,
		    "ext4 of /dev/sdb1", "mount.new", SEVERITY(LOW),
		    "mounted at /mnt"},
		{&mounts_source, FACT_ADDED, "/sys/kernel/debug", NULL,
		    "debugfs of debugfs", "mount.new", SEVERITY(LOW), ""},
		{&mounts_source, FACT_REMOVED, "/mnt", "ext4 of /dev/sdb1",
		    NULL, "mount.gone", SEVERITY(LOW), "no longer"},
		{&mounts_source, FACT_FOUND, "/etc/x", NULL, "tmpfs of y",
		    NULL, SEVERITY(NONE), ""},
	};
	struct facts *f = facts_of(mounts_parse, text);

	(void)state;
	assert_int_equal(facts_count(f), 3);
	expect(f, "/proc", "proc of proc");
	expect(f, "/var/tmp", "ext4 of /dev/sda1 nosuid,nodev,noexec");
	expect(f, "/etc/x\ty", "ext4 of /dev/sda2[/a b] ro");
	facts_free(&f);
	check_tells(rows, COUNT(rows));
}

/* A message of rtnetlink with room for attributes. */
struct message {
	struct nlmsghdr nlh;
	uint8_t rest[512];
} __attribute__((aligned(4)));

static void
put_attr(struct message *m, unsigned short type, const void *data, size_t len)
{
	struct rtattr *a = (void *)((char *)m +
	    NLMSG_ALIGN(m->nlh.nlmsg_len));

	a->rta_type = type;
	a->rta_len = (unsigned short)RTA_LENGTH(len);
	memcpy(RTA_DATA(a), data, len);
	m->nlh.nlmsg_len = (uint32_t)(NLMSG_ALIGN(m->nlh.nlmsg_len) +
	    RTA_ALIGN(a->rta_len));
}

static struct facts *
device(const char *name, const char *kind, unsigned int flags,
    uint32_t master)
{
	struct facts *f = facts_new();
	struct message m = {.nlh = {.nlmsg_type = RTM_NEWLINK,
	    .nlmsg_len = NLMSG_LENGTH(sizeof(struct ifinfomsg))}};
	struct ifinfomsg *info = NLMSG_DATA(&m.nlh);
	uint8_t nested[64] = {0};
	struct rtattr *in = (void *)nested;

	info->ifi_flags = flags;
	put_attr(&m, IFLA_IFNAME, name, strlen(name) + 1);
	if (master != 0)
		put_attr(&m, IFLA_MASTER, &master, sizeof(master));
	in->rta_type = IFLA_INFO_KIND;
	in->rta_len = (unsigned short)RTA_LENGTH(strlen(kind) + 1);
	strcpy(RTA_DATA(in), kind);
	if (kind[0] != '\0')
		put_attr(&m, IFLA_LINKINFO, nested, in->rta_len);
	devices_parse(&m.nlh, f);
	assert_int_equal(facts_seal(f), 0);
	return f;
}

static void
test_devices(void **state)
{
	static const struct {
		const char *name, *kind;
		unsigned int flags;
		uint32_t master;
		const char *value;
	} rows[] = {
		{"eth0", "", IFF_UP, 0, "device"},
		{"eth0", "", IFF_UP | IFF_PROMISC, 0, "device, promiscuous"},
		{"eth0", "", IFF_UP | IFF_PROMISC, 7, "device"},
		{"tun0", "tun", 0, 0, "tun"},
		{"veth1", "veth", 0, 0, NULL},
	};
	static const struct tell_row tells[] = {
		{&devices_source, FACT_ADDED, "tun0", NULL, "tun",
		    "net.device", SEVERITY(MEDIUM), "tunnel device tun0"},
		{&devices_source, FACT_ADDED, "br0", NULL, "bridge",
		    "net.device", SEVERITY(INFO), "br0"},
		{&devices_source, FACT_CHANGED, "eth0", "device",
		    "device, promiscuous", "net.promiscuous",
		    SEVERITY(HIGH), "promiscuous"},
		{&devices_source, FACT_CHANGED, "eth0",
		    "device, promiscuous", "device", NULL, SEVERITY(NONE),
		    ""},
		{&devices_source, FACT_REMOVED, "tun0", "tun", NULL, NULL,
		    SEVERITY(NONE), ""},
	};
	struct facts *f;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(rows); i++) {
		f = device(rows[i].name, rows[i].kind, rows[i].flags,
		    rows[i].master);
		if (rows[i].value == NULL)
			assert_int_equal(facts_count(f), 0);
		else
			expect(f, rows[i].name, rows[i].value);
		facts_free(&f);
	}
	check_tells(tells, COUNT(tells));
}

static void
test_walltime(void **state)
{
	static const struct tell_row rows[] = {
		{&walltime_source, FACT_CHANGED, "boot", "1000000",
		    "-10800000", "time.stepped", SEVERITY(MEDIUM), "back by"},
		{&walltime_source, FACT_CHANGED, "boot", "0", "5000",
		    "time.stepped", SEVERITY(LOW), "forward by 5 s"},
		{&walltime_source, FACT_ADDED, "boot", NULL, "5000", NULL,
		    SEVERITY(NONE), ""},
	};

	(void)state;
	assert_int_equal(walltime_settled(1000, 1999), 1000);
	assert_int_equal(walltime_settled(1000, 1), 1000);
	assert_int_equal(walltime_settled(1000, 2000), 2000);
	assert_int_equal(walltime_settled(1000, 0), 0);
	check_tells(rows, COUNT(rows));
}

static void
test_loggers(void **state)
{
	static const struct tell_row rows[] = {
		{&loggers_source, FACT_CHANGED, "auditd", "missing",
		    "stopped", "logging.stopped", SEVERITY(HIGH), "no more"},
		{&loggers_source, FACT_CHANGED, "auditd", "running",
		    "missing", NULL, SEVERITY(NONE), ""},
		{&loggers_source, FACT_CHANGED, "auditd", "missing",
		    "running", NULL, SEVERITY(NONE), ""},
		{&loggers_source, FACT_CHANGED, "auditd", "running",
		    "frozen", "logging.stopped", SEVERITY(HIGH), "frozen"},
		{&loggers_source, FACT_CHANGED, "auditd", "stopped",
		    "running", "logging.stopped", SEVERITY(INFO), "again"},
	};

	(void)state;
	check_tells(rows, COUNT(rows));
}

static void
test_sockets(void **state)
{
	struct message m = {.nlh = {.nlmsg_type = SOCK_DIAG_BY_FAMILY,
	    .nlmsg_len = NLMSG_LENGTH(sizeof(struct inet_diag_msg))}};
	struct inet_diag_msg *d = NLMSG_DATA(&m.nlh);
	char ip[NETSOCK_TEXT_MAX];
	struct netsock s;

	(void)state;
	d->idiag_family = AF_INET6;
	d->idiag_state = 10;
	d->idiag_inode = 77;
	d->id.idiag_sport = htons(443);
	assert_true(netsock_parse(&m.nlh, 6, &s));
	assert_string_equal(netsock_ip(&s.local, ip), "[::]");
	assert_int_equal(s.local_port, 443);
	assert_int_equal(s.inode, 77);
	d->id.idiag_src[2] = htonl(0xffff);
	d->id.idiag_src[3] = htonl(0x7f000001);
	assert_true(netsock_parse(&m.nlh, 6, &s));
	assert_string_equal(netsock_ip(&s.local, ip), "127.0.0.1");
	assert_true(sock_ip_is_loopback(&s.local));
	d->idiag_family = 99;
	assert_false(netsock_parse(&m.nlh, 6, &s));
	d->idiag_family = AF_INET;
	m.nlh.nlmsg_len--;
	assert_false(netsock_parse(&m.nlh, 6, &s));
}

static void
test_listeners(void **state)
{
	static const struct tell_row rows[] = {
		{&listeners_source, FACT_ADDED, "tcp 0.0.0.0:4444 /usr/bin/nc"
		    ".openbsd", NULL, "4444 12 99", "net.listener",
		    SEVERITY(HIGH), "nc.openbsd (pid 99) now listens on tcp "
		    "0.0.0.0:4444"},
		{&listeners_source, FACT_ADDED, "tcp [::]:80 /usr/sbin/nginx",
		    NULL, "80 12 99", "net.listener", SEVERITY(MEDIUM),
		    "[::]:80"},
		{&listeners_source, FACT_ADDED, "tcp 127.0.0.1:high /usr/bin/"
		    "python3.11 (/srv/a.py)", NULL, "40123 12 99",
		    "net.listener", SEVERITY(LOW), "127.0.0.1:40123"},
		{&listeners_source, FACT_ADDED, "udp 0.0.0.0:high /usr/bin/"
		    "dig", NULL, "40123 12 99", "net.listener",
		    SEVERITY(INFO), "40123"},
		{&listeners_source, FACT_ADDED, "tcp 127.0.0.1:1 /tmp/x",
		    NULL, "1 12 99", "net.listener", SEVERITY(HIGH), "/tmp/x"},
		{&listeners_source, FACT_FOUND, "tcp 0.0.0.0:1 /tmp/x",
		    NULL, "1 12 99", "net.listener", SEVERITY(HIGH),
		    "listens on"},
		{&listeners_source, FACT_FOUND, "tcp 0.0.0.0:22 /usr/sbin/"
		    "sshd", NULL, "22 12 99", NULL, SEVERITY(NONE), ""},
		{&listeners_source, FACT_ADDED, "tcp 0.0.0.0:22 ?", NULL,
		    "22 12 0", NULL, SEVERITY(NONE), ""},
		{&listeners_source, FACT_CHANGED, "tcp 0.0.0.0:22 /usr/sbin/"
		    "sshd", "22 12 99", "", NULL, SEVERITY(NONE), ""},
		{&listeners_source, FACT_ADDED, "packet - /usr/bin/tcpdump",
		    NULL, "0 12 99", "net.raw-socket", SEVERITY(MEDIUM),
		    "packet socket"},
		{&listeners_source, FACT_ADDED, "raw 1 /usr/bin/ping",
		    NULL, "0 12 99", "net.raw-socket", SEVERITY(INFO),
		    "raw socket"},
		{&peers_source, FACT_ADDED, "tcp 443 /usr/bin/curl", NULL,
		    "192.0.2.1 99", "net.peer", SEVERITY(INFO),
		    "192.0.2.1 port 443"},
		{&peers_source, FACT_ADDED, "tcp 4444 /usr/bin/bash", NULL,
		    "192.0.2.1 99", "net.peer", SEVERITY(HIGH), "bash"},
		{&peers_source, FACT_FOUND, "tcp 443 /usr/bin/curl", NULL,
		    "192.0.2.1 99", NULL, SEVERITY(NONE), ""},
		{&peers_source, FACT_ADDED, "junk", NULL, "", NULL,
		    SEVERITY(NONE), ""},
	};

	(void)state;
	check_tells(rows, COUNT(rows));
}

static void
test_programs(void **state)
{
	static const struct {
		const char *exe;
		bool there;
		const char *cmdline;
		size_t len;
		const char *name;
		enum program_class class;
	} rows[] = {
		{"/usr/sbin/sshd", true, "sshd\0-D", 7, "/usr/sbin/sshd",
		    PROGRAM_PLAIN},
		{"/usr/sbin/sshd (deleted)", true, "", 0, "/usr/sbin/sshd",
		    PROGRAM_PLAIN},
		{"/usr/sbin/sshd (deleted)", false, "", 0,
		    "/usr/sbin/sshd (deleted)", PROGRAM_VOLATILE},
		{"/usr/bin/python3.11", true, "python3\0-u\0/srv/a.py\0",
		    22, "/usr/bin/python3.11 (/srv/a.py)", PROGRAM_SCRIPT},
		{"/usr/bin/python3.11", true, "python3\0/tmp/a.py", 17,
		    "/usr/bin/python3.11 (/tmp/a.py)", PROGRAM_VOLATILE},
		{"/usr/bin/python3.11", true, "python3", 7,
		    "/usr/bin/python3.11", PROGRAM_SCRIPT},
		{"/usr/bin/socat", true, "", 0, "/usr/bin/socat",
		    PROGRAM_SHELL},
		{"/memfd:x (deleted)", false, "", 0, "/memfd:x (deleted)",
		    PROGRAM_VOLATILE},
		{"/dev/shm/x", true, "", 0, "/dev/shm/x", PROGRAM_VOLATILE},
	};
	char out[PROGRAM_TEXT_MAX];
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(rows); i++) {
		program_name(rows[i].exe, rows[i].there, rows[i].cmdline,
		    rows[i].len, out);
		assert_string_equal(out, rows[i].name);
		if (program_class(out) != rows[i].class)
			fail_msg("%s: %d", out, program_class(out));
	}
}

static void
test_preload(void **state)
{
	static const char env[] = "A=b\0LD_PRELOAD=/tmp/x.so\0C=d";
	static const struct tell_row rows[] = {
		{&preload_source, FACT_ADDED, "/usr/sbin/sshd preloads "
		    "/tmp/x.so", NULL, "99", "loader.preload",
		    SEVERITY(HIGH), "/tmp/x.so"},
		{&preload_source, FACT_FOUND, "/usr/sbin/sshd preloads "
		    "/tmp/x.so", NULL, "99", "loader.preload",
		    SEVERITY(HIGH), "sshd (pid 99)"},
		{&preload_source, FACT_ADDED, "x preloads /usr/lib/y.so:"
		    "/lib/z.so", NULL, "99", "loader.preload",
		    SEVERITY(INFO), "y.so"},
		{&preload_source, FACT_ADDED, "x preloads /usr/lib/y.so "
		    "/home/z.so", NULL, "99", "loader.preload",
		    SEVERITY(HIGH), "z.so"},
		{&bpf_source, FACT_ADDED, "2 0011223344556677 spy", NULL,
		    "12 by uid 0", "kernel.bpf", SEVERITY(MEDIUM),
		    "spy (kprobe, id 12 by uid 0)"},
		{&bpf_source, FACT_FOUND, "2 0011223344556677 spy", NULL,
		    "12 by uid 0", NULL, SEVERITY(NONE), ""},
	};
	char out[64];

	(void)state;
	assert_true(preload_parse(env, sizeof(env), out, sizeof(out)));
	assert_string_equal(out, "/tmp/x.so");
	assert_false(preload_parse("XLD_PRELOAD=a", 13, out, sizeof(out)));
	assert_false(preload_parse("LD_PRELOAD=", 11, out, sizeof(out)));
	assert_false(preload_parse("", 0, out, sizeof(out)));
	assert_null(bpf_type_words(8)); /* of control groups */
	check_tells(rows, COUNT(rows));
}

/* What was seen once stays known, and keeps its first value. */
static void
test_learning(void **state)
{
	struct facts *was = facts_new(), *now = facts_new();
	struct facts *out = facts_new();

	(void)state;
	facts_add(was, "a", "old");
	facts_add(was, "b", "gone");
	facts_seal(was);
	facts_add(now, "a", "new");
	facts_add(now, "c", "fresh");
	facts_seal(now);
	assert_int_equal(peek_keep_first(was, now, out, 100), 0);
	facts_seal(out);
	assert_int_equal(facts_count(out), 3);
	expect(out, "a", "old");
	expect(out, "b", "gone");
	expect(out, "c", "fresh");
	facts_free(&out);
	out = facts_new();
	facts_add(out, "a", "new");
	assert_int_equal(peek_learn(was, out, 100, ""), 0);
	facts_seal(out);
	expect(out, "a", "new");
	expect(out, "b", "");
	facts_free(&out);
	out = facts_new();
	assert_int_equal(peek_keep_first(was, now, out, 2), 0);
	assert_int_equal(facts_count(out), 2); /* full: what is gone goes */
	facts_free(&out);
	facts_free(&was);
	facts_free(&now);
}

/* The real host: each source can be read here. */
static void
test_this_host(void **state)
{
	struct state_env env = {.root = "", .route_fd = -1, .diag_fd = -1};
	struct facts *f;
	struct why why;
	size_t i;

	(void)state;
	env.route_fd = nl_open(NETLINK_ROUTE, &why);
	env.diag_fd = nl_open(NETLINK_SOCK_DIAG, &why);
	for (i = 0; state_sources[i] != NULL; i++) {
		f = facts_new();
		why.text[0] = '\0';
		if (state_sources[i]->read(&env, f, &why) != 0)
			fail_msg("%s: %s", state_sources[i]->name, why.text);
		assert_int_equal(facts_seal(f), 0);
		facts_free(&f);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_modules),
		cmocka_unit_test(test_taint),
		cmocka_unit_test(test_lsm),
		cmocka_unit_test(test_sysctl),
		cmocka_unit_test(test_mounts),
		cmocka_unit_test(test_devices),
		cmocka_unit_test(test_walltime),
		cmocka_unit_test(test_loggers),
		cmocka_unit_test(test_sockets),
		cmocka_unit_test(test_listeners),
		cmocka_unit_test(test_programs),
		cmocka_unit_test(test_preload),
		cmocka_unit_test(test_learning),
		cmocka_unit_test(test_this_host),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
