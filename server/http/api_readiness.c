/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * /v1/readiness: which hosts could be isolated and released today, and what
 * stands in the way on the others.  In the collector, inside store jobs.
 * The items are the agents' own words.
 */
#include <string.h>

#include "server/http/call.h"
#include "server/http/json_out.h"
#include "server/store/hosts.h"

enum ready { READY_YES, READY_WEAKER, READY_NO, READY_UNKNOWN, READY_N };

static const char *const ready_name[] = {"yes", "weaker", "no", "unknown"};

struct fleet {
	struct db *db;
	const struct call *c;
	const char *grp;
	int tier; /* -1: any */
	json_t *hosts, *why;
	int64_t count[READY_N];
};

/* What is not ok in STORED, worst level first; how ready that makes it. */
static enum ready
judge(const json_t *stored, json_t *items)
{
	static const char *const levels[] = {"blocks", "weaker"};
	enum ready ready = READY_YES;
	const char *level;
	json_t *one, *o;
	size_t i, k;

	for (k = 0; k < 2; k++)
		json_array_foreach((json_t *)(uintptr_t)stored, i, one) {
			level = json_string_value(json_object_get(one,
			    "level"));
			if (json_is_true(json_object_get(one, "ok")) ||
			    strcmp(level != NULL ? level : "weaker",
			    levels[k]) != 0)
				continue;
			o = json_deep_copy(one);
			json_object_del(o, "ok");
			put_text(o, "level", levels[k]);
			json_array_append_new(items, o);
			if (ready == READY_YES)
				ready = k == 0 ? READY_NO : READY_WEAKER;
		}
	return ready;
}

/* {host, group, tier, online, ready, checked_at, items}; NULL: the store. */
static json_t *
host_json(struct db *db, const struct host *h, enum ready *ready)
{
	json_t *o, *stored, *items = json_array();
	struct db_rows *r;
	int64_t at;

	if (db_row(db, &r, "SELECT readiness, readiness_at FROM hosts "
	    "WHERE host_id = $1", "s", h->host_id) != 0) {
		json_decref(items);
		return NULL;
	}
	stored = json_loads(db_text(r, 0), 0, NULL);
	at = db_int(r, 1);
	db_end(&r);
	*ready = at == 0 ? READY_UNKNOWN : judge(stored, items);
	json_decref(stored);
	o = json_object();
	put_text(o, "host", h->name);
	put_text(o, "group", h->grp);
	put_text(o, "tier", word_name(WORDS_TIER, (int)h->tier));
	put_bool(o, "online", h->online);
	put_text(o, "ready", ready_name[*ready]);
	put_time(o, "checked_at", at);
	json_object_set_new(o, "items", items);
	return o;
}

/* Count the items of a host under their ids. */
static void
add_why(json_t *why, const json_t *items)
{
	json_t *one, *row, *known;
	size_t i, k;

	json_array_foreach((json_t *)(uintptr_t)items, i, one) {
		row = NULL;
		json_array_foreach(why, k, known)
			if (json_equal(json_object_get(known, "id"),
			    json_object_get(one, "id")) &&
			    json_equal(json_object_get(known, "level"),
			    json_object_get(one, "level")))
				row = known;
		if (row == NULL) {
			row = json_deep_copy(one);
			put_int(row, "count", 0);
			json_array_append_new(why, row);
		}
		put_int(row, "count", 1 + json_integer_value(
		    json_object_get(row, "count")));
	}
}

static int
fleet_one(void *arg, const struct host *h)
{
	struct fleet *f = arg;
	enum ready ready;
	json_t *o;

	if (h->revoked || h->stage == STAGE_RETIRED ||
	    !person_sees(&f->c->person, h->grp, 0) ||
	    (f->grp != NULL && strcmp(f->grp, h->grp) != 0) ||
	    (f->tier >= 0 && f->tier != (int)h->tier))
		return 0;
	o = host_json(f->db, h, &ready);
	if (o == NULL)
		return ERR_IO;
	f->count[ready]++;
	add_why(f->why, json_object_get(o, "items"));
	json_array_append_new(f->hosts, o);
	return 0;
}

int
api_readiness(struct db *db, struct call *c)
{
	const char *tier = query_get(&c->query, "tier", NULL);
	struct fleet f = { .db = db, .c = c, .tier = -1 };
	struct why why;

	f.grp = query_get(&c->query, "group", NULL);
	if (tier != NULL && word_find(WORDS_TIER, tier, &f.tier) != 0) {
		why_set(&why, ERR_SYNTAX, "query \"tier\": T0 to T3");
		return call_bad(c, &why);
	}
	c->out = json_object();
	f.why = json_array();
	f.hosts = json_array();
	json_object_set_new(c->out, "why", f.why);
	json_object_set_new(c->out, "hosts", f.hosts);
	if (hosts_each(db, fleet_one, &f) != 0)
		return ERR_IO;
	put_int(c->out, "fleet", (int64_t)json_array_size(f.hosts));
	put_int(c->out, "full", f.count[READY_YES]);
	put_int(c->out, "weaker", f.count[READY_WEAKER]);
	put_int(c->out, "blocked", f.count[READY_NO]);
	put_int(c->out, "unknown", f.count[READY_UNKNOWN]);
	return 0;
}

int
api_host_readiness(struct db *db, struct call *c)
{
	enum ready ready;
	struct host h;
	int rc;

	rc = call_host(c, db, c->param, &h, NULL);
	if (rc == 0)
		c->out = host_json(db, &h, &ready);
	return rc != 0 || c->out != NULL ? rc : ERR_IO;
}
