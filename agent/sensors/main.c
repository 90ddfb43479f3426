/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * agent-sensors: sees what happens on the host and says so.  Started by the
 * parent with a link as descriptor 3.  It may read everything and change
 * nothing but its own state folder; it gives up all other rights before it
 * looks at anything of the host.
 */
#include <linux/capability.h>
#include <malloc.h>

#include "agent/links/ipc.h"
#include "agent/links/options.h"
#include "agent/links/settings.h"
#include "agent/process/connector.h"
#include "agent/sensors/hub.h"
#include "agent/sensors/peer.h"
#include "agent/sensors/tree.h"
#include "agent/state/nftnote.h"
#include "common/base/log.h"
#include "common/proc/rights.h"

static const struct right keep[] = {
	{CAP_SYS_ADMIN, "fanotify: marks of whole file systems, pidfd"},
	{CAP_DAC_READ_SEARCH, "read what is watched; open_by_handle_at"},
	{CAP_SYS_PTRACE, "/proc/PID/exe and fd: which program did it"},
	{-1, NULL},
};

static const struct syscall_rule calls[] = {
	{"fanotify_init", "events of file systems"},
	{"fanotify_mark", "events of file systems"},
	{"inotify_init1", "events where fanotify cannot mark"},
	{"inotify_add_watch", "events where fanotify cannot mark"},
	{"open_by_handle_at", "which folder an event is of"},
	{"name_to_handle_at", "the same where handles cannot be opened"},
	{"pidfd_send_signal", "signal 0: is the process still there"},
	{"kill", "the same for kernels that count it so"},
	{"openat2", "open without following links"},
	{"open", "opendir() of older libc"},
	{"getdents64", "list folders"},
	{"readlink", "links, /proc/PID/exe"},
	{"readlinkat", "links, /proc/PID/exe"},
	{"fstatfs", "kind of a file system"},
	{"statfs", "kind of a file system"},
	{"stat", "own files, older libc"},
	{"lstat", "own files, older libc"},
	{"flistxattr", "attributes of watched files"},
	{"fgetxattr", "attributes of watched files"},
	{"utimensat", "stamp of the last sight"},
	{"rename", "own files: new for old"},
	{"renameat", "the same where there is no rename"},
	{"mkdir", "own files: the folder of package lists"},
	{"unlink", "own files: temporary and old ones"},
	{"unlinkat", "the same where there is no unlink"},
	{"fsync", "own files"},
	{"pwrite64", "signals that the network process has not taken"},
	{"ftruncate", "room given back after a flood, a manifest in parts"},
	{"fallocate", "unsent signals: room on a disk that fills up"},
	{"fchmod", "mode of own files"},
	{"access", "own files"},
	{"faccessat", "the same in newer libc"},
	{"faccessat2", "the same in newer libc"},
	{"socket=16", "AF_NETLINK: devices, filters, sockets (sock_diag)"},
	{"setsockopt", "how long to wait for netlink"},
	{"sendto", "netlink requests; they only ask"},
	{"bpf=13", "BPF_PROG_GET_FD_BY_ID: the name of a program"},
	{"bpf=15", "BPF_OBJ_GET_INFO_BY_FD: the name of a program"},
	{"bpf=16", "BPF_PROG_QUERY: tc programs of a device"},
	{"bpf=30", "BPF_LINK_GET_FD_BY_ID: XDP that the guard took off"},
	{"bpf=31", "BPF_LINK_GET_NEXT_ID: the same"},
	{"bpf=11", "BPF_PROG_GET_NEXT_ID: which programs there are"},
	{"bind", "netlink: devices, routes and rules that change"},
	{"timerfd_create", "to be told when the clock is set"},
	{"timerfd_settime", "the same"},
	{"pidfd_open", "is the process that was named still the same"},
	{"getxattr", "which kind of socket a process holds; capabilities"},
	{"sched_getattr", "own time slice: what it is"},
	{"sched_setattr", "own time slice: shorter, to run sooner"},
	{"getrusage", "own processor time, for the heartbeat"},
	{NULL, NULL},
};

static const char usage[] =
"usage: agent-sensors [--user USER]\n"
"       agent-sensors --make TREE | --verify TREE [--manifest ID]\n"
"                     --state DIR [--host ID] [--user USER]\n"
"                     [--key HEX [--group NAME]]\n"
"       agent-sensors --rights | --version | --help\n";

/* Of a command for one tree; TREE NULL: none, watch. */
struct options {
	const char *user;
	bool make;
	struct tree_job job;
	const char *key_hex;
	struct tree_reader reader;
	uint8_t key[SIGN_KEY_LEN];
};

static void
parse(int argc, char **argv, struct options *o)
{
	const char *verify = NULL;
	const struct options_of of = {"agent-sensors", usage, &o->user, keep,
	    calls};
	const struct option_row own[] = {
		{"user", &o->user, NULL, 0},
		/* Watching, the settings say it: for people who read ps. */
		{"state", &o->job.state_dir, NULL, 0},
		{"make", &o->job.tree, NULL, 0},
		{"verify", &verify, NULL, 0},
		{"manifest", &o->job.manifest, NULL, 0},
		{"host", &o->job.host_id, NULL, 0},
		{"key", &o->key_hex, NULL, 0},
		{"group", &o->reader.group, NULL, 0},
		{NULL, NULL, NULL, 0},
	};

	options_parse(argc, argv, &of, own);
	o->make = verify == NULL;
	if (verify != NULL && o->job.tree != NULL)
		options_wrong(&of);
	if (verify != NULL)
		o->job.tree = verify;
	if (o->job.tree != NULL && o->job.state_dir == NULL)
		options_wrong(&of);
	if (o->key_hex == NULL)
		return;
	if (hex_decode(o->key, sizeof(o->key), o->key_hex) != 0)
		options_wrong(&of);
	o->reader.key = o->key;
	o->reader.host_id = o->job.host_id;
	o->job.reader = &o->reader;
}

/* The command: no right but to read, and nobody to talk to. */
static int
one_tree(const struct options *o)
{
	static const struct right reads[] = {
		{CAP_DAC_READ_SEARCH, "read what is in the tree"},
		{-1, NULL},
	};
	const struct rights rights = {.user = o->user, .keep = reads};
	struct why why;
	int r;

	r = rights_drop(&rights, &why);
	if (r == 0)
		r = sandbox_enter(calls, &why);
	if (r == 0)
		r = o->make ? tree_make(&o->job, &why) :
			      tree_verify(&o->job, &why);
	if (r != 0)
		log_error("%s", why.text);
	return r != 0;
}

int
main(int argc, char **argv)
{
	struct rights rights = {.keep = keep};
	struct options o = {.user = AGENT_USER_SENSORS,
	    .job.host_id = "", .reader.group = ""};
	Cordon__Settings *settings;
	struct why why, refused, no_notices;
	struct hub_sockets sockets = {IPC_FD_PARENT, -1, -1};
	int r;

	parse(argc, argv, &o);
	rights.user = o.user;
	log_init("agent-sensors", LOG_LEVEL_INFO);
	mallopt(M_ARENA_MAX, 1); /* threads come and go: keep one heap */
	mallopt(M_MMAP_THRESHOLD, 64 * 1024);
	if (o.job.tree != NULL)
		return one_tree(&o);
	if (settings_wait(IPC_FD_PARENT, &settings, &why) != 0 ||
	    peer_check_settings(settings, &why) != 0)
		goto fail;

	/* Subscribing needs CAP_NET_ADMIN, which is not kept; reading none. */
	if (settings->processes)
		sockets.connector = connector_open(&refused);
	sockets.nft = nftnote_open(&no_notices);

	/* Rights: from here on the three above, and the calls listed. */
	if (rights_drop(&rights, &why) != 0 || sandbox_enter(calls, &why) != 0)
		goto fail;

	if (settings->log_level != 0)
		log_set_level((enum log_level)settings->log_level);
	if (settings->processes && sockets.connector < 0)
		log_warn("%s", refused.text);
	if (sockets.nft < 0)
		log_warn("%s", no_notices.text);
	r = hub_run(settings, &sockets, &why);
	cordon__settings__free_unpacked(settings, NULL);
	if (r == 0)
		return 0;
fail:
	log_error("%s", why.text);
	return 1;
}
