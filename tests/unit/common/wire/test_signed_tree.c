/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Heads of tree manifests: whose, for whom, in which form. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "common/wire/signed_tree.h"

#define TEXT(x) ((char *)(uintptr_t)(x)) /* protobuf-c knows no const */

static struct sign_key *key;
static uint8_t public[SIGN_KEY_LEN], sum[DIGEST_LEN] = {7};

static Cordon__TreeHead
good(void)
{
	Cordon__TreeHead h = CORDON__TREE_HEAD__INIT;

	h.manifest_id = TEXT("M-1234");
	h.host_id = TEXT("H-1");
	h.tree = TEXT("/srv/ledger");
	h.version = 3;
	h.sha256 = (ProtobufCBinaryData){DIGEST_LEN, sum};
	h.size = 100;
	h.signed_by = TEXT("carol");
	return h;
}

/* Sign H by KEY and open it; CHANGE: that byte of the head is other, -1: none. */
static int
try(const Cordon__TreeHead *h, const struct sign_key *by, const char *id,
    int change, struct why *why)
{
	const struct tree_reader r = {public, "H-1", "fin"};
	uint8_t digest[DIGEST_LEN], bytes[ID_MAX + DIGEST_LEN],
	    sig[SIGN_SIG_LEN];
	Cordon__SignedTree s = CORDON__SIGNED_TREE__INIT;
	Cordon__TreeHead *out = NULL;
	struct buf b;
	int rc;

	buf_init(&b, TREE_HEAD_MAX);
	assert_int_equal(tree_head_pack(h, &b, digest), 0);
	assert_int_equal(sign_make(by, MANIFEST_CONTEXT, bytes,
	    manifest_signed_bytes(id, digest, bytes), sig), 0);
	if (change >= 0)
		b.data[(size_t)change % b.len] ^= 1;
	s.head = (ProtobufCBinaryData){b.len, b.data};
	s.signature = (ProtobufCBinaryData){sizeof(sig), sig};
	rc = tree_head_open(&r, &s, &out, why);
	assert_int_equal(rc == 0, out != NULL);
	if (out != NULL) {
		assert_string_equal(out->tree, h->tree);
		assert_int_equal(out->version, h->version);
		cordon__tree_head__free_unpacked(out, NULL);
	}
	buf_done(&b);
	return rc;
}

static void
test_good(void **state)
{
	Cordon__TreeHead h = good();
	struct why why;

	(void)state;
	assert_int_equal(try(&h, key, "M-1234", -1, &why), 0);
	h.host_id = TEXT("");
	h.group = TEXT("fin");
	assert_int_equal(try(&h, key, "M-1234", -1, &why), 0);
	h.retired = true;
	h.sha256.len = 0;
	assert_int_equal(try(&h, key, "M-1234", -1, &why), 0);
}

static void
test_forged(void **state)
{
	Cordon__TreeHead h = good();
	struct sign_key *other;
	struct why why;
	int i, rc;

	(void)state;
	assert_int_equal(sign_key_new(&other), 0);
	assert_int_equal(try(&h, other, "M-1234", -1, &why), ERR_CRYPTO);
	sign_key_free(&other);
	/* the signature of another manifest */
	assert_int_equal(try(&h, key, "M-1235", -1, &why), ERR_CRYPTO);
	for (i = 0; i < 120; i++) {
		rc = try(&h, key, "M-1234", i, &why);
		assert_true(rc == ERR_CRYPTO || rc == ERR_PROTO);
	}
}

static void
test_bounds(void **state)
{
	static const char *const paths[] = {"", "/", "srv", "/srv/", "//srv",
	    "/srv//a", "/srv/./a", "/srv/..", "/../srv", "/srv/."};
	Cordon__TreeHead h = good();
	struct why why;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		h.tree = TEXT(paths[i]);
		assert_int_equal(try(&h, key, "M-1234", -1, &why), ERR_PROTO);
	}
	h = good();
	h.version = 0;
	assert_int_equal(try(&h, key, "M-1234", -1, &why), ERR_PROTO);
	h = good();
	h.sha256.len = 0; /* of nothing, and not retired */
	assert_int_equal(try(&h, key, "M-1234", -1, &why), ERR_PROTO);
	h = good();
	h.size = 65UL * 1024 * 1024;
	assert_int_equal(try(&h, key, "M-1234", -1, &why), ERR_PROTO);
	assert_true(tree_path_good("/srv/.a/..b"));
}

static void
test_for_whom(void **state)
{
	static const struct {
		const char *host, *group;
	} t[] = {{"H-2", ""}, {"", "ops"}, {"", ""}, {"H-2", "fin"}};
	Cordon__TreeHead h = good();
	struct why why;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		h.host_id = TEXT(t[i].host);
		h.group = TEXT(t[i].group);
		assert_int_equal(try(&h, key, "M-1234", -1, &why), ERR_PERM);
	}
}

static int
keys(void **state)
{
	(void)state;
	if (sign_key_new(&key) != 0)
		return -1;
	sign_key_public(key, public);
	return 0;
}

static int
no_keys(void **state)
{
	(void)state;
	sign_key_free(&key);
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_forged),
		cmocka_unit_test(test_bounds),
		cmocka_unit_test(test_for_whom),
	};

	return cmocka_run_group_tests(tests, keys, no_keys);
}
