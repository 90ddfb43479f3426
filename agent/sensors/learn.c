/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The walk through data trees.  Runs on the data sensor's thread.  Folders
 * are opened without following a link; a name that cannot be joined to its
 * folder's path is left to be judged by itself.
 */
#include "agent/sensors/learn.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/sensors/path.h"
#include "agent/sensors/take.h"
#include "common/base/log.h"

struct folder {
	struct folder *next;
	dev_t dev; /* 0: a tree's top */
	char path[];
};

struct learn {
	struct folder *waiting, *now;
	size_t n;
	DIR *dir; /* of NOW */
	struct sample sample;
};

struct learn *
learn_new(void)
{
	return calloc(1, sizeof(struct learn));
}

static void
leave(struct learn *l)
{
	if (l->dir != NULL)
		closedir(l->dir);
	l->dir = NULL;
	free(l->now);
	l->now = NULL;
}

void
learn_free(struct learn **lp)
{
	struct learn *l = *lp;
	struct folder *f;

	if (l == NULL)
		return;
	leave(l);
	while ((f = l->waiting) != NULL) {
		l->waiting = f->next;
		free(f);
	}
	free(l);
	*lp = NULL;
}

static void
add(struct learn *l, const char *path, dev_t dev)
{
	size_t len = strlen(path) + 1;
	struct folder *f;

	if (l->n == LEARN_WAITING_MAX)
		return;
	f = malloc(sizeof(*f) + len);
	if (f == NULL)
		return;
	memcpy(f->path, path, len);
	f->dev = dev;
	f->next = l->waiting;
	l->waiting = f;
	l->n++;
}

void
learn_add(struct learn *l, const char *tree)
{
	add(l, tree, 0);
}

/* Open the next folder; false: none is left. */
static bool
enter(struct learn *l)
{
	struct stat st;
	int fd;

	while (l->dir == NULL && l->waiting != NULL) {
		l->now = l->waiting;
		l->waiting = l->now->next;
		l->n--;
		fd = path_open(l->now->path, O_RDONLY | O_DIRECTORY |
		    O_NONBLOCK);
		if (fd >= 0 && fstat(fd, &st) == 0 &&
		    (l->now->dev == 0 || l->now->dev == st.st_dev)) {
			l->now->dev = st.st_dev;
			l->dir = fdopendir(fd);
		}
		if (l->dir == NULL) {
			if (fd >= 0)
				close(fd);
			leave(l);
		}
	}
	return l->dir != NULL;
}

static void
one(struct learn *l, struct before *b, const struct dirent *de)
{
	char path[PATH_LEN];
	enum look look;
	uint64_t h;

	if (strcmp(de->d_name, ".") == 0 || strcmp(de->d_name, "..") == 0 ||
	    path_join(path, l->now->path, de->d_name) != 0)
		return;
	if (de->d_type == DT_DIR) {
		add(l, path, l->now->dev);
		return;
	}
	h = before_hash(path);
	if ((de->d_type != DT_REG && de->d_type != DT_UNKNOWN) ||
	    before_look(b, h) != LOOK_UNKNOWN ||
	    take_sample_at(dirfd(l->dir), de->d_name, &l->sample) != 0)
		return;
	look = look_of(&l->sample);
	/* Noise of just now may be the harm that is about to be judged. */
	if (look != LOOK_UNKNOWN && !(look == LOOK_RANDOM && l->sample.fresh))
		before_set(b, h, look);
}

bool
learn_some(struct learn *l, struct before *b)
{
	const struct dirent *de;
	int i;

	for (i = 0; i < LEARN_FILES; i++) {
		if (before_full(b)) {
			log_warn("data trees: more than %zu files; the rest "
			    "are judged by their names", before_count(b));
			return false;
		}
		if (!enter(l))
			return false;
		de = readdir(l->dir);
		if (de == NULL)
			leave(l);
		else
			one(l, b, de);
	}
	return true;
}
