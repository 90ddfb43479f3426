/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Agents that come back: what is in force there, what is sent again. */
#include "tests/unit/server/orders/orders_agents.h"

#define APPLIED CORDON__ANSWER_RESULT__ANSWER_APPLIED

static void
test_away_then_hello(void **state)
{
	struct host h;

	(void)state;
	add_host("a", "fin", TIER_T2);
	sql("UPDATE hosts SET online = 0");
	h = order(ACTION_ISOLATE, "a");
	assert_int_equal(state_of(h.desired_order), ORDER_PENDING);
	assert_int_equal(audited("order.sent"), 0);
	assert_int_equal(audited("order.pending"), 1);
	w.nsent = 0;
	tick_clock(7 * HOUR_MS);
	assert_int_equal(hello("H-a", 0, "", CORDON__PROFILE__PROFILE_OPEN,
	    true), 0);
	assert_int_equal(w.nsent, 1);
	assert_int_equal(w.sent[0].kind, FRAME_ORDER);
	assert_int_equal(state_of(h.desired_order), ORDER_SENT);
	assert_int_equal(audited("order.sent"), 1);
	/* came again before it answered */
	tick_clock(1000);
	assert_int_equal(hello("H-a", 0, "", CORDON__PROFILE__PROFILE_OPEN,
	    true), 0);
	assert_int_equal(w.nsent, 2);
	/* past its time it is not sent any more */
	tick_clock(18 * HOUR_MS);
	assert_int_equal(hello("H-a", 0, "", CORDON__PROFILE__PROFILE_OPEN,
	    true), 0);
	assert_int_equal(w.nsent, 2);
}

static void
test_hello_in_force(void **state)
{
	struct host h;

	(void)state;
	add_host("a", "fin", TIER_T2);
	h = order(ACTION_ISOLATE, "a");
	w.nsent = 0;
	/* applied, not confirmed: the line broke in between */
	assert_int_equal(hello("H-a", 1, h.desired_order,
	    CORDON__PROFILE__PROFILE_STRICT, false), 0);
	assert_int_equal(w.nsent, 2);
	assert_int_equal(w.sent[0].kind, FRAME_ORDER);
	assert_int_equal(w.sent[1].kind, FRAME_CONFIRM);
	assert_int_equal(state_of(h.desired_order), ORDER_APPLIED);
	assert_int_equal(host("a").applied, PROFILE_STRICT);
	/* its answer to the second copy of the order changes nothing */
	assert_int_equal(answer("H-a", h.desired_order, 1, APPLIED), 0);
	assert_int_equal(audited("order.applied"), 1);
	w.nsent = 0;
	assert_int_equal(hello("H-a", 1, h.desired_order,
	    CORDON__PROFILE__PROFILE_STRICT, true), 0);
	assert_int_equal(w.nsent, 0);
}

/* A snapshot was rolled back: the host is open and knows nothing. */
static void
test_lost_order_is_made_anew(void **state)
{
	Cordon__OrderBody *b;
	Cordon__Proof p;
	struct host h;

	(void)state;
	add_host("a", "fin", TIER_T2);
	h = order(ACTION_ISOLATE, "a");
	answer("H-a", h.desired_order, 1, APPLIED);
	p = proof_of(&h);
	prove(&h, &p);
	hello("H-a", 1, h.desired_order, CORDON__PROFILE__PROFILE_STRICT,
	    true);
	w.nsent = 0;
	assert_int_equal(hello("H-a", 0, "", CORDON__PROFILE__PROFILE_OPEN,
	    true), 0);
	assert_int_equal(state_of(h.desired_order), ORDER_FAILED);
	assert_int_equal(host("a").applied, PROFILE_OPEN);
	/* it may be open: the next tick sends the order anew */
	tick_clock(1000);
	tick();
	b = last_order("H-a");
	assert_int_equal(b->epoch, 2);
	assert_int_equal(b->profile, PROFILE_STRICT);
	cordon__order_body__free_unpacked(b, NULL);
}

/* The host has accepted more than this store knows of. */
static void
test_host_is_ahead(void **state)
{
	Cordon__OrderBody *b;

	(void)state;
	add_host("a", "fin", TIER_T2);
	assert_int_equal(hello("H-a", 7, "O-LOST",
	    CORDON__PROFILE__PROFILE_STRICT, true), 0);
	assert_int_equal(hello("H-a", 7, "O-LOST",
	    CORDON__PROFILE__PROFILE_STRICT, true), 0);
	assert_int_equal(audited("host.state-unknown"), 1);
	assert_int_equal(host("a").applied, PROFILE_STRICT);
	order(ACTION_ISOLATE, "a");
	b = last_order("H-a");
	assert_int_equal(b->epoch, 8);
	cordon__order_body__free_unpacked(b, NULL);
	/* further than any honest host can be: not followed */
	assert_int_equal(hello("H-a", UINT64_MAX, "O-LOST",
	    CORDON__PROFILE__PROFILE_STRICT, true), 0);
	assert_int_equal(host("a").desired_epoch, 8);
	/* a little ahead: the order is made anew above it */
	order(ACTION_ISOLATE, "a");
	assert_int_equal(hello("H-a", 20, "O-LOST",
	    CORDON__PROFILE__PROFILE_STRICT, true), 0);
	tick_clock(11000);
	tick();
	b = last_order("H-a");
	assert_int_equal(b->epoch, 21);
	cordon__order_body__free_unpacked(b, NULL);
}

static void
test_heartbeat(void **state)
{
	struct host h;

	(void)state;
	add_host("a", "fin", TIER_T2);
	assert_int_equal(beat("H-a", 0, "", CORDON__PROFILE__PROFILE_OPEN,
	    true), 0);
	h = order(ACTION_ISOLATE, "a");
	w.nsent = 0;
	/* on its way when the order went out */
	assert_int_equal(beat("H-a", 0, "", CORDON__PROFILE__PROFILE_OPEN,
	    true), 0);
	assert_int_equal(w.nsent, 0);
	tick_clock(31000);
	assert_int_equal(beat("H-a", 0, "", CORDON__PROFILE__PROFILE_OPEN,
	    true), 0);
	assert_int_equal(w.nsent, 1);
	assert_int_equal(beat("H-a", 0, "", CORDON__PROFILE__PROFILE_OPEN,
	    true), 0);
	assert_int_equal(w.nsent, 1);
	assert_int_equal(beat("H-a", 1, h.desired_order,
	    CORDON__PROFILE__PROFILE_STRICT, false), 0);
	assert_int_equal(w.sent[1].kind, FRAME_CONFIRM);
	assert_int_equal(state_of(h.desired_order), ORDER_APPLIED);
	assert_int_equal(beat("H-a", 1, "no id",
	    CORDON__PROFILE__PROFILE_STRICT, true), ERR_PROTO);
	assert_int_equal(beat("H-a", 1, "", (Cordon__Profile)9, true),
	    ERR_PROTO);
}

static int
silent_job(struct db *db, void *host_id)
{
	return orders_state(db, host_id, NULL);
}

static int
beat_of_silence(const char *host_id)
{
	return store_now(w.store, silent_job, (void *)(uintptr_t)host_id);
}

/* The network process was there before the enforcer. */
static void
test_enforcer_has_not_spoken(void **state)
{
	const Cordon__Hello silent = CORDON__HELLO__INIT;
	struct host h;
	Cordon__Proof p;

	(void)state;
	add_host("a", "fin", TIER_T2);
	assert_int_equal(say((struct say){.host_id = "H-a",
	    .hello = &silent}), 0);
	h = order(ACTION_ISOLATE, "a");
	w.nsent = 0;
	/* what waits goes */
	assert_int_equal(say((struct say){.host_id = "H-a",
	    .hello = &silent}), 0);
	assert_int_equal(w.nsent, 1);
	assert_int_equal(w.sent[0].kind, FRAME_ORDER);
	answer("H-a", h.desired_order, 1, APPLIED);
	p = proof_of(&h);
	prove(&h, &p);
	w.nsent = 0;
	/* nothing is concluded at once */
	assert_int_equal(say((struct say){.host_id = "H-a",
	    .hello = &silent}), 0);
	assert_int_equal(host("a").applied, PROFILE_STRICT);
	assert_int_equal(state_of(h.desired_order), ORDER_PROVEN);
	assert_int_equal(w.nsent, 0);
	assert_int_equal(beat("H-a", 1, h.desired_order,
	    CORDON__PROFILE__PROFILE_STRICT, true), 0);
	assert_int_equal(state_of(h.desired_order), ORDER_PROVEN);
	/* but nobody is called isolated on the word of no one */
	tick_clock(31000);
	assert_int_equal(beat_of_silence("H-a"), 0);
	assert_int_equal(host("a").applied, PROFILE_OPEN);
	assert_int_equal(state_of(h.desired_order), ORDER_FAILED);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(test_away_then_hello),
		WORLD_TEST(test_hello_in_force),
		WORLD_TEST(test_lost_order_is_made_anew),
		WORLD_TEST(test_host_is_ahead),
		WORLD_TEST(test_heartbeat),
		WORLD_TEST(test_enforcer_has_not_spoken),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
