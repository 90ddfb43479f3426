/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Tokens and PEM (token.h).  In the collector. */
#include <string.h>

#include <openssl/pem.h>

#include "common/base/id.h"
#include "server/http/token.h"

void
token_new(char out[TOKEN_TEXT])
{
	/* Crockford's digits: none that is read for another */
	static const char digits[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
	uint8_t bits[TOKEN_TEXT - 1];
	size_t i;

	random_bytes(bits, sizeof(bits));
	for (i = 0; i < sizeof(bits); i++)
		out[i] = digits[bits[i] & 31];
	out[i] = '\0';
}

void
token_hash(const char *token, char out[DIGEST_HEX_MAX])
{
	uint8_t sum[DIGEST_LEN];

	digest_of(token, strlen(token), sum);
	hex_encode(out, sum, sizeof(sum));
}

int
pem_read(const char *text, const char *kind, struct buf *der)
{
	BIO *bio = BIO_new_mem_buf(text, -1);
	unsigned char *data = NULL;
	char *name = NULL, *header = NULL;
	long len = 0;
	int rc = ERR_SYNTAX;

	if (bio == NULL)
		return ERR_NOMEM;
	if (PEM_read_bio(bio, &name, &header, &data, &len) == 1 && len > 0 &&
	    strcmp(name, kind) == 0)
		rc = buf_add(der, data, (size_t)len);
	OPENSSL_free(name);
	OPENSSL_free(header);
	OPENSSL_free(data);
	BIO_free(bio);
	return rc;
}

int
pem_put(json_t *o, const char *key, const struct buf *der)
{
	BIO *bio = BIO_new(BIO_s_mem());
	char *text;
	long len;
	int rc = ERR_NOMEM;

	if (bio == NULL)
		return ERR_NOMEM;
	if (PEM_write_bio(bio, "CERTIFICATE", "", der->data, (long)der->len) >
	    0) {
		len = BIO_get_mem_data(bio, &text);
		rc = json_object_set_new(o, key,
		    json_stringn(text, (size_t)len)) == 0 ? 0 : ERR_NOMEM;
	}
	BIO_free(bio);
	return rc;
}
