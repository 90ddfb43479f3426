/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What is remembered of one file, and how it is read from a host that may
 * change it meanwhile.  Plain data; also the record of the baseline file.
 */
#ifndef CORDON_SENSORS_ENTRY_H
#define CORDON_SENSORS_ENTRY_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/base/digest.h"
#include "common/base/err.h"

/* A larger file is read at its two ends only, ENTRY_EDGE bytes each. */
#define ENTRY_WHOLE_MAX (8ULL * 1024 * 1024 * 1024)
#define ENTRY_EDGE (64ULL * 1024 * 1024)

enum entry_flag {
	ENTRY_IMMUTABLE = 1, /* chattr +i */
	ENTRY_APPEND = 2,    /* chattr +a */
	ENTRY_PARTIAL = 4,   /* digest of both ends only */
	ENTRY_UNSTABLE = 8,  /* kept changing while it was read */
	ENTRY_UNREAD = 16,   /* content could not be read; digest is zero */
	ENTRY_CAPABLE = 32,  /* has file capabilities; also in xattr */
	ENTRY_LINKED = 64,   /* a regular file with more than one name */
};

struct entry {
	uint8_t sha256[DIGEST_LEN]; /* content or link target; else zero */
	uint64_t size;	    /* regular files, links; devices: rdev; else 0 */
	int64_t mtime_ns;
	int64_t ctime_ns; /* 0: too fresh to be trusted, read again */
	uint64_t ino;
	uint64_t xattr; /* of security.* and ACLs: digest cut; 0: none */
	uint32_t uid, gid;
	uint16_t mode; /* st_mode */
	uint16_t flags;
	uint32_t name_off; /* of the baseline file; else unused */
};
_Static_assert(sizeof(struct entry) == 88, "written to disk as it is");

struct budget;
struct inspect; /* buffers and digest context of one thread; opaque */

struct inspect *inspect_new(struct budget *budget, const atomic_bool *stop);
void inspect_free(struct inspect **in);

/*
 * Look at NAME in DIRFD (not following a link; only regular files are ever
 * opened for reading, never waiting).  KNOWN, if not NULL, is what is
 * remembered: when size, times, inode and owner are equal, *OUT becomes
 * KNOWN without reading the content.  ERR_NOENT: it is gone; ERR_CLOSED:
 * told to stop; ERR_IO.  A file whose content cannot be read gives 0 and
 * ENTRY_UNREAD.
 */
int inspect_at(struct inspect *in, int dirfd, const char *name,
    const struct entry *known, struct entry *out);
/*
 * The same without KNOWN for a name that the folder says is a regular file:
 * opened at once.  Answers as inspect_at when it is something else.
 */
int inspect_regular(struct inspect *in, int dirfd, const char *name,
    struct entry *out);
/* And for a whole path. */
int inspect_path(struct inspect *in, const char *path,
    const struct entry *known, struct entry *out);
/* Bytes read so far. */
uint64_t inspect_bytes(const struct inspect *in);

/*
 * Same content; same mode, owner, flags and attributes, B after A.
 */
bool entry_same_content(const struct entry *a, const struct entry *b);
bool entry_same_meta(const struct entry *a, const struct entry *b);

#endif
