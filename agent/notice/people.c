/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Looking for people.  Runs in agent-notice.  utmp may be written by others
 * than root and a session's folder is its user's: names are taken only in
 * the form of a terminal's, and whose a place is says the file system.
 */
#include "agent/notice/people.h"

#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utmp.h>

#include "common/base/file.h"
#include "common/base/text.h"

#define UTMP_MAX 4096 /* records looked at */

bool
people_terminal(const char *line, size_t len)
{
	size_t i = 0, digits = 0;

	if (len >= 4 && memcmp(line, "pts/", 4) == 0)
		i = 4;
	else if (len >= 3 && memcmp(line, "tty", 3) == 0)
		for (i = 3; i < len && isupper((unsigned char)line[i]); i++)
			continue;
	else
		return false;
	for (; i < len && isdigit((unsigned char)line[i]); i++)
		digits++;
	return i == len && digits > 0 && len < 16;
}

static void
add(struct people *p, const char *path, uid_t uid, bool bus)
{
	struct place *at;
	size_t i;

	for (i = 0; i < p->n; i++)
		if (strcmp(p->place[i].path, path) == 0)
			return;
	if (p->n == PLACES_MAX || strlen(path) >= PLACE_MAX)
		return;
	at = &p->place[p->n++];
	at->uid = uid;
	at->bus = bus;
	strcpy(at->path, path);
}

static void
add_terminal(struct people *p, const char *dev, const char *line, size_t len)
{
	char path[PATH_MAX];
	struct stat st;

	if (!people_terminal(line, len))
		return;
	snprintf(path, sizeof(path), "%s/%.*s", dev, (int)len, line);
	if (lstat(path, &st) == 0 && S_ISCHR(st.st_mode))
		add(p, path, st.st_uid, false);
}

static void
from_utmp(struct people *p, const char *run, const char *dev)
{
	char path[PATH_MAX];
	struct utmp u;
	int fd, i;

	if (file_join(path, sizeof(path), run, "utmp") != 0)
		return;
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0)
		return;
	for (i = 0; i < UTMP_MAX &&
	    read(fd, &u, sizeof(u)) == (ssize_t)sizeof(u); i++)
		if (u.ut_type == USER_PROCESS)
			add_terminal(p, dev, u.ut_line,
			    strnlen(u.ut_line, sizeof(u.ut_line)));
	close(fd);
}

/* Debian after 12 has no utmp; logind writes TTY= for each session. */
static void
from_session(struct people *p, const char *path, const char *dev)
{
	char text[4096], *rest = text, *line;

	if (file_text(path, text, sizeof(text)) <= 0)
		return;
	while ((line = strsep(&rest, "\n")) != NULL)
		if (strncmp(line, "TTY=", 4) == 0)
			add_terminal(p, dev, line + 4, strlen(line + 4));
}

static void
from_sessions(struct people *p, const char *run, const char *dev)
{
	char folder[PATH_MAX], path[PATH_MAX];
	const struct dirent *de;
	DIR *d;

	if (file_join(folder, sizeof(folder), run, "systemd/sessions") != 0)
		return;
	d = opendir(folder);
	while (d != NULL && (de = readdir(d)) != NULL)
		if (de->d_name[0] != '.' && file_join(path, sizeof(path),
		    folder, de->d_name) == 0)
			from_session(p, path, dev);
	if (d != NULL)
		closedir(d);
}

/* RUN/user/UID belongs to that user, who may have put anything there. */
static void
add_bus(struct people *p, const char *folder, const char *name)
{
	char own[PATH_MAX], bus[PATH_MAX];
	struct stat st;
	int64_t uid;

	if (text_number(name, 0, UINT32_MAX - 1, &uid) == 0 &&
	    file_join(own, sizeof(own), folder, name) == 0 &&
	    file_join(bus, sizeof(bus), own, "bus") == 0 &&
	    lstat(own, &st) == 0 && S_ISDIR(st.st_mode) &&
	    st.st_uid == (uid_t)uid)
		add(p, bus, (uid_t)uid, true);
}

static void
from_buses(struct people *p, const char *run)
{
	char folder[PATH_MAX];
	const struct dirent *de;
	DIR *d;

	if (file_join(folder, sizeof(folder), run, "user") != 0)
		return;
	d = opendir(folder);
	while (d != NULL && (de = readdir(d)) != NULL)
		add_bus(p, folder, de->d_name);
	if (d != NULL)
		closedir(d);
}

void
people_find(const char *run, const char *dev, struct people *p)
{
	p->n = 0;
	from_utmp(p, run, dev);
	from_sessions(p, run, dev);
	from_buses(p, run);
}
