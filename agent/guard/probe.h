/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What this kernel gives the guard, found out by trying it on loopback. */
#ifndef CORDON_GUARD_PROBE_H
#define CORDON_GUARD_PROBE_H

#include <stddef.h>

#include "agent/links/ipc.h"

/*
 * Bits of enum guard_feature (ipc.h).  For an instant loopback carries a
 * program that lets everything pass; nothing else is touched.  REASON: why
 * nothing works, "" otherwise.
 */
unsigned int probe_features(char *reason, size_t size);

#endif
