/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Walking trees and reading what is in them, on several threads.  Three
 * uses of one walk: everything (first baseline, manifest, gate), what a
 * baseline does not know yet (rescan by size and times), and all content
 * again against a baseline (re-hash).  Mounted file systems are entered
 * (and told to on_mount), but those that hold no files (proc, sysfs, ...).
 */
#ifndef CORDON_SENSORS_SCAN_H
#define CORDON_SENSORS_SCAN_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/sensors/baseline.h"
#include "agent/sensors/ignore.h"
#include "common/base/err.h"

#define SCAN_THREADS_MAX 16
#define SCAN_ROOTS_MAX 64

struct scan_opts {
	char *const *root; /* absolute, clean; none below another */
	size_t nroot;
	const struct ignore *ignore; /* NULL: nothing */
	/* NULL: report everything; else only what differs from it. */
	const struct baseline *known;
	bool rehash;	       /* with KNOWN: read contents again */
	unsigned int threads;  /* 1..SCAN_THREADS_MAX */
	uint32_t percent;      /* of a core for each thread; 0: no limit */
	const atomic_bool *stop; /* true: end soon with ERR_CLOSED */
	/*
	 * Called for each folder once it is open and before it is read, on
	 * any of the threads.
	 */
	void (*on_dir)(void *arg, int fd, const char *path);
	/* A mounted file system is about to be entered; any thread. */
	void (*on_mount)(void *arg, const char *path);
	void *arg;
};

struct scan_result {
	struct rec *rec; /* sorted; owned */
	size_t n;
	uint64_t files; /* looked at, folders included */
	uint64_t bytes; /* read */
	uint64_t unread; /* folders and files that could not be looked at */
	uint8_t *seen;	/* with KNOWN: bit NR is entry NR of its file */
	struct scan_memory *memory;
};

int scan_run(const struct scan_opts *o, struct scan_result **res,
    struct why *why);
bool scan_seen(const struct scan_result *res, size_t nr);
void scan_free(struct scan_result **res);

#endif
