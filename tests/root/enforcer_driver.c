/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Plays parent, network process and signer for one agent-enforcer, by lines
 * on standard input, and prints what comes back: one event a line, fields
 * as name=value behind tabs.  A test program: never installed.
 *
 *   order profile=strict epoch=1 collectors=10.9.0.2:443,[fd09::2]:443
 *         allowed=out/tcp/10.9.0.3/32:53 probes=tcp/10.9.0.2:80
 *         confirm=SECONDS:SECRET deadman=SECONDS:open|recovery|stay
 *         mode=dry | mode=live:MINUTES  restore=MS  before=MS  host=ID
 *         forge=1 save=FILE quiet=1
 *   file FILE | again | confirm ORDER SECRET | prove | line
 *   foreign RUN | raw KIND HEX | kill | start | stop | status | offline FILE
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/links/ipc.h"
#include "agent/links/ipc.pb-c.h"
#include "agent/parent/program.h"
#include "common/base/clock.h"
#include "common/base/file.h"
#include "common/base/id.h"
#include "common/base/log.h"
#include "common/proc/link.h"
#include "common/proc/spawn.h"
#include "common/wire/agent.pb-c.h"
#include "common/wire/order.h"
#include "tests/root/driver.h"
#include "tests/root/enforcer_driver.h"

#define LINE_LEN 16384

static struct {
	const char *enforcer, *state, *user, *host;
	uint32_t uid, prove;
	bool never;
	const char *collectors; /* as in an order; of enrolment */
	char *without[16];
	size_t nwithout;
	bool park;  /* keep the owner's socket, as the parent does */
	int parked; /* or -1 */
	const char *guard; /* the program, or NULL */
	pid_t guard_pid;
	int guard_link; /* as its parent, or -1 */
	struct sign_key *key;
	pid_t pid;
	int parent, network, listener;
	struct buf last; /* signed order sent last */
	int64_t sent_us;
} d = {.parent = -1, .network = -1, .listener = -1, .parked = -1,
    .guard_link = -1,
    .user = "0",
    .host = "H-TEST0001", .prove = 3600};

static void
send_fd(int fd, uint32_t kind, const void *data, size_t len, int pass)
{
	if (!driver_send(fd, kind, data, len, pass))
		printf("error\twhat=send\twhy=%s\n", strerror(errno));
}

/* -- the enforcer's life --------------------------------------------------- */

static void
send_settings(int to)
{
	Cordon__Settings s = CORDON__SETTINGS__INIT;
	uint8_t key[SIGN_KEY_LEN], bytes[8192];
	struct endpoints known = {.n = 0};
	char text[512];

	sign_key_public(d.key, key);
	s.state_dir = (char *)(uintptr_t)d.state;
	s.host_id = (char *)(uintptr_t)d.host;
	s.order_key.data = key;
	s.order_key.len = sizeof(key);
	s.network_uid = d.uid;
	s.never_isolate = d.never;
	s.prove_seconds = d.prove;
	s.without = d.without;
	s.n_without = d.nwithout;
	if (d.collectors != NULL) {
		snprintf(text, sizeof(text), "%s", d.collectors);
		add_endpoints(&known, text);
		s.collectors = known.at;
		s.n_collectors = known.n;
	}
	if (d.guard != NULL)
		s.guard = CORDON__GUARD_MODE__GUARD_MODE_ON;
	s.log_level = LOG_LEVEL_INFO;
	send_fd(to, IPC_SETTINGS, bytes, cordon__settings__pack(&s,
	    bytes), -1);
}

/* The guard, with USER's rights: started once, joined to each enforcer. */
static void
join_guard(void)
{
	const char *argv[] = {"agent-guard", "--user", d.user, NULL};
	struct spawn s = {.path = d.guard, .argv = argv, .nfd = 1};
	uint8_t guard = IPC_PEER_GUARD, enforcer = IPC_PEER_ENFORCER;
	int a[2], b[2];
	struct why why;

	if (link_pair(b, &why) != 0)
		die("link", &why);
	if (d.guard_pid == 0) {
		if (link_pair(a, &why) != 0)
			die("link", &why);
		s.fd[0] = a[1];
		if (spawn_start(&s, &d.guard_pid, &why) != 0)
			die("spawn", &why);
		close(a[1]);
		d.guard_link = a[0];
		send_settings(d.guard_link);
	}
	send_fd(d.parent, IPC_PEER, &guard, 1, b[0]);
	send_fd(d.guard_link, IPC_PEER, &enforcer, 1, b[1]);
	close(b[0]);
	close(b[1]);
}

static void
start(void)
{
	const char *argv[] = {"agent-enforcer", "--user", d.user, NULL};
	struct spawn s = {.path = d.enforcer, .argv = argv, .nfd = 1};
	uint8_t network = IPC_PEER_NETWORK, control = IPC_PEER_CONTROL;
	int a[2], b[2];
	struct why why;

	if (link_pair(a, &why) != 0 || link_pair(b, &why) != 0)
		die("link", &why);
	s.fd[0] = a[1];
	if (d.parked >= 0) {
		s.fd[1] = d.parked;
		s.nfd = 2;
	}
	if (spawn_start(&s, &d.pid, &why) != 0)
		die("spawn", &why);
	close(a[1]);
	d.parent = a[0];
	d.network = b[0];
	send_settings(d.parent);
	send_fd(d.parent, IPC_PEER, &network, 1, b[1]);
	if (d.guard != NULL)
		join_guard();
	if (d.listener >= 0)
		send_fd(d.parent, IPC_PEER, &control, 1, d.listener);
	close(b[1]);
	printf("started\tpid=%d\n", d.pid);
}

static void
ended(void)
{
	char text[80];
	int status;

	if (d.pid <= 0)
		return;
	waitpid(d.pid, &status, 0);
	printf("ended\thow=%s\n", spawn_status(status, text, sizeof(text)));
	d.pid = 0;
	close(d.parent);
	close(d.network);
	d.parent = d.network = -1;
}

static void
open_control(const char *path)
{
	struct sockaddr_un un = {.sun_family = AF_UNIX};

	snprintf(un.sun_path, sizeof(un.sun_path), "%s", path);
	unlink(path);
	d.listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (d.listener < 0 || bind(d.listener, (struct sockaddr *)&un,
	    sizeof(un)) < 0 || listen(d.listener, 4) < 0)
		die("control socket", NULL);
}

/* -- orders ---------------------------------------------------------------- */

static void
send_last(void)
{
	Cordon__OrderIn m = CORDON__ORDER_IN__INIT;
	uint8_t *bytes;

	m.order.data = d.last.data;
	m.order.len = d.last.len;
	bytes = malloc(cordon__order_in__get_packed_size(&m));
	if (bytes == NULL)
		die("order", NULL);
	d.sent_us = clock_boot_us();
	send_fd(d.network, IPC_ORDER, bytes, cordon__order_in__pack(&m,
	    bytes), -1);
	free(bytes);
}

/* -- control socket -------------------------------------------------------- */

static void
control(uint32_t kind, const void *data, size_t len)
{
	struct sockaddr_un un;
	socklen_t n = sizeof(un);
	uint8_t bytes[8192];
	Cordon__StatusText *t;
	char *p;
	ssize_t got;
	int fd;

	getsockname(d.listener, (struct sockaddr *)&un, &n);
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (fd < 0 || connect(fd, (struct sockaddr *)&un, n) < 0)
		die("control", NULL);
	send_fd(fd, kind, data, len, -1);
	got = recv(fd, bytes, sizeof(bytes), 0);
	close(fd);
	if (got < 4) {
		printf("control\tcode=-1\n");
		return;
	}
	t = cordon__status_text__unpack(NULL, (size_t)got - 4, bytes + 4);
	if (t == NULL)
		die("control text", NULL);
	for (p = t->text; *p != '\0'; p++)
		if (*p == '\n')
			*p = ';';
	printf("control\tcode=%u\ttext=%s\n", t->exit_code, t->text);
	cordon__status_text__free_unpacked(t, NULL);
}

static void
offline(const char *path)
{
	Cordon__OrderIn m = CORDON__ORDER_IN__INIT;
	struct buf b;
	uint8_t *bytes;
	struct why why;

	buf_init(&b, ORDER_MAX);
	if (file_read(path, &b, &why) != 0)
		die("offline", &why);
	m.order.data = b.data;
	m.order.len = b.len;
	bytes = malloc(cordon__order_in__get_packed_size(&m));
	if (bytes == NULL)
		die("offline", NULL);
	control(IPC_CTL_ORDER, bytes, cordon__order_in__pack(&m, bytes));
	free(bytes);
	buf_done(&b);
}

/* -- events ---------------------------------------------------------------- */

/* What the parent hears: ready, and a socket to keep. */
static ssize_t
hear_parent(uint8_t *bytes, size_t size)
{
	union {
		struct cmsghdr h;
		char space[CMSG_SPACE(sizeof(int))];
	} control = {0};
	struct iovec iov = {bytes, size};
	struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1,
	    .msg_control = control.space,
	    .msg_controllen = sizeof(control.space)};
	ssize_t n = recvmsg(d.parent, &m, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	int fd;

	if (n < 4)
		return n;
	if (m.msg_controllen < CMSG_LEN(sizeof(int))) {
		printf("ready\n");
		return n;
	}
	memcpy(&fd, CMSG_DATA(&control.h), sizeof(fd));
	if (d.parked >= 0 || !d.park) {
		close(fd);
	} else {
		d.parked = fd;
		printf("parked\n");
	}
	return n;
}

/* A program of others that has to make room, and its link: as the parent
 * does it. */
static void
hear_guard(void)
{
	static struct program_list programs;
	struct ipc_guard_link m;
	uint8_t bytes[4096];
	ssize_t n = recv(d.guard_link, bytes, sizeof(bytes), MSG_DONTWAIT);
	uint32_t kind, id;
	int fd;

	if (n <= 0) {
		printf("guard\thow=ended\n");
		close(d.guard_link);
		d.guard_link = -1;
		return;
	}
	memcpy(&kind, bytes, sizeof(kind));
	if (kind == IPC_GUARD_LINK && n == 4 + (ssize_t)sizeof(m)) {
		memcpy(&m, bytes + 4, sizeof(m));
		fd = program_link(m.device, m.program, &m.link);
		send_fd(d.guard_link, kind, &m, sizeof(m), fd);
		if (fd >= 0)
			close(fd);
	} else if (kind == IPC_GUARD_MAP && n == 8) {
		memcpy(&id, bytes + 4, sizeof(id));
		fd = program_map(&id);
		send_fd(d.guard_link, kind, &id, sizeof(id), fd);
		if (fd >= 0)
			close(fd);
	} else if (kind == IPC_GUARD_PROGRAM && n == 8) {
		memcpy(&id, bytes + 4, sizeof(id));
		if (id == 0)
			program_close_all(&programs);
		else
			send_fd(d.guard_link, kind, &id, sizeof(id),
			    program_open(&programs, id));
	} else {
		printf("guard\thow=ready\n");
	}
}

/* -- commands -------------------------------------------------------------- */

static void
raw(char *words)
{
	char *space = strchr(words, ' ');
	uint8_t bytes[LINE_LEN / 2];
	size_t len = space != NULL ? strlen(space + 1) / 2 : 0;

	if (len > 0 && hex_decode(bytes, len, space + 1) != 0)
		die("raw", NULL);
	send_fd(d.network, (uint32_t)atoi(words), bytes, len, -1);
}

static void
confirm(char *words)
{
	Cordon__Confirm m = CORDON__CONFIRM__INIT;
	char *space = strchr(words, ' ');
	uint8_t bytes[512];

	if (space == NULL)
		die("confirm", NULL);
	*space++ = '\0';
	m.order_id = words;
	m.secret.data = (uint8_t *)space;
	m.secret.len = strlen(space);
	send_fd(d.network, IPC_CONFIRM, bytes, cordon__confirm__pack(&m,
	    bytes), -1);
}

static void
foreign(char *run)
{
	Cordon__ForeignAsk m = CORDON__FOREIGN_ASK__INIT;
	uint8_t bytes[128];

	m.run_id = run;
	send_fd(d.network, IPC_FOREIGN_ASK, bytes,
	    cordon__foreign_ask__pack(&m, bytes), -1);
}

static void
command(char *line)
{
	char *rest = line + strcspn(line, " ");
	struct why why;

	if (*rest != '\0')
		*rest++ = '\0';
	if (strcmp(line, "order") == 0) {
		if (order_of(rest, d.host, d.key, &d.last))
			send_last();
	} else if (strcmp(line, "again") == 0) {
		send_last();
	} else if (strcmp(line, "file") == 0) {
		buf_clear(&d.last);
		if (file_read(rest, &d.last, &why) != 0)
			die("file", &why);
		send_last();
	} else if (strcmp(line, "confirm") == 0) {
		confirm(rest);
	} else if (strcmp(line, "prove") == 0) {
		send_fd(d.network, IPC_PROVE, NULL, 0, -1);
	} else if (strcmp(line, "line") == 0) {
		send_fd(d.network, IPC_LINE, NULL, 0, -1);
	} else if (strcmp(line, "foreign") == 0) {
		foreign(rest);
	} else if (strcmp(line, "raw") == 0) {
		raw(rest);
	} else if (strcmp(line, "kill") == 0) {
		kill(d.pid, SIGKILL);
		ended();
	} else if (strcmp(line, "start") == 0) {
		start();
	} else if (strcmp(line, "stop") == 0) {
		send_fd(d.parent, IPC_STOP, NULL, 0, -1);
		ended();
	} else if (strcmp(line, "status") == 0) {
		control(IPC_CTL_STATUS, NULL, 0);
	} else if (strcmp(line, "offline") == 0) {
		offline(rest);
	} else {
		die(line, NULL);
	}
}

static void
loop(void)
{
	static uint8_t bytes[128 * 1024];
	char line[LINE_LEN];
	size_t used = 0;
	ssize_t n;
	char *end;
	int i;

	for (;;) {
		struct pollfd p[4] = {{0, POLLIN, 0}, {d.network, POLLIN, 0},
		    {d.parent, POLLIN, 0}, {d.guard_link, POLLIN, 0}};

		fflush(stdout);
		if (poll(p, 4, -1) < 0)
			die("poll", NULL);
		if (p[3].revents != 0)
			hear_guard();
		for (i = 1; i < 3; i++) {
			if (p[i].revents == 0)
				continue;
			n = i == 2 ? hear_parent(bytes, sizeof(bytes)) :
			    recv(p[i].fd, bytes, sizeof(bytes),
			    MSG_DONTWAIT);
			if (n >= 4 && i == 1)
				print_event(bytes, (size_t)n, d.sent_us);
			else if (n <= 0 && i == 2)
				ended();
			else if (n <= 0 && i == 1 && d.network >= 0) {
				printf("unlinked\n");
				close(d.network);
				d.network = -1;
			}
		}
		if (p[0].revents == 0)
			continue;
		n = read(0, line + used, sizeof(line) - used - 1);
		if (n <= 0)
			return;
		used += (size_t)n;
		line[used] = '\0';
		while ((end = strchr(line, '\n')) != NULL) {
			*end = '\0';
			command(line);
			fflush(stdout);
			used -= (size_t)(end + 1 - line);
			memmove(line, end + 1, used + 1);
		}
	}
}

int
main(int argc, char **argv)
{
	struct why why;
	const char *key = NULL, *public = NULL;
	uint8_t raw_key[SIGN_KEY_LEN];
	int c;

	while ((c = getopt(argc, argv, "e:s:u:U:k:p:nc:P:w:Kg:C:")) != -1)
		switch (c) {
		case 'e': d.enforcer = optarg; break;
		case 's': d.state = optarg; break;
		case 'u': d.uid = (uint32_t)atoi(optarg); break;
		case 'U': d.user = optarg; break;
		case 'k': key = optarg; break;
		case 'p': d.prove = (uint32_t)atoi(optarg); break;
		case 'n': d.never = true; break;
		case 'c': open_control(optarg); break;
		case 'P': public = optarg; break;
		case 'K': d.park = true; break;
		case 'g': d.guard = optarg; break;
		case 'C': d.collectors = optarg; break;
		case 'w':
			if (d.nwithout < 16)
				d.without[d.nwithout++] = optarg;
			break;
		default: return 2;
		}
	if (d.enforcer == NULL || d.state == NULL || key == NULL)
		return 2;
	signal(SIGPIPE, SIG_IGN);
	buf_init(&d.last, ORDER_MAX);
	if (!file_exists(key) && (sign_key_new(&d.key) != 0 ||
	    sign_key_save(d.key, key, &why) != 0))
		die("key", &why);
	sign_key_free(&d.key);
	if (sign_key_load(key, &d.key, &why) != 0)
		die("key", &why);
	sign_key_public(d.key, raw_key);
	if (public != NULL && file_write(public, raw_key, sizeof(raw_key),
	    0600, &why) != 0)
		die("public key", &why);
	loop();
	if (d.pid > 0) {
		kill(d.pid, SIGTERM);
		waitpid(d.pid, NULL, 0);
	}
	if (d.guard_pid > 0) {
		kill(d.guard_pid, SIGTERM);
		waitpid(d.guard_pid, NULL, 0);
	}
	return 0;
}
