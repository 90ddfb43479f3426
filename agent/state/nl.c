/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Dumps by netlink.  Runs on the threads of the sensors process.  Only what
 * the kernel itself sent is believed.
 */
#include "agent/state/nl.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>

#define BUFFER (64 * 1024)
#define HEAD_MAX 64

/* -- attributes ---------------------------- */

const void *
nl_attrs(const struct nlmsghdr *nlh, size_t head, int *len)
{
	*len = (int)nlh->nlmsg_len - (int)NLMSG_SPACE(head);
	return (const char *)nlh + NLMSG_SPACE(head);
}

const struct rtattr *
nl_find(const void *first, int len, unsigned short type)
{
	const struct rtattr *a = first;

	for (; RTA_OK(a, len); a = RTA_NEXT(a, len))
		if ((a->rta_type & NLA_TYPE_MASK) == type)
			return a;
	return NULL;
}

uint32_t
nl_u32(const struct rtattr *a)
{
	uint32_t v = 0;

	if (a != NULL && RTA_PAYLOAD(a) == sizeof(v))
		memcpy(&v, RTA_DATA(a), sizeof(v));
	return v;
}

void
nl_text(const struct rtattr *a, char *out, size_t size)
{
	out[0] = '\0';
	if (a != NULL)
		snprintf(out, size, "%.*s", (int)RTA_PAYLOAD(a),
		    (const char *)RTA_DATA(a));
}

/* -- asking ---------------------------- */

int
nl_open(int protocol, struct why *why)
{
	const struct timeval wait = {.tv_sec = 2};
	int fd;

	fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol);
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait,
	    sizeof(wait)) < 0)
		why_sys(why, ERR_IO, "netlink protocol %d", protocol);
	return fd;
}

struct asked {
	uint32_t seq;
	nl_message_fn *fn;
	void *arg;
	int rc;
};

/* The messages of one datagram; true when the dump is over. */
static bool
take(struct asked *q, const uint8_t *data, size_t len)
{
	const struct nlmsghdr *m = (const void *)data;
	const struct nlmsgerr *e;

	for (; NLMSG_OK(m, len); m = NLMSG_NEXT(m, len)) {
		if (m->nlmsg_seq != q->seq)
			continue;
		if (m->nlmsg_type == NLMSG_ERROR) {
			e = NLMSG_DATA(m);
			if (m->nlmsg_len < NLMSG_LENGTH(sizeof(*e)) ||
			    e->error != 0)
				q->rc = ERR_UNSUPP;
			return true;
		}
		if (m->nlmsg_type == NLMSG_DONE)
			return true;
		q->fn(q->arg, m);
	}
	return false;
}

static int
receive(int fd, struct asked *q)
{
	uint8_t *data = malloc(BUFFER);
	struct sockaddr_nl from;
	struct iovec iov = {.iov_base = data, .iov_len = BUFFER};
	struct msghdr msg = {.msg_name = &from, .msg_iov = &iov,
	    .msg_iovlen = 1};
	ssize_t n;

	q->rc = data == NULL ? ERR_NOMEM : 0;
	while (q->rc == 0) {
		msg.msg_namelen = sizeof(from);
		n = recvmsg(fd, &msg, 0);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			q->rc = ERR_IO;
		else if (from.nl_pid == 0 && take(q, data, (size_t)n))
			break;
	}
	free(data);
	return q->rc;
}

int
nl_dump(int fd, uint16_t type, const void *head, size_t len,
    nl_message_fn *fn, void *arg)
{
	static atomic_uint seq; /* an answer that came late is not taken */
	struct asked q = {.seq = atomic_fetch_add(&seq, 1) + 1, .fn = fn,
	    .arg = arg};
	struct {
		struct nlmsghdr nlh;
		uint8_t head[HEAD_MAX];
	} ask = {.nlh = {.nlmsg_type = type, .nlmsg_seq = q.seq,
	    .nlmsg_len = (uint32_t)NLMSG_LENGTH(len),
	    .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP}};

	if (len > HEAD_MAX)
		return ERR_RANGE;
	memcpy(ask.head, head, len);
	if (sendto(fd, &ask, ask.nlh.nlmsg_len, 0, NULL, 0) < 0)
		return ERR_IO;
	return receive(fd, &q);
}
