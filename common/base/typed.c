/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Typed bytes.  Written by cordonctl, read by the tool on the host.  What
 * is read was typed by a person: every line may be wrong, and what comes
 * out is still to be verified by whoever uses it.
 */
#include "common/base/typed.h"

#include <ctype.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "common/base/digest.h"

#define GROUP 5
#define CHECK_CHARS 3 /* of a line: 15 bits */
#define END_CHARS 6   /* of all: 30 bits */
#define LINE_CHARS ((TYPED_LINE_BYTES * 8 + 4) / 5)

static const char digits[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/* N characters of the base over the first bits of DATA. */
static void
to_digits(const uint8_t *data, size_t len, char *out, size_t n)
{
	size_t i, bit, k;

	for (i = 0; i < n; i++) {
		unsigned int v = 0;

		for (k = 0; k < 5; k++) {
			bit = i * 5 + k;
			v = v << 1 | (bit / 8 < len ?
			    data[bit / 8] >> (7 - bit % 8) & 1U : 0U);
		}
		out[i] = digits[v];
	}
	out[n] = '\0';
}

/* The value of a typed character, or -1. */
static int
digit(char c)
{
	const char *at;

	c = (char)toupper((unsigned char)c);
	if (c == 'O')
		c = '0';
	if (c == 'I' || c == 'L')
		c = '1';
	at = c != '\0' ? strchr(digits, c) : NULL;
	return at != NULL ? (int)(at - digits) : -1;
}

static void
check_of(const char *what, unsigned int number, const void *data, size_t len,
    char *out, size_t n)
{
	char head[48];
	uint8_t sum[DIGEST_LEN], all[48 + DIGEST_LEN];
	size_t used;

	/* a digest of a digest: no length to agree on */
	digest_of(data, len, sum);
	used = (size_t)snprintf(head, sizeof(head), "cordon-typed-1 %s %u\n",
	    what, number);
	memcpy(all, head, used);
	memcpy(all + used, sum, DIGEST_LEN);
	digest_of(all, used + DIGEST_LEN, sum);
	to_digits(sum, sizeof(sum), out, n);
}

static int
encode_line(const uint8_t *data, size_t len, unsigned int number,
    enum typed_form form, struct buf *out)
{
	char text[LINE_CHARS + 1], check[CHECK_CHARS + 1];
	size_t n = (len * 8 + 4) / 5, i;
	int rc;

	to_digits(data, len, text, n);
	check_of("line", number, data, len, check, CHECK_CHARS);
	if (form == TYPED_SCAN)
		return buf_printf(out, "%u %s%s/", number, text, check);
	rc = buf_printf(out, "%02u", number);
	for (i = 0; rc == 0 && i < n; i += GROUP)
		rc = buf_printf(out, " %.*s", GROUP, text + i);
	return rc == 0 ? buf_printf(out, " %s\n", check) : rc;
}

int
typed_encode(const void *data, size_t len, enum typed_form form,
    struct buf *out)
{
	const uint8_t *at = data;
	unsigned int number = 0;
	char check[END_CHARS + 1];
	size_t left, n;
	int rc = 0;

	if (len == 0 || len > TYPED_LINE_BYTES * TYPED_LINES_MAX)
		return ERR_RANGE;
	for (left = len; rc == 0 && left > 0; left -= n, at += n) {
		n = left < TYPED_LINE_BYTES ? left : TYPED_LINE_BYTES;
		rc = encode_line(at, n, ++number, form, out);
	}
	check_of("end", number, data, len, check, END_CHARS);
	return rc == 0 ? buf_printf(out, "END %u %s%s", number, check,
	    form == TYPED_SCAN ? "/" : "\n") : rc;
}

/* -- reading --------------------------------------------------------------- */

void
typed_init(struct typed *t, struct buf *out)
{
	t->out = out;
	t->lines = 0;
	t->ended = false;
}

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '-';
}

/* The characters of a line that count; -1: too many. */
static int
squeeze(const char *line, size_t len, char *out, size_t size)
{
	size_t i, n = 0;

	for (i = 0; i < len; i++) {
		if (is_blank(line[i]))
			continue;
		if (n + 1 >= size)
			return -1;
		out[n++] = line[i];
	}
	out[n] = '\0';
	return (int)n;
}

/* N characters into bytes; -1: one is no digit, or bits are left over. */
static int
from_digits(const char *text, size_t n, uint8_t *out)
{
	size_t bytes = n * 5 / 8, i, k;
	int v;

	memset(out, 0, bytes + 1);
	for (i = 0; i < n; i++) {
		v = digit(text[i]);
		if (v < 0)
			return -1;
		for (k = 0; k < 5; k++)
			if (v >> (4 - k) & 1)
				out[(i * 5 + k) / 8] |= (uint8_t)(0x80 >>
				    ((i * 5 + k) % 8));
	}
	return n != (bytes * 8 + 4) / 5 || out[bytes] != 0 ? -1 : (int)bytes;
}

/* Typed check against the right one, under the same reading of letters. */
static bool
same_check(const char *typed, const char *right)
{
	for (; *right != '\0'; typed++, right++)
		if (digit(*typed) < 0 || digit(*typed) != digit(*right))
			return false;
	return *typed == '\0';
}

static int
take_end(struct typed *t, const char *rest, size_t len, struct why *why)
{
	char text[32], check[END_CHARS + 1], want[48];
	unsigned int lines = 0;
	int n = 0;

	if (sscanf(rest, " %u%n", &lines, &n) != 1 || lines != t->lines)
		return why_set(why, ERR_SYNTAX, "the END line does not fit: "
		    "%u lines were read", t->lines);
	if (squeeze(rest + n, len - (size_t)n, text, sizeof(text)) < 0)
		return why_set(why, ERR_SYNTAX, "the END line is too long");
	check_of("end", t->lines, t->out->data, t->out->len, check,
	    END_CHARS);
	snprintf(want, sizeof(want), "%s", check);
	if (!same_check(text, want))
		return why_set(why, ERR_SYNTAX,
		    "the END line does not check: look at it again");
	t->ended = true;
	return 0;
}

static int
take_data(struct typed *t, unsigned int number, const char *rest, size_t len,
    struct why *why)
{
	char text[LINE_CHARS + CHECK_CHARS + 1], check[CHECK_CHARS + 1];
	uint8_t bytes[TYPED_LINE_BYTES + 2];
	int n, got;

	if (number != t->lines + 1)
		return why_set(why, ERR_SYNTAX, "line %u: line %u comes "
		    "next", number, t->lines + 1);
	n = squeeze(rest, len, text, sizeof(text));
	if (n <= CHECK_CHARS)
		return why_set(why, ERR_SYNTAX, "line %u: %s", number,
		    n < 0 ? "too long" : "too short");
	got = from_digits(text, (size_t)n - CHECK_CHARS, bytes);
	if (got < 1)
		return why_set(why, ERR_SYNTAX, "line %u: a character is "
		    "wrong, missing or too much", number);
	check_of("line", number, bytes, (size_t)got, check, CHECK_CHARS);
	if (!same_check(text + n - CHECK_CHARS, check))
		return why_set(why, ERR_SYNTAX, "line %u does not check: "
		    "look at it again", number);
	if (number > TYPED_LINES_MAX || buf_add(t->out, bytes, (size_t)got))
		return why_set(why, ERR_SYNTAX, "line %u: too much text",
		    number);
	t->lines = number;
	return 0;
}

int
typed_line(struct typed *t, const char *line, size_t len, struct why *why)
{
	char copy[256];
	unsigned int number;
	int n = 0;

	while (len > 0 && isspace((unsigned char)*line)) {
		line++;
		len--;
	}
	while (len > 0 && isspace((unsigned char)line[len - 1]))
		len--;
	if (len == 0 || line[0] == '#')
		return 0;
	if (len >= sizeof(copy) || memchr(line, '\0', len) != NULL)
		return why_set(why, ERR_SYNTAX, "line %u: too long",
		    t->lines + 1);
	memcpy(copy, line, len);
	copy[len] = '\0';
	if (t->ended)
		return why_set(why, ERR_SYNTAX, "text behind the END line");
	if (strncasecmp(copy, "END", 3) == 0)
		return take_end(t, copy + 3, len - 3, why);
	if (!isdigit((unsigned char)copy[0]) ||
	    sscanf(copy, "%4u%n", &number, &n) != 1 || !is_blank(copy[n]))
		return why_set(why, ERR_SYNTAX, "line %u: its number is "
		    "missing", t->lines + 1);
	return take_data(t, number, copy + n, len - (size_t)n, why);
}

int
typed_decode(const void *text, size_t len, struct buf *out, struct why *why)
{
	const char *at = text, *end = at + len;
	struct typed t;
	size_t n;
	int rc = 0;

	typed_init(&t, out);
	for (; rc == 0 && at < end; at += n + 1) {
		/* a '#' line is over at its newline only */
		for (n = 0; at + n < end && at[n] != '\n' &&
		    (at[n] != '/' || at[0] == '#'); n++)
			;
		rc = typed_line(&t, at, n, why);
	}
	if (rc == 0 && !t.ended)
		rc = why_set(why, ERR_SYNTAX, "the END line is missing; %u "
		    "lines were read", t.lines);
	return rc;
}

bool
typed_is_text(const void *data, size_t len)
{
	const unsigned char *at = data;
	size_t i;

	for (i = 0; i < len; i++)
		if (at[i] >= 0x7f || (at[i] < 0x20 && at[i] != '\n' &&
		    at[i] != '\r' && at[i] != '\t'))
			return false;
	return len > 0;
}
