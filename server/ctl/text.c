/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Sentences and their arguments (text.h). */
#include <string.h>

#include "server/ctl/text.h"

static const struct {
	const char *en, *zh;
} sentences[T_N] = {
#define TEXT(id, en, zh) { en, zh },
#include "server/ctl/text.def"
#undef TEXT
};

const char *
text_of(enum text id, enum lang lang)
{
	return lang == LANG_ZH ? sentences[id].zh : sentences[id].en;
}

char *
text_fill(char *out, size_t size, const char *sentence,
    const char *const *args, size_t n)
{
	const char *at, *part;
	size_t used = 0, len;

	for (at = sentence; *at != '\0' && used + 1 < size; at++) {
		part = at;
		len = 1;
		if (*at == '%' && at[1] >= '1' && at[1] <= '9' &&
		    (size_t)(at[1] - '1') < n) {
			part = args[at[1] - '1'];
			len = strlen(part);
			at++;
		}
		if (len > size - 1 - used)
			len = size - 1 - used;
		memcpy(out + used, part, len);
		used += len;
	}
	out[used] = '\0';
	return out;
}

enum lang
text_lang(const char *locale)
{
	return locale != NULL && strncmp(locale, "zh", 2) == 0 &&
	    (locale[2] == '\0' || locale[2] == '_' || locale[2] == '.' ||
	    locale[2] == '-') ? LANG_ZH : LANG_EN;
}

/* The codes of API.md and of server/orders/orders.h. */
static const struct {
	const char *code, *zh;
} codes[] = {
	{ "approvals-missing", "审批人数不足" },
	{ "bad-request", "请求有误" },
	{ "budget", "超出隔离限额" },
	{ "busy", "采集中心繁忙" },
	{ "conflict", "已存在，或另一操作正在进行" },
	{ "digest", "计划内容与所见不一致" },
	{ "evidence-missing", "尚未保全证据，也未豁免" },
	{ "expect-hosts", "主机数量不符" },
	{ "expired", "已过期" },
	{ "forbidden", "没有所需的角色" },
	{ "gate", "风险检查未通过或已过期" },
	{ "host-away", "主机离线" },
	{ "internal", "采集中心内部错误" },
	{ "never-isolate", "主机标记为不可隔离" },
	{ "no-host", "没有这样的主机" },
	{ "not-found", "未找到" },
	{ "operator-young", "操作员账户创建时间过短" },
	{ "own-plan", "申请人不能审批自己的计划" },
	{ "reason-short", "原因过短" },
	{ "role", "没有所需的角色" },
	{ "signer", "签名服务拒绝或不可用" },
	{ "stage", "主机当前阶段不允许" },
	{ "state", "当前状态不允许" },
	{ "stopped", "停止开关已开启" },
	{ "token-unknown", "令牌未知、已用完或已过期" },
	{ "too-large", "请求过大" },
	{ "too-many", "尝试次数过多" },
	{ "unauthorised", "证书无效或未知" },
};

const char *
text_code_zh(const char *code)
{
	size_t i;

	for (i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
		if (strcmp(codes[i].code, code) == 0)
			return codes[i].zh;
	return NULL;
}
