/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Runs of checks, shared by gate and probation.  Private to server/cases. */
#ifndef CORDON_SERVER_CASES_RUN_H
#define CORDON_SERVER_CASES_RUN_H

#include <stdbool.h>

#include "server/cases/cases.h"

#define RUN_GATE "gate"
#define RUN_PROBATION "probation"
#define RUN_CHECK "check"
#define RUN_TREE "manifest" /* one tree against its own */
#define RUN_TIMEOUT_MS (15 * 60 * 1000) /* unanswered by then: unknown */

struct run {
	char run_id[ID_MAX];
	char kind[16];
	char asked_by[NAME_MAX_LEN];
	char case_id[ID_MAX];
	int64_t done_at;
	enum outcome outcome;
};

int run_start(struct db *db, const struct cases_settings *s,
    const struct host *h, const char *kind, const char *who,
    char run_id[ID_MAX]);
/* ERR_NOENT: no such run of that host. */
int run_load(struct db *db, const char *run_id, const char *host_id,
    struct run *run);
/* The same of any host, which is *H, with what run_outcome says. */
int run_find(struct db *db, const char *run_id, struct host *h,
    struct run *run, enum outcome *out);
/* The worst of the must checks; OUTCOME_NONE while one is open. */
int run_outcome(struct db *db, const char *run_id, enum outcome *out);
/* Ends a run: open checks are unknown, stage, schedule, audit. */
int run_finish(struct db *db, const struct host *h, const struct run *run,
    enum outcome outcome);

/* Give the oldest re-check that is due or missed this run. */
int recheck_bind(struct db *db, const char *host_id, const char *run_id);
int recheck_done(struct db *db, const char *host_id, const char *run_id,
    enum outcome outcome);

#endif
