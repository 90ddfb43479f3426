/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A framed connection over TLS: frames in, frames out, bounded queues, idle
 * timers, and a reason in words for each end.  Runs on a loop of libevent;
 * used by the agent's network process and the collector's listeners.
 * Trusts nothing that it reads.
 */
#ifndef CORDON_NET_CONN_H
#define CORDON_NET_CONN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"
#include "common/net/addr.h"
#include "common/net/x509.h"
#include "common/wire/frame.h"

struct conn;
struct event_base;
struct ssl_ctx_st;

struct conn_ops {
	/* TLS is up; PEER is lent (role 0: no certificate).  Not 0: end. */
	int (*up)(void *arg, struct conn *c, const struct x509_id *peer,
	    struct why *why);
	/* One whole frame, payload lent.  Not 0: the connection ends. */
	int (*frame)(void *arg, struct conn *c, const struct frame *f,
	    struct why *why);
	/* It has ended; C is freed by conn right after this returns. */
	void (*end)(void *arg, struct conn *c, const char *reason);
};

struct conn_limits {
	uint32_t handshake_ms; /* connect and TLS together */
	uint32_t idle_ms;      /* nothing received for that long: end; 0: never */
	size_t out_max;	       /* bytes queued for sending */
};

/* Takes FD (connected, non-blocking): the server's side. */
struct conn *conn_accept(struct event_base *base, struct ssl_ctx_st *ctx,
    int fd, const struct conn_limits *lim, const struct conn_ops *ops,
    void *arg);
/* Starts connecting; success or failure comes through ops. */
struct conn *conn_connect(struct event_base *base, struct ssl_ctx_st *ctx,
    const struct addr *to, const struct conn_limits *lim,
    const struct conn_ops *ops, void *arg);

/* ERR_LIMIT when the queue is full: nothing was queued. */
int conn_send(struct conn *c, uint16_t kind, const void *payload, size_t len);
/* Stop or go on reading (backpressure). */
void conn_pause(struct conn *c, bool pause);
void conn_set_idle(struct conn *c, uint32_t idle_ms);
/* Send what is queued, then end with REASON; no more frames come in. */
void conn_finish(struct conn *c, const char *reason);
/* End now; ops->end is called before this returns. */
void conn_end(struct conn *c, const char *reason);
size_t conn_queued(const struct conn *c);
const char *conn_peer_text(const struct conn *c); /* address, lent */

#endif
