/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The walk over /proc.  Runs on the threads of the sensors, and only
 * when something new was seen.  Processes come and go under it.
 */
#include "agent/state/holders.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "common/base/file.h"

uint64_t
holders_parse_link(const char *text)
{
	unsigned long long inode;
	char end;

	if (sscanf(text, "socket:[%llu%c", &inode, &end) != 2 || end != ']')
		return 0;
	return inode;
}

uint32_t
holders_parse_fdinfo(const char *text, const char *name)
{
	const char *line = strstr(text, name);

	if (line == NULL || (line != text && line[-1] != '\n'))
		return 0;
	return (uint32_t)strtoul(line + strlen(name), NULL, 10);
}

static bool
is_same(uint64_t a, uint64_t b)
{
	return a != 0 && a == b;
}

static void
answer(struct holders *h, const struct holding *seen)
{
	struct holding *ask;
	size_t i;

	for (i = 0; i < h->n; i++) {
		ask = &h->ask[i];
		if (ask->pid == 0 && (is_same(ask->inode, seen->inode) ||
		    is_same(ask->program, seen->program) ||
		    is_same(ask->link, seen->link)))
			ask->pid = seen->pid;
	}
}

static void
note_xdp(struct holders *h, pid_t pid, uint64_t inode)
{
	size_t i;

	for (i = 0; i < h->nfound; i++)
		if (h->found[i].inode == inode)
			return;
	if (h->nfound < HOLDERS_MAX)
		h->found[h->nfound++] = (struct holding){.inode = inode,
		    .pid = pid};
}

/* The kernel tells a socket's protocol as an attribute of its file. */
static bool
is_xdp(pid_t pid, const char *fd)
{
	char path[64], proto[16] = "";

	snprintf(path, sizeof(path), "/proc/%d/fd/%.16s", (int)pid, fd);
	return getxattr(path, "system.sockprotoname", proto,
	    sizeof(proto) - 1) > 0 && strcmp(proto, "XDP") == 0;
}

static void
look_at(struct holders *h, pid_t pid, int dir, const char *fd)
{
	struct holding seen = {.pid = pid};
	char link[64], path[64], text[1024];
	ssize_t n;

	n = readlinkat(dir, fd, link, sizeof(link) - 1);
	if (n <= 0)
		return;
	link[n] = '\0';
	seen.inode = holders_parse_link(link);
	if (seen.inode != 0) {
		answer(h, &seen);
		if (h->xdp && is_xdp(pid, fd))
			note_xdp(h, pid, seen.inode);
	} else if (strncmp(link, "anon_inode:bpf", 14) == 0) {
		snprintf(path, sizeof(path), "/proc/%d/fdinfo/%.16s",
		    (int)pid, fd);
		if (file_text(path, text, sizeof(text)) <= 0)
			return;
		seen.program = holders_parse_fdinfo(text, "prog_id:");
		seen.link = holders_parse_fdinfo(text, "link_id:");
		answer(h, &seen);
	}
}

static void
walk_one(struct holders *h, pid_t pid)
{
	const struct dirent *e;
	char path[64];
	DIR *d;

	snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
	d = opendir(path);
	if (d == NULL)
		return;
	while ((e = readdir(d)) != NULL)
		if (e->d_name[0] != '.')
			look_at(h, pid, dirfd(d), e->d_name);
	closedir(d);
}

void
holders_walk(struct holders *h)
{
	const struct dirent *e;
	DIR *proc = opendir("/proc");
	pid_t pid;

	h->nfound = 0;
	if (proc == NULL)
		return;
	while ((e = readdir(proc)) != NULL) {
		pid = (pid_t)strtol(e->d_name, NULL, 10);
		if (pid > 0)
			walk_one(h, pid);
	}
	closedir(proc);
}
