/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The API over real TLS on loopback, with the real store and rooms behind
 * it and libcurl before it: who gets what, and what is said to the rest.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include <curl/curl.h>
#include <event2/event.h>
#include <openssl/pem.h>
#include <pthread.h>

#include "common/base/clock.h"
#include "common/base/digest.h"
#include "common/base/file.h"
#include "common/base/id.h"
#include "common/net/tls.h"
#include "common/wire/order.h"
#include "server/audit/audit.h"
#include "server/http/http.h"
#include "server/http/token.h"
#include "server/model/chain.h"
#include "server/store/store.h"

struct live {
	char dir[64];
	char url[64];
	struct store *store;
	struct event_base *base;
	struct http *http;
	struct x509_ca *ca;
	struct ssl_ctx_st *tls;
	struct sign_key *order_key, *audit_key;
	struct orders_settings orders;
	struct cases_settings cases;
	struct flow flow;
	struct audit_signer signer;
	struct http_settings set;
	pthread_t thread;
	int stop[2];
	struct event *ender;
};

static struct live *live; /* of the whole group */

/* -- the collector's other parts ----------------------------------------- */

static int
sign_order(void *arg, const void *body, size_t len, struct buf *out,
    struct why *why)
{
	struct live *l = arg;

	(void)why;
	return order_sign(l->order_key, body, len, out);
}

static int
sign_head(void *arg, const char *what, uint64_t number, const char *hash,
    uint8_t sig[SIGN_SIG_LEN])
{
	struct live *l = arg;
	char text[CHAIN_SIGNED_MAX];
	size_t len = chain_signed_text(text, what, number, hash);

	return sign_make(l->audit_key, AUDIT_CONTEXT, text, len, sig);
}

static char *
in_dir(const char *name)
{
	static char path[4][192];
	static int next;
	char *out = path[next++ % 4];

	snprintf(out, 192, "%s/%s", live->dir, name);
	return out;
}

static int
run_sql(struct db *db, void *arg)
{
	return db_run(db, NULL, arg, "");
}

struct count {
	const char *sql;
	int64_t n;
};

static int
run_count(struct db *db, void *arg)
{
	struct count *c = arg;

	return db_one_int(db, &c->n, c->sql, "");
}

static int64_t
count(const char *sql)
{
	struct count c = { sql, -1 };

	assert_int_equal(store_now(live->store, run_count, &c), 0);
	return c.n;
}

static struct kept {
	struct kept *next;
	char text[512];
} *kept;

static void
sql(const char *text)
{
	struct kept *k = malloc(sizeof(*k)); /* statements go by address */

	snprintf(k->text, sizeof(k->text), "%s", text);
	k->next = kept;
	kept = k;
	assert_int_equal(store_now(live->store, run_sql, k->text), 0);
}

/* Key and certificate NAME.key, NAME.crt; known to the store. */
static void
make_cert(const char *name, enum x509_role role)
{
	char key[80], crt[80], text[512];
	struct buf csr, der;
	struct x509_id id;
	struct why why;

	snprintf(key, sizeof(key), "%s.key", name);
	snprintf(crt, sizeof(crt), "%s.crt", name);
	buf_init(&csr, X509_DER_MAX);
	buf_init(&der, X509_DER_MAX);
	assert_int_equal(x509_key_make(in_dir(key), &why), 0);
	assert_int_equal(x509_csr_make(in_dir(key), name, &csr, &why), 0);
	assert_int_equal(x509_issue(live->ca, csr.data, csr.len, role, name,
	    3600, &der, &id, &why), 0);
	assert_int_equal(x509_save(in_dir(crt), der.data, der.len, &why), 0);
	snprintf(text, sizeof(text), "INSERT INTO certs (serial, owner, kind,"
	    " sha256, issued_at, not_after) VALUES ('%s', '%s', '%s', '', 1,"
	    " 1)", id.serial, name, role == X509_OPERATOR ? "operator" :
	    "agent");
	sql(text);
	buf_done(&csr);
	buf_done(&der);
}

static void
make_operator(const char *name, enum role role, const char *grp)
{
	char text[256];

	snprintf(text, sizeof(text), "INSERT INTO operators (name, "
	    "created_at, created_by) VALUES ('%s', 1, 'test') "
	    "ON CONFLICT DO NOTHING", name);
	sql(text);
	snprintf(text, sizeof(text), "INSERT INTO operator_roles (operator, "
	    "role, grp) VALUES ('%s', %d, '%s')", name, (int)role, grp);
	sql(text);
	if (access(in_dir(name), F_OK) != 0 && strchr(name, '!') == NULL) {
		char crt[80];

		snprintf(crt, sizeof(crt), "%s.crt", name);
		if (access(in_dir(crt), F_OK) != 0)
			make_cert(name, X509_OPERATOR);
	}
}

static void
make_host(const char *name, const char *grp, int tier)
{
	char text[512];

	snprintf(text, sizeof(text), "INSERT INTO hosts (host_id, name, grp, "
	    "tier, enrolled_at, online, last_seen) VALUES ('H-%s', '%s', "
	    "'%s', %d, 1, 1, %lld)", name, name, grp, tier,
	    (long long)clock_wall_ms());
	sql(text);
}

static void *
serve(void *arg)
{
	struct live *l = arg;

	event_base_dispatch(l->base);
	return NULL;
}

static void
stop_now(evutil_socket_t fd, short what, void *arg)
{
	(void)fd, (void)what;
	event_base_loopbreak(arg);
}

static void
make_settings(struct live *l)
{
	l->orders = (struct orders_settings){ .ncollectors = 1,
	    .confirm_seconds = 60, .deliver_seconds = 86400,
	    .approve_isolate_seconds = 900, .approve_restore_seconds = 14400,
	    .review_seconds = { 3600, 14400, 86400, 86400 },
	    .operator_min_age_seconds = 0, .sign = sign_order,
	    .sign_arg = l };
	l->orders.collectors[0].ip_len = 4;
	memcpy(l->orders.collectors[0].ip, "\x0a\x01\x02\x03", 4);
	l->orders.collectors[0].port = 8443;
	l->cases = (struct cases_settings){ .gate = { "G01" }, .ngate = 1,
	    .gate_age_seconds = 86400, .recheck_late_seconds = 3600 };
	l->flow = (struct flow){ .orders = &l->orders, .cases = &l->cases,
	    .heartbeat_seconds = 30 };
	l->signer = (struct audit_signer){ sign_head, l };
}

static void
open_store(struct live *l)
{
	char url[128];
	struct store_options o = { .url = url, .readers = 1 };
	struct why why;

	snprintf(url, sizeof(url), "sqlite:%s/x.db", l->dir);
	if (store_open(&o, &l->store, &why) != 0)
		fail_msg("%s", why.text);
	store_set_closing(l->store, audit_closing, &l->signer);
}

static void
open_tls(struct live *l)
{
	struct tls_files f = { .key = in_dir("server.key"), .cert =
	    in_dir("server.crt"), .ca = in_dir("ca.crt") };
	struct why why;

	if (tls_server_ctx(&f, false, &l->tls, &why) != 0)
		fail_msg("%s", why.text);
}

static int
group_setup(void **state)
{
	struct live *l = calloc(1, sizeof(*l));
	struct buf der;
	struct why why = { "" };
	uint16_t port = (uint16_t)(20000 + getpid() % 20000);

	(void)state;
	live = l;
	strcpy(l->dir, "/tmp/cordon-http-XXXXXX");
	assert_non_null(mkdtemp(l->dir));
	assert_int_equal(sign_key_new(&l->order_key), 0);
	assert_int_equal(sign_key_new(&l->audit_key), 0);
	assert_int_equal(x509_ca_make(in_dir("ca.key"), in_dir("ca.crt"),
	    "test", &why), 0);
	assert_int_equal(x509_ca_load(in_dir("ca.key"), in_dir("ca.crt"),
	    &l->ca, &why), 0);
	make_settings(l);
	open_store(l);
	make_cert("server", X509_SERVER);
	open_tls(l);
	make_host("fin-1", "finance", TIER_T2);
	make_host("fin-2", "finance", TIER_T2);
	make_host("lab-1", "lab", TIER_T3);
	make_operator("root", ROLE_ADMIN, "*");
	make_operator("li", ROLE_RESPONDER, "finance");
	make_operator("wu", ROLE_VIEWER, "lab");
	make_operator("au", ROLE_AUDITOR, "*");
	make_operator("gone", ROLE_VIEWER, "*");
	make_cert("H-fin-1", X509_AGENT);
	l->base = event_base_new();
	l->set = (struct http_settings){ .nlisten = 1, .tls = l->tls, .ca =
	    l->ca, .operator_cert_seconds = 3600, .flow = &l->flow,
	    .audit = &l->signer };
	assert_int_equal(addr_parse("127.0.0.1", port, &l->set.listen[0],
	    &why), 0);
	snprintf(l->url, sizeof(l->url), "https://127.0.0.1:%d", port);
	buf_init(&der, X509_DER_MAX);
	assert_int_equal(x509_ca_der(l->ca, &der), 0);
	digest_of(der.data, der.len, l->set.ca_sha256);
	buf_done(&der);
	sign_key_public(l->audit_key, l->set.audit_key);
	assert_int_equal(store_start(l->store, &why), 0);
	if (http_start(l->base, l->store, &l->set, &l->http, &why) != 0)
		fail_msg("%s", why.text);
	assert_int_equal(pipe(l->stop), 0);
	l->ender = event_new(l->base, l->stop[0], EV_READ, stop_now,
	    l->base);
	event_add(l->ender, NULL);
	return pthread_create(&l->thread, NULL, serve, l);
}

static int
group_teardown(void **state)
{
	char cmd[128];
	struct live *l = live;

	(void)state;
	assert_int_equal(write(l->stop[1], "x", 1), 1);
	pthread_join(l->thread, NULL);
	http_stop(&l->http);
	store_close(&l->store);
	tls_ctx_free(&l->tls);
	x509_ca_free(&l->ca);
	sign_key_free(&l->order_key);
	sign_key_free(&l->audit_key);
	event_free(l->ender);
	event_base_free(l->base);
	while (kept != NULL) {
		struct kept *k = kept;

		kept = k->next;
		free(k);
	}
	snprintf(cmd, sizeof(cmd), "rm -rf %s", l->dir);
	free(l);
	return system(cmd);
}

/* -- a client ------------------------------------------------------------ */

static size_t
take(char *data, size_t one, size_t n, void *arg)
{
	return buf_add(arg, data, one * n) == 0 ? one * n : 0;
}

static CURL *
client(const char *who, const char *path, struct buf *out)
{
	CURL *curl = curl_easy_init();
	char url[256], file[80];

	snprintf(url, sizeof(url), "%s%s", live->url, path);
	curl_easy_setopt(curl, CURLOPT_URL, url);
	curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, 0L);
	curl_easy_setopt(curl, CURLOPT_CAINFO, in_dir("ca.crt"));
	curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(curl, CURLOPT_TIMEOUT, 20L);
	curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take);
	curl_easy_setopt(curl, CURLOPT_WRITEDATA, out);
	if (who != NULL) {
		snprintf(file, sizeof(file), "%s.crt", who);
		curl_easy_setopt(curl, CURLOPT_SSLCERT, in_dir(file));
		snprintf(file, sizeof(file), "%s.key", who);
		curl_easy_setopt(curl, CURLOPT_SSLKEY, in_dir(file));
	}
	return curl;
}

/* GET without body, POST with one; *ANSWER is the caller's. */
static long
ask(const char *who, const char *path, const char *body, json_t **answer)
{
	struct buf out;
	CURL *curl;
	CURLcode code;
	long status = 0;

	buf_init(&out, 16 * 1024 * 1024);
	curl = client(who, path, &out);
	if (body != NULL) {
		curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body);
		curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE,
		    (long)strlen(body));
	}
	code = curl_easy_perform(curl);
	if (code != CURLE_OK)
		fail_msg("%s: %s", path, curl_easy_strerror(code));
	curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
	curl_easy_cleanup(curl);
	*answer = json_loadb((char *)out.data, out.len, 0, NULL);
	if (*answer == NULL)
		fail_msg("%s: no JSON: %.*s", path, (int)out.len, out.data);
	buf_done(&out);
	return status;
}

static const char *
code_of(const json_t *answer)
{
	const char *code = json_string_value(json_object_get(
	    json_object_get(answer, "error"), "code"));

	return code != NULL ? code : "none";
}

static const char *
text_of(const json_t *answer, const char *key)
{
	const char *s = json_string_value(json_object_get(answer, key));

	return s != NULL ? s : "";
}

/* -- tests --------------------------------------------------------------- */

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
