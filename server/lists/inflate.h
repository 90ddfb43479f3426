/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What stands in a package: plain, gzip, xz or zstd, as one stream of bytes
 * with bounds on memory and length.
 */
#ifndef CORDON_SERVER_LISTS_INFLATE_H
#define CORDON_SERVER_LISTS_INFLATE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/base/err.h"

#define INFLATE_MEMORY_MAX (256UL * 1024 * 1024)
#define INFLATE_BYTES_MAX (16ULL * 1024 * 1024 * 1024) /* that come out */

enum inflate_kind { INFLATE_PLAIN, INFLATE_GZIP, INFLATE_XZ, INFLATE_ZSTD };

/* Up to LEN bytes of what is packed; 0: the end; -1: failed. */
typedef ssize_t inflate_read_fn(void *arg, void *buf, size_t len);

struct inflate; /* opaque */

struct inflate *inflate_new(enum inflate_kind kind, inflate_read_fn *read,
    void *arg);
void inflate_free(struct inflate **z);
/* As tar_read_fn: up to LEN bytes; 0: the end; -1: not in form, too long. */
ssize_t inflate_read(void *z, void *buf, size_t len);

#endif
