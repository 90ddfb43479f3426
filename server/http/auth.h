/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Who asks, and what that person may do.  The name comes from the client
 * certificate that TLS has checked; that the certificate is known and not
 * revoked, that the operator exists and is not disabled, and the roles come
 * from the store, anew for each request.
 */
#ifndef CORDON_SERVER_HTTP_AUTH_H
#define CORDON_SERVER_HTTP_AUTH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"
#include "common/net/x509.h"
#include "server/model/model.h"
#include "server/store/db.h"

#define PERSON_ROLES_MAX 64
#define ROLE_BIT(r) (1u << (r))
#define ROLES_ALL (ROLE_BIT(ROLE_N) - 1)

struct person {
	char name[NAME_MAX_LEN];
	int64_t created_at;
	size_t n;
	struct person_role {
		enum role role;
		char grp[NAME_MAX_LEN]; /* "*" all groups */
	} role[PERSON_ROLES_MAX];
};

/*
 * The operator behind a certificate.  ERR_PERM with WHY for a certificate
 * that is no operator's, unknown or revoked, or an operator who is disabled
 * or gone; ERR_IO if the store fails.
 */
int person_load(struct db *db, const struct x509_id *peer, struct person *p,
    struct why *why);

/* Roles that hold for GRP ("*": only those given for all groups). */
uint32_t person_roles(const struct person *p, const char *grp);
/* One of the roles in MASK for some group or other? */
bool person_has_any(const struct person *p, uint32_t mask);
/* Is there a role, other than those in EXCEPT, for GRP? */
bool person_sees(const struct person *p, const char *grp, uint32_t except);
/* The same person as rooms want it: roles for GRP. */
void person_actor(const struct person *p, const char *grp, struct actor *a);
/* Only the roles that hold for each of the groups given so far. */
void actor_narrow(const struct person *p, const char *grp, struct actor *a);

#endif
