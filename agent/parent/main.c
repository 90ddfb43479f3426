/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * agent-parent: reads agent.conf and the identity, makes the folders, drops
 * all rights but those its children need, starts them, joins them, waits.
 * It parses nothing that comes from outside the host, opens no network
 * socket and knows neither TLS nor nftables.
 */
#include <errno.h>
#include <event2/event.h>
#include <getopt.h>
#include <limits.h>
#include <linux/capability.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "agent/links/identity.h"
#include "agent/links/ipc.h"
#include "agent/parent/family.h"
#include "agent/parent/folders.h"
#include "agent/parent/notify.h"
#include "agent/parent/settings.h"
#include "common/base/file.h"
#include "common/base/log.h"
#include "common/proc/rights.h"

#define LIBEXEC "/usr/lib/cordon"
#define VALUE_MAX (64 * 1024) /* bytes of a list that --print tells */

/* The parent keeps the union: no_new_privs lets no child gain what its
 * parent has not.  The last two rows are for the guard alone and go where
 * there is none. */
static struct right keep[] = {
	{CAP_SETUID, "each child becomes a user of its own"},
	{CAP_SETGID, "each child becomes a group of its own"},
	{CAP_SETPCAP, "each child empties its bounding set"},
	{CAP_CHOWN, "each child makes sure that its folder is its own"},
	{CAP_KILL, "SIGKILL for a child that breaks the rules"},
	{CAP_NET_ADMIN, "for the enforcer: nftables"},
	{CAP_SYS_ADMIN, "for the sensors: fanotify"},
	{CAP_DAC_READ_SEARCH, "for the sensors: read what is watched"},
	{CAP_SYS_PTRACE, "for the sensors: which program did it"},
	{CAP_BPF, "for the guard: BPF programs"},
	{CAP_NET_RAW, "for the guard: sockets that hold queues"},
	{-1, NULL},
};

static const struct rights rights = {.keep = keep, .pass_on = true};

/*
 * Children inherit this filter, so it names what none of them has any
 * use for; each child then loads its own list of what it may call.
 */
static const struct syscall_rule forbidden[] = {
	{"ptrace", "control of other processes"},
	{"process_vm_readv", "memory of other processes"},
	{"process_vm_writev", "memory of other processes"},
	{"pidfd_getfd", "descriptors of other processes"},
	{"kcmp", "memory of other processes"},
	{"init_module", "code into the kernel"},
	{"finit_module", "code into the kernel"},
	{"delete_module", "code out of the kernel"},
	{"kexec_load", "another kernel"},
	{"kexec_file_load", "another kernel"},
	{"reboot", "another kernel"},
	{"pivot_root", "another root folder"},
	{"chroot", "another root folder"},
	{"swapon", "memory to disk"},
	{"swapoff", "memory to disk"},
	{"acct", "accounting of processes"},
	{"quotactl", "quotas"},
	{"settimeofday", "the clock"},
	{"clock_settime", "the clock"},
	{"clock_adjtime", "the clock"},
	{"adjtimex", "the clock"},
	{"sethostname", "the name of the host"},
	{"setdomainname", "the name of the host"},
	{"syslog", "the kernel's log"},
	{"keyctl", "the kernel's keys"},
	{"add_key", "the kernel's keys"},
	{"request_key", "the kernel's keys"},
	{"userfaultfd", "often part of an exploit"},
	{"perf_event_open", "often part of an exploit"},
	{"io_uring_setup", "calls that no filter sees"},
	{"io_uring_enter", "calls that no filter sees"},
	{"io_uring_register", "calls that no filter sees"},
	{"iopl", "hardware"},
	{"ioperm", "hardware"},
	{"mknod", "devices"},
	{"mknodat", "devices"},
	{"personality", "other address spaces"},
	{"vhangup", "terminals"},
	{"lookup_dcookie", "profiling"},
	{"nfsservctl", "no longer there"},
	{"uselib", "no longer there"},
	{NULL, NULL},
};

struct options {
	const char *conf, *libexec, *print;
	bool check, folders, show_rights;
};

static const char help[] =
"agent-parent - start and keep the processes of the Cordon agent\n"
"\n"
"Usage:\n"
"  agent-parent [-c FILE] [--libexec DIR]\n"
"  agent-parent [-c FILE] -n\n"
"  agent-parent [-c FILE] --folders | --print KEY | --rights\n"
"\n"
"Started by `cordon-agent run` (see the unit cordon-agent.service); there is\n"
"rarely a reason to call it by hand.  It stays in the foreground, starts\n"
"agent-enforcer, agent-network, agent-sensors and, where it can work,\n"
"agent-guard, starts again whichever of them ends, and stops them on SIGTERM\n"
"or SIGINT.\n"
"\n"
"Options:\n"
"  -c, --config FILE  configuration (default " AGENT_CONF ")\n"
"  -n                 check the configuration and say \"configuration OK\"\n"
"      --libexec DIR  where the other programs are (default " LIBEXEC ")\n"
"      --print KEY    print state_dir, run_dir, network_user, enforcer_user,\n"
"                     sensors_user or guard_user as configured\n"
"      --folders      make the folders of the agent and its processes, with\n"
"                     their owners (done at each start as well)\n"
"      --rights       print the capabilities it keeps and the system calls\n"
"                     it and its children may never make, with reasons\n"
"  -h, --help         this text\n"
"      --version      version\n"
"\n"
"Exit status:\n"
"  0   stopped as asked, or the configuration is good\n"
"  1   could not start; the reason is on standard error\n"
"  64  wrong usage\n"
"  78  the configuration is wrong, or this host is not enrolled\n";

static int
usage(void)
{
	fputs("agent-parent: wrong usage; see agent-parent --help\n", stderr);
	return EX_USAGE;
}

/* -1: go on; else the exit status. */
static int
read_options(int argc, char **argv, struct options *o)
{
	enum { LIBEXEC_DIR = 256, PRINT, FOLDERS, RIGHTS, VERSION };
	static const struct option longs[] = {
		{"config", required_argument, NULL, 'c'},
		{"libexec", required_argument, NULL, LIBEXEC_DIR},
		{"print", required_argument, NULL, PRINT},
		{"folders", no_argument, NULL, FOLDERS},
		{"rights", no_argument, NULL, RIGHTS},
		{"help", no_argument, NULL, 'h'},
		{"version", no_argument, NULL, VERSION},
		{NULL, 0, NULL, 0},
	};
	int c;

	while ((c = getopt_long(argc, argv, "c:nh", longs, NULL)) != -1) {
		switch (c) {
		case 'c':
			o->conf = optarg;
			break;
		case 'n':
			o->check = true;
			break;
		case LIBEXEC_DIR:
			o->libexec = optarg;
			break;
		case PRINT:
			o->print = optarg;
			break;
		case FOLDERS:
			o->folders = true;
			break;
		case RIGHTS:
			o->show_rights = true;
			break;
		case 'h':
			fputs(help, stdout);
			return 0;
		case VERSION:
			puts("agent-parent " CORDON_VERSION);
			return 0;
		default:
			return usage();
		}
	}
	return optind == argc ? -1 : usage();
}

/* What needs no more than the configuration; -1: go on. */
static int
answer_only(const struct options *o, const struct settings *s)
{
	const struct syscall_rule *r;
	struct why why = {0};
	struct buf value;
	int rc = -1;

	if (o->check) {
		puts("configuration OK");
		return 0;
	}
	if (o->folders) {
		if (folders_make(s, &why) == 0)
			return 0;
		log_error("%s", why.text);
		return 1;
	}
	if (o->print != NULL) {
		buf_init(&value, VALUE_MAX);
		if (settings_value(s, o->print, &value) == 0 &&
		    file_write_all(STDOUT_FILENO, value.data, value.len) == 0)
			rc = 0;
		buf_done(&value);
		return rc == 0 ? 0 : usage();
	}
	if (o->show_rights) {
		rights_print(&rights, NULL);
		puts("system calls that kill it and its children:");
		for (r = forbidden; r->name != NULL; r++)
			printf("  %-24s %s\n", r->name, r->reason);
		return 0;
	}
	return -1;
}

static void
on_stop(evutil_socket_t sig, short what, void *arg)
{
	(void)what;
	log_info("SIG%s: stopping", sigabbrev_np((int)sig));
	notify_systemd("STOPPING=1");
	family_stop(arg);
}

/* The loop, until we are told to stop and all children are gone. */
static int
work(struct family_options *o, struct why *why)
{
	struct event *term = NULL, *intr = NULL;
	struct family *f = NULL;
	int err;

	o->base = event_base_new();
	if (o->base == NULL)
		return why_set(why, ERR_NOMEM, "no event loop");
	err = family_start(o, &f, why);
	if (err != 0)
		goto done;
	term = evsignal_new(o->base, SIGTERM, on_stop, f);
	intr = evsignal_new(o->base, SIGINT, on_stop, f);
	if (term == NULL || intr == NULL || evsignal_add(term, NULL) < 0 ||
	    evsignal_add(intr, NULL) < 0) {
		err = why_set(why, ERR_NOMEM, "no signal handlers");
		goto done;
	}
	event_base_dispatch(o->base);
	log_info("stopped");
done:
	family_free(&f);
	if (term != NULL)
		event_free(term);
	if (intr != NULL)
		event_free(intr);
	event_base_free(o->base);
	return err;
}

/*
 * Will there be a guard?  Where there is not, nobody holds the rights it
 * would need.
 */
static Cordon__GuardMode
guard_mode(const struct settings *s, const char *libexec)
{
	Cordon__GuardMode mode = CORDON__GUARD_MODE__GUARD_MODE_ON;
	char path[PATH_MAX];
	struct why why;
	struct right *r;
	uid_t uid;
	gid_t gid;

	if (!s->guard)
		mode = CORDON__GUARD_MODE__GUARD_MODE_OFF;
	else if (file_join(path, sizeof(path), libexec, "agent-guard") != 0 ||
	    access(path, X_OK) < 0)
		mode = CORDON__GUARD_MODE__GUARD_MODE_MISSING;
	else if (!rights_may(CAP_BPF) || !rights_may(CAP_NET_RAW) ||
	    rights_find_user(s->guard_user, &uid, &gid, &why) != 0)
		mode = CORDON__GUARD_MODE__GUARD_MODE_NO_RIGHTS;
	if (mode == CORDON__GUARD_MODE__GUARD_MODE_ON)
		return mode;
	for (r = keep; r->cap != CAP_BPF; r++)
		;
	r->cap = -1; /* the table ends before the guard's rows */
	return mode;
}

/* As root: whatever needs rights that are given up right after. */
static int
prepare(const struct settings *s, Cordon__Enrolled **id, int *lock,
    int *control, struct why *why)
{
	int err;

	if (geteuid() != 0)
		return why_set(why, ERR_PERM, "must be started as root");
	err = identity_load(s->state_dir, id, why);
	if (err == ERR_NOENT)
		return why_set(why, ERR_CONFIG, "this host is not enrolled; "
		    "run: cordon-agent enrol --collector HOST:PORT --token T "
		    "--ca-sha256 H");
	if (err != 0) {
		why_prefix(why, "the identity of this host is damaged "
		    "(enrol it anew): ");
		return ERR_CONFIG;
	}
	err = folders_make(s, why);
	if (err == 0)
		err = folders_lock(s->run_dir, lock, why);
	if (err == 0)
		err = folders_control(s->run_dir, control, why);
	return err;
}

int
main(int argc, char **argv)
{
	struct options o = {.conf = AGENT_CONF, .libexec = LIBEXEC};
	struct family_options fo = {.control_fd = -1, .owner_fd = -1};
	Cordon__Enrolled *id = NULL;
	struct settings s = {0};
	struct why why = {0};
	int err, lock = -1, rc;

	log_init("agent-parent", LOG_LEVEL_INFO);
	rc = read_options(argc, argv, &o);
	if (rc >= 0)
		return rc;
	err = settings_load(o.conf, &s, &why);
	if (err != 0) {
		log_error("%s", why.text);
		return EX_CONFIG;
	}
	rc = answer_only(&o, &s);
	if (rc >= 0)
		goto done;
	log_set_level(s.log_level);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGHUP, SIG_IGN); /* settings change by a restart */
	err = prepare(&s, &id, &lock, &fo.control_fd, &why);
	fo.guard = guard_mode(&s, o.libexec);

	/* Rights: from here on only what stands in the tables above. */
	if (err == 0)
		err = rights_drop(&rights, &why);
	if (err == 0)
		err = sandbox_forbid(forbidden, &why);

	fo.owner_fd = notify_stored(AGENT_OWNER_NAME);
	fo.settings = &s;
	fo.identity = id;
	fo.conf_path = o.conf;
	fo.libexec = o.libexec;
	if (err == 0)
		err = work(&fo, &why);
	if (err != 0)
		log_error("%s", why.text);
	rc = err == 0 ? 0 : err == ERR_CONFIG ? EX_CONFIG : 1;
done:
	if (id != NULL)
		cordon__enrolled__free_unpacked(id, NULL);
	settings_free(&s);
	if (fo.control_fd >= 0)
		close(fo.control_fd);
	if (lock >= 0)
		close(lock);
	return rc;
}
