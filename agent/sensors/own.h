/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The agent's own files: what they were when this process started, and
 * what the installed package says of them.
 */
#ifndef CORDON_SENSORS_OWN_H
#define CORDON_SENSORS_OWN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/sensors/roots.h"
#include "common/base/digest.h"
#include "common/base/err.h"

#define OWN_PACKAGE_LIST "/var/lib/dpkg/info/cordon-agent.md5sums"

struct own; /* opaque; not changed after own_new: any thread */

/* Read all own files of ROOTS (lent) now. */
int own_new(const struct roots *roots, struct own **o, struct why *why);
void own_free(struct own **o);

enum own_state {
	OWN_SAME,    /* as at the start, and as the package says */
	OWN_CHANGED, /* not as at the start */
	OWN_FOREIGN, /* not as the package says */
	OWN_GONE,
};
const char *own_state_str(enum own_state s);
size_t own_count(const struct own *o);
/* Look at file NR again; its path in *PATH, lent. */
enum own_state own_check(const struct own *o, size_t nr, const char **path);
/* Is the content of PATH now just what the package list LIST says of it? */
bool own_explained(const char *path, const char *list);
/* Digest of PATH in the md5sums text: 32 hex digits into OUT[33]. */
bool own_listed(const char *text, const char *path, char out[33]);

#endif
