/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Descriptors of XDP programs, of the links that hold them on a device, and
 * of the maps that lead from one device to another, for the guard, which has
 * to take such a program off and put it back later.
 * The kernel gives them by number only to CAP_SYS_ADMIN; the parent has it,
 * the guard must not.
 */
#ifndef CORDON_PARENT_PROGRAM_H
#define CORDON_PARENT_PROGRAM_H

#include <stddef.h>
#include <stdint.h>

#define PROGRAM_KEPT_MAX 64

/* They stay here too, so that a program outlives a guard that dies. */
struct program_list {
	struct {
		uint32_t id;
		int fd;
	} kept[PROGRAM_KEPT_MAX];
	size_t n;
};

/* Lent; -1: there is no XDP program of that number, or no room. */
int program_open(struct program_list *l, uint32_t id);
void program_close_all(struct program_list *l);

/*
 * The first XDP link numbered after *LINK that holds PROGRAM on DEVICE; 0
 * for DEVICE: one that was taken off, and whose holder lives.  A descriptor,
 * the caller's, and its number; -1: there is none.  A device of another
 * namespace may have the same index: the kernel does not tell them apart.
 */
int program_link(uint32_t device, uint32_t program, uint32_t *link);

/*
 * The first map of devices (BPF_MAP_TYPE_DEVMAP and _DEVMAP_HASH) numbered
 * after *MAP: a descriptor, the caller's, and its number; -1: there is none.
 */
int program_map(uint32_t *map);

#endif
