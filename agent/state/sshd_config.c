/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Lines of sshd_config(5).  Whoever may write them is root; how often files
 * may include each other is bounded.
 */
#include "agent/state/sshd_config.h"

#include <ctype.h>
#include <fnmatch.h>
#include <stdio.h>
#include <string.h>

#include "agent/state/look.h"

struct sshd_walk {
	const struct state_env *env;
	sshd_fn *fn;
	void *arg;
	const char *file;
	char match[LOOK_FIELD_MAX];
	unsigned int depth, includes;
	const char *pattern; /* of the include that is followed */
};

bool
sshd_parse(char *line, char *key, char **value)
{
	char *at = look_trim(line);
	size_t n, i;

	if (*at == '\0' || *at == '#')
		return false;
	n = strcspn(at, " \t=\"");
	if (n == 0 || n >= SSHD_WORD_MAX)
		return false;
	for (i = 0; i < n; i++)
		key[i] = (char)tolower((unsigned char)at[i]);
	key[n] = '\0';
	at += n;
	at += strspn(at, " \t");
	if (*at == '=')
		at++;
	*value = look_squeeze(at);
	return true;
}

static int read_config(struct sshd_walk *w, const char *path);

static int
included(void *arg, const char *path, const char *name)
{
	struct sshd_walk *w = arg;

	(void)name;
	if (fnmatch(w->pattern, path, FNM_PATHNAME | FNM_PERIOD) != 0)
		return 0;
	return read_config(w, path);
}

/* One pattern of an Include line; only its last part may be a pattern. */
static int
follow(struct sshd_walk *w, const char *pattern)
{
	const char *before = w->pattern;
	char path[PATH_MAX], dir[PATH_MAX], *slash;
	int r;

	if (w->includes >= SSHD_INCLUDES_MAX ||
	    w->depth >= SSHD_INCLUDE_DEPTH_MAX)
		return 0;
	w->includes++;
	snprintf(path, sizeof(path), "%s%.2000s",
	    pattern[0] == '/' ? "" : "/etc/ssh/", pattern);
	snprintf(dir, sizeof(dir), "%s", path);
	slash = strrchr(dir, '/');
	if (slash == dir)
		return 0;
	*slash = '\0';
	w->pattern = path;
	r = look_dir(w->env, dir, included, w);
	w->pattern = before;
	return r;
}

static int
sshd_line(void *arg, char *line)
{
	struct sshd_walk *w = arg;
	char key[SSHD_WORD_MAX], *value, *one, *rest, *word;
	int r;

	if (!sshd_parse(line, key, &value))
		return 0;
	if (strcmp(key, "match") == 0) {
		snprintf(w->match, sizeof(w->match), "%s",
		    strcasecmp(value, "all") == 0 ? "" : value);
		return 0;
	}
	r = w->fn(w->arg, w->file, w->match, key, value);
	rest = strcmp(key, "include") == 0 ? value : NULL;
	while (r == 0 && (word = strsep(&rest, " ")) != NULL) {
		one = word + strspn(word, "\"");
		one[strcspn(one, "\"")] = '\0';
		if (one[0] != '\0')
			r = follow(w, one);
	}
	return r;
}

static int
read_config(struct sshd_walk *w, const char *path)
{
	const char *before = w->file;
	char copy[PATH_MAX], match[LOOK_FIELD_MAX];
	int r;

	/* A Match in an included file ends with it. */
	snprintf(match, sizeof(match), "%s", w->match);
	snprintf(copy, sizeof(copy), "%s", path);
	w->file = copy;
	w->depth++;
	r = look_file(w->env, copy, false, sshd_line, w);
	w->depth--;
	w->file = before;
	snprintf(w->match, sizeof(w->match), "%s", match);
	return r;
}

int
sshd_each(const struct state_env *env, sshd_fn *fn, void *arg)
{
	struct sshd_walk w = {.env = env, .fn = fn, .arg = arg};

	return read_config(&w, SSHD_CONFIG);
}
