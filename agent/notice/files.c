/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Files below /run.  Runs in agent-notice as uid 0 without a right to pass
 * modes: it writes where root owns the folder, and nowhere else.
 */
#include "agent/notice/files.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/notice/text.h"
#include "common/base/buf.h"
#include "common/base/file.h"

#define MOTD "motd.d/cordon"
#define ISSUE "issue.d/cordon.issue"

static bool
same(const char *path, const void *data, size_t len)
{
	struct buf b;
	bool equal;

	buf_init(&b, NOTICE_TEXT_MAX);
	equal = file_read(path, &b, NULL) == 0 && b.len == len &&
	    memcmp(b.data, data, len) == 0;
	buf_done(&b);
	return equal;
}

/* NAME with these bytes; DATA NULL: not there.  *CHANGED if it was not so. */
static int
put(const char *run, const char *name, const void *data, size_t len,
    bool *changed, struct why *why)
{
	char path[PATH_MAX], dir[PATH_MAX];
	int rc;

	if (file_join(path, sizeof(path), run, name) != 0)
		return why_set(why, ERR_LIMIT, "path too long");
	if (data == NULL) {
		rc = file_remove(path, why);
		*changed = rc == 0;
		return rc == ERR_NOENT ? 0 : rc;
	}
	*changed = !same(path, data, len);
	if (!*changed)
		return 0;
	snprintf(dir, sizeof(dir), "%s/%.*s", run,
	    (int)strcspn(name, "/"), name);
	rc = file_mkdir(dir, 0755, why);
	if (rc == 0)
		rc = file_write(path, data, len, 0644, why);
	return rc;
}

/*
 * What `agetty --reload` does: every agetty that waits for a name looks at
 * this file and prints its banner again.
 */
static void
reload_banners(const char *run)
{
	char path[PATH_MAX];
	int fd;

	if (file_join(path, sizeof(path), run, "agetty.reload") != 0)
		return;
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW |
	    O_NONBLOCK, 0600);
	if (fd < 0)
		return;
	(void)futimens(fd, NULL);
	close(fd);
}

int
files_show(const char *run, const char *text, bool *news, struct why *why)
{
	bool motd = false, issue = false;
	struct buf b;
	int rc, rc2;

	buf_init(&b, NOTICE_TEXT_MAX);
	rc = text != NULL ? notice_issue(text, &b) : 0;
	if (rc != 0) {
		why_set(why, rc, "banner: %s", err_str(rc));
		goto done;
	}
	/* One that fails is no reason to leave out the other. */
	rc = put(run, MOTD, text, text != NULL ? strlen(text) : 0, &motd,
	    why);
	rc2 = put(run, ISSUE, text != NULL ? b.data : NULL, b.len, &issue,
	    rc == 0 ? why : NULL);
	rc = rc == 0 ? rc2 : rc;
	if (issue)
		reload_banners(run);
	*news = motd;
done:
	buf_done(&b);
	return rc;
}
