/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The local account files, read directly: names must not be looked up
 * through name services while a host is cut off.  passwd(5), shadow(5),
 * group(5).
 */
#ifndef CORDON_STATE_PASSWD_H
#define CORDON_STATE_PASSWD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"

#define PASSWD_NAME_MAX 64
#define PASSWD_FILE_MAX (4 * 1024 * 1024)

/* What a password field lets one do. */
enum password {
	PASSWORD_UNKNOWN, /* cannot be read */
	PASSWORD_EMPTY,	  /* no password asked */
	PASSWORD_LOCKED,  /* "!", "*" in front: no password fits */
	PASSWORD_SET,
};
const char *password_str(enum password p);
enum password password_parse(const char *field);
/* "yescrypt", "sha512", ...: crypt(5); never more of it.  "unknown". */
const char *password_hash(const char *field);

/* One line, split in place; pointers into the line. */
struct passwd_line {
	char *name, *password, *gecos, *home, *shell;
	uint32_t uid, gid;
};
struct shadow_line {
	char *name, *password;
	char *changed, *min, *max, *warn, *inactive, *expire; /* days */
};
struct group_line {
	char *name, *members; /* comma separated, as it stands */
	uint32_t gid;
};

/*
 * LINE (without newline) is changed.  ERR_SYNTAX: wrong number of fields,
 * empty name, or an id that is no number below 2^32.
 */
int passwd_parse(char *line, struct passwd_line *out);
int shadow_parse(char *line, struct shadow_line *out);
int group_parse(char *line, struct group_line *out);

/* Shell in which one can log in (not nologin, false, sync, ...)? */
bool shell_is_login(const char *shell);

/* Name of UID in the file at PATH, quoted, into OUT. */
bool passwd_name(const char *path, uint32_t uid, char *out, size_t size);

#endif
