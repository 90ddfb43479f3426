/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Reports from the record: hosts, signals, isolations with times and
 * proofs, approvals, gates, probation.  HTML is one self-contained page
 * (inline CSS and SVG, no script, prints to A4); JSON has stable keys.
 */
#ifndef CORDON_SERVER_REPORTS_REPORT_H
#define CORDON_SERVER_REPORTS_REPORT_H

#include <stdint.h>

#include "common/base/buf.h"
#include "server/model/model.h"
#include "server/store/db.h"

struct report_ask {
	int64_t from_ms, to_ms;
	const char *case_id; /* "" all */
	enum lang lang;
};

int report_html(struct db *db, const struct report_ask *ask, struct buf *out);
int report_json(struct db *db, const struct report_ask *ask, struct buf *out);

#endif
