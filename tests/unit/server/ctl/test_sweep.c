/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a person sees of a sweep, to the letter; what a hostile host says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "common/base/clock.h"
#include "server/ctl/cmd.h"

#define SUM "ab00000000000000000000000000000000000000000000000000000000000" \
	"0cd"
#define HEAD(kind, what, counts, complete) \
	"{\"sweep\":\"S-8KD3Q1XW0A\",\"kind\":\"" kind "\",\"what\":\"" what \
	"\",\"selector\":\"group treasury\",\"hosts_asked\":4,\"open\":true," \
	"\"until\":\"2026-11-23T14:49:00.000Z\",\"complete\":" complete "," \
	"\"count\":{" counts "},\"hosts\":["
#define COVER(looked, reach) \
	"\"cover\":{\"looked\":" looked ",\"looked_at\":" \
	"\"2026-11-22T12:49:10.000Z\",\"reach\":\"" reach "\"," \
	"\"unhashed\":3,\"blind\":1}"

static const char files[] =
    HEAD("sha256", SUM, "\"found\":1,\"absent\":1,\"away\":1,\"failed\":1",
    "false")
    "{\"host\":\"fin-1\",\"group\":\"treasury\",\"tier\":\"T2\","
    "\"state\":\"found\",\"total\":7,\"truncated\":true,"
    COVER("1000", "part") ",\"rows\":[{\"path\":\"/opt/x\",\"sha256\":\""
    SUM "\",\"mode\":\"104755\",\"uid\":1000,\"gid\":7,\"owner\":\"li\","
    "\"size\":11,\"modified\":\"2026-11-21T10:00:00.000Z\"}]},"
    "{\"host\":\"fin-2\",\"state\":\"absent\"," COVER("500", "part") "},"
    "{\"host\":\"fin-3\",\"state\":\"away\"},"
    "{\"host\":\"fin-4\",\"state\":\"failed\",\"why\":\"first scan\"}]}";

static const char files_en[] =
    "SWEEP S-8KD3Q1XW0A   files with the SHA-256 " SUM "   4 hosts asked "
    "(group treasury)\n"
    "✗ fin-1  treasury  T2  7 found\n"
    "      /opt/x\n"
    "        -rwsr-xr-x li(1000) 11 B  2026-11-21 10:00:00 UTC\n"
    "        SHA-256 " SUM "\n"
    "      and 6 more, more of them with --limit\n"
    "  has it            1  fin-1\n"
    "  does not have it  1  fin-2\n"
    "  cannot answer     1  fin-4 (first scan)\n"
    "  away              1  fin-3\n"
    "  from the agents' indexes of 1500 files, the oldest compared with the "
    "disk 2 h ago (fin-1)\n"
    "  6 files have no digest of their whole content and could not be "
    "compared\n"
    "  on 2 hosts changes may be missing: a sensor could not see, and has not "
    "looked again yet\n"
    "  2 hosts index some trees only: agent.conf [files] watch\n";

static char *
render(const char *json, enum lang lang)
{
	static struct out o;
	json_t *sweep = json_loads(json, 0, NULL);
	char *text = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&text, &len);

	assert_non_null(sweep);
	out_init(&o, f, f, lang);
	o.utc = true;
	assert_int_equal(clock_parse("2026-11-22T14:49:10.000Z", &o.now), 0);
	sweep_print(&o, sweep);
	fclose(f);
	json_decref(sweep);
	return text;
}

static void
golden(void **state)
{
	char *text;

	(void)state;
	text = render(files, LANG_EN);
	assert_string_equal(text, files_en);
	free(text);
	text = render(files, LANG_ZH);
	assert_non_null(strstr(text, "排查 S-8KD3Q1XW0A"));
	assert_non_null(strstr(text, "发现 7 项"));
	assert_non_null(strstr(text, "离线"));
	free(text);
}

static void
other_kinds(void **state)
{
	char *text;

	(void)state;
	text = render(HEAD("address", ":4444", "\"found\":1", "true")
	    "{\"host\":\"a\",\"state\":\"found\",\"rows\":[{\"protocol\":"
	    "\"tcp\",\"state\":\"listens\",\"local\":\"0.0.0.0:4444\","
	    "\"program\":\"/tmp/nc\",\"pid\":7},{\"protocol\":\"tcp\","
	    "\"state\":\"connected\",\"local\":\"10.0.0.1:1\",\"peer\":"
	    "\"10.0.0.2:4444\",\"program\":\"\",\"pid\":0},{\"protocol\":"
	    "\"udp\",\"state\":\"before\",\"peer\":\"[::1]:4444\","
	    "\"program\":\"/x\",\"pid\":0}]," COVER("9", "all") "}]}",
	    LANG_EN);
	assert_non_null(strstr(text, "tcp 0.0.0.0:4444  listens  /tmp/nc "
	    "pid 7\n"));
	assert_non_null(strstr(text, "tcp 10.0.0.1:1 -> 10.0.0.2:4444  "
	    "connected"));
	assert_non_null(strstr(text, "udp -> [::1]:4444  seen before, not "
	    "there now  /x\n"));
	assert_non_null(strstr(text, "from 9 sockets"));
	free(text);
	text = render(HEAD("user", "0", "\"found\":1", "true")
	    "{\"host\":\"a\",\"state\":\"found\",\"rows\":[{\"user\":\"toor\","
	    "\"uid\":0,\"gid\":0,\"line\":\"home=/ shell=/bin/sh\"}]}]}",
	    LANG_EN);
	assert_non_null(strstr(text, "toor  uid=0 gid=0 home=/ "
	    "shell=/bin/sh\n"));
	free(text);
	text = render(HEAD("process", "x", "\"found\":1", "true")
	    "{\"host\":\"a\",\"state\":\"found\",\"rows\":[{\"pid\":9,"
	    "\"exe\":\"/tmp/x (deleted)\",\"argv0\":\"[kworker]\",\"uid\":0,"
	    "\"owner\":\"root\",\"started\":\"2026-11-22T10:00:00.000Z\"}]}"
	    "]}", LANG_EN);
	assert_non_null(strstr(text, "pid 9  /tmp/x (deleted)  argv0 "
	    "[kworker]  root(0)  2026-11-22 10:00:00 UTC\n"));
	free(text);
}

/* More hosts than are named: all are counted. */
static void
many_names(void **state)
{
	char json[8192], *text;
	size_t n, i;

	(void)state;
	n = (size_t)snprintf(json, sizeof(json), HEAD("user", "x",
	    "\"failed\":40", "false"));
	for (i = 0; i < 40; i++)
		n += (size_t)snprintf(json + n, sizeof(json) - n,
		    "%s{\"host\":\"host-%zu\",\"state\":\"failed\",\"why\":"
		    "\"reason %zu, which is long enough to fill the line\"}",
		    i > 0 ? "," : "", i, i);
	snprintf(json + n, sizeof(json) - n, "]}");
	text = render(json, LANG_EN);
	assert_non_null(strstr(text, "40  host-0 (reason 0, which"));
	assert_non_null(strstr(text, "host-9 (reason 9, which"));
	assert_null(strstr(text, "host-12"));
	assert_non_null(strstr(text, "and 28 more"));
	free(text);
}

static void
hostile(void **state)
{
	char *text = render("{\"sweep\":\"S\\u001b[2J\",\"kind\":\"path\","
	    "\"what\":7,\"count\":{\"found\":1,\"failed\":\"x\"},\"hosts\":["
	    "{\"host\":\"a\\u001b]0;x\\u0007\",\"state\":\"found\",\"total\":"
	    "-5,\"truncated\":true,\"why\":\"\\u202eevil\",\"rows\":[{"
	    "\"path\":\"/a\\n\\u001b[31m\",\"mode\":\"zz9999999999999999999\""
	    ",\"uid\":\"x\",\"owner\":\"\\u0001\",\"sha256\":\"\\u0002\"},7,"
	    "null]},3]}", LANG_EN);
	const char *p;

	(void)state;
	for (p = text; *p != '\0'; p++)
		assert_true(*p == '\n' || (unsigned char)*p >= 0x20);
	assert_null(strstr(text, "\n\\x1b"));
	free(text);
}

static void
codes(void **state)
{
	static const struct {
		const char *json;
		int code;
	} rows[] = {
		{"{\"complete\":true,\"count\":{\"found\":1}}", EXIT_DONE},
		{"{\"complete\":true,\"count\":{\"found\":0}}",
		    EXIT_NOTHING},
		{"{\"complete\":false,\"count\":{\"found\":1}}",
		    EXIT_PARTLY},
		{"{\"complete\":false,\"count\":{}}", EXIT_UNPROVEN},
		{"{}", EXIT_UNPROVEN},
	};
	json_t *v;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		v = json_loads(rows[i].json, 0, NULL);
		assert_int_equal(sweep_code(v), rows[i].code);
		json_decref(v);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(golden),
		cmocka_unit_test(other_kinds),
		cmocka_unit_test(many_names),
		cmocka_unit_test(hostile),
		cmocka_unit_test(codes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
