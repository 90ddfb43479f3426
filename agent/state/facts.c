/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Facts, in one block of text with a table of places in it: a few thousand
 * of them must cost little memory.  Runs on the thread of the state sensor.
 */
#include "agent/state/facts.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/digest.h"
#include "common/base/id.h"

#define MAGIC "CFACTS1\n"
#define MAGIC_LEN 8
#define CUT " ...sha256=" /* behind what was cut */

/* Where a fact stands in the text, both terminated. */
struct fact {
	uint32_t key, value;
};

struct facts {
	struct fact *fact; /* owned */
	size_t n, max;
	struct buf text;
	bool sealed;
	char *missed[FACTS_MISSED_MAX]; /* owned prefixes */
	size_t nmissed;
};

struct facts *
facts_new(void)
{
	struct facts *f = calloc(1, sizeof(*f));

	if (f != NULL)
		buf_init(&f->text, FACTS_BYTES_MAX);
	return f;
}

static void
forget_missed(struct facts *f)
{
	while (f->nmissed > 0)
		free(f->missed[--f->nmissed]);
}

void
facts_free(struct facts **fp)
{
	struct facts *f = *fp;

	*fp = NULL;
	if (f == NULL)
		return;
	forget_missed(f);
	free(f->fact);
	buf_done(&f->text);
	free(f);
}

static const char *
text_at(const struct facts *f, uint32_t at)
{
	return (const char *)f->text.data + at;
}

static int
grow(struct facts *f)
{
	size_t max = f->max == 0 ? 64 : f->max * 2;
	struct fact *more;

	if (f->n < f->max)
		return 0;
	if (f->n >= FACTS_MAX)
		return ERR_LIMIT;
	more = realloc(f->fact, max * sizeof(*more));
	if (more == NULL)
		return ERR_NOMEM;
	f->fact = more;
	f->max = max;
	return 0;
}

/* TEXT with its terminator, cut to MAX bytes; *AT says where it went. */
static int
put_text(struct buf *b, const char *text, size_t max, uint32_t *at)
{
	char tail[sizeof(CUT) + DIGEST_HEX_MAX] = CUT;
	uint8_t sum[DIGEST_LEN];
	size_t len = strlen(text);
	int r;

	*at = (uint32_t)b->len;
	if (len < max)
		return buf_add(b, text, len + 1);
	digest_of(text, len, sum);
	hex_encode(tail + sizeof(CUT) - 1, sum, sizeof(sum));
	r = buf_add(b, text, max - 1 - strlen(tail));
	return r != 0 ? r : buf_add(b, tail, strlen(tail) + 1);
}

int
facts_add(struct facts *f, const char *key, const char *value)
{
	size_t len = f->text.len;
	struct fact *new;
	int r;

	if (f->sealed)
		return ERR_BADSTATE;
	r = grow(f);
	if (r != 0)
		return r;
	new = &f->fact[f->n];
	r = put_text(&f->text, key, FACT_KEY_MAX, &new->key);
	if (r == 0)
		r = put_text(&f->text, value, FACT_VALUE_MAX, &new->value);
	if (r != 0)
		f->text.len = len;
	else
		f->n++;
	return r;
}

int
facts_addf(struct facts *f, const char *key, const char *fmt, ...)
{
	struct buf value;
	va_list ap;
	int r;

	/* Formatted whole, so that the digest is of the whole. */
	buf_init(&value, FACTS_BYTES_MAX);
	va_start(ap, fmt);
	r = buf_vprintf(&value, fmt, ap);
	va_end(ap);
	if (r == 0)
		r = value.len == 0 ? facts_add(f, key, "") :
		    buf_str(&value) == NULL ? ERR_NOMEM :
		    facts_add(f, key, buf_str(&value));
	buf_done(&value);
	return r;
}

/* -- what could not be read ---------------------------- */

int
facts_miss(struct facts *f, const char *prefix)
{
	char *copy;

	if (f->sealed)
		return ERR_BADSTATE;
	if (f->nmissed == FACTS_MISSED_MAX)
		return ERR_LIMIT;
	copy = strdup(prefix);
	if (copy == NULL)
		return ERR_NOMEM;
	f->missed[f->nmissed++] = copy;
	return 0;
}

bool
facts_missed(const struct facts *f)
{
	return f->nmissed > 0;
}

const char *
facts_first_missed(const struct facts *f)
{
	return f->nmissed > 0 ? f->missed[0] : NULL;
}

static bool
is_missed(const struct facts *f, const char *key)
{
	size_t i;

	for (i = 0; i < f->nmissed; i++)
		if (strncmp(key, f->missed[i], strlen(f->missed[i])) == 0)
			return true;
	return false;
}

int
facts_inherit(struct facts *is, const struct facts *was)
{
	size_t i;
	int r = 0;

	for (i = 0; i < was->n && r == 0; i++)
		if (is_missed(is, facts_key(was, i)))
			r = facts_add(is, facts_key(was, i),
			    facts_value(was, i));
	return r;
}

/* -- sorting ---------------------------- */

static int
fact_cmp(const void *va, const void *vb, void *arg)
{
	const struct fact *a = va, *b = vb;
	const struct facts *f = arg;
	int c = strcmp(text_at(f, a->key), text_at(f, b->key));

	return c != 0 ? c :
	    strcmp(text_at(f, a->value), text_at(f, b->value));
}

/* The values of the facts FROM to TO, which have one key, as one fact. */
static int
join(const struct facts *f, size_t from, size_t to, struct facts *out)
{
	struct buf value;
	size_t i;
	int r = 0;

	if (to - from == 1)
		return facts_add(out, facts_key(f, from),
		    facts_value(f, from));
	buf_init(&value, FACTS_BYTES_MAX);
	for (i = from; i < to && r == 0; i++)
		if (i == from || strcmp(facts_value(f, i - 1),
		    facts_value(f, i)) != 0)
			r = buf_printf(&value, "%s%s", i == from ? "" : "; ",
			    facts_value(f, i));
	if (r == 0)
		r = value.len == 0 ? facts_add(out, facts_key(f, from), "") :
		    buf_str(&value) == NULL ? ERR_NOMEM :
		    facts_add(out, facts_key(f, from), buf_str(&value));
	buf_done(&value);
	return r;
}

/* Give back what growing took too much of. */
static void
fit(struct facts *f)
{
	struct fact *less = NULL;
	uint8_t *text = NULL;

	if (f->n > 0)
		less = realloc(f->fact, f->n * sizeof(*less));
	if (less != NULL) {
		f->fact = less;
		f->max = f->n;
	}
	if (f->text.len > 0)
		text = realloc(f->text.data, f->text.len);
	if (text != NULL) {
		f->text.data = text;
		f->text.cap = f->text.len;
	}
}

/* Does any key stand there twice? */
static bool
has_doubles(const struct facts *f)
{
	size_t i;

	for (i = 1; i < f->n; i++)
		if (strcmp(facts_key(f, i - 1), facts_key(f, i)) == 0)
			return true;
	return false;
}

/* Into OUT, which is empty: one fact a key. */
static int
join_doubles(const struct facts *f, struct facts *out)
{
	size_t from = 0, to;
	int r = 0;

	while (from < f->n && r == 0) {
		for (to = from + 1; to < f->n && strcmp(facts_key(f, from),
		    facts_key(f, to)) == 0; to++)
			;
		r = join(f, from, to, out);
		from = to;
	}
	return r;
}

int
facts_seal(struct facts *f)
{
	struct facts *joined = NULL, old;
	int r = 0;

	if (f->sealed)
		return ERR_BADSTATE;
	if (f->n > 1)
		qsort_r(f->fact, f->n, sizeof(f->fact[0]), fact_cmp, f);
	if (has_doubles(f)) {
		joined = facts_new();
		r = joined == NULL ? ERR_NOMEM : join_doubles(f, joined);
		if (r != 0)
			goto done;
		old = *f;
		f->fact = joined->fact;
		f->n = joined->n;
		f->max = joined->max;
		f->text = joined->text;
		joined->fact = old.fact;
		joined->text = old.text;
	}
	fit(f);
	f->sealed = true;
done:
	facts_free(&joined);
	return r;
}

/* -- asking ---------------------------- */

size_t
facts_count(const struct facts *f)
{
	return f->n;
}

const char *
facts_key(const struct facts *f, size_t nr)
{
	return text_at(f, f->fact[nr].key);
}

const char *
facts_value(const struct facts *f, size_t nr)
{
	return text_at(f, f->fact[nr].value);
}

const char *
facts_get(const struct facts *f, const char *key)
{
	size_t low = 0, high = f->n, mid;
	int c;

	while (low < high) {
		mid = low + (high - low) / 2;
		c = strcmp(key, facts_key(f, mid));
		if (c == 0)
			return facts_value(f, mid);
		if (c < 0)
			high = mid;
		else
			low = mid + 1;
	}
	return NULL;
}

static void
tell(facts_change_fn *fn, void *arg, enum fact_how how, const char *key,
    const char *was, const char *is)
{
	const struct fact_change c = {how, key, was, is};

	fn(arg, &c);
}

void
facts_diff(const struct facts *was, const struct facts *is,
    facts_change_fn *fn, void *arg)
{
	size_t nwas = was == NULL ? 0 : was->n, i = 0, k = 0;
	int c;

	while (i < nwas || k < is->n) {
		c = i == nwas ? 1 : k == is->n ? -1 :
		    strcmp(facts_key(was, i), facts_key(is, k));
		if (c < 0)
			tell(fn, arg, FACT_REMOVED, facts_key(was, i),
			    facts_value(was, i), NULL);
		else if (c > 0)
			tell(fn, arg, was == NULL ? FACT_FOUND : FACT_ADDED,
			    facts_key(is, k), NULL, facts_value(is, k));
		else if (strcmp(facts_value(was, i), facts_value(is, k)) != 0)
			tell(fn, arg, FACT_CHANGED, facts_key(is, k),
			    facts_value(was, i), facts_value(is, k));
		i += c <= 0;
		k += c >= 0;
	}
}

/* -- on disk ---------------------------- */

int
facts_pack(const struct facts *f, struct buf *out)
{
	size_t start = out->len, i;
	uint8_t sum[DIGEST_LEN];
	int r;

	if (!f->sealed)
		return ERR_BADSTATE;
	r = buf_add(out, MAGIC, MAGIC_LEN);
	if (r == 0)
		r = buf_add_u32(out, (uint32_t)f->n);
	for (i = 0; i < f->n && r == 0; i++) {
		r = buf_add(out, facts_key(f, i), strlen(facts_key(f, i)) + 1);
		if (r == 0)
			r = buf_add(out, facts_value(f, i),
			    strlen(facts_value(f, i)) + 1);
	}
	if (r != 0)
		return r;
	digest_of(out->data + start, out->len - start, sum);
	return buf_add(out, sum, sizeof(sum));
}

/* A terminated text; NULL: there is none left. */
static const char *
read_text(struct reader *r)
{
	const uint8_t *end = r->left == 0 ? NULL : memchr(r->at, 0, r->left);

	return end == NULL ? NULL :
	    (const char *)reader_bytes(r, (size_t)(end - r->at) + 1);
}

static int
unpack_all(struct reader *r, uint32_t n, struct facts *f)
{
	const char *key, *value, *last = NULL;
	uint32_t i;
	int e;

	for (i = 0; i < n; i++) {
		key = read_text(r);
		value = read_text(r);
		if (key == NULL || value == NULL ||
		    (last != NULL && strcmp(last, key) >= 0) ||
		    strlen(key) >= FACT_KEY_MAX ||
		    strlen(value) >= FACT_VALUE_MAX)
			return ERR_CORRUPT;
		e = facts_add(f, key, value);
		if (e != 0)
			return e;
		last = key;
	}
	return r->left == 0 ? 0 : ERR_CORRUPT;
}

int
facts_unpack(const void *data, size_t len, struct facts **out)
{
	uint8_t sum[DIGEST_LEN];
	const uint8_t *magic;
	struct facts *f;
	struct reader r;
	int e;

	if (len < MAGIC_LEN + 4 + DIGEST_LEN)
		return ERR_CORRUPT;
	len -= DIGEST_LEN;
	digest_of(data, len, sum);
	reader_init(&r, data, len);
	magic = reader_bytes(&r, MAGIC_LEN);
	if (memcmp(sum, (const uint8_t *)data + len, DIGEST_LEN) != 0 ||
	    memcmp(magic, MAGIC, MAGIC_LEN) != 0)
		return ERR_CORRUPT;
	f = facts_new();
	if (f == NULL)
		return ERR_NOMEM;
	e = unpack_all(&r, reader_u32(&r), f);
	if (e == 0)
		e = facts_seal(f);
	if (e == 0)
		*out = f;
	else
		facts_free(&f);
	return e;
}
