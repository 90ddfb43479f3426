/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Who did it: what /proc tells of a process while it lives, and a cache of
 * who runs what (filled when a program is started) for those that are gone
 * when their event is read.
 */
#ifndef CORDON_SENSORS_WHO_H
#define CORDON_SENSORS_WHO_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "agent/process/lineage.h"
#include "common/wire/agent.pb-c.h"

#define WHO_PARENTS_MAX 8
#define WHO_TEXT_MAX 512   /* bytes of one text, quoted */
#define WHO_CACHE_MAX 1024 /* processes remembered */

/* Shared by the events of one process; counted. */
struct who {
	atomic_uint refs;
	Cordon__Grade grade;
	pid_t pid;
	uint64_t start; /* clock ticks after boot; 0: not known */
	uint32_t uid, login_uid; /* UINT32_MAX: not known, none */
	char *program, *command, *user, *unit; /* never NULL; quoted */
	char *parent[WHO_PARENTS_MAX];
	size_t parents;
	/*
	 * Bit 0: the program is the file that its path names on this host,
	 * and not one that another mount namespace calls so; bit 1 + i: the
	 * same of parent i.
	 */
	uint32_t real;
};

struct who *who_ref(struct who *w);
void who_unref(struct who **w);
/* "U-" and letters, the same for all of one process; needs ID_MAX. */
void who_cause_id(const struct who *w, char *out);

struct who_cache; /* has its own lock: one for all sensors */

struct who_cache *who_cache_new(void);
void who_cache_free(struct who_cache **c);
/* Ask L (lent) as well, and tell it what who_started is told. */
void who_cache_lineage(struct who_cache *c, struct lineage *l);
/* PID starts PROGRAM (path as the event says). */
void who_started(struct who_cache *c, pid_t pid, const char *program);
/*
 * Who is PID?  PIDFD (lent) or -1 when the kernel gave none.  The answer
 * is counted for the caller; NULL only without memory.
 */
struct who *who_find(struct who_cache *c, pid_t pid, int pidfd);

/*
 * The kernel names a task NAME of PID, and PID may be of another pid
 * namespace than ours: who_find of PID if that one is so called, else of the
 * one that was started last under that name.
 */
struct who *who_find_named(struct who_cache *c, pid_t pid, const char *name);

/* Start of PID in clock ticks after boot; 0: there is no such process. */
uint64_t who_start(pid_t pid);

/* -- parsers of /proc, for tests ---------------------------- */
/* The uid (real) and parent from /proc/PID/status text. */
bool who_parse_status(const char *text, uint32_t *uid, pid_t *parent);
/* Start time, field 22 of /proc/PID/stat; 0 if malformed. */
uint64_t who_parse_stat(const char *text);
/* Unit or last part of the cgroup from /proc/PID/cgroup. */
void who_parse_cgroup(const char *text, char *out, size_t size);

#endif
