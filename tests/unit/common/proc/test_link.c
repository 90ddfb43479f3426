/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Links: the table decides, and whoever breaks it is ended; descriptors
 * that were not asked for do not stay open; the queue has a bound.
 */
#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/proc/link.h"

static struct event_base *base;

struct side {
	struct link *l;
	bool open; /* what the "when" of kind 3 looks at */
	int got, ends, fd;
	size_t bytes;
	char reason[256];
};

static int
take(void *arg, struct link *l, const uint8_t *payload, size_t len, int fd,
    struct why *why)
{
	struct side *s = arg;

	(void)payload, (void)why;
	assert_ptr_equal(l, s->l);
	s->got++;
	s->bytes += len;
	if (fd >= 0) {
		if (s->fd >= 0)
			close(s->fd);
		s->fd = fd;
	}
	return 0;
}

static int
complain(void *arg, struct link *l, const uint8_t *payload, size_t len,
    int fd, struct why *why)
{
	(void)arg, (void)l, (void)payload, (void)len, (void)fd;
	return why_set(why, ERR_RANGE, "a number is out of bounds");
}

static int
free_inside(void *arg, struct link *l, const uint8_t *payload, size_t len,
    int fd, struct why *why)
{
	struct side *s = arg;
	uint8_t first = payload[0];

	(void)l, (void)len, (void)fd, (void)why;
	s->got++;
	link_free(&s->l);
	assert_int_equal(payload[0], first); /* still lent */
	return 0;
}

static bool
is_open(void *arg)
{
	return ((struct side *)arg)->open;
}

static const struct link_kind table[] = {
	{1, "order", 1, LINK_PAYLOAD_MAX, NULL, take, true},
	{2, "stop", 0, 0, NULL, take, true},
	{3, "late", 0, 4, is_open, take, false},
	{4, "bad", 0, 4, NULL, complain, false},
	{5, "last", 1, 4, NULL, free_inside, false},
	{0, NULL, 0, 0, NULL, NULL, false},
};

static void
ended(void *arg, struct link *l, const char *reason)
{
	struct side *s = arg;

	(void)l;
	s->ends++;
	snprintf(s->reason, sizeof(s->reason), "%s", reason);
}

static int
setup(void **state)
{
	(void)state;
	base = event_base_new();
	return base == NULL;
}

static int
teardown(void **state)
{
	(void)state;
	event_base_free(base);
	return 0;
}

/* One link and the bare other end. */
static int
open_side(struct side *s)
{
	int fd[2];

	memset(s, 0, sizeof(*s));
	s->fd = -1;
	assert_int_equal(link_pair(fd, NULL), 0);
	s->l = link_new(base, fd[0], "tester", table, s, ended);
	assert_non_null(s->l);
	return fd[1];
}

static void
close_side(struct side *s, int raw)
{
	link_free(&s->l);
	assert_null(s->l);
	link_free(&s->l);
	if (s->fd >= 0)
		close(s->fd);
	if (raw >= 0)
		close(raw);
}

static void
turn(void)
{
	int i;

	for (i = 0; i < 20; i++)
		event_base_loop(base, EVLOOP_NONBLOCK);
}

static int
open_fds(void)
{
	int i, n = 0;

	for (i = 0; i < 256; i++)
		n += fcntl(i, F_GETFD) >= 0;
	return n;
}

static void
send_raw(int raw, uint32_t kind, size_t len)
{
	static uint8_t msg[4 + LINK_PAYLOAD_MAX + 16];

	memcpy(msg, &kind, 4);
	assert_int_equal(send(raw, msg, 4 + len, MSG_NOSIGNAL), 4 + len);
}

static void
test_table(void **state)
{
	static const struct {
		uint32_t kind;
		size_t len;
		bool open;
		const char *reason; /* NULL: taken */
	} rows[] = {
		{1, 1, false, NULL},
		{1, LINK_PAYLOAD_MAX, false, NULL},
		{2, 0, false, NULL},
		{3, 4, true, NULL},
		{0, 0, false, "unknown kind of message (kind 0, 0 bytes)"},
		{99, 3, true, "unknown kind of message (kind 99, 3 bytes)"},
		{1, 0, false, "message too short (kind 1, 0 bytes)"},
		{2, 1, false, "message too long (kind 2, 1 bytes)"},
		{3, 5, true, "message too long (kind 3, 5 bytes)"},
		{3, 4, false, "message not allowed now (kind 3, 4 bytes)"},
		{4, 0, false, "bad: a number is out of bounds"},
		{1, LINK_PAYLOAD_MAX + 1, false, "message too long"},
	};
	struct side s;
	size_t i;
	int raw;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		raw = open_side(&s);
		s.open = rows[i].open;
		send_raw(raw, rows[i].kind, rows[i].len);
		send_raw(raw, 2, 0); /* must not be looked at after an end */
		turn();
		if (rows[i].reason == NULL) {
			assert_int_equal(s.ends, 0);
			assert_int_equal(s.got, 2);
			assert_int_equal(s.bytes, rows[i].len);
		} else {
			assert_int_equal(s.ends, 1);
			assert_string_equal(s.reason, rows[i].reason);
			assert_int_equal(s.got, 0);
			/* The sender learns it. */
			assert_int_equal(send(raw, "abcd", 4, MSG_NOSIGNAL),
			    -1);
		}
		close_side(&s, raw);
	}
}

static void
test_no_kind(void **state)
{
	struct side s;
	int raw;

	(void)state;
	raw = open_side(&s);
	assert_int_equal(send(raw, "abc", 3, 0), 3);
	turn();
	assert_string_equal(s.reason, "message without a kind");
	close_side(&s, raw);
}

static void
test_both_ways(void **state)
{
	struct side a, b = {.fd = -1};
	uint8_t data[1000] = {0};
	int raw;

	(void)state;
	raw = open_side(&a);
	b.l = link_new(base, raw, "other", table, &b, ended);
	assert_int_equal(link_send(a.l, 1, data, sizeof(data), -1), 0);
	assert_int_equal(link_send(b.l, 2, NULL, 0, -1), 0);
	turn();
	assert_int_equal(b.bytes, 1000);
	assert_int_equal(a.got, 1);
	assert_string_equal(link_name(b.l), "other");
	assert_int_equal(link_send(a.l, 1, data, LINK_PAYLOAD_MAX + 1, -1),
	    ERR_RANGE);
	/* The other side goes: told once, from the loop. */
	link_free(&b.l);
	assert_int_equal(link_send(a.l, 2, NULL, 0, -1), ERR_CLOSED);
	assert_int_equal(a.ends, 0);
	turn();
	assert_int_equal(a.ends, 1);
	assert_string_equal(a.reason, "closed by the other side");
	assert_int_equal(link_send(a.l, 2, NULL, 0, -1), ERR_CLOSED);
	close_side(&a, -1);
}

/* What was sent before the other side went is still handled. */
static void
test_last_words(void **state)
{
	struct side s;
	int raw, i;

	(void)state;
	raw = open_side(&s);
	for (i = 0; i < 5; i++)
		send_raw(raw, 1, 10);
	close(raw);
	turn();
	assert_int_equal(s.got, 5);
	assert_int_equal(s.ends, 1);
	close_side(&s, -1);
}

static void
test_queue(void **state)
{
	static uint8_t data[LINK_PAYLOAD_MAX];
	struct side a, b = {.fd = -1};
	int raw, err, sent = 0, before = open_fds(), i;

	(void)state;
	raw = open_side(&a);
	for (i = 0; i < 4; i++)
		data[i] = (uint8_t)i;
	do {
		/* Each with a descriptor, which the queue must duplicate. */
		err = link_send(a.l, 1, data, sizeof(data), sent == 20 ? 0
								       : -1);
		sent += err == 0;
	} while (err == 0 && sent < 1000);
	assert_int_equal(err, ERR_LIMIT);
	assert_true(sent > 40 && sent < 60);
	assert_true(link_queued(a.l) <= LINK_QUEUE_MAX);
	assert_true(link_queued(a.l) > LINK_QUEUE_MAX - sizeof(data) - 4);
	b.l = link_new(base, raw, "other", table, &b, ended);
	for (i = 0; i < 100; i++)
		turn();
	assert_int_equal(b.got, sent);
	assert_int_equal(b.bytes, (size_t)sent * sizeof(data));
	assert_true(b.fd >= 0);
	assert_int_equal(link_queued(a.l), 0);
	/* Freed with a full queue: nothing stays open. */
	while (link_send(a.l, 1, data, sizeof(data), 0) == 0)
		continue;
	close_side(&a, -1);
	turn();
	close_side(&b, -1);
	assert_int_equal(open_fds(), before);
}

/* N descriptors in one message. */
static void
send_fds(int raw, uint32_t kind, int n)
{
	char space[CMSG_SPACE(sizeof(int) * 32)] = {0};
	struct iovec iov = {&kind, sizeof(kind)};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1,
	    .msg_control = space,
	    .msg_controllen = CMSG_SPACE(sizeof(int) * (size_t)n)};
	struct cmsghdr *cm = CMSG_FIRSTHDR(&msg);
	int fds[32] = {0};

	cm->cmsg_level = SOL_SOCKET;
	cm->cmsg_type = SCM_RIGHTS;
	cm->cmsg_len = CMSG_LEN(sizeof(int) * (size_t)n);
	memcpy(CMSG_DATA(cm), fds, sizeof(int) * (size_t)n);
	assert_int_equal(sendmsg(raw, &msg, 0), 4);
}

static void
test_descriptors(void **state)
{
	static const int counts[] = {2, 3, 8, 9, 10, 32};
	static const struct {
		uint32_t kind;
		const char *reason;
	} none[] = {
		{3, "a descriptor came with it (kind 3, 0 bytes)"},
		{99, "unknown kind of message (kind 99, 0 bytes)"},
	};
	int before = open_fds(), raw;
	struct side s;
	size_t i;

	(void)state;
	raw = open_side(&s);
	send_fds(raw, 2, 1);
	turn();
	assert_int_equal(s.got, 1);
	assert_true(fcntl(s.fd, F_GETFD) & FD_CLOEXEC);
	close_side(&s, raw);
	for (i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
		raw = open_side(&s);
		send_fds(raw, 2, counts[i]);
		turn();
		assert_int_equal(s.got, 0);
		assert_string_equal(s.reason,
		    "more than one descriptor in a message");
		close_side(&s, raw);
		assert_int_equal(open_fds(), before);
	}
	/* A kind that takes none, and one that is not in the table. */
	for (i = 0; i < sizeof(none) / sizeof(none[0]); i++) {
		raw = open_side(&s);
		s.open = true;
		send_fds(raw, none[i].kind, 1);
		turn();
		assert_int_equal(s.got, 0);
		assert_string_equal(s.reason, none[i].reason);
		close_side(&s, raw);
		assert_int_equal(open_fds(), before);
	}
}

static void
test_free_inside(void **state)
{
	struct side s;
	int raw;

	(void)state;
	raw = open_side(&s);
	send_raw(raw, 5, 4);
	send_raw(raw, 5, 4);
	turn();
	assert_int_equal(s.got, 1);
	assert_null(s.l);
	assert_int_equal(s.ends, 0); /* we ended it ourselves */
	close_side(&s, raw);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table),
		cmocka_unit_test(test_no_kind),
		cmocka_unit_test(test_both_ways),
		cmocka_unit_test(test_last_words),
		cmocka_unit_test(test_queue),
		cmocka_unit_test(test_descriptors),
		cmocka_unit_test(test_free_inside),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
