/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One expression of a ruleset as libnftnl knows it.  Every register is
 * NFT_REG_1: each load is compared before the next one.
 */
#ifndef CORDON_ENFORCER_NFT_EXPR_H
#define CORDON_ENFORCER_NFT_EXPR_H

#include <stdio.h> /* libnftnl/expr.h names FILE */

#include <libnftnl/expr.h>

#include "agent/enforcer/ruleset.h"

/* NULL: out of memory, or an expression that was only read (EXPR_OTHER). */
struct nftnl_expr *nft_expr_make(const struct expr *e);

#endif
