/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The one state of this host, and everything that may change it: orders,
 * their confirmation, deadlines, devices and tampering.  Each change goes to
 * disk first, then to the kernel, is read back, and only then answered.
 */
#ifndef CORDON_ENFORCER_ISOLATION_H
#define CORDON_ENFORCER_ISOLATION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/enforcer/answer.h"
#include "agent/enforcer/cage.h"
#include "agent/enforcer/order_gate.h"
#include "agent/enforcer/watch.h"
#include "common/wire/agent.pb-c.h"

enum isolation_state {
	ISOLATION_STARTING, /* not yet compared with the kernel */
	ISOLATION_OPEN,	    /* no table of ours */
	ISOLATION_PENDING,  /* as ordered, the collector has to confirm it */
	ISOLATION_IN_FORCE, /* closed as ordered */
	ISOLATION_BROKEN,   /* the kernel does not hold what it should */
};
#define ISOLATION_RETRY_MS 1000 /* while broken */

struct isolation_config {
	const char *state_dir; /* lent, as all of it */
	struct order_gate gate;
	uint32_t network_uid;
	int owner_fd;	      /* the socket that was parked; -1: none */
	unsigned int without; /* features not to be used */
	Cordon__Endpoint **collectors; /* of enrolment */
	size_t ncollectors;
};
#define ISOLATION_SILENT_MS 60000 /* then the way is asked anew */

/* What isolation tells by itself; each may be called from any function. */
struct isolation_calls {
	void (*changed)(void *arg); /* IPC_STATE and a proof are due */
	void (*answer)(void *arg, const struct answer *a);
	void (*tamper)(void *arg, const struct watch_who *who,
	    const char *what, bool repaired);
	/* The line to the collector was led elsewhere, or goes elsewhere;
	 * somebody's chain could do that. */
	void (*diverted)(void *arg, const char *what);
	/* Somebody changed other rules while we are closed. */
	void (*others)(void *arg, const struct watch_who *who);
	/* The rules are about to go; what else holds frames back lets go
	 * first.  May be NULL. */
	void (*opening)(void *arg);
};

struct isolation;

int isolation_new(const struct isolation_config *config,
    const struct isolation_calls *calls, void *arg, struct isolation **out,
    struct why *why);
void isolation_free(struct isolation **i);

/*
 * Make kernel and disk agree, after whatever ended the last process.  An
 * error leaves the state broken, to be retried; rules that stand are never
 * lifted because of one.
 */
int isolation_start(struct isolation *i, struct why *why);

/*
 * Carry out a signed order.  RECEIVED_US: boot time when it came.  OFFLINE:
 * from root at the console, looked at without the clock.  OUT is always
 * filled; call isolation_answered after it was sent.
 */
void isolation_order(struct isolation *i, const void *order, size_t len,
    int64_t received_us, bool offline, struct answer *out);
/*
 * What can wait until the answer is out: end live flows (the rules stop
 * their packets already) and keep the answer for the same order again.
 */
void isolation_answered(struct isolation *i);

/* ERR_BADSTATE: nothing to confirm, ERR_PERM: not the secret. */
int isolation_confirm(struct isolation *i, const char *order_id,
    const void *secret, size_t len, struct why *why);

void isolation_heard(struct isolation *i); /* the collector spoke */
void isolation_tick(struct isolation *i);  /* act on what is due */
int64_t isolation_next_ms(const struct isolation *i); /* boot; 0: nothing */
/* Devices, addresses, routes or neighbours changed. */
void isolation_ground(struct isolation *i);
void isolation_ruleset_touched(struct isolation *i,
    const struct watch_who *who);

/* Read back now, repair and tell if needed.  0, or why it is not good. */
int isolation_check(struct isolation *i, struct why *why);

enum isolation_state isolation_state(const struct isolation *i);
const char *isolation_state_str(enum isolation_state s);
Cordon__Profile isolation_profile(const struct isolation *i);
const Cordon__OrderBody *isolation_body(const struct isolation *i);
struct cage *isolation_cage(struct isolation *i);
/* Fields point into I and DIGEST. */
void isolation_fill_state(struct isolation *i, Cordon__State *s,
    uint8_t digest[DIGEST_LEN]);

/*
 * Compare other people's rules with the picture taken before isolation.
 * ERR_NOENT: there is no picture.  OUT: "" if they are the same.
 */
int isolation_foreign(struct isolation *i, char *out, size_t size,
    struct why *why);

#endif
