/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What nf_tables says when its rules change (NFNLGRP_NFTABLES of
 * linux/netfilter/nf_tables.h): tables, chains and rules that came or went,
 * in words, and who did it.  The agent's own table is left out.  Names in
 * it are other people's.
 */
#ifndef CORDON_STATE_NFTNOTE_H
#define CORDON_STATE_NFTNOTE_H

#include <linux/netlink.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"

#define NFTNOTE_TEXT_MAX 480
#define NFTNOTE_NAME_MAX 64

enum nftnote_what {
	NFTNOTE_OTHER, /* nothing that is told */
	NFTNOTE_CHANGE,
	NFTNOTE_END, /* of a transaction: PID and PROGRAM are set */
};

struct nftnote {
	enum nftnote_what what;
	bool gone;  /* something was taken away */
	bool opens; /* a table went, or a chain's policy is to accept */
	char table[2 * NFTNOTE_NAME_MAX]; /* "inet filter", quoted */
	char text[NFTNOTE_TEXT_MAX];	  /* quoted */
	uint32_t pid; /* of the initial pid namespace */
	char program[16]; /* the task's name, raw */
};

/* One message.  ERR_SYNTAX: its lengths do not fit. */
int nftnote_parse(const struct nlmsghdr *nlh, struct nftnote *out);

/*
 * A socket that hears of it, not blocking; -1 and WHY.  Binding needs
 * CAP_NET_ADMIN of this network namespace, reading nothing.
 */
int nftnote_open(struct why *why);

#endif
