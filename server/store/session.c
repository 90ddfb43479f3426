/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A connection while it runs jobs: transactions, a savepoint a job, and the
 * effects that wait for the commit.  Runs on the store's threads.
 */
#include "server/store/session.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/log.h"

static const struct driver *const drivers[] = { &driver_sqlite };

int
session_open(struct db *db, const char *url, enum driver_use use,
    struct why *why)
{
	struct driver_conn *conn;
	size_t i, n;
	int rc;

	for (i = 0; i < sizeof(drivers) / sizeof(drivers[0]); i++) {
		n = strlen(drivers[i]->scheme);
		if (strncmp(url, drivers[i]->scheme, n) != 0)
			continue;
		rc = drivers[i]->open(url + n, use, &conn, why);
		if (rc != 0)
			return rc;
		memset(db, 0, sizeof(*db));
		db->drv = drivers[i];
		db->conn = conn;
		db->writes = use == DRIVER_WRITER;
		db->effects_end = &db->effects;
		return 0;
	}
	if (strncmp(url, "postgresql:", 11) == 0)
		return why_set(why, ERR_UNSUPP, "this build has no PostgreSQL "
		    "driver; write sqlite:/path/file.db");
	return why_set(why, ERR_CONFIG,
	    "\"%s\" is not a database; write sqlite:/path/file.db", url);
}

static void
drop_effects(struct db *db, struct effect **from, size_t bytes)
{
	struct effect *e;

	while ((e = *from) != NULL) {
		*from = e->next;
		free(e);
	}
	db->effects_end = from;
	db->effects_bytes = bytes;
}

void
session_close(struct db *db)
{
	if (db->conn == NULL)
		return;
	drop_effects(db, &db->effects, 0);
	db->drv->close(&db->conn);
}

/* A query left open would hold its snapshot and its statement. */
static void
end_open_queries(struct db *db)
{
	struct db_rows *r;

	while ((r = db->open) != NULL) {
		log_error("store: a job left a query open");
		db_end(&r);
	}
}

static int
exec(struct db *db, const char *sql)
{
	struct why why;
	int rc = db->drv->exec(db->conn, sql, &why);

	if (rc != 0) {
		db->why = why;
		log_error("store: %s: %s", sql, why.text);
	}
	return rc;
}

int
session_begin(struct db *db)
{
	return exec(db, db->writes ? "BEGIN IMMEDIATE" : "BEGIN");
}

int
session_commit(struct db *db)
{
	if (!db->drv->in_transaction(db->conn)) {
		drop_effects(db, &db->effects, 0);
		return ERR_IO;
	}
	if (exec(db, "COMMIT") != 0) {
		session_rollback(db);
		return ERR_IO;
	}
	return 0;
}

void
session_rollback(struct db *db)
{
	if (db->drv->in_transaction(db->conn))
		(void)exec(db, "ROLLBACK");
	drop_effects(db, &db->effects, 0);
}

int
session_job(struct db *db, store_job_fn *fn, void *arg)
{
	struct effect **mark = db->effects_end;
	size_t bytes = db->effects_bytes;
	int rc;

	/* A severe error (full disk) ends SQLite's whole transaction. */
	if (!db->drv->in_transaction(db->conn) ||
	    db_run(db, NULL, "SAVEPOINT job", "") != 0)
		return ERR_IO;
	db->now = clock_wall_ms();
	rc = fn(db, arg);
	end_open_queries(db);
	if (!db->drv->in_transaction(db->conn))
		return ERR_IO;
	if (rc != 0) {
		drop_effects(db, mark, bytes);
		if (db_run(db, NULL, "ROLLBACK TO job", "") != 0)
			rc = ERR_IO;
	}
	if (db_run(db, NULL, "RELEASE job", "") != 0) {
		/* Neither kept nor undone for sure: undo the whole group. */
		session_rollback(db);
		rc = ERR_IO;
	}
	return rc;
}

int
session_read(struct db *db, store_job_fn *fn, void *arg)
{
	int rc;

	if (session_begin(db) != 0)
		return ERR_IO;
	db->now = clock_wall_ms();
	rc = fn(db, arg);
	end_open_queries(db);
	session_rollback(db);
	return rc;
}

void
session_deliver(struct db *db, store_sink_fn *sink, void *arg)
{
	struct effect *e;

	if (sink != NULL)
		for (e = db->effects; e != NULL; e = e->next)
			sink(arg, e->host_id, e->kind, e->payload, e->len);
	drop_effects(db, &db->effects, 0);
}
