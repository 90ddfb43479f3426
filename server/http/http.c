/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The HTTPS door: evhttp over mutual TLS on the main loop.  Everything that
 * comes in is foreign until the certificate is checked, and bounded always:
 * header, body, connections, time.  Decisions are made in store jobs; this
 * file only carries them in and out.
 */
#include <errno.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/stat.h>
#include <unistd.h>

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/bufferevent_ssl.h>
#include <event2/event.h>
#include <event2/http.h>
#include <event2/keyvalq_struct.h>
#include <event2/listener.h>
#include <openssl/ssl.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/net/tls.h"
#include "server/audit/audit.h"
#include "server/http/call.h"
#include "server/http/http.h"
#include "server/http/limit.h"
#include "server/store/store.h"

#define HEADER_MAX (16 * 1024)
#define CONNECTIONS_MAX 512
#define CALLS_MAX 1024	    /* in the store's queues */
#define IO_SECONDS 60	    /* without a byte read or written */
#define FIRST_MS 15000	    /* from connect to the first request */
#define REQUEST_MS 60000    /* from the last answer to the next request */
#define ANSWER_MS 900000    /* from request to the answer's last byte */
#define SWEEP_SECONDS 5
#define STOP_MS 5000

/* One TLS connection; lives as long as its SSL object. */
struct session {
	struct http *h; /* NULL once the door is closed */
	struct bufferevent *bev;
	struct x509_id peer;
	bool known;  /* peer was read */
	bool logged; /* login was audited */
	bool asked;  /* there was a request */
	bool busy;   /* a request is being answered */
	int64_t since; /* boot ms of the last turn */
	LIST_ENTRY(session) link;
};

/* A request between loop and store. */
struct flight {
	struct call call; /* first: jobs get it as their argument */
	struct http *h;
	struct evhttp_request *req; /* NULL once the door is closed */
	LIST_ENTRY(flight) link;
};

/* A login on its way into the audit log. */
struct login {
	struct http *h;
	struct x509_id peer;
	char from[ADDR_TEXT_MAX];
};

struct http {
	struct event_base *base;
	struct store_loop *jobs;
	struct http_settings set;
	struct evhttp *ev;
	struct evconnlistener *door[16]; /* owned by ev */
	size_t ndoors;
	bool full; /* doors shut: CONNECTIONS_MAX */
	struct event *sweep;
	struct limit limit;
	LIST_HEAD(, session) sessions;
	LIST_HEAD(, flight) flights;
	size_t nsessions, nflights;
	size_t njobs; /* jobs whose end has not been told yet */
};

/* -- connections --------------------------------------------------------- */

static void
doors_set(struct http *h, bool open)
{
	size_t i;

	h->full = !open;
	for (i = 0; i < h->ndoors; i++) {
		if (open)
			evconnlistener_enable(h->door[i]);
		else
			evconnlistener_disable(h->door[i]);
	}
}

/* CRYPTO_EX_free: called when the SSL object of a connection goes. */
static void
session_free(void *parent, void *ptr, CRYPTO_EX_DATA *ad, int idx, long argl,
    void *argp)
{
	struct session *s = ptr;

	(void)parent, (void)ad, (void)idx, (void)argl, (void)argp;
	if (s == NULL)
		return;
	if (s->h != NULL) {
		LIST_REMOVE(s, link);
		s->h->nsessions--;
		if (s->h->full)
			doors_set(s->h, true);
	}
	free(s);
}

/* The place of our session in every SSL object; made once, on the loop. */
static int
session_index(void)
{
	static int idx = -1;

	if (idx < 0)
		idx = SSL_get_ex_new_index(0, NULL, NULL, NULL, session_free);
	return idx;
}

static struct session *
session_of(struct evhttp_connection *evcon)
{
	SSL *ssl;

	if (evcon == NULL)
		return NULL;
	ssl = bufferevent_openssl_get_ssl(
	    evhttp_connection_get_bufferevent(evcon));
	return ssl != NULL ? SSL_get_ex_data(ssl, session_index()) : NULL;
}

/*
 * evhttp asks for the buffer of a connection it has accepted.  NULL makes
 * it take a plain one: request_in() answers nobody without a session.
 */
static struct bufferevent *
bev_new(struct event_base *base, void *arg)
{
	struct http *h = arg;
	struct session *s = calloc(1, sizeof(*s));
	SSL *ssl = SSL_new(h->set.tls);
	struct bufferevent *bev = NULL;

	if (s == NULL || ssl == NULL ||
	    SSL_set_ex_data(ssl, session_index(), s) != 1)
		goto fail;
	s->h = h;
	s->since = clock_boot_ms();
	LIST_INSERT_HEAD(&h->sessions, s, link);
	if (++h->nsessions >= CONNECTIONS_MAX)
		doors_set(h, false);
	/* from here on the session goes with the SSL object */
	bev = bufferevent_openssl_socket_new(base, -1, ssl,
	    BUFFEREVENT_SSL_ACCEPTING, BEV_OPT_CLOSE_ON_FREE);
	s->bev = bev;
	if (bev == NULL)
		SSL_free(ssl);
	else
		bufferevent_openssl_set_allow_dirty_shutdown(bev, 1);
	return bev;
fail:
	SSL_free(ssl);
	free(s);
	return NULL;
}

/* Who dawdles over a request, or over taking its answer, is cut off. */
static void
sweep(evutil_socket_t fd, short what, void *arg)
{
	struct http *h = arg;
	struct session *s;
	int64_t now = clock_boot_ms(), most;
	int sock;

	(void)fd, (void)what;
	LIST_FOREACH(s, &h->sessions, link) {
		most = s->busy ? ANSWER_MS : s->asked ? REQUEST_MS : FIRST_MS;
		if (now - s->since < most || s->bev == NULL)
			continue;
		/* evhttp sees the end of the stream and frees it all */
		sock = bufferevent_getfd(s->bev);
		if (sock >= 0)
			shutdown(sock, SHUT_RDWR);
	}
}

/* -- answers ------------------------------------------------------------- */

static const char *
reason_of(int status)
{
	switch (status) {
	case 200:
		return "OK";
	case 400:
		return "Bad Request";
	case 401:
		return "Unauthorized";
	case 403:
		return "Forbidden";
	case 404:
		return "Not Found";
	case 405:
		return "Method Not Allowed";
	case 409:
		return "Conflict";
	case 413:
		return "Content Too Large";
	case 429:
		return "Too Many Requests";
	case 503:
		return "Service Unavailable";
	default:
		return "Internal Server Error";
	}
}

/* The whole answer is written. */
static void
answer_sent(struct evhttp_request *req, void *arg)
{
	struct session *s = session_of(evhttp_request_get_connection(req));

	(void)arg;
	if (s != NULL) {
		s->busy = false;
		s->since = clock_boot_ms();
	}
}

static int
body_put(struct evbuffer *out, struct call *c, const char **type)
{
	struct stat st;
	char *text;
	int rc, fd;

	*type = c->type;
	if (c->status >= 400 || (c->file == NULL && c->text.len == 0)) {
		*type = "application/json";
		text = call_json(c);
		if (text == NULL)
			return ERR_NOMEM;
		rc = evbuffer_add_printf(out, "%s\n", text);
		free(text);
		return rc < 0 ? ERR_NOMEM : 0;
	}
	if (c->file == NULL)
		return evbuffer_add(out, c->text.data, c->text.len) == 0 ? 0 :
		    ERR_NOMEM;
	fd = dup(fileno(c->file));
	if (fd < 0 || fstat(fd, &st) != 0 ||
	    evbuffer_add_file(out, fd, 0, st.st_size) != 0) {
		if (fd >= 0)
			close(fd);
		return ERR_IO;
	}
	return 0;
}

static void
answer(struct evhttp_request *req, struct call *c)
{
	struct evkeyvalq *head = evhttp_request_get_output_headers(req);
	struct evbuffer *out = evbuffer_new();
	const char *type = "application/json";

	if (out == NULL || body_put(out, c, &type) != 0) {
		if (out != NULL)
			evbuffer_drain(out, evbuffer_get_length(out));
		c->status = 500;
		log_error("answer to %s cannot be written: out of memory",
		    c->from);
	}
	evhttp_add_header(head, "Content-Type", type);
	evhttp_add_header(head, "Cache-Control", "no-store");
	evhttp_add_header(head, "X-Content-Type-Options", "nosniff");
	evhttp_add_header(head, "Content-Security-Policy",
	    "default-src 'none'; style-src 'unsafe-inline'; img-src data:");
	evhttp_request_set_on_complete_cb(req, answer_sent, NULL);
	/* frees the request if its connection has gone meanwhile */
	evhttp_send_reply(req, c->status, reason_of(c->status), out);
	if (out != NULL)
		evbuffer_free(out);
}

/* -- the way through the store ------------------------------------------- */

static void
flight_free(struct flight *f)
{
	LIST_REMOVE(f, link);
	f->h->nflights--;
	call_done(&f->call);
	free(f);
}

static void
flight_land(struct flight *f)
{
	if (f->req != NULL)
		answer(f->req, &f->call);
	flight_free(f);
}

static int
audit_job(struct db *db, void *arg)
{
	struct flight *f = arg;

	return call_audit(db, &f->call);
}

static void
audit_done(void *arg, int result)
{
	struct flight *f = arg;

	f->h->njobs--;
	if (result != 0)
		log_error("%s by %s could not be audited: %s",
		    f->call.route->path, f->call.person.name,
		    err_str(result));
	flight_land(f);
}

/* Failures of the store come without a word from the handler. */
static void
failed_unsaid(struct call *c, int result)
{
	if (result != 0 && c->status < 400)
		call_no(c, 500, "internal",
		    "Try again; if it stays, look at the collector's "
		    "journal.", "the change was not committed: %s",
		    err_str(result));
}

static void
call_ended(void *arg, int result)
{
	struct flight *f = arg;

	f->h->njobs--;
	failed_unsaid(&f->call, result);
	if (call_audited(&f->call) &&
	    store_write(f->h->jobs, audit_job, f, audit_done) == 0) {
		f->h->njobs++;
		return;
	}
	flight_land(f);
}

static int
flight_start(struct flight *f)
{
	int rc;

	if (f->call.route->kind == ROUTE_READ)
		rc = store_read(f->h->jobs, call_job, f, call_ended);
	else
		rc = store_write(f->h->jobs, call_job, f, call_ended);
	if (rc == 0)
		f->h->njobs++;
	return rc;
}

/* The first request of a connection is a login, good or not. */
static int
login_job(struct db *db, void *arg)
{
	struct login *l = arg;
	struct person p;
	struct why why;
	int rc;

	rc = person_load(db, &l->peer, &p, &why);
	if (rc == ERR_IO)
		return rc;
	return audit_add(db, &(struct audit_entry){ .who = l->peer.name,
	    .what = rc == 0 ? "operator.login" : "operator.login-refused" },
	    "from %s, certificate %s%s%s", l->from, l->peer.serial,
	    rc == 0 ? "" : ": ", rc == 0 ? "" : why.text);
}

static void
login_done(void *arg, int result)
{
	struct login *l = arg;

	l->h->njobs--;
	if (result != 0)
		log_error("login of %s could not be audited: %s",
		    l->peer.name, err_str(result));
	free(l);
}

static void
login_audit(struct http *h, struct session *s, const char *from)
{
	struct login *l;

	if (s->logged)
		return;
	l = calloc(1, sizeof(*l));
	if (l == NULL)
		return;
	l->h = h;
	l->peer = s->peer;
	memcpy(l->from, from, sizeof(l->from));
	if (store_write(h->jobs, login_job, l, login_done) == 0) {
		h->njobs++;
		s->logged = true;
	} else {
		free(l);
	}
}

/* -- requests ------------------------------------------------------------ */

static enum method
method_of(struct evhttp_request *req)
{
	switch (evhttp_request_get_command(req)) {
	case EVHTTP_REQ_GET:
		return METHOD_GET;
	case EVHTTP_REQ_POST:
		return METHOD_POST;
	default:
		return METHOD_OTHER;
	}
}

/* Read path, query and body; not 0: the call says no. */
static int
read_request(struct evhttp_request *req, struct call *c)
{
	const struct evhttp_uri *uri = evhttp_request_get_evhttp_uri(req);
	struct evbuffer *in = evhttp_request_get_input_buffer(req);
	const char *path = uri != NULL ? evhttp_uri_get_path(uri) : NULL;
	size_t len = evbuffer_get_length(in);
	struct why why;
	bool other;
	int rc;

	c->route = route_find(method_of(req), path != NULL ? path : "",
	    c->param, &other);
	if (c->route == NULL && other)
		return call_no(c, 405, "bad-request", "See API.md.",
		    "this path does not take that method");
	if (c->route == NULL)
		return call_no(c, 404, "not-found", "See API.md.",
		    "there is no such path");
	if (query_parse(evhttp_uri_get_query(uri), c->route->query, &c->query,
	    &why) != 0)
		return call_bad(c, &why);
	if (c->route->method == METHOD_GET)
		return len == 0 ? 0 : call_no(c, 400, "bad-request",
		    "Send it without a body.", "GET takes no body");
	rc = body_parse(evbuffer_pullup(in, -1), len, &c->body, &why);
	if (rc == ERR_LIMIT)
		return call_no(c, 413, "too-large", "Send less at once.",
		    "%s", why.text);
	return rc != 0 ? call_bad(c, &why) : 0;
}

/*
 * Who asks?  Only an operator's certificate opens anything but enrolment;
 * without one tries are counted by address.
 */
static int
read_identity(struct http *h, struct session *s, SSL *ssl,
    const struct addr *from, struct call *c)
{
	if (!s->known && tls_peer(ssl, &s->peer) == 0)
		s->known = true;
	c->peer = s->peer;
	if (s->known && s->peer.role == X509_OPERATOR)
		return 0;
	if (!limit_try(&h->limit, from, clock_boot_ms()))
		return call_no(c, 429, "too-many", "Wait a minute.",
		    "too many tries without a certificate");
	if (c->route != NULL && c->route->who == WHO_NOBODY)
		return 0;
	return call_no(c, 401, "unauthorised",
	    "Use an operator's certificate: cordonctl operator enrol.",
	    "this needs the client certificate of an operator");
}

static void
peer_addr(struct evhttp_connection *evcon, struct addr *a,
    char text[ADDR_TEXT_MAX])
{
	const struct sockaddr *sa = evhttp_connection_get_addr(evcon);
	struct sockaddr_storage ss;

	memset(a, 0, sizeof(*a));
	memset(&ss, 0, sizeof(ss));
	strcpy(text, "?");
	if (sa == NULL)
		return;
	memcpy(&ss, sa, sa->sa_family == AF_INET6 ?
	    sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in));
	if (addr_from_sockaddr(&ss, a) == 0)
		addr_format(text, a);
}

static void
request_in(struct evhttp_request *req, void *arg)
{
	struct http *h = arg;
	struct evhttp_connection *evcon = evhttp_request_get_connection(req);
	struct session *s = session_of(evcon);
	struct addr from;
	struct flight *f;
	int rc;

	f = s != NULL ? calloc(1, sizeof(*f)) : NULL;
	if (f == NULL) { /* not TLS, or no memory: no word */
		evhttp_send_error(req, 503, NULL);
		return;
	}
	s->asked = s->busy = true;
	s->since = clock_boot_ms();
	call_init(&f->call, &h->set);
	f->h = h;
	f->req = req;
	LIST_INSERT_HEAD(&h->flights, f, link);
	h->nflights++;
	peer_addr(evcon, &from, f->call.from);
	/* who is asked first: strangers learn nothing about paths */
	rc = read_request(req, &f->call);
	if (read_identity(h, s, bufferevent_openssl_get_ssl(s->bev), &from,
	    &f->call) != 0)
		rc = ERR_PERM;
	else if (f->call.route == NULL || f->call.route->who != WHO_NOBODY)
		login_audit(h, s, f->call.from);
	if (rc == 0 && h->nflights > CALLS_MAX)
		rc = ERR_AGAIN;
	if (rc == 0)
		rc = flight_start(f);
	if (rc == ERR_AGAIN)
		call_no(&f->call, 503, "busy", "Try again in a moment.",
		    "the collector is busy");
	if (rc != 0)
		flight_land(f);
}

/* -- start and stop ------------------------------------------------------ */

static int
door_open(struct http *h, const struct addr *a, struct why *why)
{
	struct evconnlistener *door;
	struct sockaddr_storage ss;
	char text[ADDR_TEXT_MAX];
	socklen_t len = addr_to_sockaddr(a, &ss);
	unsigned int flags = LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC |
	    LEV_OPT_REUSEABLE;
	int one = 1;

	if (a->ip_len == 16)
		flags |= LEV_OPT_BIND_IPV6ONLY;
	door = evconnlistener_new_bind(h->base, NULL, NULL, flags, 128,
	    (struct sockaddr *)&ss, (int)len);
	if (door == NULL)
		return why_sys(why, ERR_IO, "cannot listen on %s",
		    addr_format(text, a));
	/* accepted sockets inherit it; without it each answer waits 40 ms */
	setsockopt(evconnlistener_get_fd(door), IPPROTO_TCP, TCP_NODELAY,
	    &one, sizeof(one));
	if (evhttp_bind_listener(h->ev, door) == NULL) {
		evconnlistener_free(door);
		return why_set(why, ERR_NOMEM, "out of memory");
	}
	h->door[h->ndoors++] = door;
	return 0;
}

static int
sweep_start(struct http *h)
{
	struct timeval tv = { .tv_sec = SWEEP_SECONDS };

	h->sweep = event_new(h->base, -1, EV_PERSIST, sweep, h);
	return h->sweep != NULL && event_add(h->sweep, &tv) == 0 ? 0 :
								   ERR_NOMEM;
}

int
http_start(struct event_base *base, struct store *s,
    const struct http_settings *set, struct http **out, struct why *why)
{
	struct http *h = calloc(1, sizeof(*h));
	size_t i;
	int rc = ERR_NOMEM;

	if (h == NULL)
		return why_set(why, ERR_NOMEM, "out of memory");
	h->base = base;
	h->set = *set;
	LIST_INIT(&h->sessions);
	LIST_INIT(&h->flights);
	h->jobs = store_loop_new(s, base);
	h->ev = evhttp_new(base);
	if (h->jobs == NULL || h->ev == NULL || session_index() < 0 ||
	    sweep_start(h) != 0) {
		why_set(why, ERR_NOMEM, "out of memory");
		goto done;
	}
	/* every method comes through, so that the answer is ours */
	evhttp_set_allowed_methods(h->ev, EVHTTP_REQ_GET | EVHTTP_REQ_POST |
	    EVHTTP_REQ_HEAD | EVHTTP_REQ_PUT | EVHTTP_REQ_DELETE |
	    EVHTTP_REQ_OPTIONS | EVHTTP_REQ_TRACE | EVHTTP_REQ_CONNECT |
	    EVHTTP_REQ_PATCH);
	evhttp_set_max_headers_size(h->ev, HEADER_MAX);
	/* a little more than body_parse() takes: that one says it in JSON */
	evhttp_set_max_body_size(h->ev, BODY_MAX + BODY_MAX / 4);
	evhttp_set_timeout(h->ev, IO_SECONDS);
	evhttp_set_bevcb(h->ev, bev_new, h);
	evhttp_set_gencb(h->ev, request_in, h);
	for (i = 0, rc = 0; i < set->nlisten && rc == 0; i++)
		rc = door_open(h, &set->listen[i], why);
done:
	if (rc != 0)
		http_stop(&h);
	else
		*out = h;
	return rc;
}

/* Jobs that are under way end first: their done functions need us. */
static void
wait_for_jobs(struct http *h)
{
	struct timeval tick = { .tv_usec = 10000 };
	int64_t until = clock_boot_ms() + STOP_MS;

	while (h->njobs > 0 && clock_boot_ms() < until) {
		event_base_loopexit(h->base, &tick);
		event_base_loop(h->base, EVLOOP_ONCE);
	}
}

void
http_stop(struct http **hp)
{
	struct http *h = *hp;
	struct session *s;
	struct flight *f;

	if (h == NULL)
		return;
	*hp = NULL;
	doors_set(h, false);
	if (h->jobs != NULL)
		wait_for_jobs(h);
	LIST_FOREACH(f, &h->flights, link)
		f->req = NULL; /* goes with its connection */
	while ((s = LIST_FIRST(&h->sessions)) != NULL) {
		LIST_REMOVE(s, link);
		s->h = NULL;
	}
	h->full = false;
	if (h->ev != NULL)
		evhttp_free(h->ev);
	if (h->sweep != NULL)
		event_free(h->sweep);
	if (h->njobs > 0) {
		/* the store hangs: what its jobs point to must stay */
		log_error("%zu requests never ended", h->njobs);
		return;
	}
	store_loop_free(&h->jobs);
	free(h);
}
