/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The spool at a start: read the state file, scan every segment, cut torn
 * ends off, count what cannot be read, and find the next number.  Runs in
 * the network process of the agent.  Trusts no byte of the files: they may
 * be torn, rotten, or of another time.
 */
#include "agent/network/spool_int.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/crc.h"
#include "common/base/file.h"
#include "common/base/log.h"

#define STATE_MAGIC "CRDNSPS2" /* zeros may follow */
#define SEGMENTS_MAX 65536

static int
state_encode(const struct spool *s, struct buf *b)
{
	struct buf body;
	size_t i;
	int rc;

	buf_init(&body, SPOOL_STATE_MAX);
	if ((rc = buf_add_u64(&body, s->acked)) != 0 ||
	    (rc = buf_add_u64(&body, s->synced + 1)) != 0 ||
	    (rc = buf_add_u64(&body, s->dropped)) != 0 ||
	    (rc = lost_encode(&s->lost, &body)) != 0 ||
	    (rc = buf_add_u64(&body, s->cut)) != 0)
		goto done;
	for (i = 0; i < SPOOL_RUNS && rc == 0; i++)
		if ((rc = buf_add_u64(&body, s->taken[i].run)) == 0)
			rc = buf_add_u64(&body, s->taken[i].serial);
	if (rc == 0 && (rc = buf_add(b, STATE_MAGIC, 8)) == 0 &&
	    (rc = buf_add_u32(b, (uint32_t)body.len)) == 0 &&
	    (rc = buf_add(b, body.data, body.len)) == 0)
		rc = buf_add_u32(b, crc32_of(b->data, b->len));
done:
	buf_done(&body);
	return rc;
}

int
spool_state_save(struct spool *s, struct why *why)
{
	char path[PATH_MAX];
	struct buf b;
	int rc;

	buf_init(&b, SPOOL_STATE_MAX);
	if ((s->fd != -1 && (rc = spool_sync_data(s, why)) != 0) ||
	    (rc = spool_path(s, path, SPOOL_STATE)) != 0 ||
	    (rc = state_encode(s, &b)) != 0)
		goto done;
	rc = file_write(path, b.data, b.len, 0600, why);
	/* No room for another one: over the spare, which has its blocks. */
	if (rc != 0 && file_write_spare(path, b.data, b.len, SPOOL_STATE_MAX,
	    NULL) == 0)
		rc = 0;
	if (rc == 0)
		s->state_dirty = s->refused = false;
done:
	buf_done(&b);
	return rc;
}

/* The body of a state file of LEN bytes; false if it is none. */
static bool
state_body(const uint8_t *data, size_t len, struct reader *r)
{
	struct reader in;
	const uint8_t *magic;
	uint32_t n;

	reader_init(&in, data, len);
	magic = reader_bytes(&in, 8);
	n = reader_u32(&in);
	if (in.bad || memcmp(magic, STATE_MAGIC, 8) != 0 || n > in.left)
		return false;
	reader_init(r, in.at, n);
	(void)reader_bytes(&in, n);
	return reader_u32(&in) == crc32_of(data, 12 + n) && !in.bad;
}

/* *NEXT: the next number when the state was saved. */
static int
state_load(struct spool *s, uint64_t *next, struct why *why)
{
	struct taken taken[SPOOL_RUNS];
	uint64_t acked, num, dropped, cut;
	char path[PATH_MAX];
	struct reader r;
	struct lost lost;
	struct buf b;
	size_t i;
	int rc;

	buf_init(&b, SPOOL_STATE_MAX);
	if ((rc = spool_path(s, path, SPOOL_STATE)) != 0 ||
	    (rc = file_read(path, &b, why)) != 0)
		goto done;
	rc = ERR_CORRUPT;
	if (!state_body(b.data, b.len, &r))
		goto done;
	acked = reader_u64(&r);
	num = reader_u64(&r);
	dropped = reader_u64(&r);
	if (lost_decode(&r, &lost) != 0)
		goto done;
	cut = reader_u64(&r);
	for (i = 0; i < SPOOL_RUNS; i++) {
		taken[i].run = reader_u64(&r);
		taken[i].serial = reader_u64(&r);
	}
	if (r.bad || r.left != 0 || acked >= NUMBER_MAX || num > NUMBER_MAX)
		goto done;
	s->acked = acked;
	s->dropped = dropped;
	s->lost = lost;
	s->cut = cut;
	memcpy(s->taken, taken, sizeof(taken));
	*next = num;
	rc = 0;
done:
	buf_done(&b);
	return rc;
}

static int
by_first(const void *a, const void *b)
{
	const struct segment *x = a, *y = b;

	return (x->first > y->first) - (x->first < y->first);
}

/* Names of segments into s->seg, sorted; foreign and left-over files go. */
static int
list(struct spool *s, struct why *why)
{
	char path[PATH_MAX];
	struct segment seg;
	struct dirent *e;
	uint64_t first;
	DIR *d;
	int rc = 0;

	if ((d = opendir(s->dir)) == NULL)
		return why_sys(why, ERR_IO, "%s", s->dir);
	while (rc == 0 && (e = readdir(d)) != NULL) {
		if (e->d_name[0] == '.' && (e->d_name[1] == '\0' ||
		    strcmp(e->d_name, "..") == 0))
			continue;
		if (segment_name_parse(e->d_name, &first)) {
			memset(&seg, 0, sizeof(seg));
			seg.first = first;
			rc = s->nseg < SEGMENTS_MAX ? spool_push(s, &seg) :
			    ERR_LIMIT;
		} else if (strcmp(e->d_name, SPOOL_STATE) != 0 &&
		    strcmp(e->d_name, SPOOL_SPARE) != 0 &&
		    strcmp(e->d_name, SPOOL_RESERVE) != 0 &&
		    spool_path(s, path, e->d_name) == 0) {
			(void)unlink(path); /* half-written, of a crash */
		}
	}
	closedir(d);
	if (s->nseg > 1)
		qsort(s->seg, s->nseg, sizeof(s->seg[0]), by_first);
	return rc;
}

/* The chain after a record, from its own bytes; whose it was. */
static int
record_look(struct spool *s, const struct record *rec,
    uint8_t chain[DIGEST_LEN])
{
	Cordon__Signal *sig;
	int rc = ERR_CORRUPT;

	sig = cordon__signal__unpack(NULL, rec->len, rec->data);
	if (sig == NULL)
		return ERR_CORRUPT;
	if (sig->number == rec->number && sig->chain.len == DIGEST_LEN) {
		memcpy(chain, sig->chain.data, DIGEST_LEN);
		spool_taken(s, sig->run, sig->serial);
		rc = 0;
	}
	cordon__signal__free_unpacked(sig, NULL);
	return rc;
}

/*
 * Read all records of SEG from FD, all below LIMIT.  0, or ERR_CORRUPT with
 * the size of the good part; SEG and CHAIN describe that part either way.
 */
static int
scan(struct spool *s, struct segment *seg, int fd, uint64_t limit,
    uint8_t chain[DIGEST_LEN])
{
	uint8_t head[SEGMENT_HEADER], last_chain[DIGEST_LEN];
	struct segment_reader r;
	struct record rec;
	uint64_t first;
	int rc;

	if (pread(fd, head, sizeof(head), 0) != (ssize_t)sizeof(head) ||
	    segment_header_decode(head, sizeof(head), &first, seg->chain) !=
	    0 || first != seg->first)
		return ERR_CORRUPT;
	seg->size = SEGMENT_HEADER;
	seg->last = first - 1;
	memcpy(chain, seg->chain, DIGEST_LEN);
	if ((rc = segment_reader_init(&r, fd, SEGMENT_HEADER, first - 1)) != 0)
		return rc;
	while ((rc = segment_next(&r, &rec)) == 1) {
		if (rec.number >= limit ||
		    record_look(s, &rec, last_chain) != 0) {
			rc = ERR_CORRUPT;
			break;
		}
		memcpy(chain, last_chain, DIGEST_LEN);
		seg->last = rec.number;
		seg->size = rec.at + RECORD_HEADER + rec.len;
		seg->count++;
		if (rec.severity < CORDON__SEVERITY__SEVERITY_HIGH)
			seg->low++;
	}
	segment_reader_done(&r);
	return rc;
}

/* Bytes of FD beyond SIZE are thrown away: it is told. */
static void
note_cut(struct spool *s, int fd, uint64_t size)
{
	struct stat st;

	if (fstat(fd, &st) == 0 && (uint64_t)st.st_size > size)
		s->cut += (uint64_t)st.st_size - size;
	s->state_dirty = true;
}

/*
 * Scan segment I.  A bad end is cut off: in the newest one nobody has seen
 * it (it was never durable); elsewhere its numbers count as lost.
 */
static int
recover_one(struct spool *s, size_t i, uint8_t chain[DIGEST_LEN],
    struct why *why)
{
	struct segment *seg = &s->seg[i];
	bool newest = i + 1 == s->nseg;
	uint64_t limit = newest ? UINT64_MAX : s->seg[i + 1].first;
	char path[PATH_MAX];
	int fd, rc;

	if ((rc = spool_segment_path(s, path, seg->first)) != 0)
		return rc;
	if ((fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW)) == -1)
		return why_sys(why, ERR_IO, "%s", path);
	rc = scan(s, seg, fd, limit, chain);
	if (rc == ERR_CORRUPT && seg->size > 0) {
		log_warn("spool: %s: cut at byte %" PRIu64, path, seg->size);
		note_cut(s, fd, seg->size);
		if (ftruncate(fd, (off_t)seg->size) == -1 || fsync(fd) == -1)
			rc = why_sys(why, ERR_IO, "%s", path);
		else
			rc = 0;
		if (rc == 0 && !newest)
			spool_lose(s, seg->last + 1, limit - 1);
	} else if (rc == ERR_CORRUPT) {
		log_warn("spool: %s: no header; removed", path);
		note_cut(s, fd, 0);
		rc = file_remove(path, why);
		if (rc == 0 && !newest)
			spool_lose(s, seg->first, limit - 1);
	}
	if (rc == 0 && newest && seg->size > 0)
		s->fd = fd;
	else
		close(fd);
	return rc;
}

/* Forget segments whose file was removed; fill in what follows from order. */
static void
settle(struct spool *s)
{
	size_t i, n = 0;

	for (i = 0; i < s->nseg; i++)
		if (s->seg[i].size > 0)
			s->seg[n++] = s->seg[i];
	s->nseg = n;
	s->used = 0;
	for (i = 0; i < n; i++) {
		s->used += s->seg[i].size;
		if (i + 1 < n)
			s->seg[i].last = s->seg[i + 1].first - 1;
	}
}

int
spool_recover(struct spool *s, struct why *why)
{
	uint64_t told = 0;
	size_t i;
	int rc;

	rc = state_load(s, &told, why);
	if (rc == ERR_CORRUPT)
		log_warn("spool: state file unreadable; read from segments");
	else if (rc != 0 && rc != ERR_NOENT)
		return rc;
	if ((rc = list(s, why)) != 0)
		return rc;
	for (i = 0; i < s->nseg; i++)
		if ((rc = recover_one(s, i, s->chain, why)) != 0)
			return rc;
	settle(s);
	s->next = s->nseg > 0 ? s->seg[s->nseg - 1].last + 1 : 1;
	if (s->next < told) {
		/* Durable once, gone now: never give those numbers again. */
		spool_lose(s, s->next, told - 1);
		s->next = told;
	}
	if (s->next <= s->acked)
		s->next = s->acked + 1;
	if (s->nseg > 0 && s->seg[0].first > s->acked + 1)
		s->acked = s->seg[0].first - 1;
	s->synced = s->next - 1;
	if (s->fd == -1 || s->seg[s->nseg - 1].last + 1 != s->next)
		rc = spool_roll(s, s->next, why);
	return rc;
}
