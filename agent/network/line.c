/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The line to the collector.  Runs in the network process of the agent.
 * The other side is a collector by its certificate; what it sends is still
 * checked against the table before a handler sees it.
 */
#include "agent/network/line.h"

#include <event2/event.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/file.h"
#include "common/base/id.h"
#include "common/base/log.h"
#include "common/net/backoff.h"
#include "common/net/conn.h"
#include "common/net/tls.h"
#include "common/wire/frame.h"
#include "agent/network/credential.h"

#define HANDSHAKE_MS 10000
#define WELCOME_MS 30000 /* to wait for Welcome */
#define STEADY_MS 10000	 /* live so long: the next wait is short */
#define NEXT_ADDR_MS 200 /* between two addresses of one round */
#define BEAT_GAP_MS 1000

struct line {
	struct line_options o;
	struct ssl_ctx_st *ctx;
	struct conn *conn; /* NULL while down */
	enum line_state state;
	struct addr addr[LINE_ADDRS_MAX];
	size_t naddr, at; /* AT: the one in use or next */
	size_t failed;	  /* addresses tried in vain in this round */
	struct backoff backoff;
	int64_t live_since; /* boot ms; 0: never live on this connection */
	uint32_t beat_seconds;
	uint64_t sequence, acked; /* of heartbeats on this connection */
	int64_t beat_at, acked_at; /* boot ms */
	struct event *retry, *beat;
};

static void
line_set(struct line *l, enum line_state to)
{
	/* Up goes one step at a time; down from anywhere. */
	if (to != LINE_DOWN && (unsigned int)to != (unsigned int)l->state << 1)
		abort();
	l->state = to;
}

static void
arm(struct event *ev, uint32_t ms)
{
	struct timeval tv = {.tv_sec = ms / 1000,
	    .tv_usec = (long)(ms % 1000) * 1000};

	event_add(ev, &tv);
}

const char *
line_check(const struct line_row *rows, enum line_state state, uint16_t kind,
    const struct line_row **row)
{
	for (; rows->kind != 0; rows++) {
		if (rows->kind != kind)
			continue;
		if ((rows->states & (unsigned int)state) == 0)
			return "not allowed now";
		*row = rows;
		return NULL;
	}
	return "not for an agent";
}

/* -- what conn tells --------------------------------------------------- */

static int
on_up(void *arg, struct conn *c, const struct x509_id *peer, struct why *why)
{
	struct line *l = arg;
	struct buf b;
	int rc;

	if (peer->role != X509_SERVER)
		return why_set(why, ERR_PROTO, "the peer is no collector");
	line_set(l, LINE_HELLO);
	buf_init(&b, frame_max(FRAME_HELLO));
	if ((rc = l->o.ops->hello(l->o.arg, &b)) == 0)
		rc = conn_send(c, FRAME_HELLO, b.data, b.len);
	buf_done(&b);
	if (rc != 0)
		return why_set(why, rc, "cannot say hello: %s", err_str(rc));
	return 0;
}

static int
on_frame(void *arg, struct conn *c, const struct frame *f, struct why *why)
{
	struct line *l = arg;
	const struct line_row *row;
	const char *wrong;
	int rc;

	(void)c;
	wrong = line_check(l->o.rows, l->state, f->kind, &row);
	if (wrong != NULL)
		return why_set(why, ERR_PROTO, "frame %s: %s",
		    frame_name(f->kind), wrong);
	rc = row->handle(l->o.arg, f->payload, f->len, why);
	if (rc != 0) {
		why_prefix(why, "frame %s: ", frame_name(f->kind));
		return rc;
	}
	l->o.ops->heard(l->o.arg);
	return 0;
}

/* How long to wait now, and for which address. */
static uint32_t
plan_retry(struct line *l)
{
	uint32_t spread;

	if (l->live_since != 0) {
		if (clock_boot_ms() - l->live_since >= STEADY_MS)
			backoff_reset(&l->backoff);
		l->failed = 0;
		return backoff_next(&l->backoff);
	}
	if (l->naddr > 0)
		l->at = (l->at + 1) % l->naddr;
	if (++l->failed < l->naddr) {
		random_bytes(&spread, sizeof(spread));
		return NEXT_ADDR_MS + spread % NEXT_ADDR_MS;
	}
	l->failed = 0;
	return backoff_next(&l->backoff);
}

static void
on_end(void *arg, struct conn *c, const char *reason)
{
	struct line *l = arg;
	char quoted[256];
	bool was_up = l->state >= LINE_HELLO;
	uint32_t wait;

	l->conn = NULL;
	event_del(l->beat);
	wait = plan_retry(l);
	log_info("collector %s: %s; next try in %u ms", conn_peer_text(c),
	    log_quote(quoted, sizeof(quoted), reason, strlen(reason)), wait);
	line_set(l, LINE_DOWN);
	l->live_since = 0;
	arm(l->retry, wait);
	if (was_up)
		l->o.ops->down(l->o.arg);
}

static const struct conn_ops ops = {on_up, on_frame, on_end};

/* -- timers ------------------------------------------------------------ */

static void
on_retry(evutil_socket_t fd, short what, void *arg)
{
	const struct conn_limits lim = {.handshake_ms = HANDSHAKE_MS,
	    .idle_ms = WELCOME_MS, .out_max = LINE_OUT_MAX};
	struct line *l = arg;

	(void)fd, (void)what;
	if (l->conn != NULL)
		return;
	if (l->naddr == 0) {
		arm(l->retry, backoff_next(&l->backoff));
		return;
	}
	line_set(l, LINE_CONNECTING);
	l->conn = conn_connect(l->o.base, l->ctx, &l->addr[l->at], &lim,
	    &ops, l);
	if (l->conn == NULL) {
		line_set(l, LINE_DOWN);
		arm(l->retry, backoff_next(&l->backoff));
	}
}

static void
send_beat(struct line *l)
{
	struct buf b;
	int rc;

	buf_init(&b, frame_max(FRAME_HEARTBEAT));
	rc = l->o.ops->heartbeat(l->o.arg, l->sequence + 1, &b);
	if (rc == 0)
		rc = conn_send(l->conn, FRAME_HEARTBEAT, b.data, b.len);
	buf_done(&b);
	if (rc == 0) {
		l->sequence++;
		l->beat_at = clock_boot_ms();
	}
}

static void
on_beat(evutil_socket_t fd, short what, void *arg)
{
	struct line *l = arg;

	(void)fd, (void)what;
	if (l->state != LINE_LIVE)
		return;
	/* By time: out-of-turn heartbeats must not use the patience up. */
	if (clock_boot_ms() - l->acked_at >=
	    (int64_t)LINE_BEATS_LOST * l->beat_seconds * 1000) {
		conn_end(l->conn, "three heartbeats were not answered");
		return;
	}
	send_beat(l);
	arm(l->beat, l->beat_seconds * 1000);
}

/* -- the rest ---------------------------------------------------------- */

static int
load_ctx(const struct line *l, struct ssl_ctx_st **ctx, struct why *why)
{
	char own[PATH_MAX], ca[PATH_MAX];
	const struct tls_files f = {.key = own, .cert = own, .ca = ca};
	int rc;

	if ((rc = file_join(own, sizeof(own), l->o.state_dir,
	    CREDENTIAL_FILE)) != 0 ||
	    (rc = file_join(ca, sizeof(ca), l->o.state_dir,
	    CREDENTIAL_CA)) != 0)
		return why_set(why, rc, "%s: path too long", l->o.state_dir);
	return tls_client_ctx(&f, ctx, why);
}

int
line_new(const struct line_options *o, struct line **out, struct why *why)
{
	struct line *l;
	int rc;

	if ((l = calloc(1, sizeof(*l))) == NULL)
		return why_set(why, ERR_NOMEM, "out of memory");
	l->o = *o;
	l->state = LINE_DOWN;
	backoff_init(&l->backoff, LINE_RETRY_MIN_MS, LINE_RETRY_MAX_MS);
	l->retry = evtimer_new(o->base, on_retry, l);
	l->beat = evtimer_new(o->base, on_beat, l);
	rc = l->retry == NULL || l->beat == NULL ?
	    why_set(why, ERR_NOMEM, "out of memory") :
	    load_ctx(l, &l->ctx, why);
	if (rc != 0)
		line_free(&l);
	else
		*out = l;
	return rc;
}

void
line_free(struct line **lp)
{
	struct line *l = *lp;

	if (l == NULL)
		return;
	if (l->conn != NULL)
		conn_end(l->conn, "the agent stops");
	if (l->retry != NULL)
		event_free(l->retry);
	if (l->beat != NULL)
		event_free(l->beat);
	tls_ctx_free(&l->ctx);
	free(l);
	*lp = NULL;
}

bool
line_set_addresses(struct line *l, const struct addr *a, size_t n)
{
	bool had = l->naddr > 0, found = !had;
	struct addr used;
	size_t i;

	if (had)
		used = l->addr[l->at];
	l->naddr = n < LINE_ADDRS_MAX ? n : LINE_ADDRS_MAX;
	memcpy(l->addr, a, l->naddr * sizeof(*a));
	l->at = 0;
	/* Stay where we are, if that is still one of them. */
	for (i = 0; had && i < l->naddr; i++)
		if (used.port == a[i].port && used.ip_len == a[i].ip_len &&
		    memcmp(used.ip, a[i].ip, used.ip_len) == 0) {
			l->at = i;
			found = true;
		}
	return found;
}

void
line_start(struct line *l)
{
	arm(l->retry, 0);
}

enum line_state
line_state(const struct line *l)
{
	return l->state;
}

void
line_set_isolated(struct line *l, bool isolated)
{
	l->backoff.max_ms = isolated ? LINE_RETRY_ISOLATED_MS :
	    LINE_RETRY_MAX_MS;
	if (l->backoff.next_ms > l->backoff.max_ms)
		l->backoff.next_ms = l->backoff.max_ms;
}

void
line_welcomed(struct line *l, uint32_t heartbeat_seconds)
{
	line_set(l, LINE_LIVE);
	log_info("collector %s: connected", conn_peer_text(l->conn));
	l->live_since = clock_boot_ms();
	l->beat_seconds = heartbeat_seconds;
	l->sequence = 0;
	l->acked = 0;
	l->acked_at = clock_boot_ms();
	/* The heartbeats find a dead line; silence alone is no sign. */
	conn_set_idle(l->conn, 0);
	send_beat(l);
	arm(l->beat, heartbeat_seconds * 1000);
}

int
line_heartbeat_acked(struct line *l, uint64_t sequence, struct why *why)
{
	if (sequence > l->sequence || sequence <= l->acked)
		return why_set(why, ERR_PROTO, "number out of turn");
	l->acked = sequence;
	l->acked_at = clock_boot_ms();
	return 0;
}

void
line_heartbeat_soon(struct line *l)
{
	int64_t since = clock_boot_ms() - l->beat_at;

	if (l->state != LINE_LIVE)
		return;
	arm(l->beat, since >= BEAT_GAP_MS ? 0 :
	    (uint32_t)(BEAT_GAP_MS - since));
}

int
line_send(struct line *l, uint16_t kind, const void *payload, size_t len)
{
	if (l->state != LINE_LIVE && (l->state != LINE_HELLO ||
	    kind != FRAME_CERT_REQUEST))
		return ERR_CLOSED;
	return conn_send(l->conn, kind, payload, len);
}

size_t
line_queued(const struct line *l)
{
	return l->conn != NULL ? conn_queued(l->conn) : 0;
}

void
line_end(struct line *l, const char *reason)
{
	if (l->conn != NULL)
		conn_end(l->conn, reason);
}

int
line_reload(struct line *l, struct why *why)
{
	struct ssl_ctx_st *ctx;
	int rc;

	if ((rc = load_ctx(l, &ctx, why)) != 0)
		return rc;
	/* One that is up has its own reference (SSL_new(3)). */
	if (l->state == LINE_CONNECTING)
		conn_end(l->conn, "new certificate");
	tls_ctx_free(&l->ctx);
	l->ctx = ctx;
	if (l->conn != NULL)
		conn_finish(l->conn, "new certificate");
	return 0;
}
