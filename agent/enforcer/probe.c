/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Trying to get out.  Runs in the enforcer after the rules are in force.
 */
#include "agent/enforcer/probe.h"

#include <arpa/inet.h>
#include <errno.h>
#include <event2/event.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct probe {
	struct probe_run *run;
	int fd;
	bool tcp;
	struct event *event;
};

struct probe_run {
	struct event *timer;
	probe_fn *done;
	void *arg;
	struct probe probes[ORDER_PROBES_MAX];
	struct probe_outcome out[ORDER_PROBES_MAX];
	size_t n, open;
};

static void
settle(struct probe_run *r, size_t i, Cordon__ProbeOutcome outcome,
    const char *text)
{
	struct probe *p = &r->probes[i];

	r->out[i].outcome = outcome;
	snprintf(r->out[i].text, PROBE_TEXT_MAX, "%s", text);
	if (p->event != NULL)
		event_free(p->event);
	p->event = NULL;
	if (p->fd >= 0) {
		close(p->fd);
		r->open--;
	}
	p->fd = -1;
}

/* What an error of connect or send says about the cage. */
static void
settle_error(struct probe_run *r, size_t i, int error)
{
	switch (error) {
	case ECONNREFUSED:
		settle(r, i, CORDON__PROBE_OUTCOME__PROBE_REACHED,
		    "it answered with a refusal");
		break;
	case EPERM:
	case EACCES:
		settle(r, i, CORDON__PROBE_OUTCOME__PROBE_BLOCKED,
		    "stopped before it left");
		break;
	case ETIMEDOUT:
		settle(r, i, CORDON__PROBE_OUTCOME__PROBE_BLOCKED,
		    "no answer");
		break;
	default:
		settle(r, i, CORDON__PROBE_OUTCOME__PROBE_FAILED,
		    strerror(error));
		break;
	}
}

/* The last probe has its answer: tell, on a fresh stack. */
static void
maybe_finish(struct probe_run *r)
{
	if (r->open == 0)
		event_active(r->timer, EV_TIMEOUT, 0);
}

static void
on_event(evutil_socket_t fd, short what, void *arg)
{
	struct probe *p = arg;
	struct probe_run *r = p->run;
	size_t i = (size_t)(p - r->probes);
	socklen_t len = sizeof(int);
	char byte[16];
	int error = 0;

	(void)what;
	if (p->tcp) {
		if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) < 0)
			error = errno;
		if (error == 0)
			settle(r, i, CORDON__PROBE_OUTCOME__PROBE_REACHED,
			    "the connection was made");
		else
			settle_error(r, i, error);
	} else if (recv(fd, byte, sizeof(byte), MSG_DONTWAIT) >= 0) {
		settle(r, i, CORDON__PROBE_OUTCOME__PROBE_REACHED,
		    "it answered");
	} else if (errno != EAGAIN) {
		settle_error(r, i, errno);
	}
	maybe_finish(r);
}

static void
on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct probe_run *r = arg;
	probe_fn *done = r->done;
	void *done_arg = r->arg;
	size_t i;

	(void)fd;
	(void)what;
	for (i = 0; i < r->n; i++)
		if (r->out[i].outcome == CORDON__PROBE_OUTCOME__PROBE_NONE)
			settle(r, i, CORDON__PROBE_OUTCOME__PROBE_BLOCKED,
			    "no answer");
	done(done_arg, r->out, r->n);
	probe_stop(&r);
}

static socklen_t
to_sockaddr(const Cordon__Endpoint *ep, struct sockaddr_storage *ss)
{
	struct sockaddr_in *v4 = (struct sockaddr_in *)ss;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)ss;

	memset(ss, 0, sizeof(*ss));
	if (ep->address.len == 4) {
		v4->sin_family = AF_INET;
		v4->sin_port = htons((uint16_t)ep->port);
		memcpy(&v4->sin_addr, ep->address.data, 4);
		return sizeof(*v4);
	}
	v6->sin6_family = AF_INET6;
	v6->sin6_port = htons((uint16_t)ep->port);
	memcpy(&v6->sin6_addr, ep->address.data, 16);
	return sizeof(*v6);
}

static void
begin(struct event_base *base, struct probe_run *r, size_t i,
    const Cordon__Endpoint *ep)
{
	struct probe *p = &r->probes[i];
	struct sockaddr_storage ss;
	socklen_t len = to_sockaddr(ep, &ss);

	p->run = r;
	p->tcp = ep->protocol == IPPROTO_TCP;
	p->fd = socket(ss.ss_family, (p->tcp ? SOCK_STREAM : SOCK_DGRAM) |
	    SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (p->fd < 0) {
		settle_error(r, i, errno);
		return;
	}
	r->open++;
	if ((connect(p->fd, (struct sockaddr *)&ss, len) < 0 &&
	    errno != EINPROGRESS) ||
	    (!p->tcp && send(p->fd, "cordon", 6, MSG_NOSIGNAL) < 0)) {
		settle_error(r, i, errno);
		return;
	}
	p->event = event_new(base, p->fd, p->tcp ? EV_WRITE :
	    EV_READ | EV_PERSIST, on_event, p);
	if (p->event == NULL || event_add(p->event, NULL) < 0)
		settle_error(r, i, ENOMEM);
}

int
probe_start(struct event_base *base, Cordon__Endpoint *const *targets,
    size_t n, probe_fn *done, void *arg, struct probe_run **run)
{
	struct timeval wait = {.tv_sec = PROBE_MS / 1000,
	    .tv_usec = PROBE_MS % 1000 * 1000};
	struct probe_run *r;
	size_t i;

	r = calloc(1, sizeof(*r));
	if (r == NULL)
		return ERR_NOMEM;
	r->done = done;
	r->arg = arg;
	r->n = n > ORDER_PROBES_MAX ? ORDER_PROBES_MAX : n;
	for (i = 0; i < r->n; i++)
		r->probes[i].fd = -1;
	r->timer = event_new(base, -1, 0, on_timer, r);
	if (r->timer == NULL || event_add(r->timer, &wait) < 0) {
		probe_stop(&r);
		return ERR_NOMEM;
	}
	for (i = 0; i < r->n; i++)
		begin(base, r, i, targets[i]);
	maybe_finish(r);
	*run = r;
	return 0;
}

void
probe_stop(struct probe_run **run)
{
	struct probe_run *r = *run;
	size_t i;

	if (r == NULL)
		return;
	for (i = 0; i < r->n; i++)
		settle(r, i, CORDON__PROBE_OUTCOME__PROBE_FAILED, "stopped");
	if (r->timer != NULL)
		event_free(r->timer);
	free(r);
	*run = NULL;
}
