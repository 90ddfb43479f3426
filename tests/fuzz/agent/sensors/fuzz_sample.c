/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A name, then the bytes of a file cut into head, middle and tail. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "agent/sensors/sample.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	const uint8_t *end = len > 0 ? memchr(data, '\0', len) : NULL;
	struct sample s = {0};
	size_t i, part;

	if (end == NULL)
		return 0;
	len -= (size_t)(end + 1 - data);
	s.size = len;
	for (i = 0; i < 3; i++, len -= part) {
		part = i == 2 || len < SAMPLE_BLOCK ? len : SAMPLE_BLOCK;
		if (part > SAMPLE_BLOCK)
			part = SAMPLE_BLOCK;
		s.len[i] = part;
		memcpy(s.data[i], end + 1 + (s.size - len), part);
	}
	if (sample_bits(&s) > 800)
		abort();
	for (i = LOOK_UNKNOWN; i <= LOOK_RANDOM; i++)
		harm_of((const char *)data, (enum look)i, look_of(&s), &s);
	return 0;
}
