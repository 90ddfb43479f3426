/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The agent's folders, its lock and its control socket; made as root. */
#ifndef CORDON_PARENT_FOLDERS_H
#define CORDON_PARENT_FOLDERS_H

#include <limits.h>
#include <sys/types.h>

#include "agent/parent/settings.h"
#include "common/base/err.h"

struct owner {
	uid_t uid;
	gid_t gid;
};

/*
 * Make state and run folder (root, 0755) and below the state folder one
 * for each child (0700, its user's).  What is there is set right.
 */
int folders_make(const struct settings *s, struct why *why);
/* One folder: mode and owner are set on what the descriptor shows. */
int folders_one(const char *path, const struct owner *o, mode_t mode,
    struct why *why);

/* One agent a run folder.  *FD holds the lock until the process ends. */
int folders_lock(const char *run_dir, int *fd, struct why *why);

/* The listening control socket, 0600, SOCK_SEQPACKET, non-blocking. */
int folders_control(const char *run_dir, int *fd, struct why *why);

#endif
