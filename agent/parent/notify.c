/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The notifications of sd_notify(3) and the descriptor store of systemd.
 * Runs in the parent.  systemd is believed; what the environment says is
 * read with bounds all the same.
 */
#include "agent/parent/notify.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/base/log.h"

#define LISTEN_FD_FIRST 3 /* SD_LISTEN_FDS_START, sd_listen_fds(3) */
#define LISTEN_FDS_MAX 64

static int
notify_address(struct sockaddr_un *un, socklen_t *len, struct why *why)
{
	const char *path = getenv("NOTIFY_SOCKET");
	size_t n;

	if (path == NULL || (path[0] != '/' && path[0] != '@'))
		return why_set(why, ERR_NOENT, "not started by systemd");
	n = strlen(path);
	if (n >= sizeof(un->sun_path))
		return why_set(why, ERR_LIMIT, "$NOTIFY_SOCKET is too long");
	memset(un, 0, sizeof(*un));
	un->sun_family = AF_UNIX;
	memcpy(un->sun_path, path, n);
	if (path[0] == '@')
		un->sun_path[0] = '\0'; /* abstract, unix(7) */
	*len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n);
	return 0;
}

/* One datagram; FD goes with it unless it is -1. */
static int
notify_send(const char *text, int fd, struct why *why)
{
	union {
		struct cmsghdr align;
		char space[CMSG_SPACE(sizeof(int))];
	} control = {.space = {0}};
	struct sockaddr_un un;
	struct iovec iov = {(void *)(uintptr_t)text, strlen(text)};
	struct msghdr m = {.msg_name = &un, .msg_iov = &iov, .msg_iovlen = 1};
	struct cmsghdr *c;
	int err, s;

	err = notify_address(&un, &m.msg_namelen, why);
	if (err != 0)
		return err;
	if (fd >= 0) {
		m.msg_control = control.space;
		m.msg_controllen = sizeof(control.space);
		c = CMSG_FIRSTHDR(&m);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(c), &fd, sizeof(int));
	}
	s = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (s < 0)
		return why_sys(why, ERR_IO, "socket to systemd");
	if (sendmsg(s, &m, MSG_NOSIGNAL) < 0)
		err = why_sys(why, ERR_IO, "systemd does not take our "
		    "notification");
	close(s);
	return err;
}

void
notify_systemd(const char *text)
{
	struct why why;
	int err = notify_send(text, -1, &why);

	if (err != 0 && err != ERR_NOENT)
		log_debug("%s", why.text);
}

/* -- the descriptor store -------------------------------------------------- */

static bool
store_name_valid(const char *name)
{
	size_t n = strspn(name, "abcdefghijklmnopqrstuvwxyz"
				"ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-");

	return n > 0 && name[n] == '\0' && n < NOTIFY_NAME_MAX;
}

int
notify_unstore(const char *name, struct why *why)
{
	char text[NOTIFY_NAME_MAX + 64];

	if (!store_name_valid(name))
		return why_set(why, ERR_RANGE, "not a name for a descriptor");
	snprintf(text, sizeof(text), "FDSTOREREMOVE=1\nFDNAME=%s", name);
	return notify_send(text, -1, why);
}

int
notify_store(int fd, const char *name, struct why *why)
{
	char text[NOTIFY_NAME_MAX + 64];
	int err;

	/* What is there goes first: systemd adds, it does not replace. */
	err = notify_unstore(name, why);
	if (err != 0)
		return err;
	/* Without FDPOLL=0 it drops a socket that once had an error, as a
	 * netlink socket has (ENOBUFS) when notifications come too fast. */
	snprintf(text, sizeof(text), "FDSTORE=1\nFDNAME=%s\nFDPOLL=0", name);
	return notify_send(text, fd, why);
}

/* A number of the environment, 0 if there is none. */
static long
env_number(const char *key, long max)
{
	const char *text = getenv(key);
	char *end;
	long n;

	if (text == NULL || text[0] < '0' || text[0] > '9')
		return 0;
	errno = 0;
	n = strtol(text, &end, 10);
	return errno != 0 || *end != '\0' || n > max ? 0 : n;
}

int
notify_stored(const char *name)
{
	const char *at = getenv("LISTEN_FDNAMES");
	long i, n = env_number("LISTEN_FDS", LISTEN_FDS_MAX);
	size_t len;

	if (!store_name_valid(name) || at == NULL ||
	    env_number("LISTEN_PID", INT_MAX) != (long)getpid())
		return -1;
	for (i = 0; i < n; i++) {
		len = strcspn(at, ":");
		if (strlen(name) == len && memcmp(at, name, len) == 0)
			break;
		if (at[len] == '\0')
			return -1;
		at += len + 1;
	}
	if (i == n ||
	    fcntl(LISTEN_FD_FIRST + (int)i, F_SETFD, FD_CLOEXEC) < 0)
		return -1;
	return LISTEN_FD_FIRST + (int)i;
}
