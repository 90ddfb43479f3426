/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * /v1/status, /v1/whoami, /v1/keys and the stop switch.  In the collector,
 * inside store jobs.
 */
#include <string.h>

#include "common/base/id.h"
#include "server/http/call.h"
#include "server/http/json_out.h"
#include "server/store/hosts.h"

struct counts {
	struct db *db;
	const struct person *p;
	int64_t hosts, online, isolated, failed;
};

static int
count_one(void *arg, const struct host *h)
{
	struct counts *n = arg;
	enum isolation iso;

	if (h->revoked || !person_sees(n->p, h->grp, 0))
		return 0;
	iso = isolation_of(h, hosts_order_state(n->db, h), db_now(n->db));
	n->hosts++;
	n->online += h->online;
	n->isolated += iso == ISO_PROVEN || iso == ISO_OLD_PROOF;
	n->failed += iso == ISO_FAILED || iso == ISO_LATE;
	return 0;
}

int
api_status(struct db *db, struct call *c)
{
	struct counts n = { .db = db, .p = &c->person };
	int rc;

	rc = hosts_each(db, count_one, &n);
	if (rc != 0)
		return rc;
	c->out = json_object();
	put_text(c->out, "version", CORDON_VERSION);
	put_int(c->out, "hosts", n.hosts);
	put_int(c->out, "online", n.online);
	put_int(c->out, "isolated", n.isolated);
	put_int(c->out, "failed", n.failed);
	put_bool(c->out, "stopped", orders_stopped(db));
	put_time(c->out, "now", db_now(db));
	return 0;
}

int
api_whoami(struct db *db, struct call *c)
{
	json_t *roles = json_array(), *o;
	size_t i;

	(void)db;
	c->out = json_object();
	put_text(c->out, "name", c->person.name);
	put_time(c->out, "created_at", c->person.created_at);
	json_object_set_new(c->out, "roles", roles);
	for (i = 0; i < c->person.n; i++) {
		o = json_object();
		put_text(o, "role",
		    word_name(WORDS_ROLE, (int)c->person.role[i].role));
		put_text(o, "group", c->person.role[i].grp);
		json_array_append_new(roles, o);
	}
	return 0;
}

int
api_keys(struct db *db, struct call *c)
{
	char hex[65];

	(void)db;
	c->out = json_object();
	put_text(c->out, "ca_sha256", hex_encode(hex, c->set->ca_sha256, 32));
	put_text(c->out, "order_key", hex_encode(hex, c->set->order_key, 32));
	put_text(c->out, "audit_key", hex_encode(hex, c->set->audit_key, 32));
	return 0;
}

struct stop_body {
	enum body_bool on;
	const char *reason;
};

static const struct field stop_fields[] = {
{ "on", FIELD_BOOL, true, offsetof(struct stop_body, on), 0, 0 },
{ "reason", FIELD_TEXT, true, offsetof(struct stop_body, reason), REASON_MIN,
  TEXT_MAX_LEN - 1 },
{ .name = NULL },
};

int
api_stop(struct db *db, struct call *c)
{
	struct refused no = { .code = REFUSAL_NONE };
	struct stop_body body = { BODY_ABSENT, NULL };
	struct actor a;
	int rc;

	/* it stops the whole fleet's isolations: a role for all groups */
	person_actor(&c->person, "*", &a);
	rc = call_need(c, &a, ROLE_BIT(ROLE_COMMANDER));
	if (rc == 0)
		rc = call_body(c, stop_fields, &body);
	if (rc == 0)
		rc = call_room(c, orders_stop(db, &a, body.on == BODY_TRUE,
		    body.reason, &no), &no);
	if (rc != 0)
		return rc;
	c->out = json_object();
	put_bool(c->out, "stopped", body.on == BODY_TRUE);
	return 0;
}
