/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The line to the collector: heartbeats, and which address is tried. */
#include "tests/unit/agent/network/network_world.h"

static void
test_heartbeats_lost(void **state)
{
	int64_t began;

	(void)state;
	w.heartbeat = 1;
	w.beats = false;
	start();
	UNTIL(w.hellos == 1);
	began = clock_boot_ms();
	UNTIL(w.hellos == 2);
	assert_true(clock_boot_ms() - began >= 2900);
	/* At the start, and after each second while there was patience. */
	assert_true(nth(&w.frames, FRAME_HEARTBEAT, 2) != NULL);
}

static void
test_heartbeat_on_change(void **state)
{
	Cordon__State st = CORDON__STATE__INIT;
	Cordon__Heartbeat *hb;
	const struct seen *s;

	(void)state;
	start();
	join_both();
	UNTIL(nth(&w.frames, FRAME_HEARTBEAT, 0) != NULL);
	st.epoch = 12;
	st.profile = CORDON__PROFILE__PROFILE_STRICT;
	ipc(w.enforcer, IPC_STATE, &st);
	UNTIL((s = nth(&w.frames, FRAME_HEARTBEAT, 1)) != NULL);
	hb = cordon__heartbeat__unpack(NULL, s->len, s->data);
	assert_int_equal(hb->sequence, 2);
	assert_int_equal(hb->state->epoch, 12);
	assert_true(hb->rss_kib > 0);
	cordon__heartbeat__free_unpacked(hb, NULL);
	/* The enforcer learns that the collector was heard. */
	assert_non_null(nth(&w.at_enforcer, IPC_LINE, 0));
	/* Isolated and connected again: a proof is asked for. */
	assert_null(nth(&w.at_enforcer, IPC_PROVE, 0));
	conn_end(w.conn, "line breaks");
	UNTIL(nth(&w.at_enforcer, IPC_PROVE, 0) != NULL);
}

static void
test_next_address(void **state)
{
	(void)state;
	endpoint(0, w.dead_port);
	endpoint(1, w.port);
	w.settings.n_collectors = 2;
	start();
	UNTIL(w.hellos == 1);
	/* The one that worked is the first to be tried again. */
	conn_end(w.conn, "line breaks");
	UNTIL(w.hellos == 2);
}

/* Learnt from Welcome, used after a restart when the pinned one is dead. */
static void
test_learnt_address(void **state)
{
	Cordon__Welcome m = CORDON__WELCOME__INIT;

	(void)state;
	w.welcome = false;
	start();
	UNTIL(w.hellos == 1);
	m.heartbeat_seconds = 30;
	m.n_collectors = 1;
	m.collectors = w.eps;
	send_frame(FRAME_WELCOME, &m);
	UNTIL(nth(&w.frames, FRAME_HEARTBEAT, 0) != NULL);
	network_free(&w.net);
	link_free(&w.parent);
	endpoint(1, w.dead_port);
	w.eps[0] = &w.ep[1];
	start();
	UNTIL(w.hellos == 2);
}

/* What the order in force names counts, and nothing else. */
static void
test_pinned(void **state)
{
	Cordon__Pinned m = CORDON__PINNED__INIT;
	Cordon__Endpoint *dead[1], *both[2];

	(void)state;
	endpoint(1, w.dead_port);
	dead[0] = both[0] = &w.ep[1];
	both[1] = &w.ep[0];
	start();
	UNTIL(w.hellos == 1);
	join_both();
	/* The one in use is among them: nothing happens. */
	m.collectors = both;
	m.n_collectors = 2;
	ipc(w.enforcer, IPC_PINNED, &m);
	pause_ms(100);
	assert_non_null(w.conn);
	m.collectors = dead;
	m.n_collectors = 1;
	ipc(w.enforcer, IPC_PINNED, &m);
	UNTIL(w.conn == NULL);
	pause_ms(1500);
	assert_int_equal(w.hellos, 1);
	/* Open again: the lists of enrolment and Welcome. */
	m.n_collectors = 0;
	ipc(w.enforcer, IPC_PINNED, &m);
	UNTIL(w.hellos == 2);
}

static void
test_wrong_collector(void **state)
{
	const struct tls_files f = {path(w.dir, "bad.key"),
	    path(w.dir, "bad.pem"), path(w.dir, "other.pem"), NULL};
	struct buf der;

	(void)state;
	buf_init(&der, X509_DER_MAX);
	issue(w.other_ca, f.key, X509_SERVER, "collector", &der);
	assert_int_equal(x509_save(f.cert, der.data, der.len, &why), 0);
	buf_done(&der);
	tls_ctx_free(&w.ctx);
	assert_int_equal(tls_server_ctx(&f, false, &w.ctx, &why), 0);
	start();
	UNTIL(w.end[0] != '\0');
	assert_int_equal(w.hellos, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_heartbeats_lost),
		T(test_heartbeat_on_change),
		T(test_next_address),
		T(test_learnt_address),
		T(test_pinned),
		T(test_wrong_collector),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
