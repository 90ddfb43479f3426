/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A small collector for the tests of server/orders: a real store in a
 * temporary file, a signer in the process, a clock that the test moves, and
 * the frames that would have gone to agents.
 */
#ifndef TESTS_UNIT_SERVER_ORDERS_WORLD_H
#define TESTS_UNIT_SERVER_ORDERS_WORLD_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/digest.h"
#include "common/base/log.h"
#include "common/wire/frame.h"
#include "common/wire/order.h"
#include "server/orders/orders.h"
#include "server/store/hosts.h"
#include "server/store/store.h"

#define DAY_MS 86400000LL
#define HOUR_MS 3600000LL
#define MIN_MS 60000LL
#define START_MS (1800000000LL * 1000)
#define UNUSED __attribute__((unused))

struct sent {
	char host_id[ID_MAX];
	uint16_t kind;
	uint8_t data[4096];
	size_t len;
};

static struct world {
	char dir[64];
	struct store *store;
	struct clock_fake clock;
	struct sign_key *key;
	uint8_t public[SIGN_KEY_LEN];
	struct orders_settings set;
	struct sent sent[256];
	size_t nsent;
	bool signer_away;
	struct plan plan;	/* of the last call that gave one */
	struct refused no;	/* of the last refusal */
	char *text[8192];	/* SQL of tests, until the store is closed */
	size_t ntext;
} w;

UNUSED static void
tick_clock(int64_t ms)
{
	w.clock.wall_ms += ms;
	w.clock.boot_ms += ms;
}

static void
sink(void *arg, const char *host_id, uint16_t kind, const void *payload,
    size_t len)
{
	struct sent *s = &w.sent[w.nsent++];

	(void)arg;
	assert_true(w.nsent < 256 && len <= sizeof(s->data));
	snprintf(s->host_id, sizeof(s->host_id), "%s", host_id);
	s->kind = kind;
	memcpy(s->data, payload, len);
	s->len = len;
}

static int
sign(void *arg, const void *body, size_t len, struct buf *out,
    struct why *why)
{
	(void)arg;
	if (w.signer_away)
		return why_set(why, ERR_CLOSED, "the signer is away");
	return order_sign(w.key, body, len, out);
}

/* -- SQL for tests: one statement, no parameters --------------------------- */

static int
sql_job(struct db *db, void *arg)
{
	return db_run(db, NULL, arg, "");
}

/*
 * The store keeps statements by their address: the same text is the same
 * pointer, and lives as long as the store.
 */
static char *
sql_format(const char *fmt, va_list ap)
{
	char *text;
	size_t i;

	assert_true(vasprintf(&text, fmt, ap) > 0);
	for (i = 0; i < w.ntext; i++)
		if (strcmp(w.text[i], text) == 0) {
			free(text);
			return w.text[i];
		}
	assert_true(w.ntext < 8192);
	return w.text[w.ntext++] = text;
}

UNUSED static void
sql(const char *fmt, ...)
{
	va_list ap;
	char *text;

	va_start(ap, fmt);
	text = sql_format(fmt, ap);
	va_end(ap);
	assert_int_equal(store_now(w.store, sql_job, text), 0);
}

struct ask_sql {
	char *text;
	int64_t n;
	char out[1024];
};

static int
one_job(struct db *db, void *arg)
{
	struct ask_sql *a = arg;
	struct db_rows *r = db_query(db, a->text, "");
	int rc = db_next(r);

	if (rc == 1) {
		a->n = db_int(r, 0);
		db_copy(r, 0, a->out, sizeof(a->out));
	}
	db_end(&r);
	return rc == 1 ? 0 : ERR_NOENT;
}

UNUSED static int64_t
sql_int(const char *fmt, ...)
{
	struct ask_sql a = {0};
	va_list ap;

	va_start(ap, fmt);
	a.text = sql_format(fmt, ap);
	va_end(ap);
	assert_int_equal(store_now(w.store, one_job, &a), 0);
	return a.n;
}

UNUSED static const char *
sql_text(const char *fmt, ...)
{
	static struct ask_sql a;
	va_list ap;

	memset(&a, 0, sizeof(a));
	va_start(ap, fmt);
	a.text = sql_format(fmt, ap);
	va_end(ap);
	assert_int_equal(store_now(w.store, one_job, &a), 0);
	return a.out;
}

/* Audit lines of that kind so far. */
UNUSED static int64_t
audited(const char *what)
{
	return sql_int("SELECT COUNT(*) FROM audit WHERE line LIKE "
	    "'%%\"what\":\"%s\"%%'", what);
}

/* -- people and hosts ------------------------------------------------------ */

UNUSED static void
add_operator(const char *name, enum role role, const char *grp)
{
	sql("INSERT INTO operators (name, created_at, created_by) VALUES "
	    "('%s', %lld, 'init') ON CONFLICT DO NOTHING", name,
	    (long long)(w.clock.wall_ms - 30 * DAY_MS));
	sql("INSERT INTO operator_roles (operator, role, grp) VALUES "
	    "('%s', %d, '%s')", name, (int)role, grp);
}

/* As the API fills it: name, age; the roles are looked up by group. */
UNUSED static struct actor
who(const char *name)
{
	struct actor a = {.created_at = w.clock.wall_ms - 30 * DAY_MS};

	snprintf(a.name, sizeof(a.name), "%s", name);
	snprintf(a.grp, sizeof(a.grp), "-");
	return a;
}

/* Ids are the name with H- before it. */
UNUSED static void
add_host(const char *name, const char *grp, enum tier tier)
{
	sql("INSERT INTO hosts (host_id, name, grp, tier, enrolled_at, "
	    "online) VALUES ('H-%s', '%s', '%s', %d, 1, 1)", name, name, grp,
	    (int)tier);
}

UNUSED static void
add_fleet(int n)
{
	int i;

	for (i = 0; i < n; i++)
		sql("INSERT INTO hosts (host_id, name, grp, tier, "
		    "enrolled_at) VALUES ('H-x%d', 'x%d', 'rest', 2, 1)", i,
		    i);
}

static int
host_job(struct db *db, void *arg)
{
	struct host *h = arg;

	return hosts_get(db, h->name, h);
}

UNUSED static struct host
host(const char *name)
{
	struct host h = {0};

	snprintf(h.name, sizeof(h.name), "%s", name);
	assert_int_equal(store_now(w.store, host_job, &h), 0);
	return h;
}

/* -- calls into the room, each as one job ---------------------------------- */

struct call {
	struct plan_ask ask;
	const char *plan_id, *digest, *verdict, *reason;
	int expect;
	struct actor actor;
	int rc;
};

static int
keep_refusal(int rc)
{
	/* as the API does: a refusal is committed */
	return rc == ERR_PERM ? 0 : rc;
}

static int
make_job(struct db *db, void *arg)
{
	struct call *c = arg;

	c->ask.actor = &c->actor;
	c->rc = plan_make(db, &w.set, &c->ask, &w.plan, &w.no);
	return keep_refusal(c->rc);
}

UNUSED static enum refusal
outcome(int rc)
{
	if (rc == 0)
		return REFUSAL_NONE;
	assert_int_not_equal(w.no.code, REFUSAL_NONE);
	assert_string_not_equal(w.no.text, "");
	assert_string_not_equal(w.no.next, "");
	return w.no.code;
}

UNUSED static enum refusal
make_as(struct actor actor, enum plan_origin origin, enum plan_action action,
    const char *const *hosts, size_t n)
{
	struct call c = {.ask = {.action = action, .hosts = hosts,
	    .nhosts = n, .case_id = "", .reason = "beacon after macro",
	    .origin = origin}, .actor = actor};

	memset(&w.no, 0, sizeof(w.no));
	store_now(w.store, make_job, &c);
	return outcome(c.rc);
}

UNUSED static enum refusal
make(const char *name, enum plan_action action, const char *host_name)
{
	return make_as(who(name), ORIGIN_MANUAL, action, &host_name, 1);
}

static int
vote_job(struct db *db, void *arg)
{
	struct call *c = arg;

	c->rc = plan_vote(db, &w.set, c->plan_id, c->digest, &c->actor,
	    c->verdict, c->reason, &w.plan, &w.no);
	return keep_refusal(c->rc);
}

UNUSED static enum refusal
vote_as(struct actor actor, const char *verdict, const char *digest)
{
	char id[ID_MAX], sum[65];
	struct call c = {.plan_id = id, .digest = sum, .verdict = verdict,
	    .actor = actor};

	snprintf(id, sizeof(id), "%s", w.plan.plan_id);
	snprintf(sum, sizeof(sum), "%s", digest);
	memset(&w.no, 0, sizeof(w.no));
	store_now(w.store, vote_job, &c);
	return outcome(c.rc);
}

UNUSED static enum refusal
approve(const char *name)
{
	return vote_as(who(name), "approve", w.plan.digest);
}

static int
apply_job(struct db *db, void *arg)
{
	struct call *c = arg;

	c->rc = plan_apply(db, &w.set, c->plan_id, c->digest, c->expect,
	    &c->actor, &w.plan, &w.no);
	return keep_refusal(c->rc);
}

UNUSED static enum refusal
apply_as(struct actor actor, const char *digest, int expect)
{
	char id[ID_MAX], sum[65];
	struct call c = {.plan_id = id, .digest = sum, .expect = expect,
	    .actor = actor};

	snprintf(id, sizeof(id), "%s", w.plan.plan_id);
	snprintf(sum, sizeof(sum), "%s", digest);
	memset(&w.no, 0, sizeof(w.no));
	store_now(w.store, apply_job, &c);
	return outcome(c.rc);
}

UNUSED static enum refusal
apply(const char *name)
{
	return apply_as(who(name), w.plan.digest, -1);
}

static int
tick_job(struct db *db, void *arg)
{
	(void)arg;
	return orders_tick(db, &w.set);
}

UNUSED static void
tick(void)
{
	assert_int_equal(store_now(w.store, tick_job, NULL), 0);
}

/* Plan, approve, apply, past whatever stage the host is in. */
UNUSED static struct host
order(enum plan_action action, const char *name)
{
	static const enum stage from[] = {
		[ACTION_ISOLATE] = STAGE_NORMAL,
		[ACTION_RECOVER] = STAGE_CONTAINED,
		[ACTION_RESTORE] = STAGE_VERIFYING,
		[ACTION_LIMIT] = STAGE_NORMAL,
	};
	const char *by = action == ACTION_ISOLATE ? "li" : "rec";

	sql("UPDATE hosts SET stage = %d WHERE name = '%s'", from[action],
	    name);
	assert_int_equal(make(by, action, name), REFUSAL_NONE);
	if (w.plan.approvals_needed > 0)
		assert_int_equal(approve("wang"), REFUSAL_NONE);
	assert_int_equal(apply(by), REFUSAL_NONE);
	return host(name);
}

UNUSED static int
state_of(const char *order_id)
{
	return (int)sql_int("SELECT state FROM orders WHERE order_id = '%s'",
	    order_id);
}

/* -- the world ------------------------------------------------------------- */

static void
settings(struct orders_settings *s)
{
	static const uint8_t collector[] = {10, 1, 2, 3};
	static const uint8_t backup[] = {10, 9, 0, 0};
	static const uint8_t probes[][4] = {{10, 9, 0, 7}, {1, 1, 1, 1}};
	size_t i;

	memset(s, 0, sizeof(*s));
	memcpy(s->collectors[0].ip, collector, 4);
	s->collectors[0].ip_len = 4;
	s->collectors[0].port = 8443;
	s->ncollectors = 1;
	memcpy(s->recovery[0].ip, backup, 4);
	s->recovery[0].ip_len = 4;
	s->recovery[0].prefix_len = 24;
	s->recovery[0].protocol = 6;
	s->recovery[0].port = 873;
	s->nrecovery = 1;
	for (i = 0; i < 2; i++) {
		memcpy(s->probes[i].ip, probes[i], 4);
		s->probes[i].ip_len = 4;
		s->probes[i].protocol = 6;
		s->probes[i].port = 873;
	}
	s->nprobes = 2;
	s->confirm_seconds = 60;
	s->deliver_seconds = 86400;
	s->approve_isolate_seconds = 900;
	s->approve_restore_seconds = 14400;
	s->review_seconds[TIER_T0] = 3600;
	s->review_seconds[TIER_T1] = 14400;
	s->review_seconds[TIER_T2] = 86400;
	s->review_seconds[TIER_T3] = 86400;
	s->operator_min_age_seconds = 86400;
	snprintf(s->notice_en, sizeof(s->notice_en), "This host is cut off.");
	snprintf(s->notice_zh, sizeof(s->notice_zh), "本机已被隔离。");
	s->sign = sign;
}

UNUSED static int
world_up(void **state)
{
	struct store_options o = {.readers = 1};
	struct why why = {""};
	char url[128];

	(void)state;
	memset(&w, 0, sizeof(w));
	log_init("test", LOG_LEVEL_ERROR);
	w.clock = (struct clock_fake){START_MS, 1000000};
	clock_use_fake(&w.clock);
	snprintf(w.dir, sizeof(w.dir), "/tmp/cordon-orders.XXXXXX");
	assert_non_null(mkdtemp(w.dir));
	snprintf(url, sizeof(url), "sqlite:%s/db", w.dir);
	o.url = url;
	assert_int_equal(store_open(&o, &w.store, &why), 0);
	store_set_sink(w.store, sink, NULL);
	assert_int_equal(sign_key_new(&w.key), 0);
	sign_key_public(w.key, w.public);
	settings(&w.set);
	add_operator("li", ROLE_RESPONDER, "*");
	add_operator("rec", ROLE_RECOVERY, "*");
	add_operator("wang", ROLE_APPROVER, "*");
	add_operator("zhao", ROLE_APPROVER, "*");
	add_operator("owen", ROLE_OWNER, "*");
	add_operator("chen", ROLE_COMMANDER, "*");
	add_operator("root", ROLE_ADMIN, "*");
	add_operator("root", ROLE_RESPONDER, "*");
	add_operator("root", ROLE_APPROVER, "*");
	return 0;
}

UNUSED static int
world_down(void **state)
{
	static const char *const file[] = {"db", "db-wal", "db-shm"};
	char path[128];
	size_t i;

	(void)state;
	store_close(&w.store);
	while (w.ntext > 0)
		free(w.text[--w.ntext]);
	sign_key_free(&w.key);
	clock_use_fake(NULL);
	for (i = 0; i < 3; i++) {
		snprintf(path, sizeof(path), "%s/%s", w.dir, file[i]);
		unlink(path);
	}
	rmdir(w.dir);
	return 0;
}

#define WORLD_TEST(f) cmocka_unit_test_setup_teardown(f, world_up, world_down)

#endif
