/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Memory for the records of one scan: handed out in order, given back to
 * the kernel all at once, so that a scan leaves no holes in the heap.
 */
#ifndef CORDON_SENSORS_ARENA_H
#define CORDON_SENSORS_ARENA_H

#include <stddef.h>

#define ARENA_BLOCK (256 * 1024)

struct arena_block;

struct arena {
	struct arena_block *first; /* the one being filled */
	size_t used;		   /* of the first */
};

void arena_init(struct arena *a);
void arena_done(struct arena *a);
/* LEN (at most ARENA_BLOCK / 2) bytes, aligned to 8; NULL: no memory. */
void *arena_get(struct arena *a, size_t len);
char *arena_str(struct arena *a, const char *text);

#endif
