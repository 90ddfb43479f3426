/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A snapshot of a /proc that is made for it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/sensors/snapshot.h"
#include "common/base/file.h"

#define OUT_MAX (512 * 1024)

static char proc[64];
static struct buf out;

static void
put(const char *name, const char *text)
{
	char path[256], dir[256];

	snprintf(path, sizeof(path), "%s/%s", proc, name);
	snprintf(dir, sizeof(dir), "%s", path);
	*strrchr(dir, '/') = '\0';
	assert_int_equal(file_mkdir(dir, 0755, NULL), 0);
	assert_int_equal(file_write(path, text, strlen(text), 0644, NULL), 0);
}

static int
setup(void **state)
{
	(void)state;
	strcpy(proc, "/tmp/csnp-XXXXXX");
	buf_init(&out, OUT_MAX);
	return mkdtemp(proc) == NULL ? -1 : 0;
}

static int
teardown(void **state)
{
	char cmd[96];

	(void)state;
	buf_done(&out);
	snprintf(cmd, sizeof(cmd), "rm -r %s", proc);
	return system(cmd);
}

static void
test_names_who_holds_a_socket(void **state)
{
	char path[128];
	const char *text;

	(void)state;
	put("42/status", "Name:\tsshd\nPPid:\t1\nUid:\t7\t7\t7\t7\n");
	put("42/cmdline", "sshd: x");
	put("42/fd/none", "");
	snprintf(path, sizeof(path), "%s/42/fd/3", proc);
	assert_int_equal(symlink("socket:[777]", path), 0);
	put("net/tcp", "  sl  local\n   0: 0100007F:0016 0100007F:9999 01 "
	    "00000000:00000000 00:00000000 00000000     0        0 777 1\n");
	put("net/arp", "IP address\n10.1.2.3 0x1 0x2 00:11:22:33:44:55 * eth0\n");
	put("net/if_inet6", "fe80 02 40 20 80 eth0\n");
	snapshot_take(proc, &out);
	text = buf_str(&out);
	assert_non_null(text);
	assert_non_null(strstr(text, "== users\n"));
	assert_non_null(strstr(text, "== sessions\n"));
	assert_non_null(strstr(text, "pid=42 ppid=1 uid=7 name=sshd"));
	assert_non_null(strstr(text, "pid=42 name=sshd    0: 0100007F:0016"));
	assert_non_null(strstr(text, "10.1.2.3 0x1"));
	assert_non_null(strstr(text, "== addresses v6\nfe80"));
	assert_null(strstr(text, "== cut"));
	assert_null(strstr(text, "the rest is left out"));
}

/* A list that was longer than its room does not look whole. */
static void
test_says_what_it_left_out(void **state)
{
	char *text = malloc(80 * 1024);
	size_t n = 0;
	int i;

	(void)state;
	assert_non_null(text);
	for (i = 0; i < 1200; i++)
		n += (size_t)snprintf(text + n, 80, "%060d %d\n", 0, i);
	put("net/route", text);
	snapshot_take(proc, &out);
	assert_non_null(strstr(buf_str(&out), "... longer; the rest is left "
	    "out\n== routes v6\n"));
	free(text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_names_who_holds_a_socket,
		    setup, teardown),
		cmocka_unit_test_setup_teardown(test_says_what_it_left_out,
		    setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
