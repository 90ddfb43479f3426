/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The list (sums.h) of what is in the tar stream of a package. */
#ifndef CORDON_PACKAGES_TARLIST_H
#define CORDON_PACKAGES_TARLIST_H

#include "common/base/buf.h"
#include "common/packages/tar.h"

/*
 * Add a row to LIST, whose head is there, for each entry of T.  0 at the
 * end of the stream; else the error of tar_next, ERR_LIMIT: too long.
 * Devices and names that cannot stand on a line are left out.
 */
int tarlist_make(struct tar *t, struct buf *list);

#endif
