/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Where the rooms meet: what an agent says becomes facts, decisions and
 * answers; what an operator applies moves stages; the clock moves the rest.
 * Each function is the body of one store job (writer thread).
 */
#ifndef CORDON_SERVER_FLOW_FLOW_H
#define CORDON_SERVER_FLOW_FLOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/wire/agent.pb-c.h"
#include "server/cases/cases.h"
#include "server/flow/enrol.h"
#include "server/orders/orders.h"
#include "server/policy/policy.h"
#include "server/store/db.h"

struct flow {
	const struct orders_settings *orders;
	const struct cases_settings *cases;
	const struct policy *policy;
	const char *lists; /* folder of package lists; NULL: none */
	uint32_t heartbeat_seconds;
	int64_t cert_renew_before_ms; /* ask for renewal that long before */
	int64_t cert_stale_ms; /* that long after its end it may be renewed */
};

/* Once, before the first connection: nobody is online yet. */
int flow_start(struct db *db);
/* A connection of HOST_ID is up; sends Welcome, then what is due. */
int flow_hello(struct db *db, const struct flow *f, const char *host_id,
    const Cordon__Hello *hello);
/*
 * The same with a certificate out of its dates: the newest order if another
 * one is in force, then RenewFirst, and the host is not online.  ERR_PERM
 * with REFUSED ("certificate-expired") and WHY if it ended too long ago.
 */
int flow_stale(struct db *db, const struct flow *f, const char *host_id,
    const struct flow_stale *cert, const Cordon__Hello *hello,
    char refused[32], struct why *why);
/* It has gone. */
int flow_gone(struct db *db, const struct flow *f, const char *host_id,
    const char *reason);
/* KIND and payload of any later frame: unpacks, bounds, acts. */
int flow_frame(struct db *db, const struct flow *f, const char *host_id,
    uint16_t kind, const void *payload, size_t len, struct why *why);

/* Apply a plan and move stages; the API's way to plan_apply. */
int flow_plan_apply(struct db *db, const struct flow *f, const char *plan_id,
    const char *digest, int expect_hosts, const struct actor *actor,
    struct plan *out, struct refused *refused);
/* Make a plan after evidence, stage and gate were looked at. */
int flow_plan_make(struct db *db, const struct flow *f,
    const struct plan_ask *ask, struct plan *out, struct refused *refused);
/* A red finding in a probation: isolate again, as far as policy may. */
int flow_relapse(struct db *db, const struct flow *f, const char *host_id);
/* About once a second. */
int flow_tick(struct db *db, const struct flow *f);

#endif
