/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One frame of an enrolled agent, any kind, any payload, against a store
 * that knows its host, an order, a run and a manifest of it.  The first byte
 * is the kind.  Each frame is rolled back, so that one does not change what
 * the next one meets.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/wire/frame.h"
#include "common/wire/order.h"
#include "server/flow/flow.h"
#include "server/store/store.h"

#define NOW 1800000000000LL

static char dir[64];
static struct store *store;
static struct sign_key *key;
static struct policy *rules;
static struct clock_fake now = {NOW, 1000000};
static struct orders_settings orders;
static struct cases_settings cases;
static struct flow flow;

struct input {
	uint16_t kind;
	const uint8_t *data;
	size_t len;
};

static const char *const rows[] = {
	"INSERT INTO hosts (host_id, name, grp, tier, enrolled_at, online, "
	"stage, stage_since, case_id, desired, desired_order, desired_epoch) "
	"VALUES ('H-a', 'a', 'fin', 2, 1, 1, 4, 1, 'C-1', 2, 'O-1', 1), "
	"('H-b', 'b', 'fin', 2, 1, 1, 0, 0, '', 1, '', 0)",
	"INSERT INTO cases (case_id, title, state, opened_at, opened_by) "
	"VALUES ('C-1', 'fuzzed', 4, 1, 'li')",
	"INSERT INTO case_hosts VALUES ('C-1', 'H-a', 1, 'li')",
	"INSERT INTO orders (order_id, host_id, epoch, plan_id, case_id, "
	"profile, state, signed, created_at, sent_at) VALUES ('O-1', 'H-a', "
	"1, 'P-1', 'C-1', 2, 1, x'00', 1799999990000, 1799999990000), "
	"('O-2', 'H-b', 1, 'P-1', 'C-1', 2, 1, x'00', 1, 1)",
	"INSERT INTO runs (run_id, host_id, case_id, kind, asked_by, "
	"asked_at) VALUES ('R-1', 'H-a', 'C-1', 'probation', 'system', "
	"1799999999000), ('R-2', 'H-b', 'C-1', 'check', 'system', "
	"1799999999000)",
	"INSERT INTO run_checks (run_id, check_id, must) VALUES "
	"('R-1', 'G01', 1), ('R-1', 'G02', 1), ('R-2', 'G01', 1)",
	"INSERT INTO manifests (manifest_id, host_id, asked_by, asked_at) "
	"VALUES ('M-1', 'H-a', 'bas', 1), ('M-2', 'H-b', 'bas', 1)",
	"INSERT INTO sweeps (sweep_id, kind, what, selector, reason, "
	"case_id, asked_by, asked_at, until) VALUES "
	"('S-1', 1, 'ab', 'all', '', 'C-1', 'li', 1, 1900000000000), "
	"('S-2', 3, 'mallory', 'all', '', 'C-1', 'li', 1, 1900000000000), "
	"('S-3', 4, '10.0.0.0/8', 'all', '', '', 'li', 1, 1900000000000), "
	"('S-4', 5, 'nc', 'all', '', '', 'li', 1, 1900000000000)",
	"INSERT INTO sweep_hosts (sweep_id, host_id, state, sent_at) VALUES "
	"('S-1', 'H-a', 0, 5), ('S-2', 'H-a', 0, 5), ('S-3', 'H-a', 0, 5), "
	"('S-4', 'H-a', 0, 5), ('S-4', 'H-b', 0, 5)",
	"INSERT INTO manifests (manifest_id, host_id, asked_by, asked_at, "
	"tree, state) VALUES ('M-3', 'H-b', 'bas', 1, '/srv/a', 'asked')",
};

static int
sign(void *arg, const void *body, size_t len, struct buf *out,
    struct why *why)
{
	(void)arg;
	(void)why;
	return order_sign(key, body, len, out);
}

static int
sign_manifest(void *arg, const char *manifest_id, const uint8_t digest[32],
    uint8_t sig[64], struct why *why)
{
	(void)arg;
	(void)manifest_id;
	(void)why;
	return sign_make(key, MANIFEST_CONTEXT, digest, 32, sig);
}

static void
must(int rc)
{
	if (rc != 0)
		abort();
}

static int
rows_job(struct db *db, void *arg)
{
	size_t i;

	(void)arg;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		must(db_run(db, NULL, rows[i], ""));
	return 0;
}

static void
settings(void)
{
	static const char *const rule[][3] = {
		{"rule trip", "kind", "files.*"}, {"rule trip", "then",
		"isolate"}, {"rule trip", "tripwire", "yes"},
		{"rule all", "kind", "*"}, {"rule all", "then", "propose"},
	};
	struct why why;
	size_t i;

	rules = policy_new();
	for (i = 0; i < sizeof(rule) / sizeof(rule[0]); i++)
		must(policy_key(rules, rule[i][0], rule[i][1], rule[i][2], 1,
		    &why));
	must(policy_check(rules, &why));
	memcpy(orders.collectors[0].ip, "\x0a\x01\x02\x03", 4);
	orders.collectors[0].ip_len = 4;
	orders.collectors[0].port = 8443;
	orders.ncollectors = 1;
	orders.confirm_seconds = 60;
	orders.deliver_seconds = 86400;
	orders.approve_isolate_seconds = 900;
	orders.sign = sign;
	cases.gate[0] = "G01";
	cases.ngate = 1;
	cases.sign_manifest = sign_manifest;
	flow = (struct flow){.orders = &orders, .cases = &cases,
	    .policy = rules, .heartbeat_seconds = 30};
}

static void
down(void)
{
	static const char *const file[] = {"db", "db-wal", "db-shm"};
	char path[128];
	size_t i;

	store_close(&store);
	sign_key_free(&key);
	policy_free(&rules);
	for (i = 0; i < sizeof(file) / sizeof(file[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, file[i]);
		unlink(path);
	}
	rmdir(dir);
}

static void
up(void)
{
	struct store_options o = {.readers = 1};
	struct why why = {""};
	char url[128];

	log_init("fuzz", LOG_LEVEL_ERROR);
	clock_use_fake(&now);
	snprintf(dir, sizeof(dir), "/tmp/cordon-fuzz-flow.XXXXXX");
	if (mkdtemp(dir) == NULL)
		abort();
	snprintf(url, sizeof(url), "sqlite:%s/db", dir);
	o.url = url;
	must(sign_key_new(&key));
	must(store_open(&o, &store, &why));
	settings();
	must(store_now(store, rows_job, NULL));
	atexit(down);
}

/* Nothing that host a says may be written down as of host b. */
static void
check_other(struct db *db)
{
	int64_t n = 0;

	must(db_one_int(db, &n,
	    "SELECT (SELECT count(*) FROM hosts WHERE host_id = 'H-b' "
	    "AND (stage <> 0 OR applied_order <> '' OR proven_ok <> 0 "
	    "OR signals_committed <> 0 OR manifest_id <> '')) "
	    "+ (SELECT count(*) FROM signals WHERE host_id <> 'H-a') "
	    "+ (SELECT count(*) FROM runs WHERE host_id = 'H-b' "
	    "AND done_at <> 0) "
	    "+ (SELECT count(*) FROM run_checks WHERE run_id = 'R-2' "
	    "AND outcome <> 0) "
	    "+ (SELECT count(*) FROM orders WHERE order_id = 'O-2' "
	    "AND state <> 1) "
	    "+ (SELECT count(*) FROM manifests WHERE manifest_id = 'M-2' "
	    "AND done_at <> 0) "
	    "+ (SELECT count(*) FROM evidence WHERE host_id = 'H-b')", ""));
	if (n != 0)
		abort();
}

static int
frame_job(struct db *db, void *arg)
{
	const struct input *in = arg;
	struct why why = {""};
	int rc;

	rc = flow_frame(db, &flow, "H-a", in->kind, in->data, in->len, &why);
	if (rc == ERR_IO || (rc != 0 && why.text[0] == '\0'))
		abort(); /* the store refused what the room let through */
	check_other(db);
	return ERR_AGAIN; /* rolled back */
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in;

	if (store == NULL)
		up();
	if (size < 1 || size - 1 > FRAME_MAX)
		return 0;
	in = (struct input){data[0], data + 1, size - 1};
	store_now(store, frame_job, &in);
	return 0;
}
