/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Operators by certificate, and their roles by group (auth.h).  In the
 * collector, inside store jobs.
 */
#include <stdio.h>
#include <string.h>

#include "server/http/auth.h"

/* Is this very certificate one of ours for that operator, not revoked? */
static int
cert_known(struct db *db, const struct x509_id *peer, struct why *why)
{
	int64_t revoked;
	int rc;

	rc = db_one_int(db, &revoked,
	    "SELECT revoked_at FROM certs WHERE serial = $1 AND owner = $2 "
	    "AND kind = 'operator'", "ss", peer->serial, peer->name);
	if (rc == ERR_NOENT)
		return why_set(why, ERR_PERM,
		    "this certificate is not known to the collector");
	if (rc != 0)
		return why_set(why, ERR_IO, "the store cannot be read");
	if (revoked != 0)
		return why_set(why, ERR_PERM, "this certificate is revoked");
	return 0;
}

static int
load_operator(struct db *db, struct person *p, struct why *why)
{
	struct db_rows *r;
	bool disabled;
	int rc;

	rc = db_row(db, &r,
	    "SELECT created_at, disabled FROM operators WHERE name = $1", "s",
	    p->name);
	if (rc == ERR_NOENT)
		return why_set(why, ERR_PERM, "no such operator");
	if (rc != 0)
		return why_set(why, ERR_IO, "the store cannot be read");
	p->created_at = db_int(r, 0);
	disabled = db_int(r, 1) != 0;
	db_end(&r);
	if (disabled)
		return why_set(why, ERR_PERM, "this operator is disabled");
	return 0;
}

static int
load_roles(struct db *db, struct person *p, struct why *why)
{
	struct db_rows *r;
	int rc;
	int64_t role;

	r = db_query(db,
	    "SELECT role, grp FROM operator_roles WHERE operator = $1 "
	    "ORDER BY role, grp", "s", p->name);
	if (r == NULL)
		return why_set(why, ERR_IO, "the store cannot be read");
	while ((rc = db_next(r)) == 1 && p->n < PERSON_ROLES_MAX) {
		role = db_int(r, 0);
		if (role < 0 || role >= ROLE_N)
			continue;
		p->role[p->n].role = (enum role)role;
		db_copy(r, 1, p->role[p->n].grp, NAME_MAX_LEN);
		p->n++;
	}
	db_end(&r);
	return rc < 0 ? why_set(why, ERR_IO, "the store cannot be read") : 0;
}

int
person_load(struct db *db, const struct x509_id *peer, struct person *p,
    struct why *why)
{
	int rc;

	if (peer->role != X509_OPERATOR)
		return why_set(why, ERR_PERM,
		    "this is not an operator's certificate");
	memset(p, 0, sizeof(*p));
	snprintf(p->name, sizeof(p->name), "%s", peer->name);
	rc = cert_known(db, peer, why);
	if (rc == 0)
		rc = load_operator(db, p, why);
	if (rc == 0)
		rc = load_roles(db, p, why);
	return rc;
}

uint32_t
person_roles(const struct person *p, const char *grp)
{
	uint32_t mask = 0;
	size_t i;

	for (i = 0; i < p->n; i++)
		if (strcmp(p->role[i].grp, "*") == 0 ||
		    strcmp(p->role[i].grp, grp) == 0)
			mask |= ROLE_BIT(p->role[i].role);
	return mask;
}

bool
person_has_any(const struct person *p, uint32_t mask)
{
	size_t i;

	for (i = 0; i < p->n; i++)
		if ((ROLE_BIT(p->role[i].role) & mask) != 0)
			return true;
	return false;
}

bool
person_sees(const struct person *p, const char *grp, uint32_t except)
{
	return (person_roles(p, grp) & ~except) != 0;
}

void
person_actor(const struct person *p, const char *grp, struct actor *a)
{
	memset(a, 0, sizeof(*a));
	memcpy(a->name, p->name, sizeof(a->name));
	snprintf(a->grp, sizeof(a->grp), "%s", grp);
	a->created_at = p->created_at;
	a->roles = person_roles(p, grp);
}

void
actor_narrow(const struct person *p, const char *grp, struct actor *a)
{
	if (a->name[0] == '\0') {
		person_actor(p, grp, a);
	} else if (strcmp(a->grp, grp) != 0) {
		/* what is left holds for every group that is meant */
		a->roles &= person_roles(p, grp);
		strcpy(a->grp, "*");
	}
}
