/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The tables behind words.h: one row a value with its stable name and what
 * a person reads.  Pure; runs in the collector and in cordonctl.
 */
#include "server/model/words.h"

#include <stddef.h>
#include <string.h>

struct word {
	int value;
	const char *name;
	const char *en;
	const char *zh;
};

static const struct word tier_words[] = {
	{ TIER_T0, "T0", "T0 critical", "T0 关键系统" },
	{ TIER_T1, "T1", "T1 production server", "T1 生产服务器" },
	{ TIER_T2, "T2", "T2 workstation", "T2 工作站" },
	{ TIER_T3, "T3", "T3 test", "T3 测试" },
};

static const struct word stage_words[] = {
	{ STAGE_NORMAL, "normal", "normal", "正常" },
	{ STAGE_CONTAINED, "contained", "contained", "已隔离" },
	{ STAGE_RECOVERING, "recovering", "recovering", "恢复中" },
	{ STAGE_VERIFYING, "verifying", "verifying", "校验中" },
	{ STAGE_PROBATION, "probation", "probation", "观察期" },
	{ STAGE_RETIRED, "retired", "retired", "已退役" },
};

static const struct word profile_words[] = {
	{ PROFILE_OPEN, "open", "open", "开放" },
	{ PROFILE_STRICT, "strict", "strict isolation", "严格隔离" },
	{ PROFILE_RECOVERY, "recovery", "recovery network", "恢复网络" },
	{ PROFILE_LIMITED, "limited", "limited network", "受限网络" },
};

static const struct word action_words[] = {
	{ ACTION_ISOLATE, "isolate", "isolate", "隔离" },
	{ ACTION_RECOVER, "recover", "recover", "转入恢复" },
	{ ACTION_RESTORE, "restore", "restore", "解除隔离" },
	{ ACTION_LIMIT, "limit", "limit", "限制网络" },
};

static const struct word plan_state_words[] = {
	{ PLAN_PROPOSED, "proposed", "proposed", "待审批" },
	{ PLAN_APPROVED, "approved", "approved", "已批准" },
	{ PLAN_APPLIED, "applied", "applied", "已执行" },
	{ PLAN_DENIED, "denied", "denied", "已驳回" },
	{ PLAN_CANCELLED, "cancelled", "cancelled", "已撤销" },
	{ PLAN_EXPIRED, "expired", "expired, unanswered means no",
	    "已过期（未答复视为否决）" },
};

static const struct word origin_words[] = {
	{ ORIGIN_MANUAL, "manual", "by a person", "人工" },
	{ ORIGIN_RECOMMENDED, "recommended", "recommended", "系统建议" },
	{ ORIGIN_POLICY, "policy", "by policy", "策略自动" },
};

static const struct word order_state_words[] = {
	{ ORDER_PENDING, "pending", "waiting for the host", "待下发" },
	{ ORDER_SENT, "sent", "sent", "已下发" },
	{ ORDER_APPLIED, "applied", "applied, not proven yet",
	    "已生效，待证明" },
	{ ORDER_PROVEN, "proven", "proven", "已证明" },
	{ ORDER_REFUSED, "refused", "refused by the host", "被主机拒绝" },
	{ ORDER_FAILED, "failed", "failed on the host", "执行失败" },
	{ ORDER_REVERTED, "reverted", "undone, not confirmed in time",
	    "未按时确认，已回退" },
	{ ORDER_SUPERSEDED, "superseded", "replaced by a newer order",
	    "已被新指令取代" },
	{ ORDER_CANCELLED, "cancelled", "cancelled", "已撤销" },
	{ ORDER_EXPIRED, "expired", "expired before delivery",
	    "逾期未送达" },
	{ ORDER_DRILLED, "drilled", "drilled, over", "演练完成" },
};

static const struct word case_state_words[] = {
	{ CASE_SUSPECTED, "suspected", "suspected", "疑似" },
	{ CASE_ASSESSING, "assessing", "assessing", "研判" },
	{ CASE_CONFIRMED, "confirmed", "confirmed", "确认" },
	{ CASE_CONTAINING, "containing", "containing", "遏制中" },
	{ CASE_CONTAINED, "contained", "contained", "已遏制" },
	{ CASE_RECOVERING, "recovering", "recovering", "恢复中" },
	{ CASE_WATCHING, "watching", "watching", "观察期" },
	{ CASE_REVIEWING, "reviewing", "reviewing", "复盘" },
	{ CASE_CLOSED, "closed", "closed", "关闭" },
	{ CASE_DISMISSED, "dismissed", "dismissed", "已排除" },
};

static const struct word severity_words[] = {
	{ SEV_INFO, "info", "information", "信息" },
	{ SEV_LOW, "low", "low", "低" },
	{ SEV_MEDIUM, "medium", "medium", "中" },
	{ SEV_HIGH, "high", "high", "高" },
	{ SEV_CRITICAL, "critical", "critical", "严重" },
};

static const struct word outcome_words[] = {
	{ OUTCOME_NONE, "none", "not run yet", "未执行" },
	{ OUTCOME_PASS, "pass", "pass", "通过" },
	{ OUTCOME_FAIL, "fail", "fail", "不通过" },
	{ OUTCOME_UNKNOWN, "unknown", "unknown, blocks like fail",
	    "未知（按不通过处理）" },
	{ OUTCOME_WAIVED, "waived", "waived", "已豁免" },
};

static const struct word role_words[] = {
	{ ROLE_VIEWER, "viewer", "viewer", "查看者" },
	{ ROLE_ANALYST, "analyst", "analyst", "分析员" },
	{ ROLE_RESPONDER, "responder", "responder", "处置员" },
	{ ROLE_APPROVER, "approver", "approver", "审批人" },
	{ ROLE_COMMANDER, "commander", "incident commander", "事件指挥" },
	{ ROLE_RECOVERY, "recovery", "recovery engineer", "恢复工程师" },
	{ ROLE_VERIFIER, "verifier", "verifier", "校验员" },
	{ ROLE_OWNER, "owner", "business owner", "业务负责人" },
	{ ROLE_BASELINE, "baseline", "baseline keeper", "基线管理员" },
	{ ROLE_AUDITOR, "auditor", "auditor", "审计员" },
	{ ROLE_ADMIN, "admin", "administrator", "管理员" },
};

static const struct word drill_words[] = {
	{ DRILL_NONE, "none", "no drill", "非演练" },
	{ DRILL_DRY, "dry", "dry drill", "空跑演练" },
	{ DRILL_COUNT, "count", "counting drill", "计数演练" },
	{ DRILL_LIVE, "live", "live drill", "实战演练" },
};

static const struct word sweep_kind_words[] = {
	{ SWEEP_SHA256, "sha256", "files with the SHA-256",
	    "文件（SHA-256）" },
	{ SWEEP_PATH, "path", "files at", "文件（路径）" },
	{ SWEEP_USER, "user", "account", "账户" },
	{ SWEEP_ADDRESS, "address", "sockets with", "网络连接（地址）" },
	{ SWEEP_PROCESS, "process", "processes", "进程" },
};

static const struct word sweep_state_words[] = {
	{ SWEEP_ASKED, "asked", "asked, no answer yet", "已询问，尚未答复" },
	{ SWEEP_AWAY, "away", "away", "离线" },
	{ SWEEP_TOO_OLD, "too-old", "agent too old to answer",
	    "代理版本过旧，无法答复" },
	{ SWEEP_FOUND, "found", "has it", "存在" },
	{ SWEEP_ABSENT, "absent", "does not have it", "不存在" },
	{ SWEEP_UNCOVERED, "uncovered", "its index does not cover that",
	    "索引未覆盖所查内容" },
	{ SWEEP_FAILED, "failed", "cannot answer", "无法答复" },
	{ SWEEP_LATE, "late", "did not answer in time", "未按时答复" },
};

#define LIST(a) { a, sizeof(a) / sizeof((a)[0]) }
static const struct {
	const struct word *words;
	size_t n;
} lists[WORDS_N] = {
	[WORDS_TIER] = LIST(tier_words),
	[WORDS_STAGE] = LIST(stage_words),
	[WORDS_PROFILE] = LIST(profile_words),
	[WORDS_ACTION] = LIST(action_words),
	[WORDS_PLAN_STATE] = LIST(plan_state_words),
	[WORDS_ORIGIN] = LIST(origin_words),
	[WORDS_ORDER_STATE] = LIST(order_state_words),
	[WORDS_CASE_STATE] = LIST(case_state_words),
	[WORDS_SEVERITY] = LIST(severity_words),
	[WORDS_OUTCOME] = LIST(outcome_words),
	[WORDS_ROLE] = LIST(role_words),
	[WORDS_DRILL] = LIST(drill_words),
	[WORDS_SWEEP_KIND] = LIST(sweep_kind_words),
	[WORDS_SWEEP_STATE] = LIST(sweep_state_words),
};
#undef LIST

static const struct word *
find_value(enum words w, int value)
{
	size_t i;

	if ((unsigned int)w >= WORDS_N)
		return NULL;
	for (i = 0; i < lists[w].n; i++)
		if (lists[w].words[i].value == value)
			return &lists[w].words[i];
	return NULL;
}

const char *
word_name(enum words w, int value)
{
	const struct word *row = find_value(w, value);

	return row != NULL ? row->name : "?";
}

const char *
word_text(enum words w, int value, enum lang lang)
{
	const struct word *row = find_value(w, value);

	if (row == NULL)
		return "?";
	return lang == LANG_ZH ? row->zh : row->en;
}

int
word_find(enum words w, const char *name, int *value)
{
	size_t i;

	if ((unsigned int)w >= WORDS_N || name == NULL)
		return ERR_NOENT;
	for (i = 0; i < lists[w].n; i++) {
		if (strcmp(lists[w].words[i].name, name) == 0) {
			*value = lists[w].words[i].value;
			return 0;
		}
	}
	return ERR_NOENT;
}
