/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What a file in a persistence place would run, out of its text.  Pure:
 * unit-tested and fuzzed.
 */
#ifndef CORDON_STATE_MEANING_H
#define CORDON_STATE_MEANING_H

#include "common/base/buf.h"

#define MEANING_MAX 1024 /* bytes */

/*
 * TEXT of the file PATH in a place of KIND, quoted, cut: commands of units,
 * jobs, rules and hooks, libraries, modules; "" where there is no more than
 * a script.  TEXT is changed.
 */
void meaning_of(const char *kind, const char *path, char *text,
    char out[MEANING_MAX]);

#endif
