/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Marks of fanotify(7), each flag found out by trying.  Set on any thread
 * under the watch's lock.
 */
#include "agent/sensors/marks.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/fanotify.h>
#include <unistd.h>

#define MASK_BASE (FAN_CREATE | FAN_DELETE | FAN_CLOSE_WRITE | FAN_ATTRIB | \
	FAN_ONDIR)
#define MASK_MOVED (FAN_MOVED_FROM | FAN_MOVED_TO)

static void
open_fanotify(struct marks *m)
{
	const unsigned int base = FAN_CLASS_NOTIF | FAN_CLOEXEC |
	    FAN_NONBLOCK | FAN_REPORT_DFID_NAME;
	static const struct {
		unsigned int flags;
		const char *text;
	} rows[] = {
	    {FAN_REPORT_PIDFD | FAN_UNLIMITED_QUEUE | FAN_UNLIMITED_MARKS,
		"names, pidfd, unlimited queue"},
	    {FAN_REPORT_PIDFD, "names, pidfd"},
	    {FAN_UNLIMITED_QUEUE, "names, unlimited queue"},
	    {0, "names"},
	};
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		m->fan_fd = fanotify_init(base | rows[i].flags,
		    O_RDONLY | O_CLOEXEC);
		if (m->fan_fd < 0)
			continue;
		snprintf(m->abilities, sizeof(m->abilities), "%s",
		    rows[i].text);
		return;
	}
	snprintf(m->abilities, sizeof(m->abilities), "no fanotify: %s",
	    strerror(errno));
}

bool
marks_open(struct marks *m)
{
	m->fan_fd = -1;
	m->dirs = dirs_new();
	open_fanotify(m);
	m->plain_fd = fanotify_init(FAN_CLASS_NOTIF | FAN_CLOEXEC |
	    FAN_NONBLOCK | FAN_REPORT_PIDFD | FAN_UNLIMITED_QUEUE,
	    O_RDONLY | O_CLOEXEC | O_LARGEFILE);
	return m->dirs != NULL;
}

void
marks_close(struct marks *m)
{
	if (m->fan_fd >= 0)
		close(m->fan_fd);
	if (m->plain_fd >= 0)
		close(m->plain_fd);
	dirs_free(&m->dirs);
}

/* Better than nothing where PATH's file system takes no handles. */
static void
mark_plain(struct marks *m, const char *path)
{
	const int refused = errno;

	m->by_kind = refused == EOPNOTSUPP || refused == EXDEV ||
	    refused == ENODEV;
	if (m->plain_fd >= 0 && m->by_kind)
		(void)fanotify_mark(m->plain_fd, FAN_MARK_ADD |
		    FAN_MARK_FILESYSTEM, FAN_OPEN_EXEC | FAN_CLOSE_WRITE,
		    AT_FDCWD, path);
	errno = refused;
}

bool
marks_folder(struct marks *m, int fd, const char *path)
{
	const uint64_t base = MASK_BASE | FAN_EVENT_ON_CHILD;
	bool ok;

	ok = m->fan_fd >= 0 && (fanotify_mark(m->fan_fd, FAN_MARK_ADD,
	    base | FAN_RENAME, fd, NULL) == 0 || fanotify_mark(m->fan_fd,
	    FAN_MARK_ADD, base | MASK_MOVED, fd, NULL) == 0);
	return ok && dirs_fix(m->dirs, fd, path) == 0;
}

bool
marks_tree(struct marks *m, const char *path, bool changes)
{
	const uint64_t masks[] = {
	    MASK_BASE | FAN_RENAME | FAN_OPEN_EXEC,
	    MASK_BASE | MASK_MOVED | FAN_OPEN_EXEC,
	    MASK_BASE | MASK_MOVED,
	};
	size_t i;

	if (m->fan_fd < 0) {
		errno = ENOSYS;
		return false;
	}
	if (!changes && fanotify_mark(m->fan_fd,
	    FAN_MARK_ADD | FAN_MARK_FILESYSTEM, FAN_OPEN_EXEC | FAN_ATTRIB,
	    AT_FDCWD, path) == 0)
		return true;
	if (!changes) {
		mark_plain(m, path);
		return false;
	}
	for (i = 0; i < sizeof(masks) / sizeof(masks[0]); i++) {
		if (fanotify_mark(m->fan_fd,
		    FAN_MARK_ADD | FAN_MARK_FILESYSTEM | FAN_MARK_DONT_FOLLOW,
		    masks[i], AT_FDCWD, path) == 0)
			return true;
		if (errno != EINVAL)
			break;
	}
	mark_plain(m, path);
	return false;
}

bool
marks_one(struct marks *m, const char *path)
{
	int fd = !m->by_kind ? -1 : open(path, O_RDONLY | O_DIRECTORY |
	    O_NOFOLLOW | O_CLOEXEC);
	bool ok = fd >= 0 && marks_folder(m, fd, path);

	if (fd >= 0)
		close(fd);
	return ok;
}
