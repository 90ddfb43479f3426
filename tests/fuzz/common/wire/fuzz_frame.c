/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Frames from random bytes: what decodes must encode to the same bytes. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/wire/frame.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void
must(int ok)
{
	if (!ok)
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct frame f;
	struct why why;
	struct buf b;
	size_t used;
	int rc;

	while ((rc = frame_decode(data, len, &f, &used, &why)) == 0) {
		must(used <= len && used == FRAME_HEADER + f.len);
		must(f.len <= frame_max(f.kind));
		buf_init(&b, used);
		must(frame_encode(&b, f.kind, f.payload, f.len) == 0);
		must(b.len == used && memcmp(b.data, data, used) == 0);
		buf_done(&b);
		data += used;
		len -= used;
	}
	must(rc == ERR_AGAIN || rc == ERR_PROTO);
	return 0;
}
