/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Whole files.  Runs in every process.  The folders are ours, what lies in
 * them may have been put there by somebody else: no link is followed at the
 * last part of a path, nothing that could block is opened for reading.
 */
#include "common/base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/id.h"

#define CHUNK (64 * 1024)
#define TEMP_TRIES 16

/* A path taken apart: its folder, open, and the name in it. */
struct place {
	int dir;
	const char *name; /* points into the path */
};

static int
place_open(struct place *p, const char *path, struct why *why)
{
	const char *slash = strrchr(path, '/');
	char dir[PATH_MAX];
	size_t n;

	p->name = slash != NULL ? slash + 1 : path;
	n = slash == NULL ? 0 : slash == path ? 1 : (size_t)(slash - path);
	if (n >= sizeof(dir) || strlen(p->name) > NAME_MAX)
		return why_set(why, ERR_LIMIT, "path is too long");
	if (*p->name == '\0')
		return why_set(why, ERR_IO, "%s: is a folder", path);
	memcpy(dir, path, n);
	dir[n] = '\0';
	p->dir = open(n > 0 ? dir : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (p->dir < 0)
		return why_sys(why, errno == ENOENT ? ERR_NOENT : ERR_IO,
		    "open folder %s", n > 0 ? dir : ".");
	return 0;
}

static int
read_all(int fd, struct buf *out)
{
	uint8_t *at, probe;
	size_t room;
	ssize_t n;
	int rc;

	for (;;) {
		room = out->max - out->len;
		if (room > CHUNK)
			room = CHUNK;
		rc = buf_reserve(out, room, &at);
		if (rc != 0)
			return rc;
		/* At the bound one byte more tells "full" from "larger". */
		n = read(fd, room > 0 ? at : &probe, room > 0 ? room : 1);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return ERR_IO;
		if (n == 0)
			return 0;
		if (room == 0)
			return ERR_LIMIT;
		buf_grow(out, (size_t)n);
	}
}

int
file_read(const char *path, struct buf *out, struct why *why)
{
	size_t before = out->len;
	struct stat st;
	int fd, rc;

	fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return why_sys(why,
		    errno == ENOENT || errno == ENOTDIR ? ERR_NOENT : ERR_IO,
		    "open %s", path);
	if (fstat(fd, &st) != 0) {
		rc = why_sys(why, ERR_IO, "stat %s", path);
		goto done;
	}
	if (!S_ISREG(st.st_mode)) {
		rc = why_set(why, ERR_IO, "%s: not a regular file", path);
		goto done;
	}
	rc = read_all(fd, out);
	if (rc == ERR_IO)
		why_sys(why, rc, "read %s", path);
	else if (rc == ERR_LIMIT)
		why_set(why, rc, "%s: larger than %zu bytes", path,
		    out->max - before);
	else if (rc != 0)
		why_set(why, rc, "%s: %s", path, err_str(rc));
done:
	if (rc != 0)
		out->len = before;
	close(fd);
	return rc;
}

ssize_t
file_text(const char *path, char *out, size_t size)
{
	ssize_t n, total = 0;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

	out[0] = '\0';
	if (fd < 0)
		return ERR_IO;
	while ((size_t)total < size - 1 &&
	    (n = read(fd, out + total, size - 1 - (size_t)total)) > 0)
		total += n;
	close(fd);
	out[total] = '\0';
	return total;
}

int
file_write_all(int fd, const void *data, size_t len)
{
	const uint8_t *p = data;
	ssize_t n;

	while (len > 0) {
		n = write(fd, p, len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return ERR_IO;
		p += n;
		len -= (size_t)n;
	}
	return 0;
}

/* A new file with a name nobody knows beforehand, as mkstemp(3) does. */
static int
temp_open(const struct place *p, char name[NAME_MAX + 1])
{
	uint8_t bits[8];
	char hex[2 * sizeof(bits) + 1];
	int fd, i;

	for (i = 0; i < TEMP_TRIES; i++) {
		random_bytes(bits, sizeof(bits));
		snprintf(name, NAME_MAX + 1, ".%.200s.%s", p->name,
		    hex_encode(hex, bits, sizeof(bits)));
		fd = openat(p->dir, name,
		    O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
		    0600);
		if (fd >= 0 || errno != EEXIST)
			return fd;
	}
	return -1;
}

/* Put the finished temporary file in its place; NEW: only an empty one. */
static int
put(const struct place *p, const char *temp, bool new)
{
	if (!new)
		return renameat(p->dir, temp, p->dir, p->name);
	if (linkat(p->dir, temp, p->dir, p->name, 0) != 0)
		return -1;
	return unlinkat(p->dir, temp, 0);
}

static int
replace(const char *path, const struct buf *bytes, mode_t mode, bool new,
    struct why *why)
{
	char temp[NAME_MAX + 1];
	struct place p;
	int fd, rc;

	rc = place_open(&p, path, why);
	if (rc != 0)
		return rc;
	fd = temp_open(&p, temp);
	if (fd < 0) {
		rc = why_sys(why, ERR_IO, "create a file beside %s", path);
		goto done;
	}
	if (fchmod(fd, mode) != 0 ||
	    file_write_all(fd, bytes->data, bytes->len) != 0 ||
	    fsync(fd) != 0 || put(&p, temp, new) != 0) {
		rc = errno == EEXIST ? ERR_EXIST : ERR_IO;
		why_sys(why, rc, "write %s", path);
		unlinkat(p.dir, temp, 0);
		goto done;
	}
	if (fsync(p.dir) != 0)
		rc = why_sys(why, ERR_IO, "sync folder of %s", path);
done:
	if (fd >= 0)
		close(fd);
	close(p.dir);
	return rc;
}

int
file_write(const char *path, const void *data, size_t len, mode_t mode,
    struct why *why)
{
	struct buf bytes = {.data = (uint8_t *)(uintptr_t)data, .len = len};

	return replace(path, &bytes, mode, false, why);
}

int
file_write_new(const char *path, const void *data, size_t len, mode_t mode,
    struct why *why)
{
	struct buf bytes = {.data = (uint8_t *)(uintptr_t)data, .len = len};

	return replace(path, &bytes, mode, true, why);
}

/* -- a spare for a full disk ------------------------------------------- */

#define SPARE_BLOCK 512 /* of st_blocks, stat(2) */

static void
spare_name(const struct place *p, char name[NAME_MAX + 1])
{
	snprintf(name, NAME_MAX + 1, "%.200s.spare", p->name);
}

/* LEN bytes and then zeros, SIZE in all, on the disk. */
static int
fill(int fd, const void *data, size_t len, size_t size)
{
	static const uint8_t zeros[4096];
	size_t n;

	if (file_write_all(fd, data, len) != 0)
		return -1;
	for (size -= len; size > 0; size -= n) {
		n = size < sizeof(zeros) ? size : sizeof(zeros);
		if (file_write_all(fd, zeros, n) != 0)
			return -1;
	}
	return fsync(fd);
}

int
file_spare(const char *path, size_t size, struct why *why)
{
	char name[NAME_MAX + 1];
	struct place p;
	struct stat st;
	int fd, rc;

	rc = place_open(&p, path, why);
	if (rc != 0)
		return rc;
	spare_name(&p, name);
	fd = openat(p.dir, name, O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC,
	    0600);
	if (fd < 0 || fstat(fd, &st) != 0) {
		rc = why_sys(why, ERR_IO, "create %s.spare", path);
		goto done;
	}
	if ((size_t)st.st_size >= size &&
	    (size_t)st.st_blocks * SPARE_BLOCK >= size)
		goto done;
	if (fill(fd, NULL, 0, size) != 0) {
		rc = why_sys(why, ERR_IO, "write %s.spare", path);
		/* Half a spare only takes what others need. */
		unlinkat(p.dir, name, 0);
	}
done:
	if (fd >= 0)
		close(fd);
	close(p.dir);
	return rc;
}

int
file_write_spare(const char *path, const void *data, size_t len, size_t size,
    struct why *why)
{
	char name[NAME_MAX + 1];
	struct place p;
	int fd, rc;

	if (len > size)
		return why_set(why, ERR_LIMIT, "%s: %zu bytes", path, len);
	rc = place_open(&p, path, why);
	if (rc != 0)
		return rc;
	spare_name(&p, name);
	fd = openat(p.dir, name, O_WRONLY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0) {
		rc = errno == ENOENT ? ERR_NOENT : ERR_IO;
		why_sys(why, rc, "open %s.spare", path);
		goto done;
	}
	if (fill(fd, data, len, size) != 0 ||
	    (renameat2(p.dir, name, p.dir, p.name, RENAME_EXCHANGE) != 0 &&
	    renameat(p.dir, name, p.dir, p.name) != 0))
		rc = why_sys(why, ERR_IO, "write %s", path);
	else if (fsync(p.dir) != 0)
		rc = why_sys(why, ERR_IO, "sync folder of %s", path);
done:
	if (fd >= 0)
		close(fd);
	close(p.dir);
	return rc;
}

/* One folder; it may be there already.  The mode is not left to umask(2). */
static int
make_one(const char *path, mode_t mode, struct why *why)
{
	struct stat st;

	if (mkdir(path, mode) == 0) {
		if (chmod(path, mode) != 0)
			return why_sys(why, ERR_IO, "chmod %s", path);
		return 0;
	}
	if (errno == EEXIST && stat(path, &st) == 0) {
		if (S_ISDIR(st.st_mode))
			return 0;
		return why_set(why, ERR_EXIST, "%s: not a folder", path);
	}
	return why_sys(why, ERR_IO, "mkdir %s", path);
}

int
file_mkdir(const char *path, mode_t mode, struct why *why)
{
	char part[PATH_MAX];
	size_t n = strlen(path), i;
	int rc;

	while (n > 1 && path[n - 1] == '/')
		n--;
	if (n >= sizeof(part))
		return why_set(why, ERR_LIMIT, "path is too long");
	for (i = 1; i < n; i++) {
		if (path[i] != '/' || path[i - 1] == '/')
			continue;
		memcpy(part, path, i);
		part[i] = '\0';
		rc = make_one(part, 0755, why);
		if (rc != 0)
			return rc;
	}
	memcpy(part, path, n);
	part[n] = '\0';
	return make_one(part, mode, why);
}

int
file_remove(const char *path, struct why *why)
{
	struct place p;
	int rc;

	rc = place_open(&p, path, why);
	if (rc != 0)
		return rc;
	if (unlinkat(p.dir, p.name, 0) != 0)
		rc = why_sys(why, errno == ENOENT ? ERR_NOENT : ERR_IO,
		    "remove %s", path);
	else if (fsync(p.dir) != 0)
		rc = why_sys(why, ERR_IO, "sync folder of %s", path);
	close(p.dir);
	return rc;
}

bool
file_exists(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0;
}

int
file_lock_dir(const char *dir, int *out, struct why *why)
{
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	int rc = ERR_IO;

	if (fd < 0)
		return why_sys(why, rc, "cannot open folder %s", dir);
	if (flock(fd, LOCK_EX | LOCK_NB) == 0) {
		*out = fd;
		return 0;
	}
	if (errno == EWOULDBLOCK)
		rc = why_set(why, ERR_EXIST, "another process works in %s "
		    "already", dir);
	else
		rc = why_sys(why, rc, "cannot lock folder %s", dir);
	close(fd);
	return rc;
}

int
file_join(char *out, size_t size, const char *dir, const char *name)
{
	size_t n = strlen(dir), m = strlen(name);
	bool slash = n == 0 || dir[n - 1] != '/';

	if (n + slash + m + 1 > size)
		return ERR_LIMIT;
	memcpy(out, dir, n);
	if (slash)
		out[n++] = '/';
	memcpy(out + n, name, m + 1);
	return 0;
}
