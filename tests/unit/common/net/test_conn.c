/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Connections: who is let in, and frames. */
#include "tests/unit/common/net/conn_world.h"

/* -- who is let in --------------------------------------------------------- */

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

/* -- frames ---------------------------------------------------------------- */

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
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
