/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Signals: numbers, chain, bounds, what is stored and acknowledged. */
#include "tests/unit/server/flow/flow_world.h"

#include "server/flow/signals.h"

static char text_max[SIGNAL_TEXT_MAX + 2];

static void
test_stored(void **state)
{
	Cordon__Cause cause = CORDON__CAUSE__INIT;
	Cordon__Pair pair = CORDON__PAIR__INIT, *pairs[] = {&pair};
	char *parents[] = {(char *)"1 init"};
	Cordon__Signal *s;

	(void)state;
	observe("files.changed", LOW, "/etc/passwd");
	s = observe("files.changed", LOW, "/etc/shadow");
	cause.grade = CORDON__GRADE__GRADE_EXACT;
	cause.program = (char *)"/usr/bin/vim";
	cause.user = (char *)"root";
	cause.login_uid = UINT32_MAX;
	cause.parents = parents;
	cause.n_parents = 1;
	pair.key = (char *)"mode.old";
	pair.value = (char *)"0640 \"x\"";
	s->cause = &cause;
	s->evidence = pairs;
	s->n_evidence = 1;
	assert_int_equal(deliver("H-a"), 0);
	assert_int_equal(stored(), 2);
	assert_int_equal(acked("H-a"), 2);
	assert_int_equal(host("a").signals_committed, 2);
	assert_string_equal(sql_text("SELECT object FROM signals WHERE "
	    "number = 1"), "/etc/passwd");
	assert_string_equal(sql_text("SELECT cause FROM signals WHERE "
	    "number = 1"), "{}");
	assert_string_equal(sql_text("SELECT json_extract(cause, "
	    "'$.program') FROM signals WHERE number = 2"), "/usr/bin/vim");
	assert_string_equal(sql_text("SELECT json_extract(cause, "
	    "'$.grade') || json_type(cause, '$.parents') || "
	    "(json_extract(cause, '$.login_uid') IS NULL) "
	    "FROM signals WHERE number = 2"), "exactarray1");
	assert_string_equal(sql_text("SELECT json_extract(evidence, "
	    "'$.\"mode.old\"') FROM signals WHERE number = 2"),
	    "0640 \"x\"");
	assert_int_equal(sql_int("SELECT stored_at FROM signals WHERE "
	    "number = 1"), w.clock.wall_ms);
	/* what was added after the chain was made breaks it */
	assert_int_equal(audited("signals.chain-broken"), 1);
	assert_int_equal(audited("signals.gap"), 0);
}

static void
test_sent_again(void **state)
{
	(void)state;
	observe("files.changed", LOW, "one");
	observe("files.changed", LOW, "two");
	assert_int_equal(deliver("H-a"), 0);
	assert_int_equal(deliver("H-a"), 0);
	assert_int_equal(stored(), 2);
	observe("files.changed", LOW, "three"); /* with the two again */
	assert_int_equal(deliver("H-a"), 0);
	assert_int_equal(stored(), 3);
	assert_int_equal(acked("H-a"), 3);
	assert_int_equal(audited("signals.chain-broken"), 0);
	assert_int_equal(audited("signals.gap"), 0);
	nbatch = 0; /* an empty batch says where the store stands */
	w.nsent = 0;
	assert_int_equal(deliver("H-a"), 0);
	assert_int_equal(acked("H-a"), 3);
}

static void
test_gap(void **state)
{
	(void)state;
	feed_a.number = 9; /* the first ten never came */
	observe("files.changed", LOW, "ten");
	observe("files.changed", LOW, "eleven");
	feed_a.number = 14;
	observe("files.changed", LOW, "fifteen");
	assert_int_equal(deliver("H-a"), 0);
	assert_int_equal(stored(), 3);
	assert_int_equal(acked("H-a"), 15);
	assert_string_equal(sql_text("SELECT group_concat(first || '-' || "
	    "last) FROM signal_gaps WHERE host_id = 'H-a'"), "1-9,12-14");
	assert_int_equal(audited("signals.gap"), 1);
	assert_string_equal(sql_text("SELECT text FROM signals WHERE kind = "
	    "'agent.numbers-missing'"), "12 signals never came: 1-9,12-14");
	assert_int_equal(audited("signals.chain-broken"), 0);
	/* those that come late after all are not taken */
	nbatch = 0;
	feed_a.number = 11;
	observe("files.changed", LOW, "twelve");
	assert_int_equal(deliver("H-a"), 0);
	assert_int_equal(stored(), 3);
	assert_int_equal(acked("H-a"), 15);
}

static void
test_broken_chain(void **state)
{
	(void)state;
	observe("files.changed", LOW, "one");
	observe("files.changed", LOW, "two")->text = (char *)"forged";
	observe("files.changed", LOW, "three")->text = (char *)"forged";
	observe("files.changed", LOW, "four");
	assert_int_equal(deliver("H-a"), 0);
	assert_int_equal(stored(), 4); /* kept all the same */
	assert_int_equal(audited("signals.chain-broken"), 1);
	signal_of_a("files.changed", LOW, "five");
	assert_int_equal(audited("signals.chain-broken"), 1);
	/* the chain of a second batch hangs on the first */
	nbatch = 0;
	memset(feed_a.hash, 7, sizeof(feed_a.hash));
	observe("files.changed", LOW, "six");
	assert_int_equal(deliver("H-a"), 0);
	assert_int_equal(audited("signals.chain-broken"), 2);
}

/* The batch goes ahead of its turn. */
static int
deliver_ahead(const char *host_id)
{
	return deliver_as(host_id, FRAME_SIGNALS_AHEAD);
}

static int64_t
acked_ahead(const char *host_id)
{
	const struct sent *s = last_sent(host_id, FRAME_SIGNALS_ACK);
	Cordon__SignalsAck *ack;
	int64_t n;

	assert_non_null(s);
	ack = cordon__signals_ack__unpack(NULL, s->len, s->data);
	assert_non_null(ack);
	n = (int64_t)ack->ahead;
	cordon__signals_ack__free_unpacked(ack, NULL);
	return n;
}

/* Ten signals, two of them severe; these go ahead, twice. */
static void
ten_with_two_ahead(void)
{
	Cordon__Signal all[10];
	size_t i;

	for (i = 0; i < 10; i++)
		all[i] = *observe("files.changed", i == 4 || i == 7 ? HIGH :
		    LOW, i == 4 || i == 7 ? "severe" : "note");
	batch[0] = all[4];
	batch[1] = all[7];
	nbatch = 2;
	assert_int_equal(deliver_ahead("H-a"), 0);
	assert_int_equal(stored(), 2);
	assert_int_equal(acked("H-a"), 0);
	assert_int_equal(acked_ahead("H-a"), 8);
	assert_int_equal(deliver_ahead("H-a"), 0); /* the answer was lost */
	assert_int_equal(stored(), 2);
	memcpy(batch, all, sizeof(all));
	nbatch = 10;
}

static void
test_ahead(void **state)
{
	(void)state;
	ten_with_two_ahead();
	assert_int_equal(deliver("H-a"), 0);
	assert_int_equal(acked("H-a"), 10);
	assert_int_equal(stored(), 10);
	assert_string_equal(sql_text("SELECT group_concat(number) FROM "
	    "(SELECT number FROM signals ORDER BY seq)"),
	    "5,8,1,2,3,4,6,7,9,10");
	assert_int_equal(sql_int("SELECT count(*) FROM signals_ahead"), 0);
	assert_int_equal(audited("signals.gap"), 0);
	assert_int_equal(audited("signals.chain-broken"), 0);
	/* After their turn they are old. */
	nbatch = 2;
	batch[0] = batch[4];
	batch[1] = batch[7];
	assert_int_equal(deliver_ahead("H-a"), 0);
	assert_int_equal(stored(), 10);
}

/* What went ahead is not missing when the rest is. */
static void
test_ahead_in_a_gap(void **state)
{
	(void)state;
	ten_with_two_ahead();
	batch[0] = batch[9];
	nbatch = 1;
	assert_int_equal(deliver("H-a"), 0);
	assert_int_equal(stored(), 3);
	assert_string_equal(sql_text("SELECT text FROM signals WHERE kind = "
	    "'agent.numbers-missing'"), "7 signals never came: 1-4,6-7,9");
	assert_int_equal(sql_int("SELECT count(*) FROM signals_ahead"), 0);
}

/* Another one under the number of one that went ahead. */
static void
test_ahead_forged(void **state)
{
	struct feed other = {0};
	size_t i;

	(void)state;
	ten_with_two_ahead();
	nbatch = 0;
	for (i = 0; i < 10; i++)
		observe_on(&other, "files.changed", LOW, "harmless");
	assert_int_equal(deliver("H-a"), 0);
	assert_int_equal(stored(), 10);
	assert_int_equal(audited("signals.chain-broken"), 1);
	assert_string_equal(sql_text("SELECT text FROM signals WHERE kind = "
	    "'agent.chain-broken'"), "the chain of signals breaks at 5");
	assert_int_equal(sql_int("SELECT severity FROM signals WHERE kind = "
	    "'agent.chain-broken'"), SEV_CRITICAL);
}

static void
test_ahead_bad(void **state)
{
	(void)state;
	nbatch = 0;
	assert_int_equal(deliver_ahead("H-a"), ERR_PROTO);
	observe("files.changed", HIGH, "one");
	observe("files.changed", HIGH, "two");
	batch[1].number = 1; /* not rising */
	assert_int_equal(deliver_ahead("H-a"), ERR_PROTO);
	assert_int_equal(stored(), 0);
}

/*
 * A hostile agent: numbers from the other end of the world, again and again.
 * What an honest one sends is stored all the same.
 */
static void
test_hostile_beside_honest(void **state)
{
	struct feed feed_b = {0};
	int i;

	(void)state;
	for (i = 1; i <= 20; i++) {
		nbatch = 0;
		feed_a.number = (uint64_t)i << 40;
		observe("files.changed", CRITICAL, "flood");
		batch[0].chain.len = i % 3 == 0 ? 31 : 32;
		(void)deliver("H-a");
		nbatch = 0;
		observe_on(&feed_b, "files.changed", LOW, "honest");
		assert_int_equal(deliver("H-b"), 0);
		assert_int_equal(acked("H-b"), i);
	}
	assert_int_equal(sql_int("SELECT count(*) FROM signals WHERE "
	    "host_id = 'H-b'"), 20);
	assert_int_equal(sql_int("SELECT count(*) FROM signals WHERE "
	    "host_id = 'H-b' AND number = 0"), 0);
}

/* Each host has numbers and a chain of its own. */
static void
test_two_hosts(void **state)
{
	struct feed feed_b = {0};

	(void)state;
	signal_of_a("files.changed", LOW, "one");
	signal_of_a("files.changed", LOW, "two");
	nbatch = 0;
	observe_on(&feed_b, "files.changed", LOW, "one");
	assert_int_equal(deliver("H-b"), 0);
	assert_int_equal(acked("H-a"), 2);
	assert_int_equal(acked("H-b"), 1);
	assert_int_equal(audited("signals.chain-broken"), 0);
	assert_int_equal(deliver("H-none"), ERR_NOENT);
}

/* A rule for everything, but what only informs is not decided on. */
static void
test_info_is_not_decided(void **state)
{
	(void)state;
	rule("all", "kind=*,then=isolate,tripwire=yes");
	signal_of_a("files.read", INFO, "/etc/passwd");
	assert_int_equal(stored(), 1);
	assert_string_equal(sql_text("SELECT json_extract(decision, "
	    "'$.what') FROM signals"), "note");
	assert_int_equal(sql_int("SELECT count(*) FROM cases"), 0);
	assert_int_equal(host("a").stage, STAGE_NORMAL);
}

enum field { NUMBER, KIND, OBJECT, TEXT, CAUSE_ID, SEVERITY, CHAIN };

static void
spoil(Cordon__Signal *s, enum field field, int64_t n)
{
	char *text = text_max;

	memset(text_max, 'x', sizeof(text_max));
	if (n >= 0 && n < (int64_t)sizeof(text_max))
		text_max[n] = '\0';
	switch (field) {
	case NUMBER:
		s->number = (uint64_t)n;
		break;
	case KIND:
		s->kind = text;
		break;
	case OBJECT:
		s->object = text;
		break;
	case TEXT:
		s->text = text;
		break;
	case CAUSE_ID:
		s->cause_id = text;
		break;
	case SEVERITY:
		s->severity = (Cordon__Severity)n;
		break;
	case CHAIN:
		s->chain.len = (size_t)n;
		break;
	}
}

/* One field of the second signal; texts by their length. */
static void
test_insane(void **state)
{
	static const struct {
		enum field field;
		int64_t n;
		bool taken;
	} t[] = {
		{NUMBER, 0, false}, {NUMBER, -1, false},
		{NUMBER, 1LL << 62, false}, {NUMBER, (1LL << 62) - 1, true},
		{KIND, 0, false}, {KIND, NAME_MAX_LEN, false},
		{KIND, NAME_MAX_LEN - 1, true},
		{OBJECT, SIGNAL_TEXT_MAX + 1, false},
		{OBJECT, SIGNAL_TEXT_MAX, true}, {OBJECT, 0, true},
		{TEXT, SIGNAL_TEXT_MAX + 1, false},
		{TEXT, SIGNAL_TEXT_MAX, true},
		{CAUSE_ID, NAME_MAX_LEN, false},
		{CAUSE_ID, NAME_MAX_LEN - 1, true},
		{SEVERITY, 0, false}, {SEVERITY, 6, false},
		{SEVERITY, -1, false}, {SEVERITY, 5, true},
		{CHAIN, 0, false}, {CHAIN, 31, false},
	};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(t); i++) {
		int64_t before = stored();
		int rc;

		sql("UPDATE hosts SET signals_committed = 0, "
		    "signals_chain = NULL");
		sql("DELETE FROM signal_gaps");
		w.nsent = nbatch = 0;
		memset(&feed_a, 0, sizeof(feed_a));
		observe("files.changed", LOW, "good");
		spoil(observe("files.changed", LOW, "bad"), t[i].field,
		    t[i].n);
		rc = deliver("H-a");
		assert_int_equal(rc, t[i].taken ? 0 : ERR_PROTO);
		assert_int_equal(stored(), before + (t[i].taken ? 2 : 0));
		assert_int_equal(acked("H-a") > 0, t[i].taken);
		assert_int_equal(frame_why.text[0] != '\0', !t[i].taken);
	}
}

static void
test_batch_max(void **state)
{
	int i;

	(void)state;
	for (i = 0; i < 1001; i++)
		observe("files.changed", LOW, "many");
	assert_int_equal(deliver("H-a"), ERR_PROTO);
	assert_int_equal(stored(), 0);
	assert_int_equal(acked("H-a"), -1);
	nbatch = 1000;
	assert_int_equal(deliver("H-a"), 0);
	assert_int_equal(stored(), 1000);
	assert_int_equal(acked("H-a"), 1000);
}

/* Names that are no UTF-8 are quoted; long ones are cut at a character. */
static void
test_foreign_text(void **state)
{
	static char long_one[3 * SIGNAL_TEXT_MAX];
	Cordon__Cause cause = CORDON__CAUSE__INIT;
	size_t i;

	(void)state;
	for (i = 0; i + 3 < sizeof(long_one); i += 3)
		memcpy(long_one + i, "隔", 3);
	cause.program = (char *)"/tmp/\xff\xfe.x";
	cause.command = long_one;
	observe("files.changed", LOW, "/tmp/\xff")->cause = &cause;
	assert_int_equal(deliver("H-a"), 0);
	assert_string_equal(sql_text("SELECT json_extract(cause, "
	    "'$.program') FROM signals"), "/tmp/\\xff\\xfe.x");
	assert_int_equal(sql_int("SELECT length(json_extract(cause, "
	    "'$.command')) FROM signals"), SIGNAL_TEXT_MAX / 3);
}

/* A title that is cut within a character stops nothing. */
static void
test_foreign_title(void **state)
{
	static char object[1000];
	size_t i;

	(void)state;
	rule("all", "kind=*,then=propose,tripwire=yes");
	object[0] = '/';
	for (i = 1; i + 3 < sizeof(object); i += 3)
		memcpy(object + i, "隔", 3);
	signal_of_a("files.changed", CRITICAL, object);
	signal_of_a("files.changed", CRITICAL, "/\x80\xff'\"<");
	assert_int_equal(stored(), 2);
	assert_int_equal(sql_int("SELECT count(*) FROM plans"), 1);
}

static void
test_frames(void **state)
{
	static const uint16_t foreign[] = {0, FRAME_HELLO, FRAME_WELCOME,
	    FRAME_HEARTBEAT_ACK, FRAME_SIGNALS_ACK, FRAME_ORDER,
	    FRAME_CONFIRM, FRAME_CHECK_RUN, FRAME_MANIFEST_ASK,
	    FRAME_WITNESS_ASK, FRAME_CERT_REQUEST, FRAME_CERT_ISSUED,
	    FRAME_ENROL, FRAME_ENROLLED, FRAME_REFUSED, FRAME_KIND_MAX,
	    UINT16_MAX};
	static const uint16_t ours[] = {FRAME_HEARTBEAT, FRAME_SIGNALS,
	    FRAME_ORDER_ANSWER, FRAME_PROOF, FRAME_CHECK_RESULT,
	    FRAME_MANIFEST, FRAME_SNAPSHOT, FRAME_WITNESS};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(foreign); i++) {
		assert_int_equal(frame_raw("H-a", foreign[i], "", 0),
		    ERR_PROTO);
		assert_string_not_equal(frame_why.text, "");
	}
	for (i = 0; i < COUNT(ours); i++) {
		assert_int_equal(frame_raw("H-a", ours[i], "\x0a\xff", 2),
		    ERR_PROTO);
		assert_string_not_equal(frame_why.text, "");
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		FLOW_TEST(test_stored),
		FLOW_TEST(test_sent_again),
		FLOW_TEST(test_gap),
		FLOW_TEST(test_broken_chain),
		FLOW_TEST(test_ahead),
		FLOW_TEST(test_ahead_in_a_gap),
		FLOW_TEST(test_ahead_forged),
		FLOW_TEST(test_ahead_bad),
		FLOW_TEST(test_hostile_beside_honest),
		FLOW_TEST(test_two_hosts),
		FLOW_TEST(test_info_is_not_decided),
		FLOW_TEST(test_insane),
		FLOW_TEST(test_batch_max),
		FLOW_TEST(test_foreign_text),
		FLOW_TEST(test_foreign_title),
		FLOW_TEST(test_frames),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
