/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The check runs under way: which checks are still open, who owes them, and
 * whether a result is the last one.  Pure but for the clock it is given.
 */
#ifndef CORDON_AGENT_NETWORK_RUNS_H
#define CORDON_AGENT_NETWORK_RUNS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"
#include "common/base/id.h"
#include "common/wire/agent.pb-c.h"

#define RUNS_MAX 8
#define RUN_CHECKS_MAX 64 /* agent.proto: CheckRun */
#define RUN_CHECK_ID_MAX 16
#define RUN_TIMEOUT_MS (10 * 60 * 1000)
#define RUN_FOREIGN "G15" /* the one check that the enforcer answers */

enum run_owner { RUN_SENSORS = 1, RUN_ENFORCER = 2 };

struct run_check {
	char id[RUN_CHECK_ID_MAX];
	enum run_owner owner;
	bool open;
};

struct run {
	char id[ID_MAX]; /* "": the slot is free */
	int64_t deadline; /* boot ms */
	struct run_check check[RUN_CHECKS_MAX];
	size_t n, open;
};

struct runs {
	struct run run[RUNS_MAX];
};

/*
 * Begin a run.  ERR_RANGE: a field is out of bounds; ERR_EXIST: it is
 * running; ERR_LIMIT: too many.
 */
int runs_begin(struct runs *rs, const Cordon__CheckRun *ask, int64_t now,
    struct run **run, struct why *why);
/*
 * OWNER answered CHECK_ID of RUN_ID: it is closed; *LAST: it was the last.
 * ERR_NOENT: OWNER does not owe that.
 */
int runs_close(struct runs *rs, const char *run_id, const char *check_id,
    enum run_owner owner, bool *last);

/* Gives an answer for a check that will have no other. */
typedef void runs_unknown_fn(void *arg, const char *run_id,
    const char *check_id, bool last, const char *why);
/* OWNER cannot answer: close what it owes, of RUN_ID or (NULL) of all. */
void runs_fail(struct runs *rs, const char *run_id, enum run_owner owner,
    const char *why, runs_unknown_fn *fn, void *arg);
/* Close what is late. */
void runs_expire(struct runs *rs, int64_t now, runs_unknown_fn *fn,
    void *arg);

#endif
