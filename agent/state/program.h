/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A program as the facts name it, and what its place says about it.
 */
#ifndef CORDON_STATE_PROGRAM_H
#define CORDON_STATE_PROGRAM_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define PROGRAM_TEXT_MAX 600

/*
 * The executable of PID, behind it the script for interpreters:
 * "/usr/bin/python3.11 (/srv/x.py)".  An executable that was replaced by an
 * update counts as itself; one that is gone ends with " (deleted)".  False:
 * no such process, or a kernel thread.
 */
bool program_of(pid_t pid, char out[PROGRAM_TEXT_MAX]);
/* The same from what readlink and cmdline (LEN bytes) gave.  Pure. */
void program_name(const char *exe, bool there, const char *cmdline,
    size_t len, char out[PROGRAM_TEXT_MAX]);

enum program_class {
	PROGRAM_PLAIN,
	PROGRAM_SCRIPT,	  /* an interpreter: could do anything */
	PROGRAM_SHELL,	  /* a shell, or a tool that joins sockets to one */
	PROGRAM_VOLATILE, /* from a place that anybody can write, or no file */
};
enum program_class program_class(const char *name);

#endif
