/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Adding to the spool, reading from it, acknowledging, and its bound.  Runs
 * in the network process of the agent, on its one thread.  A signal that
 * was not taken is counted before the call returns.
 */
#include "agent/network/spool.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/network/spool_int.h"
#include "common/base/clock.h"
#include "common/base/file.h"
#include "common/base/log.h"

#define SEGMENT_LEAST (32 * 1024)
#define SEGMENT_MOST (1024 * 1024)
#define RETRY_MS 1000 /* between two looks whether there is space again */

int
spool_path(const struct spool *s, char out[PATH_MAX], const char *name)
{
	return file_join(out, PATH_MAX, s->dir, name);
}

int
spool_segment_path(const struct spool *s, char out[PATH_MAX], uint64_t first)
{
	char name[SEGMENT_NAME_MAX];

	segment_name(name, first);
	return spool_path(s, out, name);
}

int
spool_push(struct spool *s, const struct segment *seg)
{
	struct segment *p;
	size_t cap;

	if (s->nseg == s->cap) {
		cap = s->cap == 0 ? 32 : s->cap * 2;
		p = reallocarray(s->seg, cap, sizeof(*p));
		if (p == NULL)
			return ERR_NOMEM;
		s->seg = p;
		s->cap = cap;
	}
	s->seg[s->nseg++] = *seg;
	return 0;
}

void
spool_lose(struct spool *s, uint64_t first, uint64_t last)
{
	if (first <= s->acked)
		first = s->acked + 1;
	if (last < first)
		return;
	lost_remove(&s->lost, first, last, clock_wall_ms());
	s->dropped += last - first + 1;
	s->state_dirty = true;
}

/* A file of blocks that can be given up when the disk is full. */
static void
reserve_make(struct spool *s)
{
	char path[PATH_MAX];
	int fd;

	/* The state must be written on a full disk as well. */
	if (spool_path(s, path, SPOOL_STATE) == 0)
		(void)file_spare(path, SPOOL_STATE_MAX, NULL);
	if (s->reserve || spool_path(s, path, SPOOL_RESERVE) != 0)
		return;
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd == -1)
		return;
	s->reserve = posix_fallocate(fd, 0, SPOOL_RESERVE_BYTES) == 0;
	close(fd);
	if (!s->reserve)
		(void)unlink(path);
}

static bool
reserve_give_up(struct spool *s)
{
	char path[PATH_MAX];

	if (!s->reserve || spool_path(s, path, SPOOL_RESERVE) != 0)
		return false;
	s->reserve = false;
	s->scarce = true;
	s->retry_ms = clock_boot_ms() + RETRY_MS;
	return unlink(path) == 0;
}

/* The reserve was for the severe: until there is one again, no others. */
static bool
is_scarce(struct spool *s)
{
	int64_t now;

	if (!s->scarce || (now = clock_boot_ms()) < s->retry_ms)
		return s->scarce;
	s->retry_ms = now + RETRY_MS;
	reserve_make(s);
	s->scarce = !s->reserve;
	return s->scarce;
}

int
spool_open(const char *dir, uint64_t max, struct spool **out, struct why *why)
{
	struct spool *s;
	int rc;

	if ((s = calloc(1, sizeof(*s))) == NULL)
		return why_set(why, ERR_NOMEM, "out of memory");
	s->fd = -1;
	s->max = max < SPOOL_MAX_LEAST ? SPOOL_MAX_LEAST : max;
	s->segment_max = s->max / 16;
	if (s->segment_max < SEGMENT_LEAST)
		s->segment_max = SEGMENT_LEAST;
	if (s->segment_max > SEGMENT_MOST)
		s->segment_max = SEGMENT_MOST;
	if (strlen(dir) >= sizeof(s->dir)) {
		rc = why_set(why, ERR_LIMIT, "%s: path too long", dir);
		goto done;
	}
	strcpy(s->dir, dir);
	if ((rc = file_mkdir(dir, 0700, why)) != 0 ||
	    (rc = spool_recover(s, why)) != 0)
		goto done;
	reserve_make(s);
	*out = s;
	s = NULL;
done:
	spool_close(&s);
	return rc;
}

void
spool_close(struct spool **sp)
{
	struct spool *s = *sp;
	struct why why;

	if (s == NULL)
		return;
	if (s->fd != -1) {
		if (spool_sync(s, &why) != 0)
			log_error("spool: %s", why.text);
		close(s->fd);
	}
	free(s->seg);
	free(s);
	*sp = NULL;
}

int
spool_wipe(const char *dir, struct why *why)
{
	char path[PATH_MAX];
	struct dirent *e;
	int rc = 0;
	DIR *d;

	if ((d = opendir(dir)) == NULL)
		return errno == ENOENT ? 0 : why_sys(why, ERR_IO, "%s", dir);
	while (rc == 0 && (e = readdir(d)) != NULL)
		if (e->d_name[0] != '.' &&
		    ((rc = file_join(path, sizeof(path), dir, e->d_name)) !=
		    0 || unlink(path) == -1))
			rc = why_sys(why, ERR_IO, "%s", path);
	closedir(d);
	return rc;
}

static struct segment *
current(struct spool *s)
{
	return &s->seg[s->nseg - 1];
}

int
spool_sync_data(struct spool *s, struct why *why)
{
	if (s->dirty && fdatasync(s->fd) == -1)
		return why_sys(why, ERR_IO, "spool: fdatasync");
	s->dirty = false;
	s->synced = s->next - 1;
	return 0;
}

int
spool_roll(struct spool *s, uint64_t first, struct why *why)
{
	struct segment seg;
	char path[PATH_MAX];
	struct buf b;
	int fd, rc;

	memset(&seg, 0, sizeof(seg));
	seg.first = first;
	seg.last = first - 1;
	seg.size = SEGMENT_HEADER;
	memcpy(seg.chain, s->chain, DIGEST_LEN);
	buf_init(&b, SEGMENT_HEADER);
	if ((s->fd != -1 && (rc = spool_sync_data(s, why)) != 0) ||
	    (rc = spool_segment_path(s, path, first)) != 0 ||
	    (rc = segment_header_encode(&b, first, s->chain)) != 0 ||
	    (rc = file_write(path, b.data, b.len, 0600, why)) != 0)
		goto done;
	if ((fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW)) == -1) {
		rc = why_sys(why, ERR_IO, "%s", path);
		goto done;
	}
	/* An empty one of that number was just replaced. */
	if (s->nseg > 0 && current(s)->first == first)
		s->used -= s->seg[--s->nseg].size;
	if ((rc = spool_push(s, &seg)) != 0) {
		close(fd);
		goto done;
	}
	if (s->nseg > 1)
		s->seg[s->nseg - 2].last = first - 1;
	s->used += SEGMENT_HEADER;
	if (s->fd != -1)
		close(s->fd);
	s->fd = fd;
done:
	buf_done(&b);
	return rc;
}

/* Write one record at the end; on failure the file is as it was. */
static int
append(struct spool *s, const struct buf *rec, struct why *why)
{
	struct segment *seg = current(s);
	size_t at = 0;
	ssize_t n;
	int rc;

	if (seg->size + rec->len > s->segment_max && seg->count > 0) {
		if ((rc = spool_roll(s, s->next, why)) != 0)
			return rc;
		seg = current(s);
	}
	while (at < rec->len) {
		n = pwrite(s->fd, rec->data + at, rec->len - at,
		    (off_t)(seg->size + at));
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			rc = why_sys(why, ERR_IO, "spool: write");
			if (ftruncate(s->fd, (off_t)seg->size) == -1)
				log_error("spool: cannot cut a torn record");
			return rc;
		}
		at += (size_t)n;
	}
	seg->size += rec->len;
	s->used += rec->len;
	return 0;
}

/* The severe records of segment SEG that are still wanted, into OUT. */
static int
filter(struct spool *s, const struct segment *seg, int fd, struct buf *out,
    struct segment *now)
{
	struct segment_reader r;
	struct record rec;
	int rc;

	*now = *seg;
	now->count = 0;
	now->low = 0;
	if ((rc = segment_header_encode(out, seg->first, seg->chain)) != 0 ||
	    (rc = segment_reader_init(&r, fd, SEGMENT_HEADER,
	    seg->first - 1)) != 0)
		return rc;
	while ((rc = segment_next(&r, &rec)) == 1) {
		if (rec.number <= s->acked)
			continue;
		if (rec.severity < SEVERE) {
			lost_remove(&s->lost, rec.number, rec.number,
			    clock_wall_ms());
			continue;
		}
		rc = record_encode(out, rec.number, rec.severity, rec.data,
		    rec.len);
		if (rc != 0)
			break;
		now->count++;
	}
	segment_reader_done(&r);
	now->size = out->len;
	return rc;
}

/*
 * Remove the lower signals of segment I.  The file is replaced whole; a crash
 * right behind it leaves numbers missing, which the collector sees.
 */
static int
thin_out(struct spool *s, size_t i, struct why *why)
{
	struct segment *seg = &s->seg[i], now;
	struct lost was = s->lost;
	char path[PATH_MAX];
	struct buf out;
	int fd, rc;

	buf_init(&out, s->segment_max + RECORD_MAX + SEGMENT_HEADER);
	if ((rc = spool_segment_path(s, path, seg->first)) != 0)
		return rc;
	if ((fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW)) == -1)
		return why_sys(why, ERR_IO, "%s", path);
	rc = filter(s, seg, fd, &out, &now);
	close(fd);
	if (rc == 0)
		rc = file_write(path, out.data, out.len, 0600, why);
	buf_done(&out);
	if (rc != 0) {
		s->lost = was;
		return rc;
	}
	s->dropped += s->lost.removed - was.removed;
	s->used = s->used - seg->size + now.size;
	*seg = now;
	memset(s->cursor, 0, sizeof(s->cursor));
	return spool_state_save(s, why);
}

/* Room for a severe record of NEED bytes, at the cost of lower ones. */
static bool
make_room(struct spool *s, size_t need, struct why *why)
{
	size_t i;

	if (current(s)->low > 0 && s->used + need > s->max &&
	    spool_roll(s, s->next, why) != 0)
		return false;
	for (i = 0; i + 1 < s->nseg && s->used + need > s->max; i++)
		if (s->seg[i].low > 0 && thin_out(s, i, why) != 0)
			return false;
	return s->used + need <= s->max;
}

static bool
has_room(struct spool *s, size_t need, unsigned int severity, struct why *why)
{
	/* A record may need a new segment's header as well. */
	need += SEGMENT_HEADER;
	if (s->used + need + REPORT_ROOM <= s->max)
		return true;
	if (severity < SEVERE)
		return false;
	return make_room(s, need + REPORT_ROOM, why);
}

/* Pack SIG with its number, chain it, and make the record. */
static int
encode(struct spool *s, Cordon__Signal *sig, unsigned int severity,
    uint8_t chain[DIGEST_LEN], struct buf *rec)
{
	uint8_t bytes[RECORD_DATA_MAX];
	struct digest *d;
	size_t len;

	sig->number = s->next;
	sig->chain.data = NULL;
	sig->chain.len = 0;
	if (cordon__signal__get_packed_size(sig) + DIGEST_LEN + 2 >
	    sizeof(bytes))
		return ERR_RANGE;
	len = cordon__signal__pack(sig, bytes);
	if ((d = digest_new()) == NULL)
		return ERR_NOMEM;
	digest_begin(d);
	digest_add(d, s->chain, DIGEST_LEN);
	digest_add(d, bytes, len);
	digest_end(d, chain);
	digest_free(&d);
	sig->chain.data = chain;
	sig->chain.len = DIGEST_LEN;
	len = cordon__signal__pack(sig, bytes);
	return record_encode(rec, s->next, (uint8_t)severity, bytes, len);
}

static const struct taken *
find_run(const struct spool *s, uint64_t run)
{
	size_t i;

	for (i = 0; i < SPOOL_RUNS; i++)
		if (s->taken[i].run == run)
			return &s->taken[i];
	return NULL;
}

static bool
was_taken(const struct spool *s, const Cordon__Signal *sig)
{
	const struct taken *t;

	if (sig->run == 0)
		return false;
	t = find_run(s, sig->run);
	return t != NULL && sig->serial <= t->serial;
}

/* The run that was heard last stands first; the one longest silent goes. */
void
spool_taken(struct spool *s, uint64_t run, uint64_t serial)
{
	const struct taken *old = find_run(s, run);
	struct taken t = {run, 0};
	size_t i = old != NULL ? (size_t)(old - s->taken) : SPOOL_RUNS - 1;

	if (run == 0)
		return;
	if (old != NULL)
		t = *old;
	if (t.serial < serial)
		t.serial = serial;
	memmove(s->taken + 1, s->taken, i * sizeof(s->taken[0]));
	s->taken[0] = t;
}

/* It is not taken: count it, say why. */
static int
refuse(struct spool *s, unsigned int severity, int rc, struct why *why)
{
	lost_refuse(&s->lost, severity, clock_wall_ms());
	s->dropped++;
	s->state_dirty = s->refused = true;
	if (rc != ERR_LIMIT)
		return rc;
	return why_set(why, rc, "the spool is full");
}

int
spool_add(struct spool *s, Cordon__Signal *sig, struct why *why)
{
	ProtobufCBinaryData chain_was = sig->chain;
	uint64_t number_was = sig->number;
	uint8_t chain[DIGEST_LEN];
	unsigned int severity;
	struct buf rec;
	int rc;

	if (was_taken(s, sig))
		return ERR_EXIST;
	severity = (unsigned int)sig->severity;
	if (severity >= LOST_SEVERITIES)
		severity = CORDON__SEVERITY__SEVERITY_INFO;
	buf_init(&rec, RECORD_MAX);
	rc = encode(s, sig, severity, chain, &rec);
	sig->chain = chain_was;
	sig->number = number_was;
	if (rc != 0) {
		rc = refuse(s, severity, why_set(why, rc,
		    "signal larger than %d bytes", RECORD_DATA_MAX), why);
		goto done;
	}
	if ((severity < SEVERE && is_scarce(s)) ||
	    !has_room(s, rec.len, severity, why)) {
		rc = refuse(s, severity, ERR_LIMIT, why);
		goto done;
	}
	/*
	 * The record tells after a kill that those before it were here: so
	 * their count must be on the disk before it.
	 */
	if (s->refused && sig->run != 0)
		(void)spool_state_save(s, NULL);
	rc = append(s, &rec, why);
	if (rc != 0 && severity >= SEVERE && reserve_give_up(s))
		rc = append(s, &rec, why);
	if (rc != 0) {
		rc = refuse(s, severity, rc, why);
		goto done;
	}
	current(s)->last = s->next++;
	current(s)->count++;
	if (severity < SEVERE)
		current(s)->low++;
	memcpy(s->chain, chain, DIGEST_LEN);
	s->dirty = true;
done:
	spool_taken(s, sig->run, sig->serial);
	buf_done(&rec);
	return rc;
}

bool
spool_dirty(const struct spool *s)
{
	return s->dirty || s->state_dirty;
}

int
spool_sync(struct spool *s, struct why *why)
{
	int rc;

	if ((rc = spool_sync_data(s, why)) != 0)
		return rc;
	return s->state_dirty ? spool_state_save(s, why) : 0;
}

/* Remove leading segments that are acknowledged, or empty, to the last. */
static int
remove_old(struct spool *s, struct why *why)
{
	char path[PATH_MAX];
	size_t n = 0;
	int rc = 0;

	while (n + 1 < s->nseg && rc == 0) {
		if (s->seg[n].last > s->acked && s->seg[n].count > 0)
			break;
		if ((rc = spool_segment_path(s, path, s->seg[n].first)) == 0 &&
		    (rc = file_remove(path, why)) == ERR_NOENT)
			rc = 0;
		if (rc == 0)
			s->used -= s->seg[n++].size;
	}
	if (n > 0) {
		memmove(s->seg, s->seg + n, (s->nseg - n) * sizeof(s->seg[0]));
		s->nseg -= n;
		reserve_make(s);
	}
	return rc;
}

int
spool_ack(struct spool *s, uint64_t number, struct why *why)
{
	int rc;

	if (number > s->synced)
		number = s->synced;
	if (number <= s->acked)
		return 0;
	s->acked = number;
	s->state_dirty = true;
	if (s->acked == s->next - 1 && current(s)->size > SEGMENT_LEAST &&
	    (rc = spool_roll(s, s->next, why)) != 0)
		return rc;
	if (s->nseg < 2 || s->seg[0].last > s->acked)
		return 0;
	if ((rc = spool_state_save(s, why)) != 0)
		return rc;
	return remove_old(s, why);
}

int
spool_skip(struct spool *s, uint64_t number, struct why *why)
{
	int rc;

	if (number < s->next)
		return 0;
	if (number >= NUMBER_MAX)
		return why_set(why, ERR_RANGE, "no number is left");
	if ((rc = spool_sync_data(s, why)) != 0)
		return rc;
	spool_lose(s, s->acked + 1, s->next - 1);
	if ((rc = spool_roll(s, number + 1, why)) != 0)
		return rc;
	s->next = number + 1;
	s->synced = number;
	s->acked = number;
	s->state_dirty = true;
	if ((rc = spool_state_save(s, why)) != 0)
		return rc;
	return remove_old(s, why);
}

uint64_t
spool_next(const struct spool *s)
{
	return s->next;
}

uint64_t
spool_first(const struct spool *s)
{
	size_t i = spool_find(s, s->acked + 1);

	if (i == s->nseg)
		return s->next;
	return s->seg[i].first > s->acked ? s->seg[i].first : s->acked + 1;
}

uint64_t
spool_synced(const struct spool *s)
{
	return s->synced;
}

uint64_t
spool_depth(const struct spool *s)
{
	return s->next - 1 - s->acked;
}

uint64_t
spool_dropped(const struct spool *s)
{
	return s->dropped;
}

bool
spool_nearly_full(const struct spool *s)
{
	return s->used > s->max / 4 * 3;
}
