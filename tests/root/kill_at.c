/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * kill-at PID N: follows a process that waits, says "ready", and kills it
 * when it enters its N-th system call after that wait, before the call does
 * anything; on SIGTERM it lets go and tells how many there were.
 * Deterministic, where a kill after a
 * random time is not.  For the stranding suite; only ever used on a process
 * that a test has started.
 */
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#define SYSCALL_STOP (SIGTRAP | 0x80) /* PTRACE_O_TRACESYSGOOD, ptrace(2) */

static volatile sig_atomic_t enough;

static void
on_term(int sig)
{
	(void)sig;
	enough = 1;
}

static int
fail(const char *what)
{
	printf("error %s: %s\n", what, strerror(errno));
	return 1;
}

/* The entry and the exit of a call are one stop each; true: it was an entry. */
static bool
is_entry(pid_t pid)
{
	struct __ptrace_syscall_info info;

	return ptrace(PTRACE_GET_SYSCALL_INFO, pid, sizeof(info), &info) > 0 &&
	    info.op == PTRACE_SYSCALL_INFO_ENTRY;
}

static int
follow(pid_t pid, long n)
{
	long seen = -1; /* the wait that we broke is entered again */
	int status, sig;

	for (;;) {
		if (waitpid(pid, &status, __WALL) < 0) {
			if (errno != EINTR)
				return fail("wait");
			(void)ptrace(PTRACE_INTERRUPT, pid, 0, 0);
			continue;
		}
		if (!WIFSTOPPED(status)) {
			printf("gone %ld\n", seen);
			return 1;
		}
		if (enough)
			break;
		sig = WSTOPSIG(status);
		if (sig == SYSCALL_STOP && is_entry(pid)) {
			if (++seen == 0)
				puts("ready");
			if (seen == n) {
				kill(pid, SIGKILL);
				printf("killed %ld\n", seen);
				return 0;
			}
		}
		if (sig == SYSCALL_STOP || status >> 16 != 0)
			sig = 0;
		if (ptrace(PTRACE_SYSCALL, pid, 0, sig) != 0)
			return fail("go on");
	}
	(void)ptrace(PTRACE_DETACH, pid, 0, 0);
	printf("passed %ld\n", seen);
	return 0;
}

int
main(int argc, char **argv)
{
	struct sigaction sa = {.sa_handler = on_term};
	pid_t pid;
	int status;

	if (argc != 3)
		return 2;
	pid = (pid_t)atoi(argv[1]);
	sigaction(SIGTERM, &sa, NULL); /* no SA_RESTART: wait ends */
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (ptrace(PTRACE_SEIZE, pid, 0, PTRACE_O_TRACESYSGOOD) != 0 ||
	    ptrace(PTRACE_INTERRUPT, pid, 0, 0) != 0 ||
	    waitpid(pid, &status, __WALL) < 0 || !WIFSTOPPED(status) ||
	    ptrace(PTRACE_SYSCALL, pid, 0, 0) != 0)
		return fail("follow");
	return follow(pid, atol(argv[2]));
}
