/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Bytes as text that a person reads off one screen and types at another:
 * numbered lines, each with a check of its own, so that a slip is found in
 * its line and only that line is typed again.
 *
 *   01 6RV3G C9H6M QN8BB ... 7K2
 *   02 ...
 *   END 2 5XM0QA
 *
 * Digits are Crockford's base 32 (no I, L, O, U; I and L read as 1, O as
 * 0, small letters as capitals), 25 bytes a line; the check is 15 bits of
 * SHA-256 over the number and the bytes, at the end 30 bits over all.
 * Blanks, hyphens, empty lines and lines that begin with # mean nothing;
 * '/' ends a line as a newline does (for a scanner that types).
 */
#ifndef CORDON_BASE_TYPED_H
#define CORDON_BASE_TYPED_H

#include <stdbool.h>
#include <stddef.h>

#include "common/base/buf.h"
#include "common/base/err.h"

#define TYPED_LINE_BYTES 25
#define TYPED_LINES_MAX 999

/* SCAN: no blanks but one, '/' for newlines, so that a QR code stays small. */
enum typed_form { TYPED_READ, TYPED_SCAN };

/* Append DATA to OUT.  ERR_RANGE: empty, or more lines than the maximum. */
int typed_encode(const void *data, size_t len, enum typed_form form,
    struct buf *out);

/* Reading line by line. */
struct typed {
	struct buf *out;    /* lent; the bytes so far */
	unsigned int lines; /* good ones */
	bool ended;	    /* the END line was there and good */
};
void typed_init(struct typed *t, struct buf *out);
/*
 * Take one line, without its newline.  ERR_SYNTAX with WHY that names the
 * line: nothing was taken, the same line may come again.
 */
int typed_line(struct typed *t, const char *line, size_t len,
    struct why *why);
/* A whole text.  ERR_SYNTAX also when its END is missing. */
int typed_decode(const void *text, size_t len, struct buf *out,
    struct why *why);
/* Is this such a text, and no packed bytes? */
bool typed_is_text(const void *data, size_t len);

#endif
