/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A spool in a folder of its own, which each test finds empty. */
#ifndef TESTS_UNIT_AGENT_NETWORK_SPOOL_WORLD_H
#define TESTS_UNIT_AGENT_NETWORK_SPOOL_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/network/spool.h"
#include "common/base/log.h"

#define LOW CORDON__SEVERITY__SEVERITY_LOW
#define HIGH CORDON__SEVERITY__SEVERITY_HIGH
#define SMALL SPOOL_MAX_LEAST

static char dir[64], sub[96];
static struct why why;

static int
setup(void **state)
{
	(void)state;
	log_init("test", LOG_LEVEL_ERROR);
	strcpy(dir, "/tmp/cordon-spool-XXXXXX");
	if (mkdtemp(dir) == NULL)
		return -1;
	snprintf(sub, sizeof(sub), "%s/spool", dir);
	memset(&why, 0, sizeof(why));
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	(void)spool_wipe(sub, NULL);
	rmdir(sub);
	return rmdir(dir);
}

static struct spool *
reopen(uint64_t max)
{
	struct spool *s = NULL;

	if (spool_open(sub, max, &s, &why) != 0)
		fail_msg("%s", why.text);
	return s;
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

#endif
