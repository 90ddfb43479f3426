/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * G03 and G04: data trees and backup sets against the manifests that were
 * signed for them.  On the job thread of the sensors process.  Which trees
 * must be looked at say the host's settings, the manifests kept here, and
 * the run; none of the three can take one away from the others.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/sensors/gate.h"
#include "agent/sensors/manifest.h"
#include "agent/sensors/tree.h"

#define PASS CORDON__CHECK_OUTCOME__CHECK_PASS
#define UNKNOWN CORDON__CHECK_OUTCOME__CHECK_UNKNOWN

struct look {
	const struct gate_env *g;
	const Cordon__CheckRun *run;
	const struct kept_place *place;
	bool backups;
	struct gate_result *res;
	size_t trees, files;
	char unknown[512]; /* the first reason; "": none */
};

struct kept_place
gate_place(const Cordon__Settings *s)
{
	return (struct kept_place){.state_dir = s->state_dir,
	    .reader = {.key = s->order_key.data, .host_id = s->host_id,
	    .group = s->host_group}};
}

static void unknown(struct look *l, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

static void
unknown(struct look *l, const char *fmt, ...)
{
	va_list ap;

	if (l->unknown[0] != '\0')
		return;
	va_start(ap, fmt);
	vsnprintf(l->unknown, sizeof(l->unknown), fmt, ap);
	va_end(ap);
}

/* Is TREE in a folder of backup sets? */
static bool
is_backup(const Cordon__Settings *s, const char *tree)
{
	size_t i;

	for (i = 0; i < s->n_backup; i++)
		if (path_under(tree, s->backup[i]))
			return true;
	return false;
}

static const Cordon__TreeRef *
named(const Cordon__CheckRun *run, const char *tree)
{
	size_t i;

	for (i = 0; i < run->n_trees; i++)
		if (strcmp(run->trees[i]->tree, tree) == 0)
			return run->trees[i];
	return NULL;
}

/* The findings of one tree, with whole paths. */
static void
move_findings(struct findings *to, struct findings *from, const char *tree)
{
	char path[2 * PATH_LEN];
	size_t i;

	for (i = 0; i < from->n; i++) {
		snprintf(path, sizeof(path), "%s%s", tree,
		    from->item[i].object);
		findings_add(to, from->item[i].code, path,
		    from->item[i].was, from->item[i].now);
	}
	to->total += from->total - from->n;
	findings_done(from);
}

static int
compare_tree(struct look *l, const Cordon__TreeHead *head,
    struct findings *f, struct why *why)
{
	struct scan_result *now = NULL;
	struct manifest *m = NULL;
	char top[PATH_MAX];
	uint64_t bytes;
	int r;

	r = kept_open(l->place, head, &m, why);
	if (r != 0)
		return r;
	if (realpath(head->tree, top) == NULL) {
		findings_add(f, "tree.missing", "", "", "");
	} else {
		r = tree_read(top, &l->g->env->stop, &now, &bytes, why);
		if (r == 0 && manifest_compare(m, now->rec, now->n, f) != 0)
			r = why_set(why, ERR_IO, "%s cannot be compared",
			    head->tree);
		if (r == 0)
			l->files += now->n;
		scan_free(&now);
	}
	manifest_free(&m);
	return r;
}

/* A set is good for a restore only if it was written down in time. */
static void
check_age(struct look *l, const Cordon__TreeHead *head)
{
	const Cordon__Settings *s = l->g->env->settings;
	int64_t since = l->run->since_ms;

	if (since > 0 && head->made_ms >= since)
		findings_add(&l->res->findings, "backup.after-isolation",
		    head->tree, "", "");
	else if (since > 0 && s->backup_age_s > 0 &&
	    since - head->made_ms > (int64_t)s->backup_age_s * 1000)
		findings_add(&l->res->findings, "backup.old", head->tree,
		    "", "");
}

static int
look_at(void *arg, const Cordon__TreeHead *head, const struct why *bad)
{
	struct look *l = arg;
	const Cordon__TreeRef *ref;
	struct findings *f;
	struct why why;

	if (head == NULL) {
		unknown(l, "%s", bad->text);
		return 0;
	}
	ref = named(l->run, head->tree);
	if (is_backup(l->g->env->settings, head->tree) != l->backups ||
	    (l->run->only && ref == NULL))
		return 0;
	if (ref != NULL && ref->version > head->version) {
		unknown(l, "%s: version %" PRIu64 " is here, %" PRIu64
		    " was signed", head->tree, head->version, ref->version);
		return 0;
	}
	f = calloc(1, sizeof(*f));
	if (f == NULL)
		return ERR_NOMEM;
	l->trees++;
	if (compare_tree(l, head, f, &why) != 0)
		unknown(l, "%s", why.text);
	move_findings(&l->res->findings, f, head->tree);
	free(f);
	if (l->backups)
		check_age(l, head);
	return 0;
}

/* Is there a signed manifest of TREE, or of one below it? */
static bool
has_signed(const struct kept_place *p, const char *tree)
{
	Cordon__TreeHead *head = NULL;
	struct why why;

	if (kept_find(p, tree, &head, &why) != 0)
		return false;
	cordon__tree_head__free_unpacked(head, NULL);
	return true;
}

static int
below(void *arg, const Cordon__TreeHead *head, const struct why *bad)
{
	const char **tree = arg;

	(void)bad;
	if (head != NULL && *tree != NULL && path_under(head->tree, *tree))
		*tree = NULL;
	return 0;
}

/* Of what the settings declare and the run names, all must be there. */
static void
check_declared(struct look *l)
{
	const Cordon__Settings *s = l->g->env->settings;
	char **list = l->backups ? s->backup : s->data_tree;
	size_t n = l->backups ? s->n_backup : s->n_data_tree, i;
	const char *open;

	for (i = 0; i < n && !l->run->only; i++) {
		open = list[i];
		if (kept_each(l->place, below, &open) == 0 && open == NULL)
			continue;
		unknown(l, "%s: no signed manifest: cordonctl manifest make, "
		    "then sign, before anything happens", list[i]);
	}
	for (i = 0; i < l->run->n_trees; i++) {
		if (is_backup(s, l->run->trees[i]->tree) != l->backups ||
		    has_signed(l->place, l->run->trees[i]->tree))
			continue;
		unknown(l, "%s: its signed manifest has not come to this "
		    "host yet", l->run->trees[i]->tree);
	}
}

void
gate_trees(const struct gate_env *g, const Cordon__CheckRun *run,
    bool backups, struct gate_result *res)
{
	const struct kept_place place = gate_place(g->env->settings);
	struct look l = {.g = g, .run = run, .place = &place,
	    .backups = backups, .res = res};
	char good[160];

	if (kept_each(&place, look_at, &l) != 0)
		unknown(&l, "%s", "the signed manifests cannot be read");
	check_declared(&l);
	if (l.trees == 0 && run->only)
		snprintf(good, sizeof(good), "the tree that is asked about "
		    "is no %s", backups ? "backup set" : "tree of data");
	else if (l.trees == 0)
		snprintf(good, sizeof(good), "this host declares no %s, and "
		    "none has a signed manifest", backups ?
		    "folder of backups" : "tree of data");
	else
		snprintf(good, sizeof(good), "%zu files of %zu %s equal "
		    "their signed manifests", l.files, l.trees, backups ?
		    "backup sets" : "trees");
	gate_say_findings(res, "differences to signed manifests", good);
	if (res->outcome == PASS && l.unknown[0] != '\0')
		gate_say(res, UNKNOWN, "%s", l.unknown);
}
