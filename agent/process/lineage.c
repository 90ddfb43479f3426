/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The table of processes.  Runs on the threads of the process and the
 * files sensor.  A number that is used again is overwritten by its fork;
 * the oldest gives way when a set is full.
 */
#include "agent/process/lineage.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#define WAYS 8

/* The path of a program, shared by all that were split from its process. */
struct name {
	unsigned int refs;
	char text[];
};

struct slot {
	pid_t pid, parent; /* pid 0: free */
	uint32_t uid;
	bool ids_known, was_root, may_setuid;
	bool opened; /* its program was, its loader is to come */
	struct name *program, *before;
	uint64_t at_ns; /* of the last start or fork */
	unsigned int marks;
	uint64_t mark_ns;
	char cause[ID_MAX];
};

struct lineage {
	pthread_mutex_t lock;
	struct slot slot[LINEAGE_MAX];
	int follow; /* eventfd; -1: nobody wants starts */
	pid_t start[LINEAGE_STARTS_MAX];
	size_t first, waiting;
	bool lost;
};

uint64_t
lineage_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

struct lineage *
lineage_new(void)
{
	struct lineage *l = calloc(1, sizeof(*l));

	if (l == NULL)
		return NULL;
	pthread_mutex_init(&l->lock, NULL);
	l->follow = -1;
	return l;
}

static struct name *
name_new(const char *text)
{
	size_t len = strnlen(text, LINEAGE_PROGRAM_MAX - 1);
	struct name *n = malloc(sizeof(*n) + len + 1);

	if (n == NULL)
		return NULL;
	n->refs = 1;
	memcpy(n->text, text, len);
	n->text[len] = '\0';
	return n;
}

static void
name_drop(struct name **n)
{
	if (*n != NULL && --(*n)->refs == 0)
		free(*n);
	*n = NULL;
}

static void
slot_clear(struct slot *s)
{
	name_drop(&s->program);
	name_drop(&s->before);
	memset(s, 0, sizeof(*s));
}

void
lineage_free(struct lineage **lp)
{
	struct lineage *l = *lp;
	size_t i;

	*lp = NULL;
	if (l == NULL)
		return;
	for (i = 0; i < LINEAGE_MAX; i++)
		slot_clear(&l->slot[i]);
	if (l->follow >= 0)
		close(l->follow);
	pthread_mutex_destroy(&l->lock);
	free(l);
}

static struct slot *
find(struct lineage *l, pid_t pid)
{
	struct slot *set = &l->slot[((size_t)pid * WAYS) % LINEAGE_MAX];
	size_t i;

	for (i = 0; pid > 0 && i < WAYS; i++)
		if (set[i].pid == pid)
			return &set[i];
	return NULL;
}

/* The slot of PID, empty in place of the oldest if there was none. */
static struct slot *
get(struct lineage *l, pid_t pid)
{
	struct slot *set = &l->slot[((size_t)pid * WAYS) % LINEAGE_MAX];
	struct slot *s = find(l, pid), *old = set;
	size_t i;

	if (s != NULL)
		return s;
	for (i = 1; i < WAYS; i++)
		if (set[i].at_ns < old->at_ns)
			old = &set[i];
	slot_clear(old);
	old->pid = pid;
	return old;
}

/* What a child has from its parent, but for the program. */
static void
inherit(struct slot *s, const struct slot *p)
{
	if (!s->ids_known) {
		s->ids_known = p->ids_known;
		s->uid = p->uid;
		s->was_root = p->was_root;
		s->may_setuid = p->may_setuid;
	}
	if (s->cause[0] == '\0')
		memcpy(s->cause, p->cause, sizeof(s->cause));
	s->marks |= p->marks;
	if (s->mark_ns < p->mark_ns)
		s->mark_ns = p->mark_ns;
}

void
lineage_forked(struct lineage *l, pid_t parent, pid_t child, uint64_t at_ns)
{
	struct slot *s;
	const struct slot *p;

	if (child <= 0)
		return;
	pthread_mutex_lock(&l->lock);
	s = get(l, child);
	p = find(l, parent);
	if (s->at_ns <= at_ns) {
		slot_clear(s);
		s->pid = child;
		s->at_ns = at_ns;
		if (p != NULL && p != s && p->program != NULL) {
			s->program = p->program;
			s->program->refs++;
		}
	}
	s->parent = parent;
	if (p != NULL && p != s)
		inherit(s, p);
	pthread_mutex_unlock(&l->lock);
}

static void
start(struct slot *s, const char *program, uint64_t at_ns)
{
	if (s->program != NULL && strcmp(s->program->text, program) == 0) {
		if (s->at_ns < at_ns)
			s->at_ns = at_ns;
		return; /* told twice, by both sources */
	}
	if (at_ns < s->at_ns)
		return;
	name_drop(&s->before);
	s->before = s->program;
	s->program = name_new(program);
	s->at_ns = at_ns;
}

void
lineage_started(struct lineage *l, pid_t pid, const char *program,
    uint64_t at_ns)
{
	if (pid <= 0)
		return;
	pthread_mutex_lock(&l->lock);
	start(get(l, pid), program, at_ns);
	pthread_mutex_unlock(&l->lock);
}

void
lineage_ids(struct lineage *l, pid_t pid, pid_t parent, uint32_t uid,
    bool was_root, bool may_setuid)
{
	struct slot *s;

	if (pid <= 0)
		return;
	pthread_mutex_lock(&l->lock);
	s = get(l, pid);
	s->parent = parent;
	s->uid = uid;
	s->was_root = was_root;
	s->may_setuid = may_setuid;
	s->ids_known = true;
	pthread_mutex_unlock(&l->lock);
}

void
lineage_mark(struct lineage *l, pid_t pid, enum lineage_mark mark)
{
	struct slot *s;

	if (pid <= 0)
		return;
	pthread_mutex_lock(&l->lock);
	s = get(l, pid);
	s->marks |= (unsigned int)mark;
	s->mark_ns = lineage_now();
	pthread_mutex_unlock(&l->lock);
}

void
lineage_cause(struct lineage *l, pid_t pid, const char *cause)
{
	struct slot *s;

	if (pid <= 0)
		return;
	pthread_mutex_lock(&l->lock);
	s = get(l, pid);
	memcpy(s->cause, cause, strnlen(cause, ID_MAX - 1) + 1);
	pthread_mutex_unlock(&l->lock);
}

static void
copy_name(char out[LINEAGE_PROGRAM_MAX], const struct name *n)
{
	out[0] = '\0';
	if (n != NULL)
		memcpy(out, n->text, strlen(n->text) + 1);
}

bool
lineage_get(struct lineage *l, pid_t pid, struct lineage_entry *out)
{
	const struct slot *s;
	bool found;

	pthread_mutex_lock(&l->lock);
	s = find(l, pid);
	found = s != NULL;
	if (found) {
		out->pid = pid;
		out->parent = s->parent;
		copy_name(out->program, s->program);
		copy_name(out->before, s->before);
		out->ids_known = s->ids_known;
		out->uid = s->uid;
		out->was_root = s->was_root;
		out->may_setuid = s->may_setuid;
		out->marks = lineage_now() - s->mark_ns < LINEAGE_MARK_NS ?
		    s->marks : 0;
		memcpy(out->cause, s->cause, sizeof(out->cause));
	}
	pthread_mutex_unlock(&l->lock);
	return found;
}

/* -- the second source ------------------------------------------------- */

int
lineage_follow(struct lineage *l)
{
	pthread_mutex_lock(&l->lock);
	if (l->follow < 0)
		l->follow = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	pthread_mutex_unlock(&l->lock);
	return l->follow;
}

static void
queue_start(struct lineage *l, pid_t pid)
{
	const uint64_t one = 1;

	if (l->follow >= 0 && l->waiting == LINEAGE_STARTS_MAX) {
		l->lost = true;
	} else if (l->follow >= 0) {
		l->start[(l->first + l->waiting++) % LINEAGE_STARTS_MAX] =
		    pid;
		/* Full at 2^64-1: it is readable then. */
		(void)!write(l->follow, &one, sizeof(one));
	}
}

void
lineage_seen(struct lineage *l, pid_t pid, const char *program)
{
	struct slot *s;

	if (pid <= 0)
		return;
	pthread_mutex_lock(&l->lock);
	s = get(l, pid);
	start(s, program, lineage_now());
	s->opened = true;
	queue_start(l, pid);
	pthread_mutex_unlock(&l->lock);
}

void
lineage_loaded(struct lineage *l, pid_t pid)
{
	struct slot *s;

	if (pid <= 0)
		return;
	pthread_mutex_lock(&l->lock);
	s = get(l, pid);
	if (!s->opened)
		queue_start(l, pid);
	s->opened = false;
	pthread_mutex_unlock(&l->lock);
}

bool
lineage_next(struct lineage *l, pid_t *pid, bool *lost)
{
	uint64_t n;
	bool found;

	pthread_mutex_lock(&l->lock);
	*lost = l->lost;
	l->lost = false;
	found = l->waiting > 0;
	if (found) {
		*pid = l->start[l->first];
		l->first = (l->first + 1) % LINEAGE_STARTS_MAX;
		l->waiting--;
	} else if (l->follow >= 0) {
		(void)!read(l->follow, &n, sizeof(n));
	}
	pthread_mutex_unlock(&l->lock);
	return found;
}
