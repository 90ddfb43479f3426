/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What both scripted collectors of this folder stand on. */
#ifndef TESTS_UNIT_AGENT_NETWORK_LOOPBACK_H
#define TESTS_UNIT_AGENT_NETWORK_LOOPBACK_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <sys/socket.h>

static const char *
path(const char *in, const char *name)
{
	static char out[64][160];
	static int next;

	next = (next + 1) % 64;
	snprintf(out[next], sizeof(out[next]), "%s/%s", in, name);
	return out[next];
}

/* A socket at a port of 127.0.0.1 that the kernel chose. */
static int
bind_any(uint16_t *port)
{
	struct sockaddr_in in = {.sin_family = AF_INET,
	    .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(in);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK,
	    0);

	assert_int_equal(bind(fd, (struct sockaddr *)&in, len), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&in, &len), 0);
	*port = ntohs(in.sin_port);
	return fd;
}

#endif
