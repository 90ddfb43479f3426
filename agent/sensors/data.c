/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The data sensor, on its own thread and, helping, on the watch thread.
 * Files may change while they are looked at, and are only ever opened when
 * they are regular and reached without a link.
 */
#include "agent/sensors/data.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/sensors/before.h"
#include "agent/sensors/burst.h"
#include "agent/sensors/canaries.h"
#include "agent/sensors/emit.h"
#include "agent/sensors/feed.h"
#include "agent/sensors/learn.h"
#include "agent/sensors/path.h"
#include "agent/sensors/prompt.h"
#include "agent/sensors/take.h"
#include "common/base/clock.h"
#include "common/base/log.h"

#define BATCH 512	/* events before timers get their turn */
#define ENDED_MS 3000	/* an incident is quiet for so long: last counts */
#define INCIDENTS 8
#define ANCESTORS 3	/* counted by */
#define LATER_MAX 64
#define LATER_MS 300

/* An incident that was told, until its last counts are. */
struct incident {
	uint32_t nr; /* 0: free */
	char cause[ID_MAX];
	char tree[PATH_LEN];
	struct burst_count count, told;
	int64_t last_ms;
};

struct data {
	struct sensor *s;
	pthread_mutex_t lock; /* of all below: the watch thread helps */
	struct feed *feed;
	struct before *before;
	struct burst *burst;
	struct learn *learn; /* NULL: done */
	struct canaries *canaries;
	struct sample *sample, samples[2]; /* this file's */
	struct harmed {
		const struct sample *sample; /* the other one; NULL: none */
		enum look was, now;
		enum harm harm;
	} harmed; /* last: how it looks is only put in words when told */
	struct later {
		struct feed_event *ev;
		int64_t due_ms;
	} later[LATER_MAX]; /* oldest first */
	size_t laters;
	bool looking_again;
	bool prompt; /* this thread has its short slice */
	struct incident incident[INCIDENTS];
};

/* -- who is counted ---------------------------- */

static uint64_t
mix(uint64_t h, const void *data, size_t len)
{
	const uint8_t *at = data;

	while (len-- > 0)
		h = (h ^ *at++) * UINT64_C(1099511628211);
	return h;
}

static uint64_t
mix_text(uint64_t h, const char *text)
{
	return mix(h, text, strlen(text) + 1);
}

static void
add_key(struct burst_key *key, size_t *n, enum burst_key_kind kind,
    uint64_t h)
{
	if (*n == BURST_KEYS)
		return;
	key[*n].kind = kind;
	key[(*n)++].key = h != 0 ? h : 1;
}

/* The causes of WHO in tree number TREE. */
static size_t
causes_of(const struct who *who, int tree, struct burst_key *key)
{
	const uint64_t seed = UINT64_C(14695981039346656037);
	uint64_t h;
	size_t n = 0, i;

	if (who != NULL && who->pid > 0) {
		h = mix(seed, &who->pid, sizeof(who->pid));
		add_key(key, &n, BURST_PROCESS, mix(h, &who->start,
		    sizeof(who->start)));
	}
	for (i = 0; who != NULL && i < who->parents && i < ANCESTORS; i++) {
		if (strncmp(who->parent[i], "1 ", 2) == 0)
			break; /* everybody's */
		add_key(key, &n, BURST_ANCESTOR, mix_text(seed,
		    who->parent[i]));
	}
	if (who != NULL && who->program[0] != '\0')
		/* Unit and user are not always known of one that has gone. */
		add_key(key, &n, BURST_PROGRAM, mix_text(seed + 1,
		    who->program));
	add_key(key, &n, BURST_TREE, mix(seed, &tree, sizeof(tree)));
	return n;
}

/* -- telling ---------------------------- */

static const char *
counted_by(enum burst_key_kind k)
{
	static const char *const text[] = {
	    "process", "processes of one parent", "program", "tree",
	};

	return text[k];
}

static void
add_counts(struct emit_signal *s, const struct burst_count *c)
{
	emit_addf(s, "lost", "%u", burst_lost(c));
	emit_addf(s, "files", "%u", c->files);
	emit_addf(s, "harmed", "%u", c->harmed);
	emit_addf(s, "noise.new", "%u", c->noise);
	emit_addf(s, "deleted", "%u", c->deleted);
	emit_addf(s, "moved", "%u", c->moved);
	if (c->churn > 1)
		emit_addf(s, "ending.new", "%u", c->churn);
	if (c->notes > 1)
		emit_addf(s, "notes", "%u", c->notes);
	emit_add(s, "counted-by", counted_by(c->by));
}

static struct incident *
incident_of(struct data *d, uint32_t nr)
{
	size_t i;

	for (i = 0; i < INCIDENTS; i++)
		if (d->incident[i].nr == nr)
			return &d->incident[i];
	return NULL;
}

/* A place for a new one; the one that is quiet longest makes room. */
static struct incident *
incident_new(struct data *d)
{
	struct incident *oldest = &d->incident[0];
	size_t i;

	for (i = 0; i < INCIDENTS; i++) {
		if (d->incident[i].nr == 0)
			return &d->incident[i];
		if (d->incident[i].last_ms < oldest->last_ms)
			oldest = &d->incident[i];
	}
	return oldest;
}

static void
tell_more(struct data *d, struct incident *in, const struct who *who,
    const char *state)
{
	struct emit_signal s;

	emit_init(&s, "data.mass-count", in->tree);
	s.who = who;
	s.cause_id = in->cause;
	emit_add(&s, "state", state);
	add_counts(&s, &in->count);
	emit_send(d->s->env->out, &s);
	in->told = in->count;
}

static void
add_looks(struct emit_signal *s, const struct harmed *h)
{
	unsigned int bits;

	if (h->sample == NULL)
		return;
	bits = sample_bits(h->sample); /* slow */
	emit_addf(s, "content", "%s -> %s, %u.%02u bits a byte",
	    h->was != LOOK_UNKNOWN ? look_str(h->was) : "as its name says",
	    h->harm == HARM_TYPE && h->now != LOOK_RANDOM ? "noise inside" :
	    look_str(h->now), bits / 100, bits % 100);
}

static void
tell_mass(struct data *d, const struct feed_event *ev, int tree,
    const struct burst_count *count)
{
	struct incident *in = incident_new(d);
	struct emit_signal s;

	memset(in, 0, sizeof(*in));
	in->nr = count->incident;
	in->count = in->told = *count;
	in->last_ms = clock_boot_ms();
	snprintf(in->tree, sizeof(in->tree), "%s", feed_tree(d->feed,
	    (size_t)tree));
	if (canaries_cause(d->canaries, ev->who) != NULL)
		strcpy(in->cause, canaries_cause(d->canaries, ev->who));
	else if (ev->who != NULL && ev->who->pid > 0)
		who_cause_id(ev->who, in->cause);
	else
		id_new(in->cause, "U", 10);
	emit_init(&s, "data.mass-change", in->tree);
	s.who = ev->who;
	s.cause_id = in->cause;
	add_counts(&s, count);
	emit_add(&s, "example", ev->path);
	add_looks(&s, &d->harmed);
	emit_send(d->s->env->out, &s);
}

static void
told_of(struct data *d, const struct feed_event *ev, enum burst_verdict v,
    int tree, const struct burst_count *count)
{
	struct incident *in;

	if (v == BURST_RAISE) {
		tell_mass(d, ev, tree, count);
		return;
	}
	in = incident_of(d, count->incident);
	if (v == BURST_QUIET || in == NULL)
		return;
	in->count = *count;
	in->last_ms = clock_boot_ms();
	if (v == BURST_MORE)
		tell_more(d, in, ev->who, "going on");
}

static void
end_incidents(struct data *d, int64_t now)
{
	struct incident *in;

	for (in = d->incident; in < d->incident + INCIDENTS; in++) {
		if (in->nr == 0 || now - in->last_ms < ENDED_MS)
			continue;
		if (burst_lost(&in->count) != burst_lost(&in->told) ||
		    in->count.files != in->told.files)
			tell_more(d, in, NULL, "quiet");
		in->last_ms = now; /* it may go on later */
	}
}

/* -- one event ---------------------------- */

static const char *
name_of(const char *path)
{
	return strrchr(path, '/') + 1;
}

/* Hash of the ending that PATH has and FROM (or its name without it) not. */
static uint64_t
new_ending(const char *path, const char *from, bool is_new)
{
	const char *dot = strrchr(name_of(path), '.');
	const char *was = from != NULL ? strrchr(name_of(from), '.') : NULL;

	if (dot == NULL || dot == name_of(path))
		return 0;
	if (is_new)
		return promise_of(name_of(path), false) == PROMISE_NONE &&
		    promise_of(name_of(path), true) != PROMISE_NONE ?
		    before_hash(dot) : 0;
	return from == NULL || (was != NULL && strcmp(was, dot) == 0) ? 0 :
	    before_hash(dot);
}

static bool
is_document(enum look look, const char *name)
{
	return look == LOOK_TEXT || look == LOOK_TYPED ||
	    look == LOOK_PLAIN || (look == LOOK_UNKNOWN &&
	    promise_of(name, false) != PROMISE_NONE);
}

/* What became of a file that is there; its look is remembered. */
static void
judge_there(struct data *d, const struct feed_event *ev, uint32_t now_s,
    struct burst_file *f)
{
	const char *name = name_of(ev->path);
	bool moved = ev->from != NULL && ev->from[0] != '\0';
	uint64_t was_at = moved ? before_hash(ev->from) : f->path;
	bool fresh = before_is_new(d->before, was_at, now_s);
	enum look was = before_look(d->before, was_at), now;

	if (moved && fresh && before_look(d->before, f->path) !=
	    LOOK_UNKNOWN && !before_is_new(d->before, f->path, now_s)) {
		/* A new file took the place of one that was there. */
		was = before_look(d->before, f->path);
		before_gone(d->before, was_at);
		f->what = BURST_WRITTEN;
	} else if (fresh) {
		was = LOOK_UNKNOWN;
		f->what = BURST_NEW;
		f->ending = new_ending(ev->path, NULL, true);
	} else {
		f->what = moved ? BURST_MOVED : BURST_WRITTEN;
		f->ending = new_ending(ev->path, ev->from, false);
		if (moved && was == LOOK_UNKNOWN)
			name = name_of(ev->from);
	}
	if (moved)
		before_moved(d->before, was_at, f->path);
	now = look_of(d->sample);
	f->document = was != LOOK_UNKNOWN ? is_document(was, name) :
	    promise_of(name, true) != PROMISE_NONE;
	f->harm = harm_of(name, was, now, d->sample);
	/* Noise as well: a file is lost once, whatever comes after. */
	before_set(d->before, f->path, now == LOOK_UNKNOWN ? LOOK_PLAIN :
							     now);
	if (f->harm == HARM_NONE && now != LOOK_RANDOM)
		f->ending = 0; /* .jpeg to .jpg */
	if (f->harm == HARM_NONE)
		return;
	d->harmed = (struct harmed){d->sample, was, now, f->harm};
	d->sample = d->sample == d->samples ? d->samples + 1 : d->samples;
}

static void
judge_gone(struct data *d, const char *path, uint32_t now_s,
    struct burst_file *f)
{
	enum look was = before_look(d->before, f->path);

	f->what = before_is_new(d->before, f->path, now_s) ? BURST_OTHER :
	    BURST_GONE;
	f->document = is_document(was, name_of(path));
	before_gone(d->before, f->path);
}

/*
 * An empty file may be about to be written anew: look a moment later.
 * False: it was put off already, or too many are.
 */
static bool
put_off(struct data *d, const struct feed_event *ev, int64_t now)
{
	struct later *l = &d->later[d->laters];

	if (d->looking_again || d->laters == LATER_MAX)
		return false;
	l->ev = feed_event_new(ev->path, ev->from, ev->what, ev->who);
	if (l->ev == NULL)
		return false;
	l->due_ms = now + LATER_MS;
	d->laters++;
	return true;
}

static void
on_file(struct data *d, const struct feed_event *ev)
{
	int64_t now = clock_boot_ms();
	uint32_t now_s = (uint32_t)(now / 1000);
	int tree = feed_find(d->feed, ev->path);
	struct burst_key key[BURST_KEYS];
	struct burst_file f = {0};
	struct burst_count count;
	size_t n;

	if (tree < 0 || ev->path[0] == '\0')
		return;
	f.path = before_hash(ev->path);
	f.name = before_hash(name_of(ev->path));
	f.dir = mix(1, ev->path, (size_t)(name_of(ev->path) - ev->path));
	if (((ev->what & FEED_MADE) && !(ev->what & FEED_GONE)) ||
	    ((ev->what & FEED_MOVED) && ev->from != NULL &&
	    ev->from[0] == '\0'))
		before_made(d->before, f.path, now_s);
	if (!(ev->what & (FEED_WRITTEN | FEED_MOVED | FEED_GONE)))
		return;
	/* What came back after it went is judged when it is closed. */
	if ((ev->what & (FEED_WRITTEN | FEED_MOVED)) &&
	    take_sample(ev->path, d->sample) == 0) {
		if (d->sample->size == 0 && put_off(d, ev, now))
			return;
		judge_there(d, ev, now_s, &f);
	} else if (ev->what & FEED_GONE) {
		judge_gone(d, ev->path, now_s, &f);
	} else {
		return; /* it has gone on; the next event tells */
	}
	n = causes_of(ev->who, tree, key);
	told_of(d, ev, burst_add(d->burst, key, n, &f, now, &count), tree,
	    &count);
}

static void
look_again(struct data *d, int64_t now)
{
	size_t i, n = 0;

	d->looking_again = true;
	while (n < d->laters && d->later[n].due_ms <= now) {
		on_file(d, d->later[n].ev);
		feed_event_free(&d->later[n++].ev);
	}
	d->looking_again = false;
	for (i = n; i < d->laters; i++)
		d->later[i - n] = d->later[i];
	d->laters -= n;
}

/* -- the sensor ---------------------------- */

static void
plan(struct data *d, bool more)
{
	int64_t now = clock_boot_ms();

	if (more)
		d->s->due_ms = now;
	else if (d->learn != NULL)
		d->s->due_ms = now + LEARN_PAUSE_MS;
	else if (d->laters > 0)
		d->s->due_ms = now + LATER_MS;
	else
		d->s->due_ms = now + 1000;
}

/* Some of what waits; true: there may be more. */
static bool
drain(struct data *d)
{
	struct feed_event *ev = NULL;
	uint64_t n;
	int i;

	if (read(d->s->fd, &n, sizeof(n)) < 0 && errno != EAGAIN)
		log_error("wake: %s", strerror(errno));
	for (i = 0; i < BATCH && (ev = feed_take(d->feed)) != NULL; i++) {
		canaries_event(d->canaries, ev);
		on_file(d, ev);
		feed_event_free(&ev);
	}
	return i == BATCH;
}

/*
 * On the watch thread, which has just put something there and is running:
 * this one may have to wait behind the very program that spoils files.
 */
static void
help(void *arg)
{
	struct data *d = arg;

	if (pthread_mutex_trylock(&d->lock) != 0)
		return; /* it is at work */
	drain(d);
	pthread_mutex_unlock(&d->lock);
}

static void
data_on_fd(struct sensor *s)
{
	struct data *d = s->state;
	int64_t due = s->due_ms;

	pthread_mutex_lock(&d->lock);
	plan(d, drain(d));
	pthread_mutex_unlock(&d->lock);
	if (due < s->due_ms)
		s->due_ms = due; /* never later than it was */
}

static void
data_on_timer(struct sensor *s)
{
	struct data *d = s->state;
	int64_t now = clock_boot_ms();
	bool more;

	pthread_mutex_lock(&d->lock);
	if (!d->prompt)
		prompt_thread();
	d->prompt = true;
	more = drain(d);
	if (d->learn != NULL && !learn_some(d->learn, d->before)) {
		log_info("data trees: %zu files known",
		    before_count(d->before));
		learn_free(&d->learn);
	}
	look_again(d, now);
	canaries_tick(d->canaries, now);
	end_incidents(d, now);
	plan(d, more);
	pthread_mutex_unlock(&d->lock);
}

static int
data_start(struct sensor *s, struct why *why)
{
	struct data *d;
	size_t i;

	if (feed_trees(s->env->feed) == 0)
		return 0; /* nothing declared: this thread sleeps */
	d = calloc(1, sizeof(*d));
	if (d == NULL)
		return why_set(why, ERR_NOMEM, "data sensor");
	s->state = d;
	d->s = s;
	pthread_mutex_init(&d->lock, NULL);
	d->sample = d->samples;
	d->feed = s->env->feed;
	d->before = before_new();
	d->burst = burst_new();
	d->learn = learn_new();
	d->canaries = canaries_new(s->env);
	if (d->before == NULL || d->burst == NULL || d->learn == NULL ||
	    d->canaries == NULL)
		return why_set(why, ERR_NOMEM, "data sensor");
	for (i = 0; i < feed_trees(d->feed); i++)
		learn_add(d->learn, feed_tree(d->feed, i));
	s->fd = feed_fd(d->feed);
	feed_helper(d->feed, help, d);
	s->due_ms = clock_boot_ms();
	return 0;
}

static void
data_stop(struct sensor *s)
{
	struct data *d = s->state;

	if (d == NULL)
		return;
	feed_helper(d->feed, NULL, NULL);
	while (d->laters > 0)
		feed_event_free(&d->later[--d->laters].ev);
	canaries_free(&d->canaries);
	learn_free(&d->learn);
	burst_free(&d->burst);
	before_free(&d->before);
	pthread_mutex_destroy(&d->lock);
	free(d);
	s->state = NULL;
}

const struct sensor_kind data_sensor = {
	.name = "data",
	.start = data_start,
	.on_fd = data_on_fd,
	.on_timer = data_on_timer,
	.stop = data_stop,
	.stack = 192 * 1024,
};
