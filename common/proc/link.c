/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Messages between two of our own processes (unix(7), SOCK_SEQPACKET).
 * Runs in all of them.  The other side may have been taken over: whatever
 * is not in the receiver's table ends the link, and stray descriptors are
 * closed.
 *
 * A link is freed once: link_free only marks it while one of our callbacks
 * is on the stack (BUSY), and the callback's last step frees it.
 */
#include "common/proc/link.h"

#include <errno.h>
#include <event2/event.h>
#include <event2/event_struct.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define HEADER sizeof(uint32_t)
#define FDS_MAX 8	 /* taken from one message, to close them */
#define READ_BATCH 64	 /* messages before others get their turn */
#define REASON_MAX 128

/* A message that the kernel would not take yet. */
struct queued {
	struct queued *next;
	int fd; /* a duplicate, or -1 */
	size_t len;
	uint8_t data[]; /* kind and payload */
};

struct link {
	int fd;
	bool ended; /* on_end was called */
	bool doomed; /* link_free was called */
	bool paused;
	unsigned int busy;
	struct event read, write;
	const char *name; /* lent */
	const struct link_kind *table;
	void *arg;
	link_end_fn *on_end;
	struct queued *first, **last;
	size_t queued;
	uint8_t in[HEADER + LINK_PAYLOAD_MAX];
};

int
link_pair(int fd[2], struct why *why)
{
	if (socketpair(AF_UNIX,
		SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fd) < 0)
		return why_sys(why, ERR_IO, "socketpair");
	return 0;
}

const char *
link_check(const struct link_kind *table, void *arg, uint32_t kind,
    size_t len, const struct link_kind **row)
{
	const struct link_kind *k;

	for (k = table; k->name != NULL && k->kind != kind; k++)
		continue;
	if (k->name == NULL)
		return "unknown kind of message";
	if (len < k->min)
		return "message too short";
	if (len > k->max)
		return "message too long";
	if (k->when != NULL && !k->when(arg))
		return "message not allowed now";
	*row = k;
	return NULL;
}

/* -- the queue ------------------------------------------------------------- */

static void
queue_drop_first(struct link *l)
{
	struct queued *q = l->first;

	l->first = q->next;
	if (l->first == NULL)
		l->last = &l->first;
	l->queued -= q->len;
	if (q->fd >= 0)
		close(q->fd);
	free(q);
}

static int
queue_add(struct link *l, uint32_t kind, const void *payload, size_t len,
    int fd)
{
	size_t all = HEADER + len;
	struct queued *q;

	if (l->queued + all > LINK_QUEUE_MAX)
		return ERR_LIMIT;
	q = malloc(sizeof(*q) + all);
	if (q == NULL)
		return ERR_NOMEM;
	q->next = NULL;
	q->len = all;
	q->fd = -1;
	if (fd >= 0) {
		q->fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
		if (q->fd < 0) {
			free(q);
			return ERR_IO;
		}
	}
	memcpy(q->data, &kind, HEADER);
	if (len > 0)
		memcpy(q->data + HEADER, payload, len);
	*l->last = q;
	l->last = &q->next;
	l->queued += all;
	return 0;
}

/* -- ending ---------------------------------------------------------------- */

static void
release(struct link *l)
{
	while (l->first != NULL)
		queue_drop_first(l);
	close(l->fd);
	free(l);
}

static void
leave(struct link *l)
{
	if (--l->busy == 0 && l->doomed)
		release(l);
}

static void
end(struct link *l, const char *reason)
{
	if (l->ended)
		return;
	l->ended = true;
	event_del(&l->read);
	event_del(&l->write);
	/* The other side learns it now, not when we are freed. */
	shutdown(l->fd, SHUT_RDWR);
	if (!l->doomed && l->on_end != NULL)
		l->on_end(l->arg, l, reason);
}

/* -- sending --------------------------------------------------------------- */

/* 0, ERR_AGAIN or ERR_CLOSED. */
static int
send_now(struct link *l, struct iovec *iov, size_t niov, int fd)
{
	struct msghdr msg = {.msg_iov = iov, .msg_iovlen = niov};
	union {
		struct cmsghdr align;
		char space[CMSG_SPACE(sizeof(int))];
	} ctl = {0};
	struct cmsghdr *cm;
	ssize_t n;

	if (fd >= 0) {
		msg.msg_control = ctl.space;
		msg.msg_controllen = sizeof(ctl.space);
		cm = CMSG_FIRSTHDR(&msg);
		cm->cmsg_level = SOL_SOCKET;
		cm->cmsg_type = SCM_RIGHTS;
		cm->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(cm), &fd, sizeof(fd));
	}
	do
		n = sendmsg(l->fd, &msg, MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	if (n >= 0)
		return 0;
	/* ENOBUFS, ETOOMANYREFS: the kernel is short of room for a moment. */
	if (errno == EAGAIN || errno == ENOBUFS || errno == ETOOMANYREFS)
		return ERR_AGAIN;
	return ERR_CLOSED;
}

static void
on_write(evutil_socket_t fd, short what, void *arg)
{
	struct link *l = arg;
	struct iovec iov;
	int err = 0;

	(void)fd, (void)what;
	l->busy++;
	while (l->first != NULL && err == 0) {
		iov.iov_base = l->first->data;
		iov.iov_len = l->first->len;
		err = send_now(l, &iov, 1, l->first->fd);
		if (err == 0)
			queue_drop_first(l);
	}
	if (err == ERR_CLOSED)
		end(l, LINK_PEER_GONE);
	else if (l->first == NULL)
		event_del(&l->write);
	leave(l);
}

int
link_send(struct link *l, uint32_t kind, const void *payload, size_t len,
    int fd)
{
	struct iovec iov[2];
	int err;

	if (l->ended || l->doomed)
		return ERR_CLOSED;
	if (len > LINK_PAYLOAD_MAX)
		return ERR_RANGE;
	if (l->first == NULL) {
		iov[0].iov_base = &kind;
		iov[0].iov_len = HEADER;
		iov[1].iov_base = (void *)(uintptr_t)payload;
		iov[1].iov_len = len;
		err = send_now(l, iov, len > 0 ? 2 : 1, fd);
		if (err == ERR_CLOSED)
			/* The end is told from the loop, not from in here. */
			event_active(&l->read, EV_READ, 0);
		if (err != ERR_AGAIN)
			return err;
	}
	err = queue_add(l, kind, payload, len, fd);
	if (err == 0)
		event_add(&l->write, NULL);
	return err;
}

/* -- receiving ------------------------------------------------------------- */

/* Take the descriptors out of MSG: the first one, if it is the only one. */
static int
take_fd(struct msghdr *msg, int *fd)
{
	int fds[FDS_MAX];
	struct cmsghdr *cm;
	size_t i, n, all = 0;

	*fd = -1;
	for (cm = CMSG_FIRSTHDR(msg); cm != NULL; cm = CMSG_NXTHDR(msg, cm)) {
		if (cm->cmsg_level != SOL_SOCKET ||
		    cm->cmsg_type != SCM_RIGHTS)
			continue;
		n = (cm->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (i = 0; i < n && all < FDS_MAX; i++)
			memcpy(&fds[all++], CMSG_DATA(cm) + i * sizeof(int),
			    sizeof(int));
	}
	if (all == 1 && !(msg->msg_flags & MSG_CTRUNC)) {
		*fd = fds[0];
		return 0;
	}
	for (i = 0; i < all; i++)
		close(fds[i]);
	return all == 0 && !(msg->msg_flags & MSG_CTRUNC) ? 0 : ERR_PROTO;
}

/* Give one whole message to its handler; false when the link has ended. */
static bool
dispatch(struct link *l, size_t len, int fd)
{
	const struct link_kind *row;
	char reason[REASON_MAX];
	struct why why = {0};
	const char *wrong;
	uint32_t kind;
	int err;

	memcpy(&kind, l->in, HEADER);
	len -= HEADER;
	wrong = link_check(l->table, l->arg, kind, len, &row);
	if (wrong == NULL && fd >= 0 && !row->takes_fd)
		wrong = "a descriptor came with it";
	if (wrong != NULL) {
		if (fd >= 0)
			close(fd);
		snprintf(reason, sizeof(reason), "%s (kind %u, %zu bytes)",
		    wrong, kind, len);
		end(l, reason);
		return false;
	}
	err = row->handle(l->arg, l, l->in + HEADER, len, fd, &why);
	if (l->ended || l->doomed)
		return false;
	if (err != 0) {
		if (why.text[0] == '\0')
			why_set(&why, err, "%s", err_str(err));
		why_prefix(&why, "%s: ", row->name);
		end(l, why.text);
		return false;
	}
	return true;
}

/* One message; false when there are no more or the link has ended. */
static bool
receive(struct link *l)
{
	struct iovec iov = {.iov_base = l->in, .iov_len = sizeof(l->in)};
	union {
		struct cmsghdr align;
		char space[CMSG_SPACE(sizeof(int) * FDS_MAX)];
	} ctl;
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1,
	    .msg_control = ctl.space, .msg_controllen = sizeof(ctl.space)};
	ssize_t n;
	int fd;

	n = recvmsg(l->fd, &msg, MSG_CMSG_CLOEXEC);
	if (n < 0) {
		if (errno != EAGAIN && errno != EINTR)
			end(l, LINK_PEER_GONE);
		return false;
	}
	if (take_fd(&msg, &fd) != 0) {
		end(l, "more than one descriptor in a message");
		return false;
	}
	if (n < (ssize_t)HEADER || (msg.msg_flags & MSG_TRUNC)) {
		if (fd >= 0)
			close(fd);
		end(l, n == 0 ? LINK_PEER_GONE : n < (ssize_t)HEADER
			? "message without a kind" : "message too long");
		return false;
	}
	return dispatch(l, (size_t)n, fd);
}

static void
on_read(evutil_socket_t fd, short what, void *arg)
{
	struct link *l = arg;
	int i;

	(void)fd, (void)what;
	l->busy++;
	for (i = 0; i < READ_BATCH && !l->paused && receive(l); i++)
		continue;
	leave(l);
}

/* -- life ------------------------------------------------------------------ */

struct link *
link_new(struct event_base *base, int fd, const char *name,
    const struct link_kind *table, void *arg, link_end_fn *on_end)
{
	struct link *l;

	/* Not calloc: the buffer's pages stay untouched until they are used. */
	l = malloc(sizeof(*l));
	if (l == NULL)
		goto fail;
	memset(l, 0, offsetof(struct link, in));
	l->fd = fd;
	l->name = name;
	l->table = table;
	l->arg = arg;
	l->on_end = on_end;
	l->last = &l->first;
	event_assign(&l->read, base, fd, EV_READ | EV_PERSIST, on_read, l);
	event_assign(&l->write, base, fd, EV_WRITE | EV_PERSIST, on_write, l);
	if (fcntl(fd, F_SETFL, O_NONBLOCK) < 0 ||
	    event_add(&l->read, NULL) < 0) {
		free(l);
		goto fail;
	}
	return l;
fail:
	close(fd);
	return NULL;
}

void
link_free(struct link **lp)
{
	struct link *l = *lp;

	if (l == NULL)
		return;
	*lp = NULL;
	if (l->doomed)
		return;
	l->busy++;
	l->doomed = true;
	end(l, "");
	leave(l);
}

int
link_wait(struct link *l, int ms)
{
	struct pollfd p = {.fd = l->fd, .events = POLLIN};
	int err = 0;

	if (l->ended || l->doomed)
		return ERR_CLOSED;
	if (poll(&p, 1, ms) <= 0)
		return ERR_TIMEOUT;
	l->busy++;
	receive(l);
	if (l->ended || l->doomed)
		err = ERR_CLOSED;
	leave(l);
	return err;
}

void
link_pause(struct link *l, bool pause)
{
	if (l->ended || l->doomed || l->paused == pause)
		return;
	l->paused = pause;
	if (pause)
		event_del(&l->read);
	else
		event_add(&l->read, NULL);
}

size_t
link_queued(const struct link *l)
{
	return l->queued;
}

const char *
link_name(const struct link *l)
{
	return l->name;
}
