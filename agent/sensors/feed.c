/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The queue between watch thread and data sensor.  Paths in it are whatever
 * an intruder called his files.
 */
#include "agent/sensors/feed.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "agent/sensors/path.h"

struct feed {
	/* Not changed after feed_new. */
	char *tree[FEED_TREES_MAX], *absent[FEED_TREES_MAX];
	size_t trees, absents;
	pthread_mutex_t lock;
	struct feed_event *first, **last;
	size_t n;
	int fd;
	void (*helper)(void *arg); /* NULL: none */
	void *helper_arg;
};

static int
add_tree(struct feed *f, const char *path, struct why *why)
{
	char real[PATH_MAX];

	if (path[0] != '/')
		return why_set(why, ERR_CONFIG,
		    "tree \"%s\": write an absolute path", path);
	if (f->trees + f->absents == FEED_TREES_MAX)
		return why_set(why, ERR_LIMIT, "more than %d data trees",
		    FEED_TREES_MAX);
	if (realpath(path, real) != NULL)
		f->tree[f->trees++] = strdup(real);
	else
		f->absent[f->absents++] = strdup(path);
	if ((f->trees > 0 && f->tree[f->trees - 1] == NULL) ||
	    (f->absents > 0 && f->absent[f->absents - 1] == NULL))
		return why_set(why, ERR_NOMEM, "data trees");
	return 0;
}

int
feed_new(char *const *tree, size_t n, struct feed **out, struct why *why)
{
	struct feed *f = calloc(1, sizeof(*f));
	size_t i;
	int r = 0;

	if (f == NULL)
		return why_set(why, ERR_NOMEM, "data trees");
	pthread_mutex_init(&f->lock, NULL);
	f->last = &f->first;
	f->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (f->fd < 0)
		r = why_sys(why, ERR_IO, "eventfd");
	for (i = 0; r == 0 && i < n; i++)
		r = add_tree(f, tree[i], why);
	if (r == 0)
		*out = f;
	else
		feed_free(&f);
	return r;
}

void
feed_event_free(struct feed_event **ep)
{
	if (*ep == NULL)
		return;
	who_unref(&(*ep)->who);
	free(*ep);
	*ep = NULL;
}

void
feed_free(struct feed **fp)
{
	struct feed *f = *fp;
	struct feed_event *e;
	size_t i;

	if (f == NULL)
		return;
	while ((e = f->first) != NULL) {
		f->first = e->next;
		feed_event_free(&e);
	}
	for (i = 0; i < FEED_TREES_MAX; i++) {
		free(f->tree[i]);
		free(f->absent[i]);
	}
	if (f->fd >= 0)
		close(f->fd);
	pthread_mutex_destroy(&f->lock);
	free(f);
	*fp = NULL;
}

size_t
feed_trees(const struct feed *f)
{
	return f->trees;
}

const char *
feed_tree(const struct feed *f, size_t nr)
{
	return f->tree[nr];
}

size_t
feed_absents(const struct feed *f)
{
	return f->absents;
}

const char *
feed_absent(const struct feed *f, size_t nr)
{
	return f->absent[nr];
}

int
feed_find(const struct feed *f, const char *path)
{
	size_t i;

	for (i = 0; i < f->trees; i++)
		if (path_under(path, f->tree[i]))
			return (int)i;
	return -1;
}

bool
feed_near(const struct feed *f, const char *dir)
{
	size_t i;

	for (i = 0; i < f->trees; i++)
		if (path_under(dir, f->tree[i]) ||
		    path_under(f->tree[i], dir))
			return true;
	return false;
}

int
feed_fd(const struct feed *f)
{
	return f->fd;
}

void
feed_helper(struct feed *f, void (*fn)(void *arg), void *arg)
{
	pthread_mutex_lock(&f->lock);
	f->helper = fn;
	f->helper_arg = arg;
	pthread_mutex_unlock(&f->lock);
}

void
feed_help(struct feed *f)
{
	void (*fn)(void *arg) = NULL;
	void *arg;

	pthread_mutex_lock(&f->lock);
	if (f->first != NULL)
		fn = f->helper;
	arg = f->helper_arg;
	pthread_mutex_unlock(&f->lock);
	if (fn != NULL)
		fn(arg);
}

struct feed_event *
feed_event_new(const char *path, const char *from, unsigned int what,
    struct who *who)
{
	size_t len = strlen(path) + 1;
	size_t more = from != NULL ? strlen(from) + 1 : 0;
	struct feed_event *e = malloc(sizeof(*e) + len + more);

	if (e == NULL)
		return NULL;
	e->next = NULL;
	e->what = what;
	e->who = who_ref(who);
	memcpy(e->path, path, len);
	e->from = from != NULL ? memcpy(e->path + len, from, more) : NULL;
	return e;
}

int
feed_add(struct feed *f, const char *path, const char *from,
    unsigned int what, struct who *who)
{
	struct feed_event *e = feed_event_new(path, from, what, who);
	const uint64_t one = 1;
	bool first = false, room;

	if (e == NULL)
		return ERR_NOMEM;
	pthread_mutex_lock(&f->lock);
	room = f->n < FEED_MAX;
	if (room) {
		first = f->n++ == 0;
		*f->last = e;
		f->last = &e->next;
	}
	pthread_mutex_unlock(&f->lock);
	if (!room) {
		feed_event_free(&e);
		return ERR_LIMIT;
	}
	if (first && write(f->fd, &one, sizeof(one)) < 0)
		return 0; /* its counter is full: somebody will wake */
	return 0;
}

struct feed_event *
feed_take(struct feed *f)
{
	struct feed_event *e;

	pthread_mutex_lock(&f->lock);
	e = f->first;
	if (e != NULL) {
		f->first = e->next;
		if (f->first == NULL)
			f->last = &f->first;
		f->n--;
	}
	pthread_mutex_unlock(&f->lock);
	return e;
}
