/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Ids, random bytes, hexadecimal.  Runs in every process; the texts that
 * are asked about are foreign.
 */
#include "common/base/id.h"

#include <assert.h>
#include <errno.h>
#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "common/base/err.h"

#define NAME_LEN_MAX 63

void
random_bytes(void *out, size_t len)
{
	uint8_t *p = out;
	ssize_t n;

	while (len > 0) {
		n = getrandom(p, len, 0);
		if (n < 0 && errno != EINTR)
			abort();
		if (n > 0) {
			p += n;
			len -= (size_t)n;
		}
	}
}

void
id_new(char out[ID_MAX], const char *prefix, unsigned int digits)
{
	static const char base32[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
	size_t n = strlen(prefix);
	uint8_t bits[26];
	unsigned int i;

	assert(digits >= 4 && digits <= sizeof(bits));
	assert(n > 0 && n + 1 + digits < ID_MAX);
	random_bytes(bits, digits);
	memcpy(out, prefix, n);
	out[n++] = '-';
	for (i = 0; i < digits; i++)
		out[n++] = base32[bits[i] & 31];
	out[n] = '\0';
}

/* Not isalnum(3): that one asks the locale. */
static bool
alnum(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') ||
	    (c >= 'a' && c <= 'z');
}

/* MIN..MAX letters, digits and MARKS, a letter or digit first. */
static bool
made_of(const char *text, size_t min, size_t max, const char *marks)
{
	size_t n, i;

	if (text == NULL)
		return false;
	n = strnlen(text, max + 1);
	if (n < min || n > max || !alnum(text[0]))
		return false;
	for (i = 1; i < n; i++)
		if (!alnum(text[i]) && strchr(marks, text[i]) == NULL)
			return false;
	return true;
}

bool
id_valid(const char *text)
{
	return made_of(text, 3, ID_MAX - 1, "-");
}

bool
name_valid(const char *text)
{
	return made_of(text, 1, NAME_LEN_MAX, ".-_");
}

char *
hex_encode(char *out, const void *data, size_t len)
{
	static const char digit[] = "0123456789abcdef";
	const uint8_t *p = data;
	size_t i;

	for (i = 0; i < len; i++) {
		out[2 * i] = digit[p[i] >> 4];
		out[2 * i + 1] = digit[p[i] & 15];
	}
	out[2 * len] = '\0';
	return out;
}

static int
hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

int
hex_decode(void *out, size_t len, const char *text)
{
	uint8_t *p = out;
	size_t i;

	if (strnlen(text, 2 * len + 1) != 2 * len)
		return ERR_SYNTAX;
	for (i = 0; i < 2 * len; i++)
		if (hex_digit(text[i]) < 0)
			return ERR_SYNTAX;
	for (i = 0; i < len; i++)
		p[i] = (uint8_t)(hex_digit(text[2 * i]) << 4 |
		    hex_digit(text[2 * i + 1]));
	return 0;
}

bool
bytes_equal(const void *a, const void *b, size_t len)
{
	return CRYPTO_memcmp(a, b, len) == 0;
}
