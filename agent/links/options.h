/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The command line of a child: options of its own, and --rights, --version
 * and --help, which each of them has.
 */
#ifndef CORDON_AGENT_LINKS_OPTIONS_H
#define CORDON_AGENT_LINKS_OPTIONS_H

#include "common/proc/rights.h"

#define OPTIONS_OWN_MAX 8

/* A table ends with name == NULL. */
struct option_row {
	const char *name;  /* without dashes */
	const char **text; /* gets the argument; NULL: it has none, */
	int *choice, is;   /* and *choice becomes this */
};

struct options_of {
	const char *name;  /* "agent-guard" */
	const char *usage; /* all lines of it */
	const char *const *user; /* whom --rights shows; NULL: who we are */
	const struct right *keep;
	const struct syscall_rule *calls;
};

/*
 * Fill what the OPTIONS_OWN_MAX rows at the most of OWN point to; arguments
 * point into ARGV.  Does not return after --rights, --version or --help
 * (exit 0), nor after anything else that is not in the table (exit 2).
 */
void options_parse(int argc, char **argv, const struct options_of *of,
    const struct option_row *own);
/* Usage to standard error, and exit 2. */
_Noreturn void options_wrong(const struct options_of *of);

#endif
