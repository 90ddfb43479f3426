/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Modules that came, went or hide.  The kernel gives no event for them;
 * /proc/modules is one read.
 */
#include "agent/state/modules.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/state/peek.h"

#define SEVERITY(x) CORDON__SEVERITY__SEVERITY_##x
#define EVERY_S 15

int
modules_parse(char *text, struct facts *out)
{
	char key[128], taint[64], *line;
	const char *open;
	int r = 0;

	/* name size users used-by state address (taint) */
	while (r == 0 && (line = strsep(&text, "\n")) != NULL) {
		open = strrchr(line, '(');
		if (open == NULL || sscanf(open, "(%63[A-Z]", taint) != 1)
			taint[0] = '\0';
		if (sscanf(line, "%64s", key) != 1)
			continue;
		snprintf(key, sizeof(key), "module %.*s",
		    (int)strcspn(line, " "), line);
		r = facts_add(out, key, taint);
	}
	return r;
}

bool
modules_listed(const char *text, const char *name)
{
	size_t len = strlen(name);
	const char *at;

	for (at = strstr(text, name); at != NULL; at = strstr(at + 1, name))
		if ((at == text || at[-1] == '\n') && at[len] == ' ')
			return true;
	return false;
}

/* It may have come since the list was read. */
static bool
listed_now(const struct state_env *env, const char *name)
{
	char *text = peek_all(env, MODULES_FILE, MODULES_TEXT_MAX);
	bool found = text == NULL || modules_listed(text, name);

	free(text);
	return found;
}

/* Only what was loaded has an initstate; built-in ones do not. */
static bool
is_live(const struct state_env *env, const char *name)
{
	char path[320], state[16];

	snprintf(path, sizeof(path), "/sys/module/%s/initstate", name);
	return peek(env, path, state, sizeof(state)) > 0 &&
	    strcmp(state, "live") == 0;
}

static int
add_hidden(const struct state_env *env, const char *text, struct facts *out)
{
	char path[PATH_MAX], key[300];
	const struct dirent *de;
	DIR *d = NULL;
	int r = 0;

	if (peek_path(env, "/sys/module", path, sizeof(path)) == 0)
		d = opendir(path);
	while (d != NULL && r == 0 && (de = readdir(d)) != NULL) {
		if (de->d_name[0] == '.' ||
		    modules_listed(text, de->d_name) ||
		    !is_live(env, de->d_name) ||
		    listed_now(env, de->d_name) || !is_live(env, de->d_name))
			continue;
		snprintf(key, sizeof(key), "hidden %s", de->d_name);
		r = facts_add(out, key, "");
	}
	if (d != NULL)
		closedir(d);
	return r;
}

static int
modules_read(const struct state_env *env, struct facts *out, struct why *why)
{
	char *text = peek_all(env, MODULES_FILE, MODULES_TEXT_MAX);
	int r;

	if (text == NULL)
		return 0; /* a kernel without modules */
	r = add_hidden(env, text, out);
	if (r == 0)
		r = modules_parse(text, out);
	free(text);
	return r == 0 ? 0 : why_set(why, r, "modules");
}

static bool
modules_tell(const struct fact_change *c, struct state_told *out)
{
	const char *name = peek_after(c->key, "hidden ");
	char q[PEEK_QUOTED_MAX];
	bool foreign;

	if (name != NULL && c->how == FACT_REMOVED)
		return false;
	if (name != NULL)
		return peek_tell(out, "kernel.module-hidden", SEVERITY(NONE),
		    name, "kernel module %s is loaded but not in the "
		    "kernel's own list: somebody took it off",
		    peek_quote(q, name));
	name = peek_after(c->key, "module ");
	if (name == NULL || c->how == FACT_FOUND || c->how == FACT_CHANGED)
		return false;
	if (c->how == FACT_REMOVED)
		return peek_tell(out, "kernel.module-removed", SEVERITY(NONE),
		    name, "kernel module %s was removed",
		    peek_quote(q, name));
	/* Letters of Documentation/admin-guide/tainted-kernels.rst. */
	foreign = strpbrk(c->is, "OEF") != NULL;
	return peek_tell(out, "kernel.module-loaded", foreign ?
	    SEVERITY(HIGH) : SEVERITY(LOW), name, "kernel module %s was "
	    "loaded%s%s%s", peek_quote(q, name),
	    strchr(c->is, 'O') != NULL ? ", built outside the kernel" : "",
	    strchr(c->is, 'E') != NULL ? ", not signed" : "",
	    strchr(c->is, 'F') != NULL ? ", by force" : "");
}

static const char *const modules_paths[] = {MODULES_FILE, NULL};

const struct state_source modules_source = {
	.name = "modules",
	.paths = modules_paths,
	.every_s = EVERY_S,
	.read = modules_read,
	.tell = modules_tell,
};
