/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The walk for files that give rights.  On a thread of its own; nothing is
 * opened but folders, links are not followed, other mounts are left alone.
 */
#include "agent/sensors/rights.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/magic.h>
#include <linux/xattr.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

#include "agent/sensors/budget.h"
#include "agent/sensors/emit.h"
#include "agent/sensors/entry.h"
#include "agent/sensors/explain.h"
#include "agent/sensors/path.h"
#include "agent/state/facts.h"
#include "common/base/clock.h"
#include "common/base/file.h"
#include "common/base/log.h"

#define STACK (1024 * 1024) /* a walk is a recursion */
#define KEPT "facts-rights"
#define KEPT_MAX (4 * 1024 * 1024)
#define STARTS 8

struct rights_walk {
	struct sensor *s;
	struct facts *now;
	struct budget budget;
	dev_t dev;
	uint64_t left;
	struct inspect *inspect;
	struct facts *was; /* NULL: the first walk on this host */
};

/* -- walking ---------------------------- */

/* Can no handle of this file system be opened? */
static bool
is_unmarked(const char *path, dev_t *dev)
{
	struct statfs sf;
	struct stat st;

	if (statfs(path, &sf) != 0 || lstat(path, &st) != 0 ||
	    !S_ISDIR(st.st_mode))
		return false;
	*dev = st.st_dev;
	return sf.f_type == OVERLAYFS_SUPER_MAGIC ||
	    sf.f_type == BTRFS_SUPER_MAGIC;
}

static void
look_at(struct rights_walk *w, const char *path, const struct stat *st)
{
	char caps[64];
	bool capable = (st->st_mode & 0111) != 0 && getxattr(path,
	    XATTR_NAME_CAPS, caps, sizeof(caps)) > 0;

	if ((st->st_mode & (S_ISUID | S_ISGID)) == 0 && !capable)
		return;
	if (roots_has(w->s->env->roots, path) ||
	    ignore_has(w->s->env->ignore, path))
		return; /* the files sensor tells */
	facts_addf(w->now, path, "%s %04o %u:%u", capable ? "capabilities" :
	    "mode", (unsigned int)st->st_mode & 07777, st->st_uid,
	    st->st_gid);
}

static void walk_dir(struct rights_walk *w, const char *path,
    unsigned int depth);

static void
walk_name(struct rights_walk *w, int dir, const char *parent,
    const char *name, unsigned int depth)
{
	char path[PATH_LEN];
	struct stat st;

	if (w->left == 0 || atomic_load(&w->s->env->stop) ||
	    path_join(path, parent, name) != 0 ||
	    fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) != 0)
		return;
	w->left--;
	if (S_ISREG(st.st_mode))
		look_at(w, path, &st);
	else if (S_ISDIR(st.st_mode) && st.st_dev == w->dev &&
	    depth < RIGHTS_DEPTH_MAX)
		walk_dir(w, path, depth + 1);
}

static void
walk_dir(struct rights_walk *w, const char *path, unsigned int depth)
{
	const struct dirent *de;
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);

	budget_pace(&w->budget);
	while (d != NULL && (de = readdir(d)) != NULL)
		if (strcmp(de->d_name, ".") != 0 &&
		    strcmp(de->d_name, "..") != 0)
			walk_name(w, fd, path, de->d_name, depth);
	if (d != NULL)
		closedir(d);
	else if (fd >= 0)
		close(fd);
}

/* Each such file system once; how many. */
static size_t
walk_all(struct rights_walk *w)
{
	static const char *const starts[STARTS] = {"/", "/usr", "/var",
	    "/home", "/opt", "/srv", "/tmp", "/root"};
	dev_t seen[STARTS];
	size_t i, k, n = 0;

	for (i = 0; i < STARTS; i++) {
		if (!is_unmarked(starts[i], &w->dev))
			continue;
		for (k = 0; k < n && seen[k] != w->dev; k++)
			;
		if (k < n)
			continue;
		seen[n++] = w->dev;
		walk_dir(w, starts[i], 0);
	}
	return n;
}

/* -- telling ---------------------------- */

/* Does an installed package bring it so? */
static bool
is_explained(struct rights_walk *w, const char *path)
{
	struct explanation ex = {.verdict = EXPLAIN_PLAIN};
	struct entry now;

	if (inspect_path(w->inspect, path, NULL, &now) != 0)
		return false;
	explain_state(w->s->env->explain, path, &now, NULL, &ex);
	return ex.verdict == EXPLAIN_SILENT || ex.verdict == EXPLAIN_QUIET;
}

static void
on_change(void *arg, const struct fact_change *c)
{
	struct rights_walk *w = arg;
	struct emit_signal s;

	if (c->is == NULL || is_explained(w, c->key))
		return;
	emit_init(&s, strncmp(c->is, "capabilities", 12) == 0 ?
	    "files.capability" : "files.setuid", c->key);
	emit_add(&s, "now", c->is);
	if (c->was != NULL)
		emit_add(&s, "was", c->was);
	emit_add(&s, "found-by", "walk");
	emit_send(w->s->env->out, &s);
}

static int
kept_path(struct sensor *s, char out[PATH_LEN])
{
	return file_join(out, PATH_LEN, s->env->settings->state_dir, KEPT);
}

static void
keep(struct rights_walk *w)
{
	char path[PATH_LEN];
	struct buf b;
	struct why why;

	buf_init(&b, KEPT_MAX);
	if (facts_pack(w->now, &b) == 0 && kept_path(w->s, path) == 0 &&
	    file_write(path, b.data, b.len, 0600, &why) != 0)
		log_error("%s", why.text);
	buf_done(&b);
}

static void
load(struct rights_walk *w)
{
	char path[PATH_LEN];
	struct buf b;

	buf_init(&b, KEPT_MAX);
	if (kept_path(w->s, path) == 0 && file_read(path, &b, NULL) == 0 &&
	    facts_unpack(b.data, b.len, &w->was) != 0)
		log_warn("%s: not readable, taken anew", path);
	buf_done(&b);
}

static int64_t
thread_cpu_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
	return ts.tv_sec * 1000LL + ts.tv_nsec / 1000000;
}

static void
on_timer(struct sensor *s)
{
	struct rights_walk w = {.s = s, .left = RIGHTS_FILES_MAX};
	int64_t began = thread_cpu_ms(), pause;
	size_t walked;

	w.now = facts_new();
	w.inspect = inspect_new(NULL, &s->env->stop);
	budget_init(&w.budget, RIGHTS_PERCENT);
	s->due_ms = 0; /* nothing to walk: sleep for good */
	if (w.now == NULL || w.inspect == NULL)
		goto done;
	walked = walk_all(&w);
	if (walked == 0 || atomic_load(&s->env->stop) ||
	    facts_seal(w.now) != 0)
		goto done;
	load(&w);
	if (w.was != NULL)
		facts_diff(w.was, w.now, on_change, &w);
	else
		log_info("rights: %zu files at the first walk",
		    facts_count(w.now));
	if (w.left == 0)
		log_warn("rights: more than %d files; the rest is not seen",
		    RIGHTS_FILES_MAX);
	keep(&w);
	pause = (thread_cpu_ms() - began) * RIGHTS_SHARE;
	s->due_ms = clock_boot_ms() + (pause > RIGHTS_EVERY_MS ? pause :
	    RIGHTS_EVERY_MS);
done:
	facts_free(&w.now);
	facts_free(&w.was);
	inspect_free(&w.inspect);
}

static int
start(struct sensor *s, struct why *why)
{
	(void)why;
	s->due_ms = clock_boot_ms() + RIGHTS_FIRST_MS;
	return 0;
}

static void
stop(struct sensor *s)
{
	(void)s;
}

static void
on_fd(struct sensor *s)
{
	(void)s;
}

const struct sensor_kind rights_sensor = {"rights", start, on_fd, on_timer,
    stop, STACK};
