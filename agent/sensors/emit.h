/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The one way a signal leaves a sensor: kind, object and evidence go in;
 * severity, cause and times are filled here, foreign text is quoted and
 * cut, and the packed signal goes to the outbox.  A flood of one cause is
 * folded on the way (fold.h).
 */
#ifndef CORDON_SENSORS_EMIT_H
#define CORDON_SENSORS_EMIT_H

#include <stdbool.h>
#include <stddef.h>

#include "agent/sensors/outbox.h"
#include "agent/sensors/who.h"
#include "common/base/err.h"
#include "common/base/id.h"

#define EMIT_EVIDENCE_MAX 16
#define EMIT_VALUE_MAX 1024
#define EMIT_OBJECT_MAX 2048 /* bytes, quoted */

struct emit_pair {
	const char *key; /* static */
	char value[EMIT_VALUE_MAX];
};

struct emit_signal {
	const char *kind;   /* of common/base/kinds.c */
	const char *object; /* raw, lent */
	const char *text;   /* more than the kind says; NULL: the kind's own */
	const struct who *who; /* lent; NULL: nobody known */
	const char *cause_id;  /* NULL: from WHO, else a fresh one */
	Cordon__Severity severity; /* NONE: the kind's own */
	struct emit_pair pair[EMIT_EVIDENCE_MAX];
	size_t pairs;
};

void emit_init(struct emit_signal *s, const char *kind, const char *object);
/* Add one piece of evidence; KEY static; VALUE is quoted and cut. */
void emit_add(struct emit_signal *s, const char *key, const char *value);
void emit_addf(struct emit_signal *s, const char *key, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/*
 * 0: it goes out, or it is folded into another one of its cause and
 * counted.  ERR_RANGE: no such kind (our own bug); ERR_LIMIT: lost, counted.
 */
int emit_send(struct outbox *o, const struct emit_signal *s);
/* Now and then, on the main thread: tell what was folded; ALL: all of it. */
void emit_folded(struct outbox *o, bool all);

#endif
