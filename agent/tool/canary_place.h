/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Where canaries go in a tree, and putting them there.  The tree belongs to
 * others, who may swap its folders under our hands: everything is done by
 * descriptors of folders that were reached without a link, and nothing that
 * is there is ever opened for writing or replaced.
 */
#ifndef CORDON_TOOL_CANARY_PLACE_H
#define CORDON_TOOL_CANARY_PLACE_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "agent/tool/canary_body.h"
#include "common/base/digest.h"
#include "common/base/err.h"

#define PLACE_FOLDERS_MAX 101 /* of a tree */
#define PLACE_NAMES_MAX 100000 /* looked at in one folder */

/* A folder that gets canaries, and what its files are like. */
struct place {
	char path[PATH_MAX];
	char first[NAME_MAX + 1], last[NAME_MAX + 1]; /* of its names; "" */
	char ending[8];	/* the most frequent that canary_can, or "" */
	uid_t uid;	/* of a file there, or of the folder */
	gid_t gid;
	mode_t mode;
	int64_t mtime_s; /* of a file there */
};

/*
 * The top of TREE and its first FOLDERS folders, breadth first and by name,
 * as one who goes through it meets them.  PLACE has room for FOLDERS + 1;
 * returns how many there are.  Hidden folders and other file systems are
 * left out.
 */
size_t place_find(const char *tree, size_t folders, struct place *place);

struct canary_file {
	char path[PATH_MAX];
	uint8_t sha256[DIGEST_LEN];
};

/* Think of one for P: name, and content into BODY. */
int place_plan(const struct place *p, bool last, struct canary_file *f,
    struct buf *body);
/* Make it, with owner, mode and about the time of its neighbours. */
int place_make(const struct place *p, const struct canary_file *f,
    const struct buf *body, struct why *why);
/* Is it there as it was made?  ERR_NOENT, ERR_CRYPTO: changed. */
int place_check(const struct canary_file *f);
/* Remove it if it is as it was made; the same answers. */
int place_remove(const struct canary_file *f);

#endif
