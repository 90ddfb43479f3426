/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Scans of the files sensor: the first one, and those that find what no
 * event told.  On its thread; scan threads only read meanwhile.
 */
#include "agent/sensors/files_int.h"

#include <inttypes.h>
#include <malloc.h>
#include <string.h>

#include "agent/sensors/baseline.h"
#include "agent/sensors/emit.h"
#include "agent/sensors/held.h"
#include "agent/sensors/judge.h"
#include "agent/sensors/pending.h"
#include "agent/sensors/scan.h"
#include "common/base/clock.h"
#include "common/base/log.h"

static void
on_dir(void *arg, int fd, const char *path)
{
	struct files *f = arg;

	watch_dir(f->watch, fd, path);
}

void
files_add_root(struct files *f, const char *path, bool own)
{
	enum rung rung;
	struct why why;

	int r;

	why.text[0] = '\0';
	r = watch_root(f->watch, path, &rung, &why);
	if (r != 0) {
		if (r != ERR_EXIST)
			log_error("%s", why.text);
		return;
	}
	log_info("watching %s by %s%s%s", path, rung_str(rung),
	    why.text[0] != '\0' ? ": " : "", why.text);
	if (rung == RUNG_SCAN && !own)
		blind_open_lasting(f->env->blind, path,
		    "this file system gives no events; only rescans see it");
}

void
files_add_data_tree(struct files *f, const char *path)
{
	struct why why;

	if (watch_data(f->watch, path, &why)) {
		log_info("data tree %s: watched by fanotify", path);
		return;
	}
	log_warn("%s", why.text);
	blind_open_lasting(f->env->blind, path, "this file system gives no "
	    "events; only its canaries are looked at, every minute");
}

void
files_tell_absent_data(struct files *f)
{
	char quoted[256];
	const char *path;
	size_t i;

	for (i = 0; i < feed_absents(f->env->feed); i++) {
		path = feed_absent(f->env->feed, i);
		log_warn("data tree %s: not there", log_quote(quoted,
		    sizeof(quoted), path, strlen(path)));
		blind_open_lasting(f->env->blind, path, "this data tree is "
		    "not there: make or mount it and restart cordon-agent, "
		    "or take it out of [data]");
	}
}

/* A mounted file system below a root needs a mark of its own. */
static void
on_mount(void *arg, const char *path)
{
	files_add_root(arg, path, false);
}

static struct scan_opts
scan_opts(struct files *f)
{
	struct scan_opts o = {
	    .root = f->env->roots->path,
	    .nroot = f->env->roots->n,
	    .ignore = f->env->ignore,
	    .threads = 1,
	    .percent = f->s->percent,
	    .stop = &f->env->stop,
	    .on_dir = on_dir,
	    .arg = f,
	};

	return o;
}

void
files_rest(struct files *f)
{
	atomic_store(&f->env->watched, baseline_count(f->base));
	baseline_rest(f->base);
	malloc_trim(0);
}

/* All files were compared since STARTED_MS (wall): others may search. */
static void
show(struct files *f, int64_t started_ms)
{
	baseline_share(f->base, held_files_lock(f->env->held));
	held_files(f->env->held, &f->base, started_ms);
}

static void
tell_baseline(struct files *f, const char *tree, uint64_t n, int64_t ms,
    uint64_t unread)
{
	struct emit_signal s;

	emit_init(&s, "files.baseline", tree);
	emit_addf(&s, "files", "%" PRIu64, n);
	emit_addf(&s, "scan.ms", "%" PRId64, ms);
	if (unread > 0)
		emit_addf(&s, "unreadable", "%" PRIu64, unread);
	emit_add(&s, "events-by", watch_abilities(f->watch));
	emit_send(f->env->out, &s);
}

int
files_first_scan(struct files *f, struct why *why)
{
	struct scan_opts o = scan_opts(f);
	struct scan_result *res = NULL;
	int64_t start = clock_boot_ms(), started = clock_wall_ms();
	uint64_t n, unread;
	int r;

	o.threads = f->env->settings->scan_threads;
	o.percent = 0;
	o.on_mount = on_mount;
	r = scan_run(&o, &res, why);
	if (r != 0)
		return r;
	r = baseline_write(f->base_path, res->rec, res->n, why);
	n = res->files;
	unread = res->unread;
	scan_free(&res);
	if (r == 0)
		r = baseline_open(f->base_path, &f->base, why);
	if (r != 0)
		return r;
	files_rest(f);
	show(f, started);
	start = clock_boot_ms() - start;
	tell_baseline(f, "/", n, start, unread);
	log_info("baseline: %" PRIu64 " files in %" PRId64 " ms", n, start);
	return 0;
}

/* A tree that the settings name since this run only. */
static bool
tree_is_new(const struct files *f, const char *path)
{
	struct entry e;
	size_t i;

	for (i = 0; i < f->env->roots->n; i++)
		if (path_under(path, f->env->roots->path[i]))
			return !baseline_get(f->base,
			    f->env->roots->path[i], &e) &&
			    strcmp(f->env->roots->path[i], "/") != 0;
	return false;
}

static uint64_t
judge_found(struct files *f, const struct scan_result *res,
    const char *cause)
{
	struct change_of c = {.cause_id = cause, .explain = f->explain};
	char path[PATH_LEN];
	struct entry old, now;
	uint64_t told = 0;
	size_t i;

	for (i = 0; i < res->n && !atomic_load(&f->env->stop); i++) {
		if (path_join(path, res->rec[i].dir, res->rec[i].name) != 0 ||
		    explain_waits(f->explain, path))
			continue;
		now = *res->rec[i].e;
		c.path = path;
		c.now = &now;
		c.old = baseline_get(f->base, path, &old) ? &old : NULL;
		told += (uint64_t)judge(f->base, f->env->out, f->env->roots,
		    change_kind(c.old, c.now), &c);
	}
	return told;
}

static bool
below_root(const struct files *f, const char *path)
{
	return (roots_has(f->env->roots, path) ||
	    roots_is_own(f->env->roots, path)) &&
	    !ignore_has(f->env->ignore, path);
}

/* Entries of the file that the scan did not meet. */
static uint64_t
judge_missing(struct files *f, const struct scan_result *res, size_t filed,
    const char *cause)
{
	struct change_of c = {.cause_id = cause, .explain = f->explain};
	char path[PATH_LEN];
	struct entry now;
	struct rec rec;
	uint64_t told = 0;
	size_t i;

	for (i = 0; i < filed && !atomic_load(&f->env->stop); i++) {
		if (scan_seen(res, i))
			continue;
		baseline_at(f->base, i, &rec);
		if (path_join(path, rec.dir, rec.name) != 0 ||
		    explain_waits(f->explain, path))
			continue;
		if (!below_root(f, path)) {
			baseline_put(f->base, path, NULL);
			continue;
		}
		if (inspect_path(f->inspect, path, NULL, &now) != ERR_NOENT)
			continue;
		c.path = path;
		c.old = rec.e;
		told += (uint64_t)judge(f->base, f->env->out, f->env->roots,
		    CHANGE_DELETED, &c);
	}
	return told;
}

/* Trees without a baseline are taken as they are, and that is told. */
static void
adopt_new_trees(struct files *f, const struct scan_result *res)
{
	const struct roots *roots = f->env->roots;
	bool is_new[ROOTS_MAX + ROOTS_OWN_MAX];
	uint64_t n[ROOTS_MAX + ROOTS_OWN_MAX] = {0};
	char path[PATH_LEN];
	size_t i, k;

	for (k = 0; k < roots->n; k++)
		is_new[k] = tree_is_new(f, roots->path[k]);
	for (i = 0; i < res->n; i++) {
		if (path_join(path, res->rec[i].dir, res->rec[i].name) != 0)
			continue;
		for (k = 0; k < roots->n; k++)
			if (is_new[k] && path_under(path, roots->path[k])) {
				baseline_put(f->base, path, res->rec[i].e);
				n[k]++;
			}
	}
	for (k = 0; k < roots->n; k++)
		if (n[k] > 0)
			tell_baseline(f, roots->path[k], n[k], 0, 0);
}

void
files_rescan(struct files *f, bool rehash, bool paced)
{
	struct scan_opts o = scan_opts(f);
	struct scan_result *res = NULL;
	int64_t started = clock_wall_ms();
	char cause[ID_MAX];
	struct why why;
	uint64_t told;
	size_t filed;

	id_new(cause, "R", 10);
	if (baseline_commit(&f->base, f->base_path, &why) != 0)
		goto fail;
	filed = baseline_filed(f->base);
	o.known = f->base;
	o.rehash = rehash;
	o.on_mount = on_mount; /* also for those that came since */
	if (!paced) {
		o.percent = 0;
		o.threads = f->env->settings->scan_threads;
	}
	if (scan_run(&o, &res, &why) != 0)
		goto fail;
	adopt_new_trees(f, res);
	told = judge_found(f, res, cause);
	told += judge_missing(f, res, filed, cause);
	f->put_ms = clock_boot_ms();
	if (!atomic_load(&f->env->stop)) {
		blind_close(f->env->blind, "/", started, told);
		show(f, started);
	}
	log_info("rescan: %" PRIu64 " files, %" PRIu64 " differences",
	    res->files, told);
	scan_free(&res);
	files_rest(f);
	return;
fail:
	if (!atomic_load(&f->env->stop))
		log_error("rescan: %s", why.text);
}
