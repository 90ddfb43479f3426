/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What comes due.  Runs in the enforcer; all times are of the boot clock,
 * which nobody can set.
 */
#include "agent/enforcer/isolation_int.h"

#include "common/base/clock.h"
#include "common/base/log.h"

#define SILENT_MAX_MS 600000

/* -- times --------------------------------------------------------------- */

void
isolation_set_deadlines(struct isolation *i,
    const Cordon__OrderBody *b, bool confirm)
{
	struct deadlines d;

	deadlines_of(b, clock_boot_ms(), &d);
	i->disk.confirm_boot_ms = confirm ? d.confirm_boot_ms : 0;
	i->disk.restore_boot_ms = d.restore_boot_ms;
	state_boot_id(i->disk.boot_id);
}

int64_t
isolation_next_ms(const struct isolation *i)
{
	const int64_t all[] = {i->disk.confirm_boot_ms,
	    i->disk.restore_boot_ms, i->deadman.due_boot_ms,
	    cage_closed(i->cage) ? i->relearn_ms : 0,
	    i->state == ISOLATION_BROKEN && !i->blind ?
	    clock_boot_ms() + ISOLATION_RETRY_MS : 0};
	int64_t next = 0;
	size_t k;

	for (k = 0; k < sizeof(all) / sizeof(all[0]); k++)
		if (all[k] != 0 && (next == 0 || all[k] < next))
			next = all[k];
	return next;
}

void
isolation_wait_for_line(struct isolation *i, int64_t ms)
{
	i->silent_ms = ms;
	i->relearn_ms = clock_boot_ms() + ms;
}

void
isolation_heard(struct isolation *i)
{
	deadman_heard(&i->deadman, clock_boot_ms());
	cage_heard(i->cage);
	isolation_wait_for_line(i, ISOLATION_SILENT_MS);
}

/* -- what comes due ------------------------------------------------------ */

/* Back to the state before the current order. */
static void
go_back(struct isolation *i)
{
	Cordon__OrderBody *body = NULL, *old = i->body;
	struct why why;
	int rc;

	if (i->disk.previous.order.len > 0) {
		body = order_gate_stored(&i->config.gate, &i->disk,
		    &i->disk.previous, &why);
		if (body == NULL)
			log_error("%s; nothing to go back to", why.text);
	}
	rc = desired_set(&i->disk.current,
	    body == NULL ? NULL : i->disk.previous.order.data,
	    body == NULL ? 0 : i->disk.previous.order.len,
	    body == NULL ? (uint8_t)OPEN : i->disk.previous.profile);
	if (rc != 0) {
		log_error("going back: %s", err_str(rc));
		if (body != NULL)
			cordon__order_body__free_unpacked(body, NULL);
		return;
	}
	desired_set(&i->disk.previous, NULL, 0, (uint8_t)OPEN);
	i->disk.confirm_boot_ms = i->disk.restore_boot_ms = 0;
	if (body != NULL)
		isolation_set_deadlines(i, body, false);
	i->disk.since_ms = clock_wall_ms();
	isolation_save_or_log(i);
	i->body = body;
	rc = isolation_enforce(i, NULL, &why);
	if (old != NULL)
		cordon__order_body__free_unpacked(old, NULL);
	if (rc != 0)
		log_error("going back: %s", why.text);
	deadman_set(&i->deadman, body == NULL ? NULL : body->deadman,
	    clock_boot_ms());
	isolation_settle(i, rc == 0);
	isolation_cut_flows(i);
}

static void
revert(struct isolation *i)
{
	uint8_t digest[DIGEST_LEN], want[DIGEST_LEN];
	struct answer a;

	answer_init(&a, i->body);
	digest_of(i->disk.current.order.data, i->disk.current.order.len,
	    digest);
	go_back(i);
	a.result = CORDON__ANSWER_RESULT__ANSWER_REVERTED;
	a.at_ms = clock_wall_ms();
	why_set(&a.why, 0, "not confirmed in time; the state before is in "
	    "force again");
	cage_digests(i->cage, want, a.digest);
	isolation_remember(i, digest, &a);
	answer_log(i->config.gate.host_id, &a);
	i->calls->answer(i->arg, &a);
	isolation_answered(i);
	i->calls->changed(i->arg);
}

/* The order stays; what it has come to is another profile. */
static void
become(struct isolation *i, Cordon__Profile profile, const char *cause)
{
	struct why why;
	int rc;

	log_info("%s: order %s becomes profile %d", cause,
	    i->body != NULL ? i->body->order_id : "none", (int)profile);
	i->disk.current.profile = (uint8_t)profile;
	i->disk.confirm_boot_ms = i->disk.restore_boot_ms = 0;
	i->disk.since_ms = clock_wall_ms();
	isolation_save_or_log(i);
	rc = isolation_enforce(i, NULL, &why);
	if (rc != 0)
		log_error("%s: %s", cause, why.text);
	isolation_settle(i, rc == 0);
	i->calls->changed(i->arg);
}

/* A gateway may have been replaced: who is it now? */
static void
relearn(struct isolation *i)
{
	struct why why;

	isolation_wait_for_line(i, i->silent_ms < SILENT_MAX_MS ?
	    i->silent_ms * 2 : SILENT_MAX_MS);
	log_info("the collector was not heard for long; asking for the next "
	    "hop anew");
	if (cage_relearn(i->cage, &why) != 0) {
		log_error("next hop: %s", why.text);
		isolation_settle(i, false);
	}
}

void
isolation_tick(struct isolation *i)
{
	int64_t now = clock_boot_ms();
	Cordon__Profile profile;
	struct why why;

	if (i->disk.confirm_boot_ms != 0 && now >= i->disk.confirm_boot_ms) {
		revert(i);
		return;
	}
	if (i->disk.restore_boot_ms != 0 && now >= i->disk.restore_boot_ms) {
		if (isolation_drilling(i)) {
			log_info("the drill of order %s is over",
			    i->body->order_id);
			go_back(i);
			i->calls->changed(i->arg);
		} else {
			become(i, OPEN, "review time");
		}
		return;
	}
	if (deadman_due(&i->deadman, now, &profile) &&
	    i->disk.current.profile != OPEN)
		become(i, profile, "dead-man");
	if (cage_closed(i->cage) && i->relearn_ms != 0 &&
	    now >= i->relearn_ms)
		relearn(i);
	if (i->state == ISOLATION_BROKEN && !i->blind) {
		if (isolation_enforce(i, NULL, &why) == 0) {
			isolation_settle(i, true);
			isolation_cut_flows(i);
			i->calls->changed(i->arg);
		}
	}
}
