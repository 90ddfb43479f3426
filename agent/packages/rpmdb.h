/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The database of RPM, read only: the SQLite one of RHEL 9 and Fedora
 * (rpmdb.sqlite; lib/backend/sqlite.c of rpm).  Older forms (Berkeley DB,
 * ndb) are not read.
 */
#ifndef CORDON_PACKAGES_RPMDB_H
#define CORDON_PACKAGES_RPMDB_H

#include <stddef.h>

#include "common/base/err.h"

#define RPMDB_FILE "rpmdb.sqlite"

/*
 * Each header of the database in FOLDER to FN, whose error ends it.
 * ERR_NOENT: there is none; ERR_CORRUPT, ERR_LIMIT, ERR_IO with WHY.
 */
typedef int rpmdb_fn(void *arg, const void *header, size_t len);
int rpmdb_each(const char *folder, rpmdb_fn *fn, void *arg,
    struct why *why);

#endif
