/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Packing a protobuf message behind what a bounded buffer holds. */
#ifndef CORDON_WIRE_PACK_H
#define CORDON_WIRE_PACK_H

#include <protobuf-c/protobuf-c.h>

#include "common/base/buf.h"

/*
 * Append M to OUT; an empty message is no bytes, but OUT->data is not NULL.
 * ERR_LIMIT, ERR_NOMEM: OUT is as it was.
 * Usage: rc = pack(&hello.base, &out);
 */
int pack(const ProtobufCMessage *m, struct buf *out);

#endif
