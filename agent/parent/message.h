/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the parent says to its children, packed. */
#ifndef CORDON_PARENT_MESSAGE_H
#define CORDON_PARENT_MESSAGE_H

#include <stdint.h>

#include "agent/links/ipc.h"
#include "agent/links/ipc.pb-c.h"
#include "agent/parent/settings.h"
#include "common/base/buf.h"
#include "common/base/err.h"
#include "common/wire/agent.pb-c.h"

struct message_facts {
	const struct settings *settings;
	const Cordon__Enrolled *identity;
	const char *conf_path, *libexec;
	Cordon__GuardMode guard; /* for the enforcer */
};
/*
 * Append Settings for the child TO, whose folder is NAME: only what that
 * one has to know.
 */
int message_settings(const struct message_facts *m, enum ipc_peer to,
    const char *name, struct buf *out, struct why *why);

/* Append a Signal of KIND about OBJECT, seen now. */
int message_signal(const char *kind, const char *object, const char *text,
    struct buf *out);

#endif
