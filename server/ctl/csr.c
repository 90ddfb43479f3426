/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Key and request of an operator, through OpenSSL (csr.h). */
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "server/ctl/csr.h"

/* What BIO holds goes into OUT, and the BIO's own copy is wiped. */
static int
drain(BIO *bio, struct buf *out)
{
	char *data;
	long len = BIO_get_mem_data(bio, &data);
	int rc;

	if (len <= 0)
		return ERR_CRYPTO;
	rc = buf_add(out, data, (size_t)len);
	OPENSSL_cleanse(data, (size_t)len);
	return rc;
}

static X509_REQ *
request_new(EVP_PKEY *pkey)
{
	X509_REQ *req = X509_REQ_new();
	X509_NAME *name;

	if (req == NULL)
		return NULL;
	name = X509_REQ_get_subject_name(req);
	/* the collector takes the name from the token, not from here */
	if (X509_REQ_set_version(req, 0) == 1 &&
	    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
	    (const unsigned char *)"operator", -1, -1, 0) == 1 &&
	    X509_REQ_set_pubkey(req, pkey) == 1 &&
	    X509_REQ_sign(req, pkey, EVP_sha256()) > 0)
		return req;
	X509_REQ_free(req);
	return NULL;
}

int
csr_make(struct buf *key, struct buf *csr, struct why *why)
{
	EVP_PKEY *pkey = EVP_EC_gen("P-256");
	X509_REQ *req = pkey != NULL ? request_new(pkey) : NULL;
	BIO *kbio = BIO_new(BIO_s_mem()), *cbio = BIO_new(BIO_s_mem());
	int rc = ERR_CRYPTO;

	if (req != NULL && kbio != NULL && cbio != NULL &&
	    PEM_write_bio_PKCS8PrivateKey(kbio, pkey, NULL, NULL, 0, NULL,
	    NULL) == 1 && PEM_write_bio_X509_REQ(cbio, req) == 1) {
		rc = drain(kbio, key);
		if (rc == 0)
			rc = drain(cbio, csr);
	}
	if (rc != 0)
		why_set(why, rc, "a P-256 key and request cannot be made");
	BIO_free(kbio);
	BIO_free(cbio);
	X509_REQ_free(req);
	EVP_PKEY_free(pkey);
	return rc;
}
