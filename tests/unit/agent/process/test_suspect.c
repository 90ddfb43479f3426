/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is wrong with a process, and what is not: one row each. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "agent/process/suspect.h"

#define NOBODY UINT32_MAX
#define PARENTS 3

/* A process in few words; the rest is as of a program of the system. */
struct row {
	const char *exe;
	const char *args; /* parts end with '\n' */
	const char *up[PARENTS], *up_args[PARENTS];
	const char *fd; /* of 0, 1, 2: n(et) p(ipe) s(ocket) t(ty) f(ile) */
	const char *preload;
	uint32_t uid, login, owner;
	mode_t mode, dir;
	bool deleted, again, walk;
	const char *relay; /* program; '+' in front: by pipe */
	bool relay_standard, relay_inline;
	const char *script; /* its file; owner as of the program */
	mode_t script_mode;
	const char *want; /* kind; NULL: nothing */
};

static void
fill_args(struct seen_args *a, const char *text)
{
	char data[SEEN_ARGS_MAX];
	size_t i, n = text == NULL ? 0 : strlen(text);

	memcpy(data, text == NULL ? "" : text, n);
	for (i = 0; i < n; i++)
		if (data[i] == '\n')
			data[i] = '\0';
	seen_take_args(a, data, n);
}

static void
fill(struct process_seen *s, const struct row *r)
{
	static const char kinds[] = "-ftpsn";
	size_t i;

	memset(s, 0, sizeof(*s));
	s->pid = 1000;
	s->dir = -1;
	s->parent = r->up[0] == NULL ? 1 : 999;
	seen_take_exe(s, r->exe, strlen(r->exe));
	s->deleted |= r->deleted;
	s->again = r->again;
	s->walk = r->walk;
	s->uid = s->euid = r->uid;
	s->login_uid = r->login == 0 ? NOBODY : r->login;
	fill_args(&s->args, r->args);
	for (i = 0; r->fd != NULL && i < 3; i++) {
		s->fd[i].kind = (enum seen_kind)(strchr(kinds, r->fd[i]) -
		    kinds);
		snprintf(s->fd[i].peer, SEEN_PEER_MAX, "192.0.2.1:4444");
	}
	snprintf(s->preload, sizeof(s->preload), "%s",
	    r->preload == NULL ? "" : r->preload);
	s->file_known = true;
	s->file_owner = r->owner;
	s->file_mode = S_IFREG | (r->mode == 0 ? 0755 : r->mode);
	s->dir_mode = S_IFDIR | (r->dir == 0 ? 0755 : r->dir);
	snprintf(s->script, sizeof(s->script), "%s", r->script == NULL ? "" :
	    r->script);
	s->script_mode = S_IFREG | (r->script_mode == 0 ? 0755 :
	    r->script_mode);
	s->script_owner = r->owner;
	for (i = 0; i < PARENTS && r->up[i] != NULL; i++) {
		snprintf(s->up[i].exe, SEEN_PATH_MAX, "%s", r->up[i]);
		fill_args(&s->up[i].args, r->up_args[i]);
		s->ups++;
	}
	if (r->relay == NULL)
		return;
	s->relay.pid = 998;
	s->relay.by_pipe = r->relay[0] == '+';
	s->relay.standard = r->relay_standard;
	s->relay.inline_code = r->relay_inline;
	snprintf(s->relay.exe, SEEN_PATH_MAX, "%s",
	    r->relay + s->relay.by_pipe);
}

static const struct row rows[] = {
	/* -- remote shells */
	{"/usr/bin/bash", "bash\n-i\n", .fd = "nnn",
	    .want = "process.remote-shell"},
	{"/usr/bin/dash", "sh\n", .fd = "nnn", .want = "process.remote-shell"},
	{"/usr/bin/dash", "sh\n-c\nid\n", .fd = "nnf",
	    .want = "process.remote-shell"},
	{"/usr/bin/busybox", "busybox\nsh\n-i\n", .fd = "nnn",
	    .want = "process.remote-shell"},
	{"/usr/bin/python3.11", "python3\n-c\nimport os\n", .fd = "nnn",
	    .want = "process.remote-shell"},
	{"/usr/bin/dash", "sh\n-i\n", .fd = "fpp", .up = {"/usr/bin/bash"},
	    .relay = "+/usr/bin/nc.openbsd",
	    .want = "process.remote-shell"},
	{"/usr/bin/dash", "sh\n", .fd = "ppp", .up = {"/usr/bin/bash"},
	    .relay = "+/usr/bin/openssl", .want = "process.remote-shell"},
	{"/usr/bin/bash", "bash\n-li\n", .fd = "ttt", .up = {"/usr/bin/socat"},
	    .relay = "/usr/bin/socat", .want = "process.remote-shell"},
	{"/usr/bin/bash", "/bin/bash\n", .fd = "ttt",
	    .up = {"/usr/bin/python3.11"}, .relay = "/usr/bin/python3.11",
	    .relay_inline = true, .want = "process.remote-shell"},
	/* a notebook's terminal: a program with a socket that is not its input */
	{"/usr/bin/bash", "/bin/bash\n", .fd = "ttt",
	    .up = {"/usr/bin/python3.11"}, .relay = "/usr/bin/python3.11"},
	/* a log that is sent on, a service of systemd, a pipe */
	{"/usr/bin/dash", "sh\n/usr/bin/check_mk_agent\n", .fd = "nns"},
	{"/usr/bin/dash", "sh\n/opt/push.sh\n", .fd = "fnf",
	    .up = {"/usr/sbin/cron"}},
	{"/usr/bin/dash", "sh\n-c\ntrue\n", .fd = "ppp",
	    .up = {"/usr/sbin/cron"}},
	{"/usr/bin/bash", "-bash\n", .fd = "ttt", .up = {"/usr/sbin/sshd"}},
	{"/usr/bin/dash", "sh\n-c\nx\n", .fd = "fss"}, /* of a unit */
	{"/usr/bin/dash", "sh\n-c\nls\n", .fd = "ppp",
	    .up = {"/usr/bin/python3.11"}, .relay = "/usr/bin/python3.11"},
	/* -- memory and deleted */
	{"/memfd:x (deleted)", "x\n", .want = "process.memory-exec"},
	{"/memfd:runc_cloned:/proc/self/exe (deleted)", "runc\n",
	    .up = {"/usr/bin/runc"}},
	{"/memfd:runc_cloned:/proc/self/exe (deleted)", "runc\n",
	    .up = {"/tmp/runc"}, .want = "process.memory-exec"},
	{"/usr/bin/thing (deleted)", "thing\n",
	    .want = "process.deleted-exec"},
	{"/usr/bin/thing (deleted)", "thing\n", .again = true},
	{"/usr/bin/thing (deleted)", "thing\n", .walk = true},
	{"/usr/bin/thing (deleted)", "thing\n",
	    .up = {"/usr/bin/dash", "/usr/bin/dpkg"}},
	{"/tmp/#1234 (deleted)", "x\n", .walk = true,
	    .want = "process.deleted-exec"},
	/* -- names */
	{"/usr/bin/sleep", "[kworker/0:1]\n60\n",
	    .want = "process.pretends"},
	{"/home/eve/kswapd0", "./kswapd0\n", .uid = 1000,
	    .want = "process.pretends"},
	{"/home/eve/sshd", "sshd\n", .uid = 1000, .want = "process.pretends"},
	{"/home/eve/x", "/usr/sbin/sshd -D\n", .uid = 1000,
	    .want = "process.pretends"},
	{"/usr/sbin/sshd", "sshd: root@pts/0\n", .fd = NULL},
	{"/usr/local/sbin/sshd", "sshd\n", .fd = NULL},
	{"/usr/bin/bash", "-su\n", .fd = "ttt"},
	{"/usr/bin/perl", "/usr/sbin/cron -f\n", .want = "process.pretends"},
	{"/usr/bin/busybox", "crond\n-f\n", .fd = NULL},
	{"/usr/lib/systemd/systemd", "systemd\n--user\n", .fd = NULL},
	/* -- names that deceive a person */
	{"/home/ann/passwords.txt ", "x\n", .uid = 1000, .owner = 1000,
	    .want = "process.pretends"},
	{"/var/www/logo.png", "x\n", .want = "process.pretends"},
	{"/tmp/logo.png", "x\n", .want = "process.pretends"},
	{"/usr/bin/dash", "/bin/sh\n./a.pdf.sh\n",
	    .script = "/home/ann/a.pdf.sh", .want = "process.pretends"},
	{"/usr/bin/python3.11", "python3\n/srv/a.jpg\n",
	    .script = "/srv/a.jpg", .want = "process.pretends"},
	/* handed to a shell by hand: its file is none to be run */
	{"/usr/bin/dash", "sh\nnotes.txt\n", .script = "/srv/notes.txt",
	    .script_mode = 0644},
	{"/usr/bin/python3.11", "python3\n/srv/a.zip\n",
	    .script = "/srv/a.zip"}, /* Python does that */
	{"/usr/bin/dash", "sh\n/srv/a.zip\n", .script = "/srv/a.zip",
	    .want = "process.pretends"},
	{"/srv/build/a b.txt", "x\n", .up = {"/usr/bin/make"}},
	{"/srv/build/a b.txt", "x\n", .uid = 33, .up = {"/usr/bin/make"},
	    .want = "process.pretends"}, /* no build of a service's */
	{"/home/ci/tool/x.txt", "x\n", .fd = NULL}, /* allowed */
	{"/usr/bin/dash", "sh\nx.txt\n", .script = "/home/ci/tool/x.txt"},
	{"/usr/bin/dash", "/bin/sh\n.git/hooks/pre-commit\n",
	    .script = "/srv/app/.git/hooks/pre-commit"},
	/* -- hidden */
	{"/usr/lib/.relocq", "x\n", .want = "process.volatile-exec"},
	{"/usr/lib/.x/agent", "x\n", .want = "process.volatile-exec"},
	{"/.x", "x\n", .want = "process.volatile-exec"},
	{"/usr/bin/dash", "/bin/sh\n./agent\n",
	    .script = "/opt/.x/agent", .want = "process.volatile-exec"},
	{"/usr/bin/node", "node\n/srv/app/node_modules/.bin/x\n",
	    .script = "/srv/app/node_modules/x/cli.js"},
	{"/opt/app/.venv/bin/python3", "python\n", .fd = NULL},
	{"/home/ann/.local/bin/x", "x\n", .uid = 1000, .owner = 1000},
	{"/srv/home/ann/.local/bin/x", "x\n", .uid = 1000, .owner = 1000},
	{"/srv/home/ann/.local/bin/x", "x\n", .uid = 0, .owner = 1000,
	    .want = "process.volatile-exec"},
	{"/usr/lib/.x/agent", "x\n", .uid = 1000, .owner = 1000,
	    .want = "process.volatile-exec"},
	{"/usr/lib/.x/helper", "x\n", .up = {"/usr/bin/dash",
	    "/usr/bin/dpkg"}},
	{"/opt/bin/.nfs000000000012ab0000000001", "x\n", .walk = true},
	{"/opt/bin/.nfs000000000012ab0000000001", "x\n",
	    .want = "process.volatile-exec"},
	/* -- preload */
	{"/usr/bin/id", "id\n", .preload = "/tmp/x.so",
	    .want = "process.preload"},
	{"/usr/bin/make", "make\n", .preload = "libfakeroot-sysv.so"},
	{"/usr/bin/redis-server", "redis\n",
	    .preload = "/usr/lib/libjemalloc.so.2"},
	/* -- places */
	{"/tmp/x", "./x\n", .want = "process.volatile-exec"},
	{"/dev/shm/.x/y", "y\n", .want = "process.volatile-exec"},
	{"/run/user/1000/x", "x\n", .uid = 1000, .owner = 1000,
	    .want = "process.volatile-exec"},
	{"/usr/bin/dash", "/bin/sh\n/tmp/x.sh\n",
	    .want = "process.volatile-exec"},
	{"/usr/bin/python3.11", "python3\n-u\n/var/tmp/x.py\n",
	    .want = "process.volatile-exec"},
	{"/usr/bin/bash", "bash\n/dev/fd/63\n", .fd = NULL},
	{"/srv/open/x", "x\n", .dir = 0777, .want = "process.volatile-exec"},
	{"/srv/x", "x\n", .mode = 0777, .want = "process.volatile-exec"},
	{"/srv/x", "x\n", .fd = NULL},
	{"/var/www/upload/x", "x\n", .uid = 33, .owner = 33,
	    .want = "process.volatile-exec"},
	{"/home/eve/x", "x\n", .uid = 33, .owner = 1000,
	    .want = "process.volatile-exec"},
	{"/home/eve/x", "x\n", .uid = 1000, .owner = 1000},
	{"/opt/app/bin/x", "x\n", .uid = 33},
	{"/home/ci/tool/x", "x\n", .uid = 33, .owner = 33}, /* allowed */
	{"/tmp/build/conftest", "./conftest\n", .up = {"/usr/bin/dash"},
	    .up_args = {"/bin/sh\n./configure\n"}},
	{"/tmp/build/a.out", "./a.out\n", .up = {"/usr/bin/make"}},
	{"/tmp/build/a.out", "./a.out\n", .up = {"/tmp/make"},
	    .want = "process.volatile-exec"},
	{"/tmp/a.out", "./a.out\n", .dir = 01777, .up = {"/usr/bin/make"},
	    .want = "process.volatile-exec"}, /* anybody's folder itself */
	{"/usr/bin/dash", "/bin/sh\n/tmp/x.config.Ab12\nconfigure\n",
	    .up = {"/usr/bin/perl", "/usr/bin/apt-get"},
	    .up_args = {"perl\n/usr/sbin/dpkg-preconfigure\n--apt\n"}},
	{"/usr/bin/dash", "/bin/sh\n/var/lib/dpkg/info/x.postinst\n",
	    .up = {"/usr/bin/dpkg"}},
	{"/tmp/helper", "helper\n", .up = {"/usr/bin/dash",
	    "/usr/bin/dpkg"}},
	{"/tmp/helper", "helper\n", .up = {"/tmp/dpkg"},
	    .want = "process.volatile-exec"},
	/* -- services */
	{"/usr/bin/dash", "sh\n-c\nid\n", .uid = 33,
	    .up = {"/usr/sbin/apache2"}, .want = "process.service-shell"},
	{"/usr/bin/bash", "bash\n", .uid = 114,
	    .up = {"/usr/lib/postgresql/15/bin/postgres"},
	    .up_args = {"postgres: app app 10.0.0.1(5000) COPY\n"},
	    .want = "process.service-shell"},
	{"/usr/bin/dash", "sh\n-c\ncp x y\n", .uid = 114,
	    .up = {"/usr/lib/postgresql/15/bin/postgres"},
	    .up_args = {"postgres: 15/main: archiver last was 0001\n"}},
	{"/usr/bin/python3.11", "python3\n-c\nx\n", .uid = 107,
	    .up = {"/usr/lib/jvm/java-17/bin/java"},
	    .want = "process.service-shell"},
	{"/usr/bin/dash", "sh\n-c\n/usr/sbin/sendmail -t -i\n", .uid = 33,
	    .up = {"/usr/sbin/php-fpm8.2"}},
	{"/usr/bin/dash", "sh\n-c\n/usr/sbin/sendmail -t; id\n", .uid = 33,
	    .up = {"/usr/sbin/php-fpm8.2"}, .want = "process.service-shell"},
	{"/usr/bin/dash", "sh\n/usr/lib/cgi-bin/x\n", .uid = 33,
	    .up = {"/usr/sbin/apache2"}},
	{"/usr/bin/dash", "sh\n-c\nrotate\n", .uid = 0,
	    .up = {"/usr/sbin/apache2"}},
	{"/usr/bin/dash", "sh\n-c\nx\n", .uid = 33,
	    .up = {"/usr/sbin/lighttpd"}}, /* allowed */
};

static char allow_exec[] = "/home/ci/tool/";
static char allow_shell[] = "/usr/sbin/lighttpd";
static char *const exec_list[] = {allow_exec};
static char *const shell_list[] = {allow_shell};
static const struct suspect_rules rules = {exec_list, 1, shell_list, 1};

static void
test_rows(void **state)
{
	struct process_seen s;
	struct suspect out;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		fill(&s, &rows[i]);
		suspect_exec(&s, &rules, &out);
		if ((out.kind == NULL) != (rows[i].want == NULL) ||
		    (out.kind != NULL && strcmp(out.kind, rows[i].want) !=
		    0))
			fail_msg("row %zu, %s %s: %s", i, rows[i].exe,
			    rows[i].args, out.kind != NULL ? out.text :
			    "nothing");
		assert_int_equal(out.kind != NULL, out.text[0] != '\0');
	}
}

static void
test_what_deceives_is_said(void **state)
{
	struct row r = {"/usr/bin/dash", "/bin/sh\n./logo.png\n",
	    .script = "/var/www/logo.png"};
	struct process_seen s;
	struct suspect out;

	(void)state;
	fill(&s, &r);
	assert_true(suspect_exec(&s, &rules, &out));
	assert_string_equal(out.text, "\"/var/www/logo.png\" runs: it is a "
	    "script called like a picture (.png)");
	assert_string_equal(out.object, "/var/www/logo.png");
	r.exe = "/tmp/.x/a\xe2\x80\xaegnp.exe";
	r.args = "x\n";
	r.script = NULL;
	fill(&s, &r);
	assert_true(suspect_exec(&s, &rules, &out));
	assert_string_equal(out.text, "\"/tmp/.x/a\\xe2\\x80\\xaegnp.exe\" "
	    "runs: its name has a character that turns the direction of "
	    "writing (U+202E)");
	assert_int_equal(out.alsos, 1);
	assert_string_equal(out.also[0], "process.volatile-exec");
}

static void
test_a_script_that_ended(void **state)
{
	struct row r = {"/usr/bin/dash", "", .script = "/usr/lib/.x/agent"};
	struct process_seen s;
	struct suspect out;

	(void)state;
	fill(&s, &r);
	assert_true(suspect_script(&s, &rules, &out));
	assert_string_equal(out.kind, "process.volatile-exec");
	r.script = "/var/www/logo.png";
	fill(&s, &r);
	assert_true(suspect_script(&s, &rules, &out));
	assert_string_equal(out.kind, "process.pretends");
	r.script = "/usr/bin/which";
	fill(&s, &r);
	assert_false(suspect_script(&s, &rules, &out));
	r.script = "";
	fill(&s, &r);
	assert_false(suspect_script(&s, &rules, &out));
}

static void
test_a_person_s_own_is_low_and_a_hidden_one_high(void **state)
{
	struct row r = {"/tmp/x", "./x\n", .fd = "ttt", .uid = 1000,
	    .login = 1000, .owner = 1000};
	struct process_seen s;
	struct suspect out;

	(void)state;
	fill(&s, &r);
	assert_true(suspect_exec(&s, &rules, &out));
	assert_int_equal(out.severity, CORDON__SEVERITY__SEVERITY_LOW);
	r.exe = "/tmp/.x/y";
	fill(&s, &r);
	assert_true(suspect_exec(&s, &rules, &out));
	assert_int_equal(out.severity, CORDON__SEVERITY__SEVERITY_HIGH);
	assert_string_equal(out.object, "/tmp/.x/y");
}

static void
test_the_worst_is_told_with_the_rest_beside_it(void **state)
{
	const struct row r = {"/tmp/sshd (deleted)", "sshd\n",
	    .preload = "/tmp/x.so"};
	struct process_seen s;
	struct suspect out;

	(void)state;
	fill(&s, &r);
	assert_true(suspect_exec(&s, &rules, &out));
	assert_string_equal(out.kind, "process.deleted-exec");
	assert_int_equal(out.alsos, 3);
	assert_string_equal(out.also[0], "process.pretends");
}

static void
test_the_first_look_is_cheap(void **state)
{
	static const struct {
		const char *exe;
		unsigned int need;
	} table[] = {
		{"/usr/bin/ls", NEED_NOTHING},
		{"/usr/lib/x/y", NEED_NOTHING},
		{"/usr/lib/.x", NEED_ALL},
		{"/usr/bin/ls ", NEED_ALL},
		{"/usr/bin/dash", NEED_ARGS | NEED_FDS | NEED_PARENT |
		    NEED_SCRIPT},
		{"/usr/bin/python3.11", NEED_ARGS | NEED_FDS | NEED_PARENT |
		    NEED_SCRIPT},
		{"/tmp/ls", NEED_ALL},
		{"/usr/bin/ls (deleted)", NEED_ALL},
	};
	struct process_seen s;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		memset(&s, 0, sizeof(s));
		seen_take_exe(&s, table[i].exe, strlen(table[i].exe));
		assert_int_equal(suspect_need(&s), table[i].need);
	}
}

static void
test_names_taken_later(void **state)
{
	static const struct {
		const char *exe, *name;
		bool bad;
	} table[] = {
		{"/usr/bin/perl", "[kworker/1:0]", true},
		{"/usr/bin/perl", "sshd", true},
		{"/usr/bin/perl", "spamd child", false},
		{"/usr/bin/sshd", "sshd", false},
		{"/usr/lib/systemd/systemd", "(sd-pam)", false},
		{"/tmp/x", "systemd-journald", true},
		{"/usr/bin/crun", "kworker/u8:0", false},
	};
	struct process_seen s;
	struct suspect out;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		memset(&s, 0, sizeof(s));
		snprintf(s.exe, sizeof(s.exe), "%s", table[i].exe);
		snprintf(s.name, sizeof(s.name), "%s", table[i].name);
		assert_int_equal(suspect_name(&s, &out), table[i].bad);
	}
}

static void
test_tracing(void **state)
{
	struct process_seen s = {.pid = 10, .parent = 1, .exe = "/usr/bin/x"};
	struct process_seen t = {.pid = 20, .exe = "/usr/bin/python3.11",
	    .login_uid = NOBODY};
	struct suspect out;

	(void)state;
	assert_true(suspect_trace(&s, &t, &out));
	assert_int_equal(out.severity, CORDON__SEVERITY__SEVERITY_NONE);
	s.parent = t.pid; /* its own child */
	assert_false(suspect_trace(&s, &t, &out));
	s.parent = 1;
	snprintf(t.exe, sizeof(t.exe), "/usr/bin/strace");
	t.login_uid = 1000;
	assert_true(suspect_trace(&s, &t, &out));
	assert_int_equal(out.severity, CORDON__SEVERITY__SEVERITY_LOW);
	snprintf(s.exe, sizeof(s.exe), "/usr/sbin/sshd");
	assert_true(suspect_trace(&s, &t, &out));
	assert_int_equal(out.severity, CORDON__SEVERITY__SEVERITY_NONE);
}

static void
test_root_without_a_way(void **state)
{
	struct process_seen s = {.exe = "/home/eve/x", .file_known = true,
	    .file_mode = S_IFREG | 0755};
	struct suspect out;

	(void)state;
	assert_true(suspect_root(&s, 1000, &out));
	assert_string_equal(out.kind, "process.became-root");
	s.file_mode |= S_ISUID;
	assert_false(suspect_root(&s, 1000, &out));
	s.file_mode &= ~(mode_t)S_ISUID;
	s.file_caps = true;
	assert_false(suspect_root(&s, 1000, &out));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_what_deceives_is_said),
		cmocka_unit_test(test_a_script_that_ended),
		cmocka_unit_test(test_a_person_s_own_is_low_and_a_hidden_one_high),
		cmocka_unit_test(test_the_worst_is_told_with_the_rest_beside_it),
		cmocka_unit_test(test_the_first_look_is_cheap),
		cmocka_unit_test(test_names_taken_later),
		cmocka_unit_test(test_tracing),
		cmocka_unit_test(test_root_without_a_way),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
