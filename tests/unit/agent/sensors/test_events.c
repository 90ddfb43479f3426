/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the kernel tells: fanotify records, /proc texts; what it means; and
 * the rung without privileges.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/fanotify.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/sensors/fanotify_event.h"
#include "agent/sensors/judge.h"
#include "agent/sensors/own.h"
#include "agent/sensors/path.h"
#include "agent/sensors/pending.h"
#include "agent/sensors/watch.h"
#include "agent/sensors/who.h"
#include "common/base/clock.h"

/* -- fanotify -------------------------------------------------------------- */

#define NAME "file"
#define HANDLE 8

/* One event with a folder record and a pidfd record; returns its length. */
static size_t
event_bytes(uint8_t *out)
{
	struct fanotify_event_metadata *m = (void *)out;
	uint8_t *at = out + sizeof(*m);
	struct fanotify_event_info_header h = {
	    FAN_EVENT_INFO_TYPE_DFID_NAME, 0,
	    sizeof(h) + 8 + 8 + HANDLE + sizeof(NAME)};
	struct fanotify_event_info_pidfd p = {
	    {FAN_EVENT_INFO_TYPE_PIDFD, 0, sizeof(p)}, 77};
	uint32_t bytes = HANDLE;
	int32_t type = 1;

	memset(out, 0, 256);
	memcpy(at, &h, sizeof(h));
	memcpy(at + sizeof(h) + 8, &bytes, 4);
	memcpy(at + sizeof(h) + 12, &type, 4);
	memcpy(at + sizeof(h) + 16 + HANDLE, NAME, sizeof(NAME));
	memcpy(at + h.len, &p, sizeof(p));
	m->event_len = (uint32_t)(sizeof(*m) + h.len + sizeof(p));
	m->vers = FANOTIFY_METADATA_VERSION;
	m->metadata_len = sizeof(*m);
	m->mask = FAN_CREATE;
	m->fd = FAN_NOFD;
	m->pid = 42;
	return m->event_len;
}

static void
test_event_good(void **state)
{
	uint8_t bytes[256] __attribute__((aligned(8)));
	size_t n = event_bytes(bytes), off = 0;
	struct fan_event ev;

	(void)state;
	assert_int_equal(fan_event_next(bytes, n, &off, &ev), 0);
	assert_int_equal(ev.mask, FAN_CREATE);
	assert_int_equal(ev.pid, 42);
	assert_int_equal(ev.pidfd, 77);
	assert_int_equal(ev.at.handle_len, HANDLE);
	assert_string_equal(ev.at.name, NAME);
	assert_null(ev.from.handle);
	assert_int_equal(fan_event_next(bytes, n, &off, &ev), ERR_NOENT);
}

static void
test_event_bad(void **state)
{
	const size_t info = sizeof(struct fanotify_event_metadata);
	const struct {
		const char *what;
		size_t at;
		uint8_t value;
	} rows[] = {
		{"event_len short", 0, 4}, {"event_len long", 0, 250},
		{"version", 4, 9}, {"metadata_len short", 6, 3},
		{"metadata_len long", 6, 250}, {"record length 0", info + 2,
		    0}, {"record length 3", info + 2, 3},
		{"record length long", info + 2, 200},
		{"record cut", info + 2, 12},
		{"handle long", info + 12, 200},
		{"handle to the end", info + 12, HANDLE + sizeof(NAME)},
		{"name not ended", info + 20 + HANDLE + 4, 'x'},
	};
	uint8_t bytes[256] __attribute__((aligned(8)));
	struct fan_event ev;
	size_t i, n, off;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		n = event_bytes(bytes);
		bytes[rows[i].at] = rows[i].value;
		off = 0;
		if (fan_event_next(bytes, n, &off, &ev) != ERR_SYNTAX)
			fail_msg("%s", rows[i].what);
	}
	n = event_bytes(bytes);
	for (i = 1; i < n; i++) {
		off = 0;
		assert_int_equal(fan_event_next(bytes, i, &off, &ev),
		    ERR_SYNTAX);
	}
}

/* -- /proc ----------------------------------------------------------------- */

static void
test_proc_texts(void **state)
{
	uint32_t uid = 0;
	pid_t parent = 0;
	char unit[64];

	(void)state;
	assert_true(who_parse_status("Name:\tx\nPPid:\t7\nUid:\t5\t6\t6\t6\n",
	    &uid, &parent));
	assert_int_equal(uid, 5);
	assert_int_equal(parent, 7);
	assert_false(who_parse_status("Name:\tUid:\t5\n", &uid, &parent));
	assert_false(who_parse_status("", &uid, &parent));
	assert_int_equal(who_parse_stat("1 (a) b) 3 4) S 1 2 3 4 5 6 7 8 9 "
	    "10 11 12 13 14 15 16 17 18 999 20"), 999);
	assert_int_equal(who_parse_stat("1 (x) S 1 2"), 0);
	assert_int_equal(who_parse_stat(""), 0);
	who_parse_cgroup("0::/system.slice/ssh.service\n", unit,
	    sizeof(unit));
	assert_string_equal(unit, "ssh.service");
	who_parse_cgroup("0::/\n", unit, sizeof(unit));
	assert_string_equal(unit, "");
	who_parse_cgroup("0::/a\x1b[2J\n", unit, sizeof(unit));
	assert_string_equal(unit, "a\\x1b[2J");
}

static void
test_who_am_i(void **state)
{
	struct who_cache *c = who_cache_new();
	struct who *w;

	(void)state;
	assert_non_null(c);
	w = who_find(c, getpid(), -1); /* no pidfd: never exact */
	assert_int_not_equal(w->grade, CORDON__GRADE__GRADE_EXACT);
	who_unref(&w);
	who_started(c, 999999999, "/usr/bin/evil\n");
	who_started(c, 999999999, "/lib64/ld-linux-x86-64.so.2");
	w = who_find(c, 999999999, -1);
	assert_int_equal(w->grade, CORDON__GRADE__GRADE_CACHED);
	assert_string_equal(w->program, "/usr/bin/evil\\x0a");
	assert_int_equal(w->uid, UINT32_MAX);
	who_unref(&w);
	w = who_find(c, 999999998, -1);
	assert_int_equal(w->grade, CORDON__GRADE__GRADE_UNKNOWN);
	who_unref(&w);
	who_cache_free(&c);
}

/* One that the connector told of is read in full only when it is asked. */
static void
test_who_was_told(void **state)
{
	struct who_cache *c = who_cache_new();
	struct lineage *l = lineage_new();
	pid_t me = getpid(), child;
	char line[64];
	struct who *w;
	int i, status;

	(void)state;
	who_cache_lineage(c, l);
	child = fork();
	if (child == 0) {
		pause();
		_exit(0);
	}
	lineage_forked(l, me, child, lineage_now());
	lineage_ids(l, child, me, 77, false, false);
	who_started(c, child, "/usr/bin/touch");
	kill(child, SIGKILL);
	assert_int_equal(waitpid(child, &status, 0), child);
	snprintf(line, sizeof(line), "%d ", (int)me);
	for (i = 0; i < 2; i++) { /* its parent from /proc, then remembered */
		w = who_find(c, child, -1);
		assert_string_equal(w->program, "/usr/bin/touch");
		assert_int_equal(w->grade, CORDON__GRADE__GRADE_CACHED);
		assert_int_equal(w->uid, 77);
		assert_int_not_equal(w->start, 0);
		assert_true(w->parents > 0);
		assert_memory_equal(w->parent[0], line, strlen(line));
		assert_non_null(strstr(w->parent[0], "test_events"));
		assert_int_not_equal(w->real & 2u, 0);
		who_unref(&w);
	}
	who_cache_free(&c);
	lineage_free(&l);
}

/* -- pending --------------------------------------------------------------- */

static void
test_pending(void **state)
{
	struct pending *p = pending_new();
	struct pending_item *it;
	int64_t now = clock_boot_ms();
	char path[32];
	size_t i;

	(void)state;
	assert_int_equal(pending_wait(p, now), -1);
	for (i = 0; i < 5; i++)
		assert_int_equal(pending_add(p, "/a", NULL, NULL, i > 0), 0);
	assert_int_equal(pending_add(p, "/b", "/c", NULL, true), 0);
	assert_true(pending_has(p, "/a"));
	assert_null(pending_take(p, now)); /* not yet */
	it = pending_take(p, now + 10000);
	assert_string_equal(it->path, "/a");
	assert_int_equal(it->events, 5);
	assert_true(it->content);
	pending_item_free(&it);
	it = pending_take(p, now + 10000);
	assert_string_equal(it->from, "/c");
	pending_item_free(&it);
	assert_null(pending_take(p, now + 10000));
	/* What is being made waits longer, and others do not wait for it. */
	now = clock_boot_ms();
	assert_int_equal(pending_add(p, "/new", NULL, NULL, PENDING_CONTENT |
	    PENDING_MADE), 0);
	assert_int_equal(pending_add(p, "/old", NULL, NULL, PENDING_CONTENT),
	    0);
	assert_true(pending_wait(p, now) < PENDING_MADE_MS);
	it = pending_take(p, now + 2 * PENDING_DELAY_MS);
	assert_string_equal(it->path, "/old");
	pending_item_free(&it);
	assert_null(pending_take(p, now + 2 * PENDING_DELAY_MS));
	it = pending_take(p, now + 10000);
	assert_string_equal(it->path, "/new");
	pending_item_free(&it);
	for (i = 0; i < PENDING_MAX; i++) {
		snprintf(path, sizeof(path), "/%zu", i);
		assert_int_equal(pending_add(p, path, NULL, NULL, true), 0);
	}
	assert_int_equal(pending_add(p, "/more", NULL, NULL, true),
	    ERR_LIMIT);
	assert_int_equal(pending_add(p, "/1", NULL, NULL, true), 0);
	pending_free(&p);
}

/* -- meaning --------------------------------------------------------------- */

static void
test_change_kinds(void **state)
{
	const struct entry file = {.mode = S_IFREG | 0644, .size = 1},
	    other = {.mode = S_IFREG | 0644, .size = 1, .sha256 = {1}},
	    private = {.mode = S_IFREG | 0600, .size = 1},
	    suid = {.mode = S_IFREG | 04755, .size = 1},
	    caps = {.mode = S_IFREG | 0644, .size = 1, .xattr = 3},
	    fixed = {.mode = S_IFREG | 0644, .size = 1,
		.flags = ENTRY_IMMUTABLE},
	    touched = {.mode = S_IFREG | 0644, .size = 1, .mtime_ns = 9},
	    dir = {.mode = S_IFDIR | 02755};
	const struct {
		const struct entry *old, *now;
		enum change want;
	} rows[] = {
		{NULL, NULL, CHANGE_NONE}, {NULL, &file, CHANGE_CREATED},
		{&file, NULL, CHANGE_DELETED}, {&file, &file, CHANGE_NONE},
		{&file, &touched, CHANGE_NONE},
		{&file, &other, CHANGE_CONTENT},
		{&file, &private, CHANGE_META}, {&file, &caps, CHANGE_META},
		{&file, &fixed, CHANGE_META}, {&file, &suid, CHANGE_SETUID},
		{NULL, &suid, CHANGE_SETUID}, {&suid, &suid, CHANGE_NONE},
		{&suid, &file, CHANGE_META}, {NULL, &dir, CHANGE_CREATED},
		{&file, &dir, CHANGE_CONTENT},
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (change_kind(rows[i].old, rows[i].now) != rows[i].want)
			fail_msg("row %zu", i);
}

static void
test_package_list(void **state)
{
	static const char list[] =
	    "0123456789abcdef0123456789abcdef  usr/bin/x\n"
	    "1123456789abcdef0123456789abcdef  usr/lib/cordon/agent-x\n";
	char md5[33];

	(void)state;
	assert_true(own_listed(list, "/usr/lib/cordon/agent-x", md5));
	assert_string_equal(md5, "1123456789abcdef0123456789abcdef");
	assert_false(own_listed(list, "/usr/bin/xx", md5));
	assert_false(own_listed(list, "/bin/x", md5));
	assert_false(own_listed("short", "/usr/bin/x", md5));
}

/* -- without privileges: inotify ------------------------------------------- */

static int
unprivileged(const char *dir)
{
	struct pending *p = pending_new();
	struct who_cache *who = who_cache_new();
	struct pending_item *it = NULL;
	struct watch *w = NULL;
	struct why why;
	enum rung rung;
	char path[PATH_LEN];
	int fd, i, wake = eventfd(0, EFD_NONBLOCK);

	if (geteuid() == 0 && setuid(65534) != 0)
		return 10;
	if (watch_new(p, NULL, who, wake, &w, &why) != 0 ||
	    watch_root(w, dir, &rung, &why) != 0)
		return 11;
	if (rung != RUNG_INOTIFY)
		return 12;
	fd = open(dir, O_RDONLY | O_DIRECTORY);
	watch_dir(w, fd, dir);
	close(fd);
	if (watch_start(w, &why) != 0)
		return 13;
	path_join(path, dir, "seen");
	fd = open(path, O_CREAT | O_WRONLY, 0600);
	if (fd < 0)
		return 14;
	close(fd);
	for (i = 0; i < 100 && it == NULL; i++) {
		usleep(20000);
		it = pending_take(p, clock_boot_ms() + 1000);
	}
	if (it == NULL || strcmp(it->path, path) != 0)
		return 15;
	pending_item_free(&it);
	watch_free(&w);
	who_cache_free(&who);
	pending_free(&p);
	unlink(path);
	return 0;
}

static void
test_inotify_rung(void **state)
{
	char dir[] = "/tmp/cordon-watch-XXXXXX";
	int status = 0;
	pid_t pid;

	(void)state;
	assert_non_null(mkdtemp(dir));
	chmod(dir, 0777);
	pid = fork();
	if (pid == 0)
		_exit(unprivileged(dir));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	rmdir(dir);
	assert_int_equal(status, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_event_good),
		cmocka_unit_test(test_event_bad),
		cmocka_unit_test(test_proc_texts),
		cmocka_unit_test(test_who_am_i),
		cmocka_unit_test(test_who_was_told),
		cmocka_unit_test(test_pending),
		cmocka_unit_test(test_change_kinds),
		cmocka_unit_test(test_package_list),
		cmocka_unit_test(test_inotify_rung),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
