/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A disk whose power can be cut: records what the code under test does to
 * the files of one folder (by standing in for the C library's calls), and
 * can make of it, in another folder, what a cut after any of these calls may
 * leave: what was synced is there, of the rest any part.  Files only; folder
 * entries get there in order, each whole, but not before their sync.  It
 * may also run full for a while.  Included by one test program.
 */
#ifndef TESTS_UNIT_AGENT_NETWORK_DISK_H
#define TESTS_UNIT_AGENT_NETWORK_DISK_H

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define INODES 4096
#define ENTRIES 64
#define VERSIONS 8192
#define FDS 256
#define SECTOR 512

struct content {
	uint8_t *data;
	size_t len;
};

struct entries {
	struct {
		char name[64];
		int inode;
	} e[ENTRIES];
	size_t n;
};

static struct {
	char dir[96]; /* "": nothing is recorded */
	struct content now[INODES], safe[INODES];
	int inodes;
	struct entries ver[VERSIONS]; /* of the folder, one a change */
	int nver, safe_ver;
	int of_fd[FDS]; /* inode + 1; -1: the folder; 0: foreign */
	uint64_t pos[FDS];
	bool busy; /* in here: not to be recorded */
	void (*after)(void); /* each call that changed something */
	/* No space for the calls FULL_FROM to FULL_TO that want some. */
	uint64_t wanted, full_from, full_to;
} disk;

#define REAL(name, type) \
	static __typeof__(type) real; \
	if (real == NULL) \
		real = (__typeof__(type))(uintptr_t)dlsym(RTLD_NEXT, name)

/* -- the model ------------------------------------------------------------ */

static struct entries *
folder(void)
{
	return &disk.ver[disk.nver - 1];
}

static struct entries *
folder_changes(void)
{
	if (disk.nver == VERSIONS)
		abort();
	disk.ver[disk.nver] = disk.ver[disk.nver - 1];
	return &disk.ver[disk.nver++];
}

static int
lookup(const struct entries *d, const char *name)
{
	size_t i;

	for (i = 0; i < d->n; i++)
		if (strcmp(d->e[i].name, name) == 0)
			return (int)i;
	return -1;
}

static void
drop_entry(struct entries *d, const char *name)
{
	int i = lookup(d, name);

	if (i >= 0)
		d->e[i] = d->e[--d->n];
}

static void
set_entry(struct entries *d, const char *name, int inode)
{
	drop_entry(d, name);
	if (d->n == ENTRIES)
		abort();
	snprintf(d->e[d->n].name, sizeof(d->e[0].name), "%s", name);
	d->e[d->n++].inode = inode;
}

static void
content_set(struct content *c, const struct content *from)
{
	c->data = realloc(c->data, from->len + 1);
	if (from->len > 0)
		memcpy(c->data, from->data, from->len);
	c->len = from->len;
}

static void
content_size(struct content *c, size_t len)
{
	c->data = realloc(c->data, len + 1);
	if (len > c->len)
		memset(c->data + c->len, 0, len - c->len);
	c->len = len;
}

static void
changed(void)
{
	if (disk.after != NULL) {
		disk.busy = true;
		disk.after();
		disk.busy = false;
	}
}

/* The name in our folder that PATH is, or NULL. */
static const char *
ours(int at, const char *path)
{
	size_t n = strlen(disk.dir);

	if (disk.busy || n == 0)
		return NULL;
	if (path[0] != '/')
		return at >= 0 && at < FDS && disk.of_fd[at] == -1 ? path :
		    NULL;
	return strncmp(path, disk.dir, n) == 0 && path[n] == '/' &&
	    strchr(path + n + 1, '/') == NULL ? path + n + 1 : NULL;
}

static void
opened(int fd, int at, const char *path, int flags)
{
	const char *name = ours(at, path);
	int i;

	if (fd < 0 || fd >= FDS || disk.busy)
		return;
	disk.of_fd[fd] = disk.dir[0] != '\0' && strcmp(path, disk.dir) == 0 ?
	    -1 : 0;
	disk.pos[fd] = 0;
	if (name == NULL)
		return;
	i = lookup(folder(), name);
	if (i < 0 && (flags & O_CREAT) != 0) {
		if (disk.inodes == INODES)
			abort();
		set_entry(folder_changes(), name, disk.inodes++);
		i = lookup(folder(), name);
		disk.of_fd[fd] = folder()->e[i].inode + 1;
		changed();
	} else if (i >= 0) {
		disk.of_fd[fd] = folder()->e[i].inode + 1;
	}
}

static struct content *
file_of(int fd)
{
	if (disk.busy || fd < 0 || fd >= FDS || disk.of_fd[fd] <= 0)
		return NULL;
	return &disk.now[disk.of_fd[fd] - 1];
}

static void
wrote(int fd, const void *data, ssize_t n, uint64_t at)
{
	struct content *c = file_of(fd);

	if (c == NULL || n <= 0)
		return;
	if (at + (size_t)n > c->len)
		content_size(c, at + (size_t)n);
	memcpy(c->data + at, data, (size_t)n);
	changed();
}

static void
synced(int fd)
{
	struct content *c = file_of(fd);

	if (c != NULL)
		content_set(&disk.safe[c - disk.now], c);
	else if (!disk.busy && fd >= 0 && fd < FDS && disk.of_fd[fd] == -1)
		disk.safe_ver = disk.nver - 1;
	else
		return;
	changed();
}

/* A call that wants space in our folder: is there none? */
static bool
no_space(bool in_ours)
{
	if (disk.busy || !in_ours)
		return false;
	disk.wanted++;
	if (disk.wanted < disk.full_from || disk.wanted >= disk.full_to)
		return false;
	errno = ENOSPC;
	return true;
}

/* -- in the place of the C library ----------------------------------------- */

int disk_open(const char *path, int flags, ...) __asm__("open");
int disk_openat(int at, const char *path, int flags, ...) __asm__("openat");
int disk_close(int fd) __asm__("close");
ssize_t disk_write(int fd, const void *data, size_t n) __asm__("write");
ssize_t disk_pwrite(int fd, const void *data, size_t n, off_t at)
    __asm__("pwrite");
int disk_ftruncate(int fd, off_t len) __asm__("ftruncate");
int disk_fsync(int fd) __asm__("fsync");
int disk_fdatasync(int fd) __asm__("fdatasync");
int disk_unlink(const char *path) __asm__("unlink");
int disk_unlinkat(int at, const char *path, int flags) __asm__("unlinkat");
int disk_renameat(int from_at, const char *from, int to_at, const char *to)
    __asm__("renameat");
int disk_renameat2(int from_at, const char *from, int to_at, const char *to,
    unsigned int flags) __asm__("renameat2");

static mode_t
mode_arg(int flags, va_list ap)
{
	return (flags & O_CREAT) != 0 ? (mode_t)va_arg(ap, int) : 0;
}

int
disk_open(const char *path, int flags, ...)
{
	va_list ap;
	mode_t mode;
	int fd;

	REAL("open", int (*)(const char *, int, ...));
	va_start(ap, flags);
	mode = mode_arg(flags, ap);
	va_end(ap);
	if ((flags & O_CREAT) != 0 &&
	    no_space(ours(AT_FDCWD, path) != NULL &&
	    lookup(folder(), ours(AT_FDCWD, path)) < 0))
		return -1;
	fd = real(path, flags, mode);
	opened(fd, AT_FDCWD, path, flags);
	return fd;
}

int
disk_openat(int at, const char *path, int flags, ...)
{
	va_list ap;
	mode_t mode;
	int fd;

	REAL("openat", int (*)(int, const char *, int, ...));
	va_start(ap, flags);
	mode = mode_arg(flags, ap);
	va_end(ap);
	if ((flags & O_CREAT) != 0 && no_space(ours(at, path) != NULL &&
	    lookup(folder(), ours(at, path)) < 0))
		return -1;
	fd = real(at, path, flags, mode);
	opened(fd, at, path, flags);
	return fd;
}

int
disk_close(int fd)
{
	REAL("close", int (*)(int));
	if (!disk.busy && fd >= 0 && fd < FDS)
		disk.of_fd[fd] = 0;
	return real(fd);
}

ssize_t
disk_write(int fd, const void *data, size_t len)
{
	ssize_t n;

	REAL("write", ssize_t (*)(int, const void *, size_t));
	/* Over what is there no space is wanted. */
	if (file_of(fd) != NULL && disk.pos[fd] + len > file_of(fd)->len &&
	    no_space(true))
		return -1;
	n = real(fd, data, len);
	if (n > 0 && file_of(fd) != NULL) {
		wrote(fd, data, n, disk.pos[fd]);
		disk.pos[fd] += (uint64_t)n;
	}
	return n;
}

ssize_t
disk_pwrite(int fd, const void *data, size_t len, off_t at)
{
	ssize_t n;

	REAL("pwrite", ssize_t (*)(int, const void *, size_t, off_t));
	if (file_of(fd) != NULL && (uint64_t)at + len > file_of(fd)->len &&
	    no_space(true)) {
		/* The first of them is only short. */
		if (disk.wanted != disk.full_from)
			return -1;
		len /= 2;
	}
	n = real(fd, data, len, at);
	wrote(fd, data, n, (uint64_t)at);
	return n;
}

int
disk_ftruncate(int fd, off_t len)
{
	int rc;

	REAL("ftruncate", int (*)(int, off_t));
	rc = real(fd, len);
	if (rc == 0 && file_of(fd) != NULL) {
		content_size(file_of(fd), (size_t)len);
		changed();
	}
	return rc;
}

int
disk_fsync(int fd)
{
	int rc;

	REAL("fsync", int (*)(int));
	rc = disk.busy ? 0 : real(fd);
	if (rc == 0)
		synced(fd);
	return rc;
}

int
disk_fdatasync(int fd)
{
	int rc;

	REAL("fdatasync", int (*)(int));
	rc = disk.busy ? 0 : real(fd);
	if (rc == 0)
		synced(fd);
	return rc;
}

int
disk_unlinkat(int at, const char *path, int flags)
{
	const char *name = ours(at, path);
	int rc;

	REAL("unlinkat", int (*)(int, const char *, int));
	rc = real(at, path, flags);
	if (rc == 0 && name != NULL) {
		drop_entry(folder_changes(), name);
		changed();
	}
	return rc;
}

int
disk_unlink(const char *path)
{
	return disk_unlinkat(AT_FDCWD, path, 0);
}

int
disk_renameat2(int from_at, const char *from, int to_at, const char *to,
    unsigned int flags)
{
	const char *a = ours(from_at, from), *b = ours(to_at, to);
	struct entries *d;
	int rc, one, two;

	REAL("renameat2", int (*)(int, const char *, int, const char *,
	    unsigned int));
	rc = real(from_at, from, to_at, to, flags);
	if (rc != 0 || a == NULL || b == NULL)
		return rc;
	d = folder_changes();
	one = d->e[lookup(d, a)].inode;
	if (flags != 0) { /* RENAME_EXCHANGE */
		two = d->e[lookup(d, b)].inode;
		set_entry(d, a, two);
	} else {
		drop_entry(d, a);
	}
	set_entry(d, b, one);
	changed();
	return rc;
}

int
disk_renameat(int from_at, const char *from, int to_at, const char *to)
{
	return disk_renameat2(from_at, from, to_at, to, 0);
}

/* -- the cut --------------------------------------------------------------- */

enum cut {
	CUT_KILL,     /* only the process went: all is there */
	CUT_SYNCED,   /* nothing that was not synced */
	CUT_ZEROS,    /* names and lengths are there, their bytes are not */
	CUT_NAMELESS, /* bytes are there, names are not */
	CUT_ANY,      /* each sector and each name as chance has it */
	CUTS,
};

static uint64_t disk_seed;

static uint64_t
chance(uint64_t below)
{
	disk_seed = disk_seed * 6364136223846793005u + 1442695040888963407u;
	return (disk_seed >> 33) % below;
}

/* What is left of inode I, into OUT. */
static void
left_of(int i, enum cut how, struct content *out)
{
	const struct content *now = &disk.now[i], *safe = &disk.safe[i];
	size_t at, n, len;

	content_set(out, how == CUT_SYNCED ? safe : now);
	if (how == CUT_ANY && chance(3) == 0) {
		content_set(out, safe);
		return;
	}
	if (how != CUT_ZEROS && how != CUT_ANY)
		return;
	/* The length may have got there at any time. */
	len = now->len;
	if (how == CUT_ANY && now->len > safe->len)
		len = safe->len + chance(now->len - safe->len + 1);
	content_size(out, len);
	for (at = 0; at < len; at += n) {
		n = SECTOR - at % SECTOR;
		if (n > len - at)
			n = len - at;
		if (how == CUT_ANY && chance(2) == 0)
			continue;
		memset(out->data + at, 0, n);
		if (at < safe->len)
			memcpy(out->data + at, safe->data + at,
			    n < safe->len - at ? n : safe->len - at);
	}
}

/* The folder as it may be after a cut now, into DIR, which is empty. */
static void
cut_into(const char *dir, enum cut how)
{
	int v = how == CUT_SYNCED || how == CUT_NAMELESS ? disk.safe_ver :
	    disk.nver - 1;
	struct content c = {NULL, 0};
	char path[256];
	size_t i;
	int fd;

	if (how == CUT_ANY)
		v = disk.safe_ver + (int)chance((uint64_t)(disk.nver -
		    disk.safe_ver));
	for (i = 0; i < disk.ver[v].n; i++) {
		left_of(disk.ver[v].e[i].inode, how, &c);
		snprintf(path, sizeof(path), "%s/%s", dir,
		    disk.ver[v].e[i].name);
		fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
		if (fd < 0 || (c.len > 0 &&
		    write(fd, c.data, c.len) != (ssize_t)c.len))
			abort();
		close(fd);
	}
	free(c.data);
}

/* Record what happens to DIR, which is empty, from now on. */
static void
disk_begin(const char *dir, void (*after)(void))
{
	int i;

	for (i = 0; i < disk.inodes; i++) {
		free(disk.now[i].data);
		free(disk.safe[i].data);
	}
	memset(&disk, 0, sizeof(disk));
	disk.full_from = UINT64_MAX;
	snprintf(disk.dir, sizeof(disk.dir), "%s", dir);
	disk.nver = 1;
	disk.after = after;
}

static void
disk_end(void)
{
	disk.dir[0] = '\0';
	disk.after = NULL;
}

#endif
