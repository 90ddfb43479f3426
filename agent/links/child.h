/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A child's side of the link to its parent: ready, stop, and its end. */
#ifndef CORDON_AGENT_LINKS_CHILD_H
#define CORDON_AGENT_LINKS_CHILD_H

#include "common/proc/link.h"

/*
 * The loop of a child.  It is the first member of what its link to the
 * parent was given as ARG, where that link uses the two functions below.
 */
struct child_loop {
	struct event_base *base;
	int result; /* of the loop; the owner begins with ERR_CLOSED */
};

/* Handler of IPC_STOP: the loop ends with 0. */
int child_on_stop(void *arg, struct link *l, const uint8_t *payload,
    size_t len, int fd, struct why *why);
/* Nobody is there to say it any more: the loop ends with ERR_CLOSED. */
void child_on_parent_end(void *arg, struct link *l, const char *reason);

/* IPC_READY.  ERR_CLOSED: the parent has gone. */
int child_ready(struct link *parent, struct why *why);

#endif
