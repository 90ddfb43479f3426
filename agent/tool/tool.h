/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * cordon-agent: what root does by hand on a host.  Each command is a
 * function of its own; the exit status is one of enum tool_exit.
 */
#ifndef CORDON_TOOL_TOOL_H
#define CORDON_TOOL_TOOL_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

#define TOOL_COLLECTORS_MAX 16

enum tool_exit {
	TOOL_DONE = 0,
	TOOL_FAILED = 1,       /* tried and failed, or refused */
	TOOL_USAGE = 64,       /* EX_USAGE */
	TOOL_NOT_RUNNING = 69, /* EX_UNAVAILABLE: no agent to ask */
	TOOL_NOT_ROOT = 77,    /* EX_NOPERM */
	TOOL_CONFIG = 78,      /* EX_CONFIG: not good, or not enrolled */
};

struct tool {
	const char *conf, *libexec;
	char state[PATH_MAX], run[PATH_MAX]; /* asked of agent-parent */
	/* enrol */
	const char *collector[TOOL_COLLECTORS_MAX];
	size_t ncollectors;
	const char *token, *token_file, *ca_sha256;
	bool force;
	/* order, canaries, manifest: the first argument */
	const char *file;
	/* packages */
	char *const *files;
	int nfiles;
	const char *tree, *manifest; /* manifest */
};

int tool_run(struct tool *t);
int tool_check_config(struct tool *t);
int tool_restore(struct tool *t);
int tool_may_remove(struct tool *t);
int tool_clear(struct tool *t);
int tool_enrol(struct tool *t);
int tool_order(struct tool *t);
int tool_status(struct tool *t);
int tool_packages(struct tool *t);
int tool_canaries(struct tool *t);
int tool_manifest(struct tool *t);

#endif
