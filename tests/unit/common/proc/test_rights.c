/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Rights really dropped and calls really forbidden: each case runs in a
 * forked child and is judged by what the kernel says of that child, not by
 * what the code says of itself.  Cases that need root are skipped without.
 */
#include <errno.h>
#include <linux/capability.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/proc/rights.h"

#define UID 4711 /* a number: uid and gid alike */

static const struct right one[] = {
	{CAP_NET_ADMIN, "test"},
	{-1, NULL},
};

/* Run FN in a child; its wait status and what it wrote on FD. */
static int
in_child(void (*fn)(int fd), char *out, size_t size)
{
	size_t n = 0;
	ssize_t got;
	int p[2], status;
	pid_t pid;

	assert_int_equal(pipe(p), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		fn(p[1]);
		_exit(0);
	}
	close(p[1]);
	while (n < size - 1 && (got = read(p[0], out + n, size - 1 - n)) > 0)
		n += (size_t)got;
	out[n] = '\0';
	close(p[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

/* /proc/self/status, whole. */
static void
tell_status(int fd)
{
	char buf[8192];
	size_t n;
	FILE *f;

	f = fopen("/proc/self/status", "re");
	if (f == NULL)
		_exit(9);
	n = fread(buf, 1, sizeof(buf), f);
	fclose(f);
	if (write(fd, buf, n) != (ssize_t)n)
		_exit(9);
}

static void
drop(const struct rights *r, int fd)
{
	struct why why = {0};

	if (rights_drop(r, &why) != 0) {
		dprintf(fd, "%s", why.text);
		_exit(1);
	}
	tell_status(fd);
	dprintf(fd, "dumpable %d securebits %#x death %d\n",
	    prctl(PR_GET_DUMPABLE), (unsigned int)prctl(PR_GET_SECUREBITS),
	    0);
}

static void
drop_all(int fd)
{
	const struct rights r = {.user = "4711"};

	drop(&r, fd);
}

static void
drop_but_one(int fd)
{
	const struct rights r = {.user = "4711", .keep = one};

	drop(&r, fd);
}

static void
drop_pass_on(int fd)
{
	const struct rights r = {.keep = one, .pass_on = true};

	drop(&r, fd);
}

/* What a process does whose children become one user each. */
static void
drop_twice(int fd)
{
	static const struct right two[] = {
		{CAP_SETUID, "to become a user"},
		{CAP_SETGID, "to become a user"},
		{-1, NULL},
	};
	const struct rights first = {.keep = two}, then = {.user = "4711"};

	if (rights_drop(&first, NULL) != 0)
		_exit(1);
	drop(&then, fd);
}

static void
drop_stranger(int fd)
{
	const struct rights r = {.user = "no-such-user-here"};

	drop(&r, fd);
}

/* May not become another user again, nor get a capability back. */
static void
drop_and_try(int fd)
{
	const struct rights r = {.user = "4711", .keep = one};
	int death = 0;

	prctl(PR_SET_PDEATHSIG, SIGUSR1);
	if (rights_drop(&r, NULL) != 0)
		_exit(1);
	prctl(PR_GET_PDEATHSIG, &death);
	dprintf(fd, "death %d setuid %d setgid %d open %d", death,
	    setuid(0) < 0 ? errno : 0, setgid(0) < 0 ? errno : 0,
	    access("/etc/shadow", R_OK) < 0 ? errno : 0);
}

static void
need(const char *text, const char *line)
{
	if (strstr(text, line) == NULL)
		fail_msg("\"%s\" is not in:\n%s", line, text);
}

static void
test_drop(void **state)
{
	char out[8192];

	(void)state;
	if (getuid() != 0)
		skip();
	assert_int_equal(in_child(drop_all, out, sizeof(out)), 0);
	need(out, "\nUid:\t4711\t4711\t4711\t4711\n");
	need(out, "\nGid:\t4711\t4711\t4711\t4711\n");
	need(out, "\nGroups:\t \n");
	need(out, "\nCapInh:\t0000000000000000\n");
	need(out, "\nCapPrm:\t0000000000000000\n");
	need(out, "\nCapEff:\t0000000000000000\n");
	need(out, "\nCapBnd:\t0000000000000000\n");
	need(out, "\nCapAmb:\t0000000000000000\n");
	need(out, "\nNoNewPrivs:\t1\n");
	need(out, "dumpable 0 securebits 0xef");

	assert_int_equal(in_child(drop_but_one, out, sizeof(out)), 0);
	need(out, "\nUid:\t4711\t4711\t4711\t4711\n");
	need(out, "\nCapPrm:\t0000000000001000\n"); /* bit 12 */
	need(out, "\nCapEff:\t0000000000001000\n");
	need(out, "\nCapInh:\t0000000000000000\n");
	need(out, "\nCapBnd:\t0000000000000000\n");
	need(out, "\nCapAmb:\t0000000000000000\n");

	assert_int_equal(in_child(drop_twice, out, sizeof(out)), 0);
	need(out, "\nUid:\t4711\t4711\t4711\t4711\n");
	need(out, "\nGid:\t4711\t4711\t4711\t4711\n");
	need(out, "\nCapPrm:\t0000000000000000\n");
	need(out, "\nCapEff:\t0000000000000000\n");
	need(out, "\nCapBnd:\t0000000000000000\n");
	need(out, "dumpable 0 securebits 0xef");

	/* A parent: still root, and its children may get that one. */
	assert_int_equal(in_child(drop_pass_on, out, sizeof(out)), 0);
	need(out, "\nUid:\t0\t0\t0\t0\n");
	need(out, "\nCapPrm:\t0000000000001000\n");
	need(out, "\nCapBnd:\t0000000000001000\n");
	need(out, "\nCapAmb:\t0000000000000000\n");
	need(out, "\nNoNewPrivs:\t1\n");
	need(out, "securebits 0 ");
}

static void
test_no_way_back(void **state)
{
	char out[256], want[256];

	(void)state;
	if (getuid() != 0)
		skip();
	assert_int_equal(in_child(drop_and_try, out, sizeof(out)), 0);
	snprintf(want, sizeof(want), "death %d setuid %d setgid %d open %d",
	    SIGUSR1, EPERM, EPERM, EACCES);
	assert_string_equal(out, want);
}

static void
test_find_user(void **state)
{
	static const struct {
		const char *user;
		int err;
		uid_t uid;
	} rows[] = {
		{"root", 0, 0}, {"0", 0, 0}, {"4711", 0, 4711},
		{"4294967294", 0, 4294967294U},
		{"4294967295", ERR_CONFIG, 7}, /* "no change", chown(2) */
		{"99999999999999999999", ERR_CONFIG, 7},
		{"", ERR_CONFIG, 7}, {"-1", ERR_CONFIG, 7},
		{" 1", ERR_CONFIG, 7}, {"0x1", ERR_CONFIG, 7},
		{"no-such-user-here", ERR_CONFIG, 7},
	};
	uid_t uid;
	gid_t gid;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uid = 7;
		gid = 7;
		assert_int_equal(rights_find_user(rows[i].user, &uid, &gid,
		    NULL), rows[i].err);
		assert_int_equal(uid, rows[i].uid);
		assert_int_equal(gid, rows[i].uid);
	}
	assert_int_equal(rights_find_user(NULL, &uid, &gid, NULL), 0);
	assert_int_equal(uid, getuid());
	assert_int_equal(gid, getgid());
}

static void
test_refuses(void **state)
{
	char out[8192];

	(void)state;
	assert_int_equal(WEXITSTATUS(in_child(drop_stranger, out,
			     sizeof(out))), 1);
	need(out, "no-such-user-here: there is no such user");
	if (getuid() != 0)
		return;
	/* A capability that is not there cannot be kept. */
	pid_t pid = fork();
	if (pid == 0) {
		const struct rights none = {.user = "4711"};
		const struct rights r = {.user = "4711", .keep = one};

		_exit(rights_drop(&none, NULL) != 0 ||
		    rights_drop(&r, NULL) != ERR_PERM);
	}
	int status;
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

/* -- the filter ------------------------------------------------------------ */

static const struct syscall_rule rules[] = {
	{"getpgid", "test"},
	{"no_such_call_anywhere", "test: skipped"},
	{NULL, NULL},
};

static void
enter_or_die(const struct syscall_rule *r)
{
	struct why why = {0};

	if (sandbox_enter(r, &why) != 0) {
		fprintf(stderr, "%s\n", why.text);
		_exit(9);
	}
}

static void
call_allowed(int fd)
{
	void *p;

	enter_or_die(rules);
	p = malloc(1 << 20);
	if (p == NULL || getpgid(0) < 0)
		_exit(2);
	memset(p, 1, 1 << 20);
	free(p);
	dprintf(fd, "alive");
}

/* One first argument allowed (AF_UNIX), another one not. */
static void
call_argument(int fd)
{
	static const struct syscall_rule one_row[] = {
		{"socket=1", "test"},
		{NULL, NULL},
	};

	enter_or_die(one_row);
	dprintf(fd, "%d", socket(AF_UNIX, SOCK_STREAM, 0) >= 0);
}

static void
call_other_argument(int fd)
{
	call_argument(fd);
	(void)socket(AF_INET, SOCK_STREAM, 0);
	dprintf(fd, "alive");
}

static void *
thread_main(void *arg)
{
	free(malloc(100));
	*(int *)arg = 42;
	return NULL;
}

static void
call_thread(int fd)
{
	pthread_t t;
	int v = 0;

	enter_or_die(NULL);
	if (pthread_create(&t, NULL, thread_main, &v) != 0 ||
	    pthread_join(t, NULL) != 0)
		_exit(2);
	dprintf(fd, "%d", v);
}

static void
call_socket(int fd)
{
	enter_or_die(rules);
	(void)socket(AF_INET, SOCK_STREAM, 0);
	dprintf(fd, "alive");
}

static void
call_execve(int fd)
{
	char *const argv[] = {(char *)(uintptr_t)"true", NULL};

	(void)fd;
	enter_or_die(rules);
	execv("/bin/true", argv);
}

static void
call_fork(int fd)
{
	enter_or_die(rules);
	if (fork() == 0)
		_exit(0);
	dprintf(fd, "alive");
}

static void
call_i386(int fd)
{
	long r = 20; /* getpid of i386 */

	enter_or_die(rules);
#if defined(__x86_64__)
	__asm__ volatile("int $0x80" : "+a"(r) : : "memory");
#else
	raise(SIGSYS);
#endif
	dprintf(fd, "alive %ld", r);
}

static void
call_exec_memory(int fd)
{
	enter_or_die(rules);
	(void)mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	dprintf(fd, "alive");
}

static void
call_dumpable(int fd)
{
	enter_or_die(rules);
	prctl(PR_SET_DUMPABLE, 1);
	dprintf(fd, "alive");
}

static void
call_tiocsti(int fd)
{
	enter_or_die(rules);
	(void)syscall(SYS_ioctl, 0, 0x5412, "x"); /* TIOCSTI: type for him */
	dprintf(fd, "alive");
}

static const struct syscall_rule forbidden[] = {
	{"getpgid", "test"},
	{NULL, NULL},
};

static void
forbid_others(int fd)
{
	int s;

	if (sandbox_forbid(forbidden, NULL) != 0)
		_exit(9);
	s = socket(AF_INET, SOCK_STREAM, 0);
	dprintf(fd, "socket %d", s >= 0);
}

static void
forbid_call(int fd)
{
	if (sandbox_forbid(forbidden, NULL) != 0)
		_exit(9);
	(void)syscall(SYS_getpgid, 0);
	dprintf(fd, "alive");
}

static void
test_filter(void **state)
{
	/* The sanitizer build needs some of the calls itself. */
#if defined(__SANITIZE_ADDRESS__)
	const bool plain = false;
#else
	const bool plain = true;
#endif
	const struct {
		const char *title;
		void (*fn)(int fd);
		const char *out; /* NULL: killed by SIGSYS */
		bool always;
	} table[] = {
		{"allowed", call_allowed, "alive", true},
		{"thread", call_thread, "42", true},
		{"socket", call_socket, NULL, true},
		{"one argument", call_argument, "1", true},
		{"another argument", call_other_argument, NULL, true},
		{"execve", call_execve, NULL, true},
		{"i386 call", call_i386, NULL, true},
		{"fork", call_fork, NULL, false},
		{"executable memory", call_exec_memory, NULL, false},
		{"dumpable again", call_dumpable, NULL, false},
		{"TIOCSTI", call_tiocsti, NULL, false},
		{"forbid lets others through", forbid_others, "socket 1",
		    true},
		{"forbid", forbid_call, NULL, true},
	};
	char out[256];
	int status;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		if (!plain && !table[i].always)
			continue;
		status = in_child(table[i].fn, out, sizeof(out));
		if (table[i].out != NULL) {
			if (status != 0 || strcmp(out, table[i].out) != 0)
				fail_msg("%s: status %#x, \"%s\"",
				    table[i].title, status, out);
		} else if (!WIFSIGNALED(status) ||
		    WTERMSIG(status) != SIGSYS) {
			fail_msg("%s: not killed: status %#x, \"%s\"",
			    table[i].title, status, out);
		}
	}
}

/* Every row of every table has a reason. */
static void
test_reasons(void **state)
{
	const struct syscall_rule *r, *o;

	(void)state;
	for (r = sandbox_common(); r->name != NULL; r++) {
		assert_non_null(r->reason);
		assert_true(strlen(r->reason) > 3);
		for (o = sandbox_common(); o < r; o++)
			assert_string_not_equal(o->name, r->name);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_drop),
		cmocka_unit_test(test_no_way_back),
		cmocka_unit_test(test_find_user),
		cmocka_unit_test(test_refuses),
		cmocka_unit_test(test_filter),
		cmocka_unit_test(test_reasons),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
