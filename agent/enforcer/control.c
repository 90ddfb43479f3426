/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The control socket.  Runs in the enforcer.
 */
#include "agent/enforcer/control.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agent/enforcer/inbox.h"
#include "agent/links/ipc.h"
#include "common/base/clock.h"
#include "common/base/id.h"
#include "common/base/log.h"
#include "common/proc/link.h"

struct control {
	struct event_base *base;
	int fd;
	struct event *accept;
	struct isolation *isolation;
	control_order_fn *order;
	void *arg;
	struct link *links[CONTROL_LINKS_MAX];
};

static const char *
profile_str(Cordon__Profile p)
{
	static const char *const names[] = {"none", "open", "strict",
	    "recovery", "limited"};

	return names[p];
}

uint32_t
control_status(struct isolation *i, char *text, size_t size)
{
	Cordon__State s = CORDON__STATE__INIT;
	uint8_t digest[DIGEST_LEN];
	char hex[DIGEST_HEX_MAX], since[CLOCK_TEXT_MAX] = "-";
	struct why why = {""};
	int rc = isolation_check(i, &why);

	isolation_fill_state(i, &s, digest);
	if (s.since_ms != 0)
		clock_format(since, s.since_ms, false);
	snprintf(text, size,
	    "state      %s\nprofile    %s\norder      %s\nepoch      %llu\n"
	    "since      %s\nconfirmed  %s\nruleset    %s\n"
	    "dropped    %llu packets\ntampering  %llu\n%s%s%s",
	    isolation_state_str(isolation_state(i)), profile_str(s.profile),
	    s.order_id[0] != '\0' ? s.order_id : "-",
	    (unsigned long long)s.epoch, since, s.confirmed ? "yes" : "no",
	    s.ruleset_digest.len > 0 ?
	    hex_encode(hex, digest, DIGEST_LEN) : "-",
	    (unsigned long long)s.dropped_packets,
	    (unsigned long long)s.tampers, rc != 0 ? "read-back  " : "",
	    rc != 0 ? why.text : "", rc != 0 ? "\n" : "");
	return rc != 0 || isolation_state(i) == ISOLATION_BROKEN;
}

static int
reply(struct link *l, const char *text, uint32_t exit_code)
{
	Cordon__StatusText m = CORDON__STATUS_TEXT__INIT;
	uint8_t bytes[CONTROL_TEXT_MAX + 64];

	m.text = (char *)(uintptr_t)text;
	m.exit_code = exit_code;
	return link_send(l, IPC_CTL_TEXT, bytes,
	    cordon__status_text__pack(&m, bytes), -1);
}

static int
on_status(void *arg, struct link *l, const uint8_t *payload, size_t len,
    int fd, struct why *why)
{
	struct control *c = arg;
	char text[CONTROL_TEXT_MAX];
	uint32_t code;

	(void)payload, (void)len, (void)fd, (void)why;
	code = control_status(c->isolation, text, sizeof(text));
	return reply(l, text, code);
}

static int
on_order(void *arg, struct link *l, const uint8_t *payload, size_t len,
    int fd, struct why *why)
{
	struct control *c = arg;
	char text[CONTROL_TEXT_MAX];
	Cordon__OrderIn *m;
	int rc;

	(void)fd;
	m = inbox_order(payload, len, why);
	if (m == NULL)
		return ERR_PROTO;
	rc = c->order(c->arg, m->order.data, m->order.len, text,
	    sizeof(text));
	cordon__order_in__free_unpacked(m, NULL);
	return reply(l, text, rc == 0 ? 0 : 1);
}

static const struct link_kind kinds[] = {
    {IPC_CTL_STATUS, "status", 0, 16, NULL, on_status, false},
    {IPC_CTL_ORDER, "offline order", 1, INBOX_ORDER_MAX, NULL, on_order, false},
    {0, NULL, 0, 0, NULL, NULL, false},
};

static void
on_end(void *arg, struct link *l, const char *reason)
{
	struct control *c = arg;
	size_t i;

	log_debug("control: %s", reason);
	for (i = 0; i < CONTROL_LINKS_MAX; i++)
		if (c->links[i] == l)
			link_free(&c->links[i]);
}

static void
on_accept(evutil_socket_t listener, short what, void *arg)
{
	struct control *c = arg;
	struct ucred who = {0};
	socklen_t len = sizeof(who);
	size_t i;
	int fd;

	(void)what;
	fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (fd < 0)
		return;
	for (i = 0; i < CONTROL_LINKS_MAX && c->links[i] != NULL; i++)
		;
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &len) < 0 ||
	    who.uid != 0 || i == CONTROL_LINKS_MAX) {
		log_warn("control: pid %d, uid %u refused: %s", who.pid,
		    who.uid, who.uid != 0 ? "not root" : "too many");
		close(fd);
		return;
	}
	c->links[i] = link_new(c->base, fd, "tool", kinds, c, on_end);
}

int
control_start(struct event_base *base, int fd, struct isolation *i,
    control_order_fn *order, void *arg, struct control **out,
    struct why *why)
{
	struct control *c = calloc(1, sizeof(*c));

	if (c == NULL) {
		close(fd);
		return why_set(why, ERR_NOMEM, "control");
	}
	fcntl(fd, F_SETFL, O_NONBLOCK);
	c->base = base;
	c->fd = fd;
	c->isolation = i;
	c->order = order;
	c->arg = arg;
	c->accept = event_new(base, fd, EV_READ | EV_PERSIST, on_accept, c);
	if (c->accept == NULL || event_add(c->accept, NULL) < 0) {
		control_stop(&c);
		return why_set(why, ERR_NOMEM, "control: event");
	}
	*out = c;
	return 0;
}

void
control_stop(struct control **out)
{
	struct control *c = *out;
	size_t i;

	if (c == NULL)
		return;
	for (i = 0; i < CONTROL_LINKS_MAX; i++)
		if (c->links[i] != NULL)
			link_free(&c->links[i]);
	if (c->accept != NULL)
		event_free(c->accept);
	close(c->fd);
	free(c);
	*out = NULL;
}
