/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the threads have to say to the network process.  Two bounded queues:
 * signals, which wait until the network process has taken them (unsent.h: also
 * over a kill of either), and bulk (check results, manifests, snapshots),
 * which is paced and dropped when the asker is gone.  Any thread puts; the
 * main thread sends.
 */
#ifndef CORDON_SENSORS_OUTBOX_H
#define CORDON_SENSORS_OUTBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/sensors/fold.h"
#include "common/base/buf.h"
#include "common/base/err.h"

#define OUTBOX_SIGNALS_MAX 8192
#define OUTBOX_SIGNAL_BYTES_MAX (4 * 1024 * 1024)
#define OUTBOX_SEVERE_PART 8 /* one part in so many is left to the severe */
#define OUTBOX_BULK_BYTES_MAX (256 * 1024)
#define OUTBOX_WAIT_MS 2000 /* a full signal queue is waited for so long */

struct outbox; /* opaque, has its own lock */

/* WAKE_FD: an eventfd written when there is something to send. */
struct outbox *outbox_new(int wake_fd);
void outbox_free(struct outbox **o);

/*
 * Once, before any thread: what waits is kept in DIR, floods are folded
 * after FOLD_AFTER signals of one cause.  What an earlier process left there
 * goes out first.  Without it nothing is kept and nothing is folded.
 */
int outbox_keep(struct outbox *o, const char *dir, uint32_t fold_after,
    struct why *why);

/*
 * A packed Signal without run and serial.  Waits up to OUTBOX_WAIT_MS for
 * room, then ERR_LIMIT: it was not taken (outbox_lose).
 */
int outbox_signal(struct outbox *o, const void *data, size_t len,
    bool severe);
/* Is it folded into others of its cause?  Then it need not go out. */
bool outbox_fold(struct outbox *o, const struct fold_ask *a);
/* It found no room: it is counted and told later. */
void outbox_lose(struct outbox *o, const struct fold_ask *a);
/* Makes the packed Signal that tells C. */
typedef int outbox_pack_fn(const struct fold_count *c, struct buf *out);
/* Main thread, now and then: tell what was folded; ALL: also before time. */
void outbox_tell(struct outbox *o, outbox_pack_fn *pack, bool all);
/* The network process has the signal SERIAL of RUN, and all before it. */
void outbox_taken(struct outbox *o, uint64_t run, uint64_t serial);
/* A message of the run GENERATION; waits for room.  ERR_CLOSED: nobody
 * wants it any more. */
int outbox_bulk(struct outbox *o, uint32_t generation, uint32_t kind,
    const void *data, size_t len);
/* Which asker is there now; changes with outbox_new_link. */
uint32_t outbox_generation(struct outbox *o);
/*
 * The link was replaced or ended: waiting bulk is dropped, signals that were
 * sent and not taken go out again.
 */
void outbox_new_link(struct outbox *o);
/* Stop: nobody waits any more. */
void outbox_close(struct outbox *o);
/* Sleep between signals until this boot time (the spool is full). */
void outbox_slow(struct outbox *o, int64_t until_ms);
size_t outbox_signals(struct outbox *o); /* not taken yet */

/*
 * Main thread only: hand the oldest messages to SEND (not 0: not now) until
 * one is refused.  Signals go first.  Returns true when something is left to
 * be sent.
 */
typedef int outbox_send_fn(void *arg, uint32_t kind, const void *data,
    size_t len);
bool outbox_flush(struct outbox *o, outbox_send_fn *send, void *arg);

#endif
