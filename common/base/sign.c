/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Ed25519.  Verifying runs in the enforcer and the tools and trusts neither
 * data nor signature; signing runs only in the signer and in `init`.
 */
#include "common/base/sign.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/buf.h"
#include "common/base/digest.h"
#include "common/base/file.h"

#define PEM_MAX 4096
#define MESSAGE_ON_STACK 4096

struct sign_key {
	EVP_PKEY *pkey;
	uint8_t public[SIGN_KEY_LEN];
};

/* Takes PKEY, also on failure. */
static int
key_take(EVP_PKEY *pkey, struct sign_key **out)
{
	size_t len = SIGN_KEY_LEN;
	struct sign_key *key;
	int rc = ERR_CRYPTO;

	key = calloc(1, sizeof(*key));
	if (key == NULL) {
		EVP_PKEY_free(pkey);
		return ERR_NOMEM;
	}
	key->pkey = pkey;
	if (EVP_PKEY_is_a(pkey, "ED25519") &&
	    EVP_PKEY_get_raw_public_key(pkey, key->public, &len) == 1 &&
	    len == SIGN_KEY_LEN)
		rc = 0;
	if (rc == 0)
		*out = key;
	else
		sign_key_free(&key);
	return rc;
}

int
sign_key_new(struct sign_key **key)
{
	EVP_PKEY *pkey = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");

	ERR_clear_error();
	return pkey != NULL ? key_take(pkey, key) : ERR_CRYPTO;
}

/* No question at the terminal: our key files have no password. */
static int
no_password(char *out, int size, int writing, void *arg)
{
	(void)out;
	(void)size;
	(void)writing;
	(void)arg;
	return -1;
}

int
sign_key_load(const char *path, struct sign_key **key, struct why *why)
{
	EVP_PKEY *pkey = NULL;
	BIO *bio = NULL;
	struct buf pem;
	int rc;

	buf_init(&pem, PEM_MAX);
	rc = file_read(path, &pem, why);
	if (rc != 0)
		goto done;
	bio = BIO_new_mem_buf(pem.data, (int)pem.len);
	if (bio != NULL)
		pkey = PEM_read_bio_PrivateKey(bio, NULL, no_password, NULL);
	rc = pkey != NULL ? key_take(pkey, key) : ERR_CRYPTO;
	if (rc != 0)
		why_set(why, rc, "%s: no Ed25519 key in PEM form", path);
done:
	BIO_free(bio);
	buf_done_wipe(&pem);
	ERR_clear_error();
	return rc;
}

int
sign_key_save(const struct sign_key *key, const char *path, struct why *why)
{
	BIO *bio = BIO_new(BIO_s_secmem());
	char *pem;
	long len;
	int rc;

	if (bio == NULL || PEM_write_bio_PKCS8PrivateKey(bio, key->pkey, NULL,
	    NULL, 0, NULL, NULL) != 1) {
		rc = why_set(why, ERR_CRYPTO, "%s: cannot encode key", path);
		goto done;
	}
	len = BIO_get_mem_data(bio, &pem);
	rc = file_write_new(path, pem, (size_t)len, 0400, why);
	explicit_bzero(pem, (size_t)len);
done:
	BIO_free(bio);
	ERR_clear_error();
	return rc;
}

void
sign_key_free(struct sign_key **key)
{
	if (*key == NULL)
		return;
	EVP_PKEY_free((*key)->pkey); /* wipes the private part */
	free(*key);
	*key = NULL;
}

void
sign_key_public(const struct sign_key *key, uint8_t out[SIGN_KEY_LEN])
{
	memcpy(out, key->public, SIGN_KEY_LEN);
}

void
sign_key_id(const uint8_t key[SIGN_KEY_LEN], uint8_t out[SIGN_KEY_ID_LEN])
{
	uint8_t digest[DIGEST_LEN];

	digest_of(key, SIGN_KEY_LEN, digest);
	memcpy(out, digest, SIGN_KEY_ID_LEN);
}

/*
 * Ed25519 goes over the message twice, so OpenSSL wants it in one piece:
 * the context, its terminator, the data.  Small ones fit the caller's ROOM;
 * free what is not ROOM.  NULL: out of memory.
 */
static uint8_t *
message(uint8_t room[MESSAGE_ON_STACK], const char *context, const void *data,
    size_t len, size_t *total)
{
	size_t n = strlen(context) + 1;
	uint8_t *m = room;

	if (len > SIZE_MAX / 2)
		return NULL;
	if (n + len > MESSAGE_ON_STACK)
		m = malloc(n + len);
	if (m == NULL)
		return NULL;
	memcpy(m, context, n);
	if (len > 0)
		memcpy(m + n, data, len);
	*total = n + len;
	return m;
}

int
sign_make(const struct sign_key *key, const char *context, const void *data,
    size_t len, uint8_t sig[SIGN_SIG_LEN])
{
	uint8_t room[MESSAGE_ON_STACK], made[SIGN_SIG_LEN];
	size_t total, n = sizeof(made);
	EVP_MD_CTX *ctx = NULL;
	uint8_t *m;
	int rc = ERR_NOMEM;

	m = message(room, context, data, len, &total);
	if (m == NULL || (ctx = EVP_MD_CTX_new()) == NULL)
		goto done;
	rc = ERR_CRYPTO;
	if (EVP_DigestSignInit(ctx, NULL, NULL, NULL, key->pkey) != 1 ||
	    EVP_DigestSign(ctx, made, &n, m, total) != 1 || n != sizeof(made))
		goto done;
	memcpy(sig, made, sizeof(made));
	rc = 0;
done:
	EVP_MD_CTX_free(ctx);
	if (m != room)
		free(m);
	ERR_clear_error();
	return rc;
}

bool
sign_good(const uint8_t key[SIGN_KEY_LEN], const char *context,
    const void *data, size_t len, const uint8_t sig[SIGN_SIG_LEN])
{
	uint8_t room[MESSAGE_ON_STACK];
	EVP_MD_CTX *ctx = NULL;
	EVP_PKEY *pkey = NULL;
	bool good = false;
	size_t total;
	uint8_t *m;

	m = message(room, context, data, len, &total);
	if (m == NULL)
		goto done;
	ctx = EVP_MD_CTX_new();
	pkey = EVP_PKEY_new_raw_public_key_ex(NULL, "ED25519", NULL, key,
	    SIGN_KEY_LEN);
	good = ctx != NULL && pkey != NULL &&
	    EVP_DigestVerifyInit(ctx, NULL, NULL, NULL, pkey) == 1 &&
	    EVP_DigestVerify(ctx, sig, SIGN_SIG_LEN, m, total) == 1;
done:
	EVP_PKEY_free(pkey);
	EVP_MD_CTX_free(ctx);
	if (m != room)
		free(m);
	ERR_clear_error();
	return good;
}
