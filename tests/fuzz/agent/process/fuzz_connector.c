/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Messages of the process connector; names must end, offsets only grow. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "agent/process/connector.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct connector_event ev;
	size_t off = 0, last;
	int r;

	do {
		last = off;
		r = connector_next(data, len, &off, &ev);
		if (off > len || (r == 0 && off <= last))
			abort();
		if (memchr(ev.name, '\0', sizeof(ev.name)) == NULL)
			abort();
		if (r == 0 && ev.what != CONNECTOR_ACK &&
		    ev.what != CONNECTOR_OTHER && ev.pid <= 0)
			abort();
	} while (r == 0);
	return 0;
}
