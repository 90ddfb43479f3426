/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What on this host stands in the way of isolating and releasing it, as far
 * as files show: others who manage rules, a root file system on the network,
 * an early unit that is not there, a full disk.  Reads only.
 */
#ifndef CORDON_SENSORS_READY_H
#define CORDON_SENSORS_READY_H

#include <stdbool.h>
#include <stddef.h>

#define READY_ITEMS_MAX 6
#define READY_TEXT_MAX 160

struct ready_item {
	const char *id; /* stable */
	bool ok, blocks;
	char text[READY_TEXT_MAX]; /* what is lost when not ok */
};

/*
 * Look at the tree ROOT ("" for this host) and at the file system of
 * STATE_DIR.  The number of items, always the same.
 */
size_t ready_look(const char *root, const char *state_dir,
    struct ready_item items[READY_ITEMS_MAX]);
/* Who tells of processes: the kernel's CONNECTOR, or only fanotify. */
void ready_processes(bool connector, struct ready_item *item);
/* Are changes of firewall rules told? */
void ready_firewall(bool notices, struct ready_item *item);

#endif
