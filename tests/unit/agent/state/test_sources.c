/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Each source on a host in a folder: what changed, and what is said. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/state/sources.h"
#include "common/base/file.h"
#include "common/base/kinds.h"

#define PASSWD "root:x:0:0:root:/root:/bin/bash\n" \
	"nobody:x:65534:65534::/nonexistent:/usr/sbin/nologin\n" \
	"ann:x:1000:1000::/home/ann:/bin/bash\n"
#define KEY "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJjKHoCSmV8rq0Wg8A9UQ2Gvhg" \
	"E9ufIO4ktfU2vqAbcd\n"
#define KEY2 "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJjKHoCSmV8rq0Wg8A9UQ2Gvhg" \
	"E9ufIO4ktfU2vqAbce e\n"

static char top[] = "/tmp/cordon-sources-XXXXXX";
static struct state_env env = {top, NULL, -1, -1, NULL};

/* PATH with TEXT; NULL: none; "-> x": a link to x. */
static void
put(const char *path, const char *text)
{
	char full[512], dir[512];

	snprintf(full, sizeof(full), "%s%s", top, path);
	unlink(full);
	if (text == NULL)
		return;
	snprintf(dir, sizeof(dir), "%s", full);
	*strrchr(dir, '/') = '\0';
	assert_int_equal(file_mkdir(dir, 0755, NULL), 0);
	if (strncmp(text, "-> ", 3) == 0)
		assert_int_equal(symlink(text + 3, full), 0);
	else
		assert_int_equal(file_write(full, text, strlen(text), 0600,
		    NULL), 0);
}

static int
remove_one(const char *path, const struct stat *st, int flag, struct FTW *f)
{
	(void)st;
	(void)flag;
	return f->level == 0 ? 0 : remove(path);
}

static void
clear(void)
{
	nftw(top, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	put("/etc/passwd", PASSWD);
}

static struct facts *
look(const struct state_source *s, const struct facts *was)
{
	struct facts *f = facts_new();
	struct why why = {""};

	env.was = was;
	if (s->read(&env, f, &why) != 0)
		fail_msg("%s: %s", s->name, why.text);
	if (was != NULL)
		assert_int_equal(facts_inherit(f, was), 0);
	assert_int_equal(facts_seal(f), 0);
	return f;
}

struct said {
	const struct state_source *source;
	char text[8192];
};

static void
say(void *arg, const struct fact_change *c)
{
	struct said *s = arg;
	static struct state_told t;
	size_t n = strlen(s->text);

	memset(&t, 0, sizeof(t));
	if (!s->source->tell(c, &t))
		return;
	if (signal_kind_find(t.kind) == NULL)
		fail_msg("no kind %s", t.kind);
	assert_true(t.object[0] != '\0');
	snprintf(s->text + n, sizeof(s->text) - n, "%s %s: %s\n", t.kind,
	    t.object, t.text);
}

/*
 * PATH is BEFORE, then AFTER: WANT (lines "kind object: part of the text",
 * NULL nothing) is said, and the same twice says nothing.
 */
static const struct {
	const struct state_source *source;
	const char *path, *before, *after, *want;
} rows[] = {
	{&state_accounts, "/etc/passwd", PASSWD,
	    PASSWD "eve:x:0:0::/home/eve:/bin/sh\n",
	    "account.uid0 eve: user eve was added with uid 0"},
	{&state_accounts, "/etc/passwd", PASSWD,
	    PASSWD "eve:x:1001:100::/home/eve:/bin/sh\n",
	    "account.created eve: user eve was added with uid 1001"},
	{&state_accounts, "/etc/passwd", PASSWD "eve:x:7:7::/:/bin/sh\n",
	    PASSWD, "account.removed eve: user eve (uid 7) was removed"},
	{&state_accounts, "/etc/passwd", PASSWD "eve:x:7:7::/:/bin/false\n",
	    PASSWD "eve:x:7:7::/:/bin/sh\n", "account.shell-granted eve: user "
	    "eve got the shell /bin/sh (was /bin/false)"},
	{&state_accounts, "/etc/passwd", PASSWD "eve:x:7:7::/a:/bin/sh\n",
	    PASSWD "eve:x:0:7::/a:/bin/sh\n",
	    "account.uid0 eve: user eve has uid 0 (was 7)"},
	{&state_accounts, "/etc/passwd", PASSWD "eve:x:7:7::/a:/bin/sh\n",
	    PASSWD "eve:x:7:7::/b:/bin/sh\n",
	    "account.home-moved eve: user eve has the home /b (was /a)"},
	{&state_accounts, "/etc/passwd", PASSWD, PASSWD "what is this\n",
	    "account.malformed /etc/passwd: a line of /etc/passwd is none: "
	    "what is this"},
	{&state_accounts, "/etc/passwd", PASSWD, PASSWD "e\tv:x:7:7::/:\n",
	    "account.created e\tv: user e\\x09v was added"},
	{&state_accounts, "/etc/passwd", PASSWD,
	    "ann:x:1000:1000::/home/ann:/bin/bash\n" PASSWD, NULL},
	{&state_accounts, "/etc/shadow", "ann:!$6$a$b:1:0:9:7:::\n",
	    "ann:$6$a$b:1:0:9:7:::\n", "account.unlocked ann: the password "
	    "of user ann was unlocked"},
	{&state_accounts, "/etc/shadow", "ann:$6$a$b:1:0:9:7:::\n",
	    "ann:$1$a$c:1:0:9:7:::\n", "account.password-set ann: user ann "
	    "has another password (md5; was set); its hash is md5"},
	{&state_accounts, "/etc/shadow", "ann:*:1:0:9:7:::\n",
	    "ann:$y$a$c:1:0:9:7:::\n", "account.password-set ann: user ann "
	    "has a password (yescrypt; was locked)"},
	{&state_accounts, "/etc/shadow", "ann:*:1:0:9:7:::\n",
	    "ann::1:0:9:7:::\n", "account.password-empty ann: user ann needs "
	    "no password any more (was locked)"},
	{&state_accounts, "/etc/shadow", "ann:$6$a$b:1:0:9:7:::\n",
	    "ann:!$6$a$b:1:0:9:7:::\n", "account.locked ann: the password of "
	    "user ann was locked (was set)"},
	{&state_accounts, "/etc/shadow", "ann:*:1:0:90:7:::\n",
	    "ann:*:1:0:99999:7:::\n", "account.ageing ann: user ann: days "
	    "until a password must be changed: 99999 (was 90)"},
	{&state_accounts, "/etc/shadow", "ann:*:1:0:90:7:::\n",
	    "ann:*:2:0:90:7:::\n", NULL},
	{&state_groups, "/etc/group", "sudo:x:27:\n", "sudo:x:27:ann\n",
	    "group.member-added ann: user ann is now in group sudo and can "
	    "run programs as root"},
	{&state_groups, "/etc/group", "a:x:7:ann,bob\n", "a:x:7:bob\n",
	    "group.member-removed ann: user ann is no longer in group a"},
	{&state_groups, "/etc/group", "a:x:7:ann,bob\n", "a:x:7:bob,ann\n",
	    NULL},
	{&state_groups, "/etc/group", "", "a:x:0:\n",
	    "group.created a: group a was added with gid 0"},
	{&state_groups, "/etc/group", "a:x:7:\n", "a:x:27:\n",
	    "group.changed a: group a has gid 27 (was 7)"},
	{&state_groups, "/etc/group", "a:x:7:\nx:x:1000:\n",
	    "a:x:7:\nsudo:x:1000:\nx:x:1001:\n",
	    "group.member-added ann: user ann is now in group sudo"},
	{&state_groups, "/etc/gshadow", "a:!::\n", "a:!:eve:\n",
	    "group.changed a: user eve may now change group a"},
	{&state_groups, "/etc/gshadow", "a:!::\n", "a:$6$x$y::\n",
	    "group.changed a: whoever knows its password may now join"},
	{&state_sudo, "/etc/sudoers.d/x", NULL,
	    "ann ALL=(ALL) NOPASSWD: ALL\n", "sudo.granted /etc/sudoers.d/x: "
	    "sudo: user ann may run any command as anybody without a "
	    "password; line: ann ALL=(ALL) NOPASSWD: ALL"},
	{&state_sudo, "/etc/sudoers.d/x.y", NULL, "ann ALL=ALL\n", NULL},
	{&state_sudo, "/etc/sudoers.d/x", "ann ALL=ALL\n", NULL,
	    "sudo.removed /etc/sudoers.d/x: sudo: no longer so: user ann"},
	{&state_sudo, "/etc/doas.conf", NULL, "permit nopass ann\n",
	    "sudo.granted /etc/doas.conf: doas: user ann may run any command "
	    "as root without a password"},
	{&state_pam, "/etc/pam.d/su", "auth required pam_unix.so\n",
	    "auth sufficient pam_permit.so\nauth required pam_unix.so\n",
	    "pam.weakened /etc/pam.d/su: module: auth \"sufficient "
	    "pam_permit.so\": it lets everybody in"},
	{&state_pam, "/etc/pam.d/su", "auth required pam_unix.so\n",
	    "auth required pam_unix.so\nauth optional pam_exec.so /x\n",
	    "pam.weakened /etc/pam.d/su: module: auth \"optional pam_exec.so "
	    "/x\": it runs a program at each login"},
	{&state_pam, "/etc/pam.d/su", "auth required pam_unix.so\n",
	    "auth required /opt/x.so\n", "it"},
	{&state_pam, "/etc/pam.d/su", "auth required pam_unix.so\n",
	    "auth\trequired\tpam_unix.so # same\n", NULL},
	{&state_pam, "/etc/pam.d/su", "auth a pam_unix.so\nauth b pam_env.so"
	    "\n", "auth b pam_env.so\nauth a pam_unix.so\n",
	    "pam.changed /etc/pam.d/su: the order of the auth modules"},
	{&state_polkit, "/etc/polkit-1/rules.d/1.rules", NULL,
	    "return polkit.Result.YES;", "polkit.granted "
	    "/etc/polkit-1/rules.d/1.rules: polkit: these rules are new; "
	    "answers yes without asking anybody in 1 places"},
	{&state_sshd, "/etc/ssh/sshd_config", "PermitRootLogin no\n",
	    "PermitRootLogin yes\nPermitRootLogin no\n", "sshd.weakened "
	    "/etc/ssh/sshd_config: sshd: permitrootlogin is yes (was no); "
	    "root may log in with a password"},
	{&state_sshd, "/etc/ssh/sshd_config", "PermitRootLogin no\n",
	    "PermitRootLogin no\nPermitRootLogin yes\n", NULL},
	{&state_sshd, "/etc/ssh/sshd_config", "", "PermitEmptyPasswords no\n",
	    NULL},
	{&state_sshd, "/etc/ssh/sshd_config", "Port 22\n",
	    "Port 22\nMatch User eve\nPasswordAuthentication yes\n",
	    "sshd.weakened /etc/ssh/sshd_config: sshd: passwordauthentication "
	    "for User eve is yes (was as for all)"},
	{&state_sshd, "/etc/ssh/d/a.conf", NULL, "PermitRootLogin yes\n",
	    "sshd.weakened /etc/ssh/d/a.conf: sshd: permitrootlogin is yes"},
	{&state_keys, "/home/ann/.ssh/authorized_keys", NULL, KEY,
	    "key.added /home/ann/.ssh/authorized_keys: key SHA256:"},
	{&state_keys, "/home/ann/.ssh/authorized_keys", KEY KEY2, KEY,
	    "key.removed /home/ann/.ssh/authorized_keys: key SHA256:"},
	{&state_keys, "/home/ann/.ssh/authorized_keys", KEY,
	    "command=\"/tmp/x\" " KEY, "key.changed "
	    "/home/ann/.ssh/authorized_keys: key SHA256:"},
	{&state_keys, "/home/ann/.rhosts", NULL, "+ +\n",
	    "key.trust-added /home/ann/.rhosts: let in from elsewhere without "
	    "a password: \"+ +\""},
	{&state_keys, "/home/ann/.rhosts", NULL, "ann:$6$hash:1:2\n",
	    "key.trust-added /home/ann/.rhosts: let in from elsewhere without "
	    "a password: \"not shown, "},
	{&state_places, "/etc/systemd/system/x.service", NULL,
	    "[Service]\nExecStart=/tmp/x\n", "persist.service "
	    "/etc/systemd/system/x.service: x.service appeared; it says: "
	    "ExecStart=/tmp/x; sha256 "},
	{&state_places, "/etc/systemd/system/x.timer", NULL, "[Timer]\n",
	    "persist.timer /etc/systemd/system/x.timer: x.timer appeared"},
	{&state_places, "/etc/systemd/system/a.target.wants/x.service", NULL,
	    "-> ../x.service", "persist.service "
	    "/etc/systemd/system/a.target.wants/x.service: x.service starts "
	    "with a.target, as ../x.service"},
	{&state_places, "/etc/systemd/system/x.service", NULL,
	    "-> /dev/null", "persist.service /etc/systemd/system/x.service: "
	    "x.service is masked"},
	{&state_places, "/etc/cron.d/x", "1 1 1 1 1 root /bin/a\n",
	    "1 1 1 1 1 root /bin/b\n", "persist.cron /etc/cron.d/x: x was "
	    "changed; now: 1 1 1 1 1 root /bin/b; was: 1 1 1 1 1 root "
	    "/bin/a; sha256 "},
	{&state_places, "/etc/cron.d/x", "1 1 1 1 1 root /bin/a\n", NULL,
	    "persist.removed /etc/cron.d/x: /etc/cron.d/x is gone; was: 1 1"},
	{&state_places, "/home/ann/.bashrc", NULL, "x\n",
	    "persist.profile /home/ann/.bashrc: .bashrc appeared; sha256 "},
	{&state_places, "/usr/lib/python3.11/sitecustomize.py", NULL, "x\n",
	    "persist.python /usr/lib/python3.11/sitecustomize.py: "},
	{&state_places, "/usr/lib/x86_64-linux-gnu/security/pam_x.so", NULL,
	    "ELF", "persist.pam-module "
	    "/usr/lib/x86_64-linux-gnu/security/pam_x.so: "},
	{&state_places, "/etc/cron.d/x", "same\n", "same\n", NULL},
	{&state_places, "/etc/pam.d/su", NULL, "auth a b\n", NULL},
	{&state_names, "/etc/hosts", "", "0.0.0.0 a.example.org\n",
	    "hosts.changed a.example.org: name a.example.org leads to "
	    "0.0.0.0 (was what the resolver says); it cannot be reached"},
	{&state_names, "/etc/resolv.conf", "nameserver 192.0.2.1\n",
	    "nameserver 192.0.2.2\n", "resolver.changed /etc/resolv.conf: "
	    "nameserver: 192.0.2.2 (was 192.0.2.1)"},
	{&state_names, "/etc/nsswitch.conf", "passwd: files\n",
	    "passwd: evil files\n", "nsswitch.changed /etc/nsswitch.conf: "
	    "passwd come from \"evil files\" (was \"files\")"},
	{&state_login, "/etc/login.defs", "ENCRYPT_METHOD SHA512\n",
	    "ENCRYPT_METHOD MD5\n", "login.changed /etc/login.defs: "
	    "ENCRYPT_METHOD is MD5 (was SHA512); new passwords are soon"},
	{&state_login, "/etc/securetty", "tty1\n", "tty1\npts/0\n",
	    "login.changed /etc/securetty: new line \"pts/0\""},
	{&state_logging, "/etc/systemd/journald.conf", "[Journal]\n",
	    "[Journal]\nStorage=none\n", "logging.weakened "
	    "/etc/systemd/journald.conf: new line \"Storage=none\"; the "
	    "journal keeps nothing"},
	{&state_logging, "/etc/audit/rules.d/a.rules", "-w /x -p wa\n", "",
	    "logging.weakened /etc/audit/rules.d/a.rules: no longer \"-w /x "
	    "-p wa\""},
	{&state_logging, "/etc/rsyslog.d/a.conf", NULL, "*.* /x\n",
	    "logging.changed /etc/rsyslog.d/a.conf: new line \"*.* /x\""},
	{&state_logs, "/var/log/auth.log", "one\n", "",
	    "logging.emptied /var/log/auth.log: /var/log/auth.log was "
	    "emptied; 0 bytes (were 4)"},
	{&state_logs, "/var/log/auth.log", "one\n", NULL,
	    "logging.emptied /var/log/auth.log: /var/log/auth.log was "
	    "removed"},
	{&state_logs, "/var/log/auth.log", "one\n", "one\ntwo\n", NULL},
	{&state_logs, "/home/ann/.bash_history", "one\n", "-> /dev/null",
	    "logging.history /home/ann/.bash_history: "
	    "/home/ann/.bash_history is thrown away"},
	{&state_logs, "/home/ann/.bash_history", "one\n", "o\n", NULL},
};

static void
check(size_t i, const char *said)
{
	if (rows[i].want == NULL ? said[0] != '\0' :
	    strstr(said, rows[i].want) == NULL)
		fail_msg("row %zu, %s %s: \"%s\"", i, rows[i].source->name,
		    rows[i].path, said);
}

static void
test_what_is_said(void **state)
{
	struct facts *was, *is, *again;
	struct said s;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		clear();
		if (rows[i].source == &state_sudo)
			put("/etc/sudoers", "@includedir /etc/sudoers.d\n");
		if (rows[i].source == &state_sshd)
			put("/etc/ssh/sshd_config", "Include d/*.conf\n");
		put(rows[i].path, rows[i].before);
		was = look(rows[i].source, NULL);
		put(rows[i].path, rows[i].after);
		is = look(rows[i].source, was);
		s.source = rows[i].source;
		s.text[0] = '\0';
		facts_diff(was, is, say, &s);
		check(i, s.text);
		again = look(rows[i].source, is);
		s.text[0] = '\0';
		facts_diff(is, again, say, &s);
		assert_string_equal(s.text, "");
		facts_free(&was);
		facts_free(&is);
		facts_free(&again);
	}
}

/* At the first look only what is bad in itself. */
static void
test_first_look(void **state)
{
	static const struct {
		const struct state_source *source;
		const char *path, *text, *want;
	} first[] = {
		{&state_accounts, "/etc/passwd", PASSWD, ""},
		{&state_accounts, "/etc/passwd", PASSWD "e:x:0:0::/:/bin/sh\n",
		    "account.uid0 e: user e is there with uid 0"},
		{&state_accounts, "/etc/shadow", "ann::1:0:9:7:::\n",
		    "account.password-empty ann: "},
		{&state_sudo, "/etc/sudoers", "ann ALL=NOPASSWD: ALL\n", ""},
		{&state_sudo, "/etc/sudoers", "ALL ALL=NOPASSWD: ALL\n",
		    "sudo.granted /etc/sudoers: "},
		{&state_pam, "/etc/pam.d/a", "auth required pam_permit.so\n",
		    ""},
		{&state_pam, "/etc/pam.d/a", "auth sufficient pam_permit.so"
		    "\n", "pam.weakened /etc/pam.d/a: "},
		{&state_sshd, "/etc/ssh/sshd_config", "PermitRootLogin yes\n",
		    ""},
		{&state_keys, "/root/.ssh/authorized_keys", KEY, ""},
		{&state_places, "/etc/ld.so.preload", "/x.so\n",
		    "persist.preload /etc/ld.so.preload: "},
		{&state_places, "/etc/init.d/x", "a > /tmp/x\n", ""},
		{&state_places, "/etc/systemd/system/x.service",
		    "ExecStart=/dev/shm/x\n", "persist.service "},
	};
	struct facts *is;
	struct said s;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(first) / sizeof(first[0]); i++) {
		clear();
		put(first[i].path, first[i].text);
		is = look(first[i].source, NULL);
		s.source = first[i].source;
		s.text[0] = '\0';
		facts_diff(NULL, is, say, &s);
		if (first[i].want[0] == '\0' ? s.text[0] != '\0' :
		    strstr(s.text, first[i].want) == NULL)
			fail_msg("%s: \"%s\"", first[i].text, s.text);
		facts_free(&is);
	}
}

/* The hash of a password is nowhere, neither kept nor told. */
static void
test_no_hash_is_kept(void **state)
{
	struct facts *f;
	struct buf b;

	(void)state;
	clear();
	put("/etc/passwd", "a:$6$abc$SECRETHASH:1:1::/:/bin/sh\n");
	put("/etc/shadow", "a:$6$abc$SECRETHASH:1:0:9:7:::\n"
	    "b:$6$abc$SECRETHASH\n");
	f = look(&state_accounts, NULL);
	buf_init(&b, 65536);
	assert_int_equal(facts_pack(f, &b), 0);
	assert_null(memmem(b.data, b.len, "SECRETHASH", 10));
	assert_null(memmem(b.data, b.len, "abc", 3));
	assert_non_null(memmem(b.data, b.len, "sha512", 6));
	buf_done(&b);
	facts_free(&f);
}

/* Rotation is no loss, whenever it is looked at. */
static void
test_rotation(void **state)
{
	char from[256], to[256];
	struct facts *one, *two, *three;
	struct said s = {&state_logs, ""};

	(void)state;
	clear();
	put("/var/log/auth.log", "lines\n");
	put("/var/log/auth.log.1", "old\n");
	one = look(&state_logs, NULL);
	snprintf(from, sizeof(from), "%s/var/log/auth.log", top);
	snprintf(to, sizeof(to), "%s/var/log/auth.log.1", top);
	assert_int_equal(rename(from, to), 0);
	two = look(&state_logs, one); /* in the middle of it */
	put("/var/log/auth.log", "");
	three = look(&state_logs, two);
	facts_diff(one, two, say, &s);
	facts_diff(two, three, say, &s);
	facts_diff(one, three, say, &s);
	assert_string_equal(s.text, "");
	facts_free(&one);
	facts_free(&two);
	facts_free(&three);
}

/* Every path of every source fits something that is no wildcard alone. */
static void
test_table(void **state)
{
	size_t i, k;

	(void)state;
	for (i = 0; state_sources[i] != NULL; i++) {
		assert_true(i < STATE_SOURCES_MAX);
		assert_true(state_sources[i]->every_s >= 1);
		for (k = 0; state_sources[i]->paths != NULL &&
		    state_sources[i]->paths[k] != NULL; k++)
			assert_true(strlen(state_sources[i]->paths[k]) > 4);
	}
}

static int
make_top(void **state)
{
	(void)state;
	assert_non_null(mkdtemp(top));
	return 0;
}

static int
remove_top(void **state)
{
	(void)state;
	nftw(top, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	return rmdir(top);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_what_is_said),
	    cmocka_unit_test(test_first_look),
	    cmocka_unit_test(test_no_hash_is_kept),
	    cmocka_unit_test(test_rotation),
	    cmocka_unit_test(test_table),
	};

	return cmocka_run_group_tests(tests, make_top, remove_top);
}
