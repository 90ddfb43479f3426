/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The report for people: one self-contained page, no script, prints to A4.
 * Every value on it came from a host or a person and is escaped.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "common/base/clock.h"
#include "server/reports/gather.h"

/* What the page says, in both languages; keys stay as they are. */
enum say {
	SAY_TITLE, SAY_MADE, SAY_HEAD, SAY_SUMMARY, SAY_HOSTS, SAY_SIGNALS,
	SAY_ISOLATIONS, SAY_PLANS, SAY_CHECKS, SAY_RECHECKS, SAY_EVIDENCE,
	SAY_CASES, SAY_NONE, SAY_PROVEN, SAY_UNPROVEN, SAY_TIMELINE, SAY_HOST,
	SAY_GROUP, SAY_TIER, SAY_STAGE, SAY_PROFILE, SAY_PROOF, SAY_TIME,
	SAY_KIND, SAY_SEVERITY, SAY_OBJECT, SAY_BY, SAY_DECISION, SAY_ORDER,
	SAY_STATE, SAY_ORDERED, SAY_APPLIED, SAY_KERNEL, SAY_PLAN, SAY_ACTION,
	SAY_REASON, SAY_WHO, SAY_APPROVED_BY, SAY_CHECK, SAY_RESULT, SAY_TEXT,
	SAY_NAME, SAY_DUE, SAY_CASE, SAY_TITLE_OF_CASE, SAY_PROOFS, SAY_N
};

static const char *const words_en[SAY_N] = {
    "Isolation and recovery report", "made", "audit log head", "Summary",
    "Hosts", "Signals", "Isolations and releases", "Plans and approvals",
    "Gates and checks", "Probation re-checks", "Evidence", "Cases", "none",
    "proven", "not proven", "Order to proof", "host", "group", "tier",
    "stage", "profile", "last proof", "time", "kind", "severity", "object",
    "by", "decision", "order", "state", "ordered", "applied",
    "kernel time", "plan", "action", "reason", "requested by", "approved by",
    "check", "result", "text", "name", "due", "case", "title", "proofs"};
static const char *const words_zh[SAY_N] = {
    "安全隔离与恢复监测报告", "生成时间", "审计日志头", "摘要", "主机", "完整性信号",
    "隔离与恢复", "计划与审批", "风险检查", "观察期复查", "证据", "事件", "无",
    "已证明", "未证明", "从下令到证明", "主机", "组", "级别", "阶段", "网络状态",
    "最近证明", "时间", "类型", "严重度", "对象", "操作者", "判定", "指令", "状态",
    "下令", "生效", "内核用时", "计划", "动作", "理由", "申请人", "审批人", "检查",
    "结果", "说明", "名称", "应查时间", "事件", "标题", "证明次数"};

struct page {
	struct buf *out;
	enum lang lang;
	int rc; /* first failure; all later calls do nothing */
};

static const char *
say(const struct page *p, enum say what)
{
	return p->lang == LANG_ZH ? words_zh[what] : words_en[what];
}

static void __attribute__((format(printf, 2, 3)))
put(struct page *p, const char *fmt, ...)
{
	va_list ap;

	if (p->rc != 0)
		return;
	va_start(ap, fmt);
	p->rc = buf_vprintf(p->out, fmt, ap);
	va_end(ap);
}

/* Foreign text. */
static void
put_text(struct page *p, const char *text)
{
	const char *at;

	for (at = text; *at != '\0' && p->rc == 0; at++) {
		switch (*at) {
		case '&':
			put(p, "&amp;");
			break;
		case '<':
			put(p, "&lt;");
			break;
		case '>':
			put(p, "&gt;");
			break;
		case '"':
			put(p, "&quot;");
			break;
		default:
			p->rc = buf_add_u8(p->out, (uint8_t)*at);
		}
	}
}

static const char *
str(const json_t *row, const char *key)
{
	const char *text = json_string_value(json_object_get(row, key));

	return text != NULL ? text : "";
}

static void
cell(struct page *p, const char *text)
{
	put(p, "<td>");
	put_text(p, text);
	put(p, "</td>");
}

/* Long text without places to break: paths, digests. */
static void
cell_long(struct page *p, const char *text)
{
	put(p, "<td class=w>");
	put_text(p, text);
	put(p, "</td>");
}

/* A stable word, in its colour. */
static void
cell_word(struct page *p, const char *word)
{
	static const char *const good[] = {
	    "normal", "pass", "passed", "proven", "applied", "waived", NULL};
	static const char *const bad[] = {"contained", "fail", "failed",
	    "refused", "reverted", "critical", "high", "denied", NULL};
	const char *class = "";
	int i;

	for (i = 0; good[i] != NULL; i++)
		if (strcmp(word, good[i]) == 0)
			class = " class=good";
	for (i = 0; bad[i] != NULL; i++)
		if (strcmp(word, bad[i]) == 0)
			class = " class=bad";
	put(p, "<td%s>", class);
	put_text(p, word);
	put(p, "</td>");
}

static void
cell_time(struct page *p, const char *rfc3339)
{
	put(p, "<td class=t>");
	if (strlen(rfc3339) >= 19)
		put(p, "%.10s %.8s", rfc3339, rfc3339 + 11);
	put(p, "</td>");
}

static void
head(struct page *p, enum say title, const enum say *columns, size_t n)
{
	size_t i;

	put(p, "<h2>%s</h2>\n<table><thead><tr>", say(p, title));
	for (i = 0; i < n; i++)
		put(p, "<th>%s</th>", say(p, columns[i]));
	put(p, "</tr></thead><tbody>\n");
}

static void
foot(struct page *p, size_t rows)
{
	put(p, "</tbody></table>\n");
	if (rows == 0)
		put(p, "<p class=none>%s</p>\n", say(p, SAY_NONE));
}

#define HEAD(p, title, ...) \
	head(p, title, (const enum say[]){__VA_ARGS__}, \
	    sizeof((const enum say[]){__VA_ARGS__}) / sizeof(enum say))

static void
put_hosts(struct page *p, const json_t *list)
{
	const json_t *h;
	size_t i;

	HEAD(p, SAY_HOSTS, SAY_HOST, SAY_GROUP, SAY_TIER, SAY_STAGE,
	    SAY_PROFILE, SAY_PROOF);
	json_array_foreach(list, i, h) {
		put(p, "<tr>");
		cell(p, str(h, "name"));
		cell(p, str(h, "group"));
		cell(p, str(h, "tier"));
		cell_word(p, str(h, "stage"));
		cell(p, str(h, "desired"));
		cell_time(p, str(h, "proven_at"));
		put(p, "</tr>\n");
	}
	foot(p, json_array_size(list));
}

static void
put_signals(struct page *p, const json_t *list)
{
	const json_t *s;
	size_t i;

	HEAD(p, SAY_SIGNALS, SAY_TIME, SAY_HOST, SAY_KIND, SAY_SEVERITY,
	    SAY_OBJECT, SAY_BY, SAY_DECISION);
	json_array_foreach(list, i, s) {
		const json_t *cause = json_object_get(s, "cause");

		put(p, "<tr>");
		cell_time(p, str(s, "at"));
		cell(p, str(s, "host"));
		cell(p, str(s, "kind"));
		cell_word(p, str(s, "severity"));
		cell_long(p, str(s, "object"));
		put(p, "<td class=w>");
		put_text(p, str(cause, "program"));
		put(p, " ");
		put_text(p, str(cause, "user"));
		put(p, "</td>");
		cell(p, str(json_object_get(s, "decision"), "what"));
		put(p, "</tr>\n");
	}
	foot(p, json_array_size(list));
}

static size_t
count_proofs(const json_t *proofs, const char *order, size_t *bad)
{
	const json_t *one;
	size_t i, n = 0;

	*bad = 0;
	json_array_foreach(proofs, i, one) {
		if (strcmp(str(one, "order"), order) != 0)
			continue;
		n++;
		*bad += !json_is_true(json_object_get(one, "ok"));
	}
	return n;
}

static void
put_orders(struct page *p, const json_t *tree)
{
	const json_t *list = json_object_get(tree, "orders"), *o;
	size_t i, n, bad;

	HEAD(p, SAY_ISOLATIONS, SAY_HOST, SAY_ORDER, SAY_PROFILE, SAY_STATE,
	    SAY_ORDERED, SAY_APPLIED, SAY_PROVEN, SAY_KERNEL, SAY_PROOFS);
	json_array_foreach(list, i, o) {
		put(p, "<tr>");
		cell(p, str(o, "host"));
		cell(p, str(o, "order"));
		cell(p, str(o, "profile"));
		cell_word(p, str(o, "state"));
		cell_time(p, str(o, "created_at"));
		cell_time(p, str(o, "applied_at"));
		cell_time(p, str(o, "proven_at"));
		put(p, "<td class=n>%.1f ms</td>",
		    json_real_value(json_object_get(o, "took_ms")));
		n = count_proofs(json_object_get(tree, "proofs"),
		    str(o, "order"), &bad);
		put(p, "<td class=%s>%zu", bad > 0 ? "bad" : "n", n);
		if (bad > 0)
			put(p, " (%zu %s)", bad, say(p, SAY_UNPROVEN));
		put(p, "</td></tr>\n");
	}
	foot(p, json_array_size(list));
}

/* Order to applied to proven as bars: one line of SVG an order. */
static void
put_bars(struct page *p, const json_t *list)
{
	int64_t t0, t1, t2, longest = 1;
	const json_t *o;
	size_t i;
	int y = 0;

	json_array_foreach(list, i, o)
		if (clock_parse(str(o, "created_at"), &t0) == 0 &&
		    clock_parse(str(o, "proven_at"), &t2) == 0 &&
		    t2 - t0 > longest)
			longest = t2 - t0;
	put(p, "<h2>%s</h2>\n<svg width=\"100%%\" viewBox=\"0 0 700 %zu\" "
	    "role=img>\n", say(p, SAY_TIMELINE),
	    json_array_size(list) * 22 + 4);
	json_array_foreach(list, i, o) {
		if (clock_parse(str(o, "created_at"), &t0) != 0 ||
		    clock_parse(str(o, "applied_at"), &t1) != 0 ||
		    clock_parse(str(o, "proven_at"), &t2) != 0 || t1 < t0 ||
		    t2 < t1)
			continue;
		put(p, "<text x=0 y=%d>", y + 14);
		put_text(p, str(o, "host"));
		put(p, " %s</text><rect x=220 y=%d width=%lld height=12 "
		    "fill=#b58900 /><rect x=%lld y=%d width=%lld height=12 "
		    "fill=#2a7a4b /><text x=%lld y=%d>%lld ms</text>\n",
		    str(o, "profile"), y + 4,
		    (long long)((t1 - t0) * 380 / longest),
		    (long long)(220 + (t1 - t0) * 380 / longest), y + 4,
		    (long long)((t2 - t1) * 380 / longest + 1),
		    (long long)(228 + (t2 - t0) * 380 / longest), y + 14,
		    (long long)(t2 - t0));
		y += 22;
	}
	put(p, "</svg>\n");
}

static void
put_plans(struct page *p, const json_t *tree)
{
	const json_t *list = json_object_get(tree, "plans"), *plan, *a;
	const json_t *approvals = json_object_get(tree, "approvals");
	size_t i, j;

	HEAD(p, SAY_PLANS, SAY_TIME, SAY_PLAN, SAY_ACTION, SAY_STATE,
	    SAY_REASON, SAY_WHO, SAY_APPROVED_BY);
	json_array_foreach(list, i, plan) {
		put(p, "<tr>");
		cell_time(p, str(plan, "created_at"));
		cell(p, str(plan, "plan"));
		cell(p, str(plan, "action"));
		cell_word(p, str(plan, "state"));
		cell_long(p, str(plan, "reason"));
		cell(p, str(plan, "requester"));
		put(p, "<td>");
		json_array_foreach(approvals, j, a) {
			if (strcmp(str(a, "plan"), str(plan, "plan")) != 0)
				continue;
			put_text(p, str(a, "approver"));
			put(p, " (");
			put_text(p, str(a, "verdict"));
			put(p, ") ");
		}
		put(p, "</td></tr>\n");
	}
	foot(p, json_array_size(list));
}

static void
put_checks(struct page *p, const json_t *list)
{
	const json_t *c, *f;
	size_t i, j;

	HEAD(p, SAY_CHECKS, SAY_TIME, SAY_HOST, SAY_KIND, SAY_CHECK,
	    SAY_RESULT, SAY_TEXT);
	json_array_foreach(list, i, c) {
		put(p, "<tr>");
		cell_time(p, str(c, "asked_at"));
		cell(p, str(c, "host"));
		cell(p, str(c, "kind"));
		cell(p, str(c, "check"));
		cell_word(p, str(c, "outcome"));
		put(p, "<td class=w>");
		put_text(p, str(c, "text"));
		json_array_foreach(json_object_get(c, "findings"), j, f) {
			if (j == 10)
				break;
			put(p, "<br>");
			put_text(p, str(f, "code"));
			put(p, " ");
			put_text(p, str(f, "object"));
		}
		put(p, "</td></tr>\n");
	}
	foot(p, json_array_size(list));
}

static void
put_rechecks(struct page *p, const json_t *list)
{
	const json_t *r;
	size_t i;

	HEAD(p, SAY_RECHECKS, SAY_HOST, SAY_NAME, SAY_DUE, SAY_STATE);
	json_array_foreach(list, i, r) {
		put(p, "<tr>");
		cell(p, str(r, "host"));
		cell(p, str(r, "name"));
		cell_time(p, str(r, "due_at"));
		cell_word(p, str(r, "state"));
		put(p, "</tr>\n");
	}
	foot(p, json_array_size(list));
}

static void
put_evidence(struct page *p, const json_t *list)
{
	const json_t *e;
	size_t i;

	HEAD(p, SAY_EVIDENCE, SAY_TIME, SAY_HOST, SAY_KIND, SAY_BY, SAY_TEXT,
	    SAY_OBJECT);
	json_array_foreach(list, i, e) {
		put(p, "<tr>");
		cell_time(p, str(e, "at"));
		cell(p, str(e, "host"));
		cell(p, str(e, "kind"));
		cell(p, str(e, "added_by"));
		cell(p, str(e, "text"));
		cell_long(p, str(e, "sha256"));
		put(p, "</tr>\n");
	}
	foot(p, json_array_size(list));
}

static void
put_cases(struct page *p, const json_t *list)
{
	const json_t *c;
	size_t i;

	HEAD(p, SAY_CASES, SAY_CASE, SAY_TITLE_OF_CASE, SAY_STATE, SAY_TIME,
	    SAY_BY);
	json_array_foreach(list, i, c) {
		put(p, "<tr>");
		cell(p, str(c, "case"));
		cell(p, str(c, "title"));
		cell_word(p, str(c, "state"));
		cell_time(p, str(c, "opened_at"));
		cell(p, str(c, "opened_by"));
		put(p, "</tr>\n");
	}
	foot(p, json_array_size(list));
}

static void
put_top(struct page *p, const json_t *tree)
{
	const json_t *log = json_object_get(tree, "log_head");

	put(p, "<!doctype html>\n<html lang=%s><head><meta charset=utf-8>"
	    "<title>Cordon: %s</title>\n<style>\n"
	    "@page{size:A4;margin:15mm}\n"
	    "body{font:13px/1.4 system-ui,\"Noto Sans CJK SC\",sans-serif;"
	    "max-width:60em;margin:2em auto;padding:0 1em;color:#1b1b1b}\n"
	    "h1{font-size:1.5em;margin-bottom:.1em}"
	    "h2{font-size:1.1em;margin:1.6em 0 .4em;border-bottom:1px solid "
	    "#bbb}\n"
	    "table{border-collapse:collapse;width:100%%;font-size:12px}"
	    "th{text-align:left;color:#555;font-weight:600}"
	    "th,td{padding:.25em .6em .25em 0;vertical-align:top;"
	    "border-bottom:1px solid #eee}\n"
	    ".w{overflow-wrap:anywhere}.t{white-space:nowrap}.n{text-align:right;white-space:nowrap}"
	    ".good{color:#1f6b3f}.bad{color:#a61b1b;font-weight:600}"
	    ".none,.meta{color:#666;overflow-wrap:anywhere}svg text{font-size:12px}\n"
	    "tr{break-inside:avoid}\n</style></head><body>\n<h1>%s</h1>\n",
	    p->lang == LANG_ZH ? "zh-CN" : "en", say(p, SAY_TITLE),
	    say(p, SAY_TITLE));
	put(p, "<p class=meta>%s ", say(p, SAY_MADE));
	put_text(p, str(tree, "made_at"));
	put(p, " · %s %lld ", say(p, SAY_HEAD),
	    (long long)json_integer_value(json_object_get(log, "number")));
	put_text(p, str(log, "hash"));
	put(p, "</p>\n");
}

static void
put_summary(struct page *p, const json_t *tree)
{
	static const struct {
		const char *key;
		enum say what;
	} rows[] = {
	    {"hosts", SAY_HOSTS}, {"signals", SAY_SIGNALS},
	    {"cases", SAY_CASES}, {"plans", SAY_PLANS},
	    {"orders", SAY_ISOLATIONS},
	};
	size_t i;

	put(p, "<h2>%s</h2>\n<table><tbody>\n", say(p, SAY_SUMMARY));
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		put(p, "<tr><td>%s</td><td class=n>%zu</td></tr>\n",
		    say(p, rows[i].what),
		    json_array_size(json_object_get(tree, rows[i].key)));
	put(p, "</tbody></table>\n");
}

int
report_html(struct db *db, const struct report_ask *ask, struct buf *out)
{
	struct page p = {.out = out, .lang = ask->lang};
	json_t *tree = report_gather(db, ask);

	if (tree == NULL)
		return ERR_IO;
	put_top(&p, tree);
	put_summary(&p, tree);
	put_cases(&p, json_object_get(tree, "cases"));
	put_hosts(&p, json_object_get(tree, "hosts"));
	put_signals(&p, json_object_get(tree, "signals"));
	put_plans(&p, tree);
	put_orders(&p, tree);
	put_bars(&p, json_object_get(tree, "orders"));
	put_evidence(&p, json_object_get(tree, "evidence"));
	put_checks(&p, json_object_get(tree, "checks"));
	put_rechecks(&p, json_object_get(tree, "rechecks"));
	put(&p, "</body></html>\n");
	json_decref(tree);
	return p.rc;
}
