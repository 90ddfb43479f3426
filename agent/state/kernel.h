/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The kernel itself: why it is tainted, its command line and release, and
 * what guards it: lockdown, the list of security modules, SELinux, AppArmor.
 */
#ifndef CORDON_STATE_KERNEL_H
#define CORDON_STATE_KERNEL_H

#include <stddef.h>
#include <stdint.h>

#include "agent/state/source.h"

extern const struct state_source kernel_source;
extern const struct state_source lsm_source;

/* Bits of /proc/sys/kernel/tainted as words, ", " between; "" for 0. */
void kernel_taint_words(uint64_t bits, char *out, size_t size);
/* "none [integrity] confidentiality" -> "integrity"; "" if malformed. */
void lsm_parse_lockdown(const char *text, char *out, size_t size);
/* TEXT of apparmor/profiles, written over: "apparmor NAME" -> mode. */
int lsm_parse_profiles(char *text, struct facts *out);

#endif
