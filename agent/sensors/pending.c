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

/* In order of due_ms: each holds those of one delay. */
struct queue {
	struct pending_item *first, **last;
};

struct pending {
	pthread_mutex_t lock;
	struct queue queue[2]; /* [1]: of paths that were made */
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
	p->queue[0].last = &p->queue[0].first;
	p->queue[1].last = &p->queue[1].first;
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
	size_t i;

	if (p == NULL)
		return;
	for (i = 0; i < 2; i++)
		while ((it = p->queue[i].first) != NULL) {
			p->queue[i].first = it->next;
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
item_new(struct pending *p, struct pending_item **chain, const char *path,
    bool made)
{
	struct queue *q = &p->queue[made];
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
	it->due_ms = clock_boot_ms() + (made ? PENDING_MADE_MS :
	    PENDING_DELAY_MS);
	it->chain = *chain;
	*chain = it;
	*q->last = it;
	q->last = &it->next;
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
    struct who *who, unsigned int what)
{
	struct pending_item **chain, *it;
	bool content = (what & PENDING_CONTENT) != 0;
	bool made = (what & PENDING_MADE) != 0, first = false;
	const uint64_t one = 1;
	int r = ERR_LIMIT;

	pthread_mutex_lock(&p->lock);
	chain = chain_of(p, path);
	for (it = *chain; it != NULL; it = it->chain)
		if (strcmp(it->path, path) == 0)
			break;
	if (it == NULL) {
		first = p->queue[made].first == NULL;
		it = item_new(p, chain, path, made);
	}
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

/* The queue whose first is due first; NULL: nothing waits. */
static struct queue *
next_queue(struct pending *p)
{
	struct queue *q = p->queue;

	if (q[0].first == NULL || (q[1].first != NULL &&
	    q[1].first->due_ms < q[0].first->due_ms))
		q++;
	return q->first != NULL ? q : NULL;
}

struct pending_item *
pending_take(struct pending *p, int64_t now_ms)
{
	struct pending_item *it = NULL, **at;
	struct queue *q;

	pthread_mutex_lock(&p->lock);
	q = next_queue(p);
	if (q != NULL && q->first->due_ms <= now_ms)
		it = q->first;
	if (it != NULL) {
		q->first = it->next;
		if (q->first == NULL)
			q->last = &q->first;
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
	const struct queue *q;
	int64_t wait = -1;

	pthread_mutex_lock(&p->lock);
	q = next_queue(p);
	if (q != NULL) {
		wait = q->first->due_ms - now_ms;
		if (wait < 0)
			wait = 0;
	}
	pthread_mutex_unlock(&p->lock);
	return wait;
}
