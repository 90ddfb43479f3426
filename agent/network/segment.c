/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Segment files of the spool: names, header, records.  Runs in the network
 * process of the agent.  Does not trust what it reads from disk.
 */
#include "agent/network/segment.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/crc.h"

#define MAGIC "CRDNSPL1"
#define SEVERITY_TOP 5

void
segment_name(char out[SEGMENT_NAME_MAX], uint64_t first)
{
	snprintf(out, SEGMENT_NAME_MAX, "%020" PRIu64 ".seg", first);
}

bool
segment_name_parse(const char *name, uint64_t *first)
{
	uint64_t v = 0;
	int i;

	for (i = 0; i < 20; i++) {
		if (name[i] < '0' || name[i] > '9')
			return false;
		if (v > (UINT64_MAX - 9) / 10)
			return false;
		v = v * 10 + (uint64_t)(name[i] - '0');
	}
	if (strcmp(name + 20, ".seg") != 0 || v == 0 || v >= NUMBER_MAX)
		return false;
	*first = v;
	return true;
}

int
segment_header_encode(struct buf *out, uint64_t first,
    const uint8_t chain[DIGEST_LEN])
{
	size_t start = out->len;
	int rc;

	if ((rc = buf_add(out, MAGIC, 8)) != 0 ||
	    (rc = buf_add_u64(out, first)) != 0 ||
	    (rc = buf_add(out, chain, DIGEST_LEN)) != 0)
		return rc;
	return buf_add_u32(out,
	    crc32_of(out->data + start, SEGMENT_HEADER - 4));
}

int
segment_header_decode(const void *data, size_t len, uint64_t *first,
    uint8_t chain[DIGEST_LEN])
{
	struct reader r;
	const uint8_t *magic, *c;
	uint64_t number;

	if (len < SEGMENT_HEADER)
		return ERR_CORRUPT;
	reader_init(&r, data, SEGMENT_HEADER);
	magic = reader_bytes(&r, 8);
	number = reader_u64(&r);
	c = reader_bytes(&r, DIGEST_LEN);
	if (memcmp(magic, MAGIC, 8) != 0 || number >= NUMBER_MAX ||
	    reader_u32(&r) != crc32_of(data, SEGMENT_HEADER - 4))
		return ERR_CORRUPT;
	*first = number;
	memcpy(chain, c, DIGEST_LEN);
	return 0;
}

int
record_encode(struct buf *out, uint64_t number, uint8_t severity,
    const void *data, size_t len)
{
	struct buf b;
	int rc;

	if (len > RECORD_DATA_MAX)
		return ERR_RANGE;
	buf_init(&b, RECORD_MAX);
	if ((rc = buf_add_u64(&b, number)) == 0 &&
	    (rc = buf_add_u8(&b, severity)) == 0 &&
	    (rc = buf_add(&b, data, len)) == 0 &&
	    (rc = buf_add_u32(out, (uint32_t)len)) == 0 &&
	    (rc = buf_add_u32(out, crc32_of(b.data, b.len))) == 0)
		rc = buf_add(out, b.data, b.len);
	buf_done(&b);
	return rc;
}

int
segment_reader_init(struct segment_reader *r, int fd, uint64_t at,
    uint64_t after)
{
	memset(r, 0, sizeof(*r));
	r->fd = fd;
	r->at = at;
	r->last = after;
	r->bytes = malloc(RECORD_MAX * 2);
	return r->bytes == NULL ? ERR_NOMEM : 0;
}

void
segment_reader_done(struct segment_reader *r)
{
	free(r->bytes);
	r->bytes = NULL;
}

/* Have NEED bytes at r->pos, or all that is left of the file. */
static int
fill(struct segment_reader *r, size_t need)
{
	ssize_t n;

	if (r->have - r->pos >= need)
		return 0;
	memmove(r->bytes, r->bytes + r->pos, r->have - r->pos);
	r->have -= r->pos;
	r->pos = 0;
	while (r->have < RECORD_MAX * 2) {
		n = pread(r->fd, r->bytes + r->have, RECORD_MAX * 2 - r->have,
		    (off_t)(r->at + r->have));
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return ERR_IO;
		if (n == 0)
			break;
		r->have += (size_t)n;
	}
	return 0;
}

int
segment_next(struct segment_reader *r, struct record *rec)
{
	struct reader in;
	const uint8_t *body;
	uint32_t len, crc;
	size_t left;

	if (fill(r, RECORD_HEADER) != 0)
		return ERR_IO;
	if (r->have == r->pos)
		return 0;
	reader_init(&in, r->bytes + r->pos, r->have - r->pos);
	len = reader_u32(&in);
	if (in.bad || len > RECORD_DATA_MAX)
		return ERR_CORRUPT;
	if (fill(r, RECORD_HEADER + len) != 0)
		return ERR_IO;
	left = r->have - r->pos;
	if (left < RECORD_HEADER + len)
		return ERR_CORRUPT;
	reader_init(&in, r->bytes + r->pos + 4, left - 4);
	crc = reader_u32(&in);
	body = in.at;
	if (crc != crc32_of(body, RECORD_HEADER - 8 + len))
		return ERR_CORRUPT;
	rec->number = reader_u64(&in);
	rec->severity = reader_u8(&in);
	rec->data = reader_bytes(&in, len);
	rec->len = len;
	rec->at = r->at;
	if (rec->number <= r->last || rec->number >= NUMBER_MAX ||
	    rec->severity > SEVERITY_TOP)
		return ERR_CORRUPT;
	r->last = rec->number;
	r->pos += RECORD_HEADER + len;
	r->at += RECORD_HEADER + len;
	return 1;
}
