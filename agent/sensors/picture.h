/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A picture of a part of the host's state, as sorted lines "class key
 * value": made at manifest time, made again in the gate, and compared.
 * Also the list of findings such a comparison gives.
 */
#ifndef CORDON_SENSORS_PICTURE_H
#define CORDON_SENSORS_PICTURE_H

#include <stdbool.h>
#include <stddef.h>

#include "common/base/buf.h"
#include "common/base/err.h"

#define PICTURE_LINES_MAX 65536
#define PICTURE_TEXT_MAX 8192 /* bytes of one line in a manifest */

#define FINDINGS_MAX 200
#define FINDINGS_BYTES_MAX (72 * 1024) /* with them a message still fits */

struct picture_line {
	char *class; /* "account": part of the finding's code */
	char *key;   /* raw bytes */
	char *value;
};

struct picture {
	struct picture_line *line; /* owned */
	size_t n, max;
	bool partial; /* something could not be read; WHAT says */
	char what[256];
};

void picture_init(struct picture *p);
void picture_done(struct picture *p);
int picture_add(struct picture *p, const char *class, const char *key,
    const char *value);
int picture_addf(struct picture *p, const char *class, const char *key,
    const char *fmt, ...) __attribute__((format(printf, 4, 5)));
/* Something could not be read: the first reason is kept. */
void picture_miss(struct picture *p, const char *what);
/* By class, key, value; of equal lines one stays. */
void picture_sort(struct picture *p);
/* Value of CLASS, KEY in a sorted picture; NULL. */
const char *picture_get(const struct picture *p, const char *class,
    const char *key);

/* Text without spaces, control bytes and '\': "\x20".  ERR_LIMIT. */
int picture_escape(struct buf *out, const char *raw);
/* The way back into OUT[SIZE]; ERR_SYNTAX, ERR_LIMIT. */
int picture_unescape(char *out, size_t size, const char *text, size_t len);

struct finding {
	char *code, *object, *was, *now; /* owned, quoted */
};

struct findings {
	struct finding item[FINDINGS_MAX];
	size_t n, total, bytes;
};

void findings_done(struct findings *f);
void findings_add(struct findings *f, const char *code, const char *object,
    const char *was, const char *now);
/* "account.added", "account.removed", "account.changed", ... */
void picture_compare(const struct picture *was, const struct picture *now,
    struct findings *f);

#endif
