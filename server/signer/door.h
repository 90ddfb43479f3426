/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The signer's door: a SOCK_SEQPACKET unix socket at which one user may
 * ask (unix(7), SO_PEERCRED).
 */
#ifndef CORDON_SERVER_SIGNER_DOOR_H
#define CORDON_SERVER_SIGNER_DOOR_H

#include <sys/types.h>

#include "common/base/err.h"

#define DOOR_ASKERS_MAX 8

struct event_base;
struct keeper;
struct door;

/*
 * Bind PATH; replaces a socket that is there.  Called before rights are
 * dropped.  As root it gets mode 0660 and belongs to ALLOWED; else, if
 * ALLOWED is not us, anybody may knock and SO_PEERCRED decides alone.
 */
int door_bind(const char *path, uid_t allowed, int *fd, struct why *why);

/* Takes FD; KEEPER is lent. */
struct door *door_open_take(struct event_base *base, int fd, uid_t allowed,
    struct keeper *keeper);
void door_close(struct door **d);

#endif
