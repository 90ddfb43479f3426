/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The guard: every device of an isolated host covered, none of an open one.
 * It has no say of its own; the enforcer, which verified the order, tells
 * it what to let through and when to let go.
 */
#ifndef CORDON_GUARD_GUARD_H
#define CORDON_GUARD_GUARD_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/links/ipc.h"
#include "agent/links/ipc.pb-c.h"
#include "common/base/buf.h"
#include "common/base/err.h"

#define GUARD_LOOK_MS 250 /* between looks while closed */
#define GUARD_FOUND_MAX 32

struct event_base;
struct guard;

struct guard_calls {
	/* guard_pack has something new to tell. */
	void (*changed)(void *arg);
	/* Ask for a descriptor of XDP program ID (guard_program_take brings
	 * it); 0: all that were asked for are not needed any more. */
	void (*ask_program)(void *arg, uint32_t id);
	/* Ask for a link that holds one (guard_link_take brings it). */
	void (*ask_link)(void *arg, const struct ipc_guard_link *m);
	/* Ask for the next map of devices after that one (guard_map_take
	 * brings it). */
	void (*ask_map)(void *arg, uint32_t after);
};

/* Tries what this kernel gives; takes part in BASE.  CALLS is lent. */
int guard_new(struct event_base *base, const struct guard_calls *calls,
    void *arg, struct guard **out, struct why *why);
/* Everything off the devices, displaced programs put back if it can be. */
void guard_free(struct guard **g);

/* Carry out; M is checked here.  ERR_PROTO: not such a message. */
int guard_set(struct guard *g, const Cordon__GuardSet *m, struct why *why);
/* Takes FD (-1: it cannot be had). */
void guard_program_take(struct guard *g, uint32_t id, int fd);
/* The answer to ask_link; takes FD (-1: there is none). */
void guard_link_take(struct guard *g, const struct ipc_guard_link *m, int fd);
/* The answer to ask_map; takes FD (-1: there is none). */
void guard_map_take(struct guard *g, uint32_t id, int fd);

/*
 * Pack the state, with what was found since the last time.  ERR_LIMIT: it
 * does not fit into one message.
 */
int guard_pack(struct guard *g, struct buf *out);

#endif
