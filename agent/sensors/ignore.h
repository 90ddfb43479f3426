/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What is not looked at: paths with all below them ("/var/log"), and names
 * by their end ("*.swp").  Anything else is a configuration error.
 */
#ifndef CORDON_SENSORS_IGNORE_H
#define CORDON_SENSORS_IGNORE_H

#include <stdbool.h>
#include <stddef.h>

#include "common/base/err.h"

#define IGNORE_MAX 256

struct ignore; /* opaque; never changed after it is made: any thread */

/* Copies RULES.  ERR_CONFIG names the rule that is wrong; ERR_LIMIT. */
int ignore_new(char *const *rules, size_t n, struct ignore **ig,
    struct why *why);
void ignore_free(struct ignore **ig);
/* One more path, with all below it (our own state). */
int ignore_add_path(struct ignore *ig, const char *path);
/* NULL for IG: nothing is ignored. */
bool ignore_has(const struct ignore *ig, const char *path);

#endif
