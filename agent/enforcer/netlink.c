/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Synchronous netlink.  Runs in the enforcer; the other side is the kernel.
 */
#include "agent/enforcer/netlink.h"

#include <errno.h>
#include <fcntl.h>
#include <libmnl/libmnl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "common/base/clock.h"

struct netlink {
	struct mnl_socket *socket;
	uint32_t seq;
	uint8_t buffer[NETLINK_BUFFER] __attribute__((aligned(8)));
};

/* Room for a whole batch and its answers; needs CAP_NET_ADMIN. */
static void
widen(int fd)
{
	int size = NETLINK_SOCKET_BUFFER;

	if (setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &size,
	    sizeof(size)) < 0)
		setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size,
	    sizeof(size)) < 0)
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
}

int
netlink_open(int protocol, uint32_t groups, struct netlink **nl,
    struct why *why)
{
	struct timeval wait = {.tv_sec = 5};
	struct netlink *n;
	int one = 1, fd;

	n = calloc(1, sizeof(*n));
	if (n == NULL)
		return why_set(why, ERR_NOMEM, "netlink: out of memory");
	n->socket = mnl_socket_open2(protocol, SOCK_CLOEXEC);
	if (n->socket == NULL) {
		free(n);
		return why_sys(why, ERR_IO, "netlink %d: socket", protocol);
	}
	fd = mnl_socket_get_fd(n->socket);
	widen(fd);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait));
	mnl_socket_setsockopt(n->socket, NETLINK_CAP_ACK, &one, sizeof(one));
	if (mnl_socket_bind(n->socket, groups, MNL_SOCKET_AUTOPID) < 0) {
		why_sys(why, ERR_IO, "netlink %d: bind", protocol);
		netlink_close(&n);
		return ERR_IO;
	}
	*nl = n;
	return 0;
}

int
netlink_take(int protocol, int fd, struct netlink **nl)
{
	socklen_t len = sizeof(int);
	struct netlink *n;
	int domain = 0, is = -1;

	if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &len) < 0 ||
	    getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &is, &len) < 0 ||
	    domain != AF_NETLINK || is != protocol)
		return ERR_RANGE;
	n = calloc(1, sizeof(*n));
	if (n == NULL)
		return ERR_NOMEM;
	n->socket = mnl_socket_fdopen(fd);
	if (n->socket == NULL) {
		free(n);
		return ERR_RANGE;
	}
	/* numbers that no late answer can have */
	n->seq = (uint32_t)clock_boot_ms() << 8;
	fcntl(fd, F_SETFD, FD_CLOEXEC);
	while (netlink_recv(n, n->buffer, sizeof(n->buffer)) != 0)
		;
	*nl = n;
	return 0;
}

void
netlink_close(struct netlink **nl)
{
	if (*nl == NULL)
		return;
	mnl_socket_close((*nl)->socket);
	free(*nl);
	*nl = NULL;
}

int
netlink_fd(const struct netlink *nl)
{
	return mnl_socket_get_fd(nl->socket);
}

uint32_t
netlink_port(const struct netlink *nl)
{
	return mnl_socket_get_portid(nl->socket);
}

uint32_t
netlink_next_seq(struct netlink *nl)
{
	return ++nl->seq;
}

int
netlink_send(struct netlink *nl, const void *data, size_t len)
{
	return mnl_socket_sendto(nl->socket, data, len) < 0 ? ERR_IO : 0;
}

/*
 * Only the kernel may speak to us: another process could send to our port.
 */
static ssize_t
receive(int fd, void *data, size_t size, int flags)
{
	struct sockaddr_nl from;
	struct iovec iov = {.iov_base = data, .iov_len = size};
	struct msghdr msg = {.msg_name = &from, .msg_namelen = sizeof(from),
	    .msg_iov = &iov, .msg_iovlen = 1};
	ssize_t n;

	do {
		n = recvmsg(fd, &msg, flags);
	} while ((n < 0 && errno == EINTR) || (n >= 0 && from.nl_pid != 0));
	if (n >= 0 && (msg.msg_flags & MSG_TRUNC)) {
		errno = EMSGSIZE;
		return -1;
	}
	return n;
}

int
netlink_recv(struct netlink *nl, void *data, size_t size)
{
	ssize_t n;

	n = receive(netlink_fd(nl), data, size, MSG_DONTWAIT);
	if (n < 0)
		return errno == EAGAIN ? 0 : -errno;
	return (int)n;
}

bool
netlink_ok(const struct nlmsghdr *m, int left)
{
	/* libmnl walks attributes up to the aligned end of the message. */
	return left >= (int)sizeof(*m) && m->nlmsg_len >= sizeof(*m) &&
	    m->nlmsg_len <= (uint32_t)left &&
	    MNL_ALIGN(m->nlmsg_len) <= (uint32_t)left;
}

/* One message of an answer to SEQ; *LAST when nothing follows it. */
static int
take(const struct nlmsghdr *nlh, netlink_fn *fn, void *arg, int *errnum,
    bool *last)
{
	const struct nlmsgerr *e;

	if (nlh->nlmsg_type == NLMSG_ERROR) {
		*last = true;
		if (mnl_nlmsg_get_payload_len(nlh) < sizeof(int))
			return ERR_PROTO;
		e = mnl_nlmsg_get_payload(nlh);
		if (e->error == 0)
			return 0;
		if (errnum != NULL)
			*errnum = -e->error;
		return ERR_KERNEL;
	}
	if (nlh->nlmsg_flags & NLM_F_DUMP_INTR) {
		*last = true;
		return ERR_AGAIN;
	}
	if (nlh->nlmsg_type == NLMSG_DONE) {
		*last = true;
		return 0;
	}
	*last = false;
	return fn != NULL ? fn(arg, nlh) : 0;
}

/* Throw away the rest of an answer that is not wanted any more. */
static void
discard(struct netlink *nl)
{
	while (receive(netlink_fd(nl), nl->buffer, sizeof(nl->buffer),
	    MSG_DONTWAIT) > 0)
		;
}

int
netlink_ask(struct netlink *nl, struct nlmsghdr *nlh, netlink_fn *fn,
    void *arg, int *errnum)
{
	const struct nlmsghdr *m;
	bool last = false;
	ssize_t n;
	int left, rc = 0;

	nlh->nlmsg_seq = netlink_next_seq(nl);
	discard(nl);
	if (netlink_send(nl, nlh, nlh->nlmsg_len) != 0)
		return ERR_IO;
	while (!last) {
		n = receive(netlink_fd(nl), nl->buffer, sizeof(nl->buffer),
		    0);
		if (n < 0)
			return errno == EAGAIN ? ERR_TIMEOUT : ERR_IO;
		left = (int)n;
		for (m = (void *)nl->buffer; netlink_ok(m, left) && !last;
		    m = mnl_nlmsg_next(m, &left)) {
			if (m->nlmsg_seq != nlh->nlmsg_seq)
				continue;
			rc = take(m, fn, arg, errnum, &last);
			if (rc != 0) {
				discard(nl);
				return rc;
			}
		}
	}
	return 0;
}

int
netlink_drain(struct netlink *nl, netlink_fn *fn, void *arg)
{
	const struct nlmsghdr *m;
	bool lost = false;
	int n, left, rc;

	for (;;) {
		n = netlink_recv(nl, nl->buffer, sizeof(nl->buffer));
		if (n == -ENOBUFS) {
			lost = true;
			continue;
		}
		if (n < 0)
			return ERR_IO;
		if (n == 0)
			return lost ? ERR_LIMIT : 0;
		left = n;
		for (m = (void *)nl->buffer; netlink_ok(m, left);
		    m = mnl_nlmsg_next(m, &left)) {
			rc = fn(arg, m);
			if (rc != 0)
				return rc;
		}
	}
}
