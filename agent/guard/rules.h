/* SPDX-License-Identifier: GPL-3.0-or-later */
/* GuardSet -> what the programs are told. */
#ifndef CORDON_GUARD_RULES_H
#define CORDON_GUARD_RULES_H

#include "agent/guard/program.h"
#include "agent/links/ipc.pb-c.h"
#include "common/base/err.h"

/* ERR_PROTO: too many peers, or one that is none. */
int rules_of(const Cordon__GuardSet *m, struct program_rules *out,
    struct why *why);

#endif
