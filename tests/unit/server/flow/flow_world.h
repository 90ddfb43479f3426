/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The small collector of the tests of server/cases, with rules and the
 * frames of agents: each frame is packed and goes in by flow_frame().
 */
#ifndef TESTS_UNIT_SERVER_FLOW_WORLD_H
#define TESTS_UNIT_SERVER_FLOW_WORLD_H

#include "tests/unit/server/cases/cases_world.h"

#include "server/flow/flow.h"

static struct policy *rules;
static struct flow f;
static struct why frame_why;

/* Numbers and chain of one host's spool. */
struct feed {
	uint64_t number;
	uint8_t hash[32];
};

static struct feed feed_a;
static Cordon__Signal batch[1001];
static size_t nbatch;

static int
flow_up(void **state)
{
	cases_up(state);
	rules = policy_new();
	assert_non_null(rules);
	f = (struct flow){.orders = &w.set, .cases = &set, .policy = rules,
	    .heartbeat_seconds = 30, .cert_renew_before_ms = 10 * DAY_MS};
	memset(&feed_a, 0, sizeof(feed_a));
	nbatch = 0;
	return 0;
}

static int
flow_down(void **state)
{
	policy_free(&rules);
	return world_down(state);
}

#define FLOW_TEST(t) cmocka_unit_test_setup_teardown(t, flow_up, flow_down)

/* "kind=files.*,then=isolate": one rule of that name. */
UNUSED static void
rule(const char *name, const char *keys)
{
	char copy[256], section[64], *at = copy, *one, *value;
	struct why why = {""};

	snprintf(copy, sizeof(copy), "%s", keys);
	snprintf(section, sizeof(section), "rule %s", name);
	while ((one = strsep(&at, ",")) != NULL) {
		value = strchr(one, '=');
		*value++ = '\0';
		assert_int_equal(policy_key(rules, section, one, value, 1,
		    &why), 0);
	}
	assert_int_equal(policy_check(rules, &why), 0);
}

struct frame_ask {
	const char *host_id;
	uint16_t kind;
	const void *data;
	size_t len;
};

static int
frame_job(struct db *db, void *arg)
{
	struct frame_ask *a = arg;

	return flow_frame(db, &f, a->host_id, a->kind, a->data, a->len,
	    &frame_why);
}

UNUSED static int
frame_raw(const char *host_id, uint16_t kind, const void *data, size_t len)
{
	struct frame_ask a = {host_id, kind, data, len};

	frame_why.text[0] = '\0';
	return store_now(w.store, frame_job, &a);
}

UNUSED static int
frame(const char *host_id, uint16_t kind, const ProtobufCMessage *msg)
{
	size_t len = protobuf_c_message_get_packed_size(msg);
	uint8_t *data = malloc(len + 1);
	int rc;

	assert_non_null(data);
	protobuf_c_message_pack(msg, data);
	rc = frame_raw(host_id, kind, data, len);
	free(data);
	return rc;
}

/* -- signals --------------------------------------------------------------- */

/* The chain as agent.proto says: SHA-256(before || packed, chain empty). */
static void
link_on(struct feed *at, const Cordon__Signal *s)
{
	uint8_t *data = malloc(64 * 1024);
	size_t len;

	assert_non_null(data);
	memcpy(data, at->hash, 32);
	len = cordon__signal__pack(s, data + 32);
	assert_true(len < 32 * 1024);
	digest_of(data, 32 + len, at->hash);
	free(data);
}

/* The next signal of the batch, in the chain of AT; to be changed after. */
UNUSED static Cordon__Signal *
observe_on(struct feed *at, const char *kind, Cordon__Severity severity,
    const char *object)
{
	static uint8_t chains[1001][32];
	Cordon__Signal *s = &batch[nbatch];

	assert_true(nbatch < COUNT(batch));
	cordon__signal__init(s);
	s->number = ++at->number;
	s->time_ms = 1234;
	s->kind = (char *)kind;
	s->severity = severity;
	s->object = (char *)object;
	s->text = (char *)"seen by the test";
	link_on(at, s);
	memcpy(chains[nbatch], at->hash, 32);
	s->chain.data = chains[nbatch];
	s->chain.len = 32;
	nbatch++;
	return s;
}

UNUSED static Cordon__Signal *
observe(const char *kind, Cordon__Severity severity, const char *object)
{
	return observe_on(&feed_a, kind, severity, object);
}

#define INFO CORDON__SEVERITY__SEVERITY_INFO
#define LOW CORDON__SEVERITY__SEVERITY_LOW
#define HIGH CORDON__SEVERITY__SEVERITY_HIGH
#define CRITICAL CORDON__SEVERITY__SEVERITY_CRITICAL

/* Send the batch as HOST_ID in a frame KIND; it stays, to be sent again. */
static int
deliver_as(const char *host_id, uint16_t kind)
{
	Cordon__SignalBatch b = CORDON__SIGNAL_BATCH__INIT;
	Cordon__Signal *list[COUNT(batch)];
	size_t i;

	for (i = 0; i < nbatch; i++)
		list[i] = &batch[i];
	b.signals = list;
	b.n_signals = nbatch;
	return frame(host_id, kind, &b.base);
}

UNUSED static int
deliver(const char *host_id)
{
	return deliver_as(host_id, FRAME_SIGNALS);
}

/* One signal of host a, stored. */
UNUSED static void
signal_of_a(const char *kind, Cordon__Severity severity, const char *object)
{
	nbatch = 0;
	observe(kind, severity, object);
	assert_int_equal(deliver("H-a"), 0);
}

/* Acknowledged last, or -1. */
UNUSED static int64_t
acked(const char *host_id)
{
	const struct sent *s = last_sent(host_id, FRAME_SIGNALS_ACK);
	Cordon__SignalsAck *ack;
	int64_t n;

	if (s == NULL)
		return -1;
	ack = cordon__signals_ack__unpack(NULL, s->len, s->data);
	assert_non_null(ack);
	n = (int64_t)ack->number;
	cordon__signals_ack__free_unpacked(ack, NULL);
	return n;
}

/* Of agents; those that the collector makes have no number. */
UNUSED static int64_t
stored(void)
{
	return sql_int("SELECT count(*) FROM signals WHERE number > 0");
}

/* -- plans ----------------------------------------------------------------- */

static int
flow_make_job(struct db *db, void *arg)
{
	struct call *c = arg;

	c->ask.actor = &c->actor;
	return flow_plan_make(db, &f, &c->ask, &w.plan, &w.no);
}

/* As the API does: a refusal rolls the job back. */
UNUSED static int
plan_hosts(enum plan_action action, const char *const *hosts, size_t n,
    const char *case_id)
{
	struct call c = {.ask = {.action = action, .hosts = hosts,
	    .nhosts = n, .case_id = case_id, .reason = REASON,
	    .origin = ORIGIN_MANUAL},
	    .actor = who(action == ACTION_ISOLATE ? "li" : "rec")};

	c.actor.roles = action == ACTION_ISOLATE ? MAY(ROLE_RESPONDER) :
	    MAY(ROLE_RECOVERY);
	memset(&w.no, 0, sizeof(w.no));
	return store_now(w.store, flow_make_job, &c);
}

UNUSED static int
plan_one(enum plan_action action, const char *name)
{
	return plan_hosts(action, &name, 1, "");
}

static int
flow_apply_job(struct db *db, void *arg)
{
	struct call *c = arg;

	return flow_plan_apply(db, &f, c->plan_id, c->digest, c->expect,
	    &c->actor, &w.plan, &w.no);
}

UNUSED static int
apply_plan(const char *plan_id, const char *digest, int expect)
{
	char id[ID_MAX], sum[65];
	struct call c = {.plan_id = id, .digest = sum, .expect = expect,
	    .actor = who(w.plan.action == ACTION_ISOLATE ? "li" : "rec")};

	snprintf(id, sizeof(id), "%s", plan_id);
	snprintf(sum, sizeof(sum), "%s", digest);
	memset(&w.no, 0, sizeof(w.no));
	return store_now(w.store, flow_apply_job, &c);
}

/* The plan that was made last. */
UNUSED static int
apply_it(void)
{
	return apply_plan(w.plan.plan_id, w.plan.digest, -1);
}

static int
flow_tick_job(struct db *db, void *arg)
{
	(void)arg;
	return flow_tick(db, &f);
}

UNUSED static void
flow_ticks(int64_t ms)
{
	tick_clock(ms);
	assert_int_equal(store_now(w.store, flow_tick_job, NULL), 0);
}

#endif
