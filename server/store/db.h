/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A transaction of the store, driver-neutral: SQL in the subset that SQLite
 * 3.40 and PostgreSQL 15 share (INSERT ... ON CONFLICT, RETURNING, no type
 * tricks), placeholders $1 $2 ...  A struct db lives only inside a job of
 * store.h, on that job's thread.
 */
#ifndef CORDON_SERVER_STORE_DB_H
#define CORDON_SERVER_STORE_DB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"

struct db;
struct db_rows;

/*
 * Run a statement without rows.  SQL must be a string literal (prepared
 * statements are kept by its address).  TYPES has one letter a parameter:
 * 's' const char * (NULL is NULL), 'i' int64_t, 'b' const void *, size_t.
 * CHANGED may be NULL.  The error is logged and kept in db_why().
 * ERR_EXIST on a violated unique key, ERR_IO else.
 */
int db_run(struct db *db, int64_t *changed, const char *sql,
    const char *types, ...);

/* Start a query; NULL on failure (db_why).  db_end frees and sets NULL. */
struct db_rows *db_query(struct db *db, const char *sql, const char *types,
    ...);
/* 1 a row is there, 0 the end, or an error code. */
int db_next(struct db_rows *r);
void db_end(struct db_rows **r);
/* Column COL of the present row.  Text is lent until db_next, never NULL. */
int64_t db_int(struct db_rows *r, int col);
const char *db_text(struct db_rows *r, int col);
const void *db_blob(struct db_rows *r, int col, size_t *len);
bool db_null(struct db_rows *r, int col);
/* Copy column text into a fixed array, cut safely at a UTF-8 border. */
void db_copy(struct db_rows *r, int col, char *out, size_t size);

/*
 * A query whose first row is all that is wanted: 0 and *R stands on it
 * (db_end), ERR_NOENT, or an error; *R is NULL then.
 */
int db_row(struct db *db, struct db_rows **r, const char *sql,
    const char *types, ...);
/* First column of the first row; ERR_NOENT if there is none. */
int db_one_int(struct db *db, int64_t *out, const char *sql,
    const char *types, ...);

/* Why the last call failed, for a log. */
const char *db_why(const struct db *db);
/* Wall time of this transaction: one value for all its records. */
int64_t db_now(const struct db *db);

/*
 * After the commit, send this frame to the host if it is connected here
 * (FRAME_ kinds of common/wire/frame.h).  Nothing is sent when the
 * transaction or this job rolls back.  KIND 0: end its connection
 * (revoked), payload is the reason.
 */
int db_send(struct db *db, const char *host_id, uint16_t kind,
    const void *payload, size_t len);

#endif
