/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A folder for the tests of one program; gone with all that is in it. */
#ifndef TESTS_UNIT_FOLDER_H
#define TESTS_UNIT_FOLDER_H

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

static char dir[] = "/tmp/cordon-test-XXXXXX";

/* For cmocka_run_group_tests. */
static int
set_up(void **state)
{
	(void)state;
	umask(022);
	return mkdtemp(dir) != NULL ? 0 : -1;
}

static int
tear_down(void **state)
{
	char command[64];

	(void)state;
	snprintf(command, sizeof(command), "rm -rf %s", dir);
	return system(command);
}

#endif
