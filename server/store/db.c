/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Statements and rows of one job: binds by a letter a parameter, hands rows
 * out, keeps what went wrong.  Runs on the store's threads.  The SQL comes
 * from our own literals; the values may be foreign and are only ever bound.
 */
#include "server/store/db.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/log.h"
#include "server/store/session.h"

struct db_rows {
	struct db *db;
	struct driver_stmt *stmt;
	struct db_rows *next; /* in db->open */
};

static int
failed(struct db *db, int rc, const char *sql)
{
	why_prefix(&db->why, "%.60s: ", sql);
	/* A key that is there already is often the answer, not a fault. */
	if (rc == ERR_EXIST)
		log_debug("store: %s", db->why.text);
	else
		log_error("store: %s", db->why.text);
	return rc;
}

static int
bind_all(struct db *db, struct driver_stmt *s, const char *types, va_list ap)
{
	const void *data;
	int n, rc = 0;

	for (n = 1; *types != '\0' && rc == 0; n++, types++) {
		switch (*types) {
		case 's':
			rc = db->drv->bind_text(s, n,
			    va_arg(ap, const char *));
			break;
		case 'i':
			rc = db->drv->bind_int(s, n, va_arg(ap, int64_t));
			break;
		case 'b':
			data = va_arg(ap, const void *);
			rc = db->drv->bind_blob(s, n, data,
			    va_arg(ap, size_t));
			break;
		default:
			rc = ERR_RANGE;
			break;
		}
	}
	if (rc != 0)
		(void)why_set(&db->why, rc, "parameter $%d cannot be bound",
		    n - 1);
	return rc;
}

static int
start(struct db *db, const char *sql, const char *types, va_list ap,
    struct driver_stmt **out)
{
	struct driver_stmt *s;
	int rc;

	rc = db->drv->start(db->conn, sql, &s, &db->why);
	if (rc != 0)
		return failed(db, rc, sql);
	rc = bind_all(db, s, types, ap);
	if (rc != 0) {
		db->drv->finish(&s);
		return failed(db, rc, sql);
	}
	*out = s;
	return 0;
}

int
db_run(struct db *db, int64_t *changed, const char *sql, const char *types,
    ...)
{
	struct driver_stmt *s;
	va_list ap;
	int rc;

	va_start(ap, types);
	rc = start(db, sql, types, ap, &s);
	va_end(ap);
	if (rc != 0)
		return rc;
	while ((rc = db->drv->step(s, &db->why)) == 1)
		;
	if (rc == 0 && changed != NULL)
		*changed = db->drv->changed(s);
	db->drv->finish(&s);
	return rc == 0 ? 0 : failed(db, rc, sql);
}

static struct db_rows *
query(struct db *db, const char *sql, const char *types, va_list ap)
{
	struct db_rows *r = malloc(sizeof(*r));

	if (r == NULL) {
		(void)why_set(&db->why, ERR_NOMEM, "out of memory");
		return NULL;
	}
	if (start(db, sql, types, ap, &r->stmt) != 0) {
		free(r);
		return NULL;
	}
	r->db = db;
	r->next = db->open;
	db->open = r;
	return r;
}

struct db_rows *
db_query(struct db *db, const char *sql, const char *types, ...)
{
	struct db_rows *r;
	va_list ap;

	va_start(ap, types);
	r = query(db, sql, types, ap);
	va_end(ap);
	return r;
}

int
db_next(struct db_rows *r)
{
	int rc;

	if (r == NULL)
		return ERR_IO;
	rc = r->db->drv->step(r->stmt, &r->db->why);
	return rc < 0 ? failed(r->db, rc, "query") : rc;
}

void
db_end(struct db_rows **r)
{
	struct db_rows **at;

	if (*r == NULL)
		return;
	for (at = &(*r)->db->open; *at != NULL; at = &(*at)->next) {
		if (*at == *r) {
			*at = (*r)->next;
			break;
		}
	}
	(*r)->db->drv->finish(&(*r)->stmt);
	free(*r);
	*r = NULL;
}

int64_t
db_int(struct db_rows *r, int col)
{
	return r->db->drv->col_int(r->stmt, col);
}

const char *
db_text(struct db_rows *r, int col)
{
	const char *text = r->db->drv->col_text(r->stmt, col);

	return text != NULL ? text : "";
}

const void *
db_blob(struct db_rows *r, int col, size_t *len)
{
	return r->db->drv->col_blob(r->stmt, col, len);
}

bool
db_null(struct db_rows *r, int col)
{
	return r->db->drv->col_null(r->stmt, col);
}

void
db_copy(struct db_rows *r, int col, char *out, size_t size)
{
	const char *text = db_text(r, col);
	size_t len = strlen(text);

	if (len > size - 1) {
		len = size - 1;
		/* Bytes 10xxxxxx go on a character that began before. */
		while (len > 0 && ((unsigned char)text[len] & 0xc0) == 0x80)
			len--;
	}
	memcpy(out, text, len);
	out[len] = '\0';
}

static int
first(struct db *db, struct db_rows **r, const char *sql, const char *types,
    va_list ap)
{
	int rc;

	*r = query(db, sql, types, ap);
	rc = db_next(*r);
	if (rc == 1)
		return 0;
	db_end(r);
	return rc == 0 ? ERR_NOENT : rc;
}

int
db_row(struct db *db, struct db_rows **r, const char *sql, const char *types,
    ...)
{
	va_list ap;
	int rc;

	va_start(ap, types);
	rc = first(db, r, sql, types, ap);
	va_end(ap);
	return rc;
}

int
db_one_int(struct db *db, int64_t *out, const char *sql, const char *types,
    ...)
{
	struct db_rows *r;
	va_list ap;
	int rc;

	va_start(ap, types);
	rc = first(db, &r, sql, types, ap);
	va_end(ap);
	if (rc != 0)
		return rc;
	*out = db_int(r, 0);
	db_end(&r);
	return 0;
}

const char *
db_why(const struct db *db)
{
	return db->why.text;
}

int64_t
db_now(const struct db *db)
{
	return db->now;
}

int
db_send(struct db *db, const char *host_id, uint16_t kind,
    const void *payload, size_t len)
{
	struct effect *e;

	if (!db->writes)
		return why_set(&db->why, ERR_BADSTATE,
		    "a job that reads cannot send");
	if (strlen(host_id) >= ID_MAX)
		return why_set(&db->why, ERR_RANGE, "host id is too long");
	if (len > SESSION_SEND_MAX - db->effects_bytes)
		return why_set(&db->why, ERR_LIMIT,
		    "too much to send in one commit");
	e = calloc(1, sizeof(*e) + len);
	if (e == NULL)
		return why_set(&db->why, ERR_NOMEM, "out of memory");
	strcpy(e->host_id, host_id);
	e->kind = kind;
	e->len = len;
	if (len > 0)
		memcpy(e->payload, payload, len);
	*db->effects_end = e;
	db->effects_end = &e->next;
	db->effects_bytes += len;
	return 0;
}
