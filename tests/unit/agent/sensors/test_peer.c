/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Bounds of what others may ask, and the outbox that answers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "agent/links/ipc.h"
#include "agent/sensors/emit.h"
#include "agent/sensors/outbox.h"
#include "agent/sensors/peer.h"

#define TEXT(x) ((char *)(uintptr_t)(x)) /* protobuf-c knows no const */

static Cordon__CheckRun
good_run(char **checks)
{
	Cordon__CheckRun m = CORDON__CHECK_RUN__INIT;

	checks[0] = TEXT("G01");
	m.run_id = TEXT("R-1234");
	m.checks = checks;
	m.n_checks = 1;
	return m;
}

static void
test_check_run(void **state)
{
	char *checks[PEER_CHECKS_MAX + 1];
	uint8_t bytes[64];
	Cordon__CheckRun m = good_run(checks);
	struct why why;
	size_t i;

	(void)state;
	assert_int_equal(peer_check_run(&m, &why), 0);
	m.run_id = TEXT("");
	assert_int_equal(peer_check_run(&m, &why), ERR_RANGE);
	m = good_run(checks);
	m.n_checks = 0;
	assert_int_equal(peer_check_run(&m, &why), ERR_RANGE);
	m = good_run(checks);
	checks[0] = TEXT("../x");
	assert_int_equal(peer_check_run(&m, &why), ERR_RANGE);
	m = good_run(checks);
	checks[0] = TEXT("G0123456789abcdef");
	assert_int_equal(peer_check_run(&m, &why), ERR_RANGE);
	m = good_run(checks);
	for (i = 0; i <= PEER_CHECKS_MAX; i++)
		checks[i] = TEXT("G01");
	m.n_checks = PEER_CHECKS_MAX + 1;
	assert_int_equal(peer_check_run(&m, &why), ERR_RANGE);
	m = good_run(checks);
	m.manifest_id = TEXT("a/b");
	assert_int_equal(peer_check_run(&m, &why), ERR_RANGE);
	m = good_run(checks);
	m.manifest_digest = (ProtobufCBinaryData){31, bytes};
	assert_int_equal(peer_check_run(&m, &why), ERR_RANGE);
	m = good_run(checks);
	m.manifest_signature = (ProtobufCBinaryData){63, bytes};
	assert_int_equal(peer_check_run(&m, &why), ERR_RANGE);
}

static void
test_settings(void **state)
{
	Cordon__Settings s = CORDON__SETTINGS__INIT;
	static const char *const bad_dirs[] = {"", "/", "relative", "/a/../b",
	    "/a/"};
	char *many[300];
	struct why why;
	size_t i;

	(void)state;
	s.state_dir = TEXT("/var/lib/x/sensors");
	assert_int_equal(peer_check_settings(&s, &why), 0);
	for (i = 0; i < sizeof(bad_dirs) / sizeof(bad_dirs[0]); i++) {
		s.state_dir = TEXT(bad_dirs[i]);
		assert_int_equal(peer_check_settings(&s, &why), ERR_RANGE);
	}
	s.state_dir = TEXT("/x");
	for (i = 0; i < 300; i++)
		many[i] = TEXT("/a");
	s.watch = many;
	s.n_watch = ROOTS_MAX + 1;
	assert_int_equal(peer_check_settings(&s, &why), ERR_RANGE);
	s.n_watch = 0;
	s.ignore = many;
	s.n_ignore = IGNORE_MAX;
	assert_int_equal(peer_check_settings(&s, &why), ERR_RANGE);
	s.n_ignore = 0;
	s.scan_threads = SCAN_THREADS_MAX + 1;
	assert_int_equal(peer_check_settings(&s, &why), ERR_RANGE);
}

/* -- outbox ---------------------------------------------------------------- */

struct sink {
	size_t n, takes;
	uint32_t last;
};

static int
take(void *arg, uint32_t kind, const void *data, size_t len)
{
	struct sink *s = arg;

	(void)data;
	(void)len;
	if (s->n == s->takes)
		return ERR_LIMIT;
	s->n++;
	s->last = kind;
	return 0;
}

static void
test_outbox_keeps_what_is_refused(void **state)
{
	struct outbox *o = outbox_new(eventfd(0, EFD_NONBLOCK));
	struct sink s = {0, 2, 0};
	size_t i;

	(void)state;
	assert_int_equal(outbox_bulk(o, 0, IPC_SNAPSHOT, "b", 1), 0);
	for (i = 0; i < 3; i++)
		assert_int_equal(outbox_signal(o, "s", 1, false), 0);
	assert_true(outbox_flush(o, take, &s));
	assert_int_equal(s.n, 2);
	s.takes = 10;
	assert_false(outbox_flush(o, take, &s));
	assert_int_equal(s.n, 4);
	assert_int_equal(s.last, IPC_SNAPSHOT); /* signals go first */
	assert_int_equal(outbox_signals(o), 3); /* sent, not taken */
	outbox_taken(o, 1, 2);
	assert_int_equal(outbox_signals(o), 1);
	outbox_taken(o, 7, 3); /* of another run: no meaning here */
	outbox_taken(o, 1, 99);
	assert_int_equal(outbox_signals(o), 1);
	outbox_free(&o);
}

static void
test_outbox_new_link(void **state)
{
	struct outbox *o = outbox_new(eventfd(0, EFD_NONBLOCK));
	struct sink s = {0, 10, 0};

	(void)state;
	outbox_signal(o, "s", 1, false);
	outbox_bulk(o, 0, IPC_SNAPSHOT, "b", 1);
	outbox_new_link(o);
	assert_int_equal(outbox_bulk(o, 0, IPC_SNAPSHOT, "b", 1),
	    ERR_CLOSED);
	assert_false(outbox_flush(o, take, &s));
	assert_int_equal(s.n, 1); /* the signal waited for the new link */
	/* Sent and not taken: to the next one once more. */
	outbox_taken(o, 1, 2); /* was not sent */
	outbox_new_link(o);
	assert_false(outbox_flush(o, take, &s));
	assert_int_equal(s.n, 2);
	outbox_taken(o, 1, 1);
	outbox_new_link(o);
	assert_false(outbox_flush(o, take, &s));
	assert_int_equal(s.n, 2);
	outbox_free(&o);
}

/* The last part of the room is the severe ones'. */
static void
test_outbox_bound(void **state)
{
	struct outbox *o = outbox_new(eventfd(0, EFD_NONBLOCK));
	size_t i, low = OUTBOX_SIGNALS_MAX - OUTBOX_SIGNALS_MAX /
	    OUTBOX_SEVERE_PART;

	(void)state;
	for (i = 0; i < low; i++)
		assert_int_equal(outbox_signal(o, "s", 1, false), 0);
	outbox_close(o); /* nobody waits */
	assert_int_equal(outbox_signal(o, "s", 1, false), ERR_LIMIT);
	for (; i < OUTBOX_SIGNALS_MAX; i++)
		assert_int_equal(outbox_signal(o, "s", 1, true), 0);
	assert_int_equal(outbox_signal(o, "s", 1, true), ERR_LIMIT);
	outbox_free(&o);
}

static int
keep_signal(void *arg, uint32_t kind, const void *data, size_t len)
{
	assert_int_equal(kind, IPC_SIGNAL);
	*(Cordon__Signal **)arg = cordon__signal__unpack(NULL, len, data);
	return 0;
}

static void
test_emit(void **state)
{
	struct outbox *o = outbox_new(eventfd(0, EFD_NONBLOCK));
	Cordon__Signal *got = NULL;
	struct emit_signal s;
	size_t i;

	(void)state;
	emit_init(&s, "no.such.kind", "/a");
	assert_int_equal(emit_send(o, &s), ERR_RANGE);
	emit_init(&s, "files.changed", "/a\n\xff");
	for (i = 0; i < EMIT_EVIDENCE_MAX + 5; i++)
		emit_addf(&s, "k", "%zu\x1b", i);
	assert_int_equal(emit_send(o, &s), 0);
	outbox_flush(o, keep_signal, &got);
	assert_non_null(got);
	assert_string_equal(got->object, "/a\\x0a\\xff");
	assert_int_equal(got->severity, CORDON__SEVERITY__SEVERITY_HIGH);
	assert_int_equal(got->n_evidence, EMIT_EVIDENCE_MAX);
	assert_string_equal(got->evidence[3]->value, "3\\x1b");
	assert_true(id_valid(got->cause_id));
	assert_int_equal(got->number, 0);
	cordon__signal__free_unpacked(got, NULL);
	outbox_free(&o);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_check_run),
		cmocka_unit_test(test_settings),
		cmocka_unit_test(test_outbox_keeps_what_is_refused),
		cmocka_unit_test(test_outbox_new_link),
		cmocka_unit_test(test_outbox_bound),
		cmocka_unit_test(test_emit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
