/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The baseline: what each watched file was when it was last accepted.  One
 * file on disk, sorted and grouped by folder, mapped read-only and searched
 * in place; changes since it was written are kept beside it in memory until
 * baseline_commit.  One thread changes it; while nobody does, any number
 * may search.  Who searches while it may change holds the lock that
 * baseline_share named.
 *
 * File: header, folders, entries, names, SHA-256 of all before.  Numbers in
 * the order of this machine: the file never leaves the host.
 */
#ifndef CORDON_SENSORS_BASELINE_H
#define CORDON_SENSORS_BASELINE_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/sensors/entry.h"
#include "common/base/err.h"

#define BASELINE_FILE "baseline"
#define BASELINE_ENTRIES_MAX (16u * 1024 * 1024)

/* One file in a sorted list; all pointers lent. */
struct rec {
	const char *dir; /* "/etc" */
	const char *name;
	const struct entry *e;
};

/* By folder, then name, bytes compared as unsigned. */
int rec_cmp(const void *a, const void *b);

struct baseline; /* opaque */

/*
 * Map and check the whole of PATH: size, digest, order, bounds.  ERR_NOENT,
 * ERR_CORRUPT (WHY says where), ERR_IO.
 */
int baseline_open(const char *path, struct baseline **b, struct why *why);
/* The same for bytes in memory (lent until freed); for tests. */
int baseline_from(const void *data, size_t len, struct baseline **b,
    struct why *why);
void baseline_free(struct baseline **b);
/*
 * From now on every change of B, also to the next file of baseline_commit,
 * is made under LOCK (lent).  The thread that changes it may search without.
 */
void baseline_share(struct baseline *b, pthread_mutex_t *lock);
/* Replace the file at PATH by these N sorted records, atomically. */
int baseline_write(const char *path, const struct rec *rec, size_t n,
    struct why *why);

/* Entries, with what changed in memory. */
size_t baseline_count(const struct baseline *b);
/* Entries in the file, numbered from 0 in order. */
size_t baseline_filed(const struct baseline *b);
/* Entry NR of the file; *R is lent. */
void baseline_at(const struct baseline *b, size_t nr, struct rec *r);
/* Number of folder DIR in the file, -1 if it has none. */
long baseline_folder(const struct baseline *b, const char *dir);
/* Entry NAME of folder number FOLDER: its number, -1. */
long baseline_in(const struct baseline *b, long folder, const char *name,
    const struct entry **e);

/* What is remembered of PATH, *E copied. */
bool baseline_get(const struct baseline *b, const char *path,
    struct entry *e);
/* Remember (E) or forget (NULL) PATH, in memory. */
int baseline_put(struct baseline *b, const char *path,
    const struct entry *e);
/* Changes in memory only. */
size_t baseline_pending(const struct baseline *b);

/*
 * Call FN for every remembered path equal to or below TOP, sorted or not.
 * FN must not change the baseline.  Anything but 0 ends it.
 */
typedef int baseline_fn(void *arg, const char *path, const struct entry *e);
int baseline_each(const struct baseline *b, const char *top, baseline_fn *fn,
    void *arg);

/* Write file and changes together to PATH and map the new one. */
int baseline_commit(struct baseline **b, const char *path, struct why *why);
/* Give the mapped pages back until they are needed again. */
void baseline_rest(const struct baseline *b);

#endif
