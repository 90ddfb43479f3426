/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What comes in twice is numbered once, what is severe overtakes, and
 * acknowledgements may be late, lost, doubled, out of order or lies.
 */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/network/feed.h"
#include "agent/network/spool.h"
#include "agent/network/spool_int.h"
#include "tests/unit/agent/network/spool_world.h"

#define LARGE (64 * 1024 * 1024)
#define SIGNALS_MAX 20000

/* The collector: what it stored, by number; what it was told ahead. */
static struct {
	uint64_t committed, sent; /* SENT: the highest that was sent to it */
	uint8_t stored[SIGNALS_MAX];
	uint64_t twice, holes, ahead, batches, refusals;
	uint64_t order[SIGNALS_MAX]; /* in which they were stored */
	size_t n;
	bool deaf;
} c;

static int
add_sized(struct spool *s, Cordon__Severity severity, uint64_t run,
    uint64_t serial, size_t size)
{
	Cordon__Signal sig = CORDON__SIGNAL__INIT;
	char text[4000];

	memset(text, 'x', size);
	text[size] = '\0';
	sig.kind = (char *)(uintptr_t)"files.changed";
	sig.severity = severity;
	sig.text = text;
	sig.run = run;
	sig.serial = serial;
	return spool_add(s, &sig, &why);
}

static int
add(struct spool *s, Cordon__Severity severity, uint64_t run, uint64_t serial)
{
	return add_sized(s, severity, run, serial, 400);
}

static int send_batch(void *arg, const void *payload, size_t len, bool ahead);

/* -- once --------------------------------------------------------------- */

static void
test_numbered_once(void **state)
{
	struct spool *s = reopen(LARGE);
	uint64_t i;

	(void)state;
	for (i = 1; i <= 10; i++)
		assert_int_equal(add(s, LOW, 7, i), 0);
	for (i = 1; i <= 10; i++)
		assert_int_equal(add(s, LOW, 7, i), ERR_EXIST);
	assert_int_equal(add(s, LOW, 8, 1), 0); /* another run */
	assert_int_equal(add(s, LOW, 0, 0), 0); /* of those that never repeat */
	assert_int_equal(add(s, LOW, 0, 0), 0);
	assert_int_equal(spool_next(s), 14);
	spool_close(&s);
	s = reopen(LARGE);
	for (i = 1; i <= 10; i++)
		assert_int_equal(add(s, LOW, 7, i), ERR_EXIST);
	/* Also when the records are long gone. */
	assert_int_equal(spool_ack(s, 13, &why), 0);
	for (i = 0; s->nseg < 3; i++)
		assert_int_equal(add(s, LOW, 0, 0), 0);
	assert_int_equal(spool_sync(s, &why), 0);
	assert_int_equal(spool_ack(s, spool_next(s) - 1, &why), 0);
	spool_close(&s);
	s = reopen(LARGE);
	assert_int_equal(add(s, LOW, 7, 10), ERR_EXIST);
	assert_int_equal(add(s, LOW, 7, 11), 0);
	assert_int_equal(add(s, LOW, 8, 1), ERR_EXIST);
	spool_close(&s);
}

/* A process that ends as by SIGKILL: nothing is closed, nothing said. */
static void
in_a_child(void (*fn)(void))
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		fn();
		_exit(0);
	}
	waitpid(pid, &status, 0);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

#define MIXED 700

static Cordon__Severity
severity_of(uint64_t serial)
{
	return serial % 7 == 0 ? HIGH : LOW;
}

/* So that after a large one is refused a small one still finds room. */
static int
add_nth(struct spool *s, uint64_t i)
{
	return add_sized(s, severity_of(i), 7, i, i % 3 == 0 ? 3000 : 30);
}

/* Into a full spool: the low are refused, some severe push others out. */
static void
add_mixed(void)
{
	struct spool *s = reopen(SMALL);
	bool refused = false;
	uint64_t i;

	/* Until one is refused and the next, a low one too, is taken. */
	for (i = 1; i <= MIXED; i++) {
		uint64_t dropped = spool_dropped(s), next = spool_next(s);

		(void)add_nth(s, i);
		if (refused && spool_next(s) > next && severity_of(i) == LOW)
			break;
		refused = spool_dropped(s) > dropped &&
		    spool_next(s) == next;
	}
	assert_true(i < MIXED);
	/* No sync: what is known is in the records and the state file. */
}

/* The sender gives all of them once more: nothing is counted twice. */
static void
test_counts_over_a_kill(void **state)
{
	uint64_t i, held = 0, severe = 0, from = 1, last;
	Cordon__SignalBatch *batch;
	struct spool *s;
	struct buf b;
	size_t k;

	(void)state;
	in_a_child(add_mixed);
	s = reopen(SMALL);
	for (i = 1; i <= MIXED; i++)
		(void)add_nth(s, i);
	assert_int_equal(spool_sync(s, &why), 0);
	buf_init(&b, SPOOL_BATCH_BYTES);
	while (spool_read(s, from, &b, &last, &why) == 0) {
		batch = cordon__signal_batch__unpack(NULL, b.len, b.data);
		assert_non_null(batch);
		for (k = 0; k < batch->n_signals; k++) {
			held++;
			severe += batch->signals[k]->severity == HIGH;
		}
		cordon__signal_batch__free_unpacked(batch, NULL);
		buf_clear(&b);
		from = last + 1;
	}
	buf_done(&b);
	assert_int_equal(severe, MIXED / 7);
	assert_true(spool_dropped(s) > 0);
	assert_int_equal(held + spool_dropped(s), MIXED);
	assert_int_equal(lost_total(&s->lost), spool_dropped(s));
	spool_close(&s);
}

/* -- a disk that lies ---------------------------------------------------- */

#define TAIL 60
#define BLOCK 512

static char *
newest_file(struct spool *s, char path[PATH_MAX])
{
	assert_int_equal(spool_segment_path(s, path,
	    s->seg[s->nseg - 1].first), 0);
	return path;
}

static void
fill_blocks(const char *path, size_t blocks, int with)
{
	uint8_t block[BLOCK];
	struct stat st;
	off_t at;
	int fd;

	memset(block, with, sizeof(block));
	fd = open(path, O_WRONLY);
	assert_true(fd >= 0 && fstat(fd, &st) == 0);
	at = (off_t)((size_t)st.st_size > blocks * BLOCK ?
	    (size_t)st.st_size - blocks * BLOCK : 0);
	for (; at < st.st_size; at += BLOCK)
		assert_true(pwrite(fd, block, at + BLOCK > st.st_size ?
		    (size_t)(st.st_size - at) : BLOCK, at) > 0);
	close(fd);
}

static const char *
evidence(const Cordon__Signal *sig, const char *key)
{
	size_t i;

	for (i = 0; i < sig->n_evidence; i++)
		if (strcmp(sig->evidence[i]->key, key) == 0)
			return sig->evidence[i]->value;
	return "";
}

/*
 * The last blocks of what was durable, sent and committed are zeros or
 * others.  Back comes what is whole, what was cut is told, and no number
 * that the collector has is given to another signal.
 */
static void
lying_tail(size_t blocks, int with)
{
	struct spool *s = reopen(LARGE);
	Cordon__SignalBatch *batch;
	char path[PATH_MAX];
	uint64_t whole, last, i;
	struct feed f;
	struct buf b;

	for (i = 1; i <= TAIL; i++)
		assert_int_equal(add(s, LOW, 7, i), 0);
	newest_file(s, path);
	spool_close(&s);
	fill_blocks(path, blocks, with);
	s = reopen(LARGE);
	whole = spool_next(s) - 1;
	assert_true(whole < TAIL && s->cut > 0 && s->cut <= TAIL * 600);
	/* Those that were lost come again from the sender, as new ones. */
	for (i = 1; i <= TAIL; i++)
		assert_int_equal(add(s, LOW, 7, i), i <= whole ? ERR_EXIST :
		    0);
	assert_int_equal(spool_sync(s, &why), 0);
	feed_init(&f, s, send_batch, NULL);
	assert_int_equal(feed_start(&f, 500, false, &why), 0);
	assert_int_equal(spool_next(s), 501);
	assert_int_equal(spool_report(s, &why), 0);
	buf_init(&b, SPOOL_BATCH_BYTES);
	assert_int_equal(spool_read(s, 501, &b, &last, &why), 0);
	batch = cordon__signal_batch__unpack(NULL, b.len, b.data);
	assert_non_null(batch);
	assert_int_equal(batch->signals[0]->number, 501);
	assert_string_equal(batch->signals[0]->kind, "agent.spool-dropped");
	assert_true(strtoull(evidence(batch->signals[0], "cut.bytes"), NULL,
	    10) > 0);
	assert_int_equal(strtoull(evidence(batch->signals[0], "removed"),
	    NULL, 10), TAIL);
	cordon__signal_batch__free_unpacked(batch, NULL);
	buf_done(&b);
	spool_close(&s);
	assert_int_equal(spool_wipe(sub, &why), 0);
}

static void
test_lying_tail(void **state)
{
	size_t blocks;

	(void)state;
	for (blocks = 1; blocks * BLOCK < TAIL * 500 + 2 * BLOCK;
	    blocks += 6) {
		lying_tail(blocks, 0);
		lying_tail(blocks, 0xff);
		lying_tail(blocks, 'x');
	}
}

/* -- severe first ------------------------------------------------------- */

static void
test_severe_alone(void **state)
{
	struct spool *s = reopen(LARGE);
	uint64_t i, last, from = 1, seen = 0;
	Cordon__SignalBatch *batch;
	struct buf b;
	size_t k;

	(void)state;
	for (i = 1; i <= 9000; i++)
		assert_int_equal(add(s, i % 1000 == 0 ? HIGH : LOW, 0, 0), 0);
	buf_init(&b, SPOOL_BATCH_BYTES);
	assert_int_equal(spool_read_severe(s, 9000, &b, &last, &why),
	    ERR_NOENT); /* not durable */
	assert_int_equal(spool_sync(s, &why), 0);
	while (spool_read_severe(s, from, &b, &last, &why) == 0) {
		batch = cordon__signal_batch__unpack(NULL, b.len, b.data);
		for (k = 0; k < batch->n_signals; k++) {
			seen++;
			assert_int_equal(batch->signals[k]->number,
			    seen * 1000);
			assert_int_equal(batch->signals[k]->severity, HIGH);
		}
		cordon__signal_batch__free_unpacked(batch, NULL);
		buf_clear(&b);
		from = last + 1;
	}
	assert_int_equal(seen, 9);
	assert_int_equal(last, 9000);
	/* From the middle, and the ordinary reading is not led astray. */
	assert_int_equal(spool_read_severe(s, 4500, &b, &last, &why), 0);
	assert_int_equal(last, 9000);
	buf_clear(&b);
	assert_int_equal(spool_read(s, 1, &b, &last, &why), 0);
	batch = cordon__signal_batch__unpack(NULL, b.len, b.data);
	assert_int_equal(batch->signals[0]->number, 1);
	cordon__signal_batch__free_unpacked(batch, NULL);
	buf_done(&b);
	spool_close(&s);
}

/* -- a collector -------------------------------------------------------- */

static void
store(uint64_t number)
{
	assert_true(number > 0 && number < SIGNALS_MAX);
	c.twice += c.stored[number];
	c.stored[number] = 1;
	c.order[c.n++] = number;
}

static int
send_batch(void *arg, const void *payload, size_t len, bool ahead)
{
	Cordon__SignalBatch *batch;
	size_t i;

	(void)arg;
	if (c.refusals > 0) {
		c.refusals--;
		return ERR_LIMIT;
	}
	batch = cordon__signal_batch__unpack(NULL, len, payload);
	assert_non_null(batch);
	c.batches++;
	for (i = 0; !c.deaf && i < batch->n_signals; i++) {
		const Cordon__Signal *sig = batch->signals[i];

		if (ahead) {
			assert_int_equal(sig->severity, HIGH);
			if (sig->number > c.committed &&
			    !c.stored[sig->number])
				store(sig->number);
			c.ahead = sig->number;
			continue;
		}
		if (sig->number <= c.committed)
			continue;
		c.holes += sig->number - c.committed - 1;
		c.committed = sig->number;
		if (!c.stored[sig->number])
			store(sig->number);
	}
	cordon__signal_batch__free_unpacked(batch, NULL);
	return 0;
}

static void
fill(struct spool *s, uint64_t n)
{
	uint64_t i;

	for (i = 0; i < n; i++)
		assert_int_equal(add(s, spool_next(s) % 500 == 0 ? HIGH : LOW,
		    0, 0), 0);
	assert_int_equal(spool_sync(s, &why), 0);
}

static void
test_overtakes(void **state)
{
	struct spool *s = reopen(LARGE);
	struct feed f;

	(void)state;
	feed_init(&f, s, send_batch, NULL);
	fill(s, 9999);
	assert_int_equal(add(s, HIGH, 0, 0), 0); /* 10,000 */
	assert_int_equal(spool_sync(s, &why), 0);
	assert_int_equal(feed_start(&f, 0, true, &why), 0);
	assert_int_equal(feed_pump(&f, &why), 0);
	/* A window of others, then it: all the rest stays behind. */
	assert_int_equal(c.batches, FEED_WINDOW + 1);
	assert_true(c.committed < 4001);
	assert_true(c.stored[10000]);
	assert_int_equal(c.ahead, 10000);
	/* One batch of those at a time. */
	assert_int_equal(add(s, HIGH, 0, 0), 0);
	assert_int_equal(spool_sync(s, &why), 0);
	assert_int_equal(feed_pump(&f, &why), 0);
	assert_false(c.stored[10001]);
	assert_int_equal(feed_ack(&f, 0, 10000, &why), 0);
	assert_int_equal(feed_pump(&f, &why), 0);
	assert_true(c.stored[10001]);
	assert_int_equal(feed_ack(&f, 0, 10001, &why), 0);
	/* The rest in its turn; nothing twice, no hole. */
	while (c.committed < 10001) {
		assert_int_equal(feed_ack(&f, c.committed, 0, &why), 0);
		assert_int_equal(feed_pump(&f, &why), 0);
	}
	assert_int_equal(c.n, 10001);
	assert_int_equal(c.twice + c.holes, 0);
	spool_close(&s);
}

/* An older collector does not know the frame. */
static void
test_no_overtaking(void **state)
{
	struct spool *s = reopen(LARGE);
	struct feed f;

	(void)state;
	feed_init(&f, s, send_batch, NULL);
	fill(s, 8000);
	assert_int_equal(feed_start(&f, 0, false, &why), 0);
	assert_int_equal(feed_pump(&f, &why), 0);
	assert_int_equal(c.batches, FEED_WINDOW);
	spool_close(&s);
}

/* -- acknowledgements --------------------------------------------------- */

static void
test_false_acks(void **state)
{
	static const struct {
		uint64_t number, ahead;
		int want;
	} t[] = {
		{UINT64_MAX, 0, ERR_PROTO},
		{1ULL << 62, 0, ERR_PROTO},
		{8000, 0, ERR_PROTO}, /* there, but never sent */
		{0, 8000, 0}, /* went ahead */
		{0, 8000, ERR_PROTO}, /* twice for one batch */
		{0, UINT64_MAX, ERR_PROTO},
		{500, 0, 0}, /* within a batch */
		{100, 0, 0}, /* older: no harm */
		{500, 0, 0}, /* again */
		{0, 0, 0},
	};
	struct spool *s = reopen(LARGE);
	struct feed f;
	size_t i;

	(void)state;
	feed_init(&f, s, send_batch, NULL);
	fill(s, 8000);
	assert_int_equal(feed_start(&f, 0, true, &why), 0);
	assert_int_equal(feed_pump(&f, &why), 0);
	for (i = 0; i < sizeof(t) / sizeof(t[0]); i++)
		if (feed_ack(&f, t[i].number, t[i].ahead, &why) != t[i].want)
			fail_msg("row %zu", i);
	assert_int_equal(spool_first(s), 501);
	assert_int_equal(spool_depth(s), 7500);
	spool_close(&s);
}

static uint64_t seed;

static uint64_t
any(uint64_t below)
{
	seed = seed * 6364136223846793005u + 1442695040888963407u;
	return (seed >> 33) % below;
}

static void
reconnect(struct feed *f, struct spool **s)
{
	feed_stop(f);
	if (any(3) == 0) { /* a new process */
		spool_close(s);
		*s = reopen(LARGE);
		feed_init(f, *s, send_batch, NULL);
	}
	c.ahead = 0;
	assert_int_equal(feed_start(f, c.committed, true, &why), 0);
}

/* One of the many things that can happen to a line. */
static void
step(struct feed *f, struct spool **s)
{
	uint64_t n;

	switch (any(8)) {
	case 0:
		if (spool_next(*s) < SIGNALS_MAX - 400)
			fill(*s, any(300));
		break;
	case 1:
		c.refusals = any(3); /* the line is full */
		break;
	case 2:
		if (any(4) != 0)
			break;
		c.deaf = true; /* sent, but never arrives; the line breaks */
		assert_int_equal(feed_pump(f, &why), 0);
		c.deaf = false;
		reconnect(f, s);
		break;
	case 3:
		n = any(c.committed + 1); /* late, doubled, out of order */
		assert_int_equal(feed_ack(f, n, 0, &why), 0);
		break;
	case 4:
		if (any(4) == 0 && f->next + 5 < SIGNALS_MAX) {
			n = f->next + any(5); /* a lie */
			assert_int_equal(feed_ack(f, n, 0, &why), ERR_PROTO);
			reconnect(f, s);
		}
		break;
	case 5:
		if (any(6) == 0)
			reconnect(f, s); /* acknowledgements are lost */
		break;
	default:
		assert_int_equal(feed_ack(f, c.committed,
		    f->ahead_under_way ? c.ahead : 0, &why), 0);
		assert_int_equal(feed_pump(f, &why), 0);
	}
}

static void
test_any_order(void **state)
{
	struct spool *s = reopen(LARGE);
	struct feed f;
	uint64_t round, i, last;

	(void)state;
	feed_init(&f, s, send_batch, NULL);
	assert_int_equal(feed_start(&f, 0, true, &why), 0);
	for (round = 1; round <= 20; round++) {
		seed = round;
		for (i = 0; i < 200; i++)
			step(&f, &s);
	}
	c.refusals = 0;
	reconnect(&f, &s);
	last = spool_next(s) - 1;
	for (i = 0; i < 200 && c.committed < last; i++) {
		assert_int_equal(feed_pump(&f, &why), 0);
		assert_int_equal(feed_ack(&f, c.committed,
		    f.ahead_under_way ? c.ahead : 0, &why), 0);
	}
	assert_true(last > 5000);
	assert_int_equal(c.committed, last);
	assert_int_equal(c.n, last);
	assert_int_equal(c.twice + c.holes, 0);
	assert_int_equal(spool_dropped(s), 0);
	spool_close(&s);
}

static int
begin(void **state)
{
	memset(&c, 0, sizeof(c));
	return setup(state);
}

#define B(f) cmocka_unit_test_setup_teardown(f, begin, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		B(test_numbered_once),
		B(test_counts_over_a_kill),
		B(test_lying_tail),
		B(test_severe_alone),
		B(test_overtakes),
		B(test_no_overtaking),
		B(test_false_acks),
		B(test_any_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
