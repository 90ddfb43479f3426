/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Kernel settings.  Each is one small read; a table says which way is the
 * weaker one.
 */
#include "agent/state/sysctl.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/state/peek.h"

#define SEVERITY(x) CORDON__SEVERITY__SEVERITY_##x
#define EVERY_S 30
#define SYS "/proc/sys/"

enum way {
	MORE,    /* more is safer */
	LESS,    /* less is safer */
	NONZERO, /* only 0 is weaker */
	PROGRAM, /* the kernel starts it as root */
};

struct row {
	const char *path, *words;
	enum way safer;
	Cordon__Severity severity; /* when it gets weaker */
};

static const struct row rows[] = {
	{SYS "kernel/core_pattern", "program that takes core dumps", PROGRAM,
	    SEVERITY(NONE)},
	{SYS "kernel/modprobe", "program that loads modules", PROGRAM,
	    SEVERITY(NONE)},
	{SYS "kernel/hotplug", "program for new devices", PROGRAM,
	    SEVERITY(NONE)},
	{SYS "kernel/poweroff_cmd", "program that switches off", PROGRAM,
	    SEVERITY(NONE)},
	{"/sys/kernel/uevent_helper", "program for device events", PROGRAM,
	    SEVERITY(NONE)},
	{SYS "kernel/modules_disabled", "no more modules", MORE,
	    SEVERITY(HIGH)},
	{SYS "kernel/kexec_load_disabled", "no other kernel by kexec", MORE,
	    SEVERITY(HIGH)},
	{SYS "kernel/randomize_va_space", "random addresses", MORE,
	    SEVERITY(HIGH)},
	{SYS "kernel/yama/ptrace_scope", "who may trace", MORE,
	    SEVERITY(HIGH)},
	{SYS "kernel/kptr_restrict", "kernel addresses hidden", MORE,
	    SEVERITY(MEDIUM)},
	{SYS "kernel/dmesg_restrict", "kernel log hidden", MORE,
	    SEVERITY(LOW)},
	{SYS "kernel/perf_event_paranoid", "who may use perf", MORE,
	    SEVERITY(MEDIUM)},
	{SYS "kernel/unprivileged_bpf_disabled", "no BPF for users", NONZERO,
	    SEVERITY(HIGH)},
	{SYS "kernel/unprivileged_userns_clone", "user namespaces for users",
	    LESS, SEVERITY(LOW)},
	{SYS "kernel/io_uring_disabled", "no io_uring", MORE, SEVERITY(LOW)},
	{SYS "kernel/sysrq", "magic keys", LESS, SEVERITY(LOW)},
	{SYS "kernel/ftrace_enabled", "kernel tracing", NONZERO,
	    SEVERITY(MEDIUM)},
	{SYS "fs/suid_dumpable", "core dumps of set-uid programs", LESS,
	    SEVERITY(HIGH)},
	{SYS "fs/protected_hardlinks", "protected hard links", MORE,
	    SEVERITY(MEDIUM)},
	{SYS "fs/protected_symlinks", "protected links", MORE,
	    SEVERITY(MEDIUM)},
	{SYS "fs/protected_fifos", "protected FIFOs", MORE, SEVERITY(LOW)},
	{SYS "fs/protected_regular", "protected files in /tmp", MORE,
	    SEVERITY(LOW)},
	{SYS "vm/mmap_min_addr", "lowest mapped address", MORE,
	    SEVERITY(HIGH)},
	{SYS "vm/unprivileged_userfaultfd", "userfaultfd for users", LESS,
	    SEVERITY(LOW)},
	{SYS "net/core/bpf_jit_harden", "hardened BPF", MORE, SEVERITY(LOW)},
	{SYS "net/ipv4/ip_forward", "forwarding of IPv4", LESS,
	    SEVERITY(MEDIUM)},
	{SYS "net/ipv6/conf/all/forwarding", "forwarding of IPv6", LESS,
	    SEVERITY(MEDIUM)},
	{SYS "net/ipv4/conf/all/rp_filter", "check of source addresses",
	    NONZERO, SEVERITY(LOW)},
	{SYS "net/ipv4/conf/default/rp_filter",
	    "check of source addresses on new devices", NONZERO,
	    SEVERITY(LOW)},
	{SYS "net/ipv4/conf/all/accept_redirects", "ICMP redirects taken",
	    LESS, SEVERITY(MEDIUM)},
	{SYS "net/ipv4/conf/default/accept_redirects",
	    "ICMP redirects taken on new devices", LESS, SEVERITY(LOW)},
	{SYS "net/ipv6/conf/all/accept_redirects",
	    "ICMPv6 redirects taken", LESS, SEVERITY(MEDIUM)},
	{SYS "net/ipv4/conf/all/send_redirects", "ICMP redirects sent", LESS,
	    SEVERITY(LOW)},
	{SYS "net/ipv4/conf/all/accept_source_route",
	    "source routes taken", LESS, SEVERITY(MEDIUM)},
	{SYS "net/ipv6/conf/all/accept_source_route",
	    "IPv6 source routes taken", LESS, SEVERITY(MEDIUM)},
	{SYS "net/ipv4/conf/all/route_localnet", "127.0.0.0/8 routed", LESS,
	    SEVERITY(MEDIUM)},
	{SYS "net/ipv4/conf/all/proxy_arp", "answers ARP for others", LESS,
	    SEVERITY(MEDIUM)},
	{SYS "net/ipv4/conf/all/arp_accept", "unasked ARP taken", LESS,
	    SEVERITY(LOW)},
	{SYS "net/ipv4/conf/all/log_martians", "impossible addresses logged",
	    MORE, SEVERITY(LOW)},
	{SYS "net/ipv4/tcp_syncookies", "SYN cookies", MORE, SEVERITY(LOW)},
	{SYS "net/ipv4/ip_unprivileged_port_start",
	    "first port for users", MORE, SEVERITY(LOW)},
};
#define NROWS (sizeof(rows) / sizeof(rows[0]))

const char *
sysctl_path(size_t nr)
{
	return nr < NROWS ? rows[nr].path : NULL;
}

static int
sysctl_read(const struct state_env *env, struct facts *out, struct why *why)
{
	char text[512];
	ssize_t n;
	size_t i;
	int r = 0;

	for (i = 0; i < NROWS && r == 0; i++) {
		n = peek(env, rows[i].path, text, sizeof(text));
		if (n >= 0)
			r = facts_add(out, rows[i].path, text);
		else if (n != ERR_NOENT)
			r = facts_miss(out, rows[i].path);
	}
	return r == 0 ? 0 : why_set(why, r, "kernel settings");
}

static bool
is_weaker(const struct row *row, const char *was, const char *is)
{
	long a = strtol(was, NULL, 10), b = strtol(is, NULL, 10);

	if (row->safer == NONZERO)
		return a != 0 && b == 0;
	return row->safer == MORE ? b < a : b > a;
}

static bool
sysctl_tell(const struct fact_change *c, struct state_told *out)
{
	char was[PEEK_QUOTED_MAX], is[PEEK_QUOTED_MAX];
	const struct row *row = rows;
	bool runs;
	size_t i;

	for (i = 1; i < NROWS && strcmp(row->path, c->key) != 0; i++)
		row = &rows[i];
	if (c->how != FACT_CHANGED || strcmp(row->path, c->key) != 0)
		return false;
	snprintf(out->path, sizeof(out->path), "%s", c->key);
	peek_quote(was, c->was);
	peek_quote(is, c->is);
	if (row->safer != PROGRAM)
		return peek_tell(out, "kernel.setting", is_weaker(row,
		    c->was, c->is) ? row->severity : SEVERITY(INFO), c->key,
		    "kernel setting %s (%s) is now %s (was %s)", c->key,
		    row->words, is, was);
	/* A core pattern runs a program only behind a bar. */
	runs = strstr(c->key, "core_pattern") == NULL || c->is[0] == '|';
	return peek_tell(out, "kernel.helper", runs ? SEVERITY(NONE) :
	    SEVERITY(LOW), c->key, "%s (%s) is now \"%s\" (was \"%s\")%s",
	    c->key, row->words, is, was, runs ?
	    ": the kernel starts it as root" : "");
}

static const char *const sysctl_paths[] = {
	"/proc/sys/*",
	"/sys/kernel/uevent_helper",
	NULL,
};

const struct state_source sysctl_source = {
	.name = "sysctl",
	.paths = sysctl_paths,
	.every_s = EVERY_S,
	.read = sysctl_read,
	.tell = sysctl_tell,
};
