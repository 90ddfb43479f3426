/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The queues between the threads of the sensors process and its link.
 */
#include "agent/sensors/outbox.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "agent/links/ipc.h"
#include "common/base/clock.h"

#define SLOW_US 10000

struct message {
	struct message *next;
	uint32_t kind;
	size_t len;
	uint8_t data[];
};

struct queue {
	struct message *first, **last;
	size_t n, bytes;
};

struct outbox {
	pthread_mutex_t lock;
	pthread_cond_t room;
	int wake_fd;
	struct queue signals, bulk;
	uint32_t generation;
	uint64_t lost;
	int64_t slow_until;
	bool closed;
};

static void
queue_init(struct queue *q)
{
	q->first = NULL;
	q->last = &q->first;
	q->n = q->bytes = 0;
}

static void
queue_add(struct queue *q, struct message *m)
{
	m->next = NULL;
	*q->last = m;
	q->last = &m->next;
	q->n++;
	q->bytes += m->len;
}

static void
queue_drop(struct queue *q)
{
	struct message *m = q->first;

	q->first = m->next;
	if (q->first == NULL)
		q->last = &q->first;
	q->n--;
	q->bytes -= m->len;
	free(m);
}

static struct message *
message_new(uint32_t kind, const void *data, size_t len)
{
	struct message *m = malloc(sizeof(*m) + len);

	if (m == NULL)
		return NULL;
	m->kind = kind;
	m->len = len;
	memcpy(m->data, data, len);
	return m;
}

struct outbox *
outbox_new(int wake_fd)
{
	struct outbox *o = calloc(1, sizeof(*o));
	pthread_condattr_t attr;

	if (o == NULL)
		return NULL;
	pthread_mutex_init(&o->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&o->room, &attr);
	pthread_condattr_destroy(&attr);
	queue_init(&o->signals);
	queue_init(&o->bulk);
	o->wake_fd = wake_fd;
	return o;
}

void
outbox_free(struct outbox **op)
{
	struct outbox *o = *op;

	if (o == NULL)
		return;
	while (o->signals.first != NULL)
		queue_drop(&o->signals);
	while (o->bulk.first != NULL)
		queue_drop(&o->bulk);
	pthread_cond_destroy(&o->room);
	pthread_mutex_destroy(&o->lock);
	free(o);
	*op = NULL;
}

static void
wake(const struct outbox *o)
{
	const uint64_t one = 1;

	/* Full counter: the main thread is awake already. */
	if (write(o->wake_fd, &one, sizeof(one)) < 0)
		return;
}

static bool
signals_full(const struct outbox *o, size_t len)
{
	return o->signals.n >= OUTBOX_SIGNALS_MAX ||
	    o->signals.bytes + len > OUTBOX_SIGNAL_BYTES_MAX;
}

int
outbox_signal(struct outbox *o, const void *data, size_t len)
{
	struct message *m = message_new(IPC_SIGNAL, data, len);
	struct timespec until;
	bool slow;
	int r = 0;

	if (m == NULL)
		return ERR_NOMEM;
	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += OUTBOX_WAIT_MS / 1000;
	pthread_mutex_lock(&o->lock);
	while (signals_full(o, len) && !o->closed &&
	    pthread_cond_timedwait(&o->room, &o->lock, &until) == 0)
		;
	if (signals_full(o, len)) {
		o->lost++;
		free(m);
		r = ERR_LIMIT;
	} else {
		queue_add(&o->signals, m);
	}
	slow = clock_boot_ms() < o->slow_until;
	pthread_mutex_unlock(&o->lock);
	wake(o);
	if (slow)
		usleep(SLOW_US);
	return r;
}

int
outbox_bulk(struct outbox *o, uint32_t generation, uint32_t kind,
    const void *data, size_t len)
{
	struct message *m = message_new(kind, data, len);
	int r = ERR_CLOSED;

	if (m == NULL)
		return ERR_NOMEM;
	pthread_mutex_lock(&o->lock);
	while (o->bulk.n > 0 && o->bulk.bytes + len > OUTBOX_BULK_BYTES_MAX &&
	    o->generation == generation && !o->closed)
		pthread_cond_wait(&o->room, &o->lock);
	if (o->generation == generation && !o->closed) {
		queue_add(&o->bulk, m);
		m = NULL;
		r = 0;
	}
	pthread_mutex_unlock(&o->lock);
	free(m);
	wake(o);
	return r;
}

uint32_t
outbox_generation(struct outbox *o)
{
	uint32_t g;

	pthread_mutex_lock(&o->lock);
	g = o->generation;
	pthread_mutex_unlock(&o->lock);
	return g;
}

void
outbox_new_link(struct outbox *o)
{
	pthread_mutex_lock(&o->lock);
	o->generation++;
	while (o->bulk.first != NULL)
		queue_drop(&o->bulk);
	pthread_cond_broadcast(&o->room);
	pthread_mutex_unlock(&o->lock);
}

void
outbox_close(struct outbox *o)
{
	pthread_mutex_lock(&o->lock);
	o->closed = true;
	pthread_cond_broadcast(&o->room);
	pthread_mutex_unlock(&o->lock);
}

uint64_t
outbox_lost(struct outbox *o)
{
	uint64_t n;

	pthread_mutex_lock(&o->lock);
	n = o->lost;
	o->lost = 0;
	pthread_mutex_unlock(&o->lock);
	return n;
}

void
outbox_slow(struct outbox *o, int64_t until_ms)
{
	pthread_mutex_lock(&o->lock);
	o->slow_until = until_ms;
	pthread_mutex_unlock(&o->lock);
}

size_t
outbox_signals(struct outbox *o)
{
	size_t n;

	pthread_mutex_lock(&o->lock);
	n = o->signals.n;
	pthread_mutex_unlock(&o->lock);
	return n;
}

/* The oldest message taken out; NULL: none. */
static struct message *
take(struct outbox *o, struct queue *q)
{
	struct message *m;

	pthread_mutex_lock(&o->lock);
	m = q->first;
	if (m != NULL) {
		q->first = m->next;
		if (q->first == NULL)
			q->last = &q->first;
		q->n--;
		q->bytes -= m->len;
	}
	pthread_mutex_unlock(&o->lock);
	return m;
}

static void
put_back(struct outbox *o, struct queue *q, struct message *m,
    uint32_t generation)
{
	pthread_mutex_lock(&o->lock);
	if (q == &o->bulk && generation != o->generation) {
		free(m); /* the asker went away meanwhile */
	} else {
		m->next = q->first;
		if (q->first == NULL)
			q->last = &m->next;
		q->first = m;
		q->n++;
		q->bytes += m->len;
	}
	pthread_mutex_unlock(&o->lock);
}

/* The lock is not held while SEND runs: it may end the link. */
static bool
flush_queue(struct outbox *o, struct queue *q, outbox_send_fn *send,
    void *arg)
{
	uint32_t generation = outbox_generation(o);
	struct message *m;

	while ((m = take(o, q)) != NULL) {
		if (send(arg, m->kind, m->data, m->len) != 0) {
			put_back(o, q, m, generation);
			return false;
		}
		free(m);
	}
	return true;
}

bool
outbox_flush(struct outbox *o, outbox_send_fn *send, void *arg)
{
	bool empty;

	empty = flush_queue(o, &o->signals, send, arg) &&
	    flush_queue(o, &o->bulk, send, arg);
	pthread_mutex_lock(&o->lock);
	pthread_cond_broadcast(&o->room);
	pthread_mutex_unlock(&o->lock);
	return !empty;
}
