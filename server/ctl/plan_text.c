/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A plan as a person sees it before anything happens (WORKFLOW 6).  Only
 * reads the PLAN object; every text of it is quoted.
 */
#include <stdio.h>
#include <string.h>

#include "server/ctl/cmd.h"

#define HOSTS_SHOWN 10

/* What kind of drill it is; "" of a real plan. */
static const char *
drill_text(struct out *o, const json_t *plan)
{
	const char *kind = json_str(plan, "drill");

	if (strcmp(kind, "dry") == 0)
		return text_of(T_DRILL_DRY, o->lang);
	if (strcmp(kind, "count") == 0)
		return out_text(o, T_DRILL_COUNT, out_num(o, json_num(plan,
		    "drill_minutes")), NULL);
	if (strcmp(kind, "live") == 0)
		return out_text(o, T_DRILL_LIVE, out_num(o, json_num(plan,
		    "drill_minutes")), NULL);
	return "";
}

static void
row_action(struct out *o, const json_t *plan)
{
	const char *action = out_word(o, WORDS_ACTION, json_str(plan,
	    "action"));
	const char *profile = out_q(o, plan, "profile");
	int64_t review = json_num(plan, "review_seconds");
	char *text = out_buf(o);

	snprintf(text, OUT_TEXT_MAX, "%s%s", out_text(o, T_PLAN_ACTION,
	    action, profile, NULL), json_str(plan, "drill")[0] != '\0' ?
	    drill_text(o, plan) : review > 0 ? out_text(o, strcmp(json_str(
	    plan, "review_then"), "restore") == 0 ? T_PLAN_TTL :
	    T_PLAN_REVIEW,
	    out_when(o, json_time(plan, "created_at") + review * 1000),
	    NULL) : "");
	out_row(o, T_L_ACTION, text);
}

static const char *
host_line(struct out *o, const json_t *host)
{
	char *text = out_buf(o);
	int64_t seen = json_time(host, "last_seen");

	snprintf(text, OUT_TEXT_MAX, "%s  %s  %s  %s", out_q(o, host, "name"),
	    out_q(o, host, "tier"), out_q(o, host, "group"),
	    seen == 0 ? text_of(T_NEVER_SEEN, o->lang) :
	    out_text(o, json_yes(host, "online") ? T_ONLINE_AGO :
	    T_OFFLINE_AGO, out_ago(o, seen), NULL));
	return text;
}

static void
rows_hosts(struct out *o, const json_t *plan)
{
	const json_t *hosts = json_object_get(plan, "hosts"), *one;
	size_t n = json_array_size(hosts), i;
	int64_t fleet = json_num(plan, "fleet");
	char share[24], text[OUT_TEXT_MAX];
	const char *count;

	snprintf(share, sizeof(share), "%.1f", fleet > 0 ?
	    100.0 * (double)n / (double)fleet : 0.0);
	count = out_text(o, T_PLAN_HOSTS, out_num(o, (int64_t)n),
	    out_num(o, fleet), share, NULL);
	if (n == 1) {
		snprintf(text, sizeof(text), "%s  %s", count,
		    host_line(o, json_array_get(hosts, 0)));
		out_row(o, T_L_HOSTS, text);
	} else {
		out_row(o, T_L_HOSTS, count);
		for (i = 0; i < n && i < HOSTS_SHOWN; i++)
			fprintf(o->out, "%s             %s\n", o->mark,
			    host_line(o, json_array_get(hosts, i)));
		if (n > HOSTS_SHOWN)
			fprintf(o->out, "%s             ... %zu\n", o->mark,
			    n);
	}
	for (i = 0; i < n; i++) {
		one = json_array_get(hosts, i);
		if (strcmp(json_str(one, "tier"), "T0") == 0 &&
		    json_str(one, "service")[0] != '\0' &&
		    strcmp(json_str(plan, "action"), "isolate") == 0 &&
		    (json_str(plan, "drill")[0] == '\0' ||
		    strcmp(json_str(plan, "drill"), "live") == 0))
			out_row(o, T_L_SERVICE, out_text(o,
			    T_PLAN_LOST_SERVICE, out_q(o, one, "service"),
			    NULL));
	}
}

/* The named peers of the first host; others of the plan may have others. */
static void
row_allows(struct out *o, const json_t *host)
{
	const json_t *list = json_object_get(host, "allows"), *one;
	char text[OUT_TEXT_MAX / 2] = "";
	size_t i, n = 0;

	json_array_foreach((json_t *)(uintptr_t)list, i, one)
		if (n + 100 < sizeof(text) && json_is_string(one))
			n += (size_t)snprintf(text + n, sizeof(text) - n,
			    "%s%.90s", i > 0 ? ", " : "",
			    json_string_value(one));
	if (list != NULL)
		out_row(o, T_L_KEEPS, n > 0 ? text :
		    text_of(T_PLAN_NO_PEERS, o->lang));
}

/* The live flows, where the hosts were asked. */
static void
row_cuts(struct out *o, const json_t *plan)
{
	const json_t *hosts = json_object_get(plan, "hosts"), *one, *pre;
	size_t i, n = json_array_size(hosts), told = 0;
	int64_t cut = 0;

	json_array_foreach((json_t *)(uintptr_t)hosts, i, one) {
		pre = json_object_get(one, "preview");
		if (strcmp(json_str(pre, "state"), "done") != 0)
			continue;
		cut += json_num(pre, "cut");
		told++;
	}
	one = json_array_get(hosts, 0);
	pre = json_object_get(one, "preview");
	if (n == 1 && told == 1)
		out_row(o, T_L_CUTS, preview_cuts(o, pre));
	else if (n > 1 && told > 0)
		out_row(o, T_L_CUTS, out_text(o, T_CUTS_TOTAL, out_num(o,
		    cut), out_num(o, (int64_t)told), NULL));
	else if (n == 1 && (pre != NULL || !json_yes(one, "online")))
		out_row(o, T_L_CUTS, out_text(o, T_CUTS_UNKNOWN,
		    !json_yes(one, "online") ? text_of(T_CUTS_AWAY, o->lang) :
		    json_str(pre, "why")[0] != '\0' ? out_q(o, pre, "why") :
		    text_of(T_CUTS_LATE, o->lang), NULL));
}

static void
rows_effect(struct out *o, const json_t *plan, bool open)
{
	const json_t *keeps = json_object_get(plan, "keeps"), *one;
	const char *action = json_str(plan, "action");
	char list[OUT_TEXT_MAX / 2] = "";
	size_t i, n = 0;

	if (strcmp(action, "restore") == 0) {
		out_row(o, T_L_OPENS, text_of(T_PLAN_OPENS, o->lang));
		return;
	}
	json_array_foreach((json_t *)(uintptr_t)keeps, i, one)
		if (n < sizeof(list) && json_is_string(one))
			n += (size_t)snprintf(list + n, sizeof(list) - n,
			    "%s%s", i > 0 ? ", " : "",
			    json_string_value(one));
	out_row(o, T_L_KEEPS, out_text(o, T_PLAN_KEEPS, list, NULL));
	row_allows(o, json_array_get(json_object_get(plan, "hosts"), 0));
	if (open)
		row_cuts(o, plan);
	out_row(o, T_L_CUTS, text_of(strcmp(json_str(plan, "drill"), "dry") ==
	    0 ? T_PLAN_CUTS_NOTHING : strcmp(json_str(plan, "drill"),
	    "count") == 0 ? T_PLAN_CUTS_COUNT : strcmp(action, "recover") == 0 ?
	    T_PLAN_CUTS_RECOVERY : strcmp(action, "limit") == 0 ?
	    T_PLAN_CUTS_LIMITED : T_PLAN_CUTS, o->lang));
}

static void
row_approvals(struct out *o, const json_t *plan)
{
	const json_t *hosts = json_object_get(plan, "hosts");
	int64_t need = json_num(plan, "approvals_needed");
	size_t n = json_array_size(hosts);
	const char *tier = out_q(o, json_array_get(hosts, 0), "tier");
	char text[128];

	if (need > 0) {
		out_row(o, T_L_APPROVALS, out_text(o, T_PLAN_APPROVALS,
		    out_num(o, json_num(plan, "approvals_given")),
		    out_num(o, need), json_yes(plan, "owner_needed") ?
		    text_of(T_PLAN_OWNER, o->lang) : "", NULL));
		return;
	}
	if (n == 1)
		snprintf(text, sizeof(text), "%s, %s", tier,
		    text_of(T_PLAN_SINGLE, o->lang));
	else
		snprintf(text, sizeof(text), "%s", out_text(o, T_PLAN_MANY,
		    out_num(o, (int64_t)n), NULL));
	out_row(o, T_L_APPROVALS, out_text(o, T_PLAN_NO_APPROVALS, text,
	    NULL));
}

/* "why" is what made it come up: the rule's words, or the typed reason. */
static void
rows_reason(struct out *o, const json_t *plan)
{
	out_row(o, T_L_WHY, out_q(o, plan, "reason"));
	if (json_str(plan, "why")[0] != '\0')
		out_row(o, T_L_WHY, out_q(o, plan, "why"));
	if (json_str(plan, "case")[0] != '\0')
		out_row(o, T_L_CASE, out_q(o, plan, "case"));
	out_row(o, T_L_ASKED, out_q(o, plan, "requester"));
}

static void
row_undo(struct out *o, const json_t *plan)
{
	const json_t *hosts = json_object_get(plan, "hosts");
	const char *host = json_array_size(hosts) == 1 ?
	    out_q(o, json_array_get(hosts, 0), "name") : "HOST";
	const char *action = json_str(plan, "action");

	if (json_str(plan, "drill")[0] != '\0') {
		out_row(o, T_L_UNDO, text_of(strcmp(json_str(plan, "drill"),
		    "dry") == 0 ? T_UNDO_DRY : strcmp(json_str(plan,
		    "drill"), "count") == 0 ? T_UNDO_COUNT : T_UNDO_DRILL,
		    o->lang));
		return;
	}
	out_row(o, T_L_UNDO, out_text(o,
	    strcmp(action, "restore") == 0 ? T_UNDO_RESTORE :
	    strcmp(action, "recover") == 0 ||
	    strcmp(action, "limit") == 0 ? T_UNDO_RECOVER :
	    T_UNDO_ISOLATE, host, NULL));
}

void
plan_print(struct out *o, const json_t *plan)
{
	const char *state = json_str(plan, "state");
	bool open = strcmp(state, "proposed") == 0 ||
	    strcmp(state, "approved") == 0;
	const char *head, *expires;
	int pad;

	if (json_str(plan, "drill")[0] != '\0')
		o->mark = text_of(T_DRILL_MARK, o->lang);
	head = out_text(o, T_PLAN_HEAD, out_q(o, plan, "plan"),
	    strcmp(state, "proposed") == 0 ?
	    text_of(T_PLAN_NOTHING_YET, o->lang) :
	    out_word(o, WORDS_PLAN_STATE, state), NULL);
	expires = open ? out_text(o, T_PLAN_EXPIRES, out_when(o,
	    json_time(plan, "expires_at")), NULL) : "";
	pad = 68 - out_width(head) - out_width(o->mark);
	fprintf(o->out, "%s%s%*s%s\n", o->mark, head,
	    open ? (pad > 2 ? pad : 2) : 0, "", expires);
	row_action(o, plan);
	rows_hosts(o, plan);
	rows_effect(o, plan, open);
	rows_reason(o, plan);
	row_approvals(o, plan);
	if (open)
		row_undo(o, plan);
	fflush(o->out);
}
