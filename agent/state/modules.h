/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Kernel modules: those of /proc/modules, and those that only /sys/module
 * knows (somebody took them off the list).
 */
#ifndef CORDON_STATE_MODULES_H
#define CORDON_STATE_MODULES_H

#include "agent/state/source.h"

#define MODULES_FILE "/proc/modules" /* also stands for an event */
#define MODULES_TEXT_MAX (256 * 1024)

extern const struct state_source modules_source;

/* TEXT of /proc/modules, written over: "module NAME" -> taint letters. */
int modules_parse(char *text, struct facts *out);
/* Does a line of TEXT begin with NAME? */
bool modules_listed(const char *text, const char *name);

#endif
