/* SPDX-License-Identifier: GPL-3.0-or-later */
/* signals and why: what was seen, and how decisions came about. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "server/ctl/cmd.h"

#define FOLLOW_US 500000

/* The agent says what happened, in English; the kind's line what that is. */
const char *
signal_kind_words(struct out *o, const json_t *s)
{
	const char *text = kind_text(json_str(s, "kind"), o->lang);

	return text[0] == '\0' ? out_q(o, s, "kind") :
	    out_text(o, T_KIND_WORDS, out_q(o, s, "kind"), text, NULL);
}

/* Does the agent say more than the object and the kind's own line? */
static bool
says_more(const json_t *s)
{
	const char *text = json_str(s, "text");

	return strcmp(json_str(s, "object"), text) != 0 &&
	    strcmp(kind_text(json_str(s, "kind"), LANG_EN), text) != 0;
}

void
signal_print(struct out *o, const json_t *s)
{
	const json_t *cause = json_object_get(s, "cause");
	const json_t *what = json_object_get(s, "decision");

	fprintf(o->out, "%lld  %s  %s  %s  %s", (long long)json_num(s,
	    "seq"), out_stamp(o, json_time(s, "at")), out_q(o, s, "host"),
	    out_word(o, WORDS_SEVERITY, json_str(s, "severity")),
	    signal_kind_words(o, s));
	fprintf(o->out, "  %s", out_q(o, s, "object"));
	if (says_more(s))
		fprintf(o->out, "  %s", out_q(o, s, "text"));
	if (json_str(cause, "program")[0] != '\0') {
		char who[OUT_TEXT_MAX];

		snprintf(who, sizeof(who), "%s pid %lld %s",
		    out_q(o, cause, "program"), (long long)json_num(cause,
		    "pid"), out_q(o, cause, "user"));
		fprintf(o->out, "  %s", out_text(o, T_BY, who, out_q(o,
		    cause, "grade"), NULL));
	}
	if (json_str(what, "what")[0] != '\0' &&
	    strcmp(json_str(what, "what"), "note") != 0)
		fprintf(o->out, "  -> %s", out_q(o, what, "what"));
	fprintf(o->out, "\n");
}

static void
signals_path(struct ctl *c, char *path, size_t size, int64_t after)
{
	snprintf(path, size, "/v1/signals");
	if (c->a.hosts.n > 0)
		query_add(path, size, "host", c->a.hosts.item[0]);
	query_add(path, size, "kind", c->a.kind);
	query_add(path, size, "min_severity", c->a.severity);
	if (c->a.limit > 0)
		query_add(path, size, "limit", out_num(&c->o, c->a.limit));
	if (after >= 0)
		query_add(path, size, "after", out_num(&c->o, after));
}

/* One page; *AFTER moves on; *N counts. */
static int
signals_page(struct ctl *c, int64_t *after, size_t *n)
{
	json_t *got = NULL, *one;
	char path[1024];
	size_t i;
	int rc;

	signals_path(c, path, sizeof(path), *after);
	rc = ask(c, "GET", path, NULL, &got);
	if (rc != EXIT_DONE)
		return rc;
	json_array_foreach(json_object_get(got, "signals"), i, one) {
		if (c->o.json)
			out_json(&c->o, one);
		else
			signal_print(&c->o, one);
		(*n)++;
	}
	fflush(c->o.out);
	*after = json_num(got, "next");
	json_decref(got);
	return EXIT_DONE;
}

int
cmd_signals(struct ctl *c)
{
	int64_t after = c->a.after;
	size_t n = 0;
	int rc;

	rc = signals_page(c, &after, &n);
	while (rc == EXIT_DONE && c->a.follow) {
		usleep(FOLLOW_US);
		rc = signals_page(c, &after, &n);
	}
	if (rc != EXIT_DONE)
		return rc;
	if (n == 0)
		out_tell(&c->o, T_MATCHED_NOTHING, NULL);
	out_next(&c->o, n > 0 ? out_text(&c->o, T_NEXT_WHY, out_num(&c->o,
	    after), NULL) : text_of(T_NEXT_STATUS, c->o.lang));
	return n > 0 ? EXIT_DONE : EXIT_NOTHING;
}

void
why_print(struct out *o, const json_t *got)
{
	const char *kind = json_str(got, "kind");
	const json_t *one;
	size_t i;

	out_say(o, T_WHY_HEAD, out_q(o, got, "about"), NULL);
	if (kind_text(kind, o->lang)[0] != '\0') {
		out_row(o, T_L_MEANS, kind_text(kind, o->lang));
		out_row(o, T_L_ADVICE, kind_advice(kind, o->lang));
	}
	json_array_foreach(json_object_get(got, "lines"), i, one)
		fprintf(o->out, "  %s  %s  %s  %s\n", out_stamp(o,
		    json_time(one, "at")), out_q(o, one, "who"), out_q(o, one,
		    "what"), out_q(o, one, "text"));
}

int
cmd_why(struct ctl *c)
{
	json_t *got = NULL;
	int rc;

	rc = ask_at(c, "GET", "/v1/why/{}", c->a.pos[0], NULL, &got);
	if (rc != EXIT_DONE)
		return rc;
	if (c->o.json)
		out_json(&c->o, got);
	else
		why_print(&c->o, got);
	out_next(&c->o, text_of(T_NEXT_STATUS, c->o.lang));
	json_decref(got);
	return EXIT_DONE;
}
