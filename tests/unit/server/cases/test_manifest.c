/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Known-good manifests: who may ask, when, and what an agent may send. */
#include "tests/unit/server/cases/cases_world.h"

#include "server/cases/parts.h"

static uint8_t big[PART_MAX + 1];

static int
ask_job(struct db *db, void *arg)
{
	struct go *g = arg;

	return manifest_ask(db, g->host, &g->actor, g->out, &w.no);
}

static int
ask_as(const char *name, uint32_t roles, char out[ID_MAX])
{
	struct go g = {.host = name, .actor = person("bas", roles)};
	int rc = go(ask_job, &g);

	if (rc == 0)
		memcpy(out, g.out, ID_MAX);
	return rc;
}

static void
ask(char out[ID_MAX])
{
	assert_int_equal(ask_as("a", MAY(ROLE_BASELINE), out), 0);
}

static int
chunk_job(struct db *db, void *arg)
{
	struct go *g = arg;

	return manifest_chunk(db, &set, g->host, g->msg);
}

static int
send(const char *host_id, Cordon__ManifestChunk c)
{
	struct go g = {.host = host_id, .msg = &c};

	return go(chunk_job, &g);
}

/* A piece; the last one if WHOLE, of which the digest is. */
static int
chunk(const char *id, uint32_t seq, const char *text, const char *whole)
{
	Cordon__ManifestChunk c = CORDON__MANIFEST_CHUNK__INIT;
	uint8_t sum[DIGEST_LEN];

	c.manifest_id = (char *)id;
	c.sequence = seq;
	c.data.data = (uint8_t *)text;
	c.data.len = strlen(text);
	c.last = whole != NULL;
	if (whole != NULL) {
		digest_of(whole, strlen(whole), sum);
		c.digest.data = sum;
		c.digest.len = sizeof(sum);
	}
	return send("H-a", c);
}

static const char *
why_of(const char *id)
{
	return sql_text("SELECT why FROM manifests WHERE manifest_id = '%s'",
	    id);
}

static bool
open_still(const char *id)
{
	return sql_int("SELECT done_at FROM manifests WHERE manifest_id = "
	    "'%s'", id) == 0;
}

static void
test_ask(void **state)
{
	static const enum stage not_from[] = {STAGE_CONTAINED,
	    STAGE_RECOVERING, STAGE_VERIFYING, STAGE_PROBATION,
	    STAGE_RETIRED};
	Cordon__ManifestAsk *m;
	const struct sent *s;
	char id[ID_MAX];
	size_t i;

	(void)state;
	REFUSED(ask_as("nobody", MAY(ROLE_BASELINE), id), REFUSAL_NOT_FOUND);
	REFUSED(ask_as("a", MAY(ROLE_VERIFIER), id), REFUSAL_ROLE);
	for (i = 0; i < COUNT(not_from); i++) {
		put_stage("a", not_from[i]);
		REFUSED(ask_as("a", MAY(ROLE_BASELINE), id), REFUSAL_STAGE);
	}
	put_stage("a", STAGE_NORMAL);
	sql("UPDATE hosts SET online = 0 WHERE name = 'a'");
	REFUSED(ask_as("a", MAY(ROLE_BASELINE), id), REFUSAL_STATE);
	sql("UPDATE hosts SET online = 1 WHERE name = 'a'");
	assert_null(last_sent("H-a", FRAME_MANIFEST_ASK));
	ask(id);
	s = last_sent("H-a", FRAME_MANIFEST_ASK);
	assert_non_null(s);
	m = cordon__manifest_ask__unpack(NULL, s->len, s->data);
	assert_non_null(m);
	assert_string_equal(m->manifest_id, id);
	cordon__manifest_ask__free_unpacked(m, NULL);
	assert_int_equal(audited("manifest.ask"), 1);
}

static void
test_signed(void **state)
{
	uint8_t sum[DIGEST_LEN], sig[64];
	char id[ID_MAX], hex[DIGEST_HEX_MAX], sig_hex[129];

	(void)state;
	ask(id);
	assert_int_equal(chunk(id, 0, "one", NULL), 0);
	assert_int_equal(chunk(id, 0, "changed", NULL), 0);
	assert_true(open_still(id));
	assert_int_equal(chunk(id, 1, "two", "onetwo"), 0);
	assert_false(open_still(id));
	assert_string_equal(host("a").manifest_id, id);
	digest_of("onetwo", 6, sum);
	assert_string_equal(sql_text("SELECT sha256 FROM manifests"),
	    hex_encode(hex, sum, sizeof(sum)));
	snprintf(sig_hex, sizeof(sig_hex), "%s",
	    sql_text("SELECT lower(hex(signature)) FROM manifests"));
	assert_int_equal(hex_decode(sig, sizeof(sig), sig_hex), 0);
	assert_true(sign_good(w.public, MANIFEST_CONTEXT, sum, sizeof(sum),
	    sig));
	assert_int_equal(audited("manifest.signed"), 1);
	/* it is done: nothing more is taken for it */
	assert_int_equal(chunk(id, 2, "three", "onetwothree"), 0);
	assert_int_equal(sql_int("SELECT count(*) FROM blob_parts"), 2);
	assert_int_equal(audited("manifest.signed"), 1);
}

static void
test_broken(void **state)
{
	static const struct {
		uint32_t seq[2];
		const char *whole;
	} t[] = {
		{{0, 2}, "ab"}, {{1, 2}, "ab"}, {{0, 1}, "ba"},
		{{3, 1}, "ba"},
	};
	char id[ID_MAX];
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(t); i++) {
		ask(id);
		assert_int_equal(chunk(id, t[i].seq[0], "a", NULL), 0);
		assert_int_equal(chunk(id, t[i].seq[1], "b", t[i].whole), 0);
		assert_false(open_still(id));
		assert_string_equal(why_of(id),
		    "pieces are missing or do not fit the digest");
		assert_int_equal(audited("manifest.failed"), i + 1);
	}
	assert_int_equal(sql_int("SELECT count(*) FROM blob_parts"), 0);
	assert_string_equal(host("a").manifest_id, "");
}

static void
test_too_much(void **state)
{
	Cordon__ManifestChunk c = CORDON__MANIFEST_CHUNK__INIT;
	char id[ID_MAX];

	(void)state;
	ask(id);
	assert_int_equal(chunk(id, 2047, "fits", NULL), 0);
	assert_true(open_still(id));
	assert_int_equal(chunk(id, 2048, "one too many", NULL), 0);
	assert_string_equal(why_of(id), "it is larger than 128 MiB");
	ask(id);
	c.manifest_id = id;
	c.data.data = big;
	c.data.len = PART_MAX;
	assert_int_equal(send("H-a", c), 0);
	assert_true(open_still(id));
	c.sequence = 1;
	c.data.len = PART_MAX + 1;
	assert_int_equal(send("H-a", c), 0);
	assert_false(open_still(id));
	assert_int_equal(sql_int("SELECT count(*) FROM blob_parts"), 0);
}

static void
test_agent_failed(void **state)
{
	Cordon__ManifestChunk c = CORDON__MANIFEST_CHUNK__INIT;
	char id[ID_MAX];

	(void)state;
	ask(id);
	c.manifest_id = id;
	c.last = true;
	c.why = (char *)"no room";
	assert_int_equal(send("H-a", c), 0);
	assert_string_equal(why_of(id), "no room");
	ask(id);
	c.manifest_id = id;
	c.why = (char *)"";
	assert_int_equal(send("H-a", c), 0);
	assert_string_equal(why_of(id), "the agent gave no reason");
}

/* Nobody but the host that was asked, and nothing that was not asked for. */
static void
test_not_its_own(void **state)
{
	Cordon__ManifestChunk c = CORDON__MANIFEST_CHUNK__INIT;
	char id[ID_MAX];

	(void)state;
	ask(id);
	c.manifest_id = id;
	c.last = true;
	assert_int_equal(send("H-b", c), 0);
	assert_int_equal(send("H-none", c), 0);
	assert_true(open_still(id));
	assert_int_equal(chunk("M-NONE", 0, "x", "x"), 0);
	assert_int_equal(chunk("", 0, "x", "x"), 0);
	assert_int_equal(sql_int("SELECT count(*) FROM blob_parts"), 0);
	assert_int_equal(sql_int("SELECT count(*) FROM manifests"), 1);
}

static void
test_left_normal(void **state)
{
	char id[ID_MAX];

	(void)state;
	ask(id);
	assert_int_equal(chunk(id, 0, "one", NULL), 0);
	put_stage("a", STAGE_CONTAINED);
	assert_int_equal(chunk(id, 1, "two", "onetwo"), 0);
	assert_string_equal(why_of(id),
	    "the host left stage normal while it was made");
	assert_string_equal(host("a").manifest_id, "");
	assert_int_equal(sql_int("SELECT count(*) FROM blob_parts"), 0);
}

static void
test_signer_away(void **state)
{
	char id[ID_MAX];

	(void)state;
	ask(id);
	signer_refuses = true;
	assert_int_equal(chunk(id, 0, "one", "one"), 0);
	assert_string_equal(why_of(id), "the signer is away");
	assert_string_equal(host("a").manifest_id, "");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASES_TEST(test_ask),
		CASES_TEST(test_signed),
		CASES_TEST(test_broken),
		CASES_TEST(test_too_much),
		CASES_TEST(test_agent_failed),
		CASES_TEST(test_not_its_own),
		CASES_TEST(test_left_normal),
		CASES_TEST(test_signer_away),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
