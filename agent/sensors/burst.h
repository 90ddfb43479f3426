/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Is somebody destroying documents in numbers?  Counts different files a
 * cause, never files a second: a patient program is found by the same few
 * files as a hasty one.  Pure: no clock, no files; one thread.
 *
 * A cause is counted by several keys at once: the process, each of its
 * ancestors (many short processes of one parent), the program (many
 * parents), and the tree alone for those that nobody can name.
 * Raised is only what its content proves: noise where a document was, a
 * document emptied, or as many new files of noise as documents deleted.
 */
#ifndef CORDON_SENSORS_BURST_H
#define CORDON_SENSORS_BURST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/sensors/sample.h"

#define BURST_KEYS 6
#define BURST_COUNTERS 256 /* causes remembered; the oldest goes */
#define BURST_LOST 6	   /* files lost before it is told */
#define BURST_LOST_HELPED 3 /* the same where churn or notes say so too */
#define BURST_LOST_TREE 8  /* by the tree alone */
#define BURST_HELP 3	   /* files of one new ending, notes of one name */
/*
 * Counts by program or tree alone are forgotten after so long without harm;
 * an incident is over, and may be told anew, after the same time.
 */
#define BURST_FORGET_MS (10 * 60 * 1000LL)
#define BURST_FORGET_CAUSE_MS (24 * 3600 * 1000LL) /* by process, ancestor */

enum burst_key_kind {
	BURST_PROCESS,
	BURST_ANCESTOR,
	BURST_PROGRAM,
	BURST_TREE,    /* whoever it was */
};

struct burst_key {
	uint64_t key; /* hash; differs between kinds */
	enum burst_key_kind kind;
};

enum burst_what {
	BURST_OTHER = 0,
	BURST_WRITTEN = 1, /* a file that was there, in place or replaced */
	BURST_NEW = 2,	   /* a file that is new */
	BURST_MOVED = 3,   /* a file that was there has another name */
	BURST_GONE = 4,	   /* a file that was there was deleted */
};

struct burst_file {
	enum burst_what what;
	enum harm harm;
	bool document; /* its name or content promised something */
	uint64_t path; /* hash */
	uint64_t name; /* hash of the last component */
	uint64_t dir;  /* hash of the folder */
	uint64_t ending; /* hash of one that it newly has, as noise; 0 */
};

/* What was counted of one cause. */
struct burst_count {
	uint32_t files;	  /* changed, made, moved, deleted */
	uint32_t harmed;  /* documents turned into noise or emptied */
	uint32_t noise;	  /* new files of noise */
	uint32_t deleted; /* documents */
	uint32_t moved;
	uint32_t churn;	  /* files that got one and the same new ending */
	uint32_t notes;	  /* folders that got a new file of the same name */
	enum burst_key_kind by;
	uint32_t incident; /* number of a raised one, from 1 */
};

enum burst_verdict {
	BURST_QUIET,
	BURST_RAISE, /* now: told once an incident */
	BURST_MORE,  /* a raised incident grew fourfold: told again */
	BURST_GOING, /* of a raised incident, nothing new */
};

struct burst; /* opaque */

struct burst *burst_new(void);
void burst_free(struct burst **b);
/*
 * One file of the causes KEY[N] (at most BURST_KEYS) at NOW_MS (boot time).
 * *COUNT is that of the key that was raised, else of the first.
 */
enum burst_verdict burst_add(struct burst *b, const struct burst_key *key,
    size_t n, const struct burst_file *f, int64_t now_ms,
    struct burst_count *count);
/* Documents lost as far as the counts show. */
uint32_t burst_lost(const struct burst_count *c);

#endif
