/* SPDX-License-Identifier: GPL-3.0-or-later */
/* host readiness: could it be isolated and released today, and why not. */
#include <stdio.h>
#include <string.h>

#include "server/ctl/cmd.h"

#define HOSTS_SHOWN 20

static const char *
level_text(struct out *o, const json_t *item)
{
	return text_of(strcmp(json_str(item, "level"), "blocks") == 0 ?
	    T_RDY_BLOCKS : T_RDY_WEAKER, o->lang);
}

static const char *
ready_text(struct out *o, const json_t *host)
{
	const char *ready = json_str(host, "ready");

	return text_of(strcmp(ready, "yes") == 0 ? T_RDY_YES :
	    strcmp(ready, "weaker") == 0 ? T_RDY_YES_WEAKER :
	    strcmp(ready, "no") == 0 ? T_RDY_NO : T_RDY_UNKNOWN, o->lang);
}

/* "owner-flag, vpn-route" */
static const char *
item_ids(struct out *o, const json_t *host)
{
	char *text = out_buf(o);
	size_t i, n = 0;
	json_t *one;

	text[0] = '\0';
	json_array_foreach(json_object_get(host, "items"), i, one)
		if (n + 80 < OUT_TEXT_MAX)
			n += (size_t)snprintf(text + n, OUT_TEXT_MAX - n,
			    "%s%.70s", n > 0 ? ", " : "", out_q(o, one,
			    "id"));
	return text;
}

static int
show_one(struct ctl *c, const char *name)
{
	json_t *h = NULL, *one;
	struct table t;
	size_t i;
	int rc;

	rc = ask_at(c, "GET", "/v1/hosts/{}/readiness", name, NULL, &h);
	if (rc != EXIT_DONE)
		return rc;
	if (c->o.json) {
		out_json(&c->o, h);
	} else {
		out_row(&c->o, T_L_HOST, out_q(&c->o, h, "host"));
		out_row(&c->o, T_L_READY, out_fact(&c->o, ready_text(&c->o,
		    h), json_time(h, "checked_at")));
		table_init(&t, 3);
		json_array_foreach(json_object_get(h, "items"), i, one)
			table_add(&t, (const char *const[]){ level_text(
			    &c->o, one), out_q(&c->o, one, "id"),
			    out_q(&c->o, one, "text") });
		table_print(&c->o, &t);
		table_done(&t);
	}
	rc = strcmp(json_str(h, "ready"), "yes") == 0 ||
	    strcmp(json_str(h, "ready"), "weaker") == 0 ? EXIT_DONE :
	    EXIT_PARTLY;
	out_next(&c->o, out_text(&c->o, rc == EXIT_DONE ? T_NEXT_SHOW_HOST :
	    T_NEXT_READY, name, NULL));
	json_decref(h);
	return rc;
}

/* The head, and each reason with the number of hosts it holds back. */
static void
show_fleet(struct ctl *c, const json_t *got)
{
	int64_t n = json_num(got, "fleet");
	int64_t can = json_num(got, "full") + json_num(got, "weaker");
	struct table t;
	char share[24];
	json_t *one;
	size_t i;

	snprintf(share, sizeof(share), "%.1f", n > 0 ?
	    100.0 * (double)can / (double)n : 0.0);
	out_say(&c->o, T_RDY_HEAD, out_num(&c->o, can), out_num(&c->o, n),
	    share, NULL);
	out_row(&c->o, T_L_RDY_FULL, out_num(&c->o, json_num(got, "full")));
	out_row(&c->o, T_L_RDY_WEAKER, out_num(&c->o, json_num(got,
	    "weaker")));
	out_row(&c->o, T_L_RDY_BLOCKED, out_num(&c->o, json_num(got,
	    "blocked")));
	out_row(&c->o, T_L_RDY_UNKNOWN, out_num(&c->o, json_num(got,
	    "unknown")));
	table_init(&t, 4);
	json_array_foreach(json_object_get(got, "why"), i, one)
		table_add(&t, (const char *const[]){ level_text(&c->o, one),
		    out_q(&c->o, one, "id"), out_text(&c->o, T_PLAN_MANY,
		    out_num(&c->o, json_num(one, "count")), NULL),
		    out_q(&c->o, one, "text") });
	table_print(&c->o, &t);
	table_done(&t);
}

/* Those that are blocked or never told; the rest is in --json. */
static const char *
show_hosts(struct ctl *c, const json_t *got)
{
	const char *first = NULL;
	struct table t;
	size_t i, n = 0;
	json_t *one;

	table_init(&t, 5);
	json_array_foreach(json_object_get(got, "hosts"), i, one) {
		const char *ready = json_str(one, "ready");

		if (strcmp(ready, "no") != 0 && strcmp(ready, "unknown") != 0)
			continue;
		if (first == NULL)
			first = out_q(&c->o, one, "host");
		if (n++ < HOSTS_SHOWN)
			table_add(&t, (const char *const[]){ out_q(&c->o,
			    one, "host"), out_q(&c->o, one, "tier"),
			    out_q(&c->o, one, "group"), ready_text(&c->o,
			    one), item_ids(&c->o, one) });
	}
	table_print(&c->o, &t);
	table_done(&t);
	if (n > HOSTS_SHOWN)
		out_say(&c->o, T_RDY_MORE, out_num(&c->o, (int64_t)n -
		    HOSTS_SHOWN), NULL);
	return first;
}

int
cmd_host_readiness(struct ctl *c)
{
	char path[512] = "/v1/readiness", name[128] = "";
	const char *first;
	json_t *got = NULL;
	int rc;

	if (c->a.npos == 1)
		return show_one(c, c->a.pos[0]);
	query_add(path, sizeof(path), "group", c->a.group);
	query_add(path, sizeof(path), "tier", c->a.tier);
	rc = ask(c, "GET", path, NULL, &got);
	if (rc != EXIT_DONE)
		return rc;
	if (json_num(got, "fleet") == 0) {
		out_tell(&c->o, T_MATCHED_NOTHING, NULL);
		out_next(&c->o, text_of(T_NEXT_LIST_HOSTS, c->o.lang));
		rc = EXIT_NOTHING;
	} else if (c->o.json) {
		out_json(&c->o, got);
	} else {
		show_fleet(c, got);
		first = show_hosts(c, got);
		if (first != NULL)
			snprintf(name, sizeof(name), "%s", first);
		out_next(&c->o, name[0] != '\0' ? out_text(&c->o,
		    T_NEXT_READY, name, NULL) : text_of(T_NEXT_STATUS,
		    c->o.lang));
	}
	if (rc == EXIT_DONE && json_num(got, "blocked") +
	    json_num(got, "unknown") > 0)
		rc = EXIT_PARTLY;
	json_decref(got);
	return rc;
}
