/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Our own small CA (RFC 5280): one self-signed root, no intermediates.
 * Runs in the collector and in `cordon-collector init`.  Certificate
 * requests come from strangers: only the public key of one is used, and
 * only after the request's own signature was good.
 */
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/file.h"
#include "common/base/id.h"
#include "common/net/x509.h"
#include "common/net/x509_pem.h"

#define CA_SECONDS (10LL * 365 * 86400)
#define BACKDATE_SECONDS 60 /* clocks are never quite the same */
#define SERIAL_BYTES 16

struct x509_ca {
	EVP_PKEY *key;
	X509 *cert;
};

static bool
add_name(X509 *x, const char *unit, const char *name)
{
	X509_NAME *s = X509_get_subject_name(x);

	return X509_NAME_add_entry_by_NID(s, NID_organizationName,
		   MBSTRING_UTF8, (const uint8_t *)"Cordon", -1, -1, 0) == 1 &&
	    (unit == NULL ||
		X509_NAME_add_entry_by_NID(s, NID_organizationalUnitName,
		    MBSTRING_UTF8, (const uint8_t *)unit, -1, -1, 0) == 1) &&
	    X509_NAME_add_entry_by_NID(s, NID_commonName, MBSTRING_UTF8,
		(const uint8_t *)name, -1, -1, 0) == 1;
}

static bool
add_ext(X509 *x, X509 *issuer, int nid, const char *value)
{
	X509_EXTENSION *ext;
	X509V3_CTX ctx;
	bool ok;

	X509V3_set_ctx_nodb(&ctx);
	X509V3_set_ctx(&ctx, issuer, x, NULL, NULL, 0);
	ext = X509V3_EXT_nconf_nid(NULL, &ctx, nid, value);
	ok = ext != NULL && X509_add_ext(x, ext, -1) == 1;
	X509_EXTENSION_free(ext);
	return ok;
}

/* 127 random bits: positive and never zero in practice. */
static bool
add_serial(X509 *x)
{
	uint8_t rnd[SERIAL_BYTES];
	ASN1_INTEGER *serial = NULL;
	BIGNUM *bn;
	bool ok;

	random_bytes(rnd, sizeof(rnd));
	rnd[0] &= 0x7f;
	bn = BN_bin2bn(rnd, sizeof(rnd), NULL);
	if (bn != NULL)
		serial = BN_to_ASN1_INTEGER(bn, NULL);
	ok = serial != NULL && X509_set_serialNumber(x, serial) == 1;
	ASN1_INTEGER_free(serial);
	BN_free(bn);
	return ok;
}

/* From a minute ago until SECONDS from now, never past LAST (or NULL). */
static bool
add_dates(X509 *x, int64_t seconds, const ASN1_TIME *last)
{
	time_t from = (time_t)(clock_wall_ms() / 1000) - BACKDATE_SECONDS;
	time_t to = from + BACKDATE_SECONDS + (time_t)seconds;

	if (ASN1_TIME_set(X509_getm_notBefore(x), from) == NULL ||
	    ASN1_TIME_set(X509_getm_notAfter(x), to) == NULL)
		return false;
	return last == NULL || ASN1_TIME_compare(last,
	    X509_get0_notAfter(x)) >= 0 || X509_set1_notAfter(x, last) == 1;
}

static bool
fill_ca(X509 *x, EVP_PKEY *key, const char *name)
{
	return X509_set_version(x, X509_VERSION_3) == 1 && add_serial(x) &&
	    add_name(x, NULL, name) && add_dates(x, CA_SECONDS, NULL) &&
	    X509_set_issuer_name(x, X509_get_subject_name(x)) == 1 &&
	    X509_set_pubkey(x, key) == 1 &&
	    add_ext(x, x, NID_basic_constraints,
		"critical,CA:TRUE,pathlen:0") &&
	    add_ext(x, x, NID_key_usage, "critical,keyCertSign,cRLSign") &&
	    add_ext(x, x, NID_subject_key_identifier, "hash") &&
	    add_ext(x, x, NID_authority_key_identifier, "keyid:always") &&
	    X509_sign(x, key, EVP_sha256()) > 0;
}

static bool
fill_leaf(X509 *x, const struct x509_ca *ca, EVP_PKEY *key,
    enum x509_role role, const char *name, int64_t seconds)
{
	const char *usage = role == X509_SERVER ? "serverAuth" : "clientAuth";

	return X509_set_version(x, X509_VERSION_3) == 1 && add_serial(x) &&
	    add_name(x, x509_role_unit(role), name) &&
	    add_dates(x, seconds, X509_get0_notAfter(ca->cert)) &&
	    X509_set_issuer_name(x, X509_get_subject_name(ca->cert)) == 1 &&
	    X509_set_pubkey(x, key) == 1 &&
	    add_ext(x, ca->cert, NID_basic_constraints, "critical,CA:FALSE") &&
	    add_ext(x, ca->cert, NID_key_usage, "critical,digitalSignature") &&
	    add_ext(x, ca->cert, NID_ext_key_usage, usage) &&
	    add_ext(x, ca->cert, NID_subject_key_identifier, "hash") &&
	    add_ext(x, ca->cert, NID_authority_key_identifier,
		"keyid:always") &&
	    X509_sign(x, ca->key, EVP_sha256()) > 0;
}

static int
to_der(X509 *x, struct buf *der, struct why *why)
{
	uint8_t *out = NULL;
	int err, len;

	len = i2d_X509(x, &out);
	if (len <= 0)
		return x509_fail(why, "cannot encode the certificate");
	err = buf_add(der, out, (size_t)len);
	OPENSSL_free(out);
	return err == 0 ? 0 : why_set(why, err, "no room for a certificate");
}

int
x509_ca_make(const char *key_path, const char *cert_path, const char *name,
    struct why *why)
{
	EVP_PKEY *key = NULL;
	X509 *x = NULL;
	struct buf der;
	int err;

	buf_init(&der, X509_DER_MAX);
	if (file_exists(key_path) || file_exists(cert_path))
		return why_set(why, ERR_EXIST, "%s or %s is there already; a "
		    "CA is never replaced silently", key_path, cert_path);
	if (!x509_name_good(name))
		return why_set(why, ERR_RANGE, "name of the CA: 1 to %d "
		    "printable bytes", X509_SUBJECT_MAX - 1);
	key = EVP_EC_gen("P-256");
	x = X509_new();
	if (key == NULL || x == NULL || !fill_ca(x, key, name)) {
		err = x509_fail(why, "cannot make the CA");
		goto done;
	}
	err = to_der(x, &der, why);
	if (err == 0)
		err = x509_key_write(key_path, key, why);
	if (err == 0)
		err = x509_save(cert_path, der.data, der.len, why);
done:
	buf_done(&der);
	X509_free(x);
	EVP_PKEY_free(key);
	return err;
}

int
x509_ca_load(const char *key_path, const char *cert_path,
    struct x509_ca **out, struct why *why)
{
	struct x509_ca *ca;
	int err;

	ca = calloc(1, sizeof(*ca));
	if (ca == NULL)
		return why_set(why, ERR_NOMEM, "out of memory");
	err = x509_key_load(key_path, &ca->key, why);
	if (err == 0)
		err = x509_cert_load(cert_path, &ca->cert, why);
	if (err != 0)
		goto done;
	if (X509_check_ca(ca->cert) != 1) {
		err = why_set(why, ERR_CRYPTO, "%s: not a CA certificate",
		    cert_path);
	} else if (X509_check_private_key(ca->cert, ca->key) != 1) {
		ERR_clear_error();
		err = why_set(why, ERR_CRYPTO, "%s does not belong to %s",
		    key_path, cert_path);
	}
done:
	if (err != 0)
		x509_ca_free(&ca);
	else
		*out = ca;
	return err;
}

void
x509_ca_free(struct x509_ca **ca)
{
	if (*ca == NULL)
		return;
	EVP_PKEY_free((*ca)->key);
	X509_free((*ca)->cert);
	free(*ca);
	*ca = NULL;
}

int
x509_ca_der(const struct x509_ca *ca, struct buf *der)
{
	return to_der(ca->cert, der, NULL);
}

/* The key of a request, lent by REQ, once its own signature is good. */
static int
csr_key(X509_REQ *req, EVP_PKEY **key, struct why *why)
{
	EVP_PKEY *k = X509_REQ_get0_pubkey(req);

	/* The kind of key first: nobody makes us verify a 16-kbit RSA. */
	if (!x509_key_is_p256(k))
		return why_set(why, ERR_CRYPTO,
		    "certificate request: not a P-256 key");
	if (X509_REQ_verify(req, k) != 1)
		return why_set(why, ERR_CRYPTO,
		    "certificate request: its signature is not good");
	*key = k;
	return 0;
}

int
x509_issue(const struct x509_ca *ca, const void *csr, size_t len,
    enum x509_role role, const char *name, int64_t seconds, struct buf *der,
    struct x509_id *id, struct why *why)
{
	const uint8_t *p = csr;
	size_t before = der->len;
	X509_REQ *req = NULL;
	X509 *x = NULL;
	EVP_PKEY *key;
	int err;

	if (len == 0 || len > X509_DER_MAX)
		return why_set(why, ERR_RANGE, "certificate request of %zu "
		    "bytes; at most %d are taken", len, X509_DER_MAX);
	if (x509_role_unit(role) == NULL || !x509_name_good(name) ||
	    seconds < 1 || seconds > CA_SECONDS)
		return why_set(why, ERR_RANGE,
		    "certificate: role, name or time out of bounds");
	req = d2i_X509_REQ(NULL, &p, (long)len);
	if (req == NULL || p != (const uint8_t *)csr + len) {
		err = why_set(why, ERR_SYNTAX, "not a certificate request");
		goto done;
	}
	err = csr_key(req, &key, why);
	if (err != 0)
		goto done;
	x = X509_new();
	if (x == NULL || !fill_leaf(x, ca, key, role, name, seconds)) {
		err = x509_fail(why, "cannot issue the certificate");
		goto done;
	}
	err = to_der(x, der, why);
	if (err == 0)
		err = x509_read(der->data + before, der->len - before, id,
		    why);
done:
	if (err != 0)
		der->len = before;
	X509_free(x);
	X509_REQ_free(req);
	ERR_clear_error();
	return err;
}
