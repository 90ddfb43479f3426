/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the kernel's process connector says (linux/cn_proc.h): messages of
 * a netlink socket, taken apart with every length checked, and the filter
 * that leaves in the kernel what nobody here reads.
 */
#ifndef CORDON_PROCESS_CONNECTOR_H
#define CORDON_PROCESS_CONNECTOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/base/err.h"

#define CONNECTOR_NAME_LEN 16 /* of a task, with the terminator */

enum connector_what {
	CONNECTOR_ACK,	  /* answer to our subscription; error is set */
	CONNECTOR_FORK,	  /* pid is new, parent made it */
	CONNECTOR_EXEC,	  /* pid runs a new program */
	CONNECTOR_UID,	  /* pid has other user ids */
	CONNECTOR_TRACE,  /* parent traces pid, or (0) lets go */
	CONNECTOR_NAME,	  /* pid calls itself name */
	CONNECTOR_OTHER,  /* what we do not read */
};

struct connector_event {
	enum connector_what what;
	pid_t pid;    /* process, not thread */
	pid_t thread; /* equal to pid: the first thread */
	pid_t parent; /* process */
	uint32_t uid, euid; /* of the initial user namespace */
	uint32_t error;	    /* errno value */
	uint64_t at_ns;	    /* CLOCK_MONOTONIC */
	char name[CONNECTOR_NAME_LEN]; /* foreign bytes, terminated */
};

/*
 * The event at *OFF of LEN bytes; *OFF moves behind it.  ERR_NOENT: no
 * more.  ERR_SYNTAX: lengths that do not fit; nothing behind can be
 * trusted.
 */
int connector_next(const uint8_t *buf, size_t len, size_t *off,
    struct connector_event *ev);

/*
 * A socket that is told of the processes of this host (the whole machine,
 * containers included), not blocking; -1 and WHY.  Needs CAP_NET_ADMIN of
 * the initial user namespace, the initial pid and network namespaces, and
 * CONFIG_PROC_EVENTS: found out by asking, the kernel answers at once.
 * None of it is needed any more for reading.
 */
int connector_open(struct why *why);
/* Only what connector_next names passes to FD, and no new threads. */
int connector_filter(int fd);

#endif
