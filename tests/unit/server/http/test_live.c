/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Who gets what of the API, and what is said to the rest. */
#include "tests/unit/server/http/live_world.h"

static const struct {
	const char *who, *path, *body;
	long status;
	const char *code;
	const char *text; /* part of it */
} refusals[] = {
	{ NULL, "/v1/status", NULL, 401, "unauthorised", "certificate" },
	{ NULL, "/v1/nothing", NULL, 401, "unauthorised", "certificate" },
	{ NULL, "/v1/operator-enrol", "[]", 400, "bad-request", "object" },
	{ NULL, "/v1/operator-enrol", "{\"token\":\"x\",\"csr\":\"y\"}", 400,
	  "bad-request", "csr" },
	{ "H-fin-1", "/v1/status", NULL, 401, "unauthorised", "operator" },
	{ "li", "/v1/nothing", NULL, 404, "not-found", "no such path" },
	{ "li", "/v1/status", "{}", 405, "bad-request", "method" },
	{ "li", "/v1/hosts?x=1", NULL, 400, "bad-request", "\"x\"" },
	{ "li", "/v1/hosts?tier=T9", NULL, 400, "bad-request", "tier" },
	{ "li", "/v1/hosts/lab-1", NULL, 404, "not-found", "lab-1" },
	{ "li", "/v1/hosts/none", NULL, 404, "not-found", "none" },
	{ "li", "/v1/signals?host=lab-1", NULL, 404, "not-found", "lab-1" },
	{ "li", "/v1/audit", NULL, 403, "forbidden", "auditor" },
	{ "li", "/v1/report", NULL, 403, "forbidden", "all groups" },
	{ "li", "/v1/tokens", "{}", 403, "forbidden", "admin" },
	{ "wu", "/v1/plans", "{\"action\":\"isolate\",\"hosts\":[\"lab-1\"],"
	  "\"reason\":\"a long reason\"}", 403, "forbidden", "responder" },
	{ "au", "/v1/stop", "{\"on\":true,\"reason\":\"a long reason\"}", 403,
	  "forbidden", "commander" },
	{ "li", "/v1/plans", "{\"action\":\"isolate\",\"hosts\":[\"lab-1\"],"
	  "\"reason\":\"a long reason\"}", 404, "no-host", "lab-1" },
	{ "li", "/v1/plans", "{\"action\":\"isolate\",\"hosts\":[\"fin-1\"],"
	  "\"reason\":\"a long reason\",\"force\":true}", 400, "bad-request",
	  "\"force\"" },
	{ "li", "/v1/plans", "{\"action\":\"explode\",\"hosts\":[\"fin-1\"],"
	  "\"reason\":\"a long reason\"}", 400, "bad-request", "action" },
	{ "li", "/v1/plans", "{\"action\":\"isolate\",\"hosts\":[\"fin-1\"],"
	  "\"reason\":\"short\"}", 400, "reason-short", "" },
	{ "li", "/v1/plans", "{\"action\":", 400, "bad-request", "JSON" },
	{ "root", "/v1/plans", "{\"action\":\"isolate\",\"hosts\":[\"fin-1\"]"
	  ",\"reason\":\"a long reason\"}", 403, "forbidden", "responder" },
	{ "root", "/v1/signals", NULL, 403, "forbidden", "viewer" },
	{ "root", "/v1/tokens", "{\"kind\":\"agent\",\"group\":\"g\","
	  "\"tier\":\"T7\",\"ttl_seconds\":3600,\"uses\":1}", 400,
	  "bad-request", "T0" },
	{ "li", "/v1/sweeps", "{}", 400, "bad-request", "what to look" },
	{ "li", "/v1/sweeps", "{\"user\":\"x\",\"path\":\"/x\"}", 400,
	  "bad-request", "one thing" },
	{ "li", "/v1/sweeps", "{\"address\":\"host.example\"}", 400,
	  "bad-request", "10.1.2.3" },
	{ "li", "/v1/sweeps", "{\"user\":\"a\\u001b[2J\"}", 400,
	  "bad-request", "user" },
	{ "li", "/v1/sweeps", "{\"user\":\"x\"}", 400, "reason-short", "" },
	{ "li", "/v1/sweeps", "{\"user\":\"x\",\"group\":\"none\","
	  "\"reason\":\"a long reason\"}", 400, "bad-request", "no host" },
	{ "li", "/v1/sweeps", "{\"user\":\"x\",\"hosts\":[\"lab-1\"],"
	  "\"reason\":\"a long reason\"}", 400, "bad-request", "hosts" },
	{ "li", "/v1/sweeps", "{\"user\":\"x\",\"case\":\"C-NONE\"}", 404,
	  "not-found", "case" },
	{ "li", "/v1/sweeps/S-NONE", NULL, 404, "not-found", "sweep" },
	{ "au", "/v1/sweeps", "{\"user\":\"x\",\"reason\":"
	  "\"a long reason\"}", 403, "forbidden", "analyst" },
	{ "root", "/v1/sweeps", NULL, 403, "forbidden", "viewer" },
	{ "root", "/v1/operators/root/disable", "{\"reason\":"
	  "\"a long reason\"}", 409, "state", "last admin" },
};

static void
test_refusals(void **state)
{
	json_t *a = NULL;
	long status;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
		status = ask(refusals[i].who, refusals[i].path,
		    refusals[i].body, &a);
		if (status != refusals[i].status ||
		    strcmp(code_of(a), refusals[i].code) != 0 ||
		    strstr(text_of(json_object_get(a, "error"), "text"),
		    refusals[i].text) == NULL || text_of(json_object_get(a,
		    "error"), "next")[0] == '\0')
			fail_msg("%zu %s: %ld %s", i, refusals[i].path,
			    status, json_dumps(a, 0));
		json_decref(a);
	}
	/* nothing came of it, and each refused change is in the log */
	assert_int_equal(count("SELECT count(*) FROM plans"), 0);
	assert_int_equal(count("SELECT count(*) FROM cases"), 0);
	assert_true(count("SELECT count(*) FROM audit WHERE line LIKE "
	    "'%\"who\":\"wu\",\"what\":\"plan.refuse\"%'") == 1);
	assert_true(count("SELECT count(*) FROM audit WHERE line LIKE "
	    "'%\"who\":\"li\",\"what\":\"plan.refuse\"%reason-short%'") == 1);
	assert_true(count("SELECT count(*) FROM audit WHERE line LIKE "
	    "'%\"who\":\"au\",\"what\":\"api.refuse\"%'") == 2);
}

/* Each group sees its own. */
static void
test_scope(void **state)
{
	json_t *a = NULL;

	(void)state;
	assert_int_equal(ask("li", "/v1/hosts", NULL, &a), 200);
	assert_int_equal(json_array_size(json_object_get(a, "hosts")), 2);
	json_decref(a);
	assert_int_equal(ask("wu", "/v1/hosts", NULL, &a), 200);
	assert_int_equal(json_array_size(json_object_get(a, "hosts")), 1);
	assert_string_equal(text_of(json_array_get(json_object_get(a,
	    "hosts"), 0), "name"), "lab-1");
	json_decref(a);
	assert_int_equal(ask("au", "/v1/hosts?group=lab", NULL, &a), 200);
	assert_int_equal(json_array_size(json_object_get(a, "hosts")), 1);
	json_decref(a);
	assert_int_equal(ask("wu", "/v1/status", NULL, &a), 200);
	assert_int_equal(json_integer_value(json_object_get(a, "hosts")), 1);
	json_decref(a);
	assert_int_equal(ask("li", "/v1/whoami", NULL, &a), 200);
	assert_string_equal(text_of(a, "name"), "li");
	json_decref(a);
}

/* A sweep asks the hosts of one's own groups; its answers by group too. */
static void
test_sweep(void **state)
{
	char path[80];
	json_t *a = NULL;

	(void)state;
	assert_int_equal(ask("li", "/v1/sweeps", "{\"path\":\"/tmp/*\","
	    "\"tier\":\"T2\",\"reason\":\"a long reason\"}", &a), 200);
	assert_true(json_integer_value(json_object_get(a, "hosts_asked")) >=
	    1);
	snprintf(path, sizeof(path), "/v1/sweeps/%s", text_of(a, "sweep"));
	json_decref(a);
	assert_int_equal(ask("au", path, NULL, &a), 200);
	assert_string_equal(text_of(a, "what"), "/tmp/*");
	assert_string_equal(text_of(a, "selector"), "tier T2");
	assert_string_equal(text_of(a, "asked_by"), "li");
	/* These agents never said that they know the question. */
	assert_string_equal(text_of(json_array_get(json_object_get(a,
	    "hosts"), 0), "state"), "too-old");
	assert_true(json_is_false(json_object_get(a, "complete")));
	json_decref(a);
	assert_int_equal(ask("wu", path, NULL, &a), 404);
	json_decref(a);
	assert_int_equal(ask("wu", "/v1/sweeps", NULL, &a), 200);
	assert_int_equal(json_array_size(json_object_get(a, "sweeps")), 0);
	json_decref(a);
	assert_int_equal(ask("li", "/v1/sweeps", NULL, &a), 200);
	assert_int_equal(json_array_size(json_object_get(a, "sweeps")), 1);
	json_decref(a);
}

/* Plan, see, apply; the other group does not even see the plan. */
static void
test_isolate(void **state)
{
	json_t *plan = NULL, *a = NULL;
	char path[128], body[256];

	(void)state;
	assert_int_equal(ask("li", "/v1/plans", "{\"action\":\"isolate\","
	    "\"hosts\":[\"fin-1\"],\"reason\":\"beacon after macro\"}",
	    &plan), 200);
	assert_string_equal(text_of(plan, "state"), "proposed");
	assert_string_equal(json_string_value(json_array_get(json_object_get(
	    plan, "keeps"), 0)), "10.1.2.3:8443");
	snprintf(path, sizeof(path), "/v1/plans/%s", text_of(plan, "plan"));
	assert_int_equal(ask("wu", path, NULL, &a), 404);
	json_decref(a);
	assert_int_equal(ask("wu", "/v1/plans", NULL, &a), 200);
	assert_int_equal(json_array_size(json_object_get(a, "plans")), 0);
	json_decref(a);
	assert_int_equal(ask("li", "/v1/plans?host=fin-1", NULL, &a), 200);
	assert_int_equal(json_array_size(json_object_get(a, "plans")), 1);
	json_decref(a);
	strcat(path, "/apply");
	snprintf(body, sizeof(body), "{\"digest\":\"%064d\"}", 0);
	assert_int_equal(ask("li", path, body, &a), 409);
	assert_string_equal(code_of(a), "digest");
	json_decref(a);
	snprintf(body, sizeof(body), "{\"digest\":\"%s\",\"expect_hosts\":2}",
	    text_of(plan, "digest"));
	assert_int_equal(ask("li", path, body, &a), 400);
	assert_string_equal(code_of(a), "expect-hosts");
	json_decref(a);
	assert_int_equal(count("SELECT count(*) FROM orders"), 0);
	snprintf(body, sizeof(body), "{\"digest\":\"%s\",\"expect_hosts\":1}",
	    text_of(plan, "digest"));
	assert_int_equal(ask("li", path, body, &a), 200);
	assert_string_equal(text_of(a, "state"), "applied");
	json_decref(a);
	assert_int_equal(count("SELECT count(*) FROM orders"), 1);
	assert_int_equal(ask("li", "/v1/hosts/fin-1", NULL, &a), 200);
	assert_string_equal(text_of(a, "stage"), "contained");
	assert_string_equal(text_of(a, "desired"), "strict");
	assert_string_not_equal(text_of(a, "isolation"), "proven");
	json_decref(a);
	snprintf(path, sizeof(path), "/v1/why/%s", text_of(plan, "plan"));
	assert_int_equal(ask("li", path, NULL, &a), 200);
	assert_true(json_array_size(json_object_get(a, "lines")) >= 2);
	json_decref(a);
	assert_int_equal(ask("wu", path, NULL, &a), 404);
	json_decref(a);
	assert_int_equal(ask("li", "/v1/cases", NULL, &a), 200);
	assert_int_equal(json_array_size(json_object_get(a, "cases")), 1);
	json_decref(a);
	json_decref(plan);
}

static void
test_why_signal(void **state)
{
	json_t *a = NULL;

	(void)state;
	sql("INSERT INTO signals (seq, host_id, number, at, stored_at, kind, "
	    "severity, object, text, cause_id, cause, evidence, chain) "
	    "VALUES (4711, 'H-fin-1', 1, 1, 1, 'files.changed', 4, "
	    "'/etc/hosts', 'changed', 'U-1', '{}', '{}', '')");
	assert_int_equal(ask("li", "/v1/why/4711", NULL, &a), 200);
	assert_string_equal(text_of(a, "kind"), "files.changed");
	assert_int_equal(json_array_size(json_object_get(a, "lines")), 2);
	json_decref(a);
	assert_int_equal(ask("wu", "/v1/why/4711", NULL, &a), 404);
	assert_string_equal(text_of(a, "kind"), "");
	json_decref(a);
	sql("DELETE FROM signals WHERE seq = 4711");
}

static void
write_text(const char *name, const char *text)
{
	struct why why;

	assert_int_equal(file_write(in_dir(name), text, strlen(text), 0600,
	    &why), 0);
}

/* CSR as the PEM that a client sends, JSON-escaped by jansson. */
static char *
enrol_body(const char *token, const char *key)
{
	json_t *o = json_object(), *pem = json_object();
	struct buf der;
	struct why why;
	char *text, *fixed;

	buf_init(&der, X509_DER_MAX);
	assert_int_equal(x509_key_make(in_dir(key), &why), 0);
	assert_int_equal(x509_csr_make(in_dir(key), "someone", &der, &why),
	    0);
	assert_int_equal(pem_put(pem, "csr", &der), 0);
	/* pem_put() says CERTIFICATE; a request is what it is */
	text = strdup(text_of(pem, "csr"));
	fixed = calloc(1, strlen(text) + 64);
	sprintf(fixed, "-----BEGIN CERTIFICATE REQUEST-----%.*s"
	    "-----END CERTIFICATE REQUEST-----\n",
	    (int)(strlen(text) - strlen("-----BEGIN CERTIFICATE-----") -
	    strlen("-----END CERTIFICATE-----\n")), text +
	    strlen("-----BEGIN CERTIFICATE-----"));
	json_object_set_new(o, "token", json_string(token));
	json_object_set_new(o, "csr", json_string(fixed));
	free(text);
	free(fixed);
	text = json_dumps(o, 0);
	json_decref(o);
	json_decref(pem);
	buf_done(&der);
	return text;
}

/* From a token to a working certificate; disabled, it ends. */
static void
test_enrol(void **state)
{
	json_t *a = NULL;
	char *body;

	(void)state;
	assert_int_equal(ask("root", "/v1/operators", "{\"name\":\"chen\","
	    "\"roles\":[{\"role\":\"viewer\",\"group\":\"lab\"}]}", &a), 200);
	body = enrol_body(text_of(a, "token"), "chen.key");
	assert_int_equal(strlen(text_of(a, "token")), 32);
	json_decref(a);
	assert_int_equal(ask(NULL, "/v1/operator-enrol", body, &a), 200);
	assert_string_equal(text_of(a, "name"), "chen");
	write_text("chen.crt", text_of(a, "cert"));
	json_decref(a);
	assert_int_equal(ask("chen", "/v1/hosts", NULL, &a), 200);
	assert_int_equal(json_array_size(json_object_get(a, "hosts")), 1);
	json_decref(a);
	/* a token is used once */
	assert_int_equal(ask(NULL, "/v1/operator-enrol", body, &a), 403);
	assert_string_equal(code_of(a), "token-unknown");
	json_decref(a);
	free(body);
	assert_int_equal(ask("root", "/v1/operators", "{\"name\":\"chen\","
	    "\"roles\":[{\"role\":\"viewer\",\"group\":\"lab\"}]}", &a), 409);
	json_decref(a);
	assert_int_equal(ask("root", "/v1/operators/chen/disable",
	    "{\"reason\":\"left the company\"}", &a), 200);
	json_decref(a);
	assert_int_equal(ask("chen", "/v1/hosts", NULL, &a), 401);
	json_decref(a);
}

/* A revoked certificate ends at once, also on a connection that stands. */
static void
test_revoked(void **state)
{
	static const char logins[] = "SELECT count(*) FROM audit WHERE line "
	    "LIKE '%\"who\":\"gone\",\"what\":\"operator.login\"%'";
	struct buf out;
	CURL *curl;
	long status = 0;
	int i;

	(void)state;
	buf_init(&out, 65536);
	curl = client("gone", "/v1/status", &out);
	assert_int_equal(curl_easy_perform(curl), CURLE_OK);
	curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
	assert_int_equal(status, 200);
	assert_int_equal(curl_easy_perform(curl), CURLE_OK);
	/* The login is told in time, as the certificate is by then. */
	for (i = 0; i < 1000 && count(logins) == 0; i++)
		usleep(20000);
	sql("UPDATE certs SET revoked_at = 5 WHERE owner = 'gone'");
	assert_int_equal(curl_easy_perform(curl), CURLE_OK);
	curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
	assert_int_equal(status, 401);
	curl_easy_cleanup(curl);
	buf_done(&out);
	/* three requests, one connection, one login */
	assert_int_equal(count(logins), 1);
}

static void
test_large(void **state)
{
	char *big = malloc(300 * 1024);
	json_t *a = NULL;

	(void)state;
	memset(big, ' ', 300 * 1024);
	big[280 * 1024] = '\0';
	assert_int_equal(ask("li", "/v1/plans", big, &a), 413);
	assert_string_equal(code_of(a), "too-large");
	json_decref(a);
	free(big);
}

/* The exported log holds against its key, and shows who came. */
static void
test_audit(void **state)
{
	struct chain_result r;
	struct buf out;
	struct why why = { "" };
	CURL *curl;
	FILE *f;

	(void)state;
	buf_init(&out, 16 * 1024 * 1024);
	curl = client("au", "/v1/audit", &out);
	assert_int_equal(curl_easy_perform(curl), CURLE_OK);
	curl_easy_cleanup(curl);
	f = fmemopen(out.data, out.len, "r");
	if (chain_verify(f, live->set.audit_key, &r, &why) != 0)
		fail_msg("%s", why.text);
	fclose(f);
	assert_true(r.lines > 10);
	assert_non_null(memmem(out.data, out.len, "operator.login", 14));
	buf_done(&out);
}

/* Without a certificate one address gets so many tries a minute. */
static void
test_rate(void **state)
{
	json_t *a = NULL;
	int i;

	(void)state;
	for (i = 0; i < 20; i++) {
		if (ask(NULL, "/v1/operator-enrol", "{}", &a) == 429)
			break;
		json_decref(a);
	}
	assert_true(i < 20);
	assert_string_equal(code_of(a), "too-many");
	json_decref(a);
	assert_int_equal(ask("li", "/v1/whoami", NULL, &a), 200);
	json_decref(a);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_scope),
		cmocka_unit_test(test_sweep),
		cmocka_unit_test(test_isolate),
		cmocka_unit_test(test_why_signal),
		cmocka_unit_test(test_enrol),
		cmocka_unit_test(test_revoked),
		cmocka_unit_test(test_large),
		cmocka_unit_test(test_audit),
		cmocka_unit_test(test_rate),
	};

	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
