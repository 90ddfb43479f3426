/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Notes: what a command run by root (this program, for a moment) has to
 * tell the collector, left in the state folder, told and removed by the
 * running sensors.  Only the kinds of notes.c are taken.
 */
#ifndef CORDON_SENSORS_NOTES_H
#define CORDON_SENSORS_NOTES_H

#include "agent/sensors/outbox.h"
#include "common/base/err.h"

#define NOTES_PAIRS_MAX 12
#define NOTES_BYTES_MAX (64 * 1024)

struct note_pair {
	const char *key, *value;
};

/* Leave one; KIND one of those that are taken. */
int notes_leave(const char *state_dir, const char *kind, const char *object,
    const struct note_pair *pair, size_t n, struct why *why);
/* Tell all that lie there.  How many there were. */
size_t notes_tell(const char *state_dir, struct outbox *out);

#endif
