/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Texts of /proc, good and hostile, and this process read by itself. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/process/seen.h"

static void
test_programs(void **state)
{
	static const struct {
		const char *link, *exe;
		bool deleted, memory;
	} rows[] = {
		{"/usr/bin/ls", "/usr/bin/ls", false, false},
		{"/tmp/x (deleted)", "/tmp/x", true, false},
		{"/memfd:a (deleted)", "/memfd:a", true, true},
		{" (deleted)", " (deleted)", false, false},
	};
	struct process_seen s;
	char longer[2 * SEEN_PATH_MAX];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		memset(&s, 0, sizeof(s));
		seen_take_exe(&s, rows[i].link, strlen(rows[i].link));
		assert_string_equal(s.exe, rows[i].exe);
		assert_int_equal(s.deleted, rows[i].deleted);
		assert_int_equal(s.memory, rows[i].memory);
	}
	memset(longer, 'a', sizeof(longer));
	seen_take_exe(&s, longer, sizeof(longer));
	assert_true(s.cut);
	assert_int_equal(strlen(s.exe), SEEN_PATH_MAX - 1);
}

static void
test_status(void **state)
{
	struct process_seen s = {0};

	(void)state;
	assert_true(seen_take_status(&s, "Name:\ta\\nUid:\t0 x\n"
	    "State:\tT (stopped)\nPPid:\t7\nTracerPid:\t9\n"
	    "Uid:\t1000\t1001\t0\t1000\nCapPrm:\t0000000000000080\n"));
	assert_string_equal(s.name, "a\\nUid:\t0 x");
	assert_int_equal(s.parent, 7);
	assert_int_equal(s.tracer, 9);
	assert_int_equal(s.uid, 1000);
	assert_int_equal(s.euid, 1001);
	assert_true(s.was_root && s.may_setuid);
	assert_int_equal(s.state, 'T');
	assert_true(seen_take_status(&s, "Name:\tb\nState:\tS\nPPid:\t1\n"
	    "Uid:\t5\t5\t5\t5\n"));
	assert_false(s.was_root || s.may_setuid);
	assert_false(seen_take_status(&s, ""));
	assert_false(seen_take_status(&s, "Name:\tx\nPPid:\t1\nUid:\t5\n"));
}

static void
test_scripts(void **state)
{
	static const struct {
		const char *exe, *args, *path, *code;
		bool interactive;
	} rows[] = {
		{"/bin/sh", "sh", NULL, NULL, false},
		{"/bin/bash", "bash -i", NULL, NULL, true},
		{"/bin/bash", "bash -lic id", NULL, "id", true},
		{"/bin/sh", "sh -e /x y", "/x", NULL, false},
		{"/bin/sh", "sh -- -x", "-x", NULL, false},
		{"/bin/sh", "sh -s a", NULL, NULL, false},
		{"/bin/bash", "bash -o pipefail -c id", NULL, "id", false},
		{"/bin/bash", "bash --rcfile /r -i", NULL, NULL, true},
		{"/bin/busybox", "busybox sh -c id", NULL, "id", false},
		{"/bin/busybox", "sh /x", "/x", NULL, false},
		{"/bin/python3", "python3 -W i -c x", NULL, "x", false},
		{"/bin/python3", "python3 -m http.server", "http.server", NULL,
		    false},
		{"/bin/python3", "python3 /x -c y", "/x", NULL, false},
		{"/bin/perl", "perl -MSocket -e x", NULL, "x", false},
		{"/bin/perl", "perl -ex", NULL, "x", false},
		{"/bin/php8.2", "php -r x", NULL, "x", false},
		{"/bin/gawk", "awk {print}", NULL, "{print}", false},
		{"/bin/gawk", "awk -f /x", "/x", NULL, false},
		{"/bin/node", "node --eval x", NULL, "x", false},
		{"/bin/sh", "sh -c", NULL, "c", false},
		{"/lib64/ld-linux-x86-64.so.2", "ld.so /tmp/x y", "/tmp/x",
		    NULL, false},
		{"/lib64/ld-linux-x86-64.so.2",
		    "ld.so --library-path /l --preload /p /tmp/x", "/tmp/x",
		    NULL, false},
		{"/lib/ld-musl-x86_64.so.1", "ld.so --list", NULL, NULL,
		    false},
	};
	struct seen_args a;
	struct seen_script out;
	char data[128], *at;
	size_t i, n;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		n = strlen(rows[i].args);
		memcpy(data, rows[i].args, n + 1);
		for (at = data; at < data + n; at++)
			if (*at == ' ')
				*at = '\0';
		seen_take_args(&a, data, n);
		seen_script(rows[i].exe, &a, &out);
		if ((out.path == NULL) != (rows[i].path == NULL) ||
		    (out.code == NULL) != (rows[i].code == NULL) ||
		    out.interactive != rows[i].interactive ||
		    (out.path != NULL && strcmp(out.path, rows[i].path)) ||
		    (out.code != NULL && strcmp(out.code, rows[i].code)))
			fail_msg("%s: %s, %s", rows[i].args, out.path,
			    out.code);
	}
}

static void
test_arguments_are_bounded(void **state)
{
	struct seen_args a;
	char data[3 * SEEN_ARGS_MAX];

	(void)state;
	memset(data, 'x', sizeof(data));
	seen_take_args(&a, data, sizeof(data));
	assert_int_equal(strlen(a.text), SEEN_ARGS_MAX - 1);
	assert_null(seen_arg(&a, 1));
	seen_take_args(&a, "a\0\0b\0\0\0", 7);
	assert_string_equal(seen_arg(&a, 1), "");
	assert_string_equal(seen_arg(&a, 2), "b");
	assert_null(seen_arg(&a, 3));
	seen_take_args(&a, "", 0);
	assert_null(seen_arg(&a, 0));
}

static void
test_preload(void **state)
{
	struct process_seen s = {0};
	const char good[] = "A=LD_PRELOAD=/no\0LD_PRELOAD=/x.so\0B=1";
	const char none[] = "XLD_PRELOAD=/x\0LD_PRELOAD=\0LD_PRELOADS=/y";

	(void)state;
	seen_take_preload(&s, none, sizeof(none));
	assert_string_equal(s.preload, "");
	seen_take_preload(&s, good, sizeof(good));
	assert_string_equal(s.preload, "/x.so");
	memset(&s, 0, sizeof(s));
	seen_take_preload(&s, "LD_AUDIT=/y", 11); /* no NUL at the end */
	assert_string_equal(s.preload, "/y");
}

static void
test_peers(void **state)
{
	static const char v4[] =
	    "  sl  local_address rem_address   st tx_queue rx_queue tr "
	    "tm->when retrnsmt   uid  timeout inode\n"
	    "   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 "
	    "00:00000000 00000000     0        0 11 1 0000 100 0 0 10 0\n"
	    "   1: 0100007F:9C40 0100007F:115C 01 00000000:00000000 "
	    "00:00000000 00000000     0        0 12 1 0000 20 4 30 10 -1\n";
	static const char v6[] =
	    "   1: 00000000000000000000000001000000:9C40 "
	    "B80D0120000000000000000001000000:01BB 01 00000000:00000000 "
	    "00:00000000 00000000     0        0 13 1 0000 20 4 30 10 -1\n";
	char out[SEEN_PEER_MAX];

	(void)state;
	assert_true(seen_peer(v4, false, 12, out));
	assert_string_equal(out, "127.0.0.1:4444");
	assert_false(seen_peer(v4, false, 11, out)); /* it listens */
	assert_false(seen_peer(v4, false, 10, out));
	assert_true(seen_peer(v6, true, 13, out));
	assert_string_equal(out, "[2001:db8::1]:443");
	assert_false(seen_peer(v4, true, 12, out)); /* too short */
	assert_false(seen_peer("", false, 12, out));
}

static void
test_a_living_process(void **state)
{
	struct process_seen *s = malloc(sizeof(*s));
	pid_t child;

	(void)state;
	assert_int_equal(seen_open(s, "/proc", getpid()), 0);
	seen_status(s);
	seen_args(s);
	seen_fds(s);
	seen_file(s);
	seen_login(s);
	seen_preload(s);
	seen_parents(s, "/proc");
	seen_relay(s, "/proc");
	assert_non_null(strstr(s->exe, "test_seen"));
	assert_int_equal(s->parent, getppid());
	assert_int_equal(s->uid, getuid());
	assert_true(s->file_known && s->file_owner == getuid());
	assert_true(s->ups > 0);
	assert_int_equal(s->up[0].pid, getppid());
	seen_done(s);
	child = fork();
	if (child == 0)
		_exit(0);
	waitpid(child, NULL, 0);
	assert_int_equal(seen_open(s, "/proc", child), ERR_NOENT);
	seen_done(s);
	assert_int_equal(seen_open(s, "/proc", 2), ERR_NOENT);
	seen_done(s);
	free(s);
}

static void
test_the_file_of_a_script(void **state)
{
	static const struct {
		const char *exe, *args; /* parts end with '\n' */
		bool found;
	} rows[] = {
		{"/usr/bin/dash", "sh\n./script.txt\n", true},
		{"/usr/bin/python3.11", "python3\n-u\nscript.txt\n", true},
		{"/usr/bin/dash", "sh\n./missing\n", false},
		{"/usr/bin/dash", "sh\n/dev/null\n", false},
		{"/usr/bin/dash", "sh\n-c\nscript.txt\n", false},
		{"/usr/bin/tail", "tail\nscript.txt\n", false},
	};
	char folder[] = "/tmp/cordon-seen-XXXXXX", want[64], *at;
	struct process_seen *s = malloc(sizeof(*s));
	char data[64];
	size_t i;

	(void)state;
	assert_non_null(mkdtemp(folder));
	assert_int_equal(chdir(folder), 0);
	assert_int_equal(close(open("script.txt", O_CREAT | O_WRONLY, 0751)),
	    0);
	snprintf(want, sizeof(want), "%s/script.txt", folder);
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(seen_open(s, "/proc", getpid()), 0);
		snprintf(s->exe, sizeof(s->exe), "%s", rows[i].exe);
		snprintf(data, sizeof(data), "%s", rows[i].args);
		for (at = data; (at = strchr(at, '\n')) != NULL;)
			*at++ = '\0';
		seen_take_args(&s->args, data, strlen(rows[i].args));
		seen_script_file(s);
		assert_string_equal(s->script, rows[i].found ? want : "");
		if (rows[i].found)
			assert_int_equal(s->script_mode & 0111, 0111 & 0751);
		seen_done(s);
	}
	assert_int_equal(unlink("script.txt"), 0);
	assert_int_equal(chdir("/"), 0);
	assert_int_equal(rmdir(folder), 0);
	free(s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_programs),
		cmocka_unit_test(test_status),
		cmocka_unit_test(test_scripts),
		cmocka_unit_test(test_arguments_are_bounded),
		cmocka_unit_test(test_preload),
		cmocka_unit_test(test_peers),
		cmocka_unit_test(test_a_living_process),
		cmocka_unit_test(test_the_file_of_a_script),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
