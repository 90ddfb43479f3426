/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What fanotify is asked to tell: whole file systems by handle where the
 * kernel can; where it cannot (overlayfs, a subvolume of btrfs) starts and
 * writes of the file system by descriptor, and folders one by one.
 */
#ifndef CORDON_SENSORS_MARKS_H
#define CORDON_SENSORS_MARKS_H

#include <stdbool.h>

#include "agent/sensors/dirs.h"

struct marks {
	int fan_fd;   /* a group that reports handles; -1: none */
	int plain_fd; /* one that reports descriptors; -1: none */
	struct dirs *dirs; /* folders of handles; of the watch thread */
	bool by_kind; /* the last refusal was for the file system's kind */
	char abilities[128]; /* which flags the kernel gave, in words */
};

/* False: no memory.  marks_close in either case. */
bool marks_open(struct marks *m);
void marks_close(struct marks *m);
/*
 * The file system of PATH with as much as the kernel takes; CHANGES: not
 * only starts and attributes.  False with errno: no handles there, at most
 * starts and writes are told.
 */
bool marks_tree(struct marks *m, const char *path, bool changes);
/* The folder FD at PATH, and what lies directly in it. */
bool marks_folder(struct marks *m, int fd, const char *path);
/* The same, after marks_tree refused its file system for its kind. */
bool marks_one(struct marks *m, const char *path);

#endif
