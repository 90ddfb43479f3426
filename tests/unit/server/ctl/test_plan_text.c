/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a person sees of plans and proofs, to the letter. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "common/base/clock.h"
#include "server/ctl/cmd.h"

#define PLAN(state, extra) \
	"{\"plan\":\"P-7F3A9K2M\",\"action\":\"isolate\"," \
	"\"profile\":\"strict\",\"state\":\"" state "\"," \
	"\"case\":\"C-2026\",\"reason\":\"beacon after macro\"," \
	"\"requester\":\"li\",\"approvals_needed\":0," \
	"\"approvals_given\":0,\"review_seconds\":86400," \
	"\"created_at\":\"2026-11-22T14:49:00.000Z\"," \
	"\"expires_at\":\"2026-11-22T15:04:00.000Z\"," \
	"\"why\":\"\",\"hosts\":[{\"name\":\"fin-ws-0231\",\"tier\":\"T2\"," \
	"\"group\":\"treasury\",\"online\":true,\"service\":\"\"," \
	"\"last_seen\":\"2026-11-22T14:49:07.000Z\"}]," \
	"\"keeps\":[\"10.1.2.3:8443\",\"10.1.2.4:8443\"]," \
	"\"fleet\":842" extra "}"

static const char plain_en[] =
    "PLAN P-7F3A9K2M   nothing changed yet                               "
    "expires 15:04 UTC\n"
    "  action     isolate, profile strict, review by tomorrow 14:49 UTC\n"
    "  hosts      1 of 842 (0.1 %)  fin-ws-0231  T2  treasury  online, last "
    "seen 3 s ago\n"
    "  keeps      collector 10.1.2.3:8443, 10.1.2.4:8443\n"
    "  cuts       everything else, v4 and v6, both ways; live flows end at "
    "once\n"
    "  why        beacon after macro\n"
    "  case       C-2026\n"
    "  asked by   li\n"
    "  approvals  none needed (T2, single host)\n"
    "  undo       cordonctl recover fin-ws-0231, then verify, then restore "
    "(approval and the gate)\n";

static const char plain_zh[] =
    "计划 P-7F3A9K2M   尚未做任何更改                                    "
    "15:04 UTC 过期\n"
    "  操作       隔离，网络策略 strict，复核时间 明天 14:49 UTC\n"
    "  主机       842 台中的 1 台（0.1 %）  fin-ws-0231  T2  treasury  在线，"
    "3 秒前有联系\n"
    "  保留       采集中心 10.1.2.3:8443, 10.1.2.4:8443\n"
    "  切断       其余全部流量（v4 与 v6，双向）；现有连接立即中断\n"
    "  原因       beacon after macro\n"
    "  事件       C-2026\n"
    "  申请人     li\n"
    "  审批       无需审批（T2, 单台主机）\n"
    "  撤回       cordonctl recover fin-ws-0231，再 verify，再 "
    "restore（须审批并通过风险检查）\n";

/* The plan as text, times in UTC, now 14:49:10. */
static char *
render(const char *json, enum lang lang)
{
	static struct out o;
	json_t *plan = json_loads(json, 0, NULL);
	char *text = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&text, &len);

	assert_non_null(plan);
	out_init(&o, f, f, lang);
	o.utc = true;
	assert_int_equal(clock_parse("2026-11-22T14:49:10.000Z", &o.now), 0);
	plan_print(&o, plan);
	fclose(f);
	json_decref(plan);
	return text;
}

static void
test_golden(void **state)
{
	char *text;

	(void)state;
	text = render(PLAN("proposed", ""), LANG_EN);
	assert_string_equal(text, plain_en);
	free(text);
	text = render(PLAN("proposed", ""), LANG_ZH);
	assert_string_equal(text, plain_zh);
	free(text);
}

/* What is done does not say that nothing changed, nor how to undo a plan. */
static void
test_applied(void **state)
{
	char *text = render(PLAN("applied", ""), LANG_EN);

	(void)state;
	assert_null(strstr(text, "nothing changed"));
	assert_null(strstr(text, "expires"));
	assert_null(strstr(text, "undo"));
	assert_non_null(strstr(text, "applied"));
	free(text);
}

static void
test_approvals(void **state)
{
	char *text = render("{\"plan\":\"P-1\",\"action\":\"isolate\","
	    "\"profile\":\"strict\",\"state\":\"proposed\","
	    "\"approvals_needed\":2,\"approvals_given\":1,"
	    "\"owner_needed\":true,\"fleet\":10,\"hosts\":[{\"name\":\"db\","
	    "\"tier\":\"T0\",\"service\":\"ledger\"}]}", LANG_EN);

	(void)state;
	assert_non_null(strstr(text, "1 of 2 given, one by the business "
	    "owner"));
	assert_non_null(strstr(text, "T0: the service ledger goes down"));
	assert_non_null(strstr(text, "never seen"));
	free(text);
}

/* A host's words cannot move the cursor or add a line. */
static void
test_hostile(void **state)
{
	char *text = render("{\"plan\":\"P-1\\u001b[2J\",\"action\":\"x\\n\","
	    "\"profile\":7,\"state\":\"proposed\",\"hosts\":[{\"name\":"
	    "\"a\\u001b]0;x\\u0007\",\"tier\":null},5],\"fleet\":-1,"
	    "\"reason\":\"\\u202eevil\",\"keeps\":\"no\"}", LANG_EN);
	const char *p;
	size_t lines = 0;

	(void)state;
	for (p = text; *p != '\0'; p++) {
		lines += *p == '\n';
		assert_true(*p == '\n' || (unsigned char)*p >= 0x20);
	}
	assert_null(strstr(text, "\xe2\x80\xae"));
	assert_true(lines < 14);
	free(text);
}

static void
test_proof(void **state)
{
	static struct out o;
	json_t *d = json_loads("{\"digest_kernel\":\"aa\","
	    "\"digest_expected\":\"aa\",\"probes\":["
	    "{\"address\":\"10.0.0.1\",\"outcome\":\"blocked\"},"
	    "{\"address\":\"fd00::1\",\"outcome\":\"blocked\"},"
	    "{\"address\":\"10.0.0.2\",\"outcome\":\"failed\"}]}", 0, NULL);

	(void)state;
	out_init(&o, stdout, stderr, LANG_EN);
	assert_string_equal(proof_text(&o, d),
	    "rules, collector, 2/3 probes fail (v4, v6)");
	json_object_set_new(d, "digest_kernel", json_string("bb"));
	json_object_del(d, "probes");
	assert_string_equal(proof_text(&o, d), "collector");
	json_object_set_new(d, "weak", json_loads("[\"owner: kernel 5.4\","
	    "\"plain-rules: \\u0007\"]", 0, NULL));
	assert_string_equal(proof_text(&o, d),
	    "collector, weaker: owner, plain-rules");
	json_object_set_new(d, "weak", json_loads("[1,\"\\u001b[2J\"]", 0,
	    NULL));
	assert_null(strchr(proof_text(&o, d), 27));
	json_decref(d);
}

/* A host whose proof failed is never called done, proven before or not. */
static void
test_fate(void **state)
{
	static const struct {
		const char *order, *isolation;
		bool opens;
		enum fate want;
	} rows[] = {
		{ "sent", "sending", false, FATE_OPEN },
		{ "applied", "unproven", false, FATE_OPEN },
		{ "proven", "proven", false, FATE_GOOD },
		{ "proven", "old-proof", false, FATE_GOOD },
		{ "proven", "failed", false, FATE_BAD },
		{ "applied", "failed", false, FATE_BAD },
		{ "sent", "late", false, FATE_OPEN },
		{ "refused", "failed", false, FATE_BAD },
		{ "reverted", "", false, FATE_BAD },
		{ "superseded", "proven", false, FATE_BAD },
		{ "applied", "open", true, FATE_GOOD },
		{ "sent", "opening", true, FATE_OPEN },
		{ "failed", "failed", true, FATE_BAD },
		{ "", "", true, FATE_OPEN },
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		json_t *host = json_pack("{s:s, s:s}", "order_state",
		    rows[i].order, "isolation", rows[i].isolation);

		assert_int_equal(plan_fate(host, rows[i].opens),
		    rows[i].want);
		json_decref(host);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_golden),
		cmocka_unit_test(test_applied),
		cmocka_unit_test(test_approvals),
		cmocka_unit_test(test_hostile),
		cmocka_unit_test(test_proof),
		cmocka_unit_test(test_fate),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
