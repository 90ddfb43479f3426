/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What of ours is on one device: an XDP program where frames come in, a tc
 * program where they go out, a socket on each queue.
 */
#ifndef CORDON_GUARD_COVER_H
#define CORDON_GUARD_COVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/guard/programs.h"
#include "agent/guard/rtnl.h"

#define COVER_QUEUES_MAX 64 /* more are not held, and said so */
#define COVER_LOST_MAX 96

struct cover {
	struct port port; /* as last seen */
	int in, out;	  /* links; -1: none */
	/* To be told: somebody took them off, or put that program into them. */
	bool in_gone, out_gone;
	uint32_t in_stranger, out_stranger;
	int queue[COVER_QUEUES_MAX]; /* sockets */
	uint32_t nqueues;
	bool taken; /* somebody else sits on a queue */
	unsigned int taken_look; /* the last look when nobody did */
	bool told;		 /* that was */
	bool away; /* moved to another namespace; links hold there too */
	char lost[COVER_LOST_MAX]; /* what could not be done, "" if all was */
};

void cover_init(struct cover *c, const struct port *p);
/* All of it off the device, now. */
void cover_done(struct cover *c);
enum shape cover_shape(const struct cover *c);

/* Each: 0, or the negative errno with the reason in c->lost. */
int cover_in(struct cover *c, const struct programs *p);
int cover_out(struct cover *c, const struct programs *p);
/* Takes queues that are not ours yet; a device may get more of them. */
void cover_queues(struct cover *c);

/* Programs of another order in the place of those that are there. */
int cover_swap(struct cover *c, const struct programs *p);

/*
 * Look whether all of it is still there.  What is not is forgotten, to be
 * put on again, and c->in_gone or c->out_gone set; c->in_stranger is the
 * id of a program that was put into our link, which has ours again.
 * Returns the id of a
 * program that somebody put before ours where frames leave, 0: none; ours
 * was put before it again.
 */
uint32_t cover_look(struct cover *c, const struct programs *p);

#endif
