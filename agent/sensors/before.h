/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the files of data trees looked like, a few bytes each: a table from
 * the hash of a path to a look.  Pure; one thread.  Bounded: when it is
 * full a new file takes the place of an old one, which is then judged by
 * its name.
 */
#ifndef CORDON_SENSORS_BEFORE_H
#define CORDON_SENSORS_BEFORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/sensors/sample.h"

#define BEFORE_MAX (256 * 1024) /* files; 16 bytes each */
#define BEFORE_NEW_S 60 /* a file is new for so long after it was made */

struct before; /* opaque */

struct before *before_new(void);
void before_free(struct before **b);

/* FNV-1a of text; never 0. */
uint64_t before_hash(const char *text);

enum look before_look(const struct before *b, uint64_t path);
/* It was looked at.  A file that is being made stays new for a while. */
void before_set(struct before *b, uint64_t path, enum look look);
/* It was made at NOW_S (boot time). */
void before_made(struct before *b, uint64_t path, uint32_t now_s);
/* Nobody loses anything with it: made less than BEFORE_NEW_S ago. */
bool before_is_new(const struct before *b, uint64_t path, uint32_t now_s);
/* It has another name now. */
void before_moved(struct before *b, uint64_t from, uint64_t to);
void before_gone(struct before *b, uint64_t path);
size_t before_count(const struct before *b);
bool before_full(const struct before *b);

#endif
