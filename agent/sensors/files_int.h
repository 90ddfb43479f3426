/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Private to files*.c.  All on the files sensor's thread. */
#ifndef CORDON_SENSORS_FILES_INT_H
#define CORDON_SENSORS_FILES_INT_H

#include "agent/sensors/explain.h"
#include "agent/sensors/files.h"
#include "agent/sensors/path.h"
#include "agent/sensors/self.h"
#include "agent/sensors/watch.h"

struct files {
	struct sensor *s;
	struct sensor_env *env;
	struct pending *pending;
	struct watch *watch;
	struct self_writes writes;
	char state_top[PATH_LEN]; /* of all our processes */
	struct inspect *inspect;
	struct baseline *base;
	struct explain *explain; /* lent */
	char base_path[PATH_LEN];
	int64_t clear_ms;  /* wall: no loss known up to here */
	int64_t put_ms;	   /* boot: last change of the baseline */
	int64_t rescan_ms; /* boot: next periodic rescan; 0: never */
	int64_t rehash_ms; /* boot: from then on a rescan reads contents */
	int64_t earliest_ms; /* boot: no rescan for losses before */
	bool lost;	   /* a rescan is owed */
	int64_t hint_ms;   /* boot: look then for changes without events */
	int64_t hinted_ms; /* boot: last such look */
};

/* -- scans (files_scan.c) ------------------------ */

/* Watch what is below PATH as well as it can be; OWN: a path of ours. */
void files_add_root(struct files *f, const char *path, bool own);
void files_add_data_tree(struct files *f, const char *path);
/* Those named in the settings that are not on this host: nobody looks after
 * them, and that is told. */
void files_tell_absent_data(struct files *f);
/* No baseline yet: everything as it is now. */
int files_first_scan(struct files *f, struct why *why);
/*
 * Look at everything again, at contents too if REHASH, slowly if PACED;
 * closes the blind intervals it covers.
 */
void files_rescan(struct files *f, bool rehash, bool paced);
/* Give back the memory that a scan or a commit used. */
void files_rest(struct files *f);

#endif
