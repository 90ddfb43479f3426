/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Signals until they are safe.  Runs in the parent and in the enforcer; what
 * the network process says can only make us forget what was meant for it.
 */
#include "agent/links/untaken.h"

#include <string.h>

#include "agent/links/ipc.h"
#include "agent/links/ipc.pb-c.h"
#include "common/base/id.h"
#include "common/proc/link.h"
#include "common/wire/unpack.h"

/* Fields 12 and 13 of a Signal (agent.proto), as protobuf encodes them. */
#define RUN_TAG (12 << 3 | 1)
#define SERIAL_TAG (13 << 3)

size_t
untaken_stamp(uint8_t out[UNTAKEN_STAMP_MAX], uint64_t run, uint64_t serial)
{
	size_t n = 0, i;

	out[n++] = RUN_TAG;
	for (i = 0; i < 8; i++)
		out[n++] = (uint8_t)(run >> i * 8);
	for (out[n++] = SERIAL_TAG; serial >= 0x80; serial >>= 7)
		out[n++] = (uint8_t)(serial | 0x80);
	out[n++] = (uint8_t)serial;
	return n;
}

int
untaken_add(struct untaken *u, const void *data, size_t len)
{
	struct untaken_item *it = &u->item[u->n];
	uint8_t head[UNTAKEN_STAMP_MAX];
	int rc;

	if (u->n == UNTAKEN_MAX)
		return ERR_LIMIT;
	while (u->run == 0)
		random_bytes(&u->run, sizeof(u->run));
	buf_init(&it->bytes, UNTAKEN_BYTES_MAX);
	rc = buf_add(&it->bytes, head, untaken_stamp(head, u->run,
	    u->last + 1));
	if (rc == 0)
		rc = buf_add(&it->bytes, data, len);
	if (rc != 0) {
		buf_done(&it->bytes);
		return rc;
	}
	it->serial = ++u->last;
	u->n++;
	return 0;
}

void
untaken_send(struct untaken *u, struct link *l, size_t nth)
{
	for (; l != NULL && nth < u->n; nth++)
		if (link_send(l, IPC_SIGNAL, u->item[nth].bytes.data,
		    u->item[nth].bytes.len, -1) != 0)
			return; /* it ends, or comes again with the next */
}

int
untaken_take(struct untaken *u, const uint8_t *payload, size_t len)
{
	Cordon__Taken *m;
	size_t i = 0;

	m = unpack(&cordon__taken__descriptor, payload, len);
	if (m == NULL)
		return ERR_PROTO;
	while (m->run == u->run && i < u->n &&
	    u->item[i].serial <= m->serial)
		buf_done(&u->item[i++].bytes);
	u->n -= i;
	memmove(u->item, u->item + i, u->n * sizeof(u->item[0]));
	cordon__taken__free_unpacked(m, NULL);
	return 0;
}

void
untaken_done(struct untaken *u)
{
	while (u->n > 0)
		buf_done(&u->item[--u->n].bytes);
}
