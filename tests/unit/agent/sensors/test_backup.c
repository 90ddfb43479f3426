/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Backup sets: which faults there are, and which one is told. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "agent/sensors/backup.h"

#define GB (UINT64_C(1) << 30)

static void
test_judge(void **state)
{
	static const struct {
		struct backup_state s;
		enum backup_fault want;
	} rows[] = {
	    {{.any = false}, BACKUP_OLD},
	    {{true, 3600, true, GB, GB, 0}, BACKUP_GOOD},
	    {{true, 3600, true, GB, 0, 0}, BACKUP_GOOD}, /* the first one */
	    {{true, 86400, true, GB, GB, 0}, BACKUP_GOOD},
	    {{true, 86401, true, GB, GB, 0}, BACKUP_OLD},
	    {{true, 3600, true, GB / 100 * 71, GB, 0}, BACKUP_GOOD},
	    {{true, 3600, true, GB / 100 * 69, GB, 0}, BACKUP_SMALL},
	    {{true, 3600, true, 0, GB, 0}, BACKUP_SMALL},
	    {{true, 3600, true, 4 * GB, GB, 0}, BACKUP_GOOD},
	    {{true, 3600, true, GB, GB, 1}, BACKUP_INCOMPLETE},
	    {{true, 3600, true, 0, GB, 1}, BACKUP_INCOMPLETE},
	    /* it is still being made */
	    {{true, 5, false, 0, GB, 9}, BACKUP_GOOD},
	    /* too old is said first */
	    {{true, 90000, true, 0, GB, 9}, BACKUP_OLD},
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (backup_judge(&rows[i].s, 86400, 30) != rows[i].want)
			fail_msg("row %zu", i);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_judge),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
