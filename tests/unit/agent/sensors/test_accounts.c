/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The account files: each line form, the picture, the rules of G06. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/sensors/accounts.h"
#include "agent/state/passwd.h"
#include "common/base/file.h"

static void
test_lines(void **state)
{
	enum { PASSWD, SHADOW, GROUP };
	static const struct {
		int kind;
		const char *line;
		int want;
	} rows[] = {
		{PASSWD, "root:x:0:0:root:/root:/bin/bash", 0},
		{PASSWD, "a::1:1:::", 0},
		{PASSWD, "", ERR_SYNTAX},
		{PASSWD, "root:x:0:0:root:/root", ERR_SYNTAX},
		{PASSWD, "root:x:0:0:root:/root:/bin/sh:more", ERR_SYNTAX},
		{PASSWD, ":x:0:0:::", ERR_SYNTAX},
		{PASSWD, "a:x::0:::", ERR_SYNTAX},
		{PASSWD, "a:x:-1:0:::", ERR_SYNTAX},
		{PASSWD, "a:x:0x0:0:::", ERR_SYNTAX},
		{PASSWD, "a:x: 0:0:::", ERR_SYNTAX},
		{PASSWD, "a:x:4294967295:0:::", 0},
		{PASSWD, "a:x:4294967296:0:::", ERR_SYNTAX},
		{PASSWD, "a:x:99999999999999999999:0:::", ERR_SYNTAX},
		{PASSWD, "+::::::", ERR_SYNTAX},
		{SHADOW, "root:*:19000:0:99999:7:::", 0},
		{SHADOW, "root::19000:0:99999:7:::", 0},
		{SHADOW, "root:*", ERR_SYNTAX},
		{SHADOW, ":*:::::::", ERR_SYNTAX},
		{GROUP, "root:x:0:", 0},
		{GROUP, "sudo:x:27:a,b", 0},
		{GROUP, "sudo:x:27", ERR_SYNTAX},
		{GROUP, "sudo:x::a", ERR_SYNTAX},
		{GROUP, "sudo:x:27:a:b", ERR_SYNTAX},
	};
	struct passwd_line p;
	struct shadow_line s;
	struct group_line g;
	char line[256];
	size_t i;
	int r;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		snprintf(line, sizeof(line), "%s", rows[i].line);
		r = rows[i].kind == PASSWD ? passwd_parse(line, &p) :
		    rows[i].kind == SHADOW ? shadow_parse(line, &s) :
					     group_parse(line, &g);
		if (r != rows[i].want)
			fail_msg("%s: %d", rows[i].line, r);
	}
}

static void
test_password_and_shell(void **state)
{
	(void)state;
	assert_int_equal(password_parse(""), PASSWORD_EMPTY);
	assert_int_equal(password_parse("!"), PASSWORD_LOCKED);
	assert_int_equal(password_parse("*"), PASSWORD_LOCKED);
	assert_int_equal(password_parse("!$y$abc"), PASSWORD_LOCKED);
	assert_int_equal(password_parse("$y$abc"), PASSWORD_SET);
	assert_int_equal(password_parse("abc"), PASSWORD_SET);
	assert_true(shell_is_login(""));
	assert_true(shell_is_login("/bin/bash"));
	assert_true(shell_is_login("/tmp/nologin.sh"));
	assert_false(shell_is_login("/usr/sbin/nologin"));
	assert_false(shell_is_login("/bin/false"));
	assert_false(shell_is_login("/bin/sync"));
}

/* -- a host in a folder ---------------------------------------------------- */

static char dir[] = "/tmp/cordon-accounts-XXXXXX";
static char paths[5][64];
static struct account_files files;

static void
put(const char *path, const char *text)
{
	struct why why;

	assert_int_equal(file_write(path, text, strlen(text), 0600, &why),
	    0);
}

static int
make_host(void **state)
{
	static const char *const names[] = {"passwd", "shadow", "group",
	    "sudoers", "sudoers.d"};
	struct why why;
	char path[128];
	size_t i;

	(void)state;
	assert_non_null(mkdtemp(dir));
	for (i = 0; i < 5; i++)
		snprintf(paths[i], sizeof(paths[i]), "%s/%s", dir, names[i]);
	files = (struct account_files){paths[0], paths[1], paths[2],
	    paths[3], paths[4], dir};
	snprintf(path, sizeof(path), "%s/home/ann/.ssh", dir);
	assert_int_equal(file_mkdir(path, 0700, &why), 0);
	assert_int_equal(mkdir(paths[4], 0700), 0);
	return 0;
}

static void
good_host(void)
{
	char path[128];

	put(paths[0], "root:x:0:0:root:/root:/bin/bash\n"
	    "daemon:x:1:1:daemon:/usr/sbin:/usr/sbin/nologin\n"
	    "postgres:x:113:120::/var/lib/postgresql:/bin/bash\n"
	    "ann:x:1000:1000::/home/ann:/bin/bash\n");
	put(paths[1], "root:*:1::::::\ndaemon:*:1::::::\n"
	    "postgres:!:1::::::\nann:$y$x:1::::::\n");
	put(paths[2], "root:x:0:\nsudo:x:27:ann,bob\n");
	put(paths[3], "root ALL=(ALL) ALL\n");
	snprintf(path, sizeof(path), "%s/home/ann/.ssh/authorized_keys", dir);
	put(path, "# mine\nssh-ed25519 AAAA ann@desk\n");
}

static int
remove_host(void **state)
{
	char command[128];

	(void)state;
	snprintf(command, sizeof(command), "rm -rf %s", dir);
	return system(command);
}

/* What changes, and the finding that must come of it. */
static void
test_changes(void **state)
{
	static const struct {
		int file;
		const char *text, *code, *object;
	} rows[] = {
		{0, "root:x:0:0:root:/root:/bin/bash\n"
		    "toor:x:0:0::/root:/bin/bash\n", "account.uid0",
		    "toor"},
		{0, "root:x:0:0:root:/root:/bin/bash\n"
		    "daemon:x:1:1:daemon:/usr/sbin:/bin/sh\n",
		    "account.system-shell", "daemon"},
		{0, "root:x:0:0:root:/root:/bin/bash\n"
		    "ann::1000:1000::/home/ann:/bin/bash\n",
		    "account.empty-password", "ann"},
		{0, "root:x:0:0:root:/root:/bin/bash\nbroken line\n",
		    "account.added", "malformed-line-2"},
		{0, "root:x:0:0:root:/root:/bin/bash\n", "account.removed",
		    "ann"},
		{1, "root:$y$z:1::::::\ndaemon:*:1::::::\n"
		    "postgres:!:1::::::\nann:$y$x:1::::::\n",
		    "account.changed", "root"},
		{1, "root:*:1::::::\ndaemon:$y$z:1::::::\n"
		    "postgres:!:1::::::\nann:$y$x:1::::::\n",
		    "account.system-password", "daemon"},
		{2, "root:x:0:\nsudo:x:27:ann,bob,eve\n", "group.changed",
		    "sudo"},
		{3, "ann ALL=(ALL) NOPASSWD: ALL\n", "sudoers.changed",
		    NULL},
	};
	struct picture was, now;
	struct findings f;
	size_t i, k;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		memset(&f, 0, sizeof(f));
		picture_init(&was);
		picture_init(&now);
		good_host();
		assert_int_equal(accounts_picture(&files, &was), 0);
		assert_false(was.partial);
		put(paths[rows[i].file], rows[i].text);
		assert_int_equal(accounts_picture(&files, &now), 0);
		accounts_rules(&files, &was, &now, &f);
		picture_compare(&was, &now, &f);
		for (k = 0; k < f.n; k++)
			if (strcmp(f.item[k].code, rows[i].code) == 0 &&
			    (rows[i].object == NULL ||
			    strcmp(f.item[k].object, rows[i].object) == 0))
				break;
		if (k == f.n)
			fail_msg("row %zu: no %s", i, rows[i].code);
		findings_done(&f);
		picture_done(&was);
		picture_done(&now);
	}
}

static void
test_nothing_changed(void **state)
{
	struct picture was, now;
	struct findings f;
	char path[128];

	(void)state;
	memset(&f, 0, sizeof(f));
	picture_init(&was);
	picture_init(&now);
	good_host();
	accounts_picture(&files, &was);
	/* Order of members and comments of keys say nothing. */
	put(paths[2], "sudo:x:27:bob,ann\nroot:x:0:\n");
	snprintf(path, sizeof(path), "%s/home/ann/.ssh/authorized_keys", dir);
	put(path, "ssh-ed25519 AAAA ann@desk\n\n# other\n");
	accounts_picture(&files, &now);
	accounts_rules(&files, &was, &now, &f);
	picture_compare(&was, &now, &f);
	assert_int_equal(f.total, 0);
	put(path, "ssh-ed25519 AAAA ann@desk\nssh-ed25519 BBBB eve\n");
	picture_done(&now);
	accounts_picture(&files, &now);
	picture_compare(&was, &now, &f);
	assert_int_equal(f.total, 1);
	assert_string_equal(f.item[0].code, "key.added");
	findings_done(&f);
	picture_done(&was);
	picture_done(&now);
}

static void
test_unreadable_is_partial(void **state)
{
	struct picture p;

	(void)state;
	good_host();
	unlink(paths[1]);
	picture_init(&p);
	accounts_picture(&files, &p);
	assert_true(p.partial);
	assert_non_null(strstr(picture_get(&p, "account", "root"),
	    "password=unknown"));
	picture_done(&p);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lines),
		cmocka_unit_test(test_password_and_shell),
		cmocka_unit_test(test_changes),
		cmocka_unit_test(test_nothing_changed),
		cmocka_unit_test(test_unreadable_is_partial),
	};

	return cmocka_run_group_tests(tests, make_host, remove_host);
}
