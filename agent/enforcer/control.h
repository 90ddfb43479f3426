/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The control socket: root at this host asks what is in force, or hands in
 * an offline order.  Who it is is told by the kernel (SO_PEERCRED), and the
 * order is verified like any other, only without the clock.
 */
#ifndef CORDON_ENFORCER_CONTROL_H
#define CORDON_ENFORCER_CONTROL_H

#include <stddef.h>
#include <stdint.h>

#include "agent/enforcer/isolation.h"

#define CONTROL_LINKS_MAX 8
#define CONTROL_TEXT_MAX 4096

struct event_base;
struct control;

/* Carry out an offline order; TEXT is the answer for a person.  0: done. */
typedef int control_order_fn(void *arg, const uint8_t *order, size_t len,
    char *text, size_t size);

/* Takes FD, a listening SOCK_SEQPACKET socket.  I is lent. */
int control_start(struct event_base *base, int fd, struct isolation *i,
    control_order_fn *order, void *arg, struct control **out,
    struct why *why);
void control_stop(struct control **c);

/* What is in force, in words.  Returns the exit code: 0 as ordered, else 1. */
uint32_t control_status(struct isolation *i, char *text, size_t size);

#endif
