/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A host that comes back with a certificate out of its dates: away for
 * long, or one of the two clocks was wrong.  Runs on the writer thread as
 * the body of a store job.  Chain, purpose and key were checked by TLS, but
 * whoever finds an old disk has those as well: so such a connection is told
 * the newest order, may renew, and is good for nothing else.
 */
#include "server/flow/flow.h"

#include <stdio.h>

#include "common/base/clock.h"
#include "common/wire/frame.h"
#include "server/store/hosts.h"

static int
too_old(const struct host *h, const struct flow_stale *cert, int64_t age_ms,
    char refused[32], struct why *why)
{
	char age[32];

	snprintf(refused, 32, "certificate-expired");
	return why_set(why, ERR_PERM, "certificate %s of %s ended %s ago, "
	    "too long to renew it: enrol the host anew", cert->serial,
	    h->name, clock_format_span(age, sizeof(age), age_ms / 1000));
}

int
flow_stale(struct db *db, const struct flow *f, const char *host_id,
    const struct flow_stale *cert, const Cordon__Hello *hello,
    char refused[32], struct why *why)
{
	Cordon__RenewFirst m = CORDON__RENEW_FIRST__INIT;
	int64_t age = db_now(db) - cert->not_after_ms;
	uint8_t packed[16];
	struct host h;
	int rc;

	rc = hosts_get(db, host_id, &h);
	if (rc != 0)
		return rc;
	if (age > f->cert_stale_ms)
		return too_old(&h, cert, age, refused, why);
	rc = orders_hello(db, h.host_id, hello);
	if (rc != 0)
		return rc;
	m.server_time_ms = db_now(db);
	return db_send(db, h.host_id, FRAME_RENEW_FIRST, packed,
	    cordon__renew_first__pack(&m, packed));
}
