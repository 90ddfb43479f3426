/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Reading a tar stream as dpkg-deb writes it: ustar and GNU with long names
 * (tar(5)).  Anything else in it is an error: a list with holes would call
 * a package's own files foreign.
 */
#ifndef CORDON_PACKAGES_TAR_H
#define CORDON_PACKAGES_TAR_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/base/err.h"

#define TAR_NAME_MAX 4096

struct tar_entry {
	char type; /* 'f', 'l' (symbolic), 'h' (hard), 'd', else 'o' */
	char name[TAR_NAME_MAX]; /* no "./" in front, no '/' behind */
	char target[TAR_NAME_MAX]; /* of links */
	uint32_t mode, uid, gid;
	uint64_t size; /* of the content that follows */
};

/* Up to LEN bytes into BUF; 0: the end; -1: failed. */
typedef ssize_t tar_read_fn(void *arg, void *buf, size_t len);

struct tar {
	tar_read_fn *read;
	void *arg;
	uint64_t left; /* of the content of the last entry, with padding */
	uint64_t content; /* of it that is no padding */
};

void tar_init(struct tar *t, tar_read_fn *read, void *arg);
/*
 * The next entry; what was not read of the last one is passed over.  0;
 * ERR_NOENT: the end; ERR_SYNTAX; ERR_LIMIT; ERR_IO.
 */
int tar_next(struct tar *t, struct tar_entry *e);
/* Content of the entry, at most LEN bytes; 0: no more; or enum err. */
ssize_t tar_content(struct tar *t, void *buf, size_t len);

#endif
