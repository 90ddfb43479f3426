/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Facts: what a part of the host's state means, as a sorted set of keys and
 * values ("account nobody" -> "uid=65534 ... shell=/usr/sbin/nologin").
 * Pure data: made by a source, compared with the set before, kept on disk
 * between runs so that what changed while the agent was away is told too.
 * Keys and values hold foreign bytes, all but NUL.
 */
#ifndef CORDON_STATE_FACTS_H
#define CORDON_STATE_FACTS_H

#include <stdbool.h>
#include <stddef.h>

#include "common/base/buf.h"
#include "common/base/err.h"

#define FACTS_MAX 32768		       /* facts of one source */
#define FACTS_BYTES_MAX (4 * 1024 * 1024) /* text of one source */
#define FACT_KEY_MAX 4352 /* bytes: a path and a few words */
#define FACT_VALUE_MAX 2048
#define FACTS_MISSED_MAX 64

struct facts; /* opaque */

struct facts *facts_new(void); /* NULL: no memory */
void facts_free(struct facts **f);

/*
 * KEY and VALUE are copied; too long ones are cut, with the digest of the
 * whole behind, so that no change can hide there.  ERR_LIMIT at FACTS_MAX
 * or FACTS_BYTES_MAX, ERR_NOMEM, ERR_BADSTATE after facts_seal.
 */
int facts_add(struct facts *f, const char *key, const char *value);
int facts_addf(struct facts *f, const char *key, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/*
 * What begins with PREFIX could not be read this time: facts_inherit takes
 * it over from the set before.  ERR_LIMIT: too many, the caller gives up.
 */
int facts_miss(struct facts *f, const char *prefix);
bool facts_missed(const struct facts *f);
/* The first of them, lent; NULL: nothing was missed. */
const char *facts_first_missed(const struct facts *f);
/* Copy what IS missed from the sealed WAS.  Before facts_seal of IS. */
int facts_inherit(struct facts *is, const struct facts *was);
/*
 * Sort.  Facts with one key become one, their values sorted and joined by
 * "; ", equal ones once.
 */
int facts_seal(struct facts *f);

/* -- of a sealed set; texts are lent until facts_free ---------- */

size_t facts_count(const struct facts *f);
const char *facts_key(const struct facts *f, size_t nr);
const char *facts_value(const struct facts *f, size_t nr);
/* NULL: no such key. */
const char *facts_get(const struct facts *f, const char *key);

enum fact_how {
	FACT_ADDED,
	FACT_REMOVED,
	FACT_CHANGED,
	FACT_FOUND, /* there at the first look: only what is bad in itself
		       is worth a word */
};

struct fact_change {
	enum fact_how how;
	const char *key;
	const char *was, *is; /* NULL: it was not, is not there */
};

typedef void facts_change_fn(void *arg, const struct fact_change *c);

/* Each difference once, in the order of keys.  WAS NULL: all are found. */
void facts_diff(const struct facts *was, const struct facts *is,
    facts_change_fn *fn, void *arg);

/* The sealed set as bytes with a digest behind; OUT is appended to. */
int facts_pack(const struct facts *f, struct buf *out);
/* ERR_CORRUPT: not such bytes, or not sorted.  *OUT is sealed. */
int facts_unpack(const void *data, size_t len, struct facts **out);

#endif
