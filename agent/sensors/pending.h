/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Paths that had events and wait to be looked at: many events of one path
 * become one look, about PENDING_DELAY_MS after the first, or, if that made
 * the path, PENDING_MADE_MS: what is being made is often renamed or removed
 * at once.  Filled by the watch thread, emptied by the checker; bounded.
 */
#ifndef CORDON_SENSORS_PENDING_H
#define CORDON_SENSORS_PENDING_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/sensors/who.h"
#include "common/base/err.h"

#define PENDING_DELAY_MS 25
#define PENDING_MADE_MS 100
#define PENDING_MAX 65536

enum pending_what { /* bits */
	PENDING_CONTENT = 1, /* not only attributes */
	PENDING_MADE = 2,
};

struct pending_item {
	struct pending_item *next, *chain;
	char *path;
	char *from; /* it was moved from here; NULL */
	struct who *who;	 /* last to make, write, move or remove it */
	struct who *meta_who; /* last to change its attributes */
	int64_t due_ms; /* boot time of the look */
	uint32_t events;
	uint32_t writers; /* different processes */
	pid_t last_pid;
	bool content; /* not only attributes */
};

struct pending; /* opaque, has its own lock */

struct pending *pending_new(void);
void pending_free(struct pending **p);
/* From now on write FD (lent, an eventfd) when the first item comes. */
void pending_wake(struct pending *p, int fd);
/*
 * One event, WHAT bits of enum pending_what.  WHO is counted by us (NULL:
 * unknown).  ERR_LIMIT when full: the caller has lost an event.
 */
int pending_add(struct pending *p, const char *path, const char *from,
    struct who *who, unsigned int what);
/* An item whose time has come; caller frees.  NULL: none yet. */
struct pending_item *pending_take(struct pending *p, int64_t now_ms);
void pending_item_free(struct pending_item **it);
/* Does an event of PATH wait to be looked at? */
bool pending_has(struct pending *p, const char *path);
/* Milliseconds until the next is due; -1: nothing waits. */
int64_t pending_wait(struct pending *p, int64_t now_ms);

#endif
