/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Explanation by content: a change that only puts there what an installed
 * package holds is counted and silent; a package's file that holds
 * something else is raised louder.  While a package transaction runs, its
 * files wait for its end, and a bounded time at most.  Asked by the files
 * and the state sensor, each on its thread: it has its own lock.
 *
 * What a word is worth.  Our lists, made from the package (SHA-256, mode,
 * owner): the change is explained whoever made it.  dpkg's own lists (MD5,
 * on this host): only when dpkg, or what runs below it, was seen to make
 * it; found by a scan it is told with low severity; made by another it is
 * told as ever, with what the list says.
 */
#ifndef CORDON_SENSORS_EXPLAIN_H
#define CORDON_SENSORS_EXPLAIN_H

#include "agent/packages/packages.h"
#include "agent/sensors/judge.h"
#include "agent/sensors/pending.h"
#include "agent/sensors/sensor.h"
#include "agent/sensors/txn.h"

enum explain_verdict {
	EXPLAIN_PLAIN,	/* nothing explains it */
	EXPLAIN_SILENT, /* explained: counted, not told */
	EXPLAIN_QUIET,	/* told with low severity */
	EXPLAIN_LOUD,	/* a package's file, and not what it holds */
	EXPLAIN_COPY,	/* a program of a package under another name */
};

struct explanation {
	enum explain_verdict verdict;
	const char *package; /* lies in NAME; NULL: none */
	bool by_role; /* not by content: by who did it, or where */
	const char *word;    /* static: what it rests on; NULL: nothing */
	const char *cause;   /* of its transaction, lies in ID; NULL */
	char name[TXN_PACKAGES_MAX], id[ID_MAX];
};

struct explain; /* opaque */

/* ENV lent.  Without dpkg on this host all changes are EXPLAIN_PLAIN. */
int explain_new(struct sensor_env *env, struct explain **x, struct why *why);
void explain_free(struct explain **x);
void explain_change(struct explain *x, enum change kind,
    const struct change_of *c, struct explanation *out);

/* Must IT wait for the end of its transaction?  Then a copy is kept. */
bool explain_hold(struct explain *x, const struct pending_item *it);
/* One that has waited long enough, or NULL; the caller frees it. */
struct pending_item *explain_take(struct explain *x);
/* Does PATH wait?  Its own event names who did it better than a scan. */
bool explain_waits(struct explain *x, const char *path);
/* A transaction runs: a look at everything would meet it half-way. */
bool explain_busy(struct explain *x);
/* Every second or so: ends transactions, tells counts, frees memory. */
void explain_turn(struct explain *x);

/* -- for the state sensor ---------------------------- */

/* Did WHO (NULL: nobody) run below a dpkg that is still at work? */
bool explain_running(struct explain *x, const struct who *who);
/* No longer than this anything waits for the end of a transaction. */
int64_t explain_wait_ms(const struct explain *x);
/*
 * What was read at PATH, NOW there (NULL: gone), means something new, and
 * WHO made it so.  The files sensor's rule; of what has no package of its
 * own the package is the transaction's.
 */
void explain_state(struct explain *x, const char *path,
    const struct entry *now, const struct who *who, struct explanation *out);

/* -- the rule, pure, for tests ---------------------------- */

/* What is known of one change apart from its entries. */
struct explain_facts {
	enum txn_role role;
	bool seen; /* somebody is named, whoever */
	const struct packages_file *file; /* claims on the path */
	size_t files;
	const uint8_t *md5; /* of the content now; NULL: not known */
	bool override;	    /* with this mode: */
	uint32_t override_mode;
};

enum explain_verdict explain_rule(enum change kind,
    const struct change_of *c, const struct explain_facts *f,
    struct explanation *out);

#endif
