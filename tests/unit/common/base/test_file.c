/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Whole files: bounds, odd files, nothing left behind after a failure. */
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <signal.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/base/file.h"
#include "tests/unit/folder.h"

static char path[4096];

static const char *
in_dir(const char *name)
{
	assert_int_equal(file_join(path, sizeof(path), dir, name), 0);
	return path;
}

static int
entries(void)
{
	DIR *d = opendir(dir);
	int n = 0;

	assert_non_null(d);
	while (readdir(d) != NULL)
		n++;
	closedir(d);
	return n - 2;
}

static void
write_and_read(void **state)
{
	struct why why = {""};
	struct stat st;
	struct buf b;

	(void)state;
	assert_int_equal(file_write(in_dir("a"), "one", 3, 0640, &why), 0);
	assert_int_equal(file_write(in_dir("a"), "two!", 4, 0604, &why), 0);
	assert_int_equal(stat(in_dir("a"), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0604);
	assert_int_equal(entries(), 1);
	buf_init(&b, 7);
	assert_int_equal(buf_add_str(&b, "is "), 0);
	assert_int_equal(file_read(in_dir("a"), &b, &why), 0);
	assert_string_equal(buf_str(&b), "is two!");
	assert_int_equal(file_read(in_dir("a"), &b, &why), ERR_LIMIT);
	assert_non_null(strstr(why.text, "larger than 0 bytes"));
	assert_string_equal(buf_str(&b), "is two!");
	buf_done(&b);
	buf_init(&b, 3);
	assert_int_equal(file_read(in_dir("a"), &b, &why), ERR_LIMIT);
	assert_int_equal(b.len, 0);
	buf_done(&b);
	assert_int_equal(file_write(in_dir("empty"), NULL, 0, 0600, &why), 0);
	buf_init(&b, 0);
	assert_int_equal(file_read(in_dir("empty"), &b, &why), 0);
	buf_done(&b);
}

static void
reads_what_has_no_size(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 1 << 20);
	assert_int_equal(file_read("/proc/self/status", &b, NULL), 0);
	assert_true(b.len > 100);
	buf_done(&b);
}

static void
odd_files_are_refused(void **state)
{
	struct why why;
	struct buf b;
	char to[8];

	(void)state;
	buf_init(&b, 100);
	assert_int_equal(file_read(in_dir("none"), &b, &why), ERR_NOENT);
	assert_int_equal(file_read(in_dir("a/none"), &b, &why), ERR_NOENT);
	assert_int_equal(file_read(dir, &b, &why), ERR_IO);
	assert_int_equal(symlink("a", in_dir("link")), 0);
	assert_int_equal(file_read(in_dir("link"), &b, &why), ERR_IO);
	assert_int_equal(mkfifo(in_dir("pipe"), 0600), 0);
	assert_int_equal(file_read(in_dir("pipe"), &b, &why), ERR_IO);
	assert_int_equal(file_read("/dev/zero", &b, &why), ERR_IO);
	assert_int_equal(b.len, 0);
	buf_done(&b);
	/* A link is replaced, what it points to is not written. */
	assert_int_equal(file_write(in_dir("link"), "new", 3, 0600, &why), 0);
	assert_int_equal(readlink(in_dir("link"), to, sizeof(to)), -1);
}

static void
new_means_new(void **state)
{
	struct why why;
	struct buf b;

	(void)state;
	assert_int_equal(file_write_new(in_dir("n"), "1", 1, 0400, &why), 0);
	assert_int_equal(file_write_new(in_dir("n"), "2", 1, 0400, &why),
	    ERR_EXIST);
	assert_int_equal(file_write_new(in_dir("pipe"), "2", 1, 0400, &why),
	    ERR_EXIST);
	buf_init(&b, 10);
	assert_int_equal(file_read(in_dir("n"), &b, &why), 0);
	assert_string_equal(buf_str(&b), "1");
	buf_done(&b);
}

/* A full disk, as far as a process can make one for itself. */
static void
failure_leaves_the_old_one(void **state)
{
	struct rlimit was, small = {4, 4};
	int before = entries(), rc;
	struct why why = {""};
	struct buf b;

	(void)state;
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &was), 0);
	small.rlim_max = was.rlim_max;
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	rc = file_write(in_dir("a"), "too long for it", 15, 0600, &why);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &was), 0);
	assert_int_equal(rc, ERR_IO);
	assert_non_null(strstr(why.text, "File too large"));
	assert_int_equal(entries(), before);
	buf_init(&b, 100);
	assert_int_equal(file_read(in_dir("a"), &b, NULL), 0);
	assert_string_equal(buf_str(&b), "two!");
	buf_done(&b);
	assert_int_equal(file_write(in_dir("no/a"), "x", 1, 0600, &why),
	    ERR_NOENT);
	assert_int_equal(file_write(in_dir("a/"), "x", 1, 0600, &why), ERR_IO);
	assert_int_equal(file_write(dir, "x", 1, 0600, &why), ERR_IO);
	assert_int_equal(entries(), before);
}

static void
folders(void **state)
{
	struct why why;
	struct stat st;

	(void)state;
	assert_int_equal(file_mkdir(in_dir("x//y/z/"), 0750, &why), 0);
	assert_int_equal(stat(in_dir("x/y/z"), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0750);
	assert_int_equal(stat(in_dir("x/y"), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0755);
	assert_int_equal(file_mkdir(in_dir("x/y/z"), 0700, &why), 0);
	assert_int_equal(file_mkdir("/", 0755, &why), 0);
	assert_int_equal(file_mkdir(in_dir("a"), 0700, &why), ERR_EXIST);
	assert_int_equal(file_mkdir(in_dir("a/b"), 0700, &why), ERR_EXIST);
}

static void
removing(void **state)
{
	struct why why;

	(void)state;
	assert_true(file_exists(in_dir("n")));
	assert_int_equal(file_remove(in_dir("n"), &why), 0);
	assert_false(file_exists(in_dir("n")));
	assert_int_equal(file_remove(in_dir("n"), &why), ERR_NOENT);
	assert_int_equal(file_remove(in_dir("x"), &why), ERR_IO);
	assert_int_equal(file_remove(in_dir("no/n"), &why), ERR_NOENT);
}

static void
locking(void **state)
{
	struct why why;
	int fd = -1, other = -1;

	(void)state;
	assert_int_equal(file_lock_dir(in_dir("x"), &fd, &why), 0);
	assert_int_equal(file_lock_dir(in_dir("x"), &other, &why), ERR_EXIST);
	assert_int_equal(other, -1);
	close(fd);
	assert_int_equal(file_lock_dir(in_dir("x"), &fd, &why), 0);
	close(fd);
	assert_int_equal(file_lock_dir(in_dir("no"), &other, &why), ERR_IO);
	assert_int_equal(file_lock_dir(in_dir("a"), &other, &why), ERR_IO);
}

static void
joining(void **state)
{
	char out[8];

	(void)state;
	assert_int_equal(file_join(out, sizeof(out), "abc", "def"), 0);
	assert_string_equal(out, "abc/def");
	assert_int_equal(file_join(out, sizeof(out), "abc/", "def"), 0);
	assert_string_equal(out, "abc/def");
	assert_int_equal(file_join(out, sizeof(out), "abc", "defg"),
	    ERR_LIMIT);
	assert_string_equal(out, "abc/def");
}

static void
text_of_the_kernel(void **state)
{
	char out[8] = "before";

	(void)state;
	assert_int_equal(file_write(in_dir("text"), "0123456", 7, 0600, NULL),
	    0);
	assert_int_equal(file_text(path, out, sizeof(out)), 7);
	assert_string_equal(out, "0123456");
	assert_int_equal(file_text(path, out, 4), 3);
	assert_string_equal(out, "012");
	assert_int_equal(file_text("/proc/self/statm", out, sizeof(out)), 7);
	assert_int_equal(file_text(in_dir("none"), out, sizeof(out)), ERR_IO);
	assert_string_equal(out, "");
	assert_int_equal(unlink(in_dir("text")), 0);
}

static void
with_a_spare(void **state)
{
	char spare[PATH_MAX + 8];
	struct buf b;
	size_t i;

	(void)state;
	snprintf(spare, sizeof(spare), "%s.spare", in_dir("st"));
	assert_int_equal(file_write_spare(in_dir("st"), "one", 3, 5000,
	    NULL), ERR_NOENT);
	assert_false(file_exists(in_dir("st")));
	assert_int_equal(file_spare(in_dir("st"), 5000, NULL), 0);
	assert_int_equal(file_spare(in_dir("st"), 5000, NULL), 0);
	assert_int_equal(file_write_spare(in_dir("st"), "one", 3, 2, NULL),
	    ERR_LIMIT);
	/* the first time there is nothing to exchange it with */
	assert_int_equal(file_write_spare(in_dir("st"), "one", 3, 5000,
	    NULL), 0);
	assert_false(file_exists(spare));
	assert_int_equal(file_spare(in_dir("st"), 5000, NULL), 0);
	for (i = 0; i < 3; i++) {
		buf_init(&b, 5000);
		assert_int_equal(file_write_spare(in_dir("st"), "seven" + i,
		    5 - i, 5000, NULL), 0);
		assert_int_equal(file_read(in_dir("st"), &b, NULL), 0);
		assert_int_equal(b.len, 5000);
		assert_string_equal((char *)b.data, "seven" + i);
		assert_true(file_exists(spare));
		buf_done(&b);
	}
	/* a short one is made whole, a link is not followed */
	assert_int_equal(truncate(spare, 10), 0);
	assert_int_equal(file_spare(in_dir("st"), 5000, NULL), 0);
	assert_int_equal(unlink(spare), 0);
	assert_int_equal(symlink("elsewhere", spare), 0);
	assert_int_equal(file_spare(in_dir("st"), 5000, NULL), ERR_IO);
	assert_int_equal(file_write_spare(in_dir("st"), "x", 1, 5000, NULL),
	    ERR_IO);
	assert_int_equal(unlink(spare), 0);
	assert_int_equal(unlink(in_dir("st")), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(write_and_read),
		cmocka_unit_test(reads_what_has_no_size),
		cmocka_unit_test(odd_files_are_refused),
		cmocka_unit_test(new_means_new),
		cmocka_unit_test(failure_leaves_the_old_one),
		cmocka_unit_test(folders),
		cmocka_unit_test(removing),
		cmocka_unit_test(locking),
		cmocka_unit_test(joining),
		cmocka_unit_test(text_of_the_kernel),
		cmocka_unit_test(with_a_spare),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
