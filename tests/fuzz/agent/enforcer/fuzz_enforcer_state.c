/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The state file: the bytes as they are, and with a checksum that fits, so
 * that what is behind it is reached.
 */
#include <stdlib.h>
#include <string.h>

#include "agent/enforcer/state.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *sealed;
	struct state s;
	struct buf b;

	if (size > STATE_MAX)
		return 0;
	state_init(&s);
	state_decode(data, size, &s, NULL);
	sealed = malloc(size + DIGEST_LEN);
	if (sealed == NULL)
		goto done;
	memcpy(sealed, data, size);
	digest_of(data, size, sealed + size);
	buf_init(&b, STATE_MAX);
	/* what is taken is written back the same */
	if (state_decode(sealed, size + DIGEST_LEN, &s, NULL) == 0 &&
	    (state_encode(&s, &b) != 0 || b.len != size + DIGEST_LEN ||
	    memcmp(b.data, sealed, b.len) != 0))
		abort();
	buf_done(&b);
	free(sealed);
done:
	state_done(&s);
	return 0;
}
