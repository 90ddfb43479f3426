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
 * The same as text: *TEXT is in OUT (empty before), terminated, and may be
 * changed.  A NUL in it becomes a new line: programs that read lines go on
 * behind it, so nothing may hide there.
 */
int content_text(const char *path, struct buf *out, char **text);

#endif
