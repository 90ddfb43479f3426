/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What a screen says of a host's isolation: the weakest of what was ordered,
 * what the agent reported and what was proven.  Pure; the facts come from
 * the store, the time from the caller.
 */
#include "server/model/model.h"

#include <stdio.h>
#include <string.h>

#include "common/base/clock.h"

static const char *const isolation_names[] = {
	[ISO_OPEN] = "open",
	[ISO_OPENING] = "opening",
	[ISO_SENDING] = "sending",
	[ISO_UNPROVEN] = "unproven",
	[ISO_PROVEN] = "proven",
	[ISO_OLD_PROOF] = "old-proof",
	[ISO_LATE] = "late",
	[ISO_FAILED] = "failed",
};

const char *
isolation_name(enum isolation i)
{
	if ((unsigned int)i > ISO_FAILED)
		return "?";
	return isolation_names[i];
}

bool
order_state_is_no(enum order_state state)
{
	switch (state) {
	case ORDER_REFUSED:
	case ORDER_FAILED:
	case ORDER_REVERTED:
	case ORDER_CANCELLED:
	case ORDER_EXPIRED:
		return true;
	default:
		return false;
	}
}

static bool
open_desired(const struct host *h)
{
	/* 0: a record that was never ordered anything. */
	return h->desired == PROFILE_OPEN || (int)h->desired == 0;
}

static bool
reported_as_desired(const struct host *h)
{
	return strcmp(h->applied_order, h->desired_order) == 0 &&
	    h->applied == h->desired;
}

static enum isolation
opening_of(const struct host *h, enum order_state state)
{
	if (h->applied == PROFILE_OPEN || (int)h->applied == 0) {
		if (strcmp(h->applied_order, h->desired_order) == 0)
			return ISO_OPEN;
		if (h->desired_order[0] == '\0')
			return ISO_OPEN;
	}
	return order_state_is_no(state) ? ISO_FAILED : ISO_OPENING;
}

enum isolation
isolation_of(const struct host *h, enum order_state state, int64_t now)
{
	int64_t waited;

	if (open_desired(h))
		return opening_of(h, state);
	if (order_state_is_no(state))
		return ISO_FAILED;
	if (reported_as_desired(h) && h->proven_at != 0 &&
	    strcmp(h->proven_order, h->desired_order) == 0) {
		if (!h->proven_ok)
			return ISO_FAILED;
		return now - h->proven_at > PROOF_OLD_MS ? ISO_OLD_PROOF :
							   ISO_PROVEN;
	}
	waited = now - h->desired_at;
	if (waited >= PROOF_FAILED_MS)
		return ISO_FAILED;
	if (waited >= PROOF_LATE_MS)
		return ISO_LATE;
	return reported_as_desired(h) ? ISO_UNPROVEN : ISO_SENDING;
}

/* Why it failed, in words: the order's end, the proof, or the time. */
static void
failure_text(char *out, size_t size, const struct host *h,
    enum order_state state, const char *span, enum lang lang)
{
	if (order_state_is_no(state))
		snprintf(out, size, "%s",
		    word_text(WORDS_ORDER_STATE, state, lang));
	else if (h->proven_at != 0 && !h->proven_ok &&
	    strcmp(h->proven_order, h->desired_order) == 0)
		snprintf(out, size, lang == LANG_ZH ? "证明不通过：%s" :
						      "bad proof: %s",
		    h->proven_why);
	else
		snprintf(out, size, lang == LANG_ZH ? "%s 内无证明" :
						      "no proof for %s",
		    span);
}

char *
isolation_text(char *out, size_t size, const struct host *h,
    enum order_state state, int64_t now, enum lang lang)
{
	bool zh = lang == LANG_ZH;
	char proof[32], waited[32], why[TEXT_MAX_LEN + 32];
	const char *what;

	clock_format_span(proof, sizeof(proof), (now - h->proven_at) / 1000);
	clock_format_span(waited, sizeof(waited),
	    (now - h->desired_at) / 1000);
	/* Another profile than strict is named: it is a weaker cut. */
	what = h->desired == PROFILE_STRICT ?
	    (zh ? "已隔离" : "isolated") :
	    word_text(WORDS_PROFILE, h->desired, lang);

	switch (isolation_of(h, state, now)) {
	case ISO_OPEN:
		snprintf(out, size, "%s", zh ? "开放" : "open");
		break;
	case ISO_OPENING:
		snprintf(out, size,
		    zh ? "正在解除，未回报 %s" : "opening, not reported %s",
		    waited);
		break;
	case ISO_SENDING:
		snprintf(out, size, "%s, %s, %s %s",
		    zh ? "正在隔离" : "isolating",
		    word_text(WORDS_ORDER_STATE, state, lang),
		    zh ? "未证明" : "unproven", waited);
		break;
	case ISO_UNPROVEN:
		snprintf(out, size,
		    zh ? "正在隔离，已生效，未证明 %s" :
			 "isolating, applied, unproven %s",
		    waited);
		break;
	case ISO_PROVEN:
		snprintf(out, size, zh ? "%s ✓ 证明 %s前" : "%s ✓ proof %s",
		    what, proof);
		break;
	case ISO_OLD_PROOF:
		snprintf(out, size,
		    zh ? "%s，最近证明 %s前，主机失联" :
			 "%s, last proof %s, host lost",
		    what, proof);
		break;
	case ISO_LATE:
		snprintf(out, size,
		    zh ? "隔离超时未证明 %s" : "ISOLATION LATE, unproven %s",
		    waited);
		break;
	case ISO_FAILED:
		failure_text(why, sizeof(why), h, state, waited, lang);
		if (open_desired(h))
			snprintf(out, size,
			    zh ? "解除失败：%s" : "RELEASE FAILED: %s", why);
		else
			snprintf(out, size,
			    zh ? "隔离失败：%s" : "ISOLATION FAILED: %s",
			    why);
		break;
	}
	return out;
}

bool
actor_reserved(const char *name)
{
	return strcmp(name, ACTOR_POLICY) == 0 ||
	    strcmp(name, ACTOR_SYSTEM) == 0 || strcmp(name, ACTOR_AGENT) == 0;
}
