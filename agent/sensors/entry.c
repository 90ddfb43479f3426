/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Reading one file: state before, content, state after.  Runs on scan
 * threads of the sensors process.  The file may be swapped, truncated or
 * written at any moment; a FIFO or device is never opened for reading.
 */
#include "agent/sensors/entry.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/xattr.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

#include "agent/sensors/budget.h"
#include "agent/sensors/path.h"

#define READ_SIZE (64 * 1024)
#define LIST_MAX 4096
#define VALUE_MAX 4096
#define TRIES 3
/* A change within one tick of the clock may leave the times as they are. */
#define FRESH_NS 20000000LL

#define WANT (STATX_BASIC_STATS)

struct inspect {
	struct digest *digest;
	struct budget *budget;
	const atomic_bool *stop;
	uint64_t bytes;
	char list[LIST_MAX];
	char value[VALUE_MAX];
	uint8_t data[READ_SIZE];
};

struct inspect *
inspect_new(struct budget *budget, const atomic_bool *stop)
{
	struct inspect *in = malloc(sizeof(*in));

	if (in == NULL)
		return NULL;
	in->budget = budget;
	in->stop = stop;
	in->bytes = 0;
	in->digest = digest_new();
	if (in->digest == NULL)
		inspect_free(&in);
	return in;
}

void
inspect_free(struct inspect **in)
{
	if (*in == NULL)
		return;
	digest_free(&(*in)->digest);
	free(*in);
	*in = NULL;
}

uint64_t
inspect_bytes(const struct inspect *in)
{
	return in->bytes;
}

static int64_t
stamp_ns(const struct statx_timestamp *t)
{
	return t->tv_sec * 1000000000LL + t->tv_nsec;
}

static void
from_statx(const struct statx *sx, struct entry *e)
{
	memset(e, 0, sizeof(*e));
	e->mode = sx->stx_mode;
	e->uid = sx->stx_uid;
	e->gid = sx->stx_gid;
	e->ino = sx->stx_ino;
	if (S_ISREG(sx->stx_mode) || S_ISLNK(sx->stx_mode))
		e->size = sx->stx_size;
	else if (S_ISCHR(sx->stx_mode) || S_ISBLK(sx->stx_mode))
		e->size = makedev(sx->stx_rdev_major, sx->stx_rdev_minor);
	e->mtime_ns = stamp_ns(&sx->stx_mtime);
	e->ctime_ns = stamp_ns(&sx->stx_ctime);
	if (sx->stx_attributes & STATX_ATTR_IMMUTABLE)
		e->flags |= ENTRY_IMMUTABLE;
	if (sx->stx_attributes & STATX_ATTR_APPEND)
		e->flags |= ENTRY_APPEND;
	if (S_ISREG(sx->stx_mode) && sx->stx_nlink > 1)
		e->flags |= ENTRY_LINKED;
}

static bool
same_stat(const struct entry *a, const struct entry *b)
{
	return a->ctime_ns == b->ctime_ns && a->mtime_ns == b->mtime_ns &&
	    a->size == b->size && a->ino == b->ino && a->mode == b->mode &&
	    a->uid == b->uid && a->gid == b->gid;
}

static bool
attribute_counts(const char *name)
{
	return strncmp(name, "security.", 9) == 0 ||
	    strncmp(name, "system.", 7) == 0 ||
	    strncmp(name, "user.", 5) == 0;
}

/*
 * Names and values of the attributes that decide rights or can hide
 * something (user.*), in the order the
 * file system gives them, added up so that the order does not matter.
 */
static uint64_t
xattr_sum(struct inspect *in, int fd, struct entry *e)
{
	uint8_t sum[DIGEST_LEN];
	uint64_t total = 0, part;
	ssize_t n, v;
	char *at;

	n = flistxattr(fd, in->list, sizeof(in->list));
	for (at = in->list; n > 0 && at < in->list + n;
	    at += strlen(at) + 1) {
		if (!attribute_counts(at))
			continue;
		if (S_ISREG(e->mode) && strcmp(at, XATTR_NAME_CAPS) == 0)
			e->flags |= ENTRY_CAPABLE;
		v = fgetxattr(fd, at, in->value, sizeof(in->value));
		digest_begin(in->digest);
		digest_add(in->digest, at, strlen(at) + 1);
		if (v > 0)
			digest_add(in->digest, in->value, (size_t)v);
		digest_end(in->digest, sum);
		memcpy(&part, sum, sizeof(part));
		total += part;
	}
	return total;
}

/* Hash from the present offset, at most MAX bytes. */
static int
hash_some(struct inspect *in, int fd, uint64_t size, uint64_t max)
{
	uint64_t done = 0;
	ssize_t n;

	while (done < max) {
		n = read(fd, in->data, sizeof(in->data));
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return ERR_IO;
		if (n == 0)
			break;
		digest_add(in->digest, in->data, (size_t)n);
		done += (uint64_t)n;
		in->bytes += (uint64_t)n;
		if (done == size && (size_t)n < sizeof(in->data))
			break; /* a short read at the known end is the end */
		if (atomic_load_explicit(in->stop, memory_order_relaxed))
			return ERR_CLOSED;
		budget_pace(in->budget);
	}
	return 0;
}

static int
hash_content(struct inspect *in, int fd, struct entry *e)
{
	int r;

	digest_begin(in->digest);
	if (e->size <= ENTRY_WHOLE_MAX) {
		r = hash_some(in, fd, e->size, ENTRY_WHOLE_MAX);
	} else {
		e->flags |= ENTRY_PARTIAL;
		r = hash_some(in, fd, e->size, ENTRY_EDGE);
		if (r == 0 && lseek(fd, (off_t)(e->size - ENTRY_EDGE),
		    SEEK_SET) >= 0)
			r = hash_some(in, fd, e->size, ENTRY_EDGE);
	}
	digest_end(in->digest, e->sha256);
	return r;
}

/* FD is open for reading and regular; E holds its state before. */
static int
read_stable(struct inspect *in, int fd, struct entry *e)
{
	struct entry after;
	struct statx sx;
	int i, r;

	for (i = 0; i < TRIES; i++) {
		r = hash_content(in, fd, e);
		if (r != 0)
			return r;
		if (statx(fd, "", AT_EMPTY_PATH, WANT, &sx) != 0)
			return ERR_IO;
		from_statx(&sx, &after);
		if (same_stat(e, &after))
			return 0;
		*e = after;
		if (lseek(fd, 0, SEEK_SET) < 0)
			return ERR_IO;
	}
	r = hash_content(in, fd, e);
	e->flags |= ENTRY_UNSTABLE;
	e->ctime_ns = 0;
	return r;
}

static int
read_link(int dirfd, const char *name, struct entry *e)
{
	char target[PATH_LEN];
	ssize_t n = readlinkat(dirfd, name, target, sizeof(target));

	if (n < 0)
		return errno == ENOENT ? ERR_NOENT : ERR_IO;
	digest_of(target, (size_t)n, e->sha256);
	return 0;
}

static int
read_regular(struct inspect *in, int dirfd, const char *name,
    struct entry *e)
{
	struct statx sx;
	int fd, r;

	fd = openat(dirfd, name,
	    O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd < 0) {
		if (errno == ENOENT || errno == ELOOP)
			return ERR_NOENT;
		e->flags |= ENTRY_UNREAD;
		return 0;
	}
	r = ERR_IO;
	if (statx(fd, "", AT_EMPTY_PATH, WANT, &sx) != 0)
		goto done;
	from_statx(&sx, e);
	r = ERR_AGAIN; /* it was swapped for something else */
	if (!S_ISREG(e->mode))
		goto done;
	r = read_stable(in, fd, e);
	if (r == ERR_IO) {
		memset(e->sha256, 0, sizeof(e->sha256));
		e->flags |= ENTRY_UNREAD;
		e->ctime_ns = 0;
		r = 0;
	}
	if (r == 0)
		e->xattr = xattr_sum(in, fd, e);
done:
	close(fd);
	return r;
}

static void
mark_fresh(struct entry *e)
{
	struct timespec now;
	int64_t ns;

	clock_gettime(CLOCK_REALTIME, &now);
	ns = now.tv_sec * 1000000000LL + now.tv_nsec;
	if (e->ctime_ns > ns - FRESH_NS)
		e->ctime_ns = 0;
}

static int
inspect_once(struct inspect *in, int dirfd, const char *name,
    const struct entry *known, struct entry *out)
{
	struct entry e;
	struct statx sx;
	int fd, r = 0;

	if (statx(dirfd, name, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT, WANT,
	    &sx) != 0)
		return errno == ENOENT || errno == ENOTDIR ? ERR_NOENT :
							     ERR_IO;
	from_statx(&sx, &e);
	if (known != NULL && same_stat(known, &e)) {
		*out = *known;
		return 0;
	}
	if (S_ISREG(e.mode)) {
		r = read_regular(in, dirfd, name, &e);
	} else if (S_ISLNK(e.mode)) {
		r = read_link(dirfd, name, &e);
	} else if (S_ISDIR(e.mode)) {
		fd = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW |
		    O_NONBLOCK | O_CLOEXEC);
		if (fd >= 0) {
			e.xattr = xattr_sum(in, fd, &e);
			close(fd);
		}
	}
	if (r != 0)
		return r;
	mark_fresh(&e);
	*out = e;
	return 0;
}

int
inspect_at(struct inspect *in, int dirfd, const char *name,
    const struct entry *known, struct entry *out)
{
	int i, r = ERR_AGAIN;

	for (i = 0; i < TRIES && r == ERR_AGAIN; i++)
		r = inspect_once(in, dirfd, name, known, out);
	return r == ERR_AGAIN ? ERR_IO : r;
}

int
inspect_regular(struct inspect *in, int dirfd, const char *name,
    struct entry *out)
{
	struct entry e;

	memset(&e, 0, sizeof(e));
	if (read_regular(in, dirfd, name, &e) != 0 ||
	    (e.flags & ENTRY_UNREAD))
		return inspect_at(in, dirfd, name, NULL, out);
	mark_fresh(&e);
	*out = e;
	return 0;
}

int
inspect_path(struct inspect *in, const char *path, const struct entry *known,
    struct entry *out)
{
	const char *name;
	int fd, r;

	fd = path_open_parent(path, &name);
	if (fd < 0)
		return errno == ENOENT || errno == ENOTDIR || errno == ELOOP ?
		    ERR_NOENT : ERR_IO;
	r = inspect_at(in, fd, name, known, out);
	close(fd);
	return r;
}

bool
entry_same_content(const struct entry *a, const struct entry *b)
{
	return (a->mode & S_IFMT) == (b->mode & S_IFMT) &&
	    a->size == b->size &&
	    memcmp(a->sha256, b->sha256, DIGEST_LEN) == 0;
}

bool
entry_same_meta(const struct entry *a, const struct entry *b)
{
	const uint16_t lasting = ENTRY_IMMUTABLE | ENTRY_APPEND;

	/* A further name counts, one fewer does not. */
	if (b->flags & ~a->flags & ENTRY_LINKED)
		return false;
	return a->mode == b->mode && a->uid == b->uid && a->gid == b->gid &&
	    a->xattr == b->xattr &&
	    (a->flags & lasting) == (b->flags & lasting);
}
