/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The mass-change detector.  Runs on the data sensor's thread.  Whoever is
 * counted chooses names and numbers: every table here is small and fixed.
 */
#include "agent/sensors/burst.h"

#include <stdlib.h>
#include <string.h>

#define SEEN 64	   /* paths remembered, so that one file counts once */
#define ENDINGS 4  /* new endings counted; the rarest goes */
#define NAMES 4	   /* new names counted */
#define GROWTH 4

struct tally {
	uint64_t key, last; /* LAST: folder of the last one */
	uint32_t n;
};

struct counter {
	uint64_t key; /* 0: free */
	enum burst_key_kind kind;
	int64_t harm_ms; /* last harm */
	uint64_t used;
	uint32_t told; /* lost when last told; 0: not raised */
	bool lent;     /* a tree: raised by somebody who is known */
	uint64_t seen[SEEN];
	uint32_t seen_at;
	struct tally ending[ENDINGS], name[NAMES];
	struct burst_count count;
};

struct burst {
	struct counter counter[BURST_COUNTERS];
	uint64_t clock;
	uint32_t incidents;
};

struct burst *
burst_new(void)
{
	return calloc(1, sizeof(struct burst));
}

void
burst_free(struct burst **b)
{
	free(*b);
	*b = NULL;
}

/* -- counters ---------------------------- */

static bool
is_over(const struct counter *c, int64_t now_ms)
{
	bool lasting = c->kind == BURST_PROCESS || c->kind == BURST_ANCESTOR;

	return now_ms - c->harm_ms > (lasting && c->told == 0 ?
	    BURST_FORGET_CAUSE_MS : BURST_FORGET_MS);
}

static const struct counter *
look_up(const struct burst *b, const struct burst_key *k)
{
	size_t i;

	for (i = 0; i < BURST_COUNTERS; i++)
		if (b->counter[i].key == k->key &&
		    b->counter[i].kind == k->kind)
			return &b->counter[i];
	return NULL;
}

/* The counter of K; a new one takes the place of the one longest unused. */
static struct counter *
counter_of(struct burst *b, const struct burst_key *k, int64_t now_ms)
{
	struct counter *c = (struct counter *)(uintptr_t)look_up(b, k), *at;
	size_t i;

	if (c != NULL && !is_over(c, now_ms)) {
		c->used = ++b->clock;
		return c;
	}
	for (i = 0; c == NULL && i < BURST_COUNTERS; i++)
		if (b->counter[i].key == 0)
			c = &b->counter[i];
	if (c == NULL) {
		c = &b->counter[0];
		for (at = c; at < b->counter + BURST_COUNTERS; at++)
			if (at->used < c->used)
				c = at;
	}
	memset(c, 0, sizeof(*c));
	c->key = k->key;
	c->kind = c->count.by = k->kind;
	c->harm_ms = now_ms;
	c->used = ++b->clock;
	return c;
}

/* -- counting ---------------------------- */

/* Was this file counted in this way before? */
static bool
seen_before(struct counter *c, const struct burst_file *f)
{
	uint64_t h = f->path * 31 + (uint64_t)f->what * 8 + f->harm;
	size_t i;

	for (i = 0; i < SEEN; i++)
		if (c->seen[i] == h)
			return true;
	c->seen[c->seen_at++ % SEEN] = h;
	return false;
}

/* One more of KEY in FOLDER; how many there are now in different ones. */
static uint32_t
tally_add(struct tally *t, size_t n, uint64_t key, uint64_t folder)
{
	struct tally *least = t;
	size_t i;

	for (i = 0; i < n; i++) {
		if (t[i].key == key) {
			if (folder == 0 || t[i].last != folder)
				t[i].n++;
			t[i].last = folder;
			return t[i].n;
		}
		if (t[i].n < least->n)
			least = &t[i];
	}
	*least = (struct tally){key, folder, 1};
	return 1;
}

static void
at_least(uint32_t *value, uint32_t n)
{
	if (*value < n)
		*value = n;
}

static void
count_file(struct counter *c, const struct burst_file *f, int64_t now_ms)
{
	struct burst_count *n = &c->count;
	bool harm = f->harm != HARM_NONE;

	n->files++;
	if (f->ending != 0)
		at_least(&n->churn, tally_add(c->ending, ENDINGS, f->ending,
		    0));
	switch (f->what) {
	case BURST_WRITTEN:
		n->harmed += harm && f->document;
		break;
	case BURST_MOVED:
		n->moved++;
		n->harmed += harm && f->document;
		break;
	case BURST_NEW:
		/* Of strangers only noise that is called like a document. */
		n->noise += f->harm == HARM_TYPE ||
		    (f->harm == HARM_NOISE && c->kind != BURST_TREE);
		if (!harm)
			at_least(&n->notes, tally_add(c->name, NAMES, f->name,
			    f->dir));
		break;
	case BURST_GONE:
		n->deleted += f->document;
		break;
	case BURST_OTHER:
		return;
	}
	if (harm)
		c->harm_ms = now_ms;
}

uint32_t
burst_lost(const struct burst_count *c)
{
	return c->harmed + (c->noise < c->deleted ? c->noise : c->deleted);
}

static bool
is_enough(const struct counter *c)
{
	const struct burst_count *n = &c->count;
	uint32_t lost = burst_lost(n);

	if (c->kind == BURST_TREE)
		return lost >= BURST_LOST_TREE;
	if (n->churn >= BURST_HELP || n->notes >= BURST_HELP)
		return lost >= BURST_LOST_HELPED;
	return lost >= BURST_LOST;
}

/*
 * An incident belongs to everybody whom it was counted for.  The tree only
 * lends itself: another one who is known may be at work there as well.
 */
static void
spread(struct counter *const *c, size_t n, const struct counter *raised)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (c[i]->told == 0) {
			c[i]->lent = c[i]->kind == BURST_TREE;
			c[i]->told = raised->told;
			c[i]->count.incident = raised->count.incident;
		}
}

/* Of those that belong to an incident the one that knows most of it. */
static struct counter *
going_on(struct counter *const *c, size_t n)
{
	struct counter *most = NULL;
	size_t i;

	for (i = 0; i < n; i++)
		if (c[i]->told > 0 && (!c[i]->lent || n == 1) &&
		    (most == NULL ||
		    burst_lost(&c[i]->count) > burst_lost(&most->count)))
			most = c[i];
	return most;
}

static struct counter *
enough(struct counter *const *c, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (c[i]->told == 0 && is_enough(c[i]))
			return c[i];
	return NULL;
}

enum burst_verdict
burst_add(struct burst *b, const struct burst_key *key, size_t n,
    const struct burst_file *f, int64_t now_ms, struct burst_count *count)
{
	struct counter *c[BURST_KEYS], *one;
	enum burst_verdict v = BURST_QUIET;
	size_t i;

	if (n > BURST_KEYS)
		n = BURST_KEYS;
	memset(count, 0, sizeof(*count));
	for (i = 0; i < n; i++) {
		c[i] = counter_of(b, &key[i], now_ms);
		if (!seen_before(c[i], f))
			count_file(c[i], f, now_ms);
	}
	one = going_on(c, n);
	if (one != NULL) {
		v = burst_lost(&one->count) >= one->told * GROWTH ?
		    BURST_MORE : BURST_GOING;
	} else {
		one = enough(c, n);
		if (one == NULL)
			return BURST_QUIET;
		v = BURST_RAISE;
		one->count.incident = ++b->incidents;
	}
	if (v != BURST_GOING)
		one->told = burst_lost(&one->count);
	spread(c, n, one);
	*count = one->count;
	return v;
}
