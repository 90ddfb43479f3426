/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What dpkg keeps of the packages of a host, as text: dpkg(1), deb-md5sums(5)
 * and lib/dpkg of its source.  Pure: each reader takes the next good row off
 * the front of a lent text and passes over what it cannot read.
 */
#ifndef CORDON_PACKAGES_DPKG_H
#define CORDON_PACKAGES_DPKG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/packages/slice.h"


/* A paragraph of /var/lib/dpkg/status. */
struct dpkg_package {
	struct slice name, version, arch;
	bool same;    /* Multi-Arch: its lists are called NAME:ARCH */
	bool on_disk; /* its files are unpacked */
	struct slice conffiles; /* for dpkg_conffile_next */
};
bool dpkg_package_next(struct slice *text, struct dpkg_package *p);

/* One file with its digest; PATH begins with '/' or not, as it stands. */
struct dpkg_sum {
	struct slice path;
	uint8_t md5[DPKG_MD5_LEN];
};
/* " /etc/x 0123... [obsolete]"; those to be removed are passed over. */
bool dpkg_conffile_next(struct slice *lines, struct dpkg_sum *s);
/* "0123...  usr/bin/x" of NAME.md5sums */
bool dpkg_sum_next(struct slice *text, struct dpkg_sum *s);
/* "/usr/bin/x" of NAME.list */
bool dpkg_path_next(struct slice *text, struct slice *path);

/* Three lines of /var/lib/dpkg/diversions; package ":" is the administrator. */
struct dpkg_diversion {
	struct slice from, to, package;
};
bool dpkg_diversion_next(struct slice *text, struct dpkg_diversion *d);

/* "user group mode path" of /var/lib/dpkg/statoverride */
struct dpkg_override {
	struct slice user, group, path;
	uint32_t mode;
};
bool dpkg_override_next(struct slice *text, struct dpkg_override *o);

#endif
