/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The table of routes: method, path, who may, read or write, function.
 * See API.md.  Pure.
 */
#ifndef CORDON_SERVER_HTTP_ROUTE_H
#define CORDON_SERVER_HTTP_ROUTE_H

#include <stdbool.h>
#include <stdint.h>

#define ROUTE_PARAM_MAX 64
#define ROUTE_PATH_MAX 256

struct call;
struct db;

enum method { METHOD_GET, METHOD_POST, METHOD_OTHER };

enum route_kind {
	ROUTE_READ,  /* on a reader thread */
	ROUTE_WRITE, /* on the writer thread */
};

enum route_who {
	WHO_ROLES,  /* one of `roles`, in some group; handlers look closer */
	WHO_ANY,    /* any operator */
	WHO_NOBODY, /* without a certificate */
};

struct route {
	enum method method;
	const char *path; /* at most one {} for a name or id */
	enum route_who who;
	uint32_t roles; /* bits */
	enum route_kind kind;
	int (*fn)(struct db *db, struct call *c);
	const char *query; /* names allowed, a comma behind each; or NULL */
};

/* The table; ends with a row whose path is NULL. */
extern const struct route routes[];

/*
 * Find the route of METHOD and PATH (without the query) and copy what
 * stands for {} into PARAM (ROUTE_PARAM_MAX).  NULL: none; then *METHODS
 * says whether the path exists with another method.
 */
const struct route *route_find(enum method method, const char *path,
    char *param, bool *methods);

/* The handlers, by resource (api_*.c). */
int api_status(struct db *db, struct call *c);
int api_whoami(struct db *db, struct call *c);
int api_keys(struct db *db, struct call *c);
int api_stop(struct db *db, struct call *c);
int api_hosts(struct db *db, struct call *c);
int api_host(struct db *db, struct call *c);
int api_host_readiness(struct db *db, struct call *c);
int api_readiness(struct db *db, struct call *c);
int api_host_tags(struct db *db, struct call *c);
int api_host_revoke(struct db *db, struct call *c);
int api_host_extend(struct db *db, struct call *c);
int api_host_manifest(struct db *db, struct call *c);
int api_host_waiver(struct db *db, struct call *c);
int api_host_verify(struct db *db, struct call *c);
int api_host_check(struct db *db, struct call *c);
int api_host_preview(struct db *db, struct call *c);
int api_preview(struct db *db, struct call *c);
int api_manifest(struct db *db, struct call *c);
int api_manifests(struct db *db, struct call *c);
int api_manifest_sign(struct db *db, struct call *c);
int api_manifest_retire(struct db *db, struct call *c);
int api_host_tree_check(struct db *db, struct call *c);
int api_run(struct db *db, struct call *c);
int api_run_waive(struct db *db, struct call *c);
int api_plans(struct db *db, struct call *c);
int api_plan(struct db *db, struct call *c);
int api_plan_make(struct db *db, struct call *c);
int api_plan_approve(struct db *db, struct call *c);
int api_plan_deny(struct db *db, struct call *c);
int api_plan_cancel(struct db *db, struct call *c);
int api_plan_apply(struct db *db, struct call *c);
int api_order(struct db *db, struct call *c);
int api_order_export(struct db *db, struct call *c);
int api_collectors(struct db *db, struct call *c);
int api_signals(struct db *db, struct call *c);
int api_cases(struct db *db, struct call *c);
int api_case(struct db *db, struct call *c);
int api_case_open(struct db *db, struct call *c);
int api_case_close(struct db *db, struct call *c);
int api_sweeps(struct db *db, struct call *c);
int api_sweep_ask(struct db *db, struct call *c);
int api_sweep(struct db *db, struct call *c);
int api_why(struct db *db, struct call *c);
int api_report(struct db *db, struct call *c);
int api_audit(struct db *db, struct call *c);
int api_token(struct db *db, struct call *c);
int api_operators(struct db *db, struct call *c);
int api_operator_add(struct db *db, struct call *c);
int api_operator_disable(struct db *db, struct call *c);
int api_operator_enrol(struct db *db, struct call *c);

#endif
