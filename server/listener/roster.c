/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The roster.  Runs on every thread of the collector; one lock, held for
 * the time of a look-up.
 */
#include "server/listener/roster.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/id.h"

struct entry {
	struct entry *next;
	char host_id[ID_MAX];
	struct seat seat;
};

struct roster {
	pthread_mutex_t lock;
	struct entry **bucket;
	size_t nbuckets; /* a power of two */
	size_t n;
};

struct roster *
roster_new(size_t hosts)
{
	struct roster *r;

	if ((r = calloc(1, sizeof(*r))) == NULL)
		return NULL;
	for (r->nbuckets = 64; r->nbuckets < hosts;)
		r->nbuckets *= 2;
	r->bucket = calloc(r->nbuckets, sizeof(r->bucket[0]));
	if (r->bucket == NULL) {
		free(r);
		return NULL;
	}
	pthread_mutex_init(&r->lock, NULL);
	return r;
}

void
roster_free(struct roster **rp)
{
	struct roster *r = *rp;
	struct entry *e;
	size_t i;

	if (r == NULL)
		return;
	for (i = 0; i < r->nbuckets; i++)
		while ((e = r->bucket[i]) != NULL) {
			r->bucket[i] = e->next;
			free(e);
		}
	pthread_mutex_destroy(&r->lock);
	free(r->bucket);
	free(r);
	*rp = NULL;
}

/* Where the entry of HOST_ID hangs, or where a new one would (FNV-1a). */
static struct entry **
find(struct roster *r, const char *host_id)
{
	uint64_t h = 0xcbf29ce484222325u;
	struct entry **at;
	const char *p;

	for (p = host_id; *p != '\0'; p++)
		h = (h ^ (unsigned char)*p) * 0x100000001b3u;
	at = &r->bucket[h & (r->nbuckets - 1)];
	while (*at != NULL && strcmp((*at)->host_id, host_id) != 0)
		at = &(*at)->next;
	return at;
}

int
roster_claim(struct roster *r, const char *host_id, const struct seat *seat,
    struct seat *before)
{
	struct entry **at, *e;
	int rc = 0;

	memset(before, 0, sizeof(*before));
	if (strlen(host_id) >= ID_MAX)
		return ERR_RANGE;
	pthread_mutex_lock(&r->lock);
	at = find(r, host_id);
	if (*at != NULL) {
		*before = (*at)->seat;
		(*at)->seat = *seat;
	} else if ((e = calloc(1, sizeof(*e))) != NULL) {
		strcpy(e->host_id, host_id);
		e->seat = *seat;
		*at = e;
		r->n++;
	} else {
		rc = ERR_NOMEM;
	}
	pthread_mutex_unlock(&r->lock);
	return rc;
}

bool
roster_release(struct roster *r, const char *host_id, const struct seat *seat)
{
	struct entry **at, *e;
	bool ours = false;

	pthread_mutex_lock(&r->lock);
	at = find(r, host_id);
	e = *at;
	if (e != NULL && e->seat.loop == seat->loop &&
	    e->seat.session == seat->session) {
		*at = e->next;
		free(e);
		r->n--;
		ours = true;
	}
	pthread_mutex_unlock(&r->lock);
	return ours;
}

bool
roster_find(struct roster *r, const char *host_id, struct seat *seat)
{
	struct entry *e;

	pthread_mutex_lock(&r->lock);
	e = *find(r, host_id);
	if (e != NULL)
		*seat = e->seat;
	pthread_mutex_unlock(&r->lock);
	return e != NULL;
}

size_t
roster_count(struct roster *r)
{
	size_t n;

	pthread_mutex_lock(&r->lock);
	n = r->n;
	pthread_mutex_unlock(&r->lock);
	return n;
}
