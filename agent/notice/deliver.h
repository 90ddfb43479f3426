/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Telling one person, as that person: a process forked for each user gives
 * up all rights and becomes the user before it touches what is theirs.
 */
#ifndef CORDON_NOTICE_DELIVER_H
#define CORDON_NOTICE_DELIVER_H

#include <stdbool.h>

#include "agent/notice/people.h"

#define DELIVER_SECONDS 5 /* for one user; then it is killed (SIGALRM) */

struct message {
	const char *title;    /* one line */
	const char *text;     /* lines */
	const char *terminal; /* the same as a terminal takes it */
	bool urgent; /* stays on the desktop until it is clicked away */
};

/*
 * Tell everybody in P.  Returns how many places took it; the others are
 * named in the log.
 */
unsigned int deliver(const struct people *p, const struct message *m);

#endif
