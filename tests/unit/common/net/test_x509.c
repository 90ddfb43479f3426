/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Keys, requests, the CA, and what is refused of foreign certificates. */
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
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

#include "common/base/clock.h"
#include "common/base/digest.h"
#include "common/base/file.h"
#include "common/net/x509.h"

static char dir[] = "/tmp/cordon-x509-XXXXXX";
static char ca_key[64], ca_cert[64], key[64];
static struct x509_ca *ca;

static char *
path(char out[64], const char *name)
{
	snprintf(out, 64, "%s/%s", dir, name);
	return out;
}

static int
setup(void **state)
{
	struct why why = {0};

	(void)state;
	if (mkdtemp(dir) == NULL)
		return -1;
	path(ca_key, "ca-key.pem");
	path(ca_cert, "ca.pem");
	path(key, "key.pem");
	if (x509_ca_make(ca_key, ca_cert, "Test CA", &why) != 0 ||
	    x509_ca_load(ca_key, ca_cert, &ca, &why) != 0 ||
	    x509_key_make(key, &why) != 0) {
		print_error("%s\n", why.text);
		return -1;
	}
	return 0;
}

static int
teardown(void **state)
{
	char cmd[96];

	(void)state;
	x509_ca_free(&ca);
	snprintf(cmd, sizeof(cmd), "rm -r %s", dir);
	return system(cmd);
}

static mode_t
mode_of(const char *p)
{
	struct stat st;

	assert_int_equal(stat(p, &st), 0);
	return st.st_mode & 07777;
}

static void
test_ca(void **state)
{
	uint8_t sum[DIGEST_LEN];
	struct x509_id id;
	struct why why;
	struct buf der;

	(void)state;
	assert_int_equal(mode_of(ca_key), 0600);
	assert_int_equal(mode_of(ca_cert), 0644);
	assert_int_equal(x509_read_file(ca_cert, &id, &why), 0);
	assert_int_equal(id.role, X509_CA);
	assert_string_equal(id.name, "Test CA");
	buf_init(&der, X509_DER_MAX);
	assert_int_equal(x509_ca_der(ca, &der), 0);
	digest_of(der.data, der.len, sum);
	assert_memory_equal(sum, id.sha256, DIGEST_LEN);
	buf_done(&der);
	/* Never over an old one. */
	assert_int_equal(x509_ca_make(ca_key, ca_cert, "Other", &why),
	    ERR_EXIST);
}

static void
test_key_stays(void **state)
{
	struct buf before, after;
	char p[64];

	(void)state;
	buf_init(&before, 4096);
	buf_init(&after, 4096);
	assert_int_equal(mode_of(key), 0600);
	assert_int_equal(file_read(key, &before, NULL), 0);
	assert_int_equal(x509_key_make(key, NULL), 0);
	assert_int_equal(file_read(key, &after, NULL), 0);
	assert_int_equal(before.len, after.len);
	assert_memory_equal(before.data, after.data, before.len);
	buf_done(&before);
	buf_done(&after);
	/* What is there but is no key is told, not replaced. */
	path(p, "no-key.pem");
	assert_int_equal(file_write(p, "hello\n", 6, 0600, NULL), 0);
	assert_int_equal(x509_key_make(p, NULL), ERR_CRYPTO);
}

static void
issue(enum x509_role role, const char *name, struct buf *der,
    struct x509_id *id)
{
	struct why why = {0};
	struct buf csr;

	buf_init(&csr, X509_DER_MAX);
	buf_init(der, X509_DER_MAX);
	assert_int_equal(x509_csr_make(key, "whoever", &csr, &why), 0);
	assert_int_equal(x509_issue(ca, csr.data, csr.len, role, name, 3600,
			     der, id, &why), 0);
	buf_done(&csr);
}

static void
test_issue(void **state)
{
	static const struct {
		enum x509_role role;
		const char *name;
	} good[] = {
		{X509_AGENT, "H-7F3A9K2M"},
		{X509_OPERATOR, "alice"},
		{X509_SERVER, "collector"},
		{X509_OPERATOR, "\xe5\xbc\xa0\xe4\xb8\x89"},
	};
	struct x509_id id, again;
	char serial[42] = "", p[64];
	struct buf der;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		issue(good[i].role, good[i].name, &der, &id);
		assert_int_equal(id.role, good[i].role);
		assert_string_equal(id.name, good[i].name);
		/* From a minute ago until an hour from now. */
		assert_int_equal(id.not_after_ms - id.not_before_ms,
		    (60 + 3600) * 1000);
		assert_true(id.not_before_ms < clock_wall_ms() - 58000);
		assert_true(strlen(id.serial) > 20);
		assert_string_not_equal(id.serial, serial);
		memcpy(serial, id.serial, sizeof(serial));
		assert_int_equal(x509_save(path(p, "cert.pem"), der.data,
				     der.len, NULL), 0);
		assert_int_equal(x509_read_file(p, &again, NULL), 0);
		assert_memory_equal(again.sha256, id.sha256, 32);
		assert_string_equal(again.serial, id.serial);
		buf_done(&der);
	}
}

static void
test_issue_refuses(void **state)
{
	char p[64], long_name[80];
	struct buf csr, der;
	struct x509_id id;
	struct why why;
	EVP_PKEY *rsa;
	X509_REQ *req;
	uint8_t *out = NULL;
	int len;

	(void)state;
	buf_init(&csr, X509_DER_MAX);
	buf_init(&der, X509_DER_MAX);
	memset(long_name, 'a', sizeof(long_name));
	long_name[64] = '\0';
	assert_int_equal(x509_csr_make(key, "x", &csr, &why), 0);
	assert_int_equal(x509_issue(ca, csr.data, csr.len, X509_CA, "x", 3600,
			     &der, &id, &why), ERR_RANGE);
	assert_int_equal(x509_issue(ca, csr.data, csr.len, X509_AGENT, "",
			     3600, &der, &id, &why), ERR_RANGE);
	assert_int_equal(x509_issue(ca, csr.data, csr.len, X509_AGENT,
			     "a\nb", 3600, &der, &id, &why), ERR_RANGE);
	assert_int_equal(x509_issue(ca, csr.data, csr.len, X509_AGENT,
			     long_name, 3600, &der, &id, &why), ERR_RANGE);
	assert_int_equal(x509_issue(ca, csr.data, csr.len, X509_AGENT, "x", 0,
			     &der, &id, &why), ERR_RANGE);
	assert_int_equal(x509_issue(ca, csr.data, csr.len - 1, X509_AGENT,
			     "x", 3600, &der, &id, &why), ERR_SYNTAX);
	assert_int_equal(x509_issue(ca, csr.data, 0, X509_AGENT, "x", 3600,
			     &der, &id, &why), ERR_RANGE);
	/* One bit of the signature, and one of the name that it covers. */
	csr.data[csr.len - 1] ^= 1;
	assert_int_equal(x509_issue(ca, csr.data, csr.len, X509_AGENT, "x",
			     3600, &der, &id, &why), ERR_CRYPTO);
	csr.data[csr.len - 1] ^= 1;
	*(uint8_t *)memchr(csr.data, 'x', csr.len) = 'y';
	assert_int_equal(x509_issue(ca, csr.data, csr.len, X509_AGENT, "x",
			     3600, &der, &id, &why), ERR_CRYPTO);
	/* Another kind of key. */
	rsa = EVP_RSA_gen(2048);
	req = X509_REQ_new();
	X509_REQ_set_pubkey(req, rsa);
	assert_true(X509_REQ_sign(req, rsa, EVP_sha256()) > 0);
	len = i2d_X509_REQ(req, &out);
	assert_int_equal(x509_issue(ca, out, (size_t)len, X509_AGENT, "x",
			     3600, &der, &id, &why), ERR_CRYPTO);
	assert_int_equal(der.len, 0);
	OPENSSL_free(out);
	X509_REQ_free(req);
	EVP_PKEY_free(rsa);
	buf_done(&csr);
	/* A CA whose key is another one's. */
	path(p, "stranger.pem");
	assert_int_equal(x509_key_make(p, &why), 0);
	struct x509_ca *wrong = NULL;
	assert_int_equal(x509_ca_load(p, ca_cert, &wrong, &why), ERR_CRYPTO);
	assert_null(wrong);
}

/* Certificates as a stranger with the CA's trust might shape them. */
static void
test_read_refuses(void **state)
{
	static const struct {
		const char *unit, *usage, *cn;
		int err;
	} table[] = {
		{"agent", "clientAuth", "h1", 0},
		{"agent", "serverAuth", "h1", ERR_CRYPTO},
		{"agent", "clientAuth,serverAuth", "h1", ERR_CRYPTO},
		{"collector", "clientAuth", "h1", ERR_CRYPTO},
		{"collector", "serverAuth", "h1", 0},
		{"operator", "codeSigning", "h1", ERR_CRYPTO},
		{"operator", NULL, "h1", ERR_CRYPTO},
		{"nobody", "clientAuth", "h1", ERR_CRYPTO},
		{NULL, "clientAuth", "h1", ERR_CRYPTO},
		{"agent", "clientAuth", NULL, ERR_CRYPTO},
	};
	struct x509_id id;
	EVP_PKEY *k;
	size_t i;

	(void)state;
	k = EVP_EC_gen("P-256");
	for (i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		X509 *x = X509_new();
		X509_NAME *s = X509_get_subject_name(x);
		X509_EXTENSION *e;
		uint8_t *out = NULL;
		int len, err;

		X509_set_version(x, X509_VERSION_3);
		ASN1_INTEGER_set(X509_get_serialNumber(x), 7);
		X509_gmtime_adj(X509_getm_notBefore(x), 0);
		X509_gmtime_adj(X509_getm_notAfter(x), 60);
		if (table[i].unit != NULL)
			X509_NAME_add_entry_by_txt(s, "OU", MBSTRING_UTF8,
			    (const uint8_t *)table[i].unit, -1, -1, 0);
		if (table[i].cn != NULL)
			X509_NAME_add_entry_by_txt(s, "CN", MBSTRING_UTF8,
			    (const uint8_t *)table[i].cn, -1, -1, 0);
		X509_set_pubkey(x, k);
		if (table[i].usage != NULL) {
			e = X509V3_EXT_nconf_nid(NULL, NULL, NID_ext_key_usage,
			    table[i].usage);
			X509_add_ext(x, e, -1);
			X509_EXTENSION_free(e);
		}
		assert_true(X509_sign(x, k, EVP_sha256()) > 0);
		len = i2d_X509(x, &out);
		err = x509_read(out, (size_t)len, &id, NULL);
		if (err != table[i].err)
			fail_msg("row %zu: %d, not %d", i, err, table[i].err);
		/* Nothing may stand behind it, nothing may be missing. */
		assert_int_not_equal(x509_read(out, (size_t)len - 1, &id,
					 NULL), 0);
		OPENSSL_free(out);
		X509_free(x);
	}
	EVP_PKEY_free(k);
	assert_int_equal(x509_read("", 0, &id, NULL), ERR_RANGE);
	assert_int_equal(x509_read("\x30\x03\x02\x01\x01", 5, &id, NULL),
	    ERR_SYNTAX);
}

static void
test_files(void **state)
{
	struct x509_id id;
	struct why why;
	char p[64];

	(void)state;
	assert_int_equal(x509_read_file(path(p, "none"), &id, &why),
	    ERR_NOENT);
	assert_int_equal(x509_read_file(key, &id, &why), ERR_CRYPTO);
	assert_non_null(strstr(why.text, key)); /* it says which file */
	assert_int_equal(x509_save(path(p, "bad.pem"), "abc", 3, &why),
	    ERR_SYNTAX);
	assert_false(file_exists(p));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ca),
		cmocka_unit_test(test_key_stays),
		cmocka_unit_test(test_issue),
		cmocka_unit_test(test_issue_refuses),
		cmocka_unit_test(test_read_refuses),
		cmocka_unit_test(test_files),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
