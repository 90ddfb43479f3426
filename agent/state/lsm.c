/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What guards the kernel from root: lockdown, security modules and their
 * modes.  Read where securityfs and selinuxfs are mounted.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/state/kernel.h"
#include "agent/state/peek.h"

#define SEVERITY(x) CORDON__SEVERITY__SEVERITY_##x
#define EVERY_S 30
#define PROFILES_MAX (512 * 1024)
#define SECURITY "/sys/kernel/security/"

void
lsm_parse_lockdown(const char *text, char *out, size_t size)
{
	const char *open = strchr(text, '['), *close;

	out[0] = '\0';
	close = open == NULL ? NULL : strchr(open, ']');
	if (close != NULL)
		snprintf(out, size, "%.*s", (int)(close - open - 1),
		    open + 1);
}

int
lsm_parse_profiles(char *text, struct facts *out)
{
	char key[FACT_KEY_MAX], *line, *mode;
	int r = 0;

	/* name (mode); the name may have blanks and brackets */
	while (r == 0 && (line = strsep(&text, "\n")) != NULL) {
		mode = strrchr(line, '(');
		if (mode == NULL || mode == line)
			continue;
		*mode++ = '\0';
		mode[strcspn(mode, ")")] = '\0';
		if (line[strlen(line) - 1] == ' ')
			line[strlen(line) - 1] = '\0';
		snprintf(key, sizeof(key), "apparmor %s", line);
		r = facts_add(out, key, mode);
	}
	return r;
}

/* Not there.  A kernel that never had it loses nothing. */
static int
not_there(const struct state_env *env, struct facts *out, const char *key)
{
	size_t i;

	for (i = 0; env->was != NULL && i < facts_count(env->was); i++)
		if (strncmp(facts_key(env->was, i), key, strlen(key)) == 0)
			return facts_miss(out, key);
	return 0;
}

static int
add_apparmor(const struct state_env *env, struct facts *out)
{
	char *text = peek_all(env, SECURITY "apparmor/profiles",
	    PROFILES_MAX);
	int r;

	if (text == NULL)
		return not_there(env, out, "apparmor ");
	r = lsm_parse_profiles(text, out);
	free(text);
	return r;
}

/* A file system that was unmounted (mounts tell that) weakens nothing. */
static int
lsm_read(const struct state_env *env, struct facts *out, struct why *why)
{
	char text[1024], word[64];
	int r;

	if (peek(env, SECURITY "lockdown", text, sizeof(text)) < 0) {
		r = not_there(env, out, "lockdown");
	} else {
		lsm_parse_lockdown(text, word, sizeof(word));
		r = facts_add(out, "lockdown", word);
	}
	if (r == 0)
		r = peek(env, SECURITY "lsm", text, sizeof(text)) < 0 ?
		    not_there(env, out, "modules") :
		    facts_add(out, "modules", text);
	if (r == 0)
		r = peek(env, "/sys/fs/selinux/enforce", text,
		    sizeof(text)) < 0 ? not_there(env, out, "selinux") :
		    facts_add(out, "selinux", text[0] == '1' ? "enforcing" :
		    "permissive");
	if (r == 0)
		r = add_apparmor(env, out);
	return r == 0 ? 0 : why_set(why, r, "security modules");
}

/* How strict a mode is. */
static int
rank(const char *mode)
{
	static const char *const modes[] = {"none", "unconfined", "complain",
	    "permissive", "integrity", "confidentiality", "prompt",
	    "enforce", "enforcing", "kill"};
	int i;

	if (mode == NULL)
		return -1;
	for (i = 0; i < (int)(sizeof(modes) / sizeof(modes[0])); i++)
		if (strcmp(modes[i], mode) == 0)
			return i;
	return -1;
}

/* Is every module of WAS in IS? */
static bool
all_there(const char *was, const char *is)
{
	size_t len, n;
	const char *at;

	for (; *was != '\0'; was += len + (was[len] == ',')) {
		len = strcspn(was, ",");
		for (at = is; ; at += n + 1) {
			n = strcspn(at, ",");
			if (n == len && strncmp(at, was, len) == 0)
				break;
			if (at[n] == '\0')
				return false;
		}
	}
	return true;
}

static bool
lsm_tell(const struct fact_change *c, struct state_told *out)
{
	char what[PEEK_QUOTED_MAX], was[PEEK_QUOTED_MAX];
	char is[PEEK_QUOTED_MAX];
	const char *profile = peek_after(c->key, "apparmor ");
	bool weaker;

	if (c->how == FACT_FOUND || c->how == FACT_ADDED)
		return false;
	if (strcmp(c->key, "modules") == 0)
		weaker = c->is == NULL || !all_there(c->was, c->is);
	else
		weaker = rank(c->is) < rank(c->was);
	peek_quote(was, c->was);
	peek_quote(is, c->is);
	if (profile != NULL && c->is == NULL)
		return rank(c->was) > rank("complain") &&
		    peek_tell(out, "kernel.lsm-changed", SEVERITY(MEDIUM),
		    profile, "AppArmor profile %s was taken away (was in mode "
		    "%s)", peek_quote(what, profile), was);
	if (profile != NULL)
		return peek_tell(out, "kernel.lsm-changed", weaker ?
		    SEVERITY(HIGH) : SEVERITY(INFO), profile, "AppArmor "
		    "profile %s is now in mode %s (was %s)",
		    peek_quote(what, profile), is, was);
	snprintf(what, sizeof(what), "%s", strcmp(c->key, "modules") == 0 ?
	    "the list of security modules" : strcmp(c->key, "selinux") == 0 ?
	    "SELinux" : "lockdown of the kernel");
	return peek_tell(out, "kernel.lsm-changed", weaker ?
	    SEVERITY(HIGH) : SEVERITY(INFO), what, "%s is now %s (was %s)",
	    what, is, was);
}

static const char *const lsm_paths[] = {
	"/sys/fs/selinux/enforce",
	"/sys/kernel/security/*",
	NULL,
};

const struct state_source lsm_source = {
	.name = "lsm",
	.paths = lsm_paths,
	.every_s = EVERY_S,
	.read = lsm_read,
	.tell = lsm_tell,
};
