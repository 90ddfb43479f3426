/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * BPF programs and links by number (bpf(2)).  Runs in the parent.  The
 * guard that asks is not trusted with more than XDP programs.
 */
#include "agent/parent/program.h"

#include <linux/bpf.h>
#include <stdbool.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static long
do_bpf(enum bpf_cmd cmd, union bpf_attr *attr)
{
	return syscall(SYS_bpf, cmd, attr, sizeof(*attr));
}

static bool
get_info(int fd, void *info, uint32_t len)
{
	union bpf_attr attr;

	memset(info, 0, len);
	memset(&attr, 0, sizeof(attr));
	attr.info.bpf_fd = (uint32_t)fd;
	attr.info.info_len = len;
	attr.info.info = (uint64_t)(uintptr_t)info;
	return do_bpf(BPF_OBJ_GET_INFO_BY_FD, &attr) == 0;
}

static bool
is_xdp(int fd)
{
	struct bpf_prog_info info;

	return get_info(fd, &info, sizeof(info)) &&
	    info.type == BPF_PROG_TYPE_XDP;
}

static bool
holds(int fd, uint32_t device, uint32_t program)
{
	struct bpf_link_info info;

	return get_info(fd, &info, sizeof(info)) &&
	    info.type == BPF_LINK_TYPE_XDP && info.prog_id == program &&
	    info.xdp.ifindex == device;
}

int
program_open(struct program_list *l, uint32_t id)
{
	union bpf_attr attr;
	size_t i;
	int fd;

	for (i = 0; i < l->n; i++)
		if (l->kept[i].id == id)
			return l->kept[i].fd;
	if (l->n == PROGRAM_KEPT_MAX)
		return -1;
	memset(&attr, 0, sizeof(attr));
	attr.prog_id = id;
	fd = (int)do_bpf(BPF_PROG_GET_FD_BY_ID, &attr); /* close-on-exec */
	if (fd < 0)
		return -1;
	if (!is_xdp(fd)) {
		close(fd);
		return -1;
	}
	l->kept[l->n].id = id;
	l->kept[l->n++].fd = fd;
	return fd;
}

void
program_close_all(struct program_list *l)
{
	while (l->n > 0)
		close(l->kept[--l->n].fd);
}

/* The next of its kind after *ID that can be had; -1: no more. */
static int
open_next(enum bpf_cmd next, enum bpf_cmd get, uint32_t *id)
{
	union bpf_attr attr;
	int fd = -1;

	while (fd < 0) {
		memset(&attr, 0, sizeof(attr));
		attr.start_id = *id;
		if (do_bpf(next, &attr) < 0)
			return -1;
		*id = attr.next_id;
		memset(&attr, 0, sizeof(attr));
		attr.prog_id = *id; /* link_id and map_id are the same field */
		fd = (int)do_bpf(get, &attr); /* -1: gone meanwhile */
	}
	return fd;
}

int
program_link(uint32_t device, uint32_t program, uint32_t *link)
{
	uint32_t id = *link;
	int fd;

	while ((fd = open_next(BPF_LINK_GET_NEXT_ID, BPF_LINK_GET_FD_BY_ID,
	    &id)) >= 0) {
		if (holds(fd, device, program)) {
			*link = id;
			return fd;
		}
		close(fd);
	}
	return -1;
}

int
program_map(uint32_t *map)
{
	struct bpf_map_info info;
	uint32_t id = *map;
	int fd;

	while ((fd = open_next(BPF_MAP_GET_NEXT_ID, BPF_MAP_GET_FD_BY_ID,
	    &id)) >= 0) {
		if (get_info(fd, &info, sizeof(info)) &&
		    (info.type == BPF_MAP_TYPE_DEVMAP ||
		    info.type == BPF_MAP_TYPE_DEVMAP_HASH)) {
			*map = id;
			return fd;
		}
		close(fd);
	}
	return -1;
}
