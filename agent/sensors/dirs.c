/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Handle to path, with a cache.  Runs on the watch thread of the sensors
 * process; open_by_handle_at(2) needs CAP_DAC_READ_SEARCH.
 */
#include "agent/sensors/dirs.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "agent/sensors/path.h"

/* Of linux/fcntl.h since 6.5: a handle to tell files apart, not to open. */
#ifndef AT_HANDLE_FID
#define AT_HANDLE_FID 0x200
#endif
#define SLOTS 4096 /* power of two, twice DIRS_MAX */

struct known_dir {
	uint64_t fsid;
	int type;
	uint32_t len;
	char *path;
	uint8_t handle[];
};

/* By path: an open descriptor would keep it from being unmounted. */
struct mount {
	uint64_t fsid;
	char *path;
};

struct dirs {
	struct known_dir *slot[SLOTS];
	size_t n;
	struct mount mount[DIRS_MOUNTS_MAX];
	size_t mounts;
	struct known_dir **fixed; /* by hash, a power of two, half empty */
	size_t nfixed, fixed_size;
};

struct dirs *
dirs_new(void)
{
	return calloc(1, sizeof(struct dirs));
}

void
dirs_forget(struct dirs *d)
{
	size_t i;

	for (i = 0; i < SLOTS; i++) {
		if (d->slot[i] != NULL)
			free(d->slot[i]->path);
		free(d->slot[i]);
		d->slot[i] = NULL;
	}
	d->n = 0;
}

void
dirs_free(struct dirs **d)
{
	size_t i;

	if (*d == NULL)
		return;
	dirs_forget(*d);
	for (i = 0; i < (*d)->mounts; i++)
		free((*d)->mount[i].path);
	for (i = 0; i < (*d)->fixed_size; i++) {
		if ((*d)->fixed[i] != NULL)
			free((*d)->fixed[i]->path);
		free((*d)->fixed[i]);
	}
	free((*d)->fixed);
	free(*d);
	*d = NULL;
}

/* Open PATH and say which file system it is of; -1 with errno. */
static int
open_mount(const char *path, uint64_t *fsid)
{
	struct statfs sf;
	int fd;

	fd = open(path, O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC);
	if (fd >= 0 && fstatfs(fd, &sf) != 0) {
		close(fd);
		return -1;
	}
	if (fd >= 0)
		memcpy(fsid, &sf.f_fsid, sizeof(*fsid));
	return fd;
}

int
dirs_add_mount(struct dirs *d, const char *path, struct why *why)
{
	struct mount *m = &d->mount[d->mounts];
	uint64_t fsid;
	size_t i;
	int fd;

	if (d->mounts == DIRS_MOUNTS_MAX)
		return why_set(why, ERR_LIMIT, "too many file systems");
	fd = open_mount(path, &fsid);
	if (fd < 0)
		return why_sys(why, ERR_IO, "%s", path);
	close(fd);
	for (i = 0; i < d->mounts; i++)
		if (strcmp(d->mount[i].path, path) == 0) {
			d->mount[i].fsid = fsid; /* another one there now */
			return 0;
		}
	m->path = strdup(path);
	if (m->path == NULL)
		return why_set(why, ERR_NOMEM, "file systems");
	m->fsid = fsid;
	d->mounts++;
	return 0;
}

static uint64_t
hash_place(const struct fan_place *p)
{
	uint64_t h = 1469598103934665603ULL ^ p->fsid; /* FNV-1a */
	size_t i;

	for (i = 0; i < p->handle_len; i++)
		h = (h ^ p->handle[i]) * 1099511628211ULL;
	return h ^ (h >> 29);
}

/* Where P is, or would be, in a table of SIZE. */
static struct known_dir **
place_in(struct known_dir **table, size_t size, const struct fan_place *p)
{
	size_t i = (size_t)hash_place(p) & (size - 1);

	for (; table[i] != NULL; i = (i + 1) & (size - 1)) {
		const struct known_dir *k = table[i];

		if (k->fsid == p->fsid && k->type == p->handle_type &&
		    k->len == p->handle_len &&
		    memcmp(k->handle, p->handle, k->len) == 0)
			break;
	}
	return &table[i];
}

static struct known_dir **
slot_of(struct dirs *d, const struct fan_place *p)
{
	return place_in(d->slot, SLOTS, p);
}

static struct known_dir *
known_new(const struct fan_place *p, const char *path)
{
	struct known_dir *k = malloc(sizeof(*k) + p->handle_len);

	if (k == NULL)
		return NULL;
	k->fsid = p->fsid;
	k->type = p->handle_type;
	k->len = (uint32_t)p->handle_len;
	memcpy(k->handle, p->handle, p->handle_len);
	k->path = strdup(path);
	if (k->path == NULL) {
		free(k);
		return NULL;
	}
	return k;
}

/* Ask the kernel, below one mount, if it is still that file system. */
static bool
resolve(const struct mount *m, const struct fan_place *p, char *path)
{
	union {
		struct file_handle h;
		uint8_t bytes[sizeof(struct file_handle) + FAN_HANDLE_MAX];
	} u;
	char link[64];
	struct stat st;
	ssize_t n = -1;
	uint64_t fsid;
	int fd, mount_fd;

	u.h.handle_bytes = (unsigned int)p->handle_len;
	u.h.handle_type = p->handle_type;
	memcpy(u.bytes + sizeof(struct file_handle), p->handle,
	    p->handle_len);
	mount_fd = open_mount(m->path, &fsid);
	fd = mount_fd < 0 || fsid != p->fsid ? -1 :
	    open_by_handle_at(mount_fd, &u.h, O_PATH | O_CLOEXEC);
	if (mount_fd >= 0)
		close(mount_fd);
	if (fd < 0)
		return false;
	/* A removed folder has no links; its path would be a guess. */
	if (fstat(fd, &st) == 0 && st.st_nlink > 0) {
		snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
		n = readlink(link, path, PATH_LEN - 1);
	}
	close(fd);
	if (n <= 0 || path[0] != '/')
		return false;
	path[n] = '\0';
	return true;
}

const char *
dirs_path(struct dirs *d, const struct fan_place *p)
{
	struct known_dir **slot, *k;
	char path[PATH_LEN];
	size_t i;

	if (p->handle == NULL)
		return NULL;
	slot = slot_of(d, p);
	if (*slot != NULL)
		return (*slot)->path;
	if (d->nfixed > 0 && (k = *place_in(d->fixed, d->fixed_size, p)) !=
	    NULL)
		return k->path;
	for (i = 0; i < d->mounts; i++)
		if (d->mount[i].fsid == p->fsid &&
		    resolve(&d->mount[i], p, path))
			break;
	if (i == d->mounts)
		return NULL;
	if (d->n >= DIRS_MAX) {
		dirs_forget(d);
		slot = slot_of(d, p);
	}
	k = known_new(p, path);
	if (k == NULL)
		return NULL;
	*slot = k;
	d->n++;
	return k->path;
}

/* -- folders that were marked one by one ---------------------------- */

static int
fixed_grow(struct dirs *d)
{
	size_t i, size = d->fixed_size == 0 ? 1024 : d->fixed_size * 2;
	struct known_dir **table, *k;
	struct fan_place p;

	if (d->nfixed >= DIRS_FIXED_MAX)
		return ERR_LIMIT;
	table = calloc(size, sizeof(*table));
	if (table == NULL)
		return ERR_NOMEM;
	for (i = 0; i < d->fixed_size; i++) {
		k = d->fixed[i];
		if (k == NULL)
			continue;
		p = (struct fan_place){k->fsid, k->type, k->handle, k->len,
		    ""};
		*place_in(table, size, &p) = k;
	}
	free(d->fixed);
	d->fixed = table;
	d->fixed_size = size;
	return 0;
}

int
dirs_fix(struct dirs *d, int fd, const char *path)
{
	union {
		struct file_handle h;
		uint8_t bytes[sizeof(struct file_handle) + FAN_HANDLE_MAX];
	} u;
	struct known_dir **slot, *k;
	struct fan_place p = {.name = ""};
	struct statfs sf;
	int mount, r;

	u.h.handle_bytes = FAN_HANDLE_MAX;
	if (name_to_handle_at(fd, "", &u.h, &mount, AT_EMPTY_PATH |
	    AT_HANDLE_FID) < 0 || fstatfs(fd, &sf) < 0)
		return ERR_UNSUPP;
	memcpy(&p.fsid, &sf.f_fsid, sizeof(p.fsid));
	p.handle_type = u.h.handle_type;
	p.handle = u.bytes + sizeof(struct file_handle);
	p.handle_len = u.h.handle_bytes;
	if ((d->nfixed + 1) * 2 > d->fixed_size && (r = fixed_grow(d)) != 0)
		return r;
	k = known_new(&p, path);
	if (k == NULL)
		return ERR_NOMEM;
	slot = place_in(d->fixed, d->fixed_size, &p);
	if (*slot != NULL) {
		free((*slot)->path);
		free(*slot);
	} else {
		d->nfixed++;
	}
	*slot = k;
	return 0;
}
