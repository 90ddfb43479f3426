/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What stands in orders; answers and proofs of agents. */
#include "tests/unit/server/orders/orders_agents.h"

#define APPLIED CORDON__ANSWER_RESULT__ANSWER_APPLIED
#define REFUSED CORDON__ANSWER_RESULT__ANSWER_REFUSED
#define FAILED CORDON__ANSWER_RESULT__ANSWER_FAILED
#define REVERTED CORDON__ANSWER_RESULT__ANSWER_REVERTED
#define DRILLED CORDON__ANSWER_RESULT__ANSWER_DRILLED

static uint8_t sum_b[32] = {1, 2, 4};

static void
test_isolation_order(void **state)
{
	Cordon__OrderBody *b;
	struct host h;

	(void)state;
	add_host("a", "fin", TIER_T1);
	h = order(ACTION_ISOLATE, "a");
	b = last_order("H-a");
	assert_int_equal(b->epoch, 1);
	assert_string_equal(b->order_id, h.desired_order);
	assert_string_equal(b->plan_id, w.plan.plan_id);
	assert_int_equal(b->profile, PROFILE_STRICT);
	assert_int_equal(b->n_collectors, 1);
	assert_int_equal(b->collectors[0]->prefix_len, 32);
	assert_int_equal(b->collectors[0]->port, 8443);
	assert_int_equal(b->n_allowed, 0);
	assert_int_equal(b->n_probes, 2);
	assert_int_equal(b->issued_at_ms, START_MS);
	assert_int_equal(b->deliver_before_ms, START_MS + DAY_MS);
	assert_int_equal(b->review_by_ms, START_MS + 4 * HOUR_MS);
	assert_int_equal(b->review_then, CORDON__REVIEW_THEN__REVIEW_REMIND);
	assert_int_equal(b->deadman->then, CORDON__DEAD_MAN_THEN__DEADMAN_STAY);
	assert_int_equal(b->deadman->after_seconds, 0);
	assert_int_equal(b->confirm_seconds, 60);
	assert_int_equal(b->mode, CORDON__MODE__MODE_ENFORCE);
	assert_string_equal(b->reason, "beacon after macro");
	assert_string_equal(b->notice_zh, "本机已被隔离。");
	cordon__order_body__free_unpacked(b, NULL);
	assert_int_equal(h.desired, PROFILE_STRICT);
	assert_int_equal(h.desired_epoch, 1);
	assert_int_equal(h.applied, PROFILE_OPEN);
	assert_int_equal(state_of(h.desired_order), ORDER_SENT);
	assert_int_equal(audited("plan.apply"), 1);
	assert_int_equal(audited("order.sent"), 1);
	assert_non_null(strstr(sql_text("SELECT line FROM audit WHERE line "
	    "LIKE '%%order.sent%%'"), "\"host\":\"a\""));
}

static void
test_recovery_and_open_orders(void **state)
{
	Cordon__OrderBody *b;

	(void)state;
	add_host("a", "fin", TIER_T2);
	order(ACTION_RECOVER, "a");
	b = last_order("H-a");
	assert_int_equal(b->profile, PROFILE_RECOVERY);
	assert_int_equal(b->n_allowed, 1);
	assert_int_equal(b->allowed[0]->prefix_len, 24);
	assert_int_equal(b->allowed[0]->direction,
	    CORDON__DIRECTION__DIRECTION_OUT);
	/* a probe inside the allowed network would prove nothing */
	assert_int_equal(b->n_probes, 1);
	assert_int_equal(b->probes[0]->address.data[0], 1);
	cordon__order_body__free_unpacked(b, NULL);

	order(ACTION_RESTORE, "a");
	b = last_order("H-a");
	assert_int_equal(b->profile, PROFILE_OPEN);
	assert_int_equal(b->epoch, 2);
	assert_int_equal(b->confirm_seconds, 0);
	assert_int_equal(b->confirm_hash.len, 0);
	assert_int_equal(b->review_by_ms, 0);
	assert_int_equal(b->n_probes, 0);
	assert_int_equal(b->n_allowed, 0);
	cordon__order_body__free_unpacked(b, NULL);
	assert_int_equal(sql_int("SELECT COUNT(*) FROM orders WHERE "
	    "secret IS NOT NULL"), 0);
}

static void
test_epochs_rise(void **state)
{
	Cordon__OrderBody *b;
	uint64_t i;

	(void)state;
	add_host("a", "fin", TIER_T2);
	for (i = 1; i <= 50; i++) {
		order(i % 2 == 1 ? ACTION_ISOLATE : ACTION_RESTORE, "a");
		b = last_order("H-a");
		assert_int_equal(b->epoch, i);
		cordon__order_body__free_unpacked(b, NULL);
	}
	assert_int_equal(sql_int("SELECT COUNT(DISTINCT epoch) FROM orders"),
	    50);
	assert_int_equal(sql_int("SELECT COUNT(*) FROM orders WHERE state = "
	    "%d", ORDER_SUPERSEDED), 49);
	assert_int_equal(audited("order.superseded"), 49);
}

static void
test_confirm_comes_after_applied(void **state)
{
	Cordon__OrderBody *b;
	Cordon__Confirm *c;
	const struct sent *s;
	uint8_t hash[DIGEST_LEN];
	struct host h;

	(void)state;
	add_host("a", "fin", TIER_T2);
	h = order(ACTION_ISOLATE, "a");
	assert_null(last_sent("H-a", FRAME_CONFIRM));
	assert_int_equal(answer("H-a", h.desired_order, 1, APPLIED), 0);
	s = last_sent("H-a", FRAME_CONFIRM);
	assert_non_null(s);
	c = cordon__confirm__unpack(NULL, s->len, s->data);
	assert_non_null(c);
	b = last_order("H-a");
	digest_of(c->secret.data, c->secret.len, hash);
	assert_string_equal(c->order_id, h.desired_order);
	assert_int_equal(c->secret.len, 32);
	assert_memory_equal(b->confirm_hash.data, hash, 32);
	cordon__confirm__free_unpacked(c, NULL);
	cordon__order_body__free_unpacked(b, NULL);
	h = host("a");
	assert_int_equal(h.applied, PROFILE_STRICT);
	assert_string_equal(h.applied_order, h.desired_order);
	assert_int_equal(state_of(h.desired_order), ORDER_APPLIED);
	assert_int_equal(sql_int("SELECT took_us FROM orders"), 4211);
	assert_int_equal(audited("order.applied"), 1);
	/* the agent says at last that it has it: the secret is gone */
	assert_int_equal(beat("H-a", 1, h.desired_order,
	    CORDON__PROFILE__PROFILE_STRICT, true), 0);
	assert_int_equal(sql_int("SELECT COUNT(*) FROM orders WHERE secret "
	    "IS NOT NULL"), 0);
}

/* None of these gives the secret away or is believed. */
static void
test_answers_that_do_not_count(void **state)
{
	struct host h, old;

	(void)state;
	add_host("a", "fin", TIER_T2);
	add_host("b", "fin", TIER_T2);
	old = order(ACTION_ISOLATE, "a");
	h = order(ACTION_RESTORE, "a");
	assert_int_equal(answer("H-a", old.desired_order, 1, APPLIED), 0);
	assert_int_equal(state_of(old.desired_order), ORDER_SUPERSEDED);
	assert_int_equal(answer("H-a", old.desired_order, 1, FAILED), 0);
	assert_int_equal(state_of(old.desired_order), ORDER_SUPERSEDED);
	/* it had even been proven: over all the same */
	sql("UPDATE orders SET state = %d WHERE order_id = '%s'",
	    ORDER_PROVEN, old.desired_order);
	assert_int_equal(answer("H-a", old.desired_order, 1, APPLIED), 0);
	assert_int_equal(answer("H-a", old.desired_order, 1, FAILED), 0);
	assert_int_equal(state_of(old.desired_order), ORDER_PROVEN);
	assert_string_equal(host("a").applied_order, "");
	h = order(ACTION_ISOLATE, "a");
	assert_int_equal(answer("H-b", h.desired_order, 3, APPLIED),
	    ERR_PROTO);
	assert_int_equal(answer("H-a", h.desired_order, 2, APPLIED),
	    ERR_PROTO);
	assert_int_equal(answer("H-a", "not an id", 3, APPLIED), ERR_PROTO);
	assert_int_equal(answer("H-a", "O-NONE", 3, APPLIED), 0);
	assert_int_equal(answer("H-a", h.desired_order, 3, DRILLED),
	    ERR_PROTO);
	assert_int_equal(answer("H-a", h.desired_order, 3,
	    (Cordon__AnswerResult)77), ERR_PROTO);
	assert_int_equal(state_of(h.desired_order), ORDER_SENT);
	assert_null(last_sent("H-a", FRAME_CONFIRM));
	assert_int_equal(host("a").applied, PROFILE_OPEN);
}

static void
test_no(void **state)
{
	static const struct {
		Cordon__AnswerResult result;
		enum order_state want;
		const char *what;
	} t[] = {
		{REFUSED, ORDER_REFUSED, "order.refused"},
		{FAILED, ORDER_FAILED, "order.failed"},
		{REVERTED, ORDER_REVERTED, "order.reverted"},
	};
	struct host h;
	size_t i;

	(void)state;
	add_host("a", "fin", TIER_T2);
	for (i = 0; i < 3; i++) {
		h = order(ACTION_ISOLATE, "a");
		assert_int_equal(answer("H-a", h.desired_order,
		    h.desired_epoch, t[i].result), 0);
		assert_int_equal(state_of(h.desired_order), t[i].want);
		assert_non_null(strstr(sql_text("SELECT why FROM orders "
		    "WHERE order_id = '%s'", h.desired_order),
		    "the kernel said no"));
		assert_int_equal(audited(t[i].what), 1);
		assert_int_equal(sql_int("SELECT COUNT(*) FROM orders WHERE "
		    "secret IS NOT NULL"), 0);
		/* said twice, kept once */
		assert_int_equal(answer("H-a", h.desired_order,
		    h.desired_epoch, t[i].result), 0);
		assert_int_equal(audited(t[i].what), 1);
	}
	/* what the host has undone it has not applied */
	assert_int_equal(answer("H-a", h.desired_order, h.desired_epoch,
	    APPLIED), 0);
	assert_int_equal(state_of(h.desired_order), ORDER_REVERTED);
	assert_null(last_sent("H-a", FRAME_CONFIRM));
}

/* "Expired", says the host, and it was not: its clock is ahead. */
static void
test_clock_ahead(void **state)
{
	Cordon__OrderAnswer a = CORDON__ORDER_ANSWER__INIT;
	Cordon__OrderBody *b;
	struct host h;

	(void)state;
	add_host("a", "fin", TIER_T2);
	h = order(ACTION_ISOLATE, "a");
	a.order_id = h.desired_order;
	a.epoch = h.desired_epoch;
	a.result = REFUSED;
	a.verdict = (char *)(uintptr_t)verdict_str(VERDICT_EXPIRED);
	a.why = (char *)(uintptr_t)"it came after its deliver-before time";
	assert_int_equal(say((struct say){.host_id = "H-a", .answer = &a}),
	    0);
	assert_int_equal(state_of(h.desired_order), ORDER_FAILED);
	b = last_order("H-a");
	assert_true(b->deliver_before_ms > 0);
	cordon__order_body__free_unpacked(b, NULL);
	tick_clock(1000);
	tick();
	b = last_order("H-a");
	assert_int_equal(b->epoch, 2);
	assert_int_equal(b->deliver_before_ms, 0);
	cordon__order_body__free_unpacked(b, NULL);
	/* too late by our clock as well: a person must act */
	h = order(ACTION_ISOLATE, "a");
	a.order_id = h.desired_order;
	a.epoch = h.desired_epoch;
	tick_clock(2 * 86400 * 1000LL);
	assert_int_equal(say((struct say){.host_id = "H-a", .answer = &a}),
	    0);
	assert_int_equal(state_of(h.desired_order), ORDER_REFUSED);
}

static void
test_reverted_is_what_was_before(void **state)
{
	struct host strict, h;

	(void)state;
	add_host("a", "fin", TIER_T2);
	strict = order(ACTION_ISOLATE, "a");
	answer("H-a", strict.desired_order, 1, APPLIED);
	h = order(ACTION_RECOVER, "a");
	answer("H-a", h.desired_order, 2, APPLIED);
	assert_int_equal(host("a").applied, PROFILE_RECOVERY);
	answer("H-a", h.desired_order, 2, REVERTED);
	h = host("a");
	assert_int_equal(h.applied, PROFILE_STRICT);
	assert_string_equal(h.applied_order, strict.desired_order);
}

static void
test_proof(void **state)
{
	Cordon__Proof p;
	struct host h;
	int i;

	(void)state;
	add_host("a", "fin", TIER_T2);
	h = order(ACTION_ISOLATE, "a");
	answer("H-a", h.desired_order, 1, APPLIED);
	p = proof_of(&h);
	assert_int_equal(prove(&h, &p), 0);
	h = host("a");
	assert_true(h.proven_ok);
	assert_string_equal(h.proven_order, h.desired_order);
	assert_int_equal(h.proven_at, START_MS);
	assert_int_equal(state_of(h.desired_order), ORDER_PROVEN);
	assert_int_equal(sql_int("SELECT proven_at FROM orders"), START_MS);
	for (i = 0; i < 60; i++) {
		tick_clock(1000);
		assert_int_equal(prove(&h, &p), 0);
	}
	assert_int_equal(sql_int("SELECT COUNT(*) FROM proofs"), 50);
	assert_int_equal(audited("order.proven"), 1);
	assert_int_equal(sql_int("SELECT proven_at FROM orders"), START_MS);
	assert_int_equal(host("a").proven_at, START_MS + 60000);
}

static Cordon__ProbeResult reached = CORDON__PROBE_RESULT__INIT;
static Cordon__ProbeResult *reached_list[] = {&reached};

static void
leak(Cordon__Proof *p)
{
	reached.outcome = CORDON__PROBE_OUTCOME__PROBE_REACHED;
	p->probes = reached_list;
	p->n_probes = 1;
}

static void
other_rules(Cordon__Proof *p)
{
	p->digest_kernel.data = sum_b;
}

static void
unread(Cordon__Proof *p)
{
	p->digest_expected.len = p->digest_kernel.len = 0;
}

static void
open_profile(Cordon__Proof *p)
{
	p->profile = CORDON__PROFILE__PROFILE_OPEN;
}

static void
says_no(Cordon__Proof *p)
{
	p->ok = false;
	p->why = (char *)"table \xff gone\n";
}

static void
test_bad_proofs(void **state)
{
	static const struct {
		void (*spoil)(Cordon__Proof *p);
		const char *why;
	} t[] = {
		{leak, "answered through the cage"},
		{other_rules, "other rules"},
		{unread, "not read back"},
		{open_profile, "profile open"},
		{says_no, "table"},
	};
	Cordon__Proof p, good;
	struct host h;
	size_t i;

	(void)state;
	add_host("a", "fin", TIER_T2);
	h = order(ACTION_ISOLATE, "a");
	answer("H-a", h.desired_order, 1, APPLIED);
	good = proof_of(&h);
	for (i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		assert_int_equal(prove(&h, &good), 0);
		assert_true(host("a").proven_ok);
		p = proof_of(&h);
		t[i].spoil(&p);
		assert_int_equal(prove(&h, &p), 0);
		assert_int_equal(prove(&h, &p), 0);
		h = host("a");
		assert_false(h.proven_ok);
		assert_non_null(strstr(h.proven_why, t[i].why));
		/* loud, once, and nothing lifts */
		assert_int_equal(audited("order.proof-bad"), i + 1);
		assert_int_equal(h.desired, PROFILE_STRICT);
		assert_int_equal(h.applied, PROFILE_STRICT);
		assert_int_equal(isolation_of(&h, (enum order_state)
		    state_of(h.desired_order), w.clock.wall_ms), ISO_FAILED);
	}
}

static void
test_proofs_that_do_not_count(void **state)
{
	Cordon__Proof p, stale;
	struct host h;

	(void)state;
	add_host("a", "fin", TIER_T2);
	add_host("b", "fin", TIER_T2);
	h = order(ACTION_ISOLATE, "a");
	stale = proof_of(&h);
	stale.order_id = strdup(h.desired_order);
	order(ACTION_RESTORE, "a");
	h = order(ACTION_ISOLATE, "a");
	assert_int_equal(prove(&h, &stale), 0);
	free(stale.order_id);
	p = proof_of(&h);
	p.epoch = 2;
	assert_int_equal(prove(&h, &p), ERR_PROTO);
	p = proof_of(&h);
	assert_int_equal(say((struct say){.host_id = "H-b", .proof = &p}),
	    ERR_PROTO);
	answer("H-a", h.desired_order, 3, REVERTED);
	assert_int_equal(prove(&h, &p), 0);
	assert_false(host("a").proven_ok);
	assert_int_equal(sql_int("SELECT COUNT(*) FROM proofs"), 0);
}

/* The answer was lost, the proof was not. */
static void
test_proof_without_answer(void **state)
{
	Cordon__Proof p;
	struct host h;

	(void)state;
	add_host("a", "fin", TIER_T2);
	h = order(ACTION_ISOLATE, "a");
	p = proof_of(&h);
	assert_int_equal(prove(&h, &p), 0);
	h = host("a");
	assert_int_equal(h.applied, PROFILE_STRICT);
	assert_int_equal(state_of(h.desired_order), ORDER_PROVEN);
	assert_non_null(last_sent("H-a", FRAME_CONFIRM));
}

static void
test_echo_of_a_second_copy(void **state)
{
	Cordon__OrderAnswer a = CORDON__ORDER_ANSWER__INIT;
	struct host h;

	(void)state;
	add_host("a", "fin", TIER_T2);
	h = order(ACTION_ISOLATE, "a");
	answer("H-a", h.desired_order, 1, APPLIED);
	a.order_id = h.desired_order;
	a.epoch = 1;
	a.result = REFUSED;
	a.verdict = (char *)verdict_str(VERDICT_STALE_EPOCH);
	assert_int_equal(say((struct say){.host_id = "H-a", .answer = &a}),
	    0);
	assert_int_equal(state_of(h.desired_order), ORDER_APPLIED);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(test_isolation_order),
		WORLD_TEST(test_recovery_and_open_orders),
		WORLD_TEST(test_epochs_rise),
		WORLD_TEST(test_confirm_comes_after_applied),
		WORLD_TEST(test_answers_that_do_not_count),
		WORLD_TEST(test_no),
		WORLD_TEST(test_clock_ahead),
		WORLD_TEST(test_reverted_is_what_was_before),
		WORLD_TEST(test_proof),
		WORLD_TEST(test_bad_proofs),
		WORLD_TEST(test_proofs_that_do_not_count),
		WORLD_TEST(test_proof_without_answer),
		WORLD_TEST(test_echo_of_a_second_copy),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
