/* SPDX-License-Identifier: GPL-3.0-or-later */
/* extend: the review of a host, or of all hosts of a plan. */
#include <string.h>

#include "server/ctl/cmd.h"

#define REASON_MIN_CHARS 10

static int
extend_host(struct ctl *c, const char *host, const json_t *body)
{
	json_t *h = NULL;
	int rc;

	rc = ask_at(c, "POST", "/v1/hosts/{}/extend", host, body, &h);
	if (rc != EXIT_DONE)
		return rc;
	if (c->o.json)
		out_json(&c->o, h);
	out_say(&c->o, json_yes(h, "ordered") ? T_EXTENDED_TTL : T_EXTENDED,
	    out_mark(&c->o, MARK_GOOD), out_q(&c->o, h, "name"),
	    out_when(&c->o, json_time(h, "review_by")), NULL);
	json_decref(h);
	return EXIT_DONE;
}

/* "P-7F3A9K2M" and no host of that name. */
static int
extend_plan(struct ctl *c, const char *id, const json_t *body)
{
	json_t *plan = NULL, *one;
	size_t i, n, good = 0;
	int rc;

	rc = ask_at(c, "GET", "/v1/plans/{}", id, NULL, &plan);
	if (rc != EXIT_DONE)
		return rc;
	n = json_array_size(json_object_get(plan, "hosts"));
	json_array_foreach(json_object_get(plan, "hosts"), i, one) {
		rc = extend_host(c, json_str(one, "name"), body);
		good += rc == EXIT_DONE;
	}
	json_decref(plan);
	return good == n ? EXIT_DONE : good > 0 ? EXIT_PARTLY : rc;
}

int
cmd_extend(struct ctl *c)
{
	json_t *body;
	int rc;

	if (c->a.review <= 0)
		return usage(c, "extend", "--review must say when, from now");
	if (c->a.reason == NULL || strlen(c->a.reason) < REASON_MIN_CHARS)
		return usage(c, "extend", "--reason must say why, in at least "
		    "%d characters", REASON_MIN_CHARS);
	body = json_object();
	json_object_set_new(body, "review_seconds",
	    json_integer(c->a.review));
	json_object_set_new(body, "reason", json_string(c->a.reason));
	if (strncmp(c->a.pos[0], "P-", 2) == 0)
		rc = extend_plan(c, c->a.pos[0], body);
	else
		rc = extend_host(c, c->a.pos[0], body);
	json_decref(body);
	if (rc == EXIT_DONE)
		out_next(&c->o, out_text(&c->o, T_NEXT_WHY, c->a.pos[0],
		    NULL));
	return rc;
}
