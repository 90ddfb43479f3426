/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the enforcer has to say to the collector and must not lose: answers
 * to orders, and signals of tampering.  They wait here, bounded, while the
 * network process is away.
 */
#ifndef CORDON_ENFORCER_TELL_H
#define CORDON_ENFORCER_TELL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/enforcer/answer.h"
#include "agent/enforcer/watch.h"
#include "agent/links/untaken.h"
#include "common/base/buf.h"

/* Kept while the network process is away. */
#define TELL_ANSWERS_MAX 8 /* the newest */
#define TELL_OTHERS_GAP_MS 60000 /* between two of the same program */

struct link;

struct tell {
	struct link *network; /* lent by the hub; NULL: away */
	struct answer late[TELL_ANSWERS_MAX];
	size_t nlate;
	struct untaken signals; /* of tampering; the first ones tell most */
	uint32_t others_pid; /* who was told of last, and when */
	int64_t others_ms;
};

/* All zero is a good start; what waits is freed. */
void tell_done(struct tell *t);

/* Send B by L (NULL: nobody is there) and free it; what fails is logged. */
int tell_buf(struct link *l, uint32_t kind, struct buf *b);

void tell_answer(struct tell *t, const struct answer *a);
/* A packed Signal, now or when the network process is there again. */
void tell_signal(struct tell *t, const uint8_t *data, size_t len);
/* The network process is there again: all that waited, or may be lost. */
void tell_late(struct tell *t);

/* Our rules were touched; WHO may be nobody, WHAT is the evidence. */
void tell_tamper(struct tell *t, const struct watch_who *who,
    const char *what, bool repaired);
void tell_diverted(struct tell *t, const char *what);
/*
 * Other rules were changed.  Once a minute for each program: a firewall
 * that starts anew makes many changes.
 */
void tell_others(struct tell *t, const struct watch_who *who);

#endif
