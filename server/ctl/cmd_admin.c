/* SPDX-License-Identifier: GPL-3.0-or-later */
/* enrol token, operator add/list/disable/explain, stop, status, whoami. */
#include <stdio.h>
#include <string.h>

#include "server/ctl/cmd.h"

#define TTL_SECONDS 3600

int
cmd_enrol_token(struct ctl *c)
{
	json_t *body, *got = NULL;
	const json_t *first;
	char where[256];
	int rc;

	if (c->a.group == NULL)
		return usage(c, "enrol token", "--group must say where the "
		    "hosts belong");
	body = json_object();
	json_object_set_new(body, "kind", json_string("agent"));
	json_object_set_new(body, "group", json_string(c->a.group));
	json_object_set_new(body, "tier", json_string(c->a.tier != NULL ?
	    c->a.tier : "T2"));
	json_object_set_new(body, "ttl_seconds", json_integer(c->a.ttl > 0 ?
	    c->a.ttl : TTL_SECONDS));
	json_object_set_new(body, "uses", json_integer(c->a.uses > 0 ?
	    c->a.uses : 1));
	rc = ask(c, "POST", "/v1/tokens", body, &got);
	json_decref(body);
	if (rc != EXIT_DONE)
		return rc;
	if (c->o.json)
		out_json(&c->o, got);
	out_say(&c->o, T_TOKEN_ONCE, out_q(&c->o, got, "token"),
	    out_when(&c->o, json_time(got, "expires_at")), out_num(&c->o,
	    c->a.uses > 0 ? c->a.uses : 1), NULL);
	first = json_array_get(json_object_get(got, "collectors"), 0);
	snprintf(where, sizeof(where), "%s", json_is_string(first) ?
	    json_string_value(first) : "HOST:PORT");
	out_next(&c->o, out_text(&c->o, T_NEXT_ENROL_AGENT, where,
	    out_q(&c->o, got, "token"), out_q(&c->o, got, "ca_sha256"),
	    NULL));
	json_decref(got);
	return EXIT_DONE;
}

/* "responder:finance" -> {role, group}; no group is all of them. */
static json_t *
role_json(const char *text)
{
	const char *colon = strchr(text, ':');
	json_t *o = json_object();

	json_object_set_new(o, "role", json_stringn(text, colon != NULL ?
	    (size_t)(colon - text) : strlen(text)));
	json_object_set_new(o, "group", json_string(colon != NULL ?
	    colon + 1 : "*"));
	return o;
}

int
cmd_operator_add(struct ctl *c)
{
	json_t *body, *roles, *got = NULL;
	const char *url;
	size_t i;
	int rc;

	if (c->a.roles.n == 0)
		return usage(c, "operator add",
		    "--role must be given at least once");
	body = json_object();
	roles = json_array();
	json_object_set_new(body, "name", json_string(c->a.pos[0]));
	json_object_set_new(body, "roles", roles);
	for (i = 0; i < c->a.roles.n; i++)
		json_array_append_new(roles, role_json(c->a.roles.item[i]));
	rc = ask(c, "POST", "/v1/operators", body, &got);
	json_decref(body);
	if (rc != EXIT_DONE)
		return rc;
	if (c->o.json)
		out_json(&c->o, got);
	url = c->conf.url.n > 0 ? c->conf.url.item[0] : "URL";
	out_say(&c->o, T_OPERATOR_ADDED, out_q(&c->o, got, "name"), NULL);
	out_say(&c->o, T_TOKEN_ONCE, out_q(&c->o, got, "token"),
	    out_when(&c->o, json_time(got, "expires_at")), "1", NULL);
	out_next(&c->o, out_text(&c->o, T_NEXT_ENROL_OPERATOR, out_q(&c->o,
	    got, "name"), url, out_q(&c->o, got, "ca_sha256"), out_q(&c->o,
	    got, "token"), NULL));
	json_decref(got);
	return EXIT_DONE;
}

/* "responder:finance viewer" */
static const char *
roles_text(struct out *o, const json_t *roles)
{
	const json_t *one;
	char *text = out_buf(o);
	size_t i, n = 0;

	text[0] = '\0';
	json_array_foreach((json_t *)(uintptr_t)roles, i, one) {
		const char *grp = out_q(o, one, "group");
		bool all = strcmp(grp, "*") == 0;

		if (n < OUT_TEXT_MAX)
			n += (size_t)snprintf(text + n, OUT_TEXT_MAX - n,
			    "%s%s%s%s", i > 0 ? " " : "", out_q(o, one,
			    "role"), all ? "" : ":", all ? "" : grp);
	}
	return text;
}

int
cmd_operator_list(struct ctl *c)
{
	json_t *got = NULL, *one;
	struct table t;
	size_t i;
	int rc;

	rc = ask(c, "GET", "/v1/operators", NULL, &got);
	if (rc != EXIT_DONE)
		return rc;
	table_init(&t, 4);
	json_array_foreach(json_object_get(got, "operators"), i, one) {
		if (c->o.json)
			out_json(&c->o, one);
		else
			table_add(&t, (const char *const[]){ out_q(&c->o,
			    one, "name"), out_when(&c->o, json_time(one,
			    "created_at")), json_yes(one, "disabled") ?
			    text_of(T_L_DISABLED, c->o.lang) : "",
			    roles_text(&c->o, json_object_get(one,
			    "roles")) });
	}
	table_print(&c->o, &t);
	table_done(&t);
	out_next(&c->o, out_text(&c->o, T_NEXT_HELP, "operator explain ",
	    NULL));
	json_decref(got);
	return EXIT_DONE;
}

int
cmd_operator_disable(struct ctl *c)
{
	json_t *body, *got = NULL;
	int rc;

	if (c->a.reason == NULL)
		return usage(c, "operator disable", "--reason must say why");
	body = json_object();
	json_object_set_new(body, "reason", json_string(c->a.reason));
	rc = ask_at(c, "POST", "/v1/operators/{}/disable", c->a.pos[0], body,
	    &got);
	json_decref(body);
	if (rc != EXIT_DONE)
		return rc;
	if (c->o.json)
		out_json(&c->o, got);
	out_say(&c->o, T_OPERATOR_DISABLED, out_q(&c->o, got, "name"), NULL);
	out_next(&c->o, text_of(T_NEXT_STATUS, c->o.lang));
	json_decref(got);
	return EXIT_DONE;
}

int
cmd_operator_explain(struct ctl *c)
{
	static const enum text texts[ROLE_N] = { [ROLE_VIEWER] =
	    T_ROLE_VIEWER, [ROLE_ANALYST] = T_ROLE_ANALYST,
	    [ROLE_RESPONDER] = T_ROLE_RESPONDER, [ROLE_APPROVER] =
	    T_ROLE_APPROVER, [ROLE_COMMANDER] = T_ROLE_COMMANDER,
	    [ROLE_RECOVERY] = T_ROLE_RECOVERY, [ROLE_VERIFIER] =
	    T_ROLE_VERIFIER, [ROLE_OWNER] = T_ROLE_OWNER, [ROLE_BASELINE] =
	    T_ROLE_BASELINE, [ROLE_AUDITOR] = T_ROLE_AUDITOR, [ROLE_ADMIN] =
	    T_ROLE_ADMIN };
	int role, only = -1;

	if (c->a.npos > 0 &&
	    word_find(WORDS_ROLE, c->a.pos[0], &only) != 0)
		return usage(c, "operator explain", "no such role: %s",
		    c->a.pos[0]);
	for (role = 0; role < ROLE_N; role++) {
		if (only >= 0 && role != only)
			continue;
		if (c->o.json) {
			json_t *o = json_object();

			json_object_set_new(o, "role",
			    json_string(word_name(WORDS_ROLE, role)));
			json_object_set_new(o, "grants",
			    json_string(text_of(texts[role], c->o.lang)));
			out_json(&c->o, o);
			json_decref(o);
			continue;
		}
		fprintf(c->o.out, "%-10s  %s\n", word_name(WORDS_ROLE, role),
		    text_of(texts[role], c->o.lang));
	}
	out_next(&c->o, out_text(&c->o, T_NEXT_HELP, "operator add ", NULL));
	return EXIT_DONE;
}

int
cmd_stop(struct ctl *c)
{
	json_t *body, *got = NULL;
	bool on = strcmp(c->a.pos[0], "on") == 0;
	int rc;

	if (!on && strcmp(c->a.pos[0], "off") != 0)
		return usage(c, "stop", "write on or off");
	if (c->a.reason == NULL)
		return usage(c, "stop", "--reason must say why");
	body = json_object();
	json_object_set_new(body, "on", json_boolean(on));
	json_object_set_new(body, "reason", json_string(c->a.reason));
	rc = ask(c, "POST", "/v1/stop", body, &got);
	json_decref(body);
	if (rc != EXIT_DONE)
		return rc;
	if (c->o.json)
		out_json(&c->o, got);
	out_say(&c->o, on ? T_STOP_ON : T_STOP_OFF, NULL);
	out_next(&c->o, text_of(T_NEXT_STATUS, c->o.lang));
	json_decref(got);
	return EXIT_DONE;
}

int
cmd_status(struct ctl *c)
{
	json_t *got = NULL;
	int rc;

	rc = ask(c, "GET", "/v1/status", NULL, &got);
	if (rc != EXIT_DONE)
		return rc;
	if (c->o.json)
		out_json(&c->o, got);
	out_say(&c->o, T_VERSION_OF, out_q(&c->o, got, "version"), NULL);
	out_say(&c->o, T_STATUS, out_num(&c->o, json_num(got, "hosts")),
	    out_num(&c->o, json_num(got, "online")), out_num(&c->o,
	    json_num(got, "isolated")), out_num(&c->o, json_num(got,
	    "failed")), NULL);
	if (json_yes(got, "stopped"))
		out_say(&c->o, T_STOP_ON, NULL);
	out_next(&c->o, text_of(T_NEXT_LIST_HOSTS, c->o.lang));
	json_decref(got);
	return EXIT_DONE;
}

int
cmd_whoami(struct ctl *c)
{
	json_t *got = NULL;
	int rc;

	rc = ask(c, "GET", "/v1/whoami", NULL, &got);
	if (rc != EXIT_DONE)
		return rc;
	if (c->o.json) {
		out_json(&c->o, got);
	} else {
		out_row(&c->o, T_L_NAME, out_q(&c->o, got, "name"));
		out_row(&c->o, T_L_ROLES, roles_text(&c->o,
		    json_object_get(got, "roles")));
		out_row(&c->o, T_L_SINCE, out_when(&c->o, json_time(got,
		    "created_at")));
	}
	out_next(&c->o, text_of(T_NEXT_STATUS, c->o.lang));
	json_decref(got);
	return EXIT_DONE;
}
