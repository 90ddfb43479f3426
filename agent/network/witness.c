/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Trying to reach a neighbour.  Runs in the network process of the agent,
 * asynchronously.  A refused connection counts as reached: something of
 * that host answered.
 */
#include "agent/network/witness.h"

#include <errno.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/id.h"
#include "common/net/addr.h"

static const struct {
	int type;
	uint16_t port;
	const char *name;
} doors[] = {
	{SOCK_STREAM, 22, "tcp"},
	{SOCK_STREAM, 80, "tcp"},
	{SOCK_STREAM, 443, "tcp"},
	{SOCK_STREAM, 9, "tcp"},
	{SOCK_DGRAM, 9, "udp"},
};
#define DOORS (sizeof(doors) / sizeof(doors[0]))
#define TRIES_MAX (DOORS * WITNESS_ADDRS_MAX)

struct try {
	struct ask *ask;
	struct event *event;
	int fd; /* -1: over */
	size_t door;
	struct addr to;
};

struct ask {
	struct witness *w; /* NULL: the slot is free */
	char ask_id[ID_MAX], host_id[ID_MAX];
	struct try try[TRIES_MAX];
	size_t n, open;
	bool tried;
	struct event *late;
};

struct witness {
	struct event_base *base;
	witness_done_fn *done;
	void *arg;
	struct ask ask[WITNESS_ASKS_MAX];
};

static void
close_try(struct try *t)
{
	if (t->event != NULL)
		event_free(t->event);
	t->event = NULL;
	if (t->fd != -1)
		close(t->fd);
	t->fd = -1;
}

static void
clear(struct ask *a)
{
	size_t i;

	for (i = 0; i < a->n; i++)
		close_try(&a->try[i]);
	if (a->late != NULL)
		event_free(a->late);
	memset(a, 0, sizeof(*a));
}

static void
answer(struct witness *w, const struct ask *a, bool reached, bool tried,
    const char *text)
{
	Cordon__WitnessResult r = CORDON__WITNESS_RESULT__INIT;

	r.ask_id = (char *)(uintptr_t)a->ask_id;
	r.host_id = (char *)(uintptr_t)a->host_id;
	r.reached = reached;
	r.tried = tried;
	r.text = (char *)(uintptr_t)text;
	w->done(w->arg, &r);
}

static void
finish(struct ask *a, const struct try *reached)
{
	char text[160], to[ADDR_TEXT_MAX];
	struct witness *w = a->w;

	if (reached != NULL)
		snprintf(text, sizeof(text), "%s answered (%s)",
		    addr_format(to, &reached->to), doors[reached->door].name);
	else if (a->tried)
		snprintf(text, sizeof(text), "%zu tries, no answer", a->n);
	else
		snprintf(text, sizeof(text), "no try could be made");
	answer(w, a, reached != NULL, a->tried || reached != NULL, text);
	clear(a);
}

static void
on_late(evutil_socket_t fd, short what, void *arg)
{
	(void)fd, (void)what;
	finish(arg, NULL);
}

static void
on_try(evutil_socket_t fd, short what, void *arg)
{
	struct try *t = arg;
	struct ask *a = t->ask;
	socklen_t len = sizeof(int);
	int err = 0;
	char byte;

	(void)what;
	if (doors[t->door].type == SOCK_DGRAM) {
		if (recv(fd, &byte, 1, MSG_DONTWAIT) == -1)
			err = errno;
	} else if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &err, &len) == -1) {
		err = errno;
	}
	if (err == 0 || err == ECONNREFUSED) {
		finish(a, t);
		return;
	}
	close_try(t);
	if (--a->open == 0)
		finish(a, NULL);
}

/* Start one try.  True if it reached the host at once. */
static bool
start(struct ask *a, struct try *t)
{
	struct sockaddr_storage ss;
	bool udp = doors[t->door].type == SOCK_DGRAM;
	socklen_t len;

	len = addr_to_sockaddr(&t->to, &ss);
	t->fd = socket(ss.ss_family,
	    doors[t->door].type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (t->fd == -1)
		return false;
	if (connect(t->fd, (struct sockaddr *)&ss, len) == -1 &&
	    errno != EINPROGRESS) {
		if (errno == ECONNREFUSED)
			return true;
		close_try(t);
		return false;
	}
	if (udp && send(t->fd, "", 1, MSG_NOSIGNAL) == -1) {
		close_try(t);
		return false;
	}
	t->event = event_new(a->w->base, t->fd, udp ? EV_READ : EV_WRITE,
	    on_try, t);
	if (t->event == NULL || event_add(t->event, NULL) != 0) {
		close_try(t);
		return false;
	}
	a->tried = true;
	a->open++;
	return false;
}

/* Is it on a segment of ours, and not ours? */
static bool
is_neighbour(const Cordon__Address *to, const struct iface_addr *own,
    size_t n)
{
	bool near = false;
	size_t i;

	for (i = 0; i < n; i++) {
		if (own[i].ip_len != to->ip.len)
			continue;
		if (memcmp(own[i].ip, to->ip.data, to->ip.len) == 0)
			return false;
		if (iface_on_segment(&own[i], to->ip.data))
			near = true;
	}
	return near;
}

static void
list_tries(struct ask *a, const Cordon__WitnessAsk *ask,
    const struct iface_addr *own, size_t n)
{
	size_t i, d, used = 0;
	struct try *t;

	for (i = 0; i < ask->n_addresses && used < WITNESS_ADDRS_MAX; i++) {
		if (!is_neighbour(ask->addresses[i], own, n))
			continue;
		used++;
		for (d = 0; d < DOORS; d++) {
			t = &a->try[a->n++];
			t->ask = a;
			t->fd = -1;
			t->door = d;
			t->to.ip_len = (uint8_t)ask->addresses[i]->ip.len;
			memcpy(t->to.ip, ask->addresses[i]->ip.data,
			    t->to.ip_len);
			t->to.port = doors[d].port;
		}
	}
}

static int
bounds(const Cordon__WitnessAsk *ask, struct why *why)
{
	size_t i;

	if (!id_valid(ask->ask_id) || !id_valid(ask->host_id))
		return why_set(why, ERR_RANGE, "id is none");
	for (i = 0; i < ask->n_addresses; i++)
		if (ask->addresses[i]->ip.len != 4 &&
		    ask->addresses[i]->ip.len != 16)
			return why_set(why, ERR_RANGE, "address of %zu bytes",
			    ask->addresses[i]->ip.len);
	return 0;
}

int
witness_ask(struct witness *w, const Cordon__WitnessAsk *ask,
    const struct iface_addr *own, size_t n, struct why *why)
{
	const struct timeval wait = {.tv_sec = WITNESS_WAIT_MS / 1000};
	struct ask *a = NULL, none;
	size_t i;
	int rc;

	if ((rc = bounds(ask, why)) != 0)
		return rc;
	for (i = 0; i < WITNESS_ASKS_MAX && a == NULL; i++)
		if (w->ask[i].w == NULL)
			a = &w->ask[i];
	memset(&none, 0, sizeof(none));
	strcpy(none.ask_id, ask->ask_id);
	strcpy(none.host_id, ask->host_id);
	if (a == NULL) {
		answer(w, &none, false, false, "too many asked at a time");
		return 0;
	}
	*a = none;
	a->w = w;
	list_tries(a, ask, own, n);
	if (a->n == 0) {
		answer(w, a, false, false, n == 0 ?
		    "this host is isolated itself or has no address" :
		    "no address on a segment of ours");
		clear(a);
		return 0;
	}
	a->late = evtimer_new(w->base, on_late, a);
	if (a->late == NULL || event_add(a->late, &wait) != 0) {
		clear(a);
		return why_set(why, ERR_NOMEM, "out of memory");
	}
	for (i = 0; i < a->n; i++)
		if (start(a, &a->try[i])) {
			finish(a, &a->try[i]);
			return 0;
		}
	if (a->open == 0)
		finish(a, NULL);
	return 0;
}

struct witness *
witness_new(struct event_base *base, witness_done_fn *done, void *arg)
{
	struct witness *w;

	if ((w = calloc(1, sizeof(*w))) == NULL)
		return NULL;
	w->base = base;
	w->done = done;
	w->arg = arg;
	return w;
}

void
witness_free(struct witness **wp)
{
	struct witness *w = *wp;
	size_t i;

	if (w == NULL)
		return;
	for (i = 0; i < WITNESS_ASKS_MAX; i++)
		if (w->ask[i].w != NULL)
			clear(&w->ask[i]);
	free(w);
	*wp = NULL;
}
