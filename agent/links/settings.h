/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A child's first message: IPC_SETTINGS from the parent, before it drops
 * its rights and before it has a loop.
 */
#ifndef CORDON_AGENT_LINKS_SETTINGS_H
#define CORDON_AGENT_LINKS_SETTINGS_H

#include <stddef.h>
#include <stdint.h>

#include "agent/links/ipc.pb-c.h"
#include "common/base/err.h"

#define SETTINGS_MAX (96 * 1024) /* bytes; LINK_PAYLOAD_MAX */

/*
 * Wait for it at FD, half a minute at most.  *OUT is the caller's; free it
 * with cordon__settings__free_unpacked.  ERR_TIMEOUT; ERR_PROTO: something
 * else came; ERR_CONFIG: without an absolute state folder, a host id or an
 * order key.  What only one child needs, that child checks.
 */
int settings_wait(int fd, Cordon__Settings **out, struct why *why);
/* The same of bytes that are here. */
int settings_unpack(const uint8_t *data, size_t len, Cordon__Settings **out,
    struct why *why);

#endif
