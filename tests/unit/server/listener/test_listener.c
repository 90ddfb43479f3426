/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Agents that come in and stay: whom the listener lets in, and what for. */
#include "tests/unit/server/listener/listener_world.h"

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
	    FRAME_CERT_REQUEST, FRAME_READINESS, FRAME_PREVIEW,
	    FRAME_SIGNALS_AHEAD, FRAME_SWEEP, FRAME_TREE_ASK, FRAME_LIST_ASK};
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

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_states),
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
		T(test_stop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
