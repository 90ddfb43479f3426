/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The report for people: one self-contained page, no script, prints to A4.
 * Every value on it came from a host or a person and is escaped.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/kinds.h"
#include "server/reports/gather.h"

#define FINDINGS_SHOWN 10 /* of a check; all are in the JSON */

/* What the page says, in both languages; keys stay as they are. */
enum say {
	SAY_TITLE, SAY_MADE, SAY_HEAD, SAY_SUMMARY, SAY_HOSTS, SAY_SIGNALS,
	SAY_ISOLATIONS, SAY_PLANS, SAY_CHECKS, SAY_RECHECKS, SAY_EVIDENCE,
	SAY_CASES, SAY_NONE, SAY_PROVEN, SAY_UNPROVEN, SAY_TIMELINE, SAY_HOST,
	SAY_GROUP, SAY_TIER, SAY_STAGE, SAY_PROFILE, SAY_PROOF, SAY_TIME,
	SAY_KIND, SAY_SEVERITY, SAY_OBJECT, SAY_BY, SAY_DECISION, SAY_ORDER,
	SAY_STATE, SAY_ORDERED, SAY_APPLIED, SAY_KERNEL, SAY_PLAN, SAY_ACTION,
	SAY_REASON, SAY_WHO, SAY_APPROVED_BY, SAY_CHECK, SAY_RESULT, SAY_TEXT,
	SAY_NAME, SAY_DUE, SAY_CASE, SAY_TITLE_OF_CASE, SAY_PROOFS,
	SAY_DRILLS, SAY_MARK, SAY_DRILL, SAY_OVER, SAY_WOULD_CUT, SAY_COUNTED,
	SAY_WEAKER, SAY_N
};

static const char *const words_en[SAY_N] = {
    "Isolation and recovery report", "made", "audit log head", "Summary",
    "Hosts", "Signals", "Isolations and releases", "Plans and approvals",
    "Gates and checks", "Probation re-checks", "Evidence", "Cases", "none",
    "proven", "not proven", "Order to proof", "host", "group", "tier",
    "stage", "profile", "last proof", "time", "kind", "severity", "object",
    "by", "decision", "order", "state", "ordered", "applied",
    "kernel time", "plan", "action", "reason", "requested by", "approved by",
    "check", "result", "text", "name", "due", "case", "title", "proofs",
    "DRILLS 演练", "practice", "drill", "answered", "flows it would cut",
    "packets counted", "weaker"};
static const char *const words_zh[SAY_N] = {
    "安全隔离与恢复监测报告", "生成时间", "审计日志头", "摘要", "主机", "完整性信号",
    "隔离与恢复", "计划与审批", "风险检查", "观察期复查", "证据", "事件", "无",
    "已证明", "未证明", "从下令到证明", "主机", "组", "级别", "阶段", "网络状态",
    "最近证明", "时间", "类型", "严重度", "对象", "操作者", "判定", "指令", "状态",
    "下令", "生效", "内核用时", "计划", "动作", "理由", "申请人", "审批人", "检查",
    "结果", "说明", "名称", "应查时间", "事件", "标题", "证明次数",
    "演练 DRILLS", "标记", "演练", "答复", "将中断的连接", "计数报文", "较弱项"};

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

/* -- cells: each draws KEY of ROW; TREE is the whole record ---------------- */

typedef void cell_fn(struct page *p, const json_t *tree, const json_t *row,
    const char *key);

static void
cell_text(struct page *p, const json_t *tree, const json_t *row,
    const char *key)
{
	(void)tree;
	put(p, "<td>");
	put_text(p, str(row, key));
	put(p, "</td>");
}

/* A name or id, on one line. */
static void
cell_id(struct page *p, const json_t *tree, const json_t *row,
    const char *key)
{
	(void)tree;
	put(p, "<td class=t>");
	put_text(p, str(row, key));
	put(p, "</td>");
}

/* A kind of signal, and what it is. */
static void
cell_kind(struct page *p, const json_t *tree, const json_t *row,
    const char *key)
{
	const struct signal_kind *k = signal_kind_find(str(row, key));

	(void)tree;
	put(p, "<td class=w>");
	put_text(p, str(row, key));
	if (k != NULL) {
		put(p, "<br>");
		put_text(p, p->lang == LANG_ZH ? k->zh : k->en);
	}
	put(p, "</td>");
}

/* Long text without places to break: paths, digests. */
static void
cell_long(struct page *p, const json_t *tree, const json_t *row,
    const char *key)
{
	(void)tree;
	put(p, "<td class=w>");
	put_text(p, str(row, key));
	put(p, "</td>");
}

/* A stable word, in its colour. */
static void
cell_word(struct page *p, const json_t *tree, const json_t *row,
    const char *key)
{
	static const char *const good[] = {
	    "normal", "pass", "passed", "proven", "applied", "waived", NULL};
	static const char *const bad[] = {"contained", "fail", "failed",
	    "refused", "reverted", "critical", "high", "denied", NULL};
	const char *class = "", *word = str(row, key);
	int i;

	(void)tree;
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
cell_time(struct page *p, const json_t *tree, const json_t *row,
    const char *key)
{
	const char *rfc3339 = str(row, key);

	(void)tree;
	put(p, "<td class=t>");
	if (strlen(rfc3339) >= 19)
		put(p, "%.10s %.8s", rfc3339, rfc3339 + 11);
	put(p, "</td>");
}

/* A whole number; below 0: not known. */
static void
cell_count(struct page *p, const json_t *tree, const json_t *row,
    const char *key)
{
	json_int_t n = json_integer_value(json_object_get(row, key));

	(void)tree;
	if (n < 0)
		put(p, "<td class=n>-</td>");
	else
		put(p, "<td class=n>%lld</td>", (long long)n);
}

static void
cell_ms(struct page *p, const json_t *tree, const json_t *row,
    const char *key)
{
	(void)tree;
	put(p, "<td class=n>%.1f ms</td>",
	    json_real_value(json_object_get(row, key)));
}

/* Who did it: program and user of a signal's cause. */
static void
cell_cause(struct page *p, const json_t *tree, const json_t *row,
    const char *key)
{
	const json_t *cause = json_object_get(row, key);

	(void)tree;
	put(p, "<td class=w>");
	put_text(p, str(cause, "program"));
	put(p, " ");
	put_text(p, str(cause, "user"));
	put(p, "</td>");
}

static void
cell_decision(struct page *p, const json_t *tree, const json_t *row,
    const char *key)
{
	cell_text(p, tree, json_object_get(row, key), "what");
}

/* How many proofs came for an order, how many were bad, what the last lacks. */
static void
cell_proofs(struct page *p, const json_t *tree, const json_t *row,
    const char *key)
{
	const json_t *one, *weak = NULL, *line;
	size_t i, n = 0, bad = 0;

	json_array_foreach(json_object_get(tree, "proofs"), i, one) {
		if (strcmp(str(one, "order"), str(row, key)) != 0)
			continue;
		n++;
		weak = json_object_get(json_object_get(one, "detail"),
		    "weak");
		bad += !json_is_true(json_object_get(one, "ok"));
	}
	put(p, "<td class=%s>%zu", bad > 0 ? "bad" : "n", n);
	if (bad > 0)
		put(p, " (%zu %s)", bad, say(p, SAY_UNPROVEN));
	json_array_foreach((json_t *)(uintptr_t)weak, i, line) {
		if (i == 0)
			put(p, "<br>%s: ", say(p, SAY_WEAKER));
		else
			put(p, "; ");
		put_text(p, json_is_string(line) ? json_string_value(line) :
		    "");
	}
	put(p, "</td>");
}

static void
cell_approvals(struct page *p, const json_t *tree, const json_t *row,
    const char *key)
{
	const json_t *a;
	size_t i;

	put(p, "<td>");
	json_array_foreach(json_object_get(tree, "approvals"), i, a) {
		if (strcmp(str(a, "plan"), str(row, key)) != 0)
			continue;
		put_text(p, str(a, "approver"));
		put(p, " (");
		put_text(p, str(a, "verdict"));
		put(p, ") ");
	}
	put(p, "</td>");
}

/* The text of a check, then its first findings. */
static void
cell_findings(struct page *p, const json_t *tree, const json_t *row,
    const char *key)
{
	const json_t *f;
	size_t i;

	(void)tree;
	put(p, "<td class=w>");
	put_text(p, str(row, key));
	json_array_foreach(json_object_get(row, "findings"), i, f) {
		if (i == FINDINGS_SHOWN)
			break;
		put(p, "<br>");
		put_text(p, str(f, "code"));
		put(p, " ");
		put_text(p, str(f, "object"));
	}
	put(p, "</td>");
}

/* -- sections -------------------------------------------------------------- */

static const struct section {
	enum say title;
	const char *list; /* key of the tree */
	struct {
		enum say head;
		const char *key;
		cell_fn *cell; /* NULL ends the row */
	} column[11];
} sections[] = {
    {SAY_CASES, "cases", {{SAY_CASE, "case", cell_id},
	{SAY_TITLE_OF_CASE, "title", cell_long},
	{SAY_STATE, "state", cell_word}, {SAY_TIME, "opened_at", cell_time},
	{SAY_BY, "opened_by", cell_text}}},
    {SAY_HOSTS, "hosts", {{SAY_HOST, "name", cell_id},
	{SAY_GROUP, "group", cell_text}, {SAY_TIER, "tier", cell_text},
	{SAY_STAGE, "stage", cell_word}, {SAY_PROFILE, "desired", cell_text},
	{SAY_PROOF, "proven_at", cell_time}}},
    {SAY_SIGNALS, "signals", {{SAY_TIME, "at", cell_time},
	{SAY_HOST, "host", cell_id}, {SAY_KIND, "kind", cell_kind},
	{SAY_SEVERITY, "severity", cell_word},
	{SAY_OBJECT, "object", cell_long}, {SAY_BY, "cause", cell_cause},
	{SAY_DECISION, "decision", cell_decision}}},
    {SAY_PLANS, "plans", {{SAY_TIME, "created_at", cell_time},
	{SAY_PLAN, "plan", cell_id}, {SAY_ACTION, "action", cell_text},
	{SAY_STATE, "state", cell_word}, {SAY_REASON, "reason", cell_long},
	{SAY_WHO, "requester", cell_text},
	{SAY_APPROVED_BY, "plan", cell_approvals}}},
    {SAY_ISOLATIONS, "orders", {{SAY_HOST, "host", cell_id},
	{SAY_ORDER, "order", cell_id}, {SAY_PROFILE, "profile", cell_text},
	{SAY_STATE, "state", cell_word},
	{SAY_ORDERED, "created_at", cell_time},
	{SAY_APPLIED, "applied_at", cell_time},
	{SAY_PROVEN, "proven_at", cell_time},
	{SAY_KERNEL, "took_ms", cell_ms},
	{SAY_PROOFS, "order", cell_proofs}}},
    {SAY_EVIDENCE, "evidence", {{SAY_TIME, "at", cell_time},
	{SAY_HOST, "host", cell_id}, {SAY_KIND, "kind", cell_text},
	{SAY_BY, "added_by", cell_text}, {SAY_TEXT, "text", cell_long},
	{SAY_OBJECT, "sha256", cell_long}}},
    {SAY_CHECKS, "checks", {{SAY_TIME, "asked_at", cell_time},
	{SAY_HOST, "host", cell_id}, {SAY_KIND, "kind", cell_text},
	{SAY_CHECK, "check", cell_text}, {SAY_RESULT, "outcome", cell_word},
	{SAY_TEXT, "text", cell_findings}}},
    {SAY_RECHECKS, "rechecks", {{SAY_HOST, "host", cell_id},
	{SAY_NAME, "name", cell_text}, {SAY_DUE, "due_at", cell_time},
	{SAY_STATE, "state", cell_word}}},
    {SAY_DRILLS, "drills", {{SAY_MARK, "mark", cell_id},
	{SAY_HOST, "host", cell_id}, {SAY_DRILL, "drill", cell_text},
	{SAY_STATE, "state", cell_word},
	{SAY_ORDERED, "created_at", cell_time},
	{SAY_OVER, "answered_at", cell_time},
	{SAY_PROVEN, "proven_at", cell_time},
	{SAY_KERNEL, "took_ms", cell_ms},
	{SAY_WOULD_CUT, "would_cut", cell_count},
	{SAY_COUNTED, "counted", cell_count}}},
};

static void
put_section(struct page *p, const json_t *tree, const struct section *s)
{
	const json_t *list = json_object_get(tree, s->list), *row;
	size_t i, c;

	put(p, "<h2>%s</h2>\n<table><thead><tr>", say(p, s->title));
	for (c = 0; s->column[c].cell != NULL; c++)
		put(p, "<th>%s</th>", say(p, s->column[c].head));
	put(p, "</tr></thead><tbody>\n");
	json_array_foreach(list, i, row) {
		put(p, "<tr>");
		for (c = 0; s->column[c].cell != NULL; c++)
			s->column[c].cell(p, tree, row, s->column[c].key);
		put(p, "</tr>\n");
	}
	put(p, "</tbody></table>\n");
	if (json_array_size(list) == 0)
		put(p, "<p class=none>%s</p>\n", say(p, SAY_NONE));
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

/* Were there more rows than the report holds? */
static bool
is_cut(const json_t *tree, const char *key)
{
	const json_t *one;
	size_t i;

	json_array_foreach(json_object_get(tree, "cut"), i, one)
		if (strcmp(json_string_value(one), key) == 0)
			return true;
	return false;
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
		put(p, "<tr><td>%s</td><td class=n>%zu%s</td></tr>\n",
		    say(p, rows[i].what),
		    json_array_size(json_object_get(tree, rows[i].key)),
		    is_cut(tree, rows[i].key) ? "+" : "");
	put(p, "</tbody></table>\n");
}

int
report_html(struct db *db, const struct report_ask *ask, struct buf *out)
{
	struct page p = {.out = out, .lang = ask->lang};
	json_t *tree = report_gather(db, ask);
	size_t i;

	if (tree == NULL)
		return ERR_IO;
	put_top(&p, tree);
	put_summary(&p, tree);
	for (i = 0; i < sizeof(sections) / sizeof(sections[0]); i++) {
		put_section(&p, tree, &sections[i]);
		if (sections[i].title == SAY_ISOLATIONS)
			put_bars(&p, json_object_get(tree, "orders"));
	}
	put(&p, "</body></html>\n");
	json_decref(tree);
	return p.rc;
}
