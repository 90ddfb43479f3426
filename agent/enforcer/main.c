/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * agent-enforcer: the only process that may change the network rules of
 * this host.  Started by the parent with a link as descriptor 3, or alone
 * with --restore before the network comes up.  It gives up every right but
 * CAP_NET_ADMIN before it looks at anything that came from outside.
 */
#include <fcntl.h>
#include <linux/capability.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/enforcer/cage.h"
#include "agent/enforcer/hub.h"
#include "agent/enforcer/state.h"
#include "agent/links/identity.h"
#include "agent/links/ipc.h"
#include "agent/links/options.h"
#include "agent/links/settings.h"
#include "common/base/file.h"
#include "common/base/log.h"
#include "common/proc/link.h"
#include "common/proc/rights.h"

static const struct right keep[] = {
    {CAP_NET_ADMIN, "nf_tables batches, SOCK_DESTROY, conntrack, and the "
	"buffers of netlink sockets"},
    {-1, NULL},
};

static const struct syscall_rule calls[] = {
    {"socket", "netlink; probes that must not get out"},
    {"bind", "netlink address and notification groups"},
    {"getsockname", "netlink port"},
    {"setsockopt", "netlink buffers and timeout"},
    {"getsockopt", "result of a probe; who is at the control socket"},
    {"sendto", "netlink requests, UDP probes"},
    {"recvfrom", "netlink answers, UDP probes"},
    {"connect", "probes"},
    {"accept4", "the control socket"},
    {"renameat2", "state file and its spare change places"},
    {"rename", "state file: new for old"},
    {"renameat", "the same where there is no rename"},
    {"unlink", "state file: a temporary one that failed"},
    {"unlinkat", "the same where there is no unlink"},
    {"fsync", "state file and its folder before the answer"},
    {"access", "is connection tracking on"},
    {"faccessat", "the same in newer libc"},
    {"faccessat2", "the same in newer libc"},
    {"fchmod", "mode of the state file"},
    {NULL, NULL},
};

enum task {
	TASK_SERVE,	 /* the parent's child */
	TASK_RESTORE,	 /* early boot */
	TASK_MAY_REMOVE, /* of the package: is the host not isolated? */
	TASK_CLEAR,	 /* of the package: our tables go */
};

struct options {
	const char *user, *network_user, *state;
	int task; /* enum task */
};

static const char usage[] =
"usage: agent-enforcer [--user USER]\n"
"       agent-enforcer --restore --state DIR [--network-user USER] "
"[--user USER]\n"
"       agent-enforcer --may-remove|--clear --state DIR [--user USER]\n"
"       agent-enforcer --rights | --version | --help\n";

static void
parse(int argc, char **argv, struct options *o)
{
	const struct options_of of = {"agent-enforcer", usage, &o->user, keep,
	    calls};
	const struct option_row own[] = {
	    {"user", &o->user, NULL, 0},
	    {"network-user", &o->network_user, NULL, 0},
	    {"state", &o->state, NULL, 0},
	    {"restore", NULL, &o->task, TASK_RESTORE},
	    {"may-remove", NULL, &o->task, TASK_MAY_REMOVE},
	    {"clear", NULL, &o->task, TASK_CLEAR},
	    {NULL, NULL, NULL, 0},
	};

	options_parse(argc, argv, &of, own);
	if (o->task != TASK_SERVE && o->state == NULL)
		options_wrong(&of);
}

/* Our folder exists and is ours alone, while we still may make it so. */
static int
own_folder(const char *dir, const char *user, struct why *why)
{
	uid_t uid;
	gid_t gid;
	int rc;

	rc = rights_find_user(user, &uid, &gid, why);
	if (rc == 0 && !file_exists(dir))
		rc = file_mkdir(dir, 0700, why);
	if (rc == 0 && lchown(dir, uid, gid) < 0)
		rc = why_sys(why, ERR_IO, "%s: chown", dir);
	return rc;
}

/* -- the two ways to start ------------------------------------------------- */

/*
 * Settings for --restore, from the identity file one folder up.  *OUT stays
 * NULL when the host is not enrolled: there is nothing to do.
 */
static int
restore_settings(const struct options *o, Cordon__Settings **out,
    struct why *why)
{
	Cordon__Settings *s;
	Cordon__Enrolled *id = NULL;
	char parent[4096];
	uid_t uid;
	gid_t gid;
	int rc;

	rc = rights_find_user(o->network_user, &uid, &gid, why);
	if (rc == 0)
		rc = file_join(parent, sizeof(parent), o->state, "..");
	if (rc == 0)
		rc = identity_load(parent, &id, why);
	if (id == NULL)
		return rc == ERR_NOENT ? 0 : rc;
	s = malloc(sizeof(*s));
	if (s == NULL) {
		cordon__enrolled__free_unpacked(id, NULL);
		return why_set(why, ERR_NOMEM, "out of memory");
	}
	cordon__settings__init(s);
	s->state_dir = strdup(o->state);
	s->host_id = strdup(id->host_id);
	s->network_uid = uid;
	s->order_key = id->order_key;
	id->order_key.data = NULL;
	id->order_key.len = 0;
	cordon__enrolled__free_unpacked(id, NULL);
	*out = s;
	return 0;
}

static void
ignore_changed(void *arg)
{
	(void)arg;
}

static void
ignore_answer(void *arg, const struct answer *a)
{
	(void)arg;
	(void)a;
}

static void
ignore_tamper(void *arg, const struct watch_who *who, const char *what,
    bool repaired)
{
	(void)arg;
	(void)who;
	log_warn("rules differed: %s; %s", what,
	    repaired ? "repaired" : "not repaired");
}

static void
ignore_diverted(void *arg, const char *what)
{
	(void)arg;
	log_warn("%s", what);
}

static void
ignore_others(void *arg, const struct watch_who *who)
{
	(void)arg;
	(void)who;
}

/*
 * Early boot: what was in force is in force again.  The answer to an order
 * is left to the process that has a line, so nothing is stored here.
 */
static int
restore(const Cordon__Settings *s, struct why *why)
{
	static const struct isolation_calls calls_none = {ignore_changed,
	    ignore_answer, ignore_tamper, ignore_diverted,
	    ignore_others, NULL};
	const struct isolation_config config = {
	    .state_dir = s->state_dir,
	    .gate = {s->host_id, s->order_key.data, false},
	    .network_uid = s->network_uid,
	    .owner_fd = -1,
	};
	struct isolation *i;
	int rc;

	rc = isolation_new(&config, &calls_none, NULL, &i, why);
	if (rc != 0)
		return rc;
	rc = isolation_start(i, why);
	isolation_free(&i);
	return rc;
}

/* -- for the package ------------------------------------------------------- */

static const struct cage_config nobodys = {.owner_fd = -1};

/*
 * 0: the host is not isolated, by what was ordered and by what the kernel
 * holds.  A state that cannot be read is not "open".
 */
static int
may_remove(const char *dir, struct why *why)
{
	struct cage *cage = NULL;
	struct state s;
	int rc;

	state_init(&s);
	rc = state_load(dir, &s, why);
	if (rc == ERR_NOENT)
		rc = 0;
	if (rc == 0 && s.current.profile != CORDON__PROFILE__PROFILE_OPEN)
		rc = why_set(why, ERR_PERM, "this host is isolated");
	if (rc == 0)
		rc = cage_open(&nobodys, &cage, why);
	if (rc == 0 && cage_present(cage))
		rc = why_set(why, ERR_PERM, "rules of an isolation stand in "
		    "the kernel");
	cage_close(&cage);
	state_done(&s);
	return rc;
}

/* What outlived its owner goes, and nothing else. */
static int
clear(struct why *why)
{
	struct cage *cage = NULL;
	int rc;

	rc = cage_open(&nobodys, &cage, why);
	if (rc == 0 && cage_present(cage))
		rc = cage_set(cage, NULL, CORDON__PROFILE__PROFILE_OPEN, NULL,
		    why);
	cage_close(&cage);
	return rc;
}

static int
package_task(const struct options *o, struct why *why)
{
	struct rights rights = {.user = o->user, .keep = keep};
	int rc;

	rc = rights_drop(&rights, why);
	if (rc == 0)
		rc = sandbox_enter(calls, why);
	if (rc != 0)
		return rc;
	return o->task == TASK_CLEAR ? clear(why) : may_remove(o->state, why);
}

/* The socket of an enforcer before us, if the parent kept it. */
static int
owner_fd(void)
{
	return fcntl(IPC_FD_OWNER, F_GETFD) < 0 ? -1 : IPC_FD_OWNER;
}

int
main(int argc, char **argv)
{
	struct options o = {.user = AGENT_USER_ENFORCER,
	    .network_user = AGENT_USER_NETWORK};
	Cordon__Settings *settings = NULL;
	struct rights rights = {0};
	struct why why = {""};
	int rc = 0;

	parse(argc, argv, &o);
	log_init("agent-enforcer", LOG_LEVEL_INFO);
	if (o.task == TASK_MAY_REMOVE || o.task == TASK_CLEAR) {
		if (package_task(&o, &why) != 0)
			goto failed;
		return 0;
	}
	rc = o.task == TASK_RESTORE ? restore_settings(&o, &settings, &why) :
	    settings_wait(IPC_FD_PARENT, &settings, &why);
	if (rc != 0)
		goto failed;
	if (settings == NULL)
		return 0; /* not enrolled: nothing was ever ordered */
	if (own_folder(settings->state_dir, o.user, &why) != 0)
		goto failed;

	/* Rights: from here on CAP_NET_ADMIN and the calls listed above. */
	rights.user = o.user;
	rights.keep = keep;
	if (rights_drop(&rights, &why) != 0 || sandbox_enter(calls, &why) != 0)
		goto failed;

	if (settings->log_level != 0)
		log_set_level((enum log_level)settings->log_level);
	rc = o.task == TASK_RESTORE ? restore(settings, &why) :
	    hub_run(settings, IPC_FD_PARENT, owner_fd(), &why);
	cordon__settings__free_unpacked(settings, NULL);
	if (rc == 0 || rc == ERR_CLOSED)
		return 0;
failed:
	log_error("%s", why.text);
	return 1;
}
