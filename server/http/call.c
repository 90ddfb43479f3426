/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The life of a request inside its store job: identity, role, handler, and
 * how each kind of no is said (call.h).
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/audit/audit.h"
#include "server/http/call.h"
#include "server/http/json_out.h"
#include "server/store/hosts.h"

void
call_init(struct call *c, const struct http_settings *set)
{
	memset(c, 0, sizeof(*c));
	c->set = set;
	c->status = 200;
	buf_init(&c->text, CALL_TEXT_MAX);
}

void
call_done(struct call *c)
{
	json_decref(c->body);
	json_decref(c->out);
	buf_done(&c->text);
	if (c->file != NULL)
		fclose(c->file);
	c->body = c->out = NULL;
	c->file = NULL;
}

int
call_no(struct call *c, int status, const char *code, const char *next,
    const char *fmt, ...)
{
	va_list ap;

	c->status = status;
	c->code = code;
	va_start(ap, fmt);
	vsnprintf(c->no.text, sizeof(c->no.text), fmt, ap);
	va_end(ap);
	snprintf(c->no.next, sizeof(c->no.next), "%s", next);
	return status == 500 ? ERR_IO : ERR_PERM;
}

int
call_bad(struct call *c, const struct why *why)
{
	return call_no(c, 400, "bad-request",
	    "Correct the request; API.md says what each route takes.", "%s",
	    why->text);
}

int
call_not_found(struct call *c, const char *what, const char *name)
{
	return call_no(c, 404, "not-found",
	    "List what you may see: cordonctl host list, plan list, "
	    "case list.", "no such %s: %s", what, name);
}

static int
refusal_status(enum refusal code)
{
	switch (code) {
	case REFUSAL_NO_HOST:
	case REFUSAL_NOT_FOUND:
		return 404;
	case REFUSAL_INPUT:
	case REFUSAL_REASON:
	case REFUSAL_EXPECT:
		return 400;
	case REFUSAL_APPROVALS:
	case REFUSAL_DIGEST:
	case REFUSAL_EXPIRED:
	case REFUSAL_STATE:
	case REFUSAL_STAGE:
	case REFUSAL_AWAY:
	case REFUSAL_CONFLICT:
	case REFUSAL_EVIDENCE:
	case REFUSAL_GATE:
		return 409;
	case REFUSAL_SIGNER:
		return 503;
	default:
		return 403;
	}
}

int
call_room(struct call *c, int rc, const struct refused *refused)
{
	if (rc == 0)
		return 0;
	if (rc == ERR_PERM && refused->code != REFUSAL_NONE)
		return call_no(c, refusal_status(refused->code),
		    refusal_code(refused->code), refused->next, "%s",
		    refused->text);
	call_no(c, 500, "internal",
	    "Try again; if it stays, look at the collector's journal.",
	    "the collector could not do it: %s", err_str(rc));
	return rc;
}

int
call_body(struct call *c, const struct field *table, void *out)
{
	struct why why;

	if (body_read(c->body, table, out, &why) != 0)
		return call_bad(c, &why);
	return 0;
}

int
call_host(struct call *c, struct db *db, const char *name, struct host *h,
    struct actor *a)
{
	struct refused none = { .code = REFUSAL_NONE };
	int rc;

	rc = hosts_get(db, name, h);
	if (rc != 0 && rc != ERR_NOENT)
		return call_room(c, rc, &none);
	if (rc == ERR_NOENT || !person_sees(&c->person, h->grp, 0))
		return call_not_found(c, "host", name);
	if (a != NULL)
		person_actor(&c->person, h->grp, a);
	return 0;
}

/* "responder, commander": the roles in MASK, for a refusal. */
static void
roles_text(char *out, size_t size, uint32_t mask)
{
	size_t n = 0;
	int r;

	out[0] = '\0';
	for (r = 0; r < ROLE_N && n < size; r++)
		if ((mask & ROLE_BIT(r)) != 0)
			n += (size_t)snprintf(out + n, size - n, "%s%s",
			    n > 0 ? ", " : "", word_name(WORDS_ROLE, r));
}

static int
no_role(struct call *c, uint32_t roles, const char *where)
{
	char names[200], next[300];

	roles_text(names, sizeof(names), roles);
	snprintf(next, sizeof(next), "Ask someone with the role %s%s.", names,
	    where);
	return call_no(c, 403, "forbidden", next, "%s may not do this: it "
	    "needs the role %s%s", c->person.name, names, where);
}

int
call_need(struct call *c, const struct actor *a, uint32_t roles)
{
	char where[NAME_MAX_LEN + 32];

	if ((a->roles & roles) != 0)
		return 0;
	if (strcmp(a->grp, "*") == 0)
		snprintf(where, sizeof(where), " for all groups");
	else
		snprintf(where, sizeof(where), " for group %s", a->grp);
	return no_role(c, roles, where);
}

int
call_job(struct db *db, void *call)
{
	struct call *c = call;
	struct why why;
	int rc;

	if (c->route->who != WHO_NOBODY) {
		rc = person_load(db, &c->peer, &c->person, &why);
		if (rc == ERR_PERM)
			return call_no(c, 401, "unauthorised",
			    "Ask an admin for a new token: cordonctl "
			    "operator add.", "%s", why.text);
		if (rc != 0)
			return call_no(c, 500, "internal", "Try again.", "%s",
			    why.text);
	}
	if (c->route->who == WHO_ROLES &&
	    !person_has_any(&c->person, c->route->roles))
		return no_role(c, c->route->roles, "");
	rc = c->route->fn(db, c);
	if (rc != 0 && c->status < 400)
		call_no(c, 500, "internal",
		    "Try again; if it stays, look at the collector's "
		    "journal.", "the collector could not do it: %s",
		    err_str(rc));
	return rc;
}

int
call_audit(struct db *db, const struct call *c)
{
	const char *who = c->person.name[0] != '\0' ? c->person.name :
	    c->peer.name[0] != '\0' ? c->peer.name : "nobody";
	struct audit_entry e = { .who = who };

	if (c->status < 400) {
		e.what = "audit.export";
		return audit_add(db, &e, "the whole log, to %s", c->from);
	}
	e.what = strncmp(c->route->path, "/v1/plans", 9) == 0 ?
	    "plan.refuse" : "api.refuse";
	e.object = c->param[0] != '\0' ? c->param : NULL;
	return audit_add(db, &e, "%s: %s (%s, from %s)", c->code, c->no.text,
	    c->route->path, c->from);
}

bool
call_audited(const struct call *c)
{
	return c->status >= 400 ? c->route->kind == ROUTE_WRITE :
				  c->file != NULL;
}

char *
call_json(const struct call *c)
{
	json_t *v, *err;
	char *text;

	if (c->status < 400)
		return json_dumps(c->out, JSON_COMPACT);
	v = json_object();
	err = json_object();
	put_text(err, "code", c->code);
	put_text(err, "text", c->no.text);
	put_text(err, "next", c->no.next);
	json_object_set_new(v, "error", err);
	text = json_dumps(v, JSON_COMPACT);
	json_decref(v);
	return text;
}
