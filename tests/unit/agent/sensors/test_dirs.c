/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Folders that are marked one by one: from their handle to their path. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "agent/sensors/dirs.h"
#include "agent/sensors/effects.h"

#ifndef AT_HANDLE_FID
#define AT_HANDLE_FID 0x200
#endif
#define FOLDERS 700 /* the table grows twice */

static char top[64];

/* The place that an event of the folder FD would name. */
static struct fan_place
place_of(int fd)
{
	static union {
		struct file_handle h;
		uint8_t bytes[sizeof(struct file_handle) + FAN_HANDLE_MAX];
	} u;
	struct fan_place p = {.name = ""};
	struct statfs sf;
	int mount;

	u.h.handle_bytes = FAN_HANDLE_MAX;
	assert_int_equal(name_to_handle_at(fd, "", &u.h, &mount,
	    AT_EMPTY_PATH | AT_HANDLE_FID), 0);
	assert_int_equal(fstatfs(fd, &sf), 0);
	memcpy(&p.fsid, &sf.f_fsid, sizeof(p.fsid));
	p.handle_type = u.h.handle_type;
	p.handle = u.bytes + sizeof(struct file_handle);
	p.handle_len = u.h.handle_bytes;
	return p;
}

static int
open_folder(int nr, char path[80])
{
	int fd;

	snprintf(path, 80, "%s/%d", top, nr);
	if (mkdir(path, 0700) != 0)
		assert_int_equal(errno, EEXIST);
	fd = open(path, O_RDONLY | O_DIRECTORY);
	assert_true(fd >= 0);
	return fd;
}

static void
fixed_folders_are_found(void **state)
{
	struct dirs *d = dirs_new();
	struct fan_place p;
	char path[80];
	int i, fd;

	(void)state;
	assert_non_null(d);
	fd = open_folder(0, path);
	if (dirs_fix(d, fd, path) == ERR_UNSUPP) {
		close(fd);
		dirs_free(&d);
		skip(); /* no handles to tell files apart: before Linux 6.5 */
	}
	close(fd);
	for (i = 1; i < FOLDERS; i++) {
		fd = open_folder(i, path);
		assert_int_equal(dirs_fix(d, fd, path), 0);
		close(fd);
	}
	for (i = 0; i < FOLDERS; i++) {
		fd = open_folder(i, path);
		p = place_of(fd);
		assert_string_equal(dirs_path(d, &p), path);
		close(fd);
	}
	fd = open_folder(5, path);
	p = place_of(fd);
	assert_int_equal(dirs_fix(d, fd, "/moved"), 0);
	assert_string_equal(dirs_path(d, &p), "/moved");
	dirs_forget(d); /* what was asked of the kernel; not these */
	assert_string_equal(dirs_path(d, &p), "/moved");
	close(fd);
	fd = open_folder(FOLDERS, path);
	p = place_of(fd);
	assert_null(dirs_path(d, &p));
	close(fd);
	dirs_free(&d);
}

static void
copies_of_accounts(void **state)
{
	(void)state;
	assert_true(effects_account_copy("/etc/shadow-",
	    "/usr/sbin/useradd"));
	assert_false(effects_account_copy("/etc/shadow",
	    "/usr/sbin/useradd"));
	assert_false(effects_account_copy("/etc/shadow-", "/usr/bin/cp"));
	assert_false(effects_account_copy("/etc/shadow-",
	    "/tmp/usr/sbin/useradd"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fixed_folders_are_found),
		cmocka_unit_test(copies_of_accounts),
	};
	char command[128];
	int r;

	snprintf(top, sizeof(top), "/tmp/cordon-dirs-%d", (int)getpid());
	assert_int_equal(mkdir(top, 0700), 0);
	r = cmocka_run_group_tests(tests, NULL, NULL);
	snprintf(command, sizeof(command), "rm -rf %s", top);
	return system(command) != 0 ? 1 : r;
}
