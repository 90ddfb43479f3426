/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Our own list of what is in one package, made from the package itself:
 * SHA-256, mode and owner of each path.  Text:
 *
 *   cordon-package 1
 *   bash 5.2.15-2+b2 amd64
 *   f 0123...ef 4755 0 0 usr/bin/x     regular file
 *   l 0123...ef 777 0 0 usr/bin/y      link; digest of where it points
 *   d - 755 0 0 usr/bin                folder
 */
#ifndef CORDON_PACKAGES_SUMS_H
#define CORDON_PACKAGES_SUMS_H

#include "common/packages/slice.h"
#include "common/base/buf.h"
#include "common/base/digest.h"
#include "common/base/err.h"

#define SUMS_FILE_MAX (64u * 1024 * 1024)
#define SUMS_NAME_MAX 512
#define SUMS_HEAD "cordon-package 1\n"

struct sums_row {
	char type; /* 'f', 'l' or 'd' */
	uint8_t sha256[DIGEST_LEN];
	uint32_t mode, uid, gid;
	struct slice path; /* no '/' in front */
};

/* "NAME_VERSION_ARCH.sums", ':' as "%3a"; ERR_RANGE for what is no name. */
int sums_name(char out[SUMS_NAME_MAX], struct slice name,
    struct slice version, struct slice arch);
int sums_begin(struct buf *out, struct slice name, struct slice version,
    struct slice arch);
/* ERR_RANGE: a path that cannot stand on a line. */
int sums_add(struct buf *out, const struct sums_row *row);
/* Is TEXT the list of just that package?  Takes the head off. */
bool sums_open(struct slice *text, struct slice name, struct slice version,
    struct slice arch);
bool sums_next(struct slice *text, struct sums_row *row);

#endif
