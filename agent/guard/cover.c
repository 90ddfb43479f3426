/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Covering one device.  Runs in the guard.  Other root processes work on
 * the same device at the same time; what was put on is looked at again.
 */
#include "agent/guard/cover.h"

#include <errno.h>
#include <linux/if_link.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "agent/guard/queue.h"

void
cover_init(struct cover *c, const struct port *p)
{
	memset(c, 0, sizeof(*c));
	c->port = *p;
	c->in = c->out = -1;
}

static void
free_queues(struct cover *c)
{
	while (c->nqueues > 0) {
		c->nqueues--;
		if (c->queue[c->nqueues] >= 0)
			close(c->queue[c->nqueues]);
	}
}

void
cover_done(struct cover *c)
{
	hook_free(&c->in);
	hook_free(&c->out);
	free_queues(c);
}

enum shape
cover_shape(const struct cover *c)
{
	return c->port.loopback ? SHAPE_ANY :
	    c->port.ether ? SHAPE_FRAME : SHAPE_PACKET;
}

static int
lost(struct cover *c, int rc, const char *what)
{
	if (rc != 0)
		snprintf(c->lost, sizeof(c->lost), "%s: %s", what,
		    strerror(-rc));
	return rc;
}

/*
 * Generic mode: it works on every device and leaves the driver alone, of
 * which many reset the device, and so cut the collector's line, to take a
 * program.  It runs before taps all the same.  The other mode is for
 * devices that refuse it.
 */
int
cover_in(struct cover *c, const struct programs *p)
{
	int program = programs_in(p, cover_shape(c)), rc;

	if (c->in >= 0)
		return 0;
	rc = hook_in(program, c->port.index, XDP_FLAGS_SKB_MODE, &c->in);
	if (rc == -EOPNOTSUPP || rc == -EINVAL)
		rc = hook_in(program, c->port.index, XDP_FLAGS_DRV_MODE,
		    &c->in);
	return lost(c, rc, "XDP");
}

/* Loopback needs none: what leaves through it arrives on it. */
int
cover_out(struct cover *c, const struct programs *p)
{
	if (c->out >= 0 || c->port.loopback)
		return 0;
	return lost(c, hook_out(programs_out(p, cover_shape(c)),
	    c->port.index, &c->out), "tc egress");
}

/* Places that somebody else holds are tried again at each look. */
void
cover_queues(struct cover *c)
{
	uint32_t q;
	int rc;

	c->taken = false;
	if (c->port.loopback)
		return;
	for (q = 0; q < COVER_QUEUES_MAX; q++) {
		if (q < c->nqueues && c->queue[q] >= 0)
			continue;
		if (q == c->nqueues)
			c->queue[q] = -1;
		rc = queue_hold(c->port.index, q, &c->queue[q]);
		if (rc == ERR_KERNEL)
			snprintf(c->lost, sizeof(c->lost), "queue %u cannot "
			    "be held against AF_XDP", q);
		if (rc != 0 && rc != ERR_BADSTATE)
			return;
		if (rc == ERR_BADSTATE) {
			c->taken = true;
			snprintf(c->lost, sizeof(c->lost), "an AF_XDP socket "
			    "of others sits on queue %u", q);
		}
		if (q == c->nqueues)
			c->nqueues++;
	}
	snprintf(c->lost, sizeof(c->lost), "more than %d queues: AF_XDP can "
	    "send on the rest", COVER_QUEUES_MAX - 1);
}

int
cover_swap(struct cover *c, const struct programs *p)
{
	int rc = 0;

	if (c->in >= 0)
		rc = hook_swap(c->in, programs_in(p, cover_shape(c)));
	if (rc == 0 && c->out >= 0)
		rc = hook_swap(c->out, programs_out(p, cover_shape(c)));
	return rc;
}

/*
 * Ours again before whoever came before it.  One program is on a hook once,
 * so it goes before it comes; behind the other one it did nothing anyway.
 */
static uint32_t
stay_first(struct cover *c, const struct programs *p)
{
	uint32_t first = hook_out_first(c->port.index);

	if (first == 0 || first == hook_program(c->out))
		return 0;
	hook_free(&c->out);
	cover_out(c, p);
	return first;
}

/*
 * Ours in the place of whoever was put there.  If that cannot be, the link
 * goes, to be made anew.
 */
static void
expel(int *link, int program, uint32_t *stranger)
{
	uint32_t id = hook_stranger(*link, program);

	if (id == 0)
		return;
	*stranger = id;
	if (hook_swap(*link, program) != 0)
		hook_free(link);
}

uint32_t
cover_look(struct cover *c, const struct programs *p)
{
	bool in_gone = c->in >= 0 && hook_device(c->in) == 0;
	bool out_gone = c->out >= 0 && hook_device(c->out) == 0;

	if (in_gone)
		hook_free(&c->in);
	if (out_gone)
		hook_free(&c->out);
	if (c->in >= 0)
		expel(&c->in, programs_in(p, cover_shape(c)),
		    &c->in_stranger);
	if (c->out >= 0)
		expel(&c->out, programs_out(p, cover_shape(c)),
		    &c->out_stranger);
	if (c->away)
		return 0;
	c->in_gone |= in_gone;
	c->out_gone |= out_gone;
	if (c->port.loopback || c->out < 0)
		return 0;
	return stay_first(c, p);
}
