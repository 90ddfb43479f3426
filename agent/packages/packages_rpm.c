/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * RPM's database into the table.  Runs in the sensors process; its bytes
 * are root's, so an intruder's.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/packages/packages_int.h"
#include "common/packages/rpm.h"
#include "agent/packages/rpmdb.h"
#include "common/base/file.h"
#include "common/base/log.h"
#include "common/base/text.h"

/* Number of NAME in TEXT, "name:x:NUMBER:" a line: passwd(5), group(5). */
static uint32_t
number_of(struct slice text, struct slice name)
{
	struct slice line;
	const char *at;
	char digits[12];
	int64_t n;

	while (slice_line(&text, &line)) {
		if (line.len <= name.len || line.at[name.len] != ':' ||
		    memcmp(line.at, name.at, name.len) != 0)
			continue;
		at = memchr(line.at + name.len + 1, ':', line.len -
		    name.len - 1);
		if (at == NULL)
			continue;
		line.len -= (size_t)(++at - line.at);
		line.at = at;
		at = memchr(line.at, ':', line.len);
		if (at != NULL && slice_copy((struct slice){line.at,
		    (size_t)(at - line.at)}, digits, sizeof(digits)) &&
		    text_number(digits, 0, UINT32_MAX - 1, &n) == 0)
			return (uint32_t)n;
	}
	return PACKAGES_NOBODY;
}

/* rpm knows names; those of this host count.  Mostly it is root. */
static uint32_t
owner_of(const char *path, struct buf *b, struct slice name)
{
	if (slice_is(name, "root"))
		return 0;
	if (b->len == 0 && file_read(path, b, NULL) != 0)
		return PACKAGES_NOBODY;
	return number_of((struct slice){(const char *)b->data, b->len},
	    name);
}

static void
add_rpm_file(struct reading *rd, const struct rpm_file *f)
{
	char path[DPKG_PATH_MAX];
	struct row *row;
	int n;

	if (!f->there || (f->flags & RPM_FILE_GHOST) != 0)
		return;
	n = snprintf(path, sizeof(path), "%.*s%.*s", (int)f->dir.len,
	    f->dir.at, (int)f->base.len, f->base.at);
	if (n < 2 || (size_t)n >= sizeof(path))
		return;
	if (path[n - 1] == '/')
		n--;
	row = packages_row(rd, (struct slice){path, (size_t)n});
	if (row == NULL)
		return;
	row->conffile = (f->flags & RPM_FILE_CONFIG) != 0;
	row->say = PACKAGES_RPM;
	row->type = S_ISDIR(f->mode) ? 'd' : S_ISLNK(f->mode) ? 'l' : 'f';
	row->mode = (uint16_t)(f->mode & 07777);
	row->uid = owner_of("/etc/passwd", &rd->users, f->user);
	row->gid = owner_of("/etc/group", &rd->groups, f->group);
	if (row->type == 'l')
		digest_of(f->target.at, f->target.len, row->sum);
	else if (row->type == 'f' && f->digest_len == DIGEST_LEN)
		memcpy(row->sum, f->digest, DIGEST_LEN);
	else if (row->type == 'f' && f->digest_len == DPKG_MD5_LEN)
		*row = (struct row){.key = row->key, .package = row->package,
		    .say = row->conffile ? PACKAGES_CONFFILE : PACKAGES_MD5,
		    .conffile = row->conffile};
	else if (row->type == 'f')
		row->say = PACKAGES_LISTED;
	if (row->say == PACKAGES_MD5 || row->say == PACKAGES_CONFFILE)
		memcpy(row->sum, f->digest, DPKG_MD5_LEN);
}

/* One that cannot be read is passed over. */
static int
read_rpm(void *arg, const void *data, size_t len)
{
	struct reading *rd = arg;
	struct rpm_header h;
	struct rpm_package is;
	struct rpm_files files;
	struct rpm_file f;
	size_t used;

	if (rpm_header_open(data, len, &h, &used) != 0 ||
	    rpm_package(&h, &is) != 0 || rpm_files_open(&h, &files) != 0)
		return 0;
	if (files.n > 0 && packages_add(rd, is.name, is.version, is.arch)) {
		while (rpm_files_next(&files, &f))
			add_rpm_file(rd, &f);
		packages_ours(rd, is.name, is.version, is.arch);
	}
	rpm_files_done(&files);
	return rd->failed;
}

/* A database that cannot be read is not there: the rest still counts. */
int
packages_read_rpm(struct reading *rd, struct why *why)
{
	size_t rows = rd->p->n, names = rd->p->names;
	int r = rpmdb_each(rd->from->rpm, read_rpm, rd, why);

	if (r == 0 || rd->failed != 0)
		return r;
	if (r != ERR_NOENT)
		log_debug("%s", why->text);
	rd->p->n = rows;
	while (rd->p->names > names)
		free(rd->p->name[--rd->p->names]);
	return r;
}
