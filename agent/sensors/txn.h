/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Package transactions: a run of dpkg, which holds its lock from its first
 * step to its last, with all that runs below it; several runs below one
 * apt-get belong together.  rpm (also inside dnf5 and the like) is taken
 * in the same way: "dpkg" below is whatever unpacks.  Found by who did a
 * change, never by its text.
 */
#ifndef CORDON_SENSORS_TXN_H
#define CORDON_SENSORS_TXN_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "agent/sensors/outbox.h"
#include "agent/sensors/who.h"
#include "common/base/id.h"

#define TXN_MAX 8 /* at a time; dpkg's lock lets only one work */
#define TXN_PACKAGES_MAX 768 /* bytes of names in its summary */

enum txn_role {
	TXN_NONE,
	TXN_SCRIPT, /* runs below dpkg: a maintainer script and its tools */
	TXN_DPKG,   /* is dpkg */
};

struct txn {
	pid_t outer; /* the package manager that it all runs below */
	uint64_t outer_start; /* 0: was gone when we looked */
	pid_t dpkg;
	uint64_t dpkg_start;
	bool direct; /* nobody above dpkg: a package from a file */
	int64_t opened_ms, last_ms; /* boot */
	int64_t alive_ms; /* boot: seen running */
	char cause[ID_MAX];
	char manager[128];
	uint64_t explained, removed, generated, scripts;
	uint64_t facts; /* of the host's state, explained */
	char packages[TXN_PACKAGES_MAX];
	uint64_t more; /* packages that did not fit */
};

struct txns {
	struct txn txn[TXN_MAX];
	unsigned int n;
};

/*
 * What is WHO in a transaction?  One that is new is opened; *TXN (lent
 * until txns_close) is set unless TXN_NONE.  Only programs that are the
 * files of this host count, named exactly or seen when they were started.
 */
enum txn_role txns_role(struct txns *t, const struct who *who,
    struct txn **txn);
/*
 * Does dpkg run, as C saw it start?  Then its transaction is open from here:
 * what its first script does may be looked at before anything of its own.
 */
bool txns_begin(struct txns *t, struct who_cache *c);
/* Is WHO certain, and dpkg or below it?  Pure. */
bool txn_below(const struct who *who);
/*
 * Is it not known below whom WHO (or nobody) ran?  Then it may have been
 * part of a transaction.
 */
bool txn_loose(const struct who *who);
/* Is dpkg, or what it runs below, still there? */
bool txn_running(struct txn *txn);
/* One of them, and for less than AGE_MS so far? */
bool txns_running(struct txns *t, int64_t age_ms);
/* A package of it explained something; each is named once. */
void txn_package(struct txn *txn, const char *package);
/* Tell those that have ended in one signal each, and forget them. */
void txns_close(struct txns *t, struct outbox *out, bool all);

/* -- for tests ---------------------------- */
/* Place of dpkg in WHO's line of parents (0: itself), and of the outermost
 * package manager; -1: none. */
int txn_find(const struct who *who, int *outer);

#endif
