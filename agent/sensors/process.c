/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The process sensor.  Runs on a thread of its own.  Each start costs one
 * short look (two system calls); only what that look finds worth it, or
 * what there is time for, is read in full.  Paths come from the kernel,
 * names and arguments from whoever runs there.
 */
#include "agent/sensors/process.h"

#include <dirent.h>
#include <errno.h>
#include <linux/netlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/process/connector.h"
#include "agent/process/names.h"
#include "agent/sensors/process_tell.h"
#include "common/base/clock.h"
#include "common/base/log.h"

#define STACK (256 * 1024)
#define READ_SIZE 4096
#define ROUND_MAX 1024 /* messages before timers have their turn */
#define START_MS 5  /* from a file opened to be run to its running */
#define GONE_MS 100 /* fanotify may name a program that is gone */
#define FED_MS 300  /* a relay connects after its shell was started */
#define FED_AGAIN_MS 2000
#define ROOT_MS 60 /* a set-uid program is in place by then */
#define SKIPPED_MS 5000
#define STORM_US 2000
#define WALK_MS (15 * 60 * 1000)
#define ROUND_MS (15 * 1000) /* for what only the connector tells at once */

/* Why a process is looked at again. */
enum late_kind {
	LATE_EXEC, /* its program was opened, it runs it now */
	LATE_GONE, /* it ended before we read it */
	LATE_FED,
	LATE_FED_AGAIN,
	LATE_ROOT,
};

struct late {
	enum late_kind kind;
	pid_t pid;
	int64_t due_ms;
	uint32_t was; /* LATE_ROOT: its user before */
};

struct process {
	int fd; /* of the connector; -1: it was refused */
	const char *source;
	struct lineage *lineage;
	struct process_tell *tell;
	struct suspect_rules rules;
	struct late late[PROCESS_LATE_MAX];
	size_t nlate;
	int64_t walk_ms, second_ms;
	int64_t round_ms; /* 0: the connector tells */
	unsigned int full; /* read in full in this second */
	bool lost;	   /* since LOST_MS (wall) nothing is sure */
	int64_t lost_ms;
	uint64_t told;
	struct process_seen seen, other;
	struct suspect verdict;
	uint8_t data[READ_SIZE] __attribute__((aligned(8)));
};

/* -- looking again ----------------------------------------------------- */

static void
set_due(struct sensor *s)
{
	const struct process *p = s->state;
	size_t i;

	s->due_ms = p->walk_ms;
	if (p->round_ms != 0 && p->round_ms < s->due_ms)
		s->due_ms = p->round_ms;
	for (i = 0; i < p->nlate; i++)
		if (p->late[i].due_ms < s->due_ms)
			s->due_ms = p->late[i].due_ms;
}

static void
walk_within(struct process *p, int64_t ms)
{
	if (p->walk_ms > clock_boot_ms() + ms)
		p->walk_ms = clock_boot_ms() + ms;
}

static void
look_later(struct process *p, enum late_kind kind, pid_t pid, uint32_t was,
    int64_t ms)
{
	if (p->nlate == PROCESS_LATE_MAX) {
		walk_within(p, SKIPPED_MS);
		return;
	}
	p->late[p->nlate++] = (struct late){kind, pid,
	    clock_boot_ms() + ms, was};
}

static void
forget_later(struct process *p, enum late_kind kind, pid_t pid)
{
	size_t i = 0;

	while (i < p->nlate)
		if (p->late[i].kind == kind && p->late[i].pid == pid)
			p->late[i] = p->late[--p->nlate];
		else
			i++;
}

/* -- one process ------------------------------------------------------- */

static void
say(struct process *p, const struct process_seen *s, pid_t actor)
{
	if (process_tell(p->tell, s, actor, &p->verdict, s->walk ? "walk" :
	    p->source))
		p->told++;
}

/*
 * Its ids: a change is told as it happens (on_uid), and a child has those
 * of its parent.  Without the connector each start may have others.
 */
static void
note_ids(struct process *p, struct process_seen *s,
    const struct lineage_entry *e)
{
	if (e->ids_known && p->fd >= 0) {
		s->euid = e->uid;
		return;
	}
	seen_status(s);
	if (s->uid != SEEN_UID_UNKNOWN)
		lineage_ids(p->lineage, s->pid, s->parent, s->euid,
		    s->was_root, s->may_setuid);
}

static void
read_needed(struct process_seen *s, unsigned int need)
{
	if (need & NEED_ARGS)
		seen_args(s);
	if (need & NEED_SCRIPT)
		seen_script_file(s);
	if (need & NEED_FDS)
		seen_fds(s);
	if (need & NEED_FILE)
		seen_file(s);
	if (need & NEED_PARENTS) {
		seen_status(s);
		seen_login(s);
		seen_parents(s, "/proc");
	}
}

/* The parent as the kernel told it, without asking for it. */
static void
know_parent(struct process *p, struct process_seen *s, pid_t parent)
{
	struct lineage_entry e;

	if (parent > 0) /* else what its status says stands */
		s->parent = parent;
	if (parent <= 0 || !lineage_get(p->lineage, parent, &e) ||
	    e.program[0] == '\0') {
		read_needed(s, NEED_PARENTS);
		return;
	}
	s->ups = 1;
	s->up[0].pid = parent;
	s->up[0].uid = e.uid;
	memcpy(s->up[0].exe, e.program, sizeof(s->up[0].exe));
}

/* Is there still time in this second to read S in full? */
static bool
may_read_full(struct process *p)
{
	int64_t now = clock_boot_ms();

	if (now - p->second_ms >= 1000) {
		p->second_ms = now;
		p->full = 0;
	}
	if (p->full < PROCESS_FULL_MAX) {
		p->full++;
		return true;
	}
	walk_within(p, SKIPPED_MS);
	return false;
}

/* Read what is needed and judge; PARENT as far as it is known, else 0. */
static void
judge_one(struct process *p, struct process_seen *s, bool full,
    pid_t parent)
{
	unsigned int need = suspect_need(s);

	if (full) {
		seen_args(s);
		seen_preload(s);
	}
	if ((need & NEED_PARENT) != 0 && (need & NEED_PARENTS) == 0)
		know_parent(p, s, parent);
	read_needed(s, need);
	if (suspect_is_builder(s))
		lineage_mark(p->lineage, s->pid, LINEAGE_BUILDER);
	if (suspect_may_be_fed(s))
		seen_relay(s, "/proc");
	if (suspect_exec(s, &p->rules, &p->verdict) && need != NEED_ALL) {
		read_needed(s, NEED_ALL);
		suspect_exec(s, &p->rules, &p->verdict);
	}
	if (p->verdict.kind != NULL)
		say(p, s, s->pid);
	else if (!s->walk && suspect_may_be_fed(s))
		look_later(p, LATE_FED, s->pid, 0, FED_MS);
}

static const struct late *
find_later(const struct process *p, enum late_kind kind, pid_t pid)
{
	size_t i;

	for (i = 0; i < p->nlate; i++)
		if (p->late[i].kind == kind && p->late[i].pid == pid)
			return &p->late[i];
	return NULL;
}

/* A set-uid program in between: that is how one becomes root. */
static void
excuse_root(struct process *p, struct process_seen *s)
{
	seen_file(s);
	if (s->file_known && ((s->file_mode & S_ISUID) != 0 ||
	    s->file_caps))
		forget_later(p, LATE_ROOT, s->pid);
}

static void
on_exec(struct process *p, pid_t pid, uint64_t at_ns)
{
	struct process_seen *s = &p->seen;
	struct lineage_entry e = {0};
	bool full, root = find_later(p, LATE_ROOT, pid) != NULL;

	if (seen_peek(s, "/proc", pid) != 0) {
		look_later(p, LATE_GONE, pid, 0, GONE_MS);
		return;
	}
	lineage_started(p->lineage, pid, s->exe, at_ns);
	if (path_is_packager(s->exe))
		lineage_mark(p->lineage, pid, LINEAGE_PACKAGER);
	if (path_is_builder(s->exe))
		lineage_mark(p->lineage, pid, LINEAGE_BUILDER);
	lineage_get(p->lineage, pid, &e);
	full = may_read_full(p);
	if (suspect_need(s) == NEED_NOTHING && !full && !root &&
	    e.ids_known && p->fd >= 0)
		return; /* most of a storm ends here */
	if (seen_open(s, "/proc", pid) == 0) {
		if (root)
			excuse_root(p, s);
		note_ids(p, s, &e);
		judge_one(p, s, full, e.parent);
	} else {
		look_later(p, LATE_GONE, pid, 0, GONE_MS);
	}
	seen_done(s);
}

static void
on_uid(struct process *p, const struct connector_event *ev)
{
	struct process_seen *s = &p->seen;
	struct lineage_entry e;

	if (ev->uid == 0 || ev->euid == 0) {
		if (lineage_get(p->lineage, ev->pid, &e) && e.ids_known &&
		    !e.was_root && !e.may_setuid)
			look_later(p, LATE_ROOT, ev->pid, e.uid, ROOT_MS);
		return;
	}
	if (seen_open(s, "/proc", ev->pid) == 0) {
		seen_status(s);
		lineage_ids(p->lineage, ev->pid, s->parent, s->euid,
		    s->was_root, s->may_setuid);
	}
	seen_done(s);
}

static void
on_trace(struct process *p, const struct connector_event *ev)
{
	struct process_seen *s = &p->seen, *t = &p->other;

	if (ev->parent <= 0)
		return;
	if (seen_open(s, "/proc", ev->pid) == 0) {
		read_needed(s, NEED_ARGS | NEED_PARENTS);
		if (s->parent == getppid() || s->pid == getppid())
			goto done; /* ours: the self sensor tells */
		if (seen_open(t, "/proc", ev->parent) == 0) {
			seen_status(t);
			seen_login(t);
		}
		t->pid = ev->parent;
		if (suspect_trace(s, t, &p->verdict))
			say(p, s, ev->parent);
		seen_done(t);
	}
done:
	seen_done(s);
}

static void
on_name(struct process *p, const struct connector_event *ev)
{
	struct process_seen *s = &p->seen;

	if (!name_is_kernel(ev->name) && !name_is_daemon(ev->name))
		return;
	if (seen_open(s, "/proc", ev->pid) == 0) {
		read_needed(s, NEED_ARGS | NEED_PARENTS);
		memcpy(s->name, ev->name, sizeof(s->name));
		if (suspect_name(s, &p->verdict))
			say(p, s, ev->pid);
	}
	seen_done(s);
}

/* -- those that are looked at again ------------------------------------- */

/* Parents that may be gone as well: what the kernel told of each, and its
 * arguments if it lives. */
static void
remember_parents(struct process *p, struct process_seen *s)
{
	struct lineage_entry e;
	pid_t pid = s->parent;

	for (s->ups = 0; pid > 0 && s->ups < SEEN_PARENTS_MAX; s->ups++) {
		struct seen_parent *up = &s->up[s->ups];

		if (!lineage_get(p->lineage, pid, &e) ||
		    e.program[0] == '\0')
			break;
		up->pid = pid;
		up->uid = e.uid;
		memcpy(up->exe, e.program, sizeof(up->exe));
		if (seen_open(&p->other, "/proc", pid) == 0) {
			seen_args(&p->other);
			up->args = p->other.args;
		}
		seen_done(&p->other);
		pid = e.parent;
	}
}

/* BEFORE was opened to be run before the interpreter that S is. */
static void
take_script(struct process_seen *s, const char *before)
{
	snprintf(s->script, sizeof(s->script), "%s", before);
	s->script_mode = S_IFREG | 0111;
	s->script_owner = SEEN_UID_UNKNOWN;
}

/* Only its program is known, from the one source that has it. */
static void
judge_gone(struct process *p, pid_t pid)
{
	struct process_seen *s = &p->seen;
	struct lineage_entry e;
	bool script;

	if (!lineage_get(p->lineage, pid, &e) || e.program[0] == '\0')
		return;
	memset(s, 0, sizeof(*s));
	s->pid = pid;
	s->dir = -1;
	s->parent = e.parent;
	s->login_uid = UINT32_MAX;
	s->uid = s->euid = e.ids_known ? e.uid : SEEN_UID_UNKNOWN;
	seen_take_exe(s, e.program, strlen(e.program));
	script = name_is_shell(s->exe) || name_is_interpreter(s->exe);
	if (!script && suspect_need(s) == NEED_NOTHING)
		return;
	if (script)
		take_script(s, e.before);
	s->packager = (e.marks & LINEAGE_PACKAGER) != 0;
	s->builder = (e.marks & LINEAGE_BUILDER) != 0;
	remember_parents(p, s);
	if (script ? suspect_script(s, &p->rules, &p->verdict) :
	    suspect_exec(s, &p->rules, &p->verdict))
		say(p, s, pid);
}

static void
judge_fed(struct process *p, pid_t pid, bool again)
{
	struct process_seen *s = &p->seen;

	if (seen_open(s, "/proc", pid) == 0) {
		read_needed(s, NEED_ALL);
		if (suspect_may_be_fed(s))
			seen_relay(s, "/proc");
		if (suspect_exec(s, &p->rules, &p->verdict))
			say(p, s, pid);
		else if (!again && suspect_may_be_fed(s))
			look_later(p, LATE_FED_AGAIN, pid, 0, FED_AGAIN_MS);
	}
	seen_done(s);
}

static bool
is_setuid(const char *path)
{
	struct stat st;

	return path[0] != '\0' && stat(path, &st) == 0 &&
	    (st.st_mode & S_ISUID) != 0;
}

static void
judge_root(struct process *p, pid_t pid, uint32_t was)
{
	struct process_seen *s = &p->seen;
	struct lineage_entry e = {0};

	if (seen_open(s, "/proc", pid) == 0) {
		read_needed(s, NEED_ARGS | NEED_PARENTS | NEED_FILE);
		if (lineage_get(p->lineage, pid, &e) &&
		    !is_setuid(e.program) && !is_setuid(e.before) &&
		    suspect_root(s, was, &p->verdict))
			say(p, s, pid);
		lineage_ids(p->lineage, pid, s->parent, s->euid,
		    s->was_root, s->may_setuid);
	}
	seen_done(s);
}

static void
look_again(struct process *p)
{
	int64_t now = clock_boot_ms();
	size_t i = 0;
	struct late l;

	while (i < p->nlate) {
		if (p->late[i].due_ms > now) {
			i++;
			continue;
		}
		l = p->late[i];
		p->late[i] = p->late[--p->nlate];
		if (l.kind == LATE_EXEC)
			on_exec(p, l.pid, lineage_now());
		else if (l.kind == LATE_GONE)
			judge_gone(p, l.pid);
		else if (l.kind == LATE_ROOT)
			judge_root(p, l.pid, l.was);
		else
			judge_fed(p, l.pid, l.kind == LATE_FED_AGAIN);
	}
}

/* -- the walk ---------------------------------------------------------- */

static void
walk_one(struct process *p, pid_t pid)
{
	struct process_seen *s = &p->seen;
	struct lineage_entry e = {0};

	if (pid == getpid())
		return;
	if (seen_open(s, "/proc", pid) == 0) {
		s->walk = true;
		/* As of now: no fork that waits to be read is younger. */
		lineage_started(p->lineage, pid, s->exe, lineage_now());
		seen_status(s);
		lineage_ids(p->lineage, pid, s->parent, s->euid,
		    s->was_root, s->may_setuid);
		lineage_get(p->lineage, pid, &e);
		if (e.cause[0] == '\0')
			judge_one(p, s, true, s->parent);
	}
	seen_done(s);
}

/* FN for each process that there is. */
static void
walk_each(struct sensor *sensor, void (*fn)(struct process *p, pid_t pid))
{
	const struct dirent *e;
	DIR *d = opendir("/proc");

	while (d != NULL && (e = readdir(d)) != NULL &&
	    !atomic_load(&sensor->env->stop)) {
		if (e->d_name[0] >= '1' && e->d_name[0] <= '9')
			fn(sensor->state, (pid_t)strtol(e->d_name, NULL, 10));
	}
	if (d != NULL)
		closedir(d);
}

/* Its name and who holds it, where the connector is refused; once. */
static void
look_round(struct process *p, pid_t pid)
{
	struct connector_event ev = {.pid = pid};
	struct lineage_entry e;
	struct process_seen *s = &p->seen;
	bool there = pid != getpid() && seen_open(s, "/proc", pid) == 0;
	char program[SEEN_PATH_MAX];

	if (there) {
		seen_status(s);
		ev.parent = s->tracer;
		memcpy(ev.name, s->name, sizeof(ev.name));
		memcpy(program, s->exe, sizeof(program));
	}
	if (pid != getpid())
		seen_done(s);
	if (!there)
		return;
	if (!lineage_get(p->lineage, pid, &e) ||
	    strcmp(e.program, program) != 0)
		walk_one(p, pid);
	if (!lineage_get(p->lineage, ev.parent, &e) || e.cause[0] == '\0')
		on_trace(p, &ev);
	if (!lineage_get(p->lineage, pid, &e) || e.cause[0] == '\0')
		on_name(p, &ev);
}

static void
walk(struct sensor *sensor)
{
	struct process *p = sensor->state;
	int64_t started = clock_wall_ms();
	uint64_t before = p->told;

	walk_each(sensor, walk_one);
	if (p->lost)
		blind_close(sensor->env->blind, PROCESS_SCOPE, started,
		    p->told - before);
	p->lost = false;
	p->walk_ms = clock_boot_ms() + WALK_MS;
}

/* -- events ------------------------------------------------------------ */

static void
lose(struct sensor *sensor, const char *reason)
{
	struct process *p = sensor->state;

	if (!p->lost)
		p->lost_ms = clock_wall_ms();
	p->lost = true;
	blind_open(sensor->env->blind, PROCESS_SCOPE, p->lost_ms, reason);
	walk_within(p, 0);
}

static void
on_event(struct process *p, const struct connector_event *ev)
{
	switch (ev->what) {
	case CONNECTOR_FORK:
		lineage_forked(p->lineage, ev->parent, ev->pid, ev->at_ns);
		break;
	case CONNECTOR_EXEC:
		on_exec(p, ev->pid, ev->at_ns);
		break;
	case CONNECTOR_UID:
		on_uid(p, ev);
		break;
	case CONNECTOR_TRACE:
		on_trace(p, ev);
		break;
	case CONNECTOR_NAME:
		on_name(p, ev);
		break;
	case CONNECTOR_ACK:
	case CONNECTOR_OTHER:
		break;
	}
}

/* One message of the kernel's; 0 when there is none. */
static ssize_t
receive(struct process *p)
{
	struct sockaddr_nl from;
	struct iovec iov = {p->data, sizeof(p->data)};
	struct msghdr m = {.msg_name = &from, .msg_namelen = sizeof(from),
	    .msg_iov = &iov, .msg_iovlen = 1};
	ssize_t n;

	do {
		memset(&from, 0, sizeof(from));
		n = recvmsg(p->fd, &m, 0);
	} while (n > 0 && from.nl_pid != 0); /* only the kernel is heard */
	return n;
}

static void
read_connector(struct sensor *s)
{
	struct process *p = s->state;
	struct connector_event ev;
	int left = ROUND_MAX, r;
	size_t off;
	ssize_t n;

	while (left-- > 0 && (n = receive(p)) != 0) {
		if (n < 0) {
			if (errno == ENOBUFS)
				lose(s, "the kernel's queue of processes "
				    "ran over");
			break;
		}
		off = 0;
		while ((r = connector_next(p->data, (size_t)n, &off,
		    &ev)) == 0)
			on_event(p, &ev);
		if (r == ERR_SYNTAX)
			lose(s, "a message of the process connector has "
			    "another form");
	}
}

static void
read_starts(struct sensor *s)
{
	struct process *p = s->state;
	int left = ROUND_MAX;
	bool lost;
	pid_t pid;

	while (left-- > 0 && lineage_next(p->lineage, &pid, &lost)) {
		if (lost)
			lose(s, "programs started faster than they could "
			    "be read");
		look_later(p, LATE_EXEC, pid, 0, START_MS);
	}
}

/* More starts than can be read in full: being woken for each one of them
 * would cost more than looking at it. */
static bool
storms(const struct process *p)
{
	return p->full >= PROCESS_FULL_MAX &&
	    clock_boot_ms() - p->second_ms < 1000;
}

static void
on_fd(struct sensor *s)
{
	const struct process *p = s->state;

	if (storms(p))
		usleep(STORM_US);
	if (p->fd >= 0)
		read_connector(s);
	else
		read_starts(s);
	set_due(s);
}

static void
on_timer(struct sensor *s)
{
	struct process *p = s->state;

	look_again(p);
	if (clock_boot_ms() >= p->walk_ms)
		walk(s);
	if (p->round_ms != 0 && clock_boot_ms() >= p->round_ms) {
		walk_each(s, look_round);
		p->round_ms = clock_boot_ms() + ROUND_MS;
	}
	set_due(s);
}

/* -- start and stop ---------------------------------------------------- */

static int
start(struct sensor *s, struct why *why)
{
	const Cordon__Settings *set = s->env->settings;
	struct process *p;

	if (!set->processes)
		return 0;
	p = calloc(1, sizeof(*p));
	if (p == NULL)
		return why_set(why, ERR_NOMEM, "process sensor");
	s->state = p;
	p->lineage = s->env->lineage;
	p->rules = (struct suspect_rules){set->exec_allow,
	    set->n_exec_allow, set->shell_allow, set->n_shell_allow};
	p->tell = process_tell_new(s->env->out, p->lineage);
	if (p->tell == NULL)
		return why_set(why, ERR_NOMEM, "process sensor");
	p->fd = s->env->connector_fd;
	p->source = p->fd >= 0 ? "connector" : "open-exec";
	s->fd = p->fd >= 0 ? p->fd : lineage_follow(p->lineage);
	if (s->fd < 0)
		return why_sys(why, ERR_IO, "process sensor: eventfd");
	log_info("processes are told by %s", p->fd >= 0 ?
	    "the kernel's process connector" :
	    "fanotify (the process connector is refused): without forks and "
	    "changes of user; names and tracing by a look now and then");
	p->walk_ms = clock_boot_ms();
	if (p->fd < 0)
		p->round_ms = clock_boot_ms() + ROUND_MS;
	s->due_ms = p->walk_ms > 0 ? p->walk_ms : 1;
	return 0;
}

static void
stop(struct sensor *s)
{
	struct process *p = s->state;

	if (p == NULL)
		return;
	process_tell_free(&p->tell);
	free(p);
	s->state = NULL;
}

const struct sensor_kind process_sensor = {"process", start, on_fd,
    on_timer, stop, STACK};
