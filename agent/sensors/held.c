/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Where things lie, and two locks.  In the sensors process. */
#include "agent/sensors/held.h"

#include <stdlib.h>
#include <string.h>

#include "agent/state/source.h"
#include "common/base/clock.h"

struct held {
	pthread_mutex_t files_lock;
	struct baseline *const *files;
	int64_t scanned_ms;
	pthread_mutex_t facts_lock;
	struct {
		const char *source;
		const struct facts *facts;
		int64_t read_ms;
	} facts[STATE_SOURCES_MAX];
	size_t n;
};

struct held *
held_new(void)
{
	struct held *h = calloc(1, sizeof(*h));

	if (h == NULL)
		return NULL;
	pthread_mutex_init(&h->files_lock, NULL);
	pthread_mutex_init(&h->facts_lock, NULL);
	return h;
}

void
held_free(struct held **hp)
{
	struct held *h = *hp;

	if (h == NULL)
		return;
	pthread_mutex_destroy(&h->files_lock);
	pthread_mutex_destroy(&h->facts_lock);
	free(h);
	*hp = NULL;
}

/* -- the sensors ---------------------------- */

pthread_mutex_t *
held_files_lock(struct held *h)
{
	return &h->files_lock;
}

void
held_files(struct held *h, struct baseline *const *where, int64_t scanned_ms)
{
	pthread_mutex_lock(&h->files_lock);
	h->files = where;
	h->scanned_ms = scanned_ms;
	pthread_mutex_unlock(&h->files_lock);
}

void
held_facts_take(struct held *h, const char *source, struct facts **place,
    struct facts *is)
{
	size_t i;

	pthread_mutex_lock(&h->facts_lock);
	for (i = 0; i < h->n && strcmp(h->facts[i].source, source) != 0; i++)
		;
	if (i < STATE_SOURCES_MAX) {
		h->facts[i].source = source;
		h->facts[i].facts = is;
		h->facts[i].read_ms = clock_wall_ms();
		if (i == h->n)
			h->n++;
	}
	facts_free(place);
	*place = is;
	pthread_mutex_unlock(&h->facts_lock);
}

void
held_no_facts(struct held *h)
{
	pthread_mutex_lock(&h->facts_lock);
	h->n = 0;
	pthread_mutex_unlock(&h->facts_lock);
}

/* -- who searches ---------------------------- */

const struct baseline *
held_files_begin(struct held *h, int64_t *scanned_ms)
{
	pthread_mutex_lock(&h->files_lock);
	if (h->files == NULL || *h->files == NULL) {
		pthread_mutex_unlock(&h->files_lock);
		return NULL;
	}
	*scanned_ms = h->scanned_ms;
	return *h->files;
}

void
held_files_done(struct held *h)
{
	pthread_mutex_unlock(&h->files_lock);
}

void
held_facts_begin(struct held *h)
{
	pthread_mutex_lock(&h->facts_lock);
}

const struct facts *
held_facts(const struct held *h, const char *source, int64_t *read_ms)
{
	size_t i;

	for (i = 0; i < h->n; i++)
		if (strcmp(h->facts[i].source, source) == 0) {
			*read_ms = h->facts[i].read_ms;
			return h->facts[i].facts;
		}
	return NULL;
}

void
held_facts_done(struct held *h)
{
	pthread_mutex_unlock(&h->facts_lock);
}
