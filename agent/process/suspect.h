/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What is wrong with a process, judged from what was seen of it alone:
 * pure, no /proc, no clock.  One process gives at most one verdict, the
 * worst; what else was found stands beside it.  Package managers, builds
 * and container runtimes are known by their whole path among the parents,
 * as the kernel tells it, and silent.  Of a process with a root folder of
 * its own the paths below that count.
 */
#ifndef CORDON_PROCESS_SUSPECT_H
#define CORDON_PROCESS_SUSPECT_H

#include <stdbool.h>
#include <stddef.h>

#include "agent/process/seen.h"
#include "common/wire/agent.pb-c.h"

#define SUSPECT_TEXT_MAX 512
#define SUSPECT_ALSO_MAX 4

/* What the administrator knows of; lent. */
struct suspect_rules {
	char *const *exec_allow; /* beginnings of paths; may run from there */
	size_t execs;
	char *const *shell_allow; /* programs that may start shells */
	size_t shells;
};

struct suspect {
	const char *kind; /* of common/base/kinds.c; NULL: nothing is wrong */
	Cordon__Severity severity; /* NONE: the kind's own */
	char text[SUSPECT_TEXT_MAX]; /* quoted */
	char object[SEEN_PATH_MAX];  /* raw: program or script */
	const char *also[SUSPECT_ALSO_MAX]; /* kinds */
	size_t alsos;
};

/* What to read of a process before suspect_exec can judge. */
enum suspect_need {
	NEED_NOTHING = 0,
	NEED_FILE = 1,	  /* seen_file */
	NEED_ARGS = 2,	  /* seen_args */
	NEED_FDS = 4,	  /* seen_fds */
	NEED_PARENT = 8,  /* pid and program of the first, from anywhere */
	NEED_PARENTS = 16, /* seen_status, seen_login, seen_parents */
	NEED_SCRIPT = 32, /* seen_script_file */
	NEED_ALL = 63,
};
/*
 * By its path alone: the cheap first look.  A verdict over less than
 * NEED_ALL is to be judged again with all: more may excuse it.
 */
unsigned int suspect_need(const struct process_seen *s);

/* Is S the beginning of a build: make, a script "configure", ...? */
bool suspect_is_builder(const struct process_seen *s);

/* A program was started (or, with s->walk, found running). */
bool suspect_exec(const struct process_seen *s,
    const struct suspect_rules *rules, struct suspect *out);
/*
 * Of one that ended before it could be read: S->script, which the shell or
 * interpreter S->exe was started for.
 */
bool suspect_script(const struct process_seen *s,
    const struct suspect_rules *rules, struct suspect *out);
/* A process gave itself the name s->name. */
bool suspect_name(const struct process_seen *s, struct suspect *out);
/* TRACER attached itself to S, no child of its own. */
bool suspect_trace(const struct process_seen *s,
    const struct process_seen *tracer, struct suspect *out);
/*
 * A process that had been WAS, and had no way back, is root now.  S was
 * read after that.
 */
bool suspect_root(const struct process_seen *s, uint32_t was,
    struct suspect *out);

/* Could feeding by a relay make S a remote shell?  Then look again soon:
 * the relay may connect only later. */
bool suspect_may_be_fed(const struct process_seen *s);

#endif
