/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A collector's API over real TLS on loopback, with the real store and rooms
 * behind it, and a client of libcurl before it.
 */
#ifndef TESTS_UNIT_SERVER_HTTP_WORLD_H
#define TESTS_UNIT_SERVER_HTTP_WORLD_H

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

#endif
