/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Starting a program of ours.  Runs in the agent's parent and in the tool,
 * which say beside each call what is started and why; what comes out of
 * here has the rights of whoever called.  Between fork(2) and execve(2)
 * only async-signal-safe calls are made (signal-safety(7)); all memory is
 * prepared before.
 */
#include "common/proc/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define ENV_KEPT 4
#define ENV_MAX (ENV_KEPT + 2)
#define EXIT_NO_EXEC 127
/* Above every number the child will have, so that moves cannot collide. */
#define FD_PARK (SPAWN_FD_FIRST + SPAWN_FD_MAX + 1)

/* Sanitizers are told by environment how to behave (test builds only). */
static const char *const env_kept[ENV_KEPT] = {
    "LANG", "TZ", "NOTIFY_SOCKET", "JOURNAL_STREAM"};
#if defined(__SANITIZE_ADDRESS__)
static const char *const env_more[2] = {"ASAN_OPTIONS", "UBSAN_OPTIONS"};
#endif

/* Pointers into our own environment, "NAME=value". */
static void
add_env(char **env, size_t *n, const char *name)
{
	const char *value = getenv(name);

	if (value != NULL)
		env[(*n)++] = (char *)(uintptr_t)(value - strlen(name) - 1);
}

/* -- in the child ---------------------------------------------------------- */

static void
reset_signals(bool shielded)
{
	struct sigaction sa = {.sa_handler = SIG_DFL};
	sigset_t none;
	int i;

	for (i = 1; i < NSIG; i++)
		(void)sigaction(i, &sa, NULL); /* KILL, STOP refuse: fine */
	if (shielded) {
		sa.sa_handler = SIG_IGN;
		(void)sigaction(SIGINT, &sa, NULL);
		(void)sigaction(SIGTERM, &sa, NULL);
	}
	sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
}

/* Put the descriptors where they belong and close all others. */
static int
place_fds(const struct spawn *s, int report, int *moved_report)
{
	int parked[SPAWN_FD_MAX];
	size_t i;
	int last = SPAWN_FD_FIRST + (int)s->nfd;

	for (i = 0; i < s->nfd; i++) {
		parked[i] = -1;
		if (s->fd[i] < 0)
			continue;
		parked[i] = fcntl(s->fd[i], F_DUPFD_CLOEXEC, FD_PARK);
		if (parked[i] < 0)
			return -1;
	}
	*moved_report = fcntl(report, F_DUPFD_CLOEXEC, FD_PARK);
	if (*moved_report < 0)
		return -1;
	for (i = 0; i < s->nfd; i++) {
		if (parked[i] < 0)
			(void)close(SPAWN_FD_FIRST + (int)i);
		else if (dup2(parked[i], SPAWN_FD_FIRST + (int)i) < 0)
			return -1;
	}
	/* The report pipe closes by itself at execve. */
	if (close_range((unsigned int)last,
		(unsigned int)*moved_report - 1, 0) < 0 ||
	    close_range((unsigned int)*moved_report + 1, ~0U, 0) < 0)
		return -1;
	return 0;
}

static void __attribute__((noreturn))
run_child(const struct spawn *s, char **env, int report, pid_t parent)
{
	int out = report, err;

	reset_signals(s->shielded);
	if (place_fds(s, report, &out) < 0 ||
	    prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
		goto fail;
	if (getppid() != parent)
		_exit(EXIT_NO_EXEC); /* it died before we could ask */
	/* S->path: a program of ours, with our rights; it drops them. */
	(void)execve(s->path, (char *const *)(uintptr_t)s->argv, env);
fail:
	err = errno;
	if (write(out, &err, sizeof(err)) < 0)
		_exit(EXIT_NO_EXEC);
	_exit(EXIT_NO_EXEC);
}

/* -- in the parent --------------------------------------------------------- */

/* 0 when execve went well: the pipe closed without a word. */
static int
read_report(int fd)
{
	ssize_t n;
	int err;

	do
		n = read(fd, &err, sizeof(err));
	while (n < 0 && errno == EINTR);
	return n == (ssize_t)sizeof(err) ? err : 0;
}

int
spawn_start(const struct spawn *s, pid_t *pid, struct why *why)
{
	char *env[ENV_MAX + 1] = {NULL};
	size_t i, n = 0;
	pid_t child, self = getpid();
	int report[2], err;

	if (s->path[0] != '/' || s->nfd > SPAWN_FD_MAX)
		return why_set(why, ERR_RANGE, "cannot start %s: not an "
		    "absolute path, or too many descriptors", s->path);
	for (i = 0; i < ENV_KEPT; i++)
		add_env(env, &n, env_kept[i]);
#if defined(__SANITIZE_ADDRESS__)
	add_env(env, &n, env_more[0]);
	add_env(env, &n, env_more[1]);
#endif
	if (pipe2(report, O_CLOEXEC) < 0)
		return why_sys(why, ERR_IO, "pipe");
	/* A process, for the exec above: it lives for that alone. */
	child = fork();
	if (child == 0)
		run_child(s, env, report[1], self);
	close(report[1]);
	if (child < 0) {
		err = why_sys(why, ERR_IO, "fork");
		close(report[0]);
		return err;
	}
	err = read_report(report[0]);
	close(report[0]);
	if (err != 0) {
		while (waitpid(child, NULL, 0) < 0 && errno == EINTR)
			continue;
		errno = err;
		return why_sys(why, ERR_IO, "cannot start %s", s->path);
	}
	*pid = child;
	return 0;
}

const char *
spawn_status(int status, char *out, size_t size)
{
	const char *name;

	if (WIFEXITED(status)) {
		snprintf(out, size, "exit status %d", WEXITSTATUS(status));
	} else if (WIFSIGNALED(status)) {
		name = sigabbrev_np(WTERMSIG(status));
		if (name != NULL)
			snprintf(out, size, "killed by SIG%s", name);
		else
			snprintf(out, size, "killed by signal %d",
			    WTERMSIG(status));
	} else {
		snprintf(out, size, "wait status %#x", (unsigned int)status);
	}
	return out;
}
