/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The record that a report is made of, as one JSON tree with stable keys;
 * the HTML page is drawn from the same tree.  Private to server/reports.
 */
#ifndef CORDON_SERVER_REPORTS_GATHER_H
#define CORDON_SERVER_REPORTS_GATHER_H

#include <jansson.h>

#include "server/reports/report.h"

/* Of each list; those that hold more are named in "cut". */
#define REPORT_ROWS_MAX 5000

/* New reference, or NULL when the store failed or memory is short. */
json_t *report_gather(struct db *db, const struct report_ask *ask);

#endif
