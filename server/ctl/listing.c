/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Lists of the API on a screen.  The answer is the collector's. */
#include "server/ctl/cmd.h"

int
listing_show(struct ctl *c, const char *path, const struct listing *l)
{
	json_t *got = NULL, *list, *one;
	struct table t;
	size_t i, n;
	int rc;

	rc = ask(c, "GET", path, NULL, &got);
	if (rc != EXIT_DONE)
		return rc;
	list = json_object_get(got, l->key);
	n = json_array_size(list);
	table_init(&t, l->columns);
	json_array_foreach(list, i, one) {
		if (c->o.json)
			out_json(&c->o, one);
		else
			l->row(&c->o, &t, one);
	}
	table_print(&c->o, &t);
	table_done(&t);
	if (n == 0)
		out_tell(&c->o, T_MATCHED_NOTHING, NULL);
	out_next(&c->o, n > 0 ? out_text(&c->o, l->next, out_q(&c->o,
	    json_array_get(list, 0), l->name), NULL) : text_of(l->none,
	    c->o.lang));
	json_decref(got);
	return n > 0 ? EXIT_DONE : EXIT_NOTHING;
}
