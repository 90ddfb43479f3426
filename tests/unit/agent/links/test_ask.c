/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Bounds of a sweep's question, field by field. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "agent/links/ask.h"

#define KIND(x) CORDON__SWEEP_KIND__SWEEP_##x

static uint8_t zero[64];

static int
check(Cordon__SweepKind kind, const char *text, size_t sha256,
    size_t ip, uint32_t prefix, uint32_t port)
{
	Cordon__SweepAsk ask = CORDON__SWEEP_ASK__INIT;
	Cordon__Address a = CORDON__ADDRESS__INIT;
	struct why why;

	ask.sweep_id = (char *)(uintptr_t)"S-1";
	ask.kind = kind;
	ask.text = (char *)(uintptr_t)text;
	ask.sha256.data = zero;
	ask.sha256.len = sha256;
	a.ip.data = zero;
	a.ip.len = ip;
	a.prefix_len = prefix;
	if (ip != 0)
		ask.address = &a;
	ask.port = port;
	return ask_sweep_check(&ask, &why);
}

static void
good(void **state)
{
	(void)state;
	assert_int_equal(check(KIND(SHA256), "", 32, 0, 0, 0), 0);
	assert_int_equal(check(KIND(PATH), "/tmp/*", 0, 0, 0, 0), 0);
	assert_int_equal(check(KIND(USER), "mallory", 0, 0, 0, 0), 0);
	assert_int_equal(check(KIND(PROCESS), "kworkerd", 0, 0, 0, 0), 0);
	assert_int_equal(check(KIND(ADDRESS), "", 0, 4, 32, 0), 0);
	assert_int_equal(check(KIND(ADDRESS), "", 0, 16, 64, 443), 0);
	assert_int_equal(check(KIND(ADDRESS), "", 0, 0, 0, 4444), 0);
}

static void
bad(void **state)
{
	Cordon__SweepAsk ask = CORDON__SWEEP_ASK__INIT;
	char *name = malloc(ASK_PATH_MAX + 2);
	struct why why;

	(void)state;
	memset(name, '/', ASK_PATH_MAX + 1);
	name[ASK_PATH_MAX + 1] = '\0';
	assert_int_equal(check(KIND(NONE), "x", 32, 4, 32, 1), ERR_RANGE);
	assert_int_equal(check(99, "x", 32, 4, 32, 1), ERR_RANGE);
	assert_int_equal(check(KIND(SHA256), "", 31, 0, 0, 0), ERR_RANGE);
	assert_int_equal(check(KIND(SHA256), "", 33, 0, 0, 0), ERR_RANGE);
	assert_int_equal(check(KIND(PATH), "etc", 0, 0, 0, 0), ERR_RANGE);
	assert_int_equal(check(KIND(PATH), name, 0, 0, 0, 0), ERR_RANGE);
	name[ASK_PATH_MAX] = '\0';
	assert_int_equal(check(KIND(PATH), name, 0, 0, 0, 0), 0);
	assert_int_equal(check(KIND(USER), "", 0, 0, 0, 0), ERR_RANGE);
	assert_int_equal(check(KIND(PROCESS), name, 0, 0, 0, 0), ERR_RANGE);
	assert_int_equal(check(KIND(ADDRESS), "", 0, 0, 0, 0), ERR_RANGE);
	assert_int_equal(check(KIND(ADDRESS), "", 0, 5, 8, 0), ERR_RANGE);
	assert_int_equal(check(KIND(ADDRESS), "", 0, 4, 33, 0), ERR_RANGE);
	assert_int_equal(check(KIND(ADDRESS), "", 0, 4, 32, 65536),
	    ERR_RANGE);
	ask.sweep_id = (char *)(uintptr_t)"../S";
	ask.kind = KIND(USER);
	ask.text = (char *)(uintptr_t)"x";
	assert_int_equal(ask_sweep_check(&ask, &why), ERR_RANGE);
	free(name);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good),
		cmocka_unit_test(bad),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
