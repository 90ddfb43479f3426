/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * For threads that do little but must do it at once: a short time slice,
 * for which the kernel runs them sooner when they wake and interrupts them
 * sooner when they do not end (sched_setattr(2), sched_runtime of
 * SCHED_OTHER, since Linux 6.12).  Needs no right and takes no time from
 * others; where the kernel knows nothing of it, nothing changes.
 */
#ifndef CORDON_SENSORS_PROMPT_H
#define CORDON_SENSORS_PROMPT_H

#define PROMPT_SLICE_NS 100000 /* the least that the kernel takes */

/* For the calling thread. */
void prompt_thread(void);

#endif
