/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Certificates by OpenSSL's parsers (libcrypto alone).  The bytes are
 * foreign; what is no certificate is left out.
 */
#include "agent/state/authority.h"

#include <limits.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "common/base/digest.h"
#include "common/base/id.h"

static int
tell(X509 *x, authority_fn *fn, void *arg)
{
	BIO *words = BIO_new(BIO_s_mem());
	unsigned char sum[EVP_MAX_MD_SIZE];
	char hex[DIGEST_HEX_MAX], subject[512] = "";
	unsigned int n = 0;
	int len;

	if (words == NULL)
		return ERR_NOMEM;
	if (X509_digest(x, EVP_sha256(), sum, &n) != 1 || n != DIGEST_LEN) {
		BIO_free(words);
		return 0;
	}
	X509_NAME_print_ex(words, X509_get_subject_name(x), 0,
	    XN_FLAG_RFC2253 & ~ASN1_STRFLGS_ESC_MSB);
	len = BIO_read(words, subject, sizeof(subject) - 1);
	subject[len > 0 ? len : 0] = '\0';
	BIO_free(words);
	hex_encode(hex, sum, DIGEST_LEN);
	return fn(arg, hex, subject[0] != '\0' ? subject :
	    "(without a name)");
}

int
authority_each(const char *text, size_t len, authority_fn *fn, void *arg)
{
	const unsigned char *der = (const unsigned char *)text;
	unsigned int count = 0;
	X509 *x;
	BIO *in;
	int r = 0;

	if (len == 0 || len > INT_MAX)
		return 0;
	in = BIO_new_mem_buf(text, (int)len);
	if (in == NULL)
		return ERR_NOMEM;
	while (r == 0 && count < AUTHORITIES_MAX &&
	    (x = PEM_read_bio_X509_AUX(in, NULL, NULL, NULL)) != NULL) {
		r = tell(x, fn, arg);
		X509_free(x);
		count++;
	}
	BIO_free(in);
	if (count == 0 && r == 0 &&
	    (x = d2i_X509(NULL, &der, (long)len)) != NULL) {
		r = tell(x, fn, arg);
		X509_free(x);
	}
	ERR_clear_error();
	return r;
}
