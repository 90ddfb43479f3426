/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The inside of the spool, shared by spool.c (adding, reading, acknowledging)
 * and recover.c (what happens at a start).  Nobody else includes it.
 */
#ifndef CORDON_AGENT_NETWORK_SPOOL_INT_H
#define CORDON_AGENT_NETWORK_SPOOL_INT_H

#include <limits.h>

#include "agent/network/lost.h"
#include "agent/network/segment.h"
#include "agent/network/spool.h"

#define SPOOL_STATE "state"
#define SPOOL_RESERVE "reserve" /* given up when the disk is full */
#define SPOOL_RESERVE_BYTES (256 * 1024)
#define SPOOL_STATE_MAX 4096

struct spool {
	char dir[PATH_MAX / 2];
	uint64_t max;	      /* bytes of all segments */
	uint64_t segment_max; /* a new one is begun beyond */
	struct segment *seg;  /* oldest first; the last one is written to */
	size_t nseg, cap;
	int fd;		  /* of the last one */
	uint64_t used;	  /* sum of sizes */
	uint64_t next;	  /* number of the next signal */
	uint64_t synced;  /* highest durable number */
	uint64_t acked;
	uint64_t dropped; /* ever */
	uint8_t chain[DIGEST_LEN]; /* of next - 1 */
	struct lost lost; /* not told yet */
	bool dirty, state_dirty, reserve;
	/* Where reading goes on: record after number read_last. */
	uint64_t read_last, read_first, read_at;
};

/* Load what is on disk into a spool that has dir and max set. */
int spool_recover(struct spool *s, struct why *why);
int spool_state_save(struct spool *s, struct why *why);
int spool_path(const struct spool *s, char out[PATH_MAX], const char *name);
int spool_segment_path(const struct spool *s, char out[PATH_MAX],
    uint64_t first);
/* Begin a new segment at number FIRST; syncs the one before. */
int spool_roll(struct spool *s, uint64_t first, struct why *why);
/* Numbers FIRST to LAST are gone; those acknowledged do not count. */
void spool_lose(struct spool *s, uint64_t first, uint64_t last);
/* Put SEG behind the others. */
int spool_push(struct spool *s, const struct segment *seg);

#endif
