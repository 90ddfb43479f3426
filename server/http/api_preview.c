/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * /v1/previews: what an order would cut, asked of the host now.  In the
 * collector, inside store jobs.  Programs and peers are the host's words.
 */
#include <stdlib.h>

#include "server/http/call.h"
#include "server/http/json_out.h"
#include "server/orders/preview.h"
#include "server/store/hosts.h"

struct preview_body {
	const char *profile, *plan;
};

static const struct field preview_fields[] = {
{ "profile", FIELD_NAME, false, offsetof(struct preview_body, profile), 1,
  16 },
{ "plan", FIELD_NAME, false, offsetof(struct preview_body, plan), 1,
  ID_MAX - 1 },
{ .name = NULL },
};

/* The profile asked for, or that of the plan. */
static int
profile_of(struct db *db, struct call *c, const struct preview_body *body,
    int *profile)
{
	struct plan p;
	struct why why;
	int rc;

	*profile = PROFILE_STRICT;
	if (body->plan[0] != '\0') {
		rc = plan_get(db, body->plan, &p);
		if (rc == ERR_NOENT)
			return call_not_found(c, "plan", body->plan);
		if (rc != 0)
			return rc;
		*profile = (int)p.profile;
	}
	if (body->profile != NULL && word_find(WORDS_PROFILE, body->profile,
	    profile) != 0) {
		why_set(&why, ERR_SYNTAX, "field \"profile\" must be strict, "
		    "recovery or limited");
		return call_bad(c, &why);
	}
	return 0;
}

int
api_host_preview(struct db *db, struct call *c)
{
	struct refused no = { .code = REFUSAL_NONE };
	struct preview_body body = { NULL, "" };
	char id[ID_MAX];
	struct actor a;
	struct host h;
	int rc, profile;

	rc = call_host(c, db, c->param, &h, &a);
	if (rc == 0)
		rc = call_need(c, &a, c->route->roles);
	if (rc == 0)
		rc = call_body(c, preview_fields, &body);
	if (rc == 0)
		rc = profile_of(db, c, &body, &profile);
	if (rc == 0)
		rc = call_room(c, preview_ask(db, c->set->flow->orders, &h,
		    (enum profile)profile, body.plan, &a, id, &no), &no);
	if (rc != 0)
		return rc;
	c->out = json_object();
	put_text(c->out, "preview", id);
	put_text(c->out, "host", h.name);
	return 0;
}

int
api_preview(struct db *db, struct call *c)
{
	struct preview p;
	char *flows = NULL;
	struct host h;
	int rc;

	rc = preview_get(db, c->param, &p, &flows);
	if (rc == ERR_NOENT)
		return call_not_found(c, "preview", c->param);
	if (rc == 0)
		rc = call_host(c, db, p.host_id, &h, NULL);
	if (rc == 0)
		c->out = json_preview(&p, h.name, flows, db_now(db));
	free(flows);
	return rc;
}
