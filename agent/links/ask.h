/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Bounds of what the collector asks and more than one process looks at: the
 * network process before it passes it on, the sensors because the network
 * process may have been taken over.
 */
#ifndef CORDON_AGENT_LINKS_ASK_H
#define CORDON_AGENT_LINKS_ASK_H

#include "common/base/err.h"
#include "common/wire/agent.pb-c.h"

#define ASK_COLLECTORS_MAX 16
#define ASK_ALLOWED_MAX 64
#define ASK_PATH_MAX 4095 /* bytes of a path or glob */
#define ASK_NAME_MAX 512  /* of a user or process */

/* 0, or ERR_RANGE with WHY. */
int ask_preview_check(const Cordon__PreviewAsk *ask, struct why *why);
int ask_sweep_check(const Cordon__SweepAsk *ask, struct why *why);

#endif
