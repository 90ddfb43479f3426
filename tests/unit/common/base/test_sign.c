/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Ed25519: a good signature is good, every changed bit is not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/base/digest.h"
#include "common/base/file.h"
#include "common/base/id.h"
#include "common/base/sign.h"
#include "tests/unit/folder.h"

static char path[64];

static const char *
in_dir(const char *name)
{
	assert_int_equal(file_join(path, sizeof(path), dir, name), 0);
	return path;
}

static void
every_bit_counts(void **state)
{
	uint8_t pub[SIGN_KEY_LEN], sig[SIGN_SIG_LEN], data[] = "isolate H-1";
	struct sign_key *key;
	size_t i;

	(void)state;
	assert_int_equal(sign_key_new(&key), 0);
	sign_key_public(key, pub);
	assert_int_equal(sign_make(key, "one", data, sizeof(data), sig), 0);
	assert_true(sign_good(pub, "one", data, sizeof(data), sig));
	for (i = 0; i < 8 * sizeof(sig); i++) {
		sig[i / 8] ^= (uint8_t)(1 << i % 8);
		assert_false(sign_good(pub, "one", data, sizeof(data), sig));
		sig[i / 8] ^= (uint8_t)(1 << i % 8);
	}
	for (i = 0; i < 8 * sizeof(data); i++) {
		data[i / 8] ^= (uint8_t)(1 << i % 8);
		assert_false(sign_good(pub, "one", data, sizeof(data), sig));
		data[i / 8] ^= (uint8_t)(1 << i % 8);
	}
	assert_false(sign_good(pub, "one", data, sizeof(data) - 1, sig));
	pub[3] ^= 1;
	assert_false(sign_good(pub, "one", data, sizeof(data), sig));
	sign_key_free(&key);
	assert_null(key);
	sign_key_free(&key);
}

/* A byte must not slide between context and data. */
static void
contexts_are_apart(void **state)
{
	uint8_t pub[SIGN_KEY_LEN], sig[SIGN_SIG_LEN];
	struct sign_key *key;

	(void)state;
	assert_int_equal(sign_key_new(&key), 0);
	sign_key_public(key, pub);
	assert_int_equal(sign_make(key, "ab", "c", 1, sig), 0);
	assert_true(sign_good(pub, "ab", "c", 1, sig));
	assert_false(sign_good(pub, "a", "bc", 2, sig));
	assert_false(sign_good(pub, "abc", "", 0, sig));
	assert_false(sign_good(pub, "ac", "c", 1, sig));
	assert_int_equal(sign_make(key, "ab", NULL, 0, sig), 0);
	assert_true(sign_good(pub, "ab", "", 0, sig));
	sign_key_free(&key);
}

static void
long_messages(void **state)
{
	static const size_t lengths[] = {4091, 4092, 4093, 4094, 100000};
	uint8_t pub[SIGN_KEY_LEN], sig[SIGN_SIG_LEN];
	struct sign_key *key;
	uint8_t *data;
	size_t i;

	(void)state;
	assert_int_equal(sign_key_new(&key), 0);
	sign_key_public(key, pub);
	data = calloc(1, 100000);
	assert_non_null(data);
	for (i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		assert_int_equal(sign_make(key, "ctx", data, lengths[i], sig),
		    0);
		assert_true(sign_good(pub, "ctx", data, lengths[i], sig));
		data[lengths[i] - 1] ^= 1;
		assert_false(sign_good(pub, "ctx", data, lengths[i], sig));
		data[lengths[i] - 1] ^= 1;
	}
	free(data);
	sign_key_free(&key);
}

/* RFC 8032, 7.1, test 2, as the key file of `openssl genpkey`. */
static void
a_known_key(void **state)
{
	static const char pem[] =
	    "-----BEGIN PRIVATE KEY-----\n"
	    "MC4CAQAwBQYDK2VwBCIEIEzNCJso/5banbbDRuwRTg9bijGfNaumJNqM9u1PuKb7\n"
	    "-----END PRIVATE KEY-----\n";
	static const char want[] = "3d4017c3e843895a92b70aa74d1b7ebc"
				   "9c982ccf2ec4968cc0cd55f12af4660c";
	uint8_t pub[SIGN_KEY_LEN], id[SIGN_KEY_ID_LEN], all[DIGEST_LEN];
	char hex[2 * SIGN_KEY_LEN + 1];
	struct sign_key *key;
	struct why why = {""};

	(void)state;
	assert_int_equal(file_write(in_dir("k"), pem, sizeof(pem) - 1, 0600,
	    &why), 0);
	assert_int_equal(sign_key_load(in_dir("k"), &key, &why), 0);
	sign_key_public(key, pub);
	assert_string_equal(hex_encode(hex, pub, sizeof(pub)), want);
	sign_key_id(pub, id);
	digest_of(pub, sizeof(pub), all);
	assert_memory_equal(id, all, sizeof(id));
	sign_key_free(&key);
}

static void
save_and_load(void **state)
{
	uint8_t a[SIGN_KEY_LEN], b[SIGN_KEY_LEN], sig[SIGN_SIG_LEN];
	struct sign_key *key, *again;
	struct why why;
	struct stat st;

	(void)state;
	assert_int_equal(sign_key_new(&key), 0);
	assert_int_equal(sign_key_save(key, in_dir("s"), &why), 0);
	assert_int_equal(stat(in_dir("s"), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0400);
	assert_int_equal(sign_key_save(key, in_dir("s"), &why), ERR_EXIST);
	assert_int_equal(sign_key_load(in_dir("s"), &again, &why), 0);
	sign_key_public(key, a);
	sign_key_public(again, b);
	assert_memory_equal(a, b, sizeof(a));
	assert_int_equal(sign_make(again, "x", "y", 1, sig), 0);
	assert_true(sign_good(a, "x", "y", 1, sig));
	sign_key_free(&key);
	sign_key_free(&again);
}

static void
bad_files(void **state)
{
	static const char p256[] =
	    "-----BEGIN PRIVATE KEY-----\n"
	    "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgAAAAAAAAAAAAAAAA\n"
	    "AAAAAAAAAAAAAAAAAAAAAAAAAAGhRANCAARrF9Hy4SxCR/i85uVjpEDydwN9gS3r\n"
	    "M6D0oTlF2JjClk/jQuL+Gn+bjufrSnwPnhYrzjNXazFezsu2QGg3v1H1\n"
	    "-----END PRIVATE KEY-----\n";
	static const char *const rows[] = {"", "text",
	    "-----BEGIN PRIVATE KEY-----\n",
	    "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
	    "-----BEGIN ENCRYPTED PRIVATE KEY-----\nMAA=\n"
	    "-----END ENCRYPTED PRIVATE KEY-----\n", p256};
	struct sign_key *key = NULL;
	struct why why;
	size_t i;

	(void)state;
	assert_int_equal(sign_key_load(in_dir("none"), &key, &why), ERR_NOENT);
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(file_write(in_dir("b"), rows[i],
		    strlen(rows[i]), 0600, &why), 0);
		assert_int_equal(sign_key_load(in_dir("b"), &key, &why),
		    ERR_CRYPTO);
		assert_non_null(strstr(why.text, "no Ed25519 key"));
		assert_null(key);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_bit_counts),
		cmocka_unit_test(contexts_are_apart),
		cmocka_unit_test(long_messages),
		cmocka_unit_test(a_known_key),
		cmocka_unit_test(save_and_load),
		cmocka_unit_test(bad_files),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
