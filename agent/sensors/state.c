/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The state sensor.  On its own thread; what the sources read is foreign,
 * what they tell is quoted by them.
 */
#include "agent/sensors/state.h"

#include <inttypes.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "agent/sensors/emit.h"
#include "agent/sensors/findings.h"
#include "agent/sensors/held.h"
#include "agent/sensors/path.h"
#include "agent/state/nl.h"
#include "agent/state/source.h"
#include "common/base/clock.h"
#include "common/base/file.h"
#include "common/base/log.h"

#define KEPT_MAX (8 * 1024 * 1024) /* bytes of one file */
#define STACK (256 * 1024)
#define GRID_MS 15000 /* looks at one time cost less than each at its own */
/*
 * Files that events are seen of are also looked at now and then, but for
 * no more than a part in so many of a core, and at most so late.
 */
#define POLL_SHARE 50000
#define POLL_MAX_MS (10 * 60 * 1000)
#define EVENT_MS 1500 /* so much later than the change an event may come */

/* One source and what it said last. */
struct part {
	const struct state_source *source;
	struct facts *facts; /* NULL: never read */
	int64_t next_ms;     /* boot: of the next look */
	bool on_disk;	     /* all its paths are files that give events */
	int64_t kept_ms;     /* boot: when they were written */
	bool dirty;	     /* a path of it changed */
	bool unkept;	     /* newer than what is on disk */
	bool now_keep;	     /* and something of it was told */
	bool unreadable;     /* told */
	bool away;	     /* FACTS are of a process before us */
	bool late;	     /* found by a poll, its event may still come */
};

struct state {
	struct sensor *s;
	struct state_env env;
	struct part part[STATE_SOURCES_MAX];
	size_t n;
	bool rested;
	struct tap_item *items; /* of this turn */
	struct findings *findings;
	/* Of the look that goes on. */
	struct part *now;
	char cause[ID_MAX];
	const char *found_by;
	struct state_told *told[STATE_FOUND_MAX]; /* owned */
	size_t ntold, sent, more;
	struct buf first; /* sources read for the first time, in words */
	uint64_t first_facts;
};

static bool
is_left_out(const Cordon__Settings *s, const char *name)
{
	size_t i;

	for (i = 0; i < s->n_state_without; i++)
		if (strcmp(s->state_without[i], name) == 0 ||
		    strcmp(s->state_without[i], "all") == 0)
			return true;
	return false;
}

int
state_listen(struct tap *tap, const Cordon__Settings *settings)
{
	const char *const *path;
	size_t i;
	int r = 0;

	for (i = 0; state_sources[i] != NULL; i++) {
		path = state_sources[i]->paths;
		if (path == NULL ||
		    is_left_out(settings, state_sources[i]->name))
			continue;
		for (; *path != NULL && r == 0; path++)
			r = tap_add(tap, *path);
	}
	return r;
}

/* -- who did it ---------------------------- */

static bool
is_of(const struct state_source *source, const char *path)
{
	const char *const *p = source->paths;

	for (; p != NULL && *p != NULL; p++)
		if (tap_fits(*p, path))
			return true;
	return false;
}

/*
 * Whoever wrote PATH or moved a folder above it, one who is no package
 * manager first; else whoever changed anything of the source, if that was
 * one only.
 */
static struct who *
find_who(const struct state *st, const char *path, unsigned int *writers)
{
	const struct tap_item *it, *of = NULL, *drop_in = NULL;
	size_t n = strlen(path);
	struct who *only = NULL;
	bool several = false;

	for (it = st->items; it != NULL; it = it->next) {
		if (it->who == NULL)
			continue;
		if (path[0] != '\0' && path_under(path, it->path) &&
		    (of == NULL || txn_below(of->who)))
			of = it;
		/* "x.conf.d/y" says what x.conf is: its deepest file. */
		if (n > 0 && strncmp(it->path, path, n) == 0 &&
		    (drop_in == NULL || strlen(it->path) >
		    strlen(drop_in->path)))
			drop_in = it;
		if (!is_of(st->now->source, it->path))
			continue;
		several |= only != NULL && only->pid != it->who->pid;
		only = it->who;
	}
	if (of == NULL && several)
		of = drop_in;
	if (of == NULL)
		return several ? NULL : only;
	*writers = of->writers;
	return of->who;
}

/* A fact can name the process itself.  Counted for the caller. */
static struct who *
find_pid(const struct state *st, pid_t pid)
{
	int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	struct who *who = who_find(st->s->env->who, pid, pidfd);

	if (pidfd >= 0)
		close(pidfd);
	return who;
}

/* -- telling ---------------------------- */

/* What is told of the same thing in one look becomes one signal. */
static bool
fold(struct state *st, const struct state_told *new)
{
	struct state_told *t;
	size_t i, have, more = strlen(new->text);

	for (i = 0; i < st->ntold; i++) {
		t = st->told[i];
		have = strlen(t->text);
		if (strcmp(t->kind, new->kind) != 0 ||
		    strcmp(t->object, new->object) != 0 ||
		    strcmp(t->path, new->path) != 0)
			continue;
		if (have + more + 3 < sizeof(t->text)) {
			memcpy(t->text + have, "; ", 2);
			memcpy(t->text + have + 2, new->text, more + 1);
		} else if (strcmp(t->text + have - 3, "...") != 0 &&
		    have + 6 < sizeof(t->text)) {
			memcpy(t->text + have, "; ...", 6);
		}
		if (new->severity > t->severity)
			t->severity = new->severity;
		return true;
	}
	return false;
}

static void
on_change(void *arg, const struct fact_change *c)
{
	struct state *st = arg;
	struct state_told told, *copy;

	memset(&told, 0, sizeof(told));
	if (!st->now->source->tell(c, &told) || fold(st, &told))
		return;
	copy = st->ntold < STATE_FOUND_MAX ? malloc(sizeof(*copy)) : NULL;
	if (copy == NULL) {
		st->more++;
		return;
	}
	*copy = told;
	st->told[st->ntold++] = copy;
}

static void
tell_one(struct state *st, const struct state_told *told, bool first)
{
	unsigned int writers = 0;
	struct who *named;
	struct finding one = {.source = st->now->source, .kind = told->kind,
	    .found_by = st->found_by, .object = told->object,
	    .text = told->text, .path = told->path, .cause = st->cause,
	    .severity = told->severity, .first = first};

	named = told->pid > 0 ? find_pid(st, told->pid) : NULL;
	one.who = named != NULL ? named : find_who(st, told->path, &writers);
	one.writers = writers;
	findings_take(st->findings, &one, STATE_SIGNALS_MAX, &st->sent,
	    &st->more);
	who_unref(&named);
}

static void
tell_more(struct state *st)
{
	struct emit_signal s;

	if (st->more == 0)
		return;
	emit_init(&s, "facts.many", st->now->source->name);
	emit_addf(&s, "not-told", "%zu", st->more);
	s.cause_id = st->cause;
	emit_send(st->s->env->out, &s);
}

static void
tell_unreadable(struct state *st, const char *why)
{
	struct emit_signal s;

	if ((why != NULL) == st->now->unreadable)
		return;
	st->now->unreadable = why != NULL;
	emit_init(&s, why != NULL ? "facts.unreadable" : "facts.readable",
	    st->now->source->name);
	if (why != NULL)
		emit_add(&s, "reason", why);
	emit_send(st->s->env->out, &s);
}

/* All that was read for the first time in this turn, as one signal. */
static void
tell_first(struct state *st)
{
	struct emit_signal s;

	if (st->first.len == 0)
		return;
	emit_init(&s, "facts.baseline", "/");
	emit_addf(&s, "facts", "%" PRIu64, st->first_facts);
	emit_add(&s, "sources", buf_str(&st->first) != NULL ?
	    buf_str(&st->first) : "");
	emit_send(st->s->env->out, &s);
	log_info("state: %" PRIu64 " facts at the first look",
	    st->first_facts);
	buf_clear(&st->first);
	st->first_facts = 0;
}

/* -- kept on disk ---------------------------- */

static int
kept_path(const struct state *st, const struct part *p, char *out)
{
	char name[64];

	snprintf(name, sizeof(name), STATE_FILE "%s", p->source->name);
	return file_join(out, PATH_LEN, st->s->env->settings->state_dir,
	    name);
}

static void
keep(struct state *st, struct part *p)
{
	char path[PATH_LEN];
	struct why why;
	struct buf b;
	int r;

	buf_init(&b, KEPT_MAX);
	why_set(&why, 0, "facts: no room");
	r = facts_pack(p->facts, &b);
	if (r == 0)
		r = kept_path(st, p, path);
	if (r == 0)
		r = file_write(path, b.data, b.len, 0600, &why);
	if (r != 0)
		log_error("%s", why.text);
	buf_done(&b);
	p->unkept = p->now_keep = false;
	p->kept_ms = clock_boot_ms();
}

static void
tell_corrupt(struct state *st, const char *path, int code)
{
	struct emit_signal s;

	log_error("%s: %s", path, err_str(code));
	emit_init(&s, "agent.self-changed", path);
	emit_add(&s, "reason", err_str(code));
	emit_send(st->s->env->out, &s);
}

static void
load(struct state *st, struct part *p)
{
	char path[PATH_LEN];
	struct buf b;
	int r;

	if (kept_path(st, p, path) != 0)
		return;
	buf_init(&b, KEPT_MAX);
	r = file_read(path, &b, NULL);
	if (r == 0)
		r = facts_unpack(b.data, b.len, &p->facts);
	if (r != 0 && r != ERR_NOENT)
		tell_corrupt(st, path, r);
	p->away = r == 0;
	buf_done(&b);
}

/* -- looking ---------------------------- */

static int
read_facts(struct state *st, struct part *p, struct facts **out,
    struct why *why)
{
	struct facts *f = facts_new();
	int r;

	if (f == NULL)
		return why_set(why, ERR_NOMEM, "facts");
	st->env.was = p->facts;
	r = p->source->read(&st->env, f, why);
	if (r == 0 && p->facts != NULL) {
		r = facts_inherit(f, p->facts);
		why_set(why, r, "facts of before");
	}
	if (r == 0 && (r = facts_seal(f)) != 0)
		why_set(why, r, "facts");
	if (r == 0)
		*out = f;
	else
		facts_free(&f);
	return r;
}

static void
count_change(void *arg, const struct fact_change *c)
{
	(void)c;
	(*(size_t *)arg)++;
}

/* IS is what is so now; takes it. */
static void
compare_take(struct state *st, struct part *p, struct facts *is)
{
	bool first = p->facts == NULL, any;
	size_t changes = 0, i;

	st->ntold = st->sent = st->more = 0;
	id_new(st->cause, "U", 10);
	st->found_by = first ? "first look" : p->away ? "after downtime" :
	    p->dirty ? "event" : "poll";
	facts_diff(p->facts, is, on_change, st);
	any = st->ntold > 0;
	for (i = 0; i < st->ntold; i++) {
		tell_one(st, st->told[i], first);
		free(st->told[i]);
	}
	tell_more(st);
	facts_diff(p->facts, is, count_change, &changes);
	p->unkept |= changes > 0 || first;
	if (first) {
		buf_printf(&st->first, "%s%s %zu", st->first.len > 0 ?
		    ", " : "", p->source->name, facts_count(is));
		st->first_facts += facts_count(is);
	}
	held_facts_take(st->s->env->held, p->source->name, &p->facts, is);
	p->away = false;
	/* What waits to be told must be found again if we die before. */
	p->now_keep |= first || any;
	if (p->unkept && !findings_wait(st->findings) && (p->now_keep ||
	    clock_boot_ms() >= p->kept_ms + STATE_KEEP_MS))
		keep(st, p);
}

static int64_t
thread_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
	return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

/* When to look at P again that took TOOK_US. */
static int64_t
next_look(const struct state *st, const struct part *p, int64_t took_us)
{
	int64_t wait = p->source->every_s * 1000LL;
	int64_t fair = took_us * POLL_SHARE / 1000;

	if (p->on_disk && tap_sees(st->s->env->tap) && fair > wait)
		wait = fair < POLL_MAX_MS ? fair : POLL_MAX_MS;
	return (clock_boot_ms() + wait) / GRID_MS * GRID_MS;
}

/*
 * A poll that meets a change before its event would name nobody: it looks
 * again when that must have come.
 */
static bool
is_early(const struct state *st, const struct part *p,
    const struct facts *is)
{
	size_t changes = 0;

	if (p->facts == NULL || p->away || p->dirty || p->late ||
	    p->source->paths == NULL || !tap_sees(st->s->env->tap))
		return false;
	facts_diff(p->facts, is, count_change, &changes);
	return changes > 0;
}

static void
look(struct state *st, struct part *p)
{
	struct facts *is = NULL;
	bool first = p->facts == NULL; /* reads what later looks remember */
	int64_t start = thread_us();
	const char *missed;
	struct why why;
	int r;

	st->now = p;
	why.text[0] = '\0';
	r = read_facts(st, p, &is, &why);
	if (r == 0 && is_early(st, p, is)) {
		facts_free(&is);
		p->late = true;
		p->next_ms = clock_boot_ms() + EVENT_MS;
		return;
	}
	p->late = false;
	if (r == 0) {
		compare_take(st, p, is);
		missed = facts_first_missed(is);
		if (missed != NULL)
			r = why_set(&why, ERR_IO, "could not be read: %s",
			    missed);
	}
	tell_unreadable(st, r == 0 ? NULL : why.text);
	p->dirty = false;
	p->next_ms = next_look(st, p, first ? 0 : thread_us() - start);
}

static void
take_items(struct state *st)
{
	const struct tap_item *it;
	bool lost = false;
	size_t i;

	tap_items_free(&st->items);
	st->items = tap_take(st->s->env->tap, &lost);
	for (it = st->items; it != NULL; it = it->next)
		findings_changed(st->findings, it->path, it->who);
	for (i = 0; i < st->n; i++) {
		st->part[i].dirty = lost && st->part[i].source->paths != NULL;
		for (it = st->items; it != NULL && !st->part[i].dirty;
		    it = it->next)
			st->part[i].dirty = is_of(st->part[i].source,
			    it->path);
	}
}

/* -- the sensor ---------------------------- */

/* What waited for the end of a package transaction. */
static void
settle(struct state *st, int64_t *next)
{
	int64_t soon = clock_boot_ms() + FINDINGS_POLL_MS;
	size_t i;

	if (!findings_wait(st->findings))
		return;
	findings_turn(st->findings);
	for (i = 0; i < st->n && !findings_wait(st->findings); i++)
		if (st->part[i].unkept && st->part[i].now_keep)
			keep(st, &st->part[i]);
	if (findings_wait(st->findings) && soon < *next)
		*next = soon;
}

static void
state_on_timer(struct sensor *s)
{
	struct state *st = s->state;
	int64_t next = clock_boot_ms() + 3600 * 1000LL;
	size_t i;

	take_items(st);
	for (i = 0; i < st->n && !atomic_load(&s->env->stop); i++) {
		struct part *p = &st->part[i];

		if (p->dirty || clock_boot_ms() >= p->next_ms)
			look(st, p);
		if (p->next_ms < next)
			next = p->next_ms;
	}
	tell_first(st);
	tap_items_free(&st->items);
	settle(st, &next);
	if (!st->rested)
		malloc_trim(0); /* the first look takes most */
	st->rested = true;
	s->due_ms = next;
}

/* The watch thread has news: a moment later all of it is there. */
static void
state_on_fd(struct sensor *s)
{
	int64_t soon = clock_boot_ms() + STATE_DELAY_MS;
	uint64_t n;

	if (read(s->fd, &n, sizeof(n)) == (ssize_t)sizeof(n) &&
	    (s->due_ms == 0 || soon < s->due_ms))
		s->due_ms = soon;
}

/* A name in the settings that is none: not fatal, but said. */
static void
check_names(const Cordon__Settings *s)
{
	size_t i, k;

	for (i = 0; i < s->n_state_without; i++) {
		for (k = 0; state_sources[k] != NULL &&
		    strcmp(state_sources[k]->name, s->state_without[i]) != 0;
		    k++)
			;
		if (state_sources[k] == NULL &&
		    strcmp(s->state_without[i], "all") != 0)
			log_warn("[state] leave_out: there is no source %s",
			    s->state_without[i]);
	}
}

/* Of the kernel's own files no event tells all. */
static bool
is_on_disk(const struct state_source *source)
{
	const char *const *path = source->paths;

	for (; path != NULL && *path != NULL; path++)
		if (path_under(*path, "/proc") || path_under(*path, "/sys"))
			return false;
	return path != NULL;
}

static int
state_start(struct sensor *s, struct why *why)
{
	const Cordon__Settings *settings = s->env->settings;
	struct state *st = calloc(1, sizeof(*st));
	size_t i;
	int r;

	if (st == NULL)
		return why_set(why, ERR_NOMEM, "state sensor");
	s->state = st;
	st->s = s;
	st->env = (struct state_env){.root = "",
	    .route_fd = nl_open(NETLINK_ROUTE, why),
	    .diag_fd = nl_open(NETLINK_SOCK_DIAG, why),
	    .own_dir = settings->own_dir};
	buf_init(&st->first, EMIT_VALUE_MAX);
	r = findings_new(s->env, &st->findings, why);
	if (r != 0)
		return r;
	check_names(settings);
	for (i = 0; state_sources[i] != NULL; i++) {
		if (is_left_out(settings, state_sources[i]->name))
			continue;
		if (st->n == STATE_SOURCES_MAX)
			return why_set(why, ERR_LIMIT, "too many sources");
		st->part[st->n].source = state_sources[i];
		st->part[st->n].on_disk = is_on_disk(state_sources[i]);
		load(st, &st->part[st->n++]);
	}
	s->fd = tap_fd(s->env->tap);
	s->due_ms = st->n > 0 ? clock_boot_ms() : 0;
	return 0;
}

static void
state_stop(struct sensor *s)
{
	struct state *st = s->state;
	bool again;
	size_t i;

	if (st == NULL)
		return;
	/* What still waits to be told is found again by the next process. */
	held_no_facts(st->s->env->held);
	again = st->findings != NULL && findings_wait(st->findings);
	findings_free(&st->findings);
	for (i = 0; i < st->n; i++) {
		if (st->part[i].unkept && !again)
			keep(st, &st->part[i]);
		facts_free(&st->part[i].facts);
	}
	tap_items_free(&st->items);
	buf_done(&st->first);
	if (st->env.route_fd >= 0)
		close(st->env.route_fd);
	if (st->env.diag_fd >= 0)
		close(st->env.diag_fd);
	free(st);
	s->state = NULL;
	s->fd = -1;
}

const struct sensor_kind state_sensor = {
	.name = "state",
	.start = state_start,
	.on_fd = state_on_fd,
	.on_timer = state_on_timer,
	.stop = state_stop,
	.stack = STACK,
};
