/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Slices of lent text; whoever lent it may be hostile. */
#include "common/packages/slice.h"

#include <string.h>

bool
slice_is(struct slice s, const char *text)
{
	return strlen(text) == s.len && memcmp(s.at, text, s.len) == 0;
}

bool
slice_copy(struct slice s, char *out, size_t size)
{
	out[0] = '\0';
	if (s.len >= size || memchr(s.at, '\0', s.len) != NULL)
		return false;
	memcpy(out, s.at, s.len);
	out[s.len] = '\0';
	return true;
}

bool
slice_line(struct slice *text, struct slice *line)
{
	const char *end;

	if (text->len == 0)
		return false;
	end = memchr(text->at, '\n', text->len);
	line->at = text->at;
	line->len = end == NULL ? text->len : (size_t)(end - text->at);
	text->at += line->len + (end != NULL);
	text->len -= line->len + (end != NULL);
	return true;
}

bool
slice_blank(char c)
{
	return c == ' ' || c == '\t';
}

bool
slice_word(struct slice *line, struct slice *word)
{
	while (line->len > 0 && slice_blank(line->at[0])) {
		line->at++;
		line->len--;
	}
	word->at = line->at;
	word->len = 0;
	while (word->len < line->len && !slice_blank(line->at[word->len]))
		word->len++;
	line->at += word->len;
	line->len -= word->len;
	return word->len > 0;
}
