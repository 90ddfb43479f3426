/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Orders, checks, previews and manifests, handed on between the collector
 * and our own processes.
 */
#include "tests/unit/agent/network/network_world.h"

static void
make_mode(struct buf *out, Cordon__Profile profile, const char *id,
    Cordon__Mode mode)
{
	Cordon__SignedOrder s = CORDON__SIGNED_ORDER__INIT;
	Cordon__OrderBody b = CORDON__ORDER_BODY__INIT;
	uint8_t body[512], *at;

	b.order_id = (char *)(uintptr_t)id;
	b.profile = profile;
	b.mode = mode;
	s.body.data = body;
	s.body.len = cordon__order_body__pack(&b, body);
	assert_int_equal(buf_reserve(out,
	    cordon__signed_order__get_packed_size(&s), &at), 0);
	buf_grow(out, cordon__signed_order__pack(&s, at));
}

static void
make_order(struct buf *out, Cordon__Profile profile, const char *id)
{
	make_mode(out, profile, id, CORDON__MODE__MODE_ENFORCE);
}

static void
check_order(int n, const struct buf *want)
{
	const struct seen *s = nth(&w.at_enforcer, IPC_ORDER, n);
	Cordon__OrderIn *in;

	assert_non_null(s);
	in = cordon__order_in__unpack(NULL, s->len, s->data);
	assert_non_null(in);
	assert_int_equal(in->order.len, want->len);
	assert_memory_equal(in->order.data, want->data, want->len);
	cordon__order_in__free_unpacked(in, NULL);
}

static void
test_orders(void **state)
{
	struct buf strict, open, rubbish;
	Cordon__Confirm c = CORDON__CONFIRM__INIT;

	(void)state;
	buf_init(&strict, 4096);
	buf_init(&open, 4096);
	buf_init(&rubbish, 4096);
	make_order(&strict, CORDON__PROFILE__PROFILE_STRICT, "O-00000001");
	make_order(&open, CORDON__PROFILE__PROFILE_OPEN, "O-00000002");
	assert_int_equal(buf_add(&rubbish, "\xff\xff rubbish", 10), 0);
	start();
	join_both();
	UNTIL(w.hellos == 1);
	conn_send(w.conn, FRAME_ORDER, strict.data, strict.len);
	UNTIL(nth(&w.at_sensors, IPC_SNAPSHOT_ASK, 0) != NULL);
	check_order(0, &strict);
	/* The same once more: handed on, but no second snapshot. */
	conn_send(w.conn, FRAME_ORDER, strict.data, strict.len);
	conn_send(w.conn, FRAME_ORDER, open.data, open.len);
	/* Not for us to judge: the enforcer says what it thinks of it. */
	conn_send(w.conn, FRAME_ORDER, rubbish.data, rubbish.len);
	c.order_id = (char *)(uintptr_t)"O-00000001";
	send_frame(FRAME_CONFIRM, &c);
	UNTIL(nth(&w.at_enforcer, IPC_CONFIRM, 0) != NULL);
	check_order(1, &strict);
	check_order(2, &open);
	check_order(3, &rubbish);
	pause_ms(50);
	assert_null(nth(&w.at_sensors, IPC_SNAPSHOT_ASK, 1));
	/* The enforcer is away for a moment: nothing is lost. */
	link_free(&w.enforcer);
	pause_ms(50);
	forget(&w.at_enforcer);
	conn_send(w.conn, FRAME_ORDER, open.data, open.len);
	pause_ms(50);
	w.enforcer = join(IPC_PEER_ENFORCER, enforcer_table);
	UNTIL(nth(&w.at_enforcer, IPC_ORDER, 0) != NULL);
	check_order(0, &open);
	assert_int_equal(w.hellos, 1);
	buf_done(&strict);
	buf_done(&open);
	buf_done(&rubbish);
}

/*
 * Beside a dry drill the flows are asked for, and no snapshot of a drill is
 * taken: nobody is suspected.
 */
static void
test_drills(void **state)
{
	struct buf dry, live;
	const struct seen *s;
	Cordon__PreviewAsk *ask;

	(void)state;
	buf_init(&dry, 4096);
	buf_init(&live, 4096);
	make_mode(&dry, CORDON__PROFILE__PROFILE_STRICT, "O-00000001",
	    CORDON__MODE__MODE_DRILL_DRY);
	make_mode(&live, CORDON__PROFILE__PROFILE_STRICT, "O-00000002",
	    CORDON__MODE__MODE_DRILL_LIVE);
	start();
	join_both();
	UNTIL(w.hellos == 1);
	conn_send(w.conn, FRAME_ORDER, live.data, live.len);
	conn_send(w.conn, FRAME_ORDER, dry.data, dry.len);
	UNTIL((s = nth(&w.at_sensors, IPC_PREVIEW_ASK, 0)) != NULL);
	check_order(0, &live);
	check_order(1, &dry);
	ask = cordon__preview_ask__unpack(NULL, s->len, s->data);
	assert_non_null(ask);
	assert_string_equal(ask->ask_id, "O-00000001");
	assert_int_equal(ask->profile, CORDON__PROFILE__PROFILE_STRICT);
	cordon__preview_ask__free_unpacked(ask, NULL);
	assert_null(nth(&w.at_sensors, IPC_PREVIEW_ASK, 1));
	assert_null(nth(&w.at_sensors, IPC_SNAPSHOT_ASK, 0));
	buf_done(&dry);
	buf_done(&live);
}

/* A preview goes to the sensors and back; without them it fails at once. */
static void
test_preview(void **state)
{
	Cordon__PreviewAsk ask = CORDON__PREVIEW_ASK__INIT;
	Cordon__Preview p = CORDON__PREVIEW__INIT, *got;
	const struct seen *s;

	(void)state;
	start();
	join_both();
	UNTIL(w.hellos == 1);
	ask.ask_id = (char *)(uintptr_t)"V-1";
	ask.profile = CORDON__PROFILE__PROFILE_STRICT;
	send_frame(FRAME_PREVIEW_ASK, &ask);
	UNTIL(nth(&w.at_sensors, IPC_PREVIEW_ASK, 0) != NULL);
	p.ask_id = ask.ask_id;
	p.cut = 7;
	ipc(w.sensors, IPC_PREVIEW, &p);
	UNTIL((s = nth(&w.frames, FRAME_PREVIEW, 0)) != NULL);
	got = cordon__preview__unpack(NULL, s->len, s->data);
	assert_non_null(got);
	assert_int_equal(got->cut, 7);
	cordon__preview__free_unpacked(got, NULL);
	link_free(&w.sensors);
	pause_ms(50);
	send_frame(FRAME_PREVIEW_ASK, &ask);
	UNTIL((s = nth(&w.frames, FRAME_PREVIEW, 1)) != NULL);
	got = cordon__preview__unpack(NULL, s->len, s->data);
	assert_string_equal(got->ask_id, "V-1");
	assert_string_not_equal(got->why, "");
	cordon__preview__free_unpacked(got, NULL);
}

/* So does a sweep; the hello says that it may be asked for. */
static void
test_sweep(void **state)
{
	Cordon__SweepAsk ask = CORDON__SWEEP_ASK__INIT;
	Cordon__Sweep p = CORDON__SWEEP__INIT, *got;
	const struct seen *s;

	(void)state;
	start();
	join_both();
	UNTIL(w.hellos == 1);
	ask.sweep_id = (char *)(uintptr_t)"S-1";
	ask.kind = CORDON__SWEEP_KIND__SWEEP_USER;
	ask.text = (char *)(uintptr_t)"mallory";
	send_frame(FRAME_SWEEP_ASK, &ask);
	UNTIL(nth(&w.at_sensors, IPC_SWEEP_ASK, 0) != NULL);
	p.sweep_id = ask.sweep_id;
	p.total = 7;
	ipc(w.sensors, IPC_SWEEP, &p);
	UNTIL((s = nth(&w.frames, FRAME_SWEEP, 0)) != NULL);
	got = cordon__sweep__unpack(NULL, s->len, s->data);
	assert_non_null(got);
	assert_int_equal(got->total, 7);
	cordon__sweep__free_unpacked(got, NULL);
	link_free(&w.sensors);
	pause_ms(50);
	send_frame(FRAME_SWEEP_ASK, &ask);
	UNTIL((s = nth(&w.frames, FRAME_SWEEP, 1)) != NULL);
	got = cordon__sweep__unpack(NULL, s->len, s->data);
	assert_string_equal(got->sweep_id, "S-1");
	assert_string_not_equal(got->why, "");
	cordon__sweep__free_unpacked(got, NULL);
	assert_int_equal(w.hellos, 1);
	/* Out of bounds: the line ends, the sensors never see it. */
	ask.text = (char *)(uintptr_t)"";
	send_frame(FRAME_SWEEP_ASK, &ask);
	UNTIL(w.hellos == 2);
}

/* An order may be the very first thing, even before Welcome. */
static void
test_order_before_welcome(void **state)
{
	struct buf strict;

	(void)state;
	buf_init(&strict, 4096);
	make_order(&strict, CORDON__PROFILE__PROFILE_STRICT, "O-00000001");
	w.welcome = false;
	start();
	join_both();
	UNTIL(w.hellos == 1);
	conn_send(w.conn, FRAME_ORDER, strict.data, strict.len);
	UNTIL(nth(&w.at_enforcer, IPC_ORDER, 0) != NULL);
	check_order(0, &strict);
	buf_done(&strict);
}

/* -- checks */

static void
result_from_sensors(const char *run, const char *check, bool last)
{
	Cordon__CheckResult r = CORDON__CHECK_RESULT__INIT;

	r.run_id = (char *)(uintptr_t)run;
	r.check_id = (char *)(uintptr_t)check;
	r.outcome = CORDON__CHECK_OUTCOME__CHECK_PASS;
	r.last = last;
	ipc(w.sensors, IPC_CHECK_RESULT, &r);
}

static void
expect_result(int n, const char *check, Cordon__CheckOutcome outcome,
    bool last)
{
	Cordon__CheckResult *r;
	const struct seen *s;

	UNTIL((s = nth(&w.frames, FRAME_CHECK_RESULT, n)) != NULL);
	r = cordon__check_result__unpack(NULL, s->len, s->data);
	assert_non_null(r);
	assert_string_equal(r->check_id, check);
	assert_int_equal(r->outcome, outcome);
	assert_int_equal(r->last, last);
	cordon__check_result__free_unpacked(r, NULL);
}

#define PASS CORDON__CHECK_OUTCOME__CHECK_PASS
#define FAIL CORDON__CHECK_OUTCOME__CHECK_FAIL
#define UNKNOWN CORDON__CHECK_OUTCOME__CHECK_UNKNOWN

static void
test_checks(void **state)
{
	static const char *const checks[] = {"G01", "G15", "G06", "G01"};
	Cordon__Foreign f = CORDON__FOREIGN__INIT;
	Cordon__CheckRun *q;
	const struct seen *s;

	(void)state;
	start();
	join_both();
	UNTIL(w.hellos == 1);
	ask_checks("R-00000001", 4, checks);
	UNTIL((s = nth(&w.at_sensors, IPC_CHECK_RUN, 0)) != NULL);
	q = cordon__check_run__unpack(NULL, s->len, s->data);
	assert_int_equal(q->n_checks, 2);
	assert_string_equal(q->checks[0], "G01");
	assert_string_equal(q->checks[1], "G06");
	cordon__check_run__free_unpacked(q, NULL);
	UNTIL(nth(&w.at_enforcer, IPC_FOREIGN_ASK, 0) != NULL);
	/* The sensors cannot answer for the enforcer, nor twice. */
	result_from_sensors("R-00000001", "G15", true);
	result_from_sensors("R-00000001", "G06", true);
	result_from_sensors("R-00000001", "G06", true);
	result_from_sensors("R-99999999", "G01", true);
	expect_result(0, "G06", PASS, false);
	f.run_id = (char *)(uintptr_t)"R-00000001";
	f.known = true;
	ipc(w.enforcer, IPC_FOREIGN, &f);
	expect_result(1, "G15", FAIL, false);
	result_from_sensors("R-00000001", "G01", false);
	expect_result(2, "G01", PASS, true);
	pause_ms(50);
	assert_null(nth(&w.frames, FRAME_CHECK_RESULT, 3));
}

static const struct {
	bool same, known;
	Cordon__CheckOutcome outcome;
} foreigns[] = {
	{true, true, PASS},
	{false, true, FAIL},
	{true, false, UNKNOWN},
	{false, false, UNKNOWN},
};

static void
test_foreign_answers(void **state)
{
	static const char *const checks[] = {"G15"};
	Cordon__Foreign f = CORDON__FOREIGN__INIT;
	size_t i;

	(void)state;
	start();
	join_both();
	UNTIL(w.hellos == 1);
	for (i = 0; i < sizeof(foreigns) / sizeof(foreigns[0]); i++) {
		ask_checks("R-00000001", 1, checks);
		UNTIL(nth(&w.at_enforcer, IPC_FOREIGN_ASK, (int)i) != NULL);
		f.run_id = (char *)(uintptr_t)"R-00000001";
		f.same = foreigns[i].same;
		f.known = foreigns[i].known;
		ipc(w.enforcer, IPC_FOREIGN, &f);
		expect_result((int)i, "G15", foreigns[i].outcome, true);
	}
}

/* Who should answer is not there, or goes away: unknown, and the run ends. */
static void
test_checks_without_answer(void **state)
{
	static const char *const checks[] = {"G01", "G15"};

	(void)state;
	start();
	UNTIL(w.hellos == 1);
	ask_checks("R-00000001", 2, checks);
	expect_result(0, "G01", UNKNOWN, false);
	expect_result(1, "G15", UNKNOWN, true);
	join_both();
	ask_checks("R-00000002", 2, checks);
	UNTIL(nth(&w.at_sensors, IPC_CHECK_RUN, 0) != NULL);
	link_free(&w.sensors);
	expect_result(2, "G01", UNKNOWN, false);
	link_free(&w.enforcer);
	expect_result(3, "G15", UNKNOWN, true);
}

/* -- what waits while the line is down */

static void
test_kept_while_down(void **state)
{
	Cordon__OrderAnswer a = CORDON__ORDER_ANSWER__INIT;
	Cordon__Proof p = CORDON__PROOF__INIT;
	Cordon__ManifestChunk m = CORDON__MANIFEST_CHUNK__INIT;
	Cordon__SnapshotChunk sn = CORDON__SNAPSHOT_CHUNK__INIT;
	Cordon__ManifestChunk *mc;
	Cordon__Proof *got;
	const struct seen *s;
	uint64_t i;

	(void)state;
	w.welcome = false;
	start();
	join_both();
	UNTIL(w.hellos == 1);
	a.order_id = (char *)(uintptr_t)"O-00000001";
	ipc(w.enforcer, IPC_ANSWER, &a);
	p.order_id = a.order_id;
	for (i = 1; i <= 50; i++) {
		p.epoch = i;
		ipc(w.enforcer, IPC_PROOF, &p);
	}
	sn.order_id = a.order_id;
	sn.last = true;
	ipc(w.sensors, IPC_SNAPSHOT, &sn);
	m.manifest_id = (char *)(uintptr_t)"M-00000001";
	for (i = 0; i < 3; i++) {
		m.sequence = (uint32_t)i;
		m.last = i == 2;
		ipc(w.sensors, IPC_MANIFEST, &m);
	}
	pause_ms(100);
	w.welcome = true;
	forget(&w.frames);
	conn_end(w.conn, "line breaks");
	UNTIL(nth(&w.frames, FRAME_MANIFEST, 0) != NULL);
	pause_ms(50);
	assert_non_null(nth(&w.frames, FRAME_ORDER_ANSWER, 0));
	assert_null(nth(&w.frames, FRAME_ORDER_ANSWER, 1));
	assert_non_null(nth(&w.frames, FRAME_SNAPSHOT, 0));
	s = nth(&w.frames, FRAME_PROOF, 0);
	assert_non_null(s);
	assert_null(nth(&w.frames, FRAME_PROOF, 1));
	got = cordon__proof__unpack(NULL, s->len, s->data);
	assert_int_equal(got->epoch, 50);
	cordon__proof__free_unpacked(got, NULL);
	/* A manifest with holes is no manifest: one word that it failed. */
	s = nth(&w.frames, FRAME_MANIFEST, 0);
	assert_null(nth(&w.frames, FRAME_MANIFEST, 1));
	mc = cordon__manifest_chunk__unpack(NULL, s->len, s->data);
	assert_true(mc->last);
	assert_int_equal(mc->digest.len, 0);
	assert_true(strlen(mc->why) > 0);
	cordon__manifest_chunk__free_unpacked(mc, NULL);
}

static void
test_manifest(void **state)
{
	Cordon__ManifestAsk q = CORDON__MANIFEST_ASK__INIT;
	Cordon__ManifestChunk m = CORDON__MANIFEST_CHUNK__INIT, *mc;
	const struct seen *s;
	uint32_t i;

	(void)state;
	start();
	UNTIL(w.hellos == 1);
	q.manifest_id = (char *)(uintptr_t)"M-00000001";
	send_frame(FRAME_MANIFEST_ASK, &q);
	UNTIL((s = nth(&w.frames, FRAME_MANIFEST, 0)) != NULL);
	mc = cordon__manifest_chunk__unpack(NULL, s->len, s->data);
	assert_true(mc->last && strlen(mc->why) > 0);
	cordon__manifest_chunk__free_unpacked(mc, NULL);
	join_both();
	q.manifest_id = (char *)(uintptr_t)"M-00000002";
	send_frame(FRAME_MANIFEST_ASK, &q);
	UNTIL(nth(&w.at_sensors, IPC_MANIFEST_ASK, 0) != NULL);
	m.manifest_id = q.manifest_id;
	for (i = 0; i < 5; i++) {
		m.sequence = i;
		ipc(w.sensors, IPC_MANIFEST, &m);
	}
	UNTIL(nth(&w.frames, FRAME_MANIFEST, 5) != NULL);
	s = nth(&w.frames, FRAME_MANIFEST, 5);
	mc = cordon__manifest_chunk__unpack(NULL, s->len, s->data);
	assert_int_equal(mc->sequence, 4);
	cordon__manifest_chunk__free_unpacked(mc, NULL);
}

static int
send_chunk(uint32_t i, bool last)
{
	static uint8_t data[60000], packed[64000];
	Cordon__ManifestChunk m = CORDON__MANIFEST_CHUNK__INIT;

	m.manifest_id = (char *)(uintptr_t)"M-00000003";
	m.sequence = i;
	m.last = last;
	m.data.data = data;
	m.data.len = sizeof(data);
	return link_send(w.sensors, IPC_MANIFEST, packed,
	    cordon__manifest_chunk__pack(&m, packed), -1);
}

/* Far more than may wait, while the collector does not read for a time. */
static void
test_large_manifest(void **state)
{
	Cordon__ManifestChunk *mc;
	const struct seen *s;
	uint32_t i;

	(void)state;
	start();
	join_both();
	UNTIL(nth(&w.frames, FRAME_HEARTBEAT, 0) != NULL);
	forget(&w.frames);
	conn_pause(w.conn, true);
	for (i = 0; i < 240; i++) {
		while (send_chunk(i, i == 239) == ERR_LIMIT) {
			turn(1);
			/* It is full to the brim: the collector reads again. */
			conn_pause(w.conn, false);
		}
		if (i % 10 == 0)
			turn(1);
	}
	UNTIL(w.frames.n >= 240);
	for (i = 0; i < 240; i++) {
		s = nth(&w.frames, FRAME_MANIFEST, (int)i);
		assert_non_null(s);
		mc = cordon__manifest_chunk__unpack(NULL, s->len, s->data);
		assert_int_equal(mc->sequence, i);
		assert_string_equal(mc->why, "");
		cordon__manifest_chunk__free_unpacked(mc, NULL);
	}
	assert_string_equal(w.sensors_end, "");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_orders),
		T(test_order_before_welcome),
		T(test_drills),
		T(test_preview),
		T(test_sweep),
		T(test_checks),
		T(test_foreign_answers),
		T(test_checks_without_answer),
		T(test_kept_while_down),
		T(test_manifest),
		T(test_large_manifest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
