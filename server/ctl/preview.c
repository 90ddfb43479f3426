/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What an order would cut, as the host tells it: asked beside a plan, and by
 * --preview.  Waits a moment; a host that is away or slow is said to be so.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "server/ctl/cmd.h"

#define HOSTS_MAX 10 /* of a plan; a bulk plan is not asked flow by flow */
#define WAIT_MS 3000
#define TURN_US 50000
#define FLOWS_SHOWN 6

static int
ask_one(struct ctl *c, const char *host, const char *profile,
    const char *plan, json_t **asked)
{
	json_t *body = json_object();
	int rc;

	if (profile != NULL)
		json_object_set_new(body, "profile", json_string(profile));
	if (plan != NULL)
		json_object_set_new(body, "plan", json_string(plan));
	rc = ask_at(c, "POST", "/v1/hosts/{}/preview", host, body, asked);
	json_decref(body);
	return rc;
}

/* Until it is no more "asked", or UNTIL (boot ms). */
static int
wait_one(struct ctl *c, const char *id, int64_t until, json_t **got)
{
	int rc;

	for (;;) {
		rc = ask_at(c, "GET", "/v1/previews/{}", id, NULL, got);
		if (rc != EXIT_DONE || clock_boot_ms() >= until ||
		    strcmp(json_str(*got, "state"), "asked") != 0)
			return rc;
		json_decref(*got);
		*got = NULL;
		usleep(TURN_US);
	}
}

/* -- beside a plan ------------------------------------------------------- */

int
preview_plan(struct ctl *c, json_t **plan)
{
	const char *id = json_str(*plan, "plan");
	int64_t until = clock_boot_ms() + WAIT_MS;
	json_t *hosts = json_object_get(*plan, "hosts"), *one, *got;
	json_t *ids = json_array();
	size_t i, asked = 0;
	int rc = EXIT_DONE;

	if (json_array_size(hosts) <= HOSTS_MAX)
		json_array_foreach(hosts, i, one) {
			got = NULL;
			if (rc != EXIT_DONE || !json_yes(one, "online"))
				continue;
			rc = ask_one(c, json_str(one, "name"), NULL, id,
			    &got);
			if (rc == EXIT_DONE)
				json_array_append(ids, json_object_get(got,
				    "preview"));
			json_decref(got);
		}
	json_array_foreach(ids, i, one) {
		got = NULL;
		if (rc == EXIT_DONE)
			rc = wait_one(c, json_string_value(one), until, &got);
		asked++;
		json_decref(got);
	}
	json_decref(ids);
	if (rc != EXIT_DONE || asked == 0)
		return rc;
	got = NULL;
	rc = ask_at(c, "GET", "/v1/plans/{}", id, NULL, &got);
	if (rc != EXIT_DONE)
		return rc;
	json_decref(*plan);
	*plan = got;
	return EXIT_DONE;
}

/* "psql" of "/usr/bin/psql". */
static const char *
program(struct out *o, const json_t *flow)
{
	const char *name = out_q(o, flow, "program");
	const char *slash = strrchr(name, '/');

	return slash != NULL ? slash + 1 : name[0] != '\0' ? name : "?";
}

const char *
preview_cuts(struct out *o, const json_t *preview)
{
	const json_t *flows = json_object_get(preview, "flows"), *one;
	int64_t cut = json_num(preview, "cut");
	char *text = out_buf(o);
	size_t i, n, shown = 0;

	n = (size_t)snprintf(text, OUT_TEXT_MAX, "%s", out_text(o,
	    cut == 1 ? T_CUTS_ONE : T_CUTS_FLOWS, out_num(o, cut), NULL));
	json_array_foreach((json_t *)(uintptr_t)flows, i, one) {
		if (json_yes(one, "kept") || shown == FLOWS_SHOWN ||
		    n + 200 > OUT_TEXT_MAX)
			continue;
		n += (size_t)snprintf(text + n, OUT_TEXT_MAX - n,
		    "%s%.70s %.60s", shown++ > 0 ? ", " : ": ",
		    out_q(o, one, "peer"), program(o, one));
	}
	if (cut > (int64_t)shown && shown > 0)
		snprintf(text + n, OUT_TEXT_MAX - n, ", %s", out_text(o,
		    T_CUTS_MORE, out_num(o, cut - (int64_t)shown), NULL));
	return text;
}

/* -- by itself ----------------------------------------------------------- */

static void
print_flows(struct out *o, const json_t *preview, bool want_kept)
{
	const json_t *flows = json_object_get(preview, "flows"), *one;
	struct table t;
	size_t i;

	table_init(&t, 5);
	json_array_foreach((json_t *)(uintptr_t)flows, i, one)
		if (json_yes(one, "kept") == want_kept)
			table_add(&t, (const char *const[]){ "",
			    out_q(o, one, "protocol"), out_q(o, one, "peer"),
			    out_q(o, one, "program"), json_num(one, "pid") >
			    0 ? out_text(o, T_FLOW_PID, out_num(o,
			    json_num(one, "pid")), NULL) : "" });
	table_print(o, &t);
	table_done(&t);
}

void
preview_print(struct out *o, const json_t *preview)
{
	const char *state = json_str(preview, "state");

	out_say(o, T_PREVIEW_HEAD, out_q(o, preview, "host"), out_q(o,
	    preview, "profile"), NULL);
	if (strcmp(state, "done") != 0) {
		out_row(o, T_L_CUTS, strcmp(state, "failed") == 0 ?
		    out_q(o, preview, "why") : text_of(T_CUTS_LATE, o->lang));
		return;
	}
	out_row(o, T_L_CUTS, out_text(o, json_num(preview, "cut") == 1 ?
	    T_CUTS_ONE : T_CUTS_FLOWS, out_num(o, json_num(preview, "cut")),
	    NULL));
	print_flows(o, preview, false);
	out_row(o, T_L_KEEPS, out_text(o, json_num(preview, "kept") == 1 ?
	    T_CUTS_ONE : T_CUTS_FLOWS, out_num(o, json_num(preview,
	    "kept")), NULL));
	print_flows(o, preview, true);
	if (json_yes(preview, "partial"))
		out_say(o, T_CUTS_PARTIAL, NULL);
}

int
preview_hosts(struct ctl *c, const char *profile)
{
	json_t *asked, *got;
	int rc = EXIT_DONE, one;
	size_t i;

	for (i = 0; i < c->a.npos; i++) {
		asked = got = NULL;
		one = ask_one(c, c->a.pos[i], profile, NULL, &asked);
		if (one == EXIT_DONE)
			one = wait_one(c, json_str(asked, "preview"),
			    clock_boot_ms() + WAIT_MS, &got);
		if (one == EXIT_DONE) {
			if (c->o.json)
				out_json(&c->o, got);
			else
				preview_print(&c->o, got);
			if (strcmp(json_str(got, "state"), "done") != 0)
				one = EXIT_UNPROVEN;
		}
		json_decref(asked);
		json_decref(got);
		if (one != EXIT_DONE)
			rc = c->a.npos == 1 ? one : EXIT_PARTLY;
	}
	if (rc == EXIT_DONE)
		out_next(&c->o, out_text(&c->o, T_NEXT_ISOLATE, c->a.pos[0],
		    NULL));
	return rc;
}
