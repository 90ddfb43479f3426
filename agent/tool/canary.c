/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * cordon-agent canaries keep|list|remove: the files in data trees that
 * nobody has a reason to touch.  Runs as root, by its timer or by hand, for
 * a moment: so no process of the agent that runs all the time may write
 * into the trees.  Which files they are stands in one list that only root
 * reads (and the sensors, who may read everything); it is written before
 * anything is made and after, so that nothing of ours is ever forgotten.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "agent/links/ipc.h"
#include "agent/links/ipc.pb-c.h"
#include "agent/tool/canary_place.h"
#include "agent/tool/program.h"
#include "agent/tool/tool.h"
#include "common/base/clock.h"
#include "common/base/file.h"
#include "common/base/log.h"
#include "common/wire/pack.h"
#include "common/wire/unpack.h"

#define CANARIES_MAX 1024
#define TREES_MAX 16
#define TREES_BYTES (64 * 1024)
#define LIST_BYTES (CANARIES_MAX * (PATH_MAX + 64))
#define RENEW_MS (7 * 24 * 3600 * 1000LL)

struct one {
	struct canary_file file;
	int64_t made_ms;
	bool old;
};

struct canaries {
	char path[PATH_MAX]; /* of the list */
	struct one *at;
	size_t n;
	char trees[TREES_BYTES], *tree[TREES_MAX];
	size_t ntrees, folders;
	unsigned int made, gone, changed; /* for the last line */
};

/* -- the list ---------------------------- */

static int
read_list(struct canaries *c, struct why *why)
{
	Cordon__CanaryList *list;
	const Cordon__Canary *m;
	struct one *o;
	struct buf b;
	size_t i;
	int r;

	buf_init(&b, LIST_BYTES);
	r = file_read(c->path, &b, why);
	if (r != 0) {
		buf_done(&b);
		return r == ERR_NOENT ? 0 : r;
	}
	list = unpack(&cordon__canary_list__descriptor, b.data, b.len);
	buf_done(&b);
	if (list == NULL)
		return why_set(why, ERR_CORRUPT, "%s: no list of canaries",
		    c->path);
	for (i = 0; i < list->n_canaries && c->n < CANARIES_MAX; i++) {
		m = list->canaries[i];
		o = &c->at[c->n];
		if (m->path.len == 0 || m->path.len >= PATH_MAX ||
		    m->path.data[0] != '/' || m->sha256.len != DIGEST_LEN)
			continue;
		memcpy(o->file.path, m->path.data, m->path.len);
		o->file.path[m->path.len] = '\0';
		memcpy(o->file.sha256, m->sha256.data, DIGEST_LEN);
		o->made_ms = m->made_ms;
		o->old = m->old;
		c->n++;
	}
	cordon__canary_list__free_unpacked(list, NULL);
	return 0;
}

static int
write_list(const struct canaries *c, struct why *why)
{
	Cordon__CanaryList list = CORDON__CANARY_LIST__INIT;
	Cordon__Canary *m = calloc(c->n + 1, sizeof(*m));
	Cordon__Canary **all = calloc(c->n + 1, sizeof(*all));
	struct buf b;
	size_t i;
	int r = ERR_NOMEM;

	buf_init(&b, LIST_BYTES);
	if (m == NULL || all == NULL)
		goto done;
	for (i = 0; i < c->n; i++) {
		cordon__canary__init(&m[i]);
		m[i].path.data = (uint8_t *)c->at[i].file.path;
		m[i].path.len = strlen(c->at[i].file.path);
		m[i].sha256.data = c->at[i].file.sha256;
		m[i].sha256.len = DIGEST_LEN;
		m[i].made_ms = c->at[i].made_ms;
		m[i].old = c->at[i].old;
		all[i] = &m[i];
	}
	list.canaries = all;
	list.n_canaries = c->n;
	r = pack(&list.base, &b);
	if (r == 0)
		r = file_write(c->path, b.data, b.len, 0600, why);
done:
	if (r == ERR_NOMEM)
		why_set(why, r, "canaries");
	buf_done(&b);
	free(all);
	free(m);
	return r;
}

/* -- keeping ---------------------------- */

static bool
below(const char *path, const char *dir)
{
	size_t n = strlen(dir);

	return strncmp(path, dir, n) == 0 && path[n] == '/';
}

static bool
in_trees(const struct canaries *c, const char *path)
{
	size_t i;

	for (i = 0; i < c->ntrees; i++)
		if (below(path, c->tree[i]))
			return true;
	return false;
}

/* Which of them are to go: too old, changed, of no tree any more. */
static void
sort_out(struct canaries *c, int64_t now)
{
	struct one *o;

	for (o = c->at; o < c->at + c->n; o++) {
		int r = place_check(&o->file);

		if (r == ERR_CRYPTO && !o->old) {
			c->changed++;
			log_warn("%s is not as it was made; it is left as it "
			    "is", o->file.path);
		}
		c->gone += r == ERR_NOENT && !o->old;
		if (r != 0 || !in_trees(c, o->file.path) ||
		    now - o->made_ms > RENEW_MS || now < o->made_ms)
			o->old = true;
	}
}

/* Does a good one stand in folder DIR, at that end of its names? */
static bool
has(const struct canaries *c, const struct place *p, bool last)
{
	const char *name;
	size_t i;

	for (i = 0; i < c->n; i++) {
		if (c->at[i].old || !below(c->at[i].file.path, p->path))
			continue;
		name = c->at[i].file.path + strlen(p->path) + 1;
		if (strchr(name, '/') == NULL &&
		    strcmp(name, last ? p->last : p->first) == 0)
			return true;
	}
	return false;
}

/* One more; in the list first as one that says nothing yet. */
static int
make_one(struct canaries *c, const struct place *p, bool last,
    struct why *why)
{
	struct one *o = &c->at[c->n];
	struct buf body;
	int r;

	if (c->n == CANARIES_MAX || has(c, p, last))
		return 0;
	memset(o, 0, sizeof(*o));
	buf_init(&body, CANARY_BODY_MAX);
	r = place_plan(p, last, &o->file, &body);
	if (r != 0) {
		why_set(why, r, "canary for %s: %s", p->path, err_str(r));
		goto done;
	}
	o->made_ms = clock_wall_ms();
	o->old = true;
	c->n++;
	r = write_list(c, why);
	if (r == 0)
		r = place_make(p, &o->file, &body, why);
	if (r == 0) {
		o->old = false;
		c->made++;
	}
done:
	buf_done(&body);
	return r;
}

static int
keep_tree(struct canaries *c, const char *tree)
{
	struct place *place = calloc(c->folders + 1, sizeof(*place));
	struct why why;
	size_t n, i;
	int r = 0, failed = 0;

	if (place == NULL)
		return ERR_NOMEM;
	n = place_find(tree, c->folders, place);
	if (n == 0)
		log_warn("data tree %s: not there", tree);
	for (i = 0; i < n * 2; i++) {
		r = make_one(c, &place[i / 2], i % 2 == 1, &why);
		if (r != 0) {
			log_error("%s", why.text);
			failed = r;
		}
	}
	free(place);
	return failed;
}

/* Take away the old ones; the list says so before and after. */
static int
drop_old(struct canaries *c, struct why *why)
{
	size_t i, kept = 0;
	int r = write_list(c, why);

	for (i = 0; r == 0 && i < c->n; i++) {
		if (c->at[i].old && place_remove(&c->at[i].file) != ERR_IO)
			continue; /* gone, or no longer ours */
		c->at[kept++] = c->at[i];
	}
	if (r != 0)
		return r;
	c->n = kept;
	return write_list(c, why);
}

/* -- commands ---------------------------- */

static int
read_trees(struct tool *t, struct canaries *c)
{
	char number[16], yes[16], real[PATH_MAX], *line, *at = c->trees;
	int rc;

	rc = program_setting(t, "canaries", yes, sizeof(yes));
	if (rc == TOOL_DONE)
		rc = program_setting(t, "canary_folders", number,
		    sizeof(number));
	if (rc == TOOL_DONE)
		rc = program_setting(t, "tree", c->trees,
		    sizeof(c->trees));
	if (rc != TOOL_DONE)
		return rc;
	c->folders = (size_t)atoi(number);
	if (c->folders >= PLACE_FOLDERS_MAX)
		c->folders = PLACE_FOLDERS_MAX - 1;
	while (strcmp(yes, "yes") == 0 && (line = strsep(&at, "\n")) != NULL) {
		if (line[0] != '/')
			continue;
		if (c->ntrees == TREES_MAX || realpath(line, real) == NULL) {
			log_warn("data tree %s: left out", line);
			continue;
		}
		c->tree[c->ntrees] = strdup(real);
		if (c->tree[c->ntrees] != NULL)
			c->ntrees++;
	}
	return TOOL_DONE;
}

static int
keep(struct tool *t, struct canaries *c)
{
	struct why why;
	size_t i;
	int rc = read_trees(t, c), failed = 0;

	if (rc != TOOL_DONE)
		return rc;
	if (c->n == 0 && c->ntrees == 0)
		return TOOL_DONE;
	/* The old ones first: the new ones are to be first in their place. */
	sort_out(c, clock_wall_ms());
	if (drop_old(c, &why) != 0) {
		log_error("%s", why.text);
		return TOOL_FAILED;
	}
	for (i = 0; i < c->ntrees; i++)
		if (keep_tree(c, c->tree[i]) != 0)
			failed = TOOL_FAILED;
	if (write_list(c, &why) != 0) {
		log_error("%s", why.text);
		return TOOL_FAILED;
	}
	log_info("%zu canaries in %zu data trees: %u new, %u were gone, %u "
	    "were changed", c->n, c->ntrees, c->made, c->gone, c->changed);
	return failed;
}

static int
take_away(struct canaries *c)
{
	struct why why;
	size_t i;

	for (i = 0; i < c->n; i++)
		c->at[i].old = true;
	if (c->n == 0)
		return TOOL_DONE;
	if (drop_old(c, &why) != 0) {
		log_error("%s", why.text);
		return TOOL_FAILED;
	}
	if (c->n > 0) {
		log_error("%zu canaries could not be removed", c->n);
		return TOOL_FAILED;
	}
	return unlink(c->path) == 0 ? TOOL_DONE : TOOL_FAILED;
}

static int
list(const struct canaries *c)
{
	char text[PATH_MAX + 16], when[CLOCK_TEXT_MAX];
	size_t i;
	int r;

	for (i = 0; i < c->n; i++) {
		r = place_check(&c->at[i].file);
		printf("%-8s %s  %s\n", r == 0 ? "good" :
		    r == ERR_NOENT ? "gone" : "changed",
		    clock_format(when, c->at[i].made_ms, false),
		    log_quote(text, sizeof(text), c->at[i].file.path,
			strlen(c->at[i].file.path)));
	}
	return TOOL_DONE;
}

int
tool_canaries(struct tool *t)
{
	struct canaries *c = calloc(1, sizeof(*c));
	struct why why;
	int rc, lock = -1;
	size_t i;

	rc = program_folders(t);
	if (rc != TOOL_DONE)
		goto done;
	rc = TOOL_FAILED;
	if (c == NULL || (c->at = calloc(CANARIES_MAX, sizeof(*c->at))) ==
	    NULL || file_join(c->path, sizeof(c->path), t->state,
	    AGENT_CANARY_LIST) != 0) {
		log_error("out of memory");
		goto done;
	}
	/* The folder is root's: nobody else can hold this lock. */
	if (file_lock_dir(t->state, &lock, &why) != 0 ||
	    read_list(c, &why) != 0) {
		log_error("%s", why.text);
		goto done;
	}
	if (strcmp(t->file, "keep") == 0)
		rc = keep(t, c);
	else if (strcmp(t->file, "remove") == 0)
		rc = take_away(c);
	else if (strcmp(t->file, "list") == 0)
		rc = list(c);
	else
		rc = TOOL_USAGE;
	if (rc == TOOL_USAGE)
		fputs("cordon-agent: canaries keep, list or remove\n", stderr);
done:
	if (lock >= 0)
		close(lock);
	for (i = 0; c != NULL && i < c->ntrees; i++)
		free(c->tree[i]);
	if (c != NULL)
		free(c->at);
	free(c);
	return rc;
}
