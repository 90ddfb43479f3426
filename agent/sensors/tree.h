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

#include <stdatomic.h>

#include "agent/sensors/kept.h"
#include "agent/sensors/manifest.h"
#include "common/base/err.h"
#include "common/base/id.h"

#define TREE_KEEP 8 /* manifests of one tree; the oldest go */

struct tree_job {
	const char *state_dir, *host_id;
	const char *tree;      /* as given; links are followed once */
	const char *manifest;  /* id to verify against; NULL: the one that
				* is signed, else the newest of this tree */
	const struct tree_reader *reader; /* NULL: none is signed */
};

/* Make one, tell it, print its id and digest. */
int tree_make(const struct tree_job *j, struct why *why);
/* 0: equal; ERR_CRYPTO: it is not (what differs was printed). */
int tree_verify(const struct tree_job *j, struct why *why);
/*
 * Everything below TOP (a real path), sorted, paths made relative to it;
 * the top itself is left out.  ERR_IO also when a file cannot be read.
 * *BYTES in regular files.
 */
int tree_read(char *top, const atomic_bool *stop, struct scan_result **out,
    uint64_t *bytes, struct why *why);
/*
 * Make the manifest ID of the tree at TOP (a real path) in its file PATH;
 * *RES as of tree_read.
 */
int tree_write(const char *state_dir, const char *host_id, const char *id,
    char *top, const atomic_bool *stop, char path[PATH_LEN],
    struct scan_result **res, uint64_t *bytes, uint8_t digest[DIGEST_LEN],
    struct why *why);
/* The file of the manifest ID, of whatever tree; ERR_NOENT. */
int tree_find_id(const char *state_dir, const char *id, char out[PATH_LEN]);
/*
 * The newest manifest of the tree at PATH (clean, absolute) into OUT, its
 * file's path; ERR_NOENT.
 */
int tree_newest(const char *state_dir, const char *path, char out[PATH_LEN]);

#endif
