/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One segment file of the spool.  It starts with a header (magic, number of
 * its first record, chain before it, CRC) and goes on with records: length
 * (u32), CRC-32 (u32) of all that follows, number (u64), severity (u8), packed
 * Signal.  Numbers rise; where some are missing they were removed for want
 * of room.  All big-endian.  Whatever stands in a file is checked: it may be
 * torn by a power cut.
 */
#ifndef CORDON_AGENT_NETWORK_SEGMENT_H
#define CORDON_AGENT_NETWORK_SEGMENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/buf.h"
#include "common/base/digest.h"
#include "common/base/err.h"

#define SEGMENT_HEADER 52
#define RECORD_HEADER 17
#define RECORD_DATA_MAX (32 * 1024) /* packed Signal */
#define RECORD_MAX (RECORD_HEADER + RECORD_DATA_MAX)
#define SEGMENT_NAME_MAX 32
#define NUMBER_MAX (1ULL << 62) /* of a signal; the collector's too */

struct segment {
	uint64_t first; /* of its name; no record is below it */
	uint64_t last;	/* highest number that was in it; first - 1: none */
	uint64_t size;	/* good bytes, header included */
	uint32_t count; /* records */
	uint32_t low;	/* records below SEVERITY_HIGH */
	uint8_t chain[DIGEST_LEN]; /* before the first record */
};

struct record {
	uint64_t number;
	uint8_t severity;
	const uint8_t *data; /* lent until the next call */
	size_t len;
	uint64_t at; /* offset of its first byte in the file */
};

/* "00000000000000000017.seg" */
void segment_name(char out[SEGMENT_NAME_MAX], uint64_t first);
/* The number in a name; false if it is none of ours. */
bool segment_name_parse(const char *name, uint64_t *first);

int segment_header_encode(struct buf *out, uint64_t first,
    const uint8_t chain[DIGEST_LEN]);
/* ERR_CORRUPT unless LEN bytes start with a good header. */
int segment_header_decode(const void *data, size_t len, uint64_t *first,
    uint8_t chain[DIGEST_LEN]);
int record_encode(struct buf *out, uint64_t number, uint8_t severity,
    const void *data, size_t len);

/* Reads records in order through a fixed buffer. */
struct segment_reader {
	int fd;		/* lent */
	uint64_t at;	/* offset of the next record */
	uint64_t last;	/* number read last; the next must be above it */
	uint8_t *bytes; /* owned, RECORD_MAX * 2 */
	size_t pos, have;
};

/* From offset AT, with numbers above AFTER.  ERR_NOMEM. */
int segment_reader_init(struct segment_reader *r, int fd, uint64_t at,
    uint64_t after);
void segment_reader_done(struct segment_reader *r);
/*
 * 1 and *REC; 0 at the end of the file; ERR_CORRUPT when what follows is no
 * whole good record (r->at is where the good part ends); ERR_IO.
 */
int segment_next(struct segment_reader *r, struct record *rec);

#endif
