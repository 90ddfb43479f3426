/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Path handling of the sensors.  Trusts no path: components may be swapped
 * for symbolic links at any moment, so none is followed.
 */
#include "agent/sensors/path.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

int
path_join(char *out, const char *dir, const char *name)
{
	size_t d = strcmp(dir, "/") == 0 ? 0 : strlen(dir);
	size_t n = strlen(name);

	if (d + 1 + n + 1 > PATH_LEN)
		return ERR_LIMIT;
	memcpy(out, dir, d);
	out[d] = '/';
	memcpy(out + d + 1, name, n + 1);
	return 0;
}

int
path_split(const char *path, char *dir, const char **name)
{
	const char *slash = strrchr(path, '/');
	size_t len;

	if (path[0] != '/' || slash[1] == '\0')
		return ERR_RANGE;
	len = slash == path ? 1 : (size_t)(slash - path);
	if (len >= PATH_LEN)
		return ERR_RANGE;
	memcpy(dir, path, len);
	dir[len] = '\0';
	*name = slash + 1;
	return 0;
}

bool
path_under(const char *path, const char *top)
{
	size_t n = strlen(top);

	if (strcmp(top, "/") == 0)
		return path[0] == '/';
	return strncmp(path, top, n) == 0 &&
	    (path[n] == '\0' || path[n] == '/');
}

bool
path_clean(const char *path)
{
	const char *at = path, *end;
	size_t n;

	if (path[0] != '/' || strlen(path) >= PATH_LEN)
		return false;
	if (path[1] == '\0')
		return true;
	for (; *at != '\0'; at = end) {
		at++;
		end = strchrnul(at, '/');
		n = (size_t)(end - at);
		if (n == 0 || (n == 1 && at[0] == '.') ||
		    (n == 2 && at[0] == '.' && at[1] == '.'))
			return false;
	}
	return true;
}

/* For kernels before 5.6: openat(2) with O_NOFOLLOW, part by part. */
static int
open_by_parts(const char *path, int flags)
{
	char part[NAME_MAX + 1];
	const char *at = path, *end;
	size_t n;
	int fd, next, saved;

	fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	while (fd >= 0 && *at != '\0') {
		while (*at == '/')
			at++;
		end = strchrnul(at, '/');
		n = (size_t)(end - at);
		if (n > NAME_MAX) {
			close(fd);
			errno = ENAMETOOLONG;
			return -1;
		}
		memcpy(part, n == 0 ? "." : at, n == 0 ? 1 : n);
		part[n == 0 ? 1 : n] = '\0';
		next = openat(fd, part, O_CLOEXEC | O_NOFOLLOW |
		    (*end == '\0' ? flags : O_PATH | O_DIRECTORY));
		saved = errno;
		close(fd);
		errno = saved;
		fd = next;
		at = end;
	}
	return fd;
}

int
path_open(const char *path, int flags)
{
	struct open_how how = {
	    .flags = (unsigned int)(flags | O_CLOEXEC | O_NOFOLLOW),
	    .resolve = RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS,
	};
	int fd;

	if (path[0] != '/') {
		errno = EINVAL;
		return -1;
	}
	fd = (int)syscall(SYS_openat2, AT_FDCWD, path, &how, sizeof(how));
	if (fd < 0 && (errno == ENOSYS || errno == EPERM))
		fd = open_by_parts(path, flags);
	return fd;
}

int
path_open_parent(const char *path, const char **name)
{
	char dir[PATH_LEN];

	if (path_split(path, dir, name) != 0) {
		errno = EINVAL;
		return -1;
	}
	return path_open(dir, O_PATH | O_DIRECTORY);
}
