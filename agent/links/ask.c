/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Bounds of requests, in the network and the sensors process. */
#include "agent/links/ask.h"

#include "common/base/id.h"

static int
check_endpoints(Cordon__Endpoint *const *list, size_t n, size_t max,
    struct why *why)
{
	size_t i;

	if (n > max)
		return why_set(why, ERR_RANGE, "preview: %zu endpoints", n);
	for (i = 0; i < n; i++)
		if ((list[i]->address.len != 4 &&
		    list[i]->address.len != 16) ||
		    list[i]->prefix_len > 8 * list[i]->address.len)
			return why_set(why, ERR_RANGE,
			    "preview: a bad endpoint");
	return 0;
}

int
ask_preview_check(const Cordon__PreviewAsk *ask, struct why *why)
{
	int rc;

	if (!id_valid(ask->ask_id))
		return why_set(why, ERR_RANGE, "preview: bad id");
	if (ask->profile < CORDON__PROFILE__PROFILE_OPEN ||
	    ask->profile > CORDON__PROFILE__PROFILE_LIMITED)
		return why_set(why, ERR_RANGE, "preview: no such profile");
	rc = check_endpoints(ask->collectors, ask->n_collectors,
	    ASK_COLLECTORS_MAX, why);
	if (rc == 0)
		rc = check_endpoints(ask->allowed, ask->n_allowed,
		    ASK_ALLOWED_MAX, why);
	return rc;
}
