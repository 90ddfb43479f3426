/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The agents' door: one loop a core, each with its own SO_REUSEPORT socket
 * and connections.  The roster finds the loop of a host and is the store's
 * sink.  Also takes enrolments (connections without a certificate).
 */
#ifndef CORDON_SERVER_LISTENER_LISTENER_H
#define CORDON_SERVER_LISTENER_LISTENER_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"
#include "common/net/addr.h"
#include "common/net/x509.h"
#include "server/flow/flow.h"

struct ssl_ctx_st;
struct store;
struct listener;

struct listener_settings {
	struct addr listen[16];
	size_t nlisten;
	int loops; /* threads */
	struct ssl_ctx_st *tls;
	const struct x509_ca *ca; /* issues agents' certificates */
	int64_t agent_cert_seconds;
	const char *ca_cert_path;
	uint8_t order_key[32];
	const struct flow *flow;
	uint32_t connections_max;
};

int listener_start(struct store *s, const struct listener_settings *set,
    struct listener **l, struct why *why);
/*
 * Ends all sessions and waits until the store has taken what they said.
 * The store must still run; whoever else submits jobs to it must have ended
 * (store_loop_free), because their frames come to this listener.
 */
void listener_stop(struct listener **l);
/* A store_sink_fn; any thread. */
void listener_sink(void *arg, const char *host_id, uint16_t kind,
    const void *payload, size_t len);

#endif
