/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A loop of the listener: accepting, the mailbox, stopping.  Runs in the
 * collector, one thread each.  Strangers are bounded before TLS starts.
 */
#include "server/listener/loop.h"

#include <errno.h>
#include <event2/event.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "server/listener/session.h"

#define BACKLOG 1024
#define ACCEPT_BATCH 64
#define RETRY_MS 20
#define GIVE_UP_MS 5000 /* for the store to take the last jobs */
#define LOG_GAP_MS 10000

/* -- numbers of sessions ----------------------------------------------- */

static int
grow(struct loop *l)
{
	size_t n = l->nslots == 0 ? 64 : l->nslots * 2;
	struct session **p;

	p = reallocarray(l->slot, n, sizeof(*p));
	if (p == NULL)
		return ERR_NOMEM;
	memset(p + l->nslots, 0, (n - l->nslots) * sizeof(*p));
	l->slot = p;
	l->nslots = n;
	return 0;
}

int
loop_add(struct loop *l, struct session *s, uint64_t *id)
{
	size_t at;

	if (l->sessions * 2 >= l->nslots && grow(l) != 0)
		return ERR_NOMEM;
	l->generation++;
	at = l->generation & (l->nslots - 1);
	/* At least half are free: a few steps find one. */
	while (l->slot[at] != NULL)
		at = (at + 1) & (l->nslots - 1);
	l->slot[at] = s;
	l->sessions++;
	*id = (uint64_t)l->generation << 32 | at;
	return 0;
}

struct session *
loop_find(struct loop *l, uint64_t id)
{
	size_t at = id & 0xffffffff;
	struct session *s = at < l->nslots ? l->slot[at] : NULL;

	return s != NULL && session_id(s) == id ? s : NULL;
}

void
loop_remove(struct loop *l, uint64_t id)
{
	if (loop_find(l, id) == NULL)
		return;
	l->slot[id & 0xffffffff] = NULL;
	l->sessions--;
	if (l->stopping && l->sessions == 0)
		event_base_loopbreak(l->base);
}

/* -- accepting --------------------------------------------------------- */

static void
turn_away(struct loop *l, const struct addr *a, const char *why)
{
	int64_t now = clock_boot_ms();
	char text[ADDR_TEXT_MAX];

	l->turned_away++;
	if (l->turned_logged != 0 && now - l->turned_logged < LOG_GAP_MS)
		return;
	log_warn("%s: %s; %" PRIu64 " connections turned away",
	    addr_format(text, a), why, l->turned_away);
	l->turned_logged = now;
	l->turned_away = 0;
}

/* Takes FD. */
static void
admit(struct loop *l, int fd, const struct sockaddr_storage *ss)
{
	struct listener *o = l->owner;
	struct addr a = {0};

	if (addr_from_sockaddr(ss, &a) != 0) {
		close(fd);
		return;
	}
	if (atomic_load(&o->connections) >= o->set.connections_max) {
		turn_away(l, &a, "connections_max is reached");
		close(fd);
		return;
	}
	if (!rate_take(&l->rate, &a, clock_boot_ms())) {
		turn_away(l, &a, "too many new connections");
		close(fd);
		return;
	}
	session_accept(l, fd, &a);
}

static void
on_accept(evutil_socket_t listening, short what, void *arg)
{
	struct sockaddr_storage ss;
	struct loop *l = arg;
	socklen_t len;
	int i, fd;

	(void)what;
	for (i = 0; i < ACCEPT_BATCH; i++) {
		len = sizeof(ss);
		fd = accept4(listening, (struct sockaddr *)&ss, &len,
		    SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd == -1 && (errno == ECONNABORTED || errno == EINTR))
			continue;
		if (fd == -1) {
			if (errno != EAGAIN)
				log_error("accept: %s", strerror(errno));
			return;
		}
		admit(l, fd, &ss);
	}
}

static int
open_socket(struct loop *l, const struct addr *a, struct why *why)
{
	struct sockaddr_storage ss;
	char text[ADDR_TEXT_MAX];
	int fd, one = 1;
	socklen_t len;

	len = addr_to_sockaddr(a, &ss);
	fd = socket(ss.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC,
	    0);
	if (fd == -1)
		return why_sys(why, ERR_IO, "socket");
	/* Each loop its own socket: the kernel spreads the connections. */
	(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof(one)) ==
	    -1 || (ss.ss_family == AF_INET6 && setsockopt(fd, IPPROTO_IPV6,
	    IPV6_V6ONLY, &one, sizeof(one)) == -1) ||
	    bind(fd, (struct sockaddr *)&ss, len) == -1 ||
	    listen(fd, BACKLOG) == -1) {
		why_sys(why, ERR_IO, "listen on %s", addr_format(text, a));
		close(fd);
		return ERR_IO;
	}
	l->fd[l->nlisten] = fd;
	l->listen[l->nlisten] = event_new(l->base, fd, EV_READ | EV_PERSIST,
	    on_accept, l);
	if (l->listen[l->nlisten++] == NULL)
		return why_set(why, ERR_NOMEM, "out of memory");
	return 0;
}

static void
close_sockets(struct loop *l)
{
	size_t i;

	for (i = 0; i < l->nlisten; i++) {
		if (l->listen[i] != NULL)
			event_free(l->listen[i]);
		close(l->fd[i]);
	}
	l->nlisten = 0;
}

/* -- mailbox ----------------------------------------------------------- */

static void
wake(struct loop *l)
{
	const uint64_t one = 1;
	ssize_t n;

	do
		n = write(l->wake, &one, sizeof(one));
	while (n == -1 && errno == EINTR);
}

void
loop_post(struct loop *l, uint64_t session, uint16_t kind,
    const void *payload, size_t len)
{
	static const char full[] = "too much is waiting for it";
	bool was_empty, over;
	struct mail *m;

	pthread_mutex_lock(&l->lock);
	over = kind != 0 && (l->mail >= MAIL_MAX ||
	    l->mail_bytes + len > MAIL_BYTES_MAX);
	pthread_mutex_unlock(&l->lock);
	if (over) {
		kind = 0;
		payload = full;
		len = sizeof(full) - 1;
	}
	if ((m = malloc(sizeof(*m) + len)) == NULL) {
		log_error("out of memory: a frame for an agent is lost");
		return;
	}
	m->next = NULL;
	m->session = session;
	m->kind = kind;
	m->len = len;
	memcpy(m->data, payload, len);
	pthread_mutex_lock(&l->lock);
	was_empty = l->first == NULL;
	*l->last = m;
	l->last = &m->next;
	l->mail++;
	l->mail_bytes += len;
	pthread_mutex_unlock(&l->lock);
	if (was_empty)
		wake(l);
}

static struct mail *
take_mail(struct loop *l, bool *stop)
{
	struct mail *list;

	pthread_mutex_lock(&l->lock);
	list = l->first;
	l->first = NULL;
	l->last = &l->first;
	l->mail = 0;
	l->mail_bytes = 0;
	*stop = l->stop;
	pthread_mutex_unlock(&l->lock);
	return list;
}

static void
on_give_up(evutil_socket_t fd, short what, void *arg)
{
	struct loop *l = arg;

	(void)fd, (void)what;
	log_warn("%zu connections were not closed in time", l->sessions);
	event_base_loopbreak(l->base);
}

static void
begin_stop(struct loop *l)
{
	const struct timeval tv = {.tv_sec = GIVE_UP_MS / 1000};
	size_t i;

	if (l->stopping)
		return;
	close_sockets(l);
	l->stopping = true;
	for (i = 0; i < l->nslots; i++)
		if (l->slot[i] != NULL)
			session_end(l->slot[i], "the collector stops");
	if (l->sessions == 0)
		event_base_loopbreak(l->base);
	else
		event_add(l->give_up, &tv);
}

static void
on_wake(evutil_socket_t fd, short what, void *arg)
{
	struct loop *l = arg;
	struct mail *list, *m;
	struct session *s;
	uint64_t n;
	bool stop;

	(void)what;
	if (read(fd, &n, sizeof(n)) == -1 && errno != EAGAIN &&
	    errno != EINTR)
		log_error("eventfd: %s", strerror(errno));
	list = take_mail(l, &stop);
	while ((m = list) != NULL) {
		list = m->next;
		s = loop_find(l, m->session);
		if (s != NULL)
			session_mail(s, m->kind, m->data, m->len);
		free(m);
	}
	if (stop)
		begin_stop(l);
}

static void
on_retry(evutil_socket_t fd, short what, void *arg)
{
	(void)fd, (void)what;
	session_retry(arg);
}

void
loop_retry(struct loop *l)
{
	const struct timeval tv = {.tv_usec = RETRY_MS * 1000};

	if (!event_pending(l->retry, EV_TIMEOUT, NULL))
		event_add(l->retry, &tv);
}

/* -- life -------------------------------------------------------------- */

int
loop_open(struct loop *l, struct listener *owner, struct why *why)
{
	size_t i;
	int rc;

	l->owner = owner;
	l->last = &l->first;
	l->wake = -1;
	TAILQ_INIT(&l->stalled);
	pthread_mutex_init(&l->lock, NULL);
	rate_init(&l->rate);
	if ((l->base = event_base_new()) == NULL ||
	    (l->wake = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) == -1 ||
	    (l->wake_event = event_new(l->base, l->wake,
	    EV_READ | EV_PERSIST, on_wake, l)) == NULL ||
	    (l->retry = evtimer_new(l->base, on_retry, l)) == NULL ||
	    (l->give_up = evtimer_new(l->base, on_give_up, l)) == NULL ||
	    (l->store = store_loop_new(owner->store, l->base)) == NULL)
		return why_set(why, ERR_NOMEM, "listener: out of memory");
	for (i = 0; i < owner->set.nlisten; i++)
		if ((rc = open_socket(l, &owner->set.listen[i], why)) != 0)
			return rc;
	return 0;
}

static void *
run(void *arg)
{
	struct loop *l = arg;
	size_t i;

	event_add(l->wake_event, NULL);
	for (i = 0; i < l->nlisten; i++)
		event_add(l->listen[i], NULL);
	event_base_dispatch(l->base);
	/* Waits for the jobs under way; their sessions free themselves. */
	store_loop_free(&l->store);
	for (i = 0; i < l->nslots; i++)
		if (l->slot[i] != NULL)
			session_abandon(l->slot[i]);
	/* libevent frees what was just ended in its next round. */
	event_base_loop(l->base, EVLOOP_NONBLOCK);
	return NULL;
}

int
loop_start(struct loop *l, struct why *why)
{
	sigset_t all, old;
	int rc;

	/* Signals are for the main thread. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	rc = pthread_create(&l->thread, NULL, run, l);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (rc != 0)
		return why_set(why, ERR_NOMEM, "cannot start a thread");
	l->started = true;
	return 0;
}

void
loop_stop(struct loop *l)
{
	if (!l->started)
		return;
	pthread_mutex_lock(&l->lock);
	l->stop = true;
	pthread_mutex_unlock(&l->lock);
	wake(l);
}

void
loop_join(struct loop *l)
{
	if (l->started)
		pthread_join(l->thread, NULL);
	l->started = false;
}

void
loop_close(struct loop *l)
{
	struct mail *m;

	if (l->owner == NULL)
		return;
	close_sockets(l);
	store_loop_free(&l->store);
	while ((m = l->first) != NULL) {
		l->first = m->next;
		free(m);
	}
	if (l->wake_event != NULL)
		event_free(l->wake_event);
	if (l->retry != NULL)
		event_free(l->retry);
	if (l->give_up != NULL)
		event_free(l->give_up);
	if (l->wake != -1)
		close(l->wake);
	if (l->base != NULL)
		event_base_free(l->base);
	pthread_mutex_destroy(&l->lock);
	free(l->slot);
	memset(l, 0, sizeof(*l));
}
