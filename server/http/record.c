/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Lines of the audit log as JSON (record.h). */
#include <stdio.h>
#include <string.h>

#include "server/http/record.h"

/* The search was by text; is it really this key's value? */
static bool
line_is(const json_t *line, const char *key, const char *value)
{
	const char *have = json_string_value(json_object_get(line, key));

	return have != NULL && strcmp(have, value) == 0;
}

int
record_lines(struct db *db, const char *key, const char *value,
    json_t *list)
{
	size_t at = json_array_size(list);
	char like[ROUTE_PARAM_MAX + 8];
	struct db_rows *r;
	json_t *line;
	int rc;

	/* VALUE passed name_valid(): '_' is the only wildcard it can hold */
	snprintf(like, sizeof(like), "%%\"%s\"%%", value);
	r = db_query(db, "SELECT line FROM audit WHERE line LIKE $1 "
	    "ORDER BY number DESC LIMIT $2", "si", like,
	    (int64_t)RECORD_LINES);
	if (r == NULL)
		return ERR_IO;
	while ((rc = db_next(r)) == 1) {
		line = json_loads(db_text(r, 0), 0, NULL);
		if (line != NULL && line_is(line, key, value)) {
			json_object_del(line, "n");
			json_array_insert(list, at, line);
		}
		json_decref(line);
	}
	db_end(&r);
	return rc;
}
