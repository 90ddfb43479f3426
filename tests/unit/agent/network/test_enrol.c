/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Enrolment against a scripted collector over TLS on loopback: what a good
 * answer leaves behind, and that a bad one leaves nothing.
 */
#include <arpa/inet.h>
#include <dirent.h>
#include <event2/event.h>
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

#include "agent/network/credential.h"
#include "agent/network/enrol.h"
#include "common/base/digest.h"
#include "common/base/file.h"
#include "common/base/log.h"
#include "common/net/conn.h"
#include "common/net/tls.h"
#include "common/net/x509.h"
#include "common/wire/frame.h"
#include "tests/unit/agent/network/loopback.h"

#define HOST_ID "H-0123456789ABCDEF"

/* What is wrong with the collector's answer. */
enum fault {
	GOOD,
	OTHER_KEY,
	OTHER_CA_SIGNED,
	OTHER_CA_SENT,
	OTHER_NAME,
	OPERATOR_CERT,
	SHORT_ORDER_KEY,
	NO_COLLECTORS,
	NO_HOST_ID,
	BAD_TIER,
	GARBAGE,
	WRONG_KIND,
	NO_ANSWER,
	REFUSED,
};

static struct {
	char dir[64], state[96];
	struct event_base *base;
	struct x509_ca *ca, *other;
	struct ssl_ctx_st *ctx;
	struct event *accept;
	int listening, calls;
	uint16_t port, dead_port;
	enum fault fault;
	struct enrol_ask ask;
	char token[ENROL_TOKEN_MAX];
} w;

static struct why why;

/* -- the collector ----------------------------------------------------- */

static void
make_cert(const Cordon__Enrol *e, struct buf *der)
{
	struct x509_ca *ca = w.fault == OTHER_CA_SIGNED ? w.other : w.ca;
	const void *csr = e->csr_der.data;
	size_t len = e->csr_der.len;
	struct x509_id id;
	struct buf own;

	buf_init(&own, X509_DER_MAX);
	if (w.fault == OTHER_KEY) {
		assert_int_equal(x509_key_make(path(w.dir, "theirs.key"),
		    &why), 0);
		assert_int_equal(x509_csr_make(path(w.dir, "theirs.key"), "x",
		    &own, &why), 0);
		csr = own.data;
		len = own.len;
	}
	assert_int_equal(x509_issue(ca, csr, len, w.fault == OPERATOR_CERT ?
	    X509_OPERATOR : X509_AGENT, w.fault == OTHER_NAME ?
	    "H-FEDCBA9876543210" : HOST_ID, 3600, der, &id, &why), 0);
	buf_done(&own);
}

static void
send_message(struct conn *c, uint16_t kind, const ProtobufCMessage *m)
{
	uint8_t b[16384];

	assert_true(protobuf_c_message_get_packed_size(m) <= sizeof(b));
	assert_int_equal(conn_send(c, kind, b,
	    protobuf_c_message_pack(m, b)), 0);
}

static void
send_enrolled(struct conn *c, const Cordon__Enrol *e)
{
	static uint8_t ip[4] = {10, 0, 0, 1}, key[32] = {1, 2, 3};
	Cordon__Enrolled m = CORDON__ENROLLED__INIT;
	Cordon__Endpoint ep = CORDON__ENDPOINT__INIT, *eps[1] = {&ep};
	struct buf der, ca;

	buf_init(&der, X509_DER_MAX);
	buf_init(&ca, X509_DER_MAX);
	make_cert(e, &der);
	assert_int_equal(x509_ca_der(w.fault == OTHER_CA_SENT ? w.other :
	    w.ca, &ca), 0);
	ep.address.data = ip;
	ep.address.len = 4;
	ep.prefix_len = 32;
	ep.protocol = 6;
	ep.port = 8443;
	ep.direction = CORDON__DIRECTION__DIRECTION_OUT;
	m.host_id = (char *)(uintptr_t)(w.fault == NO_HOST_ID ? "" : HOST_ID);
	m.name = (char *)(uintptr_t)"desk-17";
	m.group = (char *)(uintptr_t)"desks";
	m.tier = (char *)(uintptr_t)(w.fault == BAD_TIER ? "T9" : "T2");
	m.cert_der.data = der.data;
	m.cert_der.len = der.len;
	m.ca_der.data = ca.data;
	m.ca_der.len = ca.len;
	m.order_key.data = key;
	m.order_key.len = w.fault == SHORT_ORDER_KEY ? 31 : 32;
	m.collectors = eps;
	m.n_collectors = w.fault == NO_COLLECTORS ? 0 : 1;
	send_message(c, w.fault == WRONG_KIND ? FRAME_ORDER : FRAME_ENROLLED,
	    &m.base);
	buf_done(&der);
	buf_done(&ca);
}

static int
srv_up(void *arg, struct conn *c, const struct x509_id *peer,
    struct why *reason)
{
	(void)arg, (void)c, (void)reason;
	assert_int_equal(peer->role, 0);
	return 0;
}

static int
srv_frame(void *arg, struct conn *c, const struct frame *f,
    struct why *reason)
{
	Cordon__Refused r = CORDON__REFUSED__INIT;
	Cordon__Enrol *e;

	(void)arg, (void)reason;
	w.calls++;
	assert_int_equal(f->kind, FRAME_ENROL);
	e = cordon__enrol__unpack(NULL, f->len, f->payload);
	assert_non_null(e);
	assert_string_equal(e->token, w.token);
	assert_true(strlen(e->hostname) > 0);
	assert_string_equal(e->agent_version, CORDON_VERSION);
	switch (w.fault) {
	case REFUSED:
		r.code = (char *)(uintptr_t)"token-unknown";
		r.why = (char *)(uintptr_t)"no such \x1b token";
		send_message(c, FRAME_REFUSED, &r.base);
		conn_finish(c, "refused");
		break;
	case GARBAGE:
		assert_int_equal(conn_send(c, FRAME_ENROLLED, "\xff\xff", 2),
		    0);
		break;
	case NO_ANSWER:
		conn_finish(c, "no answer");
		break;
	default:
		send_enrolled(c, e);
		conn_finish(c, "enrolled");
	}
	cordon__enrol__free_unpacked(e, NULL);
	return 0;
}

static void
srv_end(void *arg, struct conn *c, const char *reason)
{
	(void)arg, (void)c, (void)reason;
}

static void
on_accept(evutil_socket_t fd, short what, void *arg)
{
	static const struct conn_ops ops = {srv_up, srv_frame, srv_end};
	const struct conn_limits lim = {5000, 5000, 65536};
	int c = accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

	(void)what, (void)arg;
	if (c != -1)
		(void)conn_accept(w.base, w.ctx, c, &lim, &ops, NULL);
}

static void
make_ca(void)
{
	const struct tls_files f = {path(w.dir, "srv.key"),
	    path(w.dir, "srv.pem"), path(w.dir, "ca.pem"), NULL};
	struct x509_id id;
	struct buf b, der;

	buf_init(&b, X509_DER_MAX);
	buf_init(&der, X509_DER_MAX);
	assert_int_equal(x509_ca_make(path(w.dir, "ca.key"), f.ca, "t", &why),
	    0);
	assert_int_equal(x509_ca_load(path(w.dir, "ca.key"), f.ca, &w.ca,
	    &why), 0);
	assert_int_equal(x509_ca_make(path(w.dir, "o.key"),
	    path(w.dir, "o.pem"), "o", &why), 0);
	assert_int_equal(x509_ca_load(path(w.dir, "o.key"),
	    path(w.dir, "o.pem"), &w.other, &why), 0);
	assert_int_equal(x509_key_make(f.key, &why), 0);
	assert_int_equal(x509_csr_make(f.key, "c", &b, &why), 0);
	assert_int_equal(x509_issue(w.ca, b.data, b.len, X509_SERVER, "c",
	    3600, &der, &id, &why), 0);
	assert_int_equal(x509_save(f.cert, der.data, der.len, &why), 0);
	assert_int_equal(tls_server_ctx(&f, false, &w.ctx, &why), 0);
	buf_clear(&b);
	assert_int_equal(x509_ca_der(w.ca, &b), 0);
	digest_of(b.data, b.len, w.ask.ca_sha256);
	buf_done(&b);
	buf_done(&der);
}

static void
address(size_t i, uint16_t port)
{
	w.ask.addr[i].ip_len = 4;
	memcpy(w.ask.addr[i].ip, (uint8_t[]){127, 0, 0, 1}, 4);
	w.ask.addr[i].port = port;
	w.ask.naddr = i + 1;
}

static int
setup(void **state)
{
	(void)state;
	signal(SIGPIPE, SIG_IGN);
	log_init("test", LOG_LEVEL_ERROR);
	memset(&w, 0, sizeof(w));
	strcpy(w.dir, "/tmp/cordon-enrol-XXXXXX");
	if (mkdtemp(w.dir) == NULL)
		return -1;
	snprintf(w.state, sizeof(w.state), "%s/state", w.dir);
	assert_int_equal(file_mkdir(w.state, 0700, &why), 0);
	w.base = event_base_new();
	make_ca();
	w.listening = bind_any(&w.port);
	close(bind_any(&w.dead_port));
	assert_int_equal(listen(w.listening, 8), 0);
	w.accept = event_new(w.base, w.listening, EV_READ | EV_PERSIST,
	    on_accept, NULL);
	event_add(w.accept, NULL);
	strcpy(w.token, "ABCD-EFGH");
	w.ask.token = w.token;
	w.ask.state_dir = w.state;
	address(0, w.port);
	return 0;
}

static int
teardown(void **state)
{
	const struct timeval tv = {0, 100000};
	char cmd[128];

	(void)state;
	/* The collector's connections end by themselves. */
	event_base_loopexit(w.base, &tv);
	event_base_dispatch(w.base);
	event_free(w.accept);
	close(w.listening);
	tls_ctx_free(&w.ctx);
	x509_ca_free(&w.ca);
	x509_ca_free(&w.other);
	event_base_free(w.base);
	snprintf(cmd, sizeof(cmd), "rm -rf %s", w.dir);
	return system(cmd);
}

static int
files_left(void)
{
	DIR *d = opendir(w.state);
	struct dirent *e;
	int n = 0;

	while ((e = readdir(d)) != NULL)
		n += e->d_name[0] != '.';
	closedir(d);
	return n;
}

static void
test_good(void **state)
{
	Cordon__Enrolled *e;
	struct ssl_ctx_st *ctx;
	struct buf out;

	(void)state;
	buf_init(&out, frame_max(FRAME_ENROLLED));
	/* What an earlier life left: learnt addresses and signals. */
	assert_int_equal(file_write(path(w.state, "collectors"), "x", 1, 0600,
	    &why), 0);
	assert_int_equal(file_mkdir(path(w.state, "spool"), 0700, &why), 0);
	assert_int_equal(file_write(path(w.state, "spool/state"), "x", 1,
	    0600, &why), 0);
	address(0, w.dead_port);
	address(1, w.port);
	if (enrol_run(w.base, &w.ask, &out, &why) != 0)
		fail_msg("%s", why.text);
	e = cordon__enrolled__unpack(NULL, out.len, out.data);
	assert_non_null(e);
	assert_string_equal(e->host_id, HOST_ID);
	/* First the address that worked, then the collector's list. */
	assert_int_equal(e->n_collectors, 2);
	assert_int_equal(e->collectors[0]->port, w.port);
	assert_int_equal(e->collectors[1]->port, 8443);
	assert_false(file_exists(path(w.state, CREDENTIAL_NEXT)));
	assert_false(file_exists(path(w.state, "collectors")));
	assert_false(file_exists(path(w.state, "spool/state")));
	const struct tls_files f = {path(w.state, CREDENTIAL_FILE),
	    path(w.state, CREDENTIAL_FILE), path(w.state, CREDENTIAL_CA),
	    NULL};
	assert_int_equal(tls_client_ctx(&f, &ctx, &why), 0);
	tls_ctx_free(&ctx);
	cordon__enrolled__free_unpacked(e, NULL);
	buf_done(&out);
	enrol_undo(w.state);
	assert_int_equal(files_left(), 1); /* the empty spool folder */
}

static const struct {
	enum fault fault;
	const char *what;
} faults[] = {
	{OTHER_KEY, "another key"},
	{OTHER_CA_SIGNED, "not signed by our CA"},
	{OTHER_CA_SENT, "--ca-sha256"},
	{OTHER_NAME, "not for"},
	{OPERATOR_CERT, "not for"},
	{SHORT_ORDER_KEY, "order key"},
	{NO_COLLECTORS, "collectors"},
	{NO_HOST_ID, "host id"},
	{BAD_TIER, "tier"},
	{GARBAGE, "cannot be read"},
	{WRONG_KIND, "no answer"},
	{NO_ANSWER, ""},
	{REFUSED, "token-unknown: no such \\x1b token"},
};

static void
test_faults(void **state)
{
	struct buf out;
	size_t i;

	(void)state;
	buf_init(&out, frame_max(FRAME_ENROLLED));
	for (i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
		w.fault = faults[i].fault;
		memset(&why, 0, sizeof(why));
		assert_int_not_equal(enrol_run(w.base, &w.ask, &out, &why),
		    0);
		if (strstr(why.text, faults[i].what) == NULL)
			fail_msg("%s: %s", faults[i].what, why.text);
		assert_int_equal(out.len, 0);
		assert_int_equal(files_left(), 0);
	}
	buf_done(&out);
}

/* A no is a no: the token is not carried to the next address. */
static void
test_refusal_is_final(void **state)
{
	struct buf out;

	(void)state;
	buf_init(&out, frame_max(FRAME_ENROLLED));
	address(1, w.port);
	w.fault = REFUSED;
	assert_int_equal(enrol_run(w.base, &w.ask, &out, &why), ERR_PERM);
	assert_int_equal(w.calls, 1);
	buf_done(&out);
}

static void
test_wrong_pin(void **state)
{
	struct buf out;

	(void)state;
	buf_init(&out, frame_max(FRAME_ENROLLED));
	w.ask.ca_sha256[0] ^= 1;
	assert_int_not_equal(enrol_run(w.base, &w.ask, &out, &why), 0);
	/* The token was never sent. */
	assert_int_equal(w.calls, 0);
	assert_int_equal(files_left(), 0);
	buf_done(&out);
}

static void
test_nobody_there(void **state)
{
	struct buf out;

	(void)state;
	buf_init(&out, frame_max(FRAME_ENROLLED));
	address(0, w.dead_port);
	assert_int_equal(enrol_run(w.base, &w.ask, &out, &why), ERR_CLOSED);
	assert_int_equal(files_left(), 0);
	w.ask.naddr = 0;
	assert_int_equal(enrol_run(w.base, &w.ask, &out, &why), ERR_CONFIG);
	buf_done(&out);
}

static void
test_resolve(void **state)
{
	size_t i;

	(void)state;
	w.ask.naddr = 0;
	assert_int_equal(enrol_resolve(&w.ask, "127.0.0.1:8443", &why), 0);
	assert_int_equal(w.ask.naddr, 1);
	assert_int_equal(w.ask.addr[0].port, 8443);
	assert_int_equal(enrol_resolve(&w.ask, "[::1]:1", &why), 0);
	assert_int_equal(w.ask.naddr, 2);
	assert_int_not_equal(enrol_resolve(&w.ask, "127.0.0.1", &why), 0);
	for (i = 2; i < ENROL_ADDRS_MAX; i++)
		assert_int_equal(enrol_resolve(&w.ask, "10.0.0.1:1", &why), 0);
	assert_int_equal(enrol_resolve(&w.ask, "10.0.0.1:1", &why),
	    ERR_LIMIT);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_good),
		T(test_faults),
		T(test_refusal_is_final),
		T(test_wrong_pin),
		T(test_nobody_there),
		T(test_resolve),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
