/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Manifests of trees: taken, resumed, signed, versioned, given back. */
#include "tests/unit/server/cases/cases_world.h"

#include "server/cases/parts.h"
#include "server/cases/tree.h"

#define TREE "/srv/ledger"
#define HEAD "cordon-manifest 1\nid M-1\nhost H-a\nmade now\n"
#define TAIL "== accounts 0\n== persistence 0\n== end\n"
#define SUM \
	"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define ONE HEAD "== files 1\n100644 0 0 5 " SUM " - /a\n" TAIL
#define TWO HEAD "== files 2\n100644 0 0 7 " SUM " - /a\n" \
	"100644 0 0 5 " SUM " - /b\n" TAIL

static struct actor
baseline(void)
{
	return person("bas", MAY(ROLE_BASELINE));
}

static int
ask_job(struct db *db, void *arg)
{
	struct go *g = arg;

	return tree_ask(db, g->host, g->text, &g->actor, g->out, &w.no);
}

static int
ask(const char *host, const char *tree, struct actor who, char out[ID_MAX])
{
	struct go g = {.host = host, .text = tree, .actor = who};
	int rc = go(ask_job, &g);

	if (rc == 0)
		memcpy(out, g.out, ID_MAX);
	return rc;
}

static int
chunk_job(struct db *db, void *arg)
{
	struct go *g = arg;

	return manifest_chunk(db, &set, g->host, g->msg);
}

/* Piece SEQ, and if WHOLE the last one, of which the digest is. */
static int
chunk(const char *host_id, const char *id, uint32_t seq, const char *text,
    const char *whole)
{
	Cordon__ManifestChunk c = CORDON__MANIFEST_CHUNK__INIT;
	struct go g = {.host = host_id, .msg = &c};
	uint8_t sum[DIGEST_LEN];

	c.manifest_id = (char *)(uintptr_t)id;
	c.sequence = seq;
	c.data.data = (uint8_t *)(uintptr_t)text;
	c.data.len = strlen(text);
	c.last = whole != NULL;
	if (whole != NULL) {
		digest_of(whole, strlen(whole), sum);
		c.digest = (ProtobufCBinaryData){sizeof(sum), sum};
	}
	return go(chunk_job, &g);
}

static const char *
tree_state(const char *id)
{
	return sql_text("SELECT state FROM manifests WHERE manifest_id = "
	    "'%s'", id);
}

/* One that waits for a signature. */
static void
waiting(const char *host, const char *text, char id[ID_MAX])
{
	char host_id[ID_MAX];

	snprintf(host_id, sizeof(host_id), "H-%s", host);
	assert_int_equal(ask(host, TREE, baseline(), id), 0);
	assert_int_equal(chunk(host_id, id, 0, text, text), 0);
	assert_string_equal(tree_state(id), "waiting");
}

struct sign {
	const char *id;
	bool group;
	const char *sha256;
	struct actor who;
	const char *reason;
};

static int
sign_job(struct db *db, void *arg)
{
	const struct sign *s = arg;

	return tree_sign(db, &set, s->id, s->sha256, s->group, &s->who,
	    &w.no);
}

static int
sign_as(const char *id, bool group, uint32_t roles)
{
	char sha256[DIGEST_HEX_MAX];
	struct sign s = {.id = id, .group = group, .sha256 = sha256,
	    .who = person("bas", roles)};

	snprintf(sha256, sizeof(sha256), "%s", sql_text("SELECT sha256 FROM "
	    "manifests WHERE manifest_id = '%s'", id));
	memset(&w.no, 0, sizeof(w.no));
	return store_now(w.store, sign_job, &s);
}

static int
retire_job(struct db *db, void *arg)
{
	const struct sign *s = arg;

	return tree_retire(db, &set, s->id, s->reason, &s->who, &w.no);
}

static int
retire(const char *id, const char *reason)
{
	struct sign s = {.id = id, .reason = reason, .who = baseline()};

	memset(&w.no, 0, sizeof(w.no));
	return store_now(w.store, retire_job, &s);
}

/* The head that HOST was told last; NULL: none.  The caller frees. */
static Cordon__TreeHead *
told(const char *host_id)
{
	const struct sent *s = last_sent(host_id, FRAME_TREES);
	Cordon__TreeHead *head = NULL;
	Cordon__TreeList *list;

	if (s == NULL)
		return NULL;
	list = cordon__tree_list__unpack(NULL, s->len, s->data);
	assert_non_null(list);
	assert_true(list->n_trees <= 1);
	if (list->n_trees == 1)
		head = cordon__tree_head__unpack(NULL,
		    list->trees[0]->head.len, list->trees[0]->head.data);
	cordon__tree_list__free_unpacked(list, NULL);
	return head;
}

static int
hello_job(struct db *db, void *arg)
{
	struct host h;
	int rc = hosts_get(db, arg, &h);

	return rc == 0 ? tree_hello(db, &h) : rc;
}

static void
test_ask(void **state)
{
	static const char *const bad[] = {"", "/", "x", "/srv/", "/srv/.."};
	char id[ID_MAX];
	size_t i;

	(void)state;
	REFUSED(ask("a", TREE, person("v", MAY(ROLE_VERIFIER)), id),
	    REFUSAL_ROLE);
	for (i = 0; i < COUNT(bad); i++)
		REFUSED(ask("a", bad[i], baseline(), id), REFUSAL_INPUT);
	put_stage("a", STAGE_CONTAINED);
	REFUSED(ask("a", TREE, baseline(), id), REFUSAL_STAGE);
	put_stage("a", STAGE_NORMAL);
	sql("UPDATE hosts SET case_id = 'C-1' WHERE name = 'a'");
	REFUSED(ask("a", TREE, baseline(), id), REFUSAL_STAGE);
	sql("UPDATE hosts SET case_id = '', online = 0 WHERE name = 'a'");
	REFUSED(ask("a", TREE, baseline(), id), REFUSAL_STATE);
	/* An older agent would send its whole host's. */
	sql("UPDATE hosts SET online = 1, answers = 'sweep treesome' "
	    "WHERE name = 'a'");
	REFUSED(ask("a", TREE, baseline(), id), REFUSAL_STATE);
	assert_null(last_sent("H-a", FRAME_MANIFEST_ASK));
	sql("UPDATE hosts SET answers = 'sweep trees' WHERE name = 'a'");
	assert_int_equal(ask("a", TREE, baseline(), id), 0);
	assert_string_equal(tree_state(id), "asked");
	assert_non_null(last_sent("H-a", FRAME_MANIFEST_ASK));
}

static void
test_sign(void **state)
{
	Cordon__TreeHead *head;
	char id[ID_MAX];
	struct sign s;

	(void)state;
	waiting("a", ONE, id);
	assert_null(told("H-a"));
	s = (struct sign){.id = "M-NONE", .sha256 = SUM, .who = baseline()};
	REFUSED(store_now(w.store, sign_job, &s), REFUSAL_NOT_FOUND);
	REFUSED(sign_as(id, false, MAY(ROLE_COMMANDER)), REFUSAL_ROLE);
	s = (struct sign){.id = id, .sha256 = SUM, .who = baseline()};
	REFUSED(store_now(w.store, sign_job, &s), REFUSAL_DIGEST);
	put_stage("a", STAGE_CONTAINED);
	REFUSED(sign_as(id, false, MAY(ROLE_BASELINE)), REFUSAL_STAGE);
	put_stage("a", STAGE_NORMAL);
	signer_refuses = true;
	REFUSED(sign_as(id, false, MAY(ROLE_BASELINE)), REFUSAL_SIGNER);
	signer_refuses = false;
	sql("UPDATE hosts SET answers = '' WHERE name = 'a'");
	assert_int_equal(sign_as(id, false, MAY(ROLE_BASELINE)), 0);
	assert_string_equal(tree_state(id), "signed");
	assert_null(told("H-a")); /* it would not know the frame */
	sql("UPDATE hosts SET answers = 'trees' WHERE name = 'a'");
	assert_int_equal(store_now(w.store, hello_job, (void *)"H-a"), 0);
	head = told("H-a");
	assert_non_null(head);
	assert_string_equal(head->host_id, "H-a");
	assert_string_equal(head->tree, TREE);
	assert_string_equal(head->signed_by, "bas");
	assert_int_equal(head->version, 1);
	assert_int_equal(head->size, strlen(ONE));
	cordon__tree_head__free_unpacked(head, NULL);
	assert_null(told("H-b"));
	REFUSED(sign_as(id, false, MAY(ROLE_BASELINE)), REFUSAL_STATE);
	assert_int_equal(audited("manifest.signed"), 1);
}

/* One series of versions a tree, whoever it is for. */
static void
test_versions(void **state)
{
	Cordon__TreeHead *head;
	char first[ID_MAX], second[ID_MAX], group[ID_MAX];

	(void)state;
	waiting("a", ONE, first);
	assert_int_equal(sign_as(first, false, MAY(ROLE_BASELINE)), 0);
	waiting("a", TWO, second);
	assert_int_equal(sign_as(second, false, MAY(ROLE_BASELINE)), 0);
	assert_string_equal(tree_state(first), "older");
	waiting("b", ONE, group);
	assert_int_equal(sign_as(group, true, MAY(ROLE_BASELINE)), 0);
	head = told("H-a"); /* of the same group: the newer one holds */
	assert_non_null(head);
	assert_string_equal(head->group, "fin");
	assert_string_equal(head->host_id, "");
	assert_int_equal(head->version, 3);
	cordon__tree_head__free_unpacked(head, NULL);
	REFUSED(retire(group, "short"), REFUSAL_REASON);
	assert_int_equal(retire(group, REASON), 0);
	head = told("H-a");
	assert_true(head->retired);
	assert_int_equal(head->version, 4);
	cordon__tree_head__free_unpacked(head, NULL);
	assert_int_equal(sql_int("SELECT count(*) FROM blob_parts WHERE "
	    "blob_id = '%s'", group), 0);
	assert_int_equal(audited("manifest.retired"), 1);
}

/* The piece that the last ask was for. */
static uint32_t
asked_from(void)
{
	const struct sent *s = last_sent("H-a", FRAME_MANIFEST_ASK);
	Cordon__ManifestAsk *m;
	uint32_t from;

	assert_non_null(s);
	m = cordon__manifest_ask__unpack(NULL, s->len, s->data);
	from = m->from;
	cordon__manifest_ask__free_unpacked(m, NULL);
	return from;
}

static char piece[TREE_PART + 1], whole[3 * TREE_PART];

static void
test_resume(void **state)
{
	char id[ID_MAX], host[] = "a";
	int i;

	(void)state;
	/* one path of two pieces' length: only its form matters here */
	snprintf(whole, sizeof(whole), HEAD "== files 1\n100644 0 0 5 - - /");
	memset(whole + strlen(whole), 'x', 2 * TREE_PART);
	strcat(whole, "\n" TAIL);
	assert_int_equal(ask("a", TREE, baseline(), id), 0);
	memcpy(piece, whole, TREE_PART);
	assert_int_equal(chunk("H-a", id, 0, piece, NULL), 0);
	assert_int_equal(store_now(w.store, hello_job, host), 0);
	assert_int_equal(asked_from(), 1);
	/* the second got lost, the third and last comes */
	assert_int_equal(chunk("H-a", id, 2, whole + 2 * TREE_PART, whole),
	    0);
	assert_string_equal(tree_state(id), "asked");
	assert_int_equal(asked_from(), 1);
	memcpy(piece, whole + TREE_PART, TREE_PART);
	assert_int_equal(chunk("H-a", id, 1, piece, NULL), 0);
	assert_int_equal(chunk("H-a", id, 3, "", whole), 0);
	assert_string_equal(tree_state(id), "waiting");
	/* not for ever */
	assert_int_equal(ask("a", TREE, baseline(), id), 0);
	for (i = 0; i <= TREE_TRIES_MAX; i++)
		assert_int_equal(store_now(w.store, hello_job, host), 0);
	assert_string_equal(tree_state(id), "failed");
}

struct offer {
	const char *host, *id, *tree, *sha256;
};

static int
offer_job(struct db *db, void *arg)
{
	const struct offer *o = arg;
	struct host h;
	int rc = hosts_get(db, o->host, &h);

	return rc == 0 ? tree_offer(db, &h, o->id, o->tree, o->sha256) : rc;
}

static int64_t
offer(const char *id, const char *tree, const char *sha256)
{
	struct offer o = {"a", id, tree, sha256};

	assert_int_equal(store_now(w.store, offer_job, &o), 0);
	return sql_int("SELECT count(*) FROM manifests WHERE state = "
	    "'asked'");
}

/* What a host's signals say is asked for, bounded, and held to its word. */
static void
test_offer(void **state)
{
	char hex[DIGEST_HEX_MAX], id[ID_MAX];
	uint8_t sum[DIGEST_LEN];
	int i;

	(void)state;
	digest_of(ONE, strlen(ONE), sum);
	hex_encode(hex, sum, sizeof(sum));
	assert_int_equal(offer("M-0", "srv", hex), 0);
	assert_int_equal(offer("../M", TREE, hex), 0);
	assert_int_equal(offer("M-0", TREE, "00"), 0);
	put_stage("a", STAGE_CONTAINED);
	assert_int_equal(offer("M-0", TREE, hex), 0);
	put_stage("a", STAGE_NORMAL);
	assert_int_equal(offer("M-0", TREE, hex), 1);
	assert_int_equal(offer("M-0", TREE, hex), 1);
	assert_int_equal(chunk("H-a", "M-0", 0, ONE, ONE), 0);
	assert_string_equal(tree_state("M-0"), "waiting");
	assert_int_equal(offer("M-1", TREE, SUM), 1);
	assert_int_equal(chunk("H-a", "M-1", 0, ONE, ONE), 0);
	assert_string_equal(tree_state("M-1"), "failed");
	for (i = 2; i < 20; i++) {
		snprintf(id, sizeof(id), "M-%d", i);
		tick_clock(1000);
		offer(id, TREE, hex);
	}
	assert_int_equal(sql_int("SELECT count(*) FROM manifests WHERE state "
	    "IN ('asked', 'waiting')"), TREE_WAITING_MAX);
}

static void
test_form(void **state)
{
	static const char *const bad[] = {
		"", "x", HEAD, HEAD "== files 1\n" TAIL,
		HEAD "== files 2\n100644 0 0 5 - - /a\n" TAIL,
		HEAD "== files 99999999\n100644 0 0 5 - - /a\n" TAIL,
		HEAD "== files 1\n100644 0 0 5 - - a\n" TAIL,
		HEAD "== files 1\n100644 0 0 5 - /a\n" TAIL,
		HEAD "== files 1\n100644 0 0 5 - - /a",
	};
	char id[ID_MAX];
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(bad); i++) {
		assert_int_equal(ask("a", TREE, baseline(), id), 0);
		assert_int_equal(chunk("H-a", id, 0, bad[i], bad[i]), 0);
		assert_string_equal(tree_state(id), "failed");
	}
	assert_int_equal(sql_int("SELECT count(*) FROM blob_parts"), 0);
}

struct look {
	const char *id, *before;
	struct tree_text text;
};

static int
text_job(struct db *db, void *arg)
{
	struct look *l = arg;

	return tree_text(db, l->id, l->before, &l->text);
}

static void
test_differences(void **state)
{
	char a[ID_MAX], b[ID_MAX];
	struct look l;

	(void)state;
	waiting("a", ONE, a);
	waiting("a", TWO, b);
	l = (struct look){.id = b, .before = a};
	assert_int_equal(store_now(w.store, text_job, &l), 0);
	assert_int_equal(l.text.files, 2);
	assert_int_equal(l.text.bytes, 12);
	assert_int_equal(l.text.added, 1);
	assert_int_equal(l.text.changed, 1);
	assert_int_equal(l.text.removed, 0);
	assert_int_equal(l.text.n, 2);
	assert_int_equal(l.text.line[0].what, '~');
	assert_string_equal(l.text.line[1].path, "/b");
	tree_text_done(&l.text);
	l = (struct look){.id = a, .before = b};
	assert_int_equal(store_now(w.store, text_job, &l), 0);
	assert_int_equal(l.text.removed, 1);
	tree_text_done(&l.text);
}

static int
part_job(struct db *db, void *arg)
{
	const struct go *g = arg;

	return tree_part(db, g->host, g->msg);
}

/* What HOST_ID gets for piece SEQ of ID: its length, -1: nothing. */
static long
part(const char *host_id, const char *id, uint32_t seq)
{
	Cordon__TreeAsk a = CORDON__TREE_ASK__INIT;
	struct go g = {.host = host_id, .msg = &a};
	Cordon__ManifestChunk *c;
	const struct sent *s;
	long len;

	a.manifest_id = (char *)(uintptr_t)id;
	a.sequence = seq;
	assert_int_equal(go(part_job, &g), 0);
	s = last_sent(host_id, FRAME_TREE_PART);
	assert_non_null(s);
	c = cordon__manifest_chunk__unpack(NULL, s->len, s->data);
	assert_non_null(c);
	assert_true(c->last);
	len = c->why[0] != '\0' ? -1 : (long)c->data.len;
	cordon__manifest_chunk__free_unpacked(c, NULL);
	return len;
}

/* A host gets what was signed for it, and nothing else. */
static void
test_given(void **state)
{
	char id[ID_MAX], group[ID_MAX];

	(void)state;
	waiting("a", ONE, id);
	assert_int_equal(part("H-a", id, 0), -1); /* nobody signed it */
	assert_int_equal(sign_as(id, false, MAY(ROLE_BASELINE)), 0);
	assert_int_equal(part("H-a", id, 0), (long)strlen(ONE));
	assert_int_equal(part("H-a", id, 1), -1);
	assert_int_equal(part("H-b", id, 0), -1);
	waiting("a", TWO, group);
	assert_int_equal(sign_as(group, true, MAY(ROLE_BASELINE)), 0);
	assert_int_equal(part("H-b", group, 0), (long)strlen(TWO));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASES_TEST(test_ask),
		CASES_TEST(test_sign),
		CASES_TEST(test_versions),
		CASES_TEST(test_resume),
		CASES_TEST(test_offer),
		CASES_TEST(test_form),
		CASES_TEST(test_differences),
		CASES_TEST(test_given),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
