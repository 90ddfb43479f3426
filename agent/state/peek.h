/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Small helpers of the sources: texts that the kernel makes (/proc, /sys)
 * below the root of a look, and sentences about what changed.
 */
#ifndef CORDON_STATE_PEEK_H
#define CORDON_STATE_PEEK_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "agent/state/source.h"

#define PEEK_QUOTED_MAX 320 /* bytes of one quoted part of a sentence */

/* ROOT and PATH as one path; ERR_LIMIT. */
int peek_path(const struct state_env *env, const char *path, char *out,
    size_t size);
/*
 * The text at PATH, cut at SIZE - 1, its last newline taken away: its
 * length; ERR_NOENT: there is none, ERR_IO.
 */
ssize_t peek(const struct state_env *env, const char *path, char *out,
    size_t size);
/* The same for a longer one, at most MAX bytes; caller frees.  NULL. */
char *peek_all(const struct state_env *env, const char *path, size_t max);

/* What stands behind PREFIX in KEY; NULL: it does not begin so. */
const char *peek_after(const char *key, const char *prefix);

/* Does TEXT fit one of N patterns of fnmatch(3)? */
bool peek_matches(const char *const *list, size_t n, const char *text);
#define PEEK_MATCHES(list, text) \
	peek_matches(list, sizeof(list) / sizeof((list)[0]), text)

/* TEXT quoted into OUT[PEEK_QUOTED_MAX]; "none" for NULL.  Returns OUT. */
const char *peek_quote(char *out, const char *text);

/* The object (raw), the kind, and a sentence.  True, for `return'. */
bool peek_tell(struct state_told *out, const char *kind,
    Cordon__Severity severity, const char *object, const char *fmt, ...)
    __attribute__((format(printf, 5, 6)));

/*
 * What was seen once stays known: take over from WAS (NULL: nothing) what
 * IS, not yet sealed, does not have, up to MAX facts in all; with VALUE, or
 * NULL: its own.
 */
int peek_learn(const struct facts *was, struct facts *is, size_t max,
    const char *value);
/*
 * NOW (sealed) and WAS into OUT; a key of both keeps the value of WAS, so
 * that it is told once.
 */
int peek_keep_first(const struct facts *was, const struct facts *now,
    struct facts *out, size_t max);

#endif
