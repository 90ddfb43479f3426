/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What is logged and audited: rsyslog, syslog-ng, journald, auditd.  Facts:
 * "log FILE<tab>LINE", so that a line that is gone is seen as well.
 */
#include "agent/state/sources.h"

#include <stdio.h>
#include <string.h>

#include "agent/state/look.h"

static const char *const files[] = {"/etc/rsyslog.conf", "/etc/syslog.conf",
    "/etc/syslog-ng/syslog-ng.conf", "/etc/systemd/journald.conf",
    "/etc/audit/auditd.conf", "/etc/audit/audit.rules",
    "/etc/audit/plugins.d/syslog.conf", NULL};
static const char *const folders[] = {"/etc/rsyslog.d",
    "/etc/syslog-ng/conf.d", "/etc/systemd/journald.conf.d",
    "/run/systemd/journald.conf.d", "/etc/audit/rules.d",
    "/etc/audit/plugins.d", NULL};

struct logging_walk {
	const struct state_env *env;
	struct facts *out;
	const char *file;
};

static int
logging_line(void *arg, char *line)
{
	const struct logging_walk *w = arg;
	char key[FACT_KEY_MAX], q[LOOK_FIELD_MAX];

	line = look_squeeze(line);
	if (line[0] == '\0' || line[0] == '#')
		return 0;
	snprintf(key, sizeof(key), "log %s\t%s", w->file,
	    look_quote(q, sizeof(q), line));
	return facts_add(w->out, key, "");
}

static int
logging_file(void *arg, const char *path, const char *name)
{
	struct logging_walk *w = arg;
	char prefix[PATH_MAX + 8];
	int r;

	(void)name;
	w->file = path;
	r = look_file(w->env, path, true, logging_line, w);
	snprintf(prefix, sizeof(prefix), "log %s\t", path);
	return look_missed(w->out, r, prefix);
}

static int
logging_read(const struct state_env *env, struct facts *out, struct why *why)
{
	struct logging_walk w = {.env = env, .out = out};
	size_t i;
	int r = 0;

	for (i = 0; files[i] != NULL && r == 0; i++)
		r = logging_file(&w, files[i], "");
	for (i = 0; folders[i] != NULL && r == 0; i++)
		r = look_dir(env, folders[i], logging_file, &w);
	return r == 0 ? 0 : why_set(why, r, "logging: %s", err_str(r));
}

/* -- telling ---------------------------- */

/* A new line that takes something out of the log. */
static const char *
takes_away(const char *path, const char *line)
{
	static const struct {
		const char *file, *words, *why;
	} rows[] = {
		{"/etc/audit", "-e 0", "audit is off"},
		{"/etc/audit", "never", "something is no longer audited"},
		{"/etc/audit", "exclude", "something is no longer audited"},
		{"/etc/audit", "local_events = no", "nothing is audited"},
		{"/etc/audit", "write_logs = no", "nothing is written down"},
		{"/etc/audit", "log_file = /dev/", "nothing is written down"},
		{"/etc/audit", "-D", "all rules are dropped there"},
		{"journald", "Storage=none", "the journal keeps nothing"},
		{"journald", "Storage=volatile", "the journal is lost with "
		    "the next boot"},
		{"journald", "Audit=no", "the journal takes no audit"},
		{"journald", "MaxLevelStore=emerg", "the journal keeps next "
		    "to nothing"},
		{"journald", "MaxLevelStore=0", "the journal keeps next to "
		    "nothing"},
		{"journald", "ForwardToSyslog=no", "syslog gets nothing"},
		{"journald", "RateLimitBurst=1", "the journal drops lines"},
		{"journald", "SystemMaxUse=1", "the journal is kept short"},
		{"journald", "MaxRetentionSec=1", "the journal is kept "
		    "short"},
		{"syslog", " stop", "lines are thrown away"},
		{"syslog", " ~", "lines are thrown away"},
		{"syslog", "/dev/null", "lines are thrown away"},
	};
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (strstr(path, rows[i].file) != NULL &&
		    strstr(line, rows[i].words) != NULL)
			return rows[i].why;
	return NULL;
}

static bool
logging_tell(const struct fact_change *c, struct state_told *out)
{
	const char *line = strchr(c->key, '\t'), *why;
	char path[PATH_MAX];

	if (line == NULL || look_behind(c->key, "log ") == NULL ||
	    c->how == FACT_FOUND || c->how == FACT_CHANGED)
		return false;
	snprintf(path, sizeof(path), "%.*s", (int)(line - c->key - 4),
	    c->key + 4);
	line++;
	told_init(out, "logging.changed", path, path);
	told_add(out, "%s \"%.300s\"", c->how == FACT_REMOVED ?
	    "no longer" : "new line", line);
	why = c->how == FACT_ADDED ? takes_away(path, line) : NULL;
	if (why != NULL)
		told_add(out, "%s", why);
	/* A rule less; a setting less is what it was before it was set. */
	if (why != NULL || (c->how == FACT_REMOVED &&
	    strstr(path, "journald") == NULL &&
	    strstr(path, "auditd.conf") == NULL))
		told_raise(out, "logging.weakened",
		    CORDON__SEVERITY__SEVERITY_NONE);
	return true;
}

static const char *const paths[] = {"/etc/rsyslog*", "/etc/syslog*",
    "/etc/systemd/journald.conf*", "/run/systemd/journald.conf.d/*",
    "/etc/audit/*", NULL};

const struct state_source state_logging = {"logging", paths, 60,
    logging_read, logging_tell, true};
