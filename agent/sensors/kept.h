/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Signed manifests of trees that the collector keeps, as they are kept
 * here: "signed-HASH" (SignedTree; HASH of the tree's path) and "kept-ID",
 * the manifest itself, in the state folder.  The newest version of a tree
 * that was ever whole here stays until a newer one is whole: an older one
 * is never taken again, whoever sends it.
 *
 * Taking and fetching: one thread.  Finding: any thread, and the command.
 */
#ifndef CORDON_SENSORS_KEPT_H
#define CORDON_SENSORS_KEPT_H

#include <stdbool.h>

#include "agent/sensors/manifest.h"
#include "agent/sensors/outbox.h"
#include "agent/sensors/path.h"
#include "common/base/err.h"
#include "common/wire/signed_tree.h"

#define KEPT_SILENT_MS 30000 /* a piece is asked for again after it */

/* -- finding ---------------------------- */

struct kept_place {
	const char *state_dir;
	struct tree_reader reader;
};

/*
 * The signed manifest of TREE: *HEAD (the caller's).  ERR_NOENT: there is
 * none, or it was retired; ERR_CRYPTO, ERR_PROTO, ERR_PERM: what lies there
 * is not to be believed.
 */
int kept_find(const struct kept_place *p, const char *tree,
    Cordon__TreeHead **head, struct why *why);
/* Open the manifest that HEAD speaks of, digest and all checked. */
int kept_open(const struct kept_place *p, const Cordon__TreeHead *head,
    struct manifest **m, struct why *why);
/*
 * Each good head that is not retired, in no order.  FN's error ends it;
 * what cannot be believed is handed over as NULL with its reason.
 */
typedef int kept_fn(void *arg, const Cordon__TreeHead *head,
    const struct why *why);
int kept_each(const struct kept_place *p, kept_fn *fn, void *arg);

/* -- taking ---------------------------- */

struct kept; /* opaque */

/* P and OUT are lent for as long as it lives. */
struct kept *kept_new(const struct kept_place *p, struct outbox *out);
void kept_free(struct kept **k);
/* What the collector says holds; GENERATION of the link (outbox.h). */
void kept_list(struct kept *k, uint32_t generation,
    const Cordon__TreeList *list);
/* A piece of what is being fetched; anything else is dropped. */
void kept_part(struct kept *k, uint32_t generation,
    const Cordon__ManifestChunk *c);
/* Now and then: ask again when nothing comes. */
void kept_tick(struct kept *k, uint32_t generation);
/* Is something missing? */
bool kept_waiting(const struct kept *k);

#endif
