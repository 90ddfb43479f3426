/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Sentences and their arguments (text.h). */
#include <string.h>

#include "server/ctl/text.h"

static const struct {
	const char *en, *zh;
} sentences[T_N] = {
#define TEXT(id, en, zh) { en, zh },
#include "server/ctl/text.def"
#undef TEXT
};

const char *
text_of(enum text id, enum lang lang)
{
	return lang == LANG_ZH ? sentences[id].zh : sentences[id].en;
}

char *
text_fill(char *out, size_t size, const char *sentence,
    const char *const *args, size_t n)
{
	const char *at, *part;
	size_t used = 0, len;

	for (at = sentence; *at != '\0' && used + 1 < size; at++) {
		part = at;
		len = 1;
		if (*at == '%' && at[1] >= '1' && at[1] <= '9' &&
		    (size_t)(at[1] - '1') < n) {
			part = args[at[1] - '1'];
			len = strlen(part);
			at++;
		}
		if (len > size - 1 - used)
			len = size - 1 - used;
		memcpy(out + used, part, len);
		used += len;
	}
	out[used] = '\0';
	return out;
}

enum lang
text_lang(const char *locale)
{
	return locale != NULL && strncmp(locale, "zh", 2) == 0 &&
	    (locale[2] == '\0' || locale[2] == '_' || locale[2] == '.' ||
	    locale[2] == '-') ? LANG_ZH : LANG_EN;
}
