/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Questions as people type them; who is asked when; answers of bad hosts. */
#include "tests/unit/server/cases/cases_world.h"

#include "server/cases/sweep.h"

/* 60 of them. */
#define ZEROS "000000000000000000000000000000000000000000000000000000000000"

/* -- the question ---------------------------- */

static void
questions(void **state)
{
	static const struct {
		enum sweep_kind kind;
		const char *text, *what; /* NULL: refused */
	} rows[] = {
		{SWEEP_SHA256, "AB" ZEROS "cd", "ab" ZEROS "cd"},
		{SWEEP_SHA256, "ab", NULL},
		{SWEEP_SHA256, "zz" ZEROS "cd", NULL},
		{SWEEP_SHA256, "ab" ZEROS "cd0", NULL},
		{SWEEP_PATH, "/tmp/*", "/tmp/*"}, {SWEEP_PATH, "tmp", NULL},
		{SWEEP_PATH, "/a//b", NULL}, {SWEEP_PATH, "/a/../b", NULL},
		{SWEEP_PATH, "/a\nb", NULL}, {SWEEP_PATH, "", NULL},
		{SWEEP_USER, "mallory", "mallory"}, {SWEEP_USER, "", NULL},
		{SWEEP_USER, "a\x1b[2J", NULL},
		{SWEEP_PROCESS, "/tmp/.x/*", "/tmp/.x/*"},
		{SWEEP_ADDRESS, "10.1.2.3", "10.1.2.3"},
		{SWEEP_ADDRESS, "10.1.0.0/16", "10.1.0.0/16"},
		{SWEEP_ADDRESS, "10.1.2.3/32", "10.1.2.3"},
		{SWEEP_ADDRESS, "10.1.2.3:443", "10.1.2.3:443"},
		{SWEEP_ADDRESS, "10.1.0.0/16:443", "10.1.0.0/16:443"},
		{SWEEP_ADDRESS, ":4444", ":4444"},
		{SWEEP_ADDRESS, "2001:DB8::1", "2001:db8::1"},
		{SWEEP_ADDRESS, "2001:db8::/32", "2001:db8::/32"},
		{SWEEP_ADDRESS, "[2001:db8::1]:443", "[2001:db8::1]:443"},
		{SWEEP_ADDRESS, "[2001:db8::1]", "2001:db8::1"},
		{SWEEP_ADDRESS, "[2001:db8::/32]:1", "[2001:db8::/32]:1"},
		{SWEEP_ADDRESS, "::ffff:10.1.2.3", "10.1.2.3"},
		{SWEEP_ADDRESS, "::", "::"}, {SWEEP_ADDRESS, "", NULL},
		{SWEEP_ADDRESS, ":", NULL}, {SWEEP_ADDRESS, ":0", NULL},
		{SWEEP_ADDRESS, ":65536", NULL},
		{SWEEP_ADDRESS, "10.1.2.3/33", NULL},
		{SWEEP_ADDRESS, "10.1.2.3:", NULL},
		{SWEEP_ADDRESS, "[]:1", NULL}, {SWEEP_ADDRESS, "[::1", NULL},
		{SWEEP_ADDRESS, "[::1]1", NULL},
		{SWEEP_ADDRESS, "host.example", NULL},
		{SWEEP_ADDRESS, "1.2.3", NULL},
		{(enum sweep_kind)9, "x", NULL},
	};
	static struct sweep_question q, again;
	struct why why;
	size_t i;
	int rc;

	(void)state;
	for (i = 0; i < COUNT(rows); i++) {
		rc = sweep_parse(rows[i].kind, rows[i].text, &q, &why);
		if (rc != (rows[i].what != NULL ? 0 : ERR_SYNTAX))
			fail_msg("%s: %d", rows[i].text, rc);
		if (rc != 0)
			continue;
		assert_string_equal(q.what, rows[i].what);
		/* What is kept reads as the same question. */
		assert_int_equal(sweep_parse(q.kind, q.what, &again, &why),
		    0);
		assert_memory_equal(&q, &again, sizeof(q));
	}
}

/* -- asking ---------------------------- */

static struct {
	struct sweep_question q;
	struct sweep_ask ask;
	struct actor actor;
	char id[ID_MAX];
} s;

static int
start_job(struct db *db, void *arg)
{
	(void)arg;
	return sweep_start(db, &s.ask, s.id, &w.no);
}

static int
start(const char *text, const char *const *hosts, size_t n,
    const char *reason, const char *case_id)
{
	struct why why;

	assert_int_equal(sweep_parse(SWEEP_USER, text, &s.q, &why), 0);
	s.actor = person("li", MAY(ROLE_ANALYST));
	s.ask = (struct sweep_ask){.q = &s.q, .selector = "all",
	    .host_ids = hosts, .nhosts = n, .reason = reason,
	    .case_id = case_id, .seconds = 3600, .actor = &s.actor};
	memset(&w.no, 0, sizeof(w.no));
	return store_now(w.store, start_job, NULL);
}

static const char *const three[] = {"H-a", "H-b", "H-c"};

/* a is here and knows, b is here and is old, c is away. */
static int
up(void **state)
{
	cases_up(state);
	add_host("c", "ops", TIER_T0);
	sql("UPDATE hosts SET online = 1, answers = 'x sweep' "
	    "WHERE name = 'a'");
	sql("UPDATE hosts SET online = 1, answers = 'sweeper' "
	    "WHERE name = 'b'");
	sql("UPDATE hosts SET online = 0 WHERE name = 'c'");
	return 0;
}

#define UP_TEST(f) cmocka_unit_test_setup_teardown(f, up, world_down)

static enum sweep_state
sweep_of(const char *host_id)
{
	return (enum sweep_state)sql_int("SELECT state FROM sweep_hosts "
	    "WHERE sweep_id = '%s' AND host_id = '%s'", s.id, host_id);
}

static size_t
asks(const char *host_id)
{
	size_t i, n = 0;

	for (i = 0; i < w.nsent; i++)
		n += w.sent[i].kind == FRAME_SWEEP_ASK &&
		    strcmp(w.sent[i].host_id, host_id) == 0;
	return n;
}

static int
hello_job(struct db *db, void *arg)
{
	return sweep_hello(db, arg);
}

static int
gone_job(struct db *db, void *arg)
{
	return sweep_gone(db, arg);
}

static void
back(const char *host_id, const char *answers)
{
	sql("UPDATE hosts SET online = 1, answers = '%s' WHERE host_id = "
	    "'%s'", answers, host_id);
	assert_int_equal(store_now(w.store, hello_job,
	    (void *)(uintptr_t)host_id), 0);
}

static void
who_is_asked(void **state)
{
	Cordon__SweepAsk *ask;
	const struct sent *one;

	(void)state;
	assert_int_equal(start("mallory", three, 3, REASON, ""), 0);
	assert_int_equal(sweep_of("H-a"), SWEEP_ASKED);
	assert_int_equal(sweep_of("H-b"), SWEEP_TOO_OLD);
	assert_int_equal(sweep_of("H-c"), SWEEP_AWAY);
	assert_int_equal(asks("H-a"), 1);
	assert_int_equal(asks("H-b") + asks("H-c"), 0);
	one = last_sent("H-a", FRAME_SWEEP_ASK);
	ask = cordon__sweep_ask__unpack(NULL, one->len, one->data);
	assert_string_equal(ask->text, "mallory");
	assert_string_equal(ask->sweep_id, s.id);
	cordon__sweep_ask__free_unpacked(ask, NULL);
	assert_int_equal(audited("sweep.ask"), 1);
	/* The line breaks: asked again when it is back, also the others. */
	assert_int_equal(store_now(w.store, gone_job, (void *)"H-a"), 0);
	assert_int_equal(sweep_of("H-a"), SWEEP_AWAY);
	back("H-a", "sweep");
	assert_int_equal(asks("H-a"), 2);
	back("H-c", "");
	assert_int_equal(sweep_of("H-c"), SWEEP_TOO_OLD);
	back("H-c", "sweep");
	assert_int_equal(sweep_of("H-c"), SWEEP_ASKED);
	back("H-b", "sweep");
	assert_int_equal(asks("H-b"), 1);
	/* Over: nobody is asked any more. */
	assert_int_equal(store_now(w.store, gone_job, NULL), 0);
	tick_clock(HOUR_MS);
	back("H-a", "sweep");
	assert_int_equal(asks("H-a"), 2);
	assert_int_equal(sweep_state_of(SWEEP_ASKED, 5, 5), SWEEP_LATE);
	assert_int_equal(sweep_state_of(SWEEP_ASKED, 5, 4), SWEEP_ASKED);
	assert_int_equal(sweep_state_of(SWEEP_AWAY, 5, 9), SWEEP_AWAY);
}

static void
refusals(void **state)
{
	static const char *const none[] = {NULL};
	const char *c;
	int i;

	(void)state;
	REFUSED(start("x", none, 0, REASON, ""), REFUSAL_INPUT);
	REFUSED(start("x", three, 3, "short", ""), REFUSAL_REASON);
	REFUSED(start("x", three, 3, REASON, "C-NONE"), REFUSAL_NOT_FOUND);
	c = case_with(NULL);
	sql("UPDATE cases SET state = %d", (int)CASE_CLOSED);
	REFUSED(start("x", three, 3, "", c), REFUSAL_STATE);
	/* One at a time for a person, for as long as it may be answered. */
	assert_int_equal(start("x", three, 3, REASON, ""), 0);
	REFUSED(start("y", three, 3, REASON, ""), REFUSAL_CONFLICT);
	tick_clock(SWEEP_LATE_MS);
	assert_int_equal(start("y", three, 3, REASON, ""), 0);
	/* And so many for all. */
	for (i = 0; i < SWEEP_RUNNING_MAX; i++) {
		sql("UPDATE sweeps SET asked_by = 'p%d' WHERE asked_by = "
		    "'li'", i);
		if (i + 1 < SWEEP_RUNNING_MAX)
			assert_int_equal(start("z", three, 3, REASON, ""), 0);
	}
	REFUSED(start("z", three, 3, REASON, ""), REFUSAL_CONFLICT);
	assert_int_equal(audited("sweep.ask"), SWEEP_RUNNING_MAX + 1);
}

static void
old_ones_go(void **state)
{
	(void)state;
	assert_int_equal(start("x", three, 3, REASON, ""), 0);
	tick_clock(SWEEP_KEPT_MS - 1000);
	assert_int_equal(start("y", three, 3, "", case_with(NULL)), 0);
	assert_int_equal(sql_int("SELECT count(*) FROM sweeps"), 2);
	tick_clock(SWEEP_KEPT_MS + 2000);
	assert_int_equal(start("z", three, 3, REASON, ""), 0);
	assert_int_equal(sql_int("SELECT count(*) FROM sweeps"), 2);
	assert_int_equal(sql_int("SELECT count(*) FROM sweep_hosts"), 6);
}

/* -- answers ---------------------------- */

static struct {
	const char *host;
	const Cordon__Sweep *msg;
} said;

static int
take_job(struct db *db, void *arg)
{
	(void)arg;
	return sweep_take(db, said.host, said.msg);
}

static int
take(const char *host_id, const Cordon__Sweep *msg)
{
	said.host = host_id;
	said.msg = msg;
	return store_now(w.store, take_job, NULL);
}

static Cordon__SweepRow *
user_row(Cordon__SweepRow *r, const char *name)
{
	cordon__sweep_row__init(r);
	r->object = (char *)(uintptr_t)name;
	r->line = (char *)(uintptr_t)"shell=/bin/sh";
	return r;
}

static const char *
found(const char *host_id)
{
	return sql_text("SELECT found FROM sweep_hosts WHERE sweep_id = '%s' "
	    "AND host_id = '%s'", s.id, host_id);
}

static void
answers(void **state)
{
	Cordon__Sweep m = CORDON__SWEEP__INIT;
	Cordon__SweepRow row, *list[1];

	(void)state;
	assert_int_equal(start("mal*", three, 3, REASON, ""), 0);
	m.sweep_id = s.id;
	list[0] = user_row(&row, "mal\x1b]0;x\x07\n\xff");
	m.rows = list;
	m.n_rows = 1;
	m.total = 7;
	/* Not asked: what b and c say is not taken. */
	assert_int_equal(take("H-b", &m), 0);
	assert_int_equal(take("H-c", &m), 0);
	assert_int_equal(sweep_of("H-b"), SWEEP_TOO_OLD);
	assert_int_equal(take("H-a", &m), 0);
	assert_int_equal(sweep_of("H-a"), SWEEP_FOUND);
	assert_string_equal(found("H-a"), "[{\"user\":\"mal\\\\x1b]0;x\\\\x07"
	    "\\\\x0a\\\\xff\",\"uid\":0,\"gid\":0,\"line\":\"shell=/bin/sh\"}"
	    "]");
	assert_int_equal(sql_int("SELECT total FROM sweep_hosts WHERE "
	    "host_id = 'H-a'"), 7);
	assert_int_equal(audited("sweep.found"), 1);
	/* The first word counts. */
	m.n_rows = 0;
	m.total = 0;
	assert_int_equal(take("H-a", &m), 0);
	assert_int_equal(sweep_of("H-a"), SWEEP_FOUND);
	m.sweep_id = (char *)(uintptr_t)"../..";
	assert_int_equal(take("H-a", &m), ERR_PROTO);
	m.sweep_id = (char *)(uintptr_t)"S-OTHER";
	assert_int_equal(take("H-a", &m), 0);
}

static void
what_a_no_is_worth(void **state)
{
	static const struct {
		const char *why;
		uint64_t total;
		Cordon__SweepReach reach;
		bool partial;
		enum sweep_state is;
	} rows[] = {
		{"", 0, CORDON__SWEEP_REACH__SWEEP_REACH_ALL, false,
		    SWEEP_ABSENT},
		{"", 0, CORDON__SWEEP_REACH__SWEEP_REACH_PART, false,
		    SWEEP_ABSENT},
		{"", 0, CORDON__SWEEP_REACH__SWEEP_REACH_NONE, false,
		    SWEEP_UNCOVERED},
		{"", 0, CORDON__SWEEP_REACH__SWEEP_REACH_ALL, true,
		    SWEEP_UNCOVERED},
		{"", 1, CORDON__SWEEP_REACH__SWEEP_REACH_NONE, true,
		    SWEEP_FOUND},
		{"busy", 1, CORDON__SWEEP_REACH__SWEEP_REACH_ALL, false,
		    SWEEP_FAILED},
	};
	Cordon__Sweep m = CORDON__SWEEP__INIT;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(rows); i++) {
		assert_int_equal(start("x", three, 1, REASON, ""), 0);
		m.sweep_id = s.id;
		m.why = (char *)(uintptr_t)rows[i].why;
		m.total = rows[i].total;
		m.reach = rows[i].reach;
		m.partial = rows[i].partial;
		assert_int_equal(take("H-a", &m), 0);
		assert_int_equal(sweep_of("H-a"), rows[i].is);
	}
	/* Too late: dropped. */
	assert_int_equal(start("x", three, 1, REASON, ""), 0);
	tick_clock(HOUR_MS);
	m.sweep_id = s.id;
	assert_int_equal(take("H-a", &m), 0);
	assert_int_equal(sweep_of("H-a"), SWEEP_ASKED);
}

/* More and longer than any agent of ours would send. */
static void
too_much(void **state)
{
	static Cordon__SweepRow row[1000], *list[1000];
	Cordon__Sweep m = CORDON__SWEEP__INIT;
	static char name[20000], *tree[1000];
	size_t i;

	(void)state;
	memset(name, '\x01', sizeof(name) - 1);
	for (i = 0; i < 1000; i++) {
		list[i] = user_row(&row[i], name);
		tree[i] = name;
	}
	assert_int_equal(start("x", three, 1, REASON, case_with(NULL)), 0);
	m.sweep_id = s.id;
	m.rows = list;
	m.n_rows = 1000;
	m.total = 1;
	m.trees = tree;
	m.n_trees = 1000;
	m.looked = UINT64_MAX;
	m.looked_ms = INT64_MAX;
	assert_int_equal(take("H-a", &m), 0);
	assert_true(sql_int("SELECT length(found) FROM sweep_hosts WHERE "
	    "sweep_id = '%s'", s.id) <= 64 * 1024);
	assert_true(sql_int("SELECT length(cover) FROM sweep_hosts WHERE "
	    "sweep_id = '%s'", s.id) <= 16 * 1024);
	assert_int_equal(sql_int("SELECT total FROM sweep_hosts WHERE "
	    "sweep_id = '%s'", s.id), 1000);
}

/* -- the case ---------------------------- */

static void
into_the_case(void **state)
{
	Cordon__Sweep m = CORDON__SWEEP__INIT;
	char one[ID_MAX], other[ID_MAX];

	(void)state;
	snprintf(other, sizeof(other), "%s", case_with("b"));
	snprintf(one, sizeof(one), "%s", case_with(NULL));
	sql("UPDATE hosts SET online = 1, answers = 'sweep'");
	assert_int_equal(start("mallory", three, 3, "", one), 0);
	m.sweep_id = s.id;
	assert_int_equal(take("H-c", &m), 0);
	m.total = 1;
	assert_int_equal(take("H-a", &m), 0);
	assert_int_equal(take("H-b", &m), 0);
	assert_string_equal(sql_text("SELECT group_concat(host_id) FROM "
	    "case_hosts WHERE case_id = '%s'", one), "H-a");
	/* b is in another open case: it stays there, its word is kept. */
	assert_string_equal(sql_text("SELECT case_id FROM hosts WHERE "
	    "host_id = 'H-b'"), other);
	assert_string_equal(sql_text("SELECT group_concat(host_id) FROM "
	    "evidence WHERE case_id = '%s' AND kind = 'sweep'", one),
	    "H-a,H-b");
	assert_int_equal(audited("case.add-host"), 2);
	assert_int_equal(audited("evidence.add"), 2);
	/* A case that was closed meanwhile takes nothing more. */
	assert_int_equal(start("again", three, 3, "", one), 0);
	sql("UPDATE cases SET state = %d WHERE case_id = '%s'",
	    (int)CASE_CLOSED, one);
	m.sweep_id = s.id;
	assert_int_equal(take("H-c", &m), 0);
	assert_int_equal(sql_int("SELECT count(*) FROM evidence"), 2);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(questions),
		UP_TEST(who_is_asked),
		UP_TEST(refusals),
		UP_TEST(old_ones_go),
		UP_TEST(answers),
		UP_TEST(what_a_no_is_worth),
		UP_TEST(too_much),
		UP_TEST(into_the_case),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
