/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The stage of a host (WORKFLOW 1): moved by people and gates, never by what
 * an agent claims.  Runs in jobs of the store on the writer thread.
 */
#include <stdio.h>

#include "common/base/log.h"
#include "server/audit/audit.h"
#include "server/cases/cases.h"
#include "server/store/hosts.h"

#define TO(s) (1u << (s))

/* From each stage, the stages that may follow. */
static const unsigned int steps[] = {
	[STAGE_NORMAL] = TO(STAGE_CONTAINED) | TO(STAGE_RETIRED),
	/* to probation by its own restore, where the plan said so */
	[STAGE_CONTAINED] = TO(STAGE_RECOVERING) | TO(STAGE_PROBATION) |
	    TO(STAGE_RETIRED),
	[STAGE_RECOVERING] = TO(STAGE_VERIFYING) | TO(STAGE_CONTAINED) |
	    TO(STAGE_RETIRED),
	[STAGE_VERIFYING] = TO(STAGE_RECOVERING) | TO(STAGE_PROBATION) |
	    TO(STAGE_CONTAINED) | TO(STAGE_RETIRED),
	[STAGE_PROBATION] = TO(STAGE_NORMAL) | TO(STAGE_CONTAINED) |
	    TO(STAGE_RETIRED),
	[STAGE_RETIRED] = 0,
};

bool
stage_allows(enum stage from, enum plan_action action)
{
	switch (action) {
	case ACTION_ISOLATE:
		return from != STAGE_RETIRED;
	case ACTION_RECOVER:
		return from == STAGE_CONTAINED;
	case ACTION_LIMIT:
		return from == STAGE_NORMAL || from == STAGE_CONTAINED ||
		    from == STAGE_PROBATION;
	case ACTION_RESTORE:
		return from == STAGE_VERIFYING;
	}
	return false;
}

int
stage_set(struct db *db, const char *host_id, enum stage to, const char *who,
    const char *why)
{
	struct host h;
	int rc;

	rc = hosts_get(db, host_id, &h);
	if (rc != 0)
		return rc;
	if (h.stage == to)
		return 0;
	if ((steps[h.stage] & TO(to)) == 0) {
		log_error("host %s: impossible step of stage %s -> %s (%s)",
		    h.name, word_name(WORDS_STAGE, (int)h.stage),
		    word_name(WORDS_STAGE, (int)to), why);
		return ERR_BADSTATE;
	}
	rc = db_run(db, NULL,
	    "UPDATE hosts SET stage = $1, stage_since = $2 WHERE host_id = $3",
	    "iis", (int64_t)to, db_now(db), h.host_id);
	if (rc == 0)
		rc = audit_add(db,
		    &(struct audit_entry){.who = who, .what = "host.stage",
		    .host = h.name, .case_id = h.case_id}, "%s -> %s: %s",
		    word_name(WORDS_STAGE, (int)h.stage),
		    word_name(WORDS_STAGE, (int)to), why);
	if (rc == 0)
		rc = case_derive(db, h.case_id);
	return rc;
}
