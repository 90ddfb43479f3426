/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The store: groups, rollback of one job alone, effects, the bound of the
 * queue, readers, and that what was acknowledged survives a kill.
 */
#include <errno.h>
#include <event2/event.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/base/clock.h"
#include "server/store/hosts.h"
#include "server/store/store.h"

static char dir[64], url[128];

struct world {
	struct event_base *base;
	struct store *store;
	struct store_loop *loop;
	int sent;	 /* effects seen by the sink */
	char last[64];	 /* payload of the last */
	int closings;
	int closing_rc;
};

static void
sink(void *arg, const char *host_id, uint16_t kind, const void *payload,
    size_t len)
{
	struct world *w = arg;

	assert_string_equal(host_id, "H-1");
	assert_int_equal(kind, 7);
	assert_true(len < sizeof(w->last));
	memcpy(w->last, payload, len);
	w->last[len] = '\0';
	w->sent++;
}

static int
closing(struct db *db, void *arg)
{
	struct world *w = arg;

	w->closings++;
	/* It can write in the transaction, and undo only itself. */
	if (db_run(db, NULL, "INSERT INTO meta (key, value) VALUES "
	    "('closing', '1') ON CONFLICT (key) DO UPDATE SET "
	    "value = CAST(CAST(meta.value AS INTEGER) + 1 AS TEXT)", "") != 0)
		return ERR_IO;
	return w->closing_rc;
}

static void
fresh_url(void)
{
	strcpy(dir, "/tmp/test-store.XXXXXX");
	assert_non_null(mkdtemp(dir));
	snprintf(url, sizeof(url), "sqlite:%s/c.db", dir);
}

static void
clean(void)
{
	char cmd[128];

	snprintf(cmd, sizeof(cmd), "rm -rf %s", dir);
	assert_int_equal(system(cmd), 0);
}

static int
open_world(void **state)
{
	struct store_options o = { .url = url, .readers = 2 };
	struct world *w = calloc(1, sizeof(*w));
	struct why why;

	fresh_url();
	if (store_open(&o, &w->store, &why) != 0)
		fail_msg("%s", why.text);
	store_set_sink(w->store, sink, w);
	w->base = event_base_new();
	w->loop = store_loop_new(w->store, w->base);
	*state = w;
	return 0;
}

static int
start_world(void **state)
{
	struct why why;

	open_world(state);
	assert_int_equal(store_start(((struct world *)*state)->store, &why),
	    0);
	return 0;
}

static int
close_world(void **state)
{
	struct world *w = *state;

	store_close(&w->store);
	store_loop_free(&w->loop);
	event_base_free(w->base);
	free(w);
	clean();
	return 0;
}

/* -- jobs ----------------------------------------------------------------- */

struct put {
	struct world *w;
	const char *key;
	const char *value;
	int fail;	/* returned after the work was done */
	int result;	/* of DONE */
	int order;	/* when DONE came */
	bool done;
};
static int done_count;

static int
put_job(struct db *db, void *arg)
{
	struct put *p = arg;

	if (db_run(db, NULL, "INSERT INTO meta (key, value) VALUES ($1, $2)",
	    "ss", p->key, p->value) != 0)
		return ERR_IO;
	if (db_send(db, "H-1", 7, p->value, strlen(p->value)) != 0)
		return ERR_IO;
	return p->fail;
}

static void
put_done(void *arg, int result)
{
	struct put *p = arg;

	p->result = result;
	p->done = true;
	p->order = done_count++;
}

static int
get_job(struct db *db, void *arg)
{
	struct put *p = arg;

	return db_one_int(db, &(int64_t){ 0 },
	    "SELECT 1 FROM meta WHERE key = $1", "s", p->key);
}

static int
one_row_job(struct db *db, void *arg)
{
	struct db_rows *r;

	(void)arg;
	assert_int_equal(db_run(db, NULL, "INSERT INTO meta (key, value) "
	    "VALUES ('row-a', 'first'), ('row-b', 'second')", ""), 0);
	assert_int_equal(db_row(db, &r, "SELECT value FROM meta "
	    "WHERE key >= $1 ORDER BY key", "s", "row-a"), 0);
	assert_string_equal(db_text(r, 0), "first");
	db_end(&r);
	assert_int_equal(db_row(db, &r, "SELECT value FROM meta "
	    "WHERE key = $1", "s", "row-c"), ERR_NOENT);
	assert_null(r);
	assert_int_equal(db_row(db, &r, "SELECT nothing FROM meta", ""),
	    ERR_IO);
	assert_null(r);
	return ERR_BADSTATE; /* rolled back */
}

static int
count_job(struct db *db, void *arg)
{
	return db_one_int(db, arg, "SELECT COUNT(*) FROM meta "
	    "WHERE key LIKE 'k%'", "");
}

static void
wait_done(struct world *w, const bool *done)
{
	int64_t end = clock_boot_ms() + 5000;

	while (!*done && clock_boot_ms() < end)
		event_base_loop(w->base, EVLOOP_ONCE);
	assert_true(*done);
}

static int64_t
count_now(struct world *w)
{
	int64_t n = -1;

	assert_int_equal(store_now(w->store, count_job, &n), 0);
	return n;
}

/* -- tests ---------------------------------------------------------------- */

static void
one_failing_job_rolls_back_alone(void **state)
{
	struct world *w = *state;
	struct put p[3] = {
		{ .key = "k1", .value = "one" },
		{ .key = "k2", .value = "two", .fail = ERR_PERM },
		{ .key = "k3", .value = "three" },
	};
	struct why why;
	int i;

	/* Queued before the writer runs: one group. */
	store_set_closing(w->store, closing, w);
	for (i = 0; i < 3; i++)
		assert_int_equal(store_write(w->loop, put_job, &p[i],
		    put_done), 0);
	assert_int_equal(store_depth(w->store), 3);
	assert_int_equal(store_start(w->store, &why), 0);
	for (i = 0; i < 3; i++)
		wait_done(w, &p[i].done);
	assert_int_equal(p[0].result, 0);
	assert_int_equal(p[1].result, ERR_PERM);
	assert_int_equal(p[2].result, 0);
	assert_true(p[0].order < p[1].order && p[1].order < p[2].order);
	assert_int_equal(w->closings, 1); /* one group, one commit */
	assert_int_equal(w->sent, 2);
	assert_string_equal(w->last, "three");
	assert_int_equal(store_depth(w->store), 0);
	assert_int_equal(count_now(w), 2);
	assert_int_equal(store_now(w->store, get_job, &p[1]), ERR_NOENT);
}

static void
closing_that_fails_undoes_only_itself(void **state)
{
	struct world *w = *state;
	struct put p = { .key = "k1", .value = "one" };
	struct put c = { .key = "closing" };

	w->closing_rc = ERR_IO;
	store_set_closing(w->store, closing, w);
	assert_int_equal(store_write(w->loop, put_job, &p, put_done), 0);
	wait_done(w, &p.done);
	assert_int_equal(p.result, 0);
	assert_int_equal(count_now(w), 1);
	assert_int_equal(store_now(w->store, get_job, &c), ERR_NOENT);
}

static void
closing_is_not_called_when_nothing_was_written(void **state)
{
	struct world *w = *state;
	struct put p = { .key = "k9" };

	store_set_closing(w->store, closing, w);
	assert_int_equal(store_now(w->store, get_job, &p), ERR_NOENT);
	assert_int_equal(w->closings, 0);
}

static int
unique_job(struct db *db, void *arg)
{
	(void)arg;
	assert_int_equal(db_run(db, NULL, "INSERT INTO meta (key, value) "
	    "VALUES ('schema', 'x')", ""), ERR_EXIST);
	assert_non_null(strstr(db_why(db), "UNIQUE"));
	assert_int_equal(db_run(db, NULL, "INSERT INTO nowhere VALUES (1)",
	    ""), ERR_IO);
	assert_null(db_query(db, "SELECT nothing FROM meta", ""));
	return 0;
}

/* What a kill cannot show: each commit is synced, the log is a WAL. */
static int
durable_job(struct db *db, void *arg)
{
	struct db_rows *r;
	int64_t n = -1;

	(void)arg;
	assert_int_equal(db_one_int(db, &n, "PRAGMA synchronous", ""), 0);
	assert_int_equal(n, 2); /* FULL */
	assert_int_equal(db_one_int(db, &n, "PRAGMA foreign_keys", ""), 0);
	assert_int_equal(n, 1);
	r = db_query(db, "PRAGMA journal_mode", "");
	assert_int_equal(db_next(r), 1);
	assert_string_equal(db_text(r, 0), "wal");
	db_end(&r);
	return 0;
}

static void
commits_are_durable(void **state)
{
	struct world *w = *state;

	assert_int_equal(store_now(w->store, durable_job, NULL), 0);
}

static void
one_row(void **state)
{
	struct world *w = *state;

	assert_int_equal(store_now(w->store, one_row_job, NULL), ERR_BADSTATE);
}

static void
errors_have_codes(void **state)
{
	struct world *w = *state;

	assert_int_equal(store_now(w->store, unique_job, NULL), 0);
}

static int
binding_job(struct db *db, void *arg)
{
	struct db_rows *r, *nested;
	const void *blob;
	char cut[6];
	size_t len;
	int64_t changed = 0;
	int i, rows = 0;

	(void)arg;
	/* $2 before $1, a dollar within quotes, NULLs. */
	assert_int_equal(db_run(db, &changed, "INSERT INTO meta (value, key) "
	    "VALUES ($2 || '$1', $1)", "ss", "k1", "v"), 0);
	assert_int_equal(changed, 1);
	for (i = 0; i < 2; i++) { /* the second time from the cache */
		r = db_query(db, "SELECT value, $1, $2, $3 FROM meta "
		    "WHERE key = $4", "sibs", NULL, (int64_t)-5, "a\0b",
		    (size_t)3, "k1");
		assert_int_equal(db_next(r), 1);
		assert_string_equal(db_text(r, 0), "v$1");
		assert_true(db_null(r, 1));
		assert_string_equal(db_text(r, 1), "");
		assert_int_equal(db_int(r, 2), -5);
		blob = db_blob(r, 3, &len);
		assert_int_equal(len, 3);
		assert_memory_equal(blob, "a\0b", 3);
		assert_int_equal(db_next(r), 0);
		db_end(&r);
		assert_null(r);
	}
	/* A copy is cut at the border of a character. */
	r = db_query(db, "SELECT $1", "s", "ab隔离");
	assert_int_equal(db_next(r), 1);
	db_copy(r, 0, cut, sizeof(cut));
	assert_string_equal(cut, "ab隔");
	db_copy(r, 0, cut, 5);
	assert_string_equal(cut, "ab");
	db_end(&r);
	/* The same literal within itself. */
	for (i = 0, r = NULL; i < 2; i++) {
		nested = db_query(db, "SELECT key FROM meta", "");
		assert_int_equal(db_next(nested), 1);
		if (r == NULL)
			r = nested;
	}
	db_end(&nested);
	while (db_next(r) == 1)
		rows++;
	assert_int_equal(rows, 1); /* "schema" was read, "k1" is left */
	/* r is left open on purpose: the store ends it after the job. */
	return 0;
}

static void
binding_and_rows(void **state)
{
	struct world *w = *state;

	assert_int_equal(store_now(w->store, binding_job, NULL), 0);
	assert_int_equal(count_now(w), 1);
}

static int
reading_cannot_write_job(struct db *db, void *arg)
{
	(void)arg;
	assert_int_equal(db_run(db, NULL, "DELETE FROM meta", ""), ERR_IO);
	assert_int_equal(db_send(db, "H-1", 7, "x", 1), ERR_BADSTATE);
	return 0;
}

static void
a_reader_cannot_write_or_send(void **state)
{
	struct world *w = *state;
	struct put p = { .fail = 0 };

	assert_int_equal(store_read(w->loop, reading_cannot_write_job, &p,
	    put_done), 0);
	wait_done(w, &p.done);
	assert_int_equal(p.result, 0);
	assert_int_equal(w->sent, 0);
}

/* A writer that waits until a reader has looked. */
static int pipe_go[2], pipe_in[2];

static int
slow_put_job(struct db *db, void *arg)
{
	char c;
	int rc = put_job(db, arg);

	assert_int_equal(write(pipe_in[1], "x", 1), 1);
	assert_int_equal(read(pipe_go[0], &c, 1), 1);
	return rc;
}

static void
readers_see_only_what_is_committed(void **state)
{
	struct world *w = *state;
	struct put p = { .key = "k1", .value = "one" };
	struct put during = { .key = "k1" }, after = { .key = "k1" };
	char c;

	assert_int_equal(pipe(pipe_go), 0);
	assert_int_equal(pipe(pipe_in), 0);
	assert_int_equal(store_write(w->loop, slow_put_job, &p, put_done), 0);
	assert_int_equal(read(pipe_in[0], &c, 1), 1);
	assert_int_equal(store_read(w->loop, get_job, &during, put_done), 0);
	wait_done(w, &during.done);
	assert_int_equal(during.result, ERR_NOENT);
	assert_int_equal(w->sent, 0);
	assert_int_equal(write(pipe_go[1], "x", 1), 1);
	wait_done(w, &p.done);
	assert_int_equal(w->sent, 1);
	assert_int_equal(store_read(w->loop, get_job, &after, put_done), 0);
	wait_done(w, &after.done);
	assert_int_equal(after.result, 0);
	close(pipe_go[0]), close(pipe_go[1]);
	close(pipe_in[0]), close(pipe_in[1]);
}

#define LONE_JOBS 40

/* One commit after the other, at once or through the queue: boot ms. */
static int64_t
time_lone_jobs(struct world *w, bool queued)
{
	int64_t began = clock_boot_ms();
	char key[16];
	int i;

	for (i = 0; i < LONE_JOBS; i++) {
		struct put p = { .key = key, .value = "v" };

		snprintf(key, sizeof(key), "k%d.%d", queued, i);
		if (queued) {
			assert_int_equal(store_write(w->loop, put_job, &p,
			    put_done), 0);
			wait_done(w, &p.done);
		} else {
			p.result = store_now(w->store, put_job, &p);
		}
		assert_int_equal(p.result, 0);
	}
	return clock_boot_ms() - began;
}

static void
a_lone_job_does_not_wait(void **state)
{
	struct world *w = *state;
	int64_t at_once = time_lone_jobs(w, false);
	int64_t queued = time_lone_jobs(w, true);

	/* Whatever a commit costs here, no wait for a group on top of it. */
	assert_true(queued < 2 * at_once + LONE_JOBS * STORE_GROUP_MS / 2);
}

static int
nothing_job(struct db *db, void *arg)
{
	(void)db;
	(void)arg;
	return 0;
}

static int refused_done;
static void
refused_count(void *arg, int result)
{
	(void)arg;
	assert_int_equal(result, ERR_CLOSED);
	refused_done++;
}

/* The writer is not started, so the queue only fills. */
static void
a_full_queue_says_again(void **state)
{
	struct world *w = *state;
	int i;

	for (i = 0; i < STORE_QUEUE_MAX; i++)
		assert_int_equal(store_write(w->loop, nothing_job, NULL,
		    refused_count), 0);
	assert_int_equal(store_write(w->loop, nothing_job, NULL,
	    refused_count), ERR_AGAIN);
	assert_int_equal(store_depth(w->store), STORE_QUEUE_MAX);
	/* What never ran is said, not dropped. */
	store_close(&w->store);
	store_loop_free(&w->loop);
	assert_int_equal(refused_done, STORE_QUEUE_MAX);
}

static void
closing_commits_what_waits(void **state)
{
	struct world *w = *state;
	struct store_options o = { .url = url, .readers = 1 };
	static struct put p[500];
	static char key[500][16];
	struct why why;
	int i;

	for (i = 0; i < 500; i++) {
		snprintf(key[i], sizeof(key[i]), "k%d", i);
		p[i] = (struct put){ .key = key[i], .value = "v" };
		assert_int_equal(store_write(w->loop, put_job, &p[i],
		    put_done), 0);
	}
	store_close(&w->store);
	store_loop_free(&w->loop);
	for (i = 0; i < 500; i++)
		assert_true(p[i].done && p[i].result == 0);
	assert_int_equal(store_open(&o, &w->store, &why), 0);
	assert_int_equal(count_now(w), 500);
}

/* -- kill ----------------------------------------------------------------- */

static int
row_job(struct db *db, void *arg)
{
	return db_run(db, NULL, "INSERT INTO signal_gaps (host_id, first, "
	    "last, found_at) VALUES ('H-1', $1, 0, 0)", "i",
	    *(const int64_t *)arg);
}

struct child {
	struct store_loop *loop;
	int64_t next;
	int out;
};

static void child_more(struct child *c);

struct numbered {
	struct child *child;
	int64_t n;
};

static int
numbered_job(struct db *db, void *arg)
{
	return row_job(db, &((struct numbered *)arg)->n);
}

static void
acknowledge(void *arg, int result)
{
	struct numbered *r = arg;

	if (result != 0 || write(r->child->out, &r->n, sizeof(r->n)) !=
	    sizeof(r->n))
		_exit(1);
	child_more(r->child);
	free(r);
}

static void
child_more(struct child *c)
{
	struct numbered *r = malloc(sizeof(*r));

	r->child = c;
	r->n = c->next++;
	if (store_write(c->loop, numbered_job, r, acknowledge) != 0)
		_exit(1);
}

static void
child_main(int out)
{
	struct store_options o = { .url = url, .readers = 1 };
	struct event_base *base = event_base_new();
	struct child c = { .out = out };
	struct store *s;
	struct why why;
	int i;

	if (store_open(&o, &s, &why) != 0 || store_start(s, &why) != 0)
		_exit(1);
	c.loop = store_loop_new(s, base);
	for (i = 0; i < 50; i++)
		child_more(&c);
	event_base_dispatch(base);
	_exit(1);
}

static int
have_job(struct db *db, void *arg)
{
	return db_one_int(db, &(int64_t){ 0 }, "SELECT 1 FROM signal_gaps "
	    "WHERE first = $1", "i", *(const int64_t *)arg);
}

static void
kill_loses_nothing_acknowledged(void **state)
{
	struct store_options o = { .url = url, .readers = 1 };
	int64_t acked[4096], n;
	size_t nacked = 0, i;
	struct store *s;
	struct why why;
	int fds[2], status;
	pid_t pid;

	(void)state;
	fresh_url();
	assert_int_equal(pipe(fds), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		close(fds[0]);
		child_main(fds[1]);
	}
	close(fds[1]);
	while (read(fds[0], &n, sizeof(n)) == sizeof(n)) {
		if (nacked < 4096)
			acked[nacked++] = n;
		if (nacked == 1000)
			kill(pid, SIGKILL);
	}
	close(fds[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
	assert_true(nacked >= 1000);
	assert_int_equal(store_open(&o, &s, &why), 0);
	for (i = 0; i < nacked; i++)
		assert_int_equal(store_now(s, have_job, &acked[i]), 0);
	store_close(&s);
	clean();
}

/* -- opening -------------------------------------------------------------- */

static void
bad_urls_are_refused(void **state)
{
	static const struct {
		const char *url;
		int code;
	} bad[] = {
		{ "postgresql://db/cordon", ERR_UNSUPP },
		{ "sqlite:relative.db", ERR_CONFIG },
		{ "mysql://x", ERR_CONFIG },
		{ "", ERR_CONFIG },
		{ "sqlite:/nowhere/at/all.db", ERR_IO },
		{ "sqlite:/dev/null", ERR_IO },
	};
	struct store *s = NULL;
	struct why why;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct store_options o = { .url = bad[i].url, .readers = 1 };

		why.text[0] = '\0';
		assert_int_equal(store_open(&o, &s, &why), bad[i].code);
		assert_null(s);
		assert_true(why.text[0] != '\0');
	}
}

static int
hosts_job(struct db *db, void *arg)
{
	struct host h;

	(void)arg;
	assert_int_equal(db_run(db, NULL, "INSERT INTO hosts (host_id, name, "
	    "grp, tier, enrolled_at, desired, desired_order, addresses) "
	    "VALUES ('H-1', 'a', 'g', 2, 5, 2, 'O-1', '10.0.0.1/24'), "
	    "('H-2', 'H-1', 'g', 3, 6, 1, '', '')", ""), 0);
	assert_int_equal(hosts_get(db, "H-1", &h), 0);
	assert_string_equal(h.name, "a"); /* the id wins */
	assert_int_equal(h.tier, TIER_T2);
	assert_int_equal(h.desired, PROFILE_STRICT);
	assert_string_equal(h.addresses, "10.0.0.1/24");
	assert_int_equal(hosts_order_state(db, &h), ORDER_PROVEN);
	assert_int_equal(hosts_get(db, "a", &h), 0);
	assert_string_equal(h.host_id, "H-1");
	assert_int_equal(hosts_get(db, "b", &h), ERR_NOENT);
	return 0;
}

static void
hosts_are_found_by_id_and_name(void **state)
{
	struct world *w = *state;

	assert_int_equal(store_now(w->store, hosts_job, NULL), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bad_urls_are_refused),
		cmocka_unit_test_setup_teardown(commits_are_durable,
		    open_world, close_world),
		cmocka_unit_test_setup_teardown(one_row, open_world,
		    close_world),
		cmocka_unit_test_setup_teardown(errors_have_codes,
		    open_world, close_world),
		cmocka_unit_test_setup_teardown(binding_and_rows,
		    open_world, close_world),
		cmocka_unit_test_setup_teardown(
		    one_failing_job_rolls_back_alone, open_world,
		    close_world),
		cmocka_unit_test_setup_teardown(
		    closing_that_fails_undoes_only_itself, start_world,
		    close_world),
		cmocka_unit_test_setup_teardown(
		    closing_is_not_called_when_nothing_was_written,
		    open_world, close_world),
		cmocka_unit_test_setup_teardown(a_reader_cannot_write_or_send,
		    start_world, close_world),
		cmocka_unit_test_setup_teardown(
		    readers_see_only_what_is_committed, start_world,
		    close_world),
		cmocka_unit_test_setup_teardown(a_lone_job_does_not_wait,
		    start_world, close_world),
		cmocka_unit_test_setup_teardown(a_full_queue_says_again,
		    open_world, close_world),
		cmocka_unit_test_setup_teardown(closing_commits_what_waits,
		    start_world, close_world),
		cmocka_unit_test(kill_loses_nothing_acknowledged),
		cmocka_unit_test_setup_teardown(
		    hosts_are_found_by_id_and_name, open_world, close_world),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
