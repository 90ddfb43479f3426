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
#include "agent/links/untaken.h"
#include "agent/sensors/unsent.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/proc/link.h"

#define SLOW_US 10000

struct message {
	struct message *next;
	uint32_t kind;
	uint64_t run, serial; /* of a signal */
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
	struct message *unsent; /* the first of the signals that is */
	struct unsent *disk; /* NULL: in memory alone, as fold */
	struct fold *fold;
	uint64_t run, next; /* while there is no disk */
	uint32_t generation;
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
	o->run = o->next = 1;
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
	unsent_free(&o->disk);
	fold_free(&o->fold);
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

/* -- signals in ---------------------------- */

static bool
signals_full(const struct outbox *o, size_t len, bool severe)
{
	size_t n = OUTBOX_SIGNALS_MAX, bytes = OUTBOX_SIGNAL_BYTES_MAX;

	if (!severe) {
		n -= n / OUTBOX_SEVERE_PART;
		bytes -= bytes / OUTBOX_SEVERE_PART;
	}
	return o->signals.n >= n || o->signals.bytes + len > bytes;
}

static void
add_signal(struct outbox *o, struct message *m)
{
	queue_add(&o->signals, m);
	if (o->unsent == NULL)
		o->unsent = m;
}

/* A signal of a process before us: its run and serial are in its bytes. */
static int
load_signal(void *arg, uint64_t serial, const void *data, size_t len)
{
	struct outbox *o = arg;
	struct message *m = message_new(IPC_SIGNAL, data, len);
	const uint8_t *p = data;
	int i;

	if (m == NULL)
		return ERR_NOMEM;
	m->serial = serial;
	/* In front, behind one byte (untaken_stamp). */
	for (i = 8; len > 9 && i > 0; i--)
		m->run = m->run << 8 | p[i];
	add_signal(o, m);
	return 0;
}

int
outbox_keep(struct outbox *o, const char *dir, uint32_t fold_after,
    struct why *why)
{
	int r = unsent_open(dir, load_signal, o, &o->disk, why);

	if (r == 0)
		r = fold_open(dir, fold_after, unsent_next(o->disk), &o->fold,
		    why);
	if (r == 0 && o->signals.n > 0)
		log_info("%zu signals wait from before", o->signals.n);
	return r;
}

/* With the lock held and room: number it, keep it, queue it. */
static int
put_signal(struct outbox *o, const void *data, size_t len)
{
	uint8_t head[UNTAKEN_STAMP_MAX];
	uint64_t run = o->disk != NULL ? unsent_run(o->disk) : o->run;
	uint64_t serial = o->disk != NULL ? unsent_next(o->disk) : o->next;
	size_t n = untaken_stamp(head, run, serial);
	struct message *m = malloc(sizeof(*m) + n + len);

	if (m == NULL)
		return ERR_NOMEM;
	m->kind = IPC_SIGNAL;
	m->run = run;
	m->serial = serial;
	m->len = n + len;
	memcpy(m->data, head, n);
	memcpy(m->data + n, data, len);
	if (o->disk != NULL)
		(void)unsent_add(o->disk, m->data, m->len);
	else
		o->next++;
	add_signal(o, m);
	return 0;
}

int
outbox_signal(struct outbox *o, const void *data, size_t len, bool severe)
{
	struct timespec until;
	bool slow;
	int r;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += OUTBOX_WAIT_MS / 1000;
	pthread_mutex_lock(&o->lock);
	while (signals_full(o, len, severe) && !o->closed &&
	    pthread_cond_timedwait(&o->room, &o->lock, &until) == 0)
		;
	r = signals_full(o, len, severe) ? ERR_LIMIT :
	    put_signal(o, data, len);
	slow = clock_boot_ms() < o->slow_until;
	pthread_mutex_unlock(&o->lock);
	wake(o);
	if (slow)
		usleep(SLOW_US);
	return r;
}

bool
outbox_fold(struct outbox *o, const struct fold_ask *a)
{
	bool folded;

	if (o->fold == NULL)
		return false;
	pthread_mutex_lock(&o->lock);
	folded = fold_add(o->fold, a);
	pthread_mutex_unlock(&o->lock);
	return folded;
}

void
outbox_lose(struct outbox *o, const struct fold_ask *a)
{
	pthread_mutex_lock(&o->lock);
	if (o->fold != NULL)
		fold_lose(o->fold, a);
	else
		log_warn("signal %s is lost: no room", a->kind);
	pthread_mutex_unlock(&o->lock);
}

/* With the lock held: one signal that tells C; its counts end with it. */
static int
tell_one(struct outbox *o, outbox_pack_fn *pack, const struct fold_count *c)
{
	int64_t now = clock_boot_ms();
	struct buf b;
	int r;

	fold_telling(o->fold, c, unsent_next(o->disk));
	buf_init(&b, LINK_PAYLOAD_MAX);
	r = pack(c, &b);
	if (r == 0 && signals_full(o, b.len, true))
		r = ERR_LIMIT;
	if (r == 0)
		r = put_signal(o, b.data, b.len);
	fold_told(o->fold, c, r == 0, now);
	buf_done(&b);
	return r;
}

void
outbox_tell(struct outbox *o, outbox_pack_fn *pack, bool all)
{
	const struct fold_count *c;
	bool told = false;

	if (o->fold == NULL)
		return;
	pthread_mutex_lock(&o->lock);
	while ((c = fold_due(o->fold, clock_boot_ms(), all)) != NULL &&
	    tell_one(o, pack, c) == 0)
		told = true;
	pthread_mutex_unlock(&o->lock);
	if (told)
		wake(o);
}

void
outbox_taken(struct outbox *o, uint64_t run, uint64_t serial)
{
	struct message *m;

	pthread_mutex_lock(&o->lock);
	for (m = o->signals.first; m != o->unsent; m = m->next)
		if (m->run == run && m->serial == serial)
			break;
	/* Of a process before the one that we sent it to: it comes again. */
	if (m != o->unsent) {
		while (o->signals.first != m)
			queue_drop(&o->signals);
		queue_drop(&o->signals);
		if (o->disk != NULL)
			unsent_taken(o->disk, serial);
		pthread_cond_broadcast(&o->room);
	}
	pthread_mutex_unlock(&o->lock);
}

/* -- bulk ---------------------------- */

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
	o->unsent = o->signals.first;
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

/* -- out ---------------------------- */

/* The oldest message of the bulk taken out; NULL: none. */
static struct message *
take_bulk(struct outbox *o)
{
	struct queue *q = &o->bulk;
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
put_back(struct outbox *o, struct message *m, uint32_t generation)
{
	struct queue *q = &o->bulk;

	pthread_mutex_lock(&o->lock);
	if (generation != o->generation) {
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
flush_bulk(struct outbox *o, outbox_send_fn *send, void *arg)
{
	uint32_t generation = outbox_generation(o);
	struct message *m;

	while ((m = take_bulk(o)) != NULL) {
		if (send(arg, m->kind, m->data, m->len) != 0) {
			put_back(o, m, generation);
			return false;
		}
		free(m);
	}
	return true;
}

/* Only this thread takes signals off, so that one stays while it is sent. */
static bool
flush_signals(struct outbox *o, outbox_send_fn *send, void *arg)
{
	uint32_t generation = outbox_generation(o);
	struct message *m;

	for (;;) {
		pthread_mutex_lock(&o->lock);
		m = o->unsent;
		pthread_mutex_unlock(&o->lock);
		if (m == NULL)
			return true;
		if (send(arg, m->kind, m->data, m->len) != 0)
			return false;
		pthread_mutex_lock(&o->lock);
		/* Else the link went while it was sent: all come again. */
		if (generation == o->generation)
			o->unsent = m->next;
		pthread_mutex_unlock(&o->lock);
	}
}

bool
outbox_flush(struct outbox *o, outbox_send_fn *send, void *arg)
{
	bool empty;

	empty = flush_signals(o, send, arg) && flush_bulk(o, send, arg);
	pthread_mutex_lock(&o->lock);
	pthread_cond_broadcast(&o->room);
	pthread_mutex_unlock(&o->lock);
	return !empty;
}
