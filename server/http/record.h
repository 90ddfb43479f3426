/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Lines of the audit log as JSON, for the resources that tell a story:
 * cases, hosts, why.  Inside store jobs.
 */
#ifndef CORDON_SERVER_HTTP_RECORD_H
#define CORDON_SERVER_HTTP_RECORD_H

#include <jansson.h>

#include "server/cases/cases.h"
#include "server/http/call.h"
#include "server/store/db.h"

#define RECORD_LINES 200 /* the newest; oldest of them first */

/*
 * Append to LIST the lines of the audit log whose KEY ("host", "case",
 * "object") is VALUE, as {at, who, what, host, object, text}.
 */
int record_lines(struct db *db, const char *key, const char *value,
    json_t *list);

/* api_cases.c: the case, if this person may see it, else 404. */
int case_visible(struct db *db, struct call *c, const char *case_id,
    struct case_row *cr, struct actor *a);

#endif
