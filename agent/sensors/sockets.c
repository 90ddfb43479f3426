/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Sockets and their processes.  Runs on the urgent job thread of the sensors
 * process.  Names are what processes call themselves: quoted.
 */
#include "agent/sensors/sockets.h"

#include <ctype.h>
#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/err.h"
#include "common/base/file.h"
#include "common/base/log.h"

int
socket_owners_init(struct socket_owners *s)
{
	s->n = 0;
	s->at = calloc(SOCKETS_MAX, sizeof(*s->at));
	return s->at != NULL ? 0 : ERR_NOMEM;
}

void
socket_owners_done(struct socket_owners *s)
{
	free(s->at);
	s->at = NULL;
	s->n = 0;
}

void
socket_owners_add(struct socket_owners *s, const char *proc, pid_t pid,
    const char *name, int64_t until_ms)
{
	char path[300], link[64];
	const struct dirent *de;
	struct socket_owner *so;
	uint64_t inode;
	ssize_t n;
	DIR *d;

	snprintf(path, sizeof(path), "%s/%d/fd", proc, (int)pid);
	d = opendir(path);
	while (d != NULL && s->n < SOCKETS_MAX &&
	    clock_boot_ms() <= until_ms && (de = readdir(d)) != NULL) {
		n = readlinkat(dirfd(d), de->d_name, link, sizeof(link) - 1);
		if (n <= 0)
			continue;
		link[n] = '\0';
		if (sscanf(link, "socket:[%" SCNu64 "]", &inode) != 1)
			continue;
		so = &s->at[s->n++];
		so->inode = inode;
		so->pid = pid;
		log_quote(so->name, sizeof(so->name), name, strlen(name));
	}
	if (d != NULL)
		closedir(d);
}

bool
socket_owners_walk(struct socket_owners *s, const char *proc,
    int64_t until_ms)
{
	char path[300], name[64];
	const struct dirent *de;
	DIR *d = opendir(proc);
	bool all = true;

	while (d != NULL && all && (de = readdir(d)) != NULL) {
		all = clock_boot_ms() <= until_ms;
		if (!all || !isdigit((unsigned char)de->d_name[0]))
			continue;
		snprintf(path, sizeof(path), "%s/%.20s/comm", proc,
		    de->d_name);
		if (file_text(path, name, sizeof(name)) <= 0)
			continue;
		name[strcspn(name, "\n")] = '\0';
		socket_owners_add(s, proc, (pid_t)atoi(de->d_name), name,
		    until_ms);
	}
	if (d != NULL)
		closedir(d);
	return all;
}

void
socket_owner_program(const struct socket_owner *so, const char *proc,
    char *out, size_t size)
{
	char path[300], exe[512];
	ssize_t n;

	snprintf(path, sizeof(path), "%s/%d/exe", proc, (int)so->pid);
	n = readlink(path, exe, sizeof(exe));
	if (n > 0)
		log_quote(out, size, exe, (size_t)n);
	else
		snprintf(out, size, "%s", so->name);
}

const struct socket_owner *
socket_owners_find(const struct socket_owners *s, uint64_t inode)
{
	size_t i;

	for (i = 0; inode != 0 && i < s->n; i++)
		if (s->at[i].inode == inode)
			return &s->at[i];
	return NULL;
}
