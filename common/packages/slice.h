/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Bytes inside a text that is lent, taken apart without a copy.  Pure. */
#ifndef CORDON_PACKAGES_SLICE_H
#define CORDON_PACKAGES_SLICE_H

#include <stdbool.h>
#include <stddef.h>

#define DPKG_MD5_LEN 16
#define DPKG_PATH_MAX 4096

/* Bytes inside a lent text, without terminator. */
struct slice {
	const char *at;
	size_t len;
};

/* A blank or a tab? */
bool slice_blank(char c);
bool slice_is(struct slice s, const char *text);
/* Copy as a string; false (OUT empty) if it does not fit or holds NUL. */
bool slice_copy(struct slice s, char *out, size_t size);
/* The next line off TEXT, without its end; false: none is left. */
bool slice_line(struct slice *text, struct slice *line);
/* The next word off LINE, apart by blanks; false: none is left. */
bool slice_word(struct slice *line, struct slice *word);

#endif
