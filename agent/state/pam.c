/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * PAM: which modules decide who gets in, pam.d(5).  A fact is the stack of
 * one service and type, in order, because the order decides.
 */
#include "agent/state/sources.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/state/look.h"

#define PAM_D "/etc/pam.d"
#define PAM_CONF "/etc/pam.conf"
#define LINES_MAX 64 /* of one stack, for comparing */

/* Modules of Linux-PAM and of the usual packages beside it. */
static const char *const known[] = {"access", "cap", "cracklib", "debug",
    "deny", "duo", "echo", "ecryptfs", "env", "exec", "fail_delay",
    "faildelay", "faillock", "filter", "fprintd", "ftp", "gnome_keyring",
    "google_authenticator", "group", "issue", "keyinit", "krb5", "kwallet5",
    "lastlog", "lastlog2", "ldap", "limits", "listfile", "localuser",
    "loginuid", "mail", "mkhomedir", "motd", "mount", "namespace",
    "nologin", "oddjob_mkhomedir", "permit", "pkcs11", "pwhistory",
    "pwquality", "passwdqc", "rhosts", "rootok", "securetty", "selinux",
    "sepermit", "setquota", "shells", "sss", "stress", "succeed_if",
    "systemd", "systemd_home", "tally", "tally2", "time", "timestamp",
    "tmpdir", "tty_audit", "u2f", "umask", "unix", "userdb", "usertype",
    "warn", "wheel", "winbind", "xauth", "ck_connector", "canonicalize_user",
    "ssh_agent_auth", "script", "python", "lxc", "cgfs", "apparmor",
    "radius", "yubico", "tcb", "postgresok", "reauthorize", NULL};

/* -- reading ---------------------------- */

struct pam_walk {
	const struct state_env *env;
	struct facts *out;
	const char *file, *service;
	struct buf stack[4];
	bool with_service; /* pam.conf: the first word names it */
};

static const char *const types[] = {"auth", "account", "password",
    "session"};

/* LINE ("type control module arguments") into the stack of its type. */
static int
pam_line(void *arg, char *line)
{
	struct pam_walk *w = arg;
	char *at, q[LOOK_FIELD_MAX], key[LOOK_FIELD_MAX * 2], *service;
	size_t i;

	line[strcspn(line, "#")] = '\0';
	at = look_squeeze(line);
	if (*at == '-')
		at++; /* only: no word in the log if it is missing */
	if (w->with_service && at[0] != '\0') {
		service = strsep(&at, " ");
		if (at == NULL)
			return 0;
		snprintf(key, sizeof(key), "pam %s %s %.8s", w->file, service,
		    at);
		key[strcspn(key, "\t")] = '\0';
		return facts_add(w->out, key, look_quote(q, sizeof(q), at));
	}
	look_quote(q, sizeof(q), at);
	if (at[0] == '@') { /* "@include file": of all types */
		snprintf(key, sizeof(key), "pam %s include", w->file);
		return facts_add(w->out, key, q);
	}
	for (i = 0; i < 4; i++)
		if (strncasecmp(at, types[i], strlen(types[i])) == 0 &&
		    at[strlen(types[i])] == ' ')
			return buf_printf(&w->stack[i], "%s%s",
			    w->stack[i].len > 0 ? "\t" : "",
			    look_quote(q, sizeof(q), at + strlen(types[i]) +
				1));
	return 0;
}

static int
pam_file(void *arg, const char *path, const char *name)
{
	struct pam_walk *w = arg;
	char key[PATH_MAX + 16];
	size_t i;
	int r;

	(void)name;
	w->file = path;
	for (i = 0; i < 4; i++)
		buf_init(&w->stack[i], 64 * 1024);
	r = look_file(w->env, path, true, pam_line, w);
	snprintf(key, sizeof(key), "pam %s ", path);
	r = look_missed(w->out, r, key);
	for (i = 0; i < 4; i++) {
		if (r == 0 && w->stack[i].len > 0) {
			snprintf(key, sizeof(key), "pam %s %s", path,
			    types[i]);
			r = buf_str(&w->stack[i]) == NULL ? ERR_NOMEM :
			    facts_add(w->out, key, buf_str(&w->stack[i]));
		}
		buf_done(&w->stack[i]);
	}
	return r;
}

static int
pam_read(const struct state_env *env, struct facts *out, struct why *why)
{
	struct pam_walk w = {.env = env, .out = out};
	int r;

	r = look_dir(env, PAM_D, pam_file, &w);
	r = look_missed(out, r, "pam " PAM_D);
	w.with_service = true;
	if (r == 0)
		r = pam_file(&w, PAM_CONF, "");
	return r == 0 ? 0 : why_set(why, r, PAM_D ": %s", err_str(r));
}

/* -- telling ---------------------------- */

/* The module's name without "pam_" and ".so"; PATH if it has folders. */
static void
module_of(const char *line, char *name, size_t size, bool *path)
{
	const char *at = line;

	if (*at == '[')
		at += strcspn(at, "]");
	at += strcspn(at, " ");
	at += strspn(at, " ");
	snprintf(name, size, "%.*s", (int)strcspn(at, " "), at);
	*path = strchr(name, '/') != NULL;
	if (*path)
		return;
	if (strncmp(name, "pam_", 4) == 0)
		memmove(name, name + 4, strlen(name + 4) + 1);
	if (strlen(name) > 3 && strcmp(name + strlen(name) - 3, ".so") == 0)
		name[strlen(name) - 3] = '\0';
}

/* Why LINE of a stack of TYPE is dangerous; NULL: it is not. */
static const char *
danger(const char *type, const char *line, Cordon__Severity *severity)
{
	bool path, decides = strncmp(line, "sufficient", 10) == 0 ||
	    strstr(line, "=done") != NULL || strstr(line, "=die") != NULL;
	char name[LOOK_FIELD_MAX];

	*severity = CORDON__SEVERITY__SEVERITY_CRITICAL;
	module_of(line, name, sizeof(name), &path);
	if (!path && (strncmp(line, "include ", 8) == 0 ||
	    strncmp(line, "substack ", 9) == 0))
		return NULL; /* names a file of this folder, no module */
	if (strcmp(name, "permit") == 0 && decides &&
	    strcmp(type, "session") != 0)
		return "it lets everybody in";
	*severity = CORDON__SEVERITY__SEVERITY_HIGH;
	if (strcmp(name, "exec") == 0)
		return "it runs a program at each login";
	if (strcmp(name, "script") == 0 || strcmp(name, "python") == 0)
		return "it runs a script at each login";
	if (path)
		return "its module does not lie where PAM's do";
	if (strcmp(type, "include") != 0 && !look_one_of(name, known))
		return "its module is not one of the known ones";
	if (strstr(line, "nullok") != NULL && strcmp(type, "auth") == 0 &&
	    strcmp(name, "unix") != 0)
		return "it takes empty passwords";
	return NULL;
}

/* Cut TEXT at its tabs; how many. */
static size_t
split(char *text, char **line)
{
	size_t n = 0;

	while (text != NULL && n < LINES_MAX)
		line[n++] = strsep(&text, "\t");
	return n;
}

static bool
holds(char *const *line, size_t n, const char *want)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (strcmp(line[i], want) == 0)
			return true;
	return false;
}

static void
tell_lines(const char *type, char *const *old, size_t nold,
    char *const *new, size_t nnew, struct state_told *out)
{
	Cordon__Severity severity;
	const char *why;
	size_t i;

	for (i = 0; i < nnew; i++) {
		if (holds(old, nold, new[i]))
			continue;
		why = danger(type, new[i], &severity);
		told_add(out, "module: %s \"%.200s\"%s%s", type, new[i],
		    why != NULL ? ": " : "", why != NULL ? why : "");
		if (why != NULL)
			told_raise(out, "pam.weakened", severity);
	}
	for (i = 0; i < nold; i++)
		if (!holds(new, nnew, old[i]))
			told_add(out, "no longer: %s \"%.200s\"", type, old[i]);
	if (out->text[0] == '\0')
		told_add(out, "the order of the %s modules changed", type);
}

static bool
pam_tell(const struct fact_change *c, struct state_told *out)
{
	char key[PATH_MAX + 16], was[FACT_VALUE_MAX], is[FACT_VALUE_MAX];
	char *old[LINES_MAX], *new[LINES_MAX], *type;
	size_t nold = 0, nnew = 0;

	snprintf(key, sizeof(key), "%s", c->key);
	type = strrchr(key, ' ');
	if (type == NULL || type < key + 4 ||
	    look_behind(key, "pam ") == NULL)
		return false;
	*type++ = '\0';
	if (c->was != NULL) {
		snprintf(was, sizeof(was), "%s", c->was);
		nold = split(was, old);
	}
	if (c->is != NULL) {
		snprintf(is, sizeof(is), "%s", c->is);
		nnew = split(is, new);
	}
	told_init(out, "pam.changed", key + 4, key + 4);
	if (strncmp(out->path, PAM_CONF " ", strlen(PAM_CONF) + 1) == 0)
		snprintf(out->path, sizeof(out->path), PAM_CONF);
	tell_lines(type, old, nold, new, nnew, out);
	/* What stood there before is told only if it opens the door. */
	return c->how != FACT_FOUND ||
	    out->severity == CORDON__SEVERITY__SEVERITY_CRITICAL;
}

static const char *const paths[] = {PAM_D "/*", PAM_CONF, NULL};

const struct state_source state_pam = {"pam", paths, 60, pam_read,
    pam_tell, true};
