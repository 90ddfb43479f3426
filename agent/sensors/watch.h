/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The eyes of the files sensor: a thread that reads fanotify (and inotify
 * where fanotify cannot mark) promptly, says who did it, and leaves the
 * path in the pending table.  Each kernel flag is found out by trying.
 */
#ifndef CORDON_SENSORS_WATCH_H
#define CORDON_SENSORS_WATCH_H

#include <stdbool.h>

#include "agent/process/lineage.h"
#include "agent/sensors/feed.h"
#include "agent/sensors/ignore.h"
#include "agent/sensors/pending.h"
#include "agent/sensors/who.h"
#include "agent/sensors/tap.h"
#include "common/base/err.h"

#define WATCH_ROOTS_MAX 64

/* What sees a tree, best first. */
enum rung {
	RUNG_FANOTIFY, /* events with who did it */
	RUNG_FOLDERS,  /* the same, each folder marked by itself (overlayfs) */
	RUNG_INOTIFY,  /* events without */
	RUNG_SCAN,     /* only rescans */
};
const char *rung_str(enum rung r);

/* Events were lost since the last watch_lost. */
enum watch_loss {
	WATCH_LOST_KERNEL = 1, /* the kernel's queue ran over */
	WATCH_LOST_OWN = 2,    /* ours did */
	WATCH_LOST_FORM = 4,   /* bytes that are no event */
	WATCH_LOST_DIRS = 8,   /* told once: inotify can watch no more */
	WATCH_HINT = 16, /* nothing lost, but a program was started that
			    changes files without an event */
};

struct watch; /* opaque */
struct who_cache;

/*
 * PENDING, IGNORE and WHO lent; WAKE_FD: an eventfd written when there is
 * news.
 */
int watch_new(struct pending *pending, const struct ignore *ignore,
    struct who_cache *who, int wake_fd, struct watch **w, struct why *why);
/* Before watch_start: L (lent) is told of starts, and asked who did it. */
void watch_lineage(struct watch *w, struct lineage *l);
/*
 * Before watch_start: call FN, on the watch thread, for each change of
 * content at or below DIR (lent) that is not this process's own.  These
 * paths are not put into PENDING.
 */
typedef void watch_own_fn(void *arg, const char *path,
    const struct who *who);
void watch_own(struct watch *w, const char *dir, watch_own_fn *fn,
    void *arg);
/*
 * Watch the tree at PATH from now on; once more is ERR_EXIST, and marks
 * what may have been mounted there since.  *RUNG tells how;
 * WHY why not better.  For inotify watch_dir must see each folder.
 */
int watch_root(struct watch *w, const char *path, enum rung *rung,
    struct why *why);
/*
 * Events of the data trees go to FEED (lent).  Before watch_start.  False
 * where fanotify cannot mark: then nothing is fed from there.
 */
void watch_feed(struct watch *w, struct feed *feed);
bool watch_data(struct watch *w, const char *path, struct why *why);
/*
 * Changes of paths that TAP (lent) wants go there as well, also outside of
 * the trees where fanotify sees the file system.  Before watch_start, after
 * the trees.
 */
void watch_tap(struct watch *w, struct tap *tap);
/* A folder FD of a tree is about to be read; any thread. */
void watch_dir(struct watch *w, int fd, const char *path);
int watch_start(struct watch *w, struct why *why);
/* Set of enum watch_loss since the last call. */
unsigned int watch_lost(struct watch *w);
/* Which flags the kernel gave, in words. */
const char *watch_abilities(const struct watch *w);
void watch_free(struct watch **w); /* stops the thread */

#endif
