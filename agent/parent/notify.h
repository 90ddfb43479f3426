/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Telling systemd that we are ready or stopping, by the datagram that
 * sd_notify(3) describes, and leaving a descriptor with it across our own
 * end (sd_pid_notify_with_fds(3), sd_listen_fds(3)).  Without libsystemd:
 * it would more than double the memory of the one process that stays root,
 * and bring its compressors into it, for a few sendmsg(2).
 */
#ifndef CORDON_PARENT_NOTIFY_H
#define CORDON_PARENT_NOTIFY_H

#include "common/base/err.h"

#define NOTIFY_NAME_MAX 64 /* bytes of a descriptor's name, '\0' included */

/* TEXT is "READY=1\nSTATUS=..." and so on.  Does nothing without systemd. */
void notify_systemd(const char *text);

/*
 * Leave FD (lent; systemd gets a duplicate) in systemd's store for this
 * unit under NAME (letters, digits, '-'), in the place of what it holds
 * under that name.  The unit's FileDescriptorStoreMax= must allow it:
 * systemd does not say if it refused.  ERR_NOENT: not started by systemd;
 * ERR_RANGE: NAME is no such name; ERR_IO.
 */
int notify_store(int fd, const char *name, struct why *why);

/* Let systemd close what it holds under NAME.  The same errors. */
int notify_unstore(const char *name, struct why *why);

/*
 * The descriptor that an earlier process of this unit left under NAME, or
 * -1.  It is the caller's, close-on-exec, and the same one at each call:
 * ask once.
 */
int notify_stored(const char *name);

#endif
