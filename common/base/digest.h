/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * SHA-256 (FIPS 180-4) through OpenSSL's EVP, with the context kept between
 * uses: a fresh fetch costs more than the hash of a small file.
 */
#ifndef CORDON_BASE_DIGEST_H
#define CORDON_BASE_DIGEST_H

#include <stddef.h>
#include <stdint.h>

#define DIGEST_LEN 32
#define DIGEST_HEX_MAX 65

struct digest; /* opaque; one thread at a time */

struct digest *digest_new(void); /* NULL: out of memory or no SHA-256 */
void digest_free(struct digest **d);
void digest_begin(struct digest *d);
void digest_add(struct digest *d, const void *data, size_t len);
void digest_end(struct digest *d, uint8_t out[DIGEST_LEN]);

/* All at once, with a context of the calling thread. */
void digest_of(const void *data, size_t len, uint8_t out[DIGEST_LEN]);

#endif
