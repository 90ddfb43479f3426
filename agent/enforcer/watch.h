/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Being told: nf_tables changes by others, with pid and program of who did
 * it, and devices, addresses, routes and neighbours that come, go or change.
 */
#ifndef CORDON_ENFORCER_WATCH_H
#define CORDON_ENFORCER_WATCH_H

#include <linux/netlink.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/base/err.h"

#define WATCH_PROGRAM_MAX 64

struct event_base;
struct watch;

/* Who changed the ruleset; pid 0: not known (some notices were lost). */
struct watch_who {
	uint32_t pid;
	char program[WATCH_PROGRAM_MAX]; /* quoted, may be empty */
};

struct watch_calls {
	void (*ruleset)(void *arg, const struct watch_who *who);
	void (*ground)(void *arg);
	/* A device has left for another network namespace. */
	void (*moved)(void *arg, const char *device);
	/* Is a change of this neighbour worth a look? */
	bool (*is_hop)(void *arg, const uint8_t *ip, size_t len);
};

/* OWN: our pid, whose changes are not told.  CALLS is lent. */
int watch_start(struct event_base *base, pid_t own,
    const struct watch_calls *calls, void *arg, struct watch **w,
    struct why *why);
void watch_stop(struct watch **w);

/* NFT_MSG_NEWGEN -> who.  ERR_NOENT: another message.  For tests. */
int watch_parse(const struct nlmsghdr *nlh, struct watch_who *who);

#endif
