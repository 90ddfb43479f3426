/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * WORKFLOW 2 as a table, WORKFLOW 1's stages as one question.  Pure: the
 * collector's decisions about people start here.
 */
#include "server/orders/need.h"

#define ONE_BY_ONE (-1)

/* Approvals beside the requester.  Recover opens a little: as restore. */
static const struct row {
	int isolate, isolate_bulk, restore, restore_bulk;
	bool policy; /* a rule may isolate at all */
	bool policy_alone; /* and without a person */
	bool owner_isolate, owner_restore, head_restore;
} table[] = {
	[TIER_T0] = {2, ONE_BY_ONE, 2, 2, false, false, true, true, true},
	[TIER_T1] = {1, 2, 2, 2, true, false, false, true, false},
	[TIER_T2] = {0, 1, 1, 2, true, true, false, false, false},
	[TIER_T3] = {0, 1, 1, 1, true, true, false, false, false},
};

bool
need_is_bulk(int64_t n, int64_t fleet)
{
	if (n <= 1)
		return false;
	return n > BULK_HOSTS || n * 100 > fleet * BULK_PERCENT;
}

enum need_verdict
need_add(struct need *need, enum tier tier, enum plan_action action,
    bool bulk, enum plan_origin origin)
{
	const struct row *t = &table[tier];
	bool isolate = action == ACTION_ISOLATE || action == ACTION_LIMIT;
	int n;

	if (isolate)
		n = bulk ? t->isolate_bulk : t->isolate;
	else
		n = bulk ? t->restore_bulk : t->restore;
	if (n == ONE_BY_ONE)
		return NEED_ONE_BY_ONE;
	if (origin == ORIGIN_POLICY) {
		if (!isolate || !t->policy)
			return NEED_NO_POLICY;
		if (!t->policy_alone && n < 1)
			n = 1;
	}
	if (n > need->approvals)
		need->approvals = n;
	if (isolate ? t->owner_isolate : t->owner_restore)
		need->owner = true;
	if (!isolate && t->head_restore)
		need->head = true;
	return NEED_OK;
}

bool
need_met(const struct need *need, const struct need_votes *v)
{
	if (v->approvals < need->approvals)
		return false;
	if (need->owner && v->owners < 1)
		return false;
	if (!need->head)
		return true;
	if (!need->owner)
		return v->heads >= 1;
	/* two people can be told apart iff the two groups hold two */
	return v->heads >= 1 && v->either >= 2;
}

bool
need_stage_allows(enum stage stage, enum plan_action action,
    enum order_state state)
{
	switch (stage) {
	case STAGE_NORMAL:
		return action == ACTION_ISOLATE || action == ACTION_LIMIT;
	case STAGE_CONTAINED:
		return action == ACTION_RECOVER || action == ACTION_LIMIT ||
		    (action == ACTION_ISOLATE && order_state_is_no(state));
	case STAGE_RECOVERING:
		return action == ACTION_ISOLATE || action == ACTION_RESTORE ||
		    (action == ACTION_RECOVER && order_state_is_no(state));
	case STAGE_VERIFYING:
		return action == ACTION_ISOLATE || action == ACTION_RESTORE;
	case STAGE_PROBATION:
		return action == ACTION_ISOLATE || action == ACTION_LIMIT ||
		    (action == ACTION_RESTORE && order_state_is_no(state));
	case STAGE_RETIRED:
		break;
	}
	return false;
}

enum plan_action
need_action(enum plan_action action, enum stage stage)
{
	if (action != ACTION_LIMIT)
		return action;
	return stage == STAGE_CONTAINED ? ACTION_RECOVER : ACTION_ISOLATE;
}

enum profile
need_profile(enum plan_action action)
{
	switch (action) {
	case ACTION_ISOLATE:
		return PROFILE_STRICT;
	case ACTION_RECOVER:
		return PROFILE_RECOVERY;
	case ACTION_RESTORE:
		return PROFILE_OPEN;
	case ACTION_LIMIT:
		return PROFILE_LIMITED;
	}
	return PROFILE_STRICT;
}
