/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Facts from disk, with the digest put right; and every source's words for
 * any key and value: a fact may hold whatever a file did.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "agent/state/source.h"
#include "common/base/digest.h"
#include "common/base/kinds.h"
#include "common/base/text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void
on_change(void *arg, const struct fact_change *c)
{
	static struct state_told told;
	size_t i;

	(void)arg;
	for (i = 0; state_sources[i] != NULL; i++) {
		memset(&told, 0, sizeof(told));
		if (!state_sources[i]->tell(c, &told))
			continue;
		if (signal_kind_find(told.kind) == NULL ||
		    memchr(told.text, 0, sizeof(told.text)) == NULL ||
		    memchr(told.object, 0, sizeof(told.object)) == NULL ||
		    memchr(told.path, 0, sizeof(told.path)) == NULL)
			abort();
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct facts *f = NULL, *half = facts_new();
	uint8_t *bytes;
	size_t i;

	if (len < DIGEST_LEN || len > 65536) {
		facts_free(&half);
		return 0;
	}
	bytes = malloc(len);
	memcpy(bytes, data, len);
	digest_of(bytes, len - DIGEST_LEN, bytes + len - DIGEST_LEN);
	if (facts_unpack(bytes, len, &f) == 0) {
		for (i = 0; i < facts_count(f); i += 2)
			facts_add(half, facts_key(f, i), i % 4 == 0 ?
			    facts_value(f, i) : "state=set\tsize=9\tyes=1");
		if (facts_seal(half) != 0)
			abort();
		facts_diff(NULL, f, on_change, NULL);
		facts_diff(half, f, on_change, NULL);
		facts_diff(f, half, on_change, NULL);
	}
	facts_free(&f);
	facts_free(&half);
	free(bytes);
	return 0;
}
