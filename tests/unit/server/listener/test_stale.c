/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Agents whose certificates are out of their dates. */
#include "tests/unit/server/listener/listener_world.h"

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

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_stale),
		T(test_stale_may_not),
		T(test_stale_refused),
		T(test_stale_beside_good),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
