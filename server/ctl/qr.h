/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A QR code (ISO/IEC 18004) in the half blocks of a UTF-8 terminal. */
#ifndef CORDON_SERVER_CTL_QR_H
#define CORDON_SERVER_CTL_QR_H

#include "common/base/buf.h"
#include "common/base/err.h"

#define QR_QUIET 4 /* modules of margin, as the standard asks */

/*
 * Append the picture of TEXT to OUT, two rows of modules a line, light
 * modules drawn: for a dark terminal.  ERR_LIMIT: too long for a QR code.
 */
int qr_draw(const char *text, struct buf *out);

#endif
