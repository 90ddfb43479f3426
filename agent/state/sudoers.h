/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Lines of sudoers(5) and doas.conf(5), and what they let people do, in
 * words.  Pure: texts in, texts out; unit-tested and fuzzed.
 */
#ifndef CORDON_STATE_SUDOERS_H
#define CORDON_STATE_SUDOERS_H

#include <stdbool.h>
#include <stddef.h>

#define SUDO_PART_MAX 512

enum sudo_line {
	SUDO_NOTHING, /* empty, comment */
	SUDO_RULE,
	SUDO_DEFAULTS,
	SUDO_ALIAS,
	SUDO_INCLUDE,	  /* part: the file */
	SUDO_INCLUDE_DIR, /* part: the folder */
	SUDO_UNKNOWN,	  /* sudo would refuse it */
};

/* A rule, or what stands behind the first word of another line. */
struct sudo_rule {
	enum sudo_line kind;
	char who[SUDO_PART_MAX], hosts[SUDO_PART_MAX];
	char runas[SUDO_PART_MAX];    /* "": root */
	char commands[SUDO_PART_MAX]; /* tags taken off; DEFAULTS: options */
	bool nopasswd, setenv;
	bool all; /* any command */
};

/* LINE is joined and without its newline; not changed. */
void sudoers_parse(const char *line, struct sudo_rule *out);
/* "user mallory may run any command as root without a password". */
void sudoers_words(const struct sudo_rule *r, char *out, size_t size);
/*
 * Why it is worse than usual: no password is asked, the log is off ...
 * NULL: it is not.
 */
const char *sudoers_weak(const struct sudo_rule *r);

/* The same for a line of doas.conf; KIND is RULE, NOTHING or UNKNOWN. */
void doas_parse(const char *line, struct sudo_rule *out);

#endif
