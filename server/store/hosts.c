/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The one query that fills struct host; runs inside jobs of the store. */
#include "server/store/hosts.h"

#include <string.h>

#define COLUMNS \
	"host_id, name, grp, tier, service, owner, stage, stage_since, " \
	"never_isolate, drill_ok, revoked, enrolled_at, last_seen, online, " \
	"desired, desired_order, desired_epoch, desired_at, " \
	"applied, applied_order, applied_at, " \
	"proven_order, proven_at, proven_ok, proven_why, " \
	"witness_order, witness_at, witness_ok, witness_by, " \
	"case_id, manifest_id, signals_committed, agent_version, " \
	"cert_serial, cert_not_after, addresses, drill_order, answers"

#define TEXT(r, c, field) db_copy(r, c, field, sizeof(field))

static void
fill(struct db_rows *r, struct host *h)
{
	int c = 0;

	memset(h, 0, sizeof(*h));
	TEXT(r, c++, h->host_id);
	TEXT(r, c++, h->name);
	TEXT(r, c++, h->grp);
	h->tier = (enum tier)db_int(r, c++);
	TEXT(r, c++, h->service);
	TEXT(r, c++, h->owner);
	h->stage = (enum stage)db_int(r, c++);
	h->stage_since = db_int(r, c++);
	h->never_isolate = db_int(r, c++) != 0;
	h->drill_ok = db_int(r, c++) != 0;
	h->revoked = db_int(r, c++) != 0;
	h->enrolled_at = db_int(r, c++);
	h->last_seen = db_int(r, c++);
	h->online = db_int(r, c++) != 0;
	h->desired = (enum profile)db_int(r, c++);
	TEXT(r, c++, h->desired_order);
	h->desired_epoch = (uint64_t)db_int(r, c++);
	h->desired_at = db_int(r, c++);
	h->applied = (enum profile)db_int(r, c++);
	TEXT(r, c++, h->applied_order);
	h->applied_at = db_int(r, c++);
	TEXT(r, c++, h->proven_order);
	h->proven_at = db_int(r, c++);
	h->proven_ok = db_int(r, c++) != 0;
	TEXT(r, c++, h->proven_why);
	TEXT(r, c++, h->witness_order);
	h->witness_at = db_int(r, c++);
	h->witness_ok = db_int(r, c++) != 0;
	TEXT(r, c++, h->witness_by);
	TEXT(r, c++, h->case_id);
	TEXT(r, c++, h->manifest_id);
	h->signals_committed = (uint64_t)db_int(r, c++);
	TEXT(r, c++, h->agent_version);
	TEXT(r, c++, h->cert_serial);
	h->cert_not_after = db_int(r, c++);
	TEXT(r, c++, h->addresses);
	TEXT(r, c++, h->drill_order);
	TEXT(r, c++, h->answers);
}

int
hosts_get(struct db *db, const char *id_or_name, struct host *h)
{
	struct db_rows *r;
	int rc;

	/* An id wins over a name that looks like it. */
	rc = db_row(db, &r, "SELECT " COLUMNS " FROM hosts "
	    "WHERE host_id = $1 OR name = $1 "
	    "ORDER BY CASE WHEN host_id = $1 THEN 0 ELSE 1 END LIMIT 1",
	    "s", id_or_name);
	if (rc != 0)
		return rc;
	fill(r, h);
	db_end(&r);
	return 0;
}

int
hosts_each(struct db *db, int (*fn)(void *arg, const struct host *h),
    void *arg)
{
	struct db_rows *r;
	struct host h;
	int rc;

	r = db_query(db, "SELECT " COLUMNS " FROM hosts ORDER BY name", "");
	while ((rc = db_next(r)) == 1) {
		fill(r, &h);
		rc = fn(arg, &h);
		if (rc != 0)
			break;
	}
	db_end(&r);
	return rc;
}

bool
hosts_answers(const struct host *h, const char *what)
{
	const char *at = h->answers;
	size_t len = strlen(what);

	for (; *at != '\0'; at += strspn(at, " ")) {
		if (strcspn(at, " ") == len && strncmp(at, what, len) == 0)
			return true;
		at += strcspn(at, " ");
	}
	return false;
}

enum order_state
hosts_order_state(struct db *db, const struct host *h)
{
	int64_t state;

	if (db_one_int(db, &state, "SELECT state FROM orders "
	    "WHERE order_id = $1", "s", h->desired_order) != 0)
		return ORDER_PROVEN;
	return (enum order_state)state;
}
