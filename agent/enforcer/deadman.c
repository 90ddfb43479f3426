/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Deadlines and the dead-man's clock.  Runs in the enforcer, pure.
 */
#include "agent/enforcer/deadman.h"

#include <string.h>

void
deadlines_of(const Cordon__OrderBody *order, int64_t now_boot_ms,
    struct deadlines *out)
{
	memset(out, 0, sizeof(*out));
	if (order->confirm_seconds > 0)
		out->confirm_boot_ms = now_boot_ms +
		    (int64_t)order->confirm_seconds * 1000;
	if (order->mode == CORDON__MODE__MODE_DRILL_LIVE ||
	    order->mode == CORDON__MODE__MODE_DRILL_COUNT) {
		out->restore_boot_ms = now_boot_ms +
		    (int64_t)order->drill_minutes * 60000;
	} else if (order->review_then ==
	    CORDON__REVIEW_THEN__REVIEW_RESTORE) {
		/*
		 * The whole span, by the clock that nobody can set: root on
		 * the host could put the other one past its end.
		 */
		out->restore_boot_ms = now_boot_ms + order->review_by_ms -
		    order->issued_at_ms;
	}
}

void
deadman_set(struct deadman *d, const Cordon__DeadMan *order,
    int64_t now_boot_ms)
{
	memset(d, 0, sizeof(*d));
	if (order == NULL || order->after_seconds == 0 ||
	    order->then == CORDON__DEAD_MAN_THEN__DEADMAN_STAY)
		return;
	d->then = order->then;
	d->after_ms = (int64_t)order->after_seconds * 1000;
	deadman_heard(d, now_boot_ms);
}

void
deadman_heard(struct deadman *d, int64_t now_boot_ms)
{
	if (d->after_ms != 0)
		d->due_boot_ms = now_boot_ms + d->after_ms;
}

bool
deadman_due(struct deadman *d, int64_t now_boot_ms, Cordon__Profile *profile)
{
	if (d->due_boot_ms == 0 || now_boot_ms < d->due_boot_ms)
		return false;
	*profile = d->then == CORDON__DEAD_MAN_THEN__DEADMAN_OPEN ?
	    CORDON__PROFILE__PROFILE_OPEN : CORDON__PROFILE__PROFILE_RECOVERY;
	memset(d, 0, sizeof(*d));
	return true;
}
