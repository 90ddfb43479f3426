/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Messages between two processes of one program over a SOCK_SEQPACKET
 * socketpair (unix(7)): the kernel keeps the borders of a message, so there
 * is no framing to get wrong.  A message is a kind (u32, host order) and a
 * payload.  Each receiver has one table; whatever is not in it, too short,
 * too long or not allowed now ends the sender.
 */
#ifndef CORDON_PROC_LINK_H
#define CORDON_PROC_LINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"

#define LINK_PAYLOAD_MAX (96 * 1024) /* fits the default socket buffer */
#define LINK_QUEUE_MAX (4 * 1024 * 1024)
#define LINK_PEER_GONE "closed by the other side" /* that reason, exactly */

struct event_base;
struct link;

/*
 * Handles one message; PAYLOAD is lent for the call, FD is -1 or, for a
 * kind that takes one, a descriptor that came with it (the handler owns
 * it).  Anything but 0 ends the link with that reason in WHY.
 */
typedef int link_fn(void *arg, struct link *l, const uint8_t *payload,
    size_t len, int fd, struct why *why);

/* One kind that may be received.  A table ends with name == NULL. */
struct link_kind {
	uint32_t kind;
	const char *name;
	size_t min, max;      /* payload bytes */
	bool (*when)(void *arg); /* NULL: always */
	link_fn *handle;
	bool takes_fd; /* else a descriptor is closed and ends the sender */
};

/* Called once, when the link ends for whatever reason; frees nothing. */
typedef void link_end_fn(void *arg, struct link *l, const char *reason);

/* Two connected ends, O_CLOEXEC and non-blocking. */
int link_pair(int fd[2], struct why *why);

/* Takes FD.  NAME ("enforcer") is lent and used in reasons and logs. */
struct link *link_new(struct event_base *base, int fd, const char *name,
    const struct link_kind *table, void *arg, link_end_fn *on_end);
/* Closes the descriptor; queued messages are dropped.  Sets NULL. */
void link_free(struct link **l);

/*
 * Send now or queue (bounded by LINK_QUEUE_MAX).  ERR_LIMIT: queue full,
 * nothing queued; ERR_CLOSED: the link has ended; ERR_RANGE: too long.
 * FD, if not -1, is duplicated into the message (SCM_RIGHTS).
 */
int link_send(struct link *l, uint32_t kind, const void *payload, size_t len,
    int fd);
/*
 * Stop or go on receiving (backpressure): what the other side sends waits in
 * its own queue.  While paused, its end is not noticed either.
 */
void link_pause(struct link *l, bool pause);
/*
 * Wait at most MS for one message and give it to its handler now, for the
 * rare answer without which there is no going on.  0, ERR_TIMEOUT,
 * ERR_CLOSED.  L may be freed when it returns, by its own end function.
 */
int link_wait(struct link *l, int ms);
/* Bytes queued and not yet taken by the kernel. */
size_t link_queued(const struct link *l);
const char *link_name(const struct link *l);

/*
 * The rule a receiver applies before it calls a handler; also used by the
 * fuzzer.  NULL if allowed (*ROW set), else the reason.
 */
const char *link_check(const struct link_kind *table, void *arg,
    uint32_t kind, size_t len, const struct link_kind **row);

#endif
