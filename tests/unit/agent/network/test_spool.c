/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The spool: numbers, chain, recovery from every torn byte, the bound, full
 * disks, acknowledgement.  Each test has a folder of its own.
 */
#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/network/spool.h"
#include "agent/network/spool_int.h"
#include "common/base/digest.h"
#include "common/base/file.h"
#include "common/base/log.h"
#include "tests/unit/agent/network/spool_world.h"

#define INFO CORDON__SEVERITY__SEVERITY_INFO
#define CRITICAL CORDON__SEVERITY__SEVERITY_CRITICAL

static int
add(struct spool *s, Cordon__Severity severity, const char *text)
{
	Cordon__Signal sig = CORDON__SIGNAL__INIT;

	sig.kind = (char *)(uintptr_t)"files.changed";
	sig.severity = severity;
	sig.text = (char *)(uintptr_t)text;
	return spool_add(s, &sig, &why);
}

static void
add_n(struct spool *s, int n)
{
	char text[32];
	int i;

	for (i = 0; i < n; i++) {
		snprintf(text, sizeof(text), "signal %d", i);
		assert_int_equal(add(s, LOW, text), 0);
	}
}

/* Read all from FROM on; checks order and, if CHAINED, the chain from CHAIN. */
static uint64_t
read_all(struct spool *s, uint64_t from, bool chained,
    uint8_t chain[DIGEST_LEN], uint64_t *count)
{
	uint8_t packed[RECORD_DATA_MAX], want[DIGEST_LEN];
	uint64_t last = from - 1, highest;
	Cordon__SignalBatch *batch;
	struct digest *d = digest_new();
	struct buf b;
	size_t i, len;

	buf_init(&b, SPOOL_BATCH_BYTES);
	*count = 0;
	while (spool_read(s, last + 1, &b, &highest, &why) == 0) {
		batch = cordon__signal_batch__unpack(NULL, b.len, b.data);
		assert_non_null(batch);
		assert_true(batch->n_signals >= 1 &&
		    batch->n_signals <= SPOOL_BATCH_SIGNALS);
		for (i = 0; i < batch->n_signals; i++) {
			Cordon__Signal sig = *batch->signals[i];

			assert_true(sig.number > last);
			assert_int_equal(sig.chain.len, DIGEST_LEN);
			if (chained) {
				assert_int_equal(sig.number, last + 1);
				sig.chain.len = 0;
				len = cordon__signal__pack(&sig, packed);
				digest_begin(d);
				digest_add(d, chain, DIGEST_LEN);
				digest_add(d, packed, len);
				digest_end(d, want);
				memcpy(chain, batch->signals[i]->chain.data,
				    DIGEST_LEN);
				assert_memory_equal(chain, want, DIGEST_LEN);
			}
			last = sig.number;
			(*count)++;
		}
		assert_int_equal(last, highest);
		cordon__signal_batch__free_unpacked(batch, NULL);
		buf_clear(&b);
	}
	buf_done(&b);
	digest_free(&d);
	return last;
}

static void
check_whole(struct spool *s, uint64_t n)
{
	uint8_t chain[DIGEST_LEN] = {0};
	uint64_t count;

	assert_int_equal(read_all(s, 1, true, chain, &count), n);
	assert_int_equal(count, n);
}

static void
test_numbers_and_chain(void **state)
{
	struct spool *s = reopen(SMALL * 16);

	(void)state;
	assert_int_equal(spool_next(s), 1);
	assert_int_equal(spool_first(s), 1);
	assert_int_equal(spool_depth(s), 0);
	add_n(s, 2500);
	assert_int_equal(spool_next(s), 2501);
	assert_int_equal(spool_sync(s, &why), 0);
	check_whole(s, 2500);
	spool_close(&s);
	s = reopen(SMALL * 16);
	add_n(s, 10);
	assert_int_equal(spool_sync(s, &why), 0);
	check_whole(s, 2510);
	spool_close(&s);
}

static void
test_signal_given_back(void **state)
{
	Cordon__Signal sig = CORDON__SIGNAL__INIT;
	struct spool *s = reopen(SMALL);

	(void)state;
	sig.number = 77;
	assert_int_equal(spool_add(s, &sig, &why), 0);
	assert_int_equal(sig.number, 77);
	assert_int_equal(sig.chain.len, 0);
	spool_close(&s);
}

static void
test_only_durable_is_read(void **state)
{
	struct spool *s = reopen(SMALL);
	uint64_t last = 0;
	struct buf b;

	(void)state;
	buf_init(&b, SPOOL_BATCH_BYTES);
	add_n(s, 3);
	assert_true(spool_dirty(s));
	assert_int_equal(spool_read(s, 1, &b, &last, &why), ERR_NOENT);
	assert_int_equal(spool_sync(s, &why), 0);
	add_n(s, 1);
	assert_int_equal(spool_read(s, 1, &b, &last, &why), 0);
	assert_int_equal(last, 3);
	buf_done(&b);
	spool_close(&s);
}

static void
segment_file(char path[128], uint64_t first)
{
	char name[SEGMENT_NAME_MAX];

	segment_name(name, first);
	snprintf(path, 128, "%s/%s", sub, name);
}

/* Five signals; the file before the last one, and whole. */
static void
five(struct buf *whole, size_t *four)
{
	struct spool *s = reopen(SMALL);
	char path[128];
	struct stat st;

	segment_file(path, 1);
	add_n(s, 4);
	assert_int_equal(stat(path, &st), 0);
	*four = (size_t)st.st_size;
	add_n(s, 1);
	spool_close(&s);
	assert_int_equal(file_read(path, whole, &why), 0);
	assert_true(whole->len > *four);
}

/* What a kill or a power cut can leave: the file ends anywhere. */
static void
test_torn_tail_every_byte(void **state)
{
	struct spool *s;
	char path[128];
	struct buf whole;
	size_t four, cut;

	(void)state;
	buf_init(&whole, 65536);
	five(&whole, &four);
	segment_file(path, 1);
	for (cut = four; cut < whole.len; cut++) {
		assert_int_equal(spool_wipe(sub, &why), 0);
		assert_int_equal(file_write(path, whole.data, cut, 0600,
		    &why), 0);
		s = reopen(SMALL);
		assert_int_equal(spool_next(s), 5);
		assert_int_equal(s->cut, cut - four);
		add_n(s, 2);
		assert_int_equal(spool_sync(s, &why), 0);
		check_whole(s, 6);
		assert_int_equal(spool_dropped(s), 0);
		spool_close(&s);
	}
	buf_done(&whole);
}

/* A disk that rots: any byte of the last record is another one. */
static void
test_rotten_tail_every_byte(void **state)
{
	struct spool *s;
	char path[128];
	struct buf whole;
	size_t four, at;

	(void)state;
	buf_init(&whole, 65536);
	five(&whole, &four);
	segment_file(path, 1);
	for (at = four; at < whole.len; at++) {
		assert_int_equal(spool_wipe(sub, &why), 0);
		whole.data[at] ^= 0x20;
		assert_int_equal(file_write(path, whole.data, whole.len, 0600,
		    &why), 0);
		whole.data[at] ^= 0x20;
		s = reopen(SMALL);
		assert_int_equal(spool_next(s), 5);
		assert_int_equal(s->cut, whole.len - four);
		check_whole(s, 4);
		spool_close(&s);
	}
	buf_done(&whole);
}

/* A rotten record in an older segment: its rest is lost, counted, told. */
static void
test_rotten_middle(void **state)
{
	struct spool *s = reopen(SMALL);
	uint8_t chain[DIGEST_LEN];
	uint64_t second, count, last;
	char path[128];
	int fd;

	(void)state;
	while (s->nseg < 3)
		add_n(s, 10);
	second = s->seg[1].first;
	last = spool_next(s) - 1;
	spool_close(&s);
	segment_file(path, 1);
	fd = open(path, O_WRONLY);
	assert_int_equal(pwrite(fd, "X", 1, 5000), 1);
	close(fd);
	s = reopen(SMALL);
	assert_int_equal(spool_next(s), last + 1);
	assert_int_equal(read_all(s, 1, false, chain, &count), last);
	assert_true(count < last);
	assert_int_equal(count + spool_dropped(s), last);
	assert_true(spool_dropped(s) < second);
	assert_int_equal(spool_report(s, &why), 0);
	assert_int_equal(spool_next(s), last + 2);
	spool_close(&s);
}

/* The same while running: what is behind it must not be held up. */
static void
test_rot_while_running(void **state)
{
	struct spool *s = reopen(SMALL);
	uint8_t chain[DIGEST_LEN];
	uint64_t count, last;
	char path[128];
	int fd;

	(void)state;
	while (s->nseg < 3)
		add_n(s, 10);
	assert_int_equal(spool_sync(s, &why), 0);
	last = spool_next(s) - 1;
	segment_file(path, 1);
	fd = open(path, O_WRONLY);
	assert_int_equal(pwrite(fd, "X", 1, 5000), 1);
	close(fd);
	assert_int_equal(read_all(s, 1, false, chain, &count), last);
	assert_int_equal(count + spool_dropped(s), last);
	spool_close(&s);
}

static const struct {
	const char *what;
	size_t at, len;
	const char *bytes;
} headers[] = {
	{"magic", 0, 1, "x"},
	{"number", 8, 1, "\xff"},
	{"chain", 20, 1, "\xff"},
	{"crc", 48, 1, "\xff"},
};

/* Without its header the newest one is nothing; numbers still go on. */
static void
test_bad_header(void **state)
{
	struct spool *s;
	char path[128];
	uint64_t next;
	size_t i;
	int fd;

	(void)state;
	for (i = 0; i < sizeof(headers) / sizeof(headers[0]); i++) {
		s = reopen(SMALL);
		add_n(s, 5);
		next = spool_next(s);
		assert_int_equal(spool_sync(s, &why), 0);
		assert_int_equal(spool_ack(s, next - 3, &why), 0);
		segment_file(path, s->seg[s->nseg - 1].first);
		spool_close(&s);
		fd = open(path, O_WRONLY);
		assert_true(fd >= 0);
		assert_int_equal(pwrite(fd, headers[i].bytes, headers[i].len,
		    (off_t)headers[i].at), headers[i].len);
		close(fd);
		s = reopen(SMALL);
		if (spool_next(s) < next)
			fail_msg("%s: number given again", headers[i].what);
		/* Two were not acknowledged. */
		assert_int_equal(spool_dropped(s), 2 * (i + 1));
		spool_close(&s);
	}
}

static void
test_state_file_damaged(void **state)
{
	struct spool *s = reopen(SMALL);
	char path[128];

	(void)state;
	add_n(s, 20);
	assert_int_equal(spool_sync(s, &why), 0);
	assert_int_equal(spool_ack(s, 10, &why), 0);
	spool_close(&s);
	snprintf(path, sizeof(path), "%s/%s", sub, SPOOL_STATE);
	assert_true(file_exists(path));
	assert_int_equal(file_write(path, "rubbish", 7, 0600, &why), 0);
	s = reopen(SMALL);
	assert_int_equal(spool_next(s), 21);
	/* Only that it was acknowledged is forgotten: sent once more. */
	assert_int_equal(spool_depth(s), 20);
	spool_close(&s);
	assert_int_equal(file_remove(path, &why), 0);
	s = reopen(SMALL);
	assert_int_equal(spool_next(s), 21);
	spool_close(&s);
}

/* Killed while it writes: what was said to be durable is there. */
static void
test_killed(void **state)
{
	uint64_t durable, got;
	int round, pipefd[2];
	struct spool *s;
	pid_t pid;

	(void)state;
	for (round = 0; round < 15; round++) {
		assert_int_equal(pipe(pipefd), 0);
		pid = fork();
		if (pid == 0) {
			s = reopen(SMALL * 16);
			for (;;) {
				add_n(s, 7);
				if (spool_sync(s, &why) != 0)
					_exit(1);
				got = spool_synced(s);
				if (write(pipefd[1], &got, sizeof(got)) < 0)
					_exit(1);
			}
		}
		close(pipefd[1]);
		usleep(2000 + (useconds_t)round * 700);
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
		durable = 0;
		while (read(pipefd[0], &got, sizeof(got)) == sizeof(got))
			durable = got;
		close(pipefd[0]);
		s = reopen(SMALL * 16);
		assert_true(spool_next(s) > durable);
		check_whole(s, spool_next(s) - 1);
		assert_int_equal(spool_dropped(s), 0);
		spool_close(&s);
	}
}

static uint64_t
disk_used(const struct spool *s)
{
	char path[128];
	uint64_t sum = 0;
	struct stat st;
	size_t i;

	for (i = 0; i < s->nseg; i++) {
		segment_file(path, s->seg[i].first);
		assert_int_equal(stat(path, &st), 0);
		sum += (uint64_t)st.st_size;
	}
	return sum;
}

/* Full: the lower are refused, the severe push lower ones out, all counted. */
static void
test_bound(void **state)
{
	struct spool *s = reopen(SMALL);
	uint8_t chain[DIGEST_LEN];
	uint64_t refused = 0, severe = 0, count, taken, removed;
	char text[512];
	int rc, i;

	(void)state;
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	while ((rc = add(s, INFO, text)) == 0)
		;
	assert_int_equal(rc, ERR_LIMIT);
	refused++;
	taken = spool_next(s) - 1;
	assert_true(spool_nearly_full(s));
	for (i = 0; i < 100; i++) {
		if (add(s, i % 2 ? HIGH : CRITICAL, text) == 0)
			severe++;
		if (add(s, LOW, text) == ERR_LIMIT)
			refused++;
	}
	assert_int_equal(severe, 100);
	taken = spool_next(s) - 1;
	assert_int_equal(spool_sync(s, &why), 0);
	assert_true(disk_used(s) <= SMALL);
	assert_int_equal(disk_used(s), s->used);
	(void)read_all(s, 1, false, chain, &count);
	removed = taken - count;
	assert_true(removed > 0);
	assert_int_equal(spool_dropped(s), refused + removed);
	/* No room for the report yet; after the acknowledgement there is. */
	assert_int_equal(spool_ack(s, taken, &why), 0);
	spool_close(&s);
	s = reopen(SMALL);
	assert_int_equal(spool_dropped(s), refused + removed);
	assert_int_equal(lost_refused(&s->lost), refused);
	assert_int_equal(s->lost.removed, removed);
	assert_int_equal(spool_report(s, &why), 0);
	assert_int_equal(spool_next(s), taken + 2);
	assert_int_equal(lost_total(&s->lost), 0);
	assert_int_equal(spool_report(s, &why), 0);
	assert_int_equal(spool_next(s), taken + 2);
	spool_close(&s);
}

static const char *
evidence(const Cordon__Signal *sig, const char *key)
{
	size_t i;

	for (i = 0; i < sig->n_evidence; i++)
		if (strcmp(sig->evidence[i]->key, key) == 0)
			return sig->evidence[i]->value;
	return "(none)";
}

static void
test_report_says_what(void **state)
{
	struct spool *s = reopen(SMALL);
	Cordon__SignalBatch *batch;
	uint64_t last;
	struct buf b;

	(void)state;
	buf_init(&b, SPOOL_BATCH_BYTES);
	lost_refuse(&s->lost, LOW, 1000);
	lost_refuse(&s->lost, CRITICAL, 1000);
	lost_remove(&s->lost, 5, 9, 1000);
	lost_remove(&s->lost, 12, 12, 2000);
	assert_int_equal(spool_report(s, &why), 0);
	assert_int_equal(spool_read(s, 1, &b, &last, &why), 0);
	batch = cordon__signal_batch__unpack(NULL, b.len, b.data);
	assert_non_null(batch);
	assert_int_equal(batch->n_signals, 1);
	assert_string_equal(batch->signals[0]->kind, "agent.spool-dropped");
	assert_int_equal(batch->signals[0]->severity, HIGH);
	assert_string_equal(evidence(batch->signals[0], "not-taken"), "2");
	assert_string_equal(evidence(batch->signals[0], "not-taken.severe"),
	    "1");
	assert_string_equal(evidence(batch->signals[0], "removed"), "6");
	assert_string_equal(evidence(batch->signals[0], "removed.numbers"),
	    "5-9,12");
	cordon__signal_batch__free_unpacked(batch, NULL);
	buf_done(&b);
	spool_close(&s);
}

/* Only severe ones: when nothing lower is left, they too are refused. */
static void
test_bound_all_severe(void **state)
{
	struct spool *s = reopen(SMALL);
	uint64_t taken = 0, refused = 0;
	char text[512];
	int i;

	(void)state;
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	for (i = 0; i < 1000; i++) {
		if (add(s, CRITICAL, text) == 0)
			taken++;
		else
			refused++;
	}
	assert_true(refused > 0);
	assert_int_equal(taken, spool_next(s) - 1);
	assert_int_equal(spool_dropped(s), refused);
	assert_true(disk_used(s) <= SMALL);
	assert_int_equal(spool_sync(s, &why), 0);
	check_whole(s, taken);
	spool_close(&s);
}

static void
test_too_large(void **state)
{
	struct spool *s = reopen(SMALL);
	char *text = malloc(RECORD_DATA_MAX + 1);

	(void)state;
	memset(text, 'x', RECORD_DATA_MAX);
	text[RECORD_DATA_MAX] = '\0';
	assert_int_equal(add(s, HIGH, text), ERR_RANGE);
	assert_int_equal(spool_next(s), 1);
	assert_int_equal(spool_dropped(s), 1);
	text[RECORD_DATA_MAX - 200] = '\0';
	assert_int_equal(add(s, HIGH, text), 0);
	assert_int_equal(spool_sync(s, &why), 0);
	check_whole(s, 1);
	free(text);
	spool_close(&s);
}

static void
test_acknowledged(void **state)
{
	struct spool *s = reopen(SMALL);
	uint8_t chain[DIGEST_LEN];
	uint64_t n, count;
	char path[128];

	(void)state;
	while (s->nseg < 4)
		add_n(s, 10);
	assert_int_equal(spool_sync(s, &why), 0);
	n = spool_next(s) - 1;
	/* Inside the second segment: only the first one goes. */
	assert_int_equal(spool_ack(s, s->seg[1].first + 1, &why), 0);
	assert_int_equal(s->nseg, 3);
	segment_file(path, 1);
	assert_false(file_exists(path));
	assert_int_equal(spool_first(s), s->seg[0].first + 2);
	assert_int_equal(spool_depth(s), n - s->seg[0].first - 1);
	spool_close(&s);
	s = reopen(SMALL);
	assert_int_equal(spool_first(s), s->seg[0].first + 2);
	assert_int_equal(read_all(s, spool_first(s), false, chain, &count), n);
	assert_int_equal(count, spool_depth(s));
	/* Lower and higher than there is: no harm. */
	assert_int_equal(spool_ack(s, 1, &why), 0);
	assert_int_equal(spool_ack(s, UINT64_MAX, &why), 0);
	assert_int_equal(spool_depth(s), 0);
	assert_int_equal(spool_first(s), n + 1);
	spool_close(&s);
	s = reopen(SMALL);
	assert_int_equal(spool_next(s), n + 1);
	assert_int_equal(spool_depth(s), 0);
	assert_int_equal(spool_dropped(s), 0);
	spool_close(&s);
}

/* The collector has more than we: a disk was rolled back. */
static void
test_skip(void **state)
{
	struct spool *s = reopen(SMALL);

	(void)state;
	add_n(s, 5);
	assert_int_equal(spool_sync(s, &why), 0);
	assert_int_equal(spool_skip(s, 3, &why), 0);
	assert_int_equal(spool_next(s), 6);
	assert_int_equal(spool_skip(s, 100, &why), 0);
	assert_int_equal(spool_next(s), 101);
	assert_int_equal(spool_depth(s), 0);
	assert_int_equal(spool_dropped(s), 5);
	add_n(s, 1);
	spool_close(&s);
	s = reopen(SMALL);
	assert_int_equal(spool_next(s), 102);
	assert_int_equal(spool_depth(s), 1);
	assert_int_equal(spool_skip(s, UINT64_MAX, &why), ERR_RANGE);
	spool_close(&s);
}

static void
test_leftovers(void **state)
{
	struct spool *s = reopen(SMALL);
	char path[128];

	(void)state;
	add_n(s, 3);
	spool_close(&s);
	snprintf(path, sizeof(path), "%s/00000000000000000009.seg.tmp", sub);
	assert_int_equal(file_write(path, "half", 4, 0600, &why), 0);
	s = reopen(SMALL);
	assert_false(file_exists(path));
	check_whole(s, 3);
	spool_close(&s);
	assert_int_equal(spool_wipe(sub, &why), 0);
	s = reopen(SMALL);
	assert_int_equal(spool_next(s), 1);
	spool_close(&s);
}

static void
fill_disk(const char *path)
{
	static const char zeros[4096];
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	while (write(fd, zeros, sizeof(zeros)) > 0)
		;
	close(fd);
}

/* A full disk, for real: nothing is torn, the severe still find room. */
static void
full_disk(void)
{
	struct spool *s = reopen(SMALL * 16);
	char path[128];
	uint64_t held;
	int i, severe = 0;

	add_n(s, 20);
	assert_int_equal(spool_sync(s, &why), 0);
	assert_true(s->reserve);
	snprintf(path, sizeof(path), "%s/filler", dir);
	fill_disk(path);
	for (i = 0; i < 200; i++)
		(void)add(s, LOW, "a text of some length, to fill a block");
	held = spool_next(s) - 1;
	assert_true(spool_dropped(s) > 0);
	assert_true(s->reserve);
	for (i = 0; i < 200; i++)
		severe += add(s, HIGH, "a text of some length") == 0;
	assert_int_equal(severe, 200);
	assert_false(s->reserve);
	assert_int_equal(spool_next(s), held + 201);
	(void)spool_sync(s, &why);
	unlink(path);
	assert_int_equal(spool_sync(s, &why), 0);
	check_whole(s, held + 200);
	spool_close(&s);
	s = reopen(SMALL * 16);
	check_whole(s, held + 200);
	assert_true(spool_dropped(s) > 0);
	spool_close(&s);
}

static void
test_full_disk(void **state)
{
	int status;
	pid_t pid;

	(void)state;
	if (geteuid() != 0)
		skip();
	/* A mount of its own, in a child: nothing is left behind. */
	pid = fork();
	if (pid == 0) {
		if (unshare(CLONE_NEWNS) == -1 || mount("", "/", NULL,
		    MS_REC | MS_PRIVATE, NULL) == -1 || mount("tmpfs", dir,
		    "tmpfs", 0, "size=768k") == -1)
			_exit(77);
		full_disk();
		_exit(0);
	}
	waitpid(pid, &status, 0);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
		skip();
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_numbers_and_chain),
		T(test_signal_given_back),
		T(test_only_durable_is_read),
		T(test_torn_tail_every_byte),
		T(test_rotten_tail_every_byte),
		T(test_rotten_middle),
		T(test_rot_while_running),
		T(test_bad_header),
		T(test_state_file_damaged),
		T(test_killed),
		T(test_bound),
		T(test_report_says_what),
		T(test_bound_all_severe),
		T(test_too_large),
		T(test_acknowledged),
		T(test_skip),
		T(test_leftovers),
		T(test_full_disk),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
