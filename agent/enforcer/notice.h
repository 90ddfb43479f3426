/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the people at this machine are told, from the order in force. */
#ifndef CORDON_ENFORCER_NOTICE_H
#define CORDON_ENFORCER_NOTICE_H

#include "agent/enforcer/isolation.h"
#include "common/base/buf.h"

#define NOTICE_PAYLOAD_MAX 4096

/* Append the payload of IPC_NOTICE (ipc.h).  ERR_LIMIT, ERR_NOMEM. */
int notice_pack(struct isolation *i, struct buf *out);

#endif
