/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Signals through the network process: numbered, fitted, kept, held back. */
#include "tests/unit/agent/network/network_world.h"

static uint64_t
count_signals(uint64_t first)
{
	Cordon__SignalBatch *b;
	uint64_t next = first;
	size_t i, k;

	for (i = 0; i < w.frames.n; i++) {
		if (w.frames.item[i].kind != FRAME_SIGNALS)
			continue;
		b = cordon__signal_batch__unpack(NULL, w.frames.item[i].len,
		    w.frames.item[i].data);
		assert_non_null(b);
		for (k = 0; k < b->n_signals; k++)
			assert_int_equal(b->signals[k]->number, next++);
		cordon__signal_batch__free_unpacked(b, NULL);
	}
	return next - first;
}

static void
test_signals(void **state)
{
	char text[32];
	int i;

	(void)state;
	w.acks = false;
	start();
	join_both();
	for (i = 0; i < 40; i++) {
		snprintf(text, sizeof(text), "number %d", i);
		signal_from(w.sensors, text, CORDON__SEVERITY__SEVERITY_LOW);
	}
	signal_from(w.enforcer, "severe", CORDON__SEVERITY__SEVERITY_HIGH);
	signal_from(w.parent, "parent's", CORDON__SEVERITY__SEVERITY_INFO);
	UNTIL(count_signals(1) == 42);
	/* Not acknowledged: all come again, from what was committed on. */
	forget(&w.frames);
	w.committed = 10;
	w.acks = true;
	conn_end(w.conn, "line breaks");
	UNTIL(count_signals(11) == 32);
	UNTIL(w.committed == 42);
	/* Acknowledged: nothing comes again. */
	pause_ms(100);
	forget(&w.frames);
	conn_end(w.conn, "line breaks");
	UNTIL(w.hellos == 3);
	pause_ms(200);
	assert_int_equal(count_signals(43), 0);
}

/* A batch a window, a thousand a batch, over restarts of the process. */
static void
test_many_signals(void **state)
{
	uint64_t want = 7000;
	uint64_t i;

	(void)state;
	w.welcome = false;
	start();
	join_both();
	for (i = 0; i < want; i++) {
		signal_from(w.sensors, "one of many",
		    CORDON__SEVERITY__SEVERITY_LOW);
		if (i % 50 == 0)
			turn(1);
	}
	pause_ms(300);
	network_free(&w.net);
	link_free(&w.parent);
	link_free(&w.enforcer);
	link_free(&w.sensors);
	forget(&w.frames);
	w.welcome = true;
	start();
	UNTIL(w.committed == want);
	assert_int_equal(count_signals(1), want);
}

/* A signal that the collector would refuse must not get into the spool. */
static void
test_signal_fitted(void **state)
{
	Cordon__Signal sig = CORDON__SIGNAL__INIT;
	Cordon__SignalBatch *b;
	const struct seen *s;
	char object[6000], cause[200];
	uint8_t packed[8192];

	(void)state;
	start();
	join_both();
	UNTIL(w.hellos == 1);
	memset(object, 'a', sizeof(object) - 1);
	object[sizeof(object) - 1] = '\0';
	memcpy(object + 3999, "\xc3\xa9", 2); /* lies on the border */
	memset(cause, 'c', sizeof(cause) - 1);
	cause[sizeof(cause) - 1] = '\0';
	sig.kind = (char *)(uintptr_t)"files.changed";
	sig.severity = 77;
	sig.object = object;
	sig.cause_id = cause;
	assert_int_equal(link_send(w.sensors, IPC_SIGNAL, packed,
	    cordon__signal__pack(&sig, packed), -1), 0);
	UNTIL((s = nth(&w.frames, FRAME_SIGNALS, 0)) != NULL);
	b = cordon__signal_batch__unpack(NULL, s->len, s->data);
	assert_int_equal(b->signals[0]->severity,
	    CORDON__SEVERITY__SEVERITY_HIGH);
	assert_int_equal(strlen(b->signals[0]->object), 3999);
	assert_int_equal(strlen(b->signals[0]->cause_id), 63);
	cordon__signal_batch__free_unpacked(b, NULL);
}

static void
stamped(struct link *l, uint64_t run, uint64_t serial)
{
	Cordon__Signal sig = CORDON__SIGNAL__INIT;

	sig.kind = (char *)(uintptr_t)"files.changed";
	sig.severity = CORDON__SEVERITY__SEVERITY_LOW;
	sig.text = (char *)(uintptr_t)"stamped";
	sig.run = run;
	sig.serial = serial;
	ipc(l, IPC_SIGNAL, &sig);
}

static bool
was_told(uint64_t run, uint64_t serial)
{
	Cordon__Taken *t;
	bool found = false;
	size_t i;

	for (i = 0; i < w.taken.n && !found; i++) {
		t = cordon__taken__unpack(NULL, w.taken.item[i].len,
		    w.taken.item[i].data);
		assert_non_null(t);
		found = t->run == run && t->serial == serial;
		cordon__taken__free_unpacked(t, NULL);
	}
	return found;
}

/* Each sender is told what is safe; what comes again is told again. */
static void
test_taken(void **state)
{
	uint64_t i;

	(void)state;
	w.acks = false;
	start();
	join_both();
	for (i = 1; i <= 5; i++) {
		stamped(w.sensors, 11, i);
		stamped(w.enforcer, 22, i);
		stamped(w.parent, 33, i);
	}
	UNTIL(was_told(11, 5) && was_told(22, 5) && was_told(33, 5));
	/* A new link: the sender does not know, and sends all of them. */
	forget(&w.taken);
	link_free(&w.sensors);
	w.sensors = join(IPC_PEER_SENSORS, sensors_table);
	for (i = 1; i <= 6; i++)
		stamped(w.sensors, 11, i);
	UNTIL(was_told(11, 6));
	UNTIL(count_signals(1) == 16);
	pause_ms(100);
	assert_int_equal(count_signals(1), 16);
	assert_string_equal(w.sensors_end, "");
}

static void
test_spool_full(void **state)
{
	int i;

	(void)state;
	w.welcome = false;
	w.settings.spool_max = SPOOL_MAX_LEAST;
	start();
	join_both();
	for (i = 0; i < 6000; i++) {
		signal_from(w.sensors, "filling",
		    CORDON__SEVERITY__SEVERITY_LOW);
		if (i % 50 == 0)
			turn(1);
	}
	UNTIL(nth(&w.at_sensors, IPC_SPOOL_FULL, 0) != NULL);
	/* Told once a second at most, and the link holds. */
	assert_true(w.at_sensors.n <= 3);
	assert_string_equal(w.sensors_end, "");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_signals),
		T(test_many_signals),
		T(test_signal_fitted),
		T(test_taken),
		T(test_spool_full),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
