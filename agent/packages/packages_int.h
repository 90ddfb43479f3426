/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Private to packages.c and packages_rpm.c: the table while it is read. */
#ifndef CORDON_PACKAGES_PACKAGES_INT_H
#define CORDON_PACKAGES_PACKAGES_INT_H

#include <sys/stat.h>
#include <time.h>

#include "agent/packages/dpkg.h"
#include "agent/packages/packages.h"
#include "common/base/buf.h"

#define STAMPS 9
#define PACKAGES_USERS_MAX (1024 * 1024) /* bytes of /etc/passwd */

/* 64 bytes; a host that watches only the usual trees has some thousand. */
struct row {
	uint64_t key; /* of the path */
	uint32_t package;
	uint8_t say, type, conffile;
	uint16_t mode;
	uint32_t uid, gid;
	uint8_t sum[DIGEST_LEN];
};

struct diversion {
	uint64_t from, to;
	char *package; /* name alone */
};

struct override {
	uint64_t key;
	uint32_t mode;
};

/* What a file or folder was when it was read. */
struct stamp {
	char path[512];
	struct timespec mtime;
	ino_t ino;
	off_t size;
};

struct packages {
	struct row *row;
	size_t n, max;
	char **name; /* "bash 5.2.15-2+b2 amd64" */
	size_t names, names_max;
	struct diversion *div;
	size_t divs;
	struct override *over;
	size_t overs;
	struct stamp stamp[STAMPS];
	size_t stamps;
};

struct reading {
	const struct packages_from *from;
	struct packages *p;
	struct buf text; /* of one list after another */
	struct buf users, groups; /* /etc/passwd, /etc/group once needed */
	bool merged[6];	 /* /bin, /sbin ...: links into /usr */
	bool lists;	 /* our folder may be believed */
	uint32_t package; /* the one whose lists are read */
	int failed;
};

/* A row for what a package calls PATH; NULL: not wanted, or failed. */
struct row *packages_row(struct reading *rd, struct slice path);
/* The package that the next rows are of; false: failed. */
bool packages_add(struct reading *rd, struct slice name,
    struct slice version, struct slice arch);
/* The lists made from it, if there are some: ours, the collector's. */
void packages_ours(struct reading *rd, struct slice pkg,
    struct slice version, struct slice arch);
/* The database of RPM in rd->from->rpm, as rpmdb_each. */
int packages_read_rpm(struct reading *rd, struct why *why);

#endif
