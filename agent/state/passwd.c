/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Parsers of the account files.  Run in the sensors process; the files are
 * what an intruder edits first, so every line may be malformed.
 */
#include "agent/state/passwd.h"

#include <string.h>

#include "common/base/file.h"
#include "common/base/log.h"
#include "common/base/text.h"

const char *
password_str(enum password p)
{
	switch (p) {
	case PASSWORD_EMPTY:
		return "empty";
	case PASSWORD_LOCKED:
		return "locked";
	case PASSWORD_SET:
		return "set";
	case PASSWORD_UNKNOWN:
		break;
	}
	return "unknown";
}

enum password
password_parse(const char *field)
{
	if (field[0] == '\0')
		return PASSWORD_EMPTY;
	return field[0] == '!' || field[0] == '*' ? PASSWORD_LOCKED :
						    PASSWORD_SET;
}

const char *
password_hash(const char *field)
{
	static const struct {
		const char *begin, *name;
	} rows[] = {
		{"$y$", "yescrypt"}, {"$gy$", "gost-yescrypt"},
		{"$7$", "scrypt"}, {"$6$", "sha512"}, {"$5$", "sha256"},
		{"$2", "bcrypt"}, {"$1$", "md5"}, {"$sha1", "sha1"},
		{"$3$", "nt"},
	};
	size_t i;

	field += strspn(field, "!");
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (strncmp(field, rows[i].begin, strlen(rows[i].begin)) == 0)
			return rows[i].name;
	return strlen(field) == 13 ? "des" : "unknown";
}

/* Cut LINE at its colons into exactly N fields. */
static int
split(char *line, char **field, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++) {
		field[i] = line;
		line = line == NULL ? NULL : strchr(line, ':');
		if (line == NULL)
			return i == n - 1 ? 0 : ERR_SYNTAX;
		*line++ = '\0';
	}
	return ERR_SYNTAX;
}

static int
parse_id(const char *text, uint32_t *id)
{
	int64_t v;

	if (text_number(text, 0, UINT32_MAX, &v) != 0)
		return ERR_SYNTAX;
	*id = (uint32_t)v;
	return 0;
}

int
passwd_parse(char *line, struct passwd_line *out)
{
	struct passwd_line p;
	char *f[7];

	if (split(line, f, 7) != 0 || f[0][0] == '\0' ||
	    parse_id(f[2], &p.uid) != 0 || parse_id(f[3], &p.gid) != 0)
		return ERR_SYNTAX;
	p.name = f[0];
	p.password = f[1];
	p.gecos = f[4];
	p.home = f[5];
	p.shell = f[6];
	*out = p;
	return 0;
}

int
shadow_parse(char *line, struct shadow_line *out)
{
	char *f[9];

	if (split(line, f, 9) != 0 || f[0][0] == '\0')
		return ERR_SYNTAX;
	*out = (struct shadow_line){f[0], f[1], f[2], f[3], f[4], f[5], f[6],
	    f[7]};
	return 0;
}

int
group_parse(char *line, struct group_line *out)
{
	uint32_t gid;
	char *f[4];

	if (split(line, f, 4) != 0 || f[0][0] == '\0' ||
	    parse_id(f[2], &gid) != 0)
		return ERR_SYNTAX;
	out->name = f[0];
	out->gid = gid;
	out->members = f[3];
	return 0;
}

bool
shell_is_login(const char *shell)
{
	static const char *const none[] = {"nologin", "false", "true", "sync",
	    "halt", "shutdown", "reboot", "git-shell", NULL};
	const char *name = strrchr(shell, '/');
	size_t i;

	if (shell[0] == '\0')
		return true; /* passwd(5): empty means /bin/sh */
	name = name == NULL ? shell : name + 1;
	for (i = 0; none[i] != NULL; i++)
		if (strcmp(name, none[i]) == 0)
			return false;
	return true;
}

bool
passwd_name(const char *path, uint32_t uid, char *out, size_t size)
{
	struct passwd_line p;
	struct buf text;
	char *line, *rest;
	bool found = false;

	buf_init(&text, PASSWD_FILE_MAX);
	if (file_read(path, &text, NULL) == 0 && buf_str(&text) != NULL) {
		rest = (char *)text.data;
		while (!found && (line = strsep(&rest, "\n")) != NULL)
			if (passwd_parse(line, &p) == 0 && p.uid == uid) {
				log_quote(out, size, p.name, strlen(p.name));
				found = true;
			}
	}
	buf_done(&text);
	return found;
}
