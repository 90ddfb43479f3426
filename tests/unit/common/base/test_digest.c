/* SPDX-License-Identifier: GPL-3.0-or-later */
/* SHA-256 against the vectors of FIPS 180-4, reused and from two threads. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/digest.h"
#include "common/base/id.h"

static const struct {
	const char *text, *hex;
} rows[] = {
	{"", "e3b0c44298fc1c149afbf4c8996fb924"
	     "27ae41e4649b934ca495991b7852b855"},
	{"abc", "ba7816bf8f01cfea414140de5dae2223"
		"b00361a396177a9cb410ff61f20015ad"},
	{"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
	    "248d6a61d20638b8e5c026930c3e6039"
	    "a33ce45964ff2167f6ecedd419db06c1"},
};

#define N_ROWS (sizeof(rows) / sizeof(rows[0]))

static void
check_all(void)
{
	uint8_t out[DIGEST_LEN];
	char hex[DIGEST_HEX_MAX];
	size_t i;

	for (i = 0; i < N_ROWS; i++) {
		digest_of(rows[i].text, strlen(rows[i].text), out);
		assert_string_equal(hex_encode(hex, out, sizeof(out)),
		    rows[i].hex);
	}
}

static void
at_once(void **state)
{
	(void)state;
	check_all();
	check_all();
}

static void
in_pieces_and_again(void **state)
{
	struct digest *d = digest_new();
	uint8_t out[DIGEST_LEN];
	char hex[DIGEST_HEX_MAX];
	size_t i, j;

	(void)state;
	assert_non_null(d);
	digest_begin(d);
	digest_add(d, "left over", 9); /* begin must forget it */
	for (i = 0; i < N_ROWS; i++) {
		digest_begin(d);
		for (j = 0; j < strlen(rows[i].text); j++)
			digest_add(d, rows[i].text + j, 1);
		digest_end(d, out);
		assert_string_equal(hex_encode(hex, out, sizeof(out)),
		    rows[i].hex);
	}
	digest_free(&d);
	assert_null(d);
	digest_free(&d);
}

static void *
thread(void *arg)
{
	uint8_t out[DIGEST_LEN];

	digest_of(rows[1].text, 3, out);
	hex_encode(arg, out, sizeof(out));
	return NULL;
}

static void
in_threads(void **state)
{
	char hex[2][DIGEST_HEX_MAX];
	pthread_t t[2];
	int i;

	(void)state;
	for (i = 0; i < 2; i++)
		assert_int_equal(pthread_create(&t[i], NULL, thread, hex[i]),
		    0);
	for (i = 0; i < 2; i++) {
		assert_int_equal(pthread_join(t[i], NULL), 0);
		assert_string_equal(hex[i], rows[1].hex);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(at_once),
		cmocka_unit_test(in_pieces_and_again),
		cmocka_unit_test(in_threads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
