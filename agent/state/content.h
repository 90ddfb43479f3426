/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Reading a small file where another program would follow links to it
 * (authorized_keys, sudoers): links are followed, but only a regular file
 * is ever opened for reading.
 */
#ifndef CORDON_STATE_CONTENT_H
#define CORDON_STATE_CONTENT_H

#include "common/base/buf.h"
#include "common/base/err.h"

/* Append the content of PATH; ERR_NOENT, ERR_LIMIT, ERR_PERM, ERR_IO. */
int content_read(const char *path, struct buf *out);
/*
 * The bytes of B as text, terminated, which may be changed.  A NUL becomes
 * a new line: programs that read lines go on behind it, so nothing may hide
 * there.
 */
int content_as_text(struct buf *b, char **text);
/* Both; OUT is empty before. */
int content_text(const char *path, struct buf *out, char **text);

#endif
