/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * sudoers(5) and doas.conf(5) in words.  An intruder writes these lines:
 * what is not understood is said to be so, never left out.
 */
#include "agent/state/sudoers.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "agent/state/look.h"

static void
put(char *out, const char *from, size_t len)
{
	snprintf(out, SUDO_PART_MAX, "%.*s",
	    len < SUDO_PART_MAX ? (int)len : SUDO_PART_MAX - 1, from);
	memmove(out, look_trim(out), strlen(look_trim(out)) + 1);
}

/* Does LINE begin with WORD and then space (or END)?  What follows. */
static const char *
after(const char *line, const char *word, const char *ends)
{
	size_t n = strlen(word);

	if (strncmp(line, word, n) != 0 ||
	    (line[n] != '\0' && strchr(ends, line[n]) == NULL))
		return NULL;
	return line + n;
}

/* The sign C outside of quotes and not behind a backslash; NULL. */
static const char *
find_bare(const char *text, char c)
{
	bool quoted = false;

	for (; *text != '\0'; text++) {
		if (*text == '\\' && text[1] != '\0')
			text++;
		else if (*text == '"')
			quoted = !quoted;
		else if (*text == c && !quoted)
			return text;
	}
	return NULL;
}

/* "a, b h1, h2": where the hosts begin, from the right; NULL. */
static const char *
hosts_at(const char *from, const char *end)
{
	const char *at = end;

	while (at > from && isspace((unsigned char)at[-1]))
		at--;
	while (at > from) {
		if (!isspace((unsigned char)at[-1]) ||
		    (at - 2 >= from && at[-2] == '\\')) {
			at--;
			continue;
		}
		end = at;
		while (at > from && isspace((unsigned char)at[-1]))
			at--;
		if (at > from && at[-1] != ',' && *end != ',')
			return end;
	}
	return NULL;
}

static const char *
skip_space(const char *text)
{
	return text + strspn(text, " \t");
}

/* Tags and options in front of the commands. */
static const char *
take_tags(const char *at, struct sudo_rule *out)
{
	size_t n;

	for (;;) {
		at = skip_space(at);
		n = strspn(at, "ABCDEFGHIJKLMNOPQRSTUVWXYZ_");
		if (n > 0 && skip_space(at + n)[0] == ':') {
			out->nopasswd |= n == 8 &&
			    strncmp(at, "NOPASSWD", 8) == 0;
			out->nopasswd &= !(n == 6 &&
			    strncmp(at, "PASSWD", 6) == 0);
			out->setenv |= n == 6 && strncmp(at, "SETENV", 6) == 0;
			at = skip_space(at + n) + 1;
		} else if (n > 0 && at[n] == '=') {
			at += n + strcspn(at + n, " \t"); /* ROLE=x */
		} else {
			return at;
		}
	}
}

static bool
says_all(const char *commands)
{
	const char *at = commands;

	while ((at = strstr(at, "ALL")) != NULL) {
		if ((at == commands || strchr(" ,:\t", at[-1]) != NULL) &&
		    (at[3] == '\0' || strchr(" ,:\t", at[3]) != NULL))
			return true;
		at += 3;
	}
	return false;
}

static void
parse_rule(const char *line, struct sudo_rule *out)
{
	const char *equal = find_bare(line, '='), *hosts, *at, *end;

	hosts = equal == NULL ? NULL : hosts_at(line, equal);
	if (hosts == NULL)
		return;
	put(out->who, line, (size_t)(hosts - line));
	put(out->hosts, hosts, (size_t)(equal - hosts));
	at = skip_space(equal + 1);
	if (*at == '(') {
		end = strchr(at, ')');
		if (end == NULL)
			return;
		put(out->runas, at + 1, (size_t)(end - at - 1));
		at = end + 1;
	}
	at = take_tags(at, out);
	put(out->commands, at, strlen(at));
	/* Further parts ("cmd, NOPASSWD: cmd2 : host2 = ...") */
	out->nopasswd |= strstr(at, "NOPASSWD") != NULL;
	out->all = says_all(out->commands);
	if (out->who[0] != '\0' && out->commands[0] != '\0')
		out->kind = SUDO_RULE;
}

static bool
parse_include(const char *line, struct sudo_rule *out)
{
	static const struct {
		const char *word;
		enum sudo_line kind;
	} rows[] = {
		{"includedir", SUDO_INCLUDE_DIR}, {"include", SUDO_INCLUDE},
	};
	const char *rest = NULL;
	size_t i;

	for (i = 0; i < 2 && rest == NULL; i++)
		rest = after(line + 1, rows[i].word, " \t");
	if (rest == NULL)
		return false;
	put(out->commands, rest, strlen(rest));
	if (out->commands[0] == '"' && strlen(out->commands) > 2)
		put(out->commands, rest + strspn(rest, " \t\""),
		    strcspn(rest + strspn(rest, " \t\""), "\""));
	out->kind = rows[i - 1].kind;
	return true;
}

void
sudoers_parse(const char *line, struct sudo_rule *out)
{
	static const char *const aliases[] = {"User_Alias", "Runas_Alias",
	    "Host_Alias", "Cmnd_Alias", "Cmd_Alias", NULL};
	const char *rest;
	size_t i;

	memset(out, 0, sizeof(*out));
	line = skip_space(line);
	if (*line == '\0' || *line == '\r')
		return;
	if ((*line == '#' || *line == '@') && parse_include(line, out))
		return;
	/* "#1000" is a uid, not a comment */
	if (*line == '#' && !isdigit((unsigned char)line[1]))
		return;
	out->kind = SUDO_UNKNOWN;
	rest = after(line, "Defaults", " \t:@!>");
	if (rest != NULL) {
		out->kind = SUDO_DEFAULTS;
		put(out->commands, rest, strlen(rest));
		return;
	}
	for (i = 0; aliases[i] != NULL; i++)
		if ((rest = after(line, aliases[i], " \t")) != NULL) {
			out->kind = SUDO_ALIAS;
			put(out->who, aliases[i], strlen(aliases[i]));
			put(out->commands, rest, strlen(rest));
			return;
		}
	parse_rule(line, out);
}

static void
who_words(const char *who, char *out, size_t size)
{
	char q[SUDO_PART_MAX];

	look_quote(q, sizeof(q), who);
	if (strcmp(who, "ALL") == 0)
		snprintf(out, size, "everybody");
	else if (who[0] == '%')
		snprintf(out, size, "group %s", q + 1);
	else if (who[0] == '#')
		snprintf(out, size, "uid %s", q + 1);
	else
		snprintf(out, size, "user %s", q);
}

static void
rule_words(const struct sudo_rule *r, char *out, size_t size)
{
	char who[SUDO_PART_MAX + 16], what[SUDO_PART_MAX], as[SUDO_PART_MAX];
	char at[SUDO_PART_MAX];

	who_words(r->who, who, sizeof(who));
	look_quote(what, sizeof(what), r->commands);
	look_quote(as, sizeof(as), r->runas);
	look_quote(at, sizeof(at), r->hosts);
	if (strncmp(as, "ALL", 3) == 0)
		snprintf(as, sizeof(as), "anybody");
	snprintf(out, size, "%.200s may run %.300s as %.100s%s%.100s%s%s",
	    who, r->all ? "any command" : what,
	    as[0] != '\0' ? as : "root",
	    strcmp(at, "ALL") == 0 || at[0] == '\0' ? "" : " on ",
	    strcmp(at, "ALL") == 0 ? "" : at,
	    r->nopasswd ? " without a password" : "",
	    r->setenv ? ", environment kept" : "");
}

void
sudoers_words(const struct sudo_rule *r, char *out, size_t size)
{
	char q[SUDO_PART_MAX];

	look_quote(q, sizeof(q), r->commands);
	switch (r->kind) {
	case SUDO_RULE:
		rule_words(r, out, size);
		return;
	case SUDO_DEFAULTS:
		snprintf(out, size, "option \"%.400s\"", q);
		return;
	case SUDO_ALIAS:
		snprintf(out, size, "%.20s \"%.400s\"", r->who, q);
		return;
	case SUDO_INCLUDE:
	case SUDO_INCLUDE_DIR:
		snprintf(out, size, "rules are taken from %.400s", q);
		return;
	case SUDO_UNKNOWN:
	case SUDO_NOTHING:
		break;
	}
	snprintf(out, size, "a line that is not understood");
}

const char *
sudoers_weak(const struct sudo_rule *r)
{
	static const struct {
		const char *option, *why;
	} rows[] = {
		{"!authenticate", "no password is asked any more"},
		{"timestamp_timeout=-1", "a password given once is good "
		    "for ever"},
		{"timestamp_timeout = -1", "a password given once is good "
		    "for ever"},
		{"timestamp_type=global", "a password given on one terminal "
		    "is good on all"},
		{"!tty_tickets", "a password given on one terminal is good "
		    "on all"},
		{"!syslog", "sudo no longer writes to the log"},
		{"!logfile", "sudo no longer writes to the log"},
		{"!log_allowed", "sudo no longer writes to the log"},
		{"!env_reset", "the caller's environment is kept"},
		{"LD_PRELOAD", "the caller's libraries are loaded"},
		{"!requiretty", "no terminal is needed"},
		{"!use_pty", "a program may go on at the caller's terminal"},
		{"runaspw", "another password than the caller's is asked"},
	};
	size_t i;

	if (r->kind == SUDO_RULE)
		return r->nopasswd && (r->all ||
		    strcmp(r->who, "ALL") == 0) ?
		    "no password is asked" : NULL;
	if (r->kind == SUDO_UNKNOWN)
		return "sudo may refuse to work";
	for (i = 0; r->kind == SUDO_DEFAULTS &&
	    i < sizeof(rows) / sizeof(rows[0]); i++)
		if (strstr(r->commands, rows[i].option) != NULL)
			return rows[i].why;
	return NULL;
}

/* -- doas ---------------------------- */

/* The next word of *AT into OUT (SUDO_PART_MAX); false: none. */
static bool
word(const char **at, char *out)
{
	size_t n;

	*at = skip_space(*at);
	n = strcspn(*at, " \t\r");
	put(out, *at, n);
	*at += n;
	return n > 0;
}

/* permit|deny [options] identity [as target] [cmd command [args ...]] */
void
doas_parse(const char *line, struct sudo_rule *out)
{
	char w[SUDO_PART_MAX];
	const char *at = line;

	memset(out, 0, sizeof(*out));
	if (!word(&at, w) || w[0] == '#')
		return;
	out->kind = SUDO_UNKNOWN;
	if (strcmp(w, "permit") != 0) {
		if (strcmp(w, "deny") == 0)
			out->kind = SUDO_NOTHING; /* takes away only */
		return;
	}
	while (word(&at, w)) {
		out->nopasswd |= strcmp(w, "nopass") == 0;
		out->setenv |= strcmp(w, "keepenv") == 0;
		if (strncmp(w, "setenv", 6) == 0)
			at += strcspn(at, "}") + (strchr(at, '}') != NULL);
		else if (strcmp(w, "nopass") != 0 &&
		    strcmp(w, "persist") != 0 && strcmp(w, "keepenv") != 0 &&
		    strcmp(w, "nolog") != 0)
			break;
	}
	put(out->who, w, strlen(w));
	if (out->who[0] == ':')
		out->who[0] = '%'; /* a group */
	while (word(&at, w)) {
		if (strcmp(w, "as") == 0) {
			word(&at, out->runas);
		} else if (strcmp(w, "cmd") == 0) {
			put(out->commands, at, strlen(at));
			break;
		}
	}
	out->all = out->commands[0] == '\0';
	if (out->who[0] != '\0')
		out->kind = SUDO_RULE;
}
