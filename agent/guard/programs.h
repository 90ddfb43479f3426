/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Our BPF programs: loading them with the rules of an order in them, and
 * hanging them on a device by BPF links (bpf(2)).  A link lives as long as
 * its descriptor: whatever ends this process takes it off again.
 */
#ifndef CORDON_GUARD_PROGRAMS_H
#define CORDON_GUARD_PROGRAMS_H

#include <stdint.h>

#include "agent/guard/program.h"
#include "common/base/err.h"

#define PROGRAMS_NAME_MAX 16 /* BPF_OBJ_NAME_LEN */

/* What the frames of a device look like. */
enum shape {
	SHAPE_FRAME,  /* Ethernet */
	SHAPE_PACKET, /* no link layer */
	SHAPE_ANY,    /* not looked at: loopback */
};

struct programs;

/*
 * Load all of them with RULES (copied).  ERR_UNSUPP with the kernel's
 * reason when it does not take them.
 */
int programs_load(const struct program_rules *rules, struct programs **out,
    struct why *why);
/* What hangs on a device stays there. */
void programs_free(struct programs **p);
/* Descriptors, lent. */
int programs_in(const struct programs *p, enum shape shape);
int programs_out(const struct programs *p, enum shape shape);

/*
 * Hang PROGRAM on device INDEX.  0 and *LINK, or the negative errno: -EBUSY
 * and -EEXIST when somebody else sits there.  In: XDP, in the mode of FLAGS
 * (XDP_FLAGS_SKB_MODE ...).  Out: tcx egress before all others, Linux 6.6.
 */
int hook_in(int program, uint32_t index, uint32_t flags, int *link);
int hook_out(int program, uint32_t index, int *link);
/* Another program in its place, without a moment between. */
int hook_swap(int link, int program);
/*
 * Anybody with the right can do that to a link of ours.  Id of the program
 * that it holds instead of PROGRAM; 0: it holds PROGRAM, or hangs nowhere.
 */
uint32_t hook_stranger(int link, int program);
/* Take it off now, in whatever namespace it is; sets -1. */
void hook_free(int *link);
/* Index of its device; 0: taken off, or the device is gone. */
uint32_t hook_device(int link);
/* Id of its program; 0: not known. */
uint32_t hook_program(int link);
/* The kernel's name of PROGRAM, which may be of others; "?" if not known. */
void programs_name(int program, char out[PROGRAMS_NAME_MAX]);
/* Id of the program that runs first where frames leave; 0: none. */
uint32_t hook_out_first(uint32_t index);

#endif
