/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the kernel holds under our name, read back by netlink into the same
 * plain data that ruleset_build makes.  Handles, positions and counts are
 * left out; anything that we never write becomes EXPR_OTHER, so that it
 * shows as a difference.
 */
#ifndef CORDON_ENFORCER_NFT_READ_H
#define CORDON_ENFORCER_NFT_READ_H

#include <linux/netlink.h>
#include <stdbool.h>
#include <stdint.h>

#include "agent/enforcer/netlink.h"
#include "agent/enforcer/ruleset.h"
#include "common/base/err.h"

struct nft_view {
	struct ruleset *rs; /* owned; never NULL after nft_read */
	uint64_t dropped;   /* sum of our counters */
	uint32_t owner;	    /* netlink port of the tables' owner, 0: none */
};

void nft_view_done(struct nft_view *v);

/* Dump our tables.  A dump that was interrupted is asked again. */
int nft_read(struct netlink *nl, struct nft_view *out, struct why *why);

/*
 * One message of a dump (NFT_MSG_NEWTABLE, _NEWCHAIN, _NEWRULE, _NEWOBJ)
 * into V; those of other tables are skipped.  ERR_PROTO if its attributes
 * do not hold together, ERR_LIMIT.  The fuzzer's entry.
 */
int nft_read_message(struct nft_view *v, const struct nlmsghdr *nlh);

#endif
