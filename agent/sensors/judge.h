/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What a difference between remembered and seen means, and the signal that
 * says so.  The baseline is brought up to date after the signal was queued.
 */
#ifndef CORDON_SENSORS_JUDGE_H
#define CORDON_SENSORS_JUDGE_H

#include "agent/sensors/baseline.h"
#include "agent/sensors/outbox.h"
#include "agent/sensors/pending.h"
#include "agent/sensors/roots.h"
#include "agent/sensors/who.h"

enum change {
	CHANGE_NONE,
	CHANGE_CREATED,
	CHANGE_CONTENT,
	CHANGE_META,
	CHANGE_SETUID, /* a set-uid or set-gid bit is new */
	CHANGE_CAPABLE, /* capabilities are new */
	CHANGE_TIMES,	/* the same file and content, set back in time */
	CHANGE_DELETED,
	CHANGE_MOVED,
};

struct explain;

/* One path, before and after; NULL: not there. */
struct change_of {
	const char *path;
	const struct entry *old, *now;
	const char *from;       /* CHANGE_MOVED: from here */
	const struct who *who;  /* lent; NULL: found by a scan */
	const char *cause_id;   /* NULL: from WHO */
	uint32_t events, writers; /* 0: found by a scan */
	struct explain *explain;  /* lent; NULL: nothing is explained */
};

/* Pure: what is it?  (Never CHANGE_MOVED.) */
enum change change_kind(const struct entry *old, const struct entry *now);
/* The kind id of its signal; NULL for CHANGE_NONE. */
const char *change_signal(enum change kind);

/*
 * Tell it (agent.self-changed for own files, nothing for those the package
 * explains) and remember NOW.  Returns 1 when a signal was made, else 0.
 */
int judge(struct baseline *b, struct outbox *out, const struct roots *roots,
    enum change kind, const struct change_of *c);

#endif
