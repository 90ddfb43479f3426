/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Manifests of single trees: restored data, backup sets.  The same file as
 * manifest.h, but with paths relative to the tree ("/a.pdf"), so that a
 * copy elsewhere can be held against it, and without accounts and places.
 * Made and verified by a command (`cordon-agent manifest`): this program
 * for a moment, with no right but to read.
 *
 * In the state folder: tree-HASH-ID, HASH of the tree's path.  The digest
 * goes to the collector as a signal, into its chain: there it is kept where
 * nobody on this host can change it.
 */
#ifndef CORDON_SENSORS_TREE_H
#define CORDON_SENSORS_TREE_H

#include "agent/sensors/manifest.h"
#include "common/base/err.h"
#include "common/base/id.h"

#define TREE_KEEP 8 /* manifests of one tree; the oldest go */

struct tree_job {
	const char *state_dir, *host_id;
	const char *tree;      /* as given; links are followed once */
	const char *manifest;  /* id to verify against; NULL: the newest of
				* this tree */
};

/* Make one, tell it, print its id and digest. */
int tree_make(const struct tree_job *j, struct why *why);
/* 0: equal; ERR_CRYPTO: it is not (what differs was printed). */
int tree_verify(const struct tree_job *j, struct why *why);
/*
 * The newest manifest of the tree at PATH (clean, absolute) into OUT, its
 * file's path; ERR_NOENT.
 */
int tree_newest(const char *state_dir, const char *path, char out[PATH_LEN]);

#endif
