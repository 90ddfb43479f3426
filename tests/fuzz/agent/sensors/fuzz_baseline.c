/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The baseline loader, with the digest put right so that the rest is
 * reached; what loads must then be searched without harm.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "agent/sensors/baseline.h"
#include "agent/sensors/path.h"
#include "common/base/digest.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static int
find(void *arg, const char *path, const struct entry *e)
{
	struct entry same;

	if (!baseline_get(arg, path, &same) || same.size != e->size)
		abort();
	return 0;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct baseline *b = NULL;
	struct rec rec;
	uint8_t *copy = malloc(len + DIGEST_LEN);
	size_t i;

	memcpy(copy, data, len);
	digest_of(copy, len, copy + len);
	if (baseline_from(copy, len + DIGEST_LEN, &b, NULL) == 0) {
		for (i = 0; i < baseline_filed(b); i++)
			baseline_at(b, i, &rec);
		baseline_each(b, "/", find, b);
	}
	baseline_free(&b);
	free(copy);
	return 0;
}
