/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Helpers of the sources.  Run on the thread of the state sensor; texts are
 * the kernel's, names in them other people's.
 */
#include "agent/state/peek.h"

#include <errno.h>
#include <fnmatch.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/file.h"
#include "common/base/log.h"

int
peek_path(const struct state_env *env, const char *path, char *out,
    size_t size)
{
	int n = snprintf(out, size, "%s%s", env->root, path);

	return n >= 0 && (size_t)n < size ? 0 : ERR_LIMIT;
}

ssize_t
peek(const struct state_env *env, const char *path, char *out, size_t size)
{
	char full[PATH_MAX];
	ssize_t n;

	out[0] = '\0';
	if (peek_path(env, path, full, sizeof(full)) != 0)
		return ERR_LIMIT;
	errno = 0;
	n = file_text(full, out, size);
	if (n < 0)
		return errno == ENOENT || errno == ENOTDIR ? ERR_NOENT :
		    ERR_IO;
	if (n > 0 && out[n - 1] == '\n')
		out[--n] = '\0';
	return n;
}

char *
peek_all(const struct state_env *env, const char *path, size_t max)
{
	char *text = malloc(max), *less;
	ssize_t n;

	if (text == NULL)
		return NULL;
	n = peek(env, path, text, max);
	if (n < 0) {
		free(text);
		return NULL;
	}
	less = realloc(text, (size_t)n + 1);
	return less != NULL ? less : text;
}

const char *
peek_after(const char *key, const char *prefix)
{
	size_t n = strlen(prefix);

	return strncmp(key, prefix, n) == 0 ? key + n : NULL;
}

bool
peek_matches(const char *const *list, size_t n, const char *text)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (fnmatch(list[i], text, 0) == 0)
			return true;
	return false;
}

const char *
peek_quote(char *out, const char *text)
{
	if (text == NULL)
		text = "none";
	log_quote(out, PEEK_QUOTED_MAX, text, strlen(text));
	return out;
}

bool
peek_tell(struct state_told *out, const char *kind,
    Cordon__Severity severity, const char *object, const char *fmt, ...)
{
	va_list ap;

	out->kind = kind;
	out->severity = severity;
	snprintf(out->object, sizeof(out->object), "%s", object);
	va_start(ap, fmt);
	vsnprintf(out->text, sizeof(out->text), fmt, ap);
	va_end(ap);
	return true;
}

/* -- what stays known ---------------------------- */

static bool
has_key(const struct facts *f, size_t n, const char *key)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (strcmp(facts_key(f, i), key) == 0)
			return true;
	return false;
}

int
peek_learn(const struct facts *was, struct facts *is, size_t max,
    const char *value)
{
	size_t i, n = facts_count(is);
	int r = 0;

	for (i = 0; was != NULL && i < facts_count(was) && r == 0 &&
	    facts_count(is) < max; i++)
		if (!has_key(is, n, facts_key(was, i)))
			r = facts_add(is, facts_key(was, i), value != NULL ?
			    value : facts_value(was, i));
	return r;
}

int
peek_keep_first(const struct facts *was, const struct facts *now,
    struct facts *out, size_t max)
{
	const char *known;
	size_t i;
	int r = 0;

	for (i = 0; i < facts_count(now) && r == 0; i++) {
		known = was == NULL ? NULL : facts_get(was,
		    facts_key(now, i));
		r = facts_add(out, facts_key(now, i), known != NULL ? known :
		    facts_value(now, i));
	}
	return r != 0 ? r : peek_learn(was, out, max, NULL);
}
