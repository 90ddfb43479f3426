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
feed_start(struct feed *f, uint64_t committed, struct why *why)
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
	f->since = clock_boot_ms();
	return 0;
}

void
feed_stop(struct feed *f)
{
	f->on = false;
	f->n = 0;
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
		if ((rc = f->send(f->arg, b.data, b.len)) != 0)
			break;
		if (f->n == 0)
			f->since = clock_boot_ms();
		f->under_way[f->n++] = last;
		f->next = last + 1;
	}
	buf_done(&b);
	return rc == ERR_NOENT || rc == ERR_LIMIT ? 0 : rc;
}

int
feed_ack(struct feed *f, uint64_t number, struct why *why)
{
	size_t done = 0;

	if (number >= f->next)
		return why_set(why, ERR_PROTO, "signal %" PRIu64
		    " acknowledged, sent up to %" PRIu64, number,
		    f->next - 1);
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
	return f->on && f->n > 0 &&
	    clock_boot_ms() - f->since >= FEED_PATIENCE_MS;
}
