/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Settings and Signal as protobuf.  Runs in the parent. */
#include "agent/parent/message.h"

#include <limits.h>
#include <string.h>

#include "agent/links/ipc.pb-c.h"
#include "common/base/clock.h"
#include "common/base/file.h"
#include "common/base/id.h"
#include "common/base/kinds.h"
#include "common/proc/rights.h"
#include "common/wire/pack.h"

/* "none" is an empty text for a child. */
static char *
path_or_none(char *value)
{
	return strcmp(value, "none") == 0 ? value + strlen(value) : value;
}

static void
for_sensors(Cordon__Settings *m, const struct settings *s)
{
	m->watch = s->watch.item;
	m->n_watch = s->watch.n;
	m->ignore = s->ignore.item;
	m->n_ignore = s->ignore.n;
	m->rescan_seconds = (uint32_t)s->rescan_every;
	m->scan_threads = (uint32_t)s->scan_threads;
	m->cpu_percent = (uint32_t)s->cpu_percent;
	m->package_database = path_or_none(s->package_database);
	m->rpm_database = path_or_none(s->rpm_database);
	m->package_lists = path_or_none(s->package_lists);
	m->package_wait = (uint32_t)s->package_wait;
	m->processes = s->processes;
	m->exec_allow = s->exec_allow.item;
	m->n_exec_allow = s->exec_allow.n;
	m->shell_allow = s->shell_allow.item;
	m->n_shell_allow = s->shell_allow.n;
	m->data_tree = s->data_tree.item;
	m->n_data_tree = s->data_tree.n;
	m->backup = s->backup.item;
	m->n_backup = s->backup.n;
	m->backup_age_s = (uint32_t)s->backup_age;
	m->backup_drop = (uint32_t)s->backup_drop;
	m->fold_after = (uint32_t)s->fold_after;
	m->state_without = s->leave_out.item;
	m->n_state_without = s->leave_out.n;
}

int
message_settings(const struct message_facts *f, enum ipc_peer to,
    const char *name, struct buf *out, struct why *why)
{
	Cordon__Settings m = CORDON__SETTINGS__INIT;
	const struct settings *s = f->settings;
	const Cordon__Enrolled *id = f->identity;
	char dir[PATH_MAX], canaries[PATH_MAX];
	uid_t uid;
	gid_t gid;
	int err;

	err = rights_find_user(s->network_user, &uid, &gid, why);
	if (err != 0)
		return err;
	if (file_join(dir, sizeof(dir), s->state_dir, name) != 0)
		return why_set(why, ERR_LIMIT, "state folder: path too long");
	if (file_join(canaries, sizeof(canaries), s->state_dir,
	    AGENT_CANARY_LIST) != 0)
		return why_set(why, ERR_LIMIT, "state folder: path too long");
	m.state_dir = dir;
	m.host_id = id->host_id;
	m.order_key = id->order_key;
	m.host_group = id->group;
	m.network_user = s->network_user;
	m.network_uid = uid;
	m.log_level = (uint32_t)s->log_level;
	m.own_dir = (char *)(uintptr_t)f->libexec;
	m.conf_path = (char *)(uintptr_t)f->conf_path;
	m.collectors = id->collectors;
	m.n_collectors = id->n_collectors;
	if (to == IPC_PEER_SENSORS) {
		for_sensors(&m, s);
		m.canary_list = canaries;
	}
	if (to == IPC_PEER_ENFORCER)
		m.guard = f->guard;
	if (to == IPC_PEER_NETWORK)
		m.spool_max = (uint64_t)s->spool_max;
	if (to == IPC_PEER_ENFORCER) {
		m.without = s->without.item;
		m.n_without = s->without.n;
	}
	m.never_isolate = s->never_isolate;
	m.prove_seconds = (uint32_t)s->prove_every;
	if (pack(&m.base, out) != 0)
		return why_set(why, ERR_LIMIT, "settings for %s do not fit "
		    "into one message", name);
	return 0;
}

int
message_signal(const char *kind, const char *object, const char *text,
    struct buf *out)
{
	const struct signal_kind *k = signal_kind_find(kind);
	Cordon__Signal m = CORDON__SIGNAL__INIT;
	char cause[ID_MAX];

	if (k == NULL)
		return ERR_NOENT;
	id_new(cause, "CA", 12);
	m.time_ms = clock_wall_ms();
	m.boot_ms = (uint64_t)clock_boot_ms();
	m.kind = (char *)(uintptr_t)kind;
	m.severity = k->severity;
	m.object = (char *)(uintptr_t)object;
	m.text = (char *)(uintptr_t)text;
	m.cause_id = cause;
	return pack(&m.base, out);
}
