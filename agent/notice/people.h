/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Who is at the machine, and where: terminals from utmp(5) and from
 * logind's sessions, desktop sessions from RUN/user/UID/bus.
 */
#ifndef CORDON_NOTICE_PEOPLE_H
#define CORDON_NOTICE_PEOPLE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "common/base/err.h"

#define PLACES_MAX 256
#define PLACE_MAX 64 /* bytes of a path, '\0' included */

/* One place where a person can be told. */
struct place {
	uid_t uid; /* whose it is, as the file system says */
	bool bus;  /* a session bus; else a terminal */
	char path[PLACE_MAX];
};

struct people {
	struct place place[PLACES_MAX];
	size_t n;
};

/* RUN is /run, DEV is /dev.  What cannot be read is left out. */
void people_find(const char *run, const char *dev, struct people *p);

/* "pts/3", "tty1", "ttyS0": a name of a terminal and no path elsewhere? */
bool people_terminal(const char *line, size_t len);

#endif
