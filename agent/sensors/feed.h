/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What happened to single files of the data trees, one by one and at once,
 * from the watch thread to the data sensor.  Unlike pending.h nothing is
 * folded and nothing waits.  Bounded; has its own lock.
 */
#ifndef CORDON_SENSORS_FEED_H
#define CORDON_SENSORS_FEED_H

#include <stdbool.h>
#include <stddef.h>

#include "agent/sensors/who.h"
#include "common/base/err.h"

#define FEED_MAX 65536
#define FEED_TREES_MAX 16

enum feed_what { /* bits: the kernel folds them */
	FEED_MADE = 1,
	FEED_WRITTEN = 2,
	FEED_GONE = 4,
	FEED_MOVED = 8,	  /* from FROM, "" if from outside */
	FEED_FOLDER = 16, /* a folder moved or went */
};

struct feed_event {
	struct feed_event *next;
	struct who *who; /* NULL: not known */
	unsigned int what;
	char *from; /* NULL */
	char path[]; /* with FROM behind it */
};

struct feed; /* opaque */

/* TREE: absolute paths; those that do not exist are left out. */
int feed_new(char *const *tree, size_t n, struct feed **f, struct why *why);
void feed_free(struct feed **f);
size_t feed_trees(const struct feed *f);
const char *feed_tree(const struct feed *f, size_t nr);
/* Those that were left out. */
size_t feed_absents(const struct feed *f);
const char *feed_absent(const struct feed *f, size_t nr);
/* Which tree PATH is in; -1: none. */
int feed_find(const struct feed *f, const char *path);
/* Could a change in folder DIR matter? */
bool feed_near(const struct feed *f, const char *dir);
/* An eventfd, written when the queue was empty. */
int feed_fd(const struct feed *f);

/*
 * FN takes events on the watch thread, after each batch of them: it is
 * running already.  Before that thread is started.
 */
void feed_helper(struct feed *f, void (*fn)(void *arg), void *arg);
void feed_help(struct feed *f);

/* One event (FROM may be NULL, WHO is counted by us); ERR_LIMIT: lost. */
int feed_add(struct feed *f, const char *path, const char *from,
    unsigned int what, struct who *who);
/* The same apart from any queue; NULL: no memory. */
struct feed_event *feed_event_new(const char *path, const char *from,
    unsigned int what, struct who *who);
/* The oldest; the caller frees it.  NULL: none. */
struct feed_event *feed_take(struct feed *f);
void feed_event_free(struct feed_event **e);

#endif
