/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Feeding the line from the spool.  Runs in the network process. */
#include "agent/network/feed.h"

#include <inttypes.h>
#include <string.h>

#include "common/base/clock.h"

void
feed_init(struct feed *f, struct spool *s, feed_send_fn *send, void *arg)
{
	memset(f, 0, sizeof(*f));
	f->spool = s;
	f->send = send;
	f->arg = arg;
}

int
feed_start(struct feed *f, uint64_t committed, bool overtake,
    struct why *why)
{
	int rc;

	/* Committed is what was durable here: more means another past. */
	if (committed >= spool_next(f->spool))
		rc = spool_skip(f->spool, committed, why);
	else
		rc = spool_ack(f->spool, committed, why);
	if (rc != 0)
		return rc;
	f->on = true;
	f->n = 0;
	f->next = committed + 1;
	f->may_overtake = overtake;
	f->ahead = committed;
	f->ahead_under_way = false;
	f->since = clock_boot_ms();
	return 0;
}

void
feed_stop(struct feed *f)
{
	f->on = false;
	f->n = 0;
}

/* What is severe behind all that is under way. */
static int
pump_ahead(struct feed *f, struct why *why)
{
	uint64_t from = f->ahead < f->next ? f->next : f->ahead + 1;
	uint64_t last;
	struct buf b;
	int rc;

	if (!f->may_overtake || f->ahead_under_way ||
	    from > spool_synced(f->spool))
		return 0;
	buf_init(&b, SPOOL_BATCH_BYTES);
	rc = spool_read_severe(f->spool, from, &b, &last, why);
	if (rc == ERR_NOENT)
		f->ahead = last;
	else if (rc == 0 && (rc = f->send(f->arg, b.data, b.len, true)) == 0) {
		if (f->n == 0)
			f->since = clock_boot_ms();
		f->ahead = last;
		f->ahead_under_way = true;
	}
	buf_done(&b);
	return rc;
}

int
feed_pump(struct feed *f, struct why *why)
{
	uint64_t last;
	struct buf b;
	int rc = 0;

	buf_init(&b, SPOOL_BATCH_BYTES);
	while (f->on && f->n < FEED_WINDOW && rc == 0) {
		buf_clear(&b);
		if ((rc = spool_read(f->spool, f->next, &b, &last, why)) != 0)
			break;
		if ((rc = f->send(f->arg, b.data, b.len,
		    false)) != 0)
			break;
		if (f->n == 0)
			f->since = clock_boot_ms();
		f->under_way[f->n++] = last;
		f->next = last + 1;
	}
	buf_done(&b);
	if (f->on && (rc == 0 || rc == ERR_LIMIT))
		rc = pump_ahead(f, why);
	return rc == ERR_NOENT || rc == ERR_LIMIT ? 0 : rc;
}

int
feed_ack(struct feed *f, uint64_t number, uint64_t ahead, struct why *why)
{
	size_t done = 0;

	if (number >= f->next)
		return why_set(why, ERR_PROTO, "signal %" PRIu64
		    " acknowledged, sent up to %" PRIu64, number,
		    f->next - 1);
	if (ahead > f->ahead || (ahead != 0 && !f->ahead_under_way))
		return why_set(why, ERR_PROTO, "signal %" PRIu64
		    " acknowledged ahead, which was not sent", ahead);
	if (ahead != 0) {
		f->ahead_under_way = false;
		f->since = clock_boot_ms();
	}
	while (done < f->n && f->under_way[done] <= number)
		done++;
	if (done > 0)
		f->since = clock_boot_ms();
	f->n -= done;
	memmove(f->under_way, f->under_way + done,
	    f->n * sizeof(f->under_way[0]));
	return spool_ack(f->spool, number, why);
}

bool
feed_stuck(const struct feed *f)
{
	return f->on && (f->n > 0 || f->ahead_under_way) &&
	    clock_boot_ms() - f->since >= FEED_PATIENCE_MS;
}
