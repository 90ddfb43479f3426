/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * /v1/sweeps: one question to many hosts, and what each said.  In the
 * collector, inside store jobs.  A person asks hosts of groups with a role
 * that may, and reads the answers of groups with any role that sees
 * evidence; what hosts say is their word.
 */
#include <stdlib.h>
#include <string.h>

#include "server/cases/sweep.h"
#include "server/http/call.h"
#include "server/http/json_out.h"
#include "server/http/record.h"
#include "server/store/hosts.h"

#define SWEEPS_LIMIT 200
#define SWEEPS_LOOK 1000 /* newest ones, of which a person sees some */
#define FOR_STANDARD 30	 /* seconds */
#define ROWS_STANDARD 10

struct sweep_body {
	const char *sha256, *path, *user, *address, *process;
	const char *group, *tier, *reason, *case_id;
	struct body_names hosts;
	struct body_int seconds;
};

#define AT(field) offsetof(struct sweep_body, field)
static const struct field sweep_fields[] = {
{ "sha256", FIELD_TEXT, false, AT(sha256), 64, 64 },
{ "path", FIELD_TEXT, false, AT(path), 1, SWEEP_WHAT_MAX - 1 },
{ "user", FIELD_TEXT, false, AT(user), 1, 512 },
{ "address", FIELD_TEXT, false, AT(address), 1, 96 },
{ "process", FIELD_TEXT, false, AT(process), 1, 512 },
{ "group", FIELD_NAME, false, AT(group), 1, NAME_MAX_LEN - 1 },
{ "tier", FIELD_NAME, false, AT(tier), 1, 8 },
{ "hosts", FIELD_NAMES, false, AT(hosts), 0, 0 },
{ "reason", FIELD_TEXT, false, AT(reason), 1, TEXT_MAX_LEN - 1 },
{ "case", FIELD_NAME, false, AT(case_id), 1, ID_MAX - 1 },
{ "for_seconds", FIELD_INT, false, AT(seconds), 1, SWEEP_FOR_MAX },
{ .name = NULL },
};

/* -- asking ---------------------------- */

static int
bad(struct call *c, const char *what)
{
	struct why why;

	why_set(&why, ERR_SYNTAX, "%s", what);
	return call_bad(c, &why);
}

/* Exactly one of the five. */
static int
question_of(struct call *c, const struct sweep_body *b,
    struct sweep_question *q)
{
	const char *const text[] = { NULL, b->sha256, b->path, b->user,
		b->address, b->process };
	int kind, found = 0;
	struct why why;

	for (kind = SWEEP_SHA256; kind <= SWEEP_PROCESS; kind++) {
		if (text[kind] == NULL)
			continue;
		if (found != 0)
			return bad(c, "ask for one thing: sha256, path, user, "
			    "address or process");
		found = kind;
	}
	if (found == 0)
		return bad(c, "what to look for: sha256, path, user, address "
		    "or process");
	if (sweep_parse((enum sweep_kind)found, text[found], q, &why) != 0)
		return call_bad(c, &why);
	return 0;
}

/* The hosts that are asked; ids are owned. */
struct chosen {
	const struct call *c;
	const struct sweep_body *body;
	int tier; /* -1: any */
	char **id;
	size_t n, max;
	size_t forbidden; /* fit, but this person may not ask them */
	struct actor actor;
};

static bool
is_named(const struct sweep_body *b, const struct host *h)
{
	size_t i;

	for (i = 0; i < b->hosts.n; i++)
		if (strcmp(b->hosts.item[i], h->name) == 0 ||
		    strcmp(b->hosts.item[i], h->host_id) == 0)
			return true;
	return b->hosts.n == 0;
}

static int
choose_one(void *arg, const struct host *h)
{
	struct chosen *all = arg;
	char **more;

	/* Who never comes back must not leave every sweep incomplete. */
	if (h->revoked || h->stage == STAGE_RETIRED ||
	    !is_named(all->body, h) ||
	    (all->body->group != NULL &&
	    strcmp(all->body->group, h->grp) != 0) ||
	    (all->tier >= 0 && all->tier != (int)h->tier) ||
	    !person_sees(&all->c->person, h->grp, 0))
		return 0;
	if ((person_roles(&all->c->person, h->grp) &
	    all->c->route->roles) == 0) {
		all->forbidden++;
		return 0;
	}
	if (all->n == all->max) {
		more = realloc(all->id, (all->max * 2 + 64) * sizeof(*more));
		if (more == NULL)
			return ERR_NOMEM;
		all->id = more;
		all->max = all->max * 2 + 64;
	}
	all->id[all->n] = strdup(h->host_id);
	if (all->id[all->n] == NULL)
		return ERR_NOMEM;
	all->n++;
	actor_narrow(&all->c->person, h->grp, &all->actor);
	return 0;
}

static void
chosen_done(struct chosen *all)
{
	while (all->n > 0)
		free(all->id[--all->n]);
	free(all->id);
}

/* "group fin, tier T2, 3 named" or "all". */
static void
selector_text(const struct sweep_body *b, char *out, size_t size)
{
	int n = snprintf(out, size, "%s%s%s%s%s", b->group != NULL ?
	    "group " : "", b->group != NULL ? b->group : "",
	    b->group != NULL && b->tier != NULL ? ", " : "",
	    b->tier != NULL ? "tier " : "", b->tier != NULL ? b->tier : "");

	if (b->hosts.n == 1)
		snprintf(out + n, size - (size_t)n, "%shost %s", n > 0 ?
		    ", " : "", b->hosts.item[0]);
	else if (b->hosts.n > 1)
		snprintf(out + n, size - (size_t)n, "%s%zu named hosts",
		    n > 0 ? ", " : "", b->hosts.n);
	else if (n == 0)
		snprintf(out, size, "all");
}

static int
choose(struct db *db, struct call *c, const struct sweep_body *b,
    struct chosen *all)
{
	struct host h;
	size_t i;
	int rc = 0;

	if (b->tier != NULL && word_find(WORDS_TIER, b->tier, &all->tier) !=
	    0)
		return bad(c, "field \"tier\" must be T0, T1, T2 or T3");
	/* A name that is none must not read as "found nowhere". */
	for (i = 0; i < b->hosts.n && rc == 0; i++) {
		rc = hosts_get(db, b->hosts.item[i], &h);
		if (rc == ERR_NOENT || (rc == 0 &&
		    !person_sees(&c->person, h.grp, 0)))
			return bad(c, "field \"hosts\" names a host that "
			    "is not there");
	}
	if (rc == 0)
		rc = hosts_each(db, choose_one, all);
	if (rc == 0 && all->n == 0 && all->forbidden > 0)
		return call_no(c, 403, "forbidden", "Ask someone with the "
		    "role analyst, responder or commander for those groups.",
		    "%s may not ask any of these %zu host(s)",
		    c->person.name, all->forbidden);
	return rc;
}

int
api_sweep_ask(struct db *db, struct call *c)
{
	struct sweep_body body = { .reason = "", .case_id = "" };
	struct refused no = { .code = REFUSAL_NONE };
	struct chosen all = { .c = c, .body = &body, .tier = -1 };
	struct sweep_ask ask = { .case_id = "" };
	struct sweep_question *q;
	char id[ID_MAX], selector[TEXT_MAX_LEN];
	struct case_row cr;
	int rc;

	q = malloc(sizeof(*q));
	rc = q == NULL ? ERR_NOMEM : call_body(c, sweep_fields, &body);
	if (rc == 0)
		rc = question_of(c, &body, q);
	if (rc == 0 && body.case_id[0] != '\0')
		rc = case_visible(db, c, body.case_id, &cr, NULL);
	if (rc == 0)
		rc = choose(db, c, &body, &all);
	if (rc == 0) {
		if (all.n == 0)
			person_actor(&c->person, "*", &all.actor);
		selector_text(&body, selector, sizeof(selector));
		ask = (struct sweep_ask){ .q = q, .selector = selector,
			.host_ids = (const char *const *)all.id,
			.nhosts = all.n, .reason = body.reason,
			.case_id = body.case_id, .actor = &all.actor,
			.seconds = body.seconds.set ? body.seconds.value :
			FOR_STANDARD };
		rc = call_room(c, sweep_start(db, &ask, id, &no), &no);
	}
	if (rc == 0) {
		c->out = json_object();
		put_text(c->out, "sweep", id);
		put_int(c->out, "hosts_asked", (int64_t)all.n);
	}
	chosen_done(&all);
	free(q);
	return rc;
}

/* -- reading ---------------------------- */

/* One sweep as this person may see it. */
struct shown {
	struct sweep_row row;
	int64_t now;
	int64_t count[SWEEP_LATE + 1];
	int64_t hosts; /* that this person sees */
	int64_t rows; /* told of each host */
};

static void
cut_rows(json_t *o, const char *text, int64_t rows, int64_t total)
{
	json_t *list;

	put_json(o, "rows", text, "[]");
	list = json_object_get(o, "rows");
	while ((int64_t)json_array_size(list) > rows)
		json_array_remove(list, json_array_size(list) - 1);
	put_int(o, "total", total);
	put_bool(o, "truncated", total > (int64_t)json_array_size(list));
}

static json_t *
host_json(struct db_rows *r, enum sweep_state state, const struct shown *s)
{
	json_t *o = json_object();

	put_text(o, "host", db_text(r, 0));
	put_text(o, "group", db_text(r, 1));
	put_text(o, "tier", word_name(WORDS_TIER, (int)db_int(r, 2)));
	put_text(o, "state", word_name(WORDS_SWEEP_STATE, (int)state));
	put_time(o, "asked_at", db_int(r, 4));
	put_time(o, "done_at", db_int(r, 5));
	put_time(o, "last_seen", db_int(r, 10));
	put_text(o, "case", db_text(r, 11));
	if (db_int(r, 5) == 0)
		return o;
	cut_rows(o, db_text(r, 7), s->rows, db_int(r, 6));
	put_json(o, "cover", db_text(r, 8), "{}");
	put_text(o, "why", db_text(r, 9));
	return o;
}

static bool
sees_group(const struct call *c, const char *grp)
{
	return person_sees(&c->person, grp, ROLE_BIT(ROLE_ADMIN));
}

/* How many of the hosts that this person sees are in which state. */
static int
take_counts(struct db *db, const struct call *c, struct shown *s)
{
	enum sweep_state state;
	struct db_rows *r;
	int rc;

	r = db_query(db,
	    "SELECT h.grp, w.state, count(*) FROM sweep_hosts w "
	    "JOIN hosts h ON h.host_id = w.host_id WHERE w.sweep_id = $1 "
	    "GROUP BY h.grp, w.state", "s", s->row.sweep_id);
	if (r == NULL)
		return ERR_IO;
	while ((rc = db_next(r)) == 1) {
		state = sweep_state_of((enum sweep_state)db_int(r, 1),
		    s->row.until, s->now);
		if (!sees_group(c, db_text(r, 0)) || state > SWEEP_LATE)
			continue;
		s->hosts += db_int(r, 2);
		s->count[state] += db_int(r, 2);
	}
	db_end(&r);
	return rc;
}

/* Those that have it first; each state by name. */
static int
list_hosts(struct db *db, const struct call *c, struct shown *s,
    const char *host, json_t *list)
{
	struct db_rows *r;
	int rc;

	r = db_query(db,
	    "SELECT h.name, h.grp, h.tier, w.state, w.sent_at, w.done_at, "
	    "w.total, w.found, w.cover, w.why, h.last_seen, h.case_id "
	    "FROM sweep_hosts w JOIN hosts h ON h.host_id = w.host_id "
	    "WHERE w.sweep_id = $1 AND ($2 = '' OR h.name = $2) "
	    "ORDER BY CASE WHEN w.state = $3 THEN 0 ELSE 1 END, w.state, "
	    "h.name", "ssi", s->row.sweep_id, host, (int64_t)SWEEP_FOUND);
	if (r == NULL)
		return ERR_IO;
	while ((rc = db_next(r)) == 1)
		if (sees_group(c, db_text(r, 1)))
			json_array_append_new(list, host_json(r,
			    sweep_state_of((enum sweep_state)db_int(r, 3),
			    s->row.until, s->now), s));
	db_end(&r);
	return rc;
}

/* Seen by its asker and by who sees one of its hosts. */
static bool
sees(const struct call *c, const struct shown *s)
{
	return s->hosts > 0 || strcmp(s->row.asked_by, c->person.name) == 0;
}

static void
put_head(json_t *o, const struct shown *s)
{
	json_t *count = json_object();
	int64_t waits = s->count[SWEEP_ASKED] + s->count[SWEEP_AWAY];
	int state;

	put_text(o, "sweep", s->row.sweep_id);
	put_text(o, "kind", word_name(WORDS_SWEEP_KIND, (int)s->row.kind));
	put_text(o, "what", s->row.what);
	put_text(o, "selector", s->row.selector);
	put_text(o, "reason", s->row.reason);
	put_text(o, "case", s->row.case_id);
	put_text(o, "asked_by", s->row.asked_by);
	put_time(o, "asked_at", s->row.asked_at);
	put_time(o, "until", s->row.until);
	put_bool(o, "open", s->now < s->row.until && waits > 0);
	put_int(o, "hosts_asked", s->hosts);
	put_bool(o, "complete", s->count[SWEEP_FOUND] +
	    s->count[SWEEP_ABSENT] == s->hosts);
	for (state = SWEEP_ASKED; state <= SWEEP_LATE; state++)
		put_int(count, word_name(WORDS_SWEEP_STATE, state),
		    s->count[state]);
	json_object_set_new(o, "count", count);
}

int
api_sweep(struct db *db, struct call *c)
{
	struct shown s = { .now = db_now(db) };
	struct why why;
	json_t *list;
	int rc;

	if (query_int(&c->query, "rows", ROWS_STANDARD, 0, SWEEP_ROWS_MAX,
	    &s.rows, &why) != 0)
		return call_bad(c, &why);
	rc = sweep_get(db, c->param, &s.row);
	if (rc == 0)
		rc = take_counts(db, c, &s);
	if (rc == ERR_NOENT || (rc == 0 && !sees(c, &s)))
		return call_not_found(c, "sweep", c->param);
	if (rc != 0)
		return rc;
	c->out = json_object();
	put_head(c->out, &s);
	if (s.rows == 0)
		return 0;
	list = json_array();
	json_object_set_new(c->out, "hosts", list);
	return list_hosts(db, c, &s, query_get(&c->query, "host", ""), list);
}

int
api_sweeps(struct db *db, struct call *c)
{
	char (*ids)[ID_MAX] = calloc(SWEEPS_LOOK, sizeof(*ids));
	json_t *list = json_array(), *one;
	struct db_rows *r;
	struct why why;
	int64_t limit;
	size_t n = 0, i;
	int rc = ids == NULL ? ERR_NOMEM : 0;

	c->out = json_object();
	json_object_set_new(c->out, "sweeps", list);
	if (rc == 0 && query_int(&c->query, "limit", 50, 1, SWEEPS_LIMIT,
	    &limit, &why) != 0)
		rc = call_bad(c, &why);
	r = rc != 0 ? NULL : db_query(db, "SELECT sweep_id FROM sweeps "
	    "ORDER BY asked_at DESC LIMIT $1", "i", (int64_t)SWEEPS_LOOK);
	if (rc == 0 && r == NULL)
		rc = ERR_IO;
	while (r != NULL && n < SWEEPS_LOOK && db_next(r) == 1)
		db_copy(r, 0, ids[n++], ID_MAX);
	db_end(&r);
	for (i = 0; rc == 0 && i < n && (int64_t)json_array_size(list) <
	    limit; i++) {
		struct shown s = { .now = db_now(db) };

		rc = sweep_get(db, ids[i], &s.row);
		if (rc == 0)
			rc = take_counts(db, c, &s);
		if (rc != 0 || !sees(c, &s))
			continue;
		one = json_object();
		put_head(one, &s);
		json_array_append_new(list, one);
	}
	free(ids);
	return rc;
}
