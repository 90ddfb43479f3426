/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Readiness as the agent tells it, with hello, at each change and daily.
 * Runs on the writer thread.  The host may lie about itself: the items are
 * shown to people and decide nothing.
 */
#include "server/flow/readiness.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/audit/audit.h"

#define ITEMS_MAX 64
#define ID_BYTES 63
#define TEXT_BYTES 512

static json_t *
item_json(const Cordon__ReadinessItem *i)
{
	bool blocks = i->level == CORDON__READINESS_LEVEL__READINESS_BLOCKS;
	json_t *o = json_object();

	json_object_set_new(o, "id", json_string(i->id));
	json_object_set_new(o, "ok", json_boolean(i->ok));
	json_object_set_new(o, "level",
	    json_string(blocks ? "blocks" : "weaker"));
	json_object_set_new(o, "text", json_string(i->text));
	return o;
}

static json_t *
items_json(Cordon__ReadinessItem *const *items, size_t n)
{
	json_t *list = json_array();
	size_t i;

	for (i = 0; i < n && i < ITEMS_MAX; i++)
		if (name_valid(items[i]->id) &&
		    strlen(items[i]->id) <= ID_BYTES &&
		    strlen(items[i]->text) <= TEXT_BYTES)
			json_array_append_new(list, item_json(items[i]));
	return list;
}

/* "blocks a, b; weaker c" of what is not ok; "ready" if all is. */
static void
summary(const json_t *list, char *out, size_t size)
{
	static const char *const levels[] = {"blocks", "weaker"};
	const char *level, *id;
	size_t i, k, used = 0, said;
	json_t *one;

	snprintf(out, size, "ready");
	for (k = 0; k < 2; k++) {
		said = 0;
		json_array_foreach((json_t *)(uintptr_t)list, i, one) {
			level = json_string_value(json_object_get(one,
			    "level"));
			id = json_string_value(json_object_get(one, "id"));
			if (json_is_true(json_object_get(one, "ok")) ||
			    level == NULL || id == NULL ||
			    strcmp(level, levels[k]) != 0 ||
			    used + strlen(id) + 16 > size)
				continue;
			used += (size_t)snprintf(out + used, size - used,
			    "%s%s", said++ > 0 ? ", " : k > 0 && used > 0 ?
			    "; weaker " : k > 0 ? "weaker " : "blocks ", id);
		}
	}
}

static int
before(struct db *db, const struct host *h, char *out, size_t size)
{
	struct db_rows *r;
	json_t *list;
	int rc;

	rc = db_row(db, &r, "SELECT readiness FROM hosts WHERE host_id = $1",
	    "s", h->host_id);
	if (rc != 0)
		return rc;
	list = json_loads(db_text(r, 0), 0, NULL);
	db_end(&r);
	summary(list, out, size);
	json_decref(list);
	return 0;
}

int
readiness_store(struct db *db, const struct host *h,
    Cordon__ReadinessItem *const *items, size_t n)
{
	char was[TEXT_MAX_LEN], is[TEXT_MAX_LEN], *text;
	json_t *list;
	int rc;

	if (n == 0)
		return 0; /* not known yet: what it said last stands */
	rc = before(db, h, was, sizeof(was));
	if (rc != 0)
		return rc;
	list = items_json(items, n);
	summary(list, is, sizeof(is));
	text = json_dumps(list, JSON_COMPACT);
	json_decref(list);
	if (text == NULL)
		return ERR_NOMEM;
	rc = db_run(db, NULL,
	    "UPDATE hosts SET readiness = $1, readiness_at = $2 "
	    "WHERE host_id = $3", "sis", text, db_now(db), h->host_id);
	free(text);
	if (rc != 0 || strcmp(was, is) == 0)
		return rc;
	return audit_add(db,
	    &(struct audit_entry){.who = "agent", .what = "host.readiness",
	    .host = h->name}, "%s (before: %s)", is, was);
}
