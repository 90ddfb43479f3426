/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Snapshots in pieces as a suspect host may send them; waivers. */
#include "tests/unit/server/cases/cases_world.h"

#include "server/cases/parts.h"

static uint8_t big[PART_MAX + 1];

static int
chunk_job(struct db *db, void *arg)
{
	struct go *g = arg;

	return snapshot_chunk(db, g->host, g->msg);
}

/* One piece; DIGEST: of WHOLE, given with the last one. */
static int
chunk(const char *host_id, const char *order_id, uint32_t seq,
    const void *data, size_t len, const char *whole)
{
	Cordon__SnapshotChunk c = CORDON__SNAPSHOT_CHUNK__INIT;
	struct go g = {.host = host_id, .msg = &c};
	uint8_t sum[DIGEST_LEN];

	c.order_id = (char *)order_id;
	c.sequence = seq;
	c.data.data = (uint8_t *)(uintptr_t)data;
	c.data.len = len;
	c.last = whole != NULL;
	if (whole != NULL) {
		digest_of(whole, strlen(whole), sum);
		c.digest.data = sum;
		c.digest.len = sizeof(sum);
	}
	return go(chunk_job, &g);
}

static int
piece(uint32_t seq, const char *text, const char *whole)
{
	return chunk("H-a", "O-A", seq, text, strlen(text), whole);
}

/* Kinds of all evidence, or "none". */
static const char *
kept(void)
{
	return sql_text("SELECT coalesce(group_concat(kind), 'none') "
	    "FROM evidence");
}

static char case_a[ID_MAX];

static void
add_order(const char *order_id, const char *host_id, const char *case_id)
{
	sql("INSERT INTO orders (order_id, host_id, epoch, plan_id, case_id, "
	    "profile, state, signed, created_at) VALUES ('%s', '%s', 1, "
	    "'P-1', '%s', 2, 2, x'00', 1)", order_id, host_id, case_id);
}

/* Host a is contained in a case by order O-A; b by O-B. */
static int
up(void **state)
{
	cases_up(state);
	snprintf(case_a, sizeof(case_a), "%s", case_with("a"));
	put_stage("a", STAGE_CONTAINED);
	add_order("O-A", "H-a", case_a);
	add_order("O-B", "H-b", "C-B");
	return 0;
}

#define UP_TEST(f) cmocka_unit_test_setup_teardown(f, up, world_down)

static int
kept_job(struct db *db, void *arg)
{
	struct go *g = arg;

	g->flag = evidence_kept(db, g->id, g->host);
	return 0;
}

static bool
is_kept(const char *case_id, const char *host_id)
{
	struct go g = {.id = case_id, .host = host_id};

	assert_int_equal(go(kept_job, &g), 0);
	return g.flag;
}

static void
test_whole(void **state)
{
	char hex[DIGEST_HEX_MAX];
	uint8_t sum[DIGEST_LEN];

	(void)state;
	assert_false(is_kept(case_a, "H-a"));
	assert_int_equal(piece(0, "== ps\n", NULL), 0);
	assert_string_equal(kept(), "none");
	assert_int_equal(piece(1, "== ss\n", "== ps\n== ss\n"), 0);
	assert_string_equal(kept(), "snapshot");
	assert_true(is_kept(case_a, "H-a"));
	assert_false(is_kept(case_a, "H-b"));
	assert_false(is_kept("C-B", "H-a"));
	digest_of("== ps\n== ss\n", 12, sum);
	assert_string_equal(sql_text("SELECT sha256 FROM evidence"),
	    hex_encode(hex, sum, sizeof(sum)));
	assert_string_equal(sql_text("SELECT case_id FROM evidence"), case_a);
	assert_int_equal(audited("evidence.add"), 1);
	/* all of it again after a lost acknowledgement, and a forged end */
	assert_int_equal(piece(0, "== ps\n", NULL), 0);
	assert_int_equal(piece(1, "other", "== ps\nother"), 0);
	assert_string_equal(kept(), "snapshot");
	assert_int_equal(sql_int("SELECT count(*) FROM blob_parts"), 2);
	assert_int_equal(audited("evidence.add"), 1);
}

static void
test_one_piece_and_none(void **state)
{
	(void)state;
	assert_int_equal(piece(0, "all", "all"), 0);
	assert_string_equal(kept(), "snapshot");
	add_order("O-A2", "H-a", case_a);
	assert_int_equal(chunk("H-a", "O-A2", 0, NULL, 0, ""), 0);
	assert_string_equal(kept(), "snapshot,snapshot");
}

/* A piece that came twice is kept as it came first. */
static void
test_duplicate(void **state)
{
	(void)state;
	assert_int_equal(piece(0, "one", NULL), 0);
	assert_int_equal(piece(0, "two", NULL), 0);
	assert_int_equal(piece(1, "!", "one!"), 0);
	assert_string_equal(kept(), "snapshot");
}

static void
test_broken(void **state)
{
	static const struct {
		const char *order;
		uint32_t seq[2];
		const char *whole;
	} t[] = {
		{"O-1", {0, 2}, "ab"},		/* 1 is missing */
		{"O-2", {1, 2}, "ab"},		/* 0 is missing */
		{"O-3", {0, 1}, "ba"},		/* wrong digest */
		{"O-4", {3, 1}, "ba"},		/* more than the last one */
	};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(t); i++) {
		add_order(t[i].order, "H-a", case_a);
		assert_int_equal(chunk("H-a", t[i].order, t[i].seq[0], "a",
		    1, NULL), 0);
		assert_int_equal(chunk("H-a", t[i].order, t[i].seq[1], "b",
		    1, t[i].whole), 0);
		assert_int_equal(sql_int("SELECT count(*) FROM evidence "
		    "WHERE kind = 'snapshot-broken'"), i + 1);
	}
	assert_int_equal(sql_int("SELECT count(*) FROM evidence"), COUNT(t));
	assert_false(is_kept(case_a, "H-a"));
}

static void
test_short_digest(void **state)
{
	Cordon__SnapshotChunk c = CORDON__SNAPSHOT_CHUNK__INIT;
	struct go g = {.host = "H-a", .msg = &c};

	(void)state;
	c.order_id = (char *)"O-A";
	c.last = true;
	assert_int_equal(go(chunk_job, &g), 0);
	assert_string_equal(kept(), "snapshot-broken");
}

/* Too many and too large: the bytes are dropped, the end says so. */
static void
test_too_much(void **state)
{
	(void)state;
	assert_int_equal(chunk("H-a", "O-A", 0, big, PART_MAX, NULL), 0);
	assert_int_equal(chunk("H-a", "O-A", 1, big, PART_MAX + 1, NULL), 0);
	assert_int_equal(chunk("H-a", "O-A", 31, big, 1, NULL), 0);
	assert_int_equal(chunk("H-a", "O-A", 32, big, 1, NULL), 0);
	assert_int_equal(chunk("H-a", "O-A", UINT32_MAX, big, 1, NULL), 0);
	assert_int_equal(sql_int("SELECT count(*) FROM blob_parts"), 2);
	assert_string_equal(kept(), "none");
	assert_int_equal(chunk("H-a", "O-A", 32, big, 1, "x"), 0);
	assert_string_equal(kept(), "snapshot-broken");
	assert_false(is_kept(case_a, "H-a"));
}

static void
test_not_its_own(void **state)
{
	static const char *const order[] = {"O-B", "O-NONE", "", "x'; --"};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(order); i++)
		assert_int_equal(chunk("H-a", order[i], 0, "x", 1, "x"), 0);
	assert_int_equal(chunk("H-b", "O-A", 0, "x", 1, "x"), 0);
	assert_int_equal(chunk("H-none", "O-A", 0, "x", 1, "x"), 0);
	assert_string_equal(kept(), "none");
	assert_int_equal(sql_int("SELECT count(*) FROM blob_parts"), 0);
}

/* What was kept before the cut proves nothing about this one. */
static void
test_kept_is_of_this_cut(void **state)
{
	(void)state;
	assert_int_equal(piece(0, "all", "all"), 0);
	tick_clock(60000);
	put_stage("a", STAGE_CONTAINED);
	assert_true(is_kept(case_a, "H-a"));
	tick_clock(1);
	put_stage("a", STAGE_CONTAINED);
	assert_false(is_kept(case_a, "H-a"));
}

/* -- waivers --------------------------------------------------------------- */

static int
waive_job(struct db *db, void *arg)
{
	struct go *g = arg;

	return evidence_waive(db, g->host, &g->actor, g->text, &w.no);
}

static int
waive(const char *name, uint32_t roles, const char *reason)
{
	struct go g = {.host = name, .text = reason,
	    .actor = person("rec", roles)};

	return go(waive_job, &g);
}

static void
test_waive(void **state)
{
	static char long_one[TEXT_MAX_LEN + 1];

	(void)state;
	memset(long_one, 'x', TEXT_MAX_LEN);
	REFUSED(waive("nobody", MAY(ROLE_RECOVERY), REASON),
	    REFUSAL_NOT_FOUND);
	REFUSED(waive("a", MAY(ROLE_RESPONDER), REASON), REFUSAL_ROLE);
	REFUSED(waive("a", MAY(ROLE_RECOVERY), NULL), REFUSAL_REASON);
	REFUSED(waive("a", MAY(ROLE_RECOVERY), "too short"), REFUSAL_REASON);
	REFUSED(waive("a", MAY(ROLE_RECOVERY), long_one), REFUSAL_REASON);
	REFUSED(waive("b", MAY(ROLE_RECOVERY), REASON), REFUSAL_STATE);
	assert_false(is_kept(case_a, "H-a"));
	assert_int_equal(waive("a", MAY(ROLE_RECOVERY), REASON), 0);
	assert_true(is_kept(case_a, "H-a"));
	assert_string_equal(sql_text("SELECT text FROM evidence"), REASON);
	assert_string_equal(sql_text("SELECT added_by FROM evidence"), "rec");
	assert_int_equal(waive("a", MAY(ROLE_COMMANDER), REASON), 0);
	assert_string_equal(kept(), "waiver,waiver");
}

static int
add_evidence_job(struct db *db, void *arg)
{
	struct go *g = arg;

	return evidence_add(db, case_a, g->host, "note", g->msg,
	    (size_t)g->at, "ana", "as found");
}

static void
test_add(void **state)
{
	struct go g = {.host = "a", .msg = big, .at = PART_MAX};

	(void)state;
	assert_int_equal(go(add_evidence_job, &g), 0);
	assert_int_equal(sql_int("SELECT length(data) FROM blob_parts"),
	    PART_MAX);
	g.at++;
	assert_int_equal(go(add_evidence_job, &g), ERR_LIMIT);
	g.host = "nobody";
	assert_int_equal(go(add_evidence_job, &g), ERR_NOENT);
	assert_string_equal(kept(), "note");
	assert_false(is_kept(case_a, "H-a")); /* a note is no snapshot */
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		UP_TEST(test_whole),
		UP_TEST(test_one_piece_and_none),
		UP_TEST(test_duplicate),
		UP_TEST(test_broken),
		UP_TEST(test_short_digest),
		UP_TEST(test_too_much),
		UP_TEST(test_not_its_own),
		UP_TEST(test_kept_is_of_this_cut),
		UP_TEST(test_waive),
		UP_TEST(test_add),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
