/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The state of the host.  Runs in the enforcer.  Orders come through
 * order_gate only; this file does not trust disk or kernel to be as they
 * were left.
 */
#include "agent/enforcer/isolation_int.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/enforcer/foreign.h"
#include "common/base/clock.h"
#include "common/base/log.h"

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

void
isolation_settle(struct isolation *i, bool kernel_agrees)
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

/* -- disk and kernel ----------------------------------------------------- */

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

int
isolation_enforce(struct isolation *i, int64_t *ack_us, struct why *why)
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

void
isolation_save_or_log(struct isolation *i)
{
	struct why why;

	if (save(i, &why) != 0)
		log_error("state not stored: %s", why.text);
}

void
isolation_cut_flows(struct isolation *i)
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

/* -- orders -------------------------------------------------------------- */

bool
isolation_drilling(const struct isolation *i)
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
	if (i->disk.confirm_boot_ms == 0 && !isolation_drilling(i))
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
	isolation_set_deadlines(i, b, !offline);
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
	isolation_save_or_log(i);
	rc = i->blind ? ERR_BADSTATE : isolation_enforce(i, NULL, &why);
	isolation_settle(i, rc == 0);
}

static void
applied(struct isolation *i, int64_t received_us, int64_t ack_us,
    bool was_closed, struct answer *out)
{
	uint8_t want[DIGEST_LEN];

	i->blind = false;
	deadman_set(&i->deadman, i->body->deadman, clock_boot_ms());
	isolation_wait_for_line(i, ISOLATION_SILENT_MS);
	isolation_settle(i, true);
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
	isolation_take_picture(i);
	rc = plan_state(i, body, order, len, out->offline);
	if (rc == 0)
		rc = save(i, &out->why);
	i->body = body;
	if (rc == 0)
		rc = isolation_enforce(i, &ack_us, &out->why);
	if (rc != 0) {
		undo(i, &before, old);
		cordon__order_body__free_unpacked(body, NULL);
		goto done;
	}
	if (old != NULL)
		cordon__order_body__free_unpacked(old, NULL);
	applied(i, received_us, ack_us, was_closed, out);
	if (!was_closed)
		isolation_keep_picture(i);
	isolation_tell_diverted(i, cage_diverted(i->cage));
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

void
isolation_remember(struct isolation *i, const uint8_t digest[DIGEST_LEN],
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
		isolation_cut_flows(i);
		look_behind(i);
	}
	if (i->unsaved)
		isolation_save_or_log(i);
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
			isolation_remember(i, gate.digest, out);
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
	isolation_save_or_log(i);
	isolation_settle(i, i->state != ISOLATION_BROKEN);
	i->calls->changed(i->arg);
	return 0;
}

/* -- telling ------------------------------------------------------------- */

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
