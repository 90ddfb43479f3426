/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What a database must give the store: connections, prepared statements,
 * transactions.  One table of functions a database; a connection is used by
 * one thread at a time.
 */
#ifndef CORDON_SERVER_STORE_DRIVER_H
#define CORDON_SERVER_STORE_DRIVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"

struct driver_conn;
struct driver_stmt;

enum driver_use {
	DRIVER_WRITER,	/* creates the database when there is none */
	DRIVER_READER,	/* may not change anything */
	DRIVER_TIDY,	/* only for `tidy` */
};

struct driver {
	const char *scheme; /* of the URL, with its colon */

	/* REST of the URL, behind the scheme. */
	int (*open)(const char *rest, enum driver_use use,
	    struct driver_conn **c, struct why *why);
	void (*close)(struct driver_conn **c);
	/* One or more statements without parameters or rows. */
	int (*exec)(struct driver_conn *c, const char *sql, struct why *why);
	/* Is the transaction that was begun still open? */
	bool (*in_transaction)(struct driver_conn *c);
	bool (*has_table)(struct driver_conn *c, const char *name);
	/* Rows written by this connection so far. */
	int64_t (*written)(struct driver_conn *c);

	/*
	 * A statement ready for parameters.  SQL is a literal; the prepared
	 * form is kept by its address.  Given back by `finish`, always.
	 */
	int (*start)(struct driver_conn *c, const char *sql,
	    struct driver_stmt **s, struct why *why);
	/* N from 1.  TEXT and DATA are lent until `finish`; NULL is NULL. */
	int (*bind_text)(struct driver_stmt *s, int n, const char *text);
	int (*bind_int)(struct driver_stmt *s, int n, int64_t value);
	int (*bind_blob)(struct driver_stmt *s, int n, const void *data,
	    size_t len);
	/* 1 a row, 0 the end, ERR_EXIST on a unique key, or ERR_IO. */
	int (*step)(struct driver_stmt *s, struct why *why);
	int64_t (*changed)(struct driver_stmt *s);
	int64_t (*col_int)(struct driver_stmt *s, int col);
	const char *(*col_text)(struct driver_stmt *s, int col);
	const void *(*col_blob)(struct driver_stmt *s, int col, size_t *len);
	bool (*col_null)(struct driver_stmt *s, int col);
	void (*finish)(struct driver_stmt **s);

	/*
	 * Called by the writer after a commit: is there work for `tidy`?  It
	 * bounds the log itself when `tidy` did not keep up.
	 */
	bool (*tidy_due)(struct driver_conn *c);
	/* On a connection and thread of its own (a WAL checkpoint). */
	void (*tidy)(struct driver_conn *c);
};

extern const struct driver driver_sqlite;

#endif
