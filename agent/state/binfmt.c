/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * File formats that start a program: binfmt_misc (kernel document
 * admin-guide/binfmt-misc.rst).  A format with the flag C runs the given
 * interpreter with the rights of the file, set-uid included.
 */
#include <dirent.h>
#include <stdio.h>
#include <string.h>

#include "agent/state/peek.h"
#include "agent/state/sysctl.h"

#define SEVERITY(x) CORDON__SEVERITY__SEVERITY_##x
#define EVERY_S 60
#define FOLDER "/proc/sys/fs/binfmt_misc"

void
binfmt_parse(char *text, char *out, size_t size)
{
	const char *state = "", *program = "", *flags = "";
	char *line;

	while ((line = strsep(&text, "\n")) != NULL)
		if (strncmp(line, "interpreter ", 12) == 0)
			program = line + 12;
		else if (strncmp(line, "flags: ", 7) == 0)
			flags = line + 7;
		else if (strcmp(line, "enabled") == 0 ||
		    strcmp(line, "disabled") == 0)
			state = line;
	snprintf(out, size, "%s %s%s%s", state, program,
	    flags[0] != '\0' ? " flags " : "", flags);
}

static int
binfmt_read(const struct state_env *env, struct facts *out, struct why *why)
{
	char path[PATH_MAX], text[4096], value[FACT_VALUE_MAX];
	const struct dirent *de;
	DIR *d = NULL;
	int r = 0;

	if (peek_path(env, FOLDER, path, sizeof(path)) == 0)
		d = opendir(path);
	while (d != NULL && r == 0 && (de = readdir(d)) != NULL) {
		if (de->d_name[0] == '.' || strcmp(de->d_name,
		    "register") == 0 || strcmp(de->d_name, "status") == 0)
			continue;
		snprintf(path, sizeof(path), FOLDER "/%s", de->d_name);
		if (peek(env, path, text, sizeof(text)) < 0)
			continue;
		binfmt_parse(text, value, sizeof(value));
		r = facts_add(out, de->d_name, value);
	}
	if (d != NULL)
		closedir(d);
	return r == 0 ? 0 : why_set(why, r, "file formats");
}

static bool
binfmt_tell(const struct fact_change *c, struct state_told *out)
{
	char q[PEEK_QUOTED_MAX], was[PEEK_QUOTED_MAX], is[PEEK_QUOTED_MAX];
	const char *flags;

	if (c->how == FACT_FOUND || c->is == NULL)
		return false;
	flags = strstr(c->is, " flags ");
	return peek_tell(out, "kernel.binfmt", flags != NULL &&
	    strchr(flags + 7, 'C') != NULL ? SEVERITY(CRITICAL) :
	    SEVERITY(NONE), c->key, "files of the format %s start a program: "
	    "%s (was %s)", peek_quote(q, c->key), peek_quote(is, c->is),
	    peek_quote(was, c->was));
}

static const char *const binfmt_paths[] = {FOLDER "/*", NULL};

const struct state_source binfmt_source = {
	.name = "binfmt",
	.paths = binfmt_paths,
	.every_s = EVERY_S,
	.read = binfmt_read,
	.tell = binfmt_tell,
};
