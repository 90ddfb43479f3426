/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The spool: every signal of this host, on disk, numbered and chained, until
 * the collector has committed it.  Segment files (segment.h) and a small
 * "state" file in one folder.  Nothing is read out before it is durable, so
 * that a number is never given twice.  One thread; no timers of its own.
 *
 * The bound: when it is full, a signal below HIGH is not taken (it gets no
 * number and is counted); for HIGH and CRITICAL the lower ones that are
 * held are removed, oldest first (their numbers are kept).  What was lost
 * becomes one agent.spool-dropped signal as soon as there is room.
 */
#ifndef CORDON_AGENT_NETWORK_SPOOL_H
#define CORDON_AGENT_NETWORK_SPOOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/buf.h"
#include "common/base/err.h"
#include "common/wire/agent.pb-c.h"

#define SPOOL_MAX_LEAST (256 * 1024)   /* smallest bound that is taken */
#define SPOOL_BATCH_SIGNALS 1000       /* agent.proto: SignalBatch */
#define SPOOL_BATCH_BYTES (256 * 1024) /* of one packed SignalBatch */
#define SPOOL_RUNS 12 /* senders' runs that are remembered */

struct spool;

/*
 * Opens or makes the spool in DIR with at most MAX bytes of segments, and
 * recovers: torn ends are cut off, unreadable middles counted as lost.
 */
int spool_open(const char *dir, uint64_t max, struct spool **s,
    struct why *why);
/* Makes all durable and frees. */
void spool_close(struct spool **s);
/* Removes every file of a spool (a new enrolment starts at number 1). */
int spool_wipe(const char *dir, struct why *why);

/*
 * Number, chain and write one signal (not durable before spool_sync).  SIG's
 * number and chain are used for the while and given back as they were.
 * ERR_LIMIT: no room, counted as lost; ERR_RANGE: larger than a record;
 * ERR_IO: the disk does not take it, counted as lost.  ERR_EXIST: one with
 * that run and serial, or a later one of that run, was here before, also
 * before a restart: nothing is done.
 */
int spool_add(struct spool *s, Cordon__Signal *sig, struct why *why);
/*
 * fdatasync(2) what was added, and the state file if it changed.  After it
 * everything that spool_add was given is safe: as a signal or as a count.
 */
int spool_sync(struct spool *s, struct why *why);
bool spool_dirty(const struct spool *s); /* is there something to sync? */
/* If signals were lost and there is room now: add the one that says so. */
int spool_report(struct spool *s, struct why *why);

/*
 * Append a packed SignalBatch to OUT: durable signals from number FROM on,
 * at most SPOOL_BATCH_SIGNALS and SPOOL_BATCH_BYTES.  *LAST: highest number
 * in it.  ERR_NOENT if there is none.
 */
int spool_read(struct spool *s, uint64_t from, struct buf *out,
    uint64_t *last, struct why *why);
/*
 * The same for the severe ones alone, which may overtake.  *LAST: how far it
 * looked; ERR_NOENT and *LAST set when there is none up to there.
 */
int spool_read_severe(struct spool *s, uint64_t from, struct buf *out,
    uint64_t *last, struct why *why);
/* The collector has committed everything up to NUMBER. */
int spool_ack(struct spool *s, uint64_t number, struct why *why);
/*
 * The collector has more than this spool ever had (a disk was rolled back):
 * go on behind NUMBER; what is held below it counts as lost.
 */
int spool_skip(struct spool *s, uint64_t number, struct why *why);

uint64_t spool_next(const struct spool *s);    /* number of the next signal */
uint64_t spool_first(const struct spool *s);   /* oldest held; next if none */
uint64_t spool_synced(const struct spool *s);  /* highest durable number */
uint64_t spool_depth(const struct spool *s);   /* numbers not acknowledged */
uint64_t spool_dropped(const struct spool *s); /* lost to the bound, ever */
bool spool_nearly_full(const struct spool *s); /* three quarters */

#endif
