/* SPDX-License-Identifier: GPL-3.0-or-later */
/* manifest make, list, show, sign, retire, verify: trees of hosts. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/id.h"
#include "server/ctl/cmd.h"

#define MANIFEST_SECONDS 300
#define MANIFEST_TURN_US 250000
#define LINES_SHOWN 20

static const char *
state_word(struct out *o, const json_t *m)
{
	static const struct {
		const char *name;
		enum text id;
	} words[] = {
		{ "asked", T_MF_ASKED }, { "waiting", T_MF_WAITING },
		{ "signed", T_MF_SIGNED }, { "older", T_MF_OLDER },
		{ "retired", T_MF_RETIRED }, { "failed", T_MF_FAILED },
		{ "done", T_MF_SIGNED },
	};
	const char *name = json_str(m, "state");
	size_t i;

	for (i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (strcmp(words[i].name, name) == 0)
			return text_of(words[i].id, o->lang);
	return out_q(o, m, "state");
}

static json_t *
tree_body(const char *tree)
{
	json_t *body = json_object();

	json_object_set_new(body, "tree", json_string(tree));
	return body;
}

/* Ask for it until it is no longer under way. */
int
manifest_wait(struct ctl *c, const char *id, json_t **got)
{
	int64_t late = clock_boot_ms() + 1000 * (c->a.timeout > 0 ?
	    c->a.timeout : MANIFEST_SECONDS);
	int rc;

	for (;;) {
		rc = ask_at(c, "GET", "/v1/manifests/{}", id, NULL, got);
		if (rc != EXIT_DONE)
			return rc;
		if (strcmp(json_str(*got, "state"), "asked") != 0 ||
		    clock_boot_ms() >= late)
			return EXIT_DONE;
		json_decref(*got);
		*got = NULL;
		usleep(MANIFEST_TURN_US);
	}
}

/*
 * The manifest of the command line: an id, or the newest of HOST TREE, in
 * STATE if that is not NULL.
 */
static int
find(struct ctl *c, const char *state, char id[ID_MAX])
{
	json_t *got = NULL, *first;
	char path[2048] = "/v1/manifests";
	int rc;

	if (c->a.npos == 1) {
		snprintf(id, ID_MAX, "%s", c->a.pos[0]);
		return EXIT_DONE;
	}
	query_add(path, sizeof(path), "host", c->a.pos[0]);
	query_add(path, sizeof(path), "tree", c->a.pos[1]);
	query_add(path, sizeof(path), "state", state);
	query_add(path, sizeof(path), "limit", "1");
	rc = ask(c, "GET", path, NULL, &got);
	if (rc != EXIT_DONE)
		return rc;
	first = json_array_get(json_object_get(got, "manifests"), 0);
	if (first == NULL) {
		out_tell(&c->o, T_MATCHED_NOTHING, NULL);
		out_next(&c->o, text_of(T_NEXT_MF_LIST, c->o.lang));
		rc = EXIT_NOTHING;
	} else {
		snprintf(id, ID_MAX, "%s", json_str(first, "manifest"));
	}
	json_decref(got);
	return rc;
}

static void
show_content(struct out *o, const json_t *m)
{
	const json_t *one;
	size_t i;

	if (json_object_get(m, "files") == NULL)
		return;
	out_row(o, T_L_MF_CONTENT, out_text(o, T_MF_CONTENT, out_num(o,
	    json_num(m, "files")), out_num(o, json_num(m, "bytes")), NULL));
	if (json_str(m, "before")[0] == '\0') {
		out_row(o, T_L_MF_BEFORE, text_of(T_MF_FIRST, o->lang));
		return;
	}
	out_row(o, T_L_MF_BEFORE, out_text(o, T_MF_DIFFERS, out_q(o, m,
	    "before"), out_num(o, json_num(m, "added")), out_num(o,
	    json_num(m, "removed")), out_num(o, json_num(m, "changed")),
	    NULL));
	json_array_foreach(json_object_get(m, "differences"), i, one) {
		if (i == LINES_SHOWN) {
			fprintf(o->out, "      ... %zu\n", json_array_size(
			    json_object_get(m, "differences")));
			break;
		}
		fprintf(o->out, "      %s %s\n", out_q(o, one, "what"),
		    out_q(o, one, "path"));
	}
}

static void
show(struct out *o, const json_t *m)
{
	char text[OUT_TEXT_MAX];

	snprintf(text, sizeof(text), "%s  %s", out_q(o, m, "manifest"),
	    state_word(o, m));
	out_row(o, T_L_MANIFEST, text);
	out_row(o, T_L_HOST, out_q(o, m, "host"));
	if (json_str(m, "tree")[0] != '\0')
		out_row(o, T_L_MF_TREE, out_q(o, m, "tree"));
	if (json_num(m, "version") > 0)
		out_row(o, T_L_MF_VERSION, out_num(o, json_num(m,
		    "version")));
	if (json_str(m, "group")[0] != '\0')
		out_row(o, T_L_MF_GROUP, out_q(o, m, "group"));
	out_row(o, T_L_ASKED, out_fact(o, out_q(o, m, "asked_by"),
	    json_time(m, "asked_at")));
	if (json_str(m, "sha256")[0] != '\0')
		out_row(o, T_L_MF_DIGEST, out_q(o, m, "sha256"));
	if (json_str(m, "signed_by")[0] != '\0')
		out_row(o, T_L_MF_SIGNED, out_fact(o, out_q(o, m,
		    "signed_by"), json_time(m, "signed_at")));
	if (json_str(m, "retired_by")[0] != '\0')
		out_row(o, T_L_MF_RETIRED, out_fact(o, out_q(o, m,
		    "retired_by"), json_time(m, "retired_at")));
	if (json_str(m, "why")[0] != '\0')
		out_row(o, T_L_WHY, out_q(o, m, "why"));
	show_content(o, m);
}

/* What the next step is, by the state that it is in. */
static void
say_next(struct ctl *c, const json_t *m)
{
	const char *state = json_str(m, "state");

	if (strcmp(state, "waiting") == 0)
		out_next(&c->o, out_text(&c->o, T_NEXT_MF_SIGN, out_q(&c->o,
		    m, "manifest"), NULL));
	else if (strcmp(state, "signed") == 0 && json_str(m, "tree")[0] !=
	    '\0')
		out_next(&c->o, out_text(&c->o, T_NEXT_MF_VERIFY, out_q(
		    &c->o, m, "host"), out_q(&c->o, m, "tree"), NULL));
	else
		out_next(&c->o, text_of(T_NEXT_MF_LIST, c->o.lang));
}

int
cmd_manifest_make(struct ctl *c)
{
	json_t *asked = NULL, *got = NULL, *body = tree_body(c->a.pos[1]);
	int rc;

	rc = ask_at(c, "POST", "/v1/hosts/{}/manifest", c->a.pos[0], body,
	    &asked);
	json_decref(body);
	if (rc != EXIT_DONE)
		return rc;
	out_tell(&c->o, T_MANIFEST_ASKED, c->a.pos[0], out_q(&c->o, asked,
	    "manifest"), NULL);
	if (!c->a.no_wait)
		rc = manifest_wait(c, json_str(asked, "manifest"), &got);
	if (rc == EXIT_DONE && c->o.json)
		out_json(&c->o, got != NULL ? got : asked);
	else if (got != NULL)
		show(&c->o, got);
	if (got != NULL && strcmp(json_str(got, "state"), "waiting") != 0)
		rc = EXIT_UNPROVEN;
	say_next(c, got != NULL ? got : asked);
	json_decref(asked);
	json_decref(got);
	return rc;
}

static void
add_manifest(struct out *o, struct table *t, const json_t *one)
{
	int64_t version = json_num(one, "version");

	table_add(t, (const char *const[]){ out_q(o, one, "manifest"),
	    out_q(o, one, "host"), out_q(o, one, "tree"), version > 0 ?
	    out_num(o, version) : "-", state_word(o, one), out_when(o,
	    json_time(one, "asked_at")) });
}

int
cmd_manifest_list(struct ctl *c)
{
	static const struct listing of = { "manifests", "manifest", 6,
	    add_manifest, T_NEXT_MF_SHOW, T_NEXT_MF_MAKE };
	char path[2048] = "/v1/manifests";

	query_add(path, sizeof(path), "host", c->a.npos > 0 ? c->a.pos[0] :
	    NULL);
	query_add(path, sizeof(path), "state", c->a.state);
	return listing_show(c, path, &of);
}

int
cmd_manifest_show(struct ctl *c)
{
	json_t *m = NULL;
	char id[ID_MAX];
	int rc = find(c, NULL, id);

	if (rc == EXIT_DONE)
		rc = ask_at(c, "GET", "/v1/manifests/{}", id, NULL, &m);
	if (rc != EXIT_DONE)
		return rc;
	if (c->o.json)
		out_json(&c->o, m);
	else
		show(&c->o, m);
	say_next(c, m);
	json_decref(m);
	return EXIT_DONE;
}

/* The person types the tree's path: what was shown is what is meant. */
static bool
confirmed(struct ctl *c, const json_t *m)
{
	char line[2048] = "";

	if (c->a.yes)
		return true;
	fprintf(c->o.err, "%s", text_of(T_TYPE_TREE, c->o.lang));
	if (fgets(line, sizeof(line), c->in) == NULL)
		line[0] = '\0';
	line[strcspn(line, "\r\n")] = '\0';
	if (strcmp(line, json_str(m, "tree")) == 0)
		return true;
	out_tell(&c->o, T_NOT_CONFIRMED, NULL);
	return false;
}

int
cmd_manifest_sign(struct ctl *c)
{
	json_t *m = NULL, *body, *got = NULL;
	char id[ID_MAX];
	int rc = find(c, "waiting", id);

	if (rc == EXIT_DONE)
		rc = ask_at(c, "GET", "/v1/manifests/{}", id, NULL, &m);
	if (rc != EXIT_DONE)
		return rc;
	if (!c->o.json)
		show(&c->o, m);
	if (!confirmed(c, m)) {
		json_decref(m);
		return EXIT_USAGE;
	}
	body = json_object();
	json_object_set_new(body, "sha256", json_string(json_str(m,
	    "sha256")));
	json_object_set_new(body, "for_group", json_boolean(c->a.for_group));
	rc = ask_at(c, "POST", "/v1/manifests/{}/sign", id, body, &got);
	json_decref(body);
	json_decref(m);
	if (rc != EXIT_DONE)
		return rc;
	if (c->o.json)
		out_json(&c->o, got);
	out_say(&c->o, T_MF_IS_SIGNED, out_q(&c->o, got, "manifest"),
	    out_q(&c->o, got, "tree"), out_num(&c->o, json_num(got,
	    "version")), NULL);
	say_next(c, got);
	json_decref(got);
	return EXIT_DONE;
}

int
cmd_manifest_retire(struct ctl *c)
{
	json_t *body, *got = NULL;
	char id[ID_MAX];
	int rc;

	if (c->a.reason == NULL)
		return usage(c, "manifest retire", "--reason must say why");
	rc = find(c, "signed", id);
	if (rc != EXIT_DONE)
		return rc;
	body = json_object();
	json_object_set_new(body, "reason", json_string(c->a.reason));
	rc = ask_at(c, "POST", "/v1/manifests/{}/retire", id, body, &got);
	json_decref(body);
	if (rc != EXIT_DONE)
		return rc;
	if (c->o.json)
		out_json(&c->o, got);
	out_say(&c->o, T_MF_IS_RETIRED, out_q(&c->o, got, "manifest"),
	    out_q(&c->o, got, "tree"), NULL);
	say_next(c, got);
	json_decref(got);
	return EXIT_DONE;
}

int
cmd_manifest_verify(struct ctl *c)
{
	json_t *body = tree_body(c->a.pos[1]);
	int rc = run_checks(c, "/v1/hosts/{}/tree-check", body, false);

	json_decref(body);
	return rc;
}
