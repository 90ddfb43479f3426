/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What goes to systemd and what is taken back from it, with a socket of the
 * test's in the place of $NOTIFY_SOCKET.
 */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/parent/notify.h"

static int systemd = -1;

/* A datagram socket with an address that the kernel chose (unix(7)). */
static int
be_systemd(void **state)
{
	struct sockaddr_un un = {.sun_family = AF_UNIX};
	socklen_t len = sizeof(sa_family_t);

	(void)state;
	systemd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK,
	    0);
	assert_int_equal(bind(systemd, (struct sockaddr *)&un, len), 0);
	len = sizeof(un);
	assert_int_equal(getsockname(systemd, (struct sockaddr *)&un, &len),
	    0);
	un.sun_path[0] = '@';
	un.sun_path[len - offsetof(struct sockaddr_un, sun_path)] = '\0';
	setenv("NOTIFY_SOCKET", un.sun_path, 1);
	return 0;
}

static int
be_nobody(void **state)
{
	(void)state;
	unsetenv("NOTIFY_SOCKET");
	unsetenv("LISTEN_PID");
	unsetenv("LISTEN_FDS");
	unsetenv("LISTEN_FDNAMES");
	close(systemd);
	return 0;
}

/* The next datagram; "" if there is none.  *FD is -1 or what came with it. */
static const char *
heard(int *fd)
{
	static char text[512];
	union {
		struct cmsghdr align;
		char space[CMSG_SPACE(sizeof(int))];
	} control;
	struct iovec iov = {text, sizeof(text) - 1};
	struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1,
	    .msg_control = control.space,
	    .msg_controllen = sizeof(control.space)};
	struct cmsghdr *c;
	ssize_t n = recvmsg(systemd, &m, MSG_CMSG_CLOEXEC);

	*fd = -1;
	text[n < 0 ? 0 : n] = '\0';
	c = n < 0 ? NULL : CMSG_FIRSTHDR(&m);
	if (c != NULL && c->cmsg_type == SCM_RIGHTS)
		memcpy(fd, CMSG_DATA(c), sizeof(int));
	return text;
}

static void
test_says_ready(void **state)
{
	int fd;

	(void)state;
	notify_systemd("READY=1\nSTATUS=watching");
	assert_string_equal(heard(&fd), "READY=1\nSTATUS=watching");
	assert_int_equal(fd, -1);
	unsetenv("NOTIFY_SOCKET");
	notify_systemd("READY=1");
	assert_string_equal(heard(&fd), "");
}

static void
test_stores_in_the_place_of_the_old(void **state)
{
	struct stat a, b;
	struct why why;
	int p[2], fd;

	(void)state;
	assert_int_equal(pipe2(p, O_CLOEXEC), 0);
	assert_int_equal(notify_store(p[0], "owner-socket", &why), 0);
	assert_string_equal(heard(&fd),
	    "FDSTOREREMOVE=1\nFDNAME=owner-socket");
	assert_int_equal(fd, -1);
	assert_string_equal(heard(&fd),
	    "FDSTORE=1\nFDNAME=owner-socket\nFDPOLL=0");
	assert_true(fd >= 0);
	assert_int_equal(fstat(p[0], &a), 0);
	assert_int_equal(fstat(fd, &b), 0);
	assert_true(a.st_ino == b.st_ino && a.st_dev == b.st_dev);
	close(fd);
	assert_int_equal(notify_unstore("owner-socket", &why), 0);
	assert_string_equal(heard(&fd),
	    "FDSTOREREMOVE=1\nFDNAME=owner-socket");
	assert_string_equal(heard(&fd), "");
	close(p[0]);
	close(p[1]);
}

static void
test_refuses(void **state)
{
	static const char *const names[] = {"", "a b", "a\nFDNAME=b", "a:b",
	    "0123456789012345678901234567890123456789012345678901234567890123"};
	struct why why;
	size_t i;
	int fd;

	(void)state;
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		assert_int_equal(notify_store(0, names[i], &why), ERR_RANGE);
		assert_int_equal(notify_unstore(names[i], &why), ERR_RANGE);
		assert_int_equal(notify_stored(names[i]), -1);
	}
	assert_string_equal(heard(&fd), "");
	setenv("NOTIFY_SOCKET", "@nobody-listens-here", 1);
	assert_int_equal(notify_store(0, "x", &why), ERR_IO);
	unsetenv("NOTIFY_SOCKET");
	assert_int_equal(notify_store(0, "x", &why), ERR_NOENT);
}

static void
set_listen(int pid, const char *fds, const char *names)
{
	char number[16];

	snprintf(number, sizeof(number), "%d", pid);
	setenv("LISTEN_PID", number, 1);
	setenv("LISTEN_FDS", fds, 1);
	setenv("LISTEN_FDNAMES", names, 1);
}

static void
test_takes_back_what_was_stored(void **state)
{
	static const struct {
		const char *fds, *names, *name;
		int fd;
	} rows[] = {
		{"1", "owner-socket", "owner-socket", 3},
		{"2", "other:owner-socket", "owner-socket", 4},
		{"2", "other:owner-socket", "owner", -1},
		{"1", "other:owner-socket", "owner-socket", -1},
		{"2", "other", "owner-socket", -1},
		{"0", "owner-socket", "owner-socket", -1},
		{"-1", "owner-socket", "owner-socket", -1},
		{"1x", "owner-socket", "owner-socket", -1},
		{"99999999999999999999", "owner-socket", "owner-socket", -1},
		{"1", "", "owner-socket", -1},
	};
	int null = open("/dev/null", O_RDWR), saved[2], i;
	size_t r;

	(void)state;
	for (i = 0; i < 2; i++) {
		saved[i] = fcntl(3 + i, F_DUPFD_CLOEXEC, 64);
		assert_int_equal(dup2(null, 3 + i), 3 + i);
	}
	for (r = 0; r < sizeof(rows) / sizeof(rows[0]); r++) {
		set_listen(getpid(), rows[r].fds, rows[r].names);
		assert_int_equal(notify_stored(rows[r].name), rows[r].fd);
	}
	set_listen(getpid(), "1", "owner-socket");
	assert_int_equal(notify_stored("owner-socket"), 3);
	assert_int_equal(fcntl(3, F_GETFD), FD_CLOEXEC);
	set_listen(getppid(), "1", "owner-socket");
	assert_int_equal(notify_stored("owner-socket"), -1);
	set_listen(getpid(), "1", "owner-socket");
	close(3); /* promised and not there */
	assert_int_equal(notify_stored("owner-socket"), -1);
	unsetenv("LISTEN_FDNAMES");
	assert_int_equal(notify_stored("owner-socket"), -1);
	for (i = 0; i < 2; i++) {
		close(3 + i);
		if (saved[i] >= 0) {
			dup2(saved[i], 3 + i);
			close(saved[i]);
		}
	}
	if (null != 3 && null != 4)
		close(null);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_says_ready, be_systemd,
		    be_nobody),
		cmocka_unit_test_setup_teardown(
		    test_stores_in_the_place_of_the_old, be_systemd,
		    be_nobody),
		cmocka_unit_test_setup_teardown(test_refuses, be_systemd,
		    be_nobody),
		cmocka_unit_test_setup_teardown(
		    test_takes_back_what_was_stored, be_systemd, be_nobody),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
