/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Buffers of fanotify events; each name must end inside the buffer. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "agent/sensors/fanotify_event.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void
check(const uint8_t *data, size_t len, const struct fan_place *p)
{
	if (p->handle == NULL)
		return;
	if (p->handle < data || p->handle + p->handle_len > data + len ||
	    (const uint8_t *)p->name + strlen(p->name) >= data + len)
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct fan_event ev;
	size_t off = 0, last;

	do {
		last = off;
		if (fan_event_next(data, len, &off, &ev) != 0)
			break;
		check(data, len, &ev.at);
		check(data, len, &ev.from);
	} while (off > last);
	if (off > len)
		abort();
	return 0;
}
