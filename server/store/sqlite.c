/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The embedded driver: SQLite in WAL mode, every commit synced.  Runs on
 * the store's threads.  https://sqlite.org/wal.html,
 * https://sqlite.org/c3ref/intro.html.
 */
#include <sqlite3.h>

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "server/store/driver.h"

#define CACHE_SLOTS 1024 /* prepared statements a connection; power of two */
#define SQL_MAX 16384
#define BUSY_MS 5000
#define WAL_TIDY_PAGES 4096   /* 16 MiB: time for the checkpoint thread */
#define WAL_BOUND_PAGES 65536 /* 256 MiB: the writer does it itself */

struct driver_stmt {
	sqlite3_stmt *stmt;
	struct driver_conn *conn;
	const char *address; /* of the literal: the key */
	char *text;	     /* its text: a key that is no literal is caught */
	bool busy;
	bool kept; /* in a slot of the cache */
};

struct driver_conn {
	sqlite3 *db;
	struct driver_stmt *slot[CACHE_SLOTS];
	int wal_pages;
};

static int
conn_why(struct driver_conn *c, struct why *why)
{
	switch (sqlite3_extended_errcode(c->db)) {
	case SQLITE_CONSTRAINT_UNIQUE:
	case SQLITE_CONSTRAINT_PRIMARYKEY:
	case SQLITE_CONSTRAINT_ROWID:
		return why_set(why, ERR_EXIST, "%s", sqlite3_errmsg(c->db));
	default:
		return why_set(why, ERR_IO, "%s", sqlite3_errmsg(c->db));
	}
}

/* Called by SQLite after each commit with the pages now in the WAL. */
static int
wal_grew(void *arg, sqlite3 *db, const char *name, int pages)
{
	struct driver_conn *c = arg;

	(void)db;
	(void)name;
	c->wal_pages = pages;
	return SQLITE_OK;
}

static int
lite_exec(struct driver_conn *c, const char *sql, struct why *why)
{
	if (sqlite3_exec(c->db, sql, NULL, NULL, NULL) != SQLITE_OK)
		return conn_why(c, why);
	return 0;
}

static void
stmt_free(struct driver_stmt **s)
{
	if (*s == NULL)
		return;
	sqlite3_finalize((*s)->stmt);
	free((*s)->text);
	free(*s);
	*s = NULL;
}

static void
lite_close(struct driver_conn **c)
{
	size_t i;

	if (*c == NULL)
		return;
	for (i = 0; i < CACHE_SLOTS; i++)
		stmt_free(&(*c)->slot[i]);
	sqlite3_close((*c)->db);
	free(*c);
	*c = NULL;
}

/* Make the file ourselves: SQLite would leave it to the umask. */
static int
create_file(const char *path, struct why *why)
{
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

	if (fd < 0)
		return why_sys(why, ERR_IO, "cannot open %s", path);
	close(fd);
	return 0;
}

static int
set_up(struct driver_conn *c, enum driver_use use, struct why *why)
{
	int rc;

	sqlite3_extended_result_codes(c->db, 1);
	sqlite3_busy_timeout(c->db, BUSY_MS);
	sqlite3_db_config(c->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	sqlite3_db_config(c->db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
	rc = lite_exec(c, "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;"
	    "PRAGMA foreign_keys=ON; PRAGMA temp_store=MEMORY;"
	    "PRAGMA cache_size=-32768;", why);
	if (rc == 0 && use == DRIVER_READER)
		rc = lite_exec(c, "PRAGMA query_only=ON", why);
	/* The hook takes the place of SQLite's own checkpoint in COMMIT. */
	if (rc == 0)
		sqlite3_wal_hook(c->db, wal_grew, c);
	return rc;
}

static int
lite_open(const char *rest, enum driver_use use, struct driver_conn **out,
    struct why *why)
{
	struct driver_conn *c;
	int rc = 0;

	if (rest[0] != '/')
		return why_set(why, ERR_CONFIG, "\"sqlite:%s\": write an "
		    "absolute path, sqlite:/path/file.db", rest);
	if (use == DRIVER_WRITER)
		rc = create_file(rest, why);
	if (rc != 0)
		return rc;
	c = calloc(1, sizeof(*c));
	if (c == NULL)
		return why_set(why, ERR_NOMEM, "out of memory");
	if (sqlite3_open_v2(rest, &c->db, SQLITE_OPEN_READWRITE |
	    SQLITE_OPEN_NOMUTEX, NULL) != SQLITE_OK)
		rc = why_set(why, ERR_IO, "%s", c->db != NULL ?
		    sqlite3_errmsg(c->db) : "out of memory");
	if (rc == 0)
		rc = set_up(c, use, why);
	if (rc != 0) {
		why_prefix(why, "%s: ", rest);
		lite_close(&c);
		return rc;
	}
	*out = c;
	return 0;
}

static bool
lite_in_transaction(struct driver_conn *c)
{
	return sqlite3_get_autocommit(c->db) == 0;
}

static int64_t
lite_written(struct driver_conn *c)
{
	return sqlite3_total_changes64(c->db);
}

static bool
lite_has_table(struct driver_conn *c, const char *name)
{
	sqlite3_stmt *s = NULL;
	bool has = false;

	if (sqlite3_prepare_v2(c->db, "SELECT 1 FROM sqlite_master WHERE "
	    "type = 'table' AND name = ?1", -1, &s, NULL) == SQLITE_OK &&
	    sqlite3_bind_text(s, 1, name, -1, SQLITE_STATIC) == SQLITE_OK)
		has = sqlite3_step(s) == SQLITE_ROW;
	sqlite3_finalize(s);
	return has;
}

/*
 * $1 -> ?1 outside of quoted text: SQLite would number $n by first
 * appearance, not by n.
 */
static int
translate(const char *sql, char out[SQL_MAX])
{
	size_t n = 0;
	char quote = '\0';

	for (; *sql != '\0'; sql++) {
		if (n == SQL_MAX - 1)
			return ERR_LIMIT;
		if (quote != '\0') {
			if (*sql == quote)
				quote = '\0';
		} else if (*sql == '\'' || *sql == '"') {
			quote = *sql;
		} else if (*sql == '$' && isdigit((unsigned char)sql[1])) {
			out[n++] = '?';
			continue;
		}
		out[n++] = *sql;
	}
	out[n] = '\0';
	return 0;
}

static int
stmt_new(struct driver_conn *c, const char *sql, struct driver_stmt **out,
    struct why *why)
{
	struct driver_stmt *s;
	char lite[SQL_MAX];

	if (translate(sql, lite) != 0)
		return why_set(why, ERR_LIMIT, "statement is too long");
	s = calloc(1, sizeof(*s));
	if (s == NULL || (s->text = strdup(sql)) == NULL) {
		free(s);
		return why_set(why, ERR_NOMEM, "out of memory");
	}
	s->conn = c;
	s->address = sql;
	if (sqlite3_prepare_v3(c->db, lite, -1, SQLITE_PREPARE_PERSISTENT,
	    &s->stmt, NULL) != SQLITE_OK) {
		(void)conn_why(c, why);
		stmt_free(&s);
		return ERR_IO;
	}
	*out = s;
	return 0;
}

static int
lite_start(struct driver_conn *c, const char *sql, struct driver_stmt **out,
    struct why *why)
{
	size_t at = ((uintptr_t)sql * 0x9e3779b97f4a7c15u) >> 54;
	struct driver_stmt **slot = &c->slot[at % CACHE_SLOTS];
	struct driver_stmt *s = *slot;
	int rc;

	if (s != NULL && !s->busy && s->address == sql &&
	    strcmp(s->text, sql) == 0) {
		s->busy = true;
		*out = s;
		return 0;
	}
	rc = stmt_new(c, sql, &s, why);
	if (rc != 0)
		return rc;
	s->busy = true;
	/* A busy one keeps its slot: this is the same query nested. */
	if (*slot == NULL || !(*slot)->busy) {
		stmt_free(slot);
		*slot = s;
		s->kept = true;
	}
	*out = s;
	return 0;
}

static void
lite_finish(struct driver_stmt **s)
{
	if (*s == NULL)
		return;
	if ((*s)->kept) {
		sqlite3_reset((*s)->stmt);
		sqlite3_clear_bindings((*s)->stmt);
		(*s)->busy = false;
		*s = NULL;
	} else {
		stmt_free(s);
	}
}

static int
bound(int rc)
{
	return rc == SQLITE_OK ? 0 : ERR_RANGE;
}

static int
lite_bind_text(struct driver_stmt *s, int n, const char *text)
{
	if (text == NULL)
		return bound(sqlite3_bind_null(s->stmt, n));
	return bound(sqlite3_bind_text(s->stmt, n, text, -1, SQLITE_STATIC));
}

static int
lite_bind_int(struct driver_stmt *s, int n, int64_t value)
{
	return bound(sqlite3_bind_int64(s->stmt, n, value));
}

static int
lite_bind_blob(struct driver_stmt *s, int n, const void *data, size_t len)
{
	if (data == NULL)
		return bound(sqlite3_bind_null(s->stmt, n));
	if (len == 0)
		return bound(sqlite3_bind_zeroblob(s->stmt, n, 0));
	return bound(sqlite3_bind_blob64(s->stmt, n, data, len,
	    SQLITE_STATIC));
}

static int
lite_step(struct driver_stmt *s, struct why *why)
{
	switch (sqlite3_step(s->stmt)) {
	case SQLITE_ROW:
		return 1;
	case SQLITE_DONE:
		return 0;
	default:
		return conn_why(s->conn, why);
	}
}

static int64_t
lite_changed(struct driver_stmt *s)
{
	return sqlite3_changes64(s->conn->db);
}

static int64_t
lite_col_int(struct driver_stmt *s, int col)
{
	return sqlite3_column_int64(s->stmt, col);
}

static const char *
lite_col_text(struct driver_stmt *s, int col)
{
	return (const char *)sqlite3_column_text(s->stmt, col);
}

static const void *
lite_col_blob(struct driver_stmt *s, int col, size_t *len)
{
	const void *data = sqlite3_column_blob(s->stmt, col);

	*len = (size_t)sqlite3_column_bytes(s->stmt, col);
	return data;
}

static bool
lite_col_null(struct driver_stmt *s, int col)
{
	return sqlite3_column_type(s->stmt, col) == SQLITE_NULL;
}

static bool
lite_tidy_due(struct driver_conn *c)
{
	/* PASSIVE waits for nobody; it only copies what may be copied. */
	if (c->wal_pages >= WAL_BOUND_PAGES) {
		sqlite3_wal_checkpoint_v2(c->db, NULL,
		    SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
		return false;
	}
	return c->wal_pages >= WAL_TIDY_PAGES;
}

static void
lite_tidy(struct driver_conn *c)
{
	sqlite3_wal_checkpoint_v2(c->db, NULL, SQLITE_CHECKPOINT_PASSIVE,
	    NULL, NULL);
}

const struct driver driver_sqlite = {
	.scheme = "sqlite:",
	.open = lite_open,
	.close = lite_close,
	.exec = lite_exec,
	.in_transaction = lite_in_transaction,
	.has_table = lite_has_table,
	.written = lite_written,
	.start = lite_start,
	.bind_text = lite_bind_text,
	.bind_int = lite_bind_int,
	.bind_blob = lite_bind_blob,
	.step = lite_step,
	.changed = lite_changed,
	.col_int = lite_col_int,
	.col_text = lite_col_text,
	.col_blob = lite_col_blob,
	.col_null = lite_col_null,
	.finish = lite_finish,
	.tidy_due = lite_tidy_due,
	.tidy = lite_tidy,
};
