/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Floods of one cause: the first signals of it whole, then one that grows,
 * with exact counts, first and last time and samples.  Severe ones are never
 * folded.  Counts that are not told yet are on disk, so that a kill loses
 * none: what was stored and what was folded is together what was emitted.
 * No clock and no lock of its own.
 */
#ifndef CORDON_SENSORS_FOLD_H
#define CORDON_SENSORS_FOLD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"
#include "common/base/kinds.h"

#define FOLD_NAME "folded" /* in the state folder */
#define FOLD_LOST "lost"   /* key of those that were dropped */
#define FOLD_CAUSES 128	   /* watched at a time; more are told whole */
#define FOLD_WINDOW_MS 60000
#define FOLD_TELL_MS 2000  /* until it is told first; then doubled */
#define FOLD_TELL_MAX_MS 64000
#define FOLD_KINDS 4
#define FOLD_SAMPLES 3
#define FOLD_TEXT 160

/* One signal that wants to go out; all lent. */
struct fold_ask {
	const char *key;      /* the cause; where nobody is known: the kind */
	const char *cause_id; /* of a folded signal */
	const char *program;  /* "": not known */
	const char *kind, *object;
	int severity;	       /* enum severity */
	int64_t wall_ms, boot_ms;
};

/* How many of one kind. */
struct fold_kind {
	char id[KIND_ID_MAX + 1];
	uint64_t n;
};

/* What is known of a cause; as it stands on disk. */
struct fold_count {
	char key[64], cause_id[64];
	char program[FOLD_TEXT];
	uint64_t untold, total; /* folded: since the last telling; in all */
	uint64_t serial;	/* of the signal that tells TELLING of them */
	uint64_t telling;
	int64_t first_ms, last_ms; /* wall */
	int64_t severity;	   /* the highest */
	struct fold_kind kind[FOLD_KINDS];
	uint64_t other; /* of more kinds */
	char sample[FOLD_SAMPLES][FOLD_TEXT]; /* objects: first, some, last */
};

struct fold; /* opaque */

/*
 * AFTER: so many a cause within FOLD_WINDOW_MS go out whole; 0: all.  What a
 * process before us left is taken up; its tellings below NEXT_SERIAL are out.
 */
int fold_open(const char *dir, uint32_t after, uint64_t next_serial,
    struct fold **f, struct why *why);
void fold_free(struct fold **f);

/* Is it folded (counted, durable over a kill)?  Else it is to go out. */
bool fold_add(struct fold *f, const struct fold_ask *a);
/* It found no room: counted with others of that fate, key FOLD_LOST. */
void fold_lose(struct fold *f, const struct fold_ask *a);
/*
 * One whose counts are to be told now; ALL: whether it is time or not.
 * Lent until the next call; NULL: none.
 */
const struct fold_count *fold_due(struct fold *f, int64_t boot_ms, bool all);
/* C goes out as the signal SERIAL: before it does. */
void fold_telling(struct fold *f, const struct fold_count *c,
    uint64_t serial);
/* It went out, or (not SENT) it did not. */
void fold_told(struct fold *f, const struct fold_count *c, bool sent,
    int64_t boot_ms);

#endif
