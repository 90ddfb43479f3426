/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Inside of struct db, for this room only: a connection while it runs jobs,
 * with what the jobs want to send after the commit.
 */
#ifndef CORDON_SERVER_STORE_SESSION_H
#define CORDON_SERVER_STORE_SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/id.h"
#include "server/store/db.h"
#include "server/store/driver.h"
#include "server/store/store.h"

#define SESSION_SEND_MAX (64 * 1024 * 1024) /* bytes to send a commit */

/* One db_send that waits for the commit. */
struct effect {
	struct effect *next;
	char host_id[ID_MAX];
	uint16_t kind;
	size_t len;
	uint8_t payload[];
};

struct db {
	const struct driver *drv; /* lent */
	struct driver_conn *conn; /* owned */
	bool writes;
	int64_t now;
	struct why why;
	struct db_rows *open; /* queries a job has not ended yet */
	struct effect *effects, **effects_end;
	size_t effects_bytes;
};

/* Connect by URL; the driver is chosen by its scheme. */
int session_open(struct db *db, const char *url, enum driver_use use,
    struct why *why);
/* Also drops effects. */
void session_close(struct db *db);

/*
 * Run FN alone between two points: what it wrote and sent is undone when it
 * does not return 0.  Returns what FN returned, or ERR_IO.
 */
int session_job(struct db *db, store_job_fn *fn, void *arg);
/* The same for a job that reads: a snapshot of its own. */
int session_read(struct db *db, store_job_fn *fn, void *arg);
int session_begin(struct db *db);
int session_commit(struct db *db);
/* Everything since session_begin, effects too. */
void session_rollback(struct db *db);

/* Hand the effects to SINK (may be NULL) in order and forget them. */
void session_deliver(struct db *db, store_sink_fn *sink, void *arg);

#endif
