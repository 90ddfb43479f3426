/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Reading /proc once over.  Runs on a worker thread of the sensors process,
 * never in the way of an order.  What processes say of themselves is
 * quoted.
 */
#include "agent/sensors/snapshot.h"

#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <utmp.h>

#include "agent/sensors/sockets.h"
#include "agent/sensors/who.h"
#include "common/base/clock.h"
#include "common/base/file.h"
#include "common/base/log.h"

#define FILE_ROOM (64 * 1024)
#define LINE_ROOM 512
#define SESSIONS "/run/systemd/sessions" /* of logind */
#define CUT_ROOM 128 /* kept for the last line */

struct shot {
	const char *proc;
	struct buf *out;
	int64_t until_ms;
	bool cut;
	struct socket_owners sockets;
};

static bool
go_on(struct shot *s)
{
	if (clock_boot_ms() > s->until_ms ||
	    s->out->len + CUT_ROOM > s->out->max)
		s->cut = true;
	return !s->cut;
}

static void
add_line(struct shot *s, const char *text, size_t len)
{
	char line[LINE_ROOM];

	log_quote(line, sizeof(line), text, len);
	if (!go_on(s) ||
	    s->out->len + strlen(line) + CUT_ROOM > s->out->max) {
		s->cut = true;
		return;
	}
	buf_printf(s->out, "%s\n", line);
}

static void
add_section(struct shot *s, const char *name)
{
	if (go_on(s))
		buf_printf(s->out, "== %s\n", name);
}

/* What did not fit is said: a list that ends is not a list that is whole. */
static void
add_rest(struct shot *s, ssize_t len)
{
	static const char more[] = "... longer; the rest is left out";

	if (len >= FILE_ROOM - 1)
		add_line(s, more, sizeof(more) - 1);
}

/* A file of /proc, line by line. */
static void
add_file(struct shot *s, const char *section, const char *name)
{
	char path[256], *text, *rest, *line;
	ssize_t n;

	add_section(s, section);
	text = malloc(FILE_ROOM);
	snprintf(path, sizeof(path), "%s/%s", s->proc, name);
	n = text != NULL ? file_text(path, text, FILE_ROOM) : 0;
	if (n > 0) {
		rest = text;
		while (!s->cut && (line = strsep(&rest, "\n")) != NULL)
			if (line[0] != '\0')
				add_line(s, line, strlen(line));
		add_rest(s, n);
	}
	free(text);
}

/* -- processes and their sockets ---------------------------- */

static void
add_process(struct shot *s, pid_t pid)
{
	char path[300], text[4096], name[64] = "?", line[2048], exe[512];
	uint32_t uid = 0;
	pid_t parent = 0;
	ssize_t n, i;
	char *end;

	snprintf(path, sizeof(path), "%s/%d/status", s->proc, (int)pid);
	if (file_text(path, text, sizeof(text)) <= 0)
		return;
	who_parse_status(text, &uid, &parent);
	end = strchr(text, '\n');
	if (strncmp(text, "Name:\t", 6) == 0 && end != NULL)
		snprintf(name, sizeof(name), "%.*s", (int)(end - text - 6),
		    text + 6);
	snprintf(path, sizeof(path), "%s/%d/exe", s->proc, (int)pid);
	n = readlink(path, exe, sizeof(exe) - 1);
	exe[n > 0 ? n : 0] = '\0';
	snprintf(path, sizeof(path), "%s/%d/cmdline", s->proc, (int)pid);
	n = file_text(path, text, 1024);
	for (i = 0; i + 1 < n; i++)
		if (text[i] == '\0')
			text[i] = ' ';
	snprintf(line, sizeof(line), "pid=%d ppid=%d uid=%u name=%s exe=%s "
	    "argv=%.1000s", (int)pid, (int)parent, uid, name, exe,
	    n > 0 ? text : "");
	add_line(s, line, strlen(line));
	if (go_on(s))
		socket_owners_add(&s->sockets, s->proc, pid, name,
		    s->until_ms);
}

static void
add_processes(struct shot *s)
{
	const struct dirent *de;
	DIR *d = opendir(s->proc);

	add_section(s, "processes");
	while (d != NULL && go_on(s) && (de = readdir(d)) != NULL)
		if (isdigit((unsigned char)de->d_name[0]))
			add_process(s, (pid_t)atoi(de->d_name));
	if (d != NULL)
		closedir(d);
}

/* -- sockets ---------------------------- */

/*
 * One table of /proc/net as the kernel writes it (proc(5)), the owner in
 * front.  FIELD: which word of a line is the inode, from 0.
 */
static void
add_sockets(struct shot *s, const char *table, unsigned int field)
{
	char path[256], line[LINE_ROOM + 64], *text, *rest, *l, *word, *save;
	ssize_t n;
	const struct socket_owner *so;
	uint64_t inode;
	unsigned int i;

	snprintf(path, sizeof(path), "sockets %s", table);
	add_section(s, path);
	snprintf(path, sizeof(path), "%s/net/%s", s->proc, table);
	text = malloc(FILE_ROOM);
	n = text != NULL ? file_text(path, text, FILE_ROOM) : 0;
	if (n <= 0) {
		free(text);
		return;
	}
	rest = text;
	strsep(&rest, "\n"); /* names of the columns */
	while (!s->cut && (l = strsep(&rest, "\n")) != NULL) {
		char copy[LINE_ROOM];

		snprintf(copy, sizeof(copy), "%s", l);
		inode = 0;
		word = strtok_r(copy, " ", &save);
		for (i = 0; word != NULL && i < field; i++)
			word = strtok_r(NULL, " ", &save);
		if (word == NULL)
			continue;
		inode = strtoull(word, NULL, 10);
		so = socket_owners_find(&s->sockets, inode);
		if (so != NULL)
			snprintf(line, sizeof(line), "pid=%d name=%s %.400s",
			    (int)so->pid, so->name, l);
		else
			snprintf(line, sizeof(line), "pid=? %.400s", l);
		add_line(s, line, strlen(line));
	}
	add_rest(s, n);
	free(text);
}

/* -- users ---------------------------- */

static void
add_users(struct shot *s)
{
	struct utmp u;
	char line[512], when[CLOCK_TEXT_MAX];
	int fd = open(_PATH_UTMP, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

	add_section(s, "users");
	while (fd >= 0 && go_on(s) &&
	    read(fd, &u, sizeof(u)) == (ssize_t)sizeof(u)) {
		if (u.ut_type != USER_PROCESS)
			continue;
		snprintf(line, sizeof(line),
		    "user=%.*s line=%.*s host=%.*s pid=%d since=%s",
		    (int)sizeof(u.ut_user), u.ut_user,
		    (int)sizeof(u.ut_line), u.ut_line,
		    (int)sizeof(u.ut_host), u.ut_host, (int)u.ut_pid,
		    clock_format(when, u.ut_tv.tv_sec * 1000LL, true));
		add_line(s, line, strlen(line));
	}
	if (fd >= 0)
		close(fd);
}

/* The words of a session that tell who, from where, on what. */
static void
add_session(struct shot *s, const char *dir, const char *id)
{
	static const char *const keys[] = {"USER=", "TTY=", "DISPLAY=",
	    "REMOTE_HOST=", "SERVICE=", "TYPE=", "LEADER="};
	char path[PATH_MAX], text[4096], line[LINE_ROOM], *rest = text, *l;
	size_t i, n;

	if (file_join(path, sizeof(path), dir, id) != 0 ||
	    file_text(path, text, sizeof(text)) <= 0)
		return;
	n = (size_t)snprintf(line, sizeof(line), "session=%.32s", id);
	while ((l = strsep(&rest, "\n")) != NULL)
		for (i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
			if (strncmp(l, keys[i], strlen(keys[i])) == 0 &&
			    n < sizeof(line))
				n += (size_t)snprintf(line + n,
				    sizeof(line) - n, " %.100s", l);
	add_line(s, line, strlen(line));
}

/* logind's; a system without utmp has only these. */
static void
add_sessions(struct shot *s)
{
	const struct dirent *de;
	DIR *d = opendir(SESSIONS);

	add_section(s, "sessions");
	while (d != NULL && go_on(s) && (de = readdir(d)) != NULL)
		if (de->d_name[0] != '.' && strchr(de->d_name, '.') == NULL)
			add_session(s, SESSIONS, de->d_name);
	if (d != NULL)
		closedir(d);
}

void
snapshot_take(const char *proc, struct buf *out)
{
	struct shot s = {
	    .proc = proc,
	    .out = out,
	    .until_ms = clock_boot_ms() + SNAPSHOT_MS,
	};
	char now[CLOCK_TEXT_MAX];

	if (socket_owners_init(&s.sockets) != 0)
		return;
	buf_printf(out, "== snapshot\ntaken %s\n",
	    clock_format(now, clock_wall_ms(), true));
	add_users(&s);
	add_sessions(&s);
	add_file(&s, "neighbours", "net/arp");
	add_file(&s, "routes v4", "net/route");
	add_file(&s, "routes v6", "net/ipv6_route");
	add_processes(&s);
	add_sockets(&s, "tcp", 9);
	add_sockets(&s, "tcp6", 9);
	add_sockets(&s, "udp", 9);
	add_sockets(&s, "udp6", 9);
	add_sockets(&s, "raw", 9);
	add_sockets(&s, "raw6", 9);
	add_sockets(&s, "packet", 8);
	add_file(&s, "devices", "net/dev");
	add_file(&s, "addresses v6", "net/if_inet6");
	add_file(&s, "modules", "modules");
	add_file(&s, "mounts", "self/mounts");
	if (s.cut)
		buf_add_str(out, "== cut\nat the bound of time or size\n");
	socket_owners_done(&s.sockets);
}
