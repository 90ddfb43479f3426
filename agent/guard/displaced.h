/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * XDP programs of others that have to make room while the host is isolated.
 * Each is held by a descriptor meanwhile, and put back after.  The list also
 * lives in the enforcer, and the descriptors in the parent, so that both
 * outlive this process.
 */
#ifndef CORDON_GUARD_DISPLACED_H
#define CORDON_GUARD_DISPLACED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/guard/rtnl.h"
#include "agent/links/ipc.h"

#define DISPLACED_MAX 64

struct guard_calls;

struct displaced {
	uint32_t index;	  /* device */
	uint32_t program; /* id */
	uint32_t flags;	  /* XDP_FLAGS_x_MODE it was set in */
	uint32_t link;	  /* id of the BPF link that held it; 0: none did */
	int fd;		  /* the program; -1: asked for */
	bool off;	  /* taken off by us: has to be put back */
	bool stays;	  /* cannot be had */
	bool asked;	  /* for its link, and no answer yet */
};

struct displaced_list {
	struct displaced at[DISPLACED_MAX];
	size_t n;
	/* Lent; for everything below displaced_clear. */
	struct rtnl *rtnl;
	const struct guard_calls *calls;
	void *arg;
};

struct displaced *displaced_find(struct displaced_list *l, uint32_t index,
    uint32_t program);
/* NULL: no room.  The same device and program are there once. */
struct displaced *displaced_add(struct displaced_list *l, uint32_t index,
    uint32_t program, uint32_t flags);
/* Closes its descriptor; the last one takes its place. */
void displaced_drop(struct displaced_list *l, struct displaced *d);
void displaced_clear(struct displaced_list *l);

/*
 * The program on P, in whatever mode and held by a link or not, makes room.
 * 0: it did; -EBUSY: not before what was asked for has come; others: it
 * stays.
 */
int displaced_make_room(struct displaced_list *l, const struct port *p);

/* Takes FD, a program that was asked for (-1: it cannot be had).  True if
 * somebody waits for it. */
bool displaced_have_program(struct displaced_list *l, uint32_t id, int fd);

/*
 * Takes FD, a link that was asked for (-1: there is none).  While CLOSED it
 * is taken off its device, for good: a link cannot be hung up again.
 * Otherwise it tells that its holder lives, who would have the program on
 * the device now.  The one that was taken off, or NULL.
 */
struct displaced *displaced_have_link(struct displaced_list *l,
    const struct ipc_guard_link *m, int fd, bool closed);

/* At once, whoever held it; never a program of ours. */
void displaced_put_back(struct displaced_list *l, struct displaced *d);
/*
 * The host is open: what can be put back is, the rest is asked for.  One
 * whose link is gone is not: its holder let go of it meanwhile.
 */
void displaced_put_all_back(struct displaced_list *l);

#endif
