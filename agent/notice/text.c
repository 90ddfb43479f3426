/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Wording.  Runs in agent-notice.  The texts come from a signed order by
 * way of two processes of ours; what may not be shown is refused again.
 */
#include "agent/notice/text.h"

#include <string.h>

#include "common/base/clock.h"
#include "common/base/id.h"
#include "common/base/text.h"
#include "common/wire/order.h"
#include "common/wire/unpack.h"

static const struct wording {
	const char *en, *zh;
} wordings[] = {
	[CORDON__PROFILE__PROFILE_OPEN] = {
	    "This computer is no longer cut off from the network.",
	    "本机的网络隔离已解除。"},
	[CORDON__PROFILE__PROFILE_STRICT] = {
	    "This computer is cut off from the network.",
	    "本机已与网络隔离。"},
	[CORDON__PROFILE__PROFILE_RECOVERY] = {
	    "This computer is cut off from the network; it reaches only what "
	    "its recovery needs.",
	    "本机已与网络隔离，仅可访问恢复所需的服务器。"},
	[CORDON__PROFILE__PROFILE_LIMITED] = {
	    "This computer is partly cut off from the network; it reaches "
	    "only a few named services.",
	    "本机网络受限，仅可访问少数指定的服务。"},
};
#define WORDINGS (sizeof(wordings) / sizeof(wordings[0]))

static const char drill_en[] = "DRILL: ", drill_zh[] = "【演练】";

static const char *
wrong(const Cordon__Notice *n)
{
	if ((size_t)n->profile >= WORDINGS ||
	    wordings[n->profile].en == NULL)
		return "no known profile";
	if (n->order_id[0] != '\0' && !id_valid(n->order_id))
		return "the order's id is none";
	if (strlen(n->text_en) > ORDER_TEXT_MAX ||
	    strlen(n->text_zh) > ORDER_TEXT_MAX)
		return "a text is too long";
	if (!text_printable(n->text_en, strlen(n->text_en), true) ||
	    !text_printable(n->text_zh, strlen(n->text_zh), true))
		return "a text may not be shown";
	return NULL;
}

Cordon__Notice *
notice_unpack(const uint8_t *data, size_t len, struct why *why)
{
	Cordon__Notice *n = NULL;
	const char *what = "not that message";

	if (len <= NOTICE_MAX)
		n = unpack(&cordon__notice__descriptor, data, len);
	if (n != NULL)
		what = wrong(n);
	if (what == NULL)
		return n;
	if (n != NULL)
		cordon__notice__free_unpacked(n, NULL);
	why_set(why, ERR_PROTO, "notice: %s", what);
	return NULL;
}

bool
notice_stays(const Cordon__Notice *n)
{
	return n->profile != CORDON__PROFILE__PROFILE_OPEN;
}

int
notice_title(const Cordon__Notice *n, struct buf *out)
{
	const struct wording *w = &wordings[n->profile];

	return buf_printf(out, "%s%s / %s%s", n->drill ? drill_en : "", w->en,
	    n->drill ? drill_zh : "", w->zh);
}

/* One language: what is, then what the order says to people. */
static int
add_language(struct buf *out, const char *drill, const char *what,
    const char *more)
{
	return buf_printf(out, "%s%s\n%s%s", drill, what, more,
	    more[0] != '\0' ? "\n" : "");
}

int
notice_text(const Cordon__Notice *n, struct buf *out)
{
	const struct wording *w = &wordings[n->profile];
	char since[CLOCK_TEXT_MAX] = "";
	int rc;

	rc = add_language(out, n->drill ? drill_en : "", w->en,
	    notice_stays(n) ? n->text_en : "");
	if (rc == 0)
		rc = add_language(out, n->drill ? drill_zh : "", w->zh,
		    notice_stays(n) ? n->text_zh : "");
	if (rc != 0 || n->order_id[0] == '\0')
		return rc;
	if (n->since_ms > 0)
		clock_format(since, n->since_ms, true);
	return buf_printf(out, "Cordon %s %s\n", n->order_id, since);
}

int
notice_issue(const char *text, struct buf *out)
{
	int rc = 0;

	for (; rc == 0 && *text != '\0'; text++)
		rc = *text == '\\' ? buf_add_str(out, "\\\\") :
		    buf_add(out, text, 1);
	return rc;
}

int
notice_terminal(const char *text, struct buf *out)
{
	int rc = buf_add_str(out, "\a\r\n");

	for (; rc == 0 && *text != '\0'; text++)
		rc = *text == '\n' ? buf_add_str(out, "\r\n") :
		    buf_add(out, text, 1);
	return rc;
}
