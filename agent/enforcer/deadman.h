/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What comes due: the deadlines of an order, and the dead-man's clock (when
 * did the collector speak last?).  Boot time: a stepped clock moves nothing.
 * After a restart of the process the time starts anew, so that a host is
 * never opened early.
 */
#ifndef CORDON_ENFORCER_DEADMAN_H
#define CORDON_ENFORCER_DEADMAN_H

#include <stdbool.h>
#include <stdint.h>

#include "common/wire/order.pb-c.h"

/* Deadlines in boot time; 0: none. */
struct deadlines {
	int64_t confirm_boot_ms; /* the collector has to confirm by then */
	int64_t restore_boot_ms; /* a live drill ends, or the review restores */
};

/*
 * Of an order that begins now.  No wall clock counts: the span until review
 * is what was signed, from now on by boot time.
 */
void deadlines_of(const Cordon__OrderBody *order, int64_t now_boot_ms,
    struct deadlines *out);

struct deadman {
	int64_t due_boot_ms; /* 0: never */
	int64_t after_ms;
	Cordon__DeadManThen then;
};

/* Take over what the order says (may be NULL: never). */
void deadman_set(struct deadman *d, const Cordon__DeadMan *order,
    int64_t now_boot_ms);
/* The collector was heard. */
void deadman_heard(struct deadman *d, int64_t now_boot_ms);
/*
 * Is it time?  *PROFILE is what the host shall be on then.  Once it was
 * due it is off until deadman_set.
 */
bool deadman_due(struct deadman *d, int64_t now_boot_ms,
    Cordon__Profile *profile);

#endif
