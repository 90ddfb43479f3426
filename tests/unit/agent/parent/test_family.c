/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The parent and its children, with this very program in the place of each
 * child: it writes down what it is told, and misbehaves when a file in its
 * folder says so.
 */
#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/links/ipc.h"
#include "agent/links/ipc.pb-c.h"
#include "agent/parent/family.h"
#include "common/base/clock.h"
#include "common/base/file.h"
#include "common/base/log.h"
#include "common/proc/link.h"

/* -- as a child ------------------------------------------------------------ */

static const char *folder; /* of this child */

static void __attribute__((format(printf, 1, 2)))
note(const char *fmt, ...)
{
	char p[256], line[1024];
	va_list ap;
	int fd, n;

	snprintf(p, sizeof(p), "%s/notes", folder);
	fd = open(p, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	va_start(ap, fmt);
	n = vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	if (fd < 0 || write(fd, line, (size_t)n) != n)
		_exit(9);
	close(fd);
}

static bool
told_to(const char *what)
{
	char p[256];

	snprintf(p, sizeof(p), "%s/%s", folder, what);
	return file_exists(p);
}

static void
say(int fd, uint32_t kind, const void *data, size_t len)
{
	uint8_t msg[64];

	memcpy(msg, &kind, 4);
	memcpy(msg + 4, data, len);
	if (send(fd, msg, 4 + len, MSG_NOSIGNAL) < 0 && fd == IPC_FD_PARENT)
		_exit(8);
}

static ssize_t
hear(int from, uint8_t *buf, size_t size, int *fd)
{
	union {
		struct cmsghdr align;
		char space[CMSG_SPACE(sizeof(int))];
	} ctl;
	struct iovec iov = {buf, size};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1,
	    .msg_control = ctl.space, .msg_controllen = sizeof(ctl.space)};
	struct cmsghdr *cm;
	ssize_t n;

	*fd = -1;
	n = recvmsg(from, &msg, 0);
	cm = n > 0 ? CMSG_FIRSTHDR(&msg) : NULL;
	if (cm != NULL)
		memcpy(fd, CMSG_DATA(cm), sizeof(int));
	return n;
}

static void
note_settings(const uint8_t *data, size_t len)
{
	Cordon__Settings *s;

	s = cordon__settings__unpack(NULL, len, data);
	if (s == NULL)
		_exit(7);
	note("settings %s uid %u watch %zu never %d spool %d dir %s\n",
	    s->host_id, s->network_uid, s->n_watch, s->never_isolate,
	    s->spool_max != 0, strrchr(s->state_dir, '/') + 1);
	cordon__settings__free_unpacked(s, NULL);
}

static void
note_signal(const uint8_t *data, size_t len)
{
	Cordon__Signal *s;

	s = cordon__signal__unpack(NULL, len, data);
	if (s == NULL)
		_exit(7);
	note("signal %s %s %d %s\n", s->kind, s->object, (int)s->severity,
	    s->text);
	cordon__signal__free_unpacked(s, NULL);
}

static int
child(void)
{
	static uint8_t buf[4 + LINK_PAYLOAD_MAX];
	struct pollfd p[8] = {{.fd = IPC_FD_PARENT, .events = POLLIN}};
	nfds_t np = 1, i;
	uint32_t kind;
	ssize_t n;
	int fd;

	while (poll(p, np, -1) > 0) {
		for (i = 0; i < np; i++) {
			if (p[i].revents == 0)
				continue;
			n = hear(p[i].fd, buf, sizeof(buf), &fd);
			if (n <= 0 && i == 0)
				return 5; /* the parent has gone */
			if (n <= 0) {
				p[i].fd = -1;
				continue;
			}
			memcpy(&kind, buf, 4);
			if (i > 0) { /* another child */
				note("heard %.*s\n", (int)n - 4, buf + 4);
				continue;
			}
			if (kind == IPC_SETTINGS) {
				note_settings(buf + 4, (size_t)n - 4);
				if (told_to("break-the-rules"))
					say(3, IPC_ORDER, "x", 1);
				if (told_to("die"))
					return 3;
				if (told_to("ready-twice"))
					say(3, IPC_READY, "", 0);
				say(3, IPC_READY, "", 0);
				if (told_to("notice"))
					for (n = 0; n < 3; n++)
						say(3, IPC_NOTICE, "\2one\n",
						    5);
				if (told_to("notice"))
					say(3, IPC_NOTICE, "\2two\n", 5);
			} else if (kind == IPC_SIGNAL) {
				note_signal(buf + 4, (size_t)n - 4);
			} else if (kind == IPC_PEER) {
				note("peer %d\n", buf[4]);
				if (buf[4] == IPC_PEER_CONTROL)
					continue;
				p[np++] = (struct pollfd){fd, POLLIN, 0};
				say(fd, 77, folder, strlen(folder) > 40 ? 40 :
				    strlen(folder));
			} else if (kind == IPC_STOP) {
				if (told_to("stay"))
					continue;
				return 0;
			}
		}
	}
	return 6;
}

/* -- as the parent --------------------------------------------------------- */

static char dir[64]; /* short, so that it fits a message */
static struct event_base *base;
static struct family *family;
static struct settings settings;
static Cordon__Enrolled identity;
static int control = -1;

static const char *
in_dir(const char *name)
{
	static char out[128];

	snprintf(out, sizeof(out), "%s/%s", dir, name);
	return out;
}

static void
touch(const char *name)
{
	assert_int_equal(file_write(in_dir(name), "", 0, 0600, NULL), 0);
}

static int
setup(void **state)
{
	static const char *const names[] = {"network", "enforcer", "sensors"};
	static const char conf[] = "[agent]\nnetwork_user=61001\n"
	    "enforcer_user=61002\nsensors_user=61003\n"
	    "[enforcer]\nnever_isolate=yes\n"
	    "[files]\nwatch=/a\nwatch=/b\n";
	char program[64], self[256] = {0};
	struct why why;
	size_t i;

	(void)state;
	strcpy(dir, "/tmp/cfam-XXXXXX");
	if (mkdtemp(dir) == NULL ||
	    readlink("/proc/self/exe", self, sizeof(self) - 1) < 0)
		return -1;
	for (i = 0; i < 3; i++) {
		snprintf(program, sizeof(program), "agent-%s", names[i]);
		if (mkdir(in_dir(names[i]), 0700) < 0 ||
		    symlink(self, in_dir(program)) < 0)
			return -1;
	}
	if (file_write(in_dir("conf"), conf, strlen(conf), 0600, NULL) != 0)
		return -1;
	if (settings_load(in_dir("conf"), &settings, &why) != 0) {
		print_error("%s\n", why.text);
		return -1;
	}
	free(settings.state_dir);
	settings.state_dir = strdup(dir);
	cordon__enrolled__init(&identity);
	identity.host_id = (char *)(uintptr_t)"H-TEST1234";
	control = open("/dev/null", O_RDONLY | O_CLOEXEC);
	base = event_base_new();
	log_set_level(LOG_LEVEL_ERROR);
	return 0;
}

static int
teardown(void **state)
{
	char cmd[96];

	(void)state;
	family_free(&family);
	event_base_free(base);
	settings_free(&settings);
	close(control);
	snprintf(cmd, sizeof(cmd), "rm -r %s", dir);
	return system(cmd);
}

static void
start(void)
{
	const struct family_options o = {base, &settings, &identity,
	    "/tmp/agent.conf", dir, control, -1,
	    CORDON__GUARD_MODE__GUARD_MODE_NONE};
	struct why why = {0};

	if (family_start(&o, &family, &why) != 0)
		fail_msg("%s", why.text);
}

static char notes_text[16384];

static const char *
notes(const char *name)
{
	char p[64];
	struct buf b;

	snprintf(p, sizeof(p), "%s/notes", name);
	buf_init(&b, sizeof(notes_text) - 1);
	file_read(in_dir(p), &b, NULL);
	notes_text[0] = '\0';
	if (b.len > 0)
		memcpy(notes_text, b.data, b.len);
	notes_text[b.len] = '\0';
	buf_done(&b);
	return notes_text;
}

static size_t
count(const char *name, const char *what)
{
	const char *p = notes(name);
	size_t n = 0;

	for (; (p = strstr(p, what)) != NULL; p += strlen(what))
		n++;
	return n;
}

static void
stop_loop(evutil_socket_t fd, short what, void *arg)
{
	(void)fd, (void)what, (void)arg;
}

/* Run the loop until WHAT stands N times in a child's notes. */
static void
wait_note(const char *name, const char *what, size_t n)
{
	struct timeval tick = {0, 10000};
	struct event *t;
	int i;

	t = event_new(base, -1, EV_PERSIST, stop_loop, NULL);
	event_add(t, &tick);
	for (i = 0; i < 500 && count(name, what) < n; i++)
		event_base_loop(base, EVLOOP_ONCE);
	event_free(t);
	if (count(name, what) < n)
		fail_msg("%s: \"%s\" not %zu times in:\n%s", name, what, n,
		    notes(name));
}

/* The pid of the child NAME: of our children, the one that runs it. */
static pid_t
pid_of(const char *name)
{
	char cmd[128], program[32];
	int pid = 0;
	FILE *f;

	snprintf(program, sizeof(program), "agent-%s", name);
	snprintf(cmd, sizeof(cmd), "pgrep -P %d -f '^%s '", getpid(),
	    program);
	f = popen(cmd, "re");
	assert_non_null(f);
	if (fscanf(f, "%d", &pid) != 1)
		pid = 0;
	pclose(f);
	return pid;
}

static void
test_start(void **state)
{
	(void)state;
	start();
	wait_note("network", "signal agent.started agent 1", 1);
	/* Each is told what it needs, and no more. */
	assert_int_equal(count("network", "settings H-TEST1234 uid 61001 "
	    "watch 0 never 1 spool 1 dir network\n"), 1);
	assert_int_equal(count("enforcer", "settings H-TEST1234 uid 61001 "
	    "watch 0 never 1 spool 0 dir enforcer\n"), 1);
	assert_int_equal(count("sensors", "settings H-TEST1234 uid 61001 "
	    "watch 2 never 1 spool 0 dir sensors\n"), 1);
	/* The settings come first. */
	assert_memory_equal(notes("network"), "settings", 8);
	/* Who talks to whom: these and no others, and they do hear. */
	wait_note("network", "heard ", 2);
	assert_int_equal(count("network", "peer 2\n"), 1);
	assert_int_equal(count("network", "peer 3\n"), 1);
	assert_int_equal(count("network", "peer "), 2);
	assert_int_equal(count("enforcer", "peer 1\n"), 1);
	assert_int_equal(count("enforcer", "peer 4\n"), 1);
	assert_int_equal(count("enforcer", "peer 3\n"), 1);
	assert_int_equal(count("enforcer", "peer "), 3);
	assert_int_equal(count("sensors", "peer 1\n"), 1);
	assert_int_equal(count("sensors", "peer 2\n"), 1);
	assert_int_equal(count("sensors", "peer "), 2);
	wait_note("enforcer", "/network\n", 1);
	wait_note("sensors", "/network\n", 1);
}

static void
test_killed_one_comes_back(void **state)
{
	pid_t before;

	(void)state;
	start();
	wait_note("network", "agent.started", 1);
	before = pid_of("enforcer");
	assert_true(before > 0);
	kill(before, SIGKILL);
	wait_note("network", "signal agent.process-died enforcer 4 process "
			     "agent-enforcer (pid ", 1);
	assert_int_equal(count("network", "killed by SIGKILL"), 1);
	/* New links on both sides, and the control socket again. */
	wait_note("enforcer", "peer 4\n", 2);
	wait_note("network", "peer 2\n", 2);
	wait_note("enforcer", "heard ", 2);
	wait_note("sensors", "peer 2\n", 2);
	assert_int_equal(count("sensors", "peer 1\n"), 1); /* not concerned */
	assert_int_equal(count("network", "agent.started"), 1);
	assert_true(pid_of("enforcer") > 0 && pid_of("enforcer") != before);
}

static void
test_killed_network_is_told_later(void **state)
{
	(void)state;
	start();
	wait_note("network", "agent.started", 1);
	kill(pid_of("network"), SIGKILL);
	wait_note("network", "signal agent.process-died network", 1);
	wait_note("network", "peer 2\n", 2);
	wait_note("network", "peer 3\n", 2);
	wait_note("sensors", "peer 1\n", 2);
}

static void
test_rule_breaker_dies(void **state)
{
	(void)state;
	touch("sensors/break-the-rules");
	start();
	wait_note("sensors", "settings", 2);
	unlink(in_dir("sensors/break-the-rules"));
	wait_note("network", "agent.started", 1);
	assert_true(count("network", "process-died sensors") >= 1);
	assert_true(count("network", "unknown kind of message (kind 10, 1 "
				     "bytes)") >= 1);
}

static void
test_ready_once(void **state)
{
	(void)state;
	touch("sensors/ready-twice");
	start();
	wait_note("sensors", "settings", 2);
	unlink(in_dir("sensors/ready-twice"));
	wait_note("network", "message not allowed now (kind 2", 1);
}

static void
test_dying_child_is_not_hammered(void **state)
{
	int64_t from = clock_boot_ms();

	(void)state;
	touch("sensors/die");
	start();
	wait_note("sensors", "settings", 5);
	/* At once, 100, 200, 400 ms. */
	assert_true(clock_boot_ms() - from >= 650);
	wait_note("network", "exit status 3", 1);
	assert_int_equal(count("network", "agent.started"), 0);
	unlink(in_dir("sensors/die"));
	wait_note("network", "agent.started", 1);
}

/* In the place of agent-notice: keeps what it is told. */
static void
make_notice_program(void)
{
	char script[256];

	snprintf(script, sizeof(script), "#!/bin/sh\nsleep 0.2\n"
	    "cat <&3 >>%s/enforcer/shown\n", dir);
	assert_int_equal(file_write(in_dir("agent-notice"), script,
	    strlen(script), 0700, NULL), 0);
}

static bool
shown(const char *want)
{
	struct buf b;
	bool same;

	buf_init(&b, 256);
	file_read(in_dir("enforcer/shown"), &b, NULL);
	same = b.len == strlen(want) &&
	    (b.len == 0 || memcmp(b.data, want, b.len) == 0);
	buf_done(&b);
	return same;
}

static void
run_until_shown(const char *want)
{
	int i;

	for (i = 0; i < 500 && !shown(want); i++) {
		event_base_loop(base, EVLOOP_NONBLOCK);
		usleep(10000);
	}
	assert_true(shown(want));
}

static void
test_people_are_told_once(void **state)
{
	(void)state;
	make_notice_program();
	touch("enforcer/notice");
	start();
	wait_note("network", "agent.started", 1);
	run_until_shown("one\ntwo\n");
	/* The enforcer comes back and says all of it again; "two" was the
	 * last one, so "one" and "two" are news again, but each once. */
	kill(pid_of("enforcer"), SIGKILL);
	run_until_shown("one\ntwo\none\ntwo\n");
	family_stop(family);
	event_base_dispatch(base);
	assert_int_equal(count("network", "signal agent.stopped-isolated "
	    "agent 4 "), 1);
	assert_true(shown("one\ntwo\none\ntwo\n"));
}

static void
test_nobody_is_told_if_not_wanted(void **state)
{
	(void)state;
	settings.notice = false;
	make_notice_program();
	touch("enforcer/notice");
	start();
	wait_note("network", "agent.started", 1);
	usleep(300000);
	event_base_loop(base, EVLOOP_NONBLOCK);
	assert_true(shown(""));
}

static void
test_only_the_enforcer_tells_people(void **state)
{
	(void)state;
	make_notice_program();
	touch("sensors/notice");
	start();
	wait_note("network", "message not allowed now (kind 80", 1);
	assert_true(shown(""));
}

static void
test_stop(void **state)
{
	int64_t from;

	(void)state;
	touch("enforcer/stay");
	start();
	wait_note("network", "agent.started", 1);
	from = clock_boot_ms();
	family_stop(family);
	family_stop(family);
	event_base_dispatch(base);
	/* Those that obey go at once, the other one when time is over. */
	assert_true(clock_boot_ms() - from >= FAMILY_STOP_MS);
	assert_true(clock_boot_ms() - from < FAMILY_STOP_MS + 2000);
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
	assert_int_equal(errno, ECHILD);
	assert_int_equal(count("network", "process-died"), 0);
	assert_int_equal(count("network", "signal agent.stopped agent 1 "), 1);
}

static void
test_no_program(void **state)
{
	const struct family_options o = {base, &settings, &identity,
	    "/tmp/agent.conf", dir, control, -1,
	    CORDON__GUARD_MODE__GUARD_MODE_NONE};
	struct why why = {0};

	(void)state;
	unlink(in_dir("agent-sensors"));
	assert_int_equal(family_start(&o, &family, &why), ERR_IO);
	assert_non_null(strstr(why.text, "sensors: cannot start "));
	assert_null(family);
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1); /* none is left */
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_start, setup, teardown),
		cmocka_unit_test_setup_teardown(test_killed_one_comes_back,
		    setup, teardown),
		cmocka_unit_test_setup_teardown(
		    test_killed_network_is_told_later, setup, teardown),
		cmocka_unit_test_setup_teardown(test_rule_breaker_dies, setup,
		    teardown),
		cmocka_unit_test_setup_teardown(test_ready_once, setup,
		    teardown),
		cmocka_unit_test_setup_teardown(
		    test_dying_child_is_not_hammered, setup, teardown),
		cmocka_unit_test_setup_teardown(test_people_are_told_once,
		    setup, teardown),
		cmocka_unit_test_setup_teardown(
		    test_nobody_is_told_if_not_wanted, setup, teardown),
		cmocka_unit_test_setup_teardown(
		    test_only_the_enforcer_tells_people, setup, teardown),
		cmocka_unit_test_setup_teardown(test_stop, setup, teardown),
		cmocka_unit_test_setup_teardown(test_no_program, setup,
		    teardown),
	};

	if (strncmp(argv[0], "agent-", 6) == 0) {
		if (argc < 5 || strcmp(argv[1], "--user") != 0 ||
		    strcmp(argv[3], "--state") != 0)
			return 4;
		folder = argv[4];
		return child();
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
