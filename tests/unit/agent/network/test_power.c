/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The power is cut after every single call with which the spool changes the
 * disk, and the disk keeps of what was not synced whatever it likes.  Each
 * time the spool comes back: what it had said to be durable is there, nothing
 * else than what was added is, no number is given twice, and a sender that
 * sends again what was not acknowledged loses nothing.  Then the disk runs
 * full at each of these calls: what is not taken is counted to the last one.
 */
#include "tests/unit/agent/network/disk.h"

#include <setjmp.h>
#include <stddef.h>

#include <cmocka.h>

#include "agent/network/spool.h"
#include "agent/network/spool_int.h"
#include "common/base/digest.h"
#include "common/base/file.h"
#include "common/base/log.h"

#define LOW CORDON__SEVERITY__SEVERITY_LOW
#define HIGH CORDON__SEVERITY__SEVERITY_HIGH
#define RUN 7
#define NUMBERS 8192

static char base[64], sub[96], left[96];
static struct why why;
static struct spool *s; /* the one whose power is cut */

/* What is true, whatever the spool says. */
static struct {
	uint64_t serial_of[NUMBERS]; /* by number; 0: the spool's own */
	uint64_t number_of[NUMBERS]; /* by serial; 0: none (yet) */
	bool refused[NUMBERS];	     /* by serial */
	uint64_t serials;	     /* given so far */
	uint64_t acked;		     /* asked for */
	uint64_t durable;	     /* numbers that were said to be so */
	uint64_t safe_serials;	     /* as of the last sync that succeeded */
	uint64_t first_kept;	     /* low ones below it may be removed */
	bool thinning;
} t;

static struct {
	uint64_t cuts, calls;
	unsigned int every; /* call that is cut at */
	unsigned int seeds;
} run;

static Cordon__Severity
severity_of(uint64_t serial)
{
	return serial % 9 == 0 ? HIGH : LOW;
}

static void
text_of(char text[600], uint64_t serial)
{
	memset(text, 'a' + (int)(serial % 26), 599);
	text[599] = '\0';
	snprintf(text, 24, "signal %ju", (uintmax_t)serial);
	text[strlen(text)] = ' ';
}

static int
give(struct spool *to, uint64_t serial)
{
	Cordon__Signal sig = CORDON__SIGNAL__INIT;
	char text[600];

	text_of(text, serial);
	sig.kind = (char *)(uintptr_t)"files.changed";
	sig.severity = severity_of(serial);
	sig.text = text;
	sig.run = RUN;
	sig.serial = serial;
	return spool_add(to, &sig, &why);
}

/* -- what is there after a cut --------------------------------------------- */

struct found {
	bool number[NUMBERS], serial[NUMBERS];
	uint64_t n;
};

static void
look_at(const Cordon__Signal *sig, struct found *f)
{
	char text[600];

	assert_true(sig->number > 0 && sig->number < NUMBERS);
	assert_false(f->number[sig->number]);
	f->number[sig->number] = true;
	f->n++;
	if (sig->run == 0) {
		assert_string_equal(sig->kind, "agent.spool-dropped");
		return;
	}
	/* Whole, and what was given under this serial. */
	assert_true(sig->serial < NUMBERS);
	assert_false(f->serial[sig->serial]);
	f->serial[sig->serial] = true;
	text_of(text, sig->serial);
	assert_string_equal(sig->text, text);
}

static void
read_found(struct spool *r, struct found *f)
{
	Cordon__SignalBatch *batch;
	uint64_t from = 1, last;
	struct buf b;
	size_t i;

	buf_init(&b, SPOOL_BATCH_BYTES);
	while (spool_read(r, from, &b, &last, &why) == 0) {
		batch = cordon__signal_batch__unpack(NULL, b.len, b.data);
		assert_non_null(batch);
		for (i = 0; i < batch->n_signals; i++)
			look_at(batch->signals[i], f);
		cordon__signal_batch__free_unpacked(batch, NULL);
		buf_clear(&b);
		from = last + 1;
	}
	buf_done(&b);
}

static bool
may_be_gone(uint64_t number)
{
	uint64_t serial = t.serial_of[number];

	return number <= t.acked || (t.thinning && serial != 0 &&
	    severity_of(serial) == LOW);
}

static void
check_left(enum cut how)
{
	static struct found f;
	struct spool *r = NULL;
	uint64_t n, next, serial;

	memset(&f, 0, sizeof(f));
	if (spool_open(left, SPOOL_MAX_LEAST, &r, &why) != 0)
		fail_msg("cut %d after call %ju: %s", (int)how,
		    (uintmax_t)run.calls, why.text);
	next = spool_next(r);
	if (next <= t.durable)
		fail_msg("cut %d after call %ju: number %ju again", (int)how,
		    (uintmax_t)run.calls, (uintmax_t)next);
	read_found(r, &f);
	for (n = 1; n <= t.durable; n++)
		if (!f.number[n] && !may_be_gone(n))
			fail_msg("cut %d after call %ju: number %ju is gone",
			    (int)how, (uintmax_t)run.calls, (uintmax_t)n);
	/* The sender: all that was not said to be safe comes again. */
	for (serial = t.safe_serials + 1; serial <= t.serials; serial++)
		if (give(r, serial) == ERR_EXIST && !f.serial[serial] &&
		    !t.refused[serial] && !t.thinning &&
		    t.number_of[serial] > t.acked)
			fail_msg("cut %d after call %ju: serial %ju is lost",
			    (int)how, (uintmax_t)run.calls,
			    (uintmax_t)serial);
	spool_close(&r);
	(void)spool_wipe(left, NULL);
	run.cuts++;
}

static void
after_call(void)
{
	unsigned int seed;
	int how;

	if (++run.calls % run.every != 0)
		return;
	for (how = 0; how < CUT_ANY; how++) {
		cut_into(left, (enum cut)how);
		check_left((enum cut)how);
	}
	for (seed = 0; seed < run.seeds; seed++) {
		disk_seed = run.calls * 1000 + seed;
		cut_into(left, CUT_ANY);
		check_left(CUT_ANY);
	}
}

/* -- what happens meanwhile ------------------------------------------------ */

static void
add(void)
{
	uint64_t serial = ++t.serials, number = spool_next(s);
	int rc;

	assert_true(serial < NUMBERS && number < NUMBERS);
	t.serial_of[number] = serial;
	t.number_of[serial] = number;
	t.refused[serial] = true; /* until it is known */
	rc = give(s, serial);
	t.refused[serial] = rc != 0;
	if (rc != 0)
		t.number_of[serial] = 0;
}

static void
sync_all(void)
{
	assert_int_equal(spool_sync(s, &why), 0);
	t.durable = spool_synced(s);
	t.safe_serials = t.serials;
}

static void
ack(uint64_t number)
{
	t.acked = number;
	assert_int_equal(spool_ack(s, number, &why), 0);
	t.durable = spool_synced(s);
}

/* Segments come and go, as the collector acknowledges. */
static void
ordinary(void)
{
	int i, k;

	for (i = 0; i < 24; i++) {
		for (k = 0; k < 5; k++)
			add();
		sync_all();
		if (i % 4 == 3) {
			add(); /* not synced by us */
			ack(t.durable - 3);
		}
	}
}

/* Nobody acknowledges: it fills up, the low are refused and removed. */
static void
full(void)
{
	int i;

	t.thinning = true;
	for (i = 0; i < 600; i++) {
		add();
		if (i % 20 == 0)
			sync_all();
	}
	sync_all();
	ack(t.durable);
	assert_int_equal(spool_report(s, &why), 0);
	t.durable = spool_synced(s);
}

static int
setup(void **state)
{
	bool whole = getenv("CORDON_DELIVER") != NULL;

	(void)state;
	log_init("test", LOG_LEVEL_ERROR);
	/* Many small files that nobody needs: in memory, if there is room. */
	strcpy(base, access("/dev/shm", W_OK) == 0 ?
	    "/dev/shm/cordon-power-XXXXXX" : "/tmp/cordon-power-XXXXXX");
	if (mkdtemp(base) == NULL)
		return -1;
	snprintf(sub, sizeof(sub), "%s/spool", base);
	snprintf(left, sizeof(left), "%s/left", base);
	if (mkdir(sub, 0700) != 0 || mkdir(left, 0700) != 0)
		return -1;
	memset(&t, 0, sizeof(t));
	memset(&run, 0, sizeof(run));
	run.every = 1;
	run.seeds = whole ? 40 : 3;
	return 0;
}

static int
teardown(void **state)
{
	char cmd[96];

	(void)state;
	disk_end();
	spool_close(&s);
	snprintf(cmd, sizeof(cmd), "rm -rf %s", base);
	return system(cmd);
}

static void
play(void (*what)(void))
{
	disk_begin(sub, after_call);
	assert_int_equal(spool_open(sub, SPOOL_MAX_LEAST, &s, &why), 0);
	what();
	disk_end();
	print_message("%ju calls, the power cut %ju times\n",
	    (uintmax_t)run.calls, (uintmax_t)run.cuts);
	assert_true(run.calls > 100 && run.cuts > run.calls);
}

static void
test_ordinary(void **state)
{
	(void)state;
	play(ordinary);
}

static void
test_full(void **state)
{
	(void)state;
	if (getenv("CORDON_DELIVER") == NULL)
		run.every = 4;
	play(full);
}

/* As `ordinary`, whatever the disk says to it. */
static void
in_need(void)
{
	int i, k;

	for (i = 0; i < 16; i++) {
		for (k = 0; k < 5; k++)
			add();
		if (spool_sync(s, &why) == 0)
			t.durable = spool_synced(s);
		if (i % 4 == 3) {
			t.acked = t.durable > 3 ? t.durable - 3 : 0;
			(void)spool_ack(s, t.acked, &why);
		}
	}
}

static uint64_t
refused(void)
{
	uint64_t i, n = 0;

	for (i = 1; i <= t.serials; i++)
		n += t.refused[i];
	return n;
}

/* The space is back: all is as it was, and what was not taken is told. */
static void
check_need(uint64_t from)
{
	static struct found f;
	uint64_t n, i, serial, not_taken = refused();

	memset(&f, 0, sizeof(f));
	if (spool_dropped(s) != not_taken)
		fail_msg("full at %ju: %ju dropped, not %ju",
		    (uintmax_t)from, (uintmax_t)spool_dropped(s),
		    (uintmax_t)not_taken);
	/* A kill here, and the sender comes again with everything. */
	for (i = 0; i < 2; i++) {
		assert_int_equal(spool_report(s, &why), 0);
		assert_int_equal(spool_sync(s, &why), 0);
		spool_close(&s);
		assert_int_equal(spool_open(sub, SPOOL_MAX_LEAST, &s, &why),
		    0);
	}
	for (serial = 1; serial <= t.serials; serial++)
		assert_int_equal(give(s, serial), ERR_EXIST);
	assert_int_equal(lost_total(&s->lost), 0);
	read_found(s, &f);
	for (serial = 1; serial <= t.serials; serial++) {
		n = t.number_of[serial];
		if (t.refused[serial] ? f.serial[serial] :
		    n > t.acked && !f.serial[serial])
			fail_msg("full at %ju: serial %ju", (uintmax_t)from,
			    (uintmax_t)serial);
	}
	assert_int_equal(spool_dropped(s), not_taken);
}

/* No space at any one place, for one call and for many, then again. */
static void
test_no_space(void **state)
{
	static const uint64_t lengths[] = {1, 2, 7, 40};
	uint64_t from, calls = 200, most = 0;
	size_t i;

	(void)state;
	for (from = 1; from < calls; from += run.seeds > 3 ? 1 : 3)
		for (i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
			memset(&t, 0, sizeof(t));
			disk_begin(sub, NULL);
			assert_int_equal(spool_open(sub, SPOOL_MAX_LEAST, &s,
			    &why), 0);
			disk.wanted = 0;
			disk.full_from = from;
			disk.full_to = from + lengths[i];
			in_need();
			calls = disk.wanted;
			if (most < refused())
				most = refused();
			disk.full_from = UINT64_MAX;
			check_need(from);
			disk_end();
			spool_close(&s);
			(void)spool_wipe(sub, NULL);
		}
	print_message("%ju calls that want space; at most %ju signals not "
	    "taken\n", (uintmax_t)calls, (uintmax_t)most);
	assert_true(most > 10);
}

/* The harness itself: a spool that forgets to sync is found out. */
static void
forget_to_sync(void)
{
	int i;

	for (i = 0; i < 5; i++)
		add();
}

static void
test_harness_sees(void **state)
{
	struct spool *r = NULL;

	(void)state;
	run.every = UINT32_MAX;
	disk_begin(sub, NULL);
	assert_int_equal(spool_open(sub, SPOOL_MAX_LEAST, &s, &why), 0);
	forget_to_sync();
	disk.busy = true;
	cut_into(left, CUT_KILL);
	assert_int_equal(spool_open(left, SPOOL_MAX_LEAST, &r, &why), 0);
	assert_int_equal(spool_next(r), 6);
	spool_close(&r);
	(void)spool_wipe(left, NULL);
	cut_into(left, CUT_SYNCED);
	assert_int_equal(spool_open(left, SPOOL_MAX_LEAST, &r, &why), 0);
	assert_int_equal(spool_next(r), 1); /* all five are gone */
	spool_close(&r);
	(void)spool_wipe(left, NULL);
	disk.busy = false;
	sync_all();
	disk.busy = true;
	cut_into(left, CUT_SYNCED);
	assert_int_equal(spool_open(left, SPOOL_MAX_LEAST, &r, &why), 0);
	assert_int_equal(spool_next(r), 6);
	spool_close(&r);
	disk.busy = false;
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_harness_sees),
		T(test_ordinary),
		T(test_full),
		T(test_no_space),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
