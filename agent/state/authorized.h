/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One line of an authorized_keys file, sshd(8).  Pure.
 */
#ifndef CORDON_STATE_AUTHORIZED_H
#define CORDON_STATE_AUTHORIZED_H

#include "common/base/err.h"

#define KEY_PRINT_MAX 64 /* "SHA256:" and 43 digits */

struct authorized_key {
	const char *options; /* "": none */
	const char *type;    /* "ssh-ed25519" */
	const char *comment; /* "": none */
	char print[KEY_PRINT_MAX]; /* as ssh-keygen -l tells it */
};

/*
 * LINE is changed; texts point into it.  ERR_NOENT: empty or a comment;
 * ERR_SYNTAX: no key that sshd would take.
 */
int authorized_parse(char *line, struct authorized_key *out);

#endif
