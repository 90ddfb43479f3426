/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Signals that a process has given to the network process and that may not
 * be safe there yet: kept until it says so (IPC_TAKEN), sent again to the
 * next one.  Run and serial, fields of each, let it tell what it has.  The
 * parent and the enforcer have few and keep them here in memory; the sensors
 * have many and keep them on disk (sensors/kept.h).
 */
#ifndef CORDON_AGENT_LINKS_UNTAKEN_H
#define CORDON_AGENT_LINKS_UNTAKEN_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/buf.h"
#include "common/base/err.h"

#define UNTAKEN_MAX 16
#define UNTAKEN_STAMP_MAX 20 /* bytes */
#define UNTAKEN_BYTES_MAX (32 * 1024) /* of one signal */

struct link;

struct untaken { /* all zero is a good start */
	uint64_t run, last; /* serial given last */
	struct untaken_item {
		uint64_t serial;
		struct buf bytes;
	} item[UNTAKEN_MAX];
	size_t n;
};

/* Run and serial as fields of a packed Signal, to stand before it. */
size_t untaken_stamp(uint8_t out[UNTAKEN_STAMP_MAX], uint64_t run,
    uint64_t serial);

/* Keep a packed Signal.  ERR_LIMIT: so many wait that this one is not. */
int untaken_add(struct untaken *u, const void *data, size_t len);
/* Those from the NTH on to L, which may be NULL; they stay. */
void untaken_send(struct untaken *u, struct link *l, size_t nth);
/* The payload of an IPC_TAKEN: these need not be kept.  ERR_PROTO. */
int untaken_take(struct untaken *u, const uint8_t *payload, size_t len);
void untaken_done(struct untaken *u);

#endif
