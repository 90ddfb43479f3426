/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The agent's own processes and paths.  Runs on a thread of its own of the
 * sensors process; self_on_write on the watch thread.  It only reads: the
 * parent starts again what ended, the rules are the kernel's.
 */
#include "agent/sensors/self.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "agent/process/seen.h"
#include "agent/sensors/emit.h"
#include "agent/sensors/path.h"
#include "common/base/clock.h"
#include "common/base/file.h"
#include "common/base/log.h"

#define STACK (192 * 1024)
#define TOOL "/usr/sbin/cordon-agent"
#define CHILDREN_TEXT 512

/* One process of ours, as it was at the last look. */
struct kin {
	pid_t pid;
	bool looked; /* at its environment */
	bool stopped;
	pid_t tracer;
};

/* One path of ours, and the mount that it was on when we started. */
struct place {
	char *path; /* owned */
	uint64_t mount, told; /* told: the one over it, 0: none */
};

struct self {
	struct kin kin[SELF_KIN_MAX];
	size_t nkin;
	struct place place[SELF_PATHS_MAX];
	size_t places;
	unsigned int turns;
	struct who_cache *who;
	uint64_t last_ns; /* CLOCK_MONOTONIC: stands still in suspend */
	struct process_seen seen;
};

/* -- saying ------------------------------------------------------------ */

static void
tell(struct sensor *s, const char *kind, const char *object, pid_t by,
    const char *text)
{
	struct self *self = s->state;
	struct emit_signal out;
	struct who *who = NULL;
	int pidfd;

	if (by > 0) {
		pidfd = (int)syscall(SYS_pidfd_open, by, 0);
		who = who_find(self->who, by, pidfd);
		if (pidfd >= 0)
			close(pidfd);
	}
	emit_init(&out, kind, object);
	out.text = text;
	out.who = who;
	log_warn("%s", text);
	emit_send(s->env->out, &out);
	who_unref(&who);
}

/* -- processes --------------------------------------------------------- */

size_t
self_children(const char *text, pid_t out[SELF_KIN_MAX])
{
	char *end;
	size_t n = 0;
	long pid;

	while (n < SELF_KIN_MAX) {
		pid = strtol(text, &end, 10);
		if (end == text)
			break;
		text = end;
		if (pid > 0)
			out[n++] = (pid_t)pid;
	}
	return n;
}

static void
judge_preload(struct sensor *s, const struct process_seen *seen)
{
	char text[SEEN_PATH_MAX + 128], shown[160];

	if (seen->preload[0] == '\0')
		return;
	snprintf(text, sizeof(text), "process %s (pid %d) of the agent is "
	    "made to load %s", seen->name, (int)seen->pid,
	    log_quote(shown, sizeof(shown), seen->preload,
	    strlen(seen->preload)));
	tell(s, "agent.preload", seen->name, 0, text);
}

static void
judge_kin(struct sensor *s, struct kin *k)
{
	struct self *self = s->state;
	struct process_seen *seen = &self->seen;
	char text[128];

	if (seen_open(seen, "/proc", k->pid) == 0)
		seen_status(seen);
	if (seen->state == '\0')
		goto done;
	if (!k->looked) {
		k->looked = true;
		seen_preload(seen);
		judge_preload(s, seen);
	}
	/* The parent tells of its children; who tells of it? */
	if (seen->state == 'T' && !k->stopped && k->pid == getppid()) {
		snprintf(text, sizeof(text), "process %s (pid %d) of the "
		    "agent was stopped", seen->name, (int)k->pid);
		tell(s, "agent.frozen", seen->name, 0, text);
	}
	k->stopped = seen->state == 'T';
	if (seen->tracer != 0 && seen->tracer != k->tracer) {
		snprintf(text, sizeof(text), "process %s (pid %d) of the "
		    "agent is traced by pid %d", seen->name, (int)k->pid,
		    (int)seen->tracer);
		tell(s, "agent.traced", seen->name, seen->tracer, text);
	}
	k->tracer = seen->tracer;
done:
	seen_done(seen);
}

static const struct kin *
known(const struct self *self, pid_t pid)
{
	size_t i;

	for (i = 0; i < self->nkin; i++)
		if (self->kin[i].pid == pid)
			return &self->kin[i];
	return NULL;
}

/* The parent and its children: who is there now. */
static void
list_kin(struct self *self)
{
	char path[64], text[CHILDREN_TEXT];
	struct kin now[SELF_KIN_MAX + 1];
	pid_t pid[SELF_KIN_MAX];
	const struct kin *k;
	size_t i, n;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/children",
	    (int)getppid(), (int)getppid());
	if (file_text(path, text, sizeof(text)) < 0)
		text[0] = '\0';
	n = self_children(text, pid);
	if (n == SELF_KIN_MAX)
		n--;
	pid[n++] = getppid();
	memset(now, 0, sizeof(now));
	for (i = 0; i < n; i++) {
		k = known(self, pid[i]);
		if (k != NULL)
			now[i] = *k;
		now[i].pid = pid[i];
	}
	memcpy(self->kin, now, n * sizeof(now[0]));
	self->nkin = n;
}

/* A thread that comes much too late was kept from running. */
static void
judge_lateness(struct sensor *s)
{
	struct self *self = s->state;
	uint64_t now = lineage_now();
	uint64_t late_ms = (now - self->last_ns) / 1000000;
	char text[96];

	if (self->last_ns != 0 && late_ms > SELF_EVERY_MS + SELF_LATE_MS) {
		snprintf(text, sizeof(text), "the sensors did not run for "
		    "%llu s", (unsigned long long)late_ms / 1000);
		tell(s, "agent.frozen", "agent-sensors", 0, text);
	}
	self->last_ns = now;
}

/* -- paths ------------------------------------------------------------- */

/* Which mount PATH is on; 0: it is not there, or nobody can tell. */
static uint64_t
mount_of(const char *path)
{
	struct statx sx;

	if (statx(AT_FDCWD, path, AT_SYMLINK_NOFOLLOW, STATX_TYPE, &sx) != 0)
		return 0;
#ifdef STATX_MNT_ID
	if (statx(AT_FDCWD, path, AT_SYMLINK_NOFOLLOW, STATX_MNT_ID, &sx) ==
	    0 && (sx.stx_mask & STATX_MNT_ID) != 0)
		return sx.stx_mnt_id;
#endif
	/* Older than 5.8: another device at least is seen. */
	return ((uint64_t)sx.stx_dev_major << 32 | sx.stx_dev_minor) + 1;
}

static void
add_place(struct self *self, const char *path)
{
	struct place *p = &self->place[self->places];

	if (self->places == SELF_PATHS_MAX || path[0] != '/')
		return;
	p->path = strdup(path);
	p->mount = mount_of(path);
	self->places += p->path != NULL;
}

static void
list_places(struct self *self, const struct sensor_env *env)
{
	char dir[PATH_LEN];
	const char *name;
	size_t i;

	add_place(self, env->settings->own_dir);
	add_place(self, env->settings->state_dir);
	if (path_split(env->settings->state_dir, dir, &name) == 0)
		add_place(self, dir);
	for (i = env->roots->watched; i < env->roots->n; i++)
		add_place(self, env->roots->path[i]);
	add_place(self, TOOL);
	add_place(self, "/etc/systemd/system");
	add_place(self, "/usr/lib/systemd/system/cordon-agent.service");
}

static void
judge_places(struct sensor *s)
{
	struct self *self = s->state;
	char text[512], shown[256];
	struct place *p;
	uint64_t now;
	size_t i;

	for (i = 0; i < self->places; i++) {
		p = &self->place[i];
		now = mount_of(p->path);
		if (p->mount == 0)
			p->mount = now; /* it was not there before */
		if (now == 0 || now == p->told)
			continue; /* gone is told by the files sensor */
		p->told = now == p->mount ? 0 : now;
		if (p->told != 0) {
			snprintf(text, sizeof(text), "another file system is "
			    "mounted over %s", log_quote(shown,
			    sizeof(shown), p->path, strlen(p->path)));
			tell(s, "agent.covered", p->path, 0, text);
		}
	}
}

/* -- writes to our state ----------------------------------------------- */

bool
self_is_own(const char *program, const char *own_dir)
{
	return strcmp(program, TOOL) == 0 ||
	    (own_dir[0] != '\0' && strcmp(program, own_dir) != 0 &&
	    path_under(program, own_dir));
}

void
self_on_write(struct self_writes *w, const char *path,
    const struct who *who)
{
	const char *own_dir = w->env->settings->own_dir;
	struct emit_signal out;
	int64_t now = clock_boot_ms();
	char text[EMIT_VALUE_MAX];

	/* Somebody whom nobody could name may be ourselves. */
	if (own_dir[0] == '\0' || who == NULL || who->program[0] == '\0' ||
	    self_is_own(who->program, own_dir) || (who->pid == w->last &&
	    now - w->last_ms < SELF_WRITES_MS))
		return;
	w->last = who->pid;
	w->last_ms = now;
	snprintf(text, sizeof(text), "%s changed the agent's own state",
	    who->program);
	emit_init(&out, "agent.self-changed", path);
	out.text = text;
	out.who = who;
	emit_send(w->env->out, &out);
}

/* -- the sensor -------------------------------------------------------- */

static void
on_timer(struct sensor *s)
{
	struct self *self = s->state;
	size_t i;

	judge_lateness(s);
	list_kin(self);
	for (i = 0; i < self->nkin; i++)
		judge_kin(s, &self->kin[i]);
	if (self->turns++ % SELF_PLACES_EVERY == 0)
		judge_places(s);
	s->due_ms = clock_boot_ms() + SELF_EVERY_MS;
}

static void
on_fd(struct sensor *s)
{
	(void)s;
}

static int
start(struct sensor *s, struct why *why)
{
	struct self *self = calloc(1, sizeof(*self));

	if (self == NULL)
		return why_set(why, ERR_NOMEM, "self sensor");
	s->state = self;
	self->who = who_cache_new();
	if (self->who == NULL)
		return why_set(why, ERR_NOMEM, "self sensor");
	list_places(self, s->env);
	s->due_ms = clock_boot_ms() + SELF_EVERY_MS;
	return 0;
}

static void
stop(struct sensor *s)
{
	struct self *self = s->state;
	size_t i;

	if (self == NULL)
		return;
	for (i = 0; i < self->places; i++)
		free(self->place[i].path);
	who_cache_free(&self->who);
	free(self);
	s->state = NULL;
}

const struct sensor_kind self_sensor = {"self", start, on_fd, on_timer, stop,
    STACK};
