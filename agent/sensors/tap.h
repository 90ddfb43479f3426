/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Changed paths, with who changed them, for another sensor than files: the
 * watch thread puts those that fit a pattern, the other one takes them.
 */
#ifndef CORDON_SENSORS_TAP_H
#define CORDON_SENSORS_TAP_H

#include <stdbool.h>

#include "agent/sensors/who.h"
#include "common/base/err.h"

#define TAP_PATTERNS_MAX 1024
#define TAP_ITEMS_MAX 2048 /* more are a loss: look at everything */

struct tap_item {
	struct tap_item *next;
	char *path;
	/* The last, but one who is no package manager stays before it;
	 * NULL: not known. */
	struct who *who;
	unsigned int writers; /* different processes */
};

struct tap; /* opaque, has its own lock */

struct tap *tap_new(void);
void tap_free(struct tap **t);
/* An eventfd, readable when there is news; lent. */
int tap_fd(const struct tap *t);
/*
 * PATTERN (lent) as for fnmatch(3) without flags.  Before the first thread
 * is started.  ERR_LIMIT.
 */
int tap_add(struct tap *t, const char *pattern);
/*
 * Events of the files that patterns mean are seen: those of the file
 * systems there are when the watch begins.  Before the first thread.
 */
void tap_see(struct tap *t, bool seen);
bool tap_sees(const struct tap *t);
bool tap_empty(const struct tap *t); /* no patterns, or no T */
/* Does PATH fit a pattern, or hold what would?  T NULL: no. */
bool tap_wants(const struct tap *t, const char *path);
/* PATH changed; WHO is counted.  Kept only if it is wanted. */
void tap_put(struct tap *t, const char *path, struct who *who);
/* Events were lost. */
void tap_lose(struct tap *t);
/* All there are, the caller frees them; *LOST: there were more. */
struct tap_item *tap_take(struct tap *t, bool *lost);
void tap_items_free(struct tap_item **list);

/* -- for tests and for who asks which source an item is of ------ */
bool tap_fits(const char *pattern, const char *path);

#endif
