/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Connections: time, bounds, and how they end. */
#include "tests/unit/common/net/conn_world.h"

/* -- time ------------------------------------------------------------------ */

static void
test_handshake_timeout(void **state)
{
	const struct conn_limits quick = {60, 0, 4096};
	struct pair p;
	int sv[2];

	(void)state;
	open_good(&p);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0,
			     sv), 0);
	evutil_make_socket_nonblocking(sv[0]);
	p.server.c = conn_accept(base, p.sctx, sv[0], &quick, &ops,
	    &p.server);
	p.raw = sv[1]; /* and says nothing */
	assert_true(run(&p, server_ended, 2000));
	assert_string_equal(p.server.reason, "TLS handshake not done in time");
	finish(&p);
}

static void
test_idle(void **state)
{
	const struct conn_limits idle = {3000, 80, 4096};
	struct pair p;
	int i;

	(void)state;
	open_good(&p);
	start_limited(&p, &limits, &idle);
	assert_true(run(&p, both_up, 3000));
	/* Longer than the limit, but never silent. */
	for (i = 0; i < 6; i++) {
		conn_send(p.client.c, FRAME_HEARTBEAT, NULL, 0);
		run(&p, NULL, 30);
	}
	assert_int_equal(p.server.ends, 0);
	assert_int_equal(p.server.frames, 6);
	/* Silent while we do not listen: not its fault. */
	conn_pause(p.server.c, true);
	run(&p, NULL, 150);
	assert_int_equal(p.server.ends, 0);
	conn_pause(p.server.c, false);
	assert_true(run(&p, both_ended, 2000));
	assert_string_equal(p.server.reason,
	    "nothing heard from the peer for too long");
	assert_string_equal(p.client.reason, "connection closed by the peer");
	finish(&p);
}

static void
test_connect_fails(void **state)
{
	struct addr to = {{127, 0, 0, 1}, 4, 0};
	struct pair p;
	int listener, port;

	(void)state;
	open_good(&p);
	tls_ctx_free(&p.sctx);
	tcp_pair(&port, &listener);
	close(listener); /* nobody there any more */
	to.port = (uint16_t)port;
	p.client.c = conn_connect(base, p.cctx, &to, &limits, &ops,
	    &p.client);
	assert_int_equal(p.client.ends, 0); /* never from within */
	run(&p, NULL, 50);
	assert_int_equal(p.client.ends, 1);
	assert_string_equal(p.client.reason, "connect: Connection refused");
	/* One that connect(2) refuses at once. */
	to = (struct addr){{255, 255, 255, 255}, 4, 443};
	p.client.c = conn_connect(base, p.cctx, &to, &limits, &ops,
	    &p.client);
	assert_non_null(p.client.c);
	assert_int_equal(p.client.ends, 1);
	run(&p, NULL, 20);
	assert_int_equal(p.client.ends, 2);
	assert_memory_equal(p.client.reason, "connect: ", 9);
	/* Ended before it came to anything. */
	to = (struct addr){{127, 0, 0, 1}, 4, (uint16_t)port};
	p.client.c = conn_connect(base, p.cctx, &to, &limits, &ops,
	    &p.client);
	conn_end(p.client.c, "changed my mind");
	assert_int_equal(p.client.ends, 3);
	assert_string_equal(p.client.reason, "changed my mind");
	finish(&p);
}

/* -- bounds and backpressure ----------------------------------------------- */

static void
test_queue_bound(void **state)
{
	const struct conn_limits small = {3000, 0, 10000};
	static uint8_t data[9000];
	struct pair p;

	(void)state;
	open_good(&p);
	start_limited(&p, &small, &limits);
	assert_int_equal(conn_send(p.client.c, FRAME_SIGNALS, data, 10),
	    ERR_CLOSED); /* not up yet */
	assert_true(run(&p, both_up, 3000));
	assert_int_equal(conn_send(p.client.c, FRAME_SIGNALS, data, 9000), 0);
	assert_int_equal(conn_queued(p.client.c), 9000 + FRAME_HEADER);
	assert_int_equal(conn_send(p.client.c, FRAME_SIGNALS, data, 985),
	    ERR_LIMIT);
	assert_int_equal(conn_queued(p.client.c), 9000 + FRAME_HEADER);
	assert_int_equal(conn_send(p.client.c, FRAME_SIGNALS, data, 984), 0);
	assert_int_equal(conn_send(p.client.c, FRAME_HEARTBEAT, NULL, 0),
	    ERR_LIMIT);
	/* A frame that may not exist is refused whatever the room. */
	run(&p, NULL, 50);
	assert_int_equal(conn_queued(p.client.c), 0);
	assert_int_equal(conn_send(p.client.c, 999, NULL, 0), ERR_RANGE);
	assert_int_equal(p.server.frames, 2);
	finish(&p);
}

static int
pause_after_one(struct side *s, const struct frame *f, struct why *why)
{
	(void)f, (void)why;
	conn_pause(s->c, true);
	return 0;
}

static void
test_pause(void **state)
{
	static uint8_t data[60000];
	struct pair p;
	int i, sent = 0;

	(void)state;
	open_good(&p);
	p.server.on_frame = pause_after_one;
	start(&p);
	assert_true(run(&p, both_up, 3000));
	for (i = 0; i < 4; i++)
		sent += conn_send(p.client.c, FRAME_SIGNALS, data,
			    sizeof(data)) == 0;
	assert_int_equal(sent, 4);
	for (i = 1; i <= 4; i++) {
		run(&p, NULL, 60);
		assert_int_equal(p.server.frames, i);
		conn_pause(p.server.c, false);
		assert_int_equal(p.server.frames, i); /* not from within */
	}
	assert_int_equal(p.server.bytes, 4 * sizeof(data));
	finish(&p);
}

/* What was sent before an end arrives, though the receiver was paused. */
static void
test_end_while_paused(void **state)
{
	struct pair p;
	int i;

	(void)state;
	open_good(&p);
	p.server.on_frame = pause_after_one;
	start(&p);
	assert_true(run(&p, both_up, 3000));
	for (i = 0; i < 3; i++)
		conn_send(p.client.c, FRAME_HEARTBEAT, "x", 1);
	run(&p, NULL, 50);
	conn_end(p.client.c, "gone");
	run(&p, NULL, 50);
	assert_int_equal(p.server.ends, 0);
	for (i = 0; i < 4 && p.server.ends == 0; i++) {
		conn_pause(p.server.c, false);
		run(&p, NULL, 50);
	}
	assert_int_equal(p.server.frames, 3);
	assert_int_equal(p.server.ends, 1);
	finish(&p);
}

/* -- ending ---------------------------------------------------------------- */

static int
refuse(struct side *s, struct why *why)
{
	(void)s;
	return why_set(why, ERR_PERM, "revoked");
}

static int
end_inside(struct side *s, const struct frame *f, struct why *why)
{
	const uint8_t first = f->payload[0];

	(void)why;
	conn_end(s->c, "enough");
	/* The frame is lent until we return, ended or not. */
	assert_int_equal(f->payload[0], first);
	return 0;
}

static int
frame_bad(struct side *s, const struct frame *f, struct why *why)
{
	(void)s, (void)f;
	return why_set(why, ERR_PROTO, "hello twice");
}

static void
test_ends(void **state)
{
	struct pair p;

	(void)state;
	open_good(&p);
	p.server.on_up = refuse;
	start(&p);
	assert_true(run(&p, both_ended, 3000));
	assert_string_equal(p.server.reason, "revoked");
	finish(&p);

	open_good(&p);
	p.server.on_frame = end_inside;
	start(&p);
	assert_true(run(&p, both_up, 3000));
	conn_send(p.client.c, FRAME_HEARTBEAT, "abc", 3);
	conn_send(p.client.c, FRAME_HEARTBEAT, "abc", 3);
	assert_true(run(&p, both_ended, 3000));
	assert_string_equal(p.server.reason, "enough");
	assert_int_equal(p.server.frames, 1);
	finish(&p);

	open_good(&p);
	p.server.on_frame = frame_bad;
	start(&p);
	assert_true(run(&p, both_up, 3000));
	conn_send(p.client.c, FRAME_HEARTBEAT, "abc", 3);
	assert_true(run(&p, both_ended, 3000));
	assert_string_equal(p.server.reason, "hello twice");
	assert_int_equal(p.server.ends, 1);
	finish(&p);
}

static int
answer_and_finish(struct side *s, const struct frame *f, struct why *why)
{
	static uint8_t data[100000];

	(void)f, (void)why;
	assert_int_equal(conn_send(s->c, FRAME_SIGNALS, data, sizeof(data)),
	    0);
	conn_finish(s->c, "refused");
	assert_int_equal(conn_send(s->c, FRAME_WELCOME, NULL, 0), ERR_CLOSED);
	return 0;
}

/* The last words arrive, though the peer goes on talking. */
static void
test_finish(void **state)
{
	static uint8_t data[50000];
	struct pair p;
	int i;

	(void)state;
	open_good(&p);
	p.server.on_frame = answer_and_finish;
	start(&p);
	assert_true(run(&p, both_up, 3000));
	for (i = 0; i < 5; i++)
		conn_send(p.client.c, FRAME_SIGNALS, data, sizeof(data));
	assert_true(run(&p, both_ended, 3000));
	assert_int_equal(p.client.frames, 1);
	assert_int_equal(p.client.bytes, 100000);
	assert_int_equal(p.server.frames, 1);
	assert_string_equal(p.server.reason, "refused");
	finish(&p);

	/* Nothing queued: it still ends, and does not wait for ever. */
	open_good(&p);
	start(&p);
	assert_true(run(&p, both_up, 3000));
	conn_finish(p.client.c, "bye");
	conn_finish(p.client.c, "again");
	assert_true(run(&p, both_ended, 3000));
	assert_string_equal(p.client.reason, "bye");
	assert_int_equal(p.client.ends, 1);
	finish(&p);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_handshake_timeout),
		cmocka_unit_test(test_idle),
		cmocka_unit_test(test_connect_fails),
		cmocka_unit_test(test_queue_bound),
		cmocka_unit_test(test_pause),
		cmocka_unit_test(test_end_while_paused),
		cmocka_unit_test(test_ends),
		cmocka_unit_test(test_finish),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
