/* SPDX-License-Identifier: GPL-3.0-or-later */
/* host list, show, tag, revoke, manifest. */
#include <stdio.h>
#include <string.h>

#include "common/base/log.h"
#include "server/ctl/cmd.h"

/* The screen's one word for isolation, by its stable name. */
static const char *
isolation_word(struct out *o, const json_t *host)
{
	static const struct {
		const char *name;
		enum text id;
	} words[] = {
		{ "open", T_ISO_OPEN }, { "opening", T_ISO_OPENING },
		{ "sending", T_ISO_SENDING }, { "unproven", T_ISO_UNPROVEN },
		{ "proven", T_ISO_PROVEN }, { "old-proof", T_ISO_OLD_PROOF },
		{ "late", T_ISO_LATE }, { "failed", T_ISO_FAILED },
	};
	const char *name = json_str(host, "isolation");
	size_t i;

	if (json_str(host, "drill")[0] != '\0')
		return out_text(o, T_ISO_DRILL, out_word(o, WORDS_DRILL,
		    json_str(host, "drill")), NULL);
	/* the collector's own sentence is English and says most */
	if (o->lang == LANG_EN && json_str(host, "isolation_text")[0] != '\0')
		return out_q(o, host, "isolation_text");
	for (i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (strcmp(words[i].name, name) == 0)
			return text_of(words[i].id, o->lang);
	return out_q(o, host, "isolation");
}

static const char *
link_word(struct out *o, const json_t *host)
{
	int64_t seen = json_time(host, "last_seen");

	if (seen == 0)
		return text_of(T_NEVER_SEEN, o->lang);
	return out_text(o, json_yes(host, "online") ? T_ONLINE_AGO :
	    T_OFFLINE_AGO, out_ago(o, seen), NULL);
}

static void
add_host(struct out *o, struct table *t, const json_t *one)
{
	table_add(t, (const char *const[]){ out_q(o, one, "name"),
	    out_q(o, one, "tier"), out_q(o, one, "group"), out_word(o,
	    WORDS_STAGE, json_str(one, "stage")), isolation_word(o, one),
	    link_word(o, one) });
}

int
cmd_host_list(struct ctl *c)
{
	static const struct listing of = { "hosts", "name", 6, add_host,
	    T_NEXT_SHOW_HOST, T_NEXT_STATUS };
	char path[512] = "/v1/hosts";

	query_add(path, sizeof(path), "group", c->a.group);
	query_add(path, sizeof(path), "stage", c->a.stage);
	query_add(path, sizeof(path), "tier", c->a.tier);
	return listing_show(c, path, &of);
}

/* What the isolation lacks by its newest proof, a line each. */
static void
show_weak(struct out *o, const json_t *h)
{
	const json_t *all = json_object_get(json_object_get(json_array_get(
	    json_object_get(h, "proofs"), 0), "detail"), "weak"), *one;
	const char *line;
	char *text;
	size_t i;

	if (strcmp(json_str(h, "applied"), "open") == 0)
		return;
	json_array_foreach((json_t *)(uintptr_t)all, i, one) {
		line = json_is_string(one) ? json_string_value(one) : "";
		text = out_buf(o);
		out_row(o, T_L_WEAKER, log_quote(text, OUT_TEXT_MAX, line,
		    strlen(line)));
	}
}

/* The four facts, each with its age. */
static void
show_facts(struct out *o, const json_t *h)
{
	out_row(o, T_L_DESIRED, out_fact(o, out_word(o, WORDS_PROFILE,
	    json_str(h, "desired")), json_time(h, "desired_at")));
	out_row(o, T_L_APPLIED, out_fact(o, out_word(o, WORDS_PROFILE,
	    json_str(h, "applied")), json_time(h, "applied_at")));
	if (json_time(h, "proven_at") > 0)
		out_row(o, T_L_PROVEN, out_fact(o, json_yes(h, "proven_ok") ?
		    text_of(T_FACT_YES, o->lang) : out_q(o, h, "proven_why"),
		    json_time(h, "proven_at")));
	show_weak(o, h);
	if (json_time(h, "witness_at") > 0)
		out_row(o, T_L_WITNESS, out_text(o, json_yes(h, "witness_ok")
		    ? T_WITNESS_OK : T_WITNESS_BAD, out_q(o, h,
		    "witness_by"), out_ago(o, json_time(h, "witness_at")),
		    NULL));
}

/* A row for KEY, unless it is empty. */
static void
row_if(struct out *o, enum text label, const json_t *h, const char *key)
{
	if (json_str(h, key)[0] != '\0')
		out_row(o, label, out_q(o, h, key));
}

static void
show_about(struct out *o, const json_t *h)
{
	char text[OUT_TEXT_MAX];

	out_row(o, T_L_HOST, out_q(o, h, "name"));
	snprintf(text, sizeof(text), "%s  %s  %s", out_q(o, h, "tier"),
	    out_q(o, h, "group"), out_q(o, h, "service"));
	out_row(o, T_L_TIER, text);
	out_row(o, T_L_STAGE, out_fact(o, out_word(o, WORDS_STAGE,
	    json_str(h, "stage")), json_time(h, "stage_since")));
	out_row(o, T_L_ISOLATION, isolation_word(o, h));
	out_row(o, T_L_LINK, link_word(o, h));
	if (json_str(h, "drill")[0] != '\0')
		out_row(o, T_L_DRILL, out_text(o, T_DRILL_UNTIL, out_word(o,
		    WORDS_DRILL, json_str(h, "drill")), out_q(o, h,
		    "drill_order"), out_when(o, json_time(h, "drill_until")),
		    NULL));
	if (json_time(h, "review_by") > 0)
		out_row(o, T_L_REVIEW, strcmp(json_str(h, "review_then"),
		    "restore") == 0 ? out_text(o, T_REVIEW_RESTORE,
		    out_when(o, json_time(h, "review_by")), NULL) :
		    out_when(o, json_time(h, "review_by")));
	show_facts(o, h);
	row_if(o, T_L_CASE, h, "case");
	row_if(o, T_L_OWNER, h, "owner");
	snprintf(text, sizeof(text), "%s %s %s", json_yes(h, "never_isolate")
	    ? text_of(T_TAG_NEVER, o->lang) : "", json_yes(h, "drill_ok") ?
	    text_of(T_TAG_DRILL, o->lang) : "", json_yes(h, "revoked") ?
	    text_of(T_TAG_REVOKED, o->lang) : "");
	if (strspn(text, " ") != strlen(text))
		out_row(o, T_L_TAGS, text);
	row_if(o, T_L_AGENT, h, "agent_version");
	row_if(o, T_L_ADDRESSES, h, "addresses");
	if (json_time(h, "cert_not_after") > 0)
		out_row(o, T_L_CERT, out_text(o, T_CERT_UNTIL, out_when(o,
		    json_time(h, "cert_not_after")), NULL));
	row_if(o, T_L_MANIFEST, h, "manifest");
}

static void
show_checks(struct out *o, const json_t *h)
{
	const json_t *gate = json_object_get(h, "gate"), *one;
	char text[OUT_TEXT_MAX];
	size_t i;

	if (gate != NULL) {
		snprintf(text, sizeof(text), "%s  %s  %s", out_q(o, gate,
		    "run"), out_word(o, WORDS_OUTCOME, json_str(gate,
		    "outcome")), out_when(o, json_time(gate, "asked_at")));
		out_row(o, T_L_GATE, text);
	}
	json_array_foreach(json_object_get(h, "rechecks"), i, one) {
		snprintf(text, sizeof(text), "%s  %s  %s", out_q(o, one,
		    "name"), out_q(o, one, "state"), out_when(o,
		    json_time(one, "due_at")));
		out_row(o, T_L_RECHECK, text);
	}
	json_array_foreach(json_object_get(h, "readiness"), i, one) {
		if (json_yes(one, "ok"))
			continue;
		snprintf(text, sizeof(text), "%s: %s", out_q(o, one, "id"),
		    out_q(o, one, "text"));
		out_row(o, T_L_NOT_READY, text);
	}
}

int
cmd_host_show(struct ctl *c)
{
	json_t *h = NULL, *one;
	size_t i;
	int rc;

	rc = ask_at(c, "GET", "/v1/hosts/{}", c->a.pos[0], NULL, &h);
	if (rc != EXIT_DONE)
		return rc;
	if (c->o.json) {
		out_json(&c->o, h);
	} else {
		show_about(&c->o, h);
		show_checks(&c->o, h);
		json_array_foreach(json_object_get(h, "signals_recent"), i,
		    one) {
			if (i == 5)
				break;
			fprintf(c->o.out, "  ");
			signal_print(&c->o, one);
		}
	}
	out_next(&c->o, out_text(&c->o, T_NEXT_WHY, c->a.pos[0], NULL));
	json_decref(h);
	return EXIT_DONE;
}

/* "yes" or "no" into BODY; not 0: neither of them. */
static int
put_yes(json_t *body, const char *key, const char *value)
{
	if (value == NULL)
		return 0;
	if (strcmp(value, "yes") != 0 && strcmp(value, "no") != 0)
		return -1;
	json_object_set_new(body, key, json_boolean(value[0] == 'y'));
	return 0;
}

int
cmd_host_tag(struct ctl *c)
{
	json_t *body = json_object(), *h = NULL;
	int rc;

	if (c->a.service != NULL)
		json_object_set_new(body, "service",
		    json_string(c->a.service));
	if (c->a.owner != NULL)
		json_object_set_new(body, "owner", json_string(c->a.owner));
	if (c->a.tier != NULL)
		json_object_set_new(body, "tier", json_string(c->a.tier));
	if (put_yes(body, "never_isolate", c->a.never) != 0 ||
	    put_yes(body, "drill_ok", c->a.drill) != 0)
		rc = usage(c, "host tag", "write yes or no");
	else if (json_object_size(body) == 0)
		rc = usage(c, "host tag", "nothing to change");
	else
		rc = ask_at(c, "POST", "/v1/hosts/{}/tags", c->a.pos[0],
		    body, &h);
	json_decref(body);
	if (rc != EXIT_DONE)
		return rc;
	if (c->o.json)
		out_json(&c->o, h);
	else
		show_about(&c->o, h);
	out_next(&c->o, out_text(&c->o, T_NEXT_SHOW_HOST, c->a.pos[0],
	    NULL));
	json_decref(h);
	return EXIT_DONE;
}

int
cmd_host_revoke(struct ctl *c)
{
	json_t *body, *h = NULL;
	char line[256] = "";
	int rc;

	if (c->a.reason == NULL)
		return usage(c, "host revoke", "--reason must say why");
	if (!c->a.yes) {
		fprintf(c->o.err, "%s", text_of(T_TYPE_HOST, c->o.lang));
		if (fgets(line, sizeof(line), c->in) == NULL)
			line[0] = '\0';
		line[strcspn(line, "\r\n")] = '\0';
		if (strcmp(line, c->a.pos[0]) != 0) {
			out_tell(&c->o, T_NOT_CONFIRMED, NULL);
			return EXIT_USAGE;
		}
	}
	body = json_object();
	json_object_set_new(body, "reason", json_string(c->a.reason));
	rc = ask_at(c, "POST", "/v1/hosts/{}/revoke", c->a.pos[0], body, &h);
	json_decref(body);
	if (rc != EXIT_DONE)
		return rc;
	if (c->o.json)
		out_json(&c->o, h);
	out_say(&c->o, T_REVOKED, out_q(&c->o, h, "name"), NULL);
	out_next(&c->o, out_text(&c->o, T_NEXT_SHOW_HOST, c->a.pos[0],
	    NULL));
	json_decref(h);
	return EXIT_DONE;
}

int
cmd_host_manifest(struct ctl *c)
{
	json_t *asked = NULL, *got = NULL;
	const char *id;
	int rc;

	rc = ask_at(c, "POST", "/v1/hosts/{}/manifest", c->a.pos[0], NULL,
	    &asked);
	if (rc != EXIT_DONE)
		return rc;
	id = out_q(&c->o, asked, "manifest");
	out_tell(&c->o, T_MANIFEST_ASKED, c->a.pos[0], id, NULL);
	if (!c->a.no_wait)
		rc = manifest_wait(c, json_str(asked, "manifest"), &got);
	if (rc == EXIT_DONE && c->o.json)
		out_json(&c->o, got != NULL ? got : asked);
	if (got != NULL && strcmp(json_str(got, "state"), "done") == 0) {
		out_say(&c->o, T_MANIFEST_DONE, id, out_q(&c->o, got,
		    "sha256"), NULL);
	} else if (got != NULL) {
		out_say(&c->o, T_MANIFEST_FAILED, id, json_str(got,
		    "why")[0] != '\0' ? out_q(&c->o, got, "why") :
		    out_q(&c->o, got, "state"), NULL);
		rc = EXIT_UNPROVEN;
	}
	out_next(&c->o, out_text(&c->o, T_NEXT_MANIFEST, c->a.pos[0], NULL));
	json_decref(asked);
	json_decref(got);
	return rc;
}
