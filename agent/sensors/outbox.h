/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the threads have to say to the network process.  Two bounded queues:
 * signals, which wait until a link took them, and bulk (check results,
 * manifests, snapshots), which is paced and dropped when the asker is gone.
 * Any thread puts; the main thread sends.
 */
#ifndef CORDON_SENSORS_OUTBOX_H
#define CORDON_SENSORS_OUTBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"

#define OUTBOX_SIGNALS_MAX 8192
#define OUTBOX_SIGNAL_BYTES_MAX (4 * 1024 * 1024)
#define OUTBOX_BULK_BYTES_MAX (256 * 1024)
#define OUTBOX_WAIT_MS 2000 /* a full signal queue is waited for so long */

struct outbox; /* opaque, has its own lock */

/* WAKE_FD: an eventfd written when there is something to send. */
struct outbox *outbox_new(int wake_fd);
void outbox_free(struct outbox **o);

/*
 * A packed Signal.  Waits up to OUTBOX_WAIT_MS for room, then ERR_LIMIT:
 * the signal is lost and counted.
 */
int outbox_signal(struct outbox *o, const void *data, size_t len);
/* A message of the run GENERATION; waits for room.  ERR_CLOSED: nobody
 * wants it any more. */
int outbox_bulk(struct outbox *o, uint32_t generation, uint32_t kind,
    const void *data, size_t len);
/* Which asker is there now; changes with outbox_new_link. */
uint32_t outbox_generation(struct outbox *o);
/* The link was replaced or ended: waiting bulk is dropped. */
void outbox_new_link(struct outbox *o);
/* Stop: nobody waits any more. */
void outbox_close(struct outbox *o);
/* Signals lost to the bound since the last call. */
uint64_t outbox_lost(struct outbox *o);
/* Sleep between signals until this boot time (the spool is full). */
void outbox_slow(struct outbox *o, int64_t until_ms);
size_t outbox_signals(struct outbox *o);

/*
 * Main thread only: hand the oldest messages to SEND (0: it is gone from here;
 * else it stays) until one is refused.  Signals go first.  Returns true
 * when something is left.
 */
typedef int outbox_send_fn(void *arg, uint32_t kind, const void *data,
    size_t len);
bool outbox_flush(struct outbox *o, outbox_send_fn *send, void *arg);

#endif
