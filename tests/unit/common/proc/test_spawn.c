/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Starting a program: descriptors, environment, signals, failures. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/proc/spawn.h"

/* Run a shell line with FDS; what it writes on descriptor 3. */
static bool shielded;

static int
sh(const char *line, const int *fd, size_t nfd, char *out, size_t size)
{
	const char *argv[] = {"sh", "-c", line, NULL};
	struct spawn s = {.path = "/bin/sh", .argv = argv,
	    .shielded = shielded};
	struct why why = {0};
	int p[2], status;
	size_t i, n = 0;
	ssize_t got;
	pid_t pid;

	assert_int_equal(pipe2(p, O_CLOEXEC), 0);
	s.fd[0] = p[1];
	for (i = 0; i < nfd; i++)
		s.fd[i + 1] = fd[i];
	s.nfd = nfd + 1;
	if (spawn_start(&s, &pid, &why) != 0)
		fail_msg("%s", why.text);
	close(p[1]);
	while (n < size - 1 && (got = read(p[0], out + n, size - 1 - n)) > 0)
		n += (size_t)got;
	out[n] = '\0';
	close(p[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

static void
test_descriptors(void **state)
{
	int fd[3], extra, p[2];
	char out[256];

	(void)state;
	/* Ours lie where the child's shall be, crosswise, and one is open
	 * that nobody asked for. */
	assert_int_equal(pipe2(p, 0), 0);
	extra = fcntl(p[0], F_DUPFD, 40);
	fd[0] = p[1];
	fd[1] = -1;
	fd[2] = p[0];
	assert_int_equal(sh("echo hello >&4; read x <&6; echo $x >&3;"
			    "for i in 0 1 2 3 4 5 6 7 8 9 10 11 12 13 40; do"
			    " [ -e /proc/self/fd/$i ] && echo $i >&3; done;"
			    "exit 0", fd, 3, out, sizeof(out)), 0);
	assert_string_equal(out, "hello\n0\n1\n2\n3\n4\n6\n");
	close(extra);
	close(p[0]);
	close(p[1]);
}

static void
test_environment(void **state)
{
	char out[1024];

	(void)state;
	setenv("LD_PRELOAD_NOT", "x", 1);
	setenv("CORDON_SECRET", "x", 1);
	setenv("LANG", "C.UTF-8", 1);
	setenv("NOTIFY_SOCKET", "/run/nowhere", 1);
	assert_int_equal(sh("env >&3", NULL, 0, out, sizeof(out)), 0);
	assert_non_null(strstr(out, "LANG=C.UTF-8\n"));
	assert_non_null(strstr(out, "NOTIFY_SOCKET=/run/nowhere\n"));
	assert_null(strstr(out, "CORDON_SECRET"));
	assert_null(strstr(out, "LD_PRELOAD_NOT"));
	assert_null(strstr(out, "HOME="));
	unsetenv("NOTIFY_SOCKET");
}

static void
test_signals(void **state)
{
	char out[256], text[64];
	unsigned long long blocked, ignored;
	sigset_t all, old;
	int status;

	(void)state;
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, &old);
	signal(SIGPIPE, SIG_IGN);
	status = sh("while read k v; do case $k in SigBlk:|SigIgn:) echo $v"
		    " >&3;; esac; done < /proc/self/status; kill -TERM $$",
	    NULL, 0, out, sizeof(out));
	signal(SIGPIPE, SIG_DFL);
	sigprocmask(SIG_SETMASK, &old, NULL);
	assert_int_equal(sscanf(out, "%llx %llx", &blocked, &ignored), 2);
	assert_int_equal(blocked, 0);
	/* 32 and 33 are the C library's own; it lets nobody set them. */
	assert_int_equal(ignored & ~0x180000000ULL, 0);
	assert_string_equal(spawn_status(status, text, sizeof(text)),
	    "killed by SIGTERM");
	shielded = true;
	status = sh("kill -TERM $$; kill -INT $$; echo alive >&3", NULL, 0,
	    out, sizeof(out));
	shielded = false;
	assert_int_equal(status, 0);
	assert_string_equal(out, "alive\n");
}

static void
test_status(void **state)
{
	char out[8], text[64];
	int status;

	(void)state;
	status = sh("exit 7", NULL, 0, out, sizeof(out));
	assert_string_equal(spawn_status(status, text, sizeof(text)),
	    "exit status 7");
	assert_string_equal(spawn_status(SIGSYS, text, sizeof(text)),
	    "killed by SIGSYS");
	assert_string_equal(spawn_status(40, text, sizeof(text)),
	    "killed by signal 40");
}

static void
test_failures(void **state)
{
	const char *argv[] = {"x", NULL};
	struct spawn s = {.path = "/nonexistent/x", .argv = argv};
	struct why why = {0};
	pid_t pid = 77;

	(void)state;
	assert_int_equal(spawn_start(&s, &pid, &why), ERR_IO);
	assert_string_equal(why.text, "cannot start /nonexistent/x: "
				      "No such file or directory");
	s.path = "sh"; /* the PATH is never searched */
	assert_int_equal(spawn_start(&s, &pid, &why), ERR_RANGE);
	s.path = "/bin/sh";
	s.fd[0] = 200; /* not open */
	s.nfd = 1;
	assert_int_equal(spawn_start(&s, &pid, &why), ERR_IO);
	s.nfd = SPAWN_FD_MAX + 1;
	assert_int_equal(spawn_start(&s, &pid, &why), ERR_RANGE);
	assert_int_equal(pid, 77);
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1); /* no zombie */
	assert_int_equal(errno, ECHILD);
}

/* The grandchild must not outlive the one who started it. */
static void
test_dies_with_parent(void **state)
{
	const char *argv[] = {"sleep", "60", NULL};
	struct spawn s = {.path = "/bin/sleep", .argv = argv};
	pid_t middle, child = 0;
	int p[2], status;

	(void)state;
	assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
	assert_int_equal(pipe2(p, O_CLOEXEC), 0);
	middle = fork();
	assert_true(middle >= 0);
	if (middle == 0) {
		if (spawn_start(&s, &child, NULL) != 0 ||
		    write(p[1], &child, sizeof(child)) < 0)
			_exit(1);
		pause();
		_exit(0);
	}
	assert_int_equal(read(p[0], &child, sizeof(child)), sizeof(child));
	kill(middle, SIGKILL);
	assert_int_equal(waitpid(middle, NULL, 0), middle);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	close(p[0]);
	close(p[1]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_descriptors),
		cmocka_unit_test(test_environment),
		cmocka_unit_test(test_signals),
		cmocka_unit_test(test_status),
		cmocka_unit_test(test_failures),
		cmocka_unit_test(test_dies_with_parent),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
