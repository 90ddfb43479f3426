/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The agents' door with a real store, a real CA and TLS over loopback.  What
 * frames mean is not tested here: flow_hello, flow_frame and flow_gone are
 * the test's own and write down that they were called; enrolment, renewal
 * and admission are the real ones.
 */
#ifndef TESTS_UNIT_SERVER_LISTENER_LISTENER_WORLD_H
#define TESTS_UNIT_SERVER_LISTENER_LISTENER_WORLD_H

#include <arpa/inet.h>
#include <errno.h>
#include <event2/event.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
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
#include "common/base/digest.h"
#include "common/base/file.h"
#include "common/base/id.h"
#include "common/base/log.h"
#include "common/net/conn.h"
#include "common/net/tls.h"
#include "common/wire/frame.h"
#include "server/audit/audit.h"
#include "server/flow/enrol.h"
#include "server/flow/flow.h"
#include "server/listener/listener.h"
#include "server/listener/rate.h"
#include "server/listener/session.h"
#include "server/store/store.h"

#define UNUSED __attribute__((unused))

#define HOST_A "H-AAAAAAAAAAAAAAAA"
#define HOST_B "H-BBBBBBBBBBBBBBBB"
#define AUDIT_MAX 64

static struct {
	char dir[64];
	struct store *store;
	struct x509_ca *ca;
	struct ssl_ctx_st *tls;
	struct listener *listener;
	struct listener_settings set;
	struct orders_settings orders;
	struct flow flow;
	struct event_base *base; /* of the clients */
	uint8_t ca_sha256[32];
} w;

static struct why why;

/* -- what the test's flow writes down (writer thread) ------------------ */

static struct {
	pthread_mutex_t lock;
	int hellos, gone, frames, audits;
	char gone_host[ID_MAX], gone_reason[256];
	uint8_t order[4096]; /* first byte of each frame */
	char audit[AUDIT_MAX][64];
} flow = {.lock = PTHREAD_MUTEX_INITIALIZER};

int
flow_hello(struct db *db, const struct flow *f, const char *host_id,
    const Cordon__Hello *hello)
{
	Cordon__Welcome m = CORDON__WELCOME__INIT;
	uint8_t packed[64];

	(void)hello;
	m.heartbeat_seconds = f->heartbeat_seconds;
	pthread_mutex_lock(&flow.lock);
	flow.hellos++;
	pthread_mutex_unlock(&flow.lock);
	return db_send(db, host_id, FRAME_WELCOME, packed,
	    cordon__welcome__pack(&m, packed));
}

int
flow_gone(struct db *db, const struct flow *f, const char *host_id,
    const char *reason)
{
	(void)db, (void)f;
	pthread_mutex_lock(&flow.lock);
	flow.gone++;
	snprintf(flow.gone_host, sizeof(flow.gone_host), "%s", host_id);
	snprintf(flow.gone_reason, sizeof(flow.gone_reason), "%s", reason);
	pthread_mutex_unlock(&flow.lock);
	return 0;
}

int
flow_frame(struct db *db, const struct flow *f, const char *host_id,
    uint16_t kind, const void *payload, size_t len, struct why *reason)
{
	(void)db, (void)f, (void)host_id;
	pthread_mutex_lock(&flow.lock);
	if (len > 0 && flow.frames < (int)sizeof(flow.order))
		flow.order[flow.frames] = *(const uint8_t *)payload;
	flow.frames++;
	pthread_mutex_unlock(&flow.lock);
	if (kind == FRAME_WITNESS)
		return why_set(reason, ERR_PROTO, "the flow does not like it");
	return 0;
}

int
audit_add(struct db *db, const struct audit_entry *e, const char *fmt, ...)
{
	(void)db, (void)fmt;
	pthread_mutex_lock(&flow.lock);
	if (flow.audits < AUDIT_MAX)
		snprintf(flow.audit[flow.audits++], sizeof(flow.audit[0]),
		    "%s", e->what);
	pthread_mutex_unlock(&flow.lock);
	return 0;
}

UNUSED static int
flow_count(const int *what)
{
	int n;

	pthread_mutex_lock(&flow.lock);
	n = *what;
	pthread_mutex_unlock(&flow.lock);
	return n;
}

UNUSED static bool
audited(const char *what)
{
	bool found = false;
	int i;

	pthread_mutex_lock(&flow.lock);
	for (i = 0; i < flow.audits; i++)
		found |= strcmp(flow.audit[i], what) == 0;
	pthread_mutex_unlock(&flow.lock);
	return found;
}

/* -- database ---------------------------------------------------------- */

struct sql {
	const char *text, *a, *b;
	int64_t n, got;
};

static int
run_sql(struct db *db, void *arg)
{
	struct sql *q = arg;

	return db_run(db, NULL, q->text, "ssi", q->a, q->b, q->n);
}

static int
ask_sql(struct db *db, void *arg)
{
	struct sql *q = arg;

	return db_one_int(db, &q->got, q->text, "s", q->a);
}

UNUSED static int64_t
count(const char *text, const char *a)
{
	struct sql q = {text, a, NULL, 0, -1};

	assert_int_equal(store_now(w.store, ask_sql, &q), 0);
	return q.got;
}

UNUSED static void
add_token(const char *token, const char *kind, int64_t uses, int64_t ms)
{
	static const char agent[] =
	    "INSERT INTO tokens (token_sha256, kind, grp, tier, uses_left, "
	    "expires_at, created_by, created_at) VALUES ($1, $2, 'desks', 2, "
	    "1, $3, 'zhang', 0)";
	static const char left[] = "UPDATE tokens SET uses_left = $3 WHERE "
	    "token_sha256 = $1 AND kind = $2";
	char hex[DIGEST_HEX_MAX];
	uint8_t sum[DIGEST_LEN];
	struct sql q = {agent, hex, kind, clock_wall_ms() + ms, 0};

	digest_of(token, strlen(token), sum);
	hex_encode(hex, sum, sizeof(sum));
	assert_int_equal(store_now(w.store, run_sql, &q), 0);
	q.text = left;
	q.n = uses;
	assert_int_equal(store_now(w.store, run_sql, &q), 0);
}

/* -- world ------------------------------------------------------------- */

static const char *
path(const char *name)
{
	static char out[32][96];
	static int next;

	next = (next + 1) % 32;
	snprintf(out[next], sizeof(out[next]), "%s/%s", w.dir, name);
	return out[next];
}

/* NAME.key, NAME.pem and the serial number. */
static void
issue(const char *file, enum x509_role role, const char *name,
    char serial[42], char sha256[65])
{
	char key[32], pem[32];
	struct buf csr, der;
	struct x509_id id;

	snprintf(key, sizeof(key), "%s.key", file);
	snprintf(pem, sizeof(pem), "%s.pem", file);
	buf_init(&csr, X509_DER_MAX);
	buf_init(&der, X509_DER_MAX);
	assert_int_equal(x509_key_make(path(key), &why), 0);
	assert_int_equal(x509_csr_make(path(key), name, &csr, &why), 0);
	assert_int_equal(x509_issue(w.ca, csr.data, csr.len, role, name, 3600,
	    &der, &id, &why), 0);
	assert_int_equal(x509_save(path(pem), der.data, der.len, &why), 0);
	if (serial != NULL)
		strcpy(serial, id.serial);
	if (sha256 != NULL)
		hex_encode(sha256, id.sha256, 32);
	buf_done(&csr);
	buf_done(&der);
}

/* A host that is enrolled, with its certificate in FILE.pem. */
UNUSED static void
add_host(const char *file, const char *host_id)
{
	static const char host[] = "INSERT INTO hosts (host_id, name, grp, "
	    "tier, enrolled_at) VALUES ($1, $2, 'desks', 2, $3)";
	static const char cert[] = "INSERT INTO certs (serial, owner, kind, "
	    "sha256, issued_at, not_after) VALUES ($1, $2, 'agent', '', 0, "
	    "$3)";
	char serial[42];
	struct sql q = {host, host_id, file, 1, 0};

	issue(file, X509_AGENT, host_id, serial, NULL);
	assert_int_equal(store_now(w.store, run_sql, &q), 0);
	q = (struct sql){cert, serial, host_id, 1, 0};
	assert_int_equal(store_now(w.store, run_sql, &q), 0);
}

static uint16_t
free_port(void)
{
	struct sockaddr_in in = {.sin_family = AF_INET,
	    .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	socklen_t len = sizeof(in);

	assert_int_equal(bind(fd, (struct sockaddr *)&in, len), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&in, &len), 0);
	close(fd);
	return ntohs(in.sin_port);
}

static void
make_ca(void)
{
	const struct tls_files f = {path("srv.key"), path("srv.pem"),
	    path("ca.pem"), NULL};
	struct buf der;

	assert_int_equal(x509_ca_make(path("ca.key"), f.ca, "test", &why), 0);
	assert_int_equal(x509_ca_load(path("ca.key"), f.ca, &w.ca, &why), 0);
	issue("srv", X509_SERVER, "collector", NULL, NULL);
	if (tls_server_ctx(&f, false, &w.tls, &why) != 0)
		fail_msg("%s", why.text);
	buf_init(&der, X509_DER_MAX);
	assert_int_equal(x509_ca_der(w.ca, &der), 0);
	digest_of(der.data, der.len, w.ca_sha256);
	buf_done(&der);
}

static int
setup(void **state)
{
	struct store_options o = {.readers = 1};
	char url[96];

	(void)state;
	signal(SIGPIPE, SIG_IGN);
	log_init("test", LOG_LEVEL_ERROR);
	memset(&w, 0, sizeof(w));
	flow.hellos = flow.gone = flow.frames = flow.audits = 0;
	strcpy(w.dir, "/tmp/cordon-listener-XXXXXX");
	if (mkdtemp(w.dir) == NULL)
		return -1;
	snprintf(url, sizeof(url), "sqlite:%s/db", w.dir);
	o.url = url;
	make_ca();
	if (store_open(&o, &w.store, &why) != 0)
		fail_msg("%s", why.text);
	w.base = event_base_new();
	w.orders.ncollectors = 1;
	w.orders.collectors[0].ip_len = 4;
	memcpy(w.orders.collectors[0].ip, (uint8_t[]){10, 0, 0, 1}, 4);
	w.orders.collectors[0].port = 8443;
	w.flow.orders = &w.orders;
	w.flow.heartbeat_seconds = 30;
	w.flow.cert_stale_ms = 10 * 3600000LL;
	w.set.listen[0].ip_len = 4;
	memcpy(w.set.listen[0].ip, (uint8_t[]){127, 0, 0, 1}, 4);
	w.set.listen[0].port = free_port();
	w.set.nlisten = 1;
	w.set.loops = 2;
	w.set.tls = w.tls;
	w.set.ca = w.ca;
	w.set.agent_cert_seconds = 3600;
	memset(w.set.order_key, 7, sizeof(w.set.order_key));
	w.set.flow = &w.flow;
	w.set.connections_max = 1000;
	return 0;
}

static void
start(void)
{
	if (listener_start(w.store, &w.set, &w.listener, &why) != 0)
		fail_msg("%s", why.text);
	store_set_sink(w.store, listener_sink, w.listener);
	assert_int_equal(store_start(w.store, &why), 0);
}

static int
teardown(void **state)
{
	char cmd[128];

	(void)state;
	listener_stop(&w.listener);
	store_close(&w.store);
	/* libevent frees what was just ended in its next round. */
	event_base_loop(w.base, EVLOOP_NONBLOCK);
	event_base_free(w.base);
	tls_ctx_free(&w.tls);
	x509_ca_free(&w.ca);
	snprintf(cmd, sizeof(cmd), "rm -rf %s", w.dir);
	return system(cmd);
}

/* -- a client ---------------------------------------------------------- */

struct client {
	struct conn *conn;
	struct ssl_ctx_st *ctx;
	bool up;
	char end[256];
	int frames;
	uint16_t kind; /* of the last frame */
	uint8_t data[FRAME_MAX / 8];
	size_t len;
	char code[64], text[512]; /* of Refused */
};

static int
cl_up(void *arg, struct conn *c, const struct x509_id *peer,
    struct why *reason)
{
	struct client *cl = arg;

	(void)c, (void)peer, (void)reason;
	cl->up = true;
	return 0;
}

static int
cl_frame(void *arg, struct conn *c, const struct frame *f,
    struct why *reason)
{
	struct client *cl = arg;
	Cordon__Refused *r;

	(void)c, (void)reason;
	cl->frames++;
	cl->kind = f->kind;
	assert_true(f->len <= sizeof(cl->data));
	memcpy(cl->data, f->payload, f->len);
	cl->len = f->len;
	if (f->kind == FRAME_REFUSED) {
		r = cordon__refused__unpack(NULL, f->len, f->payload);
		assert_non_null(r);
		snprintf(cl->code, sizeof(cl->code), "%s", r->code);
		snprintf(cl->text, sizeof(cl->text), "%s", r->why);
		cordon__refused__free_unpacked(r, NULL);
	}
	return 0;
}

static void
cl_end(void *arg, struct conn *c, const char *reason)
{
	struct client *cl = arg;

	(void)c;
	snprintf(cl->end, sizeof(cl->end), "%s", reason);
	cl->conn = NULL;
}

#define UNTIL(cond)                                                       \
	do {                                                              \
		int64_t until_ = clock_boot_ms() + 60000;                  \
		while (!(cond) && clock_boot_ms() < until_) {             \
			event_base_loop(w.base, EVLOOP_NONBLOCK);         \
			usleep(1000);                                     \
		}                                                         \
		if (!(cond))                                              \
			fail_msg("not within 8 s: %s", #cond);            \
	} while (0)

UNUSED static void
pause_ms(int ms)
{
	int64_t until = clock_boot_ms() + ms;

	while (clock_boot_ms() < until) {
		event_base_loop(w.base, EVLOOP_NONBLOCK);
		usleep(1000);
	}
}

/* FILE: certificate to come with; NULL: none. */
static void
call(struct client *c, const char *file)
{
	static const struct conn_ops ops = {cl_up, cl_frame, cl_end};
	const struct conn_limits lim = {5000, 0, 4 * 1024 * 1024};
	struct tls_files f = {.ca_sha256 = w.ca_sha256};
	char key[32], pem[32];

	memset(c, 0, sizeof(*c));
	if (file != NULL) {
		snprintf(key, sizeof(key), "%s.key", file);
		snprintf(pem, sizeof(pem), "%s.pem", file);
		f.key = path(key);
		f.cert = path(pem);
	}
	if (tls_client_ctx(&f, &c->ctx, &why) != 0)
		fail_msg("%s", why.text);
	c->conn = conn_connect(w.base, c->ctx, &w.set.listen[0], &lim, &ops,
	    c);
	assert_non_null(c->conn);
	UNTIL(c->up || c->conn == NULL);
}

static void
hang_up(struct client *c)
{
	if (c->conn != NULL)
		conn_end(c->conn, "test is over");
	tls_ctx_free(&c->ctx);
}

static void
send_message(struct client *c, uint16_t kind, const void *msg)
{
	const ProtobufCMessage *m = msg;
	size_t len = protobuf_c_message_get_packed_size(m);
	uint8_t *b = malloc(len + 1);

	protobuf_c_message_pack(m, b);
	assert_int_equal(conn_send(c->conn, kind, b, len), 0);
	free(b);
}

static void
say_hello(struct client *c, const char *host_id)
{
	Cordon__Hello h = CORDON__HELLO__INIT;

	h.version = 1;
	h.host_id = (char *)(uintptr_t)host_id;
	send_message(c, FRAME_HELLO, &h);
}

static void
come_live(struct client *c, const char *file, const char *host_id)
{
	call(c, file);
	say_hello(c, host_id);
	UNTIL(c->frames > 0 || c->conn == NULL);
	if (c->kind != FRAME_WELCOME)
		fail_msg("no welcome: %s %s %s", c->code, c->text, c->end);
}

UNUSED static void
send_enrol(struct client *c, const char *token, const char *hostname)
{
	Cordon__Enrol e = CORDON__ENROL__INIT;
	struct buf csr;

	buf_init(&csr, X509_DER_MAX);
	assert_int_equal(x509_key_make(path("host.key"), &why), 0);
	assert_int_equal(x509_csr_make(path("host.key"), "x", &csr, &why), 0);
	e.token = (char *)(uintptr_t)token;
	e.csr_der.data = csr.data;
	e.csr_der.len = csr.len;
	e.hostname = (char *)(uintptr_t)hostname;
	send_message(c, FRAME_ENROL, &e);
	buf_done(&csr);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

#endif
