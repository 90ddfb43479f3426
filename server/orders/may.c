/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Who may order what.  Runs in jobs on the writer thread.  An admin makes
 * operators and gives roles, so a person who holds admin for a group may
 * neither isolate nor approve there, whatever else was given.
 */
#include "server/orders/may.h"

#include <string.h>

bool
may_is_machine(const struct actor *a)
{
	return a->created_at == 0 && (strcmp(a->name, ACTOR_POLICY) == 0 ||
	    strcmp(a->name, ACTOR_SYSTEM) == 0);
}

uint32_t
may_roles(enum plan_action action)
{
	if (action == ACTION_LIMIT)
		return may_roles(ACTION_ISOLATE) | may_roles(ACTION_RECOVER);
	if (action == ACTION_ISOLATE)
		return ROLE_BIT(ROLE_RESPONDER) | ROLE_BIT(ROLE_COMMANDER);
	return ROLE_BIT(ROLE_RECOVERY) | ROLE_BIT(ROLE_COMMANDER);
}

int
may_stored(struct db *db, const char *name, const char *grp, uint32_t *roles)
{
	struct db_rows *r;
	uint32_t got = 0;
	int rc;

	r = db_query(db,
	    "SELECT r.role FROM operator_roles r "
	    "JOIN operators o ON o.name = r.operator "
	    "WHERE r.operator = $1 AND (r.grp = $2 OR r.grp = '*') "
	    "AND o.disabled = 0", "ss", name, grp);
	if (r == NULL)
		return ERR_IO;
	while ((rc = db_next(r)) == 1) {
		int64_t role = db_int(r, 0);

		if (role >= 0 && role < ROLE_N)
			got |= ROLE_BIT(role);
	}
	db_end(&r);
	if (rc == 0)
		*roles = got;
	return rc;
}

/* GIVEN: the actor's own roles, where they hold for the group. */
static int
holds(struct db *db, const char *name, const struct actor *given,
    uint32_t want, const char *grp, bool *may)
{
	uint32_t roles = 0;
	int rc;

	rc = may_stored(db, name, grp, &roles);
	if (rc != 0)
		return rc;
	if (given != NULL && (strcmp(given->grp, "*") == 0 ||
	    strcmp(given->grp, grp) == 0))
		roles |= given->roles;
	*may = (roles & want) != 0 && (roles & ROLE_BIT(ROLE_ADMIN)) == 0;
	return 0;
}

static int
holds_all(struct db *db, const char *name, const struct actor *given,
    uint32_t want, const struct host_list *hosts, bool *may)
{
	const char *grp = NULL;
	bool one = hosts->n > 0;
	size_t i;
	int rc = 0;

	for (i = 0; rc == 0 && one && i < hosts->n; i++) {
		if (grp != NULL && strcmp(grp, hosts->h[i].grp) == 0)
			continue; /* mostly one group: asked once */
		grp = hosts->h[i].grp;
		rc = holds(db, name, given, want, grp, &one);
	}
	if (rc == 0)
		*may = one;
	return rc;
}

int
may_all(struct db *db, const struct actor *a, uint32_t want,
    const struct host_list *hosts, bool *may)
{
	return holds_all(db, a->name, a, want, hosts, may);
}

int
may_all_stored(struct db *db, const char *name, uint32_t want,
    const struct host_list *hosts, bool *may)
{
	return holds_all(db, name, NULL, want, hosts, may);
}
