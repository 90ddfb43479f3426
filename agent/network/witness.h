/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Being a witness: can this host reach another one of its own segments?
 * Only addresses on a connected segment are tried, only a few fixed ports,
 * so that a collector cannot use its agents to scan.
 */
#ifndef CORDON_AGENT_NETWORK_WITNESS_H
#define CORDON_AGENT_NETWORK_WITNESS_H

#include <stdbool.h>

#include "agent/network/ifaces.h"
#include "common/base/err.h"
#include "common/wire/agent.pb-c.h"

#define WITNESS_ASKS_MAX 4
#define WITNESS_ADDRS_MAX 8
#define WITNESS_WAIT_MS 2000

struct event_base;
struct witness;

/* The answer, lent for the call. */
typedef void witness_done_fn(void *arg, const Cordon__WitnessResult *r);

struct witness *witness_new(struct event_base *base, witness_done_fn *done,
    void *arg);
void witness_free(struct witness **w);
/*
 * Start; the answer comes by DONE, also when nothing could be tried.
 * OWN: N addresses of this host; none while it is isolated itself, because
 * its tries would prove nothing.  ERR_RANGE: the ask is malformed.
 */
int witness_ask(struct witness *w, const Cordon__WitnessAsk *ask,
    const struct iface_addr *own, size_t n, struct why *why);

#endif
