/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * BPF programs by number (bpf(2)).  Runs in the parent.  The guard that
 * asks is not trusted with more than XDP programs.
 */
#include "agent/parent/program.h"

#include <linux/bpf.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static long
do_bpf(enum bpf_cmd cmd, union bpf_attr *attr)
{
	return syscall(SYS_bpf, cmd, attr, sizeof(*attr));
}

static int
is_xdp(int fd)
{
	struct bpf_prog_info info;
	union bpf_attr attr;

	memset(&info, 0, sizeof(info));
	memset(&attr, 0, sizeof(attr));
	attr.info.bpf_fd = (uint32_t)fd;
	attr.info.info_len = sizeof(info);
	attr.info.info = (uint64_t)(uintptr_t)&info;
	return do_bpf(BPF_OBJ_GET_INFO_BY_FD, &attr) == 0 &&
	    info.type == BPF_PROG_TYPE_XDP;
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
