/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * BPF objects of whoever by their numbers, over bpf(2) alone: for processes
 * that look at programs, links and maps and must not link libbpf.  Needs
 * CAP_SYS_ADMIN; nothing here changes anything.
 */
#ifndef CORDON_PROC_BPFID_H
#define CORDON_PROC_BPFID_H

#include <linux/bpf.h>
#include <stdbool.h>
#include <stdint.h>

enum bpfid_kind { BPFID_PROGRAM, BPFID_LINK, BPFID_MAP };

/* The call itself; -1 and errno. */
int bpfid_call(enum bpf_cmd cmd, union bpf_attr *attr);
/* A descriptor, close-on-exec, the caller's; -1: not to be had. */
int bpfid_open(enum bpfid_kind kind, uint32_t id);
/* The same for the first after *ID that can be had; -1: there is none. */
int bpfid_next(enum bpfid_kind kind, uint32_t *id);
/* struct bpf_prog_info, bpf_link_info or bpf_map_info, of LEN bytes; what
 * the kernel does not know of it is 0. */
bool bpfid_info(int fd, void *info, uint32_t len);

#endif
