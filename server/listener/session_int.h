/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The inside of a session, shared by session.c (the connection and its
 * frames) and job.c (what it asks of the store).  For these two only.
 */
#ifndef CORDON_SERVER_LISTENER_SESSION_INT_H
#define CORDON_SERVER_LISTENER_SESSION_INT_H

#include <stdbool.h>
#include <sys/queue.h>

#include "common/base/id.h"
#include "common/net/conn.h"
#include "common/wire/agent.pb-c.h"
#include "server/listener/loop.h"
#include "server/listener/session.h"

#define JOBS_MAX 8 /* under way at the store */
#define JOBS_BYTES_MAX (2 * 1024 * 1024) /* payloads */
#define JOBS_WAITING_MAX 64 /* frames may still come after a pause */

struct job;
TAILQ_HEAD(job_list, job);

struct session {
	TAILQ_ENTRY(session) stalled_link;
	struct loop *loop;
	uint64_t id;
	struct conn *conn; /* NULL: ended */
	enum session_state state;
	struct addr from;
	char host_id[ID_MAX]; /* from the certificate; "" a stranger */
	bool stale; /* the certificate is out of its dates... */
	struct flow_stale cert; /* ...and which one it is, stale or not */
	bool admitted;	      /* the store knows that it is here */
	bool paused, stalled;
	struct job_list waiting;
	size_t nwaiting, under_way, bytes;
};

/* What to do with a frame that came in; not 0: refuse the session. */
int session_frame(struct session *s, const struct frame *f,
    struct why *why);
/* The one function that changes the state; refuses a step back. */
void session_set(struct session *s, enum session_state to);
/* Say why, then close. */
void session_refuse(struct session *s, const char *code, const char *why);
/* Frees it if the connection has ended and no job is left. */
void session_settle(struct session *s);

/* -- job.c: each takes a frame of that kind; not 0: out of memory */
int job_enrol(struct session *s, Cordon__Enrol *ask_take);
int job_hello(struct session *s, Cordon__Hello *hello_take);
int job_frame(struct session *s, uint16_t kind, const uint8_t *payload,
    size_t len);
/* The connection has ended after it was admitted. */
void job_gone(struct session *s, const char *reason);
/* Give the store what waits, as far as it takes it. */
void job_pump(struct session *s);
void job_drop_waiting(struct session *s);

#endif
