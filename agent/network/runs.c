/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Check runs under way.  Runs in the network process of the agent; what
 * the collector asks for is bounded here before anyone acts on it.
 */
#include "agent/network/runs.h"

#include <string.h>

static struct run *
find(struct runs *rs, const char *id)
{
	size_t i;

	for (i = 0; i < RUNS_MAX; i++)
		if (strcmp(rs->run[i].id, id) == 0)
			return &rs->run[i];
	return NULL;
}

static bool
has_check(const struct run *r, const char *id)
{
	size_t i;

	for (i = 0; i < r->n; i++)
		if (strcmp(r->check[i].id, id) == 0)
			return true;
	return false;
}

static int
bounds(const Cordon__CheckRun *ask, struct why *why)
{
	size_t i;

	if (!id_valid(ask->run_id))
		return why_set(why, ERR_RANGE, "run id is none");
	if (ask->n_checks < 1 || ask->n_checks > RUN_CHECKS_MAX)
		return why_set(why, ERR_RANGE, "%zu checks", ask->n_checks);
	for (i = 0; i < ask->n_checks; i++)
		if (!name_valid(ask->checks[i]) ||
		    strlen(ask->checks[i]) >= RUN_CHECK_ID_MAX)
			return why_set(why, ERR_RANGE, "check id is none");
	return 0;
}

int
runs_begin(struct runs *rs, const Cordon__CheckRun *ask, int64_t now,
    struct run **out, struct why *why)
{
	struct run_check *c;
	struct run *r;
	size_t i;
	int rc;

	if ((rc = bounds(ask, why)) != 0)
		return rc;
	if (find(rs, ask->run_id) != NULL)
		return why_set(why, ERR_EXIST, "run %s is under way",
		    ask->run_id);
	if ((r = find(rs, "")) == NULL)
		return why_set(why, ERR_LIMIT, "too many runs at a time");
	memset(r, 0, sizeof(*r));
	strcpy(r->id, ask->run_id);
	r->deadline = now + RUN_TIMEOUT_MS;
	for (i = 0; i < ask->n_checks; i++) {
		if (has_check(r, ask->checks[i]))
			continue;
		c = &r->check[r->n++];
		strcpy(c->id, ask->checks[i]);
		c->owner = strcmp(c->id, RUN_FOREIGN) == 0 ? RUN_ENFORCER :
		    RUN_SENSORS;
		c->open = true;
	}
	r->open = r->n;
	*out = r;
	return 0;
}

/* Returns whether it was the last of its run, which is over then. */
static bool
close_check(struct run *r, struct run_check *c)
{
	c->open = false;
	if (--r->open > 0)
		return false;
	r->id[0] = '\0';
	return true;
}

int
runs_close(struct runs *rs, const char *run_id, const char *check_id,
    enum run_owner owner, bool *last)
{
	struct run *r;
	size_t i;

	if (run_id[0] == '\0' || (r = find(rs, run_id)) == NULL)
		return ERR_NOENT;
	for (i = 0; i < r->n; i++)
		if (r->check[i].open && r->check[i].owner == owner &&
		    strcmp(r->check[i].id, check_id) == 0) {
			*last = close_check(r, &r->check[i]);
			return 0;
		}
	return ERR_NOENT;
}

static void
fail_run(struct run *r, unsigned int owners, const char *why,
    runs_unknown_fn *fn, void *arg)
{
	char id[ID_MAX];
	size_t i;
	bool last;

	/* The last one frees the slot; its name is still needed then. */
	strcpy(id, r->id);
	for (i = 0; i < r->n && r->id[0] != '\0'; i++) {
		if (!r->check[i].open || !(r->check[i].owner & owners))
			continue;
		last = close_check(r, &r->check[i]);
		fn(arg, id, r->check[i].id, last, why);
	}
}

void
runs_fail(struct runs *rs, const char *run_id, enum run_owner owner,
    const char *why, runs_unknown_fn *fn, void *arg)
{
	size_t i;

	for (i = 0; i < RUNS_MAX; i++)
		if (rs->run[i].id[0] != '\0' && (run_id == NULL ||
		    strcmp(rs->run[i].id, run_id) == 0))
			fail_run(&rs->run[i], owner, why, fn, arg);
}

void
runs_expire(struct runs *rs, int64_t now, runs_unknown_fn *fn, void *arg)
{
	size_t i;

	for (i = 0; i < RUNS_MAX; i++)
		if (rs->run[i].id[0] != '\0' && rs->run[i].deadline <= now)
			fail_run(&rs->run[i], RUN_SENSORS | RUN_ENFORCER,
			    "no answer within ten minutes", fn, arg);
}
