/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Which process holds which socket, from /proc/PID/fd (proc(5)). */
#ifndef CORDON_SENSORS_SOCKETS_H
#define CORDON_SENSORS_SOCKETS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define SOCKETS_MAX 8192 /* more are left without an owner */

struct socket_owner {
	uint64_t inode;
	pid_t pid;
	char name[32]; /* of the process, quoted */
};

struct socket_owners {
	struct socket_owner *at; /* SOCKETS_MAX of them */
	size_t n;
};

int socket_owners_init(struct socket_owners *s); /* ERR_NOMEM */
void socket_owners_done(struct socket_owners *s);
/* Note the sockets of PID until UNTIL_MS (boot time).  PROC: "/proc". */
void socket_owners_add(struct socket_owners *s, const char *proc, pid_t pid,
    const char *name, int64_t until_ms);
/* Those of all processes below PROC.  False: time was up before the end. */
bool socket_owners_walk(struct socket_owners *s, const char *proc,
    int64_t until_ms);
/* The path of its executable, else the name; quoted. */
void socket_owner_program(const struct socket_owner *so, const char *proc,
    char *out, size_t size);
/* NULL: nobody we saw. */
const struct socket_owner *socket_owners_find(const struct socket_owners *s,
    uint64_t inode);

#endif
