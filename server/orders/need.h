/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The approvals table of WORKFLOW 2, and what may be planned from which
 * stage.  Pure.  Private to server/orders.
 */
#ifndef CORDON_SERVER_ORDERS_NEED_H
#define CORDON_SERVER_ORDERS_NEED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "server/model/model.h"

#define BULK_HOSTS 5   /* more than these are bulk */
#define BULK_PERCENT 2 /* more than this share of the fleet is bulk */

enum need_verdict {
	NEED_OK,
	NEED_NO_POLICY,	 /* policy never does that to this tier */
	NEED_ONE_BY_ONE, /* hosts of this tier: one plan each */
};

struct need {
	int approvals;
	bool owner; /* one of them the business owner */
	bool head;  /* another one the security head (role commander) */
};

/* Is a plan for N hosts of a fleet of FLEET bulk?  One host never is. */
bool need_is_bulk(int64_t n, int64_t fleet);
/* What a host of TIER asks for; *NEED is raised, never lowered. */
enum need_verdict need_add(struct need *need, enum tier tier,
    enum plan_action action, bool bulk, enum plan_origin origin);

/* What the votes of a plan amount to. */
struct need_votes {
	int approvals;
	int owners; /* of them business owners of every host's group */
	int heads;  /* of them commanders */
	int either; /* of them one or the other */
};
/* Owner and head must be two people. */
bool need_met(const struct need *need, const struct need_votes *v);

/*
 * May ACTION be planned for a host in this stage, whose desired order is in
 * STATE?  An order that came to nothing may be planned once more.
 */
bool need_stage_allows(enum stage stage, enum plan_action action,
    enum order_state state);
/*
 * What to ask approvals as: to limit a host that was open cuts it off, to
 * limit one that is cut off opens it a little.
 */
enum plan_action need_action(enum plan_action action, enum stage stage);
enum profile need_profile(enum plan_action action);

#endif
