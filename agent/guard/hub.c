/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Links and loop of the guard.  Only the enforcer can make it act.  While
 * the enforcer is away, what is on the devices stays on them.
 */
#include "agent/guard/hub.h"

#include <event2/event.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "agent/guard/guard.h"
#include "agent/guard/rules.h"
#include "agent/links/child.h"
#include "agent/links/ipc.h"
#include "common/base/log.h"
#include "common/proc/link.h"
#include "common/wire/unpack.h"

struct hub {
	struct child_loop loop; /* first: child.h */
	struct link *parent, *enforcer;
	struct guard *guard;
	Cordon__GuardSet *next; /* to be carried out; NULL: none */
	struct event *apply;	/* that */
};

static void
tell_state(struct hub *h)
{
	struct buf b;

	if (h->enforcer == NULL)
		return;
	buf_init(&b, LINK_PAYLOAD_MAX);
	if (guard_pack(h->guard, &b) != 0 || link_send(h->enforcer,
	    IPC_GUARD_STATE, b.data, b.len, -1) != 0)
		log_warn("the state could not be sent");
	buf_done(&b);
}

static void
on_changed(void *arg)
{
	tell_state(arg);
}

static void
ask_program(void *arg, uint32_t id)
{
	struct hub *h = arg;

	link_send(h->parent, IPC_GUARD_PROGRAM, &id, sizeof(id), -1);
}

static void
ask_link(void *arg, const struct ipc_guard_link *m)
{
	struct hub *h = arg;

	link_send(h->parent, IPC_GUARD_LINK, m, sizeof(*m), -1);
}

static void
ask_map(void *arg, uint32_t after)
{
	struct hub *h = arg;

	link_send(h->parent, IPC_GUARD_MAP, &after, sizeof(after), -1);
}

static const struct guard_calls calls = {on_changed, ask_program, ask_link,
    ask_map};

/* -- from the enforcer ----------------------------------------------------- */

static void
on_apply(evutil_socket_t fd, short what, void *arg)
{
	struct hub *h = arg;
	Cordon__GuardSet *m = h->next;
	struct why why = {""};

	(void)fd, (void)what;
	h->next = NULL;
	if (m == NULL)
		return;
	if (guard_set(h->guard, m, &why) != 0)
		log_error("%s", why.text);
	cordon__guard_set__free_unpacked(m, NULL);
}

/*
 * Carried out when all that waits was read: only the last one counts.  A
 * host that was opened meanwhile must not be closed for a moment first.
 */
static int
on_set(void *arg, struct link *l, const uint8_t *payload, size_t len, int fd,
    struct why *why)
{
	struct program_rules rules;
	struct hub *h = arg;
	Cordon__GuardSet *m;
	int rc;

	(void)l, (void)fd;
	m = unpack(&cordon__guard_set__descriptor, payload, len);
	if (m == NULL)
		return why_set(why, ERR_PROTO, "guard-set: not that message");
	rc = rules_of(m, &rules, why);
	if (rc != 0) {
		cordon__guard_set__free_unpacked(m, NULL);
		return rc;
	}
	if (h->next != NULL)
		cordon__guard_set__free_unpacked(h->next, NULL);
	h->next = m;
	event_active(h->apply, EV_TIMEOUT, 0);
	return 0;
}

static const struct link_kind enforcer_kinds[] = {
	{IPC_GUARD_SET, "guard-set", 1, LINK_PAYLOAD_MAX, NULL, on_set, false},
	{0, NULL, 0, 0, NULL, NULL, false},
};

static void
on_enforcer_end(void *arg, struct link *l, const char *reason)
{
	struct hub *h = arg;

	(void)l;
	log_info("enforcer: %s", reason);
	link_free(&h->enforcer);
}

/* -- from the parent ------------------------------------------------------- */

static int
on_peer(void *arg, struct link *l, const uint8_t *payload, size_t len, int fd,
    struct why *why)
{
	struct hub *h = arg;

	(void)l, (void)len;
	if (payload[0] != IPC_PEER_ENFORCER || fd < 0) {
		if (fd >= 0)
			close(fd);
		return why_set(why, ERR_PROTO, "peer %u is none of ours",
		    payload[0]);
	}
	if (h->enforcer != NULL)
		link_free(&h->enforcer);
	h->enforcer = link_new(h->loop.base, fd, "enforcer", enforcer_kinds, h,
	    on_enforcer_end);
	return h->enforcer != NULL ? 0 :
	    why_set(why, ERR_NOMEM, "link to enforcer");
}

static int
on_program(void *arg, struct link *l, const uint8_t *payload, size_t len,
    int fd, struct why *why)
{
	struct hub *h = arg;
	uint32_t id;

	(void)l, (void)len, (void)why;
	memcpy(&id, payload, sizeof(id));
	guard_program_take(h->guard, id, fd);
	return 0;
}

static int
on_link(void *arg, struct link *l, const uint8_t *payload, size_t len, int fd,
    struct why *why)
{
	struct ipc_guard_link m;
	struct hub *h = arg;

	(void)l, (void)len, (void)why;
	memcpy(&m, payload, sizeof(m));
	guard_link_take(h->guard, &m, fd);
	return 0;
}

static int
on_map(void *arg, struct link *l, const uint8_t *payload, size_t len, int fd,
    struct why *why)
{
	struct hub *h = arg;
	uint32_t id;

	(void)l, (void)len, (void)why;
	memcpy(&id, payload, sizeof(id));
	guard_map_take(h->guard, id, fd);
	return 0;
}

static const struct link_kind parent_kinds[] = {
	{IPC_PEER, "peer", 1, 1, NULL, on_peer, true},
	{IPC_GUARD_PROGRAM, "program", 4, 4, NULL, on_program, true},
	{IPC_GUARD_LINK, "program-link", sizeof(struct ipc_guard_link),
	    sizeof(struct ipc_guard_link), NULL, on_link, true},
	{IPC_GUARD_MAP, "map", 4, 4, NULL, on_map, true},
	{IPC_STOP, "stop", 0, 0, NULL, child_on_stop, false},
	{0, NULL, 0, 0, NULL, NULL, false},
};

/* -- life ------------------------------------------------------------------ */

int
hub_run(int parent_fd, struct why *why)
{
	struct hub h = {.loop = {NULL, ERR_CLOSED}};
	int rc = 0;

	signal(SIGPIPE, SIG_IGN);
	h.loop.base = event_base_new();
	if (h.loop.base == NULL) {
		close(parent_fd);
		return why_set(why, ERR_NOMEM, "loop");
	}
	h.apply = evtimer_new(h.loop.base, on_apply, &h);
	h.parent = link_new(h.loop.base, parent_fd, "parent", parent_kinds, &h,
	    child_on_parent_end);
	if (h.parent == NULL || h.apply == NULL)
		rc = why_set(why, ERR_NOMEM, "link to parent");
	if (rc == 0)
		rc = guard_new(h.loop.base, &calls, &h, &h.guard, why);
	if (rc == 0)
		rc = child_ready(h.parent, why);
	if (rc == 0) {
		event_base_dispatch(h.loop.base);
		rc = h.loop.result;
		if (rc != 0)
			why_set(why, rc, "the parent is gone");
	}
	guard_free(&h.guard);
	link_free(&h.enforcer);
	link_free(&h.parent);
	if (h.next != NULL)
		cordon__guard_set__free_unpacked(h.next, NULL);
	if (h.apply != NULL)
		event_free(h.apply);
	event_base_free(h.loop.base);
	return rc;
}
