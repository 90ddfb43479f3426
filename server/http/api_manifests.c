/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * /v1/manifests: known-good manifests of hosts and of single trees, for the
 * people who look at them and sign.  In the collector, inside store jobs.
 */
#include <stdio.h>
#include <string.h>

#include "server/cases/cases.h"
#include "server/cases/tree.h"
#include "server/http/call.h"
#include "server/http/json_out.h"

#define LIMIT_MAX 200

#define COLUMNS \
	"m.manifest_id, h.name, h.grp, m.tree, m.state, m.asked_by, " \
	"m.asked_at, m.done_at, m.sha256, m.why, m.grp, m.version, m.size, " \
	"m.signed_by, m.signed_at, m.retired_by, m.retired_at "
#define COL_HOST 1
#define COL_GRP 2

static const char *
state_of(struct db_rows *r)
{
	if (db_text(r, 3)[0] != '\0')
		return db_text(r, 4);
	return db_int(r, 7) == 0 ? "asked" :
	    db_text(r, 8)[0] != '\0' ? "done" : "failed";
}

static json_t *
manifest_row(struct db_rows *r)
{
	json_t *o = json_object();

	put_text(o, "manifest", db_text(r, 0));
	put_text(o, "host", db_text(r, COL_HOST));
	put_text(o, "state", state_of(r));
	put_text(o, "asked_by", db_text(r, 5));
	put_time(o, "asked_at", db_int(r, 6));
	put_time(o, "done_at", db_int(r, 7));
	put_text(o, "sha256", db_text(r, 8));
	put_text(o, "why", db_text(r, 9));
	if (db_text(r, 3)[0] == '\0')
		return o;
	put_text(o, "tree", db_text(r, 3));
	put_text(o, "group", db_text(r, 10));
	put_int(o, "version", db_int(r, 11));
	put_int(o, "size", db_int(r, 12));
	put_text(o, "signed_by", db_text(r, 13));
	put_time(o, "signed_at", db_int(r, 14));
	put_text(o, "retired_by", db_text(r, 15));
	put_time(o, "retired_at", db_int(r, 16));
	return o;
}

int
api_manifests(struct db *db, struct call *c)
{
	const char *host = query_get(&c->query, "host", "");
	const char *tree = query_get(&c->query, "tree", "");
	const char *state = query_get(&c->query, "state", "");
	json_t *list = json_array();
	struct db_rows *r;
	struct why why;
	int64_t limit;
	int rc;

	c->out = json_object();
	json_object_set_new(c->out, "manifests", list);
	if (query_int(&c->query, "limit", 50, 1, LIMIT_MAX, &limit, &why) !=
	    0)
		return call_bad(c, &why);
	r = db_query(db, "SELECT " COLUMNS "FROM manifests m JOIN hosts h "
	    "ON h.host_id = m.host_id WHERE m.tree <> '' "
	    "AND ($1 = '' OR h.name = $1) AND ($2 = '' OR m.tree = $2) "
	    "AND ($3 = '' OR m.state = $3) ORDER BY m.asked_at DESC, "
	    "m.version DESC", "sss", host, tree, state);
	if (r == NULL)
		return ERR_IO;
	while ((rc = db_next(r)) == 1 &&
	    (int64_t)json_array_size(list) < limit)
		if (person_sees(&c->person, db_text(r, COL_GRP),
		    ROLE_BIT(ROLE_ADMIN)))
			json_array_append_new(list, manifest_row(r));
	db_end(&r);
	return rc < 0 ? rc : 0;
}

/* The signed one that this is the next after. */
static int
before(struct db *db, const char *manifest_id, char out[ID_MAX])
{
	struct db_rows *r;
	int rc;

	out[0] = '\0';
	rc = db_row(db, &r, "SELECT b.manifest_id FROM manifests b "
	    "JOIN manifests m ON m.manifest_id = $1 JOIN hosts h "
	    "ON h.host_id = m.host_id WHERE b.tree = m.tree "
	    "AND b.manifest_id <> m.manifest_id AND b.state IN ('signed', "
	    "'older') AND (m.version = 0 OR b.version < m.version) "
	    "AND (b.host_id = m.host_id OR b.grp = h.grp) "
	    "AND EXISTS (SELECT 1 FROM blob_parts p "
	    "WHERE p.blob_id = b.manifest_id) "
	    "ORDER BY b.version DESC LIMIT 1", "s", manifest_id);
	if (rc != 0)
		return rc == ERR_NOENT ? 0 : rc;
	db_copy(r, 0, out, ID_MAX);
	db_end(&r);
	return 0;
}

/* What is in it, and what is other than in the one before. */
static int
put_content(struct db *db, const char *manifest_id, json_t *o)
{
	json_t *list = json_array(), *one;
	struct tree_text t;
	char was[ID_MAX], what[2] = "";
	size_t i;
	int rc;

	rc = before(db, manifest_id, was);
	if (rc == 0)
		rc = tree_text(db, manifest_id, was, &t);
	if (rc != 0) {
		json_decref(list);
		return rc == ERR_CORRUPT ? 0 : rc; /* its content went */
	}
	put_int(o, "files", (int64_t)t.files);
	put_int(o, "bytes", (int64_t)t.bytes);
	put_text(o, "before", was);
	put_int(o, "added", (int64_t)t.added);
	put_int(o, "removed", (int64_t)t.removed);
	put_int(o, "changed", (int64_t)t.changed);
	for (i = 0; i < t.n; i++) {
		one = json_object();
		what[0] = t.line[i].what;
		put_text(one, "what", what);
		put_text(one, "path", t.line[i].path);
		json_array_append_new(list, one);
	}
	json_object_set_new(o, "differences", list);
	tree_text_done(&t);
	return 0;
}

/* The manifest that the path names, if this person may see it. */
static int
manifest_load(struct db *db, struct call *c, struct actor *a)
{
	char host[NAME_MAX_LEN];
	struct db_rows *r;
	struct host h;
	bool tree;
	int rc;

	rc = db_row(db, &r, "SELECT " COLUMNS "FROM manifests m JOIN hosts h "
	    "ON h.host_id = m.host_id WHERE m.manifest_id = $1", "s",
	    c->param);
	if (rc == ERR_NOENT)
		return call_not_found(c, "manifest", c->param);
	if (rc != 0)
		return rc;
	db_copy(r, COL_HOST, host, sizeof(host));
	tree = db_text(r, 3)[0] != '\0' && db_text(r, 9)[0] == '\0' &&
	    db_int(r, 7) != 0;
	json_decref(c->out);
	c->out = manifest_row(r);
	db_end(&r);
	if (call_host(c, db, host, &h, a) != 0)
		return call_not_found(c, "manifest", c->param);
	return tree ? put_content(db, c->param, c->out) : 0;
}

int
api_manifest(struct db *db, struct call *c)
{
	return manifest_load(db, c, NULL);
}

struct sign {
	const char *sha256;
	enum body_bool group;
};

static const struct field sign_fields[] = {
{ "sha256", FIELD_TEXT, true, offsetof(struct sign, sha256), 64, 64 },
{ "for_group", FIELD_BOOL, false, offsetof(struct sign, group), 0, 0 },
{ .name = NULL },
};

int
api_manifest_sign(struct db *db, struct call *c)
{
	struct refused no = { .code = REFUSAL_NONE };
	struct sign body = { NULL, BODY_ABSENT };
	struct actor a;
	int rc;

	rc = manifest_load(db, c, &a);
	if (rc == 0)
		rc = call_need(c, &a, c->route->roles);
	if (rc == 0)
		rc = call_body(c, sign_fields, &body);
	if (rc == 0)
		rc = call_room(c, tree_sign(db, c->set->flow->cases,
		    c->param, body.sha256, body.group == BODY_TRUE, &a, &no),
		    &no);
	return rc == 0 ? manifest_load(db, c, NULL) : rc;
}

struct retire {
	const char *reason;
};

static const struct field retire_fields[] = {
{ "reason", FIELD_TEXT, true, offsetof(struct retire, reason), REASON_MIN,
  TEXT_MAX_LEN - 1 },
{ .name = NULL },
};

int
api_manifest_retire(struct db *db, struct call *c)
{
	struct refused no = { .code = REFUSAL_NONE };
	struct retire body = { NULL };
	struct actor a;
	int rc;

	rc = manifest_load(db, c, &a);
	if (rc == 0)
		rc = call_need(c, &a, c->route->roles);
	if (rc == 0)
		rc = call_body(c, retire_fields, &body);
	if (rc == 0)
		rc = call_room(c, tree_retire(db, c->set->flow->cases,
		    c->param, body.reason, &a, &no), &no);
	return rc == 0 ? manifest_load(db, c, NULL) : rc;
}
