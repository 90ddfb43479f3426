/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Private to manifest.c and tree*.c of server/cases. */
#ifndef CORDON_SERVER_CASES_TREE_INT_H
#define CORDON_SERVER_CASES_TREE_INT_H

#include "server/cases/tree.h"

/* Refused unless the host is normal and in no case. */
int tree_suspect(const struct host *h, struct refused *refused);
/* Refused unless the actor may sign. */
int tree_may(const struct actor *actor, struct refused *refused);
/* It came to nothing: pieces go, the reason stays. */
int manifest_fail(struct db *db, const struct host *h,
    const char *manifest_id, const char *why);
/* Send the host all that holds for it. */
int tree_tell(struct db *db, const struct host *h);

#endif
