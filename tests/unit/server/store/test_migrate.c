/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Migrations: in order, once, each whole or not at all, never backwards. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "server/store/migrate.h"
#include "server/store/session.h"

static char dir[64], url[128];

static const char *const steps[] = {
	"CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL);"
	"CREATE TABLE a (x INTEGER);",
	"INSERT INTO a VALUES (1); CREATE TABLE b (y INTEGER);",
	"INSERT INTO a VALUES (2);",
};
static const char *const broken[] = {
	"CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL);"
	"CREATE TABLE a (x INTEGER);",
	"INSERT INTO a VALUES (1); CREATE TABLE a (y INTEGER);",
};

static int
setup(void **state)
{
	(void)state;
	strcpy(dir, "/tmp/test-migrate.XXXXXX");
	assert_non_null(mkdtemp(dir));
	snprintf(url, sizeof(url), "sqlite:%s/c.db", dir);
	return 0;
}

static int
teardown(void **state)
{
	char cmd[128];

	(void)state;
	snprintf(cmd, sizeof(cmd), "rm -rf %s", dir);
	return system(cmd);
}

static int64_t
one(struct db *db, const char *sql)
{
	int64_t n = -1;

	(void)db_one_int(db, &n, sql, "");
	return n;
}

static void
steps_are_applied_once(void **state)
{
	struct db db;
	struct why why;

	(void)state;
	assert_int_equal(session_open(&db, url, DRIVER_WRITER, &why), 0);
	assert_int_equal(migrate_run(&db, steps, 1, &why), 0);
	assert_int_equal(one(&db, "SELECT COUNT(*) FROM a"), 0);
	assert_int_equal(migrate_run(&db, steps, 3, &why), 0);
	assert_int_equal(one(&db, "SELECT SUM(x) FROM a"), 3);
	assert_int_equal(migrate_run(&db, steps, 3, &why), 0);
	assert_int_equal(one(&db, "SELECT SUM(x) FROM a"), 3);
	assert_int_equal(one(&db, "SELECT CAST(value AS BIGINT) FROM meta"),
	    3);
	session_close(&db);
}

static void
a_newer_schema_is_refused(void **state)
{
	struct db db;
	struct why why;

	(void)state;
	assert_int_equal(session_open(&db, url, DRIVER_WRITER, &why), 0);
	assert_int_equal(migrate_run(&db, steps, 3, &why), 0);
	assert_int_equal(migrate_run(&db, steps, 2, &why), ERR_UNSUPP);
	assert_non_null(strstr(why.text, "has schema 3"));
	assert_int_equal(one(&db, "SELECT SUM(x) FROM a"), 3);
	session_close(&db);
}

static void
a_failing_step_leaves_nothing(void **state)
{
	struct db db;
	struct why why;

	(void)state;
	assert_int_equal(session_open(&db, url, DRIVER_WRITER, &why), 0);
	assert_int_equal(migrate_run(&db, broken, 2, &why), ERR_IO);
	assert_non_null(strstr(why.text, "migration 2"));
	assert_int_equal(one(&db, "SELECT COUNT(*) FROM a"), 0);
	assert_int_equal(one(&db, "SELECT CAST(value AS BIGINT) FROM meta"),
	    1);
	session_close(&db);
}

static void
a_foreign_database_is_refused(void **state)
{
	struct db db;
	struct why why;

	(void)state;
	assert_int_equal(session_open(&db, url, DRIVER_WRITER, &why), 0);
	assert_int_equal(db.drv->exec(db.conn,
	    "CREATE TABLE meta (key TEXT, value TEXT)", &why), 0);
	assert_int_equal(migrate_run(&db, steps, 3, &why), ERR_CORRUPT);
	session_close(&db);
}

static void
the_shipped_schema_loads(void **state)
{
	const char *const *list;
	struct db db;
	struct why why;
	size_t n;

	(void)state;
	list = migrate_list(&n);
	assert_true(n >= 1);
	assert_int_equal(session_open(&db, url, DRIVER_WRITER, &why), 0);
	assert_int_equal(migrate_run(&db, list, n, &why), 0);
	assert_int_equal(one(&db, "SELECT COUNT(*) FROM audit_heads"), 0);
	session_close(&db);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(steps_are_applied_once, setup,
		    teardown),
		cmocka_unit_test_setup_teardown(a_newer_schema_is_refused,
		    setup, teardown),
		cmocka_unit_test_setup_teardown(a_failing_step_leaves_nothing,
		    setup, teardown),
		cmocka_unit_test_setup_teardown(a_foreign_database_is_refused,
		    setup, teardown),
		cmocka_unit_test_setup_teardown(the_shipped_schema_loads,
		    setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
