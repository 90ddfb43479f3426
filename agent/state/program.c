/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Naming programs.  What a process says of itself (its arguments) only adds
 * to what the kernel says (its executable).
 */
#include "agent/state/program.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "agent/state/peek.h"
#include "common/base/file.h"

#define DELETED " (deleted)"

static const char *const scripts[] = {"python*", "perl*", "ruby*", "php*",
    "node", "nodejs", "lua*", "tclsh*", "java", "gawk", "mawk", "awk"};
static const char *const shells[] = {"bash", "sh", "dash", "zsh", "ksh*",
    "mksh", "ash", "busybox", "fish", "csh", "tcsh", "nc", "nc.*", "ncat",
    "netcat", "socat", "telnet", "cryptcat", "pwncat*"};
static const char *const volatiles[] = {"/tmp/*", "/var/tmp/*",
    "/dev/shm/*", "/run/user/*", "/dev/*", "/memfd:*", "memfd:*",
    "* (deleted)"};

/* Only the executable of NAME, without the script. */
static void
executable(const char *name, char out[PROGRAM_TEXT_MAX])
{
	char *script;

	snprintf(out, PROGRAM_TEXT_MAX, "%s", name);
	script = strstr(out, " (/");
	if (script != NULL)
		*script = '\0';
}

enum program_class
program_class(const char *name)
{
	char exe[PROGRAM_TEXT_MAX];
	const char *last, *script = strstr(name, " (/");

	executable(name, exe);
	last = strrchr(exe, '/');
	last = last == NULL ? exe : last + 1;
	if (PEEK_MATCHES(volatiles, exe))
		return PROGRAM_VOLATILE;
	if (PEEK_MATCHES(shells, last))
		return PROGRAM_SHELL;
	if (!PEEK_MATCHES(scripts, last))
		return PROGRAM_PLAIN;
	snprintf(exe, sizeof(exe), "%s", script == NULL ? "" : script + 2);
	return PEEK_MATCHES(volatiles, exe) ? PROGRAM_VOLATILE : PROGRAM_SCRIPT;
}

void
program_name(const char *exe, bool there, const char *cmdline, size_t len,
    char out[PROGRAM_TEXT_MAX])
{
	char base[PROGRAM_TEXT_MAX];
	size_t n = strlen(exe), cut = strlen(DELETED), at;
	const char *last;

	if (n > cut && strcmp(exe + n - cut, DELETED) == 0 && there)
		n -= cut;
	snprintf(out, PROGRAM_TEXT_MAX, "%.*s", (int)n, exe);
	snprintf(base, sizeof(base), "%s", out);
	last = strrchr(base, '/');
	last = last == NULL ? base : last + 1;
	if (!PEEK_MATCHES(scripts, last) && !PEEK_MATCHES(shells, last))
		return;
	/* The first argument that is an absolute path. */
	for (at = strnlen(cmdline, len) + 1; at < len;
	    at += strnlen(cmdline + at, len - at) + 1)
		if (cmdline[at] == '/') {
			snprintf(out + strlen(out), PROGRAM_TEXT_MAX -
			    strlen(out), " (%.*s)", (int)strnlen(cmdline +
			    at, len - at), cmdline + at);
			return;
		}
}

bool
program_of(pid_t pid, char out[PROGRAM_TEXT_MAX])
{
	char path[64], exe[PATH_MAX], plain[PATH_MAX], cmdline[1024];
	ssize_t n;
	char *end;

	snprintf(path, sizeof(path), "/proc/%d/exe", (int)pid);
	n = readlink(path, exe, sizeof(exe) - 1);
	if (n <= 0)
		return false;
	exe[n] = '\0';
	snprintf(plain, sizeof(plain), "%s", exe);
	end = strstr(plain, DELETED);
	if (end != NULL)
		*end = '\0';
	snprintf(path, sizeof(path), "/proc/%d/cmdline", (int)pid);
	n = file_text(path, cmdline, sizeof(cmdline));
	program_name(exe, access(plain, F_OK) == 0, cmdline,
	    n > 0 ? (size_t)n : 0, out);
	return true;
}
