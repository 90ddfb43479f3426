/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Ids and random bytes.  An id is PREFIX, '-', then Crockford base32
 * (no I, L, O, U) of random bits: "P-7F3A9K2M".  Ids are never translated.
 */
#ifndef CORDON_BASE_ID_H
#define CORDON_BASE_ID_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ID_MAX 32 /* bytes with the terminator */

/* getrandom(2) or abort: there is no sane way on without it. */
void random_bytes(void *out, size_t len);

/* DIGITS random base32 digits (4..26) behind PREFIX and '-'. */
void id_new(char out[ID_MAX], const char *prefix, unsigned int digits);
/*
 * Is TEXT of that form: letters, digits and '-', 3..ID_MAX-1 long?  Here and
 * below the first one is a letter or digit: no option, no hidden file.
 */
bool id_valid(const char *text);
/* A host name as people type it: letters, digits, '.', '-', '_', 1..63. */
bool name_valid(const char *text);

/* OUT needs 2*len+1. Lower case. Returns OUT. */
char *hex_encode(char *out, const void *data, size_t len);
/* Exactly LEN bytes from 2*LEN digits; ERR_SYNTAX. */
int hex_decode(void *out, size_t len, const char *text);
/* Constant-time compare of secrets and digests. */
bool bytes_equal(const void *a, const void *b, size_t len);

#endif
