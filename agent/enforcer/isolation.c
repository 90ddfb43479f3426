/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The state of the host.  Runs in the enforcer.  Orders come through
 * order_gate only; this file does not trust disk or kernel to be as they
 * were left.
 */
#include "agent/enforcer/isolation.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/enforcer/deadman.h"
#include "agent/enforcer/foreign.h"
#include "common/base/clock.h"
#include "common/base/file.h"
#include "common/base/log.h"

#define OPEN CORDON__PROFILE__PROFILE_OPEN
#define SILENT_MAX_MS 600000

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

const char *
isolation_state_str(enum isolation_state s)
{
	static const char *const names[] = {"starting", "open", "pending",
	    "in force", "broken"};

	return names[s];
}

/* The one place where the state changes. */
static void
step(struct isolation *i, enum isolation_state to)
{
	static const bool possible[5][5] = {
	    /* to: starting open pending in-force broken */
	    [ISOLATION_STARTING] = {0, 1, 1, 1, 1},
	    [ISOLATION_OPEN] = {0, 1, 1, 1, 1},
	    [ISOLATION_PENDING] = {0, 1, 1, 1, 1},
	    [ISOLATION_IN_FORCE] = {0, 1, 1, 1, 1},
	    [ISOLATION_BROKEN] = {0, 1, 1, 1, 1},
	};

	if (!possible[i->state][to]) {
		log_error("impossible step from %s to %s",
		    isolation_state_str(i->state), isolation_state_str(to));
		return;
	}
	if (i->state != to)
		log_info("host %s: %s -> %s (order %s, epoch %llu)",
		    i->config.gate.host_id, isolation_state_str(i->state),
		    isolation_state_str(to),
		    i->body != NULL ? i->body->order_id : "none",
		    (unsigned long long)i->disk.epoch);
	i->state = to;
}

/* Where the host stands, from disk and from whether the kernel agreed. */
static void
settle(struct isolation *i, bool kernel_agrees)
{
	if (!kernel_agrees)
		step(i, ISOLATION_BROKEN);
	else if (i->disk.confirm_boot_ms != 0)
		step(i, ISOLATION_PENDING);
	else if (i->disk.current.profile == OPEN)
		step(i, ISOLATION_OPEN);
	else
		step(i, ISOLATION_IN_FORCE);
}

int
isolation_new(const struct isolation_config *config,
    const struct isolation_calls *calls, void *arg, struct isolation **out,
    struct why *why)
{
	struct isolation *i;
	int rc;

	i = calloc(1, sizeof(*i));
	if (i == NULL)
		return why_set(why, ERR_NOMEM, "isolation");
	i->config = *config;
	i->calls = calls;
	i->arg = arg;
	state_init(&i->disk);
	buf_init(&i->picture, FOREIGN_MAX);
	rc = cage_open(&(struct cage_config){config->network_uid,
	    config->owner_fd, config->without, config->collectors,
	    config->ncollectors}, &i->cage, why);
	if (rc != 0) {
		isolation_free(&i);
		return rc;
	}
	*out = i;
	return 0;
}

void
isolation_free(struct isolation **out)
{
	struct isolation *i = *out;

	if (i == NULL)
		return;
	cage_close(&i->cage);
	state_done(&i->disk);
	buf_done(&i->picture);
	if (i->body != NULL)
		cordon__order_body__free_unpacked(i->body, NULL);
	free(i);
	*out = NULL;
}

/* -- times ---------------------------------------------------------------- */

/* Deadlines of an order that begins (or begins anew after a boot) now. */
static void
set_deadlines(struct isolation *i, const Cordon__OrderBody *b, bool confirm)
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

/* Ask for the way anew when nothing is heard for MS. */
static void
wait_for_line(struct isolation *i, int64_t ms)
{
	i->silent_ms = ms;
	i->relearn_ms = clock_boot_ms() + ms;
}

void
isolation_heard(struct isolation *i)
{
	deadman_heard(&i->deadman, clock_boot_ms());
	cage_heard(i->cage);
	wait_for_line(i, ISOLATION_SILENT_MS);
}

/* -- disk and kernel ------------------------------------------------------ */

/* Take BODY (may be NULL) as that of the current order. */
static void
take_body(struct isolation *i, Cordon__OrderBody *body)
{
	Cordon__OrderBody *old = i->body;

	i->body = body;
	if (old != NULL && old != body)
		cordon__order_body__free_unpacked(old, NULL);
}

/* A strict order that came to recovery: the peers it signed for that. */
static void
take_recovery_list(const struct isolation *i)
{
	Cordon__OrderBody *b = i->body;

	if (b == NULL || b->n_allowed > 0 ||
	    i->disk.current.profile != CORDON__PROFILE__PROFILE_RECOVERY)
		return;
	b->allowed = b->deadman_allowed;
	b->n_allowed = b->n_deadman_allowed;
	b->deadman_allowed = NULL;
	b->n_deadman_allowed = 0;
}

/* Make the kernel hold what disk.current and body say. */
static int
enforce(struct isolation *i, int64_t *ack_us, struct why *why)
{
	if (i->disk.current.profile == OPEN && i->calls->opening != NULL)
		i->calls->opening(i->arg);
	take_recovery_list(i);
	return cage_set(i->cage, i->body,
	    (Cordon__Profile)i->disk.current.profile, ack_us, why);
}

static int
save(struct isolation *i, struct why *why)
{
	i->unsaved = false;
	return state_save(i->config.state_dir, &i->disk, why);
}

static void
save_or_log(struct isolation *i)
{
	struct why why;

	if (save(i, &why) != 0)
		log_error("state not stored: %s", why.text);
}

static void
cut_flows(struct isolation *i)
{
	struct flows_cut cut;
	struct why why;

	i->uncut = false;
	if (cage_cut_flows(i->cage, &cut, &why) != 0)
		log_warn("live flows: %s", why.text);
	else if (cage_closed(i->cage))
		log_info("live flows: %zu sockets and %zu tracked "
		    "connections ended, %zu left to the rules", cut.sockets,
		    cut.tracked, cut.left);
}

/* -- start ---------------------------------------------------------------- */

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
	set_deadlines(i, i->body, i->disk.confirm_boot_ms != 0);
	if (i->body->mode == CORDON__MODE__MODE_DRILL_LIVE ||
	    i->body->mode == CORDON__MODE__MODE_DRILL_COUNT)
		i->disk.restore_boot_ms = 1; /* no drill outlives a boot */
	save_or_log(i);
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
		save_or_log(i);
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
	wait_for_line(i, ISOLATION_SILENT_MS);
	return 0;
}

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
		settle(i, false);
		return rc;
	}
	if (foreign_load(i->config.state_dir, &i->picture, NULL) == 0)
		i->pictured = true;
	gone = robbed(i);
	rc2 = enforce(i, NULL, why);
	settle(i, rc2 == 0);
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

/* -- orders --------------------------------------------------------------- */

/* The picture is taken once, while nothing of ours is there. */
static void
take_picture(struct isolation *i)
{
	struct why why;

	if (i->disk.current.profile != OPEN)
		return;
	buf_clear(&i->picture);
	i->pictured = cage_foreign(i->cage, &i->picture, &why) == 0;
	if (!i->pictured)
		log_warn("%s", why.text);
}

static void
keep_picture(struct isolation *i)
{
	struct why why;

	if (i->pictured &&
	    foreign_save(i->config.state_dir, &i->picture, &why) != 0)
		log_warn("picture of the other rules not stored: %s",
		    why.text);
}

int
isolation_foreign(struct isolation *i, char *out, size_t size,
    struct why *why)
{
	struct buf now;
	int rc;

	if (!i->pictured)
		return why_set(why, ERR_NOENT,
		    "no picture of the other rules was taken");
	buf_init(&now, FOREIGN_MAX);
	rc = cage_foreign(i->cage, &now, why);
	if (rc == 0)
		foreign_compare(&i->picture, &now, out, size);
	buf_done(&now);
	return rc;
}

static bool
drilling(const struct isolation *i)
{
	return i->body != NULL &&
	    (i->body->mode == CORDON__MODE__MODE_DRILL_LIVE ||
	    i->body->mode == CORDON__MODE__MODE_DRILL_COUNT);
}

/*
 * What disk shall say once ORDER is in force.  OFFLINE: there is no line on
 * which the collector could confirm it; who stands at the console does.
 */
static int
plan_state(struct isolation *i, const Cordon__OrderBody *b,
    const void *order, size_t len, bool offline)
{
	int rc = 0;

	/* Go back to the last state that was confirmed, not to another
	 * one that waits itself, and never to a drill. */
	if (i->disk.confirm_boot_ms == 0 && !drilling(i))
		rc = desired_set(&i->disk.previous,
		    i->disk.current.order.data, i->disk.current.order.len,
		    i->disk.current.profile);
	if (rc == 0)
		rc = desired_set(&i->disk.current, order, len,
		    (uint8_t)b->profile);
	if (rc != 0)
		return rc;
	i->disk.epoch = b->epoch;
	i->disk.since_ms = clock_wall_ms();
	i->disk.tampers = 0;
	buf_clear(&i->disk.answer);
	set_deadlines(i, b, !offline);
	return 0;
}

/* Undo a plan that could not be carried out: disk, then kernel, as before. */
static void
undo(struct isolation *i, struct state *before, Cordon__OrderBody *body)
{
	struct why why;
	int rc;

	state_done(&i->disk);
	i->disk = *before;
	state_init(before);
	i->body = body;
	save_or_log(i);
	rc = i->blind ? ERR_BADSTATE : enforce(i, NULL, &why);
	settle(i, rc == 0);
}

static void
applied(struct isolation *i, int64_t received_us, int64_t ack_us,
    bool was_closed, struct answer *out)
{
	uint8_t want[DIGEST_LEN];

	i->blind = false;
	deadman_set(&i->deadman, i->body->deadman, clock_boot_ms());
	wait_for_line(i, ISOLATION_SILENT_MS);
	settle(i, true);
	out->result = CORDON__ANSWER_RESULT__ANSWER_APPLIED;
	out->took_us = (uint64_t)(ack_us - received_us);
	cage_digests(i->cage, want, out->digest);
	i->uncut = true;
	if (was_closed && i->disk.current.profile == OPEN &&
	    isolation_foreign(i, out->foreign, sizeof(out->foreign),
	    NULL) != 0)
		snprintf(out->foreign, sizeof(out->foreign),
		    "not compared: no picture was taken before isolation");
}

/* Once, not with every notice of the kernel. */
static void
tell_diverted(struct isolation *i, const char *text)
{
	if (!cage_closed(i->cage))
		text = "";
	if (strcmp(text, i->diverted) != 0 && text[0] != '\0')
		i->calls->diverted(i->arg, text);
	snprintf(i->diverted, sizeof(i->diverted), "%s", text);
}

static void
carry_out(struct isolation *i, Cordon__OrderBody *body, const void *order,
    size_t len, int64_t received_us, struct answer *out)
{
	bool was_closed = i->disk.current.profile != OPEN;
	Cordon__OrderBody *old = i->body;
	struct state before;
	int64_t ack_us = 0;
	int rc;

	out->result = CORDON__ANSWER_RESULT__ANSWER_FAILED;
	state_init(&before);
	rc = state_copy(&before, &i->disk);
	if (rc != 0) {
		why_set(&out->why, rc, "state: %s", err_str(rc));
		cordon__order_body__free_unpacked(body, NULL);
		goto done;
	}
	take_picture(i);
	rc = plan_state(i, body, order, len, out->offline);
	if (rc == 0)
		rc = save(i, &out->why);
	i->body = body;
	if (rc == 0)
		rc = enforce(i, &ack_us, &out->why);
	if (rc != 0) {
		undo(i, &before, old);
		cordon__order_body__free_unpacked(body, NULL);
		goto done;
	}
	if (old != NULL)
		cordon__order_body__free_unpacked(old, NULL);
	applied(i, received_us, ack_us, was_closed, out);
	if (!was_closed)
		keep_picture(i);
	tell_diverted(i, cage_diverted(i->cage));
done:
	state_done(&before);
}

/* The kernel says whether it would take it; only the epoch moves on. */
static void
drill_dry(struct isolation *i, const Cordon__OrderBody *body,
    int64_t received_us, struct answer *out)
{
	uint64_t before = i->disk.epoch;
	int rc;

	out->result = CORDON__ANSWER_RESULT__ANSWER_FAILED;
	rc = cage_rehearse(i->cage, body, body->profile, &out->why);
	out->took_us = (uint64_t)(clock_boot_us() - received_us);
	if (rc != 0)
		return;
	i->disk.epoch = body->epoch;
	if (save(i, &out->why) != 0) {
		i->disk.epoch = before;
		return;
	}
	out->result = CORDON__ANSWER_RESULT__ANSWER_DRILLED;
}

/* Remember OUT for the same order coming again. */
static void
remember(struct isolation *i, const uint8_t digest[DIGEST_LEN],
    const struct answer *out)
{
	buf_clear(&i->disk.answer);
	memcpy(i->disk.answered, digest, DIGEST_LEN);
	if (answer_pack(out, &i->disk.answer) != 0)
		buf_clear(&i->disk.answer);
	i->unsaved = true;
}

/* What nothing at this hook can prevent is at least told. */
static void
look_behind(struct isolation *i)
{
	char name[128], text[GROUND_TEXT_MAX];
	struct why why;

	if (cage_behind(i->cage, name, sizeof(name), &why) != 0) {
		log_warn("%s", why.text);
	} else if (name[0] != '\0') {
		snprintf(text, sizeof(text), "%s was there before the "
		    "isolation and stands behind its rules: it can rewrite "
		    "what leaves", name);
		i->calls->diverted(i->arg, text);
	}
}

void
isolation_answered(struct isolation *i)
{
	if (i->uncut) {
		cut_flows(i);
		look_behind(i);
	}
	if (i->unsaved)
		save_or_log(i);
}

void
isolation_order(struct isolation *i, const void *order, size_t len,
    int64_t received_us, bool offline, struct answer *out)
{
	struct gate_result gate;
	struct why why = {""};
	bool dry;

	order_gate_check(&i->config.gate, &i->disk, order, len,
	    offline ? 0 : clock_wall_ms(), &gate, &why);
	answer_init(out, gate.body);
	if (gate.body == NULL)
		order_gate_label(order, len, out->order_id, &out->epoch);
	out->verdict = gate.verdict;
	out->offline = offline;
	out->at_ms = clock_wall_ms();
	if (gate.says == GATE_REPEAT && answer_unpack(i->disk.answer.data,
	    i->disk.answer.len, out) == 0) {
		log_debug("order %s was answered before", out->order_id);
	} else if (gate.says == GATE_FORCED && isolation_check(i,
	    &out->why) == 0) {
		uint8_t want[DIGEST_LEN];

		out->verdict = VERDICT_GOOD;
		out->result = CORDON__ANSWER_RESULT__ANSWER_APPLIED;
		cage_digests(i->cage, want, out->digest);
	} else if (gate.says != GATE_TAKE) {
		out->result = CORDON__ANSWER_RESULT__ANSWER_REFUSED;
		out->why = why;
	} else {
		dry = gate.body->mode == CORDON__MODE__MODE_DRILL_DRY;
		if (dry) {
			drill_dry(i, gate.body, received_us, out);
		} else {
			carry_out(i, gate.body, order, len, received_us, out);
			gate.body = NULL; /* taken */
		}
		out->at_ms = clock_wall_ms();
		if (out->result != CORDON__ANSWER_RESULT__ANSWER_FAILED)
			remember(i, gate.digest, out);
		if (!dry)
			i->calls->changed(i->arg);
	}
	if (gate.body != NULL)
		cordon__order_body__free_unpacked(gate.body, NULL);
	answer_log(i->config.gate.host_id, out);
}

int
isolation_confirm(struct isolation *i, const char *order_id,
    const void *secret, size_t len, struct why *why)
{
	uint8_t sum[DIGEST_LEN];

	if (i->disk.confirm_boot_ms == 0 || i->body == NULL ||
	    strcmp(i->body->order_id, order_id) != 0)
		return why_set(why, ERR_BADSTATE,
		    "no such order waits for a confirmation");
	digest_of(secret, len, sum);
	if (i->body->confirm_hash.len != DIGEST_LEN ||
	    !bytes_equal(sum, i->body->confirm_hash.data, DIGEST_LEN))
		return why_set(why, ERR_PERM, "not the secret of the order");
	i->disk.confirm_boot_ms = 0;
	save_or_log(i);
	settle(i, i->state != ISOLATION_BROKEN);
	i->calls->changed(i->arg);
	return 0;
}

/* -- what comes due -------------------------------------------------------- */

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
		set_deadlines(i, body, false);
	i->disk.since_ms = clock_wall_ms();
	save_or_log(i);
	i->body = body;
	rc = enforce(i, NULL, &why);
	if (old != NULL)
		cordon__order_body__free_unpacked(old, NULL);
	if (rc != 0)
		log_error("going back: %s", why.text);
	deadman_set(&i->deadman, body == NULL ? NULL : body->deadman,
	    clock_boot_ms());
	settle(i, rc == 0);
	cut_flows(i);
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
	remember(i, digest, &a);
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
	save_or_log(i);
	rc = enforce(i, NULL, &why);
	if (rc != 0)
		log_error("%s: %s", cause, why.text);
	settle(i, rc == 0);
	i->calls->changed(i->arg);
}

/* A gateway may have been replaced: who is it now? */
static void
relearn(struct isolation *i)
{
	struct why why;

	wait_for_line(i, i->silent_ms < SILENT_MAX_MS ? i->silent_ms * 2 :
	    SILENT_MAX_MS);
	log_info("the collector was not heard for long; asking for the next "
	    "hop anew");
	if (cage_relearn(i->cage, &why) != 0) {
		log_error("next hop: %s", why.text);
		settle(i, false);
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
		if (drilling(i)) {
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
		if (enforce(i, NULL, &why) == 0) {
			settle(i, true);
			cut_flows(i);
			i->calls->changed(i->arg);
		}
	}
}

/* -- others at work -------------------------------------------------------- */

void
isolation_ground(struct isolation *i)
{
	char text[GROUND_TEXT_MAX];
	bool changed;
	struct why why;
	int rc;

	if (i->blind)
		return;
	rc = cage_follow(i->cage, &changed, text, &why);
	if (rc != 0) {
		log_error("following devices and routes: %s", why.text);
		settle(i, false);
		return;
	}
	if (!cage_closed(i->cage))
		return;
	tell_diverted(i, text);
	if (changed)
		i->calls->changed(i->arg);
}

/* Somebody changed our tables: count, repair, tell. */
static int
mend(struct isolation *i, const struct watch_who *who, const char *diff)
{
	struct why why = {""};
	int rc;

	rc = cage_repair(i->cage, &why);
	i->disk.tampers++;
	i->unsaved = true;
	if (rc != 0)
		log_error("rules touched and not repaired: %s", why.text);
	i->calls->tamper(i->arg, who, diff, rc == 0);
	settle(i, rc == 0);
	isolation_answered(i);
	return rc;
}

void
isolation_ruleset_touched(struct isolation *i, const struct watch_who *who)
{
	char diff[256] = "";
	struct why why;

	if (i->blind)
		return;
	if (cage_verify(i->cage, diff, sizeof(diff), &why) != ERR_BADSTATE) {
		if (cage_closed(i->cage) && who->pid != 0)
			i->calls->others(i->arg, who);
		return;
	}
	mend(i, who, diff);
	i->calls->changed(i->arg);
}

int
isolation_check(struct isolation *i, struct why *why)
{
	static const struct watch_who nobody;
	char diff[256] = "";
	int rc;

	if (i->blind)
		return why_set(why, ERR_BADSTATE, "what is on disk could not be "
		    "believed; the rules found are kept");
	rc = cage_verify(i->cage, diff, sizeof(diff), why);
	if (rc == ERR_BADSTATE) {
		why_set(why, ERR_BADSTATE, "rules differed: %s", diff);
		rc = mend(i, &nobody, diff);
	}
	return rc;
}

/* -- telling -------------------------------------------------------------- */

enum isolation_state
isolation_state(const struct isolation *i)
{
	return i->state;
}

Cordon__Profile
isolation_profile(const struct isolation *i)
{
	return (Cordon__Profile)i->disk.current.profile;
}

const Cordon__OrderBody *
isolation_body(const struct isolation *i)
{
	return i->body;
}

struct cage *
isolation_cage(struct isolation *i)
{
	return i->cage;
}

void
isolation_fill_state(struct isolation *i, Cordon__State *s,
    uint8_t digest[DIGEST_LEN])
{
	uint8_t want[DIGEST_LEN];

	s->epoch = i->disk.epoch;
	if (i->body != NULL)
		s->order_id = i->body->order_id;
	/* what only counts leaves the host open */
	s->profile = cage_closed(i->cage) && !cage_cuts(i->cage) ? OPEN :
	    isolation_profile(i);
	cage_digests(i->cage, want, digest);
	s->ruleset_digest.data = digest;
	s->ruleset_digest.len = cage_present(i->cage) ? DIGEST_LEN : 0;
	s->confirmed = i->disk.confirm_boot_ms == 0;
	s->since_ms = i->disk.since_ms;
	s->dropped_packets = cage_dropped(i->cage);
	s->tampers = i->disk.tampers;
}
