/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Bringing a database to the newest schema: numbered migrations, each in a
 * transaction of its own; the number reached stands in meta under "schema".
 */
#ifndef CORDON_SERVER_STORE_MIGRATE_H
#define CORDON_SERVER_STORE_MIGRATE_H

#include <stddef.h>

#include "server/store/db.h"

/* The migrations of this build, number 1 first. */
const char *const *migrate_list(size_t *n);

/*
 * Apply what is missing of LIST.  ERR_UNSUPP when the database is newer
 * than the list, ERR_CORRUPT when it is not a database of ours.
 */
int migrate_run(struct db *db, const char *const *list, size_t n,
    struct why *why);

#endif
