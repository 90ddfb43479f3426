/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Starting the agent's other programs from the tool, as root. */
#ifndef CORDON_TOOL_PROGRAM_H
#define CORDON_TOOL_PROGRAM_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "agent/tool/tool.h"
#include "common/base/buf.h"
#include "common/base/err.h"

/* Become LIBEXEC/NAME; returns (TOOL_FAILED) only if that did not work. */
int program_become(const struct tool *t, const char *name,
    const char *const *argv);

/*
 * Run LIBEXEC/NAME and wait.  INPUT (or NULL) is its standard input; what
 * it writes on descriptor OUT_FD (1 or 3; 0: none) is appended to OUT.
 * 0 only if it exited with 0; *STATUS is its exit status, -1 if it had
 * none.  Its own messages go to our standard error.
 */
int program_run(const struct tool *t, const char *name,
    const char *const *argv, const char *input, int out_fd, struct buf *out,
    int *status, struct why *why);

/*
 * Start LIBEXEC/NAME with its standard output at *FD.  program_close ends
 * it when it was not read to its END, and waits; 0 only if it exited with 0
 * then.
 */
int program_open(const struct tool *t, const char *name,
    const char *const *argv, pid_t *pid, int *fd, struct why *why);
int program_close(const char *name, pid_t pid, int fd, bool end,
    struct why *why);

/* What agent.conf says of KEY (agent-parent --print); 0 or TOOL_*. */
int program_setting(const struct tool *t, const char *key, char *out,
    size_t size);
/* Fill state and run folder of T, unless they were given. */
int program_folders(struct tool *t);

#endif
