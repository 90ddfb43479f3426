/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * agent-guard: closes what nftables never sees, by BPF programs of ours on
 * the devices of an isolated host.  Started by the parent with a link as
 * descriptor 3.  It parses no packet and nothing from outside the host; it
 * gives up every right but the three below before it takes an order of the
 * enforcer.
 */
#include <linux/capability.h>
#include <sys/resource.h>

#include "agent/guard/hub.h"
#include "agent/links/ipc.h"
#include "agent/links/options.h"
#include "agent/links/settings.h"
#include "common/base/log.h"
#include "common/proc/rights.h"

static const struct right keep[] = {
	{CAP_BPF, "load our two kinds of BPF program"},
	{CAP_NET_ADMIN, "put them on devices; delete filters put behind them"},
	{CAP_NET_RAW, "AF_XDP sockets that hold the queues"},
	{-1, NULL},
};

/* bpf(2) by command: what is not here, others' programs and maps by number
 * above all, kills. */
static const struct syscall_rule calls[] = {
	{"bpf=0", "BPF_MAP_CREATE: the rules as constants of the programs"},
	{"bpf=1", "BPF_MAP_LOOKUP_ELEM: where a map of devices leads"},
	{"bpf=2", "BPF_MAP_UPDATE_ELEM: the rules, once"},
	{"bpf=3", "BPF_MAP_DELETE_ELEM: what leads to a device of ours"},
	{"bpf=4", "BPF_MAP_GET_NEXT_KEY: all that such a map has"},
	{"bpf=5", "BPF_PROG_LOAD: the programs"},
	{"bpf=15", "BPF_OBJ_GET_INFO_BY_FD: is our link still on its device"},
	{"bpf=16", "BPF_PROG_QUERY: who runs first where frames leave"},
	{"bpf=18", "BPF_BTF_LOAD: libbpf looks what the kernel knows"},
	{"bpf=22", "BPF_MAP_FREEZE: nobody changes the rules afterwards"},
	{"bpf=28", "BPF_LINK_CREATE: a program onto a device"},
	{"bpf=29", "BPF_LINK_UPDATE: another order's program in its place"},
	{"bpf=34", "BPF_LINK_DETACH: our own off again, at once"},
	{"bpf=35", "BPF_PROG_BIND_MAP: the rules live as long as a program"},
	{"socket", "rtnetlink; AF_XDP on the queues"},
	{"bind", "rtnetlink groups; AF_XDP on the queues"},
	{"getsockname", "netlink port"},
	{"setsockopt", "netlink buffers; what AF_XDP asks for"},
	{"sendto", "netlink requests"},
	{"access", "libbpf looks for a version file of Ubuntu"},
	{"faccessat", "the same in newer libc"},
	{"faccessat2", "the same in newer libc"},
	{"setrlimit", "libbpf: locked memory, on kernels before 5.11"},
	{NULL, NULL},
};

static const char usage[] =
"usage: agent-guard [--user USER]\n"
"       agent-guard --rights | --version | --help\n";

static const char *
parse(int argc, char **argv)
{
	const char *user = AGENT_USER_GUARD, *state; /* settings say where */
	const struct options_of of = {"agent-guard", usage, &user, keep,
	    calls};
	const struct option_row own[] = {
		{"user", &user, NULL, 0},
		{"state", &state, NULL, 0}, /* for people who read ps */
		{NULL, NULL, NULL, 0},
	};

	options_parse(argc, argv, &of, own);
	return user;
}

/* A descriptor for each link and each queue, on many devices. */
static void
many_descriptors(void)
{
	struct rlimit r;

	if (getrlimit(RLIMIT_NOFILE, &r) == 0) {
		r.rlim_cur = r.rlim_max;
		setrlimit(RLIMIT_NOFILE, &r);
	}
}

int
main(int argc, char **argv)
{
	struct rights rights = {.keep = keep};
	Cordon__Settings *settings;
	struct why why = {""};
	int rc;

	rights.user = parse(argc, argv);
	log_init("agent-guard", LOG_LEVEL_INFO);
	if (settings_wait(IPC_FD_PARENT, &settings, &why) != 0)
		goto failed;
	many_descriptors();

	/* Rights: from here on the three above, and the calls listed. */
	if (rights_drop(&rights, &why) != 0 || sandbox_enter(calls, &why) != 0)
		goto failed;

	if (settings->log_level != 0)
		log_set_level((enum log_level)settings->log_level);
	cordon__settings__free_unpacked(settings, NULL);
	rc = hub_run(IPC_FD_PARENT, &why);
	if (rc == 0 || rc == ERR_CLOSED)
		return 0;
failed:
	log_error("%s", why.text);
	return 1;
}
