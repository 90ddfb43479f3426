/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * isolate, recover, restore, plan, approve, deny, order: plan, show,
 * confirm, apply, wait.  What was shown is what is approved or applied: its
 * digest goes with it.
 */
#include <stdio.h>
#include <string.h>

#include "server/ctl/cmd.h"

#define REASON_MIN_CHARS 10

/* -- the typed confirmation ---------------------------------------------- */

static bool
typed(struct ctl *c, enum text ask_id, const char *want)
{
	char line[256];
	size_t len;

	fprintf(c->o.err, "%s%s", c->o.mark, text_of(ask_id, c->o.lang));
	fflush(c->o.err);
	if (fgets(line, sizeof(line), c->in) == NULL)
		return false;
	len = strcspn(line, "\r\n");
	line[len] = '\0';
	return strcmp(line, want) == 0;
}

/* Host name for one; its service if it is T0; the number for many. */
static bool
confirmed(struct ctl *c, const json_t *plan)
{
	const json_t *hosts = json_object_get(plan, "hosts");
	const json_t *one = json_array_get(hosts, 0);
	size_t n = json_array_size(hosts);
	char count[24];

	if (c->a.yes)
		return true;
	if (n != 1) {
		snprintf(count, sizeof(count), "%zu", n);
		return typed(c, T_TYPE_COUNT, count);
	}
	if (strcmp(json_str(one, "tier"), "T0") == 0 &&
	    json_str(one, "service")[0] != '\0')
		return typed(c, T_TYPE_SERVICE, json_str(one, "service"));
	return typed(c, T_TYPE_HOST, json_str(one, "name"));
}

/* -- applying ------------------------------------------------------------ */

static int
apply(struct ctl *c, const json_t *plan)
{
	const char *id = json_str(plan, "plan");
	json_t *body = json_object(), *got = NULL;
	int rc;

	json_object_set_new(body, "digest", json_string(json_str(plan,
	    "digest")));
	json_object_set_new(body, "expect_hosts",
	    json_integer((json_int_t)json_array_size(json_object_get(plan,
	    "hosts"))));
	rc = ask_at(c, "POST", "/v1/plans/{}/apply", id, body, &got);
	json_decref(body);
	if (rc != EXIT_DONE)
		return rc;
	if (c->a.no_wait) {
		if (c->o.json)
			out_json(&c->o, got);
		out_say(&c->o, T_SENT_NOT_WAITED, out_q(&c->o, got, "plan"),
		    NULL);
		out_next(&c->o, out_text(&c->o, T_NEXT_SHOW_PLAN, id, NULL));
		json_decref(got);
		return EXIT_UNPROVEN;
	}
	json_decref(got);
	return plan_wait(c, id);
}

static bool
waits(const json_t *plan)
{
	return json_num(plan, "approvals_given") <
	    json_num(plan, "approvals_needed") ||
	    (json_num(plan, "approvals_needed") > 0 &&
	    strcmp(json_str(plan, "state"), "proposed") == 0);
}

static int
say_waits(struct ctl *c, const json_t *plan)
{
	const char *id = out_q(&c->o, plan, "plan");

	if (c->o.json)
		out_json(&c->o, plan);
	out_next(&c->o, out_text(&c->o, T_NEXT_APPROVE, id, NULL));
	return EXIT_WAITS;
}

/* No typed confirmation: the plan is taken back, so that none lingers. */
static int
declined(struct ctl *c, const json_t *plan, bool cancel)
{
	json_t *got = NULL;

	out_tell(&c->o, T_NOT_CONFIRMED, NULL);
	if (cancel && ask_at(c, "POST", "/v1/plans/{}/cancel", json_str(plan,
	    "plan"), NULL, &got) == EXIT_DONE)
		out_tell(&c->o, T_CANCELLED, out_q(&c->o, plan, "plan"),
		    NULL);
	json_decref(got);
	return EXIT_USAGE;
}

/* -- isolate, recover, restore ------------------------------------------- */

static int
make_plan(struct ctl *c, const struct plan_wish *w, json_t **plan)
{
	json_t *body = json_object(), *hosts = json_array();
	size_t i;
	int rc;

	json_object_set_new(body, "action", json_string(w->action));
	json_object_set_new(body, "reason", json_string(c->a.reason));
	json_object_set_new(body, "hosts", hosts);
	for (i = 0; i < c->a.npos; i++)
		json_array_append_new(hosts, json_string(c->a.pos[i]));
	if (c->a.case_id != NULL)
		json_object_set_new(body, "case", json_string(c->a.case_id));
	if (w->ttl > 0)
		json_object_set_new(body, "ttl_seconds",
		    json_integer(w->ttl));
	if (w->drill != NULL)
		json_object_set_new(body, "drill", json_string(w->drill));
	if (w->minutes > 0)
		json_object_set_new(body, "drill_minutes",
		    json_integer(w->minutes));
	rc = ask(c, "POST", "/v1/plans", body, plan);
	json_decref(body);
	return rc;
}

int
plan_and_apply(struct ctl *c, const struct plan_wish *w)
{
	json_t *plan = NULL;
	int rc;

	if (c->a.preview)
		return preview_hosts(c, strcmp(w->action, "limit") == 0 ?
		    "limited" : NULL);
	if (c->a.reason == NULL || strlen(c->a.reason) < REASON_MIN_CHARS)
		return usage(c, w->command, "--reason must say why, in at "
		    "least %d characters", REASON_MIN_CHARS);
	rc = make_plan(c, w, &plan);
	if (rc != EXIT_DONE)
		return rc;
	/* for those who read it; a script that said --yes is not held up */
	if ((c->a.plan_only || !c->a.yes) && strcmp(w->action, "restore") !=
	    0)
		(void)preview_plan(c, &plan);
	if (!c->o.json)
		plan_print(&c->o, plan);
	if (c->a.plan_only) {
		if (c->o.json)
			out_json(&c->o, plan);
		out_next(&c->o, out_text(&c->o, waits(plan) ?
		    T_NEXT_APPROVE : T_NEXT_APPLY, out_q(&c->o, plan, "plan"),
		    NULL));
		rc = EXIT_DONE;
	} else if (waits(plan)) {
		rc = say_waits(c, plan);
	} else if (!confirmed(c, plan)) {
		rc = declined(c, plan, true);
	} else {
		rc = apply(c, plan);
	}
	json_decref(plan);
	return rc;
}

int
cmd_isolate(struct ctl *c)
{
	if (c->a.profile != NULL && strcmp(c->a.profile, "limited") == 0 &&
	    c->a.ttl <= 0)
		return cmd_limit(c);
	if (c->a.profile != NULL && strcmp(c->a.profile, "strict") != 0)
		return usage(c, "isolate", "--profile must be strict, or "
		    "limited without --ttl");
	return plan_and_apply(c, &(struct plan_wish){ .action = "isolate",
	    .command = "isolate", .ttl = c->a.ttl });
}

int
cmd_limit(struct ctl *c)
{
	return plan_and_apply(c, &(struct plan_wish){ .action = "limit",
	    .command = "limit" });
}

int
cmd_recover(struct ctl *c)
{
	return plan_and_apply(c, &(struct plan_wish){ .action = "recover",
	    .command = "recover" });
}

int
cmd_restore(struct ctl *c)
{
	return plan_and_apply(c, &(struct plan_wish){ .action = "restore",
	    .command = "restore" });
}

/* -- plan ---------------------------------------------------------------- */

/* Sets the plan of the first word, shown unless json. */
static int
get_plan(struct ctl *c, json_t **plan)
{
	int rc;

	rc = ask_at(c, "GET", "/v1/plans/{}", c->a.pos[0], NULL, plan);
	if (rc == EXIT_DONE && !c->o.json)
		plan_print(&c->o, *plan);
	return rc;
}

static void
show_orders(struct ctl *c, const json_t *plan)
{
	char text[OUT_TEXT_MAX];
	const json_t *one;
	size_t i;

	json_array_foreach(json_object_get(plan, "hosts"), i, one) {
		if (json_str(one, "order")[0] == '\0')
			continue;
		snprintf(text, sizeof(text), "%s  %s  %s", out_q(&c->o, one,
		    "order"), out_q(&c->o, one, "name"), out_word(&c->o,
		    WORDS_ORDER_STATE, json_str(one, "order_state")));
		out_row(&c->o, T_L_ORDER, text);
		if (json_time(one, "drill_until") > 0)
			out_row(&c->o, T_L_COUNTED, out_text(&c->o, T_COUNTED,
			    out_q(&c->o, one, "name"), out_num(&c->o,
			    json_num(one, "counted")), NULL));
	}
}

int
cmd_plan_show(struct ctl *c)
{
	json_t *plan = NULL;
	const char *state;
	int rc;

	rc = get_plan(c, &plan);
	if (rc != EXIT_DONE)
		return rc;
	if (c->o.json)
		out_json(&c->o, plan);
	else
		show_orders(c, plan);
	state = json_str(plan, "state");
	if (strcmp(state, "approved") == 0)
		out_next(&c->o, out_text(&c->o, T_NEXT_APPLY, c->a.pos[0],
		    NULL));
	else if (strcmp(state, "proposed") == 0)
		out_next(&c->o, out_text(&c->o, waits(plan) ?
		    T_NEXT_APPROVE : T_NEXT_APPLY, c->a.pos[0], NULL));
	else
		out_next(&c->o, out_text(&c->o, T_NEXT_WHY, c->a.pos[0],
		    NULL));
	json_decref(plan);
	return EXIT_DONE;
}

/* "isolate", "DRILL isolate" */
static const char *
action_word(struct out *o, const json_t *plan)
{
	char *text = out_buf(o);

	snprintf(text, OUT_TEXT_MAX, "%s%s", json_str(plan, "drill")[0] !=
	    '\0' ? text_of(T_DRILL_MARK, o->lang) : "", out_word(o,
	    WORDS_ACTION, json_str(plan, "action")));
	return text;
}

static void
add_plan(struct out *o, struct table *t, const json_t *one)
{
	const json_t *hosts = json_object_get(one, "hosts");
	size_t n = json_array_size(hosts);

	table_add(t, (const char *const[]){ out_q(o, one, "plan"),
	    action_word(o, one), out_word(o, WORDS_PLAN_STATE,
	    json_str(one, "state")), n == 1 ? out_q(o, json_array_get(hosts,
	    0), "name") : out_text(o, T_PLAN_MANY, out_num(o, (int64_t)n),
	    NULL), out_when(o, json_time(one, "created_at")), out_q(o, one,
	    "requester") });
}

int
cmd_plan_list(struct ctl *c)
{
	static const struct listing of = { "plans", "plan", 6, add_plan,
	    T_NEXT_SHOW_PLAN, T_NEXT_STATUS };
	char path[512] = "/v1/plans";

	query_add(path, sizeof(path), "state", c->a.state);
	if (c->a.hosts.n > 0)
		query_add(path, sizeof(path), "host", c->a.hosts.item[0]);
	if (c->a.limit > 0)
		query_add(path, sizeof(path), "limit", out_num(&c->o,
		    c->a.limit));
	return listing_show(c, path, &of);
}

int
cmd_plan_apply(struct ctl *c)
{
	json_t *plan = NULL;
	size_t n;
	int rc;

	rc = get_plan(c, &plan);
	if (rc != EXIT_DONE)
		return rc;
	n = json_array_size(json_object_get(plan, "hosts"));
	if (c->a.expect >= 0 && c->a.expect != (int64_t)n) {
		out_tell(&c->o, T_EXPECT_DIFFERS, out_num(&c->o, (int64_t)n),
		    out_num(&c->o, c->a.expect), NULL);
		out_next(&c->o, out_text(&c->o, T_NEXT_SHOW_PLAN,
		    c->a.pos[0], NULL));
		rc = EXIT_USAGE;
	} else if (c->a.yes && n > 1 && c->a.expect < 0) {
		rc = usage(c, "plan apply",
		    "--yes on many hosts needs --expect-hosts %zu", n);
	} else if (!confirmed(c, plan)) {
		rc = declined(c, plan, false);
	} else {
		rc = apply(c, plan);
	}
	json_decref(plan);
	return rc;
}

int
cmd_plan_cancel(struct ctl *c)
{
	json_t *got = NULL;
	int rc;

	rc = ask_at(c, "POST", "/v1/plans/{}/cancel", c->a.pos[0], NULL,
	    &got);
	if (rc != EXIT_DONE)
		return rc;
	if (c->o.json)
		out_json(&c->o, got);
	out_say(&c->o, T_CANCELLED, out_q(&c->o, got, "plan"), NULL);
	out_next(&c->o, out_text(&c->o, T_NEXT_WHY, c->a.pos[0], NULL));
	json_decref(got);
	return EXIT_DONE;
}

/* -- approve, deny ------------------------------------------------------- */

static int
vote(struct ctl *c, const char *path, json_t **got)
{
	json_t *plan = NULL, *body;
	int rc;

	rc = get_plan(c, &plan);
	if (rc != EXIT_DONE)
		return rc;
	if (!c->a.yes && !typed(c, T_TYPE_YES, "yes")) {
		rc = declined(c, plan, false);
		json_decref(plan);
		return rc;
	}
	body = json_object();
	json_object_set_new(body, "digest", json_string(json_str(plan,
	    "digest")));
	if (c->a.reason != NULL)
		json_object_set_new(body, "reason", json_string(c->a.reason));
	rc = ask_at(c, "POST", path, c->a.pos[0], body, got);
	json_decref(body);
	json_decref(plan);
	if (rc == EXIT_DONE && c->o.json)
		out_json(&c->o, *got);
	return rc;
}

int
cmd_approve(struct ctl *c)
{
	json_t *got = NULL;
	int rc;

	rc = vote(c, "/v1/plans/{}/approve", &got);
	if (rc != EXIT_DONE)
		return rc;
	out_say(&c->o, T_APPROVED, out_q(&c->o, got, "plan"), out_num(&c->o,
	    json_num(got, "approvals_given")), out_num(&c->o, json_num(got,
	    "approvals_needed")), NULL);
	out_next(&c->o, out_text(&c->o, waits(got) ? T_NEXT_MORE_APPROVALS :
	    T_NEXT_APPLY, c->a.pos[0], NULL));
	json_decref(got);
	return EXIT_DONE;
}

int
cmd_deny(struct ctl *c)
{
	json_t *got = NULL;
	int rc;

	rc = vote(c, "/v1/plans/{}/deny", &got);
	if (rc != EXIT_DONE)
		return rc;
	out_say(&c->o, T_DENIED, out_q(&c->o, got, "plan"), NULL);
	out_next(&c->o, out_text(&c->o, T_NEXT_WHY, c->a.pos[0], NULL));
	json_decref(got);
	return EXIT_DONE;
}

int
cmd_order_show(struct ctl *c)
{
	json_t *got = NULL;
	int rc;

	rc = ask_at(c, "GET", "/v1/orders/{}", c->a.pos[0], NULL, &got);
	if (rc != EXIT_DONE)
		return rc;
	if (c->o.json) {
		out_json(&c->o, got);
	} else {
		out_row(&c->o, T_L_ORDER, out_q(&c->o, got, "order"));
		out_row(&c->o, T_L_HOST, out_q(&c->o, got, "host"));
		out_row(&c->o, T_L_PLAN, out_q(&c->o, got, "plan"));
		out_row(&c->o, T_L_DESIRED, out_word(&c->o, WORDS_PROFILE,
		    json_str(got, "profile")));
		out_row(&c->o, T_L_STATE, out_word(&c->o, WORDS_ORDER_STATE,
		    json_str(got, "state")));
		out_row(&c->o, T_STEP_SENT, out_when(&c->o, json_time(got,
		    "sent_at")));
		out_row(&c->o, T_STEP_APPLIED, out_when(&c->o, json_time(got,
		    "applied_at")));
		out_row(&c->o, T_STEP_PROVEN, out_when(&c->o, json_time(got,
		    "proven_at")));
		if (json_str(got, "why")[0] != '\0')
			out_row(&c->o, T_L_WHY, out_q(&c->o, got, "why"));
	}
	out_next(&c->o, out_text(&c->o, T_NEXT_WHY, c->a.pos[0], NULL));
	json_decref(got);
	return EXIT_DONE;
}
