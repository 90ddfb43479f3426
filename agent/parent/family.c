/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The agent's children and who of them talks to whom.  Runs in the
 * parent, as uid 0 with few capabilities left.  A child that breaks the
 * table below or ends by itself is started again; isolation does not
 * depend on it (the rules are the kernel's).
 */
#include "agent/parent/family.h"

#include <errno.h>
#include <event2/event.h>
#include <event2/event_struct.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/links/ipc.h"
#include "agent/links/settings.h"
#include "agent/links/untaken.h"
#include "agent/parent/herald.h"
#include "agent/parent/message.h"
#include "agent/parent/notify.h"
#include "agent/parent/program.h"
#include "common/base/clock.h"
#include "common/base/file.h"
#include "common/base/log.h"
#include "common/proc/link.h"
#include "common/proc/spawn.h"

#define CHILDREN 4 /* the last one, the guard, need not be there */
#define RESTART_MIN_MS 100
#define RESTART_MAX_MS 5000
#define GRACE_MS 1000	 /* for a child that let go of its link to exit */
#define HEALTHY_MS 10000 /* lived that long: the next end is a first one */
#define SIGNAL_MAX 2048

enum child_state {
	CHILD_DOWN,	/* no process; a restart may be due */
	CHILD_STARTING, /* runs, has not said that it is ready */
	CHILD_READY,
	CHILD_STATES
};

struct child {
	enum ipc_peer peer;
	const char *name; /* "network"; its folder too */
	const char *user;
	enum child_state state;
	pid_t pid; /* 0: none */
	struct link *link;
	uint32_t wait_ms;    /* before the next restart */
	int64_t started_ms;  /* boot time */
	struct event restart;
	struct event grace;  /* until it is killed */
	char ended[WHY_MAX + 32]; /* why we ended its link, if we did */
	struct family *family;
};

struct family {
	struct family_options o;
	struct child child[CHILDREN];
	size_t n; /* children */
	struct program_list programs; /* for the guard */
	struct event sigchld, killer;
	bool announced; /* READY=1 was said */
	int parked;	/* the enforcer's owner socket, or -1 */
	bool stopping;
	struct untaken signals; /* for the network process */
	struct herald *herald; /* NULL: people are not told */
	uint8_t profile;       /* of the last IPC_NOTICE; 0: none came */
};

/* Who talks to whom: nobody else does. */
static const struct {
	enum ipc_peer a, b;
} pairs[] = {
	{IPC_PEER_NETWORK, IPC_PEER_ENFORCER},
	{IPC_PEER_NETWORK, IPC_PEER_SENSORS},
	{IPC_PEER_ENFORCER, IPC_PEER_GUARD},
	{IPC_PEER_ENFORCER, IPC_PEER_SENSORS},
};

static void
set_timer(struct event *timer, uint32_t ms)
{
	struct timeval tv = {ms / 1000, (suseconds_t)(ms % 1000) * 1000};

	evtimer_add(timer, &tv);
}

/* The one place that changes the state of a child. */
static void
set_state(struct child *c, enum child_state to)
{
	static const bool may[CHILD_STATES][CHILD_STATES] = {
		[CHILD_DOWN] = {[CHILD_STARTING] = true},
		[CHILD_STARTING] = {[CHILD_DOWN] = true, [CHILD_READY] = true},
		[CHILD_READY] = {[CHILD_DOWN] = true},
	};

	if (!may[c->state][to]) {
		log_error("%s: impossible step from state %d to %d", c->name,
		    (int)c->state, (int)to);
		abort();
	}
	c->state = to;
}

static struct child *
find_child(struct family *f, enum ipc_peer peer)
{
	size_t i;

	for (i = 0; i < f->n; i++)
		if (f->child[i].peer == peer)
			return &f->child[i];
	return NULL;
}

/* -- signals to the network process ---------------------------------------- */

/* Those from the NTH on. */
static void
send_signals(struct family *f, size_t nth)
{
	struct child *net = find_child(f, IPC_PEER_NETWORK);

	if (net->state == CHILD_READY)
		untaken_send(&f->signals, net->link, nth);
}

static void
tell(struct family *f, const char *kind, const char *object, const char *text)
{
	struct buf b;
	int err;

	buf_init(&b, SIGNAL_MAX);
	err = message_signal(kind, object, text, &b);
	if (err == 0)
		err = untaken_add(&f->signals, b.data, b.len);
	if (err != 0)
		log_warn("signal %s about %s is lost: %s", kind, object,
		    err == ERR_LIMIT ? "too many are waiting" : err_str(err));
	else
		send_signals(f, f->signals.n - 1);
	buf_done(&b);
}

/* -- what children say ----------------------------------------------------- */

/* The guard is more than is needed: nobody waits for it. */
static void
announce(struct family *f)
{
	size_t i;

	for (i = 0; i < f->n; i++)
		if (f->child[i].state != CHILD_READY &&
		    f->child[i].peer != IPC_PEER_GUARD)
			return;
	if (f->announced)
		return;
	f->announced = true;
	log_info("all processes are ready");
	tell(f, "agent.started", "agent", "agent " CORDON_VERSION " started");
	notify_systemd("READY=1\nSTATUS=watching; isolates on a signed "
		       "order");
}

static int
on_ready(void *arg, struct link *l, const uint8_t *payload, size_t len,
    int fd, struct why *why)
{
	struct child *c = arg;

	(void)l, (void)payload, (void)len, (void)why, (void)fd;
	set_state(c, CHILD_READY);
	log_info("%s is ready (pid %d)", c->name, (int)c->pid);
	if (c->peer == IPC_PEER_NETWORK)
		send_signals(c->family, 0);
	announce(c->family);
	return 0;
}

static int
on_taken(void *arg, struct link *l, const uint8_t *payload, size_t len,
    int fd, struct why *why)
{
	struct child *c = arg;

	(void)l, (void)why, (void)fd;
	return untaken_take(&c->family->signals, payload, len);
}

/*
 * The tables of an isolation belong to a socket: as long as this copy is
 * open nobody else can change them, whether the enforcer lives or not.
 */
static int
on_park(void *arg, struct link *l, const uint8_t *payload, size_t len,
    int fd, struct why *why)
{
	struct child *c = arg;
	struct family *f = c->family;
	struct why reason;

	(void)l, (void)payload, (void)len;
	if (fd < 0)
		return why_set(why, ERR_PROTO, "nothing to park");
	if (f->parked >= 0)
		close(f->parked);
	f->parked = fd;
	if (notify_store(fd, AGENT_OWNER_NAME, &reason) != 0)
		log_debug("%s", reason.text);
	return 0;
}

/*
 * One byte is ours: is the host cut off?  The rest is for agent-notice and
 * not looked at here.
 */
static int
on_notice(void *arg, struct link *l, const uint8_t *payload, size_t len,
    int fd, struct why *why)
{
	struct child *c = arg;

	(void)l, (void)fd, (void)why;
	c->family->profile = payload[0];
	if (c->family->herald != NULL)
		herald_tell(c->family->herald, payload + 1, len - 1);
	return 0;
}

static bool
is_enforcer(void *arg)
{
	return ((struct child *)arg)->peer == IPC_PEER_ENFORCER;
}

static bool
is_network(void *arg)
{
	return ((struct child *)arg)->peer == IPC_PEER_NETWORK;
}

static bool
is_starting(void *arg)
{
	return ((struct child *)arg)->state == CHILD_STARTING;
}

static bool
is_guard(void *arg)
{
	return ((struct child *)arg)->peer == IPC_PEER_GUARD;
}

static int
on_program(void *arg, struct link *l, const uint8_t *payload, size_t len,
    int fd, struct why *why)
{
	struct child *c = arg;
	uint32_t id;

	(void)len, (void)why, (void)fd;
	memcpy(&id, payload, sizeof(id));
	if (id == 0) {
		program_close_all(&c->family->programs);
		return 0;
	}
	return link_send(l, IPC_GUARD_PROGRAM, &id, sizeof(id),
	    program_open(&c->family->programs, id));
}

static int
on_guard_link(void *arg, struct link *l, const uint8_t *payload, size_t len,
    int fd, struct why *why)
{
	struct ipc_guard_link m;
	int rc;

	(void)arg, (void)len, (void)why, (void)fd;
	memcpy(&m, payload, sizeof(m));
	fd = program_link(m.device, m.program, &m.link);
	rc = link_send(l, IPC_GUARD_LINK, &m, sizeof(m), fd);
	if (fd >= 0)
		close(fd);
	return rc;
}

static int
on_guard_map(void *arg, struct link *l, const uint8_t *payload, size_t len,
    int fd, struct why *why)
{
	uint32_t id;
	int rc;

	(void)arg, (void)len, (void)why, (void)fd;
	memcpy(&id, payload, sizeof(id));
	fd = program_map(&id);
	rc = link_send(l, IPC_GUARD_MAP, &id, sizeof(id), fd);
	if (fd >= 0)
		close(fd);
	return rc;
}

/* Stopped or hanging: its programs would stay on an open host. */
static int
on_stuck(void *arg, struct link *l, const uint8_t *payload, size_t len,
    int fd, struct why *why)
{
	struct child *g = find_child(((struct child *)arg)->family,
	    IPC_PEER_GUARD);

	(void)l, (void)payload, (void)len, (void)fd, (void)why;
	if (g == NULL || g->pid <= 0)
		return 0;
	snprintf(g->ended, sizeof(g->ended), "; it was killed: it did not "
	    "answer the enforcer");
	kill(g->pid, SIGKILL);
	return 0;
}

static const struct link_kind from_child[] = {
	{IPC_READY, "ready", 0, 64, is_starting, on_ready, false},
	{IPC_TAKEN, "taken", 1, 32, is_network, on_taken, false},
	{IPC_PARK, "park", 0, 0, is_enforcer, on_park, true},
	{IPC_NOTICE, "notice", 1, HERALD_MAX, is_enforcer, on_notice, false},
	{IPC_GUARD_PROGRAM, "program", 4, 4, is_guard, on_program, false},
	{IPC_GUARD_LINK, "program-link", sizeof(struct ipc_guard_link),
	    sizeof(struct ipc_guard_link), is_guard, on_guard_link, false},
	{IPC_GUARD_MAP, "map", 4, 4, is_guard, on_guard_map, false},
	{IPC_GUARD_STUCK, "guard-stuck", 0, 0, is_enforcer, on_stuck, false},
	{0, NULL, 0, 0, NULL, NULL, false},
};

static void
on_grace(evutil_socket_t fd, short what, void *arg)
{
	struct child *c = arg;

	(void)fd, (void)what;
	if (c->pid > 0)
		kill(c->pid, SIGKILL);
}

/*
 * A child without its link is of no use.  One that broke the rules dies at
 * once; one that let go of it is most likely ending, and its own exit
 * status says more.  SIGCHLD does the rest.
 */
static void
on_link_end(void *arg, struct link *l, const char *reason)
{
	struct child *c = arg;

	(void)l;
	if (strcmp(reason, LINK_PEER_GONE) != 0) {
		snprintf(c->ended, sizeof(c->ended), "; it was killed: %s",
		    reason);
		on_grace(-1, 0, c);
	} else if (!c->family->stopping) {
		set_timer(&c->grace, GRACE_MS);
	}
}

/* -- wiring ---------------------------------------------------------------- */

static void
send_peer(struct child *c, enum ipc_peer peer, int fd)
{
	uint8_t byte = (uint8_t)peer;

	if (link_send(c->link, IPC_PEER, &byte, 1, fd) != 0)
		log_warn("%s: its link to another process could not be sent",
		    c->name);
}

static void
join(struct child *a, struct child *b)
{
	struct why why;
	int fd[2];

	if (a == NULL || b == NULL || a->state == CHILD_DOWN ||
	    b->state == CHILD_DOWN)
		return; /* joined when the other one starts */
	if (link_pair(fd, &why) != 0) {
		log_error("%s and %s cannot be joined: %s", a->name, b->name,
		    why.text);
		return;
	}
	send_peer(a, b->peer, fd[0]);
	send_peer(b, a->peer, fd[1]);
	close(fd[0]);
	close(fd[1]);
}

/* Fresh links for C and all it talks to, now that it (re)started. */
static void
wire(struct child *c)
{
	struct family *f = c->family;
	size_t i;

	for (i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++)
		if (pairs[i].a == c->peer || pairs[i].b == c->peer)
			join(find_child(f, pairs[i].a),
			    find_child(f, pairs[i].b));
	if (c->peer == IPC_PEER_ENFORCER)
		send_peer(c, IPC_PEER_CONTROL, f->o.control_fd);
}

/* -- starting -------------------------------------------------------------- */

static int
send_settings(struct child *c, struct why *why)
{
	const struct family_options *o = &c->family->o;
	const struct message_facts facts = {o->settings, o->identity,
	    o->conf_path, o->libexec, o->guard};
	struct buf b;
	int err;

	buf_init(&b, SETTINGS_MAX);
	err = message_settings(&facts, c->peer, c->name, &b, why);
	if (err == 0 && link_send(c->link, IPC_SETTINGS, b.data, b.len, -1) !=
			    0)
		err = why_set(why, ERR_CLOSED,
		    "its settings could not be sent");
	buf_done(&b);
	return err;
}

/*
 * Fork and exec; on failure there is no process and no link.  Started is
 * LIBEXEC/agent-NAME, as root with the few capabilities that we kept; it
 * becomes its own user and keeps only those of its own table.  A process,
 * because users, capabilities and system calls are of a process: each of
 * the five parses what others wrote, or holds a right, that no other one
 * may be reached by.
 */
static int
start(struct child *c, struct why *why)
{
	const struct family_options *o = &c->family->o;
	char path[PATH_MAX], state[PATH_MAX], program[32];
	const char *argv[] = {program, "--user", c->user, "--state", state,
	    NULL};
	struct spawn s = {.path = path, .argv = argv, .nfd = 1,
	    .shielded = true};
	pid_t pid;
	int err, fd[2];

	snprintf(program, sizeof(program), "agent-%s", c->name);
	if (file_join(path, sizeof(path), o->libexec, program) != 0 ||
	    file_join(state, sizeof(state), o->settings->state_dir, c->name) !=
		0)
		return why_set(why, ERR_LIMIT, "path too long");
	err = link_pair(fd, why);
	if (err != 0)
		return err;
	s.fd[0] = fd[1];
	if (c->peer == IPC_PEER_ENFORCER && c->family->parked >= 0) {
		s.fd[1] = c->family->parked; /* IPC_FD_OWNER */
		s.nfd = 2;
	}
	err = spawn_start(&s, &pid, why);
	close(fd[1]);
	if (err != 0) {
		close(fd[0]);
		return err;
	}
	c->link = link_new(o->base, fd[0], c->name, from_child, c,
	    on_link_end);
	if (c->link == NULL) {
		err = why_set(why, ERR_NOMEM, "out of memory");
		goto done;
	}
	err = send_settings(c, why);
	if (err == ERR_CLOSED) {
		/* Killed already: told and mended by child_died, as any. */
		log_warn("%s: %s", c->name, why->text);
		kill(pid, SIGKILL);
		err = 0;
	}
done:
	if (err != 0) {
		link_free(&c->link);
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
		return err;
	}
	c->pid = pid;
	c->started_ms = clock_boot_ms();
	c->ended[0] = '\0';
	set_state(c, CHILD_STARTING);
	wire(c);
	log_debug("%s started (pid %d)", c->name, (int)pid);
	return 0;
}

/* At once the first time, then after a wait that doubles. */
static void
restart_later(struct child *c)
{
	set_timer(&c->restart, c->wait_ms);
	c->wait_ms = c->wait_ms == 0 ? RESTART_MIN_MS : c->wait_ms * 2;
	if (c->wait_ms > RESTART_MAX_MS)
		c->wait_ms = RESTART_MAX_MS;
}

static void
start_or_later(struct child *c)
{
	struct why why = {0};

	if (c->family->stopping || c->state != CHILD_DOWN)
		return;
	if (start(c, &why) == 0)
		return;
	log_error("%s: %s", c->name, why.text);
	restart_later(c);
}

static void
on_restart(evutil_socket_t fd, short what, void *arg)
{
	(void)fd, (void)what;
	start_or_later(arg);
}

/* -- ends ------------------------------------------------------------------ */

static void
stopped_all(struct family *f)
{
	size_t i;

	for (i = 0; i < f->n; i++)
		if (f->child[i].state != CHILD_DOWN)
			return;
	event_base_loopbreak(f->o.base);
}

static void
child_died(struct child *c, int status)
{
	struct family *f = c->family;
	char how[64], text[WHY_MAX + 128];
	int64_t lived = clock_boot_ms() - c->started_ms;

	spawn_status(status, how, sizeof(how));
	snprintf(text, sizeof(text), "process agent-%s (pid %d) ended: %s%s",
	    c->name, (int)c->pid, how, c->ended);
	evtimer_del(&c->grace);
	link_free(&c->link);
	c->pid = 0;
	set_state(c, CHILD_DOWN);
	if (f->stopping) {
		log_info("%s", text);
		stopped_all(f);
		return;
	}
	log_error("%s; it is started again", text);
	if (lived >= HEALTHY_MS)
		c->wait_ms = 0;
	tell(f, "agent.process-died", c->name, text);
	restart_later(c);
}

/* It hangs until somebody lets it go on: said, and left to a person. */
static void
child_stopped(struct child *c)
{
	char text[128];

	snprintf(text, sizeof(text), "process agent-%s (pid %d) was stopped",
	    c->name, (int)c->pid);
	log_warn("%s", text);
	tell(c->family, "agent.frozen", c->name, text);
}

static void
on_sigchld(evutil_socket_t fd, short what, void *arg)
{
	struct family *f = arg;
	int status;
	size_t i;

	(void)fd, (void)what;
	if (f->herald != NULL)
		herald_reap(f->herald);
	for (i = 0; i < f->n; i++)
		while (f->child[i].pid > 0 &&
		    waitpid(f->child[i].pid, &status, WNOHANG | WUNTRACED) ==
			f->child[i].pid) {
			if (WIFSTOPPED(status))
				child_stopped(&f->child[i]);
			else
				child_died(&f->child[i], status);
		}
}

static void
on_killer(evutil_socket_t fd, short what, void *arg)
{
	struct family *f = arg;
	size_t i;

	(void)fd, (void)what;
	for (i = 0; i < f->n; i++) {
		if (f->child[i].pid <= 0)
			continue;
		log_warn("%s does not stop and is killed", f->child[i].name);
		kill(f->child[i].pid, SIGKILL);
	}
}

void
family_stop(struct family *f)
{
	size_t i;

	if (f->stopping)
		return;
	if (f->profile > CORDON__PROFILE__PROFILE_OPEN)
		tell(f, "agent.stopped-isolated", "agent", "the agent was "
		    "stopped while the host is isolated; the rules stay");
	else
		tell(f, "agent.stopped", "agent", "the agent was stopped");
	f->stopping = true;
	for (i = 0; i < f->n; i++) {
		evtimer_del(&f->child[i].restart);
		if (f->child[i].link != NULL)
			link_send(f->child[i].link, IPC_STOP, NULL, 0, -1);
	}
	set_timer(&f->killer, FAMILY_STOP_MS);
	stopped_all(f);
}

/* -- life ------------------------------------------------------------------ */

static void
init_child(struct family *f, size_t at, enum ipc_peer peer, const char *name,
    const char *user)
{
	struct child *c = &f->child[at];

	c->peer = peer;
	c->name = name;
	c->user = user;
	c->family = f;
	evtimer_assign(&c->restart, f->o.base, on_restart, c);
	evtimer_assign(&c->grace, f->o.base, on_grace, c);
}

int
family_start(const struct family_options *o, struct family **out,
    struct why *why)
{
	const struct settings *s = o->settings;
	struct family *f;
	int err = 0;
	size_t i;

	f = calloc(1, sizeof(*f));
	if (f == NULL)
		return why_set(why, ERR_NOMEM, "out of memory");
	f->o = *o;
	f->parked = o->owner_fd;
	/* The enforcer first: an isolated host gets its keeper back first. */
	init_child(f, 0, IPC_PEER_ENFORCER, AGENT_DIR_ENFORCER,
	    s->enforcer_user);
	init_child(f, 1, IPC_PEER_NETWORK, AGENT_DIR_NETWORK,
	    s->network_user);
	init_child(f, 2, IPC_PEER_SENSORS, AGENT_DIR_SENSORS,
	    s->sensors_user);
	f->n = 3;
	if (o->guard == CORDON__GUARD_MODE__GUARD_MODE_ON)
		init_child(f, f->n++, IPC_PEER_GUARD, AGENT_DIR_GUARD,
		    s->guard_user);
	if (s->notice)
		err = herald_new(o->base, o->libexec, &f->herald, why);
	evtimer_assign(&f->killer, o->base, on_killer, f);
	evsignal_assign(&f->sigchld, o->base, SIGCHLD, on_sigchld, f);
	evsignal_add(&f->sigchld, NULL);
	/* A program that cannot be started now is no reason to go on. */
	for (i = 0; err == 0 && i < f->n; i++) {
		err = start(&f->child[i], why);
		if (err != 0)
			why_prefix(why, "%s: ", f->child[i].name);
	}
	if (err != 0)
		family_free(&f);
	else
		*out = f;
	return err;
}

void
family_free(struct family **fp)
{
	struct family *f = *fp;
	size_t i;

	if (f == NULL)
		return;
	for (i = 0; i < f->n; i++) {
		struct child *c = &f->child[i];

		evtimer_del(&c->restart);
		evtimer_del(&c->grace);
		if (c->pid > 0) {
			kill(c->pid, SIGKILL);
			waitpid(c->pid, NULL, 0);
			c->pid = 0;
		}
		link_free(&c->link);
	}
	untaken_done(&f->signals);
	if (f->parked >= 0)
		close(f->parked);
	herald_free(&f->herald);
	program_close_all(&f->programs);
	evtimer_del(&f->killer);
	evsignal_del(&f->sigchld);
	free(f);
	*fp = NULL;
}
