/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What runs on the frames of a device before or after netfilter: XDP
 * programs, tc programs, filters of queueing disciplines.  Asked of the
 * kernel by rtnetlink(7) and bpf(2); nothing is changed.
 */
#ifndef CORDON_SENSORS_HOOKS_H
#define CORDON_SENSORS_HOOKS_H

#include <linux/netlink.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"

#define HOOKS_MAX 512
#define HOOKS_DEVICES_MAX 1024
#define HOOKS_NAME_MAX 16

enum hook_kind {
	HOOK_XDP,
	HOOK_TC_IN,  /* tcx ingress */
	HOOK_TC_OUT, /* tcx egress */
	HOOK_FILTER, /* of a queueing discipline, clsact included */
	HOOK_LOST,   /* XDP by a BPF link that was taken off its device, by
		      * the guard or another: its holder still has it */
};

struct hook {
	enum hook_kind kind;
	uint32_t device;  /* index; LOST: 0 */
	uint32_t program; /* id of the BPF program; 0: no BPF */
	uint64_t place;	  /* FILTER: parent and priority; LOST: the link */
	char name[HOOKS_NAME_MAX];   /* of the device */
	char filter[HOOKS_NAME_MAX]; /* FILTER: "u32", "bpf" ... */
};

struct hooks {
	struct hook at[HOOKS_MAX];
	size_t n;
	struct hook_device {
		uint32_t index;
		char name[HOOKS_NAME_MAX];
	} device[HOOKS_DEVICES_MAX]; /* all there are */
	size_t ndevices;
};

/* All of this namespace.  ERR_IO: the kernel could not be asked. */
int hooks_list(int rtnetlink, struct hooks *out); /* of nl_open */

/* "" for a device that is not in the list. */
const char *hooks_device(const struct hooks *h, uint32_t index);
/* The kernel's name of a BPF program, quoted; "" if it is gone. */
void hooks_program_name(uint32_t id, char *out, size_t size);

/* One message of a dump -> the hooks in it.  For tests. */
void hooks_parse_link(const struct nlmsghdr *nlh, struct hooks *out);
void hooks_parse_filter(const struct nlmsghdr *nlh, const char *device,
    struct hooks *out);

#endif
