/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Counting what the spool lost.  Runs in the network process; pure. */
#include "agent/network/lost.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static void
touch(struct lost *l, int64_t now_ms)
{
	if (l->since_ms == 0)
		l->since_ms = now_ms;
	l->until_ms = now_ms;
}

void
lost_refuse(struct lost *l, unsigned int severity, int64_t now_ms)
{
	touch(l, now_ms);
	l->refused[severity < LOST_SEVERITIES ? severity : 0]++;
}

void
lost_remove(struct lost *l, uint64_t first, uint64_t last, int64_t now_ms)
{
	struct lost_range *end;

	if (last < first)
		return;
	touch(l, now_ms);
	l->removed += last - first + 1;
	end = l->nranges > 0 ? &l->ranges[l->nranges - 1] : NULL;
	if (end != NULL && first == end->last + 1) {
		end->last = last;
	} else if (l->nranges < LOST_RANGES) {
		l->ranges[l->nranges].first = first;
		l->ranges[l->nranges++].last = last;
	} else {
		if (first < end->first)
			end->first = first;
		if (last > end->last)
			end->last = last;
	}
}

uint64_t
lost_refused(const struct lost *l)
{
	uint64_t sum = 0;
	size_t i;

	for (i = 0; i < LOST_SEVERITIES; i++)
		sum += l->refused[i];
	return sum;
}

uint64_t
lost_total(const struct lost *l)
{
	return lost_refused(l) + l->removed;
}

char *
lost_numbers(const struct lost *l, char *out, size_t size)
{
	const struct lost_range *r;
	size_t i, at = 0;
	int n;

	out[0] = '\0';
	for (i = 0; i < l->nranges && at < size; i++) {
		r = &l->ranges[i];
		if (r->first == r->last)
			n = snprintf(out + at, size - at, "%s%" PRIu64,
			    i > 0 ? "," : "", r->first);
		else
			n = snprintf(out + at, size - at,
			    "%s%" PRIu64 "-%" PRIu64, i > 0 ? "," : "",
			    r->first, r->last);
		at += (size_t)n;
	}
	return out;
}

int
lost_encode(const struct lost *l, struct buf *out)
{
	size_t i;
	int rc = 0;

	for (i = 0; i < LOST_SEVERITIES && rc == 0; i++)
		rc = buf_add_u64(out, l->refused[i]);
	if (rc != 0 || (rc = buf_add_u64(out, l->removed)) != 0 ||
	    (rc = buf_add_u64(out, (uint64_t)l->since_ms)) != 0 ||
	    (rc = buf_add_u64(out, (uint64_t)l->until_ms)) != 0 ||
	    (rc = buf_add_u32(out, (uint32_t)l->nranges)) != 0)
		return rc;
	for (i = 0; i < l->nranges && rc == 0; i++)
		if ((rc = buf_add_u64(out, l->ranges[i].first)) == 0)
			rc = buf_add_u64(out, l->ranges[i].last);
	return rc;
}

int
lost_decode(struct reader *r, struct lost *l)
{
	struct lost v;
	size_t i;

	memset(&v, 0, sizeof(v));
	for (i = 0; i < LOST_SEVERITIES; i++)
		v.refused[i] = reader_u64(r);
	v.removed = reader_u64(r);
	v.since_ms = (int64_t)reader_u64(r);
	v.until_ms = (int64_t)reader_u64(r);
	v.nranges = reader_u32(r);
	if (r->bad || v.nranges > LOST_RANGES)
		return ERR_CORRUPT;
	for (i = 0; i < v.nranges; i++) {
		v.ranges[i].first = reader_u64(r);
		v.ranges[i].last = reader_u64(r);
		if (v.ranges[i].last < v.ranges[i].first)
			return ERR_CORRUPT;
	}
	if (r->bad)
		return ERR_CORRUPT;
	*l = v;
	return 0;
}
