/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Maps of devices (BPF_MAP_TYPE_DEVMAP): an XDP program of whatever
 * namespace sends frames by them to a device of ours, past all hooks where
 * frames leave.  A map remembers devices by index; the namespace of an index
 * is that of whoever wrote it, and is not told.
 */
#ifndef CORDON_GUARD_MAPS_H
#define CORDON_GUARD_MAPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MAPS_KEYS_MAX 65536 /* looked at in one map */
#define MAPS_TOLD_MAX 32
#define MAPS_NAME_MAX 16    /* BPF_OBJ_NAME_LEN */

/* Is the device with that index one that nothing may lead to? */
typedef bool maps_test_fn(void *arg, uint32_t index);

/* Those that could not be cleared, told once each. */
struct maps_told {
	uint32_t map[MAPS_TOLD_MAX];
	size_t n;
};

/* Was it told?  From now on it was; with too many, it is told again. */
bool maps_told(struct maps_told *t, uint32_t map);

struct maps_found {
	uint32_t device;  /* one of those it led to; 0: to none */
	bool stays;       /* it still does: others froze the map */
	bool rest;	  /* it has more than MAPS_KEYS_MAX entries */
	char name[MAPS_NAME_MAX];
};

/* Delete all entries of MAP, lent, that lead to a device of TEST. */
void maps_clear(int map, maps_test_fn *test, void *arg,
    struct maps_found *out);

#endif
