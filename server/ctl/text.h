/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The sentences of cordonctl by id, in both languages.  Pure. */
#ifndef CORDON_SERVER_CTL_TEXT_H
#define CORDON_SERVER_CTL_TEXT_H

#include <stddef.h>

#include "server/model/words.h"

enum text {
#define TEXT(id, en, zh) T_##id,
#include "server/ctl/text.def"
#undef TEXT
	T_N
};

/* The sentence with its %1 .. %9; never NULL. */
const char *text_of(enum text id, enum lang lang);

/*
 * Put ARGS (N of them) for %1 .. %9 into OUT, always terminated.  '%' and
 * anything but a digit stays as it is.  Returns OUT.
 */
char *text_fill(char *out, size_t size, const char *sentence,
    const char *const *args, size_t n);

/* What an error code of the API means, in Chinese; NULL if not known. */
const char *text_code_zh(const char *code);

/* "zh_CN.UTF-8", "zh" -> LANG_ZH; everything else, NULL too, is English. */
enum lang text_lang(const char *locale);

#endif
