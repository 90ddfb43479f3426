/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Who this host is, as enrolment said it: one root-owned file, "identity"
 * in the state folder (0644; nothing in it is secret), holding a packed
 * Enrolled message.  Written by the tool, read by parent, enforcer
 * (--restore) and network.
 */
#ifndef CORDON_AGENT_LINKS_IDENTITY_H
#define CORDON_AGENT_LINKS_IDENTITY_H

#include "common/base/err.h"
#include "common/wire/agent.pb-c.h"

#define IDENTITY_FILE "identity"

/* ERR_NOENT: not enrolled.  Free with cordon__enrolled__free_unpacked. */
int identity_load(const char *state_dir, Cordon__Enrolled **id,
    struct why *why);
/* Checks bounds (ids, key length, collectors) before it writes. */
int identity_save(const char *state_dir, const Cordon__Enrolled *id,
    struct why *why);
/* The same checks on a message that came from the network: 0/ERR_RANGE. */
int identity_check(const Cordon__Enrolled *id, struct why *why);

#endif
