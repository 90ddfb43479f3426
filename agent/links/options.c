/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Options.  Runs in the agent's children before they drop their rights;
 * whoever starts them is believed.
 */
#include "agent/links/options.h"

#include <assert.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

enum { RIGHTS = 256, VERSION, HELP }; /* less: rows of the child */

void
options_wrong(const struct options_of *of)
{
	fputs(of->usage, stderr);
	exit(2);
}

/* Those that each child has; they end it. */
static void
act(const struct options_of *of, int c)
{
	struct rights r = {.keep = of->keep};

	if (c == RIGHTS) {
		if (of->user != NULL)
			r.user = *of->user;
		rights_print(&r, of->calls);
	} else if (c == VERSION) {
		printf("%s " CORDON_VERSION "\n", of->name);
	} else if (c == HELP) {
		fputs(of->usage, stdout);
	} else {
		options_wrong(of);
	}
	exit(0);
}

void
options_parse(int argc, char **argv, const struct options_of *of,
    const struct option_row *own)
{
	struct option longs[OPTIONS_OWN_MAX + 4] = {
		{"rights", no_argument, NULL, RIGHTS},
		{"version", no_argument, NULL, VERSION},
		{"help", no_argument, NULL, HELP},
	};
	const struct option_row *r;
	int c, n = 0;

	for (r = own; r->name != NULL; r++, n++) {
		assert(n < OPTIONS_OWN_MAX);
		longs[3 + n] = (struct option){r->name, r->text != NULL ?
		    required_argument : no_argument, NULL, n};
	}
	while ((c = getopt_long(argc, argv, "", longs, NULL)) != -1) {
		if (c >= n)
			act(of, c);
		r = &own[c];
		if (r->text != NULL)
			*r->text = optarg;
		else
			*r->choice = r->is;
	}
	if (optind < argc)
		options_wrong(of);
}
