/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Making and keeping lists.  Runs in `cordon-collector lists import`, a
 * process of its own with the collector's rights: what it takes apart is a
 * package that somebody gave us, which is neither run nor unpacked to disk.
 */
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/digest.h"
#include "common/base/file.h"
#include "common/base/log.h"
#include "common/wire/package_list.h"
#include "server/lists/deb.h"
#include "server/lists/lists.h"

#define DEPTH_MAX 8

static int
keep(struct lists_import *im, const char *name, const struct buf *list,
    struct why *why)
{
	uint8_t digest[DIGEST_LEN], sig[64];
	char path[PATH_MAX], sig_path[PATH_MAX];
	int rc;

	if (file_join(path, sizeof(path), im->folder, name) != 0 ||
	    snprintf(sig_path, sizeof(sig_path), "%s" PACKAGE_LIST_SIG,
	    path) >= PATH_MAX)
		return why_set(why, ERR_LIMIT, "%s: path too long", name);
	digest_of(list->data, list->len, digest);
	rc = im->sign(im->arg, PACKAGE_LIST_ID, digest, sig, why);
	/* the old signature must not stand beside a new list */
	if (rc == 0 && file_exists(sig_path))
		rc = file_remove(sig_path, why);
	if (rc == 0)
		rc = file_write(path, list->data, list->len, 0600, why);
	if (rc == 0)
		rc = file_write(sig_path, sig, sizeof(sig), 0600, why);
	return rc;
}

static bool
ends(const char *name, const char *ending)
{
	size_t n = strlen(name), e = strlen(ending);

	return n > e && strcmp(name + n - e, ending) == 0;
}

static int
one_package(struct lists_import *im, const char *file, struct why *why)
{
	char name[SUMS_NAME_MAX];
	struct buf list;
	struct why bad;
	int fd, rc;

	fd = open(file, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return why_sys(why, ERR_IO, "%s", file);
	buf_init(&list, SUMS_FILE_MAX);
	rc = ends(file, ".rpm") ? rpm_list(fd, &list, name, &bad) :
	    deb_list(fd, &list, name, &bad);
	close(fd);
	if (rc != 0) {
		log_warn("%s: %s", file, bad.text);
		im->bad++;
		rc = 0;
	} else {
		rc = keep(im, name, &list, why);
		im->made += rc == 0;
		if (rc == 0)
			log_info("%s", name);
	}
	buf_done(&list);
	return rc;
}

static int
import_at(struct lists_import *im, const char *file, int depth,
    struct why *why)
{
	const struct dirent *de;
	char path[PATH_MAX];
	struct stat st;
	DIR *d;
	int rc = 0;

	if ((depth == 0 ? stat : lstat)(file, &st) != 0)
		return why_sys(why, ERR_NOENT, "%s", file);
	if (S_ISREG(st.st_mode))
		return one_package(im, file, why);
	if (!S_ISDIR(st.st_mode) || depth > DEPTH_MAX)
		return 0;
	d = opendir(file);
	if (d == NULL)
		return why_sys(why, ERR_IO, "%s", file);
	while (rc == 0 && (de = readdir(d)) != NULL) {
		if (de->d_name[0] == '.' || file_join(path, sizeof(path),
		    file, de->d_name) != 0)
			continue;
		if (im->made + im->bad >= LISTS_IMPORT_MAX)
			rc = why_set(why, ERR_LIMIT, "more than %d packages",
			    LISTS_IMPORT_MAX);
		else if (ends(path, ".deb") || ends(path, ".rpm") ||
		    (lstat(path, &st) == 0 && S_ISDIR(st.st_mode)))
			rc = import_at(im, path, depth + 1, why);
	}
	closedir(d);
	return rc;
}

int
lists_import(struct lists_import *im, const char *file, struct why *why)
{
	int rc = file_exists(im->folder) ? 0 :
	    file_mkdir(im->folder, 0700, why);

	return rc == 0 ? import_at(im, file, 0, why) : rc;
}
