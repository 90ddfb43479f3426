/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Packing.  Runs wherever protobuf bytes go out; what goes in is our own. */
#include "common/wire/pack.h"

int
pack(const ProtobufCMessage *m, struct buf *out)
{
	uint8_t *at;
	int rc;

	rc = buf_reserve(out, protobuf_c_message_get_packed_size(m), &at);
	if (rc == 0)
		buf_grow(out, protobuf_c_message_pack(m, at));
	return rc;
}
