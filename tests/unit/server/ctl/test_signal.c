/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a person sees of signals, to the letter. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "server/ctl/cmd.h"

#define SIGNAL(kind) \
	"{\"seq\":17,\"at\":\"2026-11-22T14:49:00.000Z\"," \
	"\"host\":\"fin-1\",\"severity\":\"high\",\"kind\":\"" kind "\"," \
	"\"object\":\"/etc/hosts\",\"text\":\"changed: size 9 -> 12\"," \
	"\"decision\":{\"what\":\"note\"}}"
#define WHY(kind) \
	"{\"about\":\"17\"," kind "\"lines\":[" \
	"{\"at\":\"2026-11-22T14:49:00.000Z\",\"who\":\"agent\"," \
	"\"text\":\"on fin-1\"}]}"
#define ROW "17  2026-11-22 14:49:00 UTC  fin-1  "
#define LINE "  2026-11-22 14:49:00 UTC  agent    on fin-1\n"

static void
check(void (*print)(struct out *, const json_t *), const char *json,
    enum lang lang, const char *want)
{
	json_t *v = json_loads(json, 0, NULL);
	char *text = NULL;
	static struct out o;
	size_t len = 0;
	FILE *f = open_memstream(&text, &len);

	assert_non_null(v);
	assert_non_null(f);
	out_init(&o, f, f, lang);
	o.utc = true;
	print(&o, v);
	fclose(f);
	assert_string_equal(text, want);
	free(text);
	json_decref(v);
}

static void
row_says_its_kind(void **state)
{
	(void)state;
	check(signal_print, SIGNAL("files.changed"), LANG_EN, ROW
	    "high  files.changed (the content of a watched file changed)  "
	    "/etc/hosts  changed: size 9 -> 12\n");
	check(signal_print, SIGNAL("files.changed"), LANG_ZH, ROW
	    "高  files.changed（受监控文件内容被修改）  /etc/hosts  "
	    "changed: size 9 -> 12\n");
}

/* A newer agent's kind, or a made-up one, stays quoted text. */
static void
unknown_kind_stays(void **state)
{
	(void)state;
	check(signal_print, SIGNAL("new.kind\\u001b[m"), LANG_ZH, ROW
	    "高  new.kind\\x1b[m  /etc/hosts  changed: size 9 -> 12\n");
	check(why_print, WHY("\"kind\":\"new.kind\","), LANG_EN, "WHY 17\n"
	    LINE);
}

static void
why_says_what_to_do(void **state)
{
	(void)state;
	check(why_print, WHY("\"kind\":\"files.changed\","), LANG_EN,
	    "WHY 17\n"
	    "  meaning    the content of a watched file changed\n"
	    "  advice     compare with the known-good copy\n" LINE);
	check(why_print, WHY("\"kind\":\"files.changed\","), LANG_ZH,
	    "缘由 17\n"
	    "  含义       受监控文件内容被修改\n"
	    "  建议       与可信副本比对\n" LINE);
	check(why_print, WHY(""), LANG_EN, "WHY 17\n" LINE);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(row_says_its_kind),
		cmocka_unit_test(unknown_kind_stays),
		cmocka_unit_test(why_says_what_to_do),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
