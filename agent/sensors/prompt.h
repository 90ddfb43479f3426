/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * For threads that do little but must do it at once: a short time slice,
 * for which the kernel runs them sooner when they wake and interrupts them
 * sooner when they do not end (sched_setattr(2), sched_runtime of
 * SCHED_OTHER, since Linux 6.12), and a nice value that does not wait
 * behind a program that takes all it can get, as far as RLIMIT_NICE lets it
 * (the unit's LimitNICE).  Where the kernel knows nothing of it, nothing
 * changes.
 */
#ifndef CORDON_SENSORS_PROMPT_H
#define CORDON_SENSORS_PROMPT_H

#define PROMPT_NICE (-10)
/*
 * Shorter than anybody's own, 1.4 ms and more, but long enough to find out
 * who a process is: whoever is interrupted there waits for all of another's
 * slice.  Without the nice value only the least that the kernel takes helps.
 */
#define PROMPT_SLICE_NS 700000
#define PROMPT_SLICE_LEAST_NS 100000

/* For the calling thread. */
void prompt_thread(void);

#endif
