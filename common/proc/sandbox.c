/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The system call filter (seccomp(2)) through libseccomp, loaded as the
 * last step of dropping rights.  What is not named kills the process: a
 * taken-over process dies, is counted by its parent and stands in the
 * journal.
 */
#include <errno.h>
#include <linux/sched.h>
#include <seccomp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>

#include "common/proc/rights.h"

static const struct syscall_rule common[] = {
	{"read", "files, pipes, eventfd, TLS records"},
	{"readv", "libevent buffers"},
	{"pread64", "files at an offset"},
	{"write", "log lines, files, eventfd"},
	{"writev", "log lines, libevent buffers"},
	{"close", "descriptors"},
	{"close_range", "descriptors"},
	{"openat", "own files and /etc/localtime; the user's rights bound it"},
	{"fstat", "stdio and reading whole files"},
	{"newfstatat", "fstat() in newer libc"},
	{"statx", "stat in newer libc"},
	{"lseek", "stdio"},
	{"fcntl", "non-blocking and close-on-exec descriptors"},
	{"recvmsg", "links between our processes"},
	{"sendmsg", "links between our processes"},
	{"shutdown", "ending a link"},
	{"brk", "malloc"},
	{"munmap", "malloc, thread stacks"},
	{"mremap", "malloc"},
	{"madvise", "malloc, thread stacks"},
	{"futex", "locks and threads"},
	{"set_robust_list", "thread start"},
	{"rseq", "thread start"},
	{"set_tid_address", "thread start"},
	{"sched_getaffinity", "malloc arenas, number of cores"},
	{"sched_yield", "locks"},
	{"getcpu", "malloc arenas where the vDSO has none"},
	{"sysinfo", "qsort() asks how much memory there is"},
	{"prlimit64", "stack size of a thread, number of descriptors"},
	{"exit", "a thread ends"},
	{"exit_group", "the process ends"},
	{"rt_sigaction", "libevent signals"},
	{"rt_sigprocmask", "thread start, libevent signals"},
	{"rt_sigreturn", "return from a signal handler"},
	{"sigaltstack", "thread start under some libc"},
	{"tgkill", "abort()"},
	{"getpid", "log and libevent"},
	{"gettid", "abort(), log"},
	{"getppid", "is the parent still there"},
	{"getuid", "libc's secure mode"},
	{"geteuid", "libc's secure mode"},
	{"getgid", "libc's secure mode"},
	{"getegid", "libc's secure mode"},
	{"uname", "libc"},
	{"epoll_create1", "libevent loop"},
	{"epoll_ctl", "libevent loop"},
	{"epoll_wait", "libevent loop"},
	{"epoll_pwait", "libevent loop"},
	{"epoll_pwait2", "libevent loop"},
	{"eventfd2", "libevent wakes its loop"},
	{"pipe2", "libevent signals"},
	{"socketpair", "libevent signals"},
	{"poll", "waiting for one descriptor"},
	{"ppoll", "waiting for one descriptor"},
	{"clock_gettime", "time where the vDSO has none, CPU time"},
	{"clock_getres", "libevent chooses its clock"},
	{"clock_nanosleep", "sleep"},
	{"nanosleep", "sleep"},
	{"gettimeofday", "time where the vDSO has none"},
	{"time", "time where the vDSO has none"},
	{"getrandom", "random bytes"},
	{"restart_syscall", "a wait interrupted by a stop"},
	/* Bounded by argument below, unless a process names them itself. */
	{"mmap", "malloc, thread stacks; never executable"},
	{"mprotect", "malloc, thread stacks; never executable"},
	{"clone", "threads only, no new process"},
	{"ioctl", "FIONREAD, FIONBIO, TCGETS (stdio) only"},
	{"prctl", "thread and mapping names only"},
	{NULL, NULL},
};

#if defined(__SANITIZE_ADDRESS__)
/* The sanitizer build: what ASan, LSan and UBSan do beside us, at exit
 * above all (the leak check stops all threads with ptrace). */
static const struct syscall_rule sanitizer[] = {
	{"mmap", "shadow memory"},
	{"mprotect", "shadow memory"},
	{"clone", "leak check"},
	{"prctl", "leak check"},
	{"ioctl", "reports"},
	{"ptrace", "leak check"},
	{"wait4", "leak check"},
	{"kill", "leak check"},
	{"sched_getscheduler", "leak check"},
	{"personality", "address space"},
	{"readlink", "name of the program"},
	{"readlinkat", "name of the program"},
	{"open", "memory map"},
	{"getdents", "list of threads"},
	{"getdents64", "list of threads"},
	{"stat", "reports"},
	{"dup", "reports"},
	{"dup2", "reports"},
	{"pipe", "reports"},
	{"unlink", "reports"},
	{"access", "reports"},
	{"getrlimit", "stack size"},
	{"setrlimit", "core size"},
	{"rt_sigtimedwait", "leak check"},
	{"process_vm_readv", "leak check"},
	{"set_thread_area", "leak check"},
	{"arch_prctl", "leak check"},
	{NULL, NULL},
};
#endif

const struct syscall_rule *
sandbox_common(void)
{
	return common;
}

static bool
listed(const struct syscall_rule *rules, const char *name)
{
	for (; rules != NULL && rules->name != NULL; rules++)
		if (strcmp(rules->name, name) == 0)
			return true;
	return false;
}

/* Those of the common calls that are allowed for some arguments only. */
struct narrow {
	const char *name;
	struct scmp_arg_cmp arg;
};

static const struct narrow narrow[] = {
	{"mmap", {2, SCMP_CMP_MASKED_EQ, PROT_EXEC, 0}},
	{"mprotect", {2, SCMP_CMP_MASKED_EQ, PROT_EXEC, 0}},
	{"clone", {0, SCMP_CMP_MASKED_EQ, CLONE_THREAD, CLONE_THREAD}},
	{"ioctl", {1, SCMP_CMP_MASKED_EQ, UINT32_MAX, FIONREAD}},
	{"ioctl", {1, SCMP_CMP_MASKED_EQ, UINT32_MAX, FIONBIO}},
	{"ioctl", {1, SCMP_CMP_MASKED_EQ, UINT32_MAX, TCGETS}},
	{"prctl", {0, SCMP_CMP_EQ, PR_SET_NAME, 0}},
	{"prctl", {0, SCMP_CMP_EQ, PR_SET_VMA, 0}},
};
#define NNARROW (sizeof(narrow) / sizeof(narrow[0]))

/* Names this architecture does not have are skipped. */
static int
add(scmp_filter_ctx ctx, uint32_t action, const char *name,
    const struct scmp_arg_cmp *arg, struct why *why)
{
	int nr = seccomp_syscall_resolve_name(name), rc;

	if (nr < 0)
		return 0;
	rc = arg != NULL ? seccomp_rule_add_array(ctx, action, nr, 1, arg)
			 : seccomp_rule_add(ctx, action, nr, 0);
	if (rc < 0 && rc != -EEXIST)
		return why_set(why, ERR_KERNEL, "system call filter: %s: %s",
		    name, strerror(-rc));
	return 0;
}

/*
 * A row "bpf=5" allows that call with the number as its first argument
 * only.
 */
static int
add_row(scmp_filter_ctx ctx, uint32_t action, const char *name,
    struct why *why)
{
	struct scmp_arg_cmp arg = {.arg = 0, .op = SCMP_CMP_MASKED_EQ,
	    .datum_a = UINT32_MAX};
	const char *equal = strchr(name, '=');
	char call[32];

	if (equal == NULL)
		return add(ctx, action, name, NULL, why);
	snprintf(call, sizeof(call), "%.*s", (int)(equal - name), name);
	arg.datum_b = strtoull(equal + 1, NULL, 10);
	return add(ctx, action, call, &arg, why);
}

static int
add_all(scmp_filter_ctx ctx, uint32_t action, const struct syscall_rule *rules,
    struct why *why)
{
	int err = 0;

	for (; err == 0 && rules != NULL && rules->name != NULL; rules++)
		err = add_row(ctx, action, rules->name, why);
	return err;
}

static int
add_common(scmp_filter_ctx ctx, const struct syscall_rule *own,
    struct why *why)
{
	const struct syscall_rule *r;
	bool bounded;
	int err = 0;
	size_t i;

	for (r = common; err == 0 && r->name != NULL; r++) {
		bounded = false;
		if (listed(own, r->name))
			continue;
#if defined(__SANITIZE_ADDRESS__)
		if (listed(sanitizer, r->name))
			continue;
#endif
		for (i = 0; err == 0 && i < NNARROW; i++) {
			if (strcmp(narrow[i].name, r->name) != 0)
				continue;
			bounded = true;
			err = add(ctx, SCMP_ACT_ALLOW, r->name,
			    &narrow[i].arg, why);
		}
		if (err == 0 && !bounded)
			err = add(ctx, SCMP_ACT_ALLOW, r->name, NULL, why);
	}
	return err;
}

/* Make a filter with that default; other architectures' calls kill too. */
static int
start(scmp_filter_ctx *out, uint32_t otherwise, struct why *why)
{
	scmp_filter_ctx ctx;
	int rc;

	ctx = seccomp_init(otherwise);
	if (ctx == NULL)
		return why_set(why, ERR_NOMEM, "system call filter");
	rc = seccomp_attr_set(ctx, SCMP_FLTATR_ACT_BADARCH,
	    SCMP_ACT_KILL_PROCESS);
	if (rc == 0)
		rc = seccomp_attr_set(ctx, SCMP_FLTATR_CTL_TSYNC, 1);
	if (rc == 0) /* a binary tree: cheap however long the list is */
		rc = seccomp_attr_set(ctx, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	if (rc < 0) {
		seccomp_release(ctx);
		return why_set(why, ERR_KERNEL, "system call filter: %s",
		    strerror(-rc));
	}
	*out = ctx;
	return 0;
}

static int
load(scmp_filter_ctx ctx, struct why *why)
{
	int rc = seccomp_load(ctx);

	if (rc < 0)
		return why_set(why, ERR_KERNEL, "system call filter: the "
		    "kernel does not take it: %s", strerror(-rc));
	return 0;
}

int
sandbox_enter(const struct syscall_rule *rules, struct why *why)
{
	scmp_filter_ctx ctx;
	int err;

	err = start(&ctx, SCMP_ACT_KILL_PROCESS, why);
	if (err != 0)
		return err;
	err = add_all(ctx, SCMP_ACT_ALLOW, rules, why);
	if (err == 0)
		err = add_common(ctx, rules, why);
#if defined(__SANITIZE_ADDRESS__)
	if (err == 0)
		err = add_all(ctx, SCMP_ACT_ALLOW, sanitizer, why);
#endif
	/* Its flags lie in memory that a filter cannot see; libc then uses
	 * clone, whose flags it can. */
	if (err == 0 && !listed(rules, "clone3"))
		err = add(ctx, SCMP_ACT_ERRNO(ENOSYS), "clone3", NULL, why);
	if (err == 0)
		err = load(ctx, why);
	seccomp_release(ctx);
	return err;
}

int
sandbox_forbid(const struct syscall_rule *rules, struct why *why)
{
	scmp_filter_ctx ctx;
	int err;

	err = start(&ctx, SCMP_ACT_ALLOW, why);
	if (err != 0)
		return err;
	for (; err == 0 && rules->name != NULL; rules++) {
#if defined(__SANITIZE_ADDRESS__)
		if (listed(sanitizer, rules->name))
			continue;
#endif
		err = add(ctx, SCMP_ACT_KILL_PROCESS, rules->name, NULL, why);
	}
	if (err == 0)
		err = load(ctx, why);
	seccomp_release(ctx);
	return err;
}
