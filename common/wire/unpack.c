/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Bounded unpacking.  Runs wherever protobuf bytes come in; trusts none.
 */
#include "common/wire/unpack.h"

#include <stdlib.h>

/* Plain malloc(3) that counts down; so plain free(3) gives back. */
static void *
counted(void *arg, size_t size)
{
	size_t *left = arg;

	if (size > *left)
		return NULL;
	*left -= size;
	return malloc(size);
}

static void
give_back(void *arg, void *p)
{
	(void)arg;
	free(p);
}

void *
unpack(const ProtobufCMessageDescriptor *type, const void *data, size_t len)
{
	size_t left = UNPACK_MEMORY(len);
	ProtobufCAllocator memory = {.alloc = counted, .free = give_back,
	    .allocator_data = &left};
	const uint8_t none = 0;

	return protobuf_c_message_unpack(type, &memory, len,
	    len > 0 ? data : &none);
}
