/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What maintainer scripts and the tools they call are known to write, and
 * what nobody may write unseen.  Tables; pure.
 */
#ifndef CORDON_SENSORS_EFFECTS_H
#define CORDON_SENSORS_EFFECTS_H

#include <stdbool.h>
#include <stddef.h>

#include "agent/sensors/entry.h"

/*
 * Is PATH one that a tool of the system makes from other files?  NOW (NULL:
 * it was removed) must be of the kind that the tool makes.  *TOOL: the
 * program that does, if only one does and it is no script; else NULL.
 */
bool effects_generated(const char *path, const struct entry *now,
    const char **tool);
/* Does something start from PATH, or does it give rights? */
bool effects_sensitive(const char *path);
/*
 * Is PATH the copy (passwd-, shadow-, ...) that PROGRAM of the shadow suite
 * keeps of a file before it changes that one?
 */
bool effects_account_copy(const char *path, const char *program);
/*
 * The path that PATH belongs to when dpkg or ucf put an ending behind it
 * (".dpkg-new", ".ucf-old").  False: it has no such ending.
 */
bool effects_base(const char *path, char *base, size_t size);

#endif
