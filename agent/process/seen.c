/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Reading one process.  Runs on the thread of the process sensor.  The
 * folder is opened once, so that all parts are of the same process even
 * when its number is used again.
 */
#include "agent/process/seen.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "agent/process/names.h"

#define STATUS_MAX 4096
#define ENVIRON_MAX 32768
#define TABLE_MAX (512 * 1024) /* of /proc/PID/net/x */

/* Up to SIZE - 1 bytes of the file NAME in the folder, terminated. */
static size_t
read_text(const struct process_seen *s, const char *name, char *out,
    size_t size)
{
	size_t len = 0;
	ssize_t n;
	int fd = openat(s->dir, name, O_RDONLY | O_CLOEXEC);

	out[0] = '\0';
	if (fd < 0)
		return 0;
	while (len < size - 1 &&
	    (n = read(fd, out + len, size - 1 - len)) > 0)
		len += (size_t)n;
	close(fd);
	out[len] = '\0';
	return len;
}

static void
begin(struct process_seen *s, pid_t pid)
{
	memset(s, 0, sizeof(*s));
	s->pid = pid;
	s->dir = -1;
	s->uid = s->euid = SEEN_UID_UNKNOWN;
	s->login_uid = UINT32_MAX;
}

/* The link at PATH below DIR is the program. */
static int
read_exe(struct process_seen *s, int dir, const char *path)
{
	char link[SEEN_PATH_MAX + 16];
	ssize_t n = readlinkat(dir, path, link, sizeof(link));

	if (n <= 0)
		return ERR_NOENT;
	seen_take_exe(s, link, (size_t)n);
	return 0;
}

int
seen_peek(struct process_seen *s, const char *proc, pid_t pid)
{
	char path[300];

	begin(s, pid);
	snprintf(path, sizeof(path), "%s/%d/exe", proc, (int)pid);
	return read_exe(s, AT_FDCWD, path);
}

int
seen_open(struct process_seen *s, const char *proc, pid_t pid)
{
	char path[300];

	begin(s, pid);
	snprintf(path, sizeof(path), "%s/%d", proc, (int)pid);
	s->dir = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	return s->dir < 0 ? ERR_NOENT : read_exe(s, s->dir, "exe");
}

void
seen_done(struct process_seen *s)
{
	if (s->dir >= 0)
		close(s->dir);
	s->dir = -1;
}

void
seen_status(struct process_seen *s)
{
	char text[STATUS_MAX];

	if (s->uid == SEEN_UID_UNKNOWN &&
	    read_text(s, "status", text, sizeof(text)) > 0)
		seen_take_status(s, text);
}

void
seen_login(struct process_seen *s)
{
	char text[32];

	if (read_text(s, "loginuid", text, sizeof(text)) > 0)
		s->login_uid = (uint32_t)strtoul(text, NULL, 10);
}

void
seen_args(struct process_seen *s)
{
	char data[SEEN_ARGS_MAX + 1];
	size_t n;

	if (s->args.len > 0)
		return;
	n = read_text(s, "cmdline", data, sizeof(data));
	seen_take_args(&s->args, data, n);
}

/* Only looked at: what it names may be a device. */
static void
look_at_script(struct process_seen *s, int fd)
{
	char path[64];
	struct stat st;
	ssize_t n;

	if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))
		return;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	n = readlink(path, s->script, sizeof(s->script) - 1);
	s->script[n > 0 ? n : 0] = '\0';
	s->script_mode = st.st_mode;
	s->script_owner = st.st_uid;
}

void
seen_script_file(struct process_seen *s)
{
	char path[SEEN_ARGS_MAX + 64];
	struct seen_script script;
	int fd;

	seen_args(s);
	if (s->script[0] != '\0' || (!name_is_shell(s->exe) &&
	    !name_is_interpreter(s->exe) && !name_is_loader(s->exe)))
		return;
	seen_script(s->exe, &s->args, &script);
	if (script.path == NULL || script.path[0] == '\0')
		return;
	snprintf(path, sizeof(path), "/proc/self/fd/%d/%s/%s", s->dir,
	    script.path[0] == '/' ? "root" : "cwd", script.path);
	fd = open(path, O_PATH | O_CLOEXEC);
	if (fd < 0)
		return;
	look_at_script(s, fd);
	close(fd);
}

void
seen_preload(struct process_seen *s)
{
	char *data = malloc(ENVIRON_MAX);
	size_t n;

	if (data == NULL)
		return;
	n = read_text(s, "environ", data, ENVIRON_MAX);
	seen_take_preload(s, data, n);
	free(data);
}

void
seen_root(struct process_seen *s)
{
	char link[SEEN_PATH_MAX];
	ssize_t n = readlinkat(s->dir, "root", link, sizeof(link));

	if (n > 1 && n < (ssize_t)sizeof(link) && s->root[0] == '\0')
		seen_take_root(s, link, (size_t)n);
}

void
seen_file(struct process_seen *s)
{
	char path[SEEN_PATH_MAX + 64], cap[64];
	struct stat st, at;
	char *slash;

	seen_root(s);
	if (s->file_known || fstatat(s->dir, "exe", &st, 0) != 0)
		return;
	s->file_known = true;
	s->file_mode = st.st_mode;
	s->file_owner = st.st_uid;
	if (st.st_nlink > 0)
		s->deleted = false; /* the path only ends so */
	snprintf(path, sizeof(path), "/proc/self/fd/%d/exe", s->dir);
	s->file_caps = getxattr(path, "security.capability", cap,
	    sizeof(cap)) > 0;
	if (s->memory || s->exe[0] != '/')
		return;
	/* The path is one of its own root, which may be a container's. */
	snprintf(path, sizeof(path), "/proc/self/fd/%d/root%s", s->dir,
	    s->exe);
	if (s->deleted)
		s->again = stat(path, &at) == 0;
	slash = strrchr(path, '/');
	slash[1] = '\0';
	if (stat(path, &at) == 0)
		s->dir_mode = at.st_mode;
}

/* -- descriptors ------------------------------------------------------- */

/* Where a protocol's sockets stand; those of others have no peer to name. */
static const struct {
	const char *protocol, *table;
	bool v6;
} tables[] = {
	{"TCP", "net/tcp", false},
	{"TCPv6", "net/tcp6", true},
	{"UDP", "net/udp", false},
	{"UDPv6", "net/udp6", true},
	{"MPTCP", NULL, false},
	{"MPTCPv6", NULL, true},
	{"SCTP", NULL, false},
	{"DCCP", NULL, false},
	{"TIPC", NULL, false},
	{"AF_VSOCK", NULL, false},
	{"RFCOMM", NULL, false},
};

/* The kernel tells a socket's protocol as an attribute of its file. */
static void
look_at_socket(const struct process_seen *s, const char *name,
    struct seen_fd *f)
{
	char path[96], protocol[32], *text;
	size_t i, n = sizeof(tables) / sizeof(tables[0]);
	ssize_t len;

	f->kind = SEEN_SOCKET;
	snprintf(path, sizeof(path), "/proc/self/fd/%d/fd/%.16s", s->dir,
	    name);
	len = getxattr(path, "system.sockprotoname", protocol,
	    sizeof(protocol) - 1);
	if (len <= 0)
		return;
	protocol[len] = '\0';
	for (i = 0; i < n && strcmp(tables[i].protocol, protocol) != 0; i++)
		;
	if (i == n)
		return;
	if (tables[i].table == NULL) {
		f->kind = SEEN_NET;
		snprintf(f->peer, sizeof(f->peer), "%s", protocol);
		return;
	}
	text = malloc(TABLE_MAX);
	if (text == NULL)
		return;
	if (read_text(s, tables[i].table, text, TABLE_MAX) > 0 &&
	    seen_peer(text, tables[i].v6, f->inode, f->peer))
		f->kind = SEEN_NET;
	free(text);
}

/* Descriptor NAME of the process. */
static void
look_at_fd(const struct process_seen *s, const char *name,
    struct seen_fd *f)
{
	char path[32], link[64];
	unsigned long long inode;
	ssize_t n;

	snprintf(path, sizeof(path), "fd/%.16s", name);
	n = readlinkat(s->dir, path, link, sizeof(link) - 1);

	memset(f, 0, sizeof(*f));
	if (n <= 0)
		return;
	link[n] = '\0';
	f->kind = SEEN_FILE;
	if (sscanf(link, "socket:[%llu]", &inode) == 1) {
		f->inode = inode;
		look_at_socket(s, name, f);
	} else if (sscanf(link, "pipe:[%llu]", &inode) == 1) {
		f->inode = inode;
		f->kind = SEEN_PIPE;
	} else if (strncmp(link, "/dev/pts/", 9) == 0 ||
	    strncmp(link, "/dev/tty", 8) == 0) {
		f->kind = SEEN_TTY;
	}
}

void
seen_fds(struct process_seen *s)
{
	static const char *const names[3] = {"0", "1", "2"};
	size_t i;

	for (i = 0; i < 3; i++)
		look_at_fd(s, names[i], &s->fd[i]);
}

/* -- others ------------------------------------------------------------ */

void
seen_parents(struct process_seen *s, const char *proc)
{
	struct process_seen *p = malloc(sizeof(*p));
	pid_t pid = s->parent;

	s->ups = 0;
	while (p != NULL && pid > 0 && s->ups < SEEN_PARENTS_MAX) {
		struct seen_parent *up = &s->up[s->ups];

		if (seen_open(p, proc, pid) == 0) {
			seen_status(p);
			seen_args(p);
			up->pid = pid;
			up->uid = p->uid;
			memcpy(up->exe, p->exe, sizeof(up->exe));
			up->args = p->args;
			s->ups++;
		}
		pid = p->parent;
		seen_done(p);
	}
	free(p);
	if (s->root[0] != '\0')
		seen_take_root(s, s->root, strlen(s->root));
}

/* Has P a socket with a peer?  PIPE: 0, or one of its ends must be that. */
static bool
is_relay(const struct process_seen *p, uint64_t pipe, struct seen_relay *r)
{
	int dir = openat(p->dir, "fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = dir < 0 ? NULL : fdopendir(dir);
	const struct dirent *e;
	bool net = false, joined = pipe == 0;
	struct seen_fd f;
	int left = SEEN_SOCKETS_MAX;

	while (d != NULL && left-- > 0 && (e = readdir(d)) != NULL) {
		if (e->d_name[0] == '.')
			continue;
		look_at_fd(p, e->d_name, &f);
		joined |= f.kind == SEEN_PIPE && f.inode == pipe;
		if (f.kind != SEEN_NET)
			continue;
		if (!net)
			memcpy(r->peer, f.peer, sizeof(r->peer));
		net = true;
		r->standard |= e->d_name[1] == '\0' && e->d_name[0] <= '2';
	}
	if (d != NULL)
		closedir(d);
	else if (dir >= 0)
		close(dir);
	return net && joined;
}

static bool
try_relay(struct process_seen *s, const char *proc, pid_t pid,
    uint64_t pipe)
{
	struct process_seen *p = malloc(sizeof(*p));
	struct seen_relay r = {.pid = pid, .by_pipe = pipe != 0};
	struct seen_script script;
	bool found = false;

	if (p == NULL)
		return false;
	if (seen_open(p, proc, pid) == 0 && (name_is_relay(p->exe) ||
	    name_is_interpreter(p->exe)) && is_relay(p, pipe, &r)) {
		seen_args(p);
		seen_script(p->exe, &p->args, &script);
		memcpy(r.exe, p->exe, sizeof(r.exe));
		r.inline_code = script.code != NULL || script.path == NULL;
		s->relay = r;
		found = true;
	}
	seen_done(p);
	free(p);
	return found;
}

/* Those whom the same shell started: "nc ... | sh". */
static void
try_siblings(struct process_seen *s, const char *proc, uint64_t pipe)
{
	char path[300], text[1024], *at = text, *word;
	int left = SEEN_SIBLINGS_MAX, fd;
	ssize_t n;
	pid_t pid;

	snprintf(path, sizeof(path), "%s/%d/task/%d/children", proc,
	    (int)s->parent, (int)s->parent);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? 0 : read(fd, text, sizeof(text) - 1);
	if (fd >= 0)
		close(fd);
	text[n > 0 ? n : 0] = '\0';
	while (left-- > 0 && (word = strsep(&at, " ")) != NULL) {
		pid = (pid_t)strtol(word, NULL, 10);
		if (pid > 0 && pid != s->pid &&
		    try_relay(s, proc, pid, pipe))
			return;
	}
}

void
seen_relay(struct process_seen *s, const char *proc)
{
	size_t i;

	if (s->parent <= 1 || (s->ups > 0 && try_relay(s, proc, s->up[0].pid,
	    0)))
		return;
	for (i = 0; i < 2 && s->relay.pid == 0; i++)
		if (s->fd[i].kind == SEEN_PIPE)
			try_siblings(s, proc, s->fd[i].inode);
}
