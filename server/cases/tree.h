/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Known-good manifests of single trees (restored data, backup sets): taken
 * from their host while it is normal, looked at and signed by a person,
 * versioned by tree, given back to the host or its group.  Runs inside jobs
 * of the store.
 *
 *	asked -> waiting -> signed -> older, retired
 *	  \---> failed       (version: one series a tree, never back)
 */
#ifndef CORDON_SERVER_CASES_TREE_H
#define CORDON_SERVER_CASES_TREE_H

#include <stdbool.h>
#include <stdint.h>

#include "common/wire/signed_tree.h"
#include "server/cases/cases.h"

#define TREE_WAITING_MAX 4  /* of a host, not signed; then the oldest goes */
#define TREE_VERSIONS_MAX 8 /* of one tree, whose content is kept */
#define TREE_TRIES_MAX 8    /* asked again for what was missing */
#define TREE_ANSWERS "trees" /* in Hello.answers */

/* Have one made by the host's agent and sent. */
int tree_ask(struct db *db, const char *host_id, const char *tree,
    const struct actor *actor, char manifest_id[ID_MAX],
    struct refused *refused);
/*
 * The host says (in its chain of signals) that root made one there: it is
 * asked for, unless the host is under suspicion.
 */
int tree_offer(struct db *db, const struct host *h, const char *manifest_id,
    const char *tree, const char *sha256);
/* The host is here (again): go on with what is missing, tell what holds. */
int tree_hello(struct db *db, const struct host *h);

/* A piece that came is kept; this was the last one: SIZE and what it is. */
int tree_received(struct db *db, const struct host *h,
    const char *manifest_id, const uint8_t sum[DIGEST_LEN]);
/* A piece is missing: ask again, or ERR_LIMIT when that was done enough. */
int tree_resume(struct db *db, const struct host *h,
    const char *manifest_id);

/* SHA256: of what the person saw.  GROUP: for all hosts of its group. */
int tree_sign(struct db *db, const struct cases_settings *s,
    const char *manifest_id, const char *sha256, bool group,
    const struct actor *actor, struct refused *refused);
int tree_retire(struct db *db, const struct cases_settings *s,
    const char *manifest_id, const char *reason, const struct actor *actor,
    struct refused *refused);

/* An agent asks for a piece of what was signed for it. */
int tree_part(struct db *db, const char *host_id, const Cordon__TreeAsk *a);

/* What holds for this host, by tree; at most TREES_MAX. */
struct tree_row {
	char manifest_id[ID_MAX];
	char tree[TREE_PATH_MAX + 1];
	uint64_t version;
	bool retired;
};
int tree_holds(struct db *db, const struct host *h, struct tree_row *row,
    size_t *n);

/* Hold TREE of the host against its manifest now; the run's result says. */
int tree_check(struct db *db, const char *host_id, const char *tree,
    const struct actor *actor, char run_id[ID_MAX], struct refused *refused);

/* -- what is in it, for the one who signs (tree_text.c) -------------------- */

#define TREE_LINES_MAX 100 /* differences that are listed */

struct tree_text {
	uint64_t files, bytes;
	uint64_t added, removed, changed; /* to the one before */
	struct {
		char what; /* '+', '-', '~' */
		char *path; /* owned, escaped as in the manifest */
	} line[TREE_LINES_MAX];
	size_t n;
};
/* BEFORE_ID "": nothing to compare with.  ERR_CORRUPT: not in form. */
int tree_text(struct db *db, const char *manifest_id, const char *before_id,
    struct tree_text *out);
/*
 * The same of bytes: each is malloc'ed, has a NUL behind it, and is freed;
 * BEFORE may be NULL.
 */
int tree_text_take(char *now, size_t now_len, char *before,
    size_t before_len, struct tree_text *out);
void tree_text_done(struct tree_text *t);

#endif
