/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Connections with real TLS over loopback: who is let in, what ends one and
 * in which words, bounds, pausing, finishing.  One client, one server, one
 * loop; each test says what each side does and what must come of it.
 */
#include <arpa/inet.h>
#include <event2/event.h>
#include <openssl/ssl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/base/clock.h"
#include "common/base/file.h"
#include "common/net/conn.h"
#include "common/net/tls.h"
#include "common/net/x509.h"

static char dir[] = "/tmp/cordon-conn-XXXXXX";
static struct event_base *base;
static uint8_t ca_sum[32], other_sum[32];

/* -- certificates ----------------------------------------------------------- */

static const char *
path(const char *name)
{
	static char out[8][64];
	static int next;

	next = (next + 1) % 8;
	snprintf(out[next], sizeof(out[next]), "%s/%s", dir, name);
	return out[next];
}

static int
make_cert(const struct x509_ca *ca, const char *name, enum x509_role role,
    int64_t seconds)
{
	char key[32], cert[32];
	struct x509_id id;
	struct why why = {0};
	struct buf csr, der;
	int err;

	buf_init(&csr, X509_DER_MAX);
	buf_init(&der, X509_DER_MAX);
	snprintf(key, sizeof(key), "%s.key", name);
	snprintf(cert, sizeof(cert), "%s.pem", name);
	err = x509_key_make(path(key), &why);
	if (err == 0)
		err = x509_csr_make(path(key), name, &csr, &why);
	if (err == 0)
		err = x509_issue(ca, csr.data, csr.len, role, name, seconds,
		    &der, &id, &why);
	if (err == 0)
		err = x509_save(path(cert), der.data, der.len, &why);
	if (err != 0)
		print_error("%s: %s\n", name, why.text);
	buf_done(&csr);
	buf_done(&der);
	return err;
}

static int
setup(void **state)
{
	struct x509_ca *ca = NULL, *other = NULL;
	struct clock_fake past;
	struct x509_id id;
	int err;

	(void)state;
	if (mkdtemp(dir) == NULL)
		return -1;
	/* Certificates made a day ago, so that some have run out. */
	past.wall_ms = clock_wall_ms() - 86400 * 1000LL;
	past.boot_ms = 0;
	clock_use_fake(&past);
	err = x509_ca_make(path("ca.key"), path("ca.pem"), "Test CA", NULL) |
	    x509_ca_load(path("ca.key"), path("ca.pem"), &ca, NULL) |
	    x509_ca_make(path("other.key"), path("other.pem"), "Test CA",
		NULL) |
	    x509_ca_load(path("other.key"), path("other.pem"), &other, NULL);
	if (err != 0)
		return -1;
	err = make_cert(ca, "server", X509_SERVER, 7 * 86400) |
	    make_cert(ca, "server-old", X509_SERVER, 3600) |
	    make_cert(ca, "agent", X509_AGENT, 7 * 86400) |
	    make_cert(ca, "agent-old", X509_AGENT, 3600) |
	    make_cert(ca, "operator", X509_OPERATOR, 7 * 86400) |
	    make_cert(other, "stranger", X509_AGENT, 7 * 86400) |
	    make_cert(other, "stranger-old", X509_AGENT, 3600) |
	    make_cert(other, "impostor", X509_SERVER, 7 * 86400) |
	    make_cert(other, "impostor-old", X509_SERVER, 3600);
	past.wall_ms += 2 * 86400 * 1000LL; /* a day from now */
	err |= make_cert(ca, "server-next", X509_SERVER, 7 * 86400) |
	    make_cert(ca, "agent-next", X509_AGENT, 7 * 86400);
	clock_use_fake(NULL);
	err |= make_cert(ca, "agent-late", X509_AGENT, 3600);
	x509_read_file(path("ca.pem"), &id, NULL);
	memcpy(ca_sum, id.sha256, 32);
	x509_read_file(path("other.pem"), &id, NULL);
	memcpy(other_sum, id.sha256, 32);
	x509_ca_free(&ca);
	x509_ca_free(&other);
	base = event_base_new();
	return err;
}

static int
teardown(void **state)
{
	char cmd[96];

	(void)state;
	event_base_free(base);
	snprintf(cmd, sizeof(cmd), "rm -r %s", dir);
	return system(cmd);
}

/* -- one pair of connections ------------------------------------------------ */

struct side {
	struct conn *c;
	int ups, frames, ends;
	size_t bytes;
	uint16_t kinds[16]; /* the first ones */
	struct x509_id peer;
	char reason[256];
	/* what to do */
	int (*on_up)(struct side *s, struct why *why);
	int (*on_frame)(struct side *s, const struct frame *f,
	    struct why *why);
	struct side *other;
};

static int
up(void *arg, struct conn *c, const struct x509_id *peer, struct why *why)
{
	struct side *s = arg;

	s->c = c;
	s->ups++;
	s->peer = *peer;
	return s->on_up != NULL ? s->on_up(s, why) : 0;
}

static int
frame(void *arg, struct conn *c, const struct frame *f, struct why *why)
{
	struct side *s = arg;

	assert_ptr_equal(s->c, c);
	if (s->frames < 16)
		s->kinds[s->frames] = f->kind;
	s->frames++;
	s->bytes += f->len;
	return s->on_frame != NULL ? s->on_frame(s, f, why) : 0;
}

static void
ended(void *arg, struct conn *c, const char *reason)
{
	struct side *s = arg;

	(void)c;
	s->ends++;
	s->c = NULL;
	snprintf(s->reason, sizeof(s->reason), "%s", reason);
}

static const struct conn_ops ops = {up, frame, ended};
static const struct conn_limits limits = {3000, 0, 256 * 1024};

struct pair {
	struct side client, server;
	SSL_CTX *cctx, *sctx;
	int raw; /* with raw_pair: our end of the socket */
};

static void
tcp_pair(int *client_port, int *listener)
{
	struct sockaddr_in in = {.sin_family = AF_INET};
	socklen_t len = sizeof(in);

	in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	*listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(*listener, (struct sockaddr *)&in, len), 0);
	assert_int_equal(listen(*listener, 4), 0);
	getsockname(*listener, (struct sockaddr *)&in, &len);
	*client_port = ntohs(in.sin_port);
}

static void
open_contexts(struct pair *p, const struct tls_files *server, bool must,
    const struct tls_files *client, bool stale)
{
	struct why why = {0};

	memset(p, 0, sizeof(*p));
	p->raw = -1;
	if (tls_server_ctx(server, must, &p->sctx, &why) != 0)
		fail_msg("server: %s", why.text);
	if (stale)
		tls_server_take_stale(p->sctx);
	if (client != NULL && tls_client_ctx(client, &p->cctx, &why) != 0)
		fail_msg("client: %s", why.text);
	p->client.other = &p->server;
	p->server.other = &p->client;
}

static void
start_limited(struct pair *p, const struct conn_limits *cl,
    const struct conn_limits *sl)
{
	struct addr to = {{127, 0, 0, 1}, 4, 0};
	int listener, port, fd;

	tcp_pair(&port, &listener);
	to.port = (uint16_t)port;
	p->client.c = conn_connect(base, p->cctx, &to, cl, &ops, &p->client);
	fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	assert_true(fd >= 0);
	close(listener);
	p->server.c = conn_accept(base, p->sctx, fd, sl, &ops, &p->server);
	assert_non_null(p->client.c);
	assert_non_null(p->server.c);
	assert_memory_equal(conn_peer_text(p->server.c), "127.0.0.1:", 10);
}

static void
start(struct pair *p)
{
	start_limited(p, &limits, &limits);
}

static void
stop_loop(evutil_socket_t fd, short what, void *arg)
{
	(void)fd, (void)what;
	*(bool *)arg = true;
}

/* Run the loop until DONE says so or MS are over (then false). */
static bool
run(struct pair *p, bool (*done)(const struct pair *), int ms)
{
	struct timeval tv = {ms / 1000, (ms % 1000) * 1000};
	bool late = false;
	struct event *t;

	t = evtimer_new(base, stop_loop, &late);
	evtimer_add(t, &tv);
	while (!late && (done == NULL || !done(p)))
		event_base_loop(base, EVLOOP_ONCE);
	event_free(t);
	return !late;
}

static bool
both_up(const struct pair *p)
{
	return p->client.ups + p->server.ups == 2;
}

static bool
both_ended(const struct pair *p)
{
	return p->client.ends + p->server.ends == 2;
}

static void
finish(struct pair *p)
{
	if (p->client.c != NULL)
		conn_end(p->client.c, "test over");
	if (p->server.c != NULL)
		conn_end(p->server.c, "test over");
	run(p, NULL, 5);
	assert_int_equal(p->server.ends, p->sctx != NULL);
	if (p->raw >= 0)
		close(p->raw);
	tls_ctx_free(&p->cctx);
	tls_ctx_free(&p->sctx);
}

/* A good pair, up. */
static struct tls_files files_server, files_agent;

static void
open_good(struct pair *p)
{
	files_server = (struct tls_files){path("server.key"),
	    path("server.pem"), path("ca.pem"), NULL};
	files_agent = (struct tls_files){path("agent.key"), path("agent.pem"),
	    path("ca.pem"), NULL};
	open_contexts(p, &files_server, true, &files_agent, false);
}

/* -- who is let in ---------------------------------------------------------- */

struct who {
	const char *title;
	const char *server, *server_ca; /* the server's files */
	bool must;
	const char *client; /* NULL: none */
	const char *ca;	    /* NULL: by digest */
	const uint8_t *sum;
	bool stale; /* the server takes certificates out of their dates */
	bool good;
	enum x509_role role; /* that the server sees */
	const char *client_says, *server_says; /* parts of the reasons */
};

static const struct who whos[] = {
	{"agent", "server", "ca.pem", true, "agent", "ca.pem", NULL, false,
	    true, X509_AGENT, NULL, NULL},
	{"operator", "server", "ca.pem", true, "operator", "ca.pem", NULL,
	    false, true, X509_OPERATOR, NULL, NULL},
	{"enrolment: no certificate, CA by digest", "server", "ca.pem", false,
	    NULL, NULL, ca_sum, false, true, 0, NULL, NULL},
	{"no certificate where one must be", "server", "ca.pem", true, NULL,
	    "ca.pem", NULL, false, false, 0, NULL, "did not return a cert"},
	{"another CA's digest", "server", "ca.pem", false, NULL, NULL,
	    other_sum, false, false, 0, "not trusted", NULL},
	{"digest right, but the server is another CA's", "impostor",
	    "ca.pem", false, NULL, NULL, ca_sum, false, false, 0,
	    "certificate", NULL},
	{"digest right, but an agent plays server", "agent", "ca.pem", false,
	    NULL, NULL, ca_sum, false, false, 0, "purpose", NULL},
	{"digest right, server's certificate run out", "server-old",
	    "ca.pem", false, NULL, NULL, ca_sum, false, false, 0, "expired",
	    NULL},
	{"agent of another CA (of the same name)", "server", "ca.pem", true,
	    "stranger", "ca.pem", NULL, false, false, 0, NULL,
	    "certificate"},
	{"server of another CA", "impostor", "other.pem", false, "agent",
	    "ca.pem", NULL, false, false, 0, "certificate", NULL},
	{"agent plays server", "agent", "ca.pem", true, "agent", "ca.pem",
	    NULL, false, false, 0, "purpose", NULL},
	{"agent plays server, its certificate run out", "agent-old",
	    "ca.pem", true, "agent", "ca.pem", NULL, false, false, 0,
	    NULL, NULL},
	{"server plays agent", "server", "ca.pem", true, "server", "ca.pem",
	    NULL, false, false, 0, NULL, "purpose"},
	{"server's certificate run out since ours was issued", "server-old",
	    "ca.pem", true, "agent", "ca.pem", NULL, false, true,
	    X509_AGENT, NULL, NULL},
	{"server's certificate run out before ours was issued", "server-old",
	    "ca.pem", true, "agent-late", "ca.pem", NULL, false, false, 0,
	    "expired", NULL},
	{"server's certificate of a day to come", "server-next", "ca.pem",
	    true, "agent", "ca.pem", NULL, false, true, X509_AGENT, NULL,
	    NULL},
	{"enrolment: server's certificate of a day to come", "server-next",
	    "ca.pem", false, NULL, NULL, ca_sum, false, false, 0,
	    "not yet valid", NULL},
	{"another CA's server, its certificate run out", "impostor-old",
	    "other.pem", true, "agent", "ca.pem", NULL, false, false, 0,
	    "certificate", NULL},
	{"agent's certificate run out", "server", "ca.pem", true,
	    "agent-old", "ca.pem", NULL, false, false, 0, NULL, "expired"},
	{"agent's certificate run out, stale ones are taken", "server",
	    "ca.pem", true, "agent-old", "ca.pem", NULL, true, true,
	    X509_AGENT, NULL, NULL},
	{"agent's certificate of a day to come, stale ones are taken",
	    "server", "ca.pem", true, "agent-next", "ca.pem", NULL, true,
	    true, X509_AGENT, NULL, NULL},
	{"stale agent of another CA", "server", "ca.pem", true,
	    "stranger-old", "ca.pem", NULL, true, false, 0, NULL,
	    "certificate"},
	{"stale server plays agent", "server", "ca.pem", true, "server-old",
	    "ca.pem", NULL, true, false, 0, NULL, "purpose"},
};

static void
try_who(const struct who *w)
{
	char skey[32], scert[32], ckey[32], ccert[32];
	struct tls_files server, client = {0};
	struct pair p;

	snprintf(skey, sizeof(skey), "%s.key", w->server);
	snprintf(scert, sizeof(scert), "%s.pem", w->server);
	server = (struct tls_files){path(skey), path(scert),
	    path(w->server_ca), NULL};
	if (w->client != NULL) {
		snprintf(ckey, sizeof(ckey), "%s.key", w->client);
		snprintf(ccert, sizeof(ccert), "%s.pem", w->client);
		client.key = path(ckey);
		client.cert = path(ccert);
	}
	client.ca = w->ca != NULL ? path(w->ca) : NULL;
	client.ca_sha256 = w->sum;
	open_contexts(&p, &server, w->must, &client, w->stale);
	start(&p);
	if (w->good) {
		if (!run(&p, both_up, 3000))
			fail_msg("%s: client %s, server %s", w->title,
			    p.client.reason, p.server.reason);
		assert_int_equal(p.client.peer.role, X509_SERVER);
		assert_int_equal(p.server.peer.role, w->role);
		if (w->client != NULL)
			assert_string_equal(p.server.peer.name, w->client);
	} else {
		if (!run(&p, both_ended, 3000))
			fail_msg("%s: still there", w->title);
		if (p.server.ups != 0 || p.client.frames != 0)
			fail_msg("%s: the server let it in", w->title);
		if (w->client_says != NULL &&
		    strstr(p.client.reason, w->client_says) == NULL)
			fail_msg("%s: client says: %s", w->title,
			    p.client.reason);
		if (w->server_says != NULL &&
		    strstr(p.server.reason, w->server_says) == NULL)
			fail_msg("%s: server says: %s", w->title,
			    p.server.reason);
	}
	finish(&p);
}

static void
test_who(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(whos) / sizeof(whos[0]); i++)
		try_who(&whos[i]);
}

static void
test_protocol(void **state)
{
	struct pair p;
	SSL *ssl;

	(void)state;
	open_good(&p);
	start(&p);
	assert_true(run(&p, both_up, 3000));
	finish(&p);
	/* What the contexts say about versions, tickets and buffers. */
	open_good(&p);
	ssl = SSL_new(p.sctx);
	assert_int_equal(SSL_get_min_proto_version(ssl), TLS1_3_VERSION);
	assert_int_equal(SSL_get_num_tickets(ssl), 0);
	assert_true(SSL_get_mode(ssl) & SSL_MODE_RELEASE_BUFFERS);
	assert_string_equal(SSL_get_cipher_list(ssl, 0),
	    "TLS_AES_128_GCM_SHA256");
	SSL_free(ssl);
	tls_ctx_free(&p.sctx);
	tls_ctx_free(&p.cctx);
}

static void
test_bad_files(void **state)
{
	struct tls_files f = {path("server.key"), path("agent.pem"),
	    path("ca.pem"), NULL};
	SSL_CTX *ctx = NULL;
	struct why why;

	(void)state;
	assert_int_equal(tls_server_ctx(&f, true, &ctx, &why), ERR_CRYPTO);
	f.cert = path("none.pem");
	assert_int_equal(tls_server_ctx(&f, true, &ctx, &why), ERR_NOENT);
	f.cert = path("server.pem");
	f.ca = path("agent.pem"); /* not a CA */
	assert_int_equal(tls_server_ctx(&f, true, &ctx, &why), ERR_CRYPTO);
	f.ca = NULL;
	assert_int_equal(tls_server_ctx(&f, true, &ctx, &why), ERR_CONFIG);
	assert_int_equal(tls_client_ctx(&f, &ctx, &why), ERR_CONFIG);
	f.ca = path("ca.pem");
	f.cert = NULL;
	assert_int_equal(tls_client_ctx(&f, &ctx, &why), ERR_CONFIG);
	assert_null(ctx);
}

/* -- frames ----------------------------------------------------------------- */

static bool
ten_frames(const struct pair *p)
{
	return p->server.frames == 10 || both_ended(p);
}

static void
test_frames(void **state)
{
	static uint8_t big[200 * 1024];
	struct pair p;
	int i;

	(void)state;
	open_good(&p);
	start(&p);
	assert_true(run(&p, both_up, 3000));
	assert_int_equal(conn_send(p.client.c, FRAME_HEARTBEAT, NULL, 0), 0);
	/* Larger than what is held while no frame is due. */
	assert_int_equal(conn_send(p.client.c, FRAME_SIGNALS, big,
			     sizeof(big)), 0);
	for (i = 0; i < 8; i++)
		assert_int_equal(conn_send(p.client.c, FRAME_HEARTBEAT, big,
				     (size_t)i * 10), 0);
	assert_true(run(&p, ten_frames, 3000));
	assert_int_equal(p.server.ends, 0);
	assert_int_equal(p.server.bytes, sizeof(big) + 280);
	assert_int_equal(p.server.kinds[0], FRAME_HEARTBEAT);
	assert_int_equal(p.server.kinds[1], FRAME_SIGNALS);
	assert_int_equal(conn_queued(p.client.c), 0);
	finish(&p);
}

/* Foreign bytes, inside good TLS: a client of raw OpenSSL. */
static void
raw_client(struct pair *p, const void *data, size_t len)
{
	int sv[2];
	SSL *ssl;

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0,
			     sv), 0);
	evutil_make_socket_nonblocking(sv[0]);
	p->server.c = conn_accept(base, p->sctx, sv[0], &limits, &ops,
	    &p->server);
	assert_string_equal(conn_peer_text(p->server.c), "local");
	p->raw = sv[1];
	evutil_make_socket_nonblocking(sv[1]);
	ssl = SSL_new(p->cctx);
	SSL_set_fd(ssl, sv[1]);
	while (SSL_connect(ssl) != 1)
		event_base_loop(base, EVLOOP_NONBLOCK);
	assert_int_equal(SSL_write(ssl, data, (int)len), (int)len);
	SSL_free(ssl);
}

static bool
server_ended(const struct pair *p)
{
	return p->server.ends == 1;
}

static void
test_bad_frames(void **state)
{
	static const struct {
		const char *bytes;
		size_t len;
	} table[] = {
		{"\xff\xff\xff\xff\x00\x01\x00\x00", 8}, /* length */
		{"\x00\x00\x00\x00\x00\x00\x00\x00", 8}, /* kind 0 */
		{"\x00\x00\x00\x00\x00\x3c\x00\x00", 8}, /* kind 60 */
		{"\x00\x00\x00\x00\x00\x01\x00\x01", 8}, /* flags */
		{"\x00\x10\x00\x01\x00\x05\x00\x00", 8}, /* 1 MiB and 1 */
		{"GET / HTTP/1.1\r\n", 16},
	};
	struct pair p;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		open_good(&p);
		raw_client(&p, table[i].bytes, table[i].len);
		if (!run(&p, server_ended, 2000))
			fail_msg("row %zu: the server still listens", i);
		assert_int_equal(p.server.frames, 0);
		if (p.server.reason[0] == '\0')
			fail_msg("row %zu: no reason", i);
		finish(&p);
	}
}

/* Bytes that are no TLS at all. */
static void
test_garbage(void **state)
{
	struct pair p;
	char junk[300];
	int sv[2];

	(void)state;
	memset(junk, 'x', sizeof(junk));
	open_good(&p);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0,
			     sv), 0);
	evutil_make_socket_nonblocking(sv[0]);
	p.server.c = conn_accept(base, p.sctx, sv[0], &limits, &ops,
	    &p.server);
	p.raw = sv[1];
	assert_int_equal(write(sv[1], junk, sizeof(junk)), sizeof(junk));
	assert_true(run(&p, server_ended, 2000));
	assert_memory_equal(p.server.reason, "TLS handshake: ", 15);
	assert_int_equal(p.server.ups, 0);
	finish(&p);
}

/* -- time ------------------------------------------------------------------- */

static void
test_handshake_timeout(void **state)
{
	const struct conn_limits quick = {60, 0, 4096};
	struct pair p;
	int sv[2];

	(void)state;
	open_good(&p);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0,
			     sv), 0);
	evutil_make_socket_nonblocking(sv[0]);
	p.server.c = conn_accept(base, p.sctx, sv[0], &quick, &ops,
	    &p.server);
	p.raw = sv[1]; /* and says nothing */
	assert_true(run(&p, server_ended, 2000));
	assert_string_equal(p.server.reason, "TLS handshake not done in time");
	finish(&p);
}

static void
test_idle(void **state)
{
	const struct conn_limits idle = {3000, 80, 4096};
	struct pair p;
	int i;

	(void)state;
	open_good(&p);
	start_limited(&p, &limits, &idle);
	assert_true(run(&p, both_up, 3000));
	/* Longer than the limit, but never silent. */
	for (i = 0; i < 6; i++) {
		conn_send(p.client.c, FRAME_HEARTBEAT, NULL, 0);
		run(&p, NULL, 30);
	}
	assert_int_equal(p.server.ends, 0);
	assert_int_equal(p.server.frames, 6);
	/* Silent while we do not listen: not its fault. */
	conn_pause(p.server.c, true);
	run(&p, NULL, 150);
	assert_int_equal(p.server.ends, 0);
	conn_pause(p.server.c, false);
	assert_true(run(&p, both_ended, 2000));
	assert_string_equal(p.server.reason,
	    "nothing heard from the peer for too long");
	assert_string_equal(p.client.reason, "connection closed by the peer");
	finish(&p);
}

static void
test_connect_fails(void **state)
{
	struct addr to = {{127, 0, 0, 1}, 4, 0};
	struct pair p;
	int listener, port;

	(void)state;
	open_good(&p);
	tls_ctx_free(&p.sctx);
	tcp_pair(&port, &listener);
	close(listener); /* nobody there any more */
	to.port = (uint16_t)port;
	p.client.c = conn_connect(base, p.cctx, &to, &limits, &ops,
	    &p.client);
	assert_int_equal(p.client.ends, 0); /* never from within */
	run(&p, NULL, 50);
	assert_int_equal(p.client.ends, 1);
	assert_string_equal(p.client.reason, "connect: Connection refused");
	/* One that connect(2) refuses at once. */
	to = (struct addr){{255, 255, 255, 255}, 4, 443};
	p.client.c = conn_connect(base, p.cctx, &to, &limits, &ops,
	    &p.client);
	assert_non_null(p.client.c);
	assert_int_equal(p.client.ends, 1);
	run(&p, NULL, 20);
	assert_int_equal(p.client.ends, 2);
	assert_memory_equal(p.client.reason, "connect: ", 9);
	/* Ended before it came to anything. */
	to = (struct addr){{127, 0, 0, 1}, 4, (uint16_t)port};
	p.client.c = conn_connect(base, p.cctx, &to, &limits, &ops,
	    &p.client);
	conn_end(p.client.c, "changed my mind");
	assert_int_equal(p.client.ends, 3);
	assert_string_equal(p.client.reason, "changed my mind");
	finish(&p);
}

/* -- bounds and backpressure ------------------------------------------------ */

static void
test_queue_bound(void **state)
{
	const struct conn_limits small = {3000, 0, 10000};
	static uint8_t data[9000];
	struct pair p;

	(void)state;
	open_good(&p);
	start_limited(&p, &small, &limits);
	assert_int_equal(conn_send(p.client.c, FRAME_SIGNALS, data, 10),
	    ERR_CLOSED); /* not up yet */
	assert_true(run(&p, both_up, 3000));
	assert_int_equal(conn_send(p.client.c, FRAME_SIGNALS, data, 9000), 0);
	assert_int_equal(conn_queued(p.client.c), 9000 + FRAME_HEADER);
	assert_int_equal(conn_send(p.client.c, FRAME_SIGNALS, data, 985),
	    ERR_LIMIT);
	assert_int_equal(conn_queued(p.client.c), 9000 + FRAME_HEADER);
	assert_int_equal(conn_send(p.client.c, FRAME_SIGNALS, data, 984), 0);
	assert_int_equal(conn_send(p.client.c, FRAME_HEARTBEAT, NULL, 0),
	    ERR_LIMIT);
	/* A frame that may not exist is refused whatever the room. */
	run(&p, NULL, 50);
	assert_int_equal(conn_queued(p.client.c), 0);
	assert_int_equal(conn_send(p.client.c, 999, NULL, 0), ERR_RANGE);
	assert_int_equal(p.server.frames, 2);
	finish(&p);
}

static int
pause_after_one(struct side *s, const struct frame *f, struct why *why)
{
	(void)f, (void)why;
	conn_pause(s->c, true);
	return 0;
}

static void
test_pause(void **state)
{
	static uint8_t data[60000];
	struct pair p;
	int i, sent = 0;

	(void)state;
	open_good(&p);
	p.server.on_frame = pause_after_one;
	start(&p);
	assert_true(run(&p, both_up, 3000));
	for (i = 0; i < 4; i++)
		sent += conn_send(p.client.c, FRAME_SIGNALS, data,
			    sizeof(data)) == 0;
	assert_int_equal(sent, 4);
	for (i = 1; i <= 4; i++) {
		run(&p, NULL, 60);
		assert_int_equal(p.server.frames, i);
		conn_pause(p.server.c, false);
		assert_int_equal(p.server.frames, i); /* not from within */
	}
	assert_int_equal(p.server.bytes, 4 * sizeof(data));
	finish(&p);
}

/* What was sent before an end arrives, though the receiver was paused. */
static void
test_end_while_paused(void **state)
{
	struct pair p;
	int i;

	(void)state;
	open_good(&p);
	p.server.on_frame = pause_after_one;
	start(&p);
	assert_true(run(&p, both_up, 3000));
	for (i = 0; i < 3; i++)
		conn_send(p.client.c, FRAME_HEARTBEAT, "x", 1);
	run(&p, NULL, 50);
	conn_end(p.client.c, "gone");
	run(&p, NULL, 50);
	assert_int_equal(p.server.ends, 0);
	for (i = 0; i < 4 && p.server.ends == 0; i++) {
		conn_pause(p.server.c, false);
		run(&p, NULL, 50);
	}
	assert_int_equal(p.server.frames, 3);
	assert_int_equal(p.server.ends, 1);
	finish(&p);
}

/* -- ending ----------------------------------------------------------------- */

static int
refuse(struct side *s, struct why *why)
{
	(void)s;
	return why_set(why, ERR_PERM, "revoked");
}

static int
end_inside(struct side *s, const struct frame *f, struct why *why)
{
	const uint8_t first = f->payload[0];

	(void)why;
	conn_end(s->c, "enough");
	/* The frame is lent until we return, ended or not. */
	assert_int_equal(f->payload[0], first);
	return 0;
}

static int
frame_bad(struct side *s, const struct frame *f, struct why *why)
{
	(void)s, (void)f;
	return why_set(why, ERR_PROTO, "hello twice");
}

static void
test_ends(void **state)
{
	struct pair p;

	(void)state;
	open_good(&p);
	p.server.on_up = refuse;
	start(&p);
	assert_true(run(&p, both_ended, 3000));
	assert_string_equal(p.server.reason, "revoked");
	finish(&p);

	open_good(&p);
	p.server.on_frame = end_inside;
	start(&p);
	assert_true(run(&p, both_up, 3000));
	conn_send(p.client.c, FRAME_HEARTBEAT, "abc", 3);
	conn_send(p.client.c, FRAME_HEARTBEAT, "abc", 3);
	assert_true(run(&p, both_ended, 3000));
	assert_string_equal(p.server.reason, "enough");
	assert_int_equal(p.server.frames, 1);
	finish(&p);

	open_good(&p);
	p.server.on_frame = frame_bad;
	start(&p);
	assert_true(run(&p, both_up, 3000));
	conn_send(p.client.c, FRAME_HEARTBEAT, "abc", 3);
	assert_true(run(&p, both_ended, 3000));
	assert_string_equal(p.server.reason, "hello twice");
	assert_int_equal(p.server.ends, 1);
	finish(&p);
}

static int
answer_and_finish(struct side *s, const struct frame *f, struct why *why)
{
	static uint8_t data[100000];

	(void)f, (void)why;
	assert_int_equal(conn_send(s->c, FRAME_SIGNALS, data, sizeof(data)),
	    0);
	conn_finish(s->c, "refused");
	assert_int_equal(conn_send(s->c, FRAME_WELCOME, NULL, 0), ERR_CLOSED);
	return 0;
}

/* The last words arrive, though the peer goes on talking. */
static void
test_finish(void **state)
{
	static uint8_t data[50000];
	struct pair p;
	int i;

	(void)state;
	open_good(&p);
	p.server.on_frame = answer_and_finish;
	start(&p);
	assert_true(run(&p, both_up, 3000));
	for (i = 0; i < 5; i++)
		conn_send(p.client.c, FRAME_SIGNALS, data, sizeof(data));
	assert_true(run(&p, both_ended, 3000));
	assert_int_equal(p.client.frames, 1);
	assert_int_equal(p.client.bytes, 100000);
	assert_int_equal(p.server.frames, 1);
	assert_string_equal(p.server.reason, "refused");
	finish(&p);

	/* Nothing queued: it still ends, and does not wait for ever. */
	open_good(&p);
	start(&p);
	assert_true(run(&p, both_up, 3000));
	conn_finish(p.client.c, "bye");
	conn_finish(p.client.c, "again");
	assert_true(run(&p, both_ended, 3000));
	assert_string_equal(p.client.reason, "bye");
	assert_int_equal(p.client.ends, 1);
	finish(&p);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_who),
		cmocka_unit_test(test_protocol),
		cmocka_unit_test(test_bad_files),
		cmocka_unit_test(test_frames),
		cmocka_unit_test(test_bad_frames),
		cmocka_unit_test(test_garbage),
		cmocka_unit_test(test_handshake_timeout),
		cmocka_unit_test(test_idle),
		cmocka_unit_test(test_connect_fails),
		cmocka_unit_test(test_queue_bound),
		cmocka_unit_test(test_pause),
		cmocka_unit_test(test_end_while_paused),
		cmocka_unit_test(test_ends),
		cmocka_unit_test(test_finish),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
