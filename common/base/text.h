/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Is a byte sequence text that may be shown to a person?  UTF-8 as in
 * RFC 3629; neither control characters nor those that turn the direction
 * of the line (a name could pose as another one with them).  And numbers.
 */
#ifndef CORDON_BASE_TEXT_H
#define CORDON_BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bytes of the character at TEXT (1..4), it into OUT; 0: there is none. */
size_t text_decode(const void *text, size_t len, uint32_t *out);
/* Bytes of the printable character at TEXT (1..4); 0: there is none. */
size_t text_char(const void *text, size_t len);
/* All of it printable?  LINES: newline and tab are taken too. */
bool text_printable(const void *text, size_t len, bool lines);

/*
 * A whole number: decimal digits and nothing else.  ERR_SYNTAX: not that;
 * ERR_RANGE: not within MIN..MAX.
 */
int text_number(const char *text, int64_t min, int64_t max, int64_t *out);

/*
 * Does TEXT fit PATTERN as a whole?  "*" stands for any bytes, also none and
 * "/", "?" for one; nothing else is special.  Takes at most the product of
 * both lengths, whatever the pattern.
 */
bool text_glob(const char *pattern, const char *text);

#endif
