/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * cordon-signer: holds the order key and the audit key of a collector and
 * signs what it is asked for, within a budget.  One process, no capability,
 * no network; it talks to one user over one unix socket.
 */
#include <event2/event.h>
#include <getopt.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/file.h"
#include "common/base/log.h"
#include "common/base/text.h"
#include "common/proc/rights.h"
#include "server/links/signer.h"
#include "server/signer/door.h"
#include "server/signer/journal.h"
#include "server/signer/keeper.h"

#define BUDGET_STANDARD 200

struct options {
	const char *state;
	const char *socket;
	const char *user;
	const char *allow;
	int64_t budget;
	bool init;
	bool rights;
};

static const struct syscall_rule calls[] = {
	{ "accept4", "askers at the socket" },
	{ "getsockopt", "SO_PEERCRED: who asks" },
	{ "fdatasync", "the journal: heads that were signed" },
	{ "fsync", "the journal, written anew" },
	{ "rename", "the journal, written anew" },
	{ "renameat", "the journal, written anew" },
	{ "renameat2", "the journal, written anew" },
	{ "fchmod", "mode of the journal, written anew" },
	{ "unlink", "a journal that could not be written" },
	{ "unlinkat", "a journal that could not be written" },
	{ NULL, NULL },
};

static const char usage_text[] =
"Usage: cordon-signer [OPTION]...\n"
"Holds a collector's order key and audit key, and signs within a budget.\n"
"\n"
"  --state DIR            keys and journal (" SIGNER_STATE_DIR ")\n"
"  --socket PATH          where to listen (" SIGNER_SOCKET ")\n"
"  --user NAME|N          become this user when started as root\n"
"                         (cordon-signer)\n"
"  --allow-uid NAME|N     who may ask (cordon-collector)\n"
"  --budget-hosts-hour N  distinct hosts that may be cut off, and as many\n"
"                         opened, within an hour (200; 0: no limit)\n"
"  --init                 make the keys and end; never overwrites\n"
"  --rights               show the rights this process keeps, and why\n"
"  --help, --version\n"
"\n"
"Without keys in the state folder it makes them at its first start.\n";

enum {
	OPT_STATE = 256, OPT_SOCKET, OPT_USER, OPT_ALLOW, OPT_BUDGET,
	OPT_INIT, OPT_RIGHTS, OPT_HELP, OPT_VERSION,
};

static const struct option long_options[] = {
	{ "state", required_argument, NULL, OPT_STATE },
	{ "socket", required_argument, NULL, OPT_SOCKET },
	{ "user", required_argument, NULL, OPT_USER },
	{ "allow-uid", required_argument, NULL, OPT_ALLOW },
	{ "budget-hosts-hour", required_argument, NULL, OPT_BUDGET },
	{ "init", no_argument, NULL, OPT_INIT },
	{ "rights", no_argument, NULL, OPT_RIGHTS },
	{ "help", no_argument, NULL, OPT_HELP },
	{ "version", no_argument, NULL, OPT_VERSION },
	{ NULL, 0, NULL, 0 },
};

/* -1: go on; else the exit status. */
static int
parse_options(int argc, char **argv, struct options *o)
{
	int c;

	while ((c = getopt_long(argc, argv, "", long_options, NULL)) != -1) {
		switch (c) {
		case OPT_STATE:
			o->state = optarg;
			break;
		case OPT_SOCKET:
			o->socket = optarg;
			break;
		case OPT_USER:
			o->user = optarg;
			break;
		case OPT_ALLOW:
			o->allow = optarg;
			break;
		case OPT_BUDGET:
			if (text_number(optarg, 0, JOURNAL_BUDGET_MAX,
			    &o->budget) != 0) {
				fprintf(stderr, "--budget-hosts-hour: 0 to "
				    "%d\n", JOURNAL_BUDGET_MAX);
				return 1;
			}
			break;
		case OPT_INIT:
			o->init = true;
			break;
		case OPT_RIGHTS:
			o->rights = true;
			break;
		case OPT_HELP:
			fputs(usage_text, stdout);
			return 0;
		case OPT_VERSION:
			printf("cordon-signer %s\n", CORDON_VERSION);
			return 0;
		default:
			fputs(usage_text, stderr);
			return 1;
		}
	}
	if (optind < argc) {
		fprintf(stderr, "\"%s\": what is that?\n", argv[optind]);
		return 1;
	}
	return -1;
}

/*
 * The state folder: made, as root handed to the user we become, and locked
 * for good: a second signer must not take the first one's socket away.
 */
static int
prepare_state(const struct options *o, struct why *why)
{
	uid_t uid;
	gid_t gid;
	int rc, lock;

	rc = file_mkdir(o->state, 0700, why);
	if (rc == 0)
		rc = file_lock_dir(o->state, &lock, why);
	if (rc != 0 || geteuid() != 0)
		return rc;
	rc = rights_find_user(o->user, &uid, &gid, why);
	if (rc == 0 && fchown(lock, uid, gid) != 0)
		rc = why_sys(why, ERR_IO, "cannot give %s to %s", o->state,
		    o->user);
	return rc;
}

static int
make_keys_if_none(const struct options *o, struct why *why)
{
	bool has;
	int rc;

	rc = keeper_has_keys(o->state, &has, why);
	if (rc != 0 || (has && !o->init))
		return rc;
	rc = keeper_make_keys(o->state, why);
	if (rc == 0)
		log_info("made the order key and the audit key in %s: keep "
		    "a copy of them offline", o->state);
	return rc;
}

static void
on_end_signal(evutil_socket_t sig, short what, void *arg)
{
	(void)what;
	log_info("ends on signal %d", (int)sig);
	event_base_loopbreak(arg);
}

static int
serve(const struct options *o, int fd, uid_t allowed, struct why *why)
{
	struct event_base *base = event_base_new();
	struct event *term = NULL, *intr = NULL;
	struct keeper *keeper = NULL;
	struct door *door = NULL;
	int rc = ERR_NOMEM;

	if (base == NULL) {
		close(fd);
		return why_set(why, rc, "out of memory");
	}
	rc = keeper_open(o->state, o->budget, &keeper, why);
	if (rc != 0) {
		close(fd);
		goto done;
	}
	door = door_open_take(base, fd, allowed, keeper);
	term = evsignal_new(base, SIGTERM, on_end_signal, base);
	intr = evsignal_new(base, SIGINT, on_end_signal, base);
	if (door == NULL || term == NULL || intr == NULL ||
	    event_add(term, NULL) != 0 || event_add(intr, NULL) != 0) {
		rc = why_set(why, ERR_NOMEM, "out of memory");
		goto done;
	}
	rc = sandbox_enter(calls, why);
	if (rc != 0)
		goto done;
	log_info("ready at %s for uid %u, budget %lld hosts an hour",
	    o->socket, allowed, (long long)o->budget);
	event_base_dispatch(base);
done:
	door_close(&door);
	if (term != NULL)
		event_free(term);
	if (intr != NULL)
		event_free(intr);
	keeper_close(&keeper);
	event_base_free(base);
	return rc;
}

int
main(int argc, char **argv)
{
	struct options o = {
		.state = SIGNER_STATE_DIR,
		.socket = SIGNER_SOCKET,
		.allow = "cordon-collector",
		.budget = BUDGET_STANDARD,
	};
	struct rights rights = { 0 };
	struct why why = { "" };
	uid_t allowed = 0;
	gid_t unused;
	int rc, fd = -1;

	rc = parse_options(argc, argv, &o);
	if (rc >= 0)
		return rc;
	log_init("cordon-signer", LOG_LEVEL_INFO);
	umask(0077);
	signal(SIGPIPE, SIG_IGN);
	if (geteuid() == 0 && o.user == NULL)
		o.user = "cordon-signer";
	rights.user = o.user;
	if (o.rights) {
		rights_print(&rights, calls);
		return 0;
	}

	/* As root, if we are: what belongs to root. */
	rc = prepare_state(&o, &why);
	if (rc == 0 && !o.init)
		rc = rights_find_user(o.allow, &allowed, &unused, &why);
	if (rc == 0 && !o.init)
		rc = door_bind(o.socket, allowed, &fd, &why);

	/* From here on: the user, no capability, no way back. */
	if (rc == 0)
		rc = rights_drop(&rights, &why);

	if (rc == 0)
		rc = make_keys_if_none(&o, &why);
	if (rc == 0 && !o.init)
		rc = serve(&o, fd, allowed, &why);
	if (rc != 0) {
		log_error("%s", why.text);
		return 1;
	}
	return 0;
}
