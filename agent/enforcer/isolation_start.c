/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A start of the enforcer.  What disk says is not trusted before it was
 * looked at, and neither kernel nor disk to be as they were left.
 */
#include "agent/enforcer/isolation_int.h"

#include <stdio.h>
#include <string.h>

#include "agent/enforcer/foreign.h"
#include "common/base/clock.h"
#include "common/base/file.h"
#include "common/base/log.h"

/* -- disk ---------------------------------------------------------------- */

/* Take BODY (may be NULL) as that of the current order. */
static void
take_body(struct isolation *i, Cordon__OrderBody *body)
{
	Cordon__OrderBody *old = i->body;

	i->body = body;
	if (old != NULL && old != body)
		cordon__order_body__free_unpacked(old, NULL);
}

/* A file that cannot be believed is kept aside for people to look at. */
static void
distrust(struct isolation *i, const struct why *why)
{
	char from[4096], to[4096];

	log_error("%s; rules that stand are kept until a new order comes",
	    why->text);
	if (file_join(from, sizeof(from), i->config.state_dir,
	    STATE_FILE) == 0 && file_join(to, sizeof(to),
	    i->config.state_dir, STATE_FILE_BAD) == 0)
		rename(from, to);
	state_done(&i->disk);
	state_init(&i->disk);
	i->blind = cage_present(i->cage);
}

/* After another boot the boot clock is new: deadlines begin again. */
static void
renew_deadlines(struct isolation *i)
{
	char id[STATE_BOOT_ID_LEN + 1] = "";

	i->same_boot = state_boot_id(id) == 0 &&
	    strcmp(id, i->disk.boot_id) == 0;
	if (i->same_boot || id[0] == '\0')
		return;
	isolation_set_deadlines(i, i->body, i->disk.confirm_boot_ms != 0);
	if (i->body->mode == CORDON__MODE__MODE_DRILL_LIVE ||
	    i->body->mode == CORDON__MODE__MODE_DRILL_COUNT)
		i->disk.restore_boot_ms = 1; /* no drill outlives a boot */
	isolation_save_or_log(i);
}

static int
load(struct isolation *i, struct why *why)
{
	Cordon__OrderBody *body;
	int rc;

	if (state_reserve(i->config.state_dir, why) != 0)
		log_warn("no spare for a full disk: %s", why->text);
	rc = state_load(i->config.state_dir, &i->disk, why);
	if (rc == ERR_NOENT) {
		/* There from the first day, so that two files take turns. */
		isolation_save_or_log(i);
		return 0;
	}
	if (rc == ERR_CORRUPT) {
		distrust(i, why);
		return rc;
	}
	if (rc != 0)
		return rc;
	if (i->disk.current.order.len == 0)
		return 0;
	body = order_gate_stored(&i->config.gate, &i->disk,
	    &i->disk.current, why);
	if (body == NULL) {
		distrust(i, why);
		return ERR_CORRUPT;
	}
	take_body(i, body);
	renew_deadlines(i);
	deadman_set(&i->deadman, body->deadman, clock_boot_ms());
	isolation_wait_for_line(i, ISOLATION_SILENT_MS);
	return 0;
}

/* -- kernel -------------------------------------------------------------- */

/* The process ended between kernel and answer: give it now. */
static void
late_answer(struct isolation *i)
{
	uint8_t want[DIGEST_LEN];
	struct answer a;

	answer_init(&a, i->body);
	a.result = CORDON__ANSWER_RESULT__ANSWER_APPLIED;
	a.at_ms = clock_wall_ms();
	cage_digests(i->cage, want, a.digest);
	digest_of(i->disk.current.order.data, i->disk.current.order.len,
	    i->disk.answered);
	buf_clear(&i->disk.answer);
	if (answer_pack(&a, &i->disk.answer) == 0)
		i->unsaved = true;
	i->calls->answer(i->arg, &a);
}

/*
 * Closed and answered in this boot, and now nothing stands: somebody took
 * the rules while nobody owned them.
 */
static bool
robbed(const struct isolation *i)
{
	return i->disk.current.profile != OPEN && i->disk.answer.len > 0 &&
	    !cage_present(i->cage) && i->same_boot;
}

int
isolation_start(struct isolation *i, struct why *why)
{
	static const struct watch_who nobody;
	bool gone;
	int rc, rc2;

	rc = load(i, why);
	if (rc == ERR_CORRUPT)
		i->calls->tamper(i->arg, &nobody, "the state file of the "
		    "enforcer could not be believed; it was put aside",
		    false);
	if (i->blind || (rc != 0 && rc != ERR_CORRUPT)) {
		/* unreadable is not "open": what stands, stands */
		i->blind = true;
		isolation_settle(i, false);
		return rc;
	}
	if (foreign_load(i->config.state_dir, &i->picture, NULL) == 0)
		i->pictured = true;
	gone = robbed(i);
	rc2 = isolation_enforce(i, NULL, why);
	isolation_settle(i, rc2 == 0);
	if (gone) {
		i->disk.tampers++;
		i->unsaved = true;
		i->calls->tamper(i->arg, &nobody, "the rules were gone when "
		    "the enforcer started", rc2 == 0);
	}
	if (rc2 == 0 && i->disk.current.order.len > 0 &&
	    i->disk.answer.len == 0)
		late_answer(i);
	i->calls->changed(i->arg);
	return rc2 != 0 ? rc2 : rc;
}
