/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The drivers: messages with descriptors, and how they give up. */
#include "tests/root/driver.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

void
die(const char *what, const struct why *why)
{
	fprintf(stderr, "driver: %s: %s\n", what,
	    why != NULL ? why->text : strerror(errno));
	exit(1);
}

bool
driver_send(int fd, uint32_t kind, const void *data, size_t len, int pass)
{
	union {
		struct cmsghdr h;
		char space[CMSG_SPACE(sizeof(int))];
	} control = {0};
	struct iovec iov[2] = {{&kind, sizeof(kind)},
	    {(void *)(uintptr_t)data, len}};
	struct msghdr m = {.msg_iov = iov, .msg_iovlen = 2};

	if (pass >= 0) {
		m.msg_control = control.space;
		m.msg_controllen = sizeof(control.space);
		control.h.cmsg_level = SOL_SOCKET;
		control.h.cmsg_type = SCM_RIGHTS;
		control.h.cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(&control.h), &pass, sizeof(pass));
	}
	return sendmsg(fd, &m, MSG_NOSIGNAL) >= 0;
}
