/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The agents' door with a real store, a real CA and TLS over loopback.  What
 * frames mean is not tested here: flow_hello, flow_frame and flow_gone are
 * the test's own and write down that they were called; enrolment, renewal
 * and admission are the real ones.
 */
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

static int
flow_count(const int *what)
{
	int n;

	pthread_mutex_lock(&flow.lock);
	n = *what;
	pthread_mutex_unlock(&flow.lock);
	return n;
}

static bool
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

static int64_t
count(const char *text, const char *a)
{
	struct sql q = {text, a, NULL, 0, -1};

	assert_int_equal(store_now(w.store, ask_sql, &q), 0);
	return q.got;
}

static void
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
static void
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

static void
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

static void
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

/* -- enrolment --------------------------------------------------------- */

static void
test_enrol(void **state)
{
	Cordon__Enrolled *e;
	struct client c;
	struct x509_id id;

	(void)state;
	add_token("good", "agent", 1, 60000);
	start();
	call(&c, NULL);
	send_enrol(&c, "good", "desk-17");
	UNTIL(c.conn == NULL);
	assert_int_equal(c.kind, FRAME_ENROLLED);
	e = cordon__enrolled__unpack(NULL, c.len, c.data);
	assert_non_null(e);
	assert_true(id_valid(e->host_id));
	assert_int_equal(strlen(e->host_id), 18);
	assert_memory_equal(e->host_id, "H-", 2);
	assert_string_equal(e->name, "desk-17");
	assert_string_equal(e->group, "desks");
	assert_string_equal(e->tier, "T2");
	assert_int_equal(e->order_key.len, 32);
	assert_memory_equal(e->order_key.data, w.set.order_key, 32);
	assert_int_equal(e->n_collectors, 1);
	assert_int_equal(e->collectors[0]->port, 8443);
	assert_int_equal(x509_read(e->cert_der.data, e->cert_der.len, &id,
	    &why), 0);
	assert_int_equal(id.role, X509_AGENT);
	assert_string_equal(id.name, e->host_id);
	assert_int_equal(count("SELECT count(*) FROM certs WHERE serial = $1 "
	    "AND kind = 'agent'", id.serial), 1);
	assert_int_equal(count("SELECT count(*) FROM hosts WHERE host_id = $1 "
	    "AND name = 'desk-17' AND tier = 2 AND grp = 'desks'",
	    e->host_id), 1);
	assert_int_equal(count("SELECT uses_left FROM tokens WHERE $1 = ''",
	    ""), 0);
	assert_true(audited("host.enrolled"));
	/* The certificate opens the door. */
	assert_int_equal(x509_save(path("host.pem"), e->cert_der.data,
	    e->cert_der.len, &why), 0);
	hang_up(&c);
	come_live(&c, "host", e->host_id);
	hang_up(&c);
	cordon__enrolled__free_unpacked(e, NULL);
}

static const struct {
	const char *hostname, *name;
} hostnames[] = {
	{"desk", "desk"},
	{"desk", "desk-2"},
	{"desk", "desk-3"},
	{"desk-2", "desk-2-2"},
	{"", "host"},
	{"-option", "host-2"},
	{"a/b", "host-3"},
	{"abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghijk",
	    "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghijk"},
	{"abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghijk",
	    "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcde-2"},
};

static void
test_enrol_names(void **state)
{
	Cordon__Enrolled *e;
	struct client c;
	size_t i;

	(void)state;
	add_token("good", "agent", 100, 60000);
	start();
	for (i = 0; i < sizeof(hostnames) / sizeof(hostnames[0]); i++) {
		call(&c, NULL);
		send_enrol(&c, "good", hostnames[i].hostname);
		UNTIL(c.conn == NULL);
		assert_int_equal(c.kind, FRAME_ENROLLED);
		e = cordon__enrolled__unpack(NULL, c.len, c.data);
		assert_string_equal(e->name, hostnames[i].name);
		cordon__enrolled__free_unpacked(e, NULL);
		hang_up(&c);
	}
}

#define LONG_300                                                         \
	"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"  \
	"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"  \
	"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"  \
	"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"  \
	"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"

static const struct {
	const char *token, *hostname, *code;
	bool audit;
} refusals[] = {
	{"nobody-made-it", "desk", "token-unknown", false},
	{"expired", "desk", "token-expired", true},
	{"used", "desk", "token-used", true},
	{"operators", "desk", "token-unknown", false},
	{"", "desk", "protocol", false},
	{LONG_300, "desk", "protocol", false},
	{"good", LONG_300, "protocol", false},
	{"good", "de\nsk", "protocol", false},
	{"go\x01od", "desk", "protocol", false},
	{"good\xff", "desk", "protocol", false},
};

static void
test_enrol_refused(void **state)
{
	struct client c;
	size_t i;

	(void)state;
	add_token("good", "agent", 1, 60000);
	add_token("expired", "agent", 5, -1);
	add_token("used", "agent", 0, 60000);
	add_token("operators", "operator", 1, 60000);
	start();
	for (i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
		flow.audits = 0;
		call(&c, NULL);
		send_enrol(&c, refusals[i].token, refusals[i].hostname);
		UNTIL(c.conn == NULL);
		if (strcmp(c.code, refusals[i].code) != 0)
			fail_msg("row %zu: %s: %s", i, c.code, c.text);
		assert_int_equal(audited("enrol.refused"), refusals[i].audit);
		hang_up(&c);
	}
	assert_int_equal(count("SELECT count(*) FROM hosts WHERE $1 = ''",
	    ""), 0);
	/* Nothing of it used a token. */
	call(&c, NULL);
	send_enrol(&c, "good", "desk");
	UNTIL(c.conn == NULL);
	assert_int_equal(c.kind, FRAME_ENROLLED);
	hang_up(&c);
}

static void
test_enrol_bad_request(void **state)
{
	Cordon__Enrol e = CORDON__ENROL__INIT;
	struct client c;

	(void)state;
	add_token("good", "agent", 1, 60000);
	start();
	e.token = (char *)(uintptr_t)"good";
	e.csr_der.data = (uint8_t *)(uintptr_t)"rubbish";
	e.csr_der.len = 7;
	call(&c, NULL);
	send_message(&c, FRAME_ENROL, &e);
	UNTIL(c.conn == NULL);
	assert_string_equal(c.code, "request");
	hang_up(&c);
	/* Refused before the token was used. */
	call(&c, NULL);
	send_enrol(&c, "good", "desk");
	UNTIL(c.conn == NULL);
	assert_int_equal(c.kind, FRAME_ENROLLED);
	hang_up(&c);
}

/* -- coming in --------------------------------------------------------- */

static void
test_hello(void **state)
{
	struct client c;

	(void)state;
	add_host("a", HOST_A);
	start();
	come_live(&c, "a", HOST_A);
	assert_int_equal(flow_count(&flow.hellos), 1);
	hang_up(&c);
	UNTIL(flow_count(&flow.gone) == 1);
	assert_string_equal(flow.gone_host, HOST_A);
	assert_true(strlen(flow.gone_reason) > 0);
}

static void
shut_out(const char *sql)
{
	struct sql q = {sql, HOST_A, HOST_A, 1, 0};

	assert_int_equal(store_now(w.store, run_sql, &q), 0);
}

static const struct {
	const char *what, *sql, *code;
} shut[] = {
	{"certificate revoked", "UPDATE certs SET revoked_at = $3 WHERE "
	    "owner = $1 AND owner = $2", "revoked"},
	{"host revoked", "UPDATE hosts SET revoked = $3 WHERE host_id = $1 "
	    "AND host_id = $2", "revoked"},
	{"certificate of another host", "UPDATE certs SET owner = 'H-OTHER', "
	    "issued_at = $3 WHERE owner = $1 AND owner = $2",
	    "certificate-unknown"},
	{"certificate unknown", "DELETE FROM certs WHERE owner = $1 AND "
	    "owner = $2 AND $3 = 1", "certificate-unknown"},
	{"host unknown", "DELETE FROM hosts WHERE host_id = $1 AND "
	    "host_id = $2 AND $3 = 1", "certificate-unknown"},
};

static void
test_not_admitted(void **state)
{
	struct client c;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(shut) / sizeof(shut[0]); i++) {
		if (i > 0) {
			teardown(NULL);
			setup(NULL);
		}
		add_host("a", HOST_A);
		shut_out(shut[i].sql);
		start();
		call(&c, "a");
		say_hello(&c, HOST_A);
		UNTIL(c.conn == NULL);
		if (strcmp(c.code, shut[i].code) != 0)
			fail_msg("%s: %s: %s", shut[i].what, c.code, c.text);
		assert_int_equal(flow_count(&flow.hellos), 0);
		hang_up(&c);
	}
	pause_ms(50);
	assert_int_equal(flow_count(&flow.gone), 0);
}

static void
hello_of_other(struct client *c)
{
	say_hello(c, HOST_B);
}

static void
hello_of_future(struct client *c)
{
	Cordon__Hello h = CORDON__HELLO__INIT;

	h.version = 2;
	h.host_id = (char *)(uintptr_t)HOST_A;
	send_message(c, FRAME_HELLO, &h);
}

static void
hello_with_controls(struct client *c)
{
	Cordon__Hello h = CORDON__HELLO__INIT;

	h.version = 1;
	h.host_id = (char *)(uintptr_t)HOST_A;
	h.kernel = (char *)(uintptr_t)"6.1\x1b[31m";
	send_message(c, FRAME_HELLO, &h);
}

static void
garbage_hello(struct client *c)
{
	assert_int_equal(conn_send(c->conn, FRAME_HELLO, "\xff\xff", 2), 0);
}

static void
beat_first(struct client *c)
{
	Cordon__Heartbeat h = CORDON__HEARTBEAT__INIT;

	send_message(c, FRAME_HEARTBEAT, &h);
}

static void
enrol_with_certificate(struct client *c)
{
	send_enrol(c, "good", "desk");
}

static void
collectors_kind(struct client *c)
{
	assert_int_equal(conn_send(c->conn, FRAME_ORDER, "x", 1), 0);
}

static const struct {
	const char *what;
	const char *file; /* certificate */
	void (*act)(struct client *c);
} offences[] = {
	{"hello of another host", "a", hello_of_other},
	{"hello of another version", "a", hello_of_future},
	{"hello with control characters", "a", hello_with_controls},
	{"garbage hello", "a", garbage_hello},
	{"heartbeat before hello", "a", beat_first},
	{"enrolment with a certificate", "a", enrol_with_certificate},
	{"an order from an agent", "a", collectors_kind},
	{"hello without a certificate", NULL, hello_of_other},
	{"heartbeat without a certificate", NULL, beat_first},
	{"an order from a stranger", NULL, collectors_kind},
};

static void
test_offences(void **state)
{
	struct client c;
	size_t i;

	(void)state;
	add_host("a", HOST_A);
	add_host("b", HOST_B);
	add_token("good", "agent", 1, 60000);
	start();
	for (i = 0; i < sizeof(offences) / sizeof(offences[0]); i++) {
		call(&c, offences[i].file);
		offences[i].act(&c);
		UNTIL(c.conn == NULL);
		if (strcmp(c.code, "protocol") != 0)
			fail_msg("%s: '%s' %s", offences[i].what, c.code,
			    c.end);
		hang_up(&c);
	}
	assert_int_equal(flow_count(&flow.hellos), 0);
	assert_int_equal(flow_count(&flow.frames), 0);
}

static void
test_second_hello(void **state)
{
	struct client c;

	(void)state;
	add_host("a", HOST_A);
	start();
	come_live(&c, "a", HOST_A);
	say_hello(&c, HOST_A);
	UNTIL(c.conn == NULL);
	assert_string_equal(c.code, "protocol");
	hang_up(&c);
	UNTIL(flow_count(&flow.gone) == 1);
}

/* Every kind in every state, against what the protocol says. */
static void
test_states(void **state)
{
	static const uint16_t live[] = {FRAME_HEARTBEAT, FRAME_SIGNALS,
	    FRAME_ORDER_ANSWER, FRAME_PROOF, FRAME_CHECK_RESULT,
	    FRAME_MANIFEST, FRAME_SNAPSHOT, FRAME_WITNESS,
	    FRAME_CERT_REQUEST, FRAME_READINESS, FRAME_PREVIEW};
	unsigned int bit;
	uint16_t kind;
	bool want;
	size_t i;

	(void)state;
	for (bit = 1; bit <= SESSION_CLOSING; bit <<= 1)
		for (kind = 0; kind < FRAME_KIND_MAX + 5; kind++) {
			want = (bit == SESSION_STRANGER &&
			    kind == FRAME_ENROL) ||
			    (bit == SESSION_HELLO_WAIT &&
			    kind == FRAME_HELLO) ||
			    (bit == SESSION_RENEWING &&
			    kind == FRAME_CERT_REQUEST);
			for (i = 0; i < sizeof(live) / sizeof(live[0]); i++)
				want |= bit == SESSION_LIVE &&
				    kind == live[i];
			if ((session_check((enum session_state)bit, kind) ==
			    NULL) != want)
				fail_msg("state %u kind %u", bit, kind);
		}
}

static void
test_operator_is_no_agent(void **state)
{
	struct client c;

	(void)state;
	issue("op", X509_OPERATOR, "zhang", NULL, NULL);
	start();
	call(&c, "op");
	UNTIL(c.conn == NULL);
	assert_int_equal(c.frames, 0);
	hang_up(&c);
}

/* -- live -------------------------------------------------------------- */

static void
test_newer_wins(void **state)
{
	struct client old, newer;

	(void)state;
	add_host("a", HOST_A);
	start();
	come_live(&old, "a", HOST_A);
	come_live(&newer, "a", HOST_A);
	UNTIL(old.conn == NULL);
	assert_string_equal(old.code, "ended");
	assert_non_null(strstr(old.text, "newer"));
	pause_ms(100);
	/* The host is not gone: its newer connection is here. */
	assert_int_equal(flow_count(&flow.gone), 0);
	assert_non_null(newer.conn);
	hang_up(&old);
	hang_up(&newer);
	UNTIL(flow_count(&flow.gone) == 1);
}

struct to_send {
	const char *host_id;
	uint16_t kind;
	const char *text;
	int rc;
};

static int
send_job(struct db *db, void *arg)
{
	struct to_send *t = arg;
	int rc;

	rc = db_send(db, t->host_id, t->kind, t->text, strlen(t->text));
	return rc != 0 ? rc : t->rc;
}

static void
test_sink(void **state)
{
	struct to_send t = {HOST_A, FRAME_ORDER, "signed order", 0};
	struct client a, b;

	(void)state;
	add_host("a", HOST_A);
	add_host("b", HOST_B);
	start();
	come_live(&a, "a", HOST_A);
	come_live(&b, "b", HOST_B);
	assert_int_equal(store_now(w.store, send_job, &t), 0);
	UNTIL(a.kind == FRAME_ORDER);
	assert_int_equal(a.len, 12);
	assert_memory_equal(a.data, "signed order", 12);
	/* A job that is rolled back sends nothing. */
	t.rc = ERR_BADSTATE;
	assert_int_equal(store_now(w.store, send_job, &t), ERR_BADSTATE);
	/* A host that is not here, and one that is nobody's. */
	t = (struct to_send){"H-NOWHERE", FRAME_ORDER, "x", 0};
	assert_int_equal(store_now(w.store, send_job, &t), 0);
	/* Revoked: ended at once, with the reason. */
	t = (struct to_send){HOST_A, 0, "revoked by zhang", 0};
	assert_int_equal(store_now(w.store, send_job, &t), 0);
	UNTIL(a.conn == NULL);
	assert_int_equal(a.frames, 3);
	assert_string_equal(a.text, "revoked by zhang");
	assert_int_equal(b.frames, 1);
	assert_non_null(b.conn);
	hang_up(&a);
	hang_up(&b);
}

/* More than may be under way: the connection is read again and again, and
 * all arrive in their order. */
static void
test_many_frames(void **state)
{
	static uint8_t payload[60000];
	struct client c;
	int i;

	(void)state;
	add_host("a", HOST_A);
	start();
	come_live(&c, "a", HOST_A);
	for (i = 0; i < 2000; i++) {
		payload[0] = (uint8_t)i;
		while (conn_send(c.conn, FRAME_SNAPSHOT, payload,
		    i % 10 == 0 ? sizeof(payload) : 100) == ERR_LIMIT)
			pause_ms(1);
	}
	UNTIL(flow_count(&flow.frames) == 2000);
	for (i = 0; i < 2000; i++)
		assert_int_equal(flow.order[i], (uint8_t)i);
	assert_non_null(c.conn);
	hang_up(&c);
	UNTIL(flow_count(&flow.gone) == 1);
}

static void
test_frame_refused(void **state)
{
	struct client c;

	(void)state;
	add_host("a", HOST_A);
	start();
	come_live(&c, "a", HOST_A);
	assert_int_equal(conn_send(c.conn, FRAME_WITNESS, "x", 1), 0);
	UNTIL(c.conn == NULL);
	assert_string_equal(c.code, "protocol");
	assert_non_null(strstr(c.text, "does not like"));
	hang_up(&c);
}

static void
test_renewal(void **state)
{
	Cordon__CertRequest q = CORDON__CERT_REQUEST__INIT;
	Cordon__CertIssued *m;
	struct client c;
	struct x509_id id;
	struct buf csr;
	int i;

	(void)state;
	add_host("a", HOST_A);
	start();
	come_live(&c, "a", HOST_A);
	buf_init(&csr, X509_DER_MAX);
	assert_int_equal(x509_key_make(path("new.key"), &why), 0);
	assert_int_equal(x509_csr_make(path("new.key"), "anything", &csr,
	    &why), 0);
	q.csr_der.data = csr.data;
	q.csr_der.len = csr.len;
	for (i = 0; i <= FLOW_RENEWALS_HOUR + 1; i++) {
		c.kind = 0;
		send_message(&c, FRAME_CERT_REQUEST, &q);
		UNTIL(c.kind == FRAME_CERT_ISSUED);
		m = cordon__cert_issued__unpack(NULL, c.len, c.data);
		assert_non_null(m);
		if (i <= FLOW_RENEWALS_HOUR) {
			assert_string_equal(m->why, "");
			assert_int_equal(x509_read(m->cert_der.data,
			    m->cert_der.len, &id, &why), 0);
			/* The name is the certificate's, not the request's. */
			assert_string_equal(id.name, HOST_A);
			assert_int_equal(count("SELECT count(*) FROM hosts "
			    "WHERE cert_serial = $1", id.serial), 1);
		} else {
			assert_int_equal(m->cert_der.len, 0);
			assert_non_null(strstr(m->why, "too many"));
		}
		cordon__cert_issued__free_unpacked(m, NULL);
	}
	csr.data[20] ^= 1;
	send_message(&c, FRAME_CERT_REQUEST, &q);
	buf_done(&csr);
	pause_ms(50);
	assert_true(audited("cert.renewed"));
	hang_up(&c);
}

/* -- certificates out of their dates ------------------------------------ */

#define HOUR 3600000LL

/* As add_host, but the certificate ended AGO_MS ago. */
static void
add_stale(const char *file, const char *host_id, int64_t ago_ms)
{
	struct clock_fake then = {clock_wall_ms() - ago_ms - HOUR, 0};

	clock_use_fake(&then);
	add_host(file, host_id);
	clock_use_fake(NULL);
}

static bool
has_frame(struct client *c, uint16_t kind)
{
	return c->kind == kind;
}

static void
ask_certificate(struct client *c)
{
	Cordon__CertRequest q = CORDON__CERT_REQUEST__INIT;
	struct buf csr;

	buf_init(&csr, X509_DER_MAX);
	assert_int_equal(x509_key_make(path("new.key"), &why), 0);
	assert_int_equal(x509_csr_make(path("new.key"), "x", &csr, &why), 0);
	q.csr_der.data = csr.data;
	q.csr_der.len = csr.len;
	send_message(c, FRAME_CERT_REQUEST, &q);
	buf_done(&csr);
}

static void
test_stale(void **state)
{
	Cordon__CertIssued *m;
	struct client c;

	(void)state;
	tls_server_take_stale(w.tls);
	add_stale("a", HOST_A, 5 * HOUR);
	start();
	call(&c, "a");
	say_hello(&c, HOST_A);
	UNTIL(c.frames > 0 || c.conn == NULL);
	assert_int_equal(c.kind, FRAME_RENEW_FIRST);
	assert_int_equal(flow_count(&flow.hellos), 0);
	/* What others want of the host does not reach it... */
	listener_sink(w.listener, HOST_A, FRAME_CHECK_RUN, "x", 1);
	listener_sink(w.listener, HOST_A, FRAME_CONFIRM, "x", 1);
	/* ...but an order does. */
	listener_sink(w.listener, HOST_A, FRAME_ORDER, "x", 1);
	UNTIL(c.frames == 2);
	assert_true(has_frame(&c, FRAME_ORDER));
	ask_certificate(&c);
	UNTIL(c.frames == 3 || c.conn == NULL);
	assert_true(has_frame(&c, FRAME_CERT_ISSUED));
	m = cordon__cert_issued__unpack(NULL, c.len, c.data);
	assert_non_null(m);
	assert_string_equal(m->why, "");
	assert_int_equal(x509_save(path("new.pem"), m->cert_der.data,
	    m->cert_der.len, &why), 0);
	cordon__cert_issued__free_unpacked(m, NULL);
	assert_true(audited("cert.renewed"));
	hang_up(&c);
	come_live(&c, "new", HOST_A);
	hang_up(&c);
	UNTIL(flow_count(&flow.gone) == 1);
}

/* Nothing but a request: each other frame of an agent ends it. */
static void
test_stale_may_not(void **state)
{
	static const uint16_t kinds[] = {FRAME_HELLO, FRAME_HEARTBEAT,
	    FRAME_SIGNALS, FRAME_ORDER_ANSWER, FRAME_PROOF,
	    FRAME_CHECK_RESULT, FRAME_MANIFEST, FRAME_SNAPSHOT,
	    FRAME_WITNESS, FRAME_ENROL};
	struct client c;
	size_t i;

	(void)state;
	tls_server_take_stale(w.tls);
	add_stale("a", HOST_A, HOUR);
	start();
	for (i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		call(&c, "a");
		say_hello(&c, HOST_A);
		UNTIL(c.frames > 0 || c.conn == NULL);
		assert_int_equal(c.kind, FRAME_RENEW_FIRST);
		assert_int_equal(conn_send(c.conn, kinds[i], "", 0), 0);
		UNTIL(c.conn == NULL);
		if (strcmp(c.code, "protocol") != 0)
			fail_msg("kind %u: %s", kinds[i], c.code);
		hang_up(&c);
	}
	assert_int_equal(flow_count(&flow.frames), 0);
	assert_int_equal(flow_count(&flow.gone), 0);
}

static void
test_stale_refused(void **state)
{
	static const struct {
		const char *what, *sql, *code;
	} tries[] = {
		{"ended too long ago", "", "certificate-expired"},
		{"certificate revoked", "UPDATE certs SET revoked_at = 1 "
		    "WHERE owner = $1 OR owner = $2 OR $3 = 0", "revoked"},
		{"host revoked", "UPDATE hosts SET revoked = 1 WHERE "
		    "host_id = $1 OR host_id = $2 OR $3 = 0", "revoked"},
		{"certificate unknown", "DELETE FROM certs WHERE owner = $1 "
		    "OR owner = $2 OR $3 = 0", "certificate-unknown"},
	};
	struct client c;
	struct sql q;
	size_t i;

	(void)state;
	tls_server_take_stale(w.tls);
	for (i = 0; i < sizeof(tries) / sizeof(tries[0]); i++) {
		char file[8], id[ID_MAX];

		snprintf(file, sizeof(file), "s%zu", i);
		snprintf(id, sizeof(id), "H-00000000000000A%zu", i);
		add_stale(file, id, i == 0 ? 11 * HOUR : HOUR);
		q = (struct sql){tries[i].sql, id, id, 1, 0};
		if (i > 0)
			assert_int_equal(store_now(w.store, run_sql, &q), 0);
	}
	start();
	for (i = 0; i < sizeof(tries) / sizeof(tries[0]); i++) {
		char file[8], id[ID_MAX];

		snprintf(file, sizeof(file), "s%zu", i);
		snprintf(id, sizeof(id), "H-00000000000000A%zu", i);
		call(&c, file);
		say_hello(&c, id);
		UNTIL(c.conn == NULL);
		if (strcmp(c.code, tries[i].code) != 0)
			fail_msg("%s: %s %s", tries[i].what, c.code, c.text);
		hang_up(&c);
	}
}

/* An old disk must not end the line of the host it was taken from. */
static void
test_stale_beside_good(void **state)
{
	struct client good, old;

	(void)state;
	tls_server_take_stale(w.tls);
	add_stale("a", HOST_A, HOUR);
	start();
	call(&old, "a");
	say_hello(&old, HOST_A);
	UNTIL(old.frames > 0 || old.conn == NULL);
	assert_int_equal(old.kind, FRAME_RENEW_FIRST);
	ask_certificate(&old);
	UNTIL(old.frames == 2);
	{
		Cordon__CertIssued *m = cordon__cert_issued__unpack(NULL,
		    old.len, old.data);

		assert_non_null(m);
		assert_int_equal(x509_save(path("new.pem"), m->cert_der.data,
		    m->cert_der.len, &why), 0);
		cordon__cert_issued__free_unpacked(m, NULL);
	}
	/* The good one takes the seat of the old one... */
	come_live(&good, "new", HOST_A);
	UNTIL(old.conn == NULL);
	hang_up(&old);
	/* ...and keeps it. */
	call(&old, "a");
	say_hello(&old, HOST_A);
	UNTIL(old.conn == NULL);
	assert_string_equal(old.code, "certificate-expired");
	pause_ms(50);
	assert_non_null(good.conn);
	hang_up(&old);
	hang_up(&good);
}

static void
test_stop(void **state)
{
	struct client a, b;

	(void)state;
	add_host("a", HOST_A);
	add_host("b", HOST_B);
	start();
	come_live(&a, "a", HOST_A);
	come_live(&b, "b", HOST_B);
	listener_stop(&w.listener);
	store_set_sink(w.store, NULL, NULL);
	/* Both were said good-bye to before it returned. */
	assert_int_equal(flow_count(&flow.gone), 2);
	UNTIL(a.conn == NULL && b.conn == NULL);
	hang_up(&a);
	hang_up(&b);
}

/* -- strangers --------------------------------------------------------- */

static int
knock(void)
{
	struct sockaddr_in in = {.sin_family = AF_INET,
	    .sin_port = htons(w.set.listen[0].port),
	    .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(connect(fd, (struct sockaddr *)&in, sizeof(in)), 0);
	return fd;
}

/* How many of N silent connections are closed within a moment. */
static int
closed_of(int n, int *fd)
{
	char byte;
	int i, closed = 0;

	for (i = 0; i < n; i++)
		fd[i] = knock();
	usleep(300000);
	for (i = 0; i < n; i++) {
		if (recv(fd[i], &byte, 1, MSG_DONTWAIT) == 0 || errno !=
		    EAGAIN)
			closed++;
		close(fd[i]);
	}
	return closed;
}

static void
test_rate(void **state)
{
	int fd[400], closed;

	(void)state;
	w.set.loops = 1;
	start();
	closed = closed_of(200, fd);
	/* One bucket, which fills a little meanwhile. */
	assert_true(closed >= 200 - RATE_BURST - RATE_SECOND);
	assert_true(closed <= 200 - RATE_BURST);
}

static void
test_connections_max(void **state)
{
	int fd[30];

	(void)state;
	w.set.loops = 1;
	w.set.connections_max = 10;
	start();
	assert_int_equal(closed_of(30, fd), 20);
}

/* Bytes that are no TLS: closed, and the others are served on. */
static void
test_rubbish(void **state)
{
	uint8_t rubbish[512];
	struct client c;
	int i, fd;

	(void)state;
	add_host("a", HOST_A);
	start();
	for (i = 0; i < 40; i++) {
		fd = knock();
		random_bytes(rubbish, sizeof(rubbish));
		(void)send(fd, rubbish, sizeof(rubbish), MSG_NOSIGNAL);
		close(fd);
	}
	come_live(&c, "a", HOST_A);
	hang_up(&c);
	UNTIL(flow_count(&flow.gone) == 1);
}

static void
test_rate_bucket(void **state)
{
	static struct rate r;
	struct addr a = {.ip = {10, 0, 0, 1}, .ip_len = 4};
	struct addr six = {.ip = {0x20, 1, 0xd, 0xb8}, .ip_len = 16};
	int i;

	(void)state;
	rate_init(&r);
	for (i = 0; i < RATE_BURST; i++)
		assert_true(rate_take(&r, &a, 1000));
	assert_false(rate_take(&r, &a, 1000));
	/* A good certificate gives it back. */
	rate_give_back(&r, &a, 1000);
	assert_true(rate_take(&r, &a, 1000));
	assert_false(rate_take(&r, &a, 1000));
	/* It fills by the clock, up to the burst. */
	for (i = 0; i < RATE_SECOND; i++)
		assert_true(rate_take(&r, &a, 2000));
	assert_false(rate_take(&r, &a, 2000));
	for (i = 0; i < RATE_BURST; i++)
		assert_true(rate_take(&r, &a, 1000000));
	assert_false(rate_take(&r, &a, 1000000));
	/* IPv6: one bucket a /64. */
	for (i = 0; i < RATE_BURST; i++) {
		six.ip[15] = (uint8_t)i;
		assert_true(rate_take(&r, &six, 1000));
	}
	assert_false(rate_take(&r, &six, 1000));
	six.ip[7] = 1;
	assert_true(rate_take(&r, &six, 1000));
}

static const struct {
	const char *what;
	int loops;
	size_t nlisten;
} settings[] = {{"no loop", 0, 1}, {"too many loops", 65, 1},
    {"no address", 1, 0}, {"too many addresses", 1, 17}};

static void
test_bad_settings(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(settings) / sizeof(settings[0]); i++) {
		w.set.loops = settings[i].loops;
		w.set.nlisten = settings[i].nlisten;
		assert_int_equal(listener_start(w.store, &w.set, &w.listener,
		    &why), ERR_CONFIG);
	}
	/* An address that is not ours. */
	w.set.loops = 2;
	w.set.nlisten = 1;
	memcpy(w.set.listen[0].ip, (uint8_t[]){192, 0, 2, 1}, 4);
	assert_int_equal(listener_start(w.store, &w.set, &w.listener, &why),
	    ERR_IO);
	assert_null(w.listener);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_states),
		cmocka_unit_test(test_rate_bucket),
		T(test_bad_settings),
		T(test_enrol),
		T(test_enrol_names),
		T(test_enrol_refused),
		T(test_enrol_bad_request),
		T(test_hello),
		T(test_not_admitted),
		T(test_offences),
		T(test_second_hello),
		T(test_operator_is_no_agent),
		T(test_newer_wins),
		T(test_sink),
		T(test_many_frames),
		T(test_frame_refused),
		T(test_renewal),
		T(test_stale),
		T(test_stale_may_not),
		T(test_stale_refused),
		T(test_stale_beside_good),
		T(test_stop),
		T(test_rate),
		T(test_connections_max),
		T(test_rubbish),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
