/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * BPF programs and links by number (bpf(2)).  Runs in the parent.  The
 * guard that asks is not trusted with more than XDP programs.
 */
#include "agent/parent/program.h"

#include <stdbool.h>
#include <unistd.h>

#include "common/proc/bpfid.h"

static bool
is_xdp(int fd)
{
	struct bpf_prog_info info;

	return bpfid_info(fd, &info, sizeof(info)) &&
	    info.type == BPF_PROG_TYPE_XDP;
}

static bool
holds(int fd, uint32_t device, uint32_t program)
{
	struct bpf_link_info info;

	return bpfid_info(fd, &info, sizeof(info)) &&
	    info.type == BPF_LINK_TYPE_XDP && info.prog_id == program &&
	    info.xdp.ifindex == device;
}

int
program_open(struct program_list *l, uint32_t id)
{
	size_t i;
	int fd;

	for (i = 0; i < l->n; i++)
		if (l->kept[i].id == id)
			return l->kept[i].fd;
	if (l->n == PROGRAM_KEPT_MAX)
		return -1;
	fd = bpfid_open(BPFID_PROGRAM, id);
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

int
program_link(uint32_t device, uint32_t program, uint32_t *link)
{
	uint32_t id = *link;
	int fd;

	while ((fd = bpfid_next(BPFID_LINK, &id)) >= 0) {
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

	while ((fd = bpfid_next(BPFID_MAP, &id)) >= 0) {
		if (bpfid_info(fd, &info, sizeof(info)) &&
		    (info.type == BPF_MAP_TYPE_DEVMAP ||
		    info.type == BPF_MAP_TYPE_DEVMAP_HASH)) {
			*map = id;
			return fd;
		}
		close(fd);
	}
	return -1;
}
