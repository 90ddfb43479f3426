/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Content that an agent sends in pieces (snapshots, manifests): kept as it
 * comes, digested when whole.  Private to server/cases.
 */
#ifndef CORDON_SERVER_CASES_PARTS_H
#define CORDON_SERVER_CASES_PARTS_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/digest.h"
#include "server/store/db.h"

#define PART_MAX (64 * 1024) /* bytes in one piece */

/*
 * Keep piece SEQ of BLOB_ID; a piece that is there already is kept as it
 * was.  ERR_LIMIT at PARTS_MAX pieces or a piece past PART_MAX.
 */
int parts_add(struct db *db, const char *blob_id, uint32_t seq,
    uint32_t parts_max, const void *data, size_t len);
/* SHA-256 of pieces 0..LAST; ERR_NOENT if one is missing. */
int parts_digest(struct db *db, const char *blob_id, uint32_t last,
    uint8_t out[DIGEST_LEN]);
int parts_remove(struct db *db, const char *blob_id);

#endif
