/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * agent.conf: the one table of its keys.  Read in the parent, as root,
 * before anything is started; the other processes get what they need of it
 * by IPC_SETTINGS.
 */
#ifndef CORDON_PARENT_SETTINGS_H
#define CORDON_PARENT_SETTINGS_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/buf.h"
#include "common/base/err.h"
#include "common/base/log.h"
#include "common/conf/conf.h"

struct settings {
	char *state_dir, *run_dir;
	char *log_level_text;
	enum log_level log_level; /* of the text above */
	char *network_user, *enforcer_user, *sensors_user, *guard_user;
	bool notice; /* people at this machine are told of changes */
	bool never_isolate;
	int64_t prove_every; /* seconds */
	struct conf_list without;
	char *guard_text;
	bool guard; /* of the text above: not "off" */
	struct conf_list watch, ignore;
	int64_t rescan_every; /* seconds */
	int64_t scan_threads;
	int64_t cpu_percent;
	char *package_database, *package_lists; /* paths, or "none" */
	char *rpm_database; /* the same */
	int64_t package_wait; /* seconds */
	bool processes; /* the process sensor */
	struct conf_list exec_allow, shell_allow;
	struct conf_list data_tree, backup; /* folders */
	bool canaries; /* made in the data trees */
	int64_t canary_folders; /* of a tree that get some, besides its top */
	int64_t backup_age;	/* seconds */
	int64_t backup_drop;	/* percent */
	struct conf_list leave_out; /* sources of facts */
	int64_t spool_max; /* bytes */
	int64_t fold_after; /* signals of one cause a minute */
};

/*
 * Defaults, then PATH, all of it checked.  A missing PATH is an error, but
 * for AGENT_CONF itself: without it the defaults hold.
 */
int settings_load(const char *path, struct settings *s, struct why *why);
void settings_free(struct settings *s);

/*
 * The value of KEY for a script, as the tool asks for it: "state_dir",
 * "package_lists", "canaries", "tree"; a line each of a list, "-" for an
 * empty one.  ERR_NOENT for a key that is none, or of another type.
 */
int settings_value(const struct settings *s, const char *key,
    struct buf *out);

#endif
