/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the installed packages say of the files of this host: dpkg's own
 * lists (MD5, on this host), rpm's database (SHA-256, mode, owner, on this
 * host too) and, where there are some, lists made from the packages
 * themselves (SHA-256, mode, owner).  Read whole, for the paths
 * that are wanted only; looked up by path.
 */
#ifndef CORDON_PACKAGES_PACKAGES_H
#define CORDON_PACKAGES_PACKAGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/digest.h"
#include "common/base/err.h"

#define PACKAGES_MAX 65536
#define PACKAGES_NOBODY UINT32_MAX /* a user this host does not know */
#define PACKAGES_PATHS_MAX (2u * 1024 * 1024)
#define PACKAGES_DIVERSIONS_MAX 4096
#define PACKAGES_FILES_MAX 8 /* that claim one path */
#define PACKAGES_SIG_LEN 64  /* before the text of a served list's file */

struct packages; /* opaque; never changed once read: any thread */

struct packages_from {
	const char *dpkg;  /* "/var/lib/dpkg" */
	const char *lists; /* folder of our lists; "" or not there: none */
	const char *rpm;   /* "/var/lib/rpm"; NULL, "" or not there: none */
	const char *served; /* folder of the collector's lists; NULL: none */
	/* Is the signature good?  NULL: none is. */
	bool (*good)(void *arg, const void *list, size_t len,
	    const uint8_t sig[64]);
	/* NULL: all.  PATH as on the disk, with /usr in front of /bin. */
	bool (*wanted)(void *arg, const char *path);
	void *arg;
};

/*
 * ERR_NOENT: neither dpkg nor rpm here; ERR_LIMIT, ERR_NOMEM, ERR_IO.  A
 * list of a package that cannot be read is passed over.  Our lists count
 * only when their folder and the list belong to root and nobody else can
 * write them.
 */
int packages_read(const struct packages_from *from, struct packages **out,
    struct why *why);
void packages_free(struct packages **p);
/*
 * The name that a list of each installed package has (sums_name); FN's
 * error ends it.  ERR_NOENT as packages_read.
 */
int packages_each(const struct packages_from *from,
    int (*fn)(void *arg, const char *list), void *arg, struct why *why);
/* Has any of it changed since it was read? */
bool packages_stale(const struct packages *p);
size_t packages_count(const struct packages *p);

enum packages_say {
	PACKAGES_LISTED, /* the path alone: folder, link, file without sum */
	PACKAGES_MD5,
	PACKAGES_CONFFILE, /* MD5 as shipped; the administrator's to change */
	PACKAGES_RPM,	   /* SHA-256, mode, owner, of the host's database */
	PACKAGES_SHA256,   /* of a list made from the package, kept here */
	PACKAGES_SIGNED,   /* the same, signed by the collector */
};
/* Digest of 32 bytes, mode and owner known? */
#define PACKAGES_WHOLE(say) ((say) >= PACKAGES_RPM)

/* One package's word on a path. */
struct packages_file {
	enum packages_say say;
	char type;	     /* 'f', 'l', 'd' of a whole word; else 0 */
	bool conffile;	     /* also of a whole word */
	const char *package; /* "bash 5.2.15-2+b2 amd64"; lent */
	const uint8_t *sum;  /* 16 or 32 bytes; NULL: none; lent */
	uint32_t mode, uid, gid; /* of a whole word; mode of a statoverride */
};

/*
 * Who says what of PATH, diversions followed.  Returns how many (at most
 * PACKAGES_FILES_MAX); the best word of each package only.
 */
size_t packages_find(const struct packages *p, const char *path,
    struct packages_file out[PACKAGES_FILES_MAX]);
/* The mode that the administrator gave PATH with dpkg-statoverride. */
bool packages_override(const struct packages *p, const char *path,
    uint32_t *mode);
/*
 * Is this the content of some file that a package has?  SHA-256 or MD5
 * (NULL: not asked); the package, lent, or NULL.
 */
const char *packages_content(const struct packages *p,
    const uint8_t *sha256, const uint8_t *md5);

#endif
