/* SPDX-License-Identifier: GPL-3.0-or-later */
/* case open, show, list, close, waive-evidence. */
#include <stdio.h>
#include <string.h>

#include "server/ctl/cmd.h"

int
cmd_case_open(struct ctl *c)
{
	json_t *body = json_object(), *hosts, *got = NULL;
	size_t i;
	int rc;

	json_object_set_new(body, "title", json_string(c->a.pos[0]));
	if (c->a.hosts.n > 0) {
		hosts = json_array();
		json_object_set_new(body, "hosts", hosts);
		for (i = 0; i < c->a.hosts.n; i++)
			json_array_append_new(hosts,
			    json_string(c->a.hosts.item[i]));
	}
	rc = ask(c, "POST", "/v1/cases", body, &got);
	json_decref(body);
	if (rc != EXIT_DONE)
		return rc;
	if (c->o.json)
		out_json(&c->o, got);
	out_say(&c->o, T_CASE_OPENED, out_q(&c->o, got, "case"), NULL);
	out_next(&c->o, out_text(&c->o, T_NEXT_CASE, out_q(&c->o, got,
	    "case"), NULL));
	json_decref(got);
	return EXIT_DONE;
}

/* Rows of list KEY: label, then the texts of up to three keys and a time. */
static void
show_list(struct out *o, const json_t *got, const char *key, enum text label,
    const char *const names[3], const char *at)
{
	const json_t *one;
	char text[OUT_TEXT_MAX];
	size_t i;

	json_array_foreach(json_object_get(got, key), i, one) {
		snprintf(text, sizeof(text), "%s  %s  %s  %s", out_stamp(o,
		    json_time(one, at)), out_q(o, one, names[0]), out_q(o,
		    one, names[1]), out_q(o, one, names[2]));
		out_row(o, label, text);
	}
}

/* What was seen, each with its kind's line. */
static void
show_signals(struct out *o, const json_t *got)
{
	const json_t *one;
	char text[OUT_TEXT_MAX];
	size_t i;

	json_array_foreach(json_object_get(got, "signals"), i, one) {
		snprintf(text, sizeof(text), "%s  %s  %s  %s  %s",
		    out_stamp(o, json_time(one, "at")), out_q(o, one, "host"),
		    out_word(o, WORDS_SEVERITY, json_str(one, "severity")),
		    signal_kind_words(o, one), out_q(o, one, "object"));
		out_row(o, T_L_SIGNAL, text);
	}
}

static void
show_case(struct out *o, const json_t *got)
{
	const json_t *one;
	size_t i;

	out_row(o, T_L_CASE, out_q(o, got, "case"));
	out_row(o, T_L_TITLE, out_q(o, got, "title"));
	out_row(o, T_L_STATE, out_word(o, WORDS_CASE_STATE, json_str(got,
	    "state")));
	out_row(o, T_L_OPENED, out_text(o, T_FACT_AT, out_q(o, got,
	    "opened_by"), out_ago(o, json_time(got, "opened_at")), NULL));
	json_array_foreach(json_object_get(got, "hosts"), i, one)
		out_row(o, T_L_HOST, json_string_value(one));
	show_list(o, got, "facts", T_L_FACT, (const char *const[]){ "fact",
	    "recorded_by", "" }, "at");
	show_list(o, got, "plans", T_L_PLAN, (const char *const[]){ "plan",
	    "action", "state" }, "created_at");
	show_signals(o, got);
	show_list(o, got, "evidence", T_L_EVIDENCE, (const char *const[]){
	    "host", "kind", "sha256" }, "at");
	show_list(o, got, "runs", T_L_RUN, (const char *const[]){ "run",
	    "host", "outcome" }, "asked_at");
	show_list(o, got, "timeline", T_L_WHY, (const char *const[]){ "who",
	    "what", "text" }, "at");
}

int
cmd_case_show(struct ctl *c)
{
	json_t *got = NULL;
	int rc;

	rc = ask_at(c, "GET", "/v1/cases/{}", c->a.pos[0], NULL, &got);
	if (rc != EXIT_DONE)
		return rc;
	if (c->o.json)
		out_json(&c->o, got);
	else
		show_case(&c->o, got);
	out_next(&c->o, text_of(T_NEXT_STATUS, c->o.lang));
	json_decref(got);
	return EXIT_DONE;
}

static void
add_case(struct out *o, struct table *t, const json_t *one)
{
	table_add(t, (const char *const[]){ out_q(o, one, "case"),
	    out_word(o, WORDS_CASE_STATE, json_str(one, "state")),
	    out_when(o, json_time(one, "opened_at")), out_q(o, one,
	    "title") });
}

int
cmd_case_list(struct ctl *c)
{
	static const struct listing of = { "cases", "case", 4, add_case,
	    T_NEXT_CASE, T_NEXT_STATUS };
	char path[128] = "/v1/cases";

	if (c->a.limit > 0)
		query_add(path, sizeof(path), "limit", out_num(&c->o,
		    c->a.limit));
	return listing_show(c, path, &of);
}

int
cmd_case_close(struct ctl *c)
{
	json_t *body, *got = NULL;
	int rc;

	if (c->a.outcome == NULL)
		return usage(c, "case close", "--outcome must say what came "
		    "of it");
	body = json_object();
	json_object_set_new(body, "outcome", json_string(c->a.outcome));
	rc = ask_at(c, "POST", "/v1/cases/{}/close", c->a.pos[0], body, &got);
	json_decref(body);
	if (rc != EXIT_DONE)
		return rc;
	if (c->o.json)
		out_json(&c->o, got);
	out_say(&c->o, T_CASE_CLOSED, out_q(&c->o, got, "case"), NULL);
	out_next(&c->o, out_text(&c->o, T_NEXT_CASE, c->a.pos[0], NULL));
	json_decref(got);
	return EXIT_DONE;
}

int
cmd_case_waive(struct ctl *c)
{
	json_t *body, *got = NULL;
	int rc;

	if (c->a.reason == NULL)
		return usage(c, "case waive-evidence",
		    "--reason must say why");
	body = json_object();
	json_object_set_new(body, "reason", json_string(c->a.reason));
	rc = ask_at(c, "POST", "/v1/hosts/{}/evidence-waiver", c->a.pos[0],
	    body, &got);
	json_decref(body);
	if (rc != EXIT_DONE)
		return rc;
	if (c->o.json)
		out_json(&c->o, got);
	out_say(&c->o, T_WAIVED_EVIDENCE, c->a.pos[0], out_q(&c->o, got,
	    "case"), NULL);
	out_next(&c->o, out_text(&c->o, T_NEXT_RECOVER, c->a.pos[0], NULL));
	json_decref(got);
	return EXIT_DONE;
}
