/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Enrolment at the listener. */
#include "tests/unit/server/listener/listener_world.h"

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

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_enrol),
		T(test_enrol_names),
		T(test_enrol_refused),
		T(test_enrol_bad_request),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
