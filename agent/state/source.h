/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A source of facts: one part of the host's state, read and explained.
 * A row of functions, each small enough to be read in one look; the state
 * sensor (agent/sensors/state.c) does the rest: when to read, what is new,
 * who did it, what is kept.  All run on its one thread.
 */
#ifndef CORDON_STATE_SOURCE_H
#define CORDON_STATE_SOURCE_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "agent/state/facts.h"
#include "common/wire/agent.pb-c.h"

#define STATE_SOURCES_MAX 48
#define STATE_OBJECT_MAX 1024
#define STATE_TEXT_MAX 1024

/* Where a source looks; lent. */
struct state_env {
	const char *root; /* before every path: "" on a host, a test tree */
	/* What this source said last, sealed; NULL: nothing yet.  To take
	 * over what need not be read again. */
	const struct facts *was;
	int route_fd;	  /* NETLINK_ROUTE; -1: none */
	int diag_fd;	  /* NETLINK_SOCK_DIAG; -1: none */
	const char *own_dir; /* programs of the agent; NULL: not known */
};

/* What a change means. */
struct state_told {
	const char *kind; /* id in common/base/kinds.c; static */
	char object[STATE_OBJECT_MAX]; /* raw; "nobody", "/etc/sudoers" */
	/* For people, old and new value in words; foreign parts quoted. */
	char text[STATE_TEXT_MAX];
	/* Who wrote this file did it; "": any file that had the source
	 * read again. */
	char path[PATH_MAX];
	pid_t pid; /* it did it and may still be there; 0: see PATH */
	Cordon__Severity severity; /* NONE: the kind's own */
};

struct state_source {
	const char *name; /* "accounts": also of its file in the state folder */
	/*
	 * fnmatch(3) patterns without flags ("*" takes "/" too), not with
	 * the root: an event there has it read again at once.  Ends with
	 * NULL.  NULL: polled only.
	 */
	const char *const *paths;
	uint32_t every_s; /* looked at as well at least so often */
	/*
	 * All that is so now into OUT (not sealed).  What could not be read
	 * goes to facts_miss; an error gives up the whole look, the facts
	 * before stay.
	 */
	int (*read)(const struct state_env *env, struct facts *out,
	    struct why *why);
	/*
	 * Fill *OUT, which is zeroed.  False: it means nothing.  A change
	 * that is FACT_FOUND means something only if it is bad in itself.
	 */
	bool (*tell)(const struct fact_change *c, struct state_told *out);
	/* Its facts are what the file at their path holds, and nothing else:
	 * what explains that file explains them. */
	bool of_files;
};

/* The table of all sources, in sources.c; ends with NULL. */
extern const struct state_source *const state_sources[];

#endif
