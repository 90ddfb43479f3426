/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A child's side of the link to its parent.  The parent is believed. */
#include "agent/links/child.h"

#include <event2/event.h>
#include <unistd.h>

#include "agent/links/ipc.h"
#include "agent/links/ipc.pb-c.h"
#include "common/base/log.h"

int
child_on_stop(void *arg, struct link *l, const uint8_t *payload, size_t len,
    int fd, struct why *why)
{
	struct child_loop *c = arg;

	(void)l, (void)payload, (void)len, (void)fd, (void)why;
	c->result = 0;
	event_base_loopbreak(c->base);
	return 0;
}

void
child_on_parent_end(void *arg, struct link *l, const char *reason)
{
	struct child_loop *c = arg;

	(void)l;
	log_warn("parent: %s", reason);
	c->result = ERR_CLOSED;
	event_base_loopbreak(c->base);
}

int
child_ready(struct link *parent, struct why *why)
{
	Cordon__Ready m = CORDON__READY__INIT;
	uint8_t bytes[16];

	m.pid = (uint32_t)getpid();
	if (link_send(parent, IPC_READY, bytes, cordon__ready__pack(&m,
	    bytes), -1) != 0)
		return why_set(why, ERR_CLOSED, "the parent has gone");
	return 0;
}
