/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Opened first without access (O_PATH), looked at, and only then for
 * reading: a link to a device or FIFO has no effect.
 */
#include "agent/state/content.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define STEP 16384

static int
code_of_errno(void)
{
	if (errno == ENOENT || errno == ENOTDIR || errno == ELOOP)
		return ERR_NOENT;
	return errno == EACCES || errno == EPERM ? ERR_PERM : ERR_IO;
}

static int
open_regular(const char *path, int *out)
{
	char link[64];
	struct stat st;
	int fd, r = 0, read_fd;

	fd = open(path, O_PATH | O_CLOEXEC);
	if (fd < 0)
		return code_of_errno();
	if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
		close(fd);
		return ERR_IO;
	}
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	read_fd = open(link, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (read_fd < 0)
		r = code_of_errno();
	else
		*out = read_fd;
	close(fd);
	return r;
}

int
content_read(const char *path, struct buf *out)
{
	uint8_t *at;
	ssize_t n;
	int fd, r;

	r = open_regular(path, &fd);
	if (r != 0)
		return r;
	do {
		size_t want = out->max - out->len < STEP ?
		    out->max - out->len : STEP;

		r = want == 0 ? ERR_LIMIT : buf_reserve(out, want, &at);
		if (r != 0)
			break;
		n = read(fd, at, want);
		if (n > 0)
			buf_grow(out, (size_t)n);
		r = n < 0 ? ERR_IO : 0;
	} while (r == 0 && n > 0);
	close(fd);
	return r;
}

int
content_as_text(struct buf *b, char **text)
{
	size_t i;

	if (buf_str(b) == NULL)
		return ERR_NOMEM;
	for (i = 0; i < b->len; i++)
		if (b->data[i] == '\0')
			b->data[i] = '\n';
	*text = (char *)b->data;
	return 0;
}

int
content_text(const char *path, struct buf *out, char **text)
{
	int r = content_read(path, out);

	return r != 0 ? r : content_as_text(out, text);
}
