/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Dropping rights for good: user, groups, capabilities, no_new_privs, core
 * dumps, then a seccomp filter by system call name.  Each right that is
 * kept stands in a table with its reason (capabilities(7), seccomp(2)).
 */
#ifndef CORDON_PROC_RIGHTS_H
#define CORDON_PROC_RIGHTS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "common/base/err.h"

/* One capability that stays; a table ends with cap < 0. */
struct right {
	int cap;	    /* CAP_NET_ADMIN ... of linux/capability.h */
	const char *reason; /* shown by --rights */
};

/*
 * One allowed system call; a table ends with name == NULL.  "bpf=5": with
 * that number as the first argument, for calls that are many in one.
 */
struct syscall_rule {
	const char *name;
	const char *reason;
};

struct rights {
	const char *user; /* name or number; NULL: stay who we are */
	const struct right *keep; /* NULL: none */
	/*
	 * For a process that starts others with these rights: KEEP also
	 * stays in the bounding set, and uid 0 keeps its meaning at execve.
	 */
	bool pass_on;
};

/*
 * A name, or a number that stands for uid and gid alike (tests, containers)
 * and needs no entry in the list of users; NULL: who we are.  ERR_CONFIG.
 */
int rights_find_user(const char *user, uid_t *uid, gid_t *gid,
    struct why *why);

/* Is that capability ours to keep?  False if it cannot be found out. */
bool rights_may(int cap);

/*
 * Become that user with just those capabilities (permitted, effective;
 * inheritable, ambient and bounding emptied), set no_new_privs and
 * PR_SET_DUMPABLE 0, then read all of it back and compare.  Must be called
 * before any thread or loop exists.  ERR_CONFIG: there is no such user;
 * ERR_PERM with WHY when anything is not as asked: the caller must exit.
 */
int rights_drop(const struct rights *r, struct why *why);

/*
 * Load the filter: the listed calls are allowed, plus the common set every
 * process of ours needs (rights_common_calls); all others kill the process
 * (SECCOMP_RET_KILL_PROCESS), which the parent and the journal show.
 * Names unknown on this architecture are skipped.
 */
int sandbox_enter(const struct syscall_rule *rules, struct why *why);
const struct syscall_rule *sandbox_common(void);
/*
 * The other way round, for a process that starts others: they inherit its
 * filter, so it names what none of them may ever call; those kill.
 */
int sandbox_forbid(const struct syscall_rule *rules, struct why *why);

/*
 * Print both tables with reasons to standard output (for --rights); RULES
 * NULL: a process without sandbox_enter, only the rights.
 */
void rights_print(const struct rights *r, const struct syscall_rule *rules);

#endif
