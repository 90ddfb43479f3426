/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One request on its way: parsed on the loop, decided in a store job,
 * answered on the loop.  Between those the call belongs to the job's thread
 * alone.  A handler either fills `out` (or `text`) and returns 0, or says
 * no with one of the call_ functions below and returns what they return:
 * the job is rolled back, and a refused change is audited by itself.
 */
#ifndef CORDON_SERVER_HTTP_CALL_H
#define CORDON_SERVER_HTTP_CALL_H

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

#include "common/base/buf.h"
#include "common/net/addr.h"
#include "server/http/auth.h"
#include "server/http/body.h"
#include "server/http/http.h"
#include "server/http/route.h"
#include "server/orders/orders.h"
#include "server/store/db.h"

#define CALL_TEXT_MAX (16 * 1024 * 1024) /* a report */

struct call {
	const struct http_settings *set;
	const struct route *route;
	char param[ROUTE_PARAM_MAX]; /* what stood for {} */
	struct query query;
	json_t *body; /* an object */
	struct x509_id peer;
	char from[ADDR_TEXT_MAX];
	struct person person;

	/* the answer */
	int status;
	json_t *out;
	struct buf text;  /* instead of `out` */
	FILE *file;	  /* instead of `out`: unlinked, rewound */
	const char *type; /* of text or file */
	struct refused no; /* code as text below when status >= 400 */
	const char *code;
};

void call_init(struct call *c, const struct http_settings *set);
void call_done(struct call *c);

/* The body of the store job: who is it, may they, then the handler. */
int call_job(struct db *db, void *call);
/*
 * A second job, of its own: what a refused change or an export of the log
 * leaves in the log.  (The job of a refused change was rolled back whole.)
 */
bool call_audited(const struct call *c);
int call_audit(struct db *db, const struct call *c);
/* The answer's JSON (of `out`, or of the error); free() it. NULL: memory. */
char *call_json(const struct call *c);

/* Each sets status, code, text, next and returns an error of enum err. */
int call_no(struct call *c, int status, const char *code, const char *next,
    const char *fmt, ...) __attribute__((format(printf, 5, 6)));
int call_bad(struct call *c, const struct why *why); /* 400 bad-request */
int call_not_found(struct call *c, const char *what, const char *name);
/* What a room said: RC as it returned it, REFUSED as it filled it. */
int call_room(struct call *c, int rc, const struct refused *refused);

/* Read the body by TABLE, or say bad-request. */
int call_body(struct call *c, const struct field *table, void *out);
/*
 * The host named by the path (or NAME), if this person may see it; A gets
 * the roles for its group.  Else 404: a host of a foreign group is not told.
 */
int call_host(struct call *c, struct db *db, const char *name,
    struct host *h, struct actor *a);
/* 403 unless the actor has one of ROLES. */
int call_need(struct call *c, const struct actor *a, uint32_t roles);

#endif
