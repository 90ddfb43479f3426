/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Samples of files.  Runs on the data sensor's thread.  Never waits for a
 * FIFO or a device, and believes no size.
 */
#include "agent/sensors/take.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/sensors/path.h"
#include "common/base/clock.h"

#define FRESH_S 10

static size_t
block(int fd, uint8_t *data, uint64_t at)
{
	ssize_t n = pread(fd, data, SAMPLE_BLOCK, (off_t)at);

	return n > 0 ? (size_t)n : 0;
}

/* Takes FD. */
static int
take_fd(int fd, struct sample *s)
{
	struct stat st;
	int r = ERR_NOENT;

	if (fd < 0)
		return errno == ENOENT || errno == ELOOP ? ERR_NOENT : ERR_IO;
	if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))
		goto done;
	s->size = (uint64_t)st.st_size;
	s->fresh = st.st_mtim.tv_sec >= clock_wall_ms() / 1000 - FRESH_S;
	s->len[0] = block(fd, s->data[0], 0);
	s->len[1] = s->len[2] = 0;
	if (s->size > SAMPLE_BLOCK)
		s->len[2] = block(fd, s->data[2], s->size - SAMPLE_BLOCK);
	if (s->size > 3 * SAMPLE_BLOCK)
		s->len[1] = block(fd, s->data[1], s->size / 2 &
		    ~(uint64_t)(SAMPLE_BLOCK - 1));
	r = 0;
done:
	close(fd);
	return r;
}

int
take_sample(const char *path, struct sample *s)
{
	return take_fd(path_open(path, O_RDONLY | O_NONBLOCK), s);
}

int
take_sample_at(int dirfd, const char *name, struct sample *s)
{
	return take_fd(openat(dirfd, name, O_RDONLY | O_NONBLOCK |
	    O_NOFOLLOW | O_CLOEXEC), s);
}
