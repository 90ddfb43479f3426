/* SPDX-License-Identifier: GPL-3.0-or-later */
/* dpkg's text files, real and hostile ones. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "agent/packages/dpkg.h"

static struct slice
text_of(const char *text)
{
	return (struct slice){text, strlen(text)};
}

static const char status[] =
"Package: bash\n"
"Essential: yes\n"
"Status: install ok installed\n"
"Architecture: amd64\n"
"Multi-Arch: foreign\n"
"Version: 5.2.15-2+b2\n"
"Conffiles:\n"
" /etc/bash.bashrc 3c5b6a4a6e4b0a1d9b0a7d8f0e1c2b3a\n"
" /etc/skel/.profile f4e81ade7d6f9fb342541152d08e7a97 obsolete\n"
" /etc/gone 3c5b6a4a6e4b0a1d9b0a7d8f0e1c2b3a remove-on-upgrade\n"
" not/absolute 3c5b6a4a6e4b0a1d9b0a7d8f0e1c2b3a\n"
" /etc/short 3c5b\n"
"Description: a shell\n"
" Package: not-this\n"
"\n"
"garbage without a colon\n"
"\n"
"Package: gone\n"
"Status: deinstall ok config-files\n"
"Architecture: all\n"
"Version: 1\n"
"\n\n"
"Package: libx\n"
"Status: install ok triggers-pending\n"
"Architecture: amd64\n"
"Multi-Arch: same\n"
"Version: 2:1-1";

static void
test_status(void **state)
{
	struct slice text = text_of(status);
	struct dpkg_package p;
	struct dpkg_sum s;

	(void)state;
	assert_true(dpkg_package_next(&text, &p));
	assert_true(slice_is(p.name, "bash"));
	assert_true(slice_is(p.version, "5.2.15-2+b2"));
	assert_true(slice_is(p.arch, "amd64"));
	assert_true(p.on_disk);
	assert_false(p.same);
	assert_true(dpkg_conffile_next(&p.conffiles, &s));
	assert_true(slice_is(s.path, "/etc/bash.bashrc"));
	assert_int_equal(s.md5[0], 0x3c);
	assert_int_equal(s.md5[15], 0x3a);
	assert_true(dpkg_conffile_next(&p.conffiles, &s));
	assert_true(slice_is(s.path, "/etc/skel/.profile"));
	assert_false(dpkg_conffile_next(&p.conffiles, &s));
	assert_true(dpkg_package_next(&text, &p));
	assert_true(slice_is(p.name, "gone"));
	assert_false(p.on_disk);
	assert_int_equal(p.conffiles.len, 0);
	assert_true(dpkg_package_next(&text, &p));
	assert_true(slice_is(p.name, "libx"));
	assert_true(slice_is(p.version, "2:1-1"));
	assert_true(p.same);
	assert_true(p.on_disk);
	assert_false(dpkg_package_next(&text, &p));
}

static void
test_sums(void **state)
{
	struct slice text = text_of(
	    "d41d8cd98f00b204e9800998ecf8427e  usr/bin/a b\n"
	    "d41d8cd98f00b204e9800998ecf8427e *usr/bin/c\n"
	    "d41d8cd98f00b204e9800998ecf8427g  usr/bin/bad\n"
	    "d41d8cd98f00b204e9800998ecf8427e  \n"
	    "d41d8cd98f00b204e9800998ecf8427e usr/bin/one-blank\n"
	    "short\n"
	    "d41d8cd98f00b204e9800998ecf8427e  usr/bin/last");
	struct dpkg_sum s;

	(void)state;
	assert_true(dpkg_sum_next(&text, &s));
	assert_true(slice_is(s.path, "usr/bin/a b"));
	assert_int_equal(s.md5[1], 0x1d);
	assert_true(dpkg_sum_next(&text, &s));
	assert_true(slice_is(s.path, "usr/bin/c"));
	assert_true(dpkg_sum_next(&text, &s));
	assert_true(slice_is(s.path, "usr/bin/last"));
	assert_false(dpkg_sum_next(&text, &s));
}

static void
test_lists(void **state)
{
	struct slice text = text_of("/.\n/usr\nrelative\n/\n\n/usr/bin/x");
	struct slice path;

	(void)state;
	assert_true(dpkg_path_next(&text, &path));
	assert_true(slice_is(path, "/."));
	assert_true(dpkg_path_next(&text, &path));
	assert_true(slice_is(path, "/usr"));
	assert_true(dpkg_path_next(&text, &path));
	assert_true(slice_is(path, "/usr/bin/x"));
	assert_false(dpkg_path_next(&text, &path));
}

static void
test_diversions(void **state)
{
	struct slice text = text_of("/bin/sh\n/bin/sh.distrib\ndash\n"
	    "bad\n/x\ny\n/usr/bin/a\n/usr/bin/a.real\n:\n/cut\n");
	struct dpkg_diversion d;

	(void)state;
	assert_true(dpkg_diversion_next(&text, &d));
	assert_true(slice_is(d.from, "/bin/sh"));
	assert_true(slice_is(d.to, "/bin/sh.distrib"));
	assert_true(slice_is(d.package, "dash"));
	assert_true(dpkg_diversion_next(&text, &d));
	assert_true(slice_is(d.package, ":"));
	assert_false(dpkg_diversion_next(&text, &d));
}

static void
test_overrides(void **state)
{
	struct slice text = text_of("root ssh 2755 /usr/bin/ssh-agent\n"
	    "root root 9755 /x\nroot root 755\nroot\n\n"
	    "root root 77777 /big\n#1 #2 0640 /etc/with blank \n");
	struct dpkg_override o;

	(void)state;
	assert_true(dpkg_override_next(&text, &o));
	assert_true(slice_is(o.group, "ssh"));
	assert_int_equal(o.mode, 02755);
	assert_true(slice_is(o.path, "/usr/bin/ssh-agent"));
	assert_true(dpkg_override_next(&text, &o));
	assert_true(slice_is(o.user, "#1"));
	assert_true(slice_is(o.path, "/etc/with blank"));
	assert_false(dpkg_override_next(&text, &o));
}

static void
test_copies_are_bounded(void **state)
{
	char out[4];

	(void)state;
	assert_true(slice_copy(text_of("abc"), out, sizeof(out)));
	assert_false(slice_copy(text_of("abcd"), out, sizeof(out)));
	assert_string_equal(out, "");
	assert_false(slice_copy((struct slice){"a\0b", 3}, out, sizeof(out)));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_status),
	    cmocka_unit_test(test_sums),
	    cmocka_unit_test(test_lists),
	    cmocka_unit_test(test_diversions),
	    cmocka_unit_test(test_overrides),
	    cmocka_unit_test(test_copies_are_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
