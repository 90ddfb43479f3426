/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * An order for a host that no line reaches: the bytes that were approved
 * and signed, handed to a person who carries them there.  Nothing is signed
 * anew, and only what is desired of the host now is given out.  Runs in
 * jobs on the writer thread.
 */
#include "server/orders/export.h"

#include <string.h>

#include "server/orders/may.h"
#include "server/orders/order_row.h"
#include "server/orders/own.h"
#include "server/store/hosts.h"

static int
find(struct db *db, const char *name, struct host *h, struct order_row *o,
    struct refused *refused)
{
	int rc;

	rc = name_valid(name) ? hosts_get(db, name, h) : ERR_NOENT;
	if (rc == 0)
		rc = h->desired_order[0] != '\0' ?
		    order_row_get(db, h->desired_order, o) : ERR_NOENT;
	else if (rc == ERR_NOENT)
		rc = name_valid(name) ? order_row_get(db, name, o) :
		    ERR_NOENT;
	if (rc == ERR_NOENT)
		return refused_set(refused, REFUSAL_NOT_FOUND,
		    "Name an order, or a host that was ordered something.",
		    "there is no order to export");
	return rc == 0 ? hosts_get(db, o->host_id, h) : rc;
}

static int
check(struct db *db, const struct host *h, const struct order_row *o,
    const struct actor *actor, struct refused *refused)
{
	struct host one = *h;
	struct host_list l = {&one, 1};
	bool may = false;
	int rc;

	rc = may_all(db, actor, may_roles(o->profile == PROFILE_STRICT ?
	    ACTION_ISOLATE : ACTION_RESTORE), &l, &may);
	if (rc != 0)
		return rc;
	if (!may)
		return refused_set(refused, REFUSAL_ROLE,
		    "Ask who may plan that order for this host.",
		    "%s may not carry an order to %s", actor->name, h->name);
	if (o->drill != DRILL_NONE)
		return refused_set(refused, REFUSAL_STATE,
		    "A drill needs the host on line.",
		    "order %s is a drill", o->order_id);
	if (strcmp(h->desired_order, o->order_id) != 0)
		return refused_set(refused, REFUSAL_STATE,
		    "Export the newest order: cordonctl order export --offline "
		    "HOST", "order %s is not what is desired of %s now",
		    o->order_id, h->name);
	return 0;
}

int
order_export(struct db *db, const char *name, const struct actor *actor,
    struct order_export *out, struct refused *refused)
{
	struct order_row o = {.drill = DRILL_NONE};
	struct host h;
	int rc;

	rc = find(db, name, &h, &o, refused);
	if (rc == 0)
		rc = check(db, &h, &o, actor, refused);
	if (rc == 0)
		rc = order_row_bytes(db, o.order_id,
		    &out->bytes);
	if (rc == 0)
		rc = order_row_audit(db, &o, h.name, actor->name,
		    "order.export", "profile %s, epoch %llu, to be carried to "
		    "the host by hand",
		    word_name(WORDS_PROFILE, (int)o.profile),
		    (unsigned long long)o.epoch);
	if (rc == 0) {
		memcpy(out->order_id, o.order_id, sizeof(out->order_id));
		memcpy(out->host, h.name, sizeof(out->host));
		out->epoch = o.epoch;
		out->profile = o.profile;
		out->state = o.state;
	}
	order_row_done(&o);
	return plan_refused(db, actor, NULL, "plan.refuse", refused, rc);
}
