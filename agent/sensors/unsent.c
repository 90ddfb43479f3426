/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Signals on their way to the network process, on disk.  Runs in the sensors
 * process, under the lock of the outbox.  A file starts with a header
 * (magic, run, boot, first serial, CRC) and goes on with records (length,
 * CRC of what follows, serial, data).  A file that is done with is not cut:
 * its header is written anew, and what stands behind it has too low serials.
 */
#include "agent/sensors/unsent.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/sensors/path.h"
#include "common/base/buf.h"
#include "common/base/crc.h"
#include "common/base/digest.h"
#include "common/base/file.h"
#include "common/base/id.h"
#include "common/base/log.h"

#define MAGIC "CRDNKPT1"
#define HEADER 36
#define RECORD 16
#define BOOT_ID "/proc/sys/kernel/random/boot_id"

struct side {
	int fd;
	uint64_t base; /* serial of its first record */
	uint64_t last; /* of its last one; base - 1: none */
	uint64_t size; /* good bytes */
};

struct unsent {
	struct side side[2];
	int at;	       /* the one that is written to */
	uint64_t run, boot, next;
	bool told;     /* that the disk does not take it */
};

static int
write_at(int fd, const void *data, size_t len, uint64_t at)
{
	ssize_t n;

	do
		n = pwrite(fd, data, len, (off_t)at);
	while (n < 0 && errno == EINTR);
	return n == (ssize_t)len ? 0 : ERR_IO;
}

static int
write_header(const struct unsent *k, const struct side *s)
{
	struct buf b;
	int r;

	buf_init(&b, HEADER);
	if ((r = buf_add(&b, MAGIC, 8)) == 0 &&
	    (r = buf_add_u64(&b, k->run)) == 0 &&
	    (r = buf_add_u64(&b, k->boot)) == 0 &&
	    (r = buf_add_u64(&b, s->base)) == 0 &&
	    (r = buf_add_u32(&b, crc32_of(b.data, b.len))) == 0)
		r = write_at(s->fd, b.data, b.len, 0);
	buf_done(&b);
	return r;
}

/* Empty: whatever stands in it has lower serials than the next. */
static int
begin(struct unsent *k, int nr)
{
	struct side *s = &k->side[nr], empty = {s->fd, k->next, k->next - 1,
	    HEADER};

	if (write_header(k, &empty) != 0)
		return ERR_IO;
	if (s->size > UNSENT_ROOM && ftruncate(s->fd, HEADER) == 0)
		(void)fallocate(s->fd, FALLOC_FL_KEEP_SIZE, 0, UNSENT_ROOM);
	*s = empty;
	return 0;
}

/* -- reading ---------------------------- */

static int
read_header(struct side *s, uint64_t *run, uint64_t *boot)
{
	uint8_t head[HEADER];
	struct reader r;

	if (pread(s->fd, head, sizeof(head), 0) != (ssize_t)sizeof(head))
		return ERR_NOENT;
	reader_init(&r, head + HEADER - 4, 4);
	if (memcmp(head, MAGIC, 8) != 0 ||
	    reader_u32(&r) != crc32_of(head, HEADER - 4))
		return ERR_CORRUPT;
	reader_init(&r, head + 8, HEADER - 8);
	*run = reader_u64(&r);
	*boot = reader_u64(&r);
	s->base = reader_u64(&r);
	s->last = s->base - 1;
	s->size = HEADER;
	return s->base > 0 ? 0 : ERR_CORRUPT;
}

/* The record at the end of what is good: its length, or 0. */
static size_t
read_record(const struct side *s, uint8_t *data, uint64_t *serial)
{
	uint8_t head[RECORD];
	uint32_t len, crc;
	struct reader r;

	if (pread(s->fd, head, RECORD, (off_t)s->size) != RECORD)
		return 0;
	reader_init(&r, head, RECORD);
	len = reader_u32(&r);
	crc = reader_u32(&r);
	*serial = reader_u64(&r);
	/* One that could not be written leaves a hole. */
	if (len < 1 || len > UNSENT_DATA_MAX || *serial <= s->last)
		return 0;
	memcpy(data, head + 8, 8);
	if (pread(s->fd, data + 8, len, (off_t)(s->size + RECORD)) !=
	    (ssize_t)len || crc32_of(data, 8 + len) != crc)
		return 0;
	return len;
}

static int
load_side(struct unsent *k, int nr, unsent_load_fn *load, void *arg)
{
	struct side *s = &k->side[nr];
	uint8_t *data = malloc(8 + UNSENT_DATA_MAX);
	uint64_t serial;
	size_t len;
	int r = 0;

	if (data == NULL)
		return ERR_NOMEM;
	while (r == 0 && (len = read_record(s, data, &serial)) > 0) {
		s->last = serial;
		s->size += RECORD + len;
		k->at = nr;
		r = load(arg, s->last, data + 8, len);
	}
	free(data);
	if (k->next <= s->last)
		k->next = s->last + 1;
	return r;
}

static uint64_t
boot_now(void)
{
	uint8_t sum[DIGEST_LEN];
	char text[64];
	uint64_t v = 0;

	if (file_text(BOOT_ID, text, sizeof(text)) > 0) {
		digest_of(text, strlen(text), sum);
		memcpy(&v, sum, sizeof(v));
	}
	return v;
}

static int
load_all(struct unsent *k, unsent_load_fn *load, void *arg)
{
	uint64_t run[2] = {0, 0}, boot[2] = {0, 0};
	bool good[2];
	int i, r = 0, first;

	for (i = 0; i < 2; i++) {
		good[i] = read_header(&k->side[i], &run[i], &boot[i]) == 0;
		if (good[i] && k->next < k->side[i].base)
			k->next = k->side[i].base;
	}
	first = good[0] && good[1] && k->side[1].base < k->side[0].base;
	for (i = 0; r == 0 && i < 2; i++)
		if (good[i ^ first])
			r = load_side(k, i ^ first, load, arg);
	if (r != 0)
		return r;
	/* The newer header says which run it was. */
	i = good[first ^ 1] ? first ^ 1 : first;
	k->boot = boot_now();
	k->run = good[i] && k->boot != 0 && boot[i] == k->boot ? run[i] : 0;
	while (k->run == 0)
		random_bytes(&k->run, sizeof(k->run));
	for (i = 0; r == 0 && i < 2; i++)
		r = good[i] ? write_header(k, &k->side[i]) : begin(k, i);
	return r;
}

int
unsent_open(const char *dir, unsent_load_fn *load, void *arg,
    struct unsent **out, struct why *why)
{
	char path[PATH_LEN], name[32];
	struct unsent *k = calloc(1, sizeof(*k));
	int i, r = 0;

	if (k == NULL)
		return why_set(why, ERR_NOMEM, "unsent signals");
	k->next = 1;
	k->side[0].fd = k->side[1].fd = -1;
	for (i = 0; r == 0 && i < 2; i++) {
		snprintf(name, sizeof(name), UNSENT_NAME, i);
		if (file_join(path, sizeof(path), dir, name) != 0)
			r = why_set(why, ERR_LIMIT, "%s: too long", dir);
		else if ((k->side[i].fd = open(path, O_RDWR | O_CREAT |
		    O_CLOEXEC | O_NOFOLLOW, 0600)) < 0)
			r = why_sys(why, ERR_IO, "%s", path);
		else
			(void)fallocate(k->side[i].fd, FALLOC_FL_KEEP_SIZE,
			    0, UNSENT_ROOM);
	}
	if (r == 0 && (r = load_all(k, load, arg)) != 0)
		why_set(why, r, "unsent signals: %s", err_str(r));
	if (r == 0)
		*out = k;
	else
		unsent_free(&k);
	return r;
}

void
unsent_free(struct unsent **kp)
{
	struct unsent *k = *kp;
	int i;

	if (k == NULL)
		return;
	for (i = 0; i < 2; i++)
		if (k->side[i].fd >= 0)
			close(k->side[i].fd);
	free(k);
	*kp = NULL;
}

/* -- writing ---------------------------- */

uint64_t
unsent_run(const struct unsent *k)
{
	return k->run;
}

uint64_t
unsent_next(const struct unsent *k)
{
	return k->next;
}

static int
put(struct unsent *k, const void *data, size_t len)
{
	struct side *s = &k->side[k->at];
	struct buf body, rec;
	int r;

	buf_init(&body, 8 + UNSENT_DATA_MAX);
	buf_init(&rec, RECORD + UNSENT_DATA_MAX);
	if ((r = buf_add_u64(&body, k->next)) == 0 &&
	    (r = buf_add(&body, data, len)) == 0 &&
	    (r = buf_add_u32(&rec, (uint32_t)len)) == 0 &&
	    (r = buf_add_u32(&rec, crc32_of(body.data, body.len))) == 0 &&
	    (r = buf_add(&rec, body.data, body.len)) == 0 &&
	    (r = write_at(s->fd, rec.data, rec.len, s->size)) == 0) {
		s->size += rec.len;
		s->last = k->next;
	}
	buf_done(&body);
	buf_done(&rec);
	return r;
}

int
unsent_add(struct unsent *k, const void *data, size_t len)
{
	struct side *s = &k->side[k->at];
	int r = 0;

	/* What waits fits into this one: the other one's was all taken. */
	if (s->size + len > UNSENT_TURN)
		r = begin(k, k->at ^= 1);
	if (r == 0)
		r = put(k, data, len);
	if (r != 0 && !k->told)
		log_warn("the disk takes no signals: those that wait are lost "
		    "if this process is killed");
	k->told = r != 0;
	k->next++;
	return r;
}

void
unsent_taken(struct unsent *k, uint64_t serial)
{
	int i;

	for (i = 0; i < 2; i++)
		if (k->side[i].last >= k->side[i].base &&
		    k->side[i].last <= serial)
			(void)begin(k, i);
}
