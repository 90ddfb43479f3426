/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The report for programs: the gathered tree as it is. */
#include <stdlib.h>

#include "server/reports/gather.h"

int
report_json(struct db *db, const struct report_ask *ask, struct buf *out)
{
	json_t *tree = report_gather(db, ask);
	char *text;
	int rc;

	if (tree == NULL)
		return ERR_IO;
	text = json_dumps(tree, JSON_INDENT(1));
	json_decref(tree);
	if (text == NULL)
		return ERR_NOMEM;
	rc = buf_add_str(out, text);
	free(text);
	return rc;
}
