/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * XDP programs of others that had no link and had to make room.  Each is
 * held by a descriptor while the host is isolated, and put back after.  The
 * list also lives in the enforcer, so that it outlives this process.
 */
#ifndef CORDON_GUARD_DISPLACED_H
#define CORDON_GUARD_DISPLACED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DISPLACED_MAX 64

struct displaced {
	uint32_t index;	  /* device */
	uint32_t program; /* id */
	uint32_t flags;	  /* XDP_FLAGS_x_MODE it was set in */
	int fd;		  /* the program; -1: asked for */
	bool off;	  /* taken off by us: has to be put back */
	bool stays;	  /* cannot be had, or a link holds it */
};

struct displaced_list {
	struct displaced at[DISPLACED_MAX];
	size_t n;
};

struct displaced *displaced_find(struct displaced_list *l, uint32_t index,
    uint32_t program);
/* NULL: no room.  The same device and program are there once. */
struct displaced *displaced_add(struct displaced_list *l, uint32_t index,
    uint32_t program, uint32_t flags);
/* Closes its descriptor; the last one takes its place. */
void displaced_drop(struct displaced_list *l, struct displaced *d);
void displaced_clear(struct displaced_list *l);

#endif
