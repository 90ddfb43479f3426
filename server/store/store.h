/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The store: one writer thread with group commit, a few reader threads, and
 * jobs.  A job is a function that runs inside a transaction; its result
 * comes back on the loop that submitted it, after the commit is durable.
 * So all decisions of the collector are made by plain sequential code, one
 * at a time, and nothing blocks a loop.
 */
#ifndef CORDON_SERVER_STORE_STORE_H
#define CORDON_SERVER_STORE_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"
#include "server/store/db.h"

#define STORE_GROUP_MAX 10000 /* jobs in one commit */
#define STORE_GROUP_MS 50     /* longest wait for more */
#define STORE_QUEUE_MAX 65536 /* jobs waiting: then ERR_AGAIN */

struct event_base;
struct store;
struct store_loop; /* where results are delivered: one a loop */

/* Runs in the transaction.  Not 0: this job alone is rolled back. */
typedef int store_job_fn(struct db *db, void *arg);
/* Runs on the loop.  RESULT: the job's, or ERR_IO when the commit failed. */
typedef void store_done_fn(void *arg, int result);
/* Called on the writer thread after the commit; must not block. */
typedef void store_sink_fn(void *arg, const char *host_id, uint16_t kind,
    const void *payload, size_t len);
/*
 * Called on the writer thread as the last thing inside a transaction that
 * wrote something (the audit room signs its head there).
 */
typedef int store_closing_fn(struct db *db, void *arg);

struct store_options {
	const char *url; /* "sqlite:/path/file.db" or "postgresql://..." */
	int readers;	 /* reader threads, 1..16 */
};

/* Opens, migrates to the newest schema, starts no thread yet. */
int store_open(const struct store_options *o, struct store **s,
    struct why *why);
void store_set_sink(struct store *s, store_sink_fn *fn, void *arg);
void store_set_closing(struct store *s, store_closing_fn *fn, void *arg);
int store_start(struct store *s, struct why *why);
/* Commits what waits, stops the threads, closes. */
void store_close(struct store **s);

struct store_loop *store_loop_new(struct store *s, struct event_base *base);
/*
 * From the loop's own thread, before or after store_close: waits for what
 * was submitted, calls the DONEs that are still due, frees.
 */
void store_loop_free(struct store_loop **l);

/*
 * Submit from the loop's own thread.  ARG must live until DONE.  DONE may
 * be NULL.  ERR_AGAIN when the queue is full: the caller stops reading.
 */
int store_write(struct store_loop *l, store_job_fn *fn, void *arg,
    store_done_fn *done);
int store_read(struct store_loop *l, store_job_fn *fn, void *arg,
    store_done_fn *done);
/* Jobs waiting for the writer (for backpressure and metrics). */
size_t store_depth(const struct store *s);

/* Run one job at once on the calling thread (init, tests, before start). */
int store_now(struct store *s, store_job_fn *fn, void *arg);

#endif
