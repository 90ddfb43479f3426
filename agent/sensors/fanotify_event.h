/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The bytes that read(2) on a fanotify descriptor gives, taken apart with
 * every length checked.  fanotify(7), linux/fanotify.h.
 */
#ifndef CORDON_SENSORS_FANOTIFY_EVENT_H
#define CORDON_SENSORS_FANOTIFY_EVENT_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/base/err.h"

#define FAN_HANDLE_MAX 128 /* MAX_HANDLE_SZ */

/* A folder by handle and a name in it; lent, inside the buffer. */
struct fan_place {
	uint64_t fsid;
	int handle_type;
	const uint8_t *handle;
	size_t handle_len;
	const char *name; /* "." for the folder itself */
};

struct fan_event {
	uint64_t mask;
	pid_t pid;
	int pidfd; /* -1: none; else the caller closes it */
	int fd; /* of the file, in a group without handles; the same */
	struct fan_place at;   /* handle NULL: none */
	struct fan_place from; /* of FAN_RENAME; handle NULL: none */
};

/*
 * The event at *OFF of LEN bytes; *OFF moves behind it.  ERR_NOENT: no more.
 * ERR_SYNTAX: lengths that do not fit; nothing after it can be trusted.
 */
int fan_event_next(const uint8_t *buf, size_t len, size_t *off,
    struct fan_event *ev);

#endif
