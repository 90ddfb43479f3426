/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A sweep over the index of files.  On a job thread of the sensors process;
 * the files sensor waits to change its index for as long as it is searched,
 * and goes on collecting events meanwhile.
 */
#include <string.h>
#include <sys/stat.h>

#include "agent/sensors/held.h"
#include "agent/sensors/path.h"
#include "agent/sensors/sweep_int.h"
#include "common/base/text.h"

#define WILD "*?"
#define REACH(x) CORDON__SWEEP_REACH__SWEEP_REACH_##x

/* -- how far the index reaches ---------------------------- */

static bool
indexed(const struct sweep *s, const char *path)
{
	return (roots_has(s->env->roots, path) ||
	    roots_is_own(s->env->roots, path)) &&
	    !ignore_has(s->env->ignore, path);
}

/* Is a tree of ours below TOP? */
static bool
above_a_tree(const struct sweep *s, const char *top)
{
	const struct roots *r = s->env->roots;
	size_t i;

	for (i = 0; i < r->n; i++)
		if (path_under(r->path[i], top))
			return true;
	return false;
}

/* The folder above the first wildcard: nothing elsewhere fits. */
static void
literal_top(const char *pattern, char top[PATH_LEN])
{
	size_t len = strcspn(pattern, WILD);

	while (len > 1 && pattern[len - 1] != '/')
		len--;
	if (len > 1)
		len--; /* the slash */
	memcpy(top, pattern, len);
	top[len] = '\0';
}

static void
set_reach(struct sweep *s, bool content, const char *top, bool wild)
{
	if (content)
		s->answer.reach = indexed(s, "/") && s->answer.unhashed == 0 ?
		    REACH(ALL) : REACH(PART);
	else if (indexed(s, top))
		s->answer.reach = REACH(ALL);
	else
		s->answer.reach = wild && above_a_tree(s, top) ?
		    REACH(PART) : REACH(NONE);
}

static void
list_trees(struct sweep *s)
{
	const struct roots *r = s->env->roots;
	size_t i;

	s->answer.trees = s->tree;
	for (i = 0; i < r->watched && i < SWEEP_TREES_MAX; i++)
		s->tree[s->answer.n_trees++] = sweep_quote(s, r->path[i]);
}

/* -- searching ---------------------------- */

static void
add_file(struct sweep *s, const char *path, const struct entry *e)
{
	struct sweep_row *row = sweep_add(s);

	if (row == NULL)
		return;
	row->msg.object = sweep_quote(s, path);
	if ((S_ISREG(e->mode) || S_ISLNK(e->mode)) &&
	    !(e->flags & ENTRY_UNREAD)) {
		/* The index may change before the answer is packed. */
		memcpy(row->sha256, e->sha256, DIGEST_LEN);
		row->msg.sha256.data = row->sha256;
		row->msg.sha256.len = DIGEST_LEN;
	}
	row->msg.ends = (e->flags & ENTRY_PARTIAL) != 0;
	row->msg.mode = e->mode;
	row->msg.uid = e->uid;
	row->msg.gid = e->gid;
	row->msg.size = e->size;
	row->msg.changed_ms = e->mtime_ns / 1000000;
}

static int
has_content(void *arg, const char *path, const struct entry *e)
{
	struct sweep *s = arg;

	if (!S_ISREG(e->mode))
		return 0;
	s->answer.unhashed += (e->flags & (ENTRY_UNREAD | ENTRY_PARTIAL)) != 0;
	if (!(e->flags & ENTRY_UNREAD) &&
	    memcmp(e->sha256, s->ask->sha256.data, DIGEST_LEN) == 0)
		add_file(s, path, e);
	return 0;
}

static int
has_path(void *arg, const char *path, const struct entry *e)
{
	struct sweep *s = arg;

	if (text_glob(s->ask->text, path))
		add_file(s, path, e);
	return 0;
}

static void
search(struct sweep *s, const struct baseline *b, const char *top, bool wild)
{
	struct entry e;

	if (s->ask->kind == CORDON__SWEEP_KIND__SWEEP_SHA256)
		baseline_each(b, "/", has_content, s);
	else if (wild)
		baseline_each(b, top, has_path, s);
	else if (baseline_get(b, s->ask->text, &e))
		add_file(s, s->ask->text, &e);
}

void
sweep_files(struct sweep *s)
{
	bool content = s->ask->kind == CORDON__SWEEP_KIND__SWEEP_SHA256;
	bool wild = !content && strpbrk(s->ask->text, WILD) != NULL;
	const struct baseline *b;
	char top[PATH_LEN] = "/";
	size_t i;

	if (wild)
		literal_top(s->ask->text, top);
	else if (!content)
		strcpy(top, s->ask->text); /* within ASK_PATH_MAX */
	list_trees(s);
	b = held_files_begin(s->env->held, &s->answer.looked_ms);
	if (b == NULL) {
		sweep_cannot(s, "the first scan since the agent started is "
		    "not done yet");
		return;
	}
	s->answer.looked = baseline_count(b);
	if (s->env->blind != NULL)
		s->answer.blind = blind_count(s->env->blind);
	search(s, b, top, wild);
	baseline_rest(b);
	held_files_done(s->env->held);
	set_reach(s, content, top, wild);
	for (i = 0; i < s->answer.n_rows; i++)
		s->row[i].msg.owner = sweep_owner(s, s->row[i].msg.uid);
}
