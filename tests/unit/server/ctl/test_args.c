/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The command line: what is understood, and what is said about the rest. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "server/ctl/cmd.h"

#define WORDS_MAX 12

static const struct {
	const char *line; /* words with one blank between */
	const char *why;  /* NULL: good */
	int (*fn)(struct ctl *c);
} cases[] = {
	{ "isolate h --reason because", NULL, cmd_isolate },
	{ "--json isolate h1 h2 h3", NULL, cmd_isolate },
	{ "isolate -c x.conf h --case=C-1", NULL, cmd_isolate },
	{ "isolate -- -strange", NULL, cmd_isolate },
	{ "plan show P-1", NULL, cmd_plan_show },
	{ "plan apply P-1 --yes --expect-hosts 3", NULL, cmd_plan_apply },
	{ "cancel P-1", NULL, cmd_plan_cancel },
	{ "signals -f --severity high --limit 10", NULL, cmd_signals },
	{ "enrol token --group g --ttl 1h --uses 5", NULL, cmd_enrol_token },
	{ "operator add li --role a --role b:g", NULL, cmd_operator_add },
	{ "audit verify", NULL, cmd_audit_verify },
	{ "audit verify f --key k", NULL, cmd_audit_verify },
	{ "host list --help", NULL, cmd_host_list },
	{ "isolate --help", NULL, cmd_isolate },
	{ "--help", NULL, NULL },
	{ "--version", NULL, NULL },
	{ "", "which command", NULL },
	{ "nonsense", "no such command: nonsense", NULL },
	{ "plan", "no such command: plan", NULL },
	{ "plan nonsense", "no such command: plan nonsense", NULL },
	{ "host", "no such command", NULL },
	{ "isolate", "missing", NULL },
	{ "plan show", "missing", NULL },
	{ "plan show a b", "too much: b", NULL },
	{ "status now", "too much: now", NULL },
	{ "isolate h --bogus", "no such option: --bogus", NULL },
	{ "isolate h -x", "no such option: -x", NULL },
	{ "isolate h --reas x", "no such option", NULL },
	{ "isolate h --reason", "--reason needs TEXT", NULL },
	{ "isolate h --reason a --reason b", "--reason stands twice", NULL },
	{ "isolate h --yes=1", "--yes takes no value", NULL },
	{ "isolate h --group g", "--group does not belong", NULL },
	{ "status --follow", "--follow does not belong", NULL },
	{ "plan apply P --expect-hosts 0", "within 1..1000", NULL },
	{ "plan apply P --expect-hosts 1x", "whole number", NULL },
	{ "plan apply P --expect-hosts -1", "whole number", NULL },
	{ "plan apply P --expect-hosts 99999999999999999999", "whole number",
	  NULL },
	{ "enrol token --ttl 1", "write 90s", NULL },
	{ "enrol token --ttl 5s", "within 60..", NULL },
	{ "enrol token --uses 10001", "within 1..10000", NULL },
};

static int
parse(const char *line, struct args *a, const struct command **cmd,
    struct why *why)
{
	static char text[512], name[] = "cordonctl";
	char *argv[WORDS_MAX] = { name }, *save = NULL, *word;
	int argc = 1;

	strcpy(text, line);
	for (word = strtok_r(text, " ", &save); word != NULL;
	     word = strtok_r(NULL, " ", &save))
		argv[argc++] = word;
	return args_parse(argc, argv, a, cmd, why);
}

static void
test_lines(void **state)
{
	static struct args a;
	const struct command *cmd;
	struct why why = { "" };
	size_t i;
	int rc;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		rc = parse(cases[i].line, &a, &cmd, &why);
		if ((rc == 0) != (cases[i].why == NULL) ||
		    (rc != 0 && strstr(why.text, cases[i].why) == NULL))
			fail_msg("\"%s\": %d %s", cases[i].line, rc,
			    why.text);
		if (rc == 0 && (cmd != NULL ? cmd->fn : NULL) != cases[i].fn)
			fail_msg("\"%s\": another command", cases[i].line);
	}
}

static void
test_values(void **state)
{
	static struct args a;
	const struct command *cmd;
	struct why why;

	(void)state;
	assert_int_equal(parse("plan apply P-1 --yes --expect-hosts 3 --utc "
	    "--timeout 2m", &a, &cmd, &why), 0);
	assert_int_equal(a.npos, 1);
	assert_string_equal(a.pos[0], "P-1");
	assert_true(a.yes && a.utc && !a.json);
	assert_int_equal(a.expect, 3);
	assert_int_equal(a.timeout, 120);
	assert_int_equal(parse("signals --host h", &a, &cmd, &why), 0);
	assert_int_equal(a.after, -1);
	assert_int_equal(a.hosts.n, 1);
	assert_int_equal(parse("operator add li --role x --role y:g", &a,
	    &cmd, &why), 0);
	assert_int_equal(a.roles.n, 2);
	assert_string_equal(a.roles.item[1], "y:g");
}

/* Each example of the help is a command line that is taken, as that one. */
static void
test_examples(void **state)
{
	static struct args a;
	const struct command *c, *got;
	struct why why = { "" };
	char line[512], *p;
	size_t n = 0;

	(void)state;
	for (c = commands; c->name != NULL; c++, n++) {
		/* quoted words become one word */
		bool inside = false;

		strcpy(line, c->example);
		for (p = line; *p != '\0'; p++) {
			inside = *p == '"' ? !inside : inside;
			if (*p == ' ' && inside)
				*p = '_';
		}
		if (parse(line, &a, &got, &why) != 0 || got != c)
			fail_msg("%s: %s", c->example, why.text);
		assert_int_equal(strncmp(c->usage, c->name, strlen(c->name)),
		    0);
		assert_true(c->options[0] == '\0' ||
		    c->options[strlen(c->options) - 1] == ',');
	}
	assert_true(n > 30);
}

static void
test_exit_codes(void **state)
{
	(void)state;
	assert_int_equal(exit_of(200, ""), EXIT_DONE);
	assert_int_equal(exit_of(400, "bad-request"), EXIT_USAGE);
	assert_int_equal(exit_of(401, "unauthorised"), EXIT_REFUSED);
	assert_int_equal(exit_of(403, "role"), EXIT_REFUSED);
	assert_int_equal(exit_of(404, "no-host"), EXIT_NOTHING);
	assert_int_equal(exit_of(409, "approvals-missing"), EXIT_WAITS);
	assert_int_equal(exit_of(409, "gate"), EXIT_GATE);
	assert_int_equal(exit_of(409, "stage"), EXIT_REFUSED);
	assert_int_equal(exit_of(429, "too-many"), EXIT_REFUSED);
	assert_int_equal(exit_of(500, "internal"), EXIT_UNREACHED);
	assert_int_equal(exit_of(503, "busy"), EXIT_UNREACHED);
}

static void
test_query(void **state)
{
	char path[64] = "/v1/x";

	(void)state;
	query_add(path, sizeof(path), "a", NULL);
	assert_string_equal(path, "/v1/x");
	query_add(path, sizeof(path), "a", "x y&z");
	assert_string_equal(path, "/v1/x?a=x%20y%26z");
	query_add(path, sizeof(path), "b", "\xe4\xb8\xad");
	assert_string_equal(path, "/v1/x?a=x%20y%26z&b=%e4%b8%ad");
	query_add(path, sizeof(path), "c",
	    "%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%");
	assert_true(strlen(path) < sizeof(path));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lines),
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_examples),
		cmocka_unit_test(test_exit_codes),
		cmocka_unit_test(test_query),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
