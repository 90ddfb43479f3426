/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Why something was not taken: stable codes and the words for a person.
 * Used by this room and every room above it.
 */
#include <stdarg.h>
#include <stdio.h>

#include "server/orders/orders.h"

static const char *const codes[] = {
	[REFUSAL_NONE] = "none",
	[REFUSAL_NO_HOST] = "no-host",
	[REFUSAL_ROLE] = "role",
	[REFUSAL_REASON] = "reason-short",
	[REFUSAL_NEVER] = "never-isolate",
	[REFUSAL_STAGE] = "stage",
	[REFUSAL_BUDGET] = "budget",
	[REFUSAL_STOP] = "stopped",
	[REFUSAL_APPROVALS] = "approvals-missing",
	[REFUSAL_OWN_PLAN] = "own-plan",
	[REFUSAL_YOUNG] = "operator-young",
	[REFUSAL_DIGEST] = "digest",
	[REFUSAL_EXPIRED] = "expired",
	[REFUSAL_STATE] = "state",
	[REFUSAL_EXPECT] = "expect-hosts",
	[REFUSAL_EVIDENCE] = "evidence-missing",
	[REFUSAL_GATE] = "gate",
	[REFUSAL_SIGNER] = "signer",
	[REFUSAL_NOT_FOUND] = "not-found",
	[REFUSAL_INPUT] = "bad-request",
	[REFUSAL_AWAY] = "host-away",
	[REFUSAL_CONFLICT] = "conflict",
	[REFUSAL_INTERNAL] = "internal",
};

const char *
refusal_code(enum refusal r)
{
	if ((unsigned int)r >= sizeof(codes) / sizeof(codes[0]))
		return "?";
	return codes[r];
}

int
refused_set(struct refused *r, enum refusal code, const char *next,
    const char *fmt, ...)
{
	va_list ap;

	if (r == NULL)
		return ERR_PERM;
	r->code = code;
	snprintf(r->next, sizeof(r->next), "%s", next);
	va_start(ap, fmt);
	vsnprintf(r->text, sizeof(r->text), fmt, ap);
	va_end(ap);
	return ERR_PERM;
}
