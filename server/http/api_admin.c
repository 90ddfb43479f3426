/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * /v1/tokens, /v1/operators, /v1/operator-enrol: who may join.  In the
 * collector, inside store jobs.  A token is shown once and stored as its
 * SHA-256 only.  Enrolment comes without a certificate: the token is all
 * that is believed, and only the key of the request is used.
 */
#include <stdio.h>
#include <string.h>

#include <openssl/pem.h>

#include "common/base/digest.h"
#include "common/base/id.h"
#include "server/audit/audit.h"
#include "server/http/call.h"
#include "server/http/json_out.h"
#include "server/http/token.h"
#include "server/store/hosts.h"

#define TOKEN_TTL_MAX (30 * 86400)
#define TOKEN_USES_MAX 10000
#define OPERATOR_TOKEN_SECONDS (24 * 3600)

struct token_row {
	const char *kind, *grp, *operator, *by;
	int64_t tier, uses, expires_at;
};

/* Store a fresh token; its text is in TOKEN. */
static int
token_add(struct db *db, const struct token_row *t, char token[TOKEN_TEXT])
{
	char hex[DIGEST_HEX_MAX];

	token_new(token);
	token_hash(token, hex);
	return db_run(db, NULL,
	    "INSERT INTO tokens (token_sha256, kind, grp, tier, operator, "
	    "uses_left, expires_at, created_by, created_at) "
	    "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)", "sssisiisi", hex,
	    t->kind, t->grp, t->tier, t->operator, t->uses, t->expires_at,
	    t->by, db_now(db));
}

struct token_body {
	const char *kind, *group, *tier;
	struct body_int ttl, uses;
};

static const struct field token_fields[] = {
{ "kind", FIELD_NAME, true, offsetof(struct token_body, kind), 1, 16 },
{ "group", FIELD_NAME, true, offsetof(struct token_body, group), 1,
  NAME_MAX_LEN - 1 },
{ "tier", FIELD_NAME, true, offsetof(struct token_body, tier), 1, 8 },
{ "ttl_seconds", FIELD_INT, true, offsetof(struct token_body, ttl), 60,
  TOKEN_TTL_MAX },
{ "uses", FIELD_INT, true, offsetof(struct token_body, uses), 1,
  TOKEN_USES_MAX },
{ .name = NULL },
};

int
api_token(struct db *db, struct call *c)
{
	struct token_body body = { .kind = NULL };
	struct token_row row = { .kind = "agent", .operator = "" };
	char token[TOKEN_TEXT], hex[DIGEST_HEX_MAX];
	struct actor a;
	struct why why;
	int rc, tier;

	rc = call_body(c, token_fields, &body);
	if (rc != 0)
		return rc;
	if (strcmp(body.kind, "agent") != 0 ||
	    word_find(WORDS_TIER, body.tier, &tier) != 0) {
		why_set(&why, ERR_SYNTAX, "field \"kind\" must be agent, "
		    "\"tier\" T0 to T3");
		return call_bad(c, &why);
	}
	person_actor(&c->person, body.group, &a);
	rc = call_need(c, &a, ROLE_BIT(ROLE_ADMIN));
	if (rc != 0)
		return rc;
	row.grp = body.group;
	row.by = a.name;
	row.tier = tier;
	row.uses = body.uses.value;
	row.expires_at = db_now(db) + body.ttl.value * 1000;
	rc = token_add(db, &row, token);
	if (rc == 0)
		rc = audit_add(db, &(struct audit_entry){ .who = a.name,
		    .what = "token.new" }, "agent token for group %s, tier "
		    "%s, %lld uses, %lld s", row.grp, body.tier,
		    (long long)row.uses, (long long)body.ttl.value);
	if (rc != 0)
		return rc;
	c->out = json_object();
	put_text(c->out, "token", token);
	put_time(c->out, "expires_at", row.expires_at);
	put_text(c->out, "ca_sha256", hex_encode(hex, c->set->ca_sha256, 32));
	json_object_set_new(c->out, "collectors",
	    json_collectors(c->set->flow->orders));
	return 0;
}

/* -- operators ----------------------------------------------------------- */

static json_t *
role_row(struct db_rows *r)
{
	json_t *o = json_object();

	put_text(o, "role", word_name(WORDS_ROLE, (int)db_int(r, 0)));
	put_text(o, "group", db_text(r, 1));
	return o;
}

static json_t *
operator_row(struct db_rows *r)
{
	json_t *o = json_object();

	put_text(o, "name", db_text(r, 0));
	put_time(o, "created_at", db_int(r, 1));
	put_text(o, "created_by", db_text(r, 2));
	put_bool(o, "disabled", db_int(r, 3) != 0);
	return o;
}

int
api_operators(struct db *db, struct call *c)
{
	json_t *o;
	size_t i;
	int rc;

	c->out = json_object();
	rc = rows_into(c->out, "operators", db_query(db,
	    "SELECT name, created_at, created_by, disabled "
	    "FROM operators ORDER BY name LIMIT 1000", ""), operator_row);
	json_array_foreach(json_object_get(c->out, "operators"), i, o) {
		if (rc != 0)
			break;
		rc = rows_into(o, "roles", db_query(db,
		    "SELECT role, grp FROM operator_roles "
		    "WHERE operator = $1 ORDER BY grp, role", "s",
		    json_string_value(json_object_get(o, "name"))), role_row);
	}
	return rc;
}

struct operator_body {
	const char *name;
	struct body_roles roles;
};

static const struct field operator_fields[] = {
{ "name", FIELD_NAME, true, offsetof(struct operator_body, name), 1, 40 },
{ "roles", FIELD_ROLES, true, offsetof(struct operator_body, roles), 0, 0 },
{ .name = NULL },
};

/* Who gives a role must be admin of that group, or of all. */
static int
roles_may(struct call *c, const struct body_roles *roles)
{
	struct actor a;
	size_t i;
	int rc;

	for (i = 0; i < roles->n; i++) {
		person_actor(&c->person, roles->item[i].grp, &a);
		rc = call_need(c, &a, ROLE_BIT(ROLE_ADMIN));
		if (rc != 0)
			return rc;
	}
	return 0;
}

static int
operator_write(struct db *db, struct call *c,
    const struct operator_body *body)
{
	char text[TEXT_MAX_LEN];
	size_t i, n = 0;
	int rc;

	if (actor_reserved(body->name))
		return call_no(c, 409, refusal_code(REFUSAL_CONFLICT),
		    "Choose another name.", "%s is a name of the record's "
		    "own", body->name);
	rc = db_run(db, NULL, "INSERT INTO operators (name, created_at, "
	    "created_by) VALUES ($1, $2, $3)", "sis", body->name, db_now(db),
	    c->person.name);
	if (rc == ERR_EXIST)
		return call_no(c, 409, refusal_code(REFUSAL_CONFLICT),
		    "Choose another name; names are never used again.",
		    "there is an operator %s already", body->name);
	for (i = 0; i < body->roles.n && rc == 0; i++) {
		const char *role = word_name(WORDS_ROLE,
		    (int)body->roles.item[i].role);

		rc = db_run(db, NULL, "INSERT INTO operator_roles (operator, "
		    "role, grp) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
		    "sis", body->name, (int64_t)body->roles.item[i].role,
		    body->roles.item[i].grp);
		if (n < sizeof(text))
			n += (size_t)snprintf(text + n, sizeof(text) - n,
			    " %s:%s", role, body->roles.item[i].grp);
	}
	if (rc != 0)
		return rc;
	return audit_add(db, &(struct audit_entry){ .who = c->person.name,
	    .what = "operator.add", .object = body->name }, "roles%s", text);
}

int
api_operator_add(struct db *db, struct call *c)
{
	struct operator_body body = { .name = NULL };
	struct token_row row = { .kind = "operator", .grp = "*", .uses = 1 };
	char token[TOKEN_TEXT], hex[DIGEST_HEX_MAX];
	int rc;

	rc = call_body(c, operator_fields, &body);
	if (rc == 0)
		rc = roles_may(c, &body.roles);
	if (rc == 0)
		rc = operator_write(db, c, &body);
	row.operator = body.name;
	row.by = c->person.name;
	row.expires_at = db_now(db) + OPERATOR_TOKEN_SECONDS * 1000LL;
	if (rc == 0)
		rc = token_add(db, &row, token);
	if (rc != 0)
		return rc;
	c->out = json_object();
	put_text(c->out, "name", body.name);
	put_text(c->out, "token", token);
	put_time(c->out, "expires_at", row.expires_at);
	put_text(c->out, "ca_sha256", hex_encode(hex, c->set->ca_sha256, 32));
	return 0;
}

struct disable_body {
	const char *reason;
};

static const struct field disable_fields[] = {
{ "reason", FIELD_TEXT, true, offsetof(struct disable_body, reason),
  REASON_MIN, TEXT_MAX_LEN - 1 },
{ .name = NULL },
};

/* Other admins who are left, so that nobody locks the house. */
static int
admin_left(struct db *db, struct call *c)
{
	int64_t n = 0;
	int rc;

	rc = db_one_int(db, &n, "SELECT count(*) FROM operators o "
	    "JOIN operator_roles r ON r.operator = o.name "
	    "WHERE o.disabled = 0 AND r.role = $1 AND r.grp = '*' "
	    "AND o.name <> $2", "is", (int64_t)ROLE_ADMIN, c->param);
	if (rc != 0 || n > 0)
		return rc;
	return call_no(c, 409, refusal_code(REFUSAL_STATE),
	    "Add another admin first: cordonctl operator add.",
	    "%s is the last admin for all groups", c->param);
}

int
api_operator_disable(struct db *db, struct call *c)
{
	struct disable_body body = { NULL };
	struct actor a;
	int64_t changed = 0;
	int rc;

	person_actor(&c->person, "*", &a);
	rc = call_need(c, &a, ROLE_BIT(ROLE_ADMIN));
	if (rc == 0)
		rc = call_body(c, disable_fields, &body);
	if (rc == 0)
		rc = admin_left(db, c);
	if (rc == 0)
		rc = db_run(db, &changed, "UPDATE operators SET disabled = 1 "
		    "WHERE name = $1", "s", c->param);
	if (rc == 0 && changed == 0)
		return call_not_found(c, "operator", c->param);
	if (rc == 0)
		rc = db_run(db, NULL, "UPDATE certs SET revoked_at = $1 "
		    "WHERE owner = $2 AND kind = 'operator' "
		    "AND revoked_at = 0", "is", db_now(db), c->param);
	if (rc == 0)
		rc = db_run(db, NULL, "UPDATE tokens SET uses_left = 0 "
		    "WHERE kind = 'operator' AND operator = $1", "s",
		    c->param);
	if (rc == 0)
		rc = audit_add(db, &(struct audit_entry){ .who = a.name,
		    .what = "operator.disable", .object = c->param }, "%s",
		    body.reason);
	if (rc != 0)
		return rc;
	c->out = json_object();
	put_text(c->out, "name", c->param);
	put_bool(c->out, "disabled", true);
	return 0;
}

/* -- enrolment of an operator -------------------------------------------- */

struct enrol_body {
	const char *token, *csr;
};

static const struct field enrol_fields[] = {
{ "token", FIELD_NAME, true, offsetof(struct enrol_body, token), 1, 63 },
{ "csr", FIELD_PEM, true, offsetof(struct enrol_body, csr), 1, BODY_PEM_MAX },
{ .name = NULL },
};

/* Use the token up; 0 and NAME, or 403. */
static int
token_take(struct db *db, struct call *c, const char *token,
    char name[NAME_MAX_LEN])
{
	char hex[DIGEST_HEX_MAX];
	struct db_rows *r;
	int64_t changed = 0;
	int rc;

	token_hash(token, hex);
	rc = db_run(db, &changed,
	    "UPDATE tokens SET uses_left = uses_left - 1 "
	    "WHERE token_sha256 = $1 AND kind = 'operator' "
	    "AND uses_left > 0 AND expires_at > $2", "si", hex, db_now(db));
	if (rc != 0)
		return rc;
	if (changed == 0)
		return call_no(c, 403, "token-unknown",
		    "Ask an admin for a new token: cordonctl operator add.",
		    "this token is unknown, used up or expired");
	rc = db_row(db, &r, "SELECT t.operator FROM tokens t "
	    "JOIN operators o ON o.name = t.operator "
	    "WHERE t.token_sha256 = $1 AND o.disabled = 0", "s", hex);
	if (rc == ERR_NOENT)
		return call_no(c, 403, "forbidden", "Ask an admin.",
		    "this operator is disabled");
	if (rc != 0)
		return rc;
	db_copy(r, 0, name, NAME_MAX_LEN);
	db_end(&r);
	return 0;
}

int
api_operator_enrol(struct db *db, struct call *c)
{
	struct enrol_body body = { NULL, NULL };
	char name[NAME_MAX_LEN], hex[DIGEST_HEX_MAX];
	struct x509_id id;
	struct buf csr, cert, ca;
	struct why why;
	int rc;

	buf_init(&csr, X509_DER_MAX);
	buf_init(&cert, X509_DER_MAX);
	buf_init(&ca, X509_DER_MAX);
	rc = call_body(c, enrol_fields, &body);
	if (rc != 0)
		goto done;
	if (pem_read(body.csr, "CERTIFICATE REQUEST", &csr) != 0) {
		why_set(&why, ERR_SYNTAX,
		    "field \"csr\" is not a PEM certificate request");
		rc = call_bad(c, &why);
		goto done;
	}
	rc = token_take(db, c, body.token, name);
	if (rc != 0)
		goto done;
	rc = x509_issue(c->set->ca, csr.data, csr.len, X509_OPERATOR, name,
	    c->set->operator_cert_seconds, &cert, &id, &why);
	if (rc != 0) {
		rc = call_bad(c, &why);
		goto done;
	}
	hex_encode(hex, id.sha256, sizeof(id.sha256));
	rc = db_run(db, NULL, "INSERT INTO certs (serial, owner, kind, "
	    "sha256, issued_at, not_after) VALUES ($1, $2, 'operator', $3, "
	    "$4, $5)", "sssii", id.serial, name, hex, db_now(db),
	    id.not_after_ms);
	if (rc == 0)
		rc = audit_add(db, &(struct audit_entry){ .who = name,
		    .what = "operator.enrol", .object = name },
		    "certificate %s issued, from %s", id.serial, c->from);
	if (rc == 0)
		rc = x509_ca_der(c->set->ca, &ca);
	if (rc != 0)
		goto done;
	c->out = json_object();
	put_text(c->out, "name", name);
	rc = pem_put(c->out, "cert", &cert);
	if (rc == 0)
		rc = pem_put(c->out, "ca", &ca);
done:
	buf_done(&csr);
	buf_done(&cert);
	buf_done(&ca);
	return rc;
}
