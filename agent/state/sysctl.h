/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Kernel settings that matter to security, the programs that the kernel
 * starts as root, and the file formats that start a program (binfmt_misc).
 */
#ifndef CORDON_STATE_SYSCTL_H
#define CORDON_STATE_SYSCTL_H

#include "agent/state/source.h"

extern const struct state_source sysctl_source;
extern const struct state_source binfmt_source;

/* The files that are read, for marks; ends with NULL. */
const char *sysctl_path(size_t nr);

/* TEXT of a binfmt_misc file, written over: "enabled INTERPRETER FLAGS". */
void binfmt_parse(char *text, char *out, size_t size);

#endif
