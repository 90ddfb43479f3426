/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The rule of explanation, the known effects, who is below dpkg. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/sensors/effects.h"
#include "agent/sensors/explain.h"

enum { SAME = 1, OTHER = 2 }; /* contents, by their digests */

static const uint8_t sum[DIGEST_LEN] = {SAME};
static const uint8_t other_sum[DIGEST_LEN] = {OTHER};

static struct entry
file_of(uint8_t content, uint16_t mode)
{
	struct entry e;

	memset(&e, 0, sizeof(e));
	e.sha256[0] = content;
	e.mode = (uint16_t)(S_IFREG | mode);
	e.size = content;
	return e;
}

struct row {
	const char *what;
	enum packages_say say;
	int claims; /* 0: nobody claims the path */
	enum txn_role role;
	bool seen;
	enum change kind;
	uint8_t old, now; /* contents; 0: not there */
	uint16_t mode;
	enum explain_verdict want;
};

/* One claim: content SAME, mode 0755, conffile where it says so. */
static const struct row rows[] = {
	{"SHA-256 explains whoever wrote it", PACKAGES_SHA256, 1, TXN_NONE,
	    true, CHANGE_CONTENT, OTHER, SAME, 0755, EXPLAIN_SILENT},
	{"also what a scan found", PACKAGES_SHA256, 1, TXN_NONE, false,
	    CHANGE_CREATED, 0, SAME, 0755, EXPLAIN_SILENT},
	{"not with another mode", PACKAGES_SHA256, 1, TXN_NONE, true,
	    CHANGE_META, SAME, SAME, 0777, EXPLAIN_PLAIN},
	{"not with set-uid", PACKAGES_SHA256, 1, TXN_NONE, true,
	    CHANGE_SETUID, SAME, SAME, 04755, EXPLAIN_PLAIN},
	{"another content is louder", PACKAGES_SHA256, 1, TXN_NONE, true,
	    CHANGE_CONTENT, SAME, OTHER, 0755, EXPLAIN_LOUD},
	{"by dpkg as well", PACKAGES_SHA256, 1, TXN_DPKG, true,
	    CHANGE_CONTENT, SAME, OTHER, 0755, EXPLAIN_LOUD},
	{"rpm's database, by rpm", PACKAGES_RPM, 1, TXN_DPKG, true,
	    CHANGE_CONTENT, OTHER, SAME, 0755, EXPLAIN_SILENT},
	{"by another hand: it lies on this host", PACKAGES_RPM, 1, TXN_NONE,
	    true, CHANGE_CONTENT, OTHER, SAME, 0755, EXPLAIN_PLAIN},
	{"by nobody known", PACKAGES_RPM, 1, TXN_NONE, false,
	    CHANGE_CONTENT, OTHER, SAME, 0755, EXPLAIN_QUIET},
	{"with another mode, by rpm", PACKAGES_RPM, 1, TXN_DPKG, true,
	    CHANGE_CONTENT, OTHER, SAME, 0777, EXPLAIN_QUIET},
	{"another content than rpm's", PACKAGES_RPM, 1, TXN_DPKG, true,
	    CHANGE_CONTENT, SAME, OTHER, 0755, EXPLAIN_LOUD},
	{"MD5 by dpkg", PACKAGES_MD5, 1, TXN_DPKG, true, CHANGE_CONTENT,
	    OTHER, SAME, 0755, EXPLAIN_SILENT},
	{"MD5 below dpkg", PACKAGES_MD5, 1, TXN_SCRIPT, true,
	    CHANGE_CONTENT, OTHER, SAME, 0755, EXPLAIN_SILENT},
	{"MD5 by another hand", PACKAGES_MD5, 1, TXN_NONE, true,
	    CHANGE_CONTENT, OTHER, SAME, 0755, EXPLAIN_PLAIN},
	{"MD5 by nobody known", PACKAGES_MD5, 1, TXN_NONE, false,
	    CHANGE_CONTENT, OTHER, SAME, 0755, EXPLAIN_QUIET},
	{"MD5 says nothing of set-uid", PACKAGES_MD5, 1, TXN_DPKG, true,
	    CHANGE_SETUID, 0, SAME, 04755, EXPLAIN_QUIET},
	{"MD5 and a mode by another", PACKAGES_MD5, 1, TXN_NONE, false,
	    CHANGE_META, SAME, SAME, 0777, EXPLAIN_PLAIN},
	{"MD5, another content", PACKAGES_MD5, 1, TXN_NONE, true,
	    CHANGE_CONTENT, SAME, OTHER, 0755, EXPLAIN_LOUD},
	{"put in place of what dpkg removed", PACKAGES_MD5, 1, TXN_NONE,
	    true, CHANGE_CREATED, 0, OTHER, 0755, EXPLAIN_LOUD},
	{"was foreign before", PACKAGES_MD5, 1, TXN_NONE, true, CHANGE_META,
	    OTHER, OTHER, 0700, EXPLAIN_PLAIN},
	{"conffile as shipped, by dpkg", PACKAGES_CONFFILE, 1, TXN_DPKG,
	    true, CHANGE_CONTENT, OTHER, SAME, 0644, EXPLAIN_SILENT},
	{"conffile by the administrator", PACKAGES_CONFFILE, 1, TXN_NONE,
	    true, CHANGE_CONTENT, SAME, OTHER, 0644, EXPLAIN_PLAIN},
	{"conffile by a script", PACKAGES_CONFFILE, 1, TXN_SCRIPT, true,
	    CHANGE_CONTENT, SAME, OTHER, 0644, EXPLAIN_QUIET},
	{"listed without a sum, by dpkg", PACKAGES_LISTED, 1, TXN_DPKG, true,
	    CHANGE_CREATED, 0, OTHER, 0644, EXPLAIN_SILENT},
	{"listed without a sum, by another", PACKAGES_LISTED, 1, TXN_NONE,
	    true, CHANGE_CREATED, 0, OTHER, 0644, EXPLAIN_PLAIN},
	{"nobody's, by a script", PACKAGES_LISTED, 0, TXN_SCRIPT, true,
	    CHANGE_CREATED, 0, OTHER, 0644, EXPLAIN_QUIET},
	{"nobody's, by another", PACKAGES_LISTED, 0, TXN_NONE, true,
	    CHANGE_CREATED, 0, OTHER, 0644, EXPLAIN_PLAIN},
	{"set-uid by a script is told", PACKAGES_LISTED, 0, TXN_SCRIPT, true,
	    CHANGE_SETUID, 0, OTHER, 04755, EXPLAIN_QUIET},
	{"removed by dpkg", PACKAGES_LISTED, 0, TXN_DPKG, true,
	    CHANGE_DELETED, SAME, 0, 0, EXPLAIN_SILENT},
	{"removed by a script", PACKAGES_MD5, 1, TXN_SCRIPT, true,
	    CHANGE_DELETED, SAME, 0, 0, EXPLAIN_QUIET},
	{"removed by another", PACKAGES_MD5, 1, TXN_NONE, true,
	    CHANGE_DELETED, SAME, 0, 0, EXPLAIN_PLAIN},
	{"set back in time", PACKAGES_SHA256, 1, TXN_NONE, true,
	    CHANGE_TIMES, SAME, SAME, 0755, EXPLAIN_PLAIN},
};

static void
test_rule(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct row *r = &rows[i];
		struct packages_file claim = {.say = r->say, .type =
		    PACKAGES_WHOLE(r->say) ? 'f' : 0, .package = "p 1 all",
		    .conffile = r->say == PACKAGES_CONFFILE, .mode = 0755,
		    .sum = r->say == PACKAGES_LISTED ? NULL : sum};
		struct entry old = file_of(r->old, r->mode & 0777);
		struct entry now = file_of(r->now, r->mode);
		struct change_of c = {.path = "/usr/bin/x",
		    .old = r->old == 0 ? NULL : &old,
		    .now = r->now == 0 ? NULL : &now};
		struct explain_facts f = {.role = r->role, .seen = r->seen,
		    .file = &claim, .files = (size_t)r->claims,
		    .md5 = r->now == SAME ? sum : other_sum};
		struct explanation ex;

		memset(&ex, 0, sizeof(ex));
		if (explain_rule(r->kind, &c, &f, &ex) != r->want)
			fail_msg("%s: %d (%s), not %d", r->what, ex.verdict,
			    ex.word, r->want);
	}
}

static void
test_capabilities_and_overrides(void **state)
{
	struct packages_file claim = {.say = PACKAGES_SHA256, .type = 'f',
	    .package = "p 1 all", .mode = 0755, .sum = sum};
	struct entry old = file_of(SAME, 0755), now = file_of(SAME, 02755);
	struct change_of c = {.path = "/usr/bin/x", .old = &old, .now = &now};
	struct explain_facts f = {.seen = true, .file = &claim, .files = 1};
	struct explanation ex = {0};

	(void)state;
	f.override = true;
	f.override_mode = 02755;
	assert_int_equal(explain_rule(CHANGE_SETUID, &c, &f, &ex),
	    EXPLAIN_SILENT);
	now.xattr = 1; /* capabilities: no list speaks of them */
	assert_int_equal(explain_rule(CHANGE_SETUID, &c, &f, &ex),
	    EXPLAIN_PLAIN);
	now = file_of(SAME, 0755);
	now.flags = ENTRY_IMMUTABLE;
	f.override = false;
	assert_int_equal(explain_rule(CHANGE_META, &c, &f, &ex),
	    EXPLAIN_PLAIN);
	now.flags = ENTRY_PARTIAL; /* digest of both ends only */
	assert_int_equal(explain_rule(CHANGE_CONTENT, &c, &f, &ex),
	    EXPLAIN_PLAIN);
}

static void
test_effects(void **state)
{
	static const struct {
		const char *path;
		mode_t mode;
		bool generated, sensitive;
	} paths[] = {
		{"/etc/ld.so.cache", S_IFREG | 0644, true, false},
		{"/etc/ld.so.cache", S_IFREG | 04755, false, false},
		{"/etc/ld.so.preload", S_IFREG | 0644, false, true},
		{"/etc/alternatives/vi", S_IFLNK | 0777, true, false},
		{"/etc/alternatives/vi", S_IFREG | 0755, false, false},
		{"/etc/systemd/system/a.wants/x.service", S_IFLNK | 0777,
		    true, false},
		{"/etc/systemd/system/a.wants/x.service", S_IFREG | 0644,
		    false, false},
		{"/etc/systemd/system/x.service", S_IFREG | 0644, false,
		    true},
		{"/etc/cron.d/x", S_IFREG | 0644, false, true},
		{"/etc/crontab", S_IFREG | 0644, false, true},
		{"/boot/initrd.img-6.1.0-1-amd64", S_IFREG | 0644, true,
		    false},
		{"/root/.ssh/authorized_keys", S_IFREG | 0600, false, true},
		{"/usr/bin/x", S_IFREG | 0755, false, false},
	};
	char base[64];
	const char *tool;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		struct entry e = {.mode = (uint16_t)paths[i].mode};

		if (effects_generated(paths[i].path, &e, &tool) !=
		    paths[i].generated ||
		    effects_sensitive(paths[i].path) != paths[i].sensitive)
			fail_msg("%s", paths[i].path);
	}
	assert_true(effects_base("/etc/x.dpkg-new", base, sizeof(base)));
	assert_string_equal(base, "/etc/x");
	assert_false(effects_base("/etc/x.new", base, sizeof(base)));
	assert_false(effects_base(".dpkg-new", base, sizeof(base)));
	assert_false(effects_base("/etc/x.dpkg-new", base, 4));
}

static void
test_who_is_below_dpkg(void **state)
{
	char program[] = "/usr/bin/dpkg", dash[] = "/usr/bin/dash";
	char parent0[] = "20 /usr/bin/dpkg", parent1[] = "10 /usr/bin/apt-get";
	char gone[] = "20 /usr/bin/dpkg (deleted)";
	struct who w = {.program = program, .pid = 30, .real = 1};
	int outer;

	(void)state;
	assert_int_equal(txn_find(&w, &outer), 0);
	assert_int_equal(outer, 0);
	w.real = 0; /* another file is called so where it runs */
	assert_int_equal(txn_find(&w, &outer), -1);
	assert_int_equal(outer, -1);
	w.program = dash;
	w.parent[0] = parent0;
	w.parent[1] = parent1;
	w.parents = 2;
	w.real = 7;
	assert_int_equal(txn_find(&w, &outer), 1);
	assert_int_equal(outer, 2);
	w.real = 5; /* below apt-get, but that is not dpkg */
	assert_int_equal(txn_find(&w, &outer), -1);
	w.real = 7;
	w.parent[0] = gone;
	assert_int_equal(txn_find(&w, &outer), 1);
}

/* A real dpkg that waits for its input; *END lets it go. */
static pid_t
start_dpkg(const char *folder, int *end)
{
	char option[64], file[64];
	int p[2];
	pid_t pid;

	snprintf(option, sizeof(option), "--admindir=%s", folder);
	snprintf(file, sizeof(file), "%s/status", folder);
	close(open(file, O_CREAT | O_WRONLY, 0600));
	snprintf(file, sizeof(file), "%s/updates", folder);
	mkdir(file, 0700);
	assert_int_equal(pipe2(p, O_CLOEXEC), 0);
	pid = fork();
	if (pid == 0) {
		dup2(p[0], 0);
		execl("/usr/bin/dpkg", "dpkg", option, "--set-selections",
		    (char *)NULL);
		_exit(1);
	}
	close(p[0]);
	*end = p[1];
	return pid;
}

static void
test_a_transaction_begins_with_dpkg(void **state)
{
	char folder[] = "/tmp/cordon-txn-XXXXXX", clean[64];
	struct who_cache *c = who_cache_new();
	struct txns t = {.n = 0};
	int end, i;
	pid_t pid;

	(void)state;
	if (access("/usr/bin/dpkg", X_OK) != 0)
		skip();
	assert_non_null(c);
	assert_non_null(mkdtemp(folder));
	assert_false(txns_begin(&t, c));
	pid = start_dpkg(folder, &end);
	for (i = 0; i < 1000 && t.n == 0; i++) { /* until it is dpkg */
		who_started(c, pid, "/usr/bin/dpkg");
		if (!txns_begin(&t, c))
			usleep(10000);
	}
	assert_int_equal(t.n, 1);
	assert_true(txns_running(&t, INT64_MAX));
	assert_true(txns_begin(&t, c)); /* the same */
	assert_int_equal(t.n, 1);
	close(end);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	who_cache_free(&c);
	c = who_cache_new();
	t.n = 0;
	who_started(c, pid, "/usr/bin/dpkg"); /* gone when it is asked */
	assert_false(txns_begin(&t, c));
	who_cache_free(&c);
	snprintf(clean, sizeof(clean), "rm -r %s", folder);
	assert_int_equal(system(clean), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_rule),
	    cmocka_unit_test(test_capabilities_and_overrides),
	    cmocka_unit_test(test_effects),
	    cmocka_unit_test(test_who_is_below_dpkg),
	    cmocka_unit_test(test_a_transaction_begins_with_dpkg),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
