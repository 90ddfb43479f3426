/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One connection of an agent, or of a host that wants to enrol.  Belongs to
 * its loop's thread.  It lives on after the connection until the store has
 * given back its last job.  For this room only.
 */
#ifndef CORDON_SERVER_LISTENER_SESSION_H
#define CORDON_SERVER_LISTENER_SESSION_H

#include <stddef.h>
#include <stdint.h>

#include "common/net/addr.h"

struct loop;
struct session;

enum session_state {
	SESSION_HANDSHAKE = 1,	/* TLS under way */
	SESSION_STRANGER = 2,	/* no certificate: may enrol, nothing else */
	SESSION_ENROLLING = 4,	/* the store looks at the token */
	SESSION_HELLO_WAIT = 8, /* a certificate; Hello must come */
	SESSION_GREETING = 16,	/* the store looks at certificate and Hello */
	SESSION_RENEWING = 32,	/* its certificate is stale: may renew it */
	SESSION_LIVE = 64,
	SESSION_CLOSING = 128, /* last bytes go out, or none any more */
};

/* Takes FD. */
void session_accept(struct loop *l, int fd, const struct addr *from);
uint64_t session_id(const struct session *s);
/* Something for it from another thread; kind 0 ends it. */
void session_mail(struct session *s, uint16_t kind, const void *payload,
    size_t len);
void session_end(struct session *s, const char *reason);
/* Offer the store again what it did not take. */
void session_retry(struct loop *l);
/* The loop has ended: free it, whatever was waiting. */
void session_abandon(struct session *s);

/* The rule that is applied to each frame: NULL or the reason. */
const char *session_check(enum session_state state, uint16_t kind);

#endif
