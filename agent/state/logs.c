/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Logs and histories that were emptied, cut or removed.  Facts: "log PATH"
 * and "history PATH" with inode, size and, as a digest, which older ones
 * lie beside it: a rotation changes those.
 */
#include "agent/state/sources.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/state/look.h"
#include "common/base/digest.h"
#include "common/base/id.h"

#define LOGS "/var/log/wtmp", "/var/log/btmp", "/var/log/lastlog", \
	"/var/log/faillog", "/var/log/auth.log", "/var/log/secure", \
	"/var/log/syslog", "/var/log/messages", "/var/log/kern.log", \
	"/var/log/cron", "/var/log/cron.log", "/var/log/daemon.log", \
	"/var/log/user.log", "/var/log/dpkg.log", \
	"/var/log/audit/audit.log", "/var/log/apt/history.log", \
	"/var/log/mail.log", "/var/log/mail.err", "/var/log/maillog", \
	"/var/log/debug", "/var/log/boot.log", "/var/log/sudo.log", \
	"/var/log/alternatives.log", "/var/log/fail2ban.log", \
	"/var/log/ufw.log", "/var/log/firewalld", "/var/log/yum.log", \
	"/var/log/dnf.log", "/var/log/cloud-init.log"

static const char *const logs[] = {LOGS, NULL};

/* Of servers: names that end with "log", one folder deep; of journald the
 * files that are written now. */
static const char *const folders[] = {"/var/log/nginx", "/var/log/apache2",
    "/var/log/httpd", "/var/log/mysql", "/var/log/mariadb",
    "/var/log/postgresql", "/var/log/samba", "/var/log/squid",
    "/var/log/exim4", "/var/log/sssd", "/var/log/unattended-upgrades", NULL};

#define JOURNAL "/var/log/journal"

/* Without and with "*" in front, for homes and for events. */
#define HISTORIES(X) X "/.bash_history", X "/.zsh_history", X "/.history", \
	X "/.sh_history", X "/.ash_history", X "/.mysql_history", \
	X "/.psql_history", X "/.python_history"

static const char *const histories[] = {HISTORIES(""), NULL};

struct log_walk {
	const struct state_env *env;
	struct facts *out;
	struct digest *sum;
	const char *path; /* whose older ones are looked for */
};

/* -- reading ---------------------------- */

static int
older(void *arg, const char *path, const char *name)
{
	struct log_walk *w = arg;
	size_t n = strlen(w->path);

	(void)name;
	if (strncmp(path, w->path, n) == 0 && path[n] != '\0')
		digest_add(w->sum, path, strlen(path) + 1);
	return 0;
}

/* Names only do not tell x.1 from the x.1 of before: its inode does. */
static void
older_of(struct log_walk *w, const char *path, char hex[17])
{
	char dir[PATH_MAX], full[PATH_MAX], text[64];
	uint8_t sum[DIGEST_LEN];
	struct stat st;

	snprintf(dir, sizeof(dir), "%s", path);
	*strrchr(dir, '/') = '\0';
	digest_begin(w->sum);
	w->path = path;
	look_dir(w->env, dir, older, w);
	if (snprintf(full, sizeof(full), "%s%s.1", w->env->root, path) <
	    PATH_MAX && lstat(full, &st) == 0) {
		snprintf(text, sizeof(text), "%" PRIu64 " %" PRId64,
		    (uint64_t)st.st_ino, (int64_t)st.st_size);
		digest_add(w->sum, text, strlen(text));
	}
	digest_end(w->sum, sum);
	hex_encode(hex, sum, 8);
}

static int
add(struct log_walk *w, const char *class, const char *path, bool rotated)
{
	char full[PATH_MAX], key[PATH_MAX + 16], hex[17] = "none";
	struct stat st = {0};
	bool gone;

	snprintf(key, sizeof(key), "%s %s", class, path);
	if (look_path(w->env, path, full) != 0)
		return 0;
	gone = lstat(full, &st) != 0;
	/* In the middle of a rotation it is away for a moment. */
	if (gone && (w->env->was == NULL ||
	    facts_get(w->env->was, key) == NULL))
		return 0;
	if (rotated)
		older_of(w, path, hex);
	if (S_ISLNK(st.st_mode)) {
		char target[LOOK_FIELD_MAX], q[LOOK_FIELD_MAX];
		ssize_t n = readlink(full, target, sizeof(target) - 1);

		target[n > 0 ? n : 0] = '\0';
		return facts_addf(w->out, key, "link=%s\tolder=%s",
		    look_quote(q, sizeof(q), target), hex);
	}
	return facts_addf(w->out, key, "inode=%" PRIu64 "\tsize=%" PRId64
	    "\tolder=%s", (uint64_t)st.st_ino, (int64_t)st.st_size, hex);
}

static int
add_histories(void *arg, const char *user, const char *home)
{
	char path[PATH_MAX];
	size_t i;
	int r = 0;

	(void)user;
	for (i = 0; histories[i] != NULL && r == 0; i++)
		if (snprintf(path, sizeof(path), "%s%s", home,
		    histories[i]) < PATH_MAX)
			r = add(arg, "history", path, false);
	return r;
}

static bool
ends_with(const char *name, const char *end)
{
	size_t n = strlen(name), k = strlen(end);

	return n >= k && strcmp(name + n - k, end) == 0;
}

static int
add_server_log(void *arg, const char *path, const char *name)
{
	return ends_with(name, "log") ? add(arg, "log", path, true) : 0;
}

static int
add_journal(void *arg, const char *path, const char *name)
{
	return ends_with(name, ".journal") && strchr(name, '@') == NULL ?
	    add(arg, "log", path, false) : 0;
}

static int
add_journals(void *arg, const char *path, const char *name)
{
	struct log_walk *w = arg;

	(void)name;
	return look_dir(w->env, path, add_journal, w);
}

/* Of those that have no fixed name: what was there and is not any more. */
static int
add_gone(struct log_walk *w)
{
	const struct facts *was = w->env->was;
	size_t i, n = was == NULL ? 0 : facts_count(was);
	char full[PATH_MAX];
	const char *path;
	struct stat st;
	int r = 0;

	for (i = 0; i < n && r == 0; i++) {
		path = look_behind(facts_key(was, i), "log ");
		if (path == NULL || look_one_of(path, logs) ||
		    strncmp(facts_value(was, i), "inode=0\t", 8) == 0 ||
		    look_path(w->env, path, full) != 0 ||
		    lstat(full, &st) == 0)
			continue;
		r = add(w, "log", path, !ends_with(path, ".journal"));
	}
	return r;
}

static int
add_folders(struct log_walk *w)
{
	size_t i;
	int r = 0;

	for (i = 0; folders[i] != NULL && r == 0; i++)
		r = look_dir(w->env, folders[i], add_server_log, w);
	if (r == 0)
		r = look_dir(w->env, JOURNAL, add_journals, w);
	if (r == ERR_PERM || r == ERR_IO)
		r = 0;
	return r == 0 ? add_gone(w) : r;
}

static int
logs_read(const struct state_env *env, struct facts *out, struct why *why)
{
	struct log_walk w = {.env = env, .out = out, .sum = digest_new()};
	size_t i;
	int r = 0;

	if (w.sum == NULL)
		return why_set(why, ERR_NOMEM, "logs");
	for (i = 0; logs[i] != NULL && r == 0; i++)
		r = add(&w, "log", logs[i], true);
	if (r == 0)
		r = add_folders(&w);
	if (r == 0)
		r = look_homes(env, add_histories, &w);
	digest_free(&w.sum);
	return r == 0 ? 0 : why_set(why, r, "logs: %s", err_str(r));
}

/* -- telling ---------------------------- */

static bool
same_field(const struct fact_change *c, const char *name)
{
	char was[64], is[64];

	look_field(c->was, name, was, sizeof(was));
	look_field(c->is, name, is, sizeof(is));
	return strcmp(was, is) == 0;
}

static int64_t
size_of(const char *value)
{
	char text[32];

	return look_field(value, "size", text, sizeof(text)) ?
	    strtoll(text, NULL, 10) : -1;
}

/* What was done to it, in words; NULL: it grew, was rotated, is new. */
static const char *
done_to(const struct fact_change *c, bool history)
{
	char link[LOOK_FIELD_MAX];
	int64_t was = size_of(c->was), is = size_of(c->is);

	if (look_field(c->is, "link", link, sizeof(link)))
		return strcmp(link, "/dev/null") != 0 ? NULL :
		    "is thrown away from now on (a link to /dev/null)";
	if (c->how != FACT_CHANGED || was <= 0)
		return NULL;
	look_field(c->is, "inode", link, sizeof(link));
	if (!same_field(c, "older"))
		return NULL; /* rotated */
	if (is == 0)
		return strcmp(link, "0") == 0 ? "was removed" :
		    "was emptied";
	/* Shells write theirs anew, shorter; journald begins a new one. */
	if (history || ends_with(c->key, ".journal"))
		return NULL;
	if (is < was)
		return same_field(c, "inode") ? "was cut" :
		    "was put in place of a longer one";
	return NULL;
}

static bool
logs_tell(const struct fact_change *c, struct state_told *out)
{
	bool history = strncmp(c->key, "history ", 8) == 0;
	const char *path = strchr(c->key, ' '), *what;
	char q[256];

	if (path == NULL || c->how == FACT_FOUND ||
	    (!history && look_behind(c->key, "log ") == NULL))
		return false;
	path++;
	what = done_to(c, history);
	if (what == NULL)
		return false;
	told_init(out, history ? "logging.history" : "logging.emptied", path,
	    path);
	told_add(out, "%s %s", look_quote(q, sizeof(q), path), what);
	if (size_of(c->was) > 0)
		told_add(out, "%" PRId64 " bytes (were %" PRId64 ")",
		    size_of(c->is) < 0 ? 0 : size_of(c->is),
		    size_of(c->was));
	return true;
}

static const char *const paths[] = {LOGS, HISTORIES("*"),
    "/var/log/*/*log", JOURNAL, JOURNAL "/*.journal", NULL};

const struct state_source state_logs = {"logs", paths, 30, logs_read,
    logs_tell, false};
