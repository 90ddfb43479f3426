/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Being a witness: only neighbours are tried, an answer of any kind counts,
 * silence ends after two seconds.  Loopback stands for a segment; silence
 * is tried in a network namespace of its own.
 */
#include <event2/event.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/network/witness.h"
#include "common/base/clock.h"

static struct event_base *base;
static struct witness *w;
static struct why why;
static int answers;
static bool reached, tried;
static char text[256], host[64];

static void
on_done(void *arg, const Cordon__WitnessResult *r)
{
	(void)arg;
	answers++;
	reached = r->reached;
	tried = r->tried;
	snprintf(text, sizeof(text), "%s", r->text);
	snprintf(host, sizeof(host), "%s", r->host_id);
}

static int
setup(void **state)
{
	(void)state;
	base = event_base_new();
	w = witness_new(base, on_done, NULL);
	answers = 0;
	reached = tried = false;
	return w == NULL ? -1 : 0;
}

static int
teardown(void **state)
{
	(void)state;
	witness_free(&w);
	event_base_free(base);
	return 0;
}

static int
ask(const char *id, const uint8_t *ip, size_t len, const uint8_t own_ip[4],
    uint8_t prefix, size_t nown)
{
	Cordon__Address a = CORDON__ADDRESS__INIT, *list[1] = {&a};
	Cordon__WitnessAsk q = CORDON__WITNESS_ASK__INIT;
	struct iface_addr own = {.ip_len = 4, .prefix_len = prefix};

	memcpy(own.ip, own_ip, 4);
	a.ip.data = (uint8_t *)(uintptr_t)ip;
	a.ip.len = len;
	q.ask_id = (char *)(uintptr_t)id;
	q.host_id = (char *)(uintptr_t)"H-0123456789ABCDEF";
	q.n_addresses = 1;
	q.addresses = list;
	return witness_ask(w, &q, &own, nown, &why);
}

static void
wait_answer(void)
{
	int64_t until = clock_boot_ms() + 5000;

	while (answers == 0 && clock_boot_ms() < until)
		event_base_loop(base, EVLOOP_ONCE | EVLOOP_NONBLOCK);
	assert_int_equal(answers, 1);
}

/* Nobody listens at those ports, but the host answers with a reset. */
static void
test_reset_is_an_answer(void **state)
{
	(void)state;
	assert_int_equal(ask("W-00000001", (uint8_t[]){127, 0, 0, 1}, 4,
	    (uint8_t[]){127, 0, 0, 9}, 8, 1), 0);
	wait_answer();
	assert_true(reached);
	assert_true(tried);
	assert_non_null(strstr(text, "127.0.0.1"));
	assert_string_equal(host, "H-0123456789ABCDEF");
}

static const struct {
	const char *what;
	uint8_t ip[4], own[4], prefix;
	size_t nown;
} not_tried[] = {
	{"another segment", {192, 0, 2, 1}, {127, 0, 0, 9}, 8, 1},
	{"our own address", {127, 0, 0, 9}, {127, 0, 0, 9}, 8, 1},
	{"isolated ourselves", {127, 0, 0, 1}, {127, 0, 0, 9}, 8, 0},
};

static void
test_not_tried(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(not_tried) / sizeof(not_tried[0]); i++) {
		answers = 0;
		tried = true;
		assert_int_equal(ask("W-00000001", not_tried[i].ip, 4,
		    not_tried[i].own, not_tried[i].prefix,
		    not_tried[i].nown), 0);
		if (answers != 1 || tried || reached)
			fail_msg("%s", not_tried[i].what);
	}
}

static const struct {
	const char *id;
	size_t len;
} malformed[] = {{"", 4}, {"W 1", 4}, {"W-00000001", 0}, {"W-00000001", 5},
    {"W-00000001", 15}, {"W-00000001", 17}};

static void
test_malformed(void **state)
{
	static const uint8_t ip[17] = {127, 0, 0, 1};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(malformed) / sizeof(malformed[0]); i++)
		assert_int_equal(ask(malformed[i].id, ip, malformed[i].len,
		    (uint8_t[]){127, 0, 0, 9}, 8, 1), ERR_RANGE);
	assert_int_equal(answers, 0);
}

/* A wire with nobody at its other end: tried, not reached, in two seconds. */
static void
silence(void)
{
	const uint8_t ip[4] = {192, 0, 2, 7}, own[4] = {192, 0, 2, 1};
	int64_t began = clock_boot_ms();
	char id[32];
	int i;

	for (i = 0; i < WITNESS_ASKS_MAX; i++) {
		snprintf(id, sizeof(id), "W-%08d", i);
		assert_int_equal(ask(id, ip, 4, own, 24, 1), 0);
	}
	assert_int_equal(answers, 0);
	/* One too many is answered at once. */
	assert_int_equal(ask("W-TOOMANY", ip, 4, own, 24, 1), 0);
	assert_int_equal(answers, 1);
	assert_false(tried);
	while (answers < 1 + WITNESS_ASKS_MAX &&
	    clock_boot_ms() - began < 5000)
		event_base_loop(base, EVLOOP_ONCE);
	assert_int_equal(answers, 1 + WITNESS_ASKS_MAX);
	assert_true(tried);
	assert_false(reached);
	assert_true(clock_boot_ms() - began < 4000);
}

static void
test_silence(void **state)
{
	int status;
	pid_t pid;

	(void)state;
	if (geteuid() != 0)
		skip();
	pid = fork();
	if (pid == 0) {
		if (unshare(CLONE_NEWNET) == -1 || system(
		    "ip link add d0 type veth peer name d1 2>/dev/null && "
		    "ip addr add 192.0.2.1/24 dev d0 && "
		    "ip link set d0 up && ip link set d1 up") != 0)
			_exit(77);
		event_reinit(base);
		silence();
		_exit(0);
	}
	waitpid(pid, &status, 0);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
		skip();
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_reset_is_an_answer),
		T(test_not_tried),
		T(test_malformed),
		T(test_silence),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
