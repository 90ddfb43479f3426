/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Names that deceive and names that do not, with what is said of each. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "agent/process/deceit.h"

#define EXE "it is an executable called like "
#define SCRIPT "it is a script called like "
#define TURNS "its name has a character that turns the direction of writing"
#define UNSEEN "its name has a character that cannot be seen"

static const struct {
	const char *path;
	bool script;
	const char *want; /* NULL: it does not deceive */
} names[] = {
	/* -- ends and characters */
	{"/home/ann/passwords.txt ", false, "its name ends with a blank"},
	{"/usr/bin/ls ", false, "its name ends with a blank"},
	{"/opt/x/tool.", false, "its name ends with a dot"},
	{"/srv/...", false, "its name ends with a dot"},
	{"/srv/a\nb", false, "its name has a control character (U+000A)"},
	{"/srv/a\x1b[2K", true, "its name has a control character (U+001B)"},
	{"/srv/a\x7f", false, "its name has a control character (U+007F)"},
	{"/srv/a\xc2\x85", false, "its name has a control character (U+0085)"},
	{"/home/ann/annex\xe2\x80\xaegnp.sh", true, TURNS " (U+202E)"},
	{"/srv/\xe2\x80\x8fx", false, TURNS " (U+200F)"},
	{"/srv/\xe2\x81\xa6x", false, TURNS " (U+2066)"},
	{"/srv/ls\xe2\x80\x8b", false, UNSEEN " (U+200B)"},
	{"/srv/l\xef\xbb\xbfs", false, UNSEEN " (U+FEFF)"},
	{"/srv/ls\xc2\xa0", false, "its name has a blank that is none (U+00A0)"},
	{"/srv/a\xe2\x80\xaf" "b", false, "its name has a blank that is none (U+202F)"},
	/* folders may be called after companies; no UTF-8 is an older name */
	{"/opt/Example Inc./bin/tool", false, NULL},
	{"/opt/my tool/run me", false, NULL},
	{"/opt/caf\xe9", false, NULL},
	{"/opt/\xe5\xa4\x87\xe4\xbb\xbd", false, NULL},
	{"/srv/app [1]", false, NULL},
	{"", false, NULL},
	/* -- endings */
	{"/var/www/html/logo.png", false, EXE "a picture (.png)"},
	{"/var/www/html/logo.PNG", true, SCRIPT "a picture (.PNG)"},
	{"/srv/report.pdf", false, EXE "a document (.pdf)"},
	{"/srv/report.docx", false, EXE "a document (.docx)"},
	{"/var/log/syslog.log", false, EXE "a log (.log)"},
	{"/srv/a.mp3", false, EXE "a sound (.mp3)"},
	{"/srv/a.zip", true, SCRIPT "an archive (.zip)"},
	{"/srv/a.tar.gz", false, EXE "an archive (.gz)"},
	{"/srv/invoice.pdf.sh", true,
	    "its name has the ending of a document before its own (.pdf, .sh)"},
	{"/srv/x.jpg   .bin", false,
	    "its name has the ending of a picture before its own (.jpg, .bin)"},
	/* what programs are called, on Debian and elsewhere */
	{"/usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2", false, NULL},
	{"/usr/bin/python3.11", false, NULL},
	{"/usr/bin/nc.traditional", false, NULL},
	{"/usr/bin/x86_64-linux-gnu-ld.gold", false, NULL},
	{"/usr/sbin/mkfs.minix", false, NULL},
	{"/usr/lib/dpkg/methods/apt/update.sh", true, NULL},
	{"/var/lib/dpkg/info/tzdata.config", true, NULL},
	{"/var/lib/dpkg/info/libc6:amd64.postinst", true, NULL},
	{"/usr/share/git-core/templates/hooks/pre-push.sample", true, NULL},
	{"/usr/share/dhcp/x.example", true, NULL},
	{"/usr/share/doc/nftables/all-in-one.nft", true, NULL},
	{"/usr/lib/cgi-bin/env.cgi", true, NULL},
	{"/etc/x/run.conf", true, NULL}, /* settings of some are scripts */
	{"/opt/tool-1.2.run", true, NULL},
	{"/opt/Tool-x86_64.AppImage", false, NULL},
	{"/opt/tool.old", false, NULL},
	{"/opt/go/x.test", false, NULL},
	{"/opt/x.html.py", true, NULL}, /* makes such files */
	{"/opt/db.tar.gz.sh", true, NULL},
	{"/opt/png", false, NULL},
	{"/opt/.png", false, NULL},
	{"/opt/a.", true, "its name ends with a dot"},
	{"/opt/a.verylongendingofaname", false, NULL},
};

static const struct {
	const char *path;
	enum hidden want;
} hiddens[] = {
	{"/usr/lib/.relocq", HIDDEN_SYSTEM},
	{"/usr/lib/.x/agent", HIDDEN_SYSTEM},
	{"/lib64/.x", HIDDEN_SYSTEM},
	{"/etc/.x/y", HIDDEN_SYSTEM},
	{"/boot/.x", HIDDEN_SYSTEM},
	{"/dev/.x", HIDDEN_SYSTEM},
	{"/run/.x/y", HIDDEN_SYSTEM},
	{"/.x", HIDDEN_SYSTEM},
	{"/.x/agent", HIDDEN_SYSTEM},
	{"/usr/bin/.../x", HIDDEN_SYSTEM},
	{"/var/lib/.x/y", HIDDEN_APP},
	{"/opt/.x", HIDDEN_APP},
	{"/srv/www/.x/y", HIDDEN_APP},
	{"/usr/local/bin/.x", HIDDEN_APP},
	{"/opt/app/.cache/x", HIDDEN_APP}, /* a favourite to hide in */
	{"/usr/lib/.venv/bin/x", HIDDEN_SYSTEM}, /* no place for tools */
	/* No program: links to where files are, which the kernel follows. */
	{"/usr/lib/.build-id/ab/cdef", HIDDEN_SYSTEM},
	/* a tool within a hidden folder that is no tool's */
	{"/opt/.x/.venv/bin/python", HIDDEN_APP},
	{"/opt/.venv", HIDDEN_APP}, /* a file */
	/* homes: of people, wherever they are */
	{"/home/ann/.local/bin/x", HIDDEN_NOT},
	{"/root/.cargo/bin/x", HIDDEN_NOT},
	{"/var/home/ann/.local/bin/x", HIDDEN_NOT},
	/* tools beside an application */
	{"/opt/app/.venv/bin/python", HIDDEN_NOT},
	{"/srv/app/node_modules/.bin/x", HIDDEN_NOT},
	{"/usr/lib/node_modules/npm/node_modules/.bin/x", HIDDEN_NOT},
	{"/var/www/node_modules/.pnpm/a@1/node_modules/a/bin/a", HIDDEN_NOT},
	{"/etc/.git/hooks/pre-commit", HIDDEN_NOT}, /* etckeeper */
	{"/srv/app/.git/hooks/post-merge", HIDDEN_NOT},
	{"/opt/x/.install4j/jre/bin/java", HIDDEN_NOT},
	{"/usr/src/x/.libs/lt-test", HIDDEN_NOT},
	{"/.singularity.d/actions/run", HIDDEN_NOT},
	/* of containers, of packages by their own names; volatile places are
	 * told as such, AppImages there too */
	{"/var/lib/docker/overlay2/0a/merged/usr/bin/x", HIDDEN_NOT},
	{"/snap/x/1/.x/y", HIDDEN_NOT},
	{"/nix/store/0a-x/bin/.x-wrapped", HIDDEN_NOT},
	{"/gnu/store/0a-x/bin/.x-real", HIDDEN_NOT},
	{"/tmp/.mount_ToolAb/AppRun", HIDDEN_NOT},
	{"/usr/lib/x/y", HIDDEN_NOT},
	{"/usr/lib/x.d/y.z", HIDDEN_NOT},
	{"", HIDDEN_NOT},
};

static void
test_names(void **state)
{
	char how[DECEIT_TEXT_MAX];
	size_t i;
	bool told;

	(void)state;
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		told = deceit_name(names[i].path, names[i].script, how);
		if (told != (names[i].want != NULL) ||
		    (told && strcmp(how, names[i].want) != 0))
			fail_msg("row %zu, %s: %s", i, names[i].path,
			    told ? how : "nothing");
	}
}

static void
test_hidden(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(hiddens) / sizeof(hiddens[0]); i++)
		if (deceit_hidden(hiddens[i].path) != hiddens[i].want)
			fail_msg("row %zu, %s", i, hiddens[i].path);
}

static void
test_removed_while_it_ran(void **state)
{
	(void)state;
	assert_true(deceit_removed("/opt/bin/.nfs000000000012ab0000000001"));
	assert_true(deceit_removed("/opt/bin/.fuse_hidden0000001200000001"));
	assert_false(deceit_removed("/opt/bin/.nfs"));
	assert_false(deceit_removed("/opt/bin/.nfsd"));
	assert_false(deceit_removed("/opt/.nfs12/x"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_hidden),
		cmocka_unit_test(test_removed_while_it_ran),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
