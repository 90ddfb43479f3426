/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Stamps of libraries and web pages, on a tree of our own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/state/stamps.h"

static char root[64];

static void
put(const char *path, const char *text)
{
	char full[PATH_MAX], *at;
	FILE *f;

	snprintf(full, sizeof(full), "%s%s", root, path);
	for (at = full + strlen(root) + 1; (at = strchr(at, '/')); at++) {
		*at = '\0';
		mkdir(full, 0755);
		*at = '/';
	}
	f = fopen(full, "w");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static struct facts *
look(const struct state_source *s, const struct facts *was)
{
	const struct state_env env = {.root = root, .was = was,
	    .route_fd = -1, .diag_fd = -1};
	struct facts *f = facts_new();
	struct why why;

	assert_int_equal(s->read(&env, f, &why), 0);
	assert_int_equal(facts_seal(f), 0);
	return f;
}

struct told {
	const struct state_source *source;
	char text[4096];
};

static void
on_change(void *arg, const struct fact_change *c)
{
	static struct state_told out;
	struct told *t = arg;
	size_t n = strlen(t->text);

	memset(&out, 0, sizeof(out));
	if (t->source->tell(c, &out))
		snprintf(t->text + n, sizeof(t->text) - n, "%s %s: %s\n",
		    out.kind, out.object, out.text);
}

static void
check(const struct state_source *s, struct facts **was, const char *want)
{
	struct facts *is = look(s, *was);
	struct told t = {.source = s};

	facts_diff(*was, is, on_change, &t);
	assert_string_equal(t.text, want);
	facts_free(was);
	*was = is;
}

static void
libraries(void **state)
{
	char full[PATH_MAX];
	struct facts *was = NULL;

	(void)state;
	put("/usr/lib/x86_64-linux-gnu/liba.so.1", "a");
	put("/usr/lib/x86_64-linux-gnu/notes.txt", "a");
	put("/usr/lib/x86_64-linux-gnu/deep/libd.so", "a");
	put("/usr/lib/modules/6.1/kernel/net/x.ko.xz", "m");
	put("/boot/initrd.img-6.1", "i");
	check(&libraries_source, &was, ""); /* nothing is bad in itself */
	assert_int_equal(facts_count(was), 3);

	put("/usr/lib/x86_64-linux-gnu/liba.so.1", "evil");
	put("/usr/local/lib/sub/libn.so", "n");
	put("/usr/lib/modules/6.1/kernel/net/x.ko.xz", "evil");
	put("/boot/initrd.img-6.1", "evil");
	put("/var/lib/dpkg/info/cron.postinst", "evil");
	put("/var/lib/dpkg/info/cron.list", "evil");
	check(&libraries_source, &was,
	    "persist.initramfs /boot/initrd.img-6.1: /boot/initrd.img-6.1 "
	    "was changed\n"
	    "persist.library /usr/lib/x86_64-linux-gnu/liba.so.1: "
	    "/usr/lib/x86_64-linux-gnu/liba.so.1 was changed\n"
	    "persist.library /usr/local/lib/sub/libn.so: "
	    "/usr/local/lib/sub/libn.so appeared\n"
	    "persist.module /usr/lib/modules/6.1/kernel/net/x.ko.xz: "
	    "/usr/lib/modules/6.1/kernel/net/x.ko.xz was changed\n"
	    "persist.package-hook /var/lib/dpkg/info/cron.postinst: "
	    "/var/lib/dpkg/info/cron.postinst appeared\n");
	snprintf(full, sizeof(full), "%s/usr/local/lib/sub/libn.so", root);
	unlink(full);
	assert_int_equal(symlink("/tmp/x.so", full), 0);
	check(&libraries_source, &was,
	    "persist.library /usr/local/lib/sub/libn.so: "
	    "/usr/local/lib/sub/libn.so is a link to /tmp/x.so\n");
	facts_free(&was);
}

static void
web(void **state)
{
	struct facts *was = NULL;
	char full[PATH_MAX];

	(void)state;
	put("/var/www/html/index.html", "x");
	check(&web_source, &was, "");
	put("/var/www/html/a/b/shell.php", "x");
	put("/var/www/html/picture.png", "x");
	check(&web_source, &was,
	    "persist.web /var/www/html/a/b/shell.php: "
	    "/var/www/html/a/b/shell.php appeared\n");
	snprintf(full, sizeof(full), "%s/var/www/html/index.html", root);
	unlink(full);
	check(&web_source, &was, ""); /* gone is no way in */
	facts_free(&was);
}

static void
names(void **state)
{
	(void)state;
	assert_true(stamps_fits("*.so;*.so.*", "libc.so.6"));
	assert_true(stamps_fits("*.so;*.so.*", "libc.so"));
	assert_false(stamps_fits("*.so;*.so.*", "libc.a"));
	assert_false(stamps_fits("", "libc.a"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(libraries),
		cmocka_unit_test(web),
		cmocka_unit_test(names),
	};
	char command[128];
	int r;

	snprintf(root, sizeof(root), "/tmp/cordon-stamps-%d", (int)getpid());
	assert_int_equal(mkdir(root, 0755), 0);
	r = cmocka_run_group_tests(tests, NULL, NULL);
	snprintf(command, sizeof(command), "rm -rf %s", root);
	return system(command) != 0 ? 1 : r;
}
