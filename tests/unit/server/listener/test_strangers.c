/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Strangers at the listener: rates, bounds, bytes that are no TLS. */
#include "tests/unit/server/listener/listener_world.h"

static int
knock(void)
{
	struct sockaddr_in in = {.sin_family = AF_INET,
	    .sin_port = htons(w.set.listen[0].port),
	    .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(connect(fd, (struct sockaddr *)&in, sizeof(in)), 0);
	return fd;
}

/* How many of N silent connections are closed within a moment. */
static int
closed_of(int n, int *fd)
{
	char byte;
	int i, closed = 0;

	for (i = 0; i < n; i++)
		fd[i] = knock();
	usleep(300000);
	for (i = 0; i < n; i++) {
		if (recv(fd[i], &byte, 1, MSG_DONTWAIT) == 0 || errno !=
		    EAGAIN)
			closed++;
		close(fd[i]);
	}
	return closed;
}

static void
test_rate(void **state)
{
	int fd[400], closed;

	(void)state;
	w.set.loops = 1;
	start();
	closed = closed_of(200, fd);
	/* One bucket, which fills a little meanwhile. */
	assert_true(closed >= 200 - RATE_BURST - RATE_SECOND);
	assert_true(closed <= 200 - RATE_BURST);
}

static void
test_connections_max(void **state)
{
	int fd[30];

	(void)state;
	w.set.loops = 1;
	w.set.connections_max = 10;
	start();
	assert_int_equal(closed_of(30, fd), 20);
}

/* Bytes that are no TLS: closed, and the others are served on. */
static void
test_rubbish(void **state)
{
	uint8_t rubbish[512];
	struct client c;
	int i, fd;

	(void)state;
	add_host("a", HOST_A);
	start();
	for (i = 0; i < 40; i++) {
		fd = knock();
		random_bytes(rubbish, sizeof(rubbish));
		(void)send(fd, rubbish, sizeof(rubbish), MSG_NOSIGNAL);
		close(fd);
	}
	come_live(&c, "a", HOST_A);
	hang_up(&c);
	UNTIL(flow_count(&flow.gone) == 1);
}

static void
test_rate_bucket(void **state)
{
	static struct rate r;
	struct addr a = {.ip = {10, 0, 0, 1}, .ip_len = 4};
	struct addr six = {.ip = {0x20, 1, 0xd, 0xb8}, .ip_len = 16};
	int i;

	(void)state;
	rate_init(&r);
	for (i = 0; i < RATE_BURST; i++)
		assert_true(rate_take(&r, &a, 1000));
	assert_false(rate_take(&r, &a, 1000));
	/* A good certificate gives it back. */
	rate_give_back(&r, &a, 1000);
	assert_true(rate_take(&r, &a, 1000));
	assert_false(rate_take(&r, &a, 1000));
	/* It fills by the clock, up to the burst. */
	for (i = 0; i < RATE_SECOND; i++)
		assert_true(rate_take(&r, &a, 2000));
	assert_false(rate_take(&r, &a, 2000));
	for (i = 0; i < RATE_BURST; i++)
		assert_true(rate_take(&r, &a, 1000000));
	assert_false(rate_take(&r, &a, 1000000));
	/* IPv6: one bucket a /64. */
	for (i = 0; i < RATE_BURST; i++) {
		six.ip[15] = (uint8_t)i;
		assert_true(rate_take(&r, &six, 1000));
	}
	assert_false(rate_take(&r, &six, 1000));
	six.ip[7] = 1;
	assert_true(rate_take(&r, &six, 1000));
}

static const struct {
	const char *what;
	int loops;
	size_t nlisten;
} settings[] = {{"no loop", 0, 1}, {"too many loops", 65, 1},
    {"no address", 1, 0}, {"too many addresses", 1, 17}};

static void
test_bad_settings(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(settings) / sizeof(settings[0]); i++) {
		w.set.loops = settings[i].loops;
		w.set.nlisten = settings[i].nlisten;
		assert_int_equal(listener_start(w.store, &w.set, &w.listener,
		    &why), ERR_CONFIG);
	}
	/* An address that is not ours. */
	w.set.loops = 2;
	w.set.nlisten = 1;
	memcpy(w.set.listen[0].ip, (uint8_t[]){192, 0, 2, 1}, 4);
	assert_int_equal(listener_start(w.store, &w.set, &w.listener, &why),
	    ERR_IO);
	assert_null(w.listener);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rate_bucket),
		T(test_bad_settings),
		T(test_rate),
		T(test_connections_max),
		T(test_rubbish),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
