/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * BPF programs in the kernel that can watch or change what it does.
 */
#ifndef CORDON_STATE_BPF_H
#define CORDON_STATE_BPF_H

#include "agent/state/source.h"

extern const struct state_source bpf_source;

/* A type of BPF program that can see or change the kernel; NULL: none. */
const char *bpf_type_words(unsigned int type);

#endif
