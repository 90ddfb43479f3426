/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Renewal of the host's certificate. */
#include "tests/unit/agent/network/network_world.h"

static void
answer_request(struct x509_ca *ca, const char *name, bool own_key)
{
	Cordon__CertIssued m = CORDON__CERT_ISSUED__INIT;
	Cordon__CertRequest *q;
	const struct seen *s;
	struct x509_id id;
	struct buf der;

	UNTIL((s = nth(&w.frames, FRAME_CERT_REQUEST, 0)) != NULL);
	q = cordon__cert_request__unpack(NULL, s->len, s->data);
	assert_non_null(q);
	buf_init(&der, X509_DER_MAX);
	if (own_key)
		assert_int_equal(x509_issue(ca, q->csr_der.data,
		    q->csr_der.len, X509_AGENT, name, 3600, &der, &id, &why),
		    0);
	else
		issue(ca, path(w.dir, "stranger.key"), X509_AGENT, name,
		    &der);
	cordon__cert_request__free_unpacked(q, NULL);
	m.cert_der.data = der.data;
	m.cert_der.len = der.len;
	send_frame(FRAME_CERT_ISSUED, &m);
	buf_done(&der);
}

static void
own_serial(char out[42])
{
	struct x509_id id;

	assert_int_equal(x509_read_file(path(w.state, CREDENTIAL_FILE), &id,
	    &why), 0);
	strcpy(out, id.serial);
}

static void
test_renewal(void **state)
{
	char before[42], after[42];

	(void)state;
	w.renew = true;
	own_serial(before);
	start();
	UNTIL(w.hellos == 1);
	assert_string_equal(w.serial, before);
	w.renew = false;
	answer_request(w.ca, HOST_ID, true);
	UNTIL(w.hellos == 2);
	own_serial(after);
	assert_string_not_equal(before, after);
	assert_string_equal(w.serial, after);
	assert_false(file_exists(path(w.state, CREDENTIAL_NEXT)));
}

static bool
signal_came(const char *kind)
{
	Cordon__SignalBatch *b;
	const struct seen *s;
	bool found = false;
	int i;
	size_t k;

	for (i = 0; (s = nth(&w.frames, FRAME_SIGNALS, i)) != NULL; i++) {
		b = cordon__signal_batch__unpack(NULL, s->len, s->data);
		assert_non_null(b);
		for (k = 0; k < b->n_signals; k++)
			found |= strcmp(b->signals[k]->kind, kind) == 0;
		cordon__signal_batch__free_unpacked(b, NULL);
	}
	return found;
}

/* Ours is too old for the collector: nothing is said but the request. */
static void
test_renew_first(void **state)
{
	Cordon__RenewFirst m = CORDON__RENEW_FIRST__INIT;
	char before[42], after[42];

	(void)state;
	w.welcome = false;
	own_serial(before);
	start();
	UNTIL(w.hellos == 1);
	m.server_time_ms = clock_wall_ms();
	send_frame(FRAME_RENEW_FIRST, &m);
	answer_request(w.ca, HOST_ID, true);
	w.welcome = true;
	UNTIL(w.hellos == 2);
	assert_null(nth(&w.frames, FRAME_HEARTBEAT, 0));
	assert_null(nth(&w.frames, FRAME_SIGNALS, 0));
	own_serial(after);
	assert_string_not_equal(before, after);
	assert_string_equal(w.serial, after);
	UNTIL(signal_came("agent.certificate"));
}

/* By the collector's time, not by a clock that is a year ahead. */
static void
test_renewal_by_their_time(void **state)
{
	struct clock_fake ahead = {clock_wall_ms(), clock_boot_ms()};
	struct renew r;

	(void)state;
	assert_int_equal(renew_init(&r, w.state, HOST_ID, &why), 0);
	assert_false(renew_due(&r, ahead.wall_ms));
	assert_true(renew_due(&r, ahead.wall_ms + 50 * 60000));
	ahead.wall_ms += 365 * 86400000LL;
	clock_use_fake(&ahead);
	assert_false(renew_due(&r, ahead.wall_ms - 365 * 86400000LL));
	clock_use_fake(NULL);
}

static const struct {
	const char *what, *name;
	bool own_key, other_ca;
} fakes[] = {
	{"another host's name", "H-FEDCBA9876543210", true, false},
	{"another key", HOST_ID, false, false},
	{"another CA", HOST_ID, true, true},
};

static void
test_renewal_refused(void **state)
{
	char before[42], after[42];
	size_t i;

	(void)state;
	own_serial(before);
	for (i = 0; i < sizeof(fakes) / sizeof(fakes[0]); i++) {
		w.renew = true;
		w.hellos = 0;
		forget(&w.frames);
		start();
		UNTIL(w.hellos == 1);
		w.renew = false;
		answer_request(fakes[i].other_ca ? w.other_ca : w.ca,
		    fakes[i].name, fakes[i].own_key);
		UNTIL(w.hellos == 2);
		own_serial(after);
		if (strcmp(before, after) != 0)
			fail_msg("%s was installed", fakes[i].what);
		assert_string_equal(w.serial, before);
		network_free(&w.net);
		link_free(&w.parent);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_renewal),
		T(test_renew_first),
		T(test_renewal_by_their_time),
		T(test_renewal_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
