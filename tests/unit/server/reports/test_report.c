/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Reports: stable keys, both languages, hostile text, bounds, periods. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "server/audit/audit.h"
#include "server/reports/gather.h"
#include "server/store/store.h"

#define NOW 1800000000000LL
#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define EVIL "<script>alert(\"x\")</script>&'"
#define EVIL_SQL "<script>alert(\"x\")</script>&''"
#define EVIL_HTML "&lt;script&gt;alert(&quot;x&quot;)&lt;/script&gt;&amp;'"

static char dir[64];
static struct store *store;
static struct clock_fake now = {NOW, 1};
static struct buf out;

static int
sql_job(struct db *db, void *arg)
{
	return db_run(db, NULL, arg, "");
}

/* A literal: the store keeps statements by their address. */
static void
sql(const char *text)
{
	assert_int_equal(store_now(store, sql_job, (char *)(uintptr_t)text),
	    0);
}

static int
audit_job(struct db *db, void *arg)
{
	(void)arg;
	return audit_add(db, &(struct audit_entry){.who = "li",
	    .what = "test"}, "one line");
}

static int
up(void **state)
{
	struct store_options o = {.readers = 1};
	struct why why = {""};
	char url[128];

	(void)state;
	log_init("test", LOG_LEVEL_ERROR);
	clock_use_fake(&now);
	snprintf(dir, sizeof(dir), "/tmp/cordon-reports.XXXXXX");
	assert_non_null(mkdtemp(dir));
	snprintf(url, sizeof(url), "sqlite:%s/db", dir);
	o.url = url;
	assert_int_equal(store_open(&o, &store, &why), 0);
	buf_init(&out, 32 * 1024 * 1024);
	return 0;
}

static int
down(void **state)
{
	static const char *const file[] = {"db", "db-wal", "db-shm"};
	char path[128];
	size_t i;

	(void)state;
	buf_done(&out);
	store_close(&store);
	clock_use_fake(NULL);
	for (i = 0; i < COUNT(file); i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, file[i]);
		unlink(path);
	}
	rmdir(dir);
	return 0;
}

#define UP_TEST(t) cmocka_unit_test_setup_teardown(t, up, down)

/* One of everything, of host h1 in case C-1, at NOW - 1000. */
static void
fill(void)
{
	sql("INSERT INTO hosts (host_id, name, grp, tier, enrolled_at, "
	    "stage, case_id) VALUES ('H-1', 'h1', '" EVIL_SQL "', 2, 1, 1, "
	    "'C-1'), ('H-2', 'h2', 'fin', 3, 1, 0, '')");
	sql("INSERT INTO cases (case_id, title, state, opened_at, opened_by) "
	    "VALUES ('C-1', '" EVIL_SQL "', 3, 1799999999000, 'li'), "
	    "('C-2', 'other', 0, 1799999999000, 'li')");
	sql("INSERT INTO case_hosts VALUES ('C-1', 'H-1', 1, 'li')");
	sql("INSERT INTO signals (host_id, number, at, stored_at, kind, "
	    "severity, object, text, cause_id, cause, evidence, chain, "
	    "decision, case_id) VALUES ('H-1', 1, 1, 1799999999000, "
	    "'files.changed', 4, '" EVIL_SQL "', '" EVIL_SQL "', '', "
	    "'{\"program\":\"<b>vim</b>\",\"user\":\"a&b\"}', '{}', x'00', "
	    "'{\"what\":\"case\"}', 'C-1'), ('H-2', 1, 1, 1799999999000, "
	    "'files.changed', 4, 'of h2', '', '', 'no JSON', '{}', x'00', "
	    "'', ''), ('H-2', 2, 1, 1799999999000, 'files.read', 1, "
	    "'only informs', '', '', '{}', '{}', x'00', '', '')");
	sql("INSERT INTO plans (plan_id, action, profile, state, origin, "
	    "case_id, reason, requester, digest, approvals_needed, "
	    "created_at, expires_at) VALUES ('P-1', 0, 2, 2, 0, 'C-1', '"
	    EVIL_SQL "', 'li', 'd', 0, 1799999999000, 1)");
	sql("INSERT INTO approvals VALUES ('P-1', 'd', 'wang', 'approve', "
	    "'" EVIL_SQL "', 1799999999000)");
	sql("INSERT INTO orders (order_id, host_id, epoch, plan_id, case_id, "
	    "profile, state, signed, created_at, applied_at, proven_at, "
	    "took_us) VALUES ('O-1', 'H-1', 1, 'P-1', 'C-1', 2, 3, x'00', "
	    "1799999998000, 1799999998500, 1799999999000, 4250)");
	sql("INSERT INTO proofs (host_id, order_id, at, stored_at, ok, "
	    "detail) VALUES ('H-1', 'O-1', 1, 1799999999000, 1, '{}'), "
	    "('H-1', 'O-1', 1, 1799999999000, 0, '{}')");
	sql("INSERT INTO evidence VALUES ('E-1', 'C-1', 'H-1', 'waiver', "
	    "'', 1799999999000, 'rec', '" EVIL_SQL "')");
	sql("INSERT INTO runs VALUES ('R-1', 'H-1', 'C-1', 'gate', 'ver', "
	    "1799999999000, 1799999999500, 2)");
	sql("INSERT INTO run_checks (run_id, check_id, must, outcome, text, "
	    "findings) VALUES ('R-1', 'G02', 1, 2, '" EVIL_SQL "', "
	    "'[{\"code\":\"file.changed\",\"object\":\"<i>\"}]')");
	sql("INSERT INTO rechecks VALUES ('H-1', 1799999999000, 'h1', "
	    "1800003599000, '', 'due')");
	assert_int_equal(store_now(store, audit_job, NULL), 0);
}

struct ask {
	struct report_ask ask;
	bool html;
};

static int
report_job(struct db *db, void *arg)
{
	struct ask *a = arg;

	buf_clear(&out);
	return a->html ? report_html(db, &a->ask, &out) :
	    report_json(db, &a->ask, &out);
}

static const char *
html(enum lang lang)
{
	struct ask a = {{0, NOW, "", lang}, true};

	assert_int_equal(store_now(store, report_job, &a), 0);
	return buf_str(&out);
}

static json_t *
json(int64_t from, int64_t to, const char *case_id)
{
	struct ask a = {{from, to, case_id, LANG_EN}, false};
	json_t *tree;

	assert_int_equal(store_now(store, report_job, &a), 0);
	tree = json_loadb((const char *)out.data, out.len, 0, NULL);
	assert_non_null(tree);
	return tree;
}

/* The keys that programs rely on: of the tree, then of each list. */
static const struct {
	const char *list, *keys;
} shape[] = {
	{"hosts", "name group tier service stage desired applied proven_ok "
	    "online case"},
	{"signals", "at host kind severity object text cause decision score "
	    "case"},
	{"cases", "case title state opened_at opened_by outcome"},
	{"plans", "plan action profile state origin case reason requester "
	    "approvals_needed created_at applied_by digest"},
	{"approvals", "plan approver verdict at reason"},
	{"orders", "order host epoch plan case profile state created_at "
	    "applied_at proven_at took_ms why"},
	{"proofs", "host order at ok detail"},
	{"evidence", "evidence case host kind sha256 at added_by text"},
	{"checks", "host run kind asked_by asked_at done_at run_outcome "
	    "check must outcome text findings waived_by waiver"},
	{"rechecks", "host name due_at state run"},
};

static void
test_keys(void **state)
{
	json_t *tree;
	size_t i;

	(void)state;
	fill();
	tree = json(0, NOW, "C-1");
	assert_string_equal(json_string_value(json_object_get(tree,
	    "made_at")), "2027-01-15T08:00:00.000Z");
	assert_null(json_object_get(tree, "from"));
	assert_non_null(json_object_get(tree, "to"));
	assert_int_equal(json_integer_value(json_object_get(
	    json_object_get(tree, "log_head"), "number")), 1);
	for (i = 0; i < COUNT(shape); i++) {
		json_t *list = json_object_get(tree, shape[i].list);
		json_t *row = json_array_get(list, 0);
		char keys[256], *at = keys, *one;
		size_t n = 0;

		assert_int_equal(json_array_size(list),
		    strcmp(shape[i].list, "proofs") == 0 ? 2 : 1);
		snprintf(keys, sizeof(keys), "%s", shape[i].keys);
		while ((one = strsep(&at, " ")) != NULL) {
			assert_non_null(json_object_get(row, one));
			n++;
		}
		assert_int_equal(json_object_size(row), n);
	}
	assert_string_equal(json_string_value(json_object_get(json_array_get(
	    json_object_get(tree, "cases"), 0), "title")), EVIL);
	json_decref(tree);
}

static void
test_escaped(void **state)
{
	enum lang lang;

	(void)state;
	fill();
	for (lang = LANG_EN; lang <= LANG_ZH; lang++) {
		const char *page = html(lang);

		assert_null(strstr(page, "<script"));
		assert_null(strstr(page, "alert(\""));
		assert_null(strstr(page, "<b>"));
		assert_null(strstr(page, "<i>"));
		assert_null(strstr(page, "a&b"));
		assert_non_null(strstr(page, EVIL_HTML));
		assert_non_null(strstr(page, "&lt;b&gt;vim&lt;/b&gt; a&amp;b"
		    ));
		assert_non_null(strstr(page, "file.changed &lt;i&gt;"));
	}
}

/* Every heading and column of both languages, and no hole in them. */
static void
test_languages(void **state)
{
	static const char *const en[] = {"lang=en>",
	    "<h1>Isolation and recovery report", "<h2>Summary", "<h2>Cases",
	    "<h2>Hosts", "<h2>Signals", "<h2>Plans and approvals",
	    "<h2>Isolations and releases", "<h2>Order to proof",
	    "<h2>Evidence", "<h2>Gates and checks",
	    "<h2>Probation re-checks", "<th>last proof", "<th>approved by",
	    "<th>kernel time", "<th>proofs", "(1 not proven)"};
	static const char *const zh[] = {"lang=zh-CN>",
	    "<h1>安全隔离与恢复监测报告", "<h2>摘要", "<h2>事件", "<h2>主机",
	    "<h2>完整性信号", "<h2>计划与审批", "<h2>隔离与恢复",
	    "<h2>从下令到证明", "<h2>证据", "<h2>风险检查", "<h2>观察期复查",
	    "<th>最近证明", "<th>审批人", "<th>内核用时", "<th>证明次数",
	    "(1 未证明)"};
	const char *page;
	size_t i;

	(void)state;
	fill();
	page = html(LANG_EN);
	for (i = 0; i < COUNT(en); i++)
		assert_non_null(strstr(page, en[i]));
	assert_null(strstr(page, "(null)"));
	assert_null(strstr(page, "><th></th>"));
	page = html(LANG_ZH);
	for (i = 0; i < COUNT(zh); i++)
		assert_non_null(strstr(page, zh[i]));
	assert_null(strstr(page, "(null)"));
	assert_null(strstr(page, "<th></th>"));
	assert_null(strstr(page, "<h2>H"));
	assert_non_null(strstr(page, "4.2 ms"));
	assert_non_null(strstr(page, "1000 ms</text>"));
}

/* Of another time, of another case, of nothing at all. */
static void
test_periods(void **state)
{
	static const struct {
		int64_t from, to;
		const char *case_id;
		size_t hosts, signals, orders;
	} t[] = {
		{0, NOW, "", 2, 2, 1},
		{0, NOW, NULL, 2, 2, 1},
		{NOW - 1000, NOW - 1000, "", 2, 2, 0},
		{NOW - 999, NOW, "", 2, 0, 0},
		{0, NOW - 1001, "", 2, 0, 1},
		{NOW, 0, "", 0, 0, 0},
		{0, NOW, "C-1", 1, 1, 1},
		{0, NOW, "C-NONE' OR ''='", 0, 0, 0},
	};
	size_t i;

	(void)state;
	fill();
	for (i = 0; i < COUNT(t); i++) {
		json_t *tree = json(t[i].from, t[i].to, t[i].case_id);

		assert_int_equal(json_array_size(json_object_get(tree,
		    "hosts")), t[i].hosts);
		assert_int_equal(json_array_size(json_object_get(tree,
		    "signals")), t[i].signals);
		assert_int_equal(json_array_size(json_object_get(tree,
		    "orders")), t[i].orders);
		json_decref(tree);
	}
}

/* An empty store has a whole report that says so. */
static void
test_empty(void **state)
{
	const char *page, *at;
	json_t *tree = json(0, NOW, "");
	size_t i, none = 0;

	(void)state;
	for (i = 0; i < COUNT(shape); i++) {
		json_t *list = json_object_get(tree, shape[i].list);

		assert_true(json_is_array(list));
		assert_int_equal(json_array_size(list), 0);
	}
	assert_int_equal(json_object_size(json_object_get(tree, "log_head")),
	    0);
	json_decref(tree);
	page = html(LANG_EN);
	for (at = page; (at = strstr(at, "<p class=none>")) != NULL; at++)
		none++;
	assert_int_equal(none, 9);
	assert_string_equal(page + strlen(page) - 15, "</body></html>\n");
}

/* Practice stands in its own list, marked, and in no other. */
static void
test_drills(void **state)
{
	const char *page;
	json_t *tree, *row;

	(void)state;
	fill();
	sql("INSERT INTO plans (plan_id, action, profile, state, origin, "
	    "case_id, reason, requester, digest, approvals_needed, "
	    "created_at, expires_at, drill, drill_minutes) VALUES ('P-9', "
	    "0, 2, 2, 0, '', 'practice', 'li', 'd', 0, 1799999999000, 1, 2, "
	    "0)");
	sql("INSERT INTO orders (order_id, host_id, epoch, plan_id, case_id, "
	    "profile, state, signed, created_at, answered_at, drill) VALUES "
	    "('O-9', 'H-2', 1, 'P-9', '', 2, 10, x'00', 1799999998000, "
	    "1799999999000, 2)");
	sql("INSERT INTO proofs (host_id, order_id, at, stored_at, ok, "
	    "detail) VALUES ('H-2', 'O-9', 1, 1799999999000, 1, '{}')");
	sql("INSERT INTO previews (preview_id, host_id, plan_id, profile, "
	    "asked_by, asked_at, done_at, cut) VALUES ('O-9', 'H-2', 'P-9', "
	    "2, 'li', 1, 2, 17)");
	tree = json(0, NOW, "");
	assert_int_equal(json_array_size(json_object_get(tree, "orders")),
	    1);
	assert_int_equal(json_array_size(json_object_get(tree, "plans")), 1);
	assert_int_equal(json_array_size(json_object_get(tree, "proofs")),
	    2);
	assert_int_equal(json_array_size(json_object_get(tree, "drills")),
	    1);
	row = json_array_get(json_object_get(tree, "drills"), 0);
	assert_string_equal(json_string_value(json_object_get(row, "mark")),
	    "DRILL 演练");
	assert_string_equal(json_string_value(json_object_get(row, "drill")),
	    "dry");
	assert_string_equal(json_string_value(json_object_get(row, "state")),
	    "drilled");
	assert_int_equal(json_integer_value(json_object_get(row,
	    "would_cut")), 17);
	json_decref(tree);
	page = html(LANG_EN);
	assert_non_null(strstr(page, "<td class=t>DRILL 演练</td>"));
	assert_non_null(strstr(page, "<td class=n>17</td>"));
}

/* A name that is no UTF-8 is quoted, not left out. */
static void
test_not_utf8(void **state)
{
	json_t *tree;

	(void)state;
	fill();
	sql("UPDATE signals SET object = CAST(x'2f746d702fff' AS TEXT) "
	    "WHERE host_id = 'H-2'");
	tree = json(0, NOW, "");
	assert_string_equal(json_string_value(json_object_get(json_array_get(
	    json_object_get(tree, "signals"), 1), "object")),
	    "/tmp/\\xff");
	json_decref(tree);
	assert_non_null(strstr(html(LANG_EN), "/tmp/\\xff"));
}

/* More rows than a report holds: it says so. */
static void
test_cut(void **state)
{
	json_t *tree, *cut;

	(void)state;
	fill();
	sql("DELETE FROM signals");
	sql("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n "
	    "WHERE i < 5000) INSERT INTO signals (host_id, number, at, "
	    "stored_at, kind, severity, object, text, cause_id, cause, "
	    "evidence, chain) SELECT 'H-1', i, 1, 2, 'k', 3, 'o', '', '', "
	    "'{}', '{}', x'00' FROM n");
	tree = json(0, NOW, "");
	assert_int_equal(json_array_size(json_object_get(tree, "signals")),
	    REPORT_ROWS_MAX);
	assert_int_equal(json_array_size(json_object_get(tree, "cut")), 0);
	json_decref(tree);
	assert_null(strstr(html(LANG_EN), "5000+"));
	sql("INSERT INTO signals (host_id, number, at, stored_at, kind, "
	    "severity, object, text, cause_id, cause, evidence, chain) "
	    "VALUES ('H-1', 5001, 1, 2, 'k', 3, 'o', '', '', '{}', '{}', "
	    "x'00')");
	tree = json(0, NOW, "");
	cut = json_object_get(tree, "cut");
	assert_int_equal(json_array_size(json_object_get(tree, "signals")),
	    REPORT_ROWS_MAX);
	assert_int_equal(json_array_size(cut), 1);
	assert_string_equal(json_string_value(json_array_get(cut, 0)),
	    "signals");
	json_decref(tree);
	assert_non_null(strstr(html(LANG_EN), "5000+"));
}

/* A page that does not fit is an error, not half a page. */
static void
test_no_room(void **state)
{
	struct ask a = {{0, NOW, "", LANG_EN}, true};

	(void)state;
	fill();
	buf_done(&out);
	buf_init(&out, 3000);
	assert_int_equal(store_now(store, report_job, &a), ERR_LIMIT);
	a.html = false;
	assert_int_equal(store_now(store, report_job, &a), ERR_LIMIT);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		UP_TEST(test_keys),
		UP_TEST(test_escaped),
		UP_TEST(test_languages),
		UP_TEST(test_periods),
		UP_TEST(test_empty),
		UP_TEST(test_drills),
		UP_TEST(test_not_utf8),
		UP_TEST(test_cut),
		UP_TEST(test_no_room),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
