/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The inside of the state of the host, shared by isolation.c (orders and
 * what carries them out), isolation_start.c (a start), isolation_due.c
 * (times) and isolation_others.c (others at work).  Nobody else includes it.
 */
#ifndef CORDON_ENFORCER_ISOLATION_INT_H
#define CORDON_ENFORCER_ISOLATION_INT_H

#include "agent/enforcer/deadman.h"
#include "agent/enforcer/isolation.h"

#define OPEN CORDON__PROFILE__PROFILE_OPEN

struct isolation {
	struct isolation_config config;
	const struct isolation_calls *calls;
	void *arg;
	enum isolation_state state;
	bool same_boot; /* what disk says was written in this boot */
	bool blind; /* the state file is not to be trusted: the kernel's
		       rules stay as they are until an order comes */
	struct state disk;
	struct cage *cage;
	Cordon__OrderBody *body; /* of disk.current; NULL: never ordered */
	struct deadman deadman;
	struct buf picture; /* of the other rules, before isolation */
	bool pictured;
	int64_t relearn_ms; /* boot: if nothing is heard until then */
	int64_t silent_ms;  /* how long to wait; doubles */
	char diverted[GROUND_TEXT_MAX]; /* what was told last */
	bool unsaved; /* the answer is not on disk yet */
	bool uncut;   /* live flows are still to be ended */
};

/* -- isolation.c */
/* Where the host stands, from disk and from whether the kernel agreed. */
void isolation_settle(struct isolation *i, bool kernel_agrees);
/*
 * Make the kernel hold what disk.current and body say.  ACK_US: when it
 * acknowledged; may be NULL.
 */
int isolation_enforce(struct isolation *i, int64_t *ack_us, struct why *why);
void isolation_save_or_log(struct isolation *i);
void isolation_cut_flows(struct isolation *i);
/* Remember OUT for the same order coming again. */
void isolation_remember(struct isolation *i,
    const uint8_t digest[DIGEST_LEN], const struct answer *out);
bool isolation_drilling(const struct isolation *i);

/* -- isolation_due.c */
/* Deadlines of an order that begins (or begins anew after a boot) now. */
void isolation_set_deadlines(struct isolation *i,
    const Cordon__OrderBody *b, bool confirm);
/* Ask for the way anew when nothing is heard for MS. */
void isolation_wait_for_line(struct isolation *i, int64_t ms);

/* -- isolation_others.c */
/* The picture is taken once, while nothing of ours is there. */
void isolation_take_picture(struct isolation *i);
void isolation_keep_picture(struct isolation *i);
/* Once, not with every notice of the kernel. */
void isolation_tell_diverted(struct isolation *i, const char *text);

#endif
