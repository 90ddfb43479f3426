/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Typed text: whatever was typed, and what was taken encodes to text that
 * gives the same bytes again.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/typed.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf out, text, again;
	struct why why;

	if (size > 64 * 1024)
		return 0;
	buf_init(&out, 32 * 1024);
	if (typed_decode(data, size, &out, &why) != 0 || out.len == 0) {
		buf_done(&out);
		return 0;
	}
	buf_init(&text, 256 * 1024);
	buf_init(&again, 32 * 1024);
	if (typed_encode(out.data, out.len, TYPED_SCAN, &text) != 0 ||
	    typed_decode(text.data, text.len, &again, &why) != 0 ||
	    again.len != out.len ||
	    memcmp(again.data, out.data, out.len) != 0)
		abort();
	buf_done(&out);
	buf_done(&text);
	buf_done(&again);
	return 0;
}
