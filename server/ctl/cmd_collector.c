/* SPDX-License-Identifier: GPL-3.0-or-later */
/* collector endpoints: where agents go, and what cut-off hosts have pinned. */
#include <stdio.h>
#include <string.h>

#include "server/ctl/cmd.h"

static const char *
joined(struct out *o, const json_t *list)
{
	char *text = out_buf(o);
	size_t i, n = 0;
	json_t *one;

	text[0] = '\0';
	json_array_foreach((json_t *)(uintptr_t)list, i, one)
		if (json_is_string(one) && n + 80 < OUT_TEXT_MAX)
			n += (size_t)snprintf(text + n, OUT_TEXT_MAX - n,
			    "%s%.70s", n > 0 ? ", " : "",
			    json_string_value(one));
	return text;
}

int
cmd_collector_endpoints(struct ctl *c)
{
	json_t *got = NULL, *one;
	struct table t;
	size_t i;
	int rc;

	rc = ask(c, "GET", "/v1/collectors", NULL, &got);
	if (rc != EXIT_DONE)
		return rc;
	if (c->o.json) {
		out_json(&c->o, got);
	} else {
		out_row(&c->o, T_L_COLLECTORS, joined(&c->o,
		    json_object_get(got, "collectors")));
		table_init(&t, 4);
		json_array_foreach(json_object_get(got, "hosts"), i, one)
			table_add(&t, (const char *const[]){ out_q(&c->o,
			    one, "host"), text_of(!json_yes(one, "current") ?
			    T_PINS_OLD : json_yes(one, "in_force") ?
			    T_PINS_NEW : T_PINS_WAITS, c->o.lang),
			    out_q(&c->o, one, "order"), joined(&c->o,
			    json_object_get(one, "pinned")) });
		table_print(&c->o, &t);
		table_done(&t);
	}
	out_next(&c->o, text_of(T_NEXT_PINS, c->o.lang));
	json_decref(got);
	return EXIT_DONE;
}
