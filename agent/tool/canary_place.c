/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Canaries on disk.  Runs in the tool as root, in folders that belong to
 * anybody.
 */
#include "agent/tool/canary_place.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "common/base/buf.h"
#include "common/base/clock.h"
#include "common/base/file.h"
#include "common/base/id.h"

#define ENDINGS 7
#define HOURS_BACK 90 /* a canary is so much older than its neighbour */

/* -- folders ---------------------------- */

/* Folder PATH, no link in any part of it; -1 with errno. */
static int
open_folder(const char *path)
{
	char part[NAME_MAX + 1];
	const char *end;
	int fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC), next, saved;
	size_t n;

	while (fd >= 0) {
		path += strspn(path, "/");
		if (*path == '\0')
			break;
		end = strchrnul(path, '/');
		n = (size_t)(end - path);
		if (n > NAME_MAX) {
			close(fd);
			errno = ENAMETOOLONG;
			return -1;
		}
		memcpy(part, path, n);
		part[n] = '\0';
		next = openat(fd, part, O_PATH | O_DIRECTORY | O_NOFOLLOW |
		    O_CLOEXEC);
		saved = errno;
		close(fd);
		errno = saved;
		fd = next;
		path = end;
	}
	return fd;
}

/* The folder of PATH; *NAME behind its last '/'. */
static int
open_above(const char *path, const char **name)
{
	char dir[PATH_MAX];
	const char *slash = strrchr(path, '/');

	if (slash == NULL || slash - path >= PATH_MAX || slash[1] == '\0') {
		errno = EINVAL;
		return -1;
	}
	memcpy(dir, path, (size_t)(slash - path));
	dir[slash - path] = '\0';
	*name = slash + 1;
	return open_folder(dir);
}

/* -- what a folder is like ---------------------------- */

static const char *const endings[ENDINGS] = {"docx", "pdf", "csv", "txt",
    "xml", "md", "log"};

struct look {
	struct place *p;
	unsigned int count[ENDINGS];
	char (*below)[NAME_MAX + 1]; /* folders, sorted later */
	size_t n, max;
};

static void
see_file(struct look *l, int dirfd, const char *name)
{
	const char *dot = strrchr(name, '.');
	struct stat st;
	size_t i;

	for (i = 0; dot != NULL && i < ENDINGS; i++)
		if (strcasecmp(dot + 1, endings[i]) == 0)
			l->count[i]++;
	if (l->p->mtime_s != 0 || name[0] == '.' ||
	    fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) != 0)
		return;
	l->p->uid = st.st_uid;
	l->p->gid = st.st_gid;
	l->p->mode = st.st_mode & 0666;
	l->p->mtime_s = st.st_mtim.tv_sec;
}

static void
see_folder(struct look *l, const char *name)
{
	if (name[0] == '.' || l->n == l->max)
		return;
	strcpy(l->below[l->n++], name);
}

static int
by_name(const void *a, const void *b)
{
	return strcmp(a, b);
}

static void
see_names(struct look *l, DIR *d)
{
	const struct dirent *de;
	size_t seen = 0;

	while ((de = readdir(d)) != NULL && seen++ < PLACE_NAMES_MAX) {
		if (de->d_name[0] == '.')
			continue;
		if (l->p->first[0] == '\0' ||
		    strcmp(de->d_name, l->p->first) < 0)
			strcpy(l->p->first, de->d_name);
		if (strcmp(de->d_name, l->p->last) > 0)
			strcpy(l->p->last, de->d_name);
		if (de->d_type == DT_DIR)
			see_folder(l, de->d_name);
		else if (de->d_type == DT_REG)
			see_file(l, dirfd(d), de->d_name);
	}
}

/* Look at the folder P->path; false: it is not to be had, or elsewhere. */
static bool
see(struct look *l, dev_t *dev)
{
	struct place *p = l->p;
	size_t i, most = 0;
	struct stat st;
	DIR *d = NULL;
	int path_fd = open_folder(p->path), fd = -1;

	if (path_fd >= 0)
		fd = openat(path_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (path_fd >= 0)
		close(path_fd);
	if (fd < 0 || fstat(fd, &st) != 0 ||
	    (*dev != 0 && *dev != st.st_dev) || (d = fdopendir(fd)) == NULL) {
		if (fd >= 0)
			close(fd);
		return false;
	}
	*dev = st.st_dev;
	p->uid = st.st_uid;
	p->gid = st.st_gid;
	p->mode = 0640;
	see_names(l, d);
	closedir(d);
	for (i = 1; i < ENDINGS; i++)
		if (l->count[i] > l->count[most])
			most = i;
	strcpy(p->ending, l->count[most] > 0 ? endings[most] : "");
	qsort(l->below, l->n, sizeof(l->below[0]), by_name);
	return true;
}

size_t
place_find(const char *tree, size_t folders, struct place *place)
{
	struct look l = {.max = folders};
	size_t n = 1, at, have = 0, i;
	dev_t dev = 0;

	l.below = calloc(folders + 1, sizeof(l.below[0]));
	if (l.below == NULL)
		return 0;
	memset(place, 0, (folders + 1) * sizeof(*place));
	snprintf(place[0].path, PATH_MAX, "%s", tree);
	for (at = 0; at < n; at++) {
		l.p = &place[have];
		if (at != have)
			memmove(l.p, &place[at], sizeof(*l.p));
		l.n = 0;
		memset(l.count, 0, sizeof(l.count));
		if (!see(&l, &dev)) {
			if (at == 0)
				break;
			continue;
		}
		have++;
		for (i = 0; i < l.n && n <= folders; i++) {
			memset(&place[n], 0, sizeof(place[n]));
			if (file_join(place[n].path, PATH_MAX,
			    place[have - 1].path, l.below[i]) == 0)
				n++;
		}
	}
	free(l.below);
	return have;
}

/* -- one canary ---------------------------- */

int
place_plan(const struct place *p, bool last, struct canary_file *f,
    struct buf *body)
{
	const char *ending = p->ending[0] != '\0' ? p->ending :
						    last ? "csv" : "docx";
	char name[CANARY_NAME_MAX];
	int r;

	canary_name(name, ending, p->first, last ? p->last : NULL);
	if (snprintf(f->path, sizeof(f->path), "%s/%s", p->path, name) >=
	    (int)sizeof(f->path))
		return ERR_LIMIT;
	buf_clear(body);
	r = canary_body(ending, body);
	if (r == 0)
		digest_of(body->data, body->len, f->sha256);
	return r;
}

static int
fill(int fd, const struct place *p, const struct buf *body)
{
	uint32_t back;
	struct timespec t[2] = {{.tv_nsec = UTIME_OMIT}};

	random_bytes(&back, sizeof(back));
	t[1].tv_sec = (p->mtime_s != 0 ? p->mtime_s : clock_wall_ms() / 1000) -
	    (time_t)(back % (HOURS_BACK * 3600));
	t[1].tv_nsec = (long)(back % 1000000000);
	if (file_write_all(fd, body->data, body->len) != 0 ||
	    fchown(fd, p->uid, p->gid) != 0 || fchmod(fd, p->mode) != 0 ||
	    futimens(fd, t) != 0)
		return ERR_IO;
	return 0;
}

int
place_make(const struct place *p, const struct canary_file *f,
    const struct buf *body, struct why *why)
{
	const char *name;
	int dir = open_above(f->path, &name), fd = -1, r = 0;

	if (dir >= 0)
		fd = openat(dir, name, O_WRONLY | O_CREAT | O_EXCL |
		    O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0) {
		r = why_sys(why, ERR_IO, "%s", f->path);
	} else if (fill(fd, p, body) != 0) {
		r = why_sys(why, ERR_IO, "%s", f->path);
		unlinkat(dir, name, 0);
	}
	if (fd >= 0)
		close(fd);
	if (dir >= 0)
		close(dir);
	return r;
}

/* Content of NAME in DIR against F. */
static int
compare(int dir, const char *name, const struct canary_file *f)
{
	uint8_t sum[DIGEST_LEN], *data;
	struct stat st;
	size_t have = 0;
	ssize_t n = 0;
	int r = ERR_CRYPTO;
	int fd = openat(dir, name, O_RDONLY | O_NONBLOCK | O_NOFOLLOW |
	    O_CLOEXEC);

	if (fd < 0)
		return errno == ENOENT ? ERR_NOENT : ERR_CRYPTO;
	data = malloc(CANARY_BODY_MAX);
	if (data != NULL && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) &&
	    st.st_size <= CANARY_BODY_MAX) {
		while (have < CANARY_BODY_MAX && (n = read(fd, data + have,
		    CANARY_BODY_MAX - have)) > 0)
			have += (size_t)n;
		digest_of(data, have, sum);
		if (n == 0 && bytes_equal(sum, f->sha256, DIGEST_LEN))
			r = 0;
	}
	free(data);
	close(fd);
	return r;
}

int
place_check(const struct canary_file *f)
{
	const char *name;
	int dir = open_above(f->path, &name), r;

	if (dir < 0)
		return ERR_NOENT;
	r = compare(dir, name, f);
	close(dir);
	return r;
}

int
place_remove(const struct canary_file *f)
{
	const char *name;
	int dir = open_above(f->path, &name), r;

	if (dir < 0)
		return ERR_NOENT;
	r = compare(dir, name, f);
	if (r == 0 && unlinkat(dir, name, 0) != 0)
		r = ERR_IO;
	close(dir);
	return r;
}
