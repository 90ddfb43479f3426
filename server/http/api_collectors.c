/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * /v1/collectors: where agents reach this collector, and what the orders of
 * hosts that are cut off have pinned.  In the collector, inside store jobs.
 */
#include <string.h>

#include "server/http/call.h"
#include "server/http/json_out.h"
#include "server/orders/pins.h"
#include "server/store/hosts.h"

struct walk {
	struct db *db;
	const struct call *c;
	const char *pins;
	json_t *list;
};

static json_t *
split(const char *text)
{
	char copy[PINS_TEXT_MAX], *one, *rest = copy;
	json_t *list = json_array();

	snprintf(copy, sizeof(copy), "%s", text);
	while ((one = strsep(&rest, " ")) != NULL)
		if (one[0] != '\0')
			json_array_append_new(list, json_string(one));
	return list;
}

static int
one_host(void *arg, const struct host *h)
{
	struct walk *w = arg;
	char pins[PINS_TEXT_MAX];
	json_t *o;

	if (h->revoked || h->desired == PROFILE_OPEN ||
	    !person_sees(&w->c->person, h->grp, 0) ||
	    pins_of_order(w->db, h->desired_order, pins) != 0)
		return 0;
	o = json_object();
	put_text(o, "host", h->name);
	put_text(o, "order", h->desired_order);
	put_text(o, "order_state", word_name(WORDS_ORDER_STATE,
	    (int)hosts_order_state(w->db, h)));
	put_bool(o, "online", h->online);
	put_bool(o, "current", strcmp(pins, w->pins) == 0);
	put_bool(o, "in_force",
	    strcmp(h->applied_order, h->desired_order) == 0);
	json_object_set_new(o, "pinned", split(pins));
	json_array_append_new(w->list, o);
	return 0;
}

int
api_collectors(struct db *db, struct call *c)
{
	char pins[PINS_TEXT_MAX];
	struct walk w = { .db = db, .c = c, .pins = pins };

	pins_text(c->set->flow->orders, pins);
	c->out = json_object();
	json_object_set_new(c->out, "collectors", split(pins));
	w.list = json_array();
	json_object_set_new(c->out, "hosts", w.list);
	return hosts_each(db, one_host, &w);
}
