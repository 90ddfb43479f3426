/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Two connections with each other, over TLS on a pair of sockets. */
#ifndef TESTS_UNIT_COMMON_NET_CONN_WORLD_H
#define TESTS_UNIT_COMMON_NET_CONN_WORLD_H

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

#define UNUSED __attribute__((unused))

static char dir[] = "/tmp/cordon-conn-XXXXXX";
static struct event_base *base;
static uint8_t ca_sum[32], other_sum[32];

/* -- certificates ---------------------------------------------------------- */

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

UNUSED static int
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

UNUSED static int
teardown(void **state)
{
	char cmd[96];

	(void)state;
	event_base_free(base);
	snprintf(cmd, sizeof(cmd), "rm -r %s", dir);
	return system(cmd);
}

/* -- one pair of connections ----------------------------------------------- */

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

static bool
server_ended(const struct pair *p)
{
	return p->server.ends == 1;
}

#endif
