/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The process connector.  Opened in the sensors process before it gives up
 * its rights, read on the thread of the process sensor.  The bytes are the
 * kernel's; the names of tasks in them are whatever a process likes.
 */
#include "agent/process/connector.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/cn_proc.h>
#include <linux/connector.h>
#include <linux/filter.h>
#include <linux/netlink.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define RECEIVE_BYTES (4 * 1024 * 1024) /* about 10,000 events */
#define READ_SIZE 4096

/* What stands before the part that each event has of its own. */
#define HEAD offsetof(struct proc_event, event_data)
#define SIZE(part) \
	(HEAD + sizeof(((struct proc_event *)0)->event_data.part))

/* Words of PROC_EVENT_x that newer headers keep in another place. */
enum {
	WHAT_NONE = 0,
	WHAT_FORK = 0x1,
	WHAT_EXEC = 0x2,
	WHAT_UID = 0x4,
	WHAT_TRACE = 0x100,
	WHAT_NAME = 0x200,
};

static uint32_t
word(const uint8_t *event, size_t at)
{
	uint32_t v;

	memcpy(&v, event + HEAD + at, sizeof(v));
	return v;
}

static void
take_name(struct connector_event *ev, const uint8_t *event)
{
	memcpy(ev->name, event + HEAD + 8, CONNECTOR_NAME_LEN);
	ev->name[CONNECTOR_NAME_LEN - 1] = '\0';
}

/* One struct proc_event of LEN bytes. */
static int
parse_event(const uint8_t *event, size_t len, struct connector_event *ev)
{
	uint32_t what;

	if (len < HEAD + 4)
		return ERR_SYNTAX;
	memcpy(&what, event, sizeof(what));
	memcpy(&ev->at_ns, event + offsetof(struct proc_event,
	    timestamp_ns), sizeof(ev->at_ns));
	ev->thread = (pid_t)word(event, 0);
	if (what == WHAT_NONE) {
		ev->what = CONNECTOR_ACK;
		ev->error = word(event, 0);
		ev->thread = 0;
		return 0;
	}
	if (len < SIZE(exec))
		return ERR_SYNTAX;
	ev->pid = (pid_t)word(event, 4);
	if (what == WHAT_EXEC) {
		ev->what = CONNECTOR_EXEC;
	} else if (what == WHAT_FORK && len >= SIZE(fork)) {
		ev->what = CONNECTOR_FORK;
		ev->parent = ev->pid;
		ev->thread = (pid_t)word(event, 8);
		ev->pid = (pid_t)word(event, 12);
	} else if (what == WHAT_UID && len >= SIZE(id)) {
		ev->what = CONNECTOR_UID;
		ev->uid = word(event, 8);
		ev->euid = word(event, 12);
	} else if (what == WHAT_TRACE && len >= SIZE(ptrace)) {
		ev->what = CONNECTOR_TRACE;
		ev->parent = (pid_t)word(event, 12);
	} else if (what == WHAT_NAME && len >= SIZE(comm)) {
		ev->what = CONNECTOR_NAME;
		take_name(ev, event);
	} else if (what == WHAT_FORK || what == WHAT_UID ||
	    what == WHAT_TRACE || what == WHAT_NAME) {
		return ERR_SYNTAX;
	}
	return ev->pid > 0 ? 0 : ERR_SYNTAX;
}

int
connector_next(const uint8_t *buf, size_t len, size_t *off,
    struct connector_event *ev)
{
	struct nlmsghdr head;
	struct cn_msg msg;
	size_t left, at = *off;

	memset(ev, 0, sizeof(*ev));
	ev->what = CONNECTOR_OTHER;
	if (at >= len)
		return ERR_NOENT;
	left = len - at;
	if (left < sizeof(head))
		return ERR_SYNTAX;
	memcpy(&head, buf + at, sizeof(head));
	if (head.nlmsg_len < sizeof(head) || head.nlmsg_len > left)
		return ERR_SYNTAX;
	*off = at + NLMSG_ALIGN((size_t)head.nlmsg_len);
	if (*off > len)
		*off = len;
	if (head.nlmsg_type != NLMSG_DONE)
		return 0;
	left = head.nlmsg_len - sizeof(head);
	if (left < sizeof(msg))
		return ERR_SYNTAX;
	memcpy(&msg, buf + at + sizeof(head), sizeof(msg));
	if (msg.len > left - sizeof(msg))
		return ERR_SYNTAX;
	if (msg.id.idx != CN_IDX_PROC || msg.id.val != CN_VAL_PROC)
		return 0;
	return parse_event(buf + at + sizeof(head) + sizeof(msg), msg.len,
	    ev);
}

/* -- the filter -------------------------------------------------------- */

/* Where struct proc_event and the words of its own part begin. */
#define EVENT_AT (NLMSG_HDRLEN + sizeof(struct cn_msg))
#define WORD_AT(n) (EVENT_AT + HEAD + 4 * (n))

/* A BPF load swaps bytes as if they came from the network. */
#define LOAD(at) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (at))
#define IS(value, yes, no) \
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, htonl(value), (yes), (no))
#define SAME(yes, no) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_X, 0, (yes), (no))
#define KEEP_A BPF_STMT(BPF_MISC | BPF_TAX, 0)
#define ANSWER(len) BPF_STMT(BPF_RET | BPF_K, (len))

int
connector_filter(int fd)
{
	struct sock_filter code[] = {
		/* 0 */ LOAD(EVENT_AT),
		/* 1 */ IS(WHAT_EXEC, 14, 0),
		/* 2 */ IS(WHAT_UID, 13, 0),
		/* 3 */ IS(WHAT_TRACE, 12, 0),
		/* 4 */ IS(WHAT_NONE, 11, 0),
		/* 5 */ IS(WHAT_FORK, 2, 0),
		/* 6 */ IS(WHAT_NAME, 5, 0),
		/* 7 */ ANSWER(0),
		/* 8: thread and process of a child: a new process? */
		LOAD(WORD_AT(2)),
		/* 9 */ KEEP_A,
		/* 10 */ LOAD(WORD_AT(3)),
		/* 11 */ BPF_STMT(BPF_JMP | BPF_JA, 3),
		/* 12: the name of a first thread? */
		LOAD(WORD_AT(0)),
		/* 13 */ KEEP_A,
		/* 14 */ LOAD(WORD_AT(1)),
		/* 15 */ SAME(0, 1),
		/* 16 */ ANSWER(0xffff),
		/* 17 */ ANSWER(0),
	};
	const struct sock_fprog program = {
	    sizeof(code) / sizeof(code[0]), code};

	return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program,
	    sizeof(program)) == 0 ? 0 : ERR_KERNEL;
}

/* -- subscribing ------------------------------------------------------- */

static int
subscribe(int fd)
{
	const uint32_t op = PROC_CN_MCAST_LISTEN;
	uint8_t ask[EVENT_AT + sizeof(op)] = {0};
	struct nlmsghdr head = {.nlmsg_len = sizeof(ask),
	    .nlmsg_type = NLMSG_DONE};
	struct cn_msg msg = {.id = {CN_IDX_PROC, CN_VAL_PROC},
	    .len = sizeof(op)};

	memcpy(ask, &head, sizeof(head));
	memcpy(ask + NLMSG_HDRLEN, &msg, sizeof(msg));
	memcpy(ask + EVENT_AT, &op, sizeof(op));
	return send(fd, ask, sizeof(ask), 0) == sizeof(ask) ? 0 : ERR_KERNEL;
}

/*
 * The kernel answers inside of send; where it must not tell this process
 * (namespaces) it answers nothing.  Events may stand before the answer.
 */
static int
answered(int fd)
{
	uint8_t data[READ_SIZE];
	struct connector_event ev;
	size_t off;
	ssize_t n;

	while ((n = recv(fd, data, sizeof(data), 0)) > 0) {
		off = 0;
		while (connector_next(data, (size_t)n, &off, &ev) == 0)
			if (ev.what == CONNECTOR_ACK) {
				errno = (int)ev.error;
				return ev.error == 0 ? 0 : ERR_PERM;
			}
	}
	errno = ENOMSG;
	return ERR_UNSUPP;
}

int
connector_open(struct why *why)
{
	struct sockaddr_nl me = {.nl_family = AF_NETLINK,
	    .nl_groups = CN_IDX_PROC};
	const int room = RECEIVE_BYTES;
	int fd;

	fd = socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK,
	    NETLINK_CONNECTOR);
	if (fd < 0) {
		why_sys(why, ERR_UNSUPP, "process connector");
		return -1;
	}
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room,
	    sizeof(room)) == 0 && connector_filter(fd) == 0 &&
	    bind(fd, (const struct sockaddr *)&me, sizeof(me)) == 0 &&
	    subscribe(fd) == 0 && answered(fd) == 0)
		return fd;
	why_sys(why, ERR_UNSUPP, "process connector");
	close(fd);
	return -1;
}
