/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Trying, not guessing from versions.  Runs in the guard, once at start. */
#include "agent/guard/probe.h"

#include <errno.h>
#include <linux/if_link.h>
#include <stdbool.h>
#include <stdio.h>
#include <unistd.h>

#include "agent/guard/programs.h"
#include "agent/guard/queue.h"

#define LOOPBACK_INDEX 1 /* LOOPBACK_IFINDEX, net/net_namespace.h */

/* Somebody sitting there already shows that it works. */
static bool
taken(int rc)
{
	return rc == 0 || rc == -EBUSY || rc == -EEXIST;
}

unsigned int
probe_features(char *reason, size_t size)
{
	const struct program_rules none = {0};
	struct programs *p = NULL;
	unsigned int found = 0;
	int link = -1, fd = -1, rc;
	struct why why = {""};

	reason[0] = '\0';
	rc = queue_hold(LOOPBACK_INDEX, 0, &fd);
	if (rc == 0 || rc == ERR_BADSTATE || rc == ERR_UNSUPP)
		found |= GUARD_QUEUES; /* without AF_XDP there is no need */
	if (fd >= 0)
		close(fd);
	if (programs_load(&none, &p, &why) != 0) {
		snprintf(reason, size, "%s", why.text);
		return found;
	}
	if (taken(hook_in(programs_in(p, SHAPE_ANY), LOOPBACK_INDEX,
	    XDP_FLAGS_SKB_MODE, &link)))
		found |= GUARD_XDP;
	hook_free(&link);
	if (hook_out(programs_out(p, SHAPE_ANY), LOOPBACK_INDEX, &link) == 0)
		found |= GUARD_TC;
	hook_free(&link);
	programs_free(&p);
	return found;
}
