/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The files sensor.  Its thread owns the baseline and looks at paths that
 * had events; the watch thread (watch.c) feeds it; scans borrow more
 * threads.  Everything it looks at may change under its eyes: a path is
 * only a name, and the next event puts right what a race got wrong.
 */
#include "agent/sensors/files_int.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/sensors/baseline.h"
#include "agent/sensors/emit.h"
#include "agent/sensors/explain.h"
#include "agent/sensors/held.h"
#include "agent/sensors/judge.h"
#include "agent/sensors/path.h"
#include "agent/sensors/pending.h"
#include "agent/sensors/scan.h"
#include "agent/sensors/self.h"
#include "agent/sensors/watch.h"
#include "common/base/clock.h"
#include "common/base/file.h"
#include "common/base/log.h"

#define TICK_MS 1000
#define QUIET_MS 30000 /* so long after the last change ... */
#define QUIET_TICK_MS 10000 /* ... turns are rarer */
#define COMMIT_MS 5000	   /* after the last change */
#define COMMIT_CHANGES 8192 /* or so many */
#define RESCAN_GAP_MS 1000 /* between rescans for lost events */
#define REHASH_MS (24LL * 3600 * 1000)
#define HINT_DELAY_MS 500  /* it has done its work by then */
#define HINT_GAP_MS 10000
#define BATCH 256 /* paths looked at before the loop gets its turn */

/* -- single paths ---------------------------- */

struct collected {
	char **path;
	size_t n, max;
};

static int
collect(void *arg, const char *path, const struct entry *e)
{
	struct collected *c = arg;
	char **more;

	(void)e;
	if (c->n == c->max) {
		more = realloc(c->path, (c->max * 2 + 64) * sizeof(*more));
		if (more == NULL)
			return ERR_NOMEM;
		c->path = more;
		c->max = c->max * 2 + 64;
	}
	c->path[c->n] = strdup(path);
	if (c->path[c->n] == NULL)
		return ERR_NOMEM;
	c->n++;
	return 0;
}

static void
collected_done(struct collected *c)
{
	size_t i;

	for (i = 0; i < c->n; i++)
		free(c->path[i]);
	free(c->path);
}

/* TOP is gone: so is all that was remembered below it. */
static void
judge_gone(struct files *f, const char *top, const struct change_of *like)
{
	struct collected all = {NULL, 0, 0};
	struct change_of c = *like;
	struct entry old;
	size_t i;

	if (baseline_each(f->base, top, collect, &all) != 0)
		log_error("baseline: out of memory");
	for (i = 0; i < all.n; i++) {
		if (!baseline_get(f->base, all.path[i], &old))
			continue;
		c.path = all.path[i];
		c.old = &old;
		c.now = NULL;
		judge(f->base, f->env->out, f->env->roots, CHANGE_DELETED,
		    &c);
	}
	collected_done(&all);
}

/* One name in an open folder that is new to us; folders go to LATER. */
static void
judge_child(struct files *f, int fd, const char *path, const char *name,
    const struct change_of *like, struct collected *later)
{
	struct change_of c = *like;
	struct entry old, now;
	bool had;

	if (ignore_has(f->env->ignore, path) ||
	    pending_has(f->pending, path) || explain_waits(f->explain, path))
		return; /* its own event names who did it better */
	had = baseline_get(f->base, path, &old);
	if (inspect_at(f->inspect, fd, name, had ? &old : NULL, &now) != 0)
		return;
	c.path = path;
	c.old = had ? &old : NULL;
	c.now = &now;
	c.from = NULL;
	judge(f->base, f->env->out, f->env->roots,
	    change_kind(c.old, c.now), &c);
	if (S_ISDIR(now.mode))
		collect(later, path, NULL);
}

static void
judge_folder(struct files *f, const char *dir, const struct change_of *like,
    struct collected *later)
{
	char path[PATH_LEN];
	const struct dirent *de;
	DIR *d;
	int fd;

	fd = path_open(dir, O_RDONLY | O_DIRECTORY | O_NONBLOCK);
	d = fd < 0 ? NULL : fdopendir(fd);
	if (d == NULL) {
		if (fd >= 0)
			close(fd);
		return;
	}
	watch_dir(f->watch, fd, dir);
	while ((de = readdir(d)) != NULL && !atomic_load(&f->env->stop))
		if (strcmp(de->d_name, ".") != 0 &&
		    strcmp(de->d_name, "..") != 0 &&
		    path_join(path, dir, de->d_name) == 0)
			judge_child(f, fd, path, de->d_name, like, later);
	closedir(d);
}

/* A folder came (made or moved here): what is in it? */
static void
judge_tree(struct files *f, const char *top, const struct change_of *like)
{
	struct collected later = {NULL, 0, 0};
	size_t i;

	collect(&later, top, NULL);
	for (i = 0; i < later.n; i++)
		judge_folder(f, later.path[i], like, &later);
	collected_done(&later);
}

/* What was remembered below FROM is now below TO. */
static void
move_remembered(struct files *f, const char *from, const char *to)
{
	struct collected all = {NULL, 0, 0};
	char path[PATH_LEN];
	struct entry e;
	size_t i, n = strlen(from), t = strlen(to);

	if (baseline_each(f->base, from, collect, &all) != 0)
		log_error("baseline: out of memory");
	for (i = 0; i < all.n; i++) {
		if (!baseline_get(f->base, all.path[i], &e) ||
		    t + strlen(all.path[i]) - n >= PATH_LEN)
			continue;
		strcpy(path, to);
		strcat(path, all.path[i] + n);
		baseline_put(f->base, all.path[i], NULL);
		baseline_put(f->base, path, &e);
	}
	collected_done(&all);
}

/* Was it moved here from a place we know, and not put over another? */
static bool
judge_moved(struct files *f, const struct pending_item *it,
    struct change_of *c)
{
	struct entry old, gone;

	if (it->from == NULL || c->now == NULL || c->old != NULL ||
	    !baseline_get(f->base, it->from, &old) ||
	    inspect_path(f->inspect, it->from, NULL, &gone) != ERR_NOENT ||
	    !entry_same_content(&old, c->now))
		return false;
	c->from = it->from;
	c->old = &old;
	move_remembered(f, it->from, it->path);
	judge(f->base, f->env->out, f->env->roots, CHANGE_MOVED, c);
	return true;
}

/* Attributes may have been changed by another one than the content. */
static const struct who *
who_of(const struct pending_item *it, enum change kind)
{
	bool meta = kind == CHANGE_META || kind == CHANGE_SETUID ||
	    kind == CHANGE_CAPABLE || kind == CHANGE_TIMES;

	if (meta && it->meta_who != NULL)
		return it->meta_who;
	return it->who != NULL ? it->who : it->meta_who;
}

static void
look(struct files *f, const struct pending_item *it)
{
	struct change_of c = {.path = it->path, .events = it->events,
	    .writers = it->writers, .explain = f->explain};
	struct entry old, now;
	bool had = baseline_get(f->base, it->path, &old);
	enum change kind;
	int r;

	r = inspect_path(f->inspect, it->path, had ? &old : NULL, &now);
	if (r != 0 && r != ERR_NOENT) {
		if (r != ERR_CLOSED)
			f->lost = true;
		return;
	}
	c.old = had ? &old : NULL;
	c.now = r == 0 ? &now : NULL;
	kind = change_kind(c.old, c.now);
	c.who = who_of(it, kind);
	if (c.now == NULL && had && S_ISDIR(old.mode)) {
		judge_gone(f, it->path, &c);
		return;
	}
	if (!judge_moved(f, it, &c))
		judge(f->base, f->env->out, f->env->roots, kind, &c);
	if (c.now != NULL && S_ISDIR(now.mode) && it->content)
		judge_tree(f, it->path, &c);
}

/* Paths of a package transaction wait for its end. */
static void
look_or_hold(struct files *f, struct pending_item *it)
{
	if (!explain_hold(f->explain, it))
		look(f, it);
	pending_item_free(&it);
}

static bool
look_at_held(struct files *f)
{
	struct pending_item *it;
	int i;

	for (i = 0; i < BATCH && !atomic_load(&f->env->stop) &&
	    (it = explain_take(f->explain)) != NULL; i++) {
		look(f, it);
		f->put_ms = clock_boot_ms();
		pending_item_free(&it);
	}
	explain_turn(f->explain);
	return i == BATCH;
}

/* -- the sensor ---------------------------- */

/* A program like chattr was started: look soon, and not all the time. */
static void
take_hint(struct files *f)
{
	int64_t now = clock_boot_ms();

	if (f->hint_ms != 0)
		return;
	f->hint_ms = now + HINT_DELAY_MS;
	if (f->hint_ms < f->hinted_ms + HINT_GAP_MS)
		f->hint_ms = f->hinted_ms + HINT_GAP_MS;
}

static void
look_if_hinted(struct files *f)
{
	if (f->hint_ms == 0 || clock_boot_ms() < f->hint_ms)
		return;
	f->hint_ms = 0;
	files_rescan(f, false, true);
	f->hinted_ms = clock_boot_ms();
}

static void
check_loss(struct files *f)
{
	unsigned int lost = watch_lost(f->watch);
	const char *reason = "the kernel's event queue ran over";

	if (lost & WATCH_LOST_OWN)
		reason = "too many changes at once";
	else if (lost & WATCH_LOST_FORM)
		reason = "an event could not be understood";
	if (lost & WATCH_LOST_DIRS)
		blind_open_lasting(f->env->blind, "/",
		    "more folders than inotify may watch; only rescans see "
		    "the rest");
	if (lost & WATCH_HINT)
		take_hint(f);
	if (lost & ~(unsigned int)(WATCH_LOST_DIRS | WATCH_HINT)) {
		blind_open(f->env->blind, "/", f->clear_ms, reason);
		f->lost = true;
	} else {
		f->clear_ms = clock_wall_ms();
	}
}

static void
plan_next(struct files *f)
{
	int64_t now = clock_boot_ms(), wait = pending_wait(f->pending, now);
	bool quiet = now >= f->put_ms + QUIET_MS && !f->lost &&
	    f->hint_ms == 0 && !explain_busy(f->explain);
	int64_t next = now + (quiet ? QUIET_TICK_MS : TICK_MS);

	if (f->rescan_ms != 0 && f->rescan_ms < next)
		next = f->rescan_ms > now ? f->rescan_ms : now + TICK_MS;
	if (wait >= 0 && now + wait < next)
		next = now + (wait > 0 ? wait : 1);
	if (f->s->due_ms <= now || next < f->s->due_ms)
		f->s->due_ms = next; /* never later than it was */
}

/* Periodic rescans, and those owed for lost events. */
static void
rescan_if_due(struct files *f)
{
	int64_t now = clock_boot_ms();
	bool rehash;

	if (f->lost && now >= f->earliest_ms) {
		f->lost = false;
		files_rescan(f, false, false);
		f->earliest_ms = clock_boot_ms() + RESCAN_GAP_MS;
	} else if (f->rescan_ms != 0 && now >= f->rescan_ms) {
		rehash = now >= f->rehash_ms;
		files_rescan(f, rehash, true);
		if (rehash)
			f->rehash_ms = now + REHASH_MS;
		f->rescan_ms = clock_boot_ms() +
		    f->env->settings->rescan_seconds * 1000LL;
	}
}

static void
commit_if_due(struct files *f)
{
	size_t n = baseline_pending(f->base);
	struct why why;

	if (n == 0 || (n < COMMIT_CHANGES &&
	    clock_boot_ms() < f->put_ms + COMMIT_MS))
		return;
	if (baseline_commit(&f->base, f->base_path, &why) != 0) {
		log_error("%s", why.text);
		f->put_ms = clock_boot_ms();
	}
	files_rest(f);
}

/* The first turn: a baseline, or what happened since the last one. */
static void
begin(struct files *f)
{
	struct sensor_env *env = f->env;
	struct emit_signal s;
	struct why why;
	int r;

	r = baseline_open(f->base_path, &f->base, &why);
	if (r == 0) {
		blind_open(env->blind, "/", env->last_seen_ms,
		    "the agent was not running");
		files_rescan(f, false, false);
	} else {
		if (r != ERR_NOENT) {
			log_error("%s", why.text);
			emit_init(&s, "agent.self-changed", f->base_path);
			emit_add(&s, "reason", why.text);
			emit_send(env->out, &s);
		}
		r = files_first_scan(f, &why);
		if (r != 0 && !atomic_load(&env->stop))
			log_error("first scan: %s", why.text);
	}
	f->clear_ms = clock_wall_ms();
	f->rehash_ms = clock_boot_ms() + REHASH_MS;
	if (env->settings->rescan_seconds > 0)
		f->rescan_ms = clock_boot_ms() +
		    env->settings->rescan_seconds * 1000LL;
}

static void
files_on_timer(struct sensor *s)
{
	struct files *f = s->state;
	struct pending_item *it;
	bool held;
	int i;

	if (f->base == NULL)
		begin(f);
	if (f->base == NULL) {
		s->due_ms = clock_boot_ms() + 10000; /* try again */
		return;
	}
	check_loss(f);
	for (i = 0; i < BATCH && !atomic_load(&f->env->stop) &&
	    (it = pending_take(f->pending, clock_boot_ms())) != NULL; i++) {
		look_or_hold(f, it);
		f->put_ms = clock_boot_ms();
	}
	held = look_at_held(f);
	atomic_store(&f->env->watched, baseline_count(f->base));
	if (!explain_busy(f->explain)) {
		rescan_if_due(f);
		look_if_hinted(f);
	}
	commit_if_due(f);
	plan_next(f);
	if (held)
		s->due_ms = clock_boot_ms(); /* there is more of it */
}

/* The watch thread left something: look when it is due. */
static void
files_on_fd(struct sensor *s)
{
	struct files *f = s->state;
	uint64_t n;

	if (read(s->fd, &n, sizeof(n)) < 0 && errno != EAGAIN)
		log_error("wake: %s", strerror(errno));
	if (f->base == NULL)
		return;
	check_loss(f); /* that wakes us as well */
	plan_next(f);
}

static void
on_own(void *arg, const char *path, const struct who *who)
{
	self_on_write(arg, path, who);
}

static void
watch_ourselves(struct files *f)
{
	const char *name;

	watch_lineage(f->watch, f->env->lineage);
	f->writes.env = f->env;
	/* A state folder at the root itself: everything lies beside it. */
	if (path_split(f->env->settings->state_dir, f->state_top, &name) != 0)
		return;
	if (f->state_top[0] == '\0' || strcmp(f->state_top, "/") == 0)
		snprintf(f->state_top, sizeof(f->state_top), "%s",
		    f->env->settings->state_dir);
	watch_own(f->watch, f->state_top, on_own, &f->writes);
}

static int
files_start(struct sensor *s, struct why *why)
{
	struct files *f = calloc(1, sizeof(*f));
	const struct roots *roots = s->env->roots;
	size_t i;
	int r;

	if (f == NULL)
		return why_set(why, ERR_NOMEM, "files sensor");
	s->state = f;
	f->s = s;
	f->env = s->env;
	r = file_join(f->base_path, sizeof(f->base_path),
	    s->env->settings->state_dir, BASELINE_FILE);
	if (r != 0)
		return why_set(why, r, "state folder: path too long");
	s->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	f->pending = pending_new();
	f->inspect = inspect_new(NULL, &s->env->stop);
	if (s->fd < 0 || f->pending == NULL || f->inspect == NULL)
		return why_set(why, ERR_NOMEM, "files sensor");
	f->explain = s->env->explain;
	r = watch_new(f->pending, s->env->ignore, s->env->who, s->fd,
	    &f->watch, why);
	if (r == 0)
		watch_ourselves(f);
	if (r != 0)
		return r;
	log_info("events: %s", watch_abilities(f->watch));
	for (i = 0; i < roots->n; i++)
		files_add_root(f, roots->path[i], i >= roots->watched);
	if (feed_trees(s->env->feed) > 0)
		watch_feed(f->watch, s->env->feed);
	for (i = 0; i < feed_trees(s->env->feed); i++)
		files_add_data_tree(f, feed_tree(s->env->feed, i));
	files_tell_absent_data(f);
	watch_tap(f->watch, s->env->tap);
	s->due_ms = clock_boot_ms();
	return watch_start(f->watch, why);
}

static void
files_stop(struct sensor *s)
{
	struct files *f = s->state;
	struct why why;

	if (f == NULL)
		return;
	watch_free(&f->watch);
	held_files(f->env->held, NULL, 0);
	if (f->base != NULL &&
	    baseline_commit(&f->base, f->base_path, &why) != 0)
		log_error("%s", why.text);
	baseline_free(&f->base);
	inspect_free(&f->inspect);
	pending_free(&f->pending);
	if (s->fd >= 0)
		close(s->fd);
	free(f);
	s->state = NULL;
}

const struct sensor_kind files_sensor = {
	.name = "files",
	.start = files_start,
	.on_fd = files_on_fd,
	.on_timer = files_on_timer,
	.stop = files_stop,
	.stack = 256 * 1024,
};
