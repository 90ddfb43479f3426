/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One loop of the listener: a thread with its own event base, listening
 * sockets, sessions and mailbox.  Everything here but loop_post belongs to
 * that thread.  For this room only.
 */
#ifndef CORDON_SERVER_LISTENER_LOOP_H
#define CORDON_SERVER_LISTENER_LOOP_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "common/base/buf.h"
#include "common/net/addr.h"
#include "server/flow/enrol.h"
#include "server/listener/listener.h"
#include "server/listener/rate.h"
#include "server/listener/roster.h"
#include "server/store/store.h"

#define LISTEN_MAX 16
#define MAIL_MAX 65536			 /* frames waiting on a loop */
#define MAIL_BYTES_MAX (64 * 1024 * 1024)

struct event;
struct event_base;
struct session;

/* A frame for a session, from another thread. */
struct mail {
	struct mail *next;
	uint64_t session;
	uint16_t kind; /* 0: end it, the payload is the reason */
	size_t len;
	uint8_t data[];
};

TAILQ_HEAD(session_list, session);

struct loop {
	struct listener *owner;
	pthread_t thread;
	bool started;
	struct event_base *base;
	struct store_loop *store;
	int fd[LISTEN_MAX];
	struct event *listen[LISTEN_MAX];
	size_t nlisten;
	/* mailbox */
	pthread_mutex_t lock;
	struct mail *first, **last;
	size_t mail, mail_bytes;
	bool stop;
	int wake; /* eventfd */
	struct event *wake_event, *give_up;
	/* sessions by number: low half is the slot */
	struct session **slot;
	size_t nslots, sessions;
	uint32_t generation;
	struct session_list stalled; /* jobs that the store did not take */
	struct event *retry;
	struct rate rate;
	uint64_t turned_away; /* since it was logged last */
	int64_t turned_logged;
	bool stopping;
};

struct listener {
	struct store *store;
	struct listener_settings set;
	struct buf ca_der;
	struct flow_issuer issuer;
	struct roster *roster;
	struct loop *loop;
	size_t nloops;
	atomic_uint connections;
};

/* Makes base, sockets, mailbox; no thread yet. */
int loop_open(struct loop *l, struct listener *owner, struct why *why);
int loop_start(struct loop *l, struct why *why);
/* Ask it to end all sessions and stop; then wait for it. */
void loop_stop(struct loop *l);
void loop_join(struct loop *l);
void loop_close(struct loop *l);
/* Any thread.  Past the mailbox's bound the session is ended instead. */
void loop_post(struct loop *l, uint64_t session, uint16_t kind,
    const void *payload, size_t len);

/* Numbers of sessions. */
int loop_add(struct loop *l, struct session *s, uint64_t *id);
struct session *loop_find(struct loop *l, uint64_t id);
void loop_remove(struct loop *l, uint64_t id);
/* Try the stalled sessions again in a moment. */
void loop_retry(struct loop *l);

#endif
