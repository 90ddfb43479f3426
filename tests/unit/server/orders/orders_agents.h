/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What agents say, for the tests of server/orders, and what they were sent. */
#ifndef TESTS_UNIT_SERVER_ORDERS_AGENTS_H
#define TESTS_UNIT_SERVER_ORDERS_AGENTS_H

#include "tests/unit/server/orders/orders_world.h"

struct say {
	const char *host_id;
	const Cordon__Hello *hello;
	const Cordon__State *state;
	const Cordon__OrderAnswer *answer;
	const Cordon__Proof *proof;
	const Cordon__WitnessResult *witness;
};

static int
say_job(struct db *db, void *arg)
{
	struct say *s = arg;

	if (s->hello != NULL)
		return orders_hello(db, s->host_id, s->hello);
	if (s->state != NULL)
		return orders_state(db, s->host_id, s->state);
	if (s->answer != NULL)
		return orders_answer(db, s->host_id, s->answer);
	if (s->proof != NULL)
		return orders_proof(db, s->host_id, s->proof);
	return orders_witness(db, s->host_id, s->witness);
}

UNUSED static int
say(struct say s)
{
	return store_now(w.store, say_job, &s);
}

UNUSED static int
answer(const char *host_id, const char *order_id, uint64_t epoch,
    Cordon__AnswerResult result)
{
	Cordon__OrderAnswer a = CORDON__ORDER_ANSWER__INIT;

	a.order_id = (char *)order_id;
	a.epoch = epoch;
	a.result = result;
	a.verdict = (char *)"good";
	a.why = result == CORDON__ANSWER_RESULT__ANSWER_APPLIED ? (char *)"" :
	    (char *)"the kernel said no";
	a.took_us = 4211;
	return say((struct say){.host_id = host_id, .answer = &a});
}

static uint8_t proof_sum[32] = {1, 2, 3};

/* A good proof of what is desired; H is lent. */
UNUSED static Cordon__Proof
proof_of(const struct host *h)
{
	Cordon__Proof p = CORDON__PROOF__INIT;

	p.order_id = (char *)h->desired_order;
	p.epoch = h->desired_epoch;
	p.profile = (Cordon__Profile)h->desired;
	p.ok = true;
	p.digest_expected.data = p.digest_kernel.data = proof_sum;
	p.digest_expected.len = p.digest_kernel.len = 32;
	return p;
}

UNUSED static int
prove(const struct host *h, const Cordon__Proof *p)
{
	return say((struct say){.host_id = h->host_id, .proof = p});
}

/* The newest frame of KIND for the host; NULL: none. */
UNUSED static const struct sent *
last_sent(const char *host_id, uint16_t kind)
{
	size_t i;

	for (i = w.nsent; i-- > 0;)
		if (w.sent[i].kind == kind &&
		    strcmp(w.sent[i].host_id, host_id) == 0)
			return &w.sent[i];
	return NULL;
}

/* The order in the newest frame, verified; freed by the caller. */
UNUSED static Cordon__OrderBody *
last_order(const char *host_id)
{
	const struct sent *s = last_sent(host_id, FRAME_ORDER);
	struct order_expect e = {.host_id = host_id,
	    .now_ms = w.clock.wall_ms, .key = w.public};
	Cordon__OrderBody *b = NULL;
	struct why why = {""};

	assert_non_null(s);
	assert_int_equal(order_verify(s->data, s->len, &e, &b, &why),
	    VERDICT_GOOD);
	return b;
}

UNUSED static int
hello(const char *host_id, uint64_t epoch, const char *order_id,
    Cordon__Profile profile, bool confirmed)
{
	Cordon__State st = CORDON__STATE__INIT;
	Cordon__Hello h = CORDON__HELLO__INIT;

	st.epoch = epoch;
	st.order_id = (char *)order_id;
	st.profile = profile;
	st.confirmed = confirmed;
	h.state = &st;
	return say((struct say){.host_id = host_id, .hello = &h});
}

UNUSED static int
beat(const char *host_id, uint64_t epoch, const char *order_id,
    Cordon__Profile profile, bool confirmed)
{
	Cordon__State st = CORDON__STATE__INIT;

	st.epoch = epoch;
	st.order_id = (char *)order_id;
	st.profile = profile;
	st.confirmed = confirmed;
	return say((struct say){.host_id = host_id, .state = &st});
}

#endif
