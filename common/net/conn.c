/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Framed connections over TLS on a libevent loop.  Runs in the agent's
 * network process and on the collector's loops, one thread a loop.
 * Nothing that is read is trusted: a frame's header is checked before its
 * payload may pile up, and each queue has a bound.
 *
 * A connection is freed once: conn_end only marks it while one of our own
 * callbacks is on the stack (BUSY), and the callback's last step frees it.
 */
#include "common/net/conn.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/bufferevent_ssl.h>
#include <event2/event.h>
#include <event2/event_struct.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/buf.h"
#include "common/net/tls.h"

#define READ_HIGH (16 * 1024) /* bytes held while no larger frame is due */
#define LINGER_MS 2000	      /* for the peer to take the last bytes */
#define REASON_MAX 256

enum conn_state {
	CONN_CONNECTING, /* TCP, connect(2) under way */
	CONN_HANDSHAKE,	 /* TLS under way */
	CONN_UP,	 /* frames flow */
	CONN_FINISHING,	 /* sending the rest; what comes in is dropped */
	CONN_LINGERING,	 /* all sent; waiting for the peer to close */
	CONN_ENDED,	 /* ops->end was called; to be freed */
};

struct conn {
	enum conn_state state;
	bool server;
	bool paused;
	bool eof; /* the peer closed while we were paused */
	unsigned int busy;
	int fd; /* ours until BEV has it, then -1 */
	struct event_base *base;
	SSL_CTX *ctx;
	struct bufferevent *bev; /* owns the descriptor and the SSL */
	/* Connecting: writable or too late.  Later: the timer of the state. */
	struct event event;
	struct conn_limits lim;
	struct conn_ops ops;
	void *arg;
	char peer[ADDR_TEXT_MAX];
	char reason[REASON_MAX]; /* why it will end, once that is known */
};

static void on_connected(evutil_socket_t fd, short what, void *arg);
static void on_timer(evutil_socket_t fd, short what, void *arg);

/* The one place that changes the state; it only moves forward. */
static void
set_state(struct conn *c, enum conn_state to)
{
	if (to <= c->state) {
		/* A step back is our own bug; nothing safe can follow. */
		abort();
	}
	c->state = to;
}

static void
set_timer(struct conn *c, uint32_t ms)
{
	struct timeval tv = {.tv_sec = ms / 1000,
	    .tv_usec = (suseconds_t)(ms % 1000) * 1000};

	if (ms == 0)
		event_del(&c->event);
	else
		event_add(&c->event, &tv);
}

static void
release(struct conn *c)
{
	SSL *ssl;

	if (c->bev != NULL) {
		/* One try at close_notify, so that an end is no truncation. */
		ssl = bufferevent_openssl_get_ssl(c->bev);
		if (ssl != NULL && SSL_is_init_finished(ssl))
			SSL_shutdown(ssl);
		ERR_clear_error();
		bufferevent_free(c->bev);
	}
	if (c->fd >= 0)
		close(c->fd);
	free(c);
}

static void
enter(struct conn *c)
{
	c->busy++;
}

/* C may be gone after this. */
static void
leave(struct conn *c)
{
	if (--c->busy == 0 && c->state == CONN_ENDED)
		release(c);
}

void
conn_end(struct conn *c, const char *reason)
{
	if (c->state == CONN_ENDED)
		return;
	enter(c);
	set_state(c, CONN_ENDED);
	event_del(&c->event);
	if (c->bev != NULL) {
		bufferevent_disable(c->bev, EV_READ | EV_WRITE);
		bufferevent_setcb(c->bev, NULL, NULL, NULL, NULL);
	}
	c->ops.end(c->arg, c, reason);
	leave(c);
}

/* -- reading --------------------------------------------------------------- */

/*
 * The next whole frame, its payload lent until it is drained.  ERR_AGAIN:
 * not all of it is here yet, and there is now room for it.
 */
static int
next_frame(struct conn *c, struct evbuffer *in, struct frame *f, size_t *used,
    struct why *why)
{
	size_t have = evbuffer_get_length(in), need;
	struct reader r;
	const uint8_t *p;
	int err;

	if (have < FRAME_HEADER)
		return ERR_AGAIN;
	p = evbuffer_pullup(in, FRAME_HEADER);
	/* The header alone: refuses what can never become a frame. */
	err = frame_decode(p, FRAME_HEADER, f, used, why);
	if (err != ERR_AGAIN)
		return err;
	reader_init(&r, p, FRAME_HEADER);
	need = FRAME_HEADER + (size_t)reader_u32(&r);
	if (have < need) {
		bufferevent_setwatermark(c->bev, EV_READ, 0,
		    need > READ_HIGH ? need : READ_HIGH);
		return ERR_AGAIN;
	}
	p = evbuffer_pullup(in, (ev_ssize_t)need);
	if (p == NULL)
		return why_set(why, ERR_NOMEM, "no memory for a frame");
	return frame_decode(p, need, f, used, why);
}

/* Hand over frames until there are no more, or we are paused or ended. */
static void
deliver(struct conn *c)
{
	struct evbuffer *in = bufferevent_get_input(c->bev);
	struct why why = {0};
	struct frame f;
	size_t used;
	int err = 0;

	while (c->state == CONN_UP && !c->paused) {
		err = next_frame(c, in, &f, &used, &why);
		if (err != 0)
			break;
		err = c->ops.frame(c->arg, c, &f, &why);
		evbuffer_drain(in, used);
		if (err != 0)
			break;
		if (used > READ_HIGH && c->state == CONN_UP)
			bufferevent_setwatermark(c->bev, EV_READ, 0,
			    READ_HIGH);
	}
	if (err != 0 && err != ERR_AGAIN)
		conn_end(c, why.text[0] != '\0' ? why.text : err_str(err));
	else if (c->state == CONN_UP && c->eof && !c->paused)
		conn_end(c, c->reason);
}

static void
on_read(struct bufferevent *bev, void *arg)
{
	struct evbuffer *in = bufferevent_get_input(bev);
	struct conn *c = arg;

	enter(c);
	if (c->state == CONN_UP) {
		if (!c->paused)
			set_timer(c, c->lim.idle_ms);
		deliver(c);
	}
	if (c->state == CONN_FINISHING || c->state == CONN_LINGERING)
		evbuffer_drain(in, evbuffer_get_length(in));
	leave(c);
}

/* -- ending ---------------------------------------------------------------- */

/* All was sent: say so, and let the peer close first so that nothing that
 * is still on its way to it is lost to a reset. */
static void
start_lingering(struct conn *c)
{
	SSL *ssl = bufferevent_openssl_get_ssl(c->bev);

	set_state(c, CONN_LINGERING);
	SSL_shutdown(ssl);
	ERR_clear_error();
	shutdown(bufferevent_getfd(c->bev), SHUT_WR);
	bufferevent_disable(c->bev, EV_WRITE);
	set_timer(c, LINGER_MS);
}

static void
on_write(struct bufferevent *bev, void *arg)
{
	struct conn *c = arg;

	enter(c);
	if (c->state == CONN_FINISHING &&
	    evbuffer_get_length(bufferevent_get_output(bev)) == 0)
		start_lingering(c);
	leave(c);
}

void
conn_finish(struct conn *c, const char *reason)
{
	struct evbuffer *in;

	if (c->state >= CONN_FINISHING)
		return;
	if (c->state != CONN_UP) {
		conn_end(c, reason);
		return;
	}
	enter(c);
	snprintf(c->reason, sizeof(c->reason), "%s", reason);
	set_state(c, CONN_FINISHING);
	/* Do not drain here: a frame in there may be lent right now. */
	in = bufferevent_get_input(c->bev);
	bufferevent_setwatermark(c->bev, EV_READ, 0, 0);
	bufferevent_enable(c->bev, EV_READ);
	set_timer(c, c->lim.handshake_ms > 0 ? c->lim.handshake_ms
					     : LINGER_MS);
	if (evbuffer_get_length(in) > 0)
		bufferevent_trigger(c->bev, EV_READ,
		    BEV_TRIG_IGNORE_WATERMARKS | BEV_TRIG_DEFER_CALLBACKS);
	if (evbuffer_get_length(bufferevent_get_output(c->bev)) == 0)
		bufferevent_trigger(c->bev, EV_WRITE,
		    BEV_TRIG_IGNORE_WATERMARKS | BEV_TRIG_DEFER_CALLBACKS);
	leave(c);
}

/* -- TLS ------------------------------------------------------------------- */

static void
tls_reason(struct conn *c, char *out, size_t size)
{
	SSL *ssl = bufferevent_openssl_get_ssl(c->bev);
	const char *phase = c->state == CONN_HANDSHAKE ? "TLS handshake"
						       : "connection";
	unsigned long code = bufferevent_get_openssl_error(c->bev);
	const char *text = code != 0 ? ERR_reason_error_string(code) : NULL;
	long verify = ssl != NULL ? SSL_get_verify_result(ssl) : X509_V_OK;
	int err = EVUTIL_SOCKET_ERROR();

	ERR_clear_error();
	if (verify != X509_V_OK && c->state == CONN_HANDSHAKE)
		snprintf(out, size, "%s: the peer's certificate: %s", phase,
		    X509_verify_cert_error_string(verify));
	else if (text != NULL)
		snprintf(out, size, "%s: %s", phase, text);
	else if (err != 0)
		snprintf(out, size, "%s: %s", phase, strerror(err));
	else
		snprintf(out, size, "%s: broken off by the peer", phase);
}

/* TLS is done: who is it? */
static void
come_up(struct conn *c)
{
	struct x509_id peer;
	struct why why = {0};
	int err;

	err = tls_peer(bufferevent_openssl_get_ssl(c->bev), &peer);
	if (err != 0) {
		conn_end(c, "the peer's certificate is none of ours");
		return;
	}
	/* The purpose was checked with the chain; the unit only here. */
	if (!c->server && peer.role != X509_SERVER) {
		conn_end(c, "the peer is not a collector");
		return;
	}
	if (c->server && peer.role != 0 && peer.role != X509_AGENT &&
	    peer.role != X509_OPERATOR) {
		conn_end(c, "the peer's certificate is not a client's");
		return;
	}
	set_state(c, CONN_UP);
	bufferevent_setwatermark(c->bev, EV_READ, 0, READ_HIGH);
	set_timer(c, c->lim.idle_ms);
	err = c->ops.up(c->arg, c, &peer, &why);
	if (err != 0)
		conn_end(c, why.text[0] != '\0' ? why.text : err_str(err));
	else if (c->state == CONN_UP && !c->paused)
		bufferevent_enable(c->bev, EV_READ);
}

static void
on_event(struct bufferevent *bev, short what, void *arg)
{
	struct conn *c = arg;
	char reason[REASON_MAX];

	(void)bev;
	enter(c);
	if (what & BEV_EVENT_CONNECTED) {
		if (c->state == CONN_HANDSHAKE)
			come_up(c);
		goto done;
	}
	if (c->state == CONN_FINISHING || c->state == CONN_LINGERING) {
		conn_end(c, c->reason);
		goto done;
	}
	if (what & BEV_EVENT_EOF)
		snprintf(reason, sizeof(reason), "%s closed by the peer",
		    c->state == CONN_HANDSHAKE ? "TLS handshake" :
						 "connection");
	else
		tls_reason(c, reason, sizeof(reason));
	if (c->state == CONN_UP && c->paused &&
	    evbuffer_get_length(bufferevent_get_input(c->bev)) > 0) {
		/* What came before the end is delivered when we go on. */
		c->eof = true;
		snprintf(c->reason, sizeof(c->reason), "%s", reason);
	} else {
		conn_end(c, reason);
	}
done:
	leave(c);
}

static void
on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct conn *c = arg;

	(void)fd, (void)what;
	enter(c);
	if (c->state == CONN_HANDSHAKE)
		conn_end(c, "TLS handshake not done in time");
	else if (c->state == CONN_UP)
		conn_end(c, "nothing heard from the peer for too long");
	else
		conn_end(c, c->reason);
	leave(c);
}

/* Gives the descriptor to a TLS bufferevent.  Nothing is kept on failure. */
static int
start_tls(struct conn *c)
{
	SSL *ssl;

	ssl = SSL_new(c->ctx);
	if (ssl == NULL)
		goto fail;
	c->bev = bufferevent_openssl_socket_new(c->base, c->fd, ssl,
	    c->server ? BUFFEREVENT_SSL_ACCEPTING : BUFFEREVENT_SSL_CONNECTING,
	    BEV_OPT_CLOSE_ON_FREE | BEV_OPT_DEFER_CALLBACKS);
	if (c->bev == NULL) {
		SSL_free(ssl);
		goto fail;
	}
	c->fd = -1;
	bufferevent_openssl_set_allow_dirty_shutdown(c->bev, 1);
	bufferevent_setcb(c->bev, on_read, on_write, on_event, c);
	return 0;
fail:
	ERR_clear_error();
	return ERR_NOMEM;
}

/* -- starting -------------------------------------------------------------- */

static struct conn *
new_conn(struct event_base *base, SSL_CTX *ctx, const struct conn_limits *lim,
    const struct conn_ops *ops, void *arg)
{
	struct conn *c;

	c = calloc(1, sizeof(*c));
	if (c == NULL)
		return NULL;
	c->fd = -1;
	c->base = base;
	c->ctx = ctx;
	c->lim = *lim;
	c->ops = *ops;
	c->arg = arg;
	return c;
}

static void
no_delay(int fd)
{
	int on = 1;

	/* Fails on what is not TCP, and does not matter there. */
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
}

struct conn *
conn_accept(struct event_base *base, struct ssl_ctx_st *ctx, int fd,
    const struct conn_limits *lim, const struct conn_ops *ops, void *arg)
{
	struct sockaddr_storage ss = {0};
	socklen_t len = sizeof(ss);
	struct conn *c;
	struct addr a;

	c = new_conn(base, ctx, lim, ops, arg);
	if (c == NULL) {
		close(fd);
		return NULL;
	}
	c->fd = fd;
	c->server = true;
	if (getpeername(fd, (struct sockaddr *)&ss, &len) == 0 &&
	    addr_from_sockaddr(&ss, &a) == 0)
		addr_format(c->peer, &a);
	else
		snprintf(c->peer, sizeof(c->peer), "local");
	no_delay(fd);
	set_state(c, CONN_HANDSHAKE);
	if (start_tls(c) != 0) {
		release(c);
		return NULL;
	}
	evtimer_assign(&c->event, base, on_timer, c);
	set_timer(c, lim->handshake_ms);
	return c;
}

/* connect(2) is done, has failed, or took too long. */
static void
on_connected(evutil_socket_t fd, short what, void *arg)
{
	struct conn *c = arg;
	char reason[REASON_MAX];
	socklen_t len = sizeof(int);
	int err = 0;

	enter(c);
	if (c->reason[0] != '\0') {
		conn_end(c, c->reason);
		goto done;
	}
	if (what & EV_TIMEOUT) {
		conn_end(c, "connect: not done in time");
		goto done;
	}
	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &err, &len) < 0)
		err = errno;
	if (err != 0) {
		snprintf(reason, sizeof(reason), "connect: %s", strerror(err));
		conn_end(c, reason);
		goto done;
	}
	evtimer_assign(&c->event, c->base, on_timer, c);
	set_state(c, CONN_HANDSHAKE);
	if (start_tls(c) != 0)
		conn_end(c, "out of memory");
	else
		set_timer(c, c->lim.handshake_ms);
done:
	leave(c);
}

struct conn *
conn_connect(struct event_base *base, struct ssl_ctx_st *ctx,
    const struct addr *to, const struct conn_limits *lim,
    const struct conn_ops *ops, void *arg)
{
	struct sockaddr_storage ss;
	struct timeval now = {0};
	struct conn *c;
	socklen_t len;

	c = new_conn(base, ctx, lim, ops, arg);
	if (c == NULL)
		return NULL;
	addr_format(c->peer, to);
	len = addr_to_sockaddr(to, &ss);
	c->fd = socket(ss.ss_family,
	    SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (c->fd >= 0)
		no_delay(c->fd);
	if (c->fd >= 0 &&
	    (connect(c->fd, (struct sockaddr *)&ss, len) == 0 ||
		errno == EINPROGRESS)) {
		event_assign(&c->event, base, c->fd, EV_WRITE, on_connected,
		    c);
		set_timer(c, lim->handshake_ms);
		if (lim->handshake_ms == 0)
			event_add(&c->event, NULL);
		return c;
	}
	/* Failed at once: tell it from the loop, not before we return. */
	snprintf(c->reason, sizeof(c->reason), "connect: %s",
	    strerror(errno));
	evtimer_assign(&c->event, base, on_connected, c);
	event_add(&c->event, &now);
	return c;
}

/* -- while it is up -------------------------------------------------------- */

int
conn_send(struct conn *c, uint16_t kind, const void *payload, size_t len)
{
	struct evbuffer *out;
	struct buf b;
	int err;

	if (c->state != CONN_UP)
		return ERR_CLOSED;
	out = bufferevent_get_output(c->bev);
	if (evbuffer_get_length(out) + FRAME_HEADER + len > c->lim.out_max)
		return ERR_LIMIT;
	buf_init(&b, FRAME_HEADER + FRAME_MAX);
	err = frame_encode(&b, kind, payload, len);
	if (err == 0 && evbuffer_add(out, b.data, b.len) != 0)
		err = ERR_NOMEM;
	buf_done(&b);
	return err;
}

void
conn_pause(struct conn *c, bool pause)
{
	if (c->paused == pause)
		return;
	c->paused = pause;
	if (c->state != CONN_UP)
		return;
	if (pause) {
		/* We do not listen, so silence is not the peer's fault. */
		set_timer(c, 0);
		bufferevent_disable(c->bev, EV_READ);
		return;
	}
	set_timer(c, c->lim.idle_ms);
	bufferevent_enable(c->bev, EV_READ);
	/* What lies here already is delivered from the loop. */
	bufferevent_trigger(c->bev, EV_READ,
	    BEV_TRIG_IGNORE_WATERMARKS | BEV_TRIG_DEFER_CALLBACKS);
}

void
conn_set_idle(struct conn *c, uint32_t idle_ms)
{
	c->lim.idle_ms = idle_ms;
	if (c->state == CONN_UP && !c->paused)
		set_timer(c, idle_ms);
}

size_t
conn_queued(const struct conn *c)
{
	return c->bev != NULL
	    ? evbuffer_get_length(bufferevent_get_output(c->bev)) : 0;
}

const char *
conn_peer_text(const struct conn *c)
{
	return c->peer;
}
