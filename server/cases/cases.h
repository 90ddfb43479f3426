/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Cases, the stage of each host, the gate, probation.  Runs inside jobs of
 * the store.  The only writer of cases, case_hosts, case_facts, evidence,
 * runs, run_checks, rechecks, manifests, and of hosts.stage.
 */
#ifndef CORDON_SERVER_CASES_CASES_H
#define CORDON_SERVER_CASES_CASES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/wire/agent.pb-c.h"
#include "server/model/model.h"
#include "server/orders/orders.h"
#include "server/store/db.h"

struct cases_settings {
	const char *gate[32]; /* check ids run in a gate: "G01" ... */
	size_t ngate;
	struct cases_recheck {
		char name[16]; /* "h1" */
		int64_t after_seconds;
	} rechecks[16];
	size_t nrechecks;
	int64_t gate_age_seconds;     /* a gate result is good for: 24 h */
	int64_t recheck_late_seconds; /* then a re-check is missed */
	/* Signs a manifest's digest (MANIFEST_CONTEXT). */
	int (*sign_manifest)(void *arg, const char *manifest_id,
	    const uint8_t digest[32], uint8_t sig[64], struct why *why);
	void *sign_arg;
};

struct case_row {
	char case_id[ID_MAX];
	char title[TEXT_MAX_LEN];
	enum case_state state;
	int64_t opened_at, closed_at;
	char opened_by[NAME_MAX_LEN];
};

int case_open(struct db *db, const char *title, const struct actor *actor,
    struct case_row *out, struct refused *refused);
int case_get(struct db *db, const char *case_id, struct case_row *out);
/* The same; a case that is not there is refused. */
int case_find(struct db *db, const char *case_id, struct case_row *out,
    struct refused *refused);
int case_add_host(struct db *db, const char *case_id, const char *host_id,
    const char *who);
/* Records a fact's time once; later calls keep the first. */
int case_fact(struct db *db, const char *case_id, const char *fact, int64_t at,
    const char *who);
/* Derive the case's state from its hosts; audited when it changes. */
int case_derive(struct db *db, const char *case_id);
int case_close(struct db *db, const char *case_id, const struct actor *actor,
    const char *outcome, struct refused *refused);

/* The one function that moves a host's stage; refuses impossible steps. */
int stage_set(struct db *db, const char *host_id, enum stage to,
    const char *who, const char *why);
/* May this action be planned from this stage?  Pure. */
bool stage_allows(enum stage from, enum plan_action action);

/* Evidence: kept, or waived with a reason by a person. */
int evidence_add(struct db *db, const char *case_id, const char *host_id,
    const char *kind, const void *data, size_t len, const char *who,
    const char *text);
bool evidence_kept(struct db *db, const char *case_id, const char *host_id);
int evidence_waive(struct db *db, const char *host_id,
    const struct actor *actor, const char *reason, struct refused *refused);

/* Snapshot and manifest chunks as they come from an agent. */
int snapshot_chunk(struct db *db, const char *host_id,
    const Cordon__SnapshotChunk *c);
int manifest_chunk(struct db *db, const struct cases_settings *s,
    const char *host_id, const Cordon__ManifestChunk *c);
/* Ask the agent for a known-good manifest; only in stage normal. */
int manifest_ask(struct db *db, const char *host_id,
    const struct actor *actor, char manifest_id[ID_MAX],
    struct refused *refused);

/* Run the gate (stage -> verifying) or one re-check now. */
int gate_run(struct db *db, const struct cases_settings *s,
    const char *host_id, const struct actor *actor, char run_id[ID_MAX],
    struct refused *refused);
int recheck_run(struct db *db, const struct cases_settings *s,
    const char *host_id, const struct actor *actor, char run_id[ID_MAX],
    struct refused *refused);
/* A result came; RELAPSE is set when a must check of a probation is red. */
int check_result(struct db *db, const struct cases_settings *s,
    const char *host_id, const Cordon__CheckResult *r, bool *relapse);
int check_waive(struct db *db, const char *run_id, const char *check_id,
    const struct actor *actor, const char *reason, struct refused *refused);
/* Is the host's newest gate passed, whole and young enough? */
bool gate_passed(struct db *db, const struct cases_settings *s,
    const char *host_id, char *why, size_t size);

/* Starts the schedule of re-checks. */
int probation_start(struct db *db, const struct cases_settings *s,
    const char *host_id);
/* Re-checks fall due or are missed; a finished probation -> normal. */
int cases_tick(struct db *db, const struct cases_settings *s);

#endif
