/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the state sensor found: told, or explained by the packages.  What
 * dpkg or a program below it made waits for the end of its transaction;
 * what anybody else made is told at once.  The state sensor's thread.
 */
#ifndef CORDON_SENSORS_FINDINGS_H
#define CORDON_SENSORS_FINDINGS_H

#include "agent/sensors/explain.h"
#include "agent/sensors/sensor.h"
#include "agent/state/source.h"

#define FINDINGS_WAIT_MAX 4096 /* more are judged at once */
#define FINDINGS_SETTLE_MS 1000 /* after the end: others' events come in */
#define FINDINGS_POLL_MS 500

struct findings; /* opaque */

/* One thing that a look found; all lent. */
struct finding {
	const struct state_source *source; /* lives on */
	const char *kind, *found_by;	   /* static */
	const char *object, *text, *path;  /* TEXT, PATH: "" for none */
	const char *cause;		   /* of the look */
	Cordon__Severity severity;	   /* NONE: the kind's own */
	struct who *who;		   /* NULL: not known */
	unsigned int writers;
	bool first; /* the source was read for the first time */
};

/* ENV lent. */
int findings_new(struct sensor_env *env, struct findings **out,
    struct why *why);
void findings_free(struct findings **f);
/* Wait, be silent or tell; at most MAX are told, the rest are *MORE. */
void findings_take(struct findings *f, const struct finding *one, size_t max,
    size_t *told, size_t *more);
/* Somebody changed PATH since: what waits is his, if he is no package's. */
void findings_changed(struct findings *f, const char *path,
    struct who *who);
/* Judge those whose time has come. */
void findings_turn(struct findings *f);
bool findings_wait(const struct findings *f); /* are there any? */

/* -- pure, for tests ---------------------------- */
/* The severity that is left (NONE: the kind's own); false: silent. */
bool findings_weigh(const struct finding *one, const struct explanation *ex,
    Cordon__Severity *severity);

#endif
