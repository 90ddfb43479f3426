/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The table between watch thread and checker in the sensors process.
 */
#include "agent/sensors/pending.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/clock.h"

#define CHAINS 4096

struct pending {
	pthread_mutex_t lock;
	struct pending_item *first, **last; /* in order of first_ms */
	struct pending_item *chain[CHAINS];
	size_t n;
	int wake_fd; /* -1: nobody wants to know */
};

struct pending *
pending_new(void)
{
	struct pending *p = calloc(1, sizeof(*p));

	if (p == NULL)
		return NULL;
	pthread_mutex_init(&p->lock, NULL);
	p->last = &p->first;
	p->wake_fd = -1;
	return p;
}

void
pending_wake(struct pending *p, int fd)
{
	p->wake_fd = fd;
}

void
pending_item_free(struct pending_item **itp)
{
	struct pending_item *it = *itp;

	if (it == NULL)
		return;
	free(it->path);
	free(it->from);
	who_unref(&it->who);
	who_unref(&it->meta_who);
	free(it);
	*itp = NULL;
}

void
pending_free(struct pending **pp)
{
	struct pending *p = *pp;
	struct pending_item *it;

	if (p == NULL)
		return;
	while ((it = p->first) != NULL) {
		p->first = it->next;
		pending_item_free(&it);
	}
	pthread_mutex_destroy(&p->lock);
	free(p);
	*pp = NULL;
}

static struct pending_item **
chain_of(struct pending *p, const char *path)
{
	uint32_t h = 2166136261u; /* FNV-1a */

	for (; *path != '\0'; path++)
		h = (h ^ (uint8_t)*path) * 16777619u;
	return &p->chain[h % CHAINS];
}

static struct pending_item *
item_new(struct pending *p, struct pending_item **chain, const char *path)
{
	struct pending_item *it;

	if (p->n == PENDING_MAX)
		return NULL;
	it = calloc(1, sizeof(*it));
	if (it == NULL)
		return NULL;
	it->path = strdup(path);
	if (it->path == NULL) {
		free(it);
		return NULL;
	}
	it->first_ms = clock_boot_ms();
	it->chain = *chain;
	*chain = it;
	*p->last = it;
	p->last = &it->next;
	p->n++;
	return it;
}

/* The last one counts, and better someone than nobody. */
static void
merge_who(struct pending_item *it, struct who *who, bool content)
{
	struct who **slot = content ? &it->who : &it->meta_who;
	pid_t pid = who != NULL ? who->pid : 0;

	if (it->events == 0 || it->last_pid != pid)
		it->writers++;
	it->last_pid = pid;
	if (who == NULL || (*slot != NULL &&
	    who->grade == CORDON__GRADE__GRADE_UNKNOWN))
		return;
	who_unref(slot);
	*slot = who_ref(who);
}

int
pending_add(struct pending *p, const char *path, const char *from,
    struct who *who, bool content)
{
	struct pending_item **chain, *it;
	const uint64_t one = 1;
	bool first;
	int r = ERR_LIMIT;

	pthread_mutex_lock(&p->lock);
	first = p->n == 0;
	chain = chain_of(p, path);
	for (it = *chain; it != NULL; it = it->chain)
		if (strcmp(it->path, path) == 0)
			break;
	if (it == NULL)
		it = item_new(p, chain, path);
	if (it == NULL)
		goto done;
	merge_who(it, who, content);
	it->events++;
	it->content |= content;
	if (from != NULL) {
		free(it->from);
		it->from = strdup(from);
	}
	r = 0;
done:
	pthread_mutex_unlock(&p->lock);
	/* Those behind the first are found when its time has come. */
	if (first && r == 0 && p->wake_fd >= 0 &&
	    write(p->wake_fd, &one, sizeof(one)) < 0)
		return 0; /* its counter is full: somebody will wake */
	return r;
}

struct pending_item *
pending_take(struct pending *p, int64_t now_ms)
{
	struct pending_item *it, **at;

	pthread_mutex_lock(&p->lock);
	it = p->first;
	if (it != NULL && it->first_ms + PENDING_DELAY_MS > now_ms)
		it = NULL;
	if (it != NULL) {
		p->first = it->next;
		if (p->first == NULL)
			p->last = &p->first;
		for (at = chain_of(p, it->path); *at != it;
		    at = &(*at)->chain)
			;
		*at = it->chain;
		p->n--;
	}
	pthread_mutex_unlock(&p->lock);
	return it;
}

bool
pending_has(struct pending *p, const char *path)
{
	const struct pending_item *it;

	pthread_mutex_lock(&p->lock);
	for (it = *chain_of(p, path); it != NULL; it = it->chain)
		if (strcmp(it->path, path) == 0)
			break;
	pthread_mutex_unlock(&p->lock);
	return it != NULL;
}

int64_t
pending_wait(struct pending *p, int64_t now_ms)
{
	int64_t wait = -1;

	pthread_mutex_lock(&p->lock);
	if (p->first != NULL) {
		wait = p->first->first_ms + PENDING_DELAY_MS - now_ms;
		if (wait < 0)
			wait = 0;
	}
	pthread_mutex_unlock(&p->lock);
	return wait;
}
