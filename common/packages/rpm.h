/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What an RPM header says of a package and its files: the form of the
 * database and of the package file alike (rpm's docs/manual/format_header,
 * lib/rpmtag.h).  Pure: lends from the bytes it is given, which are foreign;
 * nothing in them is followed before it was held against their end.
 */
#ifndef CORDON_PACKAGES_RPM_H
#define CORDON_PACKAGES_RPM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/packages/slice.h"
#include "common/base/digest.h"
#include "common/base/err.h"

#define RPM_HEADER_MAX (64u * 1024 * 1024) /* bytes of one header */
#define RPM_TAGS_MAX 4096
#define RPM_FILES_MAX 1000000

/* RPMFILE_x of FILEFLAGS */
#define RPM_FILE_CONFIG (1u << 0)
#define RPM_FILE_GHOST (1u << 6)

struct rpm_header {
	const uint8_t *index, *data;
	size_t tags, len; /* of the index, of the data */
};

/* The header at DATA without its magic, as the database has it; *USED. */
int rpm_header_open(const void *data, size_t len, struct rpm_header *h,
    size_t *used);

struct rpm_package {
	struct slice name, version, arch; /* version: [EPOCH:]VERSION-RELEASE */
	char version_text[256];		  /* which lies here */
};
/* ERR_SYNTAX: no name, or one that cannot stand in a list. */
int rpm_package(const struct rpm_header *h, struct rpm_package *p);

struct rpm_file {
	struct slice dir, base;		 /* "/usr/bin/", "x" */
	struct slice user, group, target; /* target: of a link */
	uint8_t digest[DIGEST_LEN];
	size_t digest_len; /* 32 SHA-256, 16 MD5, 0: none or another kind */
	uint32_t mode, flags; /* mode with its type */
	bool there; /* installed: not left out, not replaced by another's */
};

/* Walks the files of a header; rpm_files_done frees. */
struct rpm_files {
	struct rpm_header h;
	const uint8_t **dir; /* owned */
	size_t dirs, n, at;
	const uint8_t *base, *digest, *user, *group, *target; /* next */
	const uint8_t *modes, *flags, *states, *index;
	uint32_t algo;
};
/* 0 also when it has no files; ERR_SYNTAX: lists of different lengths. */
int rpm_files_open(const struct rpm_header *h, struct rpm_files *f);
bool rpm_files_next(struct rpm_files *f, struct rpm_file *file);
void rpm_files_done(struct rpm_files *f);

#endif
