/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the signer remembers over a restart: which hosts were cut and opened
 * within the last hour, and how far the audit log was signed.  It is the
 * ceiling that even a taken-over collector meets.
 */
#ifndef CORDON_SERVER_SIGNER_JOURNAL_H
#define CORDON_SERVER_SIGNER_JOURNAL_H

#include <stdint.h>

#include "common/base/err.h"

#define JOURNAL_FILE "journal" /* in the state folder, 0600 */
#define JOURNAL_FILE_MAX (16 * 1024 * 1024)
#define JOURNAL_BUDGET_MAX 10000
#define JOURNAL_WINDOW_MS (60 * 60 * 1000)
#define JOURNAL_END_SLACK_MS 60000

struct journal;

enum journal_side {
	JOURNAL_CUT,  /* strict, recovery, limited */
	JOURNAL_OPEN, /* open */
	JOURNAL_DRILL, /* any profile, to be undone by the host itself */
	JOURNAL_SIDES
};

/*
 * Read DIR/journal, or start an empty one.  LIMIT: distinct hosts an hour,
 * for each side; 0: no limit.  NOW: wall ms, here and below.
 */
int journal_open(const char *dir, int64_t limit, int64_t now,
    struct journal **j, struct why *why);
void journal_close(struct journal **j);

/*
 * Count an order for that host.  ERR_PERM: the budget is used up.  When the
 * file cannot be written the count is kept in memory and the order goes on:
 * a full disk must not stop an isolation.
 */
int journal_host(struct journal *j, enum journal_side side,
    const char *host_id, int64_t now, struct why *why);
/* Distinct hosts of that side in the last hour. */
int64_t journal_count(struct journal *j, enum journal_side side, int64_t now);

/* May a head of that number be signed?  ERR_PERM if it is below the last. */
int journal_head(struct journal *j, uint64_t number, int64_t now,
    struct why *why);
/* May an end?  An export began a little before the newest head. */
int journal_end(struct journal *j, uint64_t number, int64_t now,
    struct why *why);

#endif
