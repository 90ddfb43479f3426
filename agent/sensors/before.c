/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The table of looks.  Runs on the data sensor's thread.  Whoever names
 * files so that hashes meet only makes us judge his files by their names.
 */
#include "agent/sensors/before.h"

#include <stdlib.h>
#include <string.h>

#define SLOTS_MIN 1024
#define PROBES 8

struct slot {
	uint64_t path; /* 0: free */
	uint32_t made_s;
	uint8_t look;
	bool made; /* made_s is known */
};

struct before {
	struct slot *slot;
	size_t slots, n;
};

struct before *
before_new(void)
{
	struct before *b = calloc(1, sizeof(*b));

	if (b == NULL)
		return NULL;
	b->slots = SLOTS_MIN;
	b->slot = calloc(b->slots, sizeof(*b->slot));
	if (b->slot == NULL)
		before_free(&b);
	return b;
}

void
before_free(struct before **b)
{
	if (*b == NULL)
		return;
	free((*b)->slot);
	free(*b);
	*b = NULL;
}

uint64_t
before_hash(const char *text)
{
	uint64_t h = UINT64_C(14695981039346656037);

	for (; *text != '\0'; text++)
		h = (h ^ (uint8_t)*text) * UINT64_C(1099511628211);
	h ^= h >> 29; /* the low bits choose the slot */
	return h != 0 ? h : 1;
}

static struct slot *
find(const struct before *b, uint64_t path)
{
	size_t i;

	for (i = 0; i < PROBES; i++) {
		struct slot *s = &b->slot[(path + i) & (b->slots - 1)];

		if (s->path == path)
			return s;
	}
	return NULL;
}

/* A slot for PATH; of a full group the one that PATH names first. */
static struct slot *
place(struct before *b, uint64_t path)
{
	struct slot *s;
	size_t i;

	for (i = 0; i < PROBES; i++) {
		s = &b->slot[(path + i) & (b->slots - 1)];
		if (s->path == 0) {
			b->n++;
			goto take;
		}
	}
	s = &b->slot[path & (b->slots - 1)];
take:
	memset(s, 0, sizeof(*s));
	s->path = path;
	return s;
}

static void
grow(struct before *b)
{
	struct before more = {NULL, b->slots * 2, 0};
	size_t i;

	if (b->n * 2 < b->slots || b->slots >= BEFORE_MAX)
		return;
	more.slot = calloc(more.slots, sizeof(*more.slot));
	if (more.slot == NULL)
		return; /* go on with what there is */
	for (i = 0; i < b->slots; i++)
		if (b->slot[i].path != 0)
			*place(&more, b->slot[i].path) = b->slot[i];
	free(b->slot);
	*b = more;
}

static struct slot *
get(struct before *b, uint64_t path)
{
	struct slot *s = find(b, path);

	if (s != NULL)
		return s;
	grow(b);
	return place(b, path);
}

enum look
before_look(const struct before *b, uint64_t path)
{
	const struct slot *s = find(b, path);

	return s != NULL ? (enum look)s->look : LOOK_UNKNOWN;
}

void
before_set(struct before *b, uint64_t path, enum look look)
{
	get(b, path)->look = (uint8_t)look;
}

void
before_made(struct before *b, uint64_t path, uint32_t now_s)
{
	struct slot *s = get(b, path);

	s->look = LOOK_UNKNOWN;
	s->made_s = now_s;
	s->made = true;
}

bool
before_is_new(const struct before *b, uint64_t path, uint32_t now_s)
{
	const struct slot *s = find(b, path);

	/* Never looked at since it was made: still being written. */
	return s != NULL && s->made &&
	    (s->look == LOOK_UNKNOWN || now_s - s->made_s < BEFORE_NEW_S);
}

void
before_moved(struct before *b, uint64_t from, uint64_t to)
{
	struct slot *s = find(b, from), was;

	if (s == NULL || from == to)
		return;
	was = *s;
	before_gone(b, from);
	was.path = to;
	*get(b, to) = was;
}

void
before_gone(struct before *b, uint64_t path)
{
	struct slot *s = find(b, path);

	if (s == NULL)
		return;
	memset(s, 0, sizeof(*s));
	b->n--;
}

size_t
before_count(const struct before *b)
{
	return b->n;
}

bool
before_full(const struct before *b)
{
	return b->slots >= BEFORE_MAX && b->n * 4 > b->slots * 3;
}
