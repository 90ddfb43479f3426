/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Lists (common/packages/sums.h) from package files: deb(5), and RPM's form
 * with SHA-256 digests.  Nothing in them is run or written.
 */
#ifndef CORDON_SERVER_LISTS_DEB_H
#define CORDON_SERVER_LISTS_DEB_H

#include "common/base/buf.h"
#include "common/base/err.h"
#include "common/packages/sums.h"

/* Read from FD; the list into OUT (SUMS_FILE_MAX), its NAME. */
int deb_list(int fd, struct buf *out, char name[SUMS_NAME_MAX],
    struct why *why);
/*
 * By the package's own header: files of other users than root are left
 * out, their numbers differ from host to host.
 */
int rpm_list(int fd, struct buf *out, char name[SUMS_NAME_MAX],
    struct why *why);

#endif
