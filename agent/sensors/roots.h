/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Which trees are looked at: those of the settings, resolved once, none
 * below another; and, apart from them, the agent's own programs and
 * configuration.
 */
#ifndef CORDON_SENSORS_ROOTS_H
#define CORDON_SENSORS_ROOTS_H

#include <stdbool.h>
#include <stddef.h>

#include "common/base/err.h"

#define ROOTS_MAX 48
#define ROOTS_OWN_MAX 12

struct roots {
	char *path[ROOTS_MAX + ROOTS_OWN_MAX]; /* watched, then own */
	size_t n;	/* all */
	size_t watched; /* the first so many are from the settings */
};

/*
 * WATCH as configured; a tree that does not exist is told in the log and
 * left out.  ERR_CONFIG for a relative path, ERR_LIMIT.
 */
int roots_init(struct roots *r, char *const *watch, size_t n,
    const char *own_dir, const char *conf_path, struct why *why);
void roots_done(struct roots *r);
/* One of ours: programs, configuration, units of systemd and what is laid
 * over them (systemd.unit(5)). */
bool roots_is_own(const struct roots *r, const char *path);
/* Below one of the watched trees? */
bool roots_has(const struct roots *r, const char *path);

#endif
