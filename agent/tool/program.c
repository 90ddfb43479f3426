/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Starting the agent's other programs.  Runs in the tool as root.  What a
 * program prints is bounded; secrets go to it by standard input, never by
 * its arguments, which every user of the host can read.
 */
#include "agent/tool/program.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/file.h"
#include "common/base/log.h"
#include "common/proc/spawn.h"

/*
 * The program takes our place, as root with all rights of whoever called the
 * tool (systemd, an administrator, the package); it drops them itself, by
 * its own table.  No second process: systemd has to see the parent as the
 * one it started, and an exit status is to be the program's own.
 */
int
program_become(const struct tool *t, const char *name,
    const char *const *argv)
{
	char path[PATH_MAX];

	if (file_join(path, sizeof(path), t->libexec, name) != 0) {
		log_error("--libexec: path too long");
		return TOOL_USAGE;
	}
	execv(path, (char *const *)(uintptr_t)argv);
	log_error("cannot start %s: %s", path, strerror(errno));
	return TOOL_FAILED;
}

/* Put FD (or nothing) in the place of TO; *SAVED is what was there. */
static int
swap_in(int fd, int to, int *saved)
{
	*saved = -1;
	if (fd < 0)
		return 0;
	*saved = dup(to);
	return dup2(fd, to) < 0 ? -1 : 0;
}

static void
swap_back(int saved, int to)
{
	if (saved < 0)
		return;
	(void)dup2(saved, to);
	close(saved);
}

/* A pipe that holds TEXT already; it must fit the kernel's buffer. */
static int
pipe_with(const char *text, int *fd, struct why *why)
{
	int p[2], err;

	if (pipe2(p, O_CLOEXEC) < 0)
		return why_sys(why, ERR_IO, "pipe");
	err = file_write_all(p[1], text, strlen(text));
	close(p[1]);
	if (err != 0) {
		close(p[0]);
		return why_set(why, err, "pipe: cannot be filled");
	}
	*fd = p[0];
	return 0;
}

static int
drain(int fd, struct buf *out, struct why *why)
{
	uint8_t *at;
	ssize_t n;

	for (;;) {
		size_t room = out->max - out->len;

		if (room > 4096)
			room = 4096;
		if (room == 0)
			return why_set(why, ERR_LIMIT, "it says too much");
		if (buf_reserve(out, room, &at) != 0)
			return why_set(why, ERR_NOMEM, "out of memory");
		n = read(fd, at, room);
		if (n > 0)
			buf_grow(out, (size_t)n);
		else if (n == 0)
			return 0;
		else if (errno != EINTR)
			return why_sys(why, ERR_IO, "reading its answer");
	}
}

static int
wait_for(pid_t pid, const char *name, int *status, struct why *why)
{
	char text[64];
	int st;

	while (waitpid(pid, &st, 0) < 0)
		if (errno != EINTR)
			return why_sys(why, ERR_IO, "waiting for %s", name);
	if (WIFEXITED(st))
		*status = WEXITSTATUS(st);
	if (WIFEXITED(st) && WEXITSTATUS(st) == 0)
		return 0;
	return why_set(why, ERR_IO, "%s: %s", name,
	    spawn_status(st, text, sizeof(text)));
}

/* Start S with IN and OUT (or -1) as standard input and output. */
static int
start_with(const struct spawn *s, int in, int out, pid_t *pid,
    struct why *why)
{
	int saved_in = -1, saved_out = -1, err;

	if (swap_in(in, STDIN_FILENO, &saved_in) < 0 ||
	    swap_in(out, STDOUT_FILENO, &saved_out) < 0)
		err = why_sys(why, ERR_IO, "dup");
	else
		err = spawn_start(s, pid, why);
	swap_back(saved_in, STDIN_FILENO);
	swap_back(saved_out, STDOUT_FILENO);
	return err;
}

/*
 * Starts LIBEXEC/NAME with our rights, root's: agent-parent, to read
 * agent.conf or make its folders, or agent-network, which becomes its own
 * user and enrols.  A process, because only the parent parses agent.conf,
 * only agent-network speaks to the outside, and what it received is to be
 * checked by one who did not.
 */
int
program_run(const struct tool *t, const char *name, const char *const *argv,
    const char *input, int out_fd, struct buf *out, int *status,
    struct why *why)
{
	char path[PATH_MAX];
	struct spawn s = {.path = path, .argv = argv};
	int in = -1, p[2] = {-1, -1}, err, rc;
	pid_t pid;

	*status = -1;
	if (file_join(path, sizeof(path), t->libexec, name) != 0)
		return why_set(why, ERR_LIMIT, "--libexec: path too long");
	if (input != NULL && (err = pipe_with(input, &in, why)) != 0)
		return err;
	if (out_fd > 0 && pipe2(p, O_CLOEXEC) < 0) {
		err = why_sys(why, ERR_IO, "pipe");
		goto done;
	}
	s.fd[0] = p[1];
	s.nfd = out_fd == SPAWN_FD_FIRST;
	err = start_with(&s, in, out_fd == STDOUT_FILENO ? p[1] : -1, &pid,
	    why);
	if (p[1] >= 0)
		close(p[1]); /* or our own end keeps the pipe open */
	if (err != 0)
		goto done;
	if (out_fd > 0) {
		err = drain(p[0], out, why);
		close(p[0]); /* one that says too much shall not block */
		p[0] = -1;
	}
	rc = wait_for(pid, name, status, err == 0 ? why : NULL);
	err = err == 0 ? rc : err;
done:
	if (in >= 0)
		close(in);
	if (p[0] >= 0)
		close(p[0]);
	return err;
}

int
program_open(const struct tool *t, const char *name, const char *const *argv,
    pid_t *pid, int *fd, struct why *why)
{
	char path[PATH_MAX];
	struct spawn s = {.path = path, .argv = argv};
	int p[2], err;

	if (file_join(path, sizeof(path), t->libexec, name) != 0)
		return why_set(why, ERR_LIMIT, "--libexec: path too long");
	if (pipe2(p, O_CLOEXEC) < 0)
		return why_sys(why, ERR_IO, "pipe");
	err = start_with(&s, -1, p[1], pid, why);
	close(p[1]);
	if (err != 0)
		close(p[0]);
	else
		*fd = p[0];
	return err;
}

int
program_close(const char *name, pid_t pid, int fd, bool end, struct why *why)
{
	uint8_t rest[4096];
	int status;

	while (end && read(fd, rest, sizeof(rest)) > 0)
		; /* what stands behind the end; closing would kill it */
	close(fd);
	return wait_for(pid, name, &status, end ? why : NULL);
}

int
program_setting(const struct tool *t, const char *key, char *out, size_t size)
{
	const char *argv[] = {"agent-parent", "-c", t->conf, "--print", key,
	    NULL};
	struct why why = {0};
	int status, err;
	struct buf b;

	buf_init(&b, size);
	err = program_run(t, "agent-parent", argv, NULL, STDOUT_FILENO, &b,
	    &status, &why);
	if (err != 0) {
		/* It said itself what is wrong with the configuration. */
		if (status != TOOL_CONFIG)
			log_error("%s", why.text);
		goto done;
	}
	if (b.len < 2 || b.len >= size || b.data[b.len - 1] != '\n') {
		log_error("agent-parent does not say what %s is", key);
		err = ERR_PROTO;
		goto done;
	}
	memcpy(out, b.data, b.len - 1);
	out[b.len - 1] = '\0';
done:
	buf_done(&b);
	return err == 0 ? TOOL_DONE : status == TOOL_CONFIG ? TOOL_CONFIG
							    : TOOL_FAILED;
}

int
program_folders(struct tool *t)
{
	int rc = TOOL_DONE;

	if (t->state[0] == '\0')
		rc = program_setting(t, "state_dir", t->state,
		    sizeof(t->state));
	if (rc == TOOL_DONE && t->run[0] == '\0')
		rc = program_setting(t, "run_dir", t->run, sizeof(t->run));
	return rc;
}
