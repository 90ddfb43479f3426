/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Certificates in the text of a file.  Pure.
 */
#ifndef CORDON_STATE_AUTHORITY_H
#define CORDON_STATE_AUTHORITY_H

#include <stddef.h>

#include "common/base/err.h"

#define AUTHORITIES_MAX 4096 /* of one file */

/* PRINT: SHA-256 of the whole certificate, hex; SUBJECT as in RFC 2253. */
typedef int authority_fn(void *arg, const char *print, const char *subject);
/* Each certificate of a PEM text or, if it is none, of one DER. */
int authority_each(const char *text, size_t len, authority_fn *fn,
    void *arg);

#endif
