/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What sources read: files below the root of their environment, their
 * lines, folders, homes of accounts; and the small words they are made of.
 */
#ifndef CORDON_STATE_LOOK_H
#define CORDON_STATE_LOOK_H

#include "agent/state/source.h"

#define LOOK_FILE_MAX (1024 * 1024) /* bytes; a larger one is not read */
#define LOOK_NAMES_MAX 4096	    /* names of one folder */
#define LOOK_HOMES_MAX 4096
#define LOOK_FIELD_MAX 512

/* -- files ---------------------------- */

/* ROOT and PATH together; ERR_LIMIT. */
int look_path(const struct state_env *env, const char *path,
    char out[PATH_MAX]);
/* content_text of PATH; *TEXT lives as long as B, which is initialised. */
int look_text(const struct state_env *env, const char *path, struct buf *b,
    char **text);
/* One line of TEXT (terminated, no newline, may be changed). */
typedef int look_line_fn(void *arg, char *line);
/*
 * Every line.  JOIN: a backslash at its end joins it to the next one.
 * Anything but 0 ends it and is returned.
 */
int look_lines(char *text, bool join, look_line_fn *fn, void *arg);
/* Both; no such file, or a folder, is 0. */
int look_file(const struct state_env *env, const char *path, bool join,
    look_line_fn *fn, void *arg);

/* PATH without the root. */
typedef int look_path_fn(void *arg, const char *path, const char *name);
/* The names in DIR, sorted, without "." and ".."; no such folder is 0. */
int look_dir(const struct state_env *env, const char *dir, look_path_fn *fn,
    void *arg);
/*
 * Each account of passwd that has a home, each home once.  Homes are
 * absolute, not "/", and lead nowhere up.
 */
typedef int look_home_fn(void *arg, const char *user, const char *home);
int look_homes(const struct state_env *env, look_home_fn *fn, void *arg);
/* The same by the whole path of a passwd file; ERR_NOENT: there is none. */
int look_homes_of(const char *passwd, look_home_fn *fn, void *arg);

/*
 * PREFIX could not be read with CODE: 0 when it is not there or was
 * remembered as missed, else what gives up the look.
 */
int look_missed(struct facts *f, int code, const char *prefix);

/* -- words ---------------------------- */

/* Spaces and tabs off both ends; in place. */
char *look_trim(char *text);
/* What stands behind PREFIX in TEXT; NULL: it begins otherwise. */
const char *look_behind(const char *text, const char *prefix);
/* Several spaces become one, ends trimmed; in place. */
char *look_squeeze(char *text);
/* Is WORD in LIST (which ends with NULL)? */
bool look_one_of(const char *word, const char *const *list);
/* "tab separated name=value": the value of NAME into OUT; "" and false. */
bool look_field(const char *value, const char *name, char *out,
    size_t size);
/* Quoted for people, into OUT; returns OUT. */
char *look_quote(char *out, size_t size, const char *text);
/*
 * What is odd about TEXT as a command or script: a program in a folder that
 * everybody may write to, a shell on the network, ...  NULL: nothing.
 */
const char *look_odd(const char *text);

/* -- telling ---------------------------- */

/* KIND, OBJECT and the file that says so. */
void told_init(struct state_told *t, const char *kind, const char *object,
    const char *path);
/* Add to the text; a "; " stands between two additions. */
void told_add(struct state_told *t, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
/*
 * Take KIND, and SEVERITY (NONE: the kind's), unless a louder one stands;
 * of two alike the later one.
 */
void told_raise(struct state_told *t, const char *kind,
    Cordon__Severity severity);

#endif
