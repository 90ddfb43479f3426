/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The objects of API.md, made from the store inside a job: HOST, PLAN,
 * ORDER, SIGNAL, CASE.  Text that is not UTF-8 comes out quoted.
 */
#ifndef CORDON_SERVER_HTTP_JSON_OUT_H
#define CORDON_SERVER_HTTP_JSON_OUT_H

#include <jansson.h>
#include <stdint.h>

#include "server/cases/cases.h"
#include "server/flow/flow.h"
#include "server/http/auth.h"
#include "server/model/model.h"
#include "server/orders/orders.h"
#include "server/orders/preview.h"
#include "server/store/db.h"

/* KEY: TEXT; KEY: time as RFC 3339 UTC, nothing at all if 0. */
void put_text(json_t *o, const char *key, const char *text);
void put_time(json_t *o, const char *key, int64_t wall_ms);
void put_int(json_t *o, const char *key, int64_t v);
void put_bool(json_t *o, const char *key, bool v);
/* KEY: stored JSON text as JSON; EMPTY ("{}", "[]") if it is not. */
void put_json(json_t *o, const char *key, const char *text,
    const char *empty);

/* Takes R: each row, made by ONE, into a list KEY of OUT. */
int rows_into(json_t *out, const char *key, struct db_rows *r,
    json_t *(*one)(struct db_rows *r));

/* "10.1.2.3:8443" for each collector that orders pin. */
json_t *json_collectors(const struct orders_settings *s);

/* FLOWS: stored JSON, or NULL for none of them. */
json_t *json_preview(const struct preview *p, const char *host,
    const char *flows, int64_t now);
/* Each: a new object, or NULL when the store fails. */
json_t *json_host(struct db *db, const struct host *h);
/*
 * Hosts that SEES lacks a role for are not to be told: then *FOREIGN is set
 * and the answer is NULL.
 */
json_t *json_plan(struct db *db, const struct flow *f, const struct plan *p,
    const struct person *sees, bool *foreign);
json_t *json_case(struct db *db, const struct case_row *c);

/* Columns that json_order and json_signal expect, in this order. */
#define ORDER_COLUMNS \
	"o.order_id, h.name, o.epoch, o.plan_id, o.case_id, o.profile, " \
	"o.state, o.why, o.created_at, o.sent_at, o.applied_at, " \
	"o.proven_at, o.took_us, o.ruleset_digest, h.grp, o.drill, " \
	"o.drill_until, o.counted "
#define ORDER_GRP 14
json_t *json_order(struct db_rows *r);

#define SIGNAL_COLUMNS \
	"s.seq, h.name, s.number, s.at, s.stored_at, s.kind, s.severity, " \
	"s.object, s.text, s.cause_id, s.cause, s.evidence, s.score, " \
	"s.decision, s.case_id, h.grp "
#define SIGNAL_KIND 5
#define SIGNAL_SEVERITY 6
#define SIGNAL_GRP 15
json_t *json_signal(struct db_rows *r);

#endif
