/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Signals that are kept until they are safe at the other end of a link. */
#include <event2/event.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/links/ipc.h"
#include "agent/links/ipc.pb-c.h"
#include "agent/links/untaken.h"
#include "common/proc/link.h"
#include "common/wire/agent.pb-c.h"

static const struct link_kind none[] = {
	{0, NULL, 0, 0, NULL, NULL, false},
};

static void
put(struct untaken *u, const char *kind)
{
	Cordon__Signal s = CORDON__SIGNAL__INIT;
	uint8_t b[256];

	s.kind = (char *)(uintptr_t)kind;
	assert_int_equal(untaken_add(u, b, cordon__signal__pack(&s, b)), 0);
}

/* Serials of what waits at the other end; the run of the last. */
static size_t
receive(int fd, uint64_t serial[UNTAKEN_MAX], uint64_t *run)
{
	uint8_t b[512];
	Cordon__Signal *s;
	uint32_t kind;
	size_t n = 0;
	ssize_t len;

	while ((len = recv(fd, b, sizeof(b), MSG_DONTWAIT)) > 0) {
		memcpy(&kind, b, sizeof(kind));
		assert_int_equal(kind, IPC_SIGNAL);
		s = cordon__signal__unpack(NULL, (size_t)len - 4, b + 4);
		assert_non_null(s);
		assert_string_equal(s->kind, "agent.started");
		serial[n++] = s->serial;
		*run = s->run;
		cordon__signal__free_unpacked(s, NULL);
	}
	return n;
}

static int
take(struct untaken *u, uint64_t run, uint64_t serial)
{
	Cordon__Taken t = CORDON__TAKEN__INIT;
	uint8_t b[32];

	t.run = run;
	t.serial = serial;
	return untaken_take(u, b, cordon__taken__pack(&t, b));
}

static void
test_until_taken(void **state)
{
	struct event_base *base = event_base_new();
	uint64_t serial[UNTAKEN_MAX], run = 0;
	struct untaken u = {0};
	struct link *l;
	struct why why;
	int fd[2], i;

	(void)state;
	untaken_send(&u, NULL, 0); /* nobody is there */
	for (i = 0; i < 3; i++)
		put(&u, "agent.started");
	assert_int_equal(link_pair(fd, &why), 0);
	l = link_new(base, fd[0], "network", none, NULL, NULL);
	untaken_send(&u, l, 0);
	assert_int_equal(receive(fd[1], serial, &run), 3);
	assert_int_equal(serial[0], 1);
	assert_int_equal(serial[2], 3);
	assert_true(run != 0 && run == u.run);
	/* One more: it alone goes. */
	put(&u, "agent.started");
	untaken_send(&u, l, u.n - 1);
	assert_int_equal(receive(fd[1], serial, &run), 1);
	assert_int_equal(serial[0], 4);
	assert_int_equal(take(&u, run + 1, 4), 0); /* of somebody else */
	assert_int_equal(u.n, 4);
	assert_int_equal(take(&u, run, 2), 0);
	assert_int_equal(u.n, 2);
	/* To the next process only what may be lost. */
	untaken_send(&u, l, 0);
	assert_int_equal(receive(fd[1], serial, &run), 2);
	assert_int_equal(serial[0], 3);
	assert_int_equal(take(&u, run, UINT64_MAX), 0);
	assert_int_equal(u.n, 0);
	assert_int_equal(untaken_take(&u, (const uint8_t *)"\xff", 1),
	    ERR_PROTO);
	link_free(&l);
	close(fd[1]);
	untaken_done(&u);
	event_base_free(base);
}

static void
test_bound(void **state)
{
	struct untaken u = {0};
	int i;

	(void)state;
	for (i = 0; i < UNTAKEN_MAX; i++)
		put(&u, "agent.started");
	assert_int_equal(untaken_add(&u, "x", 1), ERR_LIMIT);
	assert_int_equal(take(&u, u.run, 1), 0);
	assert_int_equal(untaken_add(&u, "x", 1), 0);
	untaken_done(&u);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_until_taken),
		cmocka_unit_test(test_bound),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
