/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What people ask about by name.  Runs in jobs of the store. */
#include "server/cases/find.h"

#include "server/store/hosts.h"

int
find_host(struct db *db, const char *host_id, struct host *h,
    struct refused *refused)
{
	int rc = hosts_get(db, host_id, h);

	if (rc == ERR_NOENT)
		return refused_set(refused, REFUSAL_NOT_FOUND,
		    "List them with: cordonctl host list",
		    "there is no host %s", host_id);
	return rc;
}
