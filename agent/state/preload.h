/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Libraries that a running program was told to load before all others
 * (LD_PRELOAD, LD_AUDIT in its environment; ld.so(8)).
 */
#ifndef CORDON_STATE_PRELOAD_H
#define CORDON_STATE_PRELOAD_H

#include <stddef.h>

#include "agent/state/source.h"

extern const struct state_source preload_source;

/*
 * The value of LD_PRELOAD or LD_AUDIT in the environment TEXT of LEN bytes
 * (entries end with NUL), cut to SIZE; false: neither is set.
 */
bool preload_parse(const char *text, size_t len, char *out, size_t size);

#endif
