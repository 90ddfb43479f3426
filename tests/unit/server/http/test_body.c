/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Bodies and queries: what is taken, and what is said about the rest. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "common/base/clock.h"
#include "server/http/body.h"
#include "server/http/limit.h"

struct sample {
	const char *name, *text, *pem;
	struct body_int n;
	enum body_bool on;
	struct body_names hosts;
	struct body_roles roles;
};

static const struct field table[] = {
	{ "name", FIELD_NAME, true, offsetof(struct sample, name), 1, 63 },
	{ "text", FIELD_TEXT, false, offsetof(struct sample, text), 3, 8 },
	{ "pem", FIELD_PEM, false, offsetof(struct sample, pem), 1, 16 },
	{ "n", FIELD_INT, false, offsetof(struct sample, n), 1, 10 },
	{ "on", FIELD_BOOL, false, offsetof(struct sample, on), 0, 0 },
	{ "hosts", FIELD_NAMES, false, offsetof(struct sample, hosts), 0, 0 },
	{ "roles", FIELD_ROLES, false, offsetof(struct sample, roles), 0, 0 },
	{ .name = NULL },
};

static const struct {
	const char *body;
	int parse; /* body_parse's answer */
	const char *why; /* of either; NULL: all good */
} cases[] = {
	{ "{\"name\":\"a\"}", 0, NULL },
	{ "{\"name\":\"a\",\"text\":\"\xe4\xb8\xad\xe6\x96\x87\"}", 0, NULL },
	{ "{\"name\":\"a\",\"pem\":\"x\\ny\\n\"}", 0, NULL },
	{ "{\"name\":\"a\",\"n\":10,\"on\":false}", 0, NULL },
	{ "{\"name\":\"a\",\"hosts\":[\"x\",\"y\"]}", 0, NULL },
	{ "{\"name\":\"a\",\"roles\":[{\"role\":\"viewer\",\"group\":\"*\"}]}",
	  0, NULL },
	/* not an object */
	{ "[]", ERR_SYNTAX, "not a JSON object" },
	{ "null", ERR_SYNTAX, "not" },
	{ "\"x\"", ERR_SYNTAX, "not" },
	{ "{", ERR_SYNTAX, "not JSON" },
	{ "{}x", ERR_SYNTAX, "not JSON" },
	{ "{\"name\":\"a\",\"name\":\"b\"}", ERR_SYNTAX, "not JSON" },
	{ "{\"name\":\"\xff\"}", ERR_SYNTAX, "not JSON" },
	{ "{\"name\":\"a\\u0000b\"}", ERR_SYNTAX, "not JSON" },
	{ "{'name':1}", ERR_SYNTAX, "not JSON" },
	/* fields */
	{ "{}", 0, "\"name\" is missing" },
	{ "", 0, "\"name\" is missing" },
	{ "{\"name\":\"a\",\"nmae\":1}", 0, "unknown field \"nmae\"" },
	{ "{\"name\":\"a\",\"x\\u001b[2J\":1}", 0,
	  "unknown field \"x\\x1b[2J\"" },
	{ "{\"name\":null}", 0, "\"name\" must be a string" },
	{ "{\"name\":1}", 0, "\"name\" must be a string" },
	{ "{\"name\":\"\"}", 0, "\"name\" must have" },
	{ "{\"name\":\"../x\"}", 0, "\"name\" must be a name" },
	{ "{\"name\":\"a b\"}", 0, "\"name\" must be a name" },
	{ "{\"name\":\"a\",\"text\":\"ab\"}", 0, "\"text\" must have 3 to 8" },
	{ "{\"name\":\"a\",\"text\":\"123456789\"}", 0, "\"text\" must have" },
	{ "{\"name\":\"a\",\"text\":\"a\\nbc\"}", 0, "control characters" },
	{ "{\"name\":\"a\",\"text\":\"ab\\u001b\"}", 0, "control characters" },
	{ "{\"name\":\"a\",\"text\":\"ab\\u202e\"}", 0, "control characters" },
	{ "{\"name\":\"a\",\"pem\":\"a\\u0007\"}", 0, "control characters" },
	{ "{\"name\":\"a\",\"n\":0}", 0, "\"n\" must be within 1..10" },
	{ "{\"name\":\"a\",\"n\":11}", 0, "\"n\" must be within" },
	{ "{\"name\":\"a\",\"n\":1.5}", 0, "\"n\" must be a whole number" },
	{ "{\"name\":\"a\",\"n\":\"1\"}", 0, "\"n\" must be a whole number" },
	{ "{\"name\":\"a\",\"n\":99999999999999999999}", ERR_SYNTAX,
	  "not JSON" },
	{ "{\"name\":\"a\",\"on\":1}", 0, "\"on\" must be true or false" },
	{ "{\"name\":\"a\",\"hosts\":\"x\"}", 0, "\"hosts\" must be a list" },
	{ "{\"name\":\"a\",\"hosts\":[]}", 0, "\"hosts\" must be a list" },
	{ "{\"name\":\"a\",\"hosts\":[\"x\",1]}", 0, "item 2 is not a name" },
	{ "{\"name\":\"a\",\"hosts\":[\"x\",\"x\"]}", 0, "stands twice" },
	{ "{\"name\":\"a\",\"hosts\":[\"*\"]}", 0, "item 1 is not a name" },
	{ "{\"name\":\"a\",\"roles\":[]}", 0, "\"roles\" must be a list" },
	{ "{\"name\":\"a\",\"roles\":[\"viewer\"]}", 0, "each item is" },
	{ "{\"name\":\"a\",\"roles\":[{\"role\":\"viewer\"}]}", 0,
	  "each item is" },
	{ "{\"name\":\"a\",\"roles\":[{\"role\":\"viewer\",\"group\":\"g\","
	  "\"x\":1}]}", 0, "each item is" },
	{ "{\"name\":\"a\",\"roles\":[{\"role\":\"root\",\"group\":\"g\"}]}",
	  0, "no such role" },
	{ "{\"name\":\"a\",\"roles\":[{\"role\":\"viewer\",\"group\":\"\"}]}",
	  0, "a group is" },
};

static void
test_bodies(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct sample out;
		struct why why = { "" };
		json_t *body = NULL;
		int rc;

		memset(&out, 0, sizeof(out));
		rc = body_parse(cases[i].body, strlen(cases[i].body), &body,
		    &why);
		if (rc != cases[i].parse)
			fail_msg("%s: parse gives %d", cases[i].body, rc);
		if (rc == 0)
			rc = body_read(body, table, &out, &why);
		if ((rc == 0) != (cases[i].why == NULL) ||
		    (rc != 0 && strstr(why.text, cases[i].why) == NULL))
			fail_msg("%s: %d \"%s\"", cases[i].body, rc,
			    why.text);
		json_decref(body);
	}
}

static void
test_values(void **state)
{
	static const char text[] = "{\"name\":\"h1\",\"n\":7,\"on\":true,"
	    "\"hosts\":[\"a\",\"b\"],"
	    "\"roles\":[{\"role\":\"admin\",\"group\":\"g\"}]}";
	struct sample out;
	json_t *body = NULL;
	struct why why;

	(void)state;
	memset(&out, 0, sizeof(out));
	assert_int_equal(body_parse(text, strlen(text), &body, &why), 0);
	assert_int_equal(body_read(body, table, &out, &why), 0);
	assert_string_equal(out.name, "h1");
	assert_null(out.text);
	assert_true(out.n.set);
	assert_int_equal(out.n.value, 7);
	assert_int_equal(out.on, BODY_TRUE);
	assert_int_equal(out.hosts.n, 2);
	assert_string_equal(out.hosts.item[1], "b");
	assert_int_equal(out.roles.n, 1);
	assert_int_equal(out.roles.item[0].role, ROLE_ADMIN);
	assert_string_equal(out.roles.item[0].grp, "g");
	json_decref(body);
}

static void
test_size(void **state)
{
	static char big[BODY_MAX + 1];
	static char deep[8192];
	json_t *body = NULL;
	struct why why;

	(void)state;
	memset(big, ' ', sizeof(big));
	memcpy(big, "{}", 2);
	assert_int_equal(body_parse(big, BODY_MAX, &body, &why), 0);
	json_decref(body);
	assert_int_equal(body_parse(big, BODY_MAX + 1, &body, &why),
	    ERR_LIMIT);
	memset(deep, '[', sizeof(deep));
	assert_int_equal(body_parse(deep, sizeof(deep), &body, &why),
	    ERR_SYNTAX);
}

static const struct {
	const char *raw, *name, *value; /* value NULL: why */
	const char *why;
} queries[] = {
	{ "host=fin-1", "host", "fin-1", NULL },
	{ "a=1&host=x", "host", "x", NULL },
	{ "host=a%2Db", "host", "a-b", NULL },
	{ "host=a+b", "host", "a b", NULL },
	{ "host=", "host", "", NULL },
	{ "host=a=b", "host", "a=b", NULL },
	{ "host", "host", NULL, "name=value" },
	{ "=x", "host", NULL, "unknown query" },
	{ "hos=x", "host", NULL, "unknown query \"hos\"" },
	{ "hostx=x", "host", NULL, "unknown query" },
	{ "host,=x", "host", NULL, "unknown query" },
	{ "host=a&host=b", "host", NULL, "stands twice" },
	{ "host=a&", "host", NULL, "name=value" },
	{ "host=%", "host", NULL, "cannot be decoded" },
	{ "host=%2", "host", NULL, "cannot be decoded" },
	{ "host=%zz", "host", NULL, "cannot be decoded" },
	{ "host=%00", "host", NULL, "cannot be decoded" },
	{ "host=%1b", "host", NULL, "cannot be decoded" },
};

static void
test_queries(void **state)
{
	struct query q;
	struct why why;
	char longest[400];
	size_t i;
	int rc;

	(void)state;
	for (i = 0; i < sizeof(queries) / sizeof(queries[0]); i++) {
		rc = query_parse(queries[i].raw, "a,host,", &q, &why);
		if ((rc == 0) != (queries[i].value != NULL))
			fail_msg("%s: %d", queries[i].raw, rc);
		if (rc == 0)
			assert_string_equal(query_get(&q, queries[i].name,
			    "-"), queries[i].value);
		else if (strstr(why.text, queries[i].why) == NULL)
			fail_msg("%s: %s", queries[i].raw, why.text);
	}
	assert_int_equal(query_parse(NULL, NULL, &q, &why), 0);
	assert_int_equal(q.n, 0);
	assert_int_equal(query_parse("a=1", NULL, &q, &why), ERR_SYNTAX);
	memset(longest, 'x', sizeof(longest) - 1);
	memcpy(longest, "a=", 2);
	longest[sizeof(longest) - 1] = '\0';
	assert_int_equal(query_parse(longest, "a,", &q, &why), ERR_SYNTAX);
}

static void
test_query_int(void **state)
{
	static const struct {
		const char *raw;
		int rc;
		int64_t value;
	} ints[] = {
		{ "n=5", 0, 5 }, { "", 0, 42 }, { "n=10", 0, 10 },
		{ "n=11", ERR_RANGE, 0 }, { "n=0", ERR_RANGE, 0 },
		{ "n=-1", ERR_SYNTAX, 0 }, { "n=", ERR_SYNTAX, 0 },
		{ "n=5x", ERR_SYNTAX, 0 }, { "n=%205", ERR_SYNTAX, 0 },
		{ "n=99999999999999999999", ERR_RANGE, 0 },
	};
	struct query q;
	struct why why;
	int64_t v;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(ints) / sizeof(ints[0]); i++) {
		assert_int_equal(query_parse(ints[i].raw, "n,", &q, &why), 0);
		assert_int_equal(query_int(&q, "n", 42, 1, 10, &v, &why),
		    ints[i].rc);
		if (ints[i].rc == 0)
			assert_int_equal(v, ints[i].value);
	}
}

/* Tries without a certificate: so many an address and window, not more. */
static void
test_limit(void **state)
{
	static struct limit l;
	struct addr a = { .ip = { 10, 0, 0, 1 }, .ip_len = 4 };
	struct addr b = { .ip = { 0x20, 1, 13, 0xb8 }, .ip_len = 16 };
	struct addr c = b;
	int i, passed = 0;

	(void)state;
	for (i = 0; i < LIMIT_TRIES; i++)
		assert_true(limit_try(&l, &a, 1000 + i));
	assert_false(limit_try(&l, &a, 2000));
	assert_true(limit_try(&l, &a, 1000 + LIMIT_WINDOW_MS));
	/* one /64 is one visitor */
	for (i = 0; i < LIMIT_TRIES; i++) {
		c.ip[15] = (uint8_t)i;
		assert_true(limit_try(&l, &c, 3000));
	}
	c.ip[15] = 200;
	assert_false(limit_try(&l, &c, 3000));
	/* many addresses are bounded together */
	memset(&l, 0, sizeof(l));
	for (i = 0; i < LIMIT_TRIES_ALL * 2; i++) {
		a.ip[2] = (uint8_t)(i >> 8);
		a.ip[3] = (uint8_t)i;
		passed += limit_try(&l, &a, 5000);
	}
	assert_int_equal(passed, LIMIT_TRIES_ALL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bodies),
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_size),
		cmocka_unit_test(test_queries),
		cmocka_unit_test(test_query_int),
		cmocka_unit_test(test_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
