/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The known-good manifest: every file of the watched trees, the accounts
 * and the persistence places, at a time when they were good.  A text file
 * that stays in the state folder; the collector keeps its digest and has it
 * signed.
 *
 *	cordon-manifest 1
 *	id M-...	host H-...	made RFC3339	(a line each)
 *	== files N
 *	MODE UID GID SIZE SHA256|- XATTR|- PATH		(sorted)
 *	== accounts N  /  == persistence N
 *	CLASS KEY VALUE					(sorted)
 *	== end
 *
 * Bytes up to space, 0x7f and '\' in paths, keys, values are "\xNN".
 */
#ifndef CORDON_SENSORS_MANIFEST_H
#define CORDON_SENSORS_MANIFEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/sensors/path.h"
#include "agent/sensors/picture.h"
#include "agent/sensors/scan.h"
#include "common/base/digest.h"
#include "common/base/err.h"

#define MANIFEST_MAX (1024UL * 1024 * 1024)
#define MANIFEST_PREFIX "manifest-"
#define MANIFEST_KEEP 8 /* files in the state folder; oldest go first */

/* "STATE/manifest-ID" into OUT[PATH_LEN]; ERR_RANGE for a bad id. */
int manifest_path(char *out, const char *state_dir, const char *id);

struct manifest_source {
	const char *id, *host_id;
	int64_t made_ms;
	const struct scan_result *files;
	const struct picture *accounts, *places; /* sorted */
};
/* Write the file, fsync, rename; *DIGEST of all its bytes. */
int manifest_write(const char *path, const struct manifest_source *src,
    uint8_t digest[DIGEST_LEN], struct why *why);
/* Remove all but the newest KEEP whose names in STATE_DIR begin so. */
void manifest_trim(const char *state_dir, const char *prefix,
    unsigned int keep);

struct manifest; /* opaque, mapped */

/*
 * ERR_NOENT, ERR_CORRUPT (form, order, counts), ERR_CRYPTO (digest is not
 * WANT; NULL: any).
 */
int manifest_open(const char *path, const uint8_t *want, struct manifest **m,
    struct why *why);
int manifest_from(const void *data, size_t len, struct manifest **m,
    struct why *why);
void manifest_free(struct manifest **m);
const char *manifest_id(const struct manifest *m);
void manifest_digest(const struct manifest *m, uint8_t digest[DIGEST_LEN]);

/* One file of it. */
struct manifest_file {
	char path[PATH_LEN];
	bool has_digest;
	uint8_t sha256[DIGEST_LEN];
	uint64_t size, xattr;
	uint32_t mode, uid, gid;
};
/* From *AT (start with 0) on: 0, ERR_NOENT at the end. */
int manifest_next(const struct manifest *m, size_t *at,
    struct manifest_file *f);
int manifest_accounts(const struct manifest *m, struct picture *p);
int manifest_places(const struct manifest *m, struct picture *p);

/* Every difference of NOW (sorted) to the manifest: file.changed, ... */
int manifest_compare(const struct manifest *m, const struct rec *now,
    size_t n, struct findings *f);

#endif
