/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Walking a map of devices.  Runs in the guard; the map is somebody else's,
 * who may change it at the same time.
 */
#include "agent/guard/maps.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

/* What it leads to: the index comes first, a program may follow. */
static uint32_t
device_of(int map, uint32_t key)
{
	uint32_t value[4] = {0}; /* struct bpf_devmap_val, and room */

	return bpf_map_lookup_elem(map, &key, value) == 0 ? value[0] : 0;
}

void
maps_clear(int map, maps_test_fn *test, void *arg, struct maps_found *out)
{
	struct bpf_map_info info;
	uint32_t len = sizeof(info), key = 0, next, n, index;
	int rc;

	memset(out, 0, sizeof(*out));
	memset(&info, 0, sizeof(info));
	if (bpf_obj_get_info_by_fd(map, &info, &len) != 0 ||
	    info.key_size != sizeof(key) || info.value_size > 16)
		return;
	snprintf(out->name, sizeof(out->name), "%.15s", info.name[0] != '\0' ?
	    info.name : "?");
	rc = bpf_map_get_next_key(map, NULL, &next);
	for (n = 0; rc == 0 && n < MAPS_KEYS_MAX; n++) {
		key = next;
		index = device_of(map, key);
		/* Before it is deleted: behind one that is gone, a hash
		 * begins anew. */
		rc = bpf_map_get_next_key(map, &key, &next);
		if (index == 0 || !test(arg, index))
			continue;
		out->device = index;
		out->stays |= bpf_map_delete_elem(map, &key) != 0 &&
		    errno != ENOENT;
	}
	out->rest = rc == 0;
}

bool
maps_told(struct maps_told *t, uint32_t map)
{
	size_t i;

	for (i = 0; i < t->n; i++)
		if (t->map[i] == map)
			return true;
	t->n %= MAPS_TOLD_MAX;
	t->map[t->n++] = map;
	return false;
}
