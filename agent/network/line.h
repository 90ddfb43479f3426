/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The one line to the collector: which address to try when, TLS, Hello,
 * heartbeats, and which frame may come in what state.  What frames mean is
 * the business of the rows handed in.
 */
#ifndef CORDON_AGENT_NETWORK_LINE_H
#define CORDON_AGENT_NETWORK_LINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/buf.h"
#include "common/base/err.h"
#include "common/net/addr.h"

#define LINE_ADDRS_MAX 32
#define LINE_OUT_MAX (4 * 1024 * 1024) /* bytes waiting to be sent */
#define LINE_RETRY_MIN_MS 500
#define LINE_RETRY_MAX_MS 60000
#define LINE_RETRY_ISOLATED_MS 10000 /* the longest wait while isolated */
#define LINE_BEATS_LOST 3	     /* heartbeats without answer: reconnect */

struct event_base;
struct line;

enum line_state {
	LINE_DOWN = 1,	     /* waiting for the next try */
	LINE_CONNECTING = 2, /* TCP and TLS under way */
	LINE_HELLO = 4,	     /* Hello sent, no Welcome yet */
	LINE_LIVE = 8,
};

/* One kind that may come in, and when.  A table ends with kind 0. */
struct line_row {
	uint16_t kind;
	unsigned int states; /* of enum line_state, or-ed */
	int (*handle)(void *arg, const uint8_t *payload, size_t len,
	    struct why *why); /* not 0: the connection ends */
};

struct line_ops {
	int (*hello)(void *arg, struct buf *out);
	int (*heartbeat)(void *arg, uint64_t sequence, struct buf *out);
	void (*heard)(void *arg); /* a whole allowed frame came in */
	void (*down)(void *arg);  /* it was up at least to Hello */
};

struct line_options {
	struct event_base *base;
	const char *state_dir; /* with the credential; lent */
	const struct line_row *rows;
	const struct line_ops *ops;
	void *arg;
};

/* ERR_NOENT or ERR_CRYPTO when there is no usable credential. */
int line_new(const struct line_options *o, struct line **l, struct why *why);
void line_free(struct line **l);

/*
 * Whom to try, first one first; at most LINE_ADDRS_MAX are kept.  False if
 * the one that is in use or was to be tried next is not among them.
 */
bool line_set_addresses(struct line *l, const struct addr *a, size_t n);
/* Begin to connect (line_set_addresses first). */
void line_start(struct line *l);
enum line_state line_state(const struct line *l);
/* While isolated: shorter waits. */
void line_set_isolated(struct line *l, bool isolated);
/* The collector's Welcome has come. */
void line_welcomed(struct line *l, uint32_t heartbeat_seconds);
/* ERR_PROTO for a number that was not sent. */
int line_heartbeat_acked(struct line *l, uint64_t sequence, struct why *why);
/* One heartbeat out of turn, at most one a second. */
void line_heartbeat_soon(struct line *l);
/*
 * ERR_CLOSED unless live, or for a certificate request unless Hello was
 * sent; ERR_LIMIT: nothing was queued.
 */
int line_send(struct line *l, uint16_t kind, const void *payload, size_t len);
size_t line_queued(const struct line *l);
void line_end(struct line *l, const char *reason);
/* Read the credential again and connect anew; the old one stays if bad. */
int line_reload(struct line *l, struct why *why);

/* The rule that is applied to each frame; NULL or the reason. */
const char *line_check(const struct line_row *rows, enum line_state state,
    uint16_t kind, const struct line_row **row);

#endif
