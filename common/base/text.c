/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Printable UTF-8.  Runs wherever foreign text is shown; trusts none of it.
 */
#include "common/base/text.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/err.h"

static bool
printable(uint32_t c)
{
	if (c < 0x20 || (c >= 0x7f && c < 0xa0)) /* C0, DEL, C1 */
		return false;
	if (c == 0x61c || c == 0x200e || c == 0x200f) /* direction marks */
		return false;
	if (c >= 0x2028 && c <= 0x202e) /* line ends, embeddings, overrides */
		return false;
	if (c >= 0x2066 && c <= 0x2069) /* isolates */
		return false;
	if (c >= 0xfdd0 && c <= 0xfdef) /* not characters */
		return false;
	return (c & 0xfffe) != 0xfffe;
}

/*
 * RFC 3629, section 3: the smallest value of each length refuses overlong
 * forms; surrogates and what lies above U+10FFFF do not exist.
 */
size_t
text_decode(const void *text, size_t len, uint32_t *out)
{
	const uint8_t *p = text;
	static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
	size_t n, i;
	uint32_t c;

	if (len == 0)
		return 0;
	if (p[0] < 0x80) {
		*out = p[0];
		return 1;
	}
	if (p[0] < 0xc2 || p[0] > 0xf4)
		return 0;
	n = p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;
	if (len < n)
		return 0;
	c = p[0] & (0x7fu >> n);
	for (i = 1; i < n; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (p[i] & 0x3f);
	}
	if (c < least[n] || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
		return 0;
	*out = c;
	return n;
}

size_t
text_char(const void *text, size_t len)
{
	uint32_t c;
	size_t n;

	n = text_decode(text, len, &c);
	return n > 0 && printable(c) ? n : 0;
}

bool
text_printable(const void *text, size_t len, bool lines)
{
	const uint8_t *p = text;
	size_t i, n;

	for (i = 0; i < len; i += n) {
		n = text_char(p + i, len - i);
		if (n == 0 && lines && (p[i] == '\n' || p[i] == '\t'))
			n = 1;
		if (n == 0)
			return false;
	}
	return true;
}

int
text_number(const char *text, int64_t min, int64_t max, int64_t *out)
{
	long long v;

	if (*text == '\0' || text[strspn(text, "0123456789")] != '\0')
		return ERR_SYNTAX;
	errno = 0;
	v = strtoll(text, NULL, 10);
	if (errno != 0 || v < min || v > max)
		return ERR_RANGE;
	*out = v;
	return 0;
}

bool
text_glob(const char *pattern, const char *text)
{
	const char *star = NULL, *from = text;

	/* Only the last star is ever tried again: it takes one byte more. */
	while (*text != '\0') {
		if (*pattern == '*') {
			star = ++pattern;
			from = text;
		} else if (*pattern == '?' || *pattern == *text) {
			pattern++;
			text++;
		} else if (star != NULL) {
			pattern = star;
			text = ++from;
		} else {
			return false;
		}
	}
	pattern += strspn(pattern, "*");
	return *pattern == '\0';
}
