/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Unpacking foreign protobuf bytes with a bound on memory.  Without it two
 * bytes on the wire (an empty repeated message) become hundreds in memory,
 * and a frame of 1 MiB becomes 100.
 */
#ifndef CORDON_WIRE_UNPACK_H
#define CORDON_WIRE_UNPACK_H

#include <protobuf-c/protobuf-c.h>
#include <stddef.h>
#include <stdint.h>

/* Bytes that unpacking LEN bytes may take. */
#define UNPACK_MEMORY(len) (64 * 1024 + 16 * (len))

/*
 * The message, to be freed by its own ..._free_unpacked(m, NULL); or NULL
 * when the bytes are not that message or it takes too much memory.
 * Usage: Cordon__Hello *h = unpack(&cordon__hello__descriptor, data, len);
 */
void *unpack(const ProtobufCMessageDescriptor *type, const void *data,
    size_t len);

#endif
