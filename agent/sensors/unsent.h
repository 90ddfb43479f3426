/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the sensors have said and the network process has not taken yet, on
 * disk: a kill of either loses nothing.  Two files of records that take
 * turns; nothing is synced, because only a kill is to be survived here (what
 * a power cut takes, the rescan of the next start finds).  Each record has a
 * serial, each series of serials a run; together they tell the receiver
 * what it has already.  No lock of its own.
 */
#ifndef CORDON_SENSORS_UNSENT_H
#define CORDON_SENSORS_UNSENT_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"

#define UNSENT_NAME "unsent-%d"	       /* in the state folder, 0 and 1 */
#define UNSENT_TURN (5 * 1024 * 1024)    /* bytes, then the other file */
#define UNSENT_ROOM (256 * 1024)	       /* held for us on the disk */
#define UNSENT_DATA_MAX (96 * 1024)

struct unsent; /* opaque */

/* One record of a process before us, in order; not 0 ends the reading. */
typedef int unsent_load_fn(void *arg, uint64_t serial, const void *data,
    size_t len);

/*
 * Opens or makes the files in DIR and hands out what is in them.  Torn and
 * rotten ends are left out.  After another boot the run is a new one: what
 * was not synced may be gone, and its serials are given again.
 */
int unsent_open(const char *dir, unsent_load_fn *load, void *arg,
    struct unsent **k, struct why *why);
void unsent_free(struct unsent **k);

uint64_t unsent_run(const struct unsent *k);
uint64_t unsent_next(const struct unsent *k); /* serial of the next record */

/*
 * Write the next record; its serial is used up either way.  The queue that
 * it stands for holds less than UNSENT_TURN bytes.  ERR_IO: not kept.
 */
int unsent_add(struct unsent *k, const void *data, size_t len);
/* All up to SERIAL was taken. */
void unsent_taken(struct unsent *k, uint64_t serial);

#endif
