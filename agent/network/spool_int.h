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
#define SPOOL_SPARE "state.spare" /* file_spare() */
#define SPOOL_RESERVE "reserve" /* given up when the disk is full */
#define SPOOL_RESERVE_BYTES (256 * 1024)
#define SPOOL_STATE_MAX 4096
#define SEVERE CORDON__SEVERITY__SEVERITY_HIGH
#define REPORT_ROOM 8192 /* kept free for the signal that says what was lost */

/* How far a sender's signals came in: its run, the highest serial. */
struct taken {
	uint64_t run, serial;
};

/* Where reading goes on: in segment FIRST, behind record LAST, at AT. */
struct cursor {
	uint64_t first, last, at;
};

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
	uint64_t cut; /* bytes of a torn end, not told yet */
	struct taken taken[SPOOL_RUNS]; /* newest run first */
	bool dirty, state_dirty, reserve;
	bool refused; /* since the state was saved */
	bool scarce;  /* the reserve was given up */
	int64_t retry_ms; /* boot: then the next try to have it again */
	struct cursor cursor[2]; /* of all, of the severe ones */
};

/* A signal of that run and serial came in. */
void spool_taken(struct spool *s, uint64_t run, uint64_t serial);

/* Load what is on disk into a spool that has dir and max set. */
int spool_recover(struct spool *s, struct why *why);
/* Syncs the data first: it says which signals came in. */
int spool_state_save(struct spool *s, struct why *why);
int spool_sync_data(struct spool *s, struct why *why);
/* The segment that holds the first number >= FROM; nseg if none. */
size_t spool_find(const struct spool *s, uint64_t from);
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
