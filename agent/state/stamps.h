/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Files that are too many or too large to be read at each look: libraries,
 * kernel modules, boot images, scripts of packages, pages of web servers.
 * Of each only its stamp is a fact: inode, size, times, mode, owner.
 */
#ifndef CORDON_STATE_STAMPS_H
#define CORDON_STATE_STAMPS_H

#include <stdbool.h>

#include "agent/state/source.h"

#define STAMPS_NAMES_MAX 20000 /* looked at below one row */

struct stamp_row {
	const char *dir;   /* fnmatch(3) in its last part only */
	const char *names; /* "*.so;*.so.*": of files, one of them */
	unsigned int depth; /* folders below DIR that are entered */
	const char *kind;   /* of common/base/kinds.c */
};

/*
 * All that ROWS (ending with dir NULL) name.  A row with too many names is
 * missed as a whole.
 */
int stamps_read(const struct state_env *env, const struct stamp_row *rows,
    struct facts *out);
/* Does NAME fit one of NAMES, parted by ";"? */
bool stamps_fits(const char *names, const char *name);

extern const struct state_source libraries_source;
extern const struct state_source web_source;

#endif
