/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Changing our tables: each call is one nfnetlink batch, which the kernel
 * takes whole or not at all (nfnetlink(7), net/netfilter/nfnetlink.c).
 * Every acknowledgement is read; one error means that nothing happened.
 */
#ifndef CORDON_ENFORCER_NFT_TXN_H
#define CORDON_ENFORCER_NFT_TXN_H

#include <stdbool.h>

#include "agent/enforcer/netlink.h"
#include "agent/enforcer/ruleset.h"
#include "common/base/err.h"

#define NFT_BATCH_MAX (12 * 1024 * 1024)

enum txn_mode {
	TXN_COMMIT,
	TXN_CHECK, /* the kernel checks all of it and throws it away */
};

/*
 * Replace what HAVE says is there by WANT; either may be NULL or empty.
 * Old tables go and new ones come in the same batch: nothing passes in
 * between.  OWNER must be the socket that owns the tables.  ERR_KERNEL with
 * what was refused in WHY; ERR_NOENT: a device went away meanwhile, look at
 * the devices again; ERR_PERM: another socket owns our table.
 */
int nft_replace(struct netlink *owner, const struct ruleset *want,
    const struct ruleset *have, enum txn_mode mode, struct why *why);

/*
 * The smallest batch that makes HAVE into WANT: if only chains of devices
 * differ just those (the others keep their place at their hooks), else as
 * nft_replace.
 */
int nft_update(struct netlink *owner, const struct ruleset *want,
    const struct ruleset *have, struct why *why);

/*
 * Become the owner of tables that outlived theirs (owner and persist
 * together, Linux 6.9).  Tables without persist are left as they are.
 */
int nft_adopt(struct netlink *owner, const struct ruleset *have,
    struct why *why);

#endif
