/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What is mounted where, as the first process sees it.  The kernel tells
 * changes by POLLPRI on mountinfo (proc(5)).
 */
#ifndef CORDON_STATE_MOUNTS_H
#define CORDON_STATE_MOUNTS_H

#include "agent/state/source.h"

#define MOUNTS_FILE "/proc/1/mountinfo"
#define MOUNTS_TEXT_MAX (1024 * 1024)

extern const struct state_source mounts_source;

/*
 * TEXT of mountinfo, written over: mount point -> "TYPE of SOURCE[ROOT]
 * ro,noexec" (only options that matter).  Places that programs for
 * containers and sessions fill themselves are left out.
 */
int mounts_parse(char *text, struct facts *out);

#endif
