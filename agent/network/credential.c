/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Keeping the TLS identity.  Runs in the network process of the agent, both
 * at enrolment and at renewal.  What the collector sent is checked against
 * our key and our CA before anything is replaced.
 */
#include "agent/network/credential.h"

#include <errno.h>
#include <limits.h>
#include <openssl/bio.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <string.h>

#include "common/base/buf.h"
#include "common/base/file.h"
#include "common/base/log.h"
#include "common/net/x509.h"

#define PEM_MAX 16384

static X509 *
parse(const void *der, size_t len)
{
	const unsigned char *p = der;
	X509 *x;

	if (len > X509_DER_MAX)
		return NULL;
	x = d2i_X509(NULL, &p, (long)len);
	if (x != NULL && p != (const unsigned char *)der + len) {
		X509_free(x);
		x = NULL;
	}
	return x;
}

static EVP_PKEY *
load_key(const char *path, struct why *why)
{
	EVP_PKEY *key = NULL;
	struct buf pem;
	BIO *bio;

	buf_init(&pem, PEM_MAX);
	if (file_read(path, &pem, why) == 0 &&
	    (bio = BIO_new_mem_buf(pem.data, (int)pem.len)) != NULL) {
		key = PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL);
		BIO_free(bio);
		if (key == NULL)
			why_set(why, ERR_CRYPTO, "%s: no private key", path);
	}
	buf_done_wipe(&pem);
	return key;
}

int
credential_check(const char *key_path, const void *cert, size_t cert_len,
    const void *ca, size_t ca_len, const char *host_id, struct why *why)
{
	X509 *x = NULL, *root = NULL;
	EVP_PKEY *key = NULL;
	struct x509_id id;
	int rc;

	if ((rc = x509_read(cert, cert_len, &id, why)) != 0)
		return rc;
	rc = ERR_CRYPTO;
	if (id.role != X509_AGENT || strcmp(id.name, host_id) != 0) {
		why_set(why, rc, "the certificate is not for %s", host_id);
		goto done;
	}
	x = parse(cert, cert_len);
	root = parse(ca, ca_len);
	if (x == NULL || root == NULL) {
		why_set(why, rc, "the certificate or the CA is damaged");
		goto done;
	}
	if ((key = load_key(key_path, why)) == NULL)
		goto done;
	if (X509_check_private_key(x, key) != 1)
		why_set(why, rc, "the certificate is for another key");
	else if (X509_check_ca(root) != 1 ||
	    X509_verify(x, X509_get0_pubkey(root)) != 1)
		why_set(why, rc, "the certificate is not signed by our CA");
	else
		rc = 0;
done:
	EVP_PKEY_free(key);
	X509_free(root);
	X509_free(x);
	ERR_clear_error();
	return rc;
}

int
credential_ca_der(const char *state_dir, void *out, size_t size, size_t *len,
    struct why *why)
{
	unsigned char *at = out;
	char path[PATH_MAX];
	struct buf pem;
	BIO *bio = NULL;
	X509 *x = NULL;
	int rc, n;

	buf_init(&pem, PEM_MAX);
	if ((rc = file_join(path, sizeof(path), state_dir, CREDENTIAL_CA)) !=
	    0 || (rc = file_read(path, &pem, why)) != 0)
		goto done;
	rc = ERR_CRYPTO;
	bio = BIO_new_mem_buf(pem.data, (int)pem.len);
	if (bio != NULL)
		x = PEM_read_bio_X509(bio, NULL, NULL, NULL);
	n = x != NULL ? i2d_X509(x, NULL) : -1;
	if (n < 0 || (size_t)n > size) {
		why_set(why, rc, "%s: no certificate", path);
		goto done;
	}
	*len = (size_t)i2d_X509(x, &at);
	rc = 0;
done:
	X509_free(x);
	BIO_free(bio);
	buf_done(&pem);
	ERR_clear_error();
	return rc;
}

int
credential_install(const char *state_dir, const void *cert, size_t cert_len,
    struct why *why)
{
	char next[PATH_MAX], path[PATH_MAX];
	struct buf pem;
	BIO *bio = NULL;
	X509 *x = NULL;
	char *text;
	long n;
	int rc;

	buf_init(&pem, PEM_MAX);
	if ((rc = file_join(next, sizeof(next), state_dir, CREDENTIAL_NEXT)) !=
	    0 || (rc = file_join(path, sizeof(path), state_dir,
	    CREDENTIAL_FILE)) != 0 || (rc = file_read(next, &pem, why)) != 0)
		goto done;
	x = parse(cert, cert_len);
	bio = BIO_new(BIO_s_mem());
	if (x == NULL || bio == NULL || PEM_write_bio_X509(bio, x) != 1) {
		rc = why_set(why, ERR_CRYPTO, "cannot write the certificate");
		goto done;
	}
	n = BIO_get_mem_data(bio, &text);
	if ((rc = buf_add(&pem, text, (size_t)n)) != 0 ||
	    (rc = file_write(path, pem.data, pem.len, 0600, why)) != 0)
		goto done;
	/* Left behind it would only be used for the next request. */
	if (file_remove(next, NULL) != 0)
		log_warn("%s: cannot remove", next);
done:
	BIO_free(bio);
	X509_free(x);
	buf_done_wipe(&pem);
	ERR_clear_error();
	return rc;
}
