/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * SHA-256.  Runs in every process.  SHA-256 cannot fail once OpenSSL has
 * given it to us; if it does, the process must not go on with a wrong
 * digest, so it aborts.
 */
#include "common/base/digest.h"

#include <openssl/evp.h>
#include <pthread.h>
#include <stdlib.h>

struct digest {
	EVP_MD_CTX *ctx;
};

static pthread_once_t once = PTHREAD_ONCE_INIT;
static EVP_MD *sha256; /* fetched once, for the life of the process */
static pthread_key_t at_thread_end;
static _Thread_local struct digest *own;

static void
must(int ok)
{
	if (!ok)
		abort();
}

static void
own_free(void *arg)
{
	struct digest *d = arg;

	digest_free(&d);
}

static void
fetch(void)
{
	must(pthread_key_create(&at_thread_end, own_free) == 0);
	sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
}

struct digest *
digest_new(void)
{
	struct digest *d;

	must(pthread_once(&once, fetch) == 0);
	d = calloc(1, sizeof(*d));
	if (d == NULL || sha256 == NULL)
		goto done;
	d->ctx = EVP_MD_CTX_new();
	if (d->ctx != NULL && EVP_DigestInit_ex2(d->ctx, sha256, NULL) == 1)
		return d;
done:
	digest_free(&d);
	return NULL;
}

void
digest_free(struct digest **d)
{
	if (*d == NULL)
		return;
	EVP_MD_CTX_free((*d)->ctx);
	free(*d);
	*d = NULL;
}

void
digest_begin(struct digest *d)
{
	/* NULL: the algorithm that the context has already. */
	must(EVP_DigestInit_ex2(d->ctx, NULL, NULL) == 1);
}

void
digest_add(struct digest *d, const void *data, size_t len)
{
	must(EVP_DigestUpdate(d->ctx, data, len) == 1);
}

void
digest_end(struct digest *d, uint8_t out[DIGEST_LEN])
{
	must(EVP_DigestFinal_ex(d->ctx, out, NULL) == 1);
}

void
digest_of(const void *data, size_t len, uint8_t out[DIGEST_LEN])
{
	if (own == NULL) {
		own = digest_new();
		must(own != NULL);
		must(pthread_setspecific(at_thread_end, own) == 0);
	}
	digest_begin(own);
	digest_add(own, data, len);
	digest_end(own, out);
}
