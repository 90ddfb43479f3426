/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * /v1/signals: what sensors saw, oldest first.  With `after` the next ones
 * in order of arrival; without it the newest.  One request looks at a
 * bounded number of rows; `next` says where to go on.
 */
#include <string.h>

#include "server/http/call.h"
#include "server/http/json_out.h"
#include "server/store/hosts.h"

#define SIGNALS_LIMIT 1000
#define SIGNALS_SCAN 50000 /* rows one request looks at */

struct filter {
	const struct person *p;
	const char *kind;
	int min_severity;
	int64_t limit;
};

static bool
fits(const struct filter *f, struct db_rows *r)
{
	return person_sees(f->p, db_text(r, SIGNAL_GRP),
	    ROLE_BIT(ROLE_ADMIN)) &&
	    db_int(r, SIGNAL_SEVERITY) >= f->min_severity &&
	    (f->kind == NULL || strcmp(f->kind, db_text(r, SIGNAL_KIND)) ==
	    0);
}

static struct db_rows *
start(struct db *db, const char *host_id, int64_t after)
{
	if (after >= 0 && host_id != NULL)
		return db_query(db, "SELECT " SIGNAL_COLUMNS
		    "FROM signals s JOIN hosts h ON h.host_id = s.host_id "
		    "WHERE s.host_id = $1 AND s.seq > $2 ORDER BY s.seq "
		    "LIMIT $3", "sii", host_id, after, (int64_t)SIGNALS_SCAN);
	if (after >= 0)
		return db_query(db, "SELECT " SIGNAL_COLUMNS
		    "FROM signals s JOIN hosts h ON h.host_id = s.host_id "
		    "WHERE s.seq > $1 ORDER BY s.seq LIMIT $2", "ii", after,
		    (int64_t)SIGNALS_SCAN);
	if (host_id != NULL)
		return db_query(db, "SELECT " SIGNAL_COLUMNS
		    "FROM signals s JOIN hosts h ON h.host_id = s.host_id "
		    "WHERE s.host_id = $1 ORDER BY s.seq DESC LIMIT $2", "si",
		    host_id, (int64_t)SIGNALS_SCAN);
	return db_query(db, "SELECT " SIGNAL_COLUMNS
	    "FROM signals s JOIN hosts h ON h.host_id = s.host_id "
	    "ORDER BY s.seq DESC LIMIT $1", "i", (int64_t)SIGNALS_SCAN);
}

static int
collect(struct call *c, struct db_rows *r, const struct filter *f,
    int64_t after)
{
	json_t *list = json_array();
	int64_t next = after > 0 ? after : 0;
	int rc = 0;

	c->out = json_object();
	json_object_set_new(c->out, "signals", list);
	while ((int64_t)json_array_size(list) < f->limit &&
	       (rc = db_next(r)) == 1) {
		if (db_int(r, 0) > next)
			next = db_int(r, 0);
		if (!fits(f, r))
			continue;
		if (after >= 0)
			json_array_append_new(list, json_signal(r));
		else
			json_array_insert_new(list, 0, json_signal(r));
	}
	put_int(c->out, "next", next);
	return rc < 0 ? rc : 0;
}

int
api_signals(struct db *db, struct call *c)
{
	struct filter f = { .p = &c->person };
	const char *host = query_get(&c->query, "host", NULL);
	const char *least = query_get(&c->query, "min_severity", "info");
	struct db_rows *r;
	struct host h;
	struct why why;
	int64_t after;
	int rc;

	if (query_int(&c->query, "after", -1, 0, INT64_MAX, &after, &why) ||
	    query_int(&c->query, "limit", 100, 1, SIGNALS_LIMIT, &f.limit,
	    &why))
		return call_bad(c, &why);
	if (word_find(WORDS_SEVERITY, least, &f.min_severity) != 0) {
		why_set(&why, ERR_SYNTAX, "query \"min_severity\": info, "
		    "low, medium, high or critical");
		return call_bad(c, &why);
	}
	f.kind = query_get(&c->query, "kind", NULL);
	rc = host != NULL ? call_host(c, db, host, &h, NULL) : 0;
	if (rc != 0)
		return rc;
	r = start(db, host != NULL ? h.host_id : NULL, after);
	if (r == NULL)
		return ERR_IO;
	rc = collect(c, r, &f, after);
	db_end(&r);
	return rc;
}
