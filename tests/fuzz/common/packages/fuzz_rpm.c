/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A header as RPM's database or a package file may have it. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "common/packages/rpm.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void
inside(struct slice s, const uint8_t *data, size_t len)
{
	const uint8_t *at = (const uint8_t *)s.at;

	if (s.len > 0 && (at < data || at + s.len > data + len))
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct rpm_package p;
	struct rpm_header h;
	struct rpm_files f;
	struct rpm_file one;
	size_t used;

	if (rpm_header_open(data, len, &h, &used) != 0)
		return 0;
	if (used > len)
		abort();
	if (rpm_package(&h, &p) == 0)
		inside(p.name, data, len);
	if (rpm_files_open(&h, &f) != 0)
		return 0;
	while (rpm_files_next(&f, &one)) {
		inside(one.dir, data, len);
		inside(one.base, data, len);
		inside(one.user, data, len);
		inside(one.group, data, len);
		inside(one.target, data, len);
	}
	rpm_files_done(&f);
	return 0;
}
