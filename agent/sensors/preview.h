/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Which live flows of this host would an isolation cut, and which would it
 * keep?  Sockets with a peer, of the host's own network namespace, with
 * their processes; what the host forwards for others is not among them.
 * Changes nothing.
 */
#ifndef CORDON_SENSORS_PREVIEW_H
#define CORDON_SENSORS_PREVIEW_H

#include "common/base/buf.h"
#include "common/wire/agent.pb-c.h"

#define PREVIEW_MS 2000	      /* for the whole look */
#define PREVIEW_FLOWS_MAX 200 /* told one by one; all are counted */
#define PREVIEW_PACKED_MAX (64 * 1024)

/*
 * Append the packed Preview to OUT.  PROC is "/proc", or a test's.  Only
 * NETWORK_UID may talk to the collectors.  ERR_NOMEM, or ERR_LIMIT of OUT.
 */
int preview_make(const char *proc, const Cordon__PreviewAsk *ask,
    uint32_t network_uid, struct buf *out);

#endif
