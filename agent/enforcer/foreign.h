/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A picture of all nf_tables rules that are not ours: one sorted line for
 * each table, chain, rule, set, element and object, with a digest of what it
 * says.  Handles, positions and counts are left out.  Taken before
 * isolation and compared at release.
 */
#ifndef CORDON_ENFORCER_FOREIGN_H
#define CORDON_ENFORCER_FOREIGN_H

#include <linux/netlink.h>
#include <stddef.h>

#include "agent/enforcer/netlink.h"
#include "common/base/buf.h"
#include "common/base/err.h"

#define FOREIGN_FILE "foreign" /* in the enforcer's folder */
#define FOREIGN_MAX (8 * 1024 * 1024)
#define FOREIGN_TEXT_MAX 400

/* OUT: initialised with FOREIGN_MAX; the picture's text. */
int foreign_take(struct netlink *nl, struct buf *out, struct why *why);

/*
 * A chain of others that stands behind ours where frames leave: at the last
 * priority, and there before us (later comers run first).  It can still
 * rewrite what we let through.  OUT: its name for people, "" if there is
 * none.  Only asked while our chains stand.
 */
int foreign_behind(struct netlink *nl, char *out, size_t size,
    struct why *why);

/*
 * What differs, for a person: "" if nothing, else the first lines that came
 * or went and how many there are.
 */
void foreign_compare(const struct buf *before, const struct buf *after,
    char *out, size_t size);

int foreign_load(const char *dir, struct buf *out, struct why *why);
int foreign_save(const char *dir, const struct buf *picture,
    struct why *why);

/* One message of a dump as lines; 0, ERR_NOMEM, ERR_LIMIT.  For tests. */
int foreign_line(const struct nlmsghdr *nlh, struct buf *out);

#endif
