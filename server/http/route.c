/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The table of routes and the search in it (route.h).  Paths are foreign:
 * what stands for {} must look like a name or an id before any handler
 * sees it.
 */
#include <string.h>

#include "common/base/id.h"
#include "server/http/auth.h"
#include "server/http/route.h"

#define VIEWER ROLE_BIT(ROLE_VIEWER)
#define ANALYST ROLE_BIT(ROLE_ANALYST)
#define RESPONDER ROLE_BIT(ROLE_RESPONDER)
#define APPROVER ROLE_BIT(ROLE_APPROVER)
#define COMMANDER ROLE_BIT(ROLE_COMMANDER)
#define RECOVERY ROLE_BIT(ROLE_RECOVERY)
#define VERIFIER ROLE_BIT(ROLE_VERIFIER)
#define OWNER ROLE_BIT(ROLE_OWNER)
#define BASELINE ROLE_BIT(ROLE_BASELINE)
#define AUDITOR ROLE_BIT(ROLE_AUDITOR)
#define ADMIN ROLE_BIT(ROLE_ADMIN)
/* admin may see hosts and plans, never evidence (WORKFLOW 7) */
#define SEES ROLES_ALL
#define SEES_EVIDENCE (ROLES_ALL & ~ADMIN)

#define GET METHOD_GET
#define POST METHOD_POST
#define RD ROUTE_READ
#define WR ROUTE_WRITE
#define R WHO_ROLES

const struct route routes[] = {
{ GET, "/v1/status", WHO_ANY, 0, RD, api_status, NULL },
{ GET, "/v1/whoami", WHO_ANY, 0, RD, api_whoami, NULL },
{ GET, "/v1/keys", WHO_ANY, 0, RD, api_keys, NULL },
{ POST, "/v1/stop", R, COMMANDER, WR, api_stop, NULL },
{ GET, "/v1/hosts", R, SEES, RD, api_hosts, "group,stage,tier," },
{ GET, "/v1/hosts/{}", R, SEES, RD, api_host, NULL },
{ GET, "/v1/hosts/{}/readiness", R, SEES, RD, api_host_readiness, NULL },
{ GET, "/v1/readiness", R, SEES, RD, api_readiness, "group,tier," },
{ POST, "/v1/hosts/{}/tags", R, ADMIN, WR, api_host_tags, NULL },
{ POST, "/v1/hosts/{}/revoke", R, ADMIN, WR, api_host_revoke, NULL },
{ POST, "/v1/hosts/{}/extend", R, RESPONDER | RECOVERY | COMMANDER, WR,
  api_host_extend, NULL },
{ POST, "/v1/hosts/{}/manifest", R, BASELINE, WR, api_host_manifest, NULL },
{ POST, "/v1/hosts/{}/evidence-waiver", R, RECOVERY | COMMANDER, WR,
  api_host_waiver, NULL },
{ POST, "/v1/hosts/{}/verify", R, VERIFIER | RECOVERY, WR, api_host_verify,
  NULL },
{ POST, "/v1/hosts/{}/check", R, VERIFIER | RECOVERY | ANALYST, WR,
  api_host_check, NULL },
{ POST, "/v1/hosts/{}/preview", R, ANALYST | RESPONDER | RECOVERY |
  COMMANDER | APPROVER | OWNER, WR, api_host_preview, NULL },
{ GET, "/v1/previews/{}", R, SEES_EVIDENCE, RD, api_preview, NULL },
{ POST, "/v1/hosts/{}/tree-check", R, VERIFIER | RECOVERY | ANALYST |
  BASELINE, WR, api_host_tree_check, NULL },
{ GET, "/v1/manifests", R, SEES_EVIDENCE, RD, api_manifests,
  "host,tree,state,limit," },
{ POST, "/v1/manifests/{}/sign", R, BASELINE, WR, api_manifest_sign, NULL },
{ POST, "/v1/manifests/{}/retire", R, BASELINE, WR, api_manifest_retire,
  NULL },
{ GET, "/v1/manifests/{}", R, SEES_EVIDENCE, RD, api_manifest, NULL },
{ GET, "/v1/runs/{}", R, SEES_EVIDENCE, RD, api_run, NULL },
{ POST, "/v1/runs/{}/waive", R, COMMANDER, WR, api_run_waive, NULL },
{ GET, "/v1/plans", R, SEES, RD, api_plans, "state,host,limit," },
{ POST, "/v1/plans", R, RESPONDER | RECOVERY | COMMANDER, WR, api_plan_make,
  NULL },
{ GET, "/v1/plans/{}", R, SEES, RD, api_plan, NULL },
{ POST, "/v1/plans/{}/approve", R, APPROVER | OWNER, WR, api_plan_approve,
  NULL },
{ POST, "/v1/plans/{}/deny", R, APPROVER | OWNER, WR, api_plan_deny, NULL },
{ POST, "/v1/plans/{}/cancel", R, RESPONDER | RECOVERY | COMMANDER, WR,
  api_plan_cancel, NULL },
{ POST, "/v1/plans/{}/apply", R, RESPONDER | RECOVERY | COMMANDER, WR,
  api_plan_apply, NULL },
{ GET, "/v1/orders/{}", R, SEES, RD, api_order, NULL },
{ POST, "/v1/orders/{}/export", R, RESPONDER | RECOVERY | COMMANDER, WR,
  api_order_export, NULL },
{ GET, "/v1/collectors", R, SEES, RD, api_collectors, NULL },
{ GET, "/v1/signals", R, SEES_EVIDENCE, RD, api_signals,
  "host,after,limit,kind,min_severity," },
{ GET, "/v1/cases", R, SEES_EVIDENCE, RD, api_cases, "limit," },
{ POST, "/v1/cases", R, ANALYST | RESPONDER | COMMANDER, WR, api_case_open,
  NULL },
{ GET, "/v1/cases/{}", R, SEES_EVIDENCE, RD, api_case, NULL },
{ POST, "/v1/cases/{}/close", R, COMMANDER, WR, api_case_close, NULL },
{ GET, "/v1/sweeps", R, SEES_EVIDENCE, RD, api_sweeps, "limit," },
{ POST, "/v1/sweeps", R, ANALYST | RESPONDER | COMMANDER, WR, api_sweep_ask,
  NULL },
{ GET, "/v1/sweeps/{}", R, SEES_EVIDENCE, RD, api_sweep, "rows,host," },
{ GET, "/v1/why/{}", R, SEES_EVIDENCE, RD, api_why, NULL },
{ GET, "/v1/report", R, SEES_EVIDENCE, RD, api_report,
  "format,from,to,case,lang," },
{ GET, "/v1/audit", R, AUDITOR, RD, api_audit, NULL },
{ POST, "/v1/tokens", R, ADMIN, WR, api_token, NULL },
{ GET, "/v1/operators", R, ADMIN | AUDITOR, RD, api_operators, NULL },
{ POST, "/v1/operators", R, ADMIN, WR, api_operator_add, NULL },
{ POST, "/v1/operators/{}/disable", R, ADMIN, WR, api_operator_disable,
  NULL },
{ POST, "/v1/operator-enrol", WHO_NOBODY, 0, WR, api_operator_enrol, NULL },
{ GET, NULL, WHO_ROLES, 0, RD, NULL, NULL },
};

/* Does PATH fit PATTERN?  PARAM gets what stands for {}. */
static bool
fits(const char *pattern, const char *path, char *param)
{
	const char *hole = strstr(pattern, "{}");
	size_t head, len;

	param[0] = '\0';
	if (hole == NULL)
		return strcmp(pattern, path) == 0;
	head = (size_t)(hole - pattern);
	if (strncmp(pattern, path, head) != 0)
		return false;
	path += head;
	len = strcspn(path, "/");
	if (len == 0 || len >= ROUTE_PARAM_MAX ||
	    strcmp(path + len, hole + 2) != 0)
		return false;
	memcpy(param, path, len);
	param[len] = '\0';
	return name_valid(param);
}

const struct route *
route_find(enum method method, const char *path, char *param, bool *methods)
{
	const struct route *r;

	*methods = false;
	if (strlen(path) > ROUTE_PATH_MAX)
		return NULL;
	for (r = routes; r->path != NULL; r++) {
		if (!fits(r->path, path, param))
			continue;
		if (r->method == method)
			return r;
		*methods = true;
	}
	param[0] = '\0';
	return NULL;
}
