/* SPDX-License-Identifier: GPL-3.0-or-later */
/* CRC-32 by a table.  Any process, any thread. */
#include "common/base/crc.h"

#include <pthread.h>

static uint32_t table[256];

/* Reflected; polynomial 0xedb88320. */
static void
make_table(void)
{
	uint32_t i, v;
	int bit;

	for (i = 0; i < 256; i++) {
		v = i;
		for (bit = 0; bit < 8; bit++)
			v = (v >> 1) ^ (0xedb88320u & (0u - (v & 1)));
		table[i] = v;
	}
}

uint32_t
crc32_of(const void *data, size_t len)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	const uint8_t *p = data;
	uint32_t crc = 0xffffffffu;
	size_t i;

	pthread_once(&once, make_table);
	for (i = 0; i < len; i++)
		crc = (crc >> 8) ^ table[(crc ^ p[i]) & 0xff];
	return ~crc;
}
