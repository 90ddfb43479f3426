/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * From a verdict about a process to a signal: who it is, one cause for all
 * that comes from the same process, and the same thing told once.
 */
#ifndef CORDON_SENSORS_PROCESS_TELL_H
#define CORDON_SENSORS_PROCESS_TELL_H

#include "agent/process/lineage.h"
#include "agent/process/suspect.h"
#include "agent/sensors/outbox.h"
#include "agent/sensors/who.h"

#define TELL_REMEMBER 256

struct process_tell; /* opaque; of one thread */

/* OUT and LINEAGE lent.  NULL: no memory. */
struct process_tell *process_tell_new(struct outbox *out,
    struct lineage *lineage);
void process_tell_free(struct process_tell **t);
/*
 * Say VERDICT about S, seen by SOURCE (static text).  ACTOR is who did it:
 * S's own process, or the tracer.  False: folded into an earlier one.
 */
bool process_tell(struct process_tell *t, const struct process_seen *s,
    pid_t actor, const struct suspect *verdict, const char *source);

#endif
