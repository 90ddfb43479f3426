/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Settings of logins: login.defs(5), securetty(5), shells(5), access,
 * quality of passwords.  Facts: "login FILE<tab>KEY", its value.
 */
#include "agent/state/sources.h"

#include <stdio.h>
#include <string.h>

#include "agent/state/look.h"

/* How a line of the file is cut. */
enum form {
	FORM_WORDS, /* KEY VALUE or KEY = VALUE */
	FORM_LINES, /* the line is the key */
};

static const struct login_file {
	const char *path;
	enum form form;
} files[] = {
	{"/etc/login.defs", FORM_WORDS},
	{"/etc/default/useradd", FORM_WORDS},
	{"/etc/security/pwquality.conf", FORM_WORDS},
	{"/etc/security/faillock.conf", FORM_WORDS},
	{"/etc/securetty", FORM_LINES},
	{"/etc/shells", FORM_LINES},
	{"/etc/security/access.conf", FORM_LINES},
};

struct login_walk {
	struct facts *out;
	const struct login_file *file;
};

static int
login_line(void *arg, char *line)
{
	const struct login_walk *w = arg;
	char key[LOOK_FIELD_MAX * 2], q[LOOK_FIELD_MAX], *word;

	line[strcspn(line, "#")] = '\0';
	line = look_squeeze(line);
	if (line[0] == '\0')
		return 0;
	word = w->file->form == FORM_WORDS ? strsep(&line, " =") : line;
	if (w->file->form == FORM_LINES)
		line = NULL;
	snprintf(key, sizeof(key), "login %s\t%s", w->file->path,
	    look_quote(q, sizeof(q), word));
	if (line != NULL)
		line += strspn(line, "= ");
	return facts_add(w->out, key, line == NULL ? "" :
	    look_quote(q, sizeof(q), line));
}

static int
login_read(const struct state_env *env, struct facts *out, struct why *why)
{
	struct login_walk w = {.out = out};
	char prefix[128];
	size_t i;
	int r = 0;

	for (i = 0; i < sizeof(files) / sizeof(files[0]) && r == 0; i++) {
		w.file = &files[i];
		r = look_file(env, files[i].path, false, login_line, &w);
		snprintf(prefix, sizeof(prefix), "login %s\t",
		    files[i].path);
		r = look_missed(out, r, prefix);
	}
	return r == 0 ? 0 : why_set(why, r, "login: %s", err_str(r));
}

/* Values that make it easier to get in; several if it stands twice. */
static const char *
weak(const char *key, const char *value)
{
	if (strcmp(key, "ENCRYPT_METHOD") == 0 &&
	    (strstr(value, "DES") != NULL || strstr(value, "MD5") != NULL ||
	    strstr(value, "NONE") != NULL))
		return "new passwords are soon guessed";
	if (strcmp(key, "FAIL_DELAY") == 0 && strcmp(value, "0") == 0)
		return "passwords can be tried quickly";
	if (strcmp(key, "LOG_OK_LOGINS") == 0 && strcmp(value, "no") == 0)
		return "logins are not logged";
	return NULL;
}

static bool
login_tell(const struct fact_change *c, struct state_told *out)
{
	char path[128], words[LOOK_FIELD_MAX];
	const char *key = strchr(c->key, '\t'), *why;
	bool lines;

	if (key == NULL || c->how == FACT_FOUND ||
	    look_behind(c->key, "login ") == NULL)
		return false;
	snprintf(path, sizeof(path), "%.*s", (int)(key - c->key - 6),
	    c->key + 6);
	key++;
	told_init(out, "login.changed", path, path);
	lines = (c->is != NULL ? c->is : c->was)[0] == '\0';
	if (lines)
		snprintf(words, sizeof(words), "%s \"%.300s\"",
		    c->how == FACT_REMOVED ? "no longer" : "new line", key);
	else
		snprintf(words, sizeof(words), "%.100s is %.150s (was %.150s)",
		    key, c->is != NULL ? c->is : "not set",
		    c->was != NULL ? c->was : "not set");
	told_add(out, "%s", words);
	why = c->is == NULL ? NULL : weak(key, c->is);
	if (why != NULL) {
		told_add(out, "%s", why);
		out->severity = CORDON__SEVERITY__SEVERITY_HIGH;
	}
	return true;
}

static const char *const paths[] = {"/etc/login.defs",
    "/etc/default/useradd", "/etc/security/*", "/etc/securetty",
    "/etc/shells", NULL};

const struct state_source state_login = {"login", paths, 60, login_read,
    login_tell, true};
