/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A connection: hello, welcome, heartbeats, proofs, good-bye. */
#include "tests/unit/server/flow/flow_world.h"

#include <arpa/inet.h>

static int
hello_job(struct db *db, void *arg)
{
	struct go *g = arg;

	return flow_hello(db, &f, g->host, g->msg);
}

static int
come(const char *host_id, const Cordon__Hello *h)
{
	struct go g = {.host = host_id, .msg = h};

	return go(hello_job, &g);
}

static Cordon__Hello
hello_of(const char *boot_id)
{
	Cordon__Hello h = CORDON__HELLO__INIT;

	h.agent_version = (char *)"0.1.0";
	h.boot_id = (char *)boot_id;
	h.kernel = (char *)"6.1";
	return h;
}

/* What the newest welcome says; freed by the caller. */
static Cordon__Welcome *
welcome(void)
{
	const struct sent *s = last_sent("H-a", FRAME_WELCOME);
	Cordon__Welcome *m;

	assert_non_null(s);
	m = cordon__welcome__unpack(NULL, s->len, s->data);
	assert_non_null(m);
	return m;
}

static void
test_hello(void **state)
{
	Cordon__Hello h = hello_of("boot-1");
	Cordon__ReadinessItem item = CORDON__READINESS_ITEM__INIT,
	    *items[] = {&item};
	Cordon__Welcome *m;

	(void)state;
	sql("UPDATE hosts SET online = 0, signals_committed = 41");
	item.id = (char *)"owner-flag";
	item.text = (char *)"no \"owner\"";
	h.readiness = items;
	h.n_readiness = 1;
	assert_int_equal(come("H-a", &h), 0);
	assert_true(host("a").online);
	assert_false(host("b").online);
	assert_int_equal(host("a").last_seen, w.clock.wall_ms);
	assert_string_equal(host("a").agent_version, "0.1.0");
	assert_string_equal(sql_text("SELECT json_extract(readiness, "
	    "'$[0].text') FROM hosts WHERE name = 'a'"), "no \"owner\"");
	assert_int_equal(audited("host.online"), 1);
	m = welcome();
	assert_int_equal(m->signals_committed, 41);
	assert_int_equal(m->heartbeat_seconds, 30);
	assert_int_equal(m->server_time_ms, w.clock.wall_ms);
	assert_int_equal(m->n_collectors, 1);
	assert_int_equal(m->collectors[0]->port, 8443);
	assert_int_equal(m->collectors[0]->protocol, IPPROTO_TCP);
	assert_int_equal(m->collectors[0]->prefix_len, 32);
	assert_false(m->renew_certificate);
	cordon__welcome__free_unpacked(m, NULL);
}

/*
 * What an agent may be asked is what its last hello said; what waits for it
 * is asked then, and only then.
 */
static void
test_answers(void **state)
{
	Cordon__Hello h = hello_of("boot-1");
	char *answers[] = {(char *)"x", (char *)"bad one", (char *)"sweep",
	    (char *)"\x1b[2J", (char *)"last"};

	(void)state;
	sql("INSERT INTO sweeps (sweep_id, kind, what, selector, reason, "
	    "asked_by, asked_at, until) VALUES ('S-1', 3, 'mallory', 'all', "
	    "'', 'li', 1, %lld)", (long long)(w.clock.wall_ms + 1000));
	sql("INSERT INTO sweep_hosts (sweep_id, host_id, state) VALUES "
	    "('S-1', 'H-a', %d)", (int)SWEEP_AWAY);
	assert_int_equal(come("H-a", &h), 0);
	assert_string_equal(host("a").answers, "");
	assert_null(last_sent("H-a", FRAME_SWEEP_ASK));
	h.answers = answers;
	h.n_answers = 5;
	assert_int_equal(come("H-a", &h), 0);
	assert_string_equal(host("a").answers, "x sweep last");
	assert_non_null(last_sent("H-a", FRAME_SWEEP_ASK));
	assert_int_equal(sql_int("SELECT state FROM sweep_hosts"),
	    SWEEP_ASKED);
}

static void
test_refused(void **state)
{
	Cordon__Hello h = hello_of("boot-1");

	(void)state;
	sql("UPDATE hosts SET revoked = 1, online = 0 WHERE name = 'a'");
	assert_int_equal(come("H-a", &h), ERR_PERM);
	assert_int_equal(come("H-none", &h), ERR_NOENT);
	assert_false(host("a").online);
	assert_null(last_sent("H-a", FRAME_WELCOME));
}

static void
test_boot(void **state)
{
	static const struct {
		const char *boot_id;
		int64_t said;
	} t[] = {{"boot-1", 0}, {"boot-1", 0}, {"boot-2", 1}, {"boot-2", 1},
	    {"boot-1", 2}};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(t); i++) {
		Cordon__Hello h = hello_of(t[i].boot_id);

		assert_int_equal(come("H-a", &h), 0);
		assert_int_equal(audited("host.rebooted"), t[i].said);
	}
}

static void
test_renewal(void **state)
{
	static const struct {
		int64_t left;
		bool renew;
	} t[] = {{10 * DAY_MS, false}, {10 * DAY_MS - 1, true}, {-1, true}};
	Cordon__Hello h = hello_of("boot-1");
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(t); i++) {
		Cordon__Welcome *m;

		sql("UPDATE hosts SET cert_not_after = %lld",
		    (long long)(w.clock.wall_ms + t[i].left));
		assert_int_equal(come("H-a", &h), 0);
		m = welcome();
		assert_int_equal(m->renew_certificate, t[i].renew);
		cordon__welcome__free_unpacked(m, NULL);
	}
}

/* Addresses as the agent gives them: good ones kept, what fits. */
static void
test_addresses(void **state)
{
	static uint8_t ip[16] = {10, 1, 2, 3};
	static const struct {
		size_t len;
		uint32_t prefix;
		const char *want;
	} t[] = {
		{4, 24, "10.1.2.3/24"}, {4, 0, "10.1.2.3/0"}, {4, 33, ""},
		{16, 64, "a01:203::/64"}, {16, 129, ""}, {5, 8, ""},
		{0, 0, ""}, {4, UINT32_MAX, ""},
	};
	Cordon__Address a = CORDON__ADDRESS__INIT, *list[100];
	Cordon__Hello h = hello_of("boot-1");
	size_t i;

	(void)state;
	h.addresses = list;
	a.ip.data = ip;
	for (i = 0; i < COUNT(t); i++) {
		list[0] = &a;
		h.n_addresses = 1;
		a.ip.len = t[i].len;
		a.prefix_len = t[i].prefix;
		assert_int_equal(come("H-a", &h), 0);
		assert_string_equal(host("a").addresses, t[i].want);
	}
	a.ip.len = 4;
	a.prefix_len = 24;
	for (i = 0; i < COUNT(list); i++)
		list[i] = &a;
	h.n_addresses = COUNT(list);
	assert_int_equal(come("H-a", &h), 0);
	/* 12 bytes each with the blank, none of them cut */
	assert_int_equal(strlen(host("a").addresses), 42 * 12 - 1);
}

/* What was ordered while it was away comes right behind the welcome. */
static void
test_order_follows(void **state)
{
	Cordon__Hello h = hello_of("boot-1");

	(void)state;
	assert_int_equal(plan_one(ACTION_ISOLATE, "a"), 0);
	assert_int_equal(apply_it(), 0);
	w.nsent = 0;
	assert_int_equal(come("H-a", &h), 0);
	assert_int_equal(w.nsent, 2);
	assert_int_equal(w.sent[0].kind, FRAME_WELCOME);
	assert_int_equal(w.sent[1].kind, FRAME_ORDER);
}

static int
gone_job(struct db *db, void *arg)
{
	struct go *g = arg;

	return flow_gone(db, &f, g->host, g->text);
}

static int
start_job(struct db *db, void *arg)
{
	(void)arg;
	return flow_start(db);
}

static void
test_gone(void **state)
{
	struct go g = {.host = "H-a", .text = "closed by \"peer\""};

	(void)state;
	assert_int_equal(go(gone_job, &g), 0);
	assert_false(host("a").online);
	assert_true(host("b").online);
	assert_int_equal(audited("host.offline"), 1);
	g.host = "H-none";
	assert_int_equal(go(gone_job, &g), ERR_NOENT);
	assert_int_equal(go(start_job, &g), 0);
	assert_false(host("b").online);
}

static void
test_heartbeat(void **state)
{
	Cordon__Heartbeat hb = CORDON__HEARTBEAT__INIT;
	Cordon__State st = CORDON__STATE__INIT;
	Cordon__HeartbeatAck *ack;
	const struct sent *s;

	(void)state;
	hb.sequence = UINT64_MAX;
	hb.spool_depth = 7;
	hb.state = &st;
	st.profile = CORDON__PROFILE__PROFILE_OPEN;
	st.confirmed = true;
	st.tampers = 2;
	tick_clock(5000);
	assert_int_equal(frame("H-a", FRAME_HEARTBEAT, &hb.base), 0);
	assert_int_equal(host("a").last_seen, w.clock.wall_ms);
	assert_int_equal(sql_int("SELECT json_extract(heartbeat, "
	    "'$.spool_depth') * 10 + json_extract(heartbeat, '$.tampers') "
	    "FROM hosts WHERE name = 'a'"), 72);
	s = last_sent("H-a", FRAME_HEARTBEAT_ACK);
	assert_non_null(s);
	ack = cordon__heartbeat_ack__unpack(NULL, s->len, s->data);
	assert_non_null(ack);
	assert_int_equal(ack->sequence, UINT64_MAX);
	cordon__heartbeat_ack__free_unpacked(ack, NULL);
	/* a state that cannot be: refused, nothing of it is kept */
	st.profile = (Cordon__Profile)9;
	hb.spool_depth = 99;
	w.nsent = 0;
	assert_int_equal(frame("H-a", FRAME_HEARTBEAT, &hb.base), ERR_PROTO);
	assert_int_equal(sql_int("SELECT json_extract(heartbeat, "
	    "'$.spool_depth') FROM hosts WHERE name = 'a'"), 7);
	assert_null(last_sent("H-a", FRAME_HEARTBEAT_ACK));
}

/* Nobody says what is in force: for a while it stays what it was. */
static void
test_heartbeat_without_state(void **state)
{
	Cordon__Heartbeat hb = CORDON__HEARTBEAT__INIT;

	(void)state;
	sql("UPDATE hosts SET applied = 2 WHERE name = 'a'");
	assert_int_equal(host("a").applied, PROFILE_STRICT);
	assert_int_equal(frame("H-a", FRAME_HEARTBEAT, &hb.base), 0);
	assert_int_equal(host("a").applied, PROFILE_STRICT);
	hb.sequence = 1; /* 30 s after hello */
	assert_int_equal(frame("H-a", FRAME_HEARTBEAT, &hb.base), 0);
	assert_int_equal(host("a").applied, PROFILE_OPEN);
}

/* Answer and proof move the case of the host with them. */
static void
test_proof(void **state)
{
	Cordon__OrderAnswer a = CORDON__ORDER_ANSWER__INIT;
	Cordon__Proof p = CORDON__PROOF__INIT;
	struct host h;

	(void)state;
	assert_int_equal(frame("H-a", FRAME_PROOF, &p.base), 0);
	assert_int_equal(sql_int("SELECT count(*) FROM proofs"), 0);
	assert_int_equal(plan_one(ACTION_ISOLATE, "a"), 0);
	assert_int_equal(apply_it(), 0);
	h = host("a");
	a.order_id = h.desired_order;
	a.epoch = h.desired_epoch;
	a.result = CORDON__ANSWER_RESULT__ANSWER_APPLIED;
	a.verdict = (char *)"good";
	assert_int_equal(frame("H-a", FRAME_ORDER_ANSWER, &a.base), 0);
	assert_int_equal(sql_int("SELECT state FROM cases"),
	    CASE_CONTAINING);
	p = proof_of(&h);
	assert_int_equal(frame("H-b", FRAME_PROOF, &p.base), ERR_PROTO);
	assert_false(host("a").proven_ok);
	assert_int_equal(frame("H-a", FRAME_PROOF, &p.base), 0);
	assert_true(host("a").proven_ok);
	assert_int_equal(sql_int("SELECT state FROM cases"),
	    CASE_CONTAINED);
	assert_int_equal(sql_int("SELECT count(*) FROM case_facts WHERE "
	    "fact = 'contained'"), 1);
}

/* A snapshot and a manifest find their rooms. */
static void
test_pieces(void **state)
{
	Cordon__SnapshotChunk c = CORDON__SNAPSHOT_CHUNK__INIT;
	Cordon__ManifestChunk m = CORDON__MANIFEST_CHUNK__INIT;
	Cordon__WitnessResult wr = CORDON__WITNESS_RESULT__INIT;
	uint8_t sum[32];
	struct host h;

	(void)state;
	assert_int_equal(plan_one(ACTION_ISOLATE, "a"), 0);
	assert_int_equal(apply_it(), 0);
	h = host("a");
	digest_of("x", 1, sum);
	c.order_id = h.desired_order;
	c.data.data = (uint8_t *)(uintptr_t)"x";
	c.data.len = 1;
	c.last = true;
	c.digest.data = sum;
	c.digest.len = sizeof(sum);
	assert_int_equal(frame("H-b", FRAME_SNAPSHOT, &c.base), 0);
	assert_int_equal(sql_int("SELECT count(*) FROM evidence"), 0);
	assert_int_equal(frame("H-a", FRAME_SNAPSHOT, &c.base), 0);
	assert_string_equal(sql_text("SELECT kind FROM evidence"),
	    "snapshot");
	m.manifest_id = (char *)"M-NONE";
	assert_int_equal(frame("H-a", FRAME_MANIFEST, &m.base), 0);
	wr.ask_id = (char *)"W-NONE";
	wr.host_id = (char *)"H-a";
	assert_int_equal(frame("H-b", FRAME_WITNESS, &wr.base), 0);
	assert_false(host("a").witness_ok);
}

/* -- readiness ------------------------------------------------------------- */

static Cordon__ReadinessItem
item_of(const char *id, bool ok, Cordon__ReadinessLevel level)
{
	Cordon__ReadinessItem i = CORDON__READINESS_ITEM__INIT;

	i.id = (char *)id;
	i.ok = ok;
	i.level = level;
	i.text = ok ? (char *)"" : (char *)"something is lost";
	return i;
}

#define BLOCKS CORDON__READINESS_LEVEL__READINESS_BLOCKS
#define WEAKER CORDON__READINESS_LEVEL__READINESS_WEAKER

static const char *
last_readiness(void)
{
	return sql_text("SELECT line FROM audit WHERE line LIKE "
	    "'%%host.readiness%%' ORDER BY number DESC");
}

static void
test_readiness(void **state)
{
	Cordon__ReadinessItem item[3], *items[] = {&item[0], &item[1],
	    &item[2]};
	Cordon__Readiness r = CORDON__READINESS__INIT;
	Cordon__Hello h = hello_of("boot-1");

	(void)state;
	item[0] = item_of("owner-flag", false, WEAKER);
	item[1] = item_of("vpn-route", false, BLOCKS);
	item[2] = item_of("Bad id; or not", false, BLOCKS);
	r.items = items;
	r.n_items = 3;
	assert_int_equal(frame("H-a", FRAME_READINESS, &r.base), 0);
	assert_int_equal(sql_int("SELECT readiness_at FROM hosts WHERE "
	    "name = 'a'"), w.clock.wall_ms);
	assert_int_equal(sql_int("SELECT json_array_length(readiness) FROM "
	    "hosts WHERE name = 'a'"), 2);
	assert_string_equal(sql_text("SELECT json_extract(readiness, "
	    "'$[1].level') FROM hosts WHERE name = 'a'"), "blocks");
	assert_non_null(strstr(last_readiness(), "blocks vpn-route; weaker "
	    "owner-flag (before: ready)"));
	/* the same a day later: the time moves, nothing else is said */
	tick_clock(DAY_MS);
	assert_int_equal(frame("H-a", FRAME_READINESS, &r.base), 0);
	assert_int_equal(audited("host.readiness"), 1);
	assert_int_equal(sql_int("SELECT readiness_at FROM hosts WHERE "
	    "name = 'a'"), w.clock.wall_ms);
	item[1].ok = true;
	assert_int_equal(frame("H-a", FRAME_READINESS, &r.base), 0);
	assert_non_null(strstr(last_readiness(), "\"weaker owner-flag "
	    "(before: blocks vpn-route"));
	/* a hello that does not know yet takes nothing away */
	assert_int_equal(come("H-a", &h), 0);
	assert_int_equal(sql_int("SELECT json_array_length(readiness) FROM "
	    "hosts WHERE name = 'a'"), 2);
	assert_int_equal(sql_int("SELECT readiness_at FROM hosts WHERE "
	    "name = 'b'"), 0);
}

/* Its time is over: it is watched as one that people restored. */
static void
test_restored_by_itself(void **state)
{
	Cordon__Heartbeat hb = CORDON__HEARTBEAT__INIT;
	Cordon__State st = CORDON__STATE__INIT;
	struct host h;

	(void)state;
	assert_int_equal(plan_one(ACTION_ISOLATE, "a"), 0);
	assert_int_equal(apply_it(), 0);
	h = host("a");
	sql("UPDATE orders SET review_then = 2, state = %d, secret = NULL",
	    ORDER_PROVEN);
	hb.state = &st;
	st.epoch = 1;
	st.order_id = h.desired_order;
	st.profile = CORDON__PROFILE__PROFILE_OPEN;
	st.confirmed = true;
	tick_clock(2 * DAY_MS);
	assert_int_equal(frame("H-a", FRAME_HEARTBEAT, &hb.base), 0);
	h = host("a");
	assert_int_equal(h.stage, STAGE_PROBATION);
	assert_int_equal(h.desired, PROFILE_OPEN);
	assert_true(sql_int("SELECT count(*) FROM rechecks") > 0);
	assert_int_equal(frame("H-a", FRAME_HEARTBEAT, &hb.base), 0);
	assert_int_equal(audited("host.restored"), 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		FLOW_TEST(test_hello),
		FLOW_TEST(test_answers),
		FLOW_TEST(test_refused),
		FLOW_TEST(test_boot),
		FLOW_TEST(test_renewal),
		FLOW_TEST(test_addresses),
		FLOW_TEST(test_order_follows),
		FLOW_TEST(test_gone),
		FLOW_TEST(test_heartbeat),
		FLOW_TEST(test_heartbeat_without_state),
		FLOW_TEST(test_proof),
		FLOW_TEST(test_pieces),
		FLOW_TEST(test_readiness),
		FLOW_TEST(test_restored_by_itself),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
