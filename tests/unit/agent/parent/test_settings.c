/* SPDX-License-Identifier: GPL-3.0-or-later */
/* agent.conf: defaults, what is taken, and how each slip is named. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/links/ipc.h"
#include "agent/parent/settings.h"
#include "common/base/file.h"

static char path[] = "/tmp/cordon-settings-XXXXXX";

static int
setup(void **state)
{
	int fd = mkstemp(path);

	(void)state;
	close(fd);
	return fd < 0;
}

static int
teardown(void **state)
{
	(void)state;
	return unlink(path);
}

static int
load(const char *text, struct settings *s, struct why *why)
{
	memset(s, 0, sizeof(*s));
	why->text[0] = '\0';
	assert_int_equal(file_write(path, text, strlen(text), 0600, NULL), 0);
	return settings_load(path, s, why);
}

static void
test_defaults(void **state)
{
	struct settings s;
	struct why why;

	(void)state;
	assert_int_equal(load("", &s, &why), 0);
	assert_string_equal(s.state_dir, AGENT_STATE_DIR);
	assert_string_equal(s.run_dir, AGENT_RUN_DIR);
	assert_string_equal(s.network_user, "cordon");
	assert_string_equal(s.enforcer_user, "cordon-enforcer");
	assert_string_equal(s.sensors_user, "cordon-sensors");
	assert_string_equal(s.guard_user, "cordon-guard");
	assert_true(s.guard);
	assert_int_equal(s.log_level, LOG_LEVEL_INFO);
	assert_false(s.never_isolate);
	assert_int_equal(s.prove_every, 60);
	assert_int_equal(s.rescan_every, 900);
	assert_int_equal(s.scan_threads, 2);
	assert_int_equal(s.cpu_percent, 20);
	assert_string_equal(s.package_database, "/var/lib/dpkg");
	assert_string_equal(s.rpm_database, "/var/lib/rpm");
	assert_string_equal(s.package_lists,
	    "/var/lib/cordon-agent/packages");
	assert_int_equal(s.package_wait, 600);
	assert_true(s.processes);
	assert_int_equal(s.spool_max, 256 << 20);
	assert_int_equal(s.fold_after, 300);
	assert_int_equal(s.watch.n, 9);
	assert_string_equal(s.watch.item[0], "/etc");
	assert_int_equal(s.ignore.n, 0);
	assert_int_equal(s.data_tree.n, 0);
	assert_true(s.canaries);
	assert_int_equal(s.canary_folders, 8);
	assert_int_equal(s.backup_age, 26 * 3600);
	assert_int_equal(s.backup_drop, 30);
	settings_free(&s);
	assert_null(s.state_dir);
	/* Only the standard file may be missing. */
	assert_int_not_equal(settings_load("/nonexistent/a", &s, &why), 0);
}

/* What a script is told of KEY; NULL: nothing. */
static void
value_is(const struct settings *s, const char *key, const char *want)
{
	struct buf b;

	buf_init(&b, 4096);
	assert_int_equal(settings_value(s, key, &b), want == NULL ?
	    ERR_NOENT : 0);
	if (want != NULL)
		assert_string_equal(buf_str(&b), want);
	buf_done(&b);
}

static void
test_all(void **state)
{
	struct settings s;
	struct why why;

	(void)state;
	if (load("[agent]\nstate_dir = /srv/a\nrun_dir = /srv/b\n"
		 "log_level = debug\nnetwork_user = 61001\n"
		 "enforcer_user = 61002\nsensors_user = 61003\n"
		 "[enforcer]\nnever_isolate = yes\nprove_every = 10s\n"
		 "[files]\nwatch = /srv/ledger\nwatch = /srv/keys\n"
		 "ignore = /srv/ledger/tmp\nignore = *.swp\n"
		 "rescan_every = 1h\nscan_threads = 4\ncpu_percent = 50\n"
		 "package_database = none\npackage_wait = 1m\n"
		 "[spool]\nmax_size = 16M\n", &s, &why) != 0)
		fail_msg("%s", why.text);
	assert_string_equal(s.state_dir, "/srv/a");
	assert_int_equal(s.log_level, LOG_LEVEL_DEBUG);
	assert_true(s.never_isolate);
	assert_int_equal(s.prove_every, 10);
	assert_int_equal(s.watch.n, 2); /* the standard ones are gone */
	assert_string_equal(s.watch.item[1], "/srv/keys");
	assert_int_equal(s.ignore.n, 2);
	assert_string_equal(s.package_database, "none");
	assert_int_equal(s.package_wait, 60);
	assert_int_equal(s.spool_max, 16 << 20);
	value_is(&s, "run_dir", "/srv/b\n");
	value_is(&s, "network_user", "61001\n");
	value_is(&s, "canaries", "yes\n");
	value_is(&s, "canary_folders", "8\n");
	value_is(&s, "tree", "-\n");
	value_is(&s, "nothing", NULL);
	value_is(&s, "rescan_every", NULL);
	settings_free(&s);
}

static const struct {
	const char *text;
	const char *says; /* a part of the reason */
} bad[] = {
	{"[agent]\nstate_dir = var/lib\n", ":2: [agent] state_dir: write an "
					   "absolute path"},
	{"[agent]\nstate_dir = /\n", "folder for the agent alone"},
	{"[agent]\nstate_dir = ///\n", "folder for the agent alone"},
	{"[agent]\nstate_dir = /var/../etc\n", "without \"..\""},
	{"[agent]\nrun_dir = /aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\n",
	    "control socket would not fit"},
	{"[agent]\nstate_dir = /srv/x\nrun_dir = /srv/x\n", "two folders"},
	{"[agent]\nlog_level = loud\n", "error, warn, info or debug"},
	{"[agent]\nnetwork_user = root\n", "not root"},
	{"[agent]\nnetwork_user = 0\n", "not 0"},
	{"[agent]\nnetwork_user = 00\n", "not 0"},
	{"[agent]\nnetwork_user = 99999999999\n", "name of a user"},
	{"[agent]\nnetwork_user = a/b\n", "not the name of a user"},
	{"[agent]\nnetwork_user = --help\n", "not the name of a user"},
	{"[agent]\nnetwork_user = x\nsensors_user = x\n", "four users"},
	{"[agent]\nguard_user = cordon\n", "four users"},
	{"[enforcer]\nguard = yes\n", "auto or off"},
	{"[agent]\ncolour = red\n", ":2: [agent] colour: unknown key"},
	{"[agnet]\nstate_dir = /srv/a\n", "unknown section"},
	{"[enforcer]\nnever_isolate = maybe\n", "yes or no"},
	{"[enforcer]\nprove_every = 1s\n", "out of bounds"},
	{"[enforcer]\nprove_every = 10\n", "90s"},
	{"[files]\nwatch = etc\n", "absolute path"},
	{"[files]\nwatch =\n", "no value"},
	{"[files]\nignore = *.a*b\n", "*.suffix"},
	{"[files]\nignore = tmp\n", "*.suffix"},
	{"[files]\nignore = /a/*\n", "*.suffix"},
	{"[files]\nignore = *.\n", "*.suffix"},
	{"[files]\nscan_threads = 0\n", "out of bounds"},
	{"[files]\nscan_threads = two\n", "whole number"},
	{"[files]\ncpu_percent = 101\n", "out of bounds"},
	{"[state]\nleave_out = Ports!\n", "write the name of a source"},
	{"[files]\nrescan_every = 8d\n", "out of bounds"},
	{"[data]\ntree = srv\n", "absolute path"},
	{"[data]\ntree = //\n", "below /"},
	{"[data]\nbackup = /srv/../etc\n", "below /"},
	{"[data]\nbackup_drop = 0\n", "out of bounds"},
	{"[spool]\nmax_size = 1K\n", "out of bounds"},
	{"[spool]\nmax_size = 1T\n", "not a size"},
	{"[files]\ncpu_percent = 10\ncpu_percent = 20\n", ":3: "},
};

static void
test_bad(void **state)
{
	struct settings s;
	struct why why;
	size_t i;
	int err;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		err = load(bad[i].text, &s, &why);
		if (err == 0)
			fail_msg("taken: %s", bad[i].text);
		if (strstr(why.text, path) == NULL ||
		    strstr(why.text, bad[i].says) == NULL)
			fail_msg("%s\nsays: %s\nnot: %s", bad[i].text,
			    why.text, bad[i].says);
		assert_null(s.state_dir); /* nothing half-read is left */
	}
}

static void
test_long_lists(void **state)
{
	char text[128 * 1024] = "[files]\n", line[320];
	struct settings s;
	struct why why;
	int i;

	(void)state;
	memset(line, 'a', 250);
	for (i = 0; i < 250; i++) {
		memcpy(line, "watch = /", 9);
		snprintf(line + 240, sizeof(line) - 240, "%d\n", i);
		strcat(text, line);
	}
	assert_int_not_equal(load(text, &s, &why), 0);
	assert_non_null(strstr(why.text, "bytes together"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_all),
		cmocka_unit_test(test_bad),
		cmocka_unit_test(test_long_lists),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
