/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Asking the kernel for BPF objects by number.  Runs in the parent and in
 * the sensors.  Objects come and go meanwhile, and belong to others.
 */
#include "common/proc/bpfid.h"

#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static const struct {
	enum bpf_cmd next, open;
} calls[] = {
	[BPFID_PROGRAM] = {BPF_PROG_GET_NEXT_ID, BPF_PROG_GET_FD_BY_ID},
	[BPFID_LINK] = {BPF_LINK_GET_NEXT_ID, BPF_LINK_GET_FD_BY_ID},
	[BPFID_MAP] = {BPF_MAP_GET_NEXT_ID, BPF_MAP_GET_FD_BY_ID},
};

int
bpfid_call(enum bpf_cmd cmd, union bpf_attr *attr)
{
	return (int)syscall(SYS_bpf, cmd, attr, sizeof(*attr));
}

int
bpfid_open(enum bpfid_kind kind, uint32_t id)
{
	union bpf_attr attr;

	memset(&attr, 0, sizeof(attr));
	attr.prog_id = id; /* link_id and map_id are the same field */
	return bpfid_call(calls[kind].open, &attr);
}

int
bpfid_next(enum bpfid_kind kind, uint32_t *id)
{
	union bpf_attr attr;
	uint32_t at = *id;
	int fd = -1;

	while (fd < 0) {
		memset(&attr, 0, sizeof(attr));
		attr.start_id = at;
		if (bpfid_call(calls[kind].next, &attr) < 0)
			return -1;
		at = attr.next_id;
		fd = bpfid_open(kind, at); /* -1: gone meanwhile */
	}
	*id = at;
	return fd;
}

bool
bpfid_info(int fd, void *info, uint32_t len)
{
	union bpf_attr attr;

	memset(info, 0, len);
	memset(&attr, 0, sizeof(attr));
	attr.info.bpf_fd = (uint32_t)fd;
	attr.info.info_len = len;
	attr.info.info = (uint64_t)(uintptr_t)info;
	return bpfid_call(BPF_OBJ_GET_INFO_BY_FD, &attr) == 0;
}
