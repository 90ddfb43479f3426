/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Enrolment: a host without a certificate gets one for a one-time token.
 * The collector is known by the digest of its CA alone; the private key is
 * made here and stays here.
 */
#ifndef CORDON_AGENT_NETWORK_ENROL_H
#define CORDON_AGENT_NETWORK_ENROL_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/buf.h"
#include "common/base/err.h"
#include "common/net/addr.h"
#include "common/wire/agent.pb-c.h"

#define ENROL_ADDRS_MAX 16
#define ENROL_TOKEN_MAX 128

struct event_base;

struct enrol_ask {
	struct addr addr[ENROL_ADDRS_MAX]; /* tried in turn */
	size_t naddr;
	const char *token;
	uint8_t ca_sha256[32];
	const char *state_dir;
};

/*
 * "HOST:PORT" or an address: each address it stands for is added.  The only
 * place of the agent where a name is looked up.
 */
int enrol_resolve(struct enrol_ask *a, const char *text, struct why *why);

/*
 * Enrol on BASE (blocks).  On success the credential is in state_dir and
 * ENROLLED holds the packed Enrolled, with the address that worked first in
 * its list of collectors.  On failure nothing is left in state_dir.
 */
int enrol_run(struct event_base *base, const struct enrol_ask *a,
    struct buf *enrolled, struct why *why);
/* Take back what enrol_run left (the caller could not keep the rest). */
void enrol_undo(const char *state_dir);

/*
 * What came back from the collector, checked against our key and pinned CA:
 * 0, ERR_PROTO, ERR_RANGE, ERR_CRYPTO.  *E is the caller's.
 */
int enrol_check(const struct enrol_ask *a, const uint8_t *payload, size_t len,
    Cordon__Enrolled **e, struct why *why);

#endif
