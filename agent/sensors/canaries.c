/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Watching the canaries.  Runs on the data sensor's thread.  The list comes
 * from root and is still taken apart as foreign bytes; the files belong to
 * whoever owns the tree.
 */
#include "agent/sensors/canaries.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/sensors/before.h"
#include "agent/sensors/emit.h"
#include "agent/sensors/path.h"
#include "common/base/clock.h"
#include "common/base/digest.h"
#include "common/base/file.h"
#include "common/base/log.h"
#include "common/wire/unpack.h"

#define LIST_BYTES_MAX (CANARIES_MAX * (PATH_LEN + 64))

struct canary {
	uint64_t hash; /* of the path; sorted by it */
	char *path;
	uint8_t sha256[DIGEST_LEN];
	bool old;     /* taken away by ourselves */
	bool told;    /* it was touched, and that was told */
	int64_t doubt_ms; /* not as it was, since then; 0: it is */
	struct who *who;  /* who last had to do with it */
};

struct canaries {
	struct sensor_env *env;
	struct canary *at;
	size_t n, told;
	struct timespec list_ctime;
	int64_t check_ms; /* next check of all */
	bool doubts;
	char cause[ID_MAX]; /* last told; of processes of PARENT */
	char parent[WHO_TEXT_MAX + 16];
	int64_t cause_ms;
	uint8_t data[CANARY_SIZE_MAX];
};

static void
empty(struct canary *at, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++) {
		free(at[i].path);
		who_unref(&at[i].who);
	}
	free(at);
}

void
canaries_free(struct canaries **c)
{
	if (*c == NULL)
		return;
	empty((*c)->at, (*c)->n);
	free(*c);
	*c = NULL;
}

/* -- the list ---------------------------- */

static int
by_hash(const void *a, const void *b)
{
	const struct canary *x = a, *y = b;

	return x->hash < y->hash ? -1 : x->hash > y->hash;
}

static struct canary *
find(const struct canaries *c, const char *path)
{
	struct canary key = {.hash = before_hash(path)}, *hit;

	if (c->n == 0)
		return NULL;
	hit = bsearch(&key, c->at, c->n, sizeof(*c->at), by_hash);
	return hit != NULL && strcmp(hit->path, path) == 0 ? hit : NULL;
}

static bool
fill(struct canary *to, const Cordon__Canary *from)
{
	if (from->sha256.len != DIGEST_LEN || from->path.len == 0 ||
	    from->path.len >= PATH_LEN ||
	    memchr(from->path.data, '\0', from->path.len) != NULL)
		return false;
	to->path = strndup((const char *)from->path.data, from->path.len);
	if (to->path == NULL)
		return false;
	if (!path_clean(to->path)) {
		free(to->path);
		to->path = NULL;
		return false;
	}
	to->hash = before_hash(to->path);
	memcpy(to->sha256, from->sha256.data, DIGEST_LEN);
	to->old = from->old;
	return true;
}

/* What was told of one that is the same in the new list stays told. */
static void
carry_over(const struct canaries *c, struct canary *at, size_t n)
{
	const struct canary *was;
	size_t i;

	for (i = 0; i < n; i++) {
		was = find(c, at[i].path);
		if (was != NULL && memcmp(was->sha256, at[i].sha256,
		    DIGEST_LEN) == 0)
			at[i].told = was->told;
	}
}

static void
take_list(struct canaries *c, const Cordon__CanaryList *list)
{
	struct canary *at = NULL;
	size_t i, n = 0;

	if (list->n_canaries > CANARIES_MAX) {
		log_error("canaries: more than %d in the list", CANARIES_MAX);
		return;
	}
	at = calloc(list->n_canaries + 1, sizeof(*at));
	if (at == NULL)
		return;
	for (i = 0; i < list->n_canaries; i++)
		if (fill(&at[n], list->canaries[i]))
			n++;
		else
			log_error("canaries: an entry of no use");
	qsort(at, n, sizeof(*at), by_hash);
	carry_over(c, at, n);
	empty(c->at, c->n);
	c->at = at;
	c->n = n;
	log_info("%zu canaries in the list", n);
}

/* Read the list if it is another one than before. */
static void
refresh(struct canaries *c)
{
	const char *path = c->env->settings->canary_list;
	Cordon__CanaryList *list;
	struct stat st;
	struct buf b;
	struct why why;

	if (path[0] == '\0' || stat(path, &st) != 0 ||
	    (st.st_ctim.tv_sec == c->list_ctime.tv_sec &&
	    st.st_ctim.tv_nsec == c->list_ctime.tv_nsec))
		return;
	buf_init(&b, LIST_BYTES_MAX);
	if (file_read(path, &b, &why) != 0) {
		log_error("canaries: %s", why.text);
		goto done;
	}
	list = unpack(&cordon__canary_list__descriptor, b.data, b.len);
	if (list == NULL) {
		log_error("canaries: %s: not that message", path);
		goto done;
	}
	take_list(c, list);
	c->list_ctime = st.st_ctim;
	cordon__canary_list__free_unpacked(list, NULL);
done:
	buf_done(&b);
}

/* -- looking ---------------------------- */

enum state { CANARY_SAME, CANARY_CHANGED, CANARY_GONE, CANARY_UNREAD };

static enum state
look(struct canaries *c, const struct canary *one)
{
	uint8_t sum[DIGEST_LEN];
	struct stat st;
	enum state state = CANARY_CHANGED;
	size_t have = 0;
	ssize_t n = 0;
	int fd;

	fd = path_open(one->path, O_RDONLY | O_NONBLOCK);
	if (fd < 0)
		return errno == ENOENT || errno == ENOTDIR ? CANARY_GONE :
		    errno == ELOOP ? CANARY_CHANGED : CANARY_UNREAD;
	if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) ||
	    (uint64_t)st.st_size > sizeof(c->data))
		goto done;
	while (have < sizeof(c->data) && (n = read(fd, c->data + have,
	    sizeof(c->data) - have)) > 0)
		have += (size_t)n;
	digest_of(c->data, have, sum);
	if (n < 0)
		state = CANARY_UNREAD;
	else if (memcmp(sum, one->sha256, DIGEST_LEN) == 0)
		state = CANARY_SAME;
done:
	close(fd);
	return state;
}

const char *
canaries_cause(const struct canaries *c, const struct who *who)
{
	if (who == NULL || who->parents == 0 || c->cause[0] == '\0' ||
	    clock_boot_ms() - c->cause_ms > CANARIES_SAME_MS ||
	    strcmp(who->parent[0], c->parent) != 0)
		return NULL;
	return c->cause;
}

static void
remember_cause(struct canaries *c, const struct who *who)
{
	if (who == NULL || who->pid <= 0 || who->parents == 0)
		return;
	if (canaries_cause(c, who) == NULL) {
		who_cause_id(who, c->cause);
		snprintf(c->parent, sizeof(c->parent), "%s", who->parent[0]);
	}
	c->cause_ms = clock_boot_ms();
}

static void
tell(struct canaries *c, struct canary *one, const char *how,
    const struct who *who, const char *to)
{
	struct emit_signal s;

	if (one->told || c->told >= CANARIES_TOLD_MAX)
		return;
	one->told = true;
	c->told++;
	emit_init(&s, "data.canary", one->path);
	s.who = who;
	remember_cause(c, who);
	s.cause_id = canaries_cause(c, who);
	emit_add(&s, "how", how);
	if (to != NULL)
		emit_add(&s, "path.new", to);
	if (who == NULL)
		emit_add(&s, "found-by", "check");
	emit_send(c->env->out, &s);
}

/*
 * CLOSED: somebody has just finished writing it.  Otherwise it may be on
 * its way back, and is looked at again a moment later.
 */
static void
check(struct canaries *c, struct canary *one, bool closed)
{
	enum state state;

	if (one->old || one->told)
		return;
	state = look(c, one);
	if (state == CANARY_CHANGED && closed) {
		tell(c, one, "written", one->who, NULL);
	} else if (state == CANARY_SAME) {
		one->doubt_ms = 0;
	} else if (state != CANARY_UNREAD) { /* that the next check asks */
		if (one->doubt_ms == 0)
			one->doubt_ms = clock_boot_ms();
		c->doubts = true;
	}
}

/* PATH was moved to TO: back at once, or told at once. */
static void
moved_away(struct canaries *c, struct canary *one,
    const struct feed_event *ev)
{
	if (!one->old && !one->told && look(c, one) == CANARY_GONE)
		tell(c, one, "renamed", ev->who, ev->path);
}

void
canaries_event(struct canaries *c, const struct feed_event *ev)
{
	struct canary *one;

	if (ev->what & FEED_FOLDER)
		c->check_ms = 0; /* it may have held some of them */
	if (ev->from != NULL && find(c, ev->from) != NULL) {
		refresh(c);
		one = find(c, ev->from);
		if (one != NULL)
			moved_away(c, one, ev);
	}
	if (find(c, ev->path) == NULL)
		return;
	refresh(c); /* perhaps it is one of those we take away now */
	one = find(c, ev->path);
	if (one == NULL)
		return;
	if (ev->who != NULL) {
		who_unref(&one->who);
		one->who = who_ref(ev->who);
	}
	check(c, one, (ev->what & (FEED_WRITTEN | FEED_MOVED)) != 0);
}

/* Those that did not come back. */
static void
tell_doubtful(struct canaries *c, int64_t now_ms)
{
	struct canary *one;
	enum state state;
	bool more = false;

	for (one = c->at; one < c->at + c->n; one++) {
		if (one->doubt_ms == 0 || one->told || one->old)
			continue;
		if (now_ms - one->doubt_ms < CANARY_GONE_MS) {
			more = true;
			continue;
		}
		state = look(c, one);
		if (state == CANARY_GONE)
			tell(c, one, "deleted", one->who, NULL);
		else if (state == CANARY_CHANGED)
			tell(c, one, "written", one->who, NULL);
		one->doubt_ms = 0;
	}
	c->doubts = more;
}

struct canaries *
canaries_new(struct sensor_env *env)
{
	struct canaries *c = calloc(1, sizeof(*c));

	if (c != NULL)
		c->env = env;
	return c;
}

void
canaries_tick(struct canaries *c, int64_t now_ms)
{
	size_t i;

	refresh(c);
	if (now_ms >= c->check_ms) {
		c->told = 0;
		for (i = 0; i < c->n; i++)
			check(c, &c->at[i], false);
		c->check_ms = now_ms + CANARY_CHECK_MS;
	}
	if (c->doubts)
		tell_doubtful(c, now_ms);
}
