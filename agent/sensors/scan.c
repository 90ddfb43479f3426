/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The parallel walk.  Threads of the sensors process share one list of
 * work: folders still to be read, and batches of names of large folders.
 * Every folder is opened anew from its path without following links, so a
 * swapped component ends that branch and leads nowhere else.
 */
#include "agent/sensors/scan.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "agent/sensors/arena.h"
#include "agent/sensors/budget.h"
#include "agent/sensors/path.h"

#define BATCH_NAMES 64
#define BATCH_BYTES 4096
#define BATCHES_MAX 32 /* waiting; beyond it the reader does its own */
#define DENTS_SIZE (32 * 1024)
#define STACK_SIZE (256 * 1024)

/* An open folder, shared by its batches. */
struct open_dir {
	atomic_uint refs;
	int fd;
	dev_t dev;
	long folder;	  /* in the baseline; -1 */
	const char *path; /* in an arena */
};

struct waiting_dir {
	struct waiting_dir *next;
	dev_t dev; /* of the root; 0: this is a root */
	char path[];
};

struct batch {
	struct batch *next;
	struct open_dir *dir;
	size_t n, len;
	char names[BATCH_BYTES]; /* each with its type (DT_REG ...) in front */
};

struct walk;

struct worker {
	struct walk *walk;
	pthread_t thread;
	struct arena arena;
	struct inspect *inspect;
	struct budget budget;
	struct rec *rec;
	size_t n, max;
	uint64_t files, unread;
	int failed; /* enum err */
	char dents[DENTS_SIZE] __attribute__((aligned(16)));
};

struct scan_memory {
	struct arena arena[SCAN_THREADS_MAX];
};

struct walk {
	const struct scan_opts *o;
	pthread_mutex_t lock;
	pthread_cond_t more;
	struct waiting_dir *dirs;
	struct batch *batches;
	size_t nbatches;
	unsigned int busy;
	atomic_uchar *seen;
	struct worker *worker[SCAN_THREADS_MAX];
};

/* -- results of one worker ---------------------------- */

static int
keep(struct worker *w, const char *dir, const char *name,
    const struct entry *e)
{
	struct entry *copy;
	struct rec *rec;
	size_t max;

	if (w->n == w->max) {
		max = w->max == 0 ? 1024 : w->max * 2;
		rec = realloc(w->rec, max * sizeof(*rec));
		if (rec == NULL)
			return ERR_NOMEM;
		w->rec = rec;
		w->max = max;
	}
	copy = arena_get(&w->arena, sizeof(*copy));
	name = arena_str(&w->arena, name);
	if (copy == NULL || name == NULL)
		return ERR_NOMEM;
	*copy = *e;
	w->rec[w->n++] = (struct rec){dir, name, copy};
	return 0;
}

/*
 * One file or folder was looked at: is it as remembered?  KNOWN is NULL for
 * a new one.
 */
static int
found(struct worker *w, const char *dir, const char *name,
    const struct entry *known, long nr, const struct entry *e)
{
	w->files++;
	if (nr >= 0)
		atomic_fetch_or_explicit(&w->walk->seen[nr / 8],
		    (unsigned char)(1u << (nr % 8)), memory_order_relaxed);
	if (known != NULL && memcmp(known, e, sizeof(*e)) == 0)
		return 0;
	if (known != NULL && S_ISDIR(e->mode) && entry_same_meta(known, e))
		return 0; /* only its times moved */
	return keep(w, dir, name, e);
}

static int
look(struct worker *w, const struct open_dir *d, unsigned char type,
    const char *name)
{
	const struct scan_opts *o = w->walk->o;
	const struct entry *known = NULL;
	struct entry e;
	long nr = -1;
	int r;

	if (o->known != NULL)
		nr = baseline_in(o->known, d->folder, name, &known);
	if (type == DT_REG && (known == NULL || o->rehash))
		r = inspect_regular(w->inspect, d->fd, name, &e);
	else
		r = inspect_at(w->inspect, d->fd, name,
		    o->rehash ? NULL : known, &e);
	if (r == ERR_NOENT)
		return 0;
	if (r == ERR_CLOSED)
		return r;
	if (r != 0) {
		w->unread++;
		return 0;
	}
	if (e.flags & ENTRY_UNREAD)
		w->unread++;
	if (known != NULL)
		e.name_off = known->name_off;
	budget_pace(&w->budget);
	return found(w, d->path, name, known, nr, &e);
}

/* -- shared work ---------------------------- */

static void
dir_unref(struct open_dir *d)
{
	if (atomic_fetch_sub(&d->refs, 1) == 1) {
		close(d->fd);
		free(d);
	}
}

static int
push_dir(struct walk *w, const char *path, dev_t dev)
{
	struct waiting_dir *t = malloc(sizeof(*t) + strlen(path) + 1);

	if (t == NULL)
		return ERR_NOMEM;
	strcpy(t->path, path);
	t->dev = dev;
	pthread_mutex_lock(&w->lock);
	t->next = w->dirs;
	w->dirs = t;
	pthread_cond_signal(&w->more);
	pthread_mutex_unlock(&w->lock);
	return 0;
}

static int
do_batch(struct worker *w, struct batch *b)
{
	const char *at = b->names;
	size_t i;
	int r = 0;

	for (i = 0; i < b->n && r == 0; i++) {
		if (atomic_load_explicit(w->walk->o->stop,
		    memory_order_relaxed))
			r = ERR_CLOSED;
		else
			r = look(w, b->dir, (unsigned char)at[0], at + 1);
		at += 1 + strlen(at + 1) + 1;
	}
	dir_unref(b->dir);
	free(b);
	return r;
}

/* Leave it to whoever is free, or do it here. */
static int
give_batch(struct worker *w, struct batch *b)
{
	struct walk *k = w->walk;
	bool mine;

	if (b == NULL)
		return 0;
	pthread_mutex_lock(&k->lock);
	mine = k->nbatches >= BATCHES_MAX;
	if (!mine) {
		b->next = k->batches;
		k->batches = b;
		k->nbatches++;
		pthread_cond_signal(&k->more);
	}
	pthread_mutex_unlock(&k->lock);
	return mine ? do_batch(w, b) : 0;
}

static int
batch_add(struct worker *w, struct batch **bp, struct open_dir *d,
    const struct dirent64 *de)
{
	size_t len = 1 + strlen(de->d_name) + 1;
	struct batch *b = *bp;
	int r = 0;

	if (b != NULL &&
	    (b->n == BATCH_NAMES || b->len + len > BATCH_BYTES)) {
		*bp = NULL;
		r = give_batch(w, b);
		b = NULL;
	}
	if (r == 0 && b == NULL) {
		b = malloc(sizeof(*b));
		if (b == NULL)
			return ERR_NOMEM;
		b->n = b->len = 0;
		b->dir = d;
		atomic_fetch_add(&d->refs, 1);
		*bp = b;
	}
	if (r == 0) {
		b->names[b->len] = (char)de->d_type;
		memcpy(b->names + b->len + 1, de->d_name, len - 1);
		b->len += len;
		b->n++;
	}
	return r;
}

static bool
is_dir(int fd, const struct dirent64 *de)
{
	struct statx sx;

	if (de->d_type != DT_UNKNOWN)
		return de->d_type == DT_DIR;
	return statx(fd, de->d_name, AT_SYMLINK_NOFOLLOW, STATX_TYPE,
	    &sx) == 0 && S_ISDIR(sx.stx_mode);
}

static int
each_name(struct worker *w, struct open_dir *d, const struct dirent64 *de,
    struct batch **b)
{
	char path[PATH_LEN];

	if (strcmp(de->d_name, ".") == 0 || strcmp(de->d_name, "..") == 0)
		return 0;
	if (path_join(path, d->path, de->d_name) != 0) {
		w->unread++;
		return 0;
	}
	if (ignore_has(w->walk->o->ignore, path))
		return 0;
	if (is_dir(d->fd, de))
		return push_dir(w->walk, path, d->dev);
	return batch_add(w, b, d, de);
}

static int
read_names(struct worker *w, struct open_dir *d)
{
	const struct dirent64 *de;
	struct batch *b = NULL;
	ssize_t n, at;
	int r = 0;

	while (r == 0 &&
	    (n = getdents64(d->fd, w->dents, sizeof(w->dents))) > 0)
		for (at = 0; at < n && r == 0; at += de->d_reclen) {
			de = (const void *)(w->dents + at);
			r = each_name(w, d, de, &b);
		}
	if (r == 0)
		return give_batch(w, b);
	if (b != NULL) {
		dir_unref(d);
		free(b);
	}
	return r;
}

/* The folder's own record, from its parent's point of view. */
static int
record_dir(struct worker *w, const char *path)
{
	const struct scan_opts *o = w->walk->o;
	const struct entry *known = NULL;
	char parent[PATH_LEN];
	const char *name;
	struct entry e;
	long nr = -1;
	int r;

	if (path_split(path, parent, &name) != 0)
		return 0; /* "/" has no name */
	if (o->known != NULL)
		nr = baseline_in(o->known,
		    baseline_folder(o->known, parent), name, &known);
	r = inspect_path(w->inspect, path, o->rehash ? NULL : known, &e);
	if (r != 0)
		return r;
	if (known != NULL)
		e.name_off = known->name_off;
	name = arena_str(&w->arena, parent);
	return name == NULL ? ERR_NOMEM :
			      found(w, name, strrchr(path, '/') + 1, known,
				  nr, &e);
}

/* File systems whose files are no files (statfs(2), linux/magic.h). */
static bool
is_pseudo(int fd)
{
	static const unsigned long magic[] = {PROC_SUPER_MAGIC, SYSFS_MAGIC,
	    CGROUP_SUPER_MAGIC, CGROUP2_SUPER_MAGIC, DEBUGFS_MAGIC,
	    TRACEFS_MAGIC, SECURITYFS_MAGIC, DEVPTS_SUPER_MAGIC,
	    BPF_FS_MAGIC, PSTOREFS_MAGIC, BINFMTFS_MAGIC, SELINUX_MAGIC,
	    EFIVARFS_MAGIC, AUTOFS_SUPER_MAGIC};
	struct statfs sf;
	size_t i;

	if (fstatfs(fd, &sf) != 0)
		return true;
	for (i = 0; i < sizeof(magic) / sizeof(magic[0]); i++)
		if ((unsigned long)sf.f_type == magic[i])
			return true;
	return false;
}

/*
 * ERR_NOENT: a file (of a root), gone, or not to be read; ERR_EXIST: a
 * file system that holds no files.
 */
static int
open_dir(struct worker *w, const struct waiting_dir *t, struct open_dir **out)
{
	const struct scan_opts *o = w->walk->o;
	struct open_dir *d;
	struct stat st;
	int fd;

	fd = path_open(t->path, O_RDONLY | O_DIRECTORY | O_NONBLOCK);
	if (fd < 0 || fstat(fd, &st) != 0)
		goto fail;
	if (t->dev != 0 && st.st_dev != t->dev) {
		if (is_pseudo(fd)) {
			close(fd);
			return ERR_EXIST;
		}
		if (o->on_mount != NULL)
			o->on_mount(o->arg, t->path);
	}
	d = malloc(sizeof(*d));
	if (d == NULL)
		goto fail;
	atomic_init(&d->refs, 1);
	d->fd = fd;
	d->dev = st.st_dev;
	d->folder = o->known == NULL ? -1 :
				       baseline_folder(o->known, t->path);
	d->path = arena_str(&w->arena, t->path);
	if (d->path == NULL) {
		dir_unref(d);
		return ERR_NOMEM;
	}
	if (o->on_dir != NULL)
		o->on_dir(o->arg, fd, d->path);
	*out = d;
	return 0;
fail:
	if (errno != ENOENT && errno != ENOTDIR && errno != ELOOP)
		w->unread++;
	if (fd >= 0)
		close(fd);
	return ERR_NOENT;
}

static int
do_dir(struct worker *w, struct waiting_dir *t)
{
	struct open_dir *d;
	int opened, r;

	if (atomic_load_explicit(w->walk->o->stop, memory_order_relaxed)) {
		r = ERR_CLOSED;
		goto done;
	}
	opened = open_dir(w, t, &d);
	r = opened == ERR_EXIST || opened == ERR_NOMEM ? opened :
	    record_dir(w, t->path);
	if (r == ERR_NOENT || r == ERR_IO || r == ERR_EXIST) {
		w->unread += r == ERR_IO;
		r = 0;
	} else if (r == 0 && opened == 0) {
		r = read_names(w, d);
	}
	if (opened == 0)
		dir_unref(d);
done:
	free(t);
	return r;
}

/* -- threads ---------------------------- */

/* Take one piece and do it; false when all is done. */
static bool
work_once(struct worker *w)
{
	struct walk *k = w->walk;
	struct batch *b = NULL;
	struct waiting_dir *t = NULL;
	int r;

	pthread_mutex_lock(&k->lock);
	while (k->batches == NULL && k->dirs == NULL && k->busy > 0)
		pthread_cond_wait(&k->more, &k->lock);
	if (k->batches != NULL) {
		b = k->batches;
		k->batches = b->next;
		k->nbatches--;
	} else if (k->dirs != NULL) {
		t = k->dirs;
		k->dirs = t->next;
	} else {
		pthread_mutex_unlock(&k->lock);
		return false;
	}
	k->busy++;
	pthread_mutex_unlock(&k->lock);

	r = b != NULL ? do_batch(w, b) : do_dir(w, t);
	if (r != 0 && w->failed == 0)
		w->failed = r;

	pthread_mutex_lock(&k->lock);
	if (--k->busy == 0)
		pthread_cond_broadcast(&k->more);
	pthread_mutex_unlock(&k->lock);
	return true;
}

static void *
work(void *arg)
{
	struct worker *w = arg;

	budget_init(&w->budget, w->walk->o->percent);
	while (work_once(w))
		;
	return NULL;
}

static struct worker *
worker_new(struct walk *k)
{
	struct worker *w = calloc(1, sizeof(*w));

	if (w == NULL)
		return NULL;
	w->walk = k;
	arena_init(&w->arena);
	w->inspect = inspect_new(&w->budget, k->o->stop);
	if (w->inspect == NULL) {
		free(w);
		return NULL;
	}
	return w;
}

static void
worker_free(struct worker *w)
{
	if (w == NULL)
		return;
	inspect_free(&w->inspect);
	arena_done(&w->arena);
	free(w->rec);
	free(w);
}

/* Runs N workers; a thread that cannot be started is one fewer. */
static void
run_threads(struct walk *k, unsigned int n)
{
	pthread_attr_t attr;
	bool started[SCAN_THREADS_MAX] = {false};
	unsigned int i;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, STACK_SIZE);
	for (i = 1; i < n; i++)
		started[i] = pthread_create(&k->worker[i]->thread, &attr,
		    work, k->worker[i]) == 0;
	pthread_attr_destroy(&attr);
	work(k->worker[0]);
	for (i = 1; i < n; i++)
		if (started[i])
			pthread_join(k->worker[i]->thread, NULL);
}

/* -- all together ---------------------------- */

/* One tree may hold another: our own files often lie in a watched one. */
static void
drop_twice(struct scan_result *res)
{
	size_t i, n = 0;

	for (i = 0; i < res->n; i++)
		if (n == 0 || rec_cmp(&res->rec[n - 1], &res->rec[i]) != 0)
			res->rec[n++] = res->rec[i];
	res->n = n;
}

static int
collect(struct walk *k, unsigned int n, struct scan_result *res,
    struct why *why)
{
	size_t i, total = 0;
	int r = 0;

	for (i = 0; i < n; i++) {
		struct worker *w = k->worker[i];

		total += w->n;
		res->files += w->files;
		res->unread += w->unread;
		res->bytes += inspect_bytes(w->inspect);
		if (r == 0)
			r = w->failed;
	}
	if (r != 0)
		return why_set(why, r, "scan: %s", err_str(r));
	res->rec = malloc((total + 1) * sizeof(struct rec));
	if (res->rec == NULL)
		return why_set(why, ERR_NOMEM, "scan of %zu files", total);
	for (i = 0; i < n; i++) {
		struct worker *w = k->worker[i];

		if (w->n > 0)
			memcpy(res->rec + res->n, w->rec,
			    w->n * sizeof(struct rec));
		res->n += w->n;
		res->memory->arena[i] = w->arena;
		arena_init(&w->arena);
	}
	qsort(res->rec, res->n, sizeof(struct rec), rec_cmp);
	drop_twice(res);
	return 0;
}

static int
prepare(struct walk *k, unsigned int n, struct scan_result *res)
{
	size_t i, bits;

	res->memory = calloc(1, sizeof(*res->memory));
	if (res->memory == NULL)
		return ERR_NOMEM;
	for (i = 0; i < SCAN_THREADS_MAX; i++)
		arena_init(&res->memory->arena[i]);
	if (k->o->known != NULL) {
		bits = baseline_filed(k->o->known);
		res->seen = calloc(bits / 8 + 1, 1);
		k->seen = (atomic_uchar *)res->seen;
		if (res->seen == NULL)
			return ERR_NOMEM;
	}
	for (i = 0; i < n; i++) {
		k->worker[i] = worker_new(k);
		if (k->worker[i] == NULL)
			return ERR_NOMEM;
	}
	for (i = 0; i < k->o->nroot; i++)
		if (push_dir(k, k->o->root[i], 0) != 0)
			return ERR_NOMEM;
	return 0;
}

int
scan_run(const struct scan_opts *o, struct scan_result **out,
    struct why *why)
{
	struct walk k = {.o = o};
	struct scan_result *res = calloc(1, sizeof(*res));
	unsigned int i, n = o->threads;
	struct waiting_dir *t;
	int r;

	if (n < 1)
		n = 1;
	if (n > SCAN_THREADS_MAX)
		n = SCAN_THREADS_MAX;
	pthread_mutex_init(&k.lock, NULL);
	pthread_cond_init(&k.more, NULL);
	r = res == NULL ? ERR_NOMEM : prepare(&k, n, res);
	if (r != 0) {
		why_set(why, r, "scan: no memory");
		goto done;
	}
	run_threads(&k, n);
	r = collect(&k, n, res, why);
	if (r == 0) {
		*out = res;
		res = NULL;
	}
done:
	while ((t = k.dirs) != NULL) {
		k.dirs = t->next;
		free(t);
	}
	for (i = 0; i < n; i++)
		worker_free(k.worker[i]);
	pthread_mutex_destroy(&k.lock);
	pthread_cond_destroy(&k.more);
	scan_free(&res);
	return r;
}

bool
scan_seen(const struct scan_result *res, size_t nr)
{
	return res->seen[nr / 8] & (1u << (nr % 8));
}

void
scan_free(struct scan_result **resp)
{
	struct scan_result *res = *resp;
	size_t i;

	if (res == NULL)
		return;
	if (res->memory != NULL)
		for (i = 0; i < SCAN_THREADS_MAX; i++)
			arena_done(&res->memory->arena[i]);
	free(res->memory);
	free(res->rec);
	free(res->seen);
	free(res);
	*resp = NULL;
}
