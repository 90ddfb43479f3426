/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The table of routes: which path with which method reaches what. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "server/http/auth.h"
#include "server/http/route.h"

static const struct {
	enum method method;
	const char *path;
	int (*fn)(struct db *db, struct call *c); /* NULL: none */
	const char *param;
	bool other; /* there with another method */
} cases[] = {
	{ METHOD_GET, "/v1/status", api_status, "", false },
	{ METHOD_GET, "/v1/hosts", api_hosts, "", false },
	{ METHOD_GET, "/v1/hosts/fin-ws-0231", api_host, "fin-ws-0231",
	  false },
	{ METHOD_POST, "/v1/hosts/a/tags", api_host_tags, "a", false },
	{ METHOD_GET, "/v1/plans/P-7F3A9K2M", api_plan, "P-7F3A9K2M", false },
	{ METHOD_POST, "/v1/plans/P-7/approve", api_plan_approve, "P-7",
	  false },
	{ METHOD_POST, "/v1/plans/P-7/deny", api_plan_deny, "P-7", false },
	{ METHOD_POST, "/v1/operator-enrol", api_operator_enrol, "", false },
	{ METHOD_GET, "/v1/why/17", api_why, "17", false },
	/* the same path, another method */
	{ METHOD_POST, "/v1/status", NULL, "", true },
	{ METHOD_GET, "/v1/operator-enrol", NULL, "", true },
	{ METHOD_OTHER, "/v1/hosts/a", NULL, "", true },
	{ METHOD_GET, "/v1/plans/P-7/apply", NULL, "", true },
	/* no such path */
	{ METHOD_GET, "", NULL, "", false },
	{ METHOD_GET, "/", NULL, "", false },
	{ METHOD_GET, "/v1", NULL, "", false },
	{ METHOD_GET, "/v1/", NULL, "", false },
	{ METHOD_GET, "/v1/hosts/", NULL, "", false },
	{ METHOD_GET, "/v1//hosts", NULL, "", false },
	{ METHOD_GET, "/V1/hosts", NULL, "", false },
	{ METHOD_GET, "/v1/hosts/a/b", NULL, "", false },
	{ METHOD_GET, "/v1/hosts/a/", NULL, "", false },
	{ METHOD_POST, "/v1/hosts//tags", NULL, "", false },
	{ METHOD_POST, "/v1/hosts/a/tags/", NULL, "", false },
	{ METHOD_POST, "/v1/hosts/a/tagsx", NULL, "", false },
	/* what stands for {} must look like a name */
	{ METHOD_GET, "/v1/hosts/..", NULL, "", false },
	{ METHOD_GET, "/v1/hosts/-c", NULL, "", false },
	{ METHOD_GET, "/v1/hosts/a%2fb", NULL, "", false },
	{ METHOD_GET, "/v1/hosts/a'b", NULL, "", false },
	{ METHOD_GET, "/v1/hosts/a\"b", NULL, "", false },
	{ METHOD_GET, "/v1/hosts/a\nb", NULL, "", false },
	{ METHOD_GET, "/v1/hosts/\xe4\xb8\xad", NULL, "", false },
	{ METHOD_GET, "/v1/hosts/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	  "aaaaaaaaaaaaaaaaaaaa", NULL, "", false }, /* 64 */
};

static void
test_find(void **state)
{
	char param[ROUTE_PARAM_MAX];
	const struct route *r;
	bool other;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		r = route_find(cases[i].method, cases[i].path, param, &other);
		if ((r != NULL) != (cases[i].fn != NULL) ||
		    (r != NULL && r->fn != cases[i].fn) ||
		    strcmp(param, cases[i].param) != 0 ||
		    other != cases[i].other)
			fail_msg("%s: found %d, \"%s\", other %d",
			    cases[i].path, r != NULL, param, other);
	}
}

static void
test_long_path(void **state)
{
	char path[ROUTE_PATH_MAX + 64], param[ROUTE_PARAM_MAX];
	bool other;

	(void)state;
	memset(path, 'a', sizeof(path) - 1);
	path[sizeof(path) - 1] = '\0';
	memcpy(path, "/v1/hosts/", 10);
	assert_null(route_find(METHOD_GET, path, param, &other));
}

static const struct route *
route_of(enum method method, const char *path)
{
	char param[ROUTE_PARAM_MAX];
	bool other;
	const struct route *r = route_find(method, path, param, &other);

	assert_non_null(r);
	return r;
}

/* Who may what, said once more by hand (WORKFLOW 7). */
static void
test_roles(void **state)
{
	const uint32_t admin = ROLE_BIT(ROLE_ADMIN);
	const struct route *r;

	(void)state;
	/* admin can neither isolate, approve nor read evidence */
	assert_false(route_of(METHOD_POST, "/v1/plans")->roles & admin);
	assert_false(route_of(METHOD_POST, "/v1/plans/P-1/approve")->roles &
	    admin);
	assert_false(route_of(METHOD_POST, "/v1/plans/P-1/apply")->roles &
	    admin);
	assert_false(route_of(METHOD_GET, "/v1/signals")->roles & admin);
	assert_false(route_of(METHOD_GET, "/v1/cases/C-1")->roles & admin);
	/* the auditor changes nothing */
	for (r = routes; r->path != NULL; r++)
		if (r->method == METHOD_POST && r->who == WHO_ROLES &&
		    (r->roles & ROLE_BIT(ROLE_AUDITOR)) != 0)
			fail_msg("auditor may POST %s", r->path);
	assert_int_equal(route_of(METHOD_GET, "/v1/audit")->roles,
	    ROLE_BIT(ROLE_AUDITOR));
	assert_int_equal(route_of(METHOD_POST, "/v1/stop")->roles,
	    ROLE_BIT(ROLE_COMMANDER));
}

/* No role may both make operators and approve; only enrolment is open. */
static void
test_table_whole(void **state)
{
	const struct route *r;
	size_t open = 0;

	(void)state;
	for (r = routes; r->path != NULL; r++) {
		assert_non_null(r->fn);
		assert_true(strlen(r->path) < ROUTE_PATH_MAX);
		assert_true(r->who != WHO_ROLES || r->roles != 0);
		assert_true(r->method != METHOD_POST ||
		    r->kind == ROUTE_WRITE);
		if (r->query != NULL)
			assert_int_equal(r->query[strlen(r->query) - 1], ',');
		open += r->who == WHO_NOBODY;
	}
	assert_int_equal(open, 1);
	assert_int_equal(route_of(METHOD_POST, "/v1/operator-enrol")->who,
	    WHO_NOBODY);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_find),
		cmocka_unit_test(test_long_path),
		cmocka_unit_test(test_roles),
		cmocka_unit_test(test_table_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
