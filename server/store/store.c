/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The store's threads: one that writes and commits in groups, a few that
 * read, one that keeps the log of the database short; and the queues to and
 * from the loops.  Runs in the collector; jobs are our own code.
 */
#include "server/store/store.h"

#include <errno.h>
#include <event2/event.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "server/store/migrate.h"
#include "server/store/session.h"

#define READERS_MAX 16

struct job {
	struct job *next;
	struct store_loop *loop; /* NULL: store_now */
	store_job_fn *fn;
	store_done_fn *done;
	void *arg;
	int result;
};

struct queue {
	struct job *first, **last;
	size_t n;
	pthread_mutex_t lock;
	pthread_cond_t more;
	bool closing; /* the threads end when it is empty */
};

struct store_loop {
	struct store *store;
	struct event *event;
	int fd; /* eventfd */
	pthread_mutex_t lock;
	pthread_cond_t idle;
	struct job *first, **last; /* done, to be delivered */
	size_t under_way;	   /* submitted, not yet in that list */
	bool closing;
};

struct reader {
	struct store *store;
	struct db db;
	pthread_t thread;
};

struct store {
	char *url;
	int nreaders;
	store_sink_fn *sink;
	void *sink_arg;
	store_closing_fn *closing;
	void *closing_arg;
	struct queue writes, reads;
	atomic_size_t depth;
	pthread_mutex_t writer_lock; /* who runs a group on writer */
	struct db writer;
	pthread_t writer_thread;
	struct reader reader[READERS_MAX];
	int readers_started;
	struct db tidier;
	pthread_t tidy_thread;
	pthread_mutex_t tidy_lock;
	pthread_cond_t tidy_more;
	bool tidy_due, tidy_closing;
};

/* -- queues --------------------------------------------------------------- */

static void
queue_init(struct queue *q)
{
	q->last = &q->first;
	pthread_mutex_init(&q->lock, NULL);
	pthread_cond_init(&q->more, NULL);
}

static void
queue_done(struct queue *q)
{
	pthread_mutex_destroy(&q->lock);
	pthread_cond_destroy(&q->more);
}

static void
queue_close(struct queue *q)
{
	pthread_mutex_lock(&q->lock);
	q->closing = true;
	pthread_cond_broadcast(&q->more);
	pthread_mutex_unlock(&q->lock);
}

static int
queue_put(struct queue *q, struct job *j)
{
	int rc = 0;

	pthread_mutex_lock(&q->lock);
	if (q->closing) {
		rc = ERR_CLOSED;
	} else if (q->n >= STORE_QUEUE_MAX) {
		rc = ERR_AGAIN;
	} else {
		*q->last = j;
		q->last = &j->next;
		q->n++;
		pthread_cond_signal(&q->more);
	}
	pthread_mutex_unlock(&q->lock);
	return rc;
}

/* Up to MAX jobs; waits for the first if WAIT.  NULL: none (closing). */
static struct job *
queue_take(struct queue *q, size_t max, bool wait)
{
	struct job *list, **at;
	size_t n;

	pthread_mutex_lock(&q->lock);
	while (wait && q->first == NULL && !q->closing)
		pthread_cond_wait(&q->more, &q->lock);
	list = q->first;
	for (at = &q->first, n = 0; *at != NULL && n < max; n++)
		at = &(*at)->next;
	if (n > 0) {
		q->first = *at;
		if (q->first == NULL)
			q->last = &q->first;
		*at = NULL;
		q->n -= n;
	} else {
		list = NULL;
	}
	pthread_mutex_unlock(&q->lock);
	return list;
}

/* -- results back to the loops -------------------------------------------- */

static void
wake(const struct store_loop *l)
{
	uint64_t one = 1;
	ssize_t n;

	/* EAGAIN: the counter is full, so the loop is awake anyway. */
	do
		n = write(l->fd, &one, sizeof(one));
	while (n < 0 && errno == EINTR);
}

static void
post(struct job *j)
{
	struct store_loop *l = j->loop;
	bool was_empty;

	j->next = NULL;
	pthread_mutex_lock(&l->lock);
	was_empty = l->first == NULL;
	*l->last = j;
	l->last = &j->next;
	l->under_way--;
	/* Still under the lock: the loop may be freed right after it. */
	if (was_empty)
		wake(l);
	if (l->under_way == 0)
		pthread_cond_signal(&l->idle);
	pthread_mutex_unlock(&l->lock);
}

static void
post_all(struct job *list)
{
	struct job *j;

	while ((j = list) != NULL) {
		list = j->next;
		post(j);
	}
}

static void
deliver(struct store_loop *l)
{
	struct job *list, *j;

	pthread_mutex_lock(&l->lock);
	list = l->first;
	l->first = NULL;
	l->last = &l->first;
	pthread_mutex_unlock(&l->lock);
	while ((j = list) != NULL) {
		list = j->next;
		if (j->done != NULL)
			j->done(j->arg, j->result);
		free(j);
	}
}

static void
loop_readable(evutil_socket_t fd, short what, void *arg)
{
	uint64_t n;

	(void)what;
	if (read(fd, &n, sizeof(n)) < 0 && errno != EAGAIN && errno != EINTR)
		log_error("store: eventfd: %s", strerror(errno));
	deliver(arg);
}

struct store_loop *
store_loop_new(struct store *s, struct event_base *base)
{
	struct store_loop *l = calloc(1, sizeof(*l));

	if (l == NULL)
		return NULL;
	l->store = s;
	l->last = &l->first;
	pthread_mutex_init(&l->lock, NULL);
	pthread_cond_init(&l->idle, NULL);
	l->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (l->fd >= 0)
		l->event = event_new(base, l->fd, EV_READ | EV_PERSIST,
		    loop_readable, l);
	if (l->event == NULL || event_add(l->event, NULL) != 0)
		store_loop_free(&l);
	return l;
}

void
store_loop_free(struct store_loop **lp)
{
	struct store_loop *l = *lp;

	if (l == NULL)
		return;
	pthread_mutex_lock(&l->lock);
	l->closing = true;
	while (l->under_way > 0)
		pthread_cond_wait(&l->idle, &l->lock);
	pthread_mutex_unlock(&l->lock);
	deliver(l);
	if (l->event != NULL)
		event_free(l->event);
	if (l->fd >= 0)
		close(l->fd);
	pthread_mutex_destroy(&l->lock);
	pthread_cond_destroy(&l->idle);
	free(l);
	*lp = NULL;
}

static int
submit(struct store_loop *l, struct queue *q, store_job_fn *fn, void *arg,
    store_done_fn *done)
{
	struct job *j;
	int rc;

	if (l->closing)
		return ERR_CLOSED;
	j = calloc(1, sizeof(*j));
	if (j == NULL)
		return ERR_NOMEM;
	j->loop = l;
	j->fn = fn;
	j->arg = arg;
	j->done = done;
	pthread_mutex_lock(&l->lock);
	l->under_way++;
	pthread_mutex_unlock(&l->lock);
	rc = queue_put(q, j);
	if (rc != 0) {
		pthread_mutex_lock(&l->lock);
		l->under_way--;
		pthread_mutex_unlock(&l->lock);
		free(j);
	}
	return rc;
}

int
store_write(struct store_loop *l, store_job_fn *fn, void *arg,
    store_done_fn *done)
{
	struct store *s = l->store;
	int rc;

	/* Counted first: the writer may be done before submit returns. */
	atomic_fetch_add(&s->depth, 1);
	rc = submit(l, &s->writes, fn, arg, done);
	if (rc != 0)
		atomic_fetch_sub(&s->depth, 1);
	return rc;
}

int
store_read(struct store_loop *l, store_job_fn *fn, void *arg,
    store_done_fn *done)
{
	return submit(l, &l->store->reads, fn, arg, done);
}

size_t
store_depth(const struct store *s)
{
	return atomic_load(&s->depth);
}

/* -- the writer ----------------------------------------------------------- */

static size_t
run_jobs(struct store *s, struct job *list)
{
	size_t n = 0;

	for (; list != NULL; list = list->next, n++)
		list->result = session_job(&s->writer, list->fn, list->arg);
	return n;
}

/* The last word inside the transaction; if it fails it fails alone. */
static void
close_transaction(struct store *s, int64_t written_before)
{
	struct db *db = &s->writer;
	int rc;

	if (s->closing == NULL || db->drv->written(db->conn) ==
	    written_before)
		return;
	rc = session_job(db, s->closing, s->closing_arg);
	if (rc != 0)
		log_error("store: closing a transaction: %s", err_str(rc));
}

static void
ask_tidy(struct store *s)
{
	if (!s->writer.drv->tidy_due(s->writer.conn))
		return;
	pthread_mutex_lock(&s->tidy_lock);
	s->tidy_due = true;
	pthread_cond_signal(&s->tidy_more);
	pthread_mutex_unlock(&s->tidy_lock);
}

/*
 * Run LIST and what comes in meanwhile from MORE (may be NULL) in one
 * transaction.  Nothing waits for jobs that may come: when the queue is
 * empty the group is committed.  Returns all jobs with their results.
 */
static struct job *
run_group(struct store *s, struct job *list, struct queue *more)
{
	struct db *db = &s->writer;
	int64_t began = clock_boot_ms(), before;
	struct job *batch = list, **end, *j;
	size_t n = 0;
	int rc;

	pthread_mutex_lock(&s->writer_lock);
	before = db->drv->written(db->conn);
	rc = session_begin(db);
	while (batch != NULL) {
		n += run_jobs(s, batch);
		for (end = &batch; *end != NULL; end = &(*end)->next)
			;
		batch = NULL;
		if (rc == 0 && more != NULL && n < STORE_GROUP_MAX &&
		    clock_boot_ms() - began < STORE_GROUP_MS)
			batch = queue_take(more, STORE_GROUP_MAX - n, false);
		*end = batch;
	}
	if (rc == 0) {
		close_transaction(s, before);
		rc = session_commit(db);
	}
	if (rc != 0)
		for (j = list; j != NULL; j = j->next)
			j->result = ERR_IO;
	else
		session_deliver(db, s->sink, s->sink_arg);
	pthread_mutex_unlock(&s->writer_lock);
	return list;
}

static void *
writer_main(void *arg)
{
	struct store *s = arg;
	struct job *list, *j;
	size_t n;

	while ((list = queue_take(&s->writes, STORE_GROUP_MAX, true)) !=
	    NULL) {
		list = run_group(s, list, &s->writes);
		for (n = 0, j = list; j != NULL; j = j->next)
			n++;
		atomic_fetch_sub(&s->depth, n);
		post_all(list);
		ask_tidy(s);
	}
	return NULL;
}

int
store_now(struct store *s, store_job_fn *fn, void *arg)
{
	struct job j = { .fn = fn, .arg = arg };

	run_group(s, &j, NULL);
	return j.result;
}

/* -- readers, checkpoints ------------------------------------------------- */

static void *
reader_main(void *arg)
{
	struct reader *r = arg;
	struct job *j;

	while ((j = queue_take(&r->store->reads, 1, true)) != NULL) {
		j->result = session_read(&r->db, j->fn, j->arg);
		post(j);
	}
	return NULL;
}

static void *
tidy_main(void *arg)
{
	struct store *s = arg;
	bool closing = false;

	while (!closing) {
		pthread_mutex_lock(&s->tidy_lock);
		while (!s->tidy_due && !s->tidy_closing)
			pthread_cond_wait(&s->tidy_more, &s->tidy_lock);
		s->tidy_due = false;
		closing = s->tidy_closing;
		pthread_mutex_unlock(&s->tidy_lock);
		s->tidier.drv->tidy(s->tidier.conn);
	}
	return NULL;
}

/* -- life ----------------------------------------------------------------- */

int
store_open(const struct store_options *o, struct store **out,
    struct why *why)
{
	const char *const *list;
	struct store *s;
	size_t n;
	int rc;

	if (o->readers < 1 || o->readers > READERS_MAX)
		return why_set(why, ERR_RANGE, "readers: 1 to %d",
		    READERS_MAX);
	s = calloc(1, sizeof(*s));
	if (s == NULL || (s->url = strdup(o->url)) == NULL) {
		free(s);
		return why_set(why, ERR_NOMEM, "out of memory");
	}
	s->nreaders = o->readers;
	queue_init(&s->writes);
	queue_init(&s->reads);
	pthread_mutex_init(&s->writer_lock, NULL);
	pthread_mutex_init(&s->tidy_lock, NULL);
	pthread_cond_init(&s->tidy_more, NULL);
	rc = session_open(&s->writer, s->url, DRIVER_WRITER, why);
	if (rc == 0) {
		list = migrate_list(&n);
		rc = migrate_run(&s->writer, list, n, why);
	}
	if (rc != 0) {
		store_close(&s);
		return rc;
	}
	*out = s;
	return 0;
}

void
store_set_sink(struct store *s, store_sink_fn *fn, void *arg)
{
	s->sink = fn;
	s->sink_arg = arg;
}

void
store_set_closing(struct store *s, store_closing_fn *fn, void *arg)
{
	s->closing = fn;
	s->closing_arg = arg;
}

static int
start_threads(struct store *s, struct why *why)
{
	int rc;

	rc = session_open(&s->tidier, s->url, DRIVER_TIDY, why);
	if (rc != 0)
		return rc;
	if (pthread_create(&s->tidy_thread, NULL, tidy_main, s) != 0)
		return why_set(why, ERR_NOMEM, "cannot start a thread");
	if (pthread_create(&s->writer_thread, NULL, writer_main, s) != 0)
		return why_set(why, ERR_NOMEM, "cannot start a thread");
	for (; s->readers_started < s->nreaders; s->readers_started++) {
		struct reader *r = &s->reader[s->readers_started];

		r->store = s;
		rc = session_open(&r->db, s->url, DRIVER_READER, why);
		if (rc != 0)
			return rc;
		if (pthread_create(&r->thread, NULL, reader_main, r) != 0)
			return why_set(why, ERR_NOMEM,
			    "cannot start a thread");
	}
	return 0;
}

int
store_start(struct store *s, struct why *why)
{
	sigset_t all, old;
	int rc;

	/* Signals are for the main thread. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	rc = start_threads(s, why);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return rc;
}

/* What nobody ran, because the threads never started. */
static void
refuse_rest(struct queue *q)
{
	struct job *list, *j;

	list = queue_take(q, STORE_QUEUE_MAX, false);
	for (j = list; j != NULL; j = j->next)
		j->result = ERR_CLOSED;
	post_all(list);
}

static void
stop_threads(struct store *s)
{
	int i;

	queue_close(&s->reads);
	queue_close(&s->writes);
	if (s->writer_thread != 0)
		pthread_join(s->writer_thread, NULL);
	for (i = 0; i < READERS_MAX; i++) {
		if (s->reader[i].thread != 0)
			pthread_join(s->reader[i].thread, NULL);
		session_close(&s->reader[i].db);
	}
	pthread_mutex_lock(&s->tidy_lock);
	s->tidy_closing = true;
	pthread_cond_signal(&s->tidy_more);
	pthread_mutex_unlock(&s->tidy_lock);
	if (s->tidy_thread != 0)
		pthread_join(s->tidy_thread, NULL);
	session_close(&s->tidier);
}

void
store_close(struct store **sp)
{
	struct store *s = *sp;

	if (s == NULL)
		return;
	stop_threads(s);
	refuse_rest(&s->writes);
	refuse_rest(&s->reads);
	session_close(&s->writer);
	queue_done(&s->writes);
	queue_done(&s->reads);
	pthread_mutex_destroy(&s->writer_lock);
	pthread_mutex_destroy(&s->tidy_lock);
	pthread_cond_destroy(&s->tidy_more);
	free(s->url);
	free(s);
	*sp = NULL;
}
