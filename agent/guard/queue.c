/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * AF_XDP sockets that only take a place.  Runs in the guard; needs
 * CAP_NET_RAW.  Neither a ring nor a frame of theirs is ever looked at.
 */
#include "agent/guard/queue.h"

#include <errno.h>
#include <linux/if_xdp.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#ifndef AF_XDP
#define AF_XDP 44
#endif
#ifndef SOL_XDP
#define SOL_XDP 283
#endif

#define PAGE 4096 /* the smallest memory a socket may register */

static bool
set(int fd, int option, const void *value, size_t len)
{
	return setsockopt(fd, SOL_XDP, option, value, (socklen_t)len) == 0;
}

/* The least that bind asks for: memory, its two rings, and one to send. */
static bool
furnish(int fd)
{
	const int entries = 2;
	struct xdp_umem_reg mem = {.len = PAGE, .chunk_size = PAGE};
	void *page;
	bool ok;

	page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (page == MAP_FAILED)
		return false;
	mem.addr = (uint64_t)(uintptr_t)page;
	ok = set(fd, XDP_UMEM_REG, &mem, sizeof(mem)) &&
	    set(fd, XDP_UMEM_FILL_RING, &entries, sizeof(entries)) &&
	    set(fd, XDP_UMEM_COMPLETION_RING, &entries, sizeof(entries)) &&
	    set(fd, XDP_TX_RING, &entries, sizeof(entries));
	munmap(page, PAGE); /* the kernel holds it by itself */
	return ok;
}

int
queue_hold(uint32_t index, uint32_t queue, int *fd)
{
	/* Copying works on every device and asks nothing of the driver. */
	struct sockaddr_xdp at = {.sxdp_family = AF_XDP,
	    .sxdp_flags = XDP_COPY, .sxdp_ifindex = index,
	    .sxdp_queue_id = queue};
	int s, rc = 0;

	s = socket(AF_XDP, SOCK_RAW | SOCK_CLOEXEC, 0);
	if (s < 0)
		return errno == EAFNOSUPPORT ? ERR_UNSUPP : ERR_KERNEL;
	if (!furnish(s))
		rc = ERR_KERNEL;
	else if (bind(s, (struct sockaddr *)&at, sizeof(at)) < 0)
		rc = errno == EBUSY ? ERR_BADSTATE :
		    errno == EINVAL || errno == ENODEV ? ERR_NOENT :
		    ERR_KERNEL;
	if (rc != 0) {
		close(s);
		return rc;
	}
	*fd = s;
	return 0;
}
