/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What a person reads: sentences, times, tables, marks.  Text from the
 * collector goes through log_quote before it reaches the terminal.
 */
#ifndef CORDON_SERVER_CTL_OUT_H
#define CORDON_SERVER_CTL_OUT_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "server/ctl/text.h"

#define OUT_TEXT_MAX 1200
#define OUT_RING 16
#define OUT_COLUMNS 8

struct out {
	FILE *out, *err; /* lent */
	enum lang lang;
	bool json;   /* objects instead of sentences */
	bool utc;
	bool colour; /* on `out` */
	const char *mark; /* at the head of every line; "" */
	int64_t now; /* wall ms, for "ago" */
	char ring[OUT_RING][OUT_TEXT_MAX]; /* of out_q() and the like */
	unsigned int next;
};

void out_init(struct out *o, FILE *out, FILE *err, enum lang lang);
/* One of OUT_RING buffers of OUT_TEXT_MAX bytes, used in turn. */
char *out_buf(struct out *o);

/* Sentence ID with its arguments (const char *, then NULL). */
const char *out_text(struct out *o, enum text id, ...)
    __attribute__((sentinel));
/* A line of it on `out` (not with json), on `err`. */
void out_say(struct out *o, enum text id, ...) __attribute__((sentinel));
void out_tell(struct out *o, enum text id, ...) __attribute__((sentinel));
/* "next: ..." on `err`. */
void out_next(struct out *o, const char *what);
/* A line of "label  text" on `out`. */
void out_row(struct out *o, enum text label, const char *text);
/* One object, one line, on `out`. */
void out_json(struct out *o, const json_t *v);

/* Foreign text of OBJECT's KEY, quoted; "" if it is no text. */
const char *out_q(struct out *o, const json_t *object, const char *key);
/* Its raw value; never NULL.  Not for the terminal. */
const char *json_str(const json_t *object, const char *key);
int64_t json_num(const json_t *object, const char *key);
bool json_yes(const json_t *object, const char *key);
/* RFC 3339 -> wall ms; 0 if absent. */
int64_t json_time(const json_t *object, const char *key);
/* A whole number as text. */
const char *out_num(struct out *o, int64_t v);
/* The word of a stable name, in the language; the name if it has none. */
const char *out_word(struct out *o, enum words w, const char *name);

/* "15:04 CST", "tomorrow 15:04 CST", "2026-11-25 15:04 CST"; "-" for 0. */
const char *out_when(struct out *o, int64_t wall_ms);
/* "2026-11-22 14:49:12 CST" */
const char *out_stamp(struct out *o, int64_t wall_ms);
/* "14:49:12" */
const char *out_clock(struct out *o, int64_t wall_ms);
/* "12 s" since then; "-" for 0. */
const char *out_ago(struct out *o, int64_t wall_ms);
/* "strict, 12 s ago"; only the first if there is no time. */
const char *out_fact(struct out *o, const char *what, int64_t wall_ms);

enum mark { MARK_GOOD, MARK_BAD, MARK_OPEN };
/* "✓", "✗", "?", coloured if the terminal may. */
const char *out_mark(struct out *o, enum mark m);

/* Columns a terminal needs for UTF-8 TEXT; Chinese takes two each. */
int out_width(const char *text);

struct table {
	int columns;
	size_t rows, room;
	char **cell; /* owned */
};
void table_init(struct table *t, int columns);
/* COLUMNS texts; copied. */
void table_add(struct table *t, const char *const *text);
void table_print(struct out *o, const struct table *t);
void table_done(struct table *t);

#endif
