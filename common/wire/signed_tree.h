/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Signed manifests of trees: what the order key says of one (TreeHead of
 * agent.proto), how it is signed, when a host may believe it.  Pure.
 */
#ifndef CORDON_WIRE_SIGNED_TREE_H
#define CORDON_WIRE_SIGNED_TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/buf.h"
#include "common/base/digest.h"
#include "common/base/err.h"
#include "common/base/id.h"
#include "common/base/sign.h"
#include "common/wire/agent.pb-c.h"

#define TREE_PATH_MAX 1024     /* bytes of a tree's path */
#define TREE_HEAD_MAX 2048     /* packed */
#define TREES_MAX 64	       /* that hold for one host */
#define TREE_PART (64 * 1024)  /* bytes of each piece but the last */
#define TREE_PARTS_MAX 1024    /* of one manifest: 64 MiB */

/* What is signed of any manifest: id, NUL, digest.  OUT has room for
 * ID_MAX + DIGEST_LEN; returns its length. */
size_t manifest_signed_bytes(const char *id,
    const uint8_t digest[DIGEST_LEN], uint8_t *out);

/* Absolute, no "." or "..", no double or last slash, not "/" itself. */
bool tree_path_good(const char *path);

/* Pack HEAD into OUT (TREE_HEAD_MAX); its digest is what gets signed. */
int tree_head_pack(const Cordon__TreeHead *head, struct buf *out,
    uint8_t digest[DIGEST_LEN]);

/* Who takes a head. */
struct tree_reader {
	const uint8_t *key; /* SIGN_KEY_LEN bytes, the order key */
	const char *host_id, *group;
};
/*
 * Signature, form, and that it is meant for this host.  0 and *HEAD (the
 * caller's, cordon__tree_head__free_unpacked), or ERR_CRYPTO, ERR_PROTO,
 * ERR_PERM with WHY.
 */
int tree_head_open(const struct tree_reader *r, const Cordon__SignedTree *s,
    Cordon__TreeHead **head, struct why *why);

#endif
