/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The table of agent.conf.  Runs in the parent as root; the file is the
 * administrator's, and every slip in it is named with file, line and key.
 */
#include "agent/parent/settings.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "agent/links/features.h"
#include "agent/links/ipc.h"
#include "common/base/file.h"
#include "common/base/id.h"

#define PATH_LONGEST 256 /* the control socket's path must fit sun_path */
#define RUN_DIR_LONGEST 90
#define LISTS_LONGEST (48 * 1024) /* they go to the sensors in one message */

/* Where an attacker leaves something that starts again, or gets in. */
static const char *const watch_standard[] = {
	"/etc",
	"/usr/bin",
	"/usr/sbin",
	"/usr/lib/systemd",
	"/usr/local/bin",
	"/usr/local/sbin",
	"/boot",
	"/root/.ssh",
	"/var/spool/cron",
};

static int
check_path(const char *value, struct why *why)
{
	if (value[0] != '/')
		return why_set(why, ERR_RANGE, "write an absolute path");
	if (strlen(value) >= PATH_LONGEST)
		return why_set(why, ERR_RANGE, "the path is longer than %d "
		    "bytes", PATH_LONGEST - 1);
	return 0;
}

/* A folder of ours: not the root itself, and with no way back in it. */
static int
check_own_dir(const char *value, struct why *why)
{
	int err = check_path(value, why);

	if (err != 0)
		return err;
	if (value[strspn(value, "/")] == '\0' || strstr(value, "/..") != NULL)
		return why_set(why, ERR_RANGE, "write the path of a folder "
		    "for the agent alone, without \"..\"");
	return 0;
}

/* A tree of documents or backups: not the whole of a file system. */
static int
check_data_path(const char *value, struct why *why)
{
	int err = check_path(value, why);

	if (err != 0)
		return err;
	if (value[strspn(value, "/")] == '\0' || strstr(value, "/..") != NULL)
		return why_set(why, ERR_RANGE, "write the path of a folder "
		    "below /, without \"..\"");
	return 0;
}

static int
check_run_dir(const char *value, struct why *why)
{
	if (strlen(value) > RUN_DIR_LONGEST)
		return why_set(why, ERR_RANGE, "the path is longer than %d "
		    "bytes; the control socket would not fit",
		    RUN_DIR_LONGEST);
	return check_own_dir(value, why);
}

static int
check_ignore(const char *value, struct why *why)
{
	if (value[0] == '*' && value[1] == '.' && value[2] != '\0' &&
	    strchr(value, '/') == NULL && strchr(value + 1, '*') == NULL)
		return 0;
	if (value[0] != '/' || strchr(value, '*') != NULL)
		return why_set(why, ERR_RANGE,
		    "write the beginning of a path, or *.suffix");
	return check_path(value, why);
}

static int
check_user(const char *value, struct why *why)
{
	if (strspn(value, "0123456789") == strlen(value)) {
		if (strlen(value) > 9 || strspn(value, "0") == strlen(value))
			return why_set(why, ERR_RANGE, "write the name of a "
			    "user, or a number that is not 0");
		return 0;
	}
	if (!name_valid(value) || value[0] == '-')
		return why_set(why, ERR_RANGE, "not the name of a user");
	if (strcmp(value, "root") == 0)
		return why_set(why, ERR_RANGE, "not root; that process must "
		    "have a user of its own");
	return 0;
}

static int
check_path_or_none(const char *value, struct why *why)
{
	return strcmp(value, "none") == 0 ? 0 : check_path(value, why);
}

static int
check_level(const char *value, struct why *why)
{
	enum log_level level;

	if (log_level_parse(value, &level) != 0)
		return why_set(why, ERR_RANGE,
		    "write error, warn, info or debug");
	return 0;
}

static int
check_feature(const char *value, struct why *why)
{
	size_t i;

	for (i = 0; agent_features[i] != NULL; i++)
		if (strcmp(agent_features[i], value) == 0)
			return 0;
	return why_set(why, ERR_RANGE, "no such feature; agent.conf(5) lists "
	    "them, for example device-prefix");
}

static int
check_guard(const char *value, struct why *why)
{
	if (strcmp(value, "auto") != 0 && strcmp(value, "off") != 0)
		return why_set(why, ERR_RANGE, "write auto or off");
	return 0;
}

/* The names are the sensors'; they tell in the log if there is none. */
static int
check_source(const char *value, struct why *why)
{
	if (value[0] == '\0' || strlen(value) > 32 ||
	    value[strspn(value, "abcdefghijklmnopqrstuvwxyz-")] != '\0')
		return why_set(why, ERR_RANGE, "write the name of a source, "
		    "for example accounts, or all");
	return 0;
}

#define AT(field) offsetof(struct settings, field)
#define DAY 86400

static const struct conf_key table[] = {
	{"agent", "state_dir", CONF_STRING, AT(state_dir), AGENT_STATE_DIR, 0,
	    0, true, check_own_dir},
	{"agent", "run_dir", CONF_STRING, AT(run_dir), AGENT_RUN_DIR, 0, 0,
	    true, check_run_dir},
	{"agent", "log_level", CONF_STRING, AT(log_level_text), "info", 0, 0,
	    true, check_level},
	{"agent", "network_user", CONF_STRING, AT(network_user),
	    AGENT_USER_NETWORK, 0, 0, true, check_user},
	{"agent", "enforcer_user", CONF_STRING, AT(enforcer_user),
	    AGENT_USER_ENFORCER, 0, 0, true, check_user},
	{"agent", "sensors_user", CONF_STRING, AT(sensors_user),
	    AGENT_USER_SENSORS, 0, 0, true, check_user},
	{"agent", "guard_user", CONF_STRING, AT(guard_user),
	    AGENT_USER_GUARD, 0, 0, true, check_user},
	{"agent", "notice", CONF_BOOL, AT(notice), "yes", 0, 0, true, NULL},
	{"enforcer", "never_isolate", CONF_BOOL, AT(never_isolate), "no", 0,
	    0, true, NULL},
	{"enforcer", "prove_every", CONF_SPAN, AT(prove_every), "1m", 5, DAY,
	    true, NULL},
	{"enforcer", "without", CONF_LIST, AT(without), NULL, 0, 0, false,
	    check_feature},
	{"enforcer", "guard", CONF_STRING, AT(guard_text), "auto", 0, 0, true,
	    check_guard},
	{"files", "watch", CONF_LIST, AT(watch), NULL, 0, 0, false,
	    check_path},
	{"files", "ignore", CONF_LIST, AT(ignore), NULL, 0, 0, false,
	    check_ignore},
	{"files", "rescan_every", CONF_SPAN, AT(rescan_every), "15m", 10,
	    7 * DAY, true, NULL},
	{"files", "scan_threads", CONF_INT, AT(scan_threads), "2", 1, 16,
	    true, NULL},
	{"files", "cpu_percent", CONF_INT, AT(cpu_percent), "20", 1, 100,
	    true, NULL},
	{"files", "package_database", CONF_STRING, AT(package_database),
	    "/var/lib/dpkg", 0, 0, true, check_path_or_none},
	{"files", "rpm_database", CONF_STRING, AT(rpm_database),
	    "/var/lib/rpm", 0, 0, true, check_path_or_none},
	{"files", "package_lists", CONF_STRING, AT(package_lists),
	    AGENT_STATE_DIR "/packages", 0, 0, true, check_path_or_none},
	{"files", "package_wait", CONF_SPAN, AT(package_wait), "10m", 10,
	    3600, true, NULL},
	{"processes", "processes", CONF_BOOL, AT(processes), "yes", 0, 0,
	    true, NULL},
	{"processes", "exec_allow", CONF_LIST, AT(exec_allow), NULL, 0, 0,
	    false, check_path},
	{"processes", "shell_allow", CONF_LIST, AT(shell_allow), NULL, 0, 0,
	    false, check_path},
	{"data", "tree", CONF_LIST, AT(data_tree), NULL, 0, 0, false,
	    check_data_path},
	{"data", "canaries", CONF_BOOL, AT(canaries), "yes", 0, 0, true, NULL},
	{"data", "canary_folders", CONF_INT, AT(canary_folders), "8", 0, 100,
	    true, NULL},
	{"data", "backup", CONF_LIST, AT(backup), NULL, 0, 0, false,
	    check_data_path},
	{"data", "backup_age", CONF_SPAN, AT(backup_age), "26h", 60,
	    400 * DAY, true, NULL},
	{"data", "backup_drop", CONF_INT, AT(backup_drop), "30", 1, 100,
	    true, NULL},
	{"state", "leave_out", CONF_LIST, AT(leave_out), NULL, 0, 0, false,
	    check_source},
	{"spool", "fold_after", CONF_INT, AT(fold_after), "300", 0, 100000,
	    true, NULL},
	{"spool", "max_size", CONF_SIZE, AT(spool_max), "256M", 1 << 20,
	    INT64_C(64) << 30, true, NULL},
	{NULL, NULL, CONF_STRING, 0, NULL, 0, 0, false, NULL},
};

/* A list in the file replaces these. */
static int
watch_standards(struct settings *s, struct why *why)
{
	size_t n = sizeof(watch_standard) / sizeof(watch_standard[0]), i;

	if (s->watch.n > 0)
		return 0;
	s->watch.item = calloc(n, sizeof(*s->watch.item));
	if (s->watch.item == NULL)
		return why_set(why, ERR_NOMEM, "out of memory");
	for (i = 0; i < n; i++) {
		s->watch.item[i] = strdup(watch_standard[i]);
		if (s->watch.item[i] == NULL)
			return why_set(why, ERR_NOMEM, "out of memory");
		s->watch.n++;
	}
	return 0;
}

static size_t
list_bytes(const struct conf_list *l)
{
	size_t i, sum = 0;

	for (i = 0; i < l->n; i++)
		sum += strlen(l->item[i]);
	return sum;
}

/* What no single key shows. */
static int
check_together(const struct settings *s, const char *path, struct why *why)
{
	const char *const users[] = {s->network_user, s->enforcer_user,
	    s->sensors_user, s->guard_user};
	size_t i, k;

	if (list_bytes(&s->watch) + list_bytes(&s->ignore) +
	    list_bytes(&s->exec_allow) + list_bytes(&s->shell_allow) +
	    list_bytes(&s->data_tree) + list_bytes(&s->backup) >
	    LISTS_LONGEST)
		return why_set(why, ERR_CONFIG, "%s: the lists of [files], "
		    "[processes] and [data] are longer than %d bytes "
		    "together; name folders above them instead", path,
		    LISTS_LONGEST);
	for (i = 0; i < 4; i++)
		for (k = i + 1; k < 4; k++)
			if (strcmp(users[i], users[k]) == 0)
				return why_set(why, ERR_CONFIG, "%s: [agent] "
				    "network_user, enforcer_user, "
				    "sensors_user and guard_user must be four "
				    "users: a process may not touch what is "
				    "another one's", path);
	if (strcmp(s->state_dir, s->run_dir) == 0)
		return why_set(why, ERR_CONFIG, "%s: [agent] state_dir and "
		    "run_dir must be two folders", path);
	return 0;
}

int
settings_load(const char *path, struct settings *out, struct why *why)
{
	struct settings s = {0};
	int err;

	if (strcmp(path, AGENT_CONF) == 0 && !file_exists(path))
		err = conf_defaults(table, &s, why);
	else
		err = conf_load(path, table, &s, NULL, why);
	if (err != 0)
		return err;
	err = watch_standards(&s, why);
	if (err == 0)
		err = check_together(&s, path, why);
	if (err == 0)
		err = log_level_parse(s.log_level_text, &s.log_level);
	if (err == 0)
		s.guard = strcmp(s.guard_text, "off") != 0;
	if (err != 0) {
		settings_free(&s);
		return err;
	}
	*out = s;
	return 0;
}

void
settings_free(struct settings *s)
{
	conf_free(table, s);
}

int
settings_value(const struct settings *s, const char *key, struct buf *out)
{
	const struct conf_key *k;
	const struct conf_list *list;
	const char *at;
	size_t i;
	int err = 0;

	for (k = table; k->section != NULL; k++)
		if (strcmp(k->key, key) == 0)
			break;
	at = (const char *)s + k->offset;
	if (k->section == NULL)
		return ERR_NOENT;
	switch (k->type) {
	case CONF_STRING:
		return buf_printf(out, "%s\n", *(char *const *)at);
	case CONF_BOOL:
		return buf_add_str(out, *(const bool *)at ? "yes\n" : "no\n");
	case CONF_INT:
		return buf_printf(out, "%lld\n",
		    (long long)*(const int64_t *)at);
	case CONF_LIST:
		list = (const struct conf_list *)at;
		for (i = 0; err == 0 && i < list->n; i++)
			err = buf_printf(out, "%s\n", list->item[i]);
		return err == 0 && i == 0 ? buf_add_str(out, "-\n") : err;
	default:
		return ERR_NOENT;
	}
}
