/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * RPM packages: lead, signature header, header (rpm's docs/manual/format).
 * The header has the digest of each file; what is packed behind it is not
 * read.  Runs in the import command of the collector; the file is foreign.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/packages/rpm.h"
#include "server/lists/deb.h"

#define LEAD 96
#define MAGIC 8 /* before each header */
#define PATH_MAX_LEN 4096

static const uint8_t lead_magic[] = {0xed, 0xab, 0xee, 0xdb};
static const uint8_t header_magic[] = {0x8e, 0xad, 0xe8, 0x01};

/* The header at AT, whose end is then *END. */
static int
header_at(const struct buf *b, size_t at, struct rpm_header *h, size_t *end)
{
	size_t used;

	if (at > b->len || b->len - at < MAGIC ||
	    memcmp(b->data + at, header_magic, sizeof(header_magic)) != 0 ||
	    rpm_header_open(b->data + at + MAGIC, b->len - at - MAGIC, h,
	    &used) != 0)
		return ERR_SYNTAX;
	*end = at + MAGIC + used;
	return 0;
}

static int
add(struct buf *out, const struct rpm_file *f)
{
	char path[PATH_MAX_LEN];
	struct sums_row row = {.mode = f->mode & 07777};
	int n;

	if ((f->flags & RPM_FILE_GHOST) != 0 || !slice_is(f->user, "root") ||
	    !slice_is(f->group, "root"))
		return 0;
	n = snprintf(path, sizeof(path), "%.*s%.*s", (int)f->dir.len,
	    f->dir.at, (int)f->base.len, f->base.at);
	if (n < 2 || (size_t)n >= sizeof(path))
		return 0;
	row.path = (struct slice){path + 1, (size_t)n - 1};
	if (S_ISDIR(f->mode)) {
		row.type = 'd';
	} else if (S_ISLNK(f->mode)) {
		row.type = 'l';
		digest_of(f->target.at, f->target.len, row.sha256);
	} else if (S_ISREG(f->mode) && f->digest_len == DIGEST_LEN) {
		row.type = 'f';
		memcpy(row.sha256, f->digest, DIGEST_LEN);
	} else {
		return 0;
	}
	n = sums_add(out, &row);
	return n == ERR_RANGE ? 0 : n;
}

static int
make(const struct rpm_header *h, struct buf *out, char name[SUMS_NAME_MAX])
{
	struct rpm_package p;
	struct rpm_files f;
	struct rpm_file one;
	int r;

	r = rpm_package(h, &p);
	if (r == 0)
		r = sums_name(name, p.name, p.version, p.arch);
	if (r == 0)
		r = sums_begin(out, p.name, p.version, p.arch);
	if (r != 0 || (r = rpm_files_open(h, &f)) != 0)
		return r;
	while (r == 0 && rpm_files_next(&f, &one))
		r = add(out, &one);
	if (r == 0 && f.at < f.n)
		r = ERR_SYNTAX; /* a list with holes */
	rpm_files_done(&f);
	return r;
}

int
rpm_list(int fd, struct buf *out, char name[SUMS_NAME_MAX], struct why *why)
{
	struct rpm_header h;
	struct buf b;
	char data[65536];
	size_t end = 0;
	ssize_t n;
	int r = 0;

	/* lead and two headers; what does not fit is packed content */
	buf_init(&b, RPM_HEADER_MAX);
	while ((n = read(fd, data, sizeof(data))) > 0 ||
	    (n < 0 && errno == EINTR))
		if (n > 0 && buf_add(&b, data, (size_t)n) != 0)
			break;
	if (n < 0 || b.len < LEAD ||
	    memcmp(b.data, lead_magic, sizeof(lead_magic)) != 0)
		r = ERR_SYNTAX;
	if (r == 0)
		r = header_at(&b, LEAD, &h, &end); /* signatures */
	if (r == 0)
		r = header_at(&b, (end + 7) / 8 * 8, &h, &end);
	if (r == 0)
		r = make(&h, out, name);
	buf_done(&b);
	return r == 0 ? 0 : why_set(why, r, "not in the form of an RPM "
	    "package, or without SHA-256");
}
