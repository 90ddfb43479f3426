/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Paths on a host that may be hostile: absolute, any bytes but NUL, and
 * opened without ever following a symbolic link on the way.
 */
#ifndef CORDON_SENSORS_PATH_H
#define CORDON_SENSORS_PATH_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

#include "common/base/err.h"

#define PATH_LEN PATH_MAX

/* "DIR/NAME" ("/NAME" below "/") into OUT[PATH_LEN]; ERR_LIMIT. */
int path_join(char *out, const char *dir, const char *name);
/*
 * Split "/a/b" into "/a" (OUT[PATH_LEN]) and "b" (*NAME, inside PATH).
 * ERR_RANGE for "/", relative, or too long paths.
 */
int path_split(const char *path, char *dir, const char **name);
/* Is PATH equal to TOP or below it, by whole components? */
bool path_under(const char *path, const char *top);
/* Absolute, no empty, "." or ".." component, shorter than PATH_LEN? */
bool path_clean(const char *path);

/*
 * open(2) of an absolute path with FLAGS|O_CLOEXEC, no symbolic link in any
 * component (openat2(2) RESOLVE_NO_SYMLINKS, else one component at a time).
 * Returns the descriptor or -1 with errno.
 */
int path_open(const char *path, int flags);
/* The folder that holds PATH, opened O_PATH; *NAME inside PATH; -1. */
int path_open_parent(const char *path, const char **name);

#endif
