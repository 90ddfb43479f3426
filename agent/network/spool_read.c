/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Reading from the spool: batches of all signals in order, and of the severe
 * ones alone.  Runs in the network process of the agent.  What cannot be
 * read counts as lost, so that it never holds up what is behind it.
 */
#include "agent/network/spool_int.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/base/log.h"

size_t
spool_find(const struct spool *s, uint64_t from)
{
	size_t i;

	for (i = 0; i < s->nseg; i++)
		if (s->seg[i].last >= from && s->seg[i].count > 0)
			break;
	return i;
}

/* Field 1 of SignalBatch, length-delimited (protobuf encoding). */
static int
batch_add(struct buf *out, const struct record *rec)
{
	uint8_t head[8];
	size_t n = 0, v = rec->len;
	int rc;

	head[n++] = (1 << 3) | 2;
	while (v >= 0x80) {
		head[n++] = (uint8_t)(v | 0x80);
		v >>= 7;
	}
	head[n++] = (uint8_t)v;
	if ((rc = buf_add(out, head, n)) != 0)
		return rc;
	return buf_add(out, rec->data, rec->len);
}

/* One call of spool_read or spool_read_severe. */
struct reading {
	uint64_t from;
	bool severe; /* only those */
	struct buf batch;
	size_t count;
	uint64_t last;
	bool full;
};

/* Is REC one of those asked for?  When the batch is full, the end. */
static bool
is_wanted(const struct spool *s, const struct record *rec, struct reading *g)
{
	if (rec->number > s->synced || g->count == SPOOL_BATCH_SIGNALS ||
	    g->batch.len + rec->len + 8 > SPOOL_BATCH_BYTES) {
		g->full = true;
		return false;
	}
	return rec->number >= g->from &&
	    (!g->severe || rec->severity >= SEVERE);
}

/* Take records from segment I until the batch is full; 0 or an error. */
static int
read_segment(struct spool *s, size_t i, struct reading *g)
{
	struct cursor *c = &s->cursor[g->severe];
	const struct segment *seg = &s->seg[i];
	struct segment_reader r;
	char path[PATH_MAX];
	struct record rec;
	uint64_t at = SEGMENT_HEADER, after = seg->first - 1;
	int fd, rc;

	if (c->first == seg->first && c->last < g->from) {
		at = c->at;
		after = c->last;
	}
	if ((rc = spool_segment_path(s, path, seg->first)) != 0)
		return rc;
	if ((fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW)) == -1)
		return ERR_IO;
	if ((rc = segment_reader_init(&r, fd, at, after)) != 0)
		goto done;
	while ((rc = segment_next(&r, &rec)) == 1) {
		if (is_wanted(s, &rec, g)) {
			if ((rc = batch_add(&g->batch, &rec)) != 0)
				break;
			g->count++;
			g->last = rec.number;
		} else if (g->full) {
			rc = 0;
			break;
		}
		if (rec.number >= g->from)
			*c = (struct cursor){seg->first, rec.number, r.at};
	}
	segment_reader_done(&r);
done:
	close(fd);
	return rc;
}

/* Segment I cannot be read from FROM on (the disk rots): it counts as lost. */
static int
abandon(struct spool *s, size_t i, uint64_t from, struct why *why)
{
	int rc;

	if (i + 1 == s->nseg && (rc = spool_roll(s, s->next, why)) != 0)
		return rc;
	log_error("spool: signals %" PRIu64 " to %" PRIu64 " are unreadable",
	    from > s->seg[i].first ? from : s->seg[i].first, s->seg[i].last);
	spool_lose(s, from > s->seg[i].first ? from : s->seg[i].first,
	    s->seg[i].last);
	s->seg[i].count = 0;
	return 0;
}

static int
read_all(struct spool *s, struct reading *g, struct buf *out, uint64_t *last,
    struct why *why)
{
	size_t i;
	int rc = 0;

	if (g->from <= s->acked)
		g->from = s->acked + 1;
	if (g->from > s->synced)
		return ERR_NOENT;
	buf_init(&g->batch, SPOOL_BATCH_BYTES);
	for (i = spool_find(s, g->from); i < s->nseg && !g->full && rc == 0;
	    i++) {
		if (g->severe && s->seg[i].count == s->seg[i].low)
			continue;
		rc = read_segment(s, i, g);
		if (rc == ERR_CORRUPT && g->count == 0)
			rc = abandon(s, i, g->from, why);
	}
	/* What was read before a bad place still goes out. */
	if (g->count == 0)
		rc = rc == 0 ? ERR_NOENT : why_set(why, rc,
		    "spool: cannot read from %" PRIu64, g->from);
	else if ((rc = buf_add(out, g->batch.data, g->batch.len)) == 0)
		*last = g->last;
	buf_done(&g->batch);
	return rc;
}

int
spool_read(struct spool *s, uint64_t from, struct buf *out, uint64_t *last,
    struct why *why)
{
	struct reading g = {.from = from};

	return read_all(s, &g, out, last, why);
}

int
spool_read_severe(struct spool *s, uint64_t from, struct buf *out,
    uint64_t *last, struct why *why)
{
	struct reading g = {.from = from, .severe = true};
	int rc;

	rc = read_all(s, &g, out, last, why);
	if (rc == ERR_NOENT)
		*last = s->synced;
	return rc;
}
