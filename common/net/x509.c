/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Keys and certificates through OpenSSL's EVP and X509.  Reading runs in
 * the agent's network process, the collector and the tools, on bytes that
 * a stranger may have made; issuing runs in the collector alone and lives
 * in ca.c.
 */
#include "common/net/x509.h"

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "common/base/digest.h"
#include "common/base/file.h"
#include "common/base/text.h"
#include "common/net/tls.h"
#include "common/net/x509_pem.h"

int
x509_fail(struct why *why, const char *what)
{
	char text[160];

	return why_set(why, ERR_CRYPTO, "%s: %s", what,
	    tls_error(text, sizeof(text)));
}

bool
x509_key_is_p256(EVP_PKEY *key)
{
	char group[32] = "";

	return key != NULL && EVP_PKEY_is_a(key, "EC") &&
	    EVP_PKEY_get_utf8_string_param(key, OSSL_PKEY_PARAM_GROUP_NAME,
		group, sizeof(group), NULL) == 1 &&
	    strcmp(group, SN_X9_62_prime256v1) == 0;
}

/* Read a PEM file whole into a memory BIO that owns a copy. */
static int
pem_open(const char *path, BIO **bio, struct why *why)
{
	struct buf b;
	int err;

	buf_init(&b, 64 * 1024);
	err = file_read(path, &b, why);
	if (err != 0)
		goto done;
	*bio = BIO_new(BIO_s_mem());
	if (*bio == NULL ||
	    BIO_write(*bio, b.data, (int)b.len) != (int)b.len) {
		BIO_free(*bio);
		*bio = NULL;
		err = why_set(why, ERR_NOMEM, "%s: out of memory", path);
	}
done:
	buf_done_wipe(&b);
	return err;
}

/* A key file of ours has no password; without this OpenSSL asks the tty. */
static int
no_password(char *buf, int size, int rw, void *arg)
{
	(void)buf, (void)size, (void)rw, (void)arg;
	return -1;
}

int
x509_key_load(const char *path, EVP_PKEY **key, struct why *why)
{
	EVP_PKEY *k = NULL;
	BIO *bio = NULL;
	int err;

	err = pem_open(path, &bio, why);
	if (err != 0)
		return err;
	k = PEM_read_bio_PrivateKey(bio, NULL, no_password, NULL);
	BIO_free(bio);
	if (k == NULL) {
		err = x509_fail(why, "no private key in the file");
	} else if (!x509_key_is_p256(k)) {
		EVP_PKEY_free(k);
		err = why_set(why, ERR_CRYPTO, "not a P-256 key");
	} else {
		*key = k;
		return 0;
	}
	why_prefix(why, "%s: ", path);
	return err;
}

int
x509_cert_load(const char *path, X509 **cert, struct why *why)
{
	BIO *bio = NULL;
	X509 *x;
	int err;

	err = pem_open(path, &bio, why);
	if (err != 0)
		return err;
	x = PEM_read_bio_X509(bio, NULL, no_password, NULL);
	BIO_free(bio);
	if (x == NULL) {
		err = x509_fail(why, "no certificate in the file");
		why_prefix(why, "%s: ", path);
		return err;
	}
	*cert = x;
	return 0;
}

int
x509_key_write(const char *path, EVP_PKEY *key, struct why *why)
{
	BUF_MEM *mem = NULL;
	BIO *bio;
	int err;

	/* BIO_s_secmem wipes what it held when it is freed. */
	bio = BIO_new(BIO_s_secmem());
	if (bio == NULL)
		return why_set(why, ERR_NOMEM, "%s: out of memory", path);
	if (PEM_write_bio_PKCS8PrivateKey(bio, key, NULL, NULL, 0, NULL,
		NULL) != 1) {
		err = x509_fail(why, "cannot encode a key");
		goto done;
	}
	BIO_get_mem_ptr(bio, &mem);
	err = file_write(path, mem->data, mem->length, 0600, why);
done:
	BIO_free(bio);
	return err;
}

int
x509_key_make(const char *path, struct why *why)
{
	EVP_PKEY *key = NULL;
	int err;

	if (file_exists(path)) {
		err = x509_key_load(path, &key, why);
		EVP_PKEY_free(key);
		return err;
	}
	key = EVP_EC_gen("P-256");
	if (key == NULL)
		return x509_fail(why, "cannot make a P-256 key");
	err = x509_key_write(path, key, why);
	EVP_PKEY_free(key);
	return err;
}

bool
x509_name_good(const char *name)
{
	size_t len = strnlen(name, X509_SUBJECT_MAX);

	return len > 0 && len < X509_SUBJECT_MAX &&
	    text_printable(name, len, false);
}

int
x509_csr_make(const char *key_path, const char *name, struct buf *der,
    struct why *why)
{
	X509_REQ *req = NULL;
	EVP_PKEY *key = NULL;
	uint8_t *out = NULL;
	int err, len;

	if (!x509_name_good(name))
		return why_set(why, ERR_RANGE, "name for a certificate: 1 to "
		    "%d printable bytes", X509_SUBJECT_MAX - 1);
	err = x509_key_load(key_path, &key, why);
	if (err != 0)
		return err;
	req = X509_REQ_new();
	if (req == NULL || X509_REQ_set_version(req, 0) != 1 ||
	    X509_NAME_add_entry_by_NID(X509_REQ_get_subject_name(req),
		NID_commonName, MBSTRING_UTF8, (const uint8_t *)name, -1, -1,
		0) != 1 ||
	    X509_REQ_set_pubkey(req, key) != 1 ||
	    X509_REQ_sign(req, key, EVP_sha256()) <= 0 ||
	    (len = i2d_X509_REQ(req, &out)) <= 0) {
		err = x509_fail(why, "cannot make a certificate request");
		goto done;
	}
	err = buf_add(der, out, (size_t)len);
done:
	OPENSSL_free(out);
	X509_REQ_free(req);
	EVP_PKEY_free(key);
	return err;
}

static int
time_ms(const ASN1_TIME *t, int64_t *ms)
{
	ASN1_TIME *epoch;
	int days, seconds, ok;

	epoch = ASN1_TIME_set(NULL, 0);
	ok = epoch != NULL && ASN1_TIME_diff(&days, &seconds, epoch, t) == 1;
	ASN1_TIME_free(epoch);
	if (!ok)
		return ERR_SYNTAX;
	*ms = ((int64_t)days * 86400 + seconds) * 1000;
	return 0;
}

/* The one entry NID of a subject, as UTF-8; false unless exactly one. */
static bool
subject_part(X509_NAME *subject, int nid, char *out, size_t size)
{
	uint8_t *text = NULL;
	int at, len;
	bool good;

	at = X509_NAME_get_index_by_NID(subject, nid, -1);
	if (at < 0 || X509_NAME_get_index_by_NID(subject, nid, at) >= 0)
		return false;
	len = ASN1_STRING_to_UTF8(&text,
	    X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at)));
	if (len < 0)
		return false;
	good = len > 0 && (size_t)len < size &&
	    memchr(text, '\0', (size_t)len) == NULL;
	if (good) {
		memcpy(out, text, (size_t)len);
		out[len] = '\0';
		good = x509_name_good(out);
	}
	OPENSSL_free(text);
	return good;
}

static const struct {
	enum x509_role role;
	const char *unit;
	uint32_t usage;
} roles[] = {
	{X509_AGENT, "agent", XKU_SSL_CLIENT},
	{X509_OPERATOR, "operator", XKU_SSL_CLIENT},
	{X509_SERVER, "collector", XKU_SSL_SERVER},
};

const char *
x509_role_unit(enum x509_role role)
{
	size_t i;

	for (i = 0; i < sizeof(roles) / sizeof(roles[0]); i++)
		if (roles[i].role == role)
			return roles[i].unit;
	return NULL;
}

/*
 * Purpose and unit must both say it, so that a certificate that was issued
 * for one job cannot be read as another.
 */
static int
find_role(X509 *x, enum x509_role *role)
{
	uint32_t flags = X509_get_extension_flags(x);
	char unit[16];
	size_t i;

	if (flags & (EXFLAG_INVALID | EXFLAG_V1))
		return ERR_CRYPTO;
	if ((flags & EXFLAG_CA) && X509_check_ca(x) == 1) {
		*role = X509_CA;
		return 0;
	}
	if (!(flags & EXFLAG_XKUSAGE) || (flags & EXFLAG_CA) ||
	    !subject_part(X509_get_subject_name(x),
		NID_organizationalUnitName, unit, sizeof(unit)))
		return ERR_CRYPTO;
	for (i = 0; i < sizeof(roles) / sizeof(roles[0]); i++)
		if (strcmp(unit, roles[i].unit) == 0 &&
		    X509_get_extended_key_usage(x) == roles[i].usage) {
			*role = roles[i].role;
			return 0;
		}
	return ERR_CRYPTO;
}

static int
find_serial(const X509 *x, char *out, size_t size)
{
	BIGNUM *bn;
	char *hex = NULL;
	int err = ERR_RANGE;

	bn = ASN1_INTEGER_to_BN(X509_get0_serialNumber(x), NULL);
	if (bn != NULL && !BN_is_negative(bn))
		hex = BN_bn2hex(bn);
	/* RFC 5280 4.1.2.2: at most 20 octets. */
	if (hex != NULL && strlen(hex) < size && strlen(hex) <= 40) {
		memcpy(out, hex, strlen(hex) + 1);
		err = 0;
	}
	OPENSSL_free(hex);
	BN_free(bn);
	return err;
}

int
x509_read(const void *der, size_t len, struct x509_id *id, struct why *why)
{
	const uint8_t *p = der;
	struct x509_id got = {0};
	X509 *x = NULL;
	int err = ERR_CRYPTO;

	if (len == 0 || len > X509_DER_MAX)
		return why_set(why, ERR_RANGE, "certificate of %zu bytes; at "
		    "most %d are taken", len, X509_DER_MAX);
	x = d2i_X509(NULL, &p, (long)len);
	if (x == NULL || p != (const uint8_t *)der + len) {
		err = why_set(why, ERR_SYNTAX, "not a certificate in DER");
		goto done;
	}
	if (find_role(x, &got.role) != 0)
		why_set(why, err, "certificate: its purpose is none of ours");
	else if (!x509_key_is_p256(X509_get0_pubkey(x)))
		why_set(why, err, "certificate: not a P-256 key");
	else if (!subject_part(X509_get_subject_name(x), NID_commonName,
		     got.name, sizeof(got.name)))
		why_set(why, err, "certificate: no good common name");
	else if (find_serial(x, got.serial, sizeof(got.serial)) != 0)
		why_set(why, err, "certificate: bad serial number");
	else if (time_ms(X509_get0_notBefore(x), &got.not_before_ms) != 0 ||
	    time_ms(X509_get0_notAfter(x), &got.not_after_ms) != 0)
		why_set(why, err, "certificate: bad dates");
	else
		err = 0;
	if (err == 0) {
		digest_of(der, len, got.sha256);
		*id = got;
	}
done:
	X509_free(x);
	ERR_clear_error();
	return err;
}

int
x509_read_file(const char *pem_path, struct x509_id *id, struct why *why)
{
	uint8_t *der = NULL;
	X509 *x = NULL;
	int err, len;

	err = x509_cert_load(pem_path, &x, why);
	if (err != 0)
		return err;
	len = i2d_X509(x, &der);
	if (len <= 0)
		err = x509_fail(why, "cannot encode the certificate");
	else
		err = x509_read(der, (size_t)len, id, why);
	if (err != 0)
		why_prefix(why, "%s: ", pem_path);
	OPENSSL_free(der);
	X509_free(x);
	return err;
}

int
x509_save(const char *path, const void *der, size_t len, struct why *why)
{
	const uint8_t *p = der;
	BUF_MEM *mem = NULL;
	BIO *bio = NULL;
	X509 *x;
	int err;

	if (len == 0 || len > X509_DER_MAX)
		return why_set(why, ERR_RANGE, "certificate of %zu bytes; at "
		    "most %d are taken", len, X509_DER_MAX);
	x = d2i_X509(NULL, &p, (long)len);
	if (x == NULL || p != (const uint8_t *)der + len) {
		err = why_set(why, ERR_SYNTAX, "not a certificate in DER");
		goto done;
	}
	bio = BIO_new(BIO_s_mem());
	if (bio == NULL || PEM_write_bio_X509(bio, x) != 1) {
		err = x509_fail(why, "cannot encode the certificate");
		goto done;
	}
	BIO_get_mem_ptr(bio, &mem);
	err = file_write(path, mem->data, mem->length, 0644, why);
done:
	BIO_free(bio);
	X509_free(x);
	ERR_clear_error();
	return err;
}
