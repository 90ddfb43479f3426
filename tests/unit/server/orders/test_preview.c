/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Previews: asked of the host, answered once, kept for a week. */
#include "tests/unit/server/orders/orders_agents.h"

#include "server/orders/preview.h"

static struct {
	enum profile profile;
	const char *host, *plan;
	char id[ID_MAX];
	int rc;
	const Cordon__Preview *say;
	struct preview got;
	char *flows;
} c;

static int
ask_job(struct db *db, void *arg)
{
	struct actor li = who("li");
	struct host h;

	(void)arg;
	assert_int_equal(hosts_get(db, c.host, &h), 0);
	c.rc = preview_ask(db, &w.set, &h, c.profile, c.plan, &li, c.id,
	    &w.no);
	return keep_refusal(c.rc);
}

static enum refusal
ask(const char *host_name, enum profile profile, const char *plan)
{
	c.host = host_name;
	c.profile = profile;
	c.plan = plan;
	memset(&w.no, 0, sizeof(w.no));
	store_now(w.store, ask_job, NULL);
	return outcome(c.rc);
}

static int
take_job(struct db *db, void *arg)
{
	return preview_take(db, arg, c.say);
}

static int
get_job(struct db *db, void *arg)
{
	free(c.flows);
	c.flows = NULL;
	return preview_get(db, arg, &c.got, &c.flows);
}

static const struct preview *
get(void)
{
	assert_int_equal(store_now(w.store, get_job, c.id), 0);
	return &c.got;
}

static int
say_flow(const char *host_id, const char *ask_id)
{
	static uint8_t ip[4] = {10, 1, 5, 20};
	Cordon__Preview p = CORDON__PREVIEW__INIT;
	Cordon__Flow f = CORDON__FLOW__INIT, *flows[] = {&f};
	Cordon__Address a = CORDON__ADDRESS__INIT;

	a.ip.data = ip;
	a.ip.len = 4;
	f.protocol = 6;
	f.local = f.peer = &a;
	f.peer_port = 5432;
	f.pid = 77;
	f.program = (char *)"/usr/bin/psql\n\x1b[2J";
	p.ask_id = (char *)ask_id;
	p.flows = flows;
	p.n_flows = 1;
	p.cut = 1;
	c.say = &p;
	return store_now(w.store, take_job, (void *)host_id);
}

static void
test_asked_and_answered(void **state)
{
	const struct sent *s;
	Cordon__PreviewAsk *m;

	(void)state;
	add_host("a", "fin", TIER_T2);
	add_host("b", "fin", TIER_T2);
	assert_int_equal(ask("a", PROFILE_RECOVERY, ""), REFUSAL_NONE);
	assert_int_equal(audited("host.preview"), 1);
	s = last_sent("H-a", FRAME_PREVIEW_ASK);
	assert_non_null(s);
	m = cordon__preview_ask__unpack(NULL, s->len, s->data);
	assert_non_null(m);
	assert_string_equal(m->ask_id, c.id);
	assert_int_equal(m->profile, CORDON__PROFILE__PROFILE_RECOVERY);
	assert_int_equal(m->n_collectors, 1);
	assert_int_equal(m->n_allowed, 1);
	assert_int_equal(m->allowed[0]->prefix_len, 24);
	cordon__preview_ask__free_unpacked(m, NULL);
	assert_int_equal(preview_state(get(), w.clock.wall_ms),
	    PREVIEW_ASKED);
	/* another host cannot answer for it */
	assert_int_equal(say_flow("H-b", c.id), 0);
	assert_int_equal(get()->done_at, 0);
	assert_int_equal(say_flow("H-a", "not an id"), ERR_PROTO);
	assert_int_equal(say_flow("H-a", c.id), 0);
	assert_int_equal(preview_state(get(), w.clock.wall_ms),
	    PREVIEW_DONE);
	assert_int_equal(c.got.cut, 1);
	assert_non_null(strstr(c.flows, "\"peer\":\"10.1.5.20:5432\""));
	assert_non_null(strstr(c.flows, "psql\\\\x0a\\\\x1b"));
	/* the first answer stands */
	tick_clock(5);
	assert_int_equal(say_flow("H-a", c.id), 0);
	assert_int_equal(get()->done_at, w.clock.wall_ms - 5);
	free(c.flows);
	c.flows = NULL;
}

static void
test_strict_names_nobody(void **state)
{
	const struct sent *s;
	Cordon__PreviewAsk *m;

	(void)state;
	add_host("a", "fin", TIER_T2);
	assert_int_equal(ask("a", PROFILE_STRICT, "P-1"), REFUSAL_NONE);
	s = last_sent("H-a", FRAME_PREVIEW_ASK);
	m = cordon__preview_ask__unpack(NULL, s->len, s->data);
	assert_int_equal(m->n_allowed, 0);
	cordon__preview_ask__free_unpacked(m, NULL);
	assert_string_equal(sql_text("SELECT plan_id FROM previews"), "P-1");
}

static void
test_away_late_old(void **state)
{
	(void)state;
	add_host("a", "fin", TIER_T2);
	sql("UPDATE hosts SET online = 0");
	assert_int_equal(ask("a", PROFILE_STRICT, ""), REFUSAL_AWAY);
	assert_int_equal(sql_int("SELECT count(*) FROM previews"), 0);
	sql("UPDATE hosts SET online = 1");
	assert_int_equal(ask("a", PROFILE_STRICT, ""), REFUSAL_NONE);
	tick_clock(PREVIEW_LATE_MS);
	assert_int_equal(preview_state(get(), w.clock.wall_ms),
	    PREVIEW_LATE);
	/* a week on, the next one sweeps */
	tick_clock(PREVIEW_KEPT_MS + 1);
	assert_int_equal(ask("a", PROFILE_STRICT, ""), REFUSAL_NONE);
	assert_int_equal(sql_int("SELECT count(*) FROM previews"), 1);
	free(c.flows);
	c.flows = NULL;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(test_asked_and_answered),
		WORLD_TEST(test_strict_names_nobody),
		WORLD_TEST(test_away_late_old),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
