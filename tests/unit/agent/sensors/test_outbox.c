/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * From emit_send to the link and over kills: each signal that was emitted
 * comes out once, or is in a count that comes out; never both.
 */
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/links/ipc.h"
#include "agent/sensors/emit.h"
#include "agent/sensors/unsent.h"
#include "common/base/crc.h"
#include "common/base/file.h"
#include "common/base/log.h"
#include "common/wire/agent.pb-c.h"

#define SEEN_MAX 400000
#define LOW CORDON__SEVERITY__SEVERITY_LOW
#define HIGH CORDON__SEVERITY__SEVERITY_HIGH

static char dir[64];
static struct why why;

/* What came out at the other end, as the spool would take it. */
static struct {
	uint64_t run, serial; /* the highest of the newest run */
	uint64_t got, twice, runs;
	uint64_t folded, lost, tellings;
	size_t room; /* how many more are taken from the link */
	uint8_t *seen; /* by number in the object; shared, over forks */
	uint64_t last_total;
	char sample[256], kinds[256];
} out;

static int
setup(void **state)
{
	(void)state;
	log_init("test", LOG_LEVEL_ERROR);
	strcpy(dir, "/tmp/cordon-outbox-XXXXXX");
	if (mkdtemp(dir) == NULL)
		return -1;
	memset(&out, 0, sizeof(out));
	out.seen = calloc(1, SEEN_MAX);
	out.room = SIZE_MAX;
	return 0;
}

static int
teardown(void **state)
{
	char cmd[96];

	(void)state;
	free(out.seen);
	snprintf(cmd, sizeof(cmd), "rm -rf %s", dir);
	return system(cmd);
}

static struct outbox *
reopen(uint32_t after)
{
	struct outbox *o = outbox_new(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));

	if (outbox_keep(o, dir, after, &why) != 0)
		fail_msg("%s", why.text);
	return o;
}

static int
emit_one(struct outbox *o, const char *cause, Cordon__Severity severity,
    unsigned int number)
{
	struct emit_signal s;
	char object[32];

	snprintf(object, sizeof(object), "/n/%u", number);
	emit_init(&s, "files.created", object);
	s.cause_id = cause;
	s.severity = severity;
	return emit_send(o, &s);
}

static const char *
evidence(const Cordon__Signal *s, const char *key)
{
	size_t i;

	for (i = 0; i < s->n_evidence; i++)
		if (strcmp(s->evidence[i]->key, key) == 0)
			return s->evidence[i]->value;
	return "0";
}

static void
look(const Cordon__Signal *s)
{
	unsigned int number;

	if (strcmp(s->kind, "agent.folded") == 0) {
		out.folded += strtoull(evidence(s, "folded"), NULL, 10);
		out.last_total = strtoull(evidence(s, "folded.total"), NULL,
		    10);
		snprintf(out.sample, sizeof(out.sample), "%s",
		    evidence(s, "folded.newest"));
		snprintf(out.kinds, sizeof(out.kinds), "%s",
		    evidence(s, "folded.kinds"));
		out.tellings++;
	} else if (strcmp(s->kind, "agent.spool-dropped") == 0) {
		out.lost += strtoull(evidence(s, "not-taken"), NULL, 10);
	} else if (sscanf(s->object, "/n/%u", &number) == 1 &&
	    number < SEEN_MAX) {
		out.twice += out.seen[number];
		out.seen[number] = 1;
		out.got++;
	}
}

/* As the network process does it: by run and serial only once. */
static int
take(void *arg, uint32_t kind, const void *data, size_t len)
{
	Cordon__Signal *s;

	(void)arg;
	assert_int_equal(kind, IPC_SIGNAL);
	if (out.room == 0)
		return ERR_LIMIT;
	out.room--;
	s = cordon__signal__unpack(NULL, len, data);
	assert_non_null(s);
	assert_true(s->run != 0 && s->serial != 0);
	if (s->run != out.run) {
		out.run = s->run;
		out.serial = 0;
		out.runs++;
	}
	if (s->serial > out.serial) {
		out.serial = s->serial;
		look(s);
	}
	cordon__signal__free_unpacked(s, NULL);
	return 0;
}

/* All that waits, and say that it is safe. */
static void
drain(struct outbox *o)
{
	(void)outbox_flush(o, take, NULL);
	outbox_taken(o, out.run, out.serial);
}

static void
test_over_restarts(void **state)
{
	struct outbox *o = reopen(0);
	unsigned int i;

	(void)state;
	for (i = 0; i < 3; i++)
		assert_int_equal(emit_one(o, "U-1", LOW, i), 0);
	outbox_free(&o); /* nothing is said to the disk at the end */
	o = reopen(0);
	assert_int_equal(outbox_signals(o), 3);
	assert_int_equal(emit_one(o, "U-1", LOW, 3), 0);
	(void)outbox_flush(o, take, NULL); /* sent, not taken */
	assert_int_equal(out.got, 4);
	outbox_free(&o);
	o = reopen(0);
	assert_int_equal(outbox_signals(o), 4);
	drain(o);
	assert_int_equal(out.got, 4); /* they were known */
	assert_int_equal(out.runs, 1);
	assert_int_equal(outbox_signals(o), 0);
	outbox_free(&o);
	o = reopen(0);
	assert_int_equal(outbox_signals(o), 0);
	assert_int_equal(emit_one(o, "U-1", LOW, 4), 0);
	drain(o);
	assert_int_equal(out.got, 5);
	assert_int_equal(out.twice, 0);
	outbox_free(&o);
}

/* More than both files hold, taken all along; then some that wait. */
static void
test_files_take_turns(void **state)
{
	struct outbox *o = reopen(0);
	unsigned int i, n = 100000;
	char path[96];
	struct stat st;
	int k;

	(void)state;
	for (i = 0; i < n; i++) {
		assert_int_equal(emit_one(o, "U-1", LOW, i), 0);
		/* Never all of it. */
		if (i % 500 == 499) {
			out.room = 499;
			drain(o);
		}
	}
	assert_true(outbox_signals(o) > 0);
	for (k = 0; k < 2; k++) {
		snprintf(path, sizeof(path), "%s/" UNSENT_NAME, dir, k);
		assert_int_equal(stat(path, &st), 0);
		assert_true(st.st_size <= UNSENT_TURN);
	}
	outbox_free(&o);
	out.room = SIZE_MAX;
	o = reopen(0);
	drain(o);
	assert_int_equal(out.got, n);
	assert_int_equal(out.twice, 0);
	assert_int_equal(outbox_signals(o), 0);
	outbox_free(&o);
}

/* The file ends or rots anywhere: whole signals come, and no others. */
static void
test_torn(void **state)
{
	struct outbox *o = reopen(0);
	struct buf whole;
	char path[96];
	size_t at, from;
	unsigned int i;

	(void)state;
	for (i = 0; i < 4; i++)
		assert_int_equal(emit_one(o, "U-1", LOW, i), 0);
	outbox_free(&o);
	snprintf(path, sizeof(path), "%s/" UNSENT_NAME, dir, 0);
	buf_init(&whole, 1 << 20);
	assert_int_equal(file_read(path, &whole, &why), 0);
	from = whole.len / 2;
	for (at = from; at < whole.len; at++) {
		out.got = out.twice = out.run = 0;
		memset(out.seen, 0, SEEN_MAX);
		if (at % 2 == 0) {
			assert_int_equal(file_write(path, whole.data, at,
			    0600, &why), 0);
		} else {
			whole.data[at] ^= 0x40;
			assert_int_equal(file_write(path, whole.data,
			    whole.len, 0600, &why), 0);
			whole.data[at] ^= 0x40;
		}
		o = reopen(0);
		assert_in_range(outbox_signals(o), 1, 3);
		(void)outbox_flush(o, take, NULL);
		for (i = 0; i < out.got; i++)
			assert_true(out.seen[i]);
		outbox_free(&o);
	}
	buf_done(&whole);
}

/* Not all of it is on the disk after a power cut: serials begin anew. */
static void
test_another_boot(void **state)
{
	struct outbox *o = reopen(0);
	uint8_t head[36];
	char path[96];
	uint32_t crc;
	int k, fd;

	(void)state;
	assert_int_equal(emit_one(o, "U-1", LOW, 0), 0);
	outbox_free(&o);
	for (k = 0; k < 2; k++) {
		snprintf(path, sizeof(path), "%s/" UNSENT_NAME, dir, k);
		fd = open(path, O_RDWR);
		assert_int_equal(pread(fd, head, sizeof(head), 0),
		    sizeof(head));
		head[16] ^= 1;
		crc = crc32_of(head, 32);
		head[32] = (uint8_t)(crc >> 24);
		head[33] = (uint8_t)(crc >> 16);
		head[34] = (uint8_t)(crc >> 8);
		head[35] = (uint8_t)crc;
		assert_int_equal(pwrite(fd, head, sizeof(head), 0),
		    sizeof(head));
		close(fd);
	}
	o = reopen(0);
	assert_int_equal(emit_one(o, "U-1", LOW, 1), 0);
	drain(o);
	assert_int_equal(out.runs, 2);
	assert_int_equal(out.got, 2);
	assert_int_equal(outbox_signals(o), 0);
	outbox_free(&o);
}

static void
test_folded(void **state)
{
	struct outbox *o = reopen(10);
	unsigned int i;

	(void)state;
	for (i = 0; i < 1000; i++)
		assert_int_equal(emit_one(o, "U-flood", LOW, i), 0);
	for (i = 1000; i < 1005; i++)
		assert_int_equal(emit_one(o, "U-other", LOW, i), 0);
	for (i = 1005; i < 1105; i++)
		assert_int_equal(emit_one(o, "U-flood", HIGH, i), 0);
	drain(o);
	assert_int_equal(out.got, 10 + 5 + 100); /* the severe all of them */
	assert_int_equal(out.folded, 0);
	emit_folded(o, false);
	drain(o);
	assert_int_equal(out.tellings, 0); /* not yet */
	emit_folded(o, true);
	drain(o);
	assert_int_equal(out.tellings, 1);
	assert_int_equal(out.folded, 990);
	assert_string_equal(out.sample, "/n/999");
	assert_string_equal(out.kinds, "files.created 990");
	/* It grows. */
	for (i = 2000; i < 2100; i++)
		assert_int_equal(emit_one(o, "U-flood", LOW, i), 0);
	emit_folded(o, true);
	drain(o);
	assert_int_equal(out.folded, 1090);
	assert_int_equal(out.last_total, 1090);
	outbox_free(&o);
	/* Over a restart, what was told is not told again. */
	o = reopen(10);
	emit_folded(o, true);
	drain(o);
	assert_int_equal(out.folded, 1090);
	outbox_free(&o);
}

/* Killed between the two: whether it went out says its serial. */
static void
test_killed_while_telling(void **state)
{
	const struct fold_ask a = {.key = "U-1", .cause_id = "U-1",
	    .program = "", .kind = "files.created", .object = "/a",
	    .severity = SEV_LOW, .wall_ms = 5, .boot_ms = 5};
	struct fold *f = NULL;
	int i;

	(void)state;
	assert_int_equal(fold_open(dir, 3, 1, &f, &why), 0);
	for (i = 0; i < 10; i++)
		assert_int_equal(fold_add(f, &a), i >= 3);
	fold_telling(f, fold_due(f, 5, true), 42);
	fold_free(&f);
	assert_int_equal(fold_open(dir, 3, 42, &f, &why), 0); /* it did not */
	assert_int_equal(fold_due(f, 5, true)->untold, 7);
	fold_telling(f, fold_due(f, 5, true), 42);
	fold_free(&f);
	assert_int_equal(fold_open(dir, 3, 43, &f, &why), 0); /* it did */
	assert_null(fold_due(f, 5, true));
	fold_free(&f);
}

/* Nobody is known: then the kind is what is counted. */
static void
test_folded_by_kind(void **state)
{
	struct outbox *o = reopen(10);
	unsigned int i;

	(void)state;
	for (i = 0; i < 50; i++)
		assert_int_equal(emit_one(o, NULL, LOW, i), 0);
	emit_folded(o, true);
	drain(o);
	assert_int_equal(out.got, 10);
	assert_int_equal(out.folded, 40);
	outbox_free(&o);
}

/* More causes than are watched: the rest go out whole, none is lost. */
static void
test_many_causes(void **state)
{
	struct outbox *o = reopen(2);
	unsigned int i, k, n = 0;
	char cause[32];

	(void)state;
	for (i = 0; i < 2 * FOLD_CAUSES; i++)
		for (k = 0; k < 5; k++) {
			snprintf(cause, sizeof(cause), "U-%u", i);
			assert_int_equal(emit_one(o, cause, LOW, n++), 0);
		}
	emit_folded(o, true);
	drain(o);
	assert_int_equal(out.got + out.folded, n);
	assert_true(out.folded >= 3 * (FOLD_CAUSES - 1));
	outbox_free(&o);
}

/* No room: counted, told when there is room, also by the next process. */
static void
test_lost_is_counted(void **state)
{
	struct outbox *o = reopen(0);
	unsigned int i, n = OUTBOX_SIGNALS_MAX;

	(void)state;
	outbox_close(o); /* nobody waits for room */
	for (i = 0; i < n + 77; i++)
		(void)emit_one(o, "U-1", LOW, i);
	emit_folded(o, true); /* there is a place left for it: it is severe */
	drain(o);
	assert_int_equal(out.got + out.lost, n + 77);
	assert_true(out.lost >= 77);
	for (i = 0; i < n + 9; i++)
		(void)emit_one(o, "U-1", HIGH, 100000 + i);
	outbox_free(&o);
	o = reopen(0);
	drain(o);
	emit_folded(o, true);
	drain(o);
	assert_int_equal(out.got + out.lost, 2 * n + 77 + 9);
	assert_int_equal(out.twice, 0);
	outbox_free(&o);
}

/* Shared with a child that is killed: begun before, done after each emit. */
struct tally {
	volatile uint32_t begun, done;
};

static void
emit_until_killed(struct tally *t)
{
	struct outbox *o = reopen(50);

	/* The other side may take it at any time, too. */
	for (;;) {
		t->begun++;
		if (emit_one(o, t->begun % 3 == 0 ? "U-b" : "U-a",
		    t->begun % 97 == 0 ? HIGH : LOW, t->begun) != 0)
			_exit(1);
		t->done++;
		if (t->begun % 700 == 0)
			emit_folded(o, true);
	}
}

static void
test_killed(void **state)
{
	struct tally *t = mmap(NULL, sizeof(*t), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	uint32_t kills = 0, in_flight = 0;
	struct outbox *o;
	uint64_t all;
	pid_t pid;
	int status;

	(void)state;
	for (; kills < 60; kills++) {
		pid = fork();
		if (pid == 0)
			emit_until_killed(t);
		usleep(1000 + kills * 613 % 9000);
		kill(pid, SIGKILL);
		waitpid(pid, &status, 0);
		assert_true(WIFSIGNALED(status));
		in_flight += t->begun - t->done;
		t->done = t->begun;
		if (kills % 3 != 2)
			continue; /* the next one finds what two left */
		o = reopen(50);
		drain(o);
		outbox_free(&o);
		assert_true(t->begun < SEEN_MAX);
	}
	o = reopen(50);
	emit_folded(o, true);
	drain(o);
	all = out.got + out.folded;
	print_message("%u emitted, %u kills: %ju stored, %ju folded, %u in "
	    "the act\n", t->begun, kills, (uintmax_t)out.got,
	    (uintmax_t)out.folded, in_flight);
	assert_true(out.folded > 0 && out.tellings > 0);
	assert_int_equal(out.twice, 0);
	assert_int_equal(out.runs, 1);
	/* Only of one in the act nobody can say. */
	assert_in_range(all, t->begun - in_flight, t->begun);
	outbox_free(&o);
	munmap(t, sizeof(*t));
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_over_restarts),
		T(test_files_take_turns),
		T(test_torn),
		T(test_another_boot),
		T(test_folded),
		T(test_killed_while_telling),
		T(test_folded_by_kind),
		T(test_many_causes),
		T(test_lost_is_counted),
		T(test_killed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
