/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Messages of the process connector, good and bad, and its filter. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <linux/cn_proc.h>
#include <linux/connector.h>
#include <linux/netlink.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/process/connector.h"

#define WORDS 6
#define EVENT_LEN sizeof(struct proc_event)
#define MESSAGE_LEN (NLMSG_HDRLEN + sizeof(struct cn_msg) + EVENT_LEN)

/* A message as the kernel makes it, these words in its own part. */
static size_t
message(uint8_t *out, uint32_t what, const uint32_t words[WORDS])
{
	struct nlmsghdr *h = (void *)out;
	struct cn_msg m = {{CN_IDX_PROC, CN_VAL_PROC}, 0, 0, EVENT_LEN, 0};
	uint8_t *event = out + NLMSG_HDRLEN + sizeof(m);

	memset(out, 0, MESSAGE_LEN);
	h->nlmsg_len = MESSAGE_LEN;
	h->nlmsg_type = NLMSG_DONE;
	memcpy(out + NLMSG_HDRLEN, &m, sizeof(m));
	memcpy(event, &what, sizeof(what));
	memcpy(event + offsetof(struct proc_event, event_data), words,
	    WORDS * sizeof(words[0]));
	return MESSAGE_LEN;
}

static int
parse(const uint8_t *data, size_t len, struct connector_event *ev)
{
	size_t off = 0;

	return connector_next(data, len, &off, ev);
}

static void
test_what_is_said(void **state)
{
	static const struct {
		uint32_t what, words[WORDS];
		struct connector_event want;
	} rows[] = {
		{0, {1}, {CONNECTOR_ACK, .error = 1}},
		{0x1, {5, 4, 9, 9}, {CONNECTOR_FORK, 9, 9, 4, .uid = 0}},
		{0x2, {7, 6}, {CONNECTOR_EXEC, 6, 7, 0, .uid = 0}},
		{0x4, {7, 7, 1000, 0},
		    {CONNECTOR_UID, 7, 7, 0, .uid = 1000, .euid = 0}},
		{0x100, {7, 7, 21, 20}, {CONNECTOR_TRACE, 7, 7, 20, .uid = 0}},
		{0x100, {7, 7, 0, 0}, {CONNECTOR_TRACE, 7, 7, 0, .uid = 0}},
		{0x80000000, {7, 7}, {CONNECTOR_OTHER, 7, 7, 0, .uid = 0}},
	};
	uint8_t data[MESSAGE_LEN];
	struct connector_event ev;
	size_t i, off = 0;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		message(data, rows[i].what, rows[i].words);
		assert_int_equal(parse(data, sizeof(data), &ev), 0);
		assert_memory_equal(&ev, &rows[i].want, sizeof(ev));
	}
	message(data, 0x200, (uint32_t[WORDS]){7, 7, 0x64737368});
	assert_int_equal(connector_next(data, sizeof(data), &off, &ev), 0);
	assert_int_equal(ev.what, CONNECTOR_NAME);
	assert_string_equal(ev.name, "hssd");
	assert_int_equal(connector_next(data, sizeof(data), &off, &ev),
	    ERR_NOENT);
}

static void
test_a_name_without_an_end_is_ended(void **state)
{
	const uint32_t words[WORDS] = {7, 7, 0x41414141, 0x41414141,
	    0x41414141, 0x41414141};
	uint8_t data[MESSAGE_LEN];
	struct connector_event ev;

	(void)state;
	message(data, 0x200, words);
	assert_int_equal(parse(data, sizeof(data), &ev), 0);
	assert_string_equal(ev.name, "AAAAAAAAAAAAAAA");
}

static void
test_lengths_that_do_not_fit(void **state)
{
	const uint32_t words[WORDS] = {7, 7};
	uint8_t data[2 * MESSAGE_LEN];
	struct nlmsghdr *h = (void *)data;
	struct cn_msg *m = (void *)(data + NLMSG_HDRLEN);
	struct connector_event ev;
	size_t cut, off = 0;

	(void)state;
	message(data, 0x2, words);
	for (cut = 1; cut < MESSAGE_LEN; cut++)
		assert_int_equal(parse(data, cut, &ev), ERR_SYNTAX);
	h->nlmsg_len = 3;
	assert_int_equal(parse(data, MESSAGE_LEN, &ev), ERR_SYNTAX);
	message(data, 0x2, words);
	m->len = EVENT_LEN + 1;
	assert_int_equal(parse(data, MESSAGE_LEN, &ev), ERR_SYNTAX);
	m->len = 3;
	assert_int_equal(parse(data, MESSAGE_LEN, &ev), ERR_SYNTAX);
	/* Somebody else's connector message is passed over. */
	message(data, 0x2, words);
	message(data + MESSAGE_LEN, 0x2, words);
	m->id.idx = 77;
	assert_int_equal(connector_next(data, sizeof(data), &off, &ev), 0);
	assert_int_equal(ev.what, CONNECTOR_OTHER);
	assert_int_equal(connector_next(data, sizeof(data), &off, &ev), 0);
	assert_int_equal(ev.what, CONNECTOR_EXEC);
	/* No process has number 0. */
	message(data, 0x2, (uint32_t[WORDS]){0});
	assert_int_equal(parse(data, MESSAGE_LEN, &ev), ERR_SYNTAX);
}

/* The kernel runs the filter on sockets of all families. */
static void
test_the_filter_keeps_what_is_read(void **state)
{
	static const struct {
		uint32_t what, words[WORDS];
		bool passes;
	} rows[] = {
		{0x0, {0}, true},
		{0x1, {5, 5, 9, 9}, true},
		{0x1, {5, 5, 10, 9}, false}, /* a thread */
		{0x2, {7, 7}, true},
		{0x4, {7, 7}, true},
		{0x40, {7, 7}, false}, /* group ids */
		{0x80, {7, 7}, false}, /* session */
		{0x100, {7, 7, 8, 8}, true},
		{0x200, {7, 7}, true},
		{0x200, {8, 7}, false}, /* name of a thread */
		{0x40000000, {7, 7}, false}, /* core dump */
		{0x80000000, {7, 7}, false}, /* exit */
	};
	uint8_t data[MESSAGE_LEN];
	size_t i;
	int fd[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_DGRAM, 0, fd), 0);
	assert_int_equal(connector_filter(fd[1]), 0);
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		message(data, rows[i].what, rows[i].words);
		/* The sender of a unix socket is told what was filtered. */
		(void)!send(fd[0], data, sizeof(data), MSG_DONTWAIT);
		assert_int_equal(recv(fd[1], data, sizeof(data),
		    MSG_DONTWAIT) > 0, rows[i].passes);
	}
	close(fd[0]);
	close(fd[1]);
}

static void
test_a_kernel_tells(void **state)
{
	uint8_t data[4096];
	struct connector_event ev;
	struct why why;
	bool forked = false;
	size_t off;
	ssize_t n;
	pid_t pid;
	int fd = connector_open(&why);

	(void)state;
	if (fd < 0) {
		print_message("%s\n", why.text);
		skip();
	}
	pid = fork();
	if (pid == 0)
		_exit(0);
	waitpid(pid, NULL, 0);
	while (!forked && (n = recv(fd, data, sizeof(data), 0)) > 0)
		for (off = 0; connector_next(data, (size_t)n, &off, &ev) ==
		    0;)
			forked |= ev.what == CONNECTOR_FORK &&
			    ev.pid == pid && ev.parent == getpid();
	close(fd);
	assert_true(forked);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_is_said),
		cmocka_unit_test(test_a_name_without_an_end_is_ended),
		cmocka_unit_test(test_lengths_that_do_not_fit),
		cmocka_unit_test(test_the_filter_keeps_what_is_read),
		cmocka_unit_test(test_a_kernel_tells),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
