/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * CPU and memory of the agent.  Runs in its network process, which has no
 * rights: it reads only what /proc shows to everyone.
 */
#include "agent/network/usage.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/buf.h"

#define PIDS_MAX 16

/* A small file of /proc (file_read takes only files with a length). */
static bool
read_proc(const char *path, char *out, size_t size)
{
	size_t n;
	FILE *f;

	if ((f = fopen(path, "re")) == NULL)
		return false;
	n = fread(out, 1, size - 1, f);
	fclose(f);
	out[n] = '\0';
	return n > 0;
}

/* Adds one process; its name may hold anything, so look behind the last ')'. */
static bool
add(struct usage *u, long pid)
{
	unsigned long user, sys;
	char path[64], text[1024];
	const char *p;
	long rss;

	snprintf(path, sizeof(path), "/proc/%ld/stat", pid);
	if (!read_proc(path, text, sizeof(text)) ||
	    (p = strrchr(text, ')')) == NULL ||
	    sscanf(p + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u "
	    "%lu %lu %*d %*d %*d %*d %*d %*d %*u %*u %ld", &user, &sys,
	    &rss) != 3)
		return false;
	u->cpu_ms += (uint64_t)(user + sys) * 1000 /
	    (uint64_t)sysconf(_SC_CLK_TCK);
	u->rss_kib += (uint64_t)rss * (uint64_t)sysconf(_SC_PAGESIZE) / 1024;
	return true;
}

void
usage_own(struct usage *u)
{
	memset(u, 0, sizeof(*u));
	(void)add(u, (long)getpid());
}

bool
usage_all(struct usage *u)
{
	char path[96], text[512], *at, *end;
	long parent = (long)getppid(), pid;
	struct usage sum = {0, 0};
	int n = 0;

	if (parent <= 1)
		return false;
	snprintf(path, sizeof(path), "/proc/%ld/task/%ld/children", parent,
	    parent);
	if (!add(&sum, parent) || !read_proc(path, text, sizeof(text)))
		return false;
	for (at = text; n < PIDS_MAX; at = end, n++) {
		pid = strtol(at, &end, 10);
		if (end == at)
			break;
		if (!add(&sum, pid))
			return false;
	}
	*u = sum;
	return true;
}
