/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * From the watch thread to another sensor.  Every event of a file system
 * passes tap_wants: the beginnings of patterns are compared first.
 */
#include "agent/sensors/tap.h"

#include <fnmatch.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "agent/sensors/txn.h"

struct tap {
	int fd;
	struct {
		const char *text;
		size_t head;	/* bytes before the first sign of a pattern */
		uint32_t begin; /* behind the first slash; 0: any */
		bool dot;	/* "*" "/.": of a name that begins with a dot */
	} pattern[TAP_PATTERNS_MAX];
	size_t patterns;
	bool seen;
	pthread_mutex_t lock;
	struct tap_item *first;
	size_t n;
	bool lost;
};

struct tap *
tap_new(void)
{
	struct tap *t = calloc(1, sizeof(*t));

	if (t == NULL)
		return NULL;
	pthread_mutex_init(&t->lock, NULL);
	t->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (t->fd < 0)
		tap_free(&t);
	return t;
}

void
tap_items_free(struct tap_item **list)
{
	struct tap_item *it;

	while ((it = *list) != NULL) {
		*list = it->next;
		who_unref(&it->who);
		free(it->path);
		free(it);
	}
}

void
tap_free(struct tap **tp)
{
	struct tap *t = *tp;

	*tp = NULL;
	if (t == NULL)
		return;
	tap_items_free(&t->first);
	if (t->fd >= 0)
		close(t->fd);
	pthread_mutex_destroy(&t->lock);
	free(t);
}

int
tap_fd(const struct tap *t)
{
	return t->fd;
}

/* "/etc/x" -> the bytes of "etc/"; 0 for what is shorter. */
static uint32_t
begin_of(const char *path, size_t len)
{
	uint32_t v = 0;

	if (len > sizeof(v))
		memcpy(&v, path + 1, sizeof(v));
	return v;
}

int
tap_add(struct tap *t, const char *pattern)
{
	size_t head = strcspn(pattern, "*?[\\");

	if (t->patterns == TAP_PATTERNS_MAX)
		return ERR_LIMIT;
	t->pattern[t->patterns].text = pattern;
	t->pattern[t->patterns].head = head;
	t->pattern[t->patterns].begin = begin_of(pattern, head);
	t->pattern[t->patterns++].dot = strncmp(pattern, "*/.", 3) == 0;
	return 0;
}

void
tap_see(struct tap *t, bool seen)
{
	t->seen = seen;
}

bool
tap_sees(const struct tap *t)
{
	return t->seen;
}

bool
tap_empty(const struct tap *t)
{
	return t == NULL || t->patterns == 0;
}

static bool
fits(const char *pattern, size_t head, const char *path, size_t len)
{
	size_t tail;

	if (len < head)	/* a folder above what is wanted */
		return len > 0 && strncmp(pattern, path, len) == 0 &&
		    pattern[len] == '/';
	if (strncmp(pattern, path, head) != 0)
		return false;
	if (pattern[head] == '\0')
		return path[head] == '\0';
	/* Most end in a plain word too: cheaper than fnmatch. */
	tail = strlen(pattern);
	if (pattern[tail - 1] != '*' && pattern[tail - 1] != ']' &&
	    pattern[tail - 1] != '?' && pattern[tail - 1] != path[len - 1])
		return false;
	return fnmatch(pattern, path, FNM_NOESCAPE) == 0;
}

bool
tap_fits(const char *pattern, const char *path)
{
	return fits(pattern, strcspn(pattern, "*?[\\"), path, strlen(path));
}

bool
tap_wants(const struct tap *t, const char *path)
{
	size_t i, len = strlen(path);
	uint32_t begin = begin_of(path, len);
	bool dot = strstr(path, "/.") != NULL;

	for (i = 0; t != NULL && len > 1 && i < t->patterns; i++) {
		if (t->pattern[i].begin != 0 && begin != 0 &&
		    t->pattern[i].begin != begin)
			continue;
		if (t->pattern[i].dot && !dot)
			continue;
		if (fits(t->pattern[i].text, t->pattern[i].head, path, len))
			return true;
	}
	return false;
}

static void
wake(struct tap *t)
{
	const uint64_t one = 1;

	if (write(t->fd, &one, sizeof(one)) < 0)
		return; /* full: it is awake */
}

/* The item of PATH, a new one if there was none; NULL: no room. */
static struct tap_item *
item_of(struct tap *t, const char *path)
{
	struct tap_item *it;

	for (it = t->first; it != NULL; it = it->next)
		if (strcmp(it->path, path) == 0)
			return it;
	it = t->n < TAP_ITEMS_MAX ? calloc(1, sizeof(*it)) : NULL;
	if (it == NULL)
		return NULL;
	it->path = strdup(path);
	if (it->path == NULL) {
		free(it);
		return NULL;
	}
	it->next = t->first;
	t->first = it;
	t->n++;
	return it;
}

void
tap_put(struct tap *t, const char *path, struct who *who)
{
	struct tap_item *it;
	bool first;

	if (!tap_wants(t, path))
		return;
	pthread_mutex_lock(&t->lock);
	first = t->first == NULL;
	it = item_of(t, path);
	if (it == NULL) {
		t->lost = true;
	} else if (who != NULL && it->who != who) {
		it->writers += it->who == NULL || it->who->pid != who->pid;
		if (it->who == NULL || !txn_below(who) ||
		    txn_below(it->who)) {
			who_unref(&it->who);
			it->who = who_ref(who);
		}
	}
	pthread_mutex_unlock(&t->lock);
	if (first) /* else it was woken, and takes this one too */
		wake(t);
}

void
tap_lose(struct tap *t)
{
	if (t == NULL)
		return;
	pthread_mutex_lock(&t->lock);
	t->lost = true;
	pthread_mutex_unlock(&t->lock);
	wake(t);
}

struct tap_item *
tap_take(struct tap *t, bool *lost)
{
	struct tap_item *list;
	uint64_t n;

	if (read(t->fd, &n, sizeof(n)) < 0)
		n = 0; /* nothing since */
	pthread_mutex_lock(&t->lock);
	list = t->first;
	*lost = t->lost;
	t->first = NULL;
	t->n = 0;
	t->lost = false;
	pthread_mutex_unlock(&t->lock);
	return list;
}
