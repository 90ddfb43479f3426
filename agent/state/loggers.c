/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Programs that write logs or guard the host: are those that ran still
 * there?  Asked by the control group of their unit, else by their pid file:
 * two small reads each, no walk.  One look may fall into a restart, so only
 * the second in a row counts.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/state/loggers.h"
#include "agent/state/peek.h"

#define SEVERITY(x) CORDON__SEVERITY__SEVERITY_##x
#define EVERY_S 15

static const struct {
	const char *name; /* of the process, as /proc/PID/comm has it */
	const char *unit, *pid_file;
} rows[] = {
	{"systemd-journal", "systemd-journald.service", ""},
	{"rsyslogd", "rsyslog.service", "/run/rsyslogd.pid"},
	{"syslog-ng", "syslog-ng.service", "/run/syslog-ng.pid"},
	{"syslogd", "syslogd.service", "/run/syslogd.pid"},
	{"auditd", "auditd.service", "/run/auditd.pid"},
	{"laurel", "laurel.service", ""},
	{"filebeat", "filebeat.service", ""},
	{"fluent-bit", "fluent-bit.service", ""},
	{"fluentd", "fluentd.service", ""},
	{"vector", "vector.service", ""},
	{"promtail", "promtail.service", ""},
	{"falco", "falco.service", ""},
	{"wazuh-agentd", "wazuh-agent.service", ""},
	{"osqueryd", "osqueryd.service", "/run/osqueryd.pidfile"},
	{"clamd", "clamav-daemon.service", "/run/clamav/clamd.pid"},
	{"chronyd", "chrony.service", "/run/chrony/chronyd.pid"},
	{"ntpd", "ntpsec.service", "/run/ntpd.pid"},
	{"systemd-timesyn", "systemd-timesyncd.service", ""},
	{"fail2ban-server", "fail2ban.service", "/run/fail2ban/fail2ban.pid"},
	{"firewalld", "firewalld.service", "/run/firewalld.pid"},
	{"crowdsec", "crowdsec.service", ""},
	{"ossec-syscheckd", "ossec.service", ""},
	{"falcon-sensor", "falcon-sensor.service", ""},
	{"wdavdaemon", "mdatp.service", ""},
	{"sysmon", "sysmon.service", ""},
	{"samhain", "samhain.service", "/run/samhain/samhain.pid"},
	{"Suricata-Main", "suricata.service", "/run/suricata.pid"},
	{"snort", "snort.service", ""},
	{"auditbeat", "auditbeat.service", ""},
	{"tetragon", "tetragon.service", ""},
};
#define NROWS (sizeof(rows) / sizeof(rows[0]))

static long
first_pid(const struct state_env *env, size_t row)
{
	static const char *const groups[] = {"", "/systemd", "/unified"};
	char path[512], text[64];
	size_t i;
	long pid;

	for (i = 0; i < sizeof(groups) / sizeof(groups[0]); i++) {
		snprintf(path, sizeof(path), "/sys/fs/cgroup%s/system.slice/"
		    "%s/cgroup.procs", groups[i], rows[row].unit);
		if (peek(env, path, text, sizeof(text)) > 0 &&
		    (pid = strtol(text, NULL, 10)) > 0)
			return pid;
	}
	if (rows[row].pid_file[0] != '\0' &&
	    peek(env, rows[row].pid_file, text, sizeof(text)) > 0)
		return strtol(text, NULL, 10);
	return 0;
}

/* "running", "frozen" (SIGSTOP, a tracer, the freezer) or NULL. */
static const char *
state_of(const struct state_env *env, size_t row)
{
	char path[64], text[512];
	const char *at;
	long pid = first_pid(env, row);

	if (pid <= 0)
		return NULL;
	snprintf(path, sizeof(path), "/proc/%ld/stat", pid);
	if (peek(env, path, text, sizeof(text)) <= 0)
		return NULL;
	at = strchr(text, '(');
	/* A pid file may be stale, and its number another's. */
	if (at == NULL || strncmp(at + 1, rows[row].name,
	    strlen(rows[row].name)) != 0)
		return NULL;
	at = strrchr(text, ')');
	if (at == NULL || at[1] != ' ' || at[2] == 'Z' || at[2] == 'X')
		return NULL;
	return at[2] == 'T' || at[2] == 't' ? "frozen" : "running";
}

static int
loggers_read(const struct state_env *env, struct facts *out, struct why *why)
{
	const char *was, *is;
	size_t i;
	int r = 0;

	for (i = 0; i < NROWS && r == 0; i++) {
		was = env->was == NULL ? NULL : facts_get(env->was,
		    rows[i].name);
		is = state_of(env, i);
		if (is == NULL && was == NULL)
			continue; /* not used on this host */
		if (is == NULL)
			is = strcmp(was, "missing") == 0 ||
			    strcmp(was, "stopped") == 0 ? "stopped" :
			    "missing";
		r = facts_add(out, rows[i].name, is);
	}
	return r == 0 ? 0 : why_set(why, r, "loggers");
}

static bool
loggers_tell(const struct fact_change *c, struct state_told *out)
{
	if (c->how != FACT_CHANGED || strcmp(c->is, "missing") == 0)
		return false;
	if (strcmp(c->is, "running") != 0)
		return peek_tell(out, "logging.stopped", SEVERITY(NONE), c->key,
		    strcmp(c->is, "frozen") == 0 ? "%s is frozen: it runs no "
		    "more, but is there" : "%s runs no more", c->key);
	return strcmp(c->was, "missing") != 0 &&
	    peek_tell(out, "logging.stopped", SEVERITY(INFO), c->key,
	    "%s runs again (was %s)", c->key, c->was);
}

const struct state_source loggers_source = {
	.name = "loggers",
	.every_s = EVERY_S,
	.read = loggers_read,
	.tell = loggers_tell,
};
