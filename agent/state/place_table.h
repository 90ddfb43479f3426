/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The places from which something is started by itself (persistence): the
 * one table, for the state sensor and for the picture of gate G07.
 */
#ifndef CORDON_STATE_PLACE_TABLE_H
#define CORDON_STATE_PLACE_TABLE_H

#include <stdbool.h>

#define PLACES_DEPTH_MAX 8

struct place {
	const char *path; /* a file or a whole tree */
	const char *kind; /* of common/base/kinds.c */
};

/* Absolute paths; those below each home without a slash in front. */
extern const struct place system_places[]; /* ends with path NULL */
extern const struct place home_places[];
/* The same for the tap: paths and all below them. */
extern const char *const place_paths[];

/* Comes and goes with every login or service start. */
bool place_is_volatile(const char *path);
/* The kind of PATH, which lies in a place of KIND: timers apart. */
const char *place_kind(const char *kind, const char *path);

#endif
