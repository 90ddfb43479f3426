/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A sweep over the processes that live now (proc(5)).  On a job thread of
 * the sensors process.  A process chooses all its names but the path of its
 * executable, so each of them is looked at.
 */
#include <ctype.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/sensors/path.h"
#include "agent/sensors/sweep_int.h"
#include "common/base/clock.h"
#include "common/base/file.h"
#include "common/base/text.h"

#define STATUS_ROOM 4096

struct one {
	pid_t pid;
	char comm[64], exe[PATH_LEN + 16], argv0[PATH_LEN];
};

static const char *
last_part(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash != NULL ? slash + 1 : path;
}

/* What a removed executable is called, without " (deleted)". */
static void
without_mark(const char *exe, char out[PATH_LEN + 16])
{
	static const char mark[] = " (deleted)";
	size_t len = strlen(exe), n = sizeof(mark) - 1;

	memcpy(out, exe, len + 1);
	if (len > n && strcmp(exe + len - n, mark) == 0)
		out[len - n] = '\0';
}

static bool
fits(const char *want, const struct one *p)
{
	char exe[PATH_LEN + 16];
	int64_t pid = 0;

	without_mark(p->exe, exe);
	if (text_glob(want, p->comm) || text_glob(want, exe) ||
	    text_glob(want, p->argv0))
		return true;
	if (strchr(want, '/') != NULL)
		return false;
	return text_glob(want, last_part(exe)) ||
	    text_glob(want, last_part(p->argv0)) ||
	    (text_number(want, 1, INT32_MAX, &pid) == 0 && pid == p->pid);
}

static ssize_t
read_of(const struct sweep *s, pid_t pid, const char *name, char *out,
    size_t size)
{
	char path[300];

	snprintf(path, sizeof(path), "%s/%d/%s", s->proc, (int)pid, name);
	return file_text(path, out, size);
}

static bool
names_of(const struct sweep *s, pid_t pid, struct one *p)
{
	char path[300];
	ssize_t n;

	p->pid = pid;
	if (read_of(s, pid, "comm", p->comm, sizeof(p->comm)) <= 0)
		return false;
	p->comm[strcspn(p->comm, "\n")] = '\0';
	/* cmdline ends its words with NUL: the text is the first one. */
	(void)read_of(s, pid, "cmdline", p->argv0, sizeof(p->argv0));
	snprintf(path, sizeof(path), "%s/%d/exe", s->proc, (int)pid);
	n = readlink(path, p->exe, sizeof(p->exe) - 1);
	p->exe[n > 0 ? n : 0] = '\0';
	return true;
}

/* Wall time, from ticks since boot. */
static int64_t
started_ms(const struct sweep *s, pid_t pid)
{
	char text[STATUS_ROOM];
	uint64_t ticks = 0;
	long hz = sysconf(_SC_CLK_TCK);

	if (read_of(s, pid, "stat", text, sizeof(text)) > 0)
		ticks = who_parse_stat(text);
	if (ticks == 0 || hz <= 0)
		return 0;
	return clock_wall_ms() - clock_boot_ms() +
	    (int64_t)(ticks / (uint64_t)hz * 1000 +
	    ticks % (uint64_t)hz * 1000 / (uint64_t)hz);
}

static void
add_process(struct sweep *s, const struct one *p)
{
	struct sweep_row *row = sweep_add(s);
	char text[STATUS_ROOM], name[80];
	pid_t parent;

	if (row == NULL)
		return;
	snprintf(name, sizeof(name), "[%s]", p->comm);
	row->msg.object = sweep_quote(s, p->exe[0] != '\0' ? p->exe : name);
	row->msg.argv0 = sweep_quote(s, p->argv0[0] != '\0' ? p->argv0 :
	    p->comm);
	row->msg.pid = (uint32_t)p->pid;
	row->msg.changed_ms = started_ms(s, p->pid);
	if (read_of(s, p->pid, "status", text, sizeof(text)) > 0)
		who_parse_status(text, &row->msg.uid, &parent);
	row->msg.owner = sweep_owner(s, row->msg.uid);
}

void
sweep_processes(struct sweep *s)
{
	struct one *p = malloc(sizeof(*p));
	DIR *d = opendir(s->proc);
	const struct dirent *de;

	if (p == NULL || d == NULL)
		sweep_cannot(s, "the processes cannot be listed");
	while (p != NULL && d != NULL && (de = readdir(d)) != NULL) {
		if (clock_boot_ms() > s->until_ms) {
			s->answer.partial = true;
			break;
		}
		if (!isdigit((unsigned char)de->d_name[0]) ||
		    !names_of(s, (pid_t)atoi(de->d_name), p))
			continue;
		s->answer.looked++;
		if (fits(s->ask->text, p))
			add_process(s, p);
	}
	s->answer.looked_ms = clock_wall_ms();
	if (d != NULL)
		closedir(d);
	free(p);
}
