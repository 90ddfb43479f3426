/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Sitting on the queues of a device.  An AF_XDP socket sends past every
 * hook there is, but a queue takes one such socket only: ours never sends,
 * and everybody else gets EBUSY (Documentation/networking/af_xdp.rst).
 */
#ifndef CORDON_GUARD_QUEUE_H
#define CORDON_GUARD_QUEUE_H

#include <stdint.h>

#include "common/base/err.h"

/*
 * 0 and *FD; it is free again when FD is closed.  ERR_NOENT: the device has
 * no such queue; ERR_BADSTATE: another socket sits there; ERR_UNSUPP: this
 * kernel has no AF_XDP, so nobody can use it.
 */
int queue_hold(uint32_t index, uint32_t queue, int *fd);

#endif
