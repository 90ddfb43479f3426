/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * `packages`: lists of what is in a package, made from the package file, for
 * the sensors to explain changes with.  Runs in the tool as root; dpkg-deb
 * opens the package, and what it says is checked like any foreign data.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/packages/dpkg.h"
#include "agent/tool/program.h"
#include "agent/tool/tool.h"
#include "common/base/file.h"
#include "common/base/log.h"
#include "common/packages/sums.h"
#include "common/packages/tarlist.h"

#define FIELDS_MAX 4096

/* Where dpkg-deb is, as a folder of programs. */
static const struct tool host = {.libexec = "/usr/bin"};

struct package {
	const char *file;
	struct buf fields; /* what dpkg-deb -f said */
	struct dpkg_package is;
	struct buf list;
};

static int
read_fields(struct package *p, struct why *why)
{
	const char *argv[] = {"dpkg-deb", "-f", p->file, "Package", "Version",
	    "Architecture", NULL};
	struct slice text;
	int status, err;

	err = program_run(&host, "dpkg-deb", argv, NULL, STDOUT_FILENO,
	    &p->fields, &status, why);
	if (err != 0)
		return err;
	text = (struct slice){(const char *)p->fields.data, p->fields.len};
	if (!dpkg_package_next(&text, &p->is) || p->is.version.len == 0 ||
	    p->is.arch.len == 0)
		return why_set(why, ERR_SYNTAX, "%s: no package", p->file);
	return 0;
}

static ssize_t
read_pipe(void *arg, void *buf, size_t len)
{
	ssize_t n;

	do {
		n = read(*(int *)arg, buf, len);
	} while (n < 0 && errno == EINTR);
	return n;
}

static int
read_content(struct package *p, struct why *why)
{
	const char *argv[] = {"dpkg-deb", "--fsys-tarfile", p->file, NULL};
	struct tar t;
	pid_t pid;
	int fd, err, ended;

	err = program_open(&host, "dpkg-deb", argv, &pid, &fd, why);
	if (err != 0)
		return err;
	tar_init(&t, read_pipe, &fd);
	err = tarlist_make(&t, &p->list);
	if (err != 0)
		why_set(why, err, "%s: %s", p->file, err_str(err));
	ended = program_close("dpkg-deb", pid, fd, err == 0, why);
	return err == 0 ? ended : err;
}

static int
make_list(const char *folder, const char *file, struct why *why)
{
	struct package p = {.file = file};
	char name[SUMS_NAME_MAX], path[PATH_MAX];
	int err;

	buf_init(&p.fields, FIELDS_MAX);
	buf_init(&p.list, SUMS_FILE_MAX);
	err = read_fields(&p, why);
	if (err == 0 && (sums_name(name, p.is.name, p.is.version, p.is.arch)
	    != 0 || sums_begin(&p.list, p.is.name, p.is.version,
	    p.is.arch) != 0 || file_join(path, sizeof(path), folder,
	    name) != 0))
		err = why_set(why, ERR_RANGE, "%s: no name of a package",
		    file);
	if (err == 0)
		err = read_content(&p, why);
	if (err == 0)
		err = file_write(path, p.list.data, p.list.len, 0644, why);
	if (err == 0)
		log_info("%s", path);
	buf_done(&p.fields);
	buf_done(&p.list);
	return err;
}

/* Names of package files from standard input, one a line, as apt gives. */
static int
from_input(const char *folder, struct why *why)
{
	char line[PATH_MAX];
	int err = 0;

	while (err == 0 && fgets(line, sizeof(line), stdin) != NULL) {
		line[strcspn(line, "\n")] = '\0';
		if (line[0] == '/')
			err = make_list(folder, line, why);
	}
	return err;
}

int
tool_packages(struct tool *t)
{
	char folder[PATH_MAX];
	struct why why = {0};
	int i, rc, err;

	rc = program_setting(t, "package_lists", folder, sizeof(folder));
	if (rc != TOOL_DONE)
		return rc;
	if (folder[0] != '/') {
		log_error("package_lists is off in %s", t->conf);
		return TOOL_CONFIG;
	}
	umask(022);
	err = file_mkdir(folder, 0755, &why);
	for (i = 0; err == 0 && i < t->nfiles; i++)
		err = strcmp(t->files[i], "-") == 0 ?
		    from_input(folder, &why) :
		    make_list(folder, t->files[i], &why);
	if (err == 0)
		return TOOL_DONE;
	log_error("%s", why.text);
	return TOOL_FAILED;
}
