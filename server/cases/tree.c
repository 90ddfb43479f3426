/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Manifests of trees on their way in: asked for or offered, in pieces, and
 * from the missing piece on after a broken line or a restart.  Runs on the
 * writer thread.  All of it is an agent's word until a person signed it.
 */
#include "server/cases/tree.h"

#include <stdio.h>
#include <string.h>

#include "common/wire/frame.h"
#include "common/wire/pack.h"
#include "server/audit/audit.h"
#include "server/cases/find.h"
#include "server/cases/parts.h"
#include "server/cases/tree_int.h"
#include "server/store/hosts.h"

int
tree_suspect(const struct host *h, struct refused *refused)
{
	if (h->stage == STAGE_NORMAL && h->case_id[0] == '\0')
		return 0;
	return refused_set(refused, REFUSAL_STAGE,
	    "Use the manifest that was signed before the incident.",
	    "%s is %s%s%s: a known-good manifest is never taken from a host "
	    "under suspicion", h->name, word_name(WORDS_STAGE,
	    (int)h->stage), h->case_id[0] != '\0' ? ", in case " : "",
	    h->case_id);
}

int
tree_may(const struct actor *actor, struct refused *refused)
{
	if ((actor->roles & 1u << ROLE_BASELINE) != 0)
		return 0;
	return refused_set(refused, REFUSAL_ROLE,
	    "Ask someone with the role baseline.",
	    "%s may not sign manifests", actor->name);
}

/* Ask the agent for the pieces of one from FROM on. */
static int
send_ask(struct db *db, const char *host_id, const char *manifest_id,
    const char *tree, uint32_t from, bool make)
{
	Cordon__ManifestAsk ask = CORDON__MANIFEST_ASK__INIT;
	struct buf packed;
	int rc;

	ask.manifest_id = (char *)(uintptr_t)manifest_id;
	ask.tree = (char *)(uintptr_t)tree;
	ask.from = from;
	ask.make = make;
	buf_init(&packed, frame_max(FRAME_MANIFEST_ASK));
	rc = pack(&ask.base, &packed);
	if (rc == 0)
		rc = db_send(db, host_id, FRAME_MANIFEST_ASK, packed.data,
		    packed.len);
	buf_done(&packed);
	return rc;
}

/* The one that waits longest makes room. */
static int
make_room(struct db *db, const struct host *h)
{
	char id[ID_MAX];
	struct db_rows *r;
	int64_t n = 0;
	int rc;

	rc = db_one_int(db, &n, "SELECT count(*) FROM manifests "
	    "WHERE host_id = $1 AND state IN ('asked', 'waiting')", "s",
	    h->host_id);
	if (rc != 0 || n < TREE_WAITING_MAX)
		return rc;
	rc = db_row(db, &r, "SELECT manifest_id FROM manifests "
	    "WHERE host_id = $1 AND state IN ('asked', 'waiting') "
	    "ORDER BY asked_at LIMIT 1", "s", h->host_id);
	if (rc != 0)
		return rc;
	db_copy(r, 0, id, sizeof(id));
	db_end(&r);
	return manifest_fail(db, h, id, "newer ones came, nobody signed it");
}

static int
add_row(struct db *db, const struct host *h, const char *id,
    const char *tree, const char *sha256, const char *who)
{
	int rc = make_room(db, h);

	if (rc == 0)
		rc = db_run(db, NULL, "INSERT INTO manifests (manifest_id, "
		    "host_id, asked_by, asked_at, tree, state, sha256) "
		    "VALUES ($1, $2, $3, $4, $5, 'asked', $6)", "sssiss", id,
		    h->host_id, who, db_now(db), tree, sha256);
	if (rc == 0)
		rc = audit_add(db, &(struct audit_entry){.who = who,
		    .what = "manifest.ask", .host = h->name, .object = id},
		    "manifest of %s", tree);
	return rc;
}

int
tree_ask(struct db *db, const char *host_id, const char *tree,
    const struct actor *actor, char manifest_id[ID_MAX],
    struct refused *refused)
{
	char id[ID_MAX];
	struct host h;
	int rc;

	rc = find_host(db, host_id, &h, refused);
	if (rc == 0)
		rc = tree_may(actor, refused);
	if (rc == 0)
		rc = tree_suspect(&h, refused);
	if (rc != 0)
		return rc;
	if (!tree_path_good(tree))
		return refused_set(refused, REFUSAL_INPUT,
		    "Write the path of a folder: /srv/ledger",
		    "the tree is no absolute path of a folder");
	if (!h.online)
		return refused_set(refused, REFUSAL_STATE,
		    "Try again when the host is online.",
		    "%s is not connected", h.name);
	/* An older one would answer with the whole host's. */
	if (!hosts_answers(&h, TREE_ANSWERS))
		return refused_set(refused, REFUSAL_STATE,
		    "Install a newer cordon-agent there.",
		    "the agent of %s is too old for manifests of trees",
		    h.name);
	id_new(id, "M", 10);
	rc = add_row(db, &h, id, tree, "", actor->name);
	if (rc == 0)
		rc = send_ask(db, h.host_id, id, tree, 0, true);
	if (rc == 0)
		memcpy(manifest_id, id, ID_MAX);
	return rc;
}

int
tree_offer(struct db *db, const struct host *h, const char *manifest_id,
    const char *tree, const char *sha256)
{
	struct refused no;
	int64_t there = 0;
	int rc;

	if (!id_valid(manifest_id) || !tree_path_good(tree) ||
	    strlen(sha256) != DIGEST_HEX_MAX - 1 || tree_suspect(h, &no) != 0)
		return 0;
	rc = db_one_int(db, &there, "SELECT count(*) FROM manifests "
	    "WHERE manifest_id = $1", "s", manifest_id);
	if (rc != 0 || there > 0)
		return rc;
	rc = add_row(db, h, manifest_id, tree, sha256, "agent");
	return rc == 0 ? send_ask(db, h->host_id, manifest_id, tree, 0,
	    false) : rc;
}

/* The first piece that is not there. */
static int
missing_part(struct db *db, const char *manifest_id, int64_t *from)
{
	int64_t first = 0;
	int rc;

	*from = 0;
	rc = db_one_int(db, &first, "SELECT count(*) FROM blob_parts "
	    "WHERE blob_id = $1 AND seq = 0", "s", manifest_id);
	if (rc != 0 || first == 0)
		return rc;
	return db_one_int(db, from, "SELECT min(p.seq) + 1 FROM blob_parts p "
	    "WHERE p.blob_id = $1 AND NOT EXISTS (SELECT 1 FROM blob_parts q "
	    "WHERE q.blob_id = p.blob_id AND q.seq = p.seq + 1)", "s",
	    manifest_id);
}

int
tree_resume(struct db *db, const struct host *h, const char *manifest_id)
{
	char tree[TREE_PATH_MAX + 1], who[NAME_MAX_LEN];
	int64_t from, tries;
	struct db_rows *r;
	int rc;

	rc = db_row(db, &r, "SELECT tree, tries, asked_by FROM manifests "
	    "WHERE manifest_id = $1", "s", manifest_id);
	if (rc != 0)
		return rc;
	db_copy(r, 0, tree, sizeof(tree));
	tries = db_int(r, 1);
	db_copy(r, 2, who, sizeof(who));
	db_end(&r);
	if (tries >= TREE_TRIES_MAX)
		return ERR_LIMIT;
	rc = db_run(db, NULL, "UPDATE manifests SET tries = tries + 1 "
	    "WHERE manifest_id = $1", "s", manifest_id);
	if (rc == 0)
		rc = missing_part(db, manifest_id, &from);
	return rc == 0 ? send_ask(db, h->host_id, manifest_id, tree,
	    (uint32_t)from, strcmp(who, "agent") != 0) : rc;
}

int
tree_hello(struct db *db, const struct host *h)
{
	char id[2 * TREE_WAITING_MAX][ID_MAX];
	struct db_rows *r;
	size_t n = 0, i;
	int rc;

	r = db_query(db, "SELECT manifest_id FROM manifests "
	    "WHERE host_id = $1 AND state = 'asked' ORDER BY asked_at", "s",
	    h->host_id);
	if (r == NULL)
		return ERR_IO;
	while ((rc = db_next(r)) == 1 && n < sizeof(id) / sizeof(id[0]))
		db_copy(r, 0, id[n++], ID_MAX);
	db_end(&r);
	for (i = 0; rc >= 0 && i < n; i++) {
		rc = tree_resume(db, h, id[i]);
		if (rc == ERR_LIMIT)
			rc = manifest_fail(db, h, id[i],
			    "the line broke too often");
	}
	return rc < 0 ? rc : tree_tell(db, h);
}

/* In pieces that can be given back as they are. */
static int
good_pieces(struct db *db, const char *manifest_id, int64_t *size)
{
	int64_t odd = 0;
	int rc;

	rc = db_one_int(db, size, "SELECT coalesce(sum(length(data)), 0) "
	    "FROM blob_parts WHERE blob_id = $1", "s", manifest_id);
	if (rc == 0)
		rc = db_one_int(db, &odd, "SELECT count(*) FROM blob_parts "
		    "WHERE blob_id = $1 AND seq < $2 AND length(data) <> $3",
		    "sii", manifest_id, *size / TREE_PART,
		    (int64_t)TREE_PART);
	return rc != 0 ? rc : odd > 0 || *size == 0 ? ERR_CORRUPT : 0;
}

int
tree_received(struct db *db, const struct host *h, const char *manifest_id,
    const uint8_t sum[DIGEST_LEN])
{
	char hex[DIGEST_HEX_MAX];
	struct tree_text text;
	int64_t told = 0, size;
	int rc;

	hex_encode(hex, sum, DIGEST_LEN);
	rc = db_one_int(db, &told, "SELECT count(*) FROM manifests "
	    "WHERE manifest_id = $1 AND (sha256 = '' OR sha256 = $2)", "ss",
	    manifest_id, hex);
	if (rc != 0)
		return rc;
	if (told == 0)
		return manifest_fail(db, h, manifest_id, "it is not the one "
		    "whose digest the host's signals name");
	rc = good_pieces(db, manifest_id, &size);
	if (rc == 0) {
		rc = tree_text(db, manifest_id, "", &text);
		tree_text_done(&text);
	}
	if (rc == ERR_CORRUPT)
		return manifest_fail(db, h, manifest_id, "it is not in form");
	if (rc == 0)
		rc = db_run(db, NULL, "UPDATE manifests SET done_at = $1, "
		    "sha256 = $2, size = $3, state = 'waiting' "
		    "WHERE manifest_id = $4", "isis", db_now(db), hex, size,
		    manifest_id);
	if (rc == 0)
		rc = audit_add(db, &(struct audit_entry){.who = "agent",
		    .what = "manifest.received", .host = h->name,
		    .object = manifest_id}, "waits for a signature, SHA-256 "
		    "%s", hex);
	return rc;
}
