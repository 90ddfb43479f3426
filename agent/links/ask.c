/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Bounds of requests, in the network and the sensors process. */
#include "agent/links/ask.h"

#include <string.h>

#include "common/base/digest.h"
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

static bool
is_address(const Cordon__SweepAsk *ask)
{
	const Cordon__Address *a = ask->address;
	size_t len = a != NULL ? a->ip.len : 0;

	return (len == 0 || len == 4 || len == 16) && ask->port <= 65535 &&
	    (a == NULL || a->prefix_len <= 8 * len) &&
	    (len != 0 || ask->port != 0);
}

int
ask_sweep_check(const Cordon__SweepAsk *ask, struct why *why)
{
	size_t len = strlen(ask->text);
	bool good = false;

	if (!id_valid(ask->sweep_id))
		return why_set(why, ERR_RANGE, "sweep: bad id");
	switch (ask->kind) {
	case CORDON__SWEEP_KIND__SWEEP_SHA256:
		good = ask->sha256.len == DIGEST_LEN;
		break;
	case CORDON__SWEEP_KIND__SWEEP_PATH:
		good = ask->text[0] == '/' && len <= ASK_PATH_MAX;
		break;
	case CORDON__SWEEP_KIND__SWEEP_USER:
	case CORDON__SWEEP_KIND__SWEEP_PROCESS:
		good = len >= 1 && len <= ASK_NAME_MAX;
		break;
	case CORDON__SWEEP_KIND__SWEEP_ADDRESS:
		good = is_address(ask);
		break;
	default:
		return why_set(why, ERR_RANGE, "sweep: no such kind");
	}
	return good ? 0 : why_set(why, ERR_RANGE,
	    "sweep: what is asked for is out of bounds");
}
