/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The backup sensor: is the newest set of each declared folder young enough,
 * not much smaller than the one before, and complete by the manifest that
 * was made of it (tree.h; names and sizes here, contents by `manifest
 * verify`)?  Reads only, a file system that hangs holds up nothing else.
 * Its thread also tells the notes that commands left (notes.h).
 */
#ifndef CORDON_SENSORS_BACKUP_H
#define CORDON_SENSORS_BACKUP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/sensors/sensor.h"

#define BACKUP_FOLDERS_MAX 16
#define BACKUP_EVERY_MAX_MS (600 * 1000)
#define BACKUP_EVERY_MIN_MS (5 * 1000)
#define BACKUP_NOTES_MS 5000
#define BACKUP_SETTLED_S 60 /* one that changed later is still being made */

extern const struct sensor_kind backup_sensor;

/* -- what a folder of sets says; pure, for tests --------------------------- */

struct backup_state {
	bool any;	     /* there is a set */
	int64_t age_s;	     /* of the newest */
	bool settled;	     /* nobody writes it any more */
	uint64_t size;	     /* of the newest, bytes */
	uint64_t size_before; /* of the one before; 0: there is none */
	uint64_t missing;    /* files that its manifest has and it has not */
};

enum backup_fault {
	BACKUP_GOOD,
	BACKUP_OLD,	   /* or there is none */
	BACKUP_INCOMPLETE,
	BACKUP_SMALL,
};

/* The worst fault, by the settings; a set that is not settled is not judged
 * by what is in it. */
enum backup_fault backup_judge(const struct backup_state *s,
    uint32_t max_age_s, uint32_t drop_percent);

#endif
