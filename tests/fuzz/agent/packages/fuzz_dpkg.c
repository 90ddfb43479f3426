/* SPDX-License-Identifier: GPL-3.0-or-later */
/* All of dpkg's text files, and our lists; the first byte says which. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "agent/packages/dpkg.h"
#include "common/packages/sums.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

/* Every slice lies inside the text. */
static void
inside(struct slice s, const char *text, size_t len)
{
	if (s.len > 0 && (s.at < text || s.at + s.len > text + len))
		abort();
}

static void
read_status(struct slice text)
{
	const struct slice all = text;
	struct dpkg_package p;
	struct dpkg_sum s;

	while (dpkg_package_next(&text, &p)) {
		inside(p.name, all.at, all.len);
		inside(p.version, all.at, all.len);
		inside(p.conffiles, all.at, all.len);
		while (dpkg_conffile_next(&p.conffiles, &s))
			inside(s.path, all.at, all.len);
	}
}

static void
read_ours(struct slice text)
{
	const struct slice all = text;
	struct sums_row row;
	struct buf b;

	buf_init(&b, 1 << 20);
	while (sums_next(&text, &row)) {
		inside(row.path, all.at, all.len);
		if (memchr(row.path.at, '\0', row.path.len) == NULL &&
		    row.path.len < DPKG_PATH_MAX && sums_add(&b, &row) != 0)
			abort(); /* what was read can be written */
	}
	buf_done(&b);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct slice text, path;
	struct dpkg_diversion d;
	struct dpkg_override o;
	struct dpkg_sum s;
	char *copy;

	if (len < 1 || len > 65536)
		return 0;
	copy = malloc(len);
	memcpy(copy, data, len);
	text = (struct slice){copy + 1, len - 1};
	switch (copy[0] % 6) {
	case 0:
		read_status(text);
		break;
	case 1:
		while (dpkg_sum_next(&text, &s))
			inside(s.path, copy, len);
		break;
	case 2:
		while (dpkg_path_next(&text, &path))
			inside(path, copy, len);
		break;
	case 3:
		while (dpkg_diversion_next(&text, &d))
			inside(d.package, copy, len);
		break;
	case 4:
		while (dpkg_override_next(&text, &o))
			if (o.mode > 07777)
				abort();
		break;
	default:
		read_ours(text);
	}
	free(copy);
	return 0;
}
