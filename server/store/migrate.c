/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Numbered migrations.  Runs once at start, before any other thread; the
 * SQL is server/store/schema/NNN_*.sql, compiled in.
 */
#include "server/store/migrate.h"

#include <inttypes.h>

#include "common/base/log.h"
#include "server/store/session.h"

static const char *const schema[] = {
#include "server/store/schema.inc"
};

const char *const *
migrate_list(size_t *n)
{
	*n = sizeof(schema) / sizeof(schema[0]);
	return schema;
}

static int
present_number(struct db *db, int64_t *number, struct why *why)
{
	if (!db->drv->has_table(db->conn, "meta")) {
		*number = 0;
		return 0;
	}
	if (db_one_int(db, number, "SELECT CAST(value AS BIGINT) FROM meta "
	    "WHERE key = 'schema'", "") != 0 || *number < 1)
		return why_set(why, ERR_CORRUPT,
		    "the database says no schema number; it was not made by "
		    "cordon-collector, or restored only in part");
	return 0;
}

static int
apply(struct db *db, const char *sql, int64_t number, struct why *why)
{
	int rc;

	rc = session_begin(db);
	if (rc == 0)
		rc = db->drv->exec(db->conn, sql, &db->why);
	if (rc == 0)
		rc = db_run(db, NULL, "INSERT INTO meta (key, value) "
		    "VALUES ('schema', CAST($1 AS TEXT)) ON CONFLICT (key) "
		    "DO UPDATE SET value = excluded.value", "i", number);
	if (rc == 0)
		rc = session_commit(db);
	if (rc != 0) {
		(void)why_set(why, ERR_IO, "migration %" PRId64 ": %s",
		    number, db_why(db));
		session_rollback(db);
		return ERR_IO;
	}
	log_info("database is at schema %" PRId64, number);
	return 0;
}

int
migrate_run(struct db *db, const char *const *list, size_t n,
    struct why *why)
{
	int64_t have;
	int rc;

	rc = present_number(db, &have, why);
	if (rc != 0)
		return rc;
	if (have > (int64_t)n)
		return why_set(why, ERR_UNSUPP, "the database has schema %"
		    PRId64 ", this program knows up to %zu; install the "
		    "newer cordon-collector or restore the older database",
		    have, n);
	for (; have < (int64_t)n && rc == 0; have++)
		rc = apply(db, list[have], have + 1, why);
	return rc;
}
