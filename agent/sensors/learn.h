/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Learning what the files of data trees look like now, a little at a time
 * and between events, so that harm is measured against the file itself and
 * not only against its name.  One thread.
 */
#ifndef CORDON_SENSORS_LEARN_H
#define CORDON_SENSORS_LEARN_H

#include <stdbool.h>

#include "agent/sensors/before.h"
#include "common/base/err.h"

#define LEARN_FILES 32	   /* at once */
#define LEARN_PAUSE_MS 10  /* between: a small part of one processor */
#define LEARN_WAITING_MAX 65536 /* folders known and not yet read */

struct learn; /* opaque */

struct learn *learn_new(void);
void learn_free(struct learn **l);
/* TREE and all below it on the same file system. */
void learn_add(struct learn *l, const char *tree);
/* Look at some files; false: all were seen, or the table is full. */
bool learn_some(struct learn *l, struct before *b);

#endif
