/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the sensors hold, for another thread to search: the index of files
 * and the facts of the host's state.  Each stays its sensor's own; here is
 * where it lies, when it was read, and the lock under which it changes.
 * Nobody holds a lock while it reads a file or waits.
 */
#ifndef CORDON_SENSORS_HELD_H
#define CORDON_SENSORS_HELD_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "agent/sensors/baseline.h"
#include "agent/state/facts.h"

struct held; /* opaque */

struct held *held_new(void); /* NULL: no memory */
void held_free(struct held **h);

/* -- the sensors ---------------------------- */

/* For baseline_share. */
pthread_mutex_t *held_files_lock(struct held *h);
/*
 * The baseline at *WHERE (lent; NULL: no more) was compared with all files;
 * that began at SCANNED_MS (wall).
 */
void held_files(struct held *h, struct baseline *const *where,
    int64_t scanned_ms);
/* IS takes the place of *PLACE, which is freed, as the facts of SOURCE (a
 * static name), just read. */
void held_facts_take(struct held *h, const char *source,
    struct facts **place, struct facts *is);
/* No facts any more: their sensor frees them. */
void held_no_facts(struct held *h);

/* -- who searches ---------------------------- */

/*
 * The baseline, locked until held_files_done; NULL (and nothing is locked):
 * there is none yet.
 */
const struct baseline *held_files_begin(struct held *h, int64_t *scanned_ms);
void held_files_done(struct held *h);
/*
 * From here to held_facts_done no facts change: be quick.  held_facts is
 * NULL for a source that was not read; *READ_MS is wall time.
 */
void held_facts_begin(struct held *h);
const struct facts *held_facts(const struct held *h, const char *source,
    int64_t *read_ms);
void held_facts_done(struct held *h);

#endif
