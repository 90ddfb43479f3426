/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Who came from whom and runs what: a bounded table of processes, filled
 * from forks and starts of programs as the kernel tells them and asked
 * when /proc no longer can.  Used by several threads; it has its own lock.
 * Where the process connector is refused it also hands on the starts that
 * the files sensor's fanotify sees.
 */
#ifndef CORDON_PROCESS_LINEAGE_H
#define CORDON_PROCESS_LINEAGE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/base/err.h"
#include "common/base/id.h"

#define LINEAGE_MAX 4096 /* processes remembered */
#define LINEAGE_PROGRAM_MAX 512
#define LINEAGE_STARTS_MAX 1024 /* waiting for lineage_next */

#define LINEAGE_MARK_NS (UINT64_C(3600) * 1000000000) /* a mark holds */

/* It is, or came from, one of those. */
enum lineage_mark {
	LINEAGE_PACKAGER = 1,
	LINEAGE_BUILDER = 2,
};

/* What is known of one process; plain data. */
struct lineage_entry {
	pid_t pid, parent; /* parent 0: not known */
	char program[LINEAGE_PROGRAM_MAX]; /* raw; "": not known */
	char before[LINEAGE_PROGRAM_MAX];  /* what it ran before; "" */
	bool ids_known;
	uint32_t uid;	 /* effective */
	bool was_root;	 /* it may become root again by itself */
	bool may_setuid; /* it holds CAP_SETUID */
	unsigned int marks; /* of enum lineage_mark */
	char cause[ID_MAX]; /* of the first signal about it or those it came
			       from; "": none */
};

struct lineage; /* opaque */

struct lineage *lineage_new(void);
void lineage_free(struct lineage **l);

/* Times are of CLOCK_MONOTONIC; an older fork changes nothing. */
void lineage_forked(struct lineage *l, pid_t parent, pid_t child,
    uint64_t at_ns);
void lineage_started(struct lineage *l, pid_t pid, const char *program,
    uint64_t at_ns);
void lineage_ids(struct lineage *l, pid_t pid, pid_t parent, uint32_t uid,
    bool was_root, bool may_setuid);
/* PID and all that is split from it later. */
void lineage_mark(struct lineage *l, pid_t pid, enum lineage_mark mark);
void lineage_cause(struct lineage *l, pid_t pid, const char *cause);
bool lineage_get(struct lineage *l, pid_t pid, struct lineage_entry *out);
uint64_t lineage_now(void); /* ns, for AT_NS */

/*
 * The second source: from now on each start that fanotify tells
 * (lineage_seen) waits for lineage_next.  An eventfd that is readable when
 * there is one, owned by L; -1.
 */
int lineage_follow(struct lineage *l);
/* A start as fanotify tells it: also lineage_started. */
void lineage_seen(struct lineage *l, pid_t pid, const char *program);
/*
 * PID's loader was opened to be run.  Without a program before it that one
 * lies where no event is told of (memory, an unmarked file system): it
 * waits for lineage_next as well.
 */
void lineage_loaded(struct lineage *l, pid_t pid);
/* The oldest start; false: no more.  *LOST: some had no room, once. */
bool lineage_next(struct lineage *l, pid_t *pid, bool *lost);

#endif
