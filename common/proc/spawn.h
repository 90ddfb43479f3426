/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Starting a program of ours with chosen descriptors: fork(2), then
 * execve(2) of a fixed path with a fixed argument list.  No shell, no PATH.
 */
#ifndef CORDON_PROC_SPAWN_H
#define CORDON_PROC_SPAWN_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "common/base/err.h"

#define SPAWN_FD_FIRST 3 /* fd[0] becomes 3, fd[1] becomes 4, ... */
#define SPAWN_FD_MAX 8

struct spawn {
	const char *path;	  /* absolute */
	const char *const *argv; /* NULL-terminated, argv[0] included */
	int fd[SPAWN_FD_MAX];	  /* lent; -1: nothing at that number */
	size_t nfd;
	/*
	 * Ignores SIGINT and SIGTERM, which a terminal or systemd sends to
	 * all processes at once: it is stopped by the one that started it.
	 */
	bool shielded;
};

/*
 * Start it with a clean environment (LANG, TZ, NOTIFY_SOCKET and
 * JOURNAL_STREAM kept); every other descriptor is closed; the child dies
 * with its parent (PR_SET_PDEATHSIG).  *PID is the child.
 */
int spawn_start(const struct spawn *s, pid_t *pid, struct why *why);

/* In words, how a child ended: "exit status 1", "killed by SIGSYS". */
const char *spawn_status(int status, char *out, size_t size);

#endif
